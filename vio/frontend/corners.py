# SPDX-License-Identifier: Apache-2.0
"""Corner detection: Shi-Tomasi scores, non-maximum suppression and a budget for each grid cell."""

import numpy as np
from numba import njit

from vio.workers import share


def corner_scores(image: np.ndarray, radius: int) -> np.ndarray:
    """Return the smaller eigenvalue of the structure tensor, (H, W) float32, (grey level / px)^2.

    Sobel gradients (divided by 8, so in grey levels a pixel) are averaged over a square window of
    2 radius + 1 pixels. The outermost radius + 1 pixels have score 0. Source: Shi and Tomasi, "Good
    features to track", CVPR 1994.
    """
    scores = np.zeros(image.shape, np.float32)
    share(_score_rows, max(len(image) - 2 * radius - 2, 0), image, radius, scores)
    return scores


@njit(cache=True, nogil=True)
def _score_rows(first: int, last: int, image: np.ndarray, radius: int, scores: np.ndarray) -> None:
    """Write the scores of rows first..last - 1, counted from the first that has any."""
    width = image.shape[1]
    side = 2 * radius + 1
    # Ring of the last `side` rows of gradient products, and their running column sums: what a
    # streaming implementation holds in line buffers. Integers, so that nothing accumulates error.
    ring = np.zeros((side, 3, width), np.int32)
    sums = np.zeros((3, width), np.int32)
    for y in range(first + 1, last + side):
        add_gradient_row(image[y - 1], image[y], image[y + 1], ring[y % side], sums)
        if y >= first + side:
            _score_row(sums, radius, scores[y - radius])


@njit(cache=True, nogil=True)
def add_gradient_row(
    up: np.ndarray, mid: np.ndarray, down: np.ndarray, row: np.ndarray, sums: np.ndarray
) -> None:
    """Replace one row of gradient products (3, W) in the column sums (3, W)."""
    n = up.shape[0] - 2
    # Slices that start at 0, not offsets in the index: only those become vector instructions.
    u0, u1, u2 = up[:n], up[1 : n + 1], up[2 : n + 2]
    m0, m2 = mid[:n], mid[2 : n + 2]
    d0, d1, d2 = down[:n], down[1 : n + 1], down[2 : n + 2]
    r_xx, r_xy, r_yy = row[0, 1 : n + 1], row[1, 1 : n + 1], row[2, 1 : n + 1]
    s_xx, s_xy, s_yy = sums[0, 1 : n + 1], sums[1, 1 : n + 1], sums[2, 1 : n + 1]
    for x in range(n):
        cross = np.int32(np.int32(u0[x]) - np.int32(d2[x]))
        other = np.int32(np.int32(u2[x]) - np.int32(d0[x]))
        gx = np.int32(other - cross + 2 * (np.int32(m2[x]) - np.int32(m0[x])))
        gy = np.int32(-cross - other + 2 * (np.int32(d1[x]) - np.int32(u1[x])))
        xx, xy, yy = np.int32(gx * gx), np.int32(gx * gy), np.int32(gy * gy)
        s_xx[x] = np.int32(s_xx[x] + xx - r_xx[x])
        s_xy[x] = np.int32(s_xy[x] + xy - r_xy[x])
        s_yy[x] = np.int32(s_yy[x] + yy - r_yy[x])
        r_xx[x], r_xy[x], r_yy[x] = xx, xy, yy


@njit(cache=True, nogil=True)
def _score_row(sums: np.ndarray, radius: int, out: np.ndarray) -> None:
    """Write the scores of one row (W,) from the column sums (3, W) of the gradient products."""
    side = 2 * radius + 1
    n = out.shape[0] - side - 1
    box = np.zeros((3, n), np.int32)
    for k in range(side):
        for m in range(3):
            part, total = sums[m, k + 1 : k + 1 + n], box[m]
            for x in range(n):
                total[x] = np.int32(total[x] + part[x])
    scale = np.float32(1.0 / (64.0 * side * side))
    half, four = np.float32(0.5), np.float32(4.0)
    xx, xy, yy = box[0], box[1], box[2]
    inner = out[radius + 1 : radius + 1 + n]
    for x in range(n):
        a, b, c = np.float32(xx[x]) * scale, np.float32(xy[x]) * scale, np.float32(yy[x]) * scale
        inner[x] = half * ((a + c) - np.sqrt((a - c) * (a - c) + four * b * b))


