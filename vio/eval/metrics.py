# SPDX-License-Identifier: Apache-2.0
"""Measure an estimated trajectory against the ground truth: ATE, RPE, rotation error, coverage."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vio.errors import VioError
from vio.eval.align import ALIGNMENTS, align, undetermined
from vio.eval.associate import MAX_DIFF_S, associate
from vio.eval.hints import unit_hint
from vio.trajectory import Trajectory, quaternion_product, rotation_matrices

UNITS = ("frames", "s", "m")
# Longer pauses between estimated poses than this many median steps count as not covered.
GAP_STEPS = 3.0
_CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Statistics:
    """Hold the root mean square, mean, median and maximum of a list of errors."""

    rmse: float
    mean: float
    median: float
    max: float


@dataclass(frozen=True)
class AbsoluteError:
    """Hold position errors (m) and rotation errors (degrees) after one alignment.

    scale, rotation_deg: None where the positions leave them open. undetermined: the reason for
    each of "rotation" and "scale" that is.
    """

    alignment: str
    scale: float | None
    translation_m: Statistics
    rotation_deg: Statistics | None
    percent_of_distance: float | None
    undetermined: dict[str, str]


@dataclass(frozen=True)
class RelativeError:
    """Hold the errors of motion over a distance `delta` in frames, seconds (s) or metres (m)."""

    delta: float
    unit: str
    pairs: int
    translation_m: Statistics
    rotation_deg: Statistics


@dataclass(frozen=True)
class Metrics:
    """Hold all figures of one estimate.

    poses: estimated poses within the span; matched: those with ground truth.
    distance_m: length of the ground truth's path through the matched times.
    coverage: share of the reference times (frames, or ground-truth poses) that the estimate covers.
    first_pose_s: time of the first estimated pose after the first reference time, seconds.
    """

    poses: int
    matched: int
    start_ns: int
    end_ns: int
    first_pose_s: float
    duration_s: float
    distance_m: float
    coverage: float
    absolute: dict[str, AbsoluteError]
    relative: list[RelativeError]

    @property
    def ate_se3_m(self) -> float:
        """The root mean square position error after rigid alignment, metres."""
        return self.absolute["se3"].translation_m.rmse

    @property
    def ate_yaw_m(self) -> float:
        """The root mean square position error after yaw-only alignment, metres."""
        return self.absolute["yaw"].translation_m.rmse

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as nested dictionaries of plain numbers, ready for JSON."""
        return asdict(self)


def statistics(errors: np.ndarray) -> Statistics:
    """Return the statistics of errors (N,), N >= 1."""
    return Statistics(
        rmse=float(np.sqrt(np.mean(errors * errors))),
        mean=float(np.mean(errors)),
        median=float(np.median(errors)),
        max=float(np.max(errors)),
    )


def rotation_angle_deg(q: np.ndarray) -> np.ndarray:
    """Return the angles (N,) in [0, 180] degrees of unit wxyz quaternions (N, 4)."""
    return np.degrees(2.0 * np.arctan2(np.linalg.norm(q[:, 1:], axis=1), np.abs(q[:, 0])))


def absolute_error(estimate: Trajectory, truth: Trajectory, kind: str) -> AbsoluteError:
    """Return the errors of associated poses after the alignment `kind`.

    Source: Sturm et al., "A benchmark for the evaluation of RGB-D SLAM systems", IROS 2012.
    Raises VioError for an unknown kind.
    """
    alignment = align(estimate.p_world_body, truth.p_world_body, kind)
    aligned = alignment.apply(estimate)
    errors = np.linalg.norm(aligned.p_world_body - truth.p_world_body, axis=1)
    q = quaternion_product(truth.q_world_body * _CONJUGATE, aligned.q_world_body)
    translation = statistics(errors)
    length = truth.length_m()
    unknown = undetermined(estimate.p_world_body, truth.p_world_body, kind)
    return AbsoluteError(
        alignment=kind,
        scale=None if "scale" in unknown else alignment.scale,
        translation_m=translation,
        rotation_deg=None if "rotation" in unknown else statistics(rotation_angle_deg(q)),
        percent_of_distance=100.0 * translation.rmse / length if length > 0.0 else None,
        undetermined=unknown,
    )


