# SPDX-License-Identifier: Apache-2.0
"""The search for the right column that looks most like a left window, along the epipolar curve."""

import numpy as np
from numba import njit

from vio.fixed import formats as sig
from vio.fixed.qformat import clamp, divide, narrow, round_shift, square_root
from vio.fixed.stereo_curve import row_at
from vio.fixed.stereo_registers import StereoRegisters

_POWER_SHIFT = 8  # of the windows' powers before the correlation is formed
_COLUMNS = 4  # of a block
NO_MATCH = -(1 << 20)


@njit(cache=True, nogil=True)
def search(
    left: np.ndarray,
    right: np.ndarray,
    u: int,
    v: int,
    breakpoints: np.ndarray,
    slopes: np.ndarray,
    n: int,
    s: StereoRegisters,
    coord_frac: int,
    scores: np.ndarray,
    signals: np.ndarray,
) -> tuple[int, int]:
    """Return the right column (pixels) that looks most like the left window at pixel (u, v).

    NO_MATCH: none good enough or not unique. Also the number of columns searched.
    """
    height, width = right.shape
    ru, rv = s.reach_u, s.reach_v
    cols, rows = 2 * ru + 1, 2 * rv + 1
    size = cols * rows
    # Near the border the window is shifted inwards; what it finds is shifted back.
    tu, tv = clamp(u, ru, width - 1 - ru), clamp(v, rv, height - 1 - rv)
    offset = u - tu
    total = 0
    for j in range(rows):
        for i in range(cols):
            total += int(left[tv - rv + j, tu - ru + i])
    mean = (total * (65536 // size) + 32768) >> 16
    template = np.empty((rows, cols), np.int32)
    st, stt = 0, 0
    for j in range(rows):
        for i in range(cols):
            g = int(left[tv - rv + j, tu - ru + i]) - mean
            template[j, i] = g
            st += g
            stt += g * g
    template_power = narrow(
        signals, sig.STEREO_POWER, round_shift(size * stt - st * st, _POWER_SHIFT)
    )
    first = max(round_shift(breakpoints[n - 1, 0], coord_frac) - offset, ru)
    last = min(round_shift(breakpoints[0, 0], coord_frac) - offset, width - 1 - ru)
    count = min(last - first + 1, len(scores))
    if count < 1 or template_power == 0:
        return NO_MATCH, 0
    length = count + cols - 1
    strip = np.empty((rows, length), np.int32)
    left_edge = first - ru
    row, at = 0, -1
    for c in range(length):
        x = left_edge + c
        if x // _COLUMNS != at:
            at = x // _COLUMNS
            middle = (at * _COLUMNS + _COLUMNS // 2 + offset) << coord_frac
            curve_v, _ = row_at(breakpoints, slopes, n, middle)
            row = clamp(round_shift(curve_v, coord_frac) + tv - v, rv, height - 1 - rv) - rv
        for j in range(rows):
            strip[j, c] = np.int32(right[row + j, x]) - np.int32(128)
    sums = np.zeros(length, np.int64)
    squares = np.zeros(length, np.int64)
    for j in range(rows):
        for c in range(length):
            sums[c] += strip[j, c]
            squares[c] += strip[j, c] * strip[j, c]
    cross = np.zeros(count, np.int32)
    for j in range(rows):
        line = strip[j]
        for i in range(cols):
            g, part = template[j, i], line[i : i + count]
            for c in range(count):
                cross[c] += g * part[c]
    best, best_score = -1, 0
    for c in range(count):
        sv, svv = 0, 0
        for i in range(cols):
            sv += sums[c + i]
            svv += squares[c + i]
        power = narrow(signals, sig.STEREO_POWER, round_shift(size * svv - sv * sv, _POWER_SHIFT))
        z = round_shift(size * int(cross[c]) - st * sv, _POWER_SHIFT)
        z = narrow(signals, sig.STEREO_SUM, z)
        scores[c] = divide(z * z, power) if z > 0 else 0
        if scores[c] > best_score:
            best, best_score = c, scores[c]
    if best < 0 or best_score << 16 < s.search_min * template_power:
        return NO_MATCH, count
    second = 0
    for c in range(1, count - 1):
        peak = scores[c] >= scores[c - 1] and scores[c] >= scores[c + 1]
        if peak and abs(c - best) > 2 and scores[c] > second:
            second = scores[c]
    # Correlations are compared, so square roots: with 4 fraction bits.
    gap = square_root(best_score << 8) - square_root(second << 8)
    if (gap << 16) < s.uniqueness * square_root(template_power << 8):
        return NO_MATCH, count
    return first + best + offset, count
