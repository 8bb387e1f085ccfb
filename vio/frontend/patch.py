# SPDX-License-Identifier: Apache-2.0
"""Patches of an image: sampled between pixels, made a template, compared with it."""

import math

import numpy as np
from numba import njit


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
def window_inside(image: np.ndarray, u: float, v: float, half: int) -> bool:
    """Return whether the window centred at (u, v), with its interpolation, lies in the image."""
    height, width = image.shape
    return half <= u < width - half - 1 and half <= v < height - half - 1


@njit(cache=True, nogil=True)
def sample_window(image: np.ndarray, u: float, v: float, half: int, out: np.ndarray) -> None:
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
def sample_warped(
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
def cut_template(
    image: np.ndarray,
    u: float,
    v: float,
    warp: np.ndarray,
    weights: np.ndarray,
    patch: np.ndarray,
    basis: np.ndarray,
) -> None:
    """Cut the template at (u, v), its offsets mapped by `warp`, and form its basis.

    weights: (side, lanes), sum 1. patch: (side + 2, lanes + 2) scratch. basis: (4, side, lanes), of
    which the first three are written: horizontal gradient, vertical gradient and grey value, each
    less its weighted mean.
    """
    side, lanes = weights.shape
    sample_warped(image, u, v, warp, side // 2 + 1, patch)
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


@njit(cache=True, nogil=True)
def form_normal(weights: np.ndarray, basis: np.ndarray, normal: np.ndarray) -> None:
    """Form the normal matrix of the basis of `cut_template`, then weight the basis.

    normal: (6,), the weighted Gram matrix of the first three: xx xy yy xg yg gg. Afterwards these
    are times the weights, and the fourth is the grey value less its mean, not weighted.
    """
    side, lanes = weights.shape
    acc = np.empty(lanes, np.float32)
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
def invert_normal(n: np.ndarray, inverse: np.ndarray) -> bool:
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


@njit(cache=True, nogil=True)
def mismatch(window: np.ndarray, basis: np.ndarray, acc: np.ndarray, out: np.ndarray) -> None:
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
def correlation(
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
