# SPDX-License-Identifier: Apache-2.0
"""Motion of one camera with an inertial sensor from tracks alone: velocity, gravity, distances.

With the rotations known (`vio/backend/gyro_bias.py`), all positions are linear in initial velocity,
gravity and accelerometer bias, and every observation gives two equations that are linear in these
and the track's distance. Gravity is kept at its known length. Sources: Martinelli, "Closed-form
solution of visual-inertial structure from motion", IJCV 2014; Dong-Si and Mourikis, "Estimator
initialization in vision-aided inertial navigation with unknown camera-IMU calibration", IROS 2012.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from vio.backend.gyro_bias import Views
from vio.backend.solve import least_squares
from vio.geometry import hat
from vio.imu import GRAVITY_M_S2, Preintegration

ROUNDS = 6  # of the linear solution: weights by the depths of the last one, gravity's length
NEAREST_M = 0.1
NO_LIMIT = 1e9


class Motion(NamedTuple):
    """Hold velocity (3,) m/s, gravity (3,) m/s^2 and accelerometer bias (3,) at the first frame.

    p, v: (F, 3) positions and velocities of the body in the first frame's body axes. distance: (T,)
    of each track's point from its host's camera, metres; not positive or NaN where that fails.
    """

    v0: np.ndarray
    gravity: np.ndarray
    accel_bias: np.ndarray
    p: np.ndarray
    v: np.ndarray
    distance: np.ndarray


@njit(cache=True)
def _position_rows(
    u: np.ndarray,
    seen: np.ndarray,
    host: np.ndarray,
    R: np.ndarray,
    known: np.ndarray,
    B: np.ndarray,
    distance: np.ndarray,
    x: np.ndarray,
    sigma: float,
    huber: float,
    H: np.ndarray,
    g: np.ndarray,
) -> None:
    """Add the normal equations of all tracks, depths eliminated, by x (9,) to H and g.

    known (F, 3), B (F, 3, 9): the camera of frame f lies at known[f] + B[f] x. distance (T,): that
    which weights count with; it is replaced by the one that x and the rays give.
    """
    F = len(known)
    centre = np.empty((F, 3))
    for f in range(F):
        for a in range(3):
            centre[f, a] = known[f, a]
            for b in range(9):
                centre[f, a] += B[f, a, b] * x[b]
    rows = np.empty((2 * F, 11))  # depth, x, right side
    for k in range(len(u)):
        h = host[k]
        d = np.zeros(3)
        for a in range(3):
            for b in range(3):
                d[a] += R[h, a, b] * u[k, h, b]
        m = 0
        for f in range(F):
            if f == h or not seen[k, f]:
                continue
            e = np.zeros(3)
            for a in range(3):
                for b in range(3):
                    e[a] += R[f, a, b] * u[k, f, b]
            least = 0
            for a in range(1, 3):
                if abs(e[a]) < abs(e[least]):
                    least = a
            s = np.zeros(3)
            s[least] = 1.0
            t = np.array(
                [e[1] * s[2] - e[2] * s[1], e[2] * s[0] - e[0] * s[2], e[0] * s[1] - e[1] * s[0]]
            )
            length = math.sqrt(t[0] * t[0] + t[1] * t[1] + t[2] * t[2])
            for a in range(3):
                t[a] /= length
            s[0] = e[1] * t[2] - e[2] * t[1]
            s[1] = e[2] * t[0] - e[0] * t[2]
            s[2] = e[0] * t[1] - e[1] * t[0]
            weight = 1.0 / (sigma * max(distance[k], NEAREST_M))
            for i in range(2):
                v = t if i == 0 else s
                row = rows[m + i]
                row[0] = (v[0] * d[0] + v[1] * d[1] + v[2] * d[2]) * weight
                row[10] = 0.0
                for a in range(3):
                    row[10] += v[a] * (centre[h, a] - centre[f, a]) * weight
                for b in range(9):
                    row[1 + b] = 0.0
                    for a in range(3):
                        row[1 + b] += v[a] * (B[h, a, b] - B[f, a, b]) * weight
            m += 2
        if m < 4:
            distance[k] = math.nan
            continue
        top = 0.0
        right = 0.0
        for i in range(m):
            top += rows[i, 0] * rows[i, 0]
            right -= rows[i, 0] * rows[i, 10]
        if top <= 0.0:
            distance[k] = math.nan
            continue
        found = right / top
        # residuals at that depth give Huber's weights; then the depth is eliminated
        for i in range(0, m, 2):
            r0 = rows[i, 10] + rows[i, 0] * found
            r1 = rows[i + 1, 10] + rows[i + 1, 0] * found
            size = math.sqrt(r0 * r0 + r1 * r1)
            if size > huber:
                factor = math.sqrt(huber / size)
                for c in range(11):
                    rows[i, c] *= factor
                    rows[i + 1, c] *= factor
        top = 0.0
        for i in range(m):
            top += rows[i, 0] * rows[i, 0]
        cross = np.zeros(10)
        for i in range(m):
            for c in range(10):
                cross[c] += rows[i, 0] * rows[i, 1 + c]
        distance[k] = -cross[9] / top
        for i in range(m):
            for a in range(9):
                for b in range(9):
                    H[a, b] += rows[i, 1 + a] * rows[i, 1 + b]
                g[a] += rows[i, 1 + a] * rows[i, 10]
        for a in range(9):
            for b in range(9):
                H[a, b] -= cross[a] * cross[b] / top
            g[a] -= cross[a] * cross[9] / top


def solve_motion(
    views: Views,
    pres: list[Preintegration],
    t_s: np.ndarray,
    up: np.ndarray,
    accel_bias: np.ndarray,
    accel_sigma: np.ndarray,
    huber: float,
) -> Motion:
    """Return the motion that explains the tracks; gravity has its known length.

    pres: F preintegrations from the first frame to each, with the right gyroscope bias and any
    accelerometer bias. t_s: (F,) seconds since the first. up: (3,) about the direction of -gravity.
    accel_bias, accel_sigma: (3,) mean and deviations of the accelerometer's prior, m/s^2.
    """
    F = len(pres)
    R = np.stack([p.dR for p in pres])
    used = pres[-1].accel_bias
    B = np.zeros((F, 3, 9))
    known = np.empty((F, 3))
    for f, p in enumerate(pres):
        B[f, :, :3] = t_s[f] * np.eye(3)
        B[f, :, 3:6] = 0.5 * t_s[f] ** 2 * np.eye(3)
        B[f, :, 6:] = p.J_bias[6:, 3:]
        known[f] = p.dp + np.einsum("ij,j->i", R[f], views.p_body_cam)
        known[f] -= np.einsum("ij,j->i", p.J_bias[6:, 3:], used)
    x = np.zeros(9)
    x[3:6] = -GRAVITY_M_S2 * up / np.linalg.norm(up)
    x[6:] = accel_bias
    distance = np.ones(len(views.u))
    for k in range(ROUNDS):
        H, g = np.zeros((9, 9)), np.zeros(9)
        H[range(6, 9), range(6, 9)] = 1.0 / accel_sigma**2
        g[6:] = (x[6:] - accel_bias) / accel_sigma**2
        weight = np.where(distance > NEAREST_M, distance, np.nanmedian(np.abs(distance)))
        distance = np.ascontiguousarray(weight)
        limit = huber if k > 1 else NO_LIMIT
        _position_rows(
            views.u, views.seen, views.host, R, known, B, distance, x, views.sigma, limit, H, g
        )
        T = np.zeros((9, 8))  # gravity moves across itself only
        T[:3, :3] = np.eye(3)
        T[3:6, 3:5] = _across(x[3:6])
        T[6:, 5:] = np.eye(3)
        reduced = np.einsum("ji,jk,kl->il", T, H, T)
        step = np.einsum("ij,j->i", T, least_squares(reduced, -np.einsum("ji,j->i", T, g)))
        x = x + step
        x[3:6] *= GRAVITY_M_S2 / np.linalg.norm(x[3:6])
    _position_rows(
        views.u, views.seen, views.host, R, known, B, distance, x, views.sigma, huber,
        np.zeros((9, 9)), np.zeros(9),
    )  # fmt: skip
    v0, gravity, bias = x[:3], x[3:6], x[6:]
    shift = np.stack([np.einsum("ij,j->i", p.J_bias[3:, 3:], bias - used) for p in pres])
    dv = np.stack([p.dv for p in pres]) + shift[:, :3]
    dp = np.stack([p.dp for p in pres]) + shift[:, 3:]
    t = t_s[:, None]
    return Motion(
        v0, gravity, bias, v0 * t + 0.5 * gravity * t**2 + dp, v0 + gravity * t + dv, distance
    )


def _across(v: np.ndarray) -> np.ndarray:
    """Return (3, 2): two unit vectors across v (3,) and one another."""
    axis = np.zeros(3)
    axis[int(np.argmin(np.abs(v)))] = 1.0
    a = np.cross(v, axis)
    a /= np.linalg.norm(a)
    b = np.cross(v, a)
    return np.column_stack([a, b / np.linalg.norm(b)])


def parallax_rad(views: Views, pres: list[Preintegration], frame: int) -> float:
    """Return the median angle by which tracks moved from their hosts to a frame, turned back.

    NaN when the frame sees none of another host.
    """
    angles = []
    for k in np.flatnonzero(views.seen[:, frame] & (views.host != frame)):
        h = int(views.host[k])
        a = np.einsum("ij,j->i", pres[h].dR, views.u[k, h])
        b = np.einsum("ij,j->i", pres[frame].dR, views.u[k, frame])
        angles.append(float(np.linalg.norm(np.einsum("ij,j->i", hat(a), b))))
    return float(np.median(angles)) if angles else float("nan")
