# SPDX-License-Identifier: Apache-2.0
"""Inertial factors and state differences by the kernels of vio/float32/kernels.py.

All factors of a window go side by side. The mathematics is that of vio/backend/factors.py and
states.py (docs/odometry/backend.md).
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from vio.backend.factors import BIAS_ROWS, POSITION_ROWS, ROTATION_ROWS, VELOCITY_ROWS
from vio.backend.states import (
    BIASES,
    D_ACCEL_BIAS,
    D_GYRO_BIAS,
    D_POSITION,
    D_ROTATION,
    D_VELOCITY,
    FULL_COLUMNS,
    GYRO_BIAS,
    POSITION,
    VELOCITY,
)
from vio.float32.kernels import Kernels

_HALF = np.float32(0.5)


class States(Protocol):
    """Be what has states: a `Window`, or `memory_map.States`. S slots."""

    R: np.ndarray  # (S, 3, 3)
    vec: np.ndarray  # (S, VECTOR_SIZE)
    R_lin: np.ndarray  # first estimates
    vec_lin: np.ndarray
    gravity: np.ndarray  # (3,)


class Factor(Protocol):
    """Be an inertial factor: an `ImuFactor`, or `memory_map.Factor`."""

    slot_i: int
    slot_j: int
    pre: Any  # dt_s, dR, dv, dp and J_bias, as of a `Preintegration`
    W: np.ndarray  # (15, 15)
    bias0: np.ndarray  # (6,)


def _transposed(R: np.ndarray) -> np.ndarray:
    return np.swapaxes(R, -1, -2)


def _cross_rows(kernels: Kernels, rows: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return rows (K, 3, 3) times hat(y) (K, 3): row x y."""
    a, b = rows[..., [1, 2, 0]], rows[..., [2, 0, 1]]
    c, d = y[:, None, [2, 0, 1]], y[:, None, [1, 2, 0]]
    return kernels.downdate(kernels.mul(a, c), b, d)


def _columns(*firsts: int) -> np.ndarray:
    return np.concatenate([np.arange(3) + first for first in firsts] + [[2 * FULL_COLUMNS]])


_RESIDUAL = 2 * FULL_COLUMNS
_OF_J = FULL_COLUMNS  # first column of the second state
# Columns of each row [first state 15 | second state 15 | residual] that are not zero by structure.
FILLED = (
    *[_columns(D_ROTATION, D_GYRO_BIAS, _OF_J + D_ROTATION)] * 3,
    *[_columns(
        D_ROTATION, D_VELOCITY, D_GYRO_BIAS, D_ACCEL_BIAS, _OF_J + D_VELOCITY
    )] * 3,
    *[_columns(
        D_ROTATION, D_POSITION, D_VELOCITY, D_GYRO_BIAS, D_ACCEL_BIAS, _OF_J + D_POSITION
    )] * 3,
    *[np.array([D_GYRO_BIAS + k, _OF_J + D_GYRO_BIAS + k, _RESIDUAL]) for k in range(6)],
)  # fmt: skip
MOTION_ROWS = BIAS_ROWS.start


