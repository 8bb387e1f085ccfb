# SPDX-License-Identifier: Apache-2.0
"""Image pyramid: each level is the one below, smoothed by a 5-tap binomial and halved."""

import numpy as np
from numba import njit

Pyramid = tuple[np.ndarray, ...]


@njit(cache=True, nogil=True)
def reflect(i: int, n: int) -> int:
    """Return the index i mirrored into [0, n) about the border samples (-1 -> 1, n -> n - 2)."""
    if i < 0:
        i = -i
    if i >= n:
        i = 2 * n - 2 - i
    return i


@njit(cache=True, nogil=True)
def halve(image: np.ndarray) -> np.ndarray:
    """Return the next pyramid level of an image (H, W) uint8: ((H + 1) // 2, (W + 1) // 2) uint8.

    Kernel [1 4 6 4 1] / 16 down and across, sampled at even pixels, one rounding at the end
    (+128, >> 8), mirrored borders. A pixel u of this level is u / 2 on the next. Source: Burt and
    Adelson, "The Laplacian pyramid as a compact image code", 1983 (a = 0.375).
    """
    height, width = image.shape
    out = np.empty(((height + 1) // 2, (width + 1) // 2), np.uint8)
    column = np.empty(width + 4, np.int32)
    for y in range(out.shape[0]):
        a = image[reflect(2 * y - 2, height)]
        b = image[reflect(2 * y - 1, height)]
        c = image[2 * y]
        d = image[reflect(2 * y + 1, height)]
        e = image[reflect(2 * y + 2, height)]
        for x in range(width):
            column[x + 2] = (
                np.int32(a[x])
                + np.int32(e[x])
                + np.int32(4) * (np.int32(b[x]) + np.int32(d[x]))
                + np.int32(6) * np.int32(c[x])
            )
        column[0] = column[4]
        column[1] = column[3]
        column[width + 2] = column[width]
        column[width + 3] = column[width - 1]
        for x in range(out.shape[1]):
            out[y, x] = (
                column[2 * x]
                + column[2 * x + 4]
                + 4 * (column[2 * x + 1] + column[2 * x + 3])
                + 6 * column[2 * x + 2]
                + 128
            ) >> 8
    return out


def build_pyramid(image: np.ndarray, levels: int) -> Pyramid:
    """Return the pyramid of an image (H, W) uint8, full resolution first, `levels` images."""
    pyramid = [np.ascontiguousarray(image)]
    while len(pyramid) < levels:
        pyramid.append(halve(pyramid[-1]))
    return tuple(pyramid)
