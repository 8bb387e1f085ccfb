# SPDX-License-Identifier: Apache-2.0
"""From the last pose of a segment to the first of the next: inertial prediction with covariance.

While the odometry is lost, the last state is carried on by the inertial data alone, as one more
preintegrated interval at each frame. Where these data have gaps, they are interpolated, and what a
gap of length T may hide is a constant error of GAP_GYRO T of the rate and GAP_ACCEL T of the
specific force, up to the values for MAX_GAP_S. Source of the propagation: Forster et al., T-RO
2017, eqs. 37 and 59-63.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from vio.geometry import hat, mul3, mul33
from vio.imu import GRAVITY_M_S2, ImuNoise, noise_with_gap, preintegrate

STATE = 15  # rotation (world frame), position, velocity, gyro bias, accel bias
ROTATION, POSITION, VELOCITY, BIASES = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 15)
GAP_GYRO = 0.4  # rad/s for each second of a gap
GAP_ACCEL = 5.0  # m/s^2 for each second of a gap
MAX_GAP_S = 1.0
# Standard deviations where the back end states none: rad, m, m/s, rad/s, m/s^2.
UNKNOWN = np.repeat([0.3, 1.0, 1.0, 0.1, 0.5], 3)


def hidden_by_gap(gap_s: float) -> tuple[float, float]:
    """Return the deviations of rate (rad/s) and specific force (m/s^2) that a gap may hide."""
    gap_s = min(gap_s, MAX_GAP_S)
    return GAP_GYRO * gap_s, GAP_ACCEL * gap_s


class Interval(NamedTuple):
    """Hold the inertial data between two frames: dt_s (M,), gyro (M, 3), accel (M, 3), body frame.

    bridged_s: for how long of it there are no samples.
    """

    dt_s: np.ndarray
    gyro: np.ndarray
    accel: np.ndarray
    bridged_s: float

    def then(self, later: "Interval") -> "Interval":
        """Return this interval and the one that follows it as one."""
        return Interval(
            np.concatenate([self.dt_s, later.dt_s]),
            np.concatenate([self.gyro, later.gyro]),
            np.concatenate([self.accel, later.accel]),
            self.bridged_s + later.bridged_s,
        )


@dataclass(frozen=True)
class KnownState:
    """Hold a body state in the world frame with its covariance (15, 15), in the order of STATE."""

    R: np.ndarray
    p: np.ndarray
    v: np.ndarray
    gyro_bias: np.ndarray
    accel_bias: np.ndarray
    covariance: np.ndarray

    @property
    def position_sigma(self) -> float:
        """Standard deviation of the position, m."""
        return math.sqrt(max(0.0, float(np.trace(self.covariance[POSITION, POSITION]))))

    @property
    def speed_sigma(self) -> float:
        """Standard deviation of the velocity, m/s."""
        return math.sqrt(max(0.0, float(np.trace(self.covariance[VELOCITY, VELOCITY]))))

    def from_here(self, sigma: float = 0.0) -> np.ndarray:
        """Return the covariance (15, 15) counted from this state's own yaw and position.

        sigma: deviation of that yaw (rad) and position (m).
        """
        up = np.array([0.0, 0.0, 1.0])
        M = np.eye(STATE)  # less what an error of the yaw does to rotation and velocity
        M[ROTATION, 2] -= up
        M[POSITION, POSITION] = 0.0
        M[VELOCITY, 2] -= np.cross(up, self.v)
        C = _moved(M, self.covariance)
        gauge = np.arange(2, 6)
        C[gauge, gauge] += sigma**2
        return 0.5 * (C + C.T)

    def after(self, interval: Interval, noise: ImuNoise) -> "KnownState":
        """Return the state at the end of an interval, predicted by its inertial data."""
        T = float(interval.dt_s.sum())
        if T <= 0.0:
            return self
        noisy = noise_with_gap(noise, interval.bridged_s, T, *hidden_by_gap(interval.bridged_s))
        pre = preintegrate(
            interval.dt_s, interval.gyro, interval.accel, self.gyro_bias, self.accel_bias, noisy
        )
        R1 = mul33(self.R, pre.dR)
        dv, dp = mul3(self.R, pre.dv), mul3(self.R, pre.dp)
        g = np.array([0.0, 0.0, -GRAVITY_M_S2])
        F = np.eye(STATE)
        F[ROTATION, BIASES] = _product(R1, pre.J_bias[:3])
        F[VELOCITY, ROTATION] = -hat(dv)
        F[VELOCITY, BIASES] = _product(self.R, pre.J_bias[3:6])
        F[POSITION, ROTATION] = -hat(dp)
        F[POSITION, VELOCITY] = T * np.eye(3)
        F[POSITION, BIASES] = _product(self.R, pre.J_bias[6:9])
        B = np.zeros((STATE, 9))  # of the preintegration's [rotation, velocity, position]
        B[ROTATION, :3], B[VELOCITY, 3:6], B[POSITION, 6:] = R1, self.R, self.R
        walk2 = np.zeros(STATE)
        walk2[9:12], walk2[12:] = noisy.gyro_walk**2 * T, noisy.accel_walk**2 * T
        C = _moved(F, self.covariance) + _moved(B, pre.covariance) + np.diag(walk2)
        return replace(
            self,
            R=R1,
            p=self.p + self.v * T + 0.5 * g * T * T + dp,
            v=self.v + g * T + dv,
            covariance=0.5 * (C + C.T),
        )


class Coast:
    """Carry a known state on by inertial data; intervals with one gap count as a whole."""

    def __init__(self, known: KnownState, noise: ImuNoise) -> None:
        self._known, self._noise = known, noise
        self._gap: Interval | None = (
            None  # data since `_known` with a gap: of one error, as a whole
        )

    def add(self, interval: Interval) -> None:
        """Carry the state to the end of the next interval."""
        if self._gap is not None:
            interval = self._gap.then(interval)
        goes_on = interval.bridged_s > (0.0 if self._gap is None else self._gap.bridged_s)
        self._gap = interval if goes_on else None
        if not goes_on:
            self._known = self._known.after(interval, self._noise)

    @property
    def state(self) -> KnownState:
        """The state at the end of the last interval."""
        return self._known if self._gap is None else self._known.after(self._gap, self._noise)


def _product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    return np.einsum("ij,jk->ik", A, B)


def _moved(A: np.ndarray, C: np.ndarray) -> np.ndarray:
    """Return A C A'."""
    return np.einsum("ij,jk,lk->il", A, C, A)
