# SPDX-License-Identifier: Apache-2.0
"""Measure each segment of an estimate by itself, and the jumps between them.

After `lost`, the odometry starts again with a yaw and a position that it knows less well.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from vio.errors import VioError
from vio.eval.associate import MAX_DIFF_S, associate
from vio.eval.metrics import Metrics, evaluate
from vio.trajectory import Trajectory, rotation_matrices

JUMP_POSES = 10  # on either side that a jump is measured from


@dataclass(frozen=True)
class SegmentMetrics:
    """Hold the figures of one segment, or why there are none. poses: in the segment and span."""

    segment: int
    poses: int
    metrics: Metrics | None
    unknown_because: str

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as nested dictionaries of plain numbers, ready for JSON."""
        if self.metrics is None:
            return {
                "segment": self.segment,
                "poses": self.poses,
                "unknown_because": self.unknown_because,
            }
        return {"segment": self.segment, **self.metrics.to_dict()}


def evaluate_segments(
    estimate: Trajectory,
    segment: np.ndarray,
    truth: Trajectory,
    *,
    frame_t_ns: np.ndarray | None = None,
    max_diff_s: float = MAX_DIFF_S,
    nearest: bool = False,
    relative: tuple[tuple[float, str], ...],
) -> list[SegmentMetrics]:
    """Return the figures of each segment, aligned by itself, in order of time.

    segment: (N,) numbers. Coverage counts within a segment's span; otherwise as `evaluate`.
    """
    results = []
    numbers, first = np.unique(segment, return_index=True)
    for number in numbers[np.argsort(first)]:
        part = estimate.take(segment == number)
        try:
            metrics = evaluate(
                part,
                truth,
                start_ns=int(part.t_ns[0]),
                until_ns=int(part.t_ns[-1]),
                frame_t_ns=frame_t_ns,
                max_diff_s=max_diff_s,
                nearest=nearest,
                relative=relative,
            )
            results.append(SegmentMetrics(int(number), len(part), metrics, ""))
        except VioError as error:
            results.append(SegmentMetrics(int(number), len(part), None, str(error)))
    return results


@dataclass(frozen=True)
class Jump:
    """Hold by how much a segment is displaced against the one before, beyond the true motion.

    before, after: segment numbers. gap_s: from the last pose of one to the first of the other.
    translation_m: (3,), in the estimate's world, at the first pose of `after`. yaw_deg: about the
    vertical. Both are nan when `unknown_because` says why.
    """

    before: int
    after: int
    gap_s: float
    translation_m: tuple[float, float, float]
    yaw_deg: float
    unknown_because: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain numbers, ready for JSON; None where they are unknown."""
        known = not self.unknown_because
        return {
            "before": self.before,
            "after": self.after,
            "gap_s": self.gap_s,
            "translation_m": list(self.translation_m) if known else None,
            "distance_m": float(np.linalg.norm(self.translation_m)) if known else None,
            "yaw_deg": self.yaw_deg if known else None,
            "unknown_because": self.unknown_because,
        }


def jumps(
    estimate: Trajectory,
    segment: np.ndarray,
    truth: Trajectory,
    max_diff_s: float = MAX_DIFF_S,
    nearest: bool = False,
) -> list[Jump]:
    """Return the jump between each two segments that follow one another.

    The truth is moved by yaw and position onto the last JUMP_POSES poses of the one segment, and
    again onto the first of the other; the difference of the two is the jump. Positions and
    attitudes of both are needed.
    """
    numbers, first = np.unique(segment, return_index=True)
    order = numbers[np.argsort(first)]
    found = []
    for before, after in itertools.pairwise(order):
        a, b = estimate.take(segment == before), estimate.take(segment == after)
        gap_s = float(b.t_ns[0] - a.t_ns[-1]) * 1e-9
        parts = a.take(np.arange(len(a))[-JUMP_POSES:]), b.take(np.arange(len(b))[:JUMP_POSES])
        try:
            (yaw_a, p_a, _), (yaw_b, p_b, start) = (
                _placement(*associate(part, truth, max_diff_s, nearest)) for part in parts
            )
        except VioError as error:
            nan = (np.nan, np.nan, np.nan)
            found.append(Jump(int(before), int(after), gap_s, nan, np.nan, str(error)))
            continue
        # Where the truth at the start of `after` lies by either placement.
        x, y, z = (_about_z(yaw_b) @ start + p_b) - (_about_z(yaw_a) @ start + p_a)
        yaw = (yaw_b - yaw_a + np.pi) % (2.0 * np.pi) - np.pi
        jump = (float(x), float(y), float(z))
        found.append(Jump(int(before), int(after), gap_s, jump, float(np.degrees(yaw))))
    return found


def _placement(estimate: Trajectory, truth: Trajectory) -> tuple[float, np.ndarray, np.ndarray]:
    """Return yaw and position (3,) that move the truth onto the estimate, and its first position.

    The yaw is that of the mean difference of the attitudes.
    """
    R_est, R_true = (rotation_matrices(t.q_world_body) for t in (estimate, truth))
    D = np.einsum("nij,nkj->ik", R_est, R_true)
    yaw = float(np.arctan2(D[1, 0] - D[0, 1], D[0, 0] + D[1, 1]))
    p = np.mean(estimate.p_world_body - truth.p_world_body @ _about_z(yaw).T, axis=0)
    return yaw, p, truth.p_world_body[0]


def _about_z(yaw: float) -> np.ndarray:
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def pooled_ate_m(segments: list[SegmentMetrics], kind: str) -> float | None:
    """Return the root mean square position error over all segments, each aligned by itself."""
    known = [s.metrics for s in segments if s.metrics is not None]
    matched = sum(m.matched for m in known)
    if matched == 0:
        return None
    squares = sum(m.matched * m.absolute[kind].translation_m.rmse ** 2 for m in known)
    return float(np.sqrt(squares / matched))
