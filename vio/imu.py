# SPDX-License-Identifier: Apache-2.0
"""Inertial front end: noise model and on-manifold preintegration."""

from dataclasses import dataclass

GRAVITY_M_S2 = 9.81


@dataclass(frozen=True)
class ImuNoise:
    """Hold the continuous-time noise densities of an inertial sensor, as in EuRoC's sensor.yaml."""

    rate_hz: float = 200.0
    gyro_noise: float = 1.6968e-4  # rad/s/sqrt(Hz)
    gyro_walk: float = 1.9393e-5  # rad/s^2/sqrt(Hz)
    accel_noise: float = 2.0e-3  # m/s^2/sqrt(Hz)
    accel_walk: float = 3.0e-3  # m/s^3/sqrt(Hz)
