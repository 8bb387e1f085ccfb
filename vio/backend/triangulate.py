# SPDX-License-Identifier: Apache-2.0
"""Landmark depth from one stereo pair or from several views."""

import math

import numpy as np
from numba import njit

from vio.backend.landmarks import VisualArrays
from vio.backend.relative import RigArrays
from vio.geometry import mul3, mul33


@njit(cache=True)
def stereo_inverse_depth(rig: RigArrays, rays: np.ndarray) -> np.ndarray:
    """Return the inverse depths (N,) in 1/m of stereo rays (N, 4) [x, y left, x, y right].

    Least squares over both components of the right ray; NaN stays NaN.
    """
    R = mul33(rig.R_cam_body[1], rig.R_body_cam0)
    t = mul3(rig.R_cam_body[1], rig.p_body_cam0)
    out = np.empty(len(rays), rays.dtype)
    for i in range(3):
        t[i] += rig.p_cam_body[1, i]
    for n in range(len(rays)):
        x, y, u, v = rays[n, 0], rays[n, 1], rays[n, 2], rays[n, 3]
        q0 = R[0, 0] * x + R[0, 1] * y + R[0, 2]
        q1 = R[1, 0] * x + R[1, 1] * y + R[1, 2]
        q2 = R[2, 0] * x + R[2, 1] * y + R[2, 2]
        # (q0 + rho t0) = u (q2 + rho t2), the same for v
        a0, b0 = t[0] - u * t[2], u * q2 - q0
        a1, b1 = t[1] - v * t[2], v * q2 - q1
        out[n] = (a0 * b0 + a1 * b1) / (a0 * a0 + a1 * a1)
    return out


@njit(cache=True)
def triangulate_rows(
    rows: np.ndarray, rig: RigArrays, va: VisualArrays, min_parallax_rad: float
) -> np.ndarray:
    """Return landmarks (len(rows), 3) [x, y, rho] in their hosts, NaN where the parallax is small.

    Minimises the distance to all rays of the window (Hartley and Sturm's midpoint, many views).
    """
    out = np.full((len(rows), 3), np.nan, va.lm.dtype)
    C0 = np.zeros((2, 3))  # camera centres in the body frame
    for cam in range(2):
        for i in range(3):
            for k in range(3):
                C0[cam, i] -= rig.R_cam_body[cam, k, i] * rig.p_cam_body[cam, k]
    for index in range(len(rows)):
        row = rows[index]
        A = np.zeros((3, 3))
        b = np.zeros(3)
        first = np.zeros(3)
        cosine = 1.0
        count = 0
        for s in va.slots:
            for cam in range(2):
                if not (va.mask[row, s] >> cam) & 1:
                    continue
                x, y = va.obs[row, s, 2 * cam], va.obs[row, s, 2 * cam + 1]
                fb, f, c = np.zeros(3), np.zeros(3), np.zeros(3)
                Rc = rig.R_cam_body[cam]
                for i in range(3):
                    fb[i] = Rc[0, i] * x + Rc[1, i] * y + Rc[2, i]
                norm = math.sqrt(fb[0] * fb[0] + fb[1] * fb[1] + fb[2] * fb[2])
                for i in range(3):
                    for k in range(3):
                        f[i] += va.R[s, i, k] * fb[k] / norm
                        c[i] += va.R[s, i, k] * C0[cam, k]
                    c[i] += va.p[s, i]
                if count == 0:
                    first[:] = f
                cosine = min(cosine, first[0] * f[0] + first[1] * f[1] + first[2] * f[2])
                count += 1
                for i in range(3):
                    for k in range(3):
                        m = (1.0 if i == k else 0.0) - f[i] * f[k]
                        A[i, k] += m
                        b[i] += m * c[k]
        if count < 2 or cosine > math.cos(min_parallax_rad):
            continue
        # 3x3 solve by the adjugate
        a00 = A[1, 1] * A[2, 2] - A[1, 2] * A[2, 1]
        a01 = A[0, 2] * A[2, 1] - A[0, 1] * A[2, 2]
        a02 = A[0, 1] * A[1, 2] - A[0, 2] * A[1, 1]
        a11 = A[0, 0] * A[2, 2] - A[0, 2] * A[2, 0]
        a12 = A[0, 2] * A[1, 0] - A[0, 0] * A[1, 2]
        a22 = A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0]
        det = (
            A[0, 0] * a00
            + A[0, 1] * (A[1, 2] * A[2, 0] - A[1, 0] * A[2, 2])
            + A[0, 2] * (A[1, 0] * A[2, 1] - A[1, 1] * A[2, 0])
        )
        if det < 1e-12:
            continue
        X = np.empty(3)
        X[0] = (a00 * b[0] + a01 * b[1] + a02 * b[2]) / det
        X[1] = (a01 * b[0] + a11 * b[1] + a12 * b[2]) / det
        X[2] = (a02 * b[0] + a12 * b[1] + a22 * b[2]) / det
        h = va.host[row]
        q = np.zeros(3)
        for i in range(3):
            acc = 0.0
            for k in range(3):
                xb = 0.0
                for m in range(3):
                    xb += va.R[h, m, k] * (X[m] - va.p[h, m])
                acc += rig.R_cam_body[0, i, k] * xb
            q[i] = acc + rig.p_cam_body[0, i]
        if q[2] > 0.05:
            out[index, 0] = q[0] / q[2]
            out[index, 1] = q[1] / q[2]
            out[index, 2] = 1.0 / q[2]
    return out
