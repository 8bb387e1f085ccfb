# SPDX-License-Identifier: Apache-2.0
"""Residuals and Jacobians of the window: inertial factors and one landmark's observations.

States perturb on the left in the world frame: R <- Exp(dtheta) R, everything else adds up.
Vector states lie in `vec` (S, 12) = [p, v, gyro bias, accel bias] beside `R` (S, 3, 3), one row a
slot; vio/backend/states.py names their parts. The suffix _lin marks first-estimate values:
Jacobians are taken there, residuals at the current values (Huang, Mourikis, Roumeliotis, IJRR
2010). Derivations: docs/odometry/backend.md.
"""

import numpy as np
from numba import njit

from vio.backend.states import (
    BIASES,
    D_ACCEL_BIAS,
    D_GYRO_BIAS,
    D_POSITION,
    D_ROTATION,
    D_VELOCITY,
    FULL_COLUMNS,
    POSITION,
    VELOCITY,
)
from vio.geometry import (
    exp_so3,
    inverse_right_jacobian_so3,
    log_so3,
    mul33,
    mulT3,
    mulT33,
    right_jacobian_so3,
)

# Rows of the inertial residual, and the first of each (compiled functions slice no matrices).
ROTATION_ROWS, VELOCITY_ROWS = slice(0, 3), slice(3, 6)
POSITION_ROWS, BIAS_ROWS = slice(6, 9), slice(9, 15)
_ROTATION, _VELOCITY, _POSITION, _BIAS = 0, 3, 6, 9
_SECOND = FULL_COLUMNS  # first column of the second state


@njit(cache=True)
def imu_residual(
    R_i: np.ndarray,
    x_i: np.ndarray,
    R_j: np.ndarray,
    x_j: np.ndarray,
    dt: float,
    dR: np.ndarray,
    dv: np.ndarray,
    dp: np.ndarray,
    J_bias: np.ndarray,
    bias0: np.ndarray,
    gravity: np.ndarray,
) -> np.ndarray:
    """Return the raw residual (15,) [rotation, velocity, position, gyro bias, accel bias].

    x_i, x_j: (12,) [p, v, bg, ba]; bias0 (6,): biases of the preintegration; gravity (3,) m/s^2.
    Source: Forster et al., T-RO 2017, eqs. 44-45 and 48.
    """
    T = dR.dtype.type
    db = x_i[BIASES] - bias0
    cR, cv, cp = np.zeros(3, dR.dtype), dv.copy(), dp.copy()
    for a in range(3):
        for b in range(3):
            cR[a] += J_bias[a, b] * db[b]
        for b in range(6):
            cv[a] += J_bias[_VELOCITY + a, b] * db[b]
            cp[a] += J_bias[_POSITION + a, b] * db[b]
    half = T(0.5)
    r = np.empty(15, dR.dtype)
    dRc = mul33(dR, exp_so3(cR))
    p_i, v_i, p_j, v_j = x_i[POSITION], x_i[VELOCITY], x_j[POSITION], x_j[VELOCITY]
    r[ROTATION_ROWS] = log_so3(mulT33(dRc, mulT33(R_i, R_j)))
    r[VELOCITY_ROWS] = mulT3(R_i, v_j - v_i - gravity * dt) - cv
    r[POSITION_ROWS] = mulT3(R_i, p_j - p_i - v_i * dt - half * dt * dt * gravity) - cp
    r[BIAS_ROWS] = x_j[BIASES] - x_i[BIASES]
    return r


