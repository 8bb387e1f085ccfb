# SPDX-License-Identifier: Apache-2.0
"""Corners in integers: streaming scores, the best of each tile, and a bounded selection.

While the frame streams in, the best 3x3 maximum of each tile is kept: at most one candidate a tile,
so that the memory is bounded and candidates are spread without sorting. When the surviving tracks
are known, the best remaining candidate is taken again and again.
"""

import numpy as np
from numba import njit

from vio.fixed import formats as sig
from vio.fixed.qformat import LOW, narrow, round_shift
from vio.frontend.corners import add_gradient_row

SUM_SHIFT = 8  # of the gradient sums before the eigenvalue: 18-bit multipliers
ROOT_BITS = 18  # of the square root: gradients of at most 1020 give radicands of 36 bits


@njit(cache=True, nogil=True)
def corner_scores(image: np.ndarray, signals: np.ndarray) -> np.ndarray:
    """Return the smaller eigenvalue of the structure tensor (H, W) int32, in units of SUM_SHIFT.

    Sobel gradients (not divided), products summed over 5x5 pixels, shifted right by 8 with
    rounding; the square root is rounded down. The outermost 3 pixels have score 0.
    """
    height, width = image.shape
    scores = np.zeros((height, width), np.int32)
    ring = np.zeros((5, 3, width), np.int32)
    sums = np.zeros((3, width), np.int32)
    trace = signals[-1, LOW] != 0
    top = signals[sig.CORNER_SCORE, 1]
    for y in range(1, height - 1):
        add_gradient_row(image[y - 1], image[y], image[y + 1], ring[y % 5], sums)
        if y >= 5:
            _score_row(sums, scores[y - 2], top, trace, signals)
    return scores


@njit(cache=True, inline="always")
def _root(x: int) -> int:
    """Return the square root of an integer of 2 ROOT_BITS bits, rounded down: a bit a stage."""
    root = 0
    for stage in range(ROOT_BITS):
        n = ROOT_BITS - 1 - stage
        trial = ((root << 1) + (1 << n)) << n
        fits = x >= trial
        x -= trial if fits else 0
        root += 1 << n if fits else 0
    return root


@njit(cache=True, nogil=True)
def _score_row(
    sums: np.ndarray, out: np.ndarray, top: int, trace: bool, signals: np.ndarray
) -> None:
    """Write the scores of one row (W,) from the column sums (3, W) of the gradient products."""
    n = out.shape[0] - 6
    box = np.zeros((3, n), np.int32)
    for k in range(5):
        for m in range(3):
            part, total = sums[m, k + 1 : k + 1 + n], box[m]
            for x in range(n):
                total[x] = np.int32(total[x] + part[x])
    inner = out[3 : 3 + n]
    half = np.int32(1 << (SUM_SHIFT - 1))
    xx, xy, yy = box[0], box[1], box[2]
    for x in range(n):
        a = int((xx[x] + half) >> np.int32(SUM_SHIFT))
        b = int((xy[x] + half) >> np.int32(SUM_SHIFT))
        c = int((yy[x] + half) >> np.int32(SUM_SHIFT))
        root = _root((a - c) * (a - c) + 4 * b * b)
        inner[x] = min(max((a + c - root) >> 1, 0), top)
    if trace:
        for x in range(n):
            narrow(signals, sig.GRADIENT_SUM, int(xx[x]))
            narrow(signals, sig.GRADIENT_SUM, int(xy[x]))
            narrow(signals, sig.GRADIENT_SUM, int(yy[x]))
            narrow(signals, sig.CORNER_SCORE, int(inner[x]))


def score_register(min_eigenvalue: float) -> int:
    """Return the least score for an eigenvalue in (grey level / px)^2 (Sobel / 8, 5x5 mean)."""
    return round(min_eigenvalue * 64 * 25 / 2**SUM_SHIFT)


