# SPDX-License-Identifier: Apache-2.0
"""The figures equal evo's on the same association, and independent optimisers and definitions."""

import dataclasses
import json

import numpy as np
import pytest
from evo.core import metrics as evo_metrics
from evo.core import sync
from evo.core.sync_method import SyncMethod
from evo.core.trajectory import PoseTrajectory3D
from evo.core.units import Unit
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from vio.errors import VioError
from vio.eval.align import align
from vio.eval.associate import associate
from vio.eval.metrics import Metrics, coverage, evaluate, relative_error
from vio.trajectory import Trajectory, interpolate

# evo keeps seconds as doubles: at the times of EuRoC they step by 240 ns, in which a camera turns
# 1e-5 degrees. Near 1000 s they step by 0.1 ps, so that the comparison is about the figures.
T0 = 1_000_000_000_000
TOLERANCE = 1e-6


def flight(seed: int = 1) -> tuple[Trajectory, Trajectory]:
    """Return an estimate at 20 Hz in a world of its own, and 200 Hz ground truth of 20 s."""
    rng = np.random.default_rng(seed)
    t_ns = T0 + np.arange(4000) * 5_000_000
    s = (t_ns - T0) / 1e9
    p = np.stack([3 * np.sin(0.5 * s), 2 * np.cos(0.7 * s), 1 + 0.5 * np.sin(0.3 * s)], axis=1)
    p[s > 17.0] = p[np.searchsorted(s, 17.0)]  # a stand-still at the end
    r = Rotation.from_rotvec(np.stack([0.3 * np.sin(s), 0.2 * np.cos(0.8 * s), 0.4 * s], axis=1))
    truth = Trajectory(t_ns, p, r.as_quat(scalar_first=True))
    # Camera stamps lie between ground-truth stamps, as in every real recording.
    at = truth.t_ns[100:-100:10] + 1_700_000
    exact = interpolate(truth, at)
    drift = np.cumsum(rng.normal(0, 0.004, (len(at), 3)), axis=0)
    turn = Rotation.from_rotvec(np.cumsum(rng.normal(0, 0.002, (len(at), 3)), axis=0))
    world = Rotation.from_rotvec([0.05, -0.02, 2.2])
    attitude = world * turn * Rotation.from_quat(exact.q_world_body, scalar_first=True)
    p = 1.03 * world.apply(exact.p_world_body + drift) + [5.0, -2.0, 1.0]
    return Trajectory(at, p, attitude.as_quat(scalar_first=True)), truth


def to_evo(trajectory: Trajectory) -> PoseTrajectory3D:
    return PoseTrajectory3D(
        trajectory.p_world_body.copy(), trajectory.q_world_body.copy(), trajectory.t_ns / 1e9
    )


def evo_pair(nearest: bool) -> tuple[PoseTrajectory3D, PoseTrajectory3D]:
    """Return (truth, estimate), associated by evo."""
    estimate, truth = flight()
    method = SyncMethod.nearest_time if nearest else SyncMethod.interpolation
    return sync.associate_trajectories(
        to_evo(truth), to_evo(estimate), sync_method=method, max_diff=0.01
    )


def evo_value(metric: evo_metrics.PE, pair: tuple, statistic: str) -> float:
    metric.process_data(pair)
    return float(metric.get_all_statistics()[statistic])


def ours(nearest: bool) -> Metrics:
    estimate, truth = flight()
    deltas = ((1, "frames"), (7, "frames"), (1.0, "m"), (5.0, "m"), (1.0, "s"))
    return evaluate(estimate, truth, nearest=nearest, relative=deltas)


@pytest.mark.parametrize("nearest", [True, False])
@pytest.mark.parametrize("kind", ["se3", "sim3"])
def test_absolute_errors_equal_evos(nearest: bool, kind: str) -> None:
    reference, estimate = evo_pair(nearest)
    _, _, scale = estimate.align(reference, correct_scale=kind == "sim3")
    got = ours(nearest).absolute[kind]
    translation = evo_metrics.PoseRelation.translation_part
    rotation = evo_metrics.PoseRelation.rotation_angle_deg
    for name in ("rmse", "mean", "median", "max"):
        for relation, values in ((translation, got.translation_m), (rotation, got.rotation_deg)):
            theirs = evo_value(evo_metrics.APE(relation), (reference, estimate), name)
            assert getattr(values, name) == pytest.approx(theirs, abs=TOLERANCE)
    assert got.translation_m.rmse > 1e-3
    assert got.scale == pytest.approx(scale if kind == "sim3" else 1.0, abs=1e-9)


