# SPDX-License-Identifier: Apache-2.0
"""The layout of a state; its steps and differences, and whitening: compiled, in a fixed order.

A frame's state is a rotation matrix and a row of the window's `vec` (S, 12), whose parts have the
names below. Its error, in the columns of the linear system, is [rotation, then the vector's parts].
"""

import numpy as np
from numba import njit

from vio.backend.solve import cholesky, solve_upper_transposed
from vio.geometry import exp_so3, log_so3, mul3, mul33

# Parts of a state's vector. Compiled functions accept them on vectors, not on matrices.
POSITION, VELOCITY = slice(0, 3), slice(3, 6)
GYRO_BIAS, ACCEL_BIAS = slice(6, 9), slice(9, 12)
BIASES = slice(6, 12)
VECTOR_SIZE = 12
# First columns of the parts of a state's error.
D_ROTATION, D_POSITION, D_VELOCITY, D_GYRO_BIAS, D_ACCEL_BIAS = 0, 3, 6, 9, 12
POSE_COLUMNS = 6  # of an old keyframe: rotation and position only
FULL_COLUMNS = 15  # of a recent frame


@njit(cache=True)
def whitening(covariance: np.ndarray) -> np.ndarray:
    """Return W (n, n) with W'W = covariance^-1; scaled to unit diagonal first for float32.

    A covariance that is not definite to the precision gets a growing part of its diagonal added.
    """
    n = covariance.shape[0]
    s = np.sqrt(np.diag(covariance))
    U = np.empty((n, n), covariance.dtype)
    definite = False
    extra = covariance.dtype.type(0.0)
    while not definite:
        for i in range(n):
            for j in range(n):
                U[i, j] = covariance[i, j] / (s[i] * s[j])
            U[i, i] += extra
        definite = cholesky(U)
        extra = max(covariance.dtype.type(10.0) * extra, covariance.dtype.type(1e-7))
    W = np.empty((n, n), covariance.dtype)
    e = np.zeros(n, covariance.dtype)
    for k in range(n):
        e[:] = covariance.dtype.type(0.0)
        e[k] = covariance.dtype.type(1.0) / s[k]
        W[:, k] = solve_upper_transposed(U, e)
    return W


@njit(cache=True)
def apply_whitening(W: np.ndarray, J: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return W J and W r in a fixed order (no BLAS)."""
    n, m = J.shape
    WJ, Wr = np.zeros((n, m), J.dtype), np.zeros(n, J.dtype)
    for i in range(n):
        for k in range(n):
            f = W[i, k]
            Wr[i] += f * r[k]
            for j in range(m):
                WJ[i, j] += f * J[k, j]
    return WJ, Wr


@njit(cache=True)
def retract(
    R: np.ndarray, vec: np.ndarray, slots: np.ndarray, dims: np.ndarray, dx: np.ndarray
) -> None:
    """Apply the step dx (n,) to the states in `slots`, whose columns follow one another."""
    col = 0
    for k in range(len(slots)):
        s = slots[k]
        moved = mul33(exp_so3(dx[col : col + 3]), R[s])
        for i in range(3):  # assigning the array would compile for seconds
            for j in range(3):
                R[s, i, j] = moved[i, j]
        for i in range(dims[k] - D_POSITION):
            vec[s, i] += dx[col + D_POSITION + i]
        col += dims[k]


@njit(cache=True)
def local_difference(
    R: np.ndarray,
    vec: np.ndarray,
    R_lin: np.ndarray,
    vec_lin: np.ndarray,
    slots: np.ndarray,
    dims: np.ndarray,
) -> np.ndarray:
    """Return the difference (n,) of the states in `slots` from their first estimates."""
    out = np.zeros(np.sum(dims), R.dtype)
    col = 0
    for k in range(len(slots)):
        s = slots[k]
        E = np.empty((3, 3), R.dtype)
        for i in range(3):
            for j in range(3):
                E[i, j] = (
                    R[s, i, 0] * R_lin[s, j, 0]
                    + R[s, i, 1] * R_lin[s, j, 1]
                    + R[s, i, 2] * R_lin[s, j, 2]
                )
        phi = log_so3(E)
        for i in range(3):
            out[col + i] = phi[i]
        for i in range(dims[k] - D_POSITION):
            out[col + D_POSITION + i] = vec[s, i] - vec_lin[s, i]
        col += dims[k]
    return out


@njit(cache=True)
def matvec(A: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return A x in a fixed order (no BLAS)."""
    y = np.zeros(A.shape[0], A.dtype)
    for i in range(A.shape[0]):
        acc = y[i]
        for j in range(A.shape[1]):
            acc += A[i, j] * x[j]
        y[i] = acc
    return y


@njit(cache=True)
def symmetric(P: np.ndarray) -> np.ndarray:
    """Return the symmetric part of P (9, 9)."""
    out = np.empty_like(P)
    half = P.dtype.type(0.5)
    for i in range(9):
        for j in range(9):
            out[i, j] = half * (P[i, j] + P[j, i])
    return out


@njit(cache=True)
def sum_squares(r: np.ndarray) -> float:
    """Return the sum of squares of r (n,) in order."""
    acc = r.dtype.type(0.0)
    for v in r:
        acc += v * v
    return acc


def predict(
    R: np.ndarray,
    vec: np.ndarray,
    dR: np.ndarray,
    dv: np.ndarray,
    dp: np.ndarray,
    dt_s: float,
    gravity: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rotation, position and velocity after a preintegrated interval (Forster, eq. 37)."""
    g = gravity.astype(np.float64)
    R_new = mul33(R, dR.astype(np.float64))
    p, v = vec[POSITION], vec[VELOCITY]
    v_new = v + g * dt_s + mul3(R, dv.astype(np.float64))
    p_new = p + v * dt_s + 0.5 * g * dt_s**2 + mul3(R, dp.astype(np.float64))
    return R_new, p_new, v_new
