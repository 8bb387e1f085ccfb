# SPDX-License-Identifier: Apache-2.0
"""Estimate the offset between the clocks of two trajectories from their rates of motion."""

from dataclasses import dataclass

import numpy as np

from vio.trajectory import Trajectory, interpolate

MAX_OFFSET_S = 1.0
_MIN_STEP_S = 0.04  # rates over shorter steps are noise
_MAX_STEP_S = 0.5  # over longer ones, as across a gap, the motion averages out
_PAIRS = 2000  # steps compared
_MIN_PAIRS = 30
_MIN_CORRELATION = 0.7
_MAX_STD_S = 0.005


@dataclass(frozen=True)
class ClockOffset:
    """Hold what to add to the estimate's time stamps to read the ground truth's clock.

    offset_s, std_s: seconds, None when undetermined. source: "rotation rate" or "speed".
    undetermined: the reason, or "".
    """

    offset_s: float | None
    std_s: float | None
    source: str
    undetermined: str


def clock_offset(estimate: Trajectory, truth: Trajectory) -> ClockOffset:
    """Return the offset, within MAX_OFFSET_S, at which the rates of both correlate best.

    The rotation rate is tried first: it depends neither on scale nor on the frames. Determined
    means a correlation of 0.7, one best offset and a standard deviation of at most 5 ms.
    """
    reasons = []
    for source in ("rotation rate", "speed"):
        found = _estimate(estimate, truth, source)
        if not found.undetermined:
            return found
        reasons.append(f"{source}: {found.undetermined}")
    return ClockOffset(None, None, "", "; ".join(reasons))


def _steps(trajectory: Trajectory, margin_ns: int, span: tuple[int, int]) -> np.ndarray:
    """Return start and end (2, N) of steps within the span less a margin, in nanoseconds."""
    t_ns = trajectory.t_ns
    t_ns = t_ns[(t_ns >= span[0] + margin_ns) & (t_ns <= span[1] - margin_ns)]
    if len(t_ns) < 2:
        return np.zeros((2, 0), np.int64)
    stride = max(1, int(np.ceil(_MIN_STEP_S * 1e9 / np.median(np.diff(t_ns)))))
    steps = np.stack([t_ns[:-stride], t_ns[stride:]])
    steps = steps[:, np.diff(steps, axis=0)[0] <= _MAX_STEP_S * 1e9]
    return steps[:, :: max(1, -(-steps.shape[1] // _PAIRS))]


def _rates(trajectory: Trajectory, steps: np.ndarray, source: str) -> np.ndarray:
    """Return the mean rotation rate (rad/s) or speed (m/s) over each step."""
    a, b = (interpolate(trajectory, t) for t in steps)
    if source == "speed":
        size = np.linalg.norm(b.p_world_body - a.p_world_body, axis=1)
    else:
        qa, qb = a.q_world_body, b.q_world_body
        qb = np.where((qa * qb).sum(axis=1, keepdims=True) < 0.0, -qb, qb)
        size = 4.0 * np.arctan2(np.linalg.norm(qb - qa, axis=1), np.linalg.norm(qb + qa, axis=1))
    rates: np.ndarray = size * 1e9 / (steps[1] - steps[0])
    return rates


def _estimate(estimate: Trajectory, truth: Trajectory, source: str) -> ClockOffset:
    def unknown(reason: str) -> ClockOffset:
        return ClockOffset(None, None, source, reason)

    # Every lag compares the same steps, so that the correlations are of the same motion.
    # The margin leaves room for the last parabolas.
    steps = _steps(
        estimate, round(1.2 * MAX_OFFSET_S * 1e9), (int(truth.t_ns[0]), int(truth.t_ns[-1]))
    )
    if steps.shape[1] < _MIN_PAIRS:
        return unknown(f"fewer than {_MIN_PAIRS} steps within the ground truth")
    rates = _rates(estimate, steps, source)
    centred = rates - rates.mean()

    def unexplained(lag_s: float) -> float:
        """Return 1 - r^2, r the correlation at a lag (1 where it is negative)."""
        other = _rates(truth, steps + round(lag_s * 1e9), source)
        other = other - other.mean()
        size = float(np.linalg.norm(other) * np.linalg.norm(centred))
        r = float(centred @ other) / size if size > 0.0 else 0.0
        return 1.0 - max(r, 0.0) ** 2

    step_s = float(np.median(steps[1] - steps[0])) / 1e9
    count = round(MAX_OFFSET_S / (0.5 * min(step_s, 0.1)))
    lags = np.linspace(-MAX_OFFSET_S, MAX_OFFSET_S, 2 * count + 1)
    cost = np.array([unexplained(lag) for lag in lags])
    k = int(np.argmin(cost))
    if cost[k] > 1.0 - _MIN_CORRELATION**2:
        return unknown(f"correlation {np.sqrt(1.0 - cost[k]):.2f} at most")
    if k in (0, len(lags) - 1):
        return unknown(f"beyond {MAX_OFFSET_S:g} s")
    minima = 1 + np.flatnonzero((cost[1:-1] <= cost[:-2]) & (cost[1:-1] <= cost[2:]))
    others = [cost[m] for m in minima if abs(m - k) > 1]
    if others and min(others) < 2.0 * cost[k] + 0.01:
        return unknown("the motion repeats itself")
    best, width, bottom, curvature = float(lags[k]), float(lags[1] - lags[0]), cost[k], 0.0
    for _ in range(3):  # parabolas through three points, each narrower
        left, bottom, right = (unexplained(best + d) for d in (-width, 0.0, width))
        curvature = (left - 2.0 * bottom + right) / width**2
        if curvature <= 0.0:
            return unknown("the rates hardly change")
        best += float(np.clip(0.5 * (left - right) / (curvature * width), -width, width))
        width *= 0.4
    std_s = float(np.sqrt(2.0 * max(bottom, 0.0) / (curvature * steps.shape[1])))
    if std_s > _MAX_STD_S:
        return unknown(f"standard deviation {1e3 * std_s:.0f} ms")
    return ClockOffset(best, std_s, source, "")