@njit(cache=True, nogil=True)
def tile_candidates(scores: np.ndarray, tile_px: int, min_score: int, border_px: int) -> np.ndarray:
    """Return the best corner of each tile, (rows, cols, 3) int64: u, v, score; score 0: none.

    A corner is a score of at least min_score that is the greatest of its 3x3 neighbourhood (ties
    go to the first in raster order) and lies border_px inside; within a tile ties likewise.
    """
    height, width = scores.shape
    rows, cols = (height + tile_px - 1) // tile_px, (width + tile_px - 1) // tile_px
    best = np.zeros((rows, cols, 3), np.int64)
    border = max(border_px, 1)
    n = width - 2 * border
    peak = np.empty(n, np.bool_)
    for v in range(border, height - border):
        above, here, below = scores[v - 1], scores[v], scores[v + 1]
        a0, a1, a2 = above[border - 1 :], above[border:], above[border + 1 :]
        h0, h1, h2 = here[border - 1 :], here[border:], here[border + 1 :]
        b0, b1, b2 = below[border - 1 :], below[border:], below[border + 1 :]
        for x in range(n):
            s = h1[x]
            first = max(max(a0[x], a1[x]), max(a2[x], h0[x]))
            later = max(max(b0[x], b1[x]), max(b2[x], h2[x]))
            peak[x] = (s >= min_score) & (s > first) & (s >= later) & (s > 0)
        row = best[v // tile_px]
        for x in range(n):
            if peak[x]:
                cell = row[(x + border) // tile_px]
                if h1[x] > cell[2]:
                    cell[0], cell[1], cell[2] = x + border, v, h1[x]
    return best


@njit(cache=True, nogil=True)
def select_corners(
    candidates: np.ndarray,
    occupied_uv: np.ndarray,
    coord_frac: int,
    tile_px: int,
    cell_cols: int,
    cell_rows: int,
    cell_budget: int,
    max_new: int,
    min_distance_px: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the new corners, uv (M, 2) int64 in coordinates of coord_frac, and scores (M,).

    candidates: of `tile_candidates`; consumed. occupied_uv: (N, 2) pixels of the live tracks. A
    budget cell is cell_cols x cell_rows tiles and holds at most cell_budget tracks; corners keep
    min_distance_px (Chebyshev, between rounded pixels) from tracks and from each other. Best first,
    ties in raster order of the budget cells, then of the tiles within.
    """
    rows, cols, _ = candidates.shape
    grid_rows, grid_cols = (rows + cell_rows - 1) // cell_rows, (cols + cell_cols - 1) // cell_cols
    count = np.zeros((grid_rows, grid_cols), np.int64)
    taken = np.empty((len(occupied_uv) + max(max_new, 0), 2), np.int64)
    n = len(occupied_uv)
    for i in range(n):
        u = round_shift(occupied_uv[i, 0], coord_frac)
        v = round_shift(occupied_uv[i, 1], coord_frac)
        taken[i, 0], taken[i, 1] = u, v
        row = min(max(v // tile_px, 0), rows - 1) // cell_rows
        col = min(max(u // tile_px, 0), cols - 1) // cell_cols
        count[row, col] += 1
    uv = np.empty((max(max_new, 0), 2), np.int64)
    scores = np.empty(max(max_new, 0), np.int64)
    best = np.zeros((grid_rows, grid_cols, 3), np.int64)  # tile row, tile column, score
    for gr in range(grid_rows):
        for gc in range(grid_cols):
            _find_best(candidates, gr, gc, cell_rows, cell_cols, best[gr, gc])
    m = 0
    while m < max_new:
        top, at_row, at_col = 0, 0, 0
        for gr in range(grid_rows):
            for gc in range(grid_cols):
                if count[gr, gc] < cell_budget and best[gr, gc, 2] > top:
                    top, at_row, at_col = best[gr, gc, 2], gr, gc
        if top == 0:
            break
        tile = candidates[best[at_row, at_col, 0], best[at_row, at_col, 1]]
        u, v = tile[0], tile[1]
        tile[2] = 0
        _find_best(candidates, at_row, at_col, cell_rows, cell_cols, best[at_row, at_col])
        free = True
        for i in range(n + m):
            if max(abs(taken[i, 0] - u), abs(taken[i, 1] - v)) < min_distance_px:
                free = False
                break
        if not free:
            continue
        taken[n + m, 0], taken[n + m, 1] = u, v
        uv[m, 0], uv[m, 1], scores[m] = u << coord_frac, v << coord_frac, top
        count[at_row, at_col] += 1
        m += 1
    return uv[:m].copy(), scores[:m].copy()


@njit(cache=True, nogil=True)
def _find_best(
    candidates: np.ndarray, gr: int, gc: int, cell_rows: int, cell_cols: int, out: np.ndarray
) -> None:
    """Write the best candidate of a budget cell (3,): tile row, tile column, score."""
    rows, cols, _ = candidates.shape
    out[2] = 0
    for r in range(gr * cell_rows, min((gr + 1) * cell_rows, rows)):
        for c in range(gc * cell_cols, min((gc + 1) * cell_cols, cols)):
            if candidates[r, c, 2] > out[2]:
                out[0], out[1], out[2] = r, c, candidates[r, c, 2]
