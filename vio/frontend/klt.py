# SPDX-License-Identifier: Apache-2.0
"""Pyramidal Lucas-Kanade: follow windows from a reference image into the current one."""

import math

import numpy as np
from numba import njit, prange

from vio.frontend.pyramid import Pyramid

TRACKED, BORDER, FLAT, DIVERGED, RESIDUAL = 0, 1, 2, 3, 4
LOST_REASONS = {BORDER: "border", FLAT: "flat", DIVERGED: "diverged", RESIDUAL: "residual"}


@njit(cache=True, nogil=True)
def sample(image: np.ndarray, u: float, v: float) -> np.float32:
    """Return the bilinear value at (u, v) of an image (H, W) uint8, borders repeated."""
    height, width = image.shape
    u = min(max(u, 0.0), width - 1.001)
    v = min(max(v, 0.0), height - 1.001)
    x, y = int(u), int(v)
    a, b = np.float32(u - x), np.float32(v - y)
    top = np.float32(image[y, x]) + a * (np.float32(image[y, x + 1]) - np.float32(image[y, x]))
    bottom = np.float32(image[y + 1, x]) + a * (
        np.float32(image[y + 1, x + 1]) - np.float32(image[y + 1, x])
    )
    return top + b * (bottom - top)


@njit(cache=True, nogil=True)
def _sample_window(image: np.ndarray, u: float, v: float, half: int, out: np.ndarray) -> None:
    """Write the bilinear window centred at (u, v) to out (side, lanes); spare lanes are free."""
    height, width = image.shape
    side, lanes = out.shape
    x0, y0 = math.floor(u), math.floor(v)
    left, top = int(x0) - half, int(y0) - half
    if left < 0 or top < 0 or left + lanes >= width or top + side >= height:
        for y in range(side):
            for x in range(lanes):
                out[y, x] = sample(image, u + (x - half), v + (y - half))
        return
    a, b = np.float32(u - x0), np.float32(v - y0)
    one = np.float32(1.0)
    w00, w01, w10, w11 = (one - a) * (one - b), a * (one - b), (one - a) * b, a * b
    for y in range(side):
        r0 = image[top + y, left : left + lanes + 1]
        r1 = image[top + y + 1, left : left + lanes + 1]
        for x in range(lanes):
            out[y, x] = (
                w00 * np.float32(r0[x])
                + w01 * np.float32(r0[x + 1])
                + w10 * np.float32(r1[x])
                + w11 * np.float32(r1[x + 1])
            )


@njit(cache=True, nogil=True)
def _sample_warped(
    image: np.ndarray, u: float, v: float, warp: np.ndarray, half: int, out: np.ndarray
) -> None:
    """Write the bilinear window centred at (u, v), its offsets mapped by `warp`, to out."""
    side = 2 * half + 1
    lanes = out.shape[1]
    us, vs = np.empty(lanes), np.empty(lanes)
    u_last, v_last = image.shape[1] - 1.001, image.shape[0] - 1.001
    for y in range(side):
        # Coordinates first (vector instructions), then the scattered reads.
        u0 = u - warp[0, 0] * half + warp[0, 1] * (y - half)
        v0 = v - warp[1, 0] * half + warp[1, 1] * (y - half)
        for x in range(lanes):
            us[x] = min(max(u0 + warp[0, 0] * x, 0.0), u_last)
            vs[x] = min(max(v0 + warp[1, 0] * x, 0.0), v_last)
        for x in range(side):
            ix, iy = np.uint32(us[x]), np.uint32(vs[x])
            a, b = np.float32(us[x] - ix), np.float32(vs[x] - iy)
            g00, g01 = np.float32(image[iy, ix]), np.float32(image[iy, ix + np.uint32(1)])
            iy += np.uint32(1)
            g10, g11 = np.float32(image[iy, ix]), np.float32(image[iy, ix + np.uint32(1)])
            top = g00 + a * (g01 - g00)
            out[y, x] = top + b * (g10 + a * (g11 - g10) - top)


@njit(cache=True, nogil=True)
def _sum(lanes: np.ndarray) -> np.float32:
    """Return the sum of the accumulator lanes in their order."""
    total = np.float32(0.0)
    for x in range(lanes.shape[0]):
        total += lanes[x]
    return total


@njit(cache=True, nogil=True)
def window_weights(window: int, lanes: int) -> np.ndarray:
    """Return a Gaussian over the window (window, lanes) float32, sum 1, spare lanes 0.

    Its deviation is 0.27 of the side. Pixels far from the centre, which are the first to lie on
    another surface, count less.
    """
    weights = np.zeros((window, lanes), np.float32)
    half = window // 2
    fall = -0.5 / (0.27 * window) ** 2
    total = 0.0
    for y in range(window):
        for x in range(window):
            weights[y, x] = math.exp(fall * ((x - half) ** 2 + (y - half) ** 2))
            total += weights[y, x]
    for y in range(window):
        for x in range(window):
            weights[y, x] /= np.float32(total)
    return weights


