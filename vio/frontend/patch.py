# SPDX-License-Identifier: Apache-2.0
"""Patches of an image: sampled between pixels, made a template, compared with it.

Windows lie in flat arrays, cut into strips of ROW columns; the rows of a strip follow one another,
and the columns beyond the window have weight 0. Loops over a row have a constant length and read
each array at constant distances: only then do they become vector instructions. Each column has a
sum of its own, over the rows; the sums of the columns are added last, from left to right.
"""

import math
from functools import lru_cache

import numpy as np
from numba import njit

ROW = 16  # columns of a strip
PATCH_ROW = 40  # floats of a row of the patch that a template is made of: 31 + 2 pixels, rounded up
BASIS = 4  # images of a template: horizontal and vertical gradient, grey value, grey unweighted
COLUMNS = np.arange(PATCH_ROW, dtype=np.float64)


@njit(cache=True, nogil=True)
def window_inside(image: np.ndarray, u: float, v: float, half: int) -> bool:
    """Return whether the window centred at (u, v), with its interpolation, lies in the image."""
    height, width = image.shape
    return half <= u < width - half - 1 and half <= v < height - half - 1


@njit(cache=True, nogil=True)
def sample_window(image: np.ndarray, u: float, v: float, half: int, out: np.ndarray) -> None:
    """Write the bilinear window centred at (u, v) to out, strip by strip."""
    height, width = image.shape
    side = 2 * half + 1
    last_u, last_v = width - len(out) // side + half, height - side + half
    if not (half <= u < last_u and half <= v < last_v):  # also for what is no number
        _sample_border(image, u, v, half, out)
        return
    x0, y0 = math.floor(u), math.floor(v)
    left, top = int(x0) - half, int(y0) - half
    a, b = np.float32(u - x0), np.float32(v - y0)
    one = np.float32(1.0)
    w00, w01, w10, w11 = (one - a) * (one - b), a * (one - b), (one - a) * b, a * b
    at = 0
    for first in range(left, left + side, ROW):
        for y in range(top, top + side):
            r0, r1 = image[y, first : first + ROW + 1], image[y + 1, first : first + ROW + 1]
            row_out = out[at : at + ROW]
            for x in range(len(row_out)):
                row_out[x] = (
                    w00 * np.float32(r0[x])
                    + w01 * np.float32(r0[x + 1])
                    + w10 * np.float32(r1[x])
                    + w11 * np.float32(r1[x + 1])
                )
            at += ROW


@njit(cache=True, nogil=True)
def _sample_border(image: np.ndarray, u: float, v: float, half: int, out: np.ndarray) -> None:
    """Write a window that reaches over the border, which is repeated (see `sample_window`)."""
    side = 2 * half + 1
    u_last, v_last = image.shape[1] - 1.001, image.shape[0] - 1.001
    column, fraction = np.empty(ROW, np.int64), np.empty(ROW, np.float32)
    at = 0
    for first in range(0, side, ROW):
        for x in range(ROW):
            place = min(max(0.0, u + (first + x - half)), u_last)  # NaN: 0
            column[x] = int(place)
            fraction[x] = np.float32(place - int(place))
        for y in range(side):
            place = min(max(0.0, v + (y - half)), v_last)
            row = int(place)
            b = np.float32(place - row)
            r0, r1 = image[row], image[row + 1]
            row_out = out[at : at + ROW]
            for x in range(ROW):
                k, a = column[x], fraction[x]
                g00, g10 = np.float32(r0[k]), np.float32(r1[k])
                top = g00 + a * (np.float32(r0[k + 1]) - g00)
                bottom = g10 + a * (np.float32(r1[k + 1]) - g10)
                row_out[x] = top + b * (bottom - top)
            at += ROW


