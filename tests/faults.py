# SPDX-License-Identifier: Apache-2.0
"""Faults put into a simulation, and how honest the estimates stay: errors against covariances."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from tests.simulation import START_NS, Simulation
from vio.data import State, Status

START_S = 4.0  # of every fault


def _times(sim: Simulation) -> np.ndarray:
    return (sim.imu.t_ns - START_NS) * 1e-9


def accel_step(sim: Simulation, direction: np.ndarray) -> None:
    """Let the accelerometer's bias step by 1 m/s^2."""
    sim.imu.accel_m_s2[_times(sim) >= START_S] += direction


def gyro_step(sim: Simulation, direction: np.ndarray) -> None:
    """Let the gyroscope's bias step by 0.1 rad/s."""
    sim.imu.gyro_rad_s[_times(sim) >= START_S] += 0.1 * direction


def accel_passing(sim: Simulation, direction: np.ndarray) -> None:
    """Disturb the accelerometer by 3 m/s^2 for half a second."""
    t = _times(sim)
    sim.imu.accel_m_s2[(t >= START_S) & (t < START_S + 0.5)] += 3.0 * direction


def accel_spike(sim: Simulation, direction: np.ndarray) -> None:
    """Add 150 m/s^2 to one sample of the accelerometer."""
    sim.imu.accel_m_s2[np.searchsorted(_times(sim), START_S + 0.012)] += 150.0 * direction


def gyro_spike(sim: Simulation, direction: np.ndarray) -> None:
    """Add 10 rad/s to one sample of the gyroscope."""
    sim.imu.gyro_rad_s[np.searchsorted(_times(sim), START_S + 0.012)] += 10.0 * direction


def accel_saturation(sim: Simulation, direction: np.ndarray) -> None:
    """Limit the accelerometer to 6 m/s^2 an axis for half a second."""
    t = _times(sim)
    now = (t >= START_S) & (t < START_S + 0.5)
    sim.imu.accel_m_s2[now] = np.clip(sim.imu.accel_m_s2[now], -6.0, 6.0)


def wrong_tracks(sim: Simulation, direction: np.ndarray) -> None:
    """Let 30 % of the tracks jump by up to 30 pixels in each left image for two seconds."""
    rng = np.random.default_rng(int(1e6 * abs(direction[0])))
    for frame in sim._frames:
        t = (frame.t_ns - START_NS) * 1e-9
        if START_S <= t < START_S + 2.0:
            wrong = rng.random(len(frame.ids)) < 0.3
            frame.uv_left[wrong] += rng.uniform(-30, 30, (np.count_nonzero(wrong), 2))


def moving_fifth(sim: Simulation, direction: np.ndarray) -> None:
    """Let every fifth track drift by 40 pixels a second in both images, for two seconds."""
    for frame in sim._frames:
        t = (frame.t_ns - START_NS) * 1e-9
        if START_S <= t < START_S + 2.0:
            drift = 40.0 * (t - START_S) * direction[:2] / np.linalg.norm(direction[:2])
            moving = frame.ids % 5 == 0
            frame.uv_left[moving] += drift
            frame.uv_right[moving] += drift


FAULTS: dict[str, Callable[[Simulation, np.ndarray], None]] = {
    f.__name__: f
    for f in (
        accel_step,
        gyro_step,
        accel_passing,
        accel_spike,
        gyro_spike,
        accel_saturation,
        wrong_tracks,
        moving_fifth,
    )
}


@dataclass(frozen=True)
class Honesty:
    """Hold what a faulty run gave.

    largest_m: largest position error. within: fraction of the frames with status `tracking` whose
    error is within three reported standard deviations. tracking: fraction of frames with that
    status. recovered: it is the status from 2 s after the fault's end on.
    """

    largest_m: float
    within: float
    tracking: float
    recovered: bool


def faulty(kind: str, seed: int, seconds: float = 10.0) -> Simulation:
    """Return a simulation with a fault of a kind (`none`: without)."""
    sim = Simulation(seed, seconds=seconds)
    if kind != "none":
        direction = np.random.default_rng(1000 + seed).normal(size=3)
        FAULTS[kind](sim, direction / np.linalg.norm(direction))
    return sim


def honesty(sim: Simulation, states: list[State]) -> Honesty:
    """Compare states with the truth, aligned at the first pose in position and yaw."""
    posed = [s for s in states if s.p_world_body is not None]
    first = posed[0]
    R, p = sim.pose((first.t_ns - START_NS) * 1e-9)
    D = Rotation.from_quat(first.q_world_body[[1, 2, 3, 0]]).as_matrix() @ R.T
    W = Rotation.from_euler("z", np.arctan2(D[1, 0] - D[0, 1], D[0, 0] + D[1, 1])).as_matrix()
    offset = first.p_world_body - W @ p
    errors, sigmas = np.zeros((2, len(posed)))
    for k, s in enumerate(posed):
        _, p = sim.pose((s.t_ns - START_NS) * 1e-9)
        errors[k] = np.linalg.norm(s.p_world_body - W @ p - offset)
        sigmas[k] = np.sqrt(np.trace(s.covariance[3:6, 3:6]))
    tracking = np.array([s.status is Status.TRACKING for s in posed])
    late = [s for s in states if s.t_ns - START_NS >= (START_S + 2.0 + 2.0) * 1e9]
    return Honesty(
        float(errors.max()),
        float(np.mean(errors[tracking] <= 3.0 * sigmas[tracking])) if tracking.any() else 1.0,
        float(tracking.mean()),
        all(s.status is Status.TRACKING for s in late),
    )
