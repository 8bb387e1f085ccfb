# SPDX-License-Identifier: Apache-2.0
"""The odometry as a whole on simulated tracks: accuracy, consistency, causality, status, rules."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.simulation import START_NS, Simulation, odometry_of
from vio.config import Config, load_config
from vio.data import State, Status
from vio.datasets import open_dataset
from vio.datasets.tracks import TrackFrame
from vio.errors import VioError
from vio.eval.metrics import evaluate
from vio.odometry import ImuPose, Odometry, run, trajectory_of
from vio.trajectory import Trajectory
from vio.workers import threads

# The simulated sensor has exactly the noise that its calibration says.
EXACT_NOISE = (
    "imu.gyro_noise_scale=1",
    "imu.accel_noise_scale=1",
    "imu.gyro_walk_scale=1",
    "imu.accel_walk_scale=1",
    "imu.gyro_noise_floor=0",
    "imu.accel_noise_floor=0",
    "backend.pixel_sigma=0.5",
    "backend.stereo_sigma=0.5",
)


def config(*overrides: str) -> Config:
    """Return the default configuration for recorded tracks, with overrides."""
    return load_config("euroc", ['frontend.engine="replay"', *EXACT_NOISE, *overrides])


@cache
def simulate(seed: int, motion: str = "moving") -> tuple[Simulation, tuple[State, ...]]:
    """Return a simulation and its states."""
    sim = Simulation(seed, motion=motion)
    return sim, tuple(run(sim, odometry_of(sim, config())))


def same(a: State, b: State) -> bool:
    """Return whether two states are equal to the last bit."""
    if (a.t_ns, a.status, a.segment) != (b.t_ns, b.status, b.segment):
        return False
    names = ("p_world_body", "q_world_body", "v_world_body", "accel_bias_m_s2", "covariance")
    pairs = [(getattr(a, n), getattr(b, n)) for n in names]
    return all(x is y if x is None else np.array_equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("seed", [0, 2])
def test_motion_is_tracked_to_millimetres_from_a_start_in_motion(seed: int) -> None:
    sim, states = simulate(seed)
    metrics = evaluate(trajectory_of(states), sim.ground_truth)
    assert metrics.ate_se3_m < 0.015
    assert states[8].status is Status.TRACKING  # 0.4 s after the first frame
    assert all(s.p_world_body is None for s in states[:8])


@pytest.mark.parametrize("seed", [1, 3])
def test_it_starts_at_rest_too_and_does_not_drift_there(seed: int) -> None:
    sim, states = simulate(seed, "rest")
    metrics = evaluate(trajectory_of(states), sim.ground_truth)
    assert metrics.ate_se3_m < 0.015
    assert states[8].status is Status.TRACKING
    still = np.array([s.p_world_body for s in states[8:76]])
    assert np.linalg.norm(still - still[0], axis=1).max() < 0.01
    speed = np.array([np.linalg.norm(s.v_world_body) for s in states[20:76]])
    assert speed.max() < 0.05


def test_gravity_and_velocity_are_right_at_the_first_pose() -> None:
    for seed in range(4):
        sim, states = simulate(seed)
        first = next(s for s in states if s.p_world_body is not None)
        R, _ = sim.pose((first.t_ns - START_NS) * 1e-9)
        q = first.q_world_body
        R_est = Rotation.from_quat(q[[1, 2, 3, 0]]).as_matrix()
        tilt = np.degrees(np.arccos(np.clip(R_est[2] @ R[2], -1.0, 1.0)))
        assert tilt < 2.0  # an accelerometer bias of 0.2 m/s^2 is 1.2 degrees
        v = sim.ground_truth.v_world_body[first.frame_index]
        assert abs(np.linalg.norm(first.v_world_body) - np.linalg.norm(v)) < 0.1


def test_the_covariance_is_consistent_over_many_runs() -> None:
    errors: list[list[float]] = []
    for seed in range(8):
        sim = Simulation(seed, motion="rest" if seed % 2 else "moving")
        odometry = odometry_of(sim, config())
        states = list(run(sim, odometry))
        odometry.finish()
        first = odometry.drain_smoothed()[0]
        assert first.t_ns == START_NS  # the prior ties this pose to the world
        R0, p0 = sim.pose(0.0)
        R_est0 = Rotation.from_quat(first.q_world_body[[1, 2, 3, 0]]).as_matrix()
        D = R_est0 @ R0.T
        yaw = np.arctan2(D[1, 0] - D[0, 1], D[0, 0] + D[1, 1])
        W = Rotation.from_euler("z", yaw).as_matrix()
        for s in states[10::15]:
            R, p = sim.pose(s.frame_index * 0.05)
            R_est = Rotation.from_quat(s.q_world_body[[1, 2, 3, 0]]).as_matrix()
            e = np.concatenate(
                [
                    Rotation.from_matrix(R_est @ (W @ R).T).as_rotvec(),
                    s.p_world_body - (W @ (p - p0) + first.p_world_body),
                    s.v_world_body - W @ sim.ground_truth.v_world_body[s.frame_index],
                    s.gyro_bias_rad_s - sim.gyro_bias,
                ]
            )
            parts = []
            for k in range(0, 12, 3):
                C = s.covariance[k : k + 3, k : k + 3]
                parts.append(float(e[k : k + 3] @ np.linalg.solve(C, e[k : k + 3])) / 3.0)
            errors.append(parts)
    nees = np.mean(errors, axis=0)  # rotation, position, velocity, gyro bias: 1 is exact
    assert (nees > 0.3).all(), nees
    assert (nees < 2.5).all(), nees


def test_a_pose_never_depends_on_later_input() -> None:
    sim, states = simulate(0)
    cut = int(sim.frame_t_ns[60])
    short = list(run(sim, odometry_of(sim, config()), until_ns=cut))
    assert len(short) == 61
    assert all(same(a, b) for a, b in zip(short, states, strict=False))


def test_changed_input_changes_the_poses_from_there_on_only() -> None:
    _, states = simulate(0)
    spoilt = Simulation(0)
    frame = spoilt._frames[60]
    frame.uv_left[:] += np.random.default_rng(0).normal(0, 2.0, frame.uv_left.shape)
    other = list(run(spoilt, odometry_of(spoilt, config())))
    assert all(same(a, b) for a, b in zip(other[:60], states[:60], strict=True))
    assert not same(other[60], states[60])


@pytest.mark.slow
def test_on_the_real_clip_a_cut_input_gives_the_same_poses(real_data: Path) -> None:
    dataset = open_dataset(real_data / "euroc" / "MH_01_easy")
    settings = load_config("euroc")
    until = int(dataset.frame_t_ns[40])
    longer = list(run(dataset, odometry_of(dataset, settings), until_ns=until))
    early = int(dataset.frame_t_ns[25])
    shorter = list(run(dataset, odometry_of(dataset, settings), until_ns=early))
    assert len(shorter) == 26
    assert shorter[-1].p_world_body is not None
    assert all(same(a, b) for a, b in zip(shorter, longer, strict=False))


def test_the_number_of_threads_changes_nothing() -> None:
    sim, states = simulate(0)
    with threads(1):
        single = list(run(sim, odometry_of(sim, config()), until_ns=int(sim.frame_t_ns[80])))
    assert all(same(a, b) for a, b in zip(single, states, strict=False))


def test_float32_is_as_accurate_as_float64() -> None:
    ratio = []
    for seed in (0, 2, 4):
        sim, states = simulate(seed)
        single = list(run(sim, odometry_of(sim, config('backend.precision="float32"'))))
        ate = [evaluate(trajectory_of(s), sim.ground_truth).ate_se3_m for s in (single, states)]
        ratio.append(ate[0] / ate[1])
    assert np.mean(ratio) < 1.05


def test_wrong_tracks_do_not_break_it() -> None:
    sim = Simulation(0, outliers=0.1)
    metrics = evaluate(trajectory_of(list(run(sim, odometry_of(sim, config())))), sim.ground_truth)
    assert metrics.ate_se3_m < 0.03


def test_a_short_loss_of_vision_is_bridged_and_said() -> None:
    sim = Simulation(2, blind=(3.0, 3.5))
    states = list(run(sim, odometry_of(sim, config())))
    blind = [s.status for s in states if 3.0 <= (s.t_ns - START_NS) * 1e-9 < 3.45]
    assert set(blind) == {Status.INERTIAL}
    assert states[-1].status is Status.TRACKING
    assert states[-1].segment == 1
    assert evaluate(trajectory_of(states), sim.ground_truth).ate_se3_m < 0.05
    before, after = states[59], states[69]
    assert np.trace(after.covariance[3:6, 3:6]) > np.trace(before.covariance[3:6, 3:6])


def test_a_long_loss_of_vision_ends_the_segment_and_it_starts_again() -> None:
    sim = Simulation(2, blind=(3.0, 5.0))
    states = list(run(sim, odometry_of(sim, config())))
    at = {round((s.t_ns - START_NS) * 1e-9, 2): s for s in states}
    assert at[3.5].status is Status.INERTIAL
    assert at[4.5].status is Status.LOST
    assert at[4.5].p_world_body is None
    assert at[6.5].status is Status.TRACKING
    assert at[6.5].segment == 2
    second = [s for s in states if s.segment == 2 and s.p_world_body is not None]
    assert evaluate(trajectory_of(second), sim.ground_truth).ate_se3_m < 0.015
    first = [s for s in states if s.segment == 1 and s.p_world_body is not None]
    # The new segment begins where inertial data carried the last pose, as far as they are good.
    ends = first[-1], second[0]
    (_, p0), (_, p1) = (sim.pose((s.t_ns - START_NS) * 1e-9) for s in ends)
    moved = np.linalg.norm(ends[1].p_world_body - ends[0].p_world_body)
    sigma = np.sqrt(np.trace(ends[1].covariance[3:6, 3:6]))
    assert abs(moved - np.linalg.norm(p1 - p0)) < 3.0 * sigma < 2.0


def test_a_hole_in_the_inertial_data_is_bridged_by_vision() -> None:
    sim = Simulation(2)
    keep = (sim.imu.t_ns < START_NS + 3_000_000_000) | (sim.imu.t_ns > START_NS + 3_300_000_000)
    sim.imu = type(sim.imu)(sim.imu.t_ns[keep], sim.imu.gyro_rad_s[keep], sim.imu.accel_m_s2[keep])
    odometry = odometry_of(sim, config())
    states = []
    k = 0
    for frame in sim.frames():
        while k < len(sim.imu) and (k == 0 or sim.imu.t_ns[k - 1] < frame.t_ns):
            odometry.add_imu(int(sim.imu.t_ns[k]), sim.imu.gyro_rad_s[k], sim.imu.accel_m_s2[k])
            k += 1
        states.append(odometry.add_frame(frame))
    assert odometry.counters["imu_gap"] == 1
    assert states[-1].status is Status.TRACKING
    assert {s.segment for s in states if s.p_world_body is not None} == {1}
    whole = evaluate(trajectory_of(simulate(2)[1]), sim.ground_truth).ate_se3_m
    assert evaluate(trajectory_of(states), sim.ground_truth).ate_se3_m < 1.5 * whole


def test_imu_rate_predictions_are_causal_and_near_the_truth() -> None:
    sim, states = simulate(0)
    poses: list[ImuPose] = []
    list(run(sim, odometry_of(sim, config()), imu_poses=poses))
    t = np.array([p.t_ns for p in poses])
    assert (np.diff(t) > 0).all()
    assert len(t) > 9 * (len(states) - 9)
    posed = [s for s in states if s.p_world_body is not None]
    k = [int(np.searchsorted(t, s.t_ns)) for s in posed[1:]]
    jump = [
        np.linalg.norm(poses[i].p_world_body - s.p_world_body)
        for i, s in zip(k, posed[1:], strict=True)
    ]
    assert np.median(jump) < 0.005  # predicted before the frame, estimated with it


def test_smoothed_poses_come_once_each_in_order_of_time() -> None:
    sim, states = simulate(0)
    odometry = odometry_of(sim, config())
    smoothed = []
    for _ in run(sim, odometry):
        smoothed += odometry.drain_smoothed()
    odometry.finish()
    smoothed += odometry.drain_smoothed()
    t = [p.t_ns for p in smoothed]
    assert t == sim.frame_t_ns.tolist()
    est = Trajectory(
        np.array(t),
        np.array([p.p_world_body for p in smoothed]),
        np.array([p.q_world_body for p in smoothed]),
    )
    causal = evaluate(trajectory_of(states), sim.ground_truth).ate_se3_m
    assert evaluate(est, sim.ground_truth).ate_se3_m < 1.2 * causal


class TestInputRules:
    """What the streaming interface does with late, early and disordered input."""

    def fed(self, frames: int = 12) -> tuple[Simulation, Odometry]:
        """Return an odometry that has taken some frames and the inertial data up to the last."""
        sim = Simulation(0, seconds=2.0)
        odometry = odometry_of(sim, config())
        list(run(sim, odometry, until_ns=int(sim.frame_t_ns[frames - 1])))
        return sim, odometry

    def test_a_late_inertial_sample_is_dropped_and_counted(self) -> None:
        _, odometry = self.fed()
        until = odometry.imu_until_ns
        assert odometry.add_imu(until, np.zeros(3), np.zeros(3)) is None
        assert odometry.add_imu(until - 5_000_000, np.zeros(3), np.zeros(3)) is None
        assert odometry.counters["imu_late"] == 2
        assert odometry.imu_until_ns == until

    def test_a_sample_that_is_not_finite_is_dropped_and_counted(self) -> None:
        _, odometry = self.fed()
        until = odometry.imu_until_ns
        bad = np.array([np.nan, 0, 0])
        assert odometry.add_imu(until + 5_000_000, bad, np.zeros(3)) is None
        assert odometry.counters["imu_invalid"] == 1

    def test_a_sample_of_wrong_shape_is_refused(self) -> None:
        _, odometry = self.fed()
        with pytest.raises(VioError, match=r"shape \(3,\)"):
            odometry.add_imu(odometry.imu_until_ns + 1, np.zeros(2), np.zeros(3))

    def test_a_frame_out_of_order_is_refused_and_changes_nothing(self) -> None:
        sim, odometry = self.fed()
        _, untouched = self.fed()
        with pytest.raises(VioError, match="not later than the last one"):
            odometry.add_frame(sim._frames[5])
        assert same(self.next_state(sim, odometry), self.next_state(sim, untouched))

    def test_a_frame_far_ahead_of_the_inertial_data_is_refused_and_may_come_again(self) -> None:
        sim, odometry = self.fed()
        _, untouched = self.fed()
        with pytest.raises(VioError, match="ahead of the inertial data"):
            odometry.add_frame(sim._frames[20])
        assert same(self.next_state(sim, odometry), self.next_state(sim, untouched))

    def test_a_frame_slightly_ahead_is_taken_and_counted(self) -> None:
        sim, odometry = self.fed()
        state = odometry.add_frame(sim._frames[12])
        assert state.status is Status.TRACKING
        assert odometry.counters["frame_early"] == 1

    def test_a_frame_before_any_inertial_sample_is_refused(self) -> None:
        sim = Simulation(0, seconds=1.0)
        odometry = odometry_of(sim, config())
        with pytest.raises(VioError, match="before any inertial sample"):
            odometry.add_frame(sim._frames[0])

    def test_images_for_the_replay_engine_are_refused(self) -> None:
        sim, odometry = self.fed()
        frame = sim._frames[12]
        plain = type(frame).__mro__[1](frame.t_ns, np.zeros((480, 752), np.uint8), None)
        assert not isinstance(plain, TrackFrame)
        with pytest.raises(VioError, match="recorded tracks"):
            odometry.add_frame(plain)

    @staticmethod
    def next_state(sim: Simulation, odometry: Odometry) -> State:
        """Feed the thirteenth frame with its inertial data."""
        frame = sim._frames[12]
        new = (sim.imu.t_ns > odometry.imu_until_ns) & (sim.imu.t_ns <= frame.t_ns)
        for k in np.flatnonzero(new):
            odometry.add_imu(int(sim.imu.t_ns[k]), sim.imu.gyro_rad_s[k], sim.imu.accel_m_s2[k])
        return odometry.add_frame(frame)


@pytest.mark.slow
def test_real_tracks_reach_the_bar(real_data: Path) -> None:
    dataset = open_dataset(real_data / "euroc_tracks" / "imu_april")
    settings = load_config("euroc", ['frontend.engine="replay"'])
    states = list(run(dataset, odometry_of(dataset, settings)))
    metrics = evaluate(trajectory_of(states), dataset.ground_truth)
    assert metrics.ate_se3_m < 0.015
    assert {s.segment for s in states if s.p_world_body is not None} == {1}
