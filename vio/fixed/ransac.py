# SPDX-License-Identifier: Apache-2.0
"""Geometric verification in integers: 2-point mono and 1-point stereo RANSAC, no division inside.

Distances are compared by their squares and cross-multiplied; the truncated squared error of the
float engine (MSAC) is counted in quarters of the squared threshold. The rotation is taken as the
gyroscope gives it (the float engine refines it; measured, that makes no difference to the
trajectory: see docs/golden/fixed_point.md).
"""

import numpy as np
from numba import njit

from vio.fixed import formats as sig
from vio.fixed.qformat import bit_length, clamp, narrow, round_shift
from vio.fixed.rectify import reciprocal, rotate
from vio.frontend.ransac import draw_below

_LEAST_FOR_MONO = 8  # matches below which nothing can be verified
_LEAST_FOR_STEREO = 4
_LEAST_Z = 465  # 0.45 baselines: a moved point nearer than this is no inlier
_EPIPOLE_GUARD = 107374  # 1e-4 of a unit direction's square, in units of 2^-30


@njit(cache=True, nogil=True)
def rotate_directions(signals: np.ndarray, R: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return R @ (x, y, 1) of the rays (N, 2), as (N, 3)."""
    out = np.empty((len(rays), 3), np.int64)
    for i in range(len(rays)):
        for k in range(3):
            out[i, k] = rotate(signals, R, rays[i, 0], rays[i, 1], k)
    return out


@njit(cache=True, nogil=True)
def epipolar_normals(signals: np.ndarray, q: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return the normals q x f (N, 3) of the planes that hold the translation."""
    out = np.empty((len(rays), 3), np.int64)
    for i in range(len(rays)):
        x, y = rays[i, 0], rays[i, 1]
        out[i, 0] = narrow(signals, sig.EPIPOLAR_NORMAL, q[i, 1] - round_shift(q[i, 2] * y, 16))
        out[i, 1] = narrow(signals, sig.EPIPOLAR_NORMAL, round_shift(q[i, 2] * x, 16) - q[i, 0])
        cross = round_shift(q[i, 0] * y - q[i, 1] * x, 16)
        out[i, 2] = narrow(signals, sig.EPIPOLAR_NORMAL, cross)
    return out


@njit(cache=True, nogil=True)
def epipolar_error(
    signals: np.ndarray, t: np.ndarray, q: np.ndarray, n: np.ndarray
) -> tuple[int, int]:
    """Return the squared numerator (38 fraction bits) and denominator (30) of the distance."""
    lx = narrow(signals, sig.EPIPOLAR_LINE, round_shift(t[1] * q[2] - t[2] * q[1], 16))
    ly = narrow(signals, sig.EPIPOLAR_LINE, round_shift(t[2] * q[0] - t[0] * q[2], 16))
    product = t[0] * n[0] + t[1] * n[1] + t[2] * n[2]
    e = narrow(signals, sig.EPIPOLAR_ERROR, round_shift(product, 12))
    return e * e, lx * lx + ly * ly


@njit(cache=True, nogil=True)
def translation_direction(signals: np.ndarray, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> bool:
    """Write the direction a x b, normalised to 15 bits, to t; False when it vanishes."""
    t[0] = a[1] * b[2] - a[2] * b[1]
    t[1] = a[2] * b[0] - a[0] * b[2]
    t[2] = a[0] * b[1] - a[1] * b[0]
    largest = max(abs(t[0]), abs(t[1]), abs(t[2]))
    if largest == 0:
        return False
    e = bit_length(largest) - 15
    for k in range(3):
        t[k] = narrow(signals, sig.EPIPOLE, round_shift(t[k], e))
    return True


@njit(cache=True, nogil=True)
def mono_ransac(
    R: np.ndarray,
    rays_key: np.ndarray,
    rays: np.ndarray,
    threshold2: int,
    loose2: int,
    hypotheses: int,
    seed: int,
    signals: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return which of N matches agree with one rigid motion (N,), and its direction (3,).

    R: (3, 3) from the keyframe, by the gyroscope. threshold2, loose2: squared distances from the
    epipolar line in ray units, 30 fraction bits; hypotheses are scored within the looser one. Below
    8 matches all are kept. Sources as of `vio.frontend.ransac.mono_ransac`.
    """
    count = len(rays)
    inlier = np.ones(count, np.bool_)
    best_t = np.array([0, 0, (1 << 15) - 1], np.int64)
    if count < _LEAST_FOR_MONO:
        return inlier, best_t
    q = rotate_directions(signals, R, rays_key)
    normals = epipolar_normals(signals, q, rays)
    state = np.uint64(seed)
    best = -1
    t = np.empty(3, np.int64)
    for _ in range(hypotheses):
        state, i = draw_below(state, count)
        state, j = draw_below(state, count)
        if i == j or not translation_direction(signals, normals[i], normals[j], t):
            continue
        score = 0
        for m in range(count):
            error, line = epipolar_error(signals, t, q[m], normals[m])
            limit = (line * loose2) >> 22
            for k in range(1, 5):
                if 4 * error <= k * limit:
                    score += 1
        score = narrow(signals, sig.MSAC_SCORE, score)
        if score > best:
            best = score
            best_t[:] = t
    for m in range(count):
        error, line = epipolar_error(signals, best_t, q[m], normals[m])
        inlier[m] = error <= (line * threshold2) >> 22
    return inlier, best_t


@njit(cache=True, nogil=True)
def inverse_scale_change(
    R: np.ndarray,
    t: np.ndarray,
    rays_key: np.ndarray,
    rays: np.ndarray,
    scale_frac: int,
    signals: np.ndarray,
) -> np.ndarray:
    """Return how much smaller (N,) each point looked in the keyframe, within [2/3, 3/2].

    With the point at inverse depth k (in units of |t|) the scale goes with q_z / (q_z + k t_z), and
    k = (a (x q_z - q_x) + b (y q_z - q_y)) / (a^2 + b^2), a = t_x - x t_z, b = t_y - y t_z.
    """
    one = 1 << scale_frac
    out = np.full(len(rays), one, np.int64)
    q = rotate_directions(signals, R, rays_key)
    normals = epipolar_normals(signals, q, rays)
    for i in range(len(rays)):
        a = t[0] - round_shift(rays[i, 0] * t[2], 16)
        b = t[1] - round_shift(rays[i, 1] * t[2], 16)
        n = a * a + b * b
        if n < _EPIPOLE_GUARD or q[i, 2] <= 0:
            continue
        # (a n_y - b n_x) t_z, 46 fraction bits, over n q_z, the same.
        numerator = round_shift((a * normals[i, 1] - b * normals[i, 0]) * t[2], 16)
        denominator = round_shift(n * q[i, 2], 16)
        m, bits = reciprocal(signals, max(denominator, 1))
        change = round_shift(numerator * m, bits + 17 - scale_frac)
        out[i] = clamp(one + change, one * 2 // 3, one * 3 // 2)
        narrow(signals, sig.SCALE, out[i])
    return out


@njit(cache=True, nogil=True)
def stereo_point(signals: np.ndarray, x: int, y: int, disparity: int, out: np.ndarray) -> None:
    """Write the point (3,) in baselines of a rectified ray and its disparity in ray units."""
    d = max(disparity, 65)  # beyond 1008 baselines all points are equally far
    z = narrow(signals, sig.DEPTH, (1 << 26) // d)
    out[0] = narrow(signals, sig.POINT, round_shift(x * z, 16))
    out[1] = narrow(signals, sig.POINT, round_shift(y * z, 16))
    out[2] = z


@njit(cache=True, nogil=True)
def stereo_ransac(
    R: np.ndarray,
    points_key: np.ndarray,
    stereo: np.ndarray,
    threshold: int,
    hypotheses: int,
    seed: int,
    signals: np.ndarray,
) -> np.ndarray:
    """Return which of N stereo points (N,) agree with one translation under the rotation R.

    points_key: (N, 3) in baselines, rectified frame of the keyframe; stereo: (N, 3) rectified ray
    and disparity in ray units of the current frame; R: (3, 3) between these. threshold: ray units,
    16 fraction bits. Source: Navion (Suleiman et al., JSSC 2019), "1-point stereo RANSAC".
    """
    count = len(stereo)
    best_inlier = np.ones(count, np.bool_)
    if count < _LEAST_FOR_STEREO:
        return best_inlier
    rotated = np.empty((count, 3), np.int64)
    points = np.empty((count, 3), np.int64)
    for i in range(count):
        for k in range(3):
            total = R[k, 0] * points_key[i, 0] + R[k, 1] * points_key[i, 1]
            total += R[k, 2] * points_key[i, 2]
            rotated[i, k] = narrow(signals, sig.POINT, round_shift(total, 16))
        stereo_point(signals, stereo[i, 0], stereo[i, 1], stereo[i, 2], points[i])
    state = np.uint64(seed)
    best = -1
    inlier = np.empty(count, np.bool_)
    for _ in range(hypotheses):
        state, i = draw_below(state, count)
        tx = narrow(signals, sig.TRANSLATION, points[i, 0] - rotated[i, 0])
        ty = narrow(signals, sig.TRANSLATION, points[i, 1] - rotated[i, 1])
        tz = narrow(signals, sig.TRANSLATION, points[i, 2] - rotated[i, 2])
        score = 0
        for m in range(count):
            z = rotated[m, 2] + tz
            inlier[m] = False
            if z < _LEAST_Z:
                continue
            eu = abs(rotated[m, 0] + tx - round_shift(stereo[m, 0] * z, 16))
            ev = abs(rotated[m, 1] + ty - round_shift(stereo[m, 1] * z, 16))
            ed = abs((1 << 10) - round_shift(stereo[m, 2] * z, 16))
            worst = max(eu, ev, ed)
            limit = round_shift(threshold * z, 16)
            if worst <= limit:
                inlier[m] = True
                # Squared error in quarters: square roots of 1/4, 2/4 and 3/4 in 1/1024.
                score += 1
                for part in (512, 724, 887):
                    if (worst << 10) <= part * limit:
                        score += 1
        score = narrow(signals, sig.MSAC_SCORE, score)
        if score > best:
            best = score
            best_inlier = inlier.copy()
    return best_inlier
