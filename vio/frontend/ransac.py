# SPDX-License-Identifier: Apache-2.0
"""Geometric verification with the gyroscope's rotation: 2-point mono and 1-point stereo RANSAC."""

import math

import numpy as np
from numba import njit

from vio.geometry import exp_so3, mul33


@njit(cache=True, nogil=True)
def next_draw(state: np.uint64) -> np.uint64:
    """Return the next state of a 32-bit Galois LFSR (taps 32, 22, 2, 1), never 0 for state != 0."""
    bit = state & np.uint64(1)
    state = state >> np.uint64(1)
    if bit:
        state = state ^ np.uint64(0x80200003)
    return state


@njit(cache=True, nogil=True)
def draw_below(state: np.uint64, count: int) -> tuple[np.uint64, int]:
    """Return the next state and an index below count (the draw scaled, no division)."""
    for _ in range(8):
        state = next_draw(state)
    return state, int((state * np.uint64(count)) >> np.uint64(32))


@njit(cache=True, nogil=True)
def epipolar_error(t: np.ndarray, q: np.ndarray, ray: np.ndarray) -> float:
    """Return the signed distance of `ray` (2,) from the epipolar line of the rotated ray q (3,).

    t: (3,) translation direction. The line t x q passes through q, so the distance is never more
    than that from q to the ray, whatever t: points that do not move cannot be outliers.
    """
    a = t[1] * q[2] - t[2] * q[1]
    b = t[2] * q[0] - t[0] * q[2]
    c = t[0] * q[1] - t[1] * q[0]
    n = math.sqrt(a * a + b * b)
    if n < 1e-12:
        return 0.0
    return (a * ray[0] + b * ray[1] + c) / n


