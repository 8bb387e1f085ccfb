# SPDX-License-Identifier: Apache-2.0
"""NEES of the pose with the true noise over a minute of motion; and the defects that it detects."""

from functools import cache

import numpy as np
import pytest

from tests.consistency import (
    PIXEL_SIGMA,
    YAW_SIGMA_RAD,
    make_simulation,
    pose_nees,
    run_experiment,
    true_noise_config,
)
from vio.data import Status

SEEDS = (0, 1, 2)
BAND = (0.7, 1.6)  # of the mean over the seeds


@cache
def measured(pixel_sigma: float, first_estimates: bool) -> tuple[float, float]:
    """Return NEES / 6 of the pose, and the last standard deviation of yaw, means over the seeds."""
    values = []
    for seed in SEEDS:
        sim = make_simulation(seed)
        states, R, p = run_experiment(sim, true_noise_config(pixel_sigma), first_estimates)
        assert states[-1].status is Status.TRACKING
        assert states[-1].segment == 1
        yaw_sigma = np.sqrt(states[-1].covariance[2, 2])
        values.append((pose_nees(sim, states, R, p)[:, 0].mean(), yaw_sigma))
    nees, sigma = np.mean(values, axis=0)
    return float(nees), float(sigma)


@pytest.mark.slow
def test_with_the_true_noise_the_errors_are_as_large_as_the_covariance_states() -> None:
    nees, yaw_sigma = measured(PIXEL_SIGMA, True)
    assert BAND[0] < nees < BAND[1]
    assert yaw_sigma > YAW_SIGMA_RAD  # nothing that was seen can tell the yaw of the start


@pytest.mark.slow
def test_pixel_noise_understated_by_30_percent_leaves_the_band() -> None:
    nees, _ = measured(0.7 * PIXEL_SIGMA, True)
    assert nees > BAND[1]


@pytest.mark.slow
def test_without_first_estimate_jacobians_the_band_is_left_and_yaw_seems_known() -> None:
    nees, yaw_sigma = measured(PIXEL_SIGMA, False)
    assert nees > BAND[1]
    assert yaw_sigma < 0.6 * YAW_SIGMA_RAD