@pytest.mark.parametrize("nearest", [True, False])
def test_relative_errors_equal_evos(nearest: bool) -> None:
    pair = evo_pair(nearest)
    compared = 0
    for got in ours(nearest).relative:
        if got.unit == "s":
            continue  # evo has no such unit: 1 s is 20 frames here, see the next test
        unit = Unit.frames if got.unit == "frames" else Unit.meters
        for relation, values in (
            (evo_metrics.PoseRelation.translation_part, got.translation_m),
            (evo_metrics.PoseRelation.rotation_angle_deg, got.rotation_deg),
        ):
            metric = evo_metrics.RPE(
                relation, got.delta, unit, all_pairs=True, pairs_from_reference=True
            )
            for name in ("rmse", "mean", "median", "max"):
                theirs = evo_value(metric, pair, name)
                assert getattr(values, name) == pytest.approx(theirs, abs=TOLERANCE)
                compared += 1
            assert len(metric.error) == got.pairs
    assert compared == 32


def test_one_second_is_twenty_frames_at_20_hz() -> None:
    est, truth = associate(*flight())
    second, frames = (relative_error(est, truth, *d) for d in ((1.0, "s"), (20, "frames")))
    assert second is not None
    assert frames is not None
    assert second.translation_m == frames.translation_m
    assert second.rotation_deg == frames.rotation_deg


def test_the_comparison_with_evo_fails_when_one_pose_is_off() -> None:
    reference, estimate = evo_pair(nearest=True)
    estimate.align(reference)
    metric = evo_metrics.APE(evo_metrics.PoseRelation.translation_part)
    theirs = evo_value(metric, (reference, estimate), "rmse")
    est, truth = flight()
    p = est.p_world_body.copy()
    p[30, 1] += 0.05
    spoilt = evaluate(dataclasses.replace(est, p_world_body=p), truth, nearest=True)
    assert abs(spoilt.ate_se3_m - theirs) > 10 * TOLERANCE


def test_yaw_only_alignment_is_the_optimum_of_an_independent_search() -> None:
    est, truth = associate(*flight())

    def cost(x: np.ndarray) -> float:
        p = est.p_world_body @ Rotation.from_euler("z", x[0]).as_matrix().T + x[1:]
        return float(np.mean(np.sum((p - truth.p_world_body) ** 2, axis=1)))

    best = min(
        (
            minimize(cost, np.array([yaw, 0, 0, 0]), method="BFGS", options={"gtol": 1e-10})
            for yaw in (-2.0, 0.0, 2.0)
        ),
        key=lambda result: float(result.fun),
    )
    got = evaluate(*flight()).absolute["yaw"].translation_m.rmse
    assert got == pytest.approx(np.sqrt(best.fun), abs=TOLERANCE)
    R = align(est.p_world_body, truth.p_world_body, "yaw").R
    assert R[2].tolist() == [0.0, 0.0, 1.0]
    assert got > evaluate(*flight()).ate_se3_m


