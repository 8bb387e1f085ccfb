# SPDX-License-Identifier: Apache-2.0
"""Inertial factors and state differences by the kernels of vio/float32/kernels.py.

All factors of a window go side by side. The mathematics is that of vio/backend/factors.py and
states.py (docs/odometry/backend.md).
"""

from typing import TYPE_CHECKING

import numpy as np

from vio.float32.kernels import Lanes

if TYPE_CHECKING:
    from vio.backend.window import ImuFactor, Window

_HALF = np.float32(0.5)


def _transposed(R: np.ndarray) -> np.ndarray:
    return np.swapaxes(R, -1, -2)


def _cross_rows(lanes: Lanes, rows: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return rows (K, 3, 3) times hat(y) (K, 3): row x y."""
    a, b = rows[..., [1, 2, 0]], rows[..., [2, 0, 1]]
    c, d = y[:, None, [2, 0, 1]], y[:, None, [1, 2, 0]]
    return lanes.downdate(lanes.mul(a, c), b, d)


def imu_rows(
    lanes: Lanes, window: "Window", factors: list["ImuFactor"]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the whitened Jacobians (K, 15, 30), at the first estimates, and residuals (K, 15)."""
    i = np.array([f.slot_i for f in factors])
    j = np.array([f.slot_j for f in factors])
    pre = [f.pre for f in factors]
    dt = np.array([p.dt_s for p in pre], np.float32)[:, None]
    dR = np.stack([p.dR for p in pre])
    J_bias = np.stack([p.J_bias for p in pre])
    dv, dp = np.stack([p.dv for p in pre]), np.stack([p.dp for p in pre])
    bias0 = np.stack([f.bias0 for f in factors])
    gravity = window.gravity[None, :]
    # What velocity and position would be without inertial data: constants of a factor.
    falls_v = lanes.mul(gravity, dt)
    falls_p = lanes.mul(lanes.mul(_HALF, dt), falls_v)

    def moved(x_i: np.ndarray, x_j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        yv = lanes.sub(lanes.sub(x_j[:, 3:6], x_i[:, 3:6]), falls_v)
        yp = lanes.downdate(lanes.sub(x_j[:, :3], x_i[:, :3]), x_i[:, 3:6], dt)
        return yv, lanes.sub(yp, falls_p)

    # Residuals at the current states
    x_i, x_j = window.vec[i], window.vec[j]
    bias = lanes.sub(x_i[:, 6:12], bias0)
    correction = lanes.matvec(J_bias[:, :9, :6], bias)
    turn = lanes.matvec(J_bias[:, :3, :3], bias[:, :3])
    corrected = lanes.matmul(dR, lanes.rotations("so3_exp", turn))
    error = lanes.matmul(
        _transposed(corrected), lanes.matmul(_transposed(window.R[i]), window.R[j])
    )
    yv, yp = moved(x_i, x_j)
    R_T = _transposed(window.R[i])
    r = np.concatenate(
        [
            lanes.log_so3(error),
            lanes.sub(lanes.matvec(R_T, yv), lanes.add(dv, correction[:, 3:6])),
            lanes.sub(lanes.matvec(R_T, yp), lanes.add(dp, correction[:, 6:9])),
            lanes.sub(x_j[:, 6:12], x_i[:, 6:12]),
        ],
        axis=1,
    )

    # Jacobians at the first estimates
    R_i, R_j = window.R_lin[i], window.R_lin[j]
    x_i, x_j = window.vec_lin[i], window.vec_lin[j]
    R_T = _transposed(R_i)
    turn = lanes.matvec(J_bias[:, :3, :3], lanes.sub(x_i[:, 6:9], bias0[:, :3]))
    E = lanes.matmul(
        _transposed(lanes.matmul(dR, lanes.rotations("so3_exp", turn))), lanes.matmul(R_T, R_j)
    )
    inverse = lanes.rotations("so3_inverse_right_jacobian", lanes.log_so3(E))
    by_theta = lanes.matmul(inverse, _transposed(R_j))
    right = lanes.rotations("so3_right_jacobian", turn)
    by_bias = lanes.matmul(
        inverse, lanes.matmul(_transposed(E), lanes.matmul(right, J_bias[:, :3, :3]))
    )
    yv, yp = moved(x_i, x_j)
    J = np.zeros((len(factors), 15, 30), np.float32)
    J[:, :3, :3], J[:, :3, 15:18], J[:, :3, 9:12] = -by_theta, by_theta, -by_bias
    J[:, 3:6, 6:9], J[:, 3:6, 21:24] = -R_T, R_T
    J[:, 6:9, 3:6], J[:, 6:9, 18:21] = -R_T, R_T
    J[:, 6:9, 6:9] = -lanes.mul(R_T, dt[:, :, None])
    J[:, 3:9, 9:15] = -J_bias[:, 3:9, :6]
    J[:, 3:6, :3], J[:, 6:9, :3] = _cross_rows(lanes, R_T, yv), _cross_rows(lanes, R_T, yp)
    six = np.arange(6)
    J[:, 9 + six, 9 + six], J[:, 9 + six, 24 + six] = -1.0, 1.0
    W = np.stack([f.W for f in factors])
    whole = lanes.matmul(W, np.concatenate([J, r[:, :, None]], axis=2))
    return whole[:, :, :30], whole[:, :, 30]


def local_difference(
    lanes: Lanes, window: "Window", slots: np.ndarray, dims: np.ndarray
) -> np.ndarray:
    """Return the difference (n,) of states from their first estimates, as states.py's."""
    if not len(slots):
        return np.zeros(0, np.float32)
    turned = lanes.matmul(window.R[slots], _transposed(window.R_lin[slots]))
    vectors = lanes.sub(window.vec[slots], window.vec_lin[slots])
    whole = np.concatenate([lanes.log_so3(turned), vectors], axis=1)
    return np.concatenate([row[:d] for row, d in zip(whole, dims, strict=True)])


def retract(
    lanes: Lanes, window: "Window", slots: np.ndarray, dims: np.ndarray, dx: np.ndarray
) -> None:
    """Apply the step dx (n,) to the states in `slots`, whose columns follow one another."""
    first = np.concatenate([[0], np.cumsum(dims)[:-1]])
    turns = dx[first[:, None] + np.arange(3)]
    window.R[slots] = lanes.matmul(lanes.rotations("so3_exp", turns), window.R[slots])
    for d in np.unique(dims):
        which = dims == d
        steps = dx[first[which][:, None] + np.arange(3, d)]
        s = slots[which]
        window.vec[s, : d - 3] = lanes.add(window.vec[s, : d - 3], steps)