def imu_rows(
    kernels: Kernels, states: States, factors: Sequence[Factor]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the whitened Jacobians (K, 15, 30), at the first estimates, and residuals (K, 15)."""
    whole = whitened(
        kernels, np.stack([f.W for f in factors]), factor_rows(kernels, states, factors)
    )
    return whole[:, :, :-1], whole[:, :, -1]


def whitened(kernels: Kernels, W: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return W times rows (K, 15, 31): W is a lower triangle of 9 rows, and a diagonal of 6.

    Sums begin with zero and take their terms in the order of W's columns; what is zero by structure
    is left out.
    """
    out: np.ndarray = np.zeros(rows.shape, kernels.dtype)
    for k, at in enumerate(FILLED):
        below = slice(k, MOTION_ROWS) if k < MOTION_ROWS else slice(k, k + 1)
        out[:, below, at] = kernels.multiply_add(
            out[:, below, at], W[:, below, k, None], rows[:, k][:, None, at]
        )
    return out


def factor_rows(kernels: Kernels, states: States, factors: Sequence[Factor]) -> np.ndarray:
    """Return rows (K, 15, 31): the Jacobians at the first estimates, beside them the residuals."""
    i = np.array([f.slot_i for f in factors])
    j = np.array([f.slot_j for f in factors])
    pre = [f.pre for f in factors]
    dt: np.ndarray = np.array([p.dt_s for p in pre], kernels.dtype)[:, None]
    dR = np.stack([p.dR for p in pre])
    J_bias = np.stack([p.J_bias for p in pre])
    dv, dp = np.stack([p.dv for p in pre]), np.stack([p.dp for p in pre])
    bias0 = np.stack([f.bias0 for f in factors])
    gravity = states.gravity[None, :]
    # What velocity and position would be without inertial data: constants of a factor.
    falls_v = kernels.mul(gravity, dt)
    falls_p = kernels.mul(kernels.mul(_HALF, dt), falls_v)

    def moved(x_i: np.ndarray, x_j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        v_i = x_i[:, VELOCITY]
        yv = kernels.sub(kernels.sub(x_j[:, VELOCITY], v_i), falls_v)
        yp = kernels.downdate(kernels.sub(x_j[:, POSITION], x_i[:, POSITION]), v_i, dt)
        return yv, kernels.sub(yp, falls_p)

    # Residuals at the current states
    x_i, x_j = states.vec[i], states.vec[j]
    bias = kernels.sub(x_i[:, BIASES], bias0)
    correction = kernels.matvec(J_bias[:, :9, :6], bias)
    rotation = kernels.matvec(J_bias[:, ROTATION_ROWS, :3], bias[:, :3])
    corrected = kernels.matmul(dR, kernels.rotations("so3_exp", rotation))
    error = kernels.matmul(
        _transposed(corrected), kernels.matmul(_transposed(states.R[i]), states.R[j])
    )
    yv, yp = moved(x_i, x_j)
    R_T = _transposed(states.R[i])
    r = np.concatenate(
        [
            kernels.log_so3(error),
            kernels.sub(kernels.matvec(R_T, yv), kernels.add(dv, correction[:, VELOCITY_ROWS])),
            kernels.sub(kernels.matvec(R_T, yp), kernels.add(dp, correction[:, POSITION_ROWS])),
            kernels.sub(x_j[:, BIASES], x_i[:, BIASES]),
        ],
        axis=1,
    )

    # Jacobians at the first estimates
    R_i, R_j = states.R_lin[i], states.R_lin[j]
    x_i, x_j = states.vec_lin[i], states.vec_lin[j]
    R_T = _transposed(R_i)
    bias = kernels.sub(x_i[:, GYRO_BIAS], bias0[:, :3])
    rotation = kernels.matvec(J_bias[:, ROTATION_ROWS, :3], bias)
    corrected = kernels.matmul(dR, kernels.rotations("so3_exp", rotation))
    E = kernels.matmul(_transposed(corrected), kernels.matmul(R_T, R_j))
    inverse = kernels.rotations("so3_inverse_right_jacobian", kernels.log_so3(E))
    by_theta = kernels.matmul(inverse, _transposed(R_j))
    right = kernels.rotations("so3_right_jacobian", rotation)
    by_bias = kernels.matmul(
        inverse, kernels.matmul(_transposed(E), kernels.matmul(right, J_bias[:, ROTATION_ROWS, :3]))
    )
    yv, yp = moved(x_i, x_j)
    J: np.ndarray = np.zeros((len(factors), FULL_COLUMNS, 2 * FULL_COLUMNS), kernels.dtype)
    for rows, column, block in (
        (ROTATION_ROWS, D_ROTATION, -by_theta),
        (ROTATION_ROWS, FULL_COLUMNS + D_ROTATION, by_theta),
        (ROTATION_ROWS, D_GYRO_BIAS, -by_bias),
        (VELOCITY_ROWS, D_ROTATION, _cross_rows(kernels, R_T, yv)),
        (VELOCITY_ROWS, D_VELOCITY, -R_T),
        (VELOCITY_ROWS, FULL_COLUMNS + D_VELOCITY, R_T),
        (VELOCITY_ROWS, D_GYRO_BIAS, -J_bias[:, VELOCITY_ROWS, :3]),
        (VELOCITY_ROWS, D_ACCEL_BIAS, -J_bias[:, VELOCITY_ROWS, 3:]),
        (POSITION_ROWS, D_ROTATION, _cross_rows(kernels, R_T, yp)),
        (POSITION_ROWS, D_POSITION, -R_T),
        (POSITION_ROWS, FULL_COLUMNS + D_POSITION, R_T),
        (POSITION_ROWS, D_VELOCITY, -kernels.mul(R_T, dt[:, :, None])),
        (POSITION_ROWS, D_GYRO_BIAS, -J_bias[:, POSITION_ROWS, :3]),
        (POSITION_ROWS, D_ACCEL_BIAS, -J_bias[:, POSITION_ROWS, 3:]),
    ):
        J[:, rows, column : column + 3] = block
    six = np.arange(6)
    J[:, BIAS_ROWS.start + six, D_GYRO_BIAS + six] = -1.0
    J[:, BIAS_ROWS.start + six, FULL_COLUMNS + D_GYRO_BIAS + six] = 1.0
    return np.concatenate([J, r[:, :, None]], axis=2)


def local_difference(
    kernels: Kernels, states: States, slots: np.ndarray, dims: np.ndarray
) -> np.ndarray:
    """Return the difference (n,) of states from their first estimates, as states.py's."""
    if not len(slots):
        return np.zeros(0, np.float32)
    rotated = kernels.matmul(states.R[slots], _transposed(states.R_lin[slots]))
    vectors = kernels.sub(states.vec[slots], states.vec_lin[slots])
    whole = np.concatenate([kernels.log_so3(rotated), vectors], axis=1)
    return np.concatenate([row[:d] for row, d in zip(whole, dims, strict=True)])


def retract(
    kernels: Kernels, states: States, slots: np.ndarray, dims: np.ndarray, dx: np.ndarray
) -> None:
    """Apply the step dx (n,) to the states in `slots`, whose columns follow one another."""
    first = np.concatenate([[0], np.cumsum(dims)[:-1]])
    rotations = dx[first[:, None] + np.arange(D_POSITION)]
    states.R[slots] = kernels.matmul(kernels.rotations("so3_exp", rotations), states.R[slots])
    for d in np.unique(dims):
        which = dims == d
        steps = dx[first[which][:, None] + np.arange(D_POSITION, d)]
        s = slots[which]
        count = d - D_POSITION
        states.vec[s, :count] = kernels.add(states.vec[s, :count], steps)
