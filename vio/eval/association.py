# SPDX-License-Identifier: Apache-2.0
"""Describe how two trajectories share time: spans, overlap, gaps and the offset of their clocks."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vio.eval.clock import ClockOffset, clock_offset
from vio.eval.metrics import GAP_STEPS
from vio.trajectory import Trajectory, nearest_index


@dataclass(frozen=True)
class Association:
    """Hold what the association of an estimate with the ground truth rests on, in seconds.

    overlap_s: time that both cover; overlap: the same as a share of the ground truth's span.
    gaps: pauses of more than three median steps between estimated poses. mean_diff_s: mean distance
    of the matched poses from the nearest ground-truth pose.
    """

    method: str
    max_diff_s: float
    mean_diff_s: float
    estimate_span_s: float
    truth_span_s: float
    overlap_s: float
    overlap: float
    gaps: int
    longest_gap_s: float
    clock: ClockOffset

    def to_dict(self) -> dict[str, Any]:
        """Return the values as nested dictionaries of plain numbers, ready for JSON."""
        return asdict(self)


def describe(
    estimate: Trajectory, truth: Trajectory, max_diff_s: float, nearest: bool
) -> Association:
    """Return the association of two trajectories, of which some poses match."""
    spans = [float(t.t_ns[-1] - t.t_ns[0]) / 1e9 for t in (estimate, truth)]
    common = min(estimate.t_ns[-1], truth.t_ns[-1]) - max(estimate.t_ns[0], truth.t_ns[0])
    overlap_s = max(float(common), 0.0) / 1e9
    diff = np.abs(truth.t_ns[nearest_index(truth.t_ns, estimate.t_ns)] - estimate.t_ns) / 1e9
    steps = np.diff(estimate.t_ns) / 1e9
    gaps = steps[steps > GAP_STEPS * np.median(steps)] if len(steps) else steps
    return Association(
        method="nearest" if nearest else "interpolated",
        max_diff_s=max_diff_s,
        mean_diff_s=float(diff[diff <= max_diff_s].mean()),
        estimate_span_s=spans[0],
        truth_span_s=spans[1],
        overlap_s=overlap_s,
        overlap=overlap_s / spans[1] if spans[1] > 0.0 else 1.0,
        gaps=len(gaps),
        longest_gap_s=float(gaps.max()) if len(gaps) else 0.0,
        clock=clock_offset(estimate, truth),
    )
