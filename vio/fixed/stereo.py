# SPDX-License-Identifier: Apache-2.0
"""Sparse stereo in integers: a search along the epipolar curve, refined by the tracker's datapath.

No rectified image or strip is made. The epipolar curve of a left pixel is a chain of straight
pieces in the raw right image. Along it the right image is read in columns of four pixels (the
blocks of the frame buffer), each shifted by whole rows, and compared with the raw left window by
normalised correlation. The best column is refined by Lucas-Kanade on the raw images, one-
dimensional along the curve, its template warped by the local map from right to left.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from vio.camera import StereoRig
from vio.config import FrontEndConfig, HwConfig
from vio.errors import VioError
from vio.fixed import formats as sig
from vio.fixed import klt
from vio.fixed.qformat import clamp, divide, narrow, round_shift, square_root
from vio.fixed.rectify import (
    LensRegisters,
    project,
    reciprocal,
    rotation_registers,
    turn_ray,
    turn_ray_back,
    unproject,
)

SEGMENT = 32  # rectified pixels of disparity a straight piece covers
_POWER_SHIFT = 8  # of the windows' powers before the correlation is formed
_COLUMNS = 4  # of a block
_SLOPE_FRAC = 12
_SEARCH_SHARE = 0.5  # of the squared correlation: the refinement on a larger window verifies
NO_MATCH = -(1 << 20)


class StereoRegisters(NamedTuple):
    """Hold the settings of the stereo matcher as the hardware has them.

    R_rect_left, R_rect_right: (3, 3). disparity_step: SEGMENT pixels in ray units; first: of the
    disparity -1. segments: straight pieces. correlation_min: squared, 16 fraction bits;
    uniqueness: correlation, 16 fraction bits. reach: half the window, pixels. search_min: of the
    search, whose best is then verified.
    """

    R_rect_left: np.ndarray
    R_rect_right: np.ndarray
    first: int
    disparity_step: int
    segments: int
    reach_u: int
    reach_v: int
    search_min: int
    correlation_min: int
    uniqueness: int
    iterations: int
    max_refine: int
    border: int


def stereo_registers(rig: StereoRig, config: FrontEndConfig, hw: HwConfig) -> StereoRegisters:
    """Return the registers; raises VioError when the search exceeds what the hardware holds."""
    r = rig.rectification
    disparity = r.focal * r.baseline_m / config.min_depth_m
    segments = int(np.ceil((disparity + 1.0) / SEGMENT))
    if segments > hw.stereo_segments:
        raise VioError(
            f"disparities up to {disparity:.0f} px need {segments} pieces of {SEGMENT} px, the "
            f"hardware configuration has {hw.stereo_segments}; raise frontend.min_depth_m or "
            "hw.stereo_segments"
        )
    one = 2.0**hw.ray_frac
    return StereoRegisters(
        rotation_registers(r.R_rect_left, hw),
        rotation_registers(r.R_rect_right, hw),
        first=round(one / r.focal),
        disparity_step=round(SEGMENT * one / r.focal),
        segments=segments,
        reach_u=config.stereo_half_width,
        reach_v=config.stereo_half_height,
        search_min=round(_SEARCH_SHARE * config.min_stereo_correlation**2 * 2**16),
        correlation_min=round(config.min_stereo_correlation**2 * 2**16),
        uniqueness=round(config.stereo_uniqueness * 2**16),
        iterations=min(10, config.max_iterations),
        max_refine=round(2.0 * 2**hw.coord_frac),
        border=config.window // 2,
    )


@njit(cache=True, nogil=True)
def _curve(
    right: LensRegisters, s: StereoRegisters, signals: np.ndarray, x: int, y: int, knots: np.ndarray
) -> int:
    """Write the raw right pixels (n, 2) of a rectified ray at the disparities; return their number.

    The chain ends where the curve has no pixel any more or turns back.
    """
    n = 0
    for g in range(s.segments + 1):
        shifted = x + s.first - g * s.disparity_step
        xr, yr, ahead = turn_ray_back(signals, s.R_rect_right, shifted, y)
        if not ahead:
            break
        u, v, inside = project(right, signals, xr, yr)
        if not inside or (n > 0 and u >= knots[n - 1, 0]):
            break
        knots[n, 0], knots[n, 1] = u, v
        n += 1
    return n


@njit(cache=True, nogil=True)
def _slopes(signals: np.ndarray, knots: np.ndarray, n: int, slopes: np.ndarray) -> None:
    """Write the rise of each piece a column."""
    for g in range(n - 1):
        run = knots[g, 0] - knots[g + 1, 0]
        rise = knots[g, 1] - knots[g + 1, 1]
        size = divide(abs(rise) << _SLOPE_FRAC, run)
        slopes[g] = narrow(signals, sig.STRIP_SLOPE, size if rise >= 0 else -size)


@njit(cache=True, nogil=True)
def _row_at(knots: np.ndarray, slopes: np.ndarray, n: int, u: int) -> tuple[int, int]:
    """Return the curve's v at column coordinate u (ends prolonged), and the slope there."""
    g = 0
    while g < n - 2 and u < knots[g + 1, 0]:
        g += 1
    return knots[g, 1] + round_shift(slopes[g] * (u - knots[g, 0]), _SLOPE_FRAC), slopes[g]