@njit(cache=True)
def imu_jacobian(
    R_i: np.ndarray,
    x_i: np.ndarray,
    R_j: np.ndarray,
    x_j: np.ndarray,
    dt: float,
    dR: np.ndarray,
    J_bias: np.ndarray,
    bias0: np.ndarray,
    gravity: np.ndarray,
) -> np.ndarray:
    """Return the Jacobian (15, 30) of `imu_residual` by [theta, p, v, bg, ba] of i, then of j."""
    T = dR.dtype.type
    half = T(0.5)
    J = np.zeros((15, 30), dR.dtype)
    cR = np.zeros(3, dR.dtype)
    bias_i = x_i[BIASES]
    for a in range(3):
        for b in range(3):
            cR[a] += J_bias[a, b] * (bias_i[b] - bias0[b])
    E = mulT33(mul33(dR, exp_so3(cR)), mulT33(R_i, R_j))
    Jr_inv = inverse_right_jacobian_so3(log_so3(E))
    # rotation: E Exp(R_j' dtheta_j), E Exp(-R_j' dtheta_i), Exp(-Jr(cR) J_R_bg dbg) E
    JRt = np.empty((3, 3), dR.dtype)
    for a in range(3):
        for b in range(3):
            JRt[a, b] = (
                Jr_inv[a, 0] * R_j[b, 0] + Jr_inv[a, 1] * R_j[b, 1] + Jr_inv[a, 2] * R_j[b, 2]
            )
    Jb = mul33(Jr_inv, mulT33(E, mul33(right_jacobian_so3(cR), J_bias[:3, :3])))
    # velocity and position: R_i' Exp(-dtheta_i) y = R_i' y + R_i' hat(y) dtheta_i
    p_i, v_i, p_j, v_j = x_i[POSITION], x_i[VELOCITY], x_j[POSITION], x_j[VELOCITY]
    yv = v_j - v_i - gravity * dt
    yp = p_j - p_i - v_i * dt - half * dt * dt * gravity
    for a in range(3):
        for b in range(3):
            J[_ROTATION + a, D_ROTATION + b] = -JRt[a, b]
            J[_ROTATION + a, _SECOND + D_ROTATION + b] = JRt[a, b]
            J[_ROTATION + a, D_GYRO_BIAS + b] = -Jb[a, b]
            J[_VELOCITY + a, D_VELOCITY + b] = -R_i[b, a]
            J[_VELOCITY + a, _SECOND + D_VELOCITY + b] = R_i[b, a]
            J[_POSITION + a, D_POSITION + b] = -R_i[b, a]
            J[_POSITION + a, _SECOND + D_POSITION + b] = R_i[b, a]
            J[_POSITION + a, D_VELOCITY + b] = -R_i[b, a] * dt
            J[_VELOCITY + a, D_GYRO_BIAS + b] = -J_bias[_VELOCITY + a, b]
            J[_VELOCITY + a, D_ACCEL_BIAS + b] = -J_bias[_VELOCITY + a, 3 + b]
            J[_POSITION + a, D_GYRO_BIAS + b] = -J_bias[_POSITION + a, b]
            J[_POSITION + a, D_ACCEL_BIAS + b] = -J_bias[_POSITION + a, 3 + b]
        # row a of R_i' times hat(y)
        r0, r1, r2 = R_i[0, a], R_i[1, a], R_i[2, a]
        J[_VELOCITY + a, D_ROTATION] = r1 * yv[2] - r2 * yv[1]
        J[_VELOCITY + a, D_ROTATION + 1] = r2 * yv[0] - r0 * yv[2]
        J[_VELOCITY + a, D_ROTATION + 2] = r0 * yv[1] - r1 * yv[0]
        J[_POSITION + a, D_ROTATION] = r1 * yp[2] - r2 * yp[1]
        J[_POSITION + a, D_ROTATION + 1] = r2 * yp[0] - r0 * yp[2]
        J[_POSITION + a, D_ROTATION + 2] = r0 * yp[1] - r1 * yp[0]
    for a in range(6):
        J[_BIAS + a, D_GYRO_BIAS + a] = T(-1.0)
        J[_BIAS + a, _SECOND + D_GYRO_BIAS + a] = T(1.0)
    return J