@njit(cache=True, nogil=True)
def sample_warped(
    image: np.ndarray,
    u: float,
    v: float,
    warp: np.ndarray,
    side: int,
    offsets: np.ndarray,
    taps: np.ndarray,
    patch: np.ndarray,
) -> None:
    """Write the bilinear window of `side` pixels centred at (u, v) to rows of PATCH_ROW in patch.

    Its offsets are mapped by `warp`. offsets (PATCH_ROW,) int32 and taps (6 PATCH_ROW,) float32:
    scratch.
    """
    half = side // 2
    width = np.int32(image.shape[1])
    below = np.uintp(image.shape[1])
    pixels = image.reshape(-1)
    u_last, v_last = image.shape[1] - 1.001, image.shape[0] - 1.001
    du, dv = warp[0, 0], warp[1, 0]
    fraction_u, fraction_v = taps[:PATCH_ROW], taps[PATCH_ROW : 2 * PATCH_ROW]
    padded = (side + 7) // 8 * 8
    for y in range(side):
        # Coordinates first (vector instructions), then the scattered reads, then the values.
        u0 = u - du * half + warp[0, 1] * (y - half)
        v0 = v - dv * half + warp[1, 1] * (y - half)
        for x in range(side):
            uu = min(max(0.0, u0 + du * COLUMNS[x]), u_last)  # NaN: 0
            vv = min(max(0.0, v0 + dv * COLUMNS[x]), v_last)
            ix, iy = np.int32(uu), np.int32(vv)
            fraction_u[x] = np.float32(uu - ix)
            fraction_v[x] = np.float32(vv - iy)
            offsets[x] = iy * width + ix
        for x in range(side):
            # Unsigned, so that no index counts from the end.
            at, to = np.uintp(offsets[x]), np.uintp(x)
            taps[to + np.uintp(2 * PATCH_ROW)] = pixels[at]
            taps[to + np.uintp(3 * PATCH_ROW)] = pixels[at + np.uintp(1)]
            at += below
            taps[to + np.uintp(4 * PATCH_ROW)] = pixels[at]
            taps[to + np.uintp(5 * PATCH_ROW)] = pixels[at + np.uintp(1)]
        row = patch[y * PATCH_ROW : (y + 1) * PATCH_ROW]
        for x in range(padded):
            a, b = taps[x], taps[PATCH_ROW + x]
            g00, g10 = taps[2 * PATCH_ROW + x], taps[4 * PATCH_ROW + x]
            upper = g00 + a * (taps[3 * PATCH_ROW + x] - g00)
            row[x] = upper + b * (g10 + a * (taps[5 * PATCH_ROW + x] - g10) - upper)


@lru_cache
def window_weights(window: int) -> np.ndarray:
    """Return a Gaussian over the window, (window, window) float32, sum 1; not to be written to.

    Its deviation is 0.27 of the side. Pixels far from the centre, which are the first to lie on
    another surface, count less.
    """
    weights = np.empty((window, window), np.float32)
    half = window // 2
    fall = -0.5 / (0.27 * window) ** 2
    for y in range(window):
        for x in range(window):
            weights[y, x] = math.exp(fall * ((x - half) ** 2 + (y - half) ** 2))
    return weights / np.float32(math.fsum(weights.flat))


@lru_cache
def strip_weights(window: int) -> np.ndarray:
    """Return `window_weights` in strips, not to be written to."""
    return in_strips(window_weights(window))


def in_strips(window: np.ndarray) -> np.ndarray:
    """Return a window (side, side) in strips, flat, 0 in the columns beyond it."""
    side = len(window)
    strips = (side + ROW - 1) // ROW
    padded = np.zeros((side, strips * ROW), window.dtype)
    padded[:, :side] = window
    return np.ascontiguousarray(padded.reshape(side, strips, ROW).swapaxes(0, 1)).reshape(-1)


@njit(cache=True, nogil=True)
def cut_template(
    image: np.ndarray,
    u: float,
    v: float,
    warp: np.ndarray,
    weights: np.ndarray,
    side: int,
    offsets: np.ndarray,
    taps: np.ndarray,
    patch: np.ndarray,
    acc: np.ndarray,
    basis: np.ndarray,
    means: np.ndarray,
) -> None:
    """Cut the template of `side` pixels at (u, v), its offsets mapped by `warp`; form its basis.

    Writes the first three images of the basis, horizontal gradient, vertical gradient and grey
    value, and their weighted means (3,). offsets, taps and patch: scratch of `sample_warped`; acc
    (6 ROW,): scratch.
    """
    sample_warped(image, u, v, warp, side + 2, offsets, taps, patch)
    half = np.float32(0.5)
    mean_x, mean_y, mean_g = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    at = 0
    for first in range(0, side, ROW):
        acc[: 3 * ROW] = np.float32(0.0)
        for y in range(side):
            start = y * PATCH_ROW + first
            p = patch[start : start + 2 * PATCH_ROW + ROW + 2]
            b = basis[BASIS * at : BASIS * (at + ROW)]
            w = weights[at : at + ROW]
            for x in range(ROW):
                gx = half * (p[PATCH_ROW + x + 2] - p[PATCH_ROW + x])
                gy = half * (p[2 * PATCH_ROW + x + 1] - p[x + 1])
                g = p[PATCH_ROW + x + 1]
                b[x], b[ROW + x], b[2 * ROW + x] = gx, gy, g
                acc[x] += w[x] * gx
                acc[ROW + x] += w[x] * gy
                acc[2 * ROW + x] += w[x] * g
            at += ROW
        for x in range(ROW):
            mean_x += acc[x]
            mean_y += acc[ROW + x]
            mean_g += acc[2 * ROW + x]
    means[0], means[1], means[2] = mean_x, mean_y, mean_g


