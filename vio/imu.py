# SPDX-License-Identifier: Apache-2.0
"""Inertial front end: noise model, on-manifold preintegration, covariance, bias Jacobians.

Source: Forster, Carlone, Dellaert, Scaramuzza, "On-Manifold Preintegration for Real-Time
Visual-Inertial Odometry", T-RO 2017. One difference: a sample's specific force is rotated as at the
middle of its interval (eq. 35: as at its beginning), which removes an error of half an interval's
rotation; docs/odometry/backend.md gives its size.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numba import njit

from vio.geometry import exp_so3, hat, mul3, mul33, mulT33, right_jacobian_so3

GRAVITY_M_S2 = 9.81


@dataclass(frozen=True)
class ImuNoise:
    """Hold the continuous-time noise densities of an inertial sensor, as in EuRoC's sensor.yaml."""

    rate_hz: float = 200.0
    gyro_noise: float = 1.6968e-4  # rad/s/sqrt(Hz)
    gyro_walk: float = 1.9393e-5  # rad/s^2/sqrt(Hz)
    accel_noise: float = 2.0e-3  # m/s^2/sqrt(Hz)
    accel_walk: float = 3.0e-3  # m/s^3/sqrt(Hz)


class Preintegration(NamedTuple):
    """Hold the inertial samples between two times, summed up in the first body frame.

    dt_s: duration. dR: (3, 3). dv: (3,) m/s. dp: (3,) m: rotation, velocity and position change of
    a body without gravity. J_bias: (9, 6), derivative of [rotation (right perturbation), dv, dp]
    by [gyro bias, accel bias]. covariance: (9, 9) in the same order. gyro_bias, accel_bias: (3,),
    the biases it was computed with.
    """

    dt_s: float
    dR: np.ndarray
    dv: np.ndarray
    dp: np.ndarray
    J_bias: np.ndarray
    covariance: np.ndarray
    gyro_bias: np.ndarray
    accel_bias: np.ndarray


@njit(cache=True)
def _integrate(
    dt_s: np.ndarray,
    gyro: np.ndarray,
    accel: np.ndarray,
    gyro_bias: np.ndarray,
    accel_bias: np.ndarray,
    gyro_density: float,
    accel_density: float,
    dR: np.ndarray,
    dv: np.ndarray,
    dp: np.ndarray,
    J: np.ndarray,
    P: np.ndarray,
) -> np.ndarray:
    """Sum up the intervals in place and return dR; see `preintegrate`."""
    T = dR.dtype.type
    half = T(0.5)
    A = np.empty((9, 9), dR.dtype)
    AP = np.empty((9, 9), dR.dtype)
    F = np.empty((3, 3), dR.dtype)
    for k in range(len(dt_s)):
        dt = dt_s[k]
        h = half * dt
        w = gyro[k] - gyro_bias
        a = accel[k] - accel_bias
        E = exp_so3(w * h)
        Jr = right_jacobian_so3(w * h)
        R_mid = mul33(dR, E)
        Ra = mul3(R_mid, a)
        M = mul33(R_mid, hat(a))  # -d(R_mid a)/d(rotation)

        # Bias Jacobians (appendix B): rotation to the middle, then force, then to the end.
        Jm = mulT33(E, J[:3, :3])
        for i in range(3):
            for j in range(3):
                Jm[i, j] -= Jr[i, j] * h
        MJ = mul33(M, Jm)
        for i in range(3):
            for j in range(3):
                J[6 + i, j] += J[3 + i, j] * dt - half * MJ[i, j] * dt * dt
                J[6 + i, 3 + j] += J[3 + i, 3 + j] * dt - half * R_mid[i, j] * dt * dt
                J[3 + i, j] -= MJ[i, j] * dt
                J[3 + i, 3 + j] -= R_mid[i, j] * dt
        Je = mulT33(E, Jm)
        for i in range(3):
            for j in range(3):
                J[i, j] = Je[i, j] - Jr[i, j] * h

        # Covariance (eqs. 62-63): P <- A P A' + B Q B', Q = density^2 / dt.
        MEt = np.empty((3, 3), dR.dtype)  # M E': perturbation at the start seen at the middle
        for i in range(3):
            for j in range(3):
                MEt[i, j] = M[i, 0] * E[j, 0] + M[i, 1] * E[j, 1] + M[i, 2] * E[j, 2]
        E2 = mul33(E, E)
        A[:] = T(0.0)
        for i in range(3):
            for j in range(3):
                A[i, j] = E2[j, i]
                A[3 + i, j] = -MEt[i, j] * dt
                A[6 + i, j] = -half * MEt[i, j] * dt * dt
            A[3 + i, 3 + i] = T(1.0)
            A[6 + i, 6 + i] = T(1.0)
            A[6 + i, 3 + i] = dt
        _mul99(A, P, AP)
        _mul99_transposed(AP, A, P)
        qg = T(gyro_density * gyro_density) * dt
        qa = T(accel_density * accel_density) * dt
        for i in range(3):
            for j in range(3):
                F[i, j] = Jr[i, 0] * Jr[j, 0] + Jr[i, 1] * Jr[j, 1] + Jr[i, 2] * Jr[j, 2]
        for i in range(3):
            for j in range(3):
                P[i, j] += qg * F[i, j]
            P[3 + i, 3 + i] += qa
            P[3 + i, 6 + i] += qa * h
            P[6 + i, 3 + i] += qa * h
            P[6 + i, 6 + i] += qa * h * h

        for i in range(3):
            dp[i] += dv[i] * dt + half * Ra[i] * dt * dt
            dv[i] += Ra[i] * dt
        dR = mul33(R_mid, E)
    return dR


