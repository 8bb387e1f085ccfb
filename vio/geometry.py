# SPDX-License-Identifier: Apache-2.0
"""Rotations and rigid transforms: SO(3) exp/log and its Jacobians, quaternions, SE(3) matrices.

Everything here is compiled by numba and uses only +, -, *, / and sqrt (correctly rounded by IEEE
754), with polynomials for the trigonometric series, so that results do not depend on the C library
or the CPU. Functions keep the floating type of their argument (float32 or float64).
Conventions: Hamilton quaternions in wxyz order; a rotation perturbation acts on the left.
Source: Forster et al., "On-Manifold Preintegration", T-RO 2017, eqs. 1-8; Sola et al.,
"A micro Lie theory for state estimation in robotics", 2018.
"""

import math

import numpy as np
from numba import njit

_TWO_PI = 2.0 * math.pi


@njit(cache=True)
def hat(v: np.ndarray) -> np.ndarray:
    """Return the (3, 3) skew-symmetric matrix with hat(v) @ x = cross(v, x); v has shape (3,)."""
    m = np.zeros((3, 3), v.dtype)
    m[0, 1] = -v[2]
    m[0, 2] = v[1]
    m[1, 0] = v[2]
    m[1, 2] = -v[0]
    m[2, 0] = -v[1]
    m[2, 1] = v[0]
    return m