@njit(cache=True, nogil=True)
def form_normal(
    weights: np.ndarray,
    side: int,
    acc: np.ndarray,
    basis: np.ndarray,
    means: np.ndarray,
    normal: np.ndarray,
) -> None:
    """Take the means off the basis of `cut_template`, form its normal matrix, weight the basis.

    normal: (6,), the weighted Gram matrix of the first three images: xx xy yy xg yg gg. Afterwards
    these are times the weights, and the fourth is the grey value less its mean, not weighted.
    """
    mean_x, mean_y, mean_g = means[0], means[1], means[2]
    normal[:] = np.float32(0.0)
    at = 0
    for _ in range(0, side, ROW):
        acc[:] = np.float32(0.0)
        for _y in range(side):
            b = basis[BASIS * at : BASIS * (at + ROW)]
            w = weights[at : at + ROW]
            for x in range(ROW):
                gx, gy, g = b[x] - mean_x, b[ROW + x] - mean_y, b[2 * ROW + x] - mean_g
                wx = w[x]
                acc[x] += wx * (gx * gx)
                acc[ROW + x] += wx * (gx * gy)
                acc[2 * ROW + x] += wx * (gy * gy)
                acc[3 * ROW + x] += wx * (gx * g)
                acc[4 * ROW + x] += wx * (gy * g)
                acc[5 * ROW + x] += wx * (g * g)
                b[x], b[ROW + x], b[2 * ROW + x] = gx * wx, gy * wx, g * wx
                b[3 * ROW + x] = g
            at += ROW
        for m in range(6):
            for x in range(ROW):
                normal[m] += acc[m * ROW + x]


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
def mismatch(
    view: np.ndarray, side: int, acc: np.ndarray, basis: np.ndarray, sums: np.ndarray
) -> None:
    """Write to sums (3,) those of (view - template) times each weighted basis image."""
    sum_x, sum_y, sum_g = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    at = 0
    for _ in range(0, side, ROW):
        acc[: 3 * ROW] = np.float32(0.0)
        for _y in range(side):
            b = basis[BASIS * at : BASIS * (at + ROW)]
            row = view[at : at + ROW]
            for x in range(ROW):
                d = row[x] - b[3 * ROW + x]
                acc[x] += b[x] * d
                acc[ROW + x] += b[ROW + x] * d
                acc[2 * ROW + x] += b[2 * ROW + x] * d
            at += ROW
        for x in range(ROW):
            sum_x += acc[x]
            sum_y += acc[ROW + x]
            sum_g += acc[2 * ROW + x]
    sums[0], sums[1], sums[2] = sum_x, sum_y, sum_g


@njit(cache=True, nogil=True)
def correlation(
    view: np.ndarray,
    weights: np.ndarray,
    side: int,
    acc: np.ndarray,
    basis: np.ndarray,
    template_power: float,
) -> float:
    """Return the weighted correlation coefficient of the view and the template."""
    first = view[0]  # keeps the sums of squares small
    mean, power, product = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    at = 0
    for _ in range(0, side, ROW):
        acc[: 3 * ROW] = np.float32(0.0)
        for _y in range(side):
            g = basis[BASIS * at + 2 * ROW : BASIS * at + 3 * ROW]
            row, w = view[at : at + ROW], weights[at : at + ROW]
            for x in range(ROW):
                value = row[x] - first
                weighted = w[x] * value
                acc[x] += weighted
                acc[ROW + x] += weighted * value
                acc[2 * ROW + x] += g[x] * value
            at += ROW
        for x in range(ROW):
            mean += acc[x]
            power += acc[ROW + x]
            product += acc[2 * ROW + x]
    variance = max(float(power) - float(mean) * float(mean), 1e-9)
    return float(product) / math.sqrt(variance * template_power)