@given(
    st.sampled_from(["se3", "yaw", "sim3"]),
    st.tuples(*[st.floats(-3, 3)] * 6),
    st.floats(0.2, 5.0),
    st.integers(0, 10_000),
)
def test_alignment_undoes_the_change_of_world_it_may_undo(
    kind: str, change: tuple[float, ...], scale: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    p_truth = rng.normal(0, 2.0, (20, 3))
    axis = np.array(change[:3]) if kind != "yaw" else np.array([0.0, 0.0, change[2]])
    R = Rotation.from_rotvec(axis).as_matrix()
    s = scale if kind == "sim3" else 1.0
    p_estimate = ((p_truth - np.array(change[3:])) @ R) / s
    found = align(p_estimate, p_truth, kind)
    assert np.abs(found.scale * p_estimate @ found.R.T + found.t - p_truth).max() < 1e-9
    assert np.abs(found.R - R).max() < 1e-9
    assert found.scale == pytest.approx(s, abs=1e-9)


def test_a_mirrored_estimate_is_not_aligned_by_a_reflection() -> None:
    p = np.random.default_rng(3).normal(0, 1, (30, 3))
    found = align(p * [1, 1, -1], p, "se3")
    assert np.linalg.det(found.R) == pytest.approx(1.0)
    assert np.abs(p * [1, 1, -1] @ found.R.T + found.t - p).max() > 0.5


def test_an_exact_estimate_has_no_error_and_covers_everything() -> None:
    _, truth = flight()
    exact = truth.take(np.arange(0, len(truth), 10))
    got = evaluate(exact, truth)
    assert got.ate_se3_m < 1e-12
    assert got.absolute["se3"].rotation_deg.max < 1e-6
    assert all(r.translation_m.max < 1e-12 for r in got.relative)
    assert got.coverage == pytest.approx(1.0, abs=0.003)  # the last 9 ground-truth poses
    assert got.distance_m == pytest.approx(exact.length_m())


def test_percentages_and_durations_follow_from_their_definitions() -> None:
    estimate, truth = flight()
    got = evaluate(estimate, truth)
    error = got.absolute["se3"]
    assert error.percent_of_distance == pytest.approx(
        100 * error.translation_m.rmse / interpolate(truth, estimate.t_ns).length_m()
    )
    assert got.matched == got.poses == len(estimate)
    assert got.first_pose_s == pytest.approx(0.5017)
    assert got.duration_s == pytest.approx((estimate.t_ns[-1] - estimate.t_ns[0]) / 1e9)


def test_cutting_the_start_leaves_out_earlier_poses_only() -> None:
    estimate, truth = flight()
    start = T0 + 2_200_000_000
    got = evaluate(estimate, truth, start_ns=start)
    kept = estimate.take(estimate.t_ns >= start)
    assert got.start_ns == kept.t_ns[0] >= start
    assert got.ate_se3_m == evaluate(kept, truth).ate_se3_m
    assert got.matched == len(kept) < len(estimate)
    assert got.first_pose_s == pytest.approx(0.5017), "of the run, not of the cut"


def test_coverage_counts_pauses_and_late_starts_against_the_frames() -> None:
    frames = np.arange(100) * 50
    assert coverage(frames, frames) == 1.0
    assert coverage(frames[20:], frames) == 0.8
    lost = np.concatenate([frames[:30], frames[50:]])
    assert coverage(lost, frames) == 0.8
    one_missing = np.concatenate([frames[:30], frames[31:]])
    assert coverage(one_missing, frames) == 1.0, "a single frame is not a pause"
    assert coverage(frames[:0], frames) == 0.0
    assert coverage(frames[:1], frames) == 0.01


def test_two_estimates_never_share_a_ground_truth_pose() -> None:
    _, truth = flight()
    dense = interpolate(truth, np.arange(truth.t_ns[0], truth.t_ns[-1] + 1, 1_000_000))
    est, gt = associate(dense, truth, nearest=True)
    assert len(np.unique(gt.t_ns)) == len(gt) == len(est)
    assert est.t_ns.tolist() == gt.t_ns.tolist(), "the closest of the five is the equal one"


@pytest.mark.parametrize(
    ("shift_ns", "factor", "parts"),
    [
        (10**12, 1, ["max. difference 0.01 s", "one recording", "(390 poses)", "(4000 poses)"]),
        (0, 1000, ["factor of about 1e3", "check the unit"]),
        (20_030_000_000, 1, ["raise the max. difference", "are 0.5367 s apart"]),
    ],
)
def test_trajectories_without_common_times_are_refused_with_the_numbers(
    shift_ns: int, factor: int, parts: list[str]
) -> None:
    estimate, truth = flight()
    estimate = estimate.take(np.arange(380))
    moved = dataclasses.replace(estimate, t_ns=estimate.t_ns // factor + shift_ns)
    with pytest.raises(VioError, match="no matching time stamps") as caught:
        evaluate(moved, truth)
    for part in parts:
        assert part.replace("390", str(len(moved))) in str(caught.value)


def test_too_few_poses_and_empty_spans_are_refused() -> None:
    estimate, truth = flight()
    with pytest.raises(VioError, match="only 2 of 2 estimated poses"):
        evaluate(estimate.take(np.arange(2)), truth)
    with pytest.raises(VioError, match="estimate holds no poses in the span"):
        evaluate(estimate, truth, start_ns=int(truth.t_ns[-1]))
    with pytest.raises(VioError, match="ground truth holds no poses"):
        evaluate(estimate, truth.take(np.arange(0)))


@pytest.mark.parametrize(("delta", "unit"), [(0.0, "m"), (1.5, "frames"), (1.0, "km")])
def test_undefined_distances_are_refused(delta: float, unit: str) -> None:
    est, truth = associate(*flight())
    with pytest.raises(VioError, match="is not defined; use a positive number"):
        relative_error(est, truth, delta, unit)


def test_distances_longer_than_the_trajectory_are_left_out() -> None:
    est, truth = associate(*flight())
    assert relative_error(est, truth, 1000.0, "m") is None
    assert evaluate(*flight(), relative=((1000.0, "m"),)).relative == []


def test_unknown_alignments_and_unequal_lists_are_refused() -> None:
    with pytest.raises(VioError, match="'se2' is unknown; known: se3"):
        align(np.zeros((3, 3)), np.zeros((3, 3)), "se2")
    with pytest.raises(VioError, match="3 with 4 positions"):
        align(np.zeros((3, 3)), np.zeros((4, 3)), "se3")


def test_a_body_that_never_moves_is_evaluated_without_a_percentage() -> None:
    t_ns = np.arange(10) * 50_000_000
    still = Trajectory(t_ns, np.zeros((10, 3)), np.tile([1.0, 0, 0, 0], (10, 1)))
    got = evaluate(still, still)
    assert got.ate_se3_m == 0.0
    assert got.absolute["se3"].percent_of_distance is None
    json.dumps(got.to_dict(), allow_nan=False)