@njit(cache=True, nogil=True)
def _search(
    left: np.ndarray,
    right: np.ndarray,
    u: int,
    v: int,
    knots: np.ndarray,
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
    # Near the rim the window is shifted inwards; what it finds is shifted back.
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
    first = max(round_shift(knots[n - 1, 0], coord_frac) - offset, ru)
    last = min(round_shift(knots[0, 0], coord_frac) - offset, width - 1 - ru)
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
            curve_v, _ = _row_at(knots, slopes, n, middle)
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


@njit(cache=True, nogil=True)
def _to_left(
    left: LensRegisters,
    right: LensRegisters,
    s: StereoRegisters,
    signals: np.ndarray,
    u: int,
    v: int,
    disparity: int,
) -> tuple[int, int]:
    """Return the left pixel of a right pixel at a disparity in ray units."""
    x, y = unproject(right, signals, u, v)
    x, y, ahead = turn_ray(signals, s.R_rect_right, x, y)
    if not ahead:
        return 0, 0
    x, y, ahead = turn_ray_back(signals, s.R_rect_left, x + disparity, y)
    if not ahead:
        return 0, 0
    u, v, _ = project(left, signals, x, y)
    return u, v


@njit(cache=True, nogil=True)
def rectified_ray(
    lens: LensRegisters, R_rect: np.ndarray, signals: np.ndarray, u: int, v: int
) -> tuple[int, int, bool]:
    """Return the rectified ray of a raw pixel, and whether it has one."""
    x, y = unproject(lens, signals, u, v)
    return turn_ray(signals, R_rect, x, y)


@njit(cache=True, nogil=True)
def _refine(
    left_image: np.ndarray,
    right_image: np.ndarray,
    left: LensRegisters,
    right: LensRegisters,
    u_left: int,
    v_left: int,
    x: int,
    start: int,
    knots: np.ndarray,
    slopes: np.ndarray,
    n: int,
    s: StereoRegisters,
    k: klt.KltRegisters,
    signals: np.ndarray,
) -> tuple[int, int, int]:
    """Return the right pixel (u, v) refined along the curve or NO_MATCH, and the iterations."""
    half = k.window // 2
    v, _ = _row_at(knots, slopes, n, start)
    xr, _, ahead = rectified_ray(right, s.R_rect_right, signals, start, v)
    if not ahead:
        return NO_MATCH, NO_MATCH, 0
    disparity = x - xr
    warp = np.empty((2, 2), np.int64)
    step = 4 << k.coord_frac
    for m in range(2):
        du, dv = (step, 0) if m == 0 else (0, step)
        ua, va = _to_left(left, right, s, signals, start + du, v + dv, disparity)
        ub, vb = _to_left(left, right, s, signals, start - du, v - dv, disparity)
        warp[0, m] = narrow(signals, sig.WARP, round_shift(ua - ub, k.coord_frac + 3 - k.warp_frac))
        warp[1, m] = narrow(signals, sig.WARP, round_shift(va - vb, k.coord_frac + 3 - k.warp_frac))
    patch = np.zeros((k.window + 2, klt.LANES + 2), np.int32)
    basis = np.zeros((3, k.window, klt.LANES), np.int32)
    view = np.zeros((k.window, klt.LANES), np.int32)
    t = np.zeros(17, np.int64)
    sums = np.zeros(5, np.int64)
    if not klt.cut_warped(
        left_image,
        u_left,
        v_left,
        warp,
        half + 1,
        k.coord_frac,
        k.pixel_frac,
        k.warp_frac,
        patch,
    ) or not klt.make_template(patch, k, signals, basis, t):
        return NO_MATCH, NO_MATCH, 0
    u = start
    done = 0
    for _ in range(s.iterations):
        v, slope = _row_at(knots, slopes, n, u)
        if not klt.cut_window(right_image, u, v, half, k.coord_frac, k.pixel_frac, view):
            return NO_MATCH, NO_MATCH, done
        done += 1
        klt.compare(view, basis, k, signals, sums)
        dx, dy = klt.mismatch(t, sums, signals)
        # Along the curve: one column across is `slope` rows down.
        a, b, c = t[klt.NORMAL_XX], t[klt.NORMAL_XY], t[klt.NORMAL_YY]
        across = round_shift(slope * c, _SLOPE_FRAC)
        power = a + round_shift(slope * (2 * b + across), _SLOPE_FRAC)
        if power <= 0:
            return NO_MATCH, NO_MATCH, done
        error = dx + round_shift(slope * dy, _SLOPE_FRAC)
        m, bits = reciprocal(signals, power)
        # step = 2 error / power; the error has 4 more fraction bits.
        move = round_shift(error * m, 17 + bits + 4 - 1 - k.coord_frac)
        move = narrow(signals, sig.STEP, move)
        u -= move
        if abs(u - start) > s.max_refine:
            return NO_MATCH, NO_MATCH, done
        if abs(move) <= k.step:
            break
    if not klt.correlates(t, sums, k, s.correlation_min, signals):
        return NO_MATCH, NO_MATCH, done
    v, _ = _row_at(knots, slopes, n, u)
    return u, v, done


@njit(cache=True, nogil=True, parallel=True)
def match_rows(
    left_image: np.ndarray,
    right_image: np.ndarray,
    left: LensRegisters,
    right: LensRegisters,
    uv_left: np.ndarray,
    s: StereoRegisters,
    k: klt.KltRegisters,
    max_columns: int,
    signals: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return uv_right (N, 2) with NO_MATCH, stereo rays (N, 3), and work (N, 2).

    uv_left: (N, 2) raw pixels. Stereo rays: rectified ray of the left pixel and the disparity in
    ray units. work: columns searched, iterations of the refinement.
    """
    count = len(uv_left)
    uv_right = np.full((count, 2), NO_MATCH, np.int64)
    rays = np.zeros((count, 3), np.int64)
    work = np.zeros((count, 2), np.int64)
    height, width = right_image.shape
    frac = k.coord_frac
    for i in prange(count):
        knots = np.empty((s.segments + 1, 2), np.int64)
        slopes = np.zeros(s.segments + 1, np.int64)
        scores = np.empty(max_columns, np.int64)
        u, v = uv_left[i, 0], uv_left[i, 1]
        x, y, ahead = rectified_ray(left, s.R_rect_left, signals, u, v)
        if not ahead:
            continue
        n = _curve(right, s, signals, x, y, knots)
        if n < 2:
            continue
        _slopes(signals, knots, n, slopes)
        column, searched = _search(
            left_image,
            right_image,
            round_shift(u, frac),
            round_shift(v, frac),
            knots,
            slopes,
            n,
            s,
            frac,
            scores,
            signals,
        )
        work[i, 0] = searched
        if column == NO_MATCH:
            continue
        # The left pixel's fraction moves the match along.
        start = (column << frac) + u - (round_shift(u, frac) << frac)
        ur, vr, done = _refine(
            left_image,
            right_image,
            left,
            right,
            u,
            v,
            x,
            start,
            knots,
            slopes,
            n,
            s,
            k,
            signals,
        )
        work[i, 1] = done
        inner = (s.border << frac) <= ur < ((width - s.border - 1) << frac)
        inner &= (s.border << frac) <= vr < ((height - s.border - 1) << frac)
        if not inner:
            continue
        xr, _, ahead = rectified_ray(right, s.R_rect_right, signals, ur, vr)
        if not ahead:
            continue
        uv_right[i, 0], uv_right[i, 1] = ur, vr
        rays[i, 0], rays[i, 1] = x, y
        rays[i, 2] = narrow(signals, sig.INVERSE_DEPTH, max(x - xr, 0))
    return uv_right, rays, work
