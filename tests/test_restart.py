# SPDX-License-Identifier: Apache-2.0
"""A start after `lost` knows the biases from before, and is not misled when they have changed."""

import numpy as np
import pytest

from tests.simulation import START_NS, Simulation, odometry_of
from vio.backend.estimator import Estimator
from vio.backend.init import LEAST_ACCEL_SIGMA, LEAST_GYRO_SIGMA, KnownBiases
from vio.config import load_config
from vio.data import State, Status
from vio.imu import ImuNoise
from vio.odometry import run

BLIND_S = (3.0, 5.0)  # lost after one of the two seconds


def flown(sim: Simulation, *settings: str) -> list[State]:
    """Return the states of the second segment."""
    odometry = odometry_of(sim, load_config("euroc", ['frontend.engine="replay"', *settings]))
    states = [s for s in run(sim, odometry) if s.segment == 2 and s.p_world_body is not None]
    assert states
    return states


def accel_bias_errors() -> list[float]:
    """Return the errors of the accelerometer's bias at the second start of some flights, m/s^2.

    Nothing but the biases is carried on to that start.
    """
    errors = []
    for seed in range(4):
        sim = Simulation(seed, 5.6, blind=BLIND_S)
        first = flown(sim, "init.carried_speed_sigma=0")[0]
        errors.append(float(np.linalg.norm(first.accel_bias_m_s2 - sim.final_bias[3:])))
    return errors


@pytest.mark.slow
def test_the_second_start_knows_the_biases_better_than_one_from_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = accel_bias_errors()
    monkeypatch.setattr(Estimator, "_remember_biases", lambda *_: None)
    assert np.mean(known) < 0.6 * np.mean(accel_bias_errors())


@pytest.mark.slow
@pytest.mark.parametrize(("gyro", "accel"), [(0.05, 0.0), (0.0, 0.5)])
def test_biases_that_changed_while_lost_are_found(gyro: float, accel: float) -> None:
    sim = Simulation(1, 9.0, blind=BLIND_S)
    later = (sim.imu.t_ns - START_NS) * 1e-9 > 4.5
    sim.imu.gyro_rad_s[later] += [gyro, 0.0, 0.0]
    sim.imu.accel_m_s2[later] += [0.0, accel, 0.0]
    states = flown(sim)
    assert states[-1].status is Status.TRACKING
    gyro_error = states[-1].gyro_bias_rad_s - sim.final_bias[:3] - [gyro, 0.0, 0.0]
    accel_error = states[-1].accel_bias_m_s2 - sim.final_bias[3:] - [0.0, accel, 0.0]
    assert np.abs(gyro_error).max() < 0.01
    assert np.abs(accel_error).max() < 0.1


def test_known_biases_become_less_certain_by_their_random_walk() -> None:
    noise = ImuNoise(gyro_walk=1e-3, accel_walk=1e-2)
    known = KnownBiases(0, np.zeros(6), np.repeat([1e-4, 1e-3], 3))
    least = np.repeat([LEAST_GYRO_SIGMA, LEAST_ACCEL_SIGMA], 3)
    assert known.sigma_at(0, noise) == pytest.approx(least, rel=0.01)
    after = known.sigma_at(10**11, noise)  # 100 s
    assert after == pytest.approx(np.hypot(least, np.repeat([1e-2, 1e-1], 3)), rel=0.01)
    assert np.array_equal(known.sigma_at(-(10**9), noise), known.sigma_at(0, noise))