@njit(cache=True, nogil=True)
def _template(
    image: np.ndarray,
    u: float,
    v: float,
    warp: np.ndarray,
    weights: np.ndarray,
    patch: np.ndarray,
    basis: np.ndarray,
    normal: np.ndarray,
) -> None:
    """Cut the template at (u, v), turned by `warp`, and form its gradients and normal matrix.

    weights: (side, lanes), sum 1. patch: (side + 2, lanes + 2) scratch. basis: (4, side, lanes),
    horizontal gradient, vertical gradient and grey value, each less its weighted mean and times
    the weights; last the grey value less its mean, not weighted. normal: (6,), the weighted Gram
    matrix of the first three: xx xy yy xg yg gg.
    """
    side, lanes = weights.shape
    _sample_warped(image, u, v, warp, side // 2 + 1, patch)
    half = np.float32(0.5)
    for y in range(side):
        up, mid, down = patch[y], patch[y + 1], patch[y + 2]
        for x in range(side):
            basis[0, y, x] = half * (mid[x + 2] - mid[x])
            basis[1, y, x] = half * (down[x + 1] - up[x + 1])
            basis[2, y, x] = mid[x + 1]
    acc = np.empty(lanes, np.float32)
    for k in range(3):
        acc[:] = 0.0
        for y in range(side):
            b, w = basis[k, y], weights[y]
            for x in range(lanes):
                acc[x] += w[x] * b[x]
        mean = _sum(acc)
        for y in range(side):
            b = basis[k, y]
            for x in range(lanes):
                b[x] -= mean
    m = 0
    for j in range(3):
        for i in range(j + 1):
            acc[:] = 0.0
            for y in range(side):
                a, b, w = basis[i, y], basis[j, y], weights[y]
                for x in range(lanes):
                    acc[x] += w[x] * (a[x] * b[x])
            normal[m] = _sum(acc)
            m += 1
    for y in range(side):
        w = weights[y]
        for x in range(lanes):
            basis[3, y, x] = basis[2, y, x]
        for k in range(3):
            b = basis[k, y]
            for x in range(lanes):
                b[x] *= w[x]


@njit(cache=True, nogil=True)
def _correlate(window: np.ndarray, basis: np.ndarray, acc: np.ndarray, out: np.ndarray) -> None:
    """Write to out (3,) the sums of (window - template) times each weighted basis image."""
    side, lanes = window.shape
    for x in range(lanes):
        acc[0, x] = 0.0
        acc[1, x] = 0.0
        acc[2, x] = 0.0
    for y in range(side):
        w, bx, by, bg, grey = window[y], basis[0, y], basis[1, y], basis[2, y], basis[3, y]
        for x in range(lanes):
            d = w[x] - grey[x]
            acc[0, x] += bx[x] * d
            acc[1, x] += by[x] * d
            acc[2, x] += bg[x] * d
    for k in range(3):
        out[k] = _sum(acc[k])


@njit(cache=True, nogil=True)
def _correlation(
    window: np.ndarray, basis: np.ndarray, weights: np.ndarray, template_power: float
) -> float:
    """Return the weighted correlation coefficient of the window and the template."""
    side, lanes = window.shape
    acc = np.zeros((3, lanes), np.float32)
    for y in range(side):
        for x in range(lanes):
            value = window[y, x] - window[0, 0]
            weighted = weights[y, x] * value
            acc[0, x] += weighted
            acc[1, x] += weighted * value
            acc[2, x] += basis[2, y, x] * value
    mean = float(_sum(acc[0]))
    power = max(float(_sum(acc[1])) - mean * mean, 1e-9) * template_power
    return float(_sum(acc[2])) / math.sqrt(power)


@njit(cache=True, nogil=True)
def _solve3(n: np.ndarray, inverse: np.ndarray) -> bool:
    """Write the inverse (3, 3) of the symmetric matrix n (6,): False when singular."""
    xx, xy, yy, xg, yg, gg = (
        float(n[0]),
        float(n[1]),
        float(n[2]),
        float(n[3]),
        float(n[4]),
        float(n[5]),
    )
    c00, c01, c02 = yy * gg - yg * yg, xg * yg - xy * gg, xy * yg - yy * xg
    c11, c12, c22 = xx * gg - xg * xg, xy * xg - xx * yg, xx * yy - xy * xy
    det = xx * c00 + xy * c01 + xg * c02
    if det <= 0.0:
        return False
    inverse[0, 0], inverse[0, 1], inverse[0, 2] = c00 / det, c01 / det, c02 / det
    inverse[1, 0], inverse[1, 1], inverse[1, 2] = c01 / det, c11 / det, c12 / det
    inverse[2, 0], inverse[2, 1], inverse[2, 2] = c02 / det, c12 / det, c22 / det
    return True


@njit(cache=True, nogil=True, parallel=True)
def track_windows(
    reference: Pyramid,
    current: Pyramid,
    uv_reference: np.ndarray,
    uv_start: np.ndarray,
    warps: np.ndarray,
    window: int,
    max_iterations: int,
    step_px: float,
    min_eigenvalue: float,
    min_correlation: float,
    max_shift_px: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Follow N windows: return uv (N, 2), status (N,), correlation (N,) and iterations (N, levels).

    uv_reference, uv_start: (N, 2) float64, pixels at full resolution in the reference and in the
    current image. warps: (N, 2, 2), takes pixel offsets of the current image to the reference
    image, so that the template looks like the current view. The model of the brightness is
    current = gain * reference + offset, both estimated by the window's own normal equations.
    status: TRACKED, or why not: BORDER (window leaves the image), FLAT (smaller eigenvalue of the
    shift's normal matrix, a pixel, below min_eigenvalue), DIVERGED (further than max_shift_px from
    the start on some level, or a singular system), RESIDUAL (correlation below min_correlation).
    Sources: Lucas and Kanade, IJCAI 1981; Bouguet, "Pyramidal implementation of the Lucas Kanade
    feature tracker", 2000 (template gradients, one normal matrix a level); Baker and Matthews,
    "Lucas-Kanade 20 years on", IJCV 2004 (linear appearance variation).
    """
    count = len(uv_reference)
    levels = len(reference)
    half = window // 2
    lanes = (window + 7) // 8 * 8
    uv = uv_start.copy()
    status = np.zeros(count, np.uint8)
    correlation = np.zeros(count, np.float32)
    iterations = np.zeros((count, levels), np.int32)
    weights = window_weights(window, lanes)
    for i in prange(count):
        patch = np.empty((window + 2, lanes + 2), np.float32)
        basis = np.zeros((4, window, lanes), np.float32)
        view = np.empty((window, lanes), np.float32)
        acc = np.empty((3, lanes), np.float32)
        normal = np.empty(6, np.float32)
        inverse = np.empty((3, 3), np.float64)
        sums = np.empty(3, np.float32)
        u, v = uv_start[i, 0], uv_start[i, 1]
        code = TRACKED
        if not abs(u + v + uv_reference[i].sum() + warps[i].sum()) < 1e6:
            status[i] = BORDER  # NaN or far away: no such pixel
            continue
        for level in range(levels - 1, -1, -1):
            scale = 1.0 / (1 << level)
            height, width = current[level].shape
            ul, vl = u * scale, v * scale
            if level == 0 and not (
                half <= ul < width - half - 1 and half <= vl < height - half - 1
            ):
                code = BORDER
                break
            _template(
                reference[level],
                uv_reference[i, 0] * scale,
                uv_reference[i, 1] * scale,
                warps[i],
                weights,
                patch,
                basis,
                normal,
            )
            if not _solve3(normal, inverse):
                if level == 0:
                    code = FLAT
                continue
            u0, v0 = ul, vl
            gain = 1.0
            for iteration in range(max_iterations):
                _sample_window(current[level], ul, vl, half, view)
                _correlate(view, basis, acc, sums)
                du = inverse[0, 0] * sums[0] + inverse[0, 1] * sums[1] + inverse[0, 2] * sums[2]
                dv = inverse[1, 0] * sums[0] + inverse[1, 1] * sums[1] + inverse[1, 2] * sums[2]
                dg = inverse[2, 0] * sums[0] + inverse[2, 1] * sums[1] + inverse[2, 2] * sums[2]
                gain = min(max(1.0 + dg, 0.5), 2.0)
                du /= gain
                dv /= gain
                ul -= du
                vl -= dv
                iterations[i, level] = iteration + 1
                if du * du + dv * dv < step_px * step_px:
                    break
                if abs(ul - u0) > max_shift_px or abs(vl - v0) > max_shift_px:
                    break
            if abs(ul - u0) > max_shift_px or abs(vl - v0) > max_shift_px:
                # A coarse level that runs away is ignored; the finest one decides.
                if level == 0:
                    code = DIVERGED
                continue
            u, v = ul / scale, vl / scale
            if level == 0:
                if not (half <= ul < width - half - 1 and half <= vl < height - half - 1):
                    code = BORDER
                    break
                xx = float(normal[0]) - float(normal[3]) * normal[3] / normal[5]
                xy = float(normal[1]) - float(normal[3]) * normal[4] / normal[5]
                yy = float(normal[2]) - float(normal[4]) * normal[4] / normal[5]
                smaller = 0.5 * (xx + yy - math.sqrt((xx - yy) * (xx - yy) + 4.0 * xy * xy))
                if smaller < min_eigenvalue:
                    code = FLAT
                    break
                _sample_window(current[level], ul, vl, half, view)
                correlation[i] = _correlation(view, basis, weights, float(normal[5]))
                if correlation[i] < min_correlation:
                    code = RESIDUAL
        uv[i, 0], uv[i, 1] = u, v
        status[i] = code
    return uv, status, correlation, iterations