@njit(cache=True)
def mul33(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the product of two (3, 3) matrices in a fixed order of operations (no BLAS)."""
    c = np.empty((3, 3), a.dtype)
    for i in range(3):
        for j in range(3):
            c[i, j] = a[i, 0] * b[0, j] + a[i, 1] * b[1, j] + a[i, 2] * b[2, j]
    return c


@njit(cache=True)
def mulT33(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a.T @ b for two (3, 3) matrices in a fixed order of operations (no BLAS)."""
    c = np.empty((3, 3), a.dtype)
    for i in range(3):
        for j in range(3):
            c[i, j] = a[0, i] * b[0, j] + a[1, i] * b[1, j] + a[2, i] * b[2, j]
    return c


@njit(cache=True)
def mul3(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return a @ x for a (3, 3) matrix and a (3,) vector in a fixed order (no BLAS)."""
    y = np.empty(3, a.dtype)
    for i in range(3):
        y[i] = a[i, 0] * x[0] + a[i, 1] * x[1] + a[i, 2] * x[2]
    return y


@njit(cache=True)
def mulT3(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return a.T @ x for a (3, 3) matrix and a (3,) vector in a fixed order (no BLAS)."""
    y = np.empty(3, a.dtype)
    for i in range(3):
        y[i] = a[0, i] * x[0] + a[1, i] * x[1] + a[2, i] * x[2]
    return y


@njit(cache=True)
def _series(x: float, first: int) -> float:
    """Return sum_k (-x)^k first! / (first + 2k)! by Horner with 15 terms: exact for 0 <= x <= 10.

    first = 0: cos(t), 1: sin(t)/t, 2: 2 (1 - cos t)/t^2, 3: 6 (t - sin t)/t^3, with x = t^2.
    """
    acc = 1.0
    for k in range(15, 0, -1):
        acc = 1.0 - acc * x / ((first + 2.0 * k) * (first + 2.0 * k - 1.0))
    return acc


@njit(cache=True)
def _wrap(phi: np.ndarray) -> tuple[float, float, float, float]:
    """Return the rotation vector with its angle reduced to [-pi, pi], and its squared angle."""
    x, y, z = float(phi[0]), float(phi[1]), float(phi[2])
    t2 = x * x + y * y + z * z
    if t2 > 9.869604401089358:  # pi^2
        t = math.sqrt(t2)
        s = (t - _TWO_PI * math.floor(t / _TWO_PI + 0.5)) / t
        x, y, z = x * s, y * s, z * s
        t2 = x * x + y * y + z * z
    return x, y, z, t2


@njit(cache=True)
def exp_so3(phi: np.ndarray) -> np.ndarray:
    """Return the (3, 3) rotation of the rotation vector phi (3,) in radians (Rodrigues)."""
    x, y, z, t2 = _wrap(phi)
    a = _series(t2, 1)
    b = 0.5 * _series(t2, 2)
    r = np.empty((3, 3), phi.dtype)
    r[0, 0] = 1.0 - b * (y * y + z * z)
    r[0, 1] = b * x * y - a * z
    r[0, 2] = b * x * z + a * y
    r[1, 0] = b * x * y + a * z
    r[1, 1] = 1.0 - b * (x * x + z * z)
    r[1, 2] = b * y * z - a * x
    r[2, 0] = b * x * z - a * y
    r[2, 1] = b * y * z + a * x
    r[2, 2] = 1.0 - b * (x * x + y * y)
    return r


@njit(cache=True)
def _atan2_positive(y: float, x: float) -> float:
    """Return atan2(y, x) for y >= 0 with +, -, *, / and sqrt only (error below 4e-16)."""
    if y == 0.0:
        return 0.0 if x >= 0.0 else math.pi
    # Three half-angle steps bring the angle below pi/8: tan(t/2) = y / (x + r).
    r = math.sqrt(x * x + y * y)
    c, s = x / r, y / r
    for _ in range(3):
        c = math.sqrt(max(0.0, 0.5 * (1.0 + c)))
        s = 0.5 * s / c if c > 1e-8 else 1.0
    u = s / c
    u2 = u * u
    acc = 0.0
    for k in range(20, -1, -1):
        acc = 1.0 / (2.0 * k + 1.0) - u2 * acc
    return 8.0 * u * acc


@njit(cache=True)
def quaternion_from_matrix(r: np.ndarray) -> np.ndarray:
    """Return the wxyz quaternion (4,) with w >= 0 of a rotation matrix (3, 3)."""
    q = np.empty(4, np.float64)
    t = r[0, 0] + r[1, 1] + r[2, 2]
    if t > 0.0:
        s = math.sqrt(t + 1.0) * 2.0
        q[0] = 0.25 * s
        q[1] = (r[2, 1] - r[1, 2]) / s
        q[2] = (r[0, 2] - r[2, 0]) / s
        q[3] = (r[1, 0] - r[0, 1]) / s
    else:
        i = 0
        if r[1, 1] > r[0, 0]:
            i = 1
        if r[2, 2] > r[i, i]:
            i = 2
        j = (i + 1) % 3
        k = (i + 2) % 3
        s = math.sqrt(max(r[i, i] - r[j, j] - r[k, k] + 1.0, 1e-30)) * 2.0
        q[0] = (r[k, j] - r[j, k]) / s
        q[1 + i] = 0.25 * s
        q[1 + j] = (r[j, i] + r[i, j]) / s
        q[1 + k] = (r[k, i] + r[i, k]) / s
    n = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    if q[0] < 0.0:
        n = -n
    for m in range(4):
        q[m] /= n
    return q.astype(r.dtype)


@njit(cache=True)
def matrix_from_quaternion(q: np.ndarray) -> np.ndarray:
    """Return the (3, 3) rotation matrix of a wxyz quaternion (4,), which need not be unit."""
    n = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    w, x, y, z = q[0] / n, q[1] / n, q[2] / n, q[3] / n
    r = np.empty((3, 3), q.dtype)
    r[0, 0] = 1.0 - 2.0 * (y * y + z * z)
    r[0, 1] = 2.0 * (x * y - w * z)
    r[0, 2] = 2.0 * (x * z + w * y)
    r[1, 0] = 2.0 * (x * y + w * z)
    r[1, 1] = 1.0 - 2.0 * (x * x + z * z)
    r[1, 2] = 2.0 * (y * z - w * x)
    r[2, 0] = 2.0 * (x * z - w * y)
    r[2, 1] = 2.0 * (y * z + w * x)
    r[2, 2] = 1.0 - 2.0 * (x * x + y * y)
    return r


@njit(cache=True)
def log_so3(r: np.ndarray) -> np.ndarray:
    """Return the rotation vector (3,), angle in [0, pi], of a rotation matrix (3, 3)."""
    q = quaternion_from_matrix(r)
    w = float(q[0])
    n = math.sqrt(float(q[1]) * q[1] + float(q[2]) * q[2] + float(q[3]) * q[3])
    s = 2.0 if n < 1e-20 else 2.0 * _atan2_positive(n, w) / n
    phi = np.empty(3, r.dtype)
    for i in range(3):
        phi[i] = s * q[1 + i]
    return phi


@njit(cache=True)
def right_jacobian_so3(phi: np.ndarray) -> np.ndarray:
    """Return Jr(phi) (3, 3): Exp(phi + d) ~ Exp(phi) Exp(Jr(phi) d) (Forster et al., eq. 8)."""
    x, y, z = float(phi[0]), float(phi[1]), float(phi[2])
    t2 = x * x + y * y + z * z
    b = 0.5 * _series(t2, 2)
    c = _series(t2, 3) / 6.0
    j = np.empty((3, 3), phi.dtype)
    j[0, 0] = 1.0 - c * (y * y + z * z)
    j[0, 1] = c * x * y + b * z
    j[0, 2] = c * x * z - b * y
    j[1, 0] = c * x * y - b * z
    j[1, 1] = 1.0 - c * (x * x + z * z)
    j[1, 2] = c * y * z + b * x
    j[2, 0] = c * x * z + b * y
    j[2, 1] = c * y * z - b * x
    j[2, 2] = 1.0 - c * (x * x + y * y)
    return j


@njit(cache=True)
def inverse_right_jacobian_so3(phi: np.ndarray) -> np.ndarray:
    """Return Jr(phi)^-1 (3, 3): Log(Exp(phi) Exp(d)) ~ phi + Jr^-1(phi) d, for |phi| < pi."""
    x, y, z = float(phi[0]), float(phi[1]), float(phi[2])
    t2 = x * x + y * y + z * z
    # c = 1/t^2 - (1 + cos t) / (2 t sin t) = (2 S3 - S4) / (12 S2) in the series above, which
    # needs no branch at t = 0.
    s2 = _series(t2, 2)
    c = (2.0 * _series(t2, 3) - _series(t2, 4)) / (12.0 * s2)
    j = np.empty((3, 3), phi.dtype)
    j[0, 0] = 1.0 - c * (y * y + z * z)
    j[0, 1] = c * x * y - 0.5 * z
    j[0, 2] = c * x * z + 0.5 * y
    j[1, 0] = c * x * y + 0.5 * z
    j[1, 1] = 1.0 - c * (x * x + z * z)
    j[1, 2] = c * y * z - 0.5 * x
    j[2, 0] = c * x * z - 0.5 * y
    j[2, 1] = c * y * z + 0.5 * x
    j[2, 2] = 1.0 - c * (x * x + y * y)
    return j


def invert_transform(T: np.ndarray) -> np.ndarray:
    """Return the inverse of a rigid transform (4, 4)."""
    out = np.eye(4, dtype=T.dtype)
    out[:3, :3] = T[:3, :3].T
    out[:3, 3] = -T[:3, :3].T @ T[:3, 3]
    return out


def transform_from(R: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the (4, 4) rigid transform with rotation R (3, 3) and translation p (3,) in metres."""
    T = np.eye(4)
    T[:3, :3] = R
    T[:3, 3] = p
    return T
