# SPDX-License-Identifier: Apache-2.0
"""The gate of the inertial factors: what it takes for a bias, at any spacing of the frames."""

from typing import Any, cast

import numpy as np
import pytest

from vio.backend.innovation import COMPONENTS, InertialGate
from vio.backend.window import Window
from vio.config import BackEndConfig


class OneFactor:
    """Stand for a window whose newest factor has a given innovation (9,)."""

    def __init__(self, innovation: np.ndarray) -> None:
        self.factors = [type("Factor", (), {"weight": 1.0})()]
        self._innovation = innovation

    def innovation(self, factor: object) -> np.ndarray:
        return self._innovation

    def weaken(self, factor: Any, weight: float, *sigmas: float) -> None:
        factor.weight = weight

    def optimize(self, iterations: int) -> None: ...


def alarms(times_s: np.ndarray, innovations: np.ndarray) -> float:
    """Return in which share of the frames at times_s (N,) the gate is alarmed."""
    gate, alarmed = InertialGate(BackEndConfig(contradiction_s=0.0)), 0
    for t_s, innovation in zip(times_s, innovations, strict=True):
        t_ns = round(t_s * 1e9)
        gate.apply(cast(Window, OneFactor(innovation)), t_ns)
        alarmed += gate._until_ns == t_ns
    return alarmed / len(times_s)


def test_one_long_interval_is_no_bias() -> None:
    """After a second without images the one innovation is no mean of many."""
    times_s = np.concatenate([np.arange(0.0, 3.0, 0.05), np.arange(4.0, 6.0, 0.05)])
    innovations = np.zeros((len(times_s), COMPONENTS))
    innovations[np.searchsorted(times_s, 4.0 - 1e-9), 3:5] = [
        2.5,
        2.5,
    ]  # squared 12.5, of 9 expected
    assert alarms(times_s, innovations) == 0.0


@pytest.mark.parametrize("spacing_s", [0.02, 0.05, 0.2])
def test_a_push_in_one_direction_is_a_bias(spacing_s: float) -> None:
    times_s = np.arange(0.0, 4.0, spacing_s)
    innovations = np.zeros((len(times_s), COMPONENTS))
    innovations[:, 3:5] = [2.5, 2.5]
    assert alarms(times_s, innovations) > 0.0


@pytest.mark.parametrize("spacing", ["even", "uneven"])
def test_noise_alone_is_rarely_taken_for_a_bias(spacing: str) -> None:
    """The squared mean over its variance has nine degrees of freedom: above 18 in 3.5 % of them."""
    rng = np.random.default_rng(5)
    steps = np.full(4000, 0.05)
    if spacing == "uneven":
        steps[::8] = 1.0
    share = alarms(np.cumsum(steps), rng.normal(size=(len(steps), COMPONENTS)))
    assert share < 0.035