@njit(cache=True)
def _mul99(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    for i in range(9):
        for j in range(9):
            out[i, j] = a[i, 0] * b[0, j]
        for k in range(1, 9):
            for j in range(9):
                out[i, j] += a[i, k] * b[k, j]


@njit(cache=True)
def _mul99_transposed(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    for i in range(9):
        for j in range(9):
            acc = a[i, 0] * b[j, 0]
            for k in range(1, 9):
                acc += a[i, k] * b[j, k]
            out[i, j] = acc


def preintegrate(
    dt_s: np.ndarray,
    gyro_rad_s: np.ndarray,
    accel_m_s2: np.ndarray,
    gyro_bias: np.ndarray,
    accel_bias: np.ndarray,
    noise: ImuNoise,
    dtype: type[np.floating] = np.float64,
) -> Preintegration:
    """Preintegrate N intervals with constant body rate and specific force in each.

    dt_s: (N,) seconds. gyro_rad_s: (N, 3). accel_m_s2: (N, 3). gyro_bias, accel_bias: (3,).
    dtype: float64 or float32, in which everything is computed (the trigonometric series of
    exp_so3 are evaluated in float64 and rounded).
    Source: Forster et al., T-RO 2017, eqs. 33-43, 59-63.
    """
    bg, ba = gyro_bias.astype(dtype), accel_bias.astype(dtype)
    dR = np.eye(3, dtype=dtype)
    dv, dp = np.zeros(3, dtype), np.zeros(3, dtype)
    J, P = np.zeros((9, 6), dtype), np.zeros((9, 9), dtype)
    dt = dt_s.astype(dtype)
    gyro, accel = gyro_rad_s.astype(dtype), accel_m_s2.astype(dtype)
    dR = _integrate(dt, gyro, accel, bg, ba, noise.gyro_noise, noise.accel_noise, dR, dv, dp, J, P)
    return Preintegration(float(dt_s.sum()), dR, dv, dp, J, P, bg, ba)


@njit(cache=True)
def propagate(
    R_world_body: np.ndarray,
    p_world_body: np.ndarray,
    v_world_body: np.ndarray,
    rate_rad_s: np.ndarray,
    force_m_s2: np.ndarray,
    dt_s: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rotation, position and velocity after dt_s of constant rate and specific force (3,).

    The force is rotated as at the middle of the interval, as in `preintegrate`.
    """
    half = exp_so3(rate_rad_s * (0.5 * dt_s))
    R_mid = mul33(R_world_body, half)
    a = mul3(R_mid, force_m_s2)
    a[2] -= GRAVITY_M_S2
    p = p_world_body + v_world_body * dt_s + 0.5 * a * dt_s * dt_s
    return mul33(R_mid, half), p, v_world_body + a * dt_s


@njit(cache=True)
def integrate_rate(dt_s: np.ndarray, gyro_rad_s: np.ndarray, gyro_bias: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) over intervals (M,) of constant rates (M, 3), less a bias (3,)."""
    R = np.eye(3)
    for k in range(len(dt_s)):
        R = mul33(R, exp_so3((gyro_rad_s[k] - gyro_bias) * dt_s[k]))
    return R


class Preintegrate(Protocol):
    """Sum up inertial intervals, as `preintegrate` does."""

    def __call__(
        self,
        dt_s: np.ndarray,
        gyro_rad_s: np.ndarray,
        accel_m_s2: np.ndarray,
        gyro_bias: np.ndarray,
        accel_bias: np.ndarray,
        noise: ImuNoise,
        dtype: type[np.floating] = np.float64,
        /,
    ) -> Preintegration:
        """Return the sum; dtype: of its arrays."""
        ...


def noise_with_gap(
    noise: ImuNoise, bridged_s: float, total_s: float, gyro_rad_s: float, accel_m_s2: float
) -> ImuNoise:
    """Return the densities that cover a gap of bridged_s among the total_s of an interval.

    gyro_rad_s, accel_m_s2: standard deviations of what is not known of rate and specific force in
    the gap, constant over it.
    """
    if bridged_s <= 0.0 or total_s <= 0.0:
        return noise
    spread = bridged_s / math.sqrt(total_s)  # density^2 total = (deviation bridged)^2
    return replace(
        noise,
        gyro_noise=math.hypot(noise.gyro_noise, gyro_rad_s * spread),
        accel_noise=math.hypot(noise.accel_noise, accel_m_s2 * spread),
    )


def intervals(
    t_ns: np.ndarray, gyro: np.ndarray, accel: np.ndarray, start_ns: int, end_ns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut samples into intervals that exactly cover start_ns..end_ns.

    t_ns: (N,) int64 sorted; gyro, accel: (N, 3). Each interval's values are the mean of the
    (linearly interpolated) samples at its two ends; before the first and after the last sample
    the nearest one is held. Returns dt_s (M,), gyro (M, 3), accel (M, 3).
    """
    inside = (t_ns > start_ns) & (t_ns < end_ns)
    # Without a sample inside, the middle is one: a single interval has a singular covariance.
    inner = t_ns[inside] if inside.any() else np.array([(start_ns + end_ns) // 2])
    ends = np.concatenate([[start_ns], inner, [end_ns]])
    x = (ends - start_ns).astype(np.float64)
    xs = (t_ns - start_ns).astype(np.float64)
    values = np.stack([np.interp(x, xs, c) for c in (*gyro.T, *accel.T)], axis=1)
    mean = 0.5 * (values[1:] + values[:-1])
    return np.diff(x) * 1e-9, mean[:, :3], mean[:, 3:]
