# SPDX-License-Identifier: Apache-2.0
"""How well a window knows its scale: the deviation of its landmarks' mean log depth."""

import math

import numpy as np
from numba import njit

from vio.backend.solve import solve_normal, solve_upper_transposed
from vio.backend.states import sum_squares


def scale_deviation(
    information: tuple[np.ndarray, np.ndarray],
    rows: np.ndarray,
    col_of_slot: np.ndarray,
    tops: tuple[np.ndarray, np.ndarray, np.ndarray],
    lm: np.ndarray,
) -> float | None:
    """Return the relative standard deviation of the scale, or None where it is undetermined.

    information: H (n, n) and g (n,) of the last linearisation. rows: the landmarks. tops: each
    landmark's own rows, their slots and frames, as `linearize_landmarks` left them. lm: (L, 3).
    """
    H, g = information
    ok, _, U = solve_normal(H, g, 0.0)
    if not ok or not len(rows):
        return None
    y = solve_upper_transposed(U, mean_depth_row(rows, col_of_slot, *tops, lm, len(g)))
    return math.sqrt(float(sum_squares(y)))


@njit(cache=True, nogil=True)
def mean_depth_row(
    rows: np.ndarray,
    col_of_slot: np.ndarray,
    top: np.ndarray,
    top_slots: np.ndarray,
    top_frames: np.ndarray,
    lm: np.ndarray,
    size: int,
) -> np.ndarray:
    """Return the derivative (size,) of the landmarks' mean log depth by the poses' columns.

    Landmarks are weighted by how well the poses' columns fix their depths: the squares of the third
    diagonal entries of R_l, by the log depth.
    """
    out = np.zeros(size, lm.dtype)
    total = lm.dtype.type(0.0)
    for row in rows:
        if top_frames[row] == 0:
            continue
        d = top[row, 2, 2]
        rho = lm[row, 2]
        weight = (d * rho) * (d * rho)
        if not weight > 0.0:
            continue
        total += weight
        # The third row alone gives rho: its step is -(r + J dx) / d; log depth is -log rho.
        for k in range(top_frames[row]):
            col = col_of_slot[top_slots[row, k]]
            for c in range(6):
                out[col + c] += weight * top[row, 2, 4 + 6 * k + c] / (d * rho)
    if total > 0.0:
        out /= total
    return out
