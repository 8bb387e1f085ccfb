# SPDX-License-Identifier: Apache-2.0
"""Corner detection: Shi-Tomasi scores, non-maximum suppression and a budget for each grid cell."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def corner_scores(image: np.ndarray, radius: int) -> np.ndarray:
    """Return the smaller eigenvalue of the structure tensor, (H, W) float32, (grey level / px)^2.

    Sobel gradients (divided by 8, so in grey levels a pixel) are averaged over a square window of
    2 radius + 1 pixels. The outermost radius + 1 pixels have score 0. Source: Shi and Tomasi, "Good
    features to track", CVPR 1994.
    """
    height, width = image.shape
    side = 2 * radius + 1
    scores = np.zeros((height, width), np.float32)
    # Ring of the last `side` rows of gradient products, and their running column sums: what a
    # streaming implementation holds in line buffers. Integers, so that nothing accumulates error.
    ring = np.zeros((side, 3, width), np.int32)
    sums = np.zeros((3, width), np.int32)
    for y in range(1, height - 1):
        up, mid, down = image[y - 1], image[y], image[y + 1]
        row = ring[y % side]
        for x in range(1, width - 1):
            left = np.int32(up[x - 1]) + 2 * np.int32(mid[x - 1]) + np.int32(down[x - 1])
            right = np.int32(up[x + 1]) + 2 * np.int32(mid[x + 1]) + np.int32(down[x + 1])
            above = np.int32(up[x - 1]) + 2 * np.int32(up[x]) + np.int32(up[x + 1])
            below = np.int32(down[x - 1]) + 2 * np.int32(down[x]) + np.int32(down[x + 1])
            gx = np.int32(right - left)
            gy = np.int32(below - above)
            xx, xy, yy = np.int32(gx * gx), np.int32(gx * gy), np.int32(gy * gy)
            sums[0, x] += np.int32(xx - row[0, x])
            sums[1, x] += np.int32(xy - row[1, x])
            sums[2, x] += np.int32(yy - row[2, x])
            row[0, x], row[1, x], row[2, x] = xx, xy, yy
        if y >= side:
            _score_row(sums, radius, scores[y - radius])
    return scores


@njit(cache=True, nogil=True)
def _score_row(sums: np.ndarray, radius: int, out: np.ndarray) -> None:
    """Write the scores of one row (W,) from the column sums (3, W) of the gradient products."""
    width = out.shape[0]
    side = 2 * radius + 1
    scale = np.float32(1.0 / (64.0 * side * side))
    half = np.float32(0.5)
    for x in range(radius + 1, width - radius - 1):
        xx, xy, yy = np.int32(0), np.int32(0), np.int32(0)
        for k in range(x - radius, x + radius + 1):
            xx += sums[0, k]
            xy += sums[1, k]
            yy += sums[2, k]
        a, b, c = np.float32(xx) * scale, np.float32(xy) * scale, np.float32(yy) * scale
        out[x] = half * ((a + c) - np.sqrt((a - c) * (a - c) + np.float32(4.0) * b * b))


@njit(cache=True, nogil=True)
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
    height, width = scores.shape
    count = np.zeros((rows, cols), np.int64)
    blocked = np.zeros((height, width), np.bool_)
    for i in range(len(occupied_uv)):
        u, v = int(occupied_uv[i, 0] + 0.5), int(occupied_uv[i, 1] + 0.5)
        if 0 <= u < width and 0 <= v < height:
            count[v * rows // height, u * cols // width] += 1
            _block(blocked, u, v, min_distance_px)
    candidates_v, candidates_u, values = _local_maxima(scores, min_score, border_px, blocked)
    order = np.argsort(-values, kind="mergesort")
    uv = np.empty((max(max_new, 0), 2), np.float64)
    best = np.empty(max(max_new, 0), np.float32)
    taken = 0
    for i in order:
        if taken >= max_new:
            break
        u, v = candidates_u[i], candidates_v[i]
        row, col = v * rows // height, u * cols // width
        if blocked[v, u] or count[row, col] >= cell_budget:
            continue
        count[row, col] += 1
        _block(blocked, u, v, min_distance_px)
        uv[taken, 0], uv[taken, 1], best[taken] = u, v, values[i]
        taken += 1
    return uv[:taken].copy(), best[:taken].copy()


@njit(cache=True, nogil=True)
def _local_maxima(
    scores: np.ndarray, min_score: float, border_px: int, blocked: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, columns and scores of the 3x3 maxima that are not blocked, in raster order."""
    height, width = scores.shape
    border = max(border_px, 1)
    v_out = np.empty(height * width // 4 + 1, np.int64)
    u_out = np.empty(height * width // 4 + 1, np.int64)
    values = np.empty(height * width // 4 + 1, np.float32)
    n = 0
    floor = np.float32(min_score)
    for v in range(border, height - border):
        above, here, below = scores[v - 1], scores[v], scores[v + 1]
        for u in range(border, width - border):
            s = here[u]
            if s < floor or blocked[v, u]:
                continue
            if s <= here[u - 1] or s < here[u + 1]:
                continue
            if s <= above[u - 1] or s <= above[u] or s <= above[u + 1]:
                continue
            if s < below[u - 1] or s < below[u] or s < below[u + 1]:
                continue
            v_out[n], u_out[n], values[n] = v, u, s
            n += 1
    return v_out[:n], u_out[:n], values[:n]


@njit(cache=True, nogil=True)
def _block(blocked: np.ndarray, u: int, v: int, distance: int) -> None:
    """Mark the pixels nearer than `distance` (Chebyshev) to (u, v)."""
    height, width = blocked.shape
    for y in range(max(v - distance + 1, 0), min(v + distance, height)):
        for x in range(max(u - distance + 1, 0), min(u + distance, width)):
            blocked[y, x] = True
