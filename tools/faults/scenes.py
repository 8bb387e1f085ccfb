# SPDX-License-Identifier: Apache-2.0
"""Rendered scenes without a fault in the data, each with one figure: rest, and a slow start."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vio.eval.align import align
from vio.trajectory import Trajectory, interpolate

FOLDER = Path(__file__).parent / "scenes"
AT_REST_M = 0.0002  # the true path stays so near to where it is when the rest begins
SLOW_M_S, SLOW_WINDOW_S = 0.07, 1.0


def largest_displacement_m(estimate: Trajectory, truth: Trajectory) -> float:
    """Return how far the estimated position moves at most within the longest rest, metres."""
    p = interpolate(truth, estimate.t_ns).p_world_body
    step = np.linalg.norm(np.diff(p, axis=0), axis=1)
    still = np.concatenate([[False], step < AT_REST_M / 20.0, [False]])
    edges = np.flatnonzero(np.diff(still.astype(np.int64)))
    spans = edges.reshape(-1, 2)
    first, last = spans[np.argmax(spans[:, 1] - spans[:, 0])]
    rest = estimate.p_world_body[first : last + 1]
    return float(np.linalg.norm(rest - rest[0], axis=1).max())


def slowness(estimate: Trajectory, truth: Trajectory) -> float:
    """Return the least share of its true way that a slow start is reported to go within 1 s.

    0 when the odometry takes it for rest, 1 when it is right.
    """
    reference = interpolate(truth, estimate.t_ns)
    aligned = align(estimate.p_world_body, reference.p_world_body, "se3").apply(estimate)
    frames = round(SLOW_WINDOW_S * 1e9 / np.median(np.diff(estimate.t_ns)))
    true = reference.p_world_body[frames:] - reference.p_world_body[:-frames]
    moved = aligned.p_world_body[frames:] - aligned.p_world_body[:-frames]
    way = np.linalg.norm(true, axis=1)
    slow = (way > 0.5 * SLOW_M_S * SLOW_WINDOW_S) & (way < SLOW_M_S * SLOW_WINDOW_S)
    share = np.sum(moved[slow] * true[slow], axis=1) / way[slow] ** 2
    return float(share.min())


@dataclass(frozen=True)
class Scene:
    """Hold a scene: its scenario, what is measured on it, and the bound of that figure.

    at_most: whether the bound is the largest value (else the smallest).
    """

    name: str
    title: str
    figure: Callable[[Trajectory, Trajectory], float]
    unit: str
    bound: float
    at_most: bool = True

    @property
    def scenario(self) -> Path:
        """The file of the scenario."""
        return FOLDER / f"{self.name}.toml"

    def is_met(self, value: float) -> bool:
        """Return whether a figure keeps the bound."""
        return value <= self.bound if self.at_most else value >= self.bound


SCENES = (
    Scene(
        "still_from_start",
        "10 s at rest from the start: largest displacement",
        largest_displacement_m,
        "m",
        0.003,
    ),
    Scene(
        "still_after_motion",
        "10 s at rest after motion: largest displacement",
        largest_displacement_m,
        "m",
        0.001,
    ),
    Scene(
        "slow_start",
        "slow start (0.05 m/s in a deep hall): least share of the way reported within 1 s",
        slowness,
        "",
        0.5,
        at_most=False,
    ),
)