@njit(cache=True)
def project_landmark(
    R_h: np.ndarray,
    p_h: np.ndarray,
    R_t: np.ndarray,
    p_t: np.ndarray,
    same: bool,
    cam: int,
    R_cam_body: np.ndarray,
    p_cam_body: np.ndarray,
    R_body_cam0: np.ndarray,
    p_body_cam0: np.ndarray,
    landmark: np.ndarray,
    J: np.ndarray,
) -> bool:
    """Project one landmark into one camera; fill J (2, 16); return False behind the camera.

    landmark: (3,) [x, y, rho], ray and inverse depth (1/m) in the host frame's left camera.
    R_h, p_h, R_t, p_t: host's and target's pose; same: they are one frame (no pose Jacobian).
    cam: 0 left, 1 right; R_cam_body (2, 3, 3), p_cam_body (2, 3): body to camera coordinates.
    J columns: [landmark 3 | host theta, p | target theta, p | predicted ray (x or y)].
    """
    rho = landmark[2]
    Rc = R_cam_body[cam]
    T = landmark.dtype.type
    one, zero = T(1.0), T(0.0)
    # y: the point times rho, in the host's body frame
    y0 = R_body_cam0[0, 0] * landmark[0] + R_body_cam0[0, 1] * landmark[1] + R_body_cam0[0, 2]
    y1 = R_body_cam0[1, 0] * landmark[0] + R_body_cam0[1, 1] * landmark[1] + R_body_cam0[1, 2]
    y2 = R_body_cam0[2, 0] * landmark[0] + R_body_cam0[2, 1] * landmark[1] + R_body_cam0[2, 2]
    y0 += rho * p_body_cam0[0]
    y1 += rho * p_body_cam0[1]
    y2 += rho * p_body_cam0[2]
    # z: point minus target position, world axes, times rho;  b = R_t' z;  q = Rc b + rho p_cam_body
    d0, d1, d2 = p_h[0] - p_t[0], p_h[1] - p_t[1], p_h[2] - p_t[2]
    if same:
        b0, b1, b2 = y0, y1, y2
        w0, w1, w2 = y0, y1, y2
        z0, z1, z2 = y0, y1, y2
    else:
        w0 = R_h[0, 0] * y0 + R_h[0, 1] * y1 + R_h[0, 2] * y2
        w1 = R_h[1, 0] * y0 + R_h[1, 1] * y1 + R_h[1, 2] * y2
        w2 = R_h[2, 0] * y0 + R_h[2, 1] * y1 + R_h[2, 2] * y2
        z0, z1, z2 = w0 + rho * d0, w1 + rho * d1, w2 + rho * d2
        b0 = R_t[0, 0] * z0 + R_t[1, 0] * z1 + R_t[2, 0] * z2
        b1 = R_t[0, 1] * z0 + R_t[1, 1] * z1 + R_t[2, 1] * z2
        b2 = R_t[0, 2] * z0 + R_t[1, 2] * z1 + R_t[2, 2] * z2
    q0 = Rc[0, 0] * b0 + Rc[0, 1] * b1 + Rc[0, 2] * b2 + rho * p_cam_body[cam, 0]
    q1 = Rc[1, 0] * b0 + Rc[1, 1] * b1 + Rc[1, 2] * b2 + rho * p_cam_body[cam, 1]
    q2 = Rc[2, 0] * b0 + Rc[2, 1] * b1 + Rc[2, 2] * b2 + rho * p_cam_body[cam, 2]
    if q2 < T(0.05):
        return False
    inv = one / q2
    u, v = q0 * inv, q1 * inv
    J[0, 15] = u
    J[1, 15] = v
    for row in range(2):
        e = u if row == 0 else v
        # m = d(ray row)/d(body point) = inv (Rc[row] - e Rc[2])
        m0 = inv * (Rc[row, 0] - e * Rc[2, 0])
        m1 = inv * (Rc[row, 1] - e * Rc[2, 1])
        m2 = inv * (Rc[row, 2] - e * Rc[2, 2])
        drho = inv * (p_cam_body[cam, row] - e * p_cam_body[cam, 2])
        if same:
            n0, n1, n2 = m0, m1, m2
            for c in range(3, 15):
                J[row, c] = zero
        else:
            # g = m R_t', the derivative by z in world axes
            g0 = m0 * R_t[0, 0] + m1 * R_t[0, 1] + m2 * R_t[0, 2]
            g1 = m0 * R_t[1, 0] + m1 * R_t[1, 1] + m2 * R_t[1, 2]
            g2 = m0 * R_t[2, 0] + m1 * R_t[2, 1] + m2 * R_t[2, 2]
            J[row, 3] = w1 * g2 - w2 * g1  # -g hat(w) = (w x g)'
            J[row, 4] = w2 * g0 - w0 * g2
            J[row, 5] = w0 * g1 - w1 * g0
            J[row, 6] = rho * g0
            J[row, 7] = rho * g1
            J[row, 8] = rho * g2
            J[row, 9] = z2 * g1 - z1 * g2  # g hat(z) = (g x z)'
            J[row, 10] = z0 * g2 - z2 * g0
            J[row, 11] = z1 * g0 - z0 * g1
            J[row, 12] = -rho * g0
            J[row, 13] = -rho * g1
            J[row, 14] = -rho * g2
            n0 = g0 * R_h[0, 0] + g1 * R_h[1, 0] + g2 * R_h[2, 0]
            n1 = g0 * R_h[0, 1] + g1 * R_h[1, 1] + g2 * R_h[2, 1]
            n2 = g0 * R_h[0, 2] + g1 * R_h[1, 2] + g2 * R_h[2, 2]
            drho += g0 * d0 + g1 * d1 + g2 * d2
        drho += n0 * p_body_cam0[0] + n1 * p_body_cam0[1] + n2 * p_body_cam0[2]
        J[row, 0] = n0 * R_body_cam0[0, 0] + n1 * R_body_cam0[1, 0] + n2 * R_body_cam0[2, 0]
        J[row, 1] = n0 * R_body_cam0[0, 1] + n1 * R_body_cam0[1, 1] + n2 * R_body_cam0[2, 1]
        J[row, 2] = drho
    return True
