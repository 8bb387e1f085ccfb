# SPDX-License-Identifier: Apache-2.0
"""The epipolar curve of a left pixel in the raw right image, piecewise linear.

A segment covers the same range of disparity; its ends, the breakpoints, are projected exactly.
"""

import numpy as np
from numba import njit

from vio.fixed import formats as sig
from vio.fixed.qformat import divide, narrow, round_shift
from vio.fixed.rectify import LensRegisters, project, rotate_ray_back
from vio.fixed.stereo_registers import StereoRegisters

SLOPE_FRAC = 12


@njit(cache=True, nogil=True)
def trace_curve(
    right: LensRegisters,
    s: StereoRegisters,
    signals: np.ndarray,
    x: int,
    y: int,
    breakpoints: np.ndarray,
) -> int:
    """Write the raw right pixels (n, 2) of a rectified ray at the disparities; return their number.

    It ends where the curve has no pixel any more or turns back.
    """
    n = 0
    for g in range(s.segments + 1):
        shifted = x + s.first - g * s.disparity_step
        xr, yr, ahead = rotate_ray_back(signals, s.R_rect_right, shifted, y)
        if not ahead:
            break
        u, v, inside = project(right, signals, xr, yr)
        if not inside or (n > 0 and u >= breakpoints[n - 1, 0]):
            break
        breakpoints[n, 0], breakpoints[n, 1] = u, v
        n += 1
    return n


@njit(cache=True, nogil=True)
def segment_slopes(
    signals: np.ndarray, breakpoints: np.ndarray, n: int, slopes: np.ndarray
) -> None:
    """Write the slope of each segment, rows a column."""
    for g in range(n - 1):
        run = breakpoints[g, 0] - breakpoints[g + 1, 0]
        rise = breakpoints[g, 1] - breakpoints[g + 1, 1]
        size = divide(abs(rise) << SLOPE_FRAC, run)
        slopes[g] = narrow(signals, sig.STRIP_SLOPE, size if rise >= 0 else -size)


@njit(cache=True, nogil=True)
def row_at(breakpoints: np.ndarray, slopes: np.ndarray, n: int, u: int) -> tuple[int, int]:
    """Return the curve's v at column coordinate u (ends prolonged), and the slope there."""
    g = 0
    while g < n - 2 and u < breakpoints[g + 1, 0]:
        g += 1
    rise = round_shift(slopes[g] * (u - breakpoints[g, 0]), SLOPE_FRAC)
    return breakpoints[g, 1] + rise, slopes[g]