def select_corners(
    scores: np.ndarray,
    occupied_uv: np.ndarray,
    cols: int,
    rows: int,
    cell_budget: int,
    max_new: int,
    min_score: float,
    min_distance_px: int,
    border_px: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the new corners, uv (M, 2) float64 and scores (M,) float32, best first.

    A corner is a pixel whose score is at least min_score and the greatest of its 3x3
    neighbourhood (ties go to the first in raster order), at least border_px inside the image, at
    least min_distance_px (Chebyshev) from every occupied_uv (N, 2) and from every better new
    corner. No cell of the cols x rows grid holds more than cell_budget tracks, old ones included.
    """
    count = np.zeros((rows, cols), np.int64)
    blocked = np.zeros(scores.shape, np.bool_)
    _occupy(count, blocked, occupied_uv, min_distance_px)
    candidates_v, candidates_u, values = _local_maxima(scores, min_score, border_px, blocked)
    order = np.argsort(-values, kind="stable")
    uv = np.empty((max(max_new, 0), 2))
    taken = _take_best(
        order, candidates_v, candidates_u, count, blocked, cell_budget, min_distance_px, uv
    )
    uv = uv[:taken].copy()
    return uv, scores[uv[:, 1].astype(np.int64), uv[:, 0].astype(np.int64)]


@njit(cache=True, nogil=True)
def _occupy(
    count: np.ndarray, blocked: np.ndarray, occupied_uv: np.ndarray, min_distance_px: int
) -> None:
    """Count the tracks of each grid cell (rows, cols) and block the pixels around them."""
    height, width = blocked.shape
    rows, cols = count.shape
    for i in range(len(occupied_uv)):
        u, v = int(occupied_uv[i, 0] + 0.5), int(occupied_uv[i, 1] + 0.5)
        if 0 <= u < width and 0 <= v < height:
            count[v * rows // height, u * cols // width] += 1
            _block(blocked, u, v, min_distance_px)


@njit(cache=True, nogil=True)
def _take_best(
    order: np.ndarray,
    candidates_v: np.ndarray,
    candidates_u: np.ndarray,
    count: np.ndarray,
    blocked: np.ndarray,
    cell_budget: int,
    min_distance_px: int,
    uv: np.ndarray,
) -> int:
    """Write the candidates that may be taken, in their order, to uv until it is full.

    Returns their number; count (rows, cols) and blocked (H, W) follow.
    """
    height, width = blocked.shape
    rows, cols = count.shape
    taken = 0
    for i in order:
        if taken >= len(uv):
            break
        u, v = candidates_u[i], candidates_v[i]
        row, col = v * rows // height, u * cols // width
        if blocked[v, u] or count[row, col] >= cell_budget:
            continue
        count[row, col] += 1
        _block(blocked, u, v, min_distance_px)
        uv[taken, 0], uv[taken, 1] = u, v
        taken += 1
    return taken


@njit(cache=True, nogil=True)
def _local_maxima(
    scores: np.ndarray, min_score: float, border_px: int, blocked: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, columns and scores of the 3x3 maxima that are not blocked, in raster order."""
    height, width = scores.shape
    border = max(border_px, 1)
    n = width - 2 * border
    v_out = np.empty(height * width // 4 + 1, np.int64)
    u_out = np.empty(height * width // 4 + 1, np.int64)
    values = np.empty(height * width // 4 + 1, np.float32)
    peak = np.empty(n, np.bool_)
    count = 0
    floor = np.float32(min_score)
    for v in range(border, height - border):
        above, here, below = scores[v - 1], scores[v], scores[v + 1]
        a0, a1, a2 = above[border - 1 :], above[border:], above[border + 1 :]
        h0, h1, h2 = here[border - 1 :], here[border:], here[border + 1 :]
        b0, b1, b2 = below[border - 1 :], below[border:], below[border + 1 :]
        for x in range(n):
            s = h1[x]
            first = max(max(a0[x], a1[x]), max(a2[x], h0[x]))
            later = max(max(b0[x], b1[x]), max(b2[x], h2[x]))
            peak[x] = (s >= floor) & (s > first) & (s >= later)
        for x in range(n):
            if peak[x] and not blocked[v, x + border]:
                v_out[count], u_out[count], values[count] = v, x + border, h1[x]
                count += 1
    return v_out[:count], u_out[:count], values[:count]


@njit(cache=True, nogil=True)
def _block(blocked: np.ndarray, u: int, v: int, distance: int) -> None:
    """Mark the pixels nearer than `distance` (Chebyshev) to (u, v)."""
    height, width = blocked.shape
    for y in range(max(v - distance + 1, 0), min(v + distance, height)):
        for x in range(max(u - distance + 1, 0), min(u + distance, width)):
            blocked[y, x] = True