@njit(cache=True, nogil=True)
def rotate_directions(R: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return R @ (x, y, 1) of the rays (N, 2), as (N, 3)."""
    out = np.empty((len(rays), 3))
    for i in range(len(rays)):
        for k in range(3):
            out[i, k] = R[k, 0] * rays[i, 0] + R[k, 1] * rays[i, 1] + R[k, 2]
    return out


@njit(cache=True, nogil=True)
def _solve5(A: np.ndarray, b: np.ndarray) -> bool:
    """Solve the positive-definite (5, 5) system in place (Cholesky); False when it is not."""
    n = 5
    for j in range(n):
        for k in range(j):
            A[j, j] -= A[j, k] * A[j, k]
        if A[j, j] <= 0.0:
            return False
        A[j, j] = math.sqrt(A[j, j])
        for i in range(j + 1, n):
            for k in range(j):
                A[i, j] -= A[i, k] * A[j, k]
            A[i, j] /= A[j, j]
    for i in range(n):
        for k in range(i):
            b[i] -= A[i, k] * b[k]
        b[i] /= A[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            b[i] -= A[k, i] * b[k]
        b[i] /= A[i, i]
    return True


@njit(cache=True, nogil=True)
def _cross(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write a x b to out (3,). np.cross would compile for seconds."""
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


@njit(cache=True, nogil=True)
def refine_motion(
    R: np.ndarray,
    t: np.ndarray,
    rays_key: np.ndarray,
    rays: np.ndarray,
    tolerance: float,
    sigma_rad: float,
    sigma_ray: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rotation and direction that best explain the rays within `tolerance`.

    Six rounds of Gauss-Newton on the epipolar distances, over the rotation (prior: R with
    sigma_rad, from the gyroscope) and the direction of t. Cauchy weights at `tolerance`, which
    halves each round down to sigma_ray * 3.
    """
    R0 = R.copy()
    correction = np.zeros(3)
    e1, e2 = np.empty(3), np.empty(3)
    for _ in range(6):
        # Two axes orthogonal to t.
        k = 0
        if abs(t[1]) < abs(t[k]):
            k = 1
        if abs(t[2]) < abs(t[k]):
            k = 2
        axis = np.zeros(3)
        axis[k] = 1.0
        _cross(t, axis, e1)
        length = math.sqrt(e1[0] * e1[0] + e1[1] * e1[1] + e1[2] * e1[2])
        for m in range(3):
            e1[m] /= length
        _cross(t, e1, e2)
        A = np.zeros((5, 5))
        b = np.zeros(5)
        jac = np.empty(5)
        q = rotate_directions(R, rays_key)
        for i in range(len(rays)):
            x, y, z = q[i, 0], q[i, 1], q[i, 2]
            lx, ly = t[1] * z - t[2] * y, t[2] * x - t[0] * z
            n = math.sqrt(lx * lx + ly * ly)
            if n < 1e-9:
                continue
            r = epipolar_error(t, q[i], rays[i])
            if abs(r) > 3.0 * tolerance:
                continue
            weight = 1.0 / (sigma_ray * sigma_ray * (1.0 + (r / tolerance) ** 2))
            # f . (t x q): the derivative of the normaliser is second order for small r.
            fx, fy = rays[i, 0], rays[i, 1]
            # q x f: the gradient over t; f x t: the gradient over q.
            cx, cy, cz = y - z * fy, z * fx - x, x * fy - y * fx
            gx, gy, gz = fy * t[2] - t[1], t[0] - fx * t[2], fx * t[1] - fy * t[0]
            # dq = w x q: gradient over w is q x g.
            jac[0] = (y * gz - z * gy) / n
            jac[1] = (z * gx - x * gz) / n
            jac[2] = (x * gy - y * gx) / n
            jac[3] = (cx * e1[0] + cy * e1[1] + cz * e1[2]) / n
            jac[4] = (cx * e2[0] + cy * e2[1] + cz * e2[2]) / n
            for m in range(5):
                for k in range(m + 1):
                    A[m, k] += weight * jac[m] * jac[k]
                b[m] -= weight * jac[m] * r
        prior = 1.0 / (sigma_rad * sigma_rad)
        for m in range(3):
            A[m, m] += prior
            b[m] -= prior * correction[m]
        # The direction of a translation that does not show is left where it is.
        A[3, 3] += 1e-3 / (sigma_ray * sigma_ray)
        A[4, 4] += 1e-3 / (sigma_ray * sigma_ray)
        if not _solve5(A, b):
            break
        for m in range(3):
            correction[m] += b[m]
        R = mul33(exp_so3(correction), R0)
        moved = np.empty(3)
        for m in range(3):
            moved[m] = t[m] + b[3] * e1[m] + b[4] * e2[m]
        length = math.sqrt(moved[0] * moved[0] + moved[1] * moved[1] + moved[2] * moved[2])
        for m in range(3):
            moved[m] /= length
        t = moved
        tolerance = max(0.5 * tolerance, 3.0 * sigma_ray)
    return R, t


@njit(cache=True, nogil=True)
def mono_ransac(
    R: np.ndarray,
    rays_key: np.ndarray,
    rays: np.ndarray,
    threshold: float,
    sigma_rad: float,
    hypotheses: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which of N matches agree with one rigid motion, its rotation and its direction.

    R: (3, 3) takes ray directions of the keyframe to the current frame, by the gyroscope, good to
    about sigma_rad. rays_key, rays: (N, 2). threshold: largest distance from the epipolar line,
    in ray units (pixels / focal length). Two matches give the direction of the translation when
    the rotation is known; the best of the hypotheses (within threshold + sigma_rad) is refined
    with the rotation, then all matches are tested against `threshold`. With fewer than 8 matches
    nothing can be verified and all are kept. Sources: Kneip, Chli, Siegwart, "Robust real-time
    visual odometry with a single camera and an IMU", BMVC 2011; Troiani et al., "2-point-based
    outlier rejection for camera-IMU systems", ICRA 2014.
    """
    count = len(rays)
    inlier = np.ones(count, np.bool_)
    best_t = np.array([0.0, 0.0, 1.0])
    if count < 8:
        return inlier, R.copy(), best_t
    q = rotate_directions(R, rays_key)
    loose = threshold + sigma_rad
    normals = np.empty((count, 3))
    for i in range(count):
        fx, fy = rays[i, 0], rays[i, 1]
        normals[i, 0] = q[i, 1] - q[i, 2] * fy
        normals[i, 1] = q[i, 2] * fx - q[i, 0]
        normals[i, 2] = q[i, 0] * fy - q[i, 1] * fx
    state = np.uint64(seed)
    best = -1.0
    t = np.empty(3)
    for _ in range(hypotheses):
        state, i = draw_below(state, count)
        state, j = draw_below(state, count)
        a, b = normals[i], normals[j]
        t[0] = a[1] * b[2] - a[2] * b[1]
        t[1] = a[2] * b[0] - a[0] * b[2]
        t[2] = a[0] * b[1] - a[1] * b[0]
        n = math.sqrt(t[0] * t[0] + t[1] * t[1] + t[2] * t[2])
        if i == j or n < 1e-12:
            continue
        t /= n
        # Truncated squared error (MSAC): with a loose threshold a mere count cannot tell apart.
        score = 0.0
        for m in range(count):
            r = epipolar_error(t, q[m], rays[m]) / loose
            score += max(0.0, 1.0 - r * r)
        if score > best:
            best = score
            best_t = t.copy()
    R, best_t = refine_motion(R, best_t, rays_key, rays, loose, sigma_rad, threshold / 3.0)
    q = rotate_directions(R, rays_key)
    for m in range(count):
        inlier[m] = abs(epipolar_error(best_t, q[m], rays[m])) <= threshold
    return inlier, R, best_t


@njit(cache=True, nogil=True)
def scale_change(
    R: np.ndarray, t: np.ndarray, rays_key: np.ndarray, rays: np.ndarray
) -> np.ndarray:
    """Return how much larger (N,) each point looks than at the keyframe, at most 1.5 times.

    R, t: as `mono_ransac` returns them; the sign of t does not matter. With the inverse depth k
    at the keyframe (in units of |t|), ray = (q + k t) / (q_z + k t_z); k follows by least squares
    from both coordinates, and the scale goes with q_z / (q_z + k t_z).
    """
    q = rotate_directions(R, rays_key)
    out = np.ones(len(rays))
    for i in range(len(rays)):
        x, y = rays[i, 0], rays[i, 1]
        a, b = t[0] - x * t[2], t[1] - y * t[2]
        n = a * a + b * b
        if n < 1e-4:
            continue  # at the epipole: unknown
        k = (a * (x * q[i, 2] - q[i, 0]) + b * (y * q[i, 2] - q[i, 1])) / n
        out[i] = min(max(q[i, 2] / max(q[i, 2] + k * t[2], 0.1), 0.67), 1.5)
    return out


@njit(cache=True, nogil=True)
def stereo_ransac(
    R: np.ndarray,
    points_key: np.ndarray,
    points: np.ndarray,
    baseline_m: float,
    threshold: float,
    hypotheses: int,
    seed: int,
) -> np.ndarray:
    """Return which of N stereo points agree with one translation under the rotation R.

    points_key, points: (N, 3) metres, in the rectified left frame of the keyframe and of the
    current frame; R: (3, 3) between these. One point gives the translation; a point agrees when
    the moved old point falls within `threshold` (ray units) of the new one in the left image and
    in disparity. Source: Navion (Suleiman et al., JSSC 2019), "1-point stereo RANSAC".
    """
    count = len(points)
    best_inlier = np.ones(count, np.bool_)
    if count < 4:
        return best_inlier
    rotated = np.empty((count, 3))
    for i in range(count):
        for k in range(3):
            rotated[i, k] = (
                R[k, 0] * points_key[i, 0] + R[k, 1] * points_key[i, 1] + R[k, 2] * points_key[i, 2]
            )
    state = np.uint64(seed)
    best = -1.0
    inlier = np.empty(count, np.bool_)
    for _ in range(hypotheses):
        state, i = draw_below(state, count)
        tx = points[i, 0] - rotated[i, 0]
        ty = points[i, 1] - rotated[i, 1]
        tz = points[i, 2] - rotated[i, 2]
        score = 0.0
        for m in range(count):
            z = rotated[m, 2] + tz
            inlier[m] = False
            if z < 0.05:
                continue
            zi = points[m, 2]
            du = (rotated[m, 0] + tx) / z - points[m, 0] / zi
            dv = (rotated[m, 1] + ty) / z - points[m, 1] / zi
            dd = baseline_m / z - baseline_m / zi
            worst = max(abs(du), abs(dv), abs(dd))
            if worst <= threshold:
                inlier[m] = True
                score += 1.0 - (worst / threshold) ** 2
        if score > best:
            best = score
            best_inlier = inlier.copy()
    return best_inlier