def _pairs(position: np.ndarray, delta: float, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return index pairs (i, j), j > i, whose distance along `position` (N,) is nearest to delta.

    position is non-decreasing (frames, seconds or metres of path); each i has at most one j, and
    none when the nearest is off by more than the tolerance. The earliest of equally near ones.
    """
    i = np.arange(len(position) - 1)
    after = np.searchsorted(position, position[i] + delta).clip(i + 1, len(position) - 1)
    # Where the body stood still, several poses share one position: take the first of them.
    before = np.maximum(np.searchsorted(position, position[np.maximum(after - 1, i + 1)]), i + 1)
    off_after = np.abs(position[after] - position[i] - delta)
    off_before = np.abs(position[before] - position[i] - delta)
    j = np.where(off_before <= off_after, before, after)
    good = np.minimum(off_before, off_after) <= tolerance
    return i[good], j[good]


def relative_error(
    estimate: Trajectory,
    truth: Trajectory,
    delta: float,
    unit: str,
    segment: np.ndarray | None = None,
) -> RelativeError | None:
    """Return the errors of relative motion over delta, or None when no two poses are so far apart.

    segment: (N,), the world that each estimated pose is given in: pairs across two are left out.
    unit: frames, s (to half a step), or m (to 10 %, along the ground truth's path). All pairs are
    used, overlapping ones too.
    Source: Sturm et al., IROS 2012, eq. 1. Raises VioError for an unknown unit or delta <= 0.
    """
    if unit not in UNITS or delta <= 0.0 or (unit == "frames" and delta != int(delta)):
        raise VioError(
            f"RPE over {delta:g} {unit!r} is not defined; use a positive number of "
            f"{', '.join(UNITS)} (whole for frames)"
        )
    if len(truth) < 2:
        return None
    if unit == "frames":
        position, tolerance = np.arange(len(truth), dtype=np.float64), 0.0
    elif unit == "s":
        position = (estimate.t_ns - estimate.t_ns[0]) / 1e9
        tolerance = 0.5 * float(np.median(np.diff(position)))
    else:
        steps = np.linalg.norm(np.diff(truth.p_world_body, axis=0), axis=1)
        position, tolerance = np.concatenate([[0.0], np.cumsum(steps)]), 0.1 * delta
    i, j = _pairs(position, delta, tolerance)
    if segment is not None:
        i, j = i[segment[i] == segment[j]], j[segment[i] == segment[j]]
    if len(i) == 0:
        return None
    motions = []
    for trajectory in (estimate, truth):
        R_i = rotation_matrices(trajectory.q_world_body[i])
        step = trajectory.p_world_body[j] - trajectory.p_world_body[i]
        p = np.einsum("nji,nj->ni", R_i, step)
        q = quaternion_product(trajectory.q_world_body[i] * _CONJUGATE, trajectory.q_world_body[j])
        motions.append((p, q))
    (p_est, q_est), (p_true, q_true) = motions
    return RelativeError(
        delta=float(delta),
        unit=unit,
        pairs=len(i),
        translation_m=statistics(np.linalg.norm(p_est - p_true, axis=1)),
        rotation_deg=statistics(rotation_angle_deg(quaternion_product(q_true * _CONJUGATE, q_est))),
    )


def coverage(estimate_t_ns: np.ndarray, reference_t_ns: np.ndarray) -> float:
    """Return the share of reference times (M,) that lie on or between estimated poses (N,).

    A pause of more than three median steps between poses is not covered.
    """
    if len(estimate_t_ns) == 0 or len(reference_t_ns) == 0:
        return 0.0
    limit = GAP_STEPS * float(np.median(np.diff(estimate_t_ns))) if len(estimate_t_ns) > 1 else 0.0
    after = np.searchsorted(estimate_t_ns, reference_t_ns)
    inside = (after > 0) & (after < len(estimate_t_ns))
    right = after.clip(max=len(estimate_t_ns) - 1)
    on = estimate_t_ns[right] == reference_t_ns
    step = estimate_t_ns[right] - estimate_t_ns[np.maximum(right - 1, 0)]
    return float(np.mean(on | (inside & (step <= limit))))


def evaluate(
    estimate: Trajectory,
    truth: Trajectory,
    *,
    start_ns: int | None = None,
    until_ns: int | None = None,
    frame_t_ns: np.ndarray | None = None,
    max_diff_s: float = MAX_DIFF_S,
    nearest: bool = False,
    segment: np.ndarray | None = None,
    relative: tuple[tuple[float, str], ...] = ((1, "frames"), (1.0, "s"), (1.0, "m"), (10.0, "m")),
) -> Metrics:
    """Return all figures of an estimate between start_ns and until_ns (both included).

    frame_t_ns: time stamps of the frames that should have poses; without them, coverage counts
    ground-truth poses. max_diff_s, nearest: see `associate`. segment: (N,) of the estimate's poses,
    whose relative motion counts within one segment only. relative: RPE distances and units;
    those longer than the trajectory are left out.
    Raises VioError when fewer than three poses match.
    """
    reference = truth.t_ns if frame_t_ns is None else np.asarray(frame_t_ns)
    times = np.concatenate([estimate.t_ns, truth.t_ns, reference])
    if len(estimate) == 0 or len(truth) == 0:
        associate(estimate, truth)  # raises, saying which of them is empty
    start = int(times.min()) if start_ns is None else start_ns
    until = int(times.max()) if until_ns is None else until_ns
    estimated = estimate.between(start, until)
    est, gt = associate(estimated, truth, max_diff_s, nearest)
    if len(est) < 3:
        hint = unit_hint(estimated, truth)
        raise VioError(
            f"only {len(est)} of {len(estimated)} estimated poses have ground truth within "
            f"{max_diff_s:g} s; at least 3 are needed: "
            f"{hint or 'check the span or raise the max. difference'}"
        )
    expected = reference[(reference >= start) & (reference <= until)]
    of = None if segment is None else segment[np.searchsorted(estimate.t_ns, est.t_ns)]
    pieces = (relative_error(est, gt, delta, unit, of) for delta, unit in relative)
    kinds = [kind for kind in ALIGNMENTS if kind != "none"]
    return Metrics(
        poses=len(estimated),
        matched=len(est),
        start_ns=int(est.t_ns[0]),
        end_ns=int(est.t_ns[-1]),
        first_pose_s=float((estimate.t_ns[0] - reference[0]) / 1e9),
        duration_s=float((est.t_ns[-1] - est.t_ns[0]) / 1e9),
        distance_m=gt.length_m(),
        coverage=coverage(estimated.t_ns, expected),
        absolute={kind: absolute_error(est, gt, kind) for kind in kinds},
        relative=[piece for piece in pieces if piece is not None],
    )
