# SPDX-License-Identifier: Apache-2.0
"""Inertial samples of a spline: exact specific force and rate, then the sensor's imperfections."""

from dataclasses import dataclass, field

import numpy as np

from vio.imu import GRAVITY_M_S2, ImuNoise
from vio.render.spline import SplineTrajectory


@dataclass(frozen=True)
class ImuModel:
    """Hold an inertial sensor: noise, first biases, ranges and steps (defaults: ADIS16448).

    gyro_bias_rad_s, accel_bias_m_s2: deviations of the first biases, drawn by the seed.
    gyro_range_rad_s, accel_range_m_s2: saturation. gyro_step_rad_s, accel_step_m_s2: quantisation.
    """

    noise: ImuNoise = field(default_factory=ImuNoise)
    gyro_bias_rad_s: float = 0.04
    accel_bias_m_s2: float = 0.08
    gyro_range_rad_s: float = 17.45
    accel_range_m_s2: float = 176.0
    gyro_step_rad_s: float = 6.98e-4
    accel_step_m_s2: float = 8.17e-3


@dataclass(frozen=True)
class InertialData:
    """Hold N samples with the biases that were in them: t_ns (N,), the rest (N, 3)."""

    t_ns: np.ndarray
    gyro_rad_s: np.ndarray
    accel_m_s2: np.ndarray
    gyro_bias_rad_s: np.ndarray
    accel_bias_m_s2: np.ndarray


def ideal_imu(trajectory: SplineTrajectory, t_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact rate (N, 3) rad/s and specific force (N, 3) m/s^2 in the body frame."""
    motion = trajectory.at(t_ns)
    force = motion.a_world_body + np.array([0.0, 0.0, GRAVITY_M_S2])
    return motion.w_body, np.einsum("nji,nj->ni", motion.R_world_body, force)


def _sense(
    exact: np.ndarray,
    density: float,
    walk: float,
    start: float,
    rate_hz: float,
    limit: float,
    step: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the readings and the bias: white noise, random walk, saturation, quantisation."""
    n = len(exact)
    bias = start * rng.standard_normal(3) + np.cumsum(
        walk / np.sqrt(rate_hz) * rng.standard_normal((n, 3)), axis=0
    )
    reading = exact + bias + density * np.sqrt(rate_hz) * rng.standard_normal((n, 3))
    reading = np.clip(reading, -limit, limit)
    return np.rint(reading / step) * step, bias


def make_imu(
    trajectory: SplineTrajectory, model: ImuModel, seed: int, offset_ns: int = 0
) -> InertialData:
    """Return the samples over the whole trajectory; time stamps are shifted by offset_ns.

    Discrete white noise has the deviation density * sqrt(rate), the walk's step is
    walk / sqrt(rate) (Crassidis, "Sigma-Point Kalman Filtering for INS/GPS", 2006).
    """
    rate = model.noise.rate_hz
    count = int((trajectory.end_ns - trajectory.start_ns) * 1e-9 * rate) + 1
    t = trajectory.start_ns + np.rint(np.arange(count) * (1e9 / rate)).astype(np.int64)
    gyro, accel = ideal_imu(trajectory, t)
    noise = model.noise
    gyro, gyro_bias = _sense(
        gyro, noise.gyro_noise, noise.gyro_walk, model.gyro_bias_rad_s, rate,
        model.gyro_range_rad_s, model.gyro_step_rad_s, np.random.default_rng([seed, 17]),
    )  # fmt: skip
    accel, accel_bias = _sense(
        accel, noise.accel_noise, noise.accel_walk, model.accel_bias_m_s2, rate,
        model.accel_range_m_s2, model.accel_step_m_s2, np.random.default_rng([seed, 19]),
    )  # fmt: skip
    return InertialData(t + offset_ns, gyro, accel, gyro_bias, accel_bias)
