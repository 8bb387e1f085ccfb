# SPDX-License-Identifier: Apache-2.0
"""Sparse stereo in integers: a search along the epipolar curve, refined by the tracker's datapath.

No rectified image or strip is made. The epipolar curve of a left pixel is piecewise linear in the
raw right image. Along it the right image is read in columns of four pixels (the blocks of the frame
buffer), each shifted by whole rows, and compared with the raw left window by normalised
correlation. The best column is refined by Lucas-Kanade on the raw images, one-dimensional along the
curve, its template warped by the local map from right to left.
"""

import numpy as np
from numba import njit

from vio.fixed import formats as sig
from vio.fixed import klt
from vio.fixed.patch import sample_window, window_sums
from vio.fixed.qformat import is_traced, narrow, round_shift
from vio.fixed.rectify import (
    LensRegisters,
    project,
    reciprocal,
    rotate_ray,
    rotate_ray_back,
    unproject,
)
from vio.fixed.stereo_curve import SLOPE_FRAC, row_at, segment_slopes, trace_curve
from vio.fixed.stereo_registers import StereoRegisters
from vio.fixed.stereo_search import NO_MATCH, search
from vio.workers import share


@njit(cache=True, nogil=True)
def left_pixel(
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
    x, y, ahead = rotate_ray(signals, s.R_rect_right, x, y)
    if not ahead:
        return 0, 0
    x, y, ahead = rotate_ray_back(signals, s.R_rect_left, x + disparity, y)
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
    return rotate_ray(signals, R_rect, x, y)


@njit(cache=True, nogil=True)
def refine(
    left_image: np.ndarray,
    right_image: np.ndarray,
    left: LensRegisters,
    right: LensRegisters,
    u_left: int,
    v_left: int,
    x: int,
    start: int,
    breakpoints: np.ndarray,
    slopes: np.ndarray,
    n: int,
    s: StereoRegisters,
    k: klt.KltRegisters,
    signals: np.ndarray,
) -> tuple[int, int, int]:
    """Return the right pixel (u, v) refined along the curve or NO_MATCH, and the iterations."""
    half = k.window // 2
    v, _ = row_at(breakpoints, slopes, n, start)
    xr, _, ahead = rectified_ray(right, s.R_rect_right, signals, start, v)
    if not ahead:
        return NO_MATCH, NO_MATCH, 0
    disparity = x - xr
    warp = np.empty((2, 2), np.int64)
    reach = 4 << k.coord_frac
    for m in range(2):
        du, dv = (reach, 0) if m == 0 else (0, reach)
        ua, va = left_pixel(left, right, s, signals, start + du, v + dv, disparity)
        ub, vb = left_pixel(left, right, s, signals, start - du, v - dv, disparity)
        warp[0, m] = narrow(signals, sig.WARP, round_shift(ua - ub, k.coord_frac + 3 - k.warp_frac))
        warp[1, m] = narrow(signals, sig.WARP, round_shift(va - vb, k.coord_frac + 3 - k.warp_frac))
    patch = np.zeros((k.window + 2, klt.LANES + 2), np.int32)
    basis = np.zeros((3, k.window, klt.LANES), np.int32)
    view = np.zeros((k.window, klt.LANES), np.int32)
    t = np.zeros(17, np.int64)
    sums = np.zeros(5, np.int64)
    if not klt.cut_template(left_image, u_left, v_left, warp, True, k, patch, basis, signals):
        return NO_MATCH, NO_MATCH, 0
    if not klt.form_normal(patch, basis, k, signals, t) or not klt.invert_normal(t, signals):
        return NO_MATCH, NO_MATCH, 0
    u = start
    done = 0
    for _ in range(s.iterations):
        v, slope = row_at(breakpoints, slopes, n, u)
        if not sample_window(right_image, u, v, half, k.coord_frac, k.pixel_frac, view):
            return NO_MATCH, NO_MATCH, done
        done += 1
        window_sums(view, basis, k.weights, k.weight_bits, k.pixel_frac, signals, sums)
        dx, dy = klt.mismatch(t, sums, signals)
        # Along the curve: one column across is `slope` rows down.
        a, b, c = t[klt.NORMAL_XX], t[klt.NORMAL_XY], t[klt.NORMAL_YY]
        across = round_shift(slope * c, SLOPE_FRAC)
        power = a + round_shift(slope * (2 * b + across), SLOPE_FRAC)
        if power <= 0:
            return NO_MATCH, NO_MATCH, done
        error = dx + round_shift(slope * dy, SLOPE_FRAC)
        m, bits = reciprocal(signals, power)
        # step = 2 error / power; the error has 4 more fraction bits.
        step = round_shift(error * m, 17 + bits + 4 - 1 - k.coord_frac)
        step = narrow(signals, sig.STEP, step)
        u -= step
        if abs(u - start) > s.max_refine:
            return NO_MATCH, NO_MATCH, done
        if abs(step) <= k.step:
            break
    if not klt.correlates(t, sums, k, s.correlation_min, signals):
        return NO_MATCH, NO_MATCH, done
    v, _ = row_at(breakpoints, slopes, n, u)
    return u, v, done


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
    share(
        match_span,
        count,
        left_image,
        right_image,
        left,
        right,
        uv_left,
        s,
        k,
        max_columns,
        signals,
        uv_right,
        rays,
        work,
        at_most=1 if is_traced(signals) else 0,
    )
    return uv_right, rays, work


@njit(cache=True, nogil=True)
def match_span(
    first: int,
    last: int,
    left_image: np.ndarray,
    right_image: np.ndarray,
    left: LensRegisters,
    right: LensRegisters,
    uv_left: np.ndarray,
    s: StereoRegisters,
    k: klt.KltRegisters,
    max_columns: int,
    signals: np.ndarray,
    uv_right: np.ndarray,
    rays: np.ndarray,
    work: np.ndarray,
) -> None:
    """Match the pixels first..last - 1 of `match_rows` and write their results."""
    height, width = right_image.shape
    frac = k.coord_frac
    breakpoints = np.empty((s.segments + 1, 2), np.int64)
    slopes = np.zeros(s.segments + 1, np.int64)
    scores = np.empty(max_columns, np.int64)
    for i in range(first, last):
        u, v = uv_left[i, 0], uv_left[i, 1]
        x, y, ahead = rectified_ray(left, s.R_rect_left, signals, u, v)
        if not ahead:
            continue
        n = trace_curve(right, s, signals, x, y, breakpoints)
        if n < 2:
            continue
        segment_slopes(signals, breakpoints, n, slopes)
        column, searched = search(
            left_image,
            right_image,
            round_shift(u, frac),
            round_shift(v, frac),
            breakpoints,
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
        ur, vr, done = refine(
            left_image,
            right_image,
            left,
            right,
            u,
            v,
            x,
            start,
            breakpoints,
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
