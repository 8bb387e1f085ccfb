# SPDX-License-Identifier: Apache-2.0
"""Measure each segment of an estimate by itself: after `lost`, the next one has its own world."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vio.errors import VioError
from vio.eval.associate import MAX_DIFF_S
from vio.eval.metrics import Metrics, evaluate
from vio.trajectory import Trajectory


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


def pooled_ate_m(segments: list[SegmentMetrics], kind: str) -> float | None:
    """Return the root mean square position error over all segments, each aligned by itself."""
    known = [s.metrics for s in segments if s.metrics is not None]
    matched = sum(m.matched for m in known)
    if matched == 0:
        return None
    squares = sum(m.matched * m.absolute[kind].translation_m.rmse ** 2 for m in known)
    return float(np.sqrt(squares / matched))
