# SPDX-License-Identifier: Apache-2.0
"""Pyramidal Lucas-Kanade in integers: the golden model of the tracker's datapath.

The brightness model is that of the float engine, current = gain * template + offset. Here offset
and gain are projected out of the two sums of the shift instead of being solved for, so that a 2x2
system is left, as the hardware solves it: with w the weights and c the centred sums,
    D_x'' = D_x - mean_x D_1 - share_x (D_g - mean_g D_1)
where share_x = c(x, g) / c(g, g). Both have the same solution (Baker and Matthews, "Lucas-Kanade 20
years on: part 3", 2003: projecting out appearance variation).
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from vio.config import FrontEndConfig, HwConfig
from vio.fixed import formats as sig
from vio.fixed.qformat import (
    LOW,
    bit_length,
    narrow,
    round_shift,
)
from vio.fixed.rectify import reciprocal
from vio.frontend.klt import BORDER, DIVERGED, FLAT, RESIDUAL, TRACKED

# Scalars of a template.
(
    SUM_W,
    G_UNIT,
    MEAN_X,
    MEAN_Y,
    MEAN_G,
    SELF_X,
    SELF_Y,
    SELF_G,
    SHARE_X,
    SHARE_Y,
    NORMAL_XX,
    NORMAL_XY,
    NORMAL_YY,
    EXPONENT,
    DET_RECIPROCAL,
    DET_SHIFT,
    POWER_G,
) = range(17)
LANES = 16
# The window reader's region is 32 pixels a side and starts on a block: what surely fits it.
REGION_PX = 29


class KltRegisters(NamedTuple):
    """Hold the settings of the tracker as the hardware has them.

    weights: (window, 16) int32, the window's weight in units of 2^-weight_bits, last lane 0.
    weight_reciprocal: 2^16 over the mean weight times the pixels. flat_min: least eigenvalue in
    units of the normal matrix. correlation_min: squared, 16 fraction bits. warp_levels: levels,
    from the finest, whose template is warped; the coarser ones are cut straight.
    """

    window: int
    levels: int
    max_iterations: int
    step: int
    max_shift: int
    flat_min: int
    correlation_min: int
    coord_frac: int
    pixel_frac: int
    warp_frac: int
    weight_bits: int
    weight_reciprocal: int
    warp_levels: int
    weights: np.ndarray


def klt_registers(config: FrontEndConfig, hw: HwConfig) -> KltRegisters:
    """Return the registers for a configuration."""
    window, half = config.window, config.window // 2
    offsets = np.arange(window) - half
    fall = [math.exp(-0.5 * (i / (0.27 * window)) ** 2) for i in offsets]
    top = (1 << hw.weight_bits) - 1
    weights = np.zeros((window, LANES), np.int32)
    for y in range(window):
        for x in range(window):
            weights[y, x] = round(top * fall[y] * fall[x])
    total = int(weights.sum())
    unit = 4 * 4**hw.pixel_frac * total / 2**hw.weight_bits
    return KltRegisters(
        window=window,
        levels=config.levels,
        max_iterations=config.max_iterations,
        step=max(round(config.step_px * 2**hw.coord_frac), 1),
        max_shift=round(config.max_shift_px * 2**hw.coord_frac),
        flat_min=round(config.min_eigenvalue * unit),
        correlation_min=round(config.min_correlation**2 * 2**16),
        coord_frac=hw.coord_frac,
        pixel_frac=hw.pixel_frac,
        warp_frac=hw.warp_frac,
        weight_bits=hw.weight_bits,
        weight_reciprocal=round(2 ** (16 + hw.weight_bits) / total),
        warp_levels=hw.warp_levels,
        weights=weights,
    )


@njit(cache=True, nogil=True)
def cut_window(
    image: np.ndarray, u: int, v: int, reach: int, coord_frac: int, pixel_frac: int, out: np.ndarray
) -> bool:
    """Write the bilinear window at (u, v), 2 reach + 1 pixels wide, to out; False: it leaves.

    Rows are interpolated across, then down, with one rounding at the end.
    """
    height, width = image.shape
    one = 1 << coord_frac
    x0, y0 = (u >> coord_frac) - reach, (v >> coord_frac) - reach
    side = 2 * reach + 1
    if x0 < 0 or y0 < 0 or x0 + side >= width or y0 + side >= height:
        return False
    a, b = np.int32(u & (one - 1)), np.int32(v & (one - 1))
    na, nb = np.int32(one - a), np.int32(one - b)
    shift = np.int32(2 * coord_frac - pixel_frac)
    half = np.int32(1 << (shift - 1))
    for y in range(side):
        r0 = image[y0 + y, x0 : x0 + side]
        r1 = image[y0 + y, x0 + 1 : x0 + side + 1]
        s0 = image[y0 + y + 1, x0 : x0 + side]
        s1 = image[y0 + y + 1, x0 + 1 : x0 + side + 1]
        row = out[y]
        for x in range(side):
            top = na * np.int32(r0[x]) + a * np.int32(r1[x])
            bottom = na * np.int32(s0[x]) + a * np.int32(s1[x])
            row[x] = np.int32((nb * top + b * bottom + half) >> shift)
    return True


@njit(cache=True, nogil=True)
def cut_warped(
    image: np.ndarray,
    u: int,
    v: int,
    warp: np.ndarray,
    reach: int,
    coord_frac: int,
    pixel_frac: int,
    warp_frac: int,
    out: np.ndarray,
) -> bool:
    """Write the window at (u, v), its offsets mapped by `warp` (2, 2), to out.

    False: it leaves the image, or the region that the hardware reads at once (REGION_PX).
    """
    height, width = image.shape
    side = 2 * reach + 1
    extra = warp_frac - coord_frac
    one = 1 << coord_frac
    shift = 2 * coord_frac - pixel_frac
    w00, w01, w10, w11 = warp[0, 0], warp[0, 1], warp[1, 0], warp[1, 1]
    # The four corners bound the window: half its extent is this, before the last bits are dropped.
    x, y = u << extra, v << extra
    reach_x, reach_y = reach * (abs(w00) + abs(w01)), reach * (abs(w10) + abs(w11))
    left, right = (x - reach_x) >> warp_frac, (x + reach_x) >> warp_frac
    top, bottom = (y - reach_y) >> warp_frac, (y + reach_y) >> warp_frac
    if left < 0 or top < 0 or right >= width - 1 or bottom >= height - 1:
        return False
    if right - left + 2 > REGION_PX or bottom - top + 2 > REGION_PX:
        return False
    for j in range(side):
        px = (u << extra) - w00 * reach + w01 * (j - reach)
        py = (v << extra) - w10 * reach + w11 * (j - reach)
        for i in range(side):
            # Truncation of the position: at most 1/256 of a pixel, the same in both directions.
            x, y = px >> extra, py >> extra
            ix, iy = x >> coord_frac, y >> coord_frac
            a, b = np.int32(x & (one - 1)), np.int32(y & (one - 1))
            top = (np.int32(one) - a) * np.int32(image[iy, ix]) + a * np.int32(image[iy, ix + 1])
            bottom = (np.int32(one) - a) * np.int32(image[iy + 1, ix]) + a * np.int32(
                image[iy + 1, ix + 1]
            )
            out[j, i] = (
                (np.int32(one) - b) * top + b * bottom + np.int32(1 << (shift - 1))
            ) >> shift
            px += w00
            py += w10
    return True


@njit(cache=True, nogil=True)
def centre(signals: np.ndarray, total: int, reciprocal: int) -> int:
    """Return the weighted mean of a window with 4 more fraction bits."""
    return narrow(signals, sig.WINDOW_MEAN, round_shift(total * reciprocal, 12))


@njit(cache=True, nogil=True)
def make_template(
    patch: np.ndarray, k: KltRegisters, signals: np.ndarray, basis: np.ndarray, t: np.ndarray
) -> bool:
    """Form the basis (3, window, 16) and the scalars (17,) of a patch (window + 2, 16 + 2).

    basis: weighted slope across, slope down and centred grey value. False when the window has no
    two-dimensional structure at all (its normal matrix is singular).
    """
    half_grey = np.int32(128 << k.pixel_frac)
    bits = np.int32(k.weight_bits)
    half = np.int32(1 << (k.weight_bits - 1))
    xx, xy, yy, xg, yg, gg, sx, sy, sg = 0, 0, 0, 0, 0, 0, 0, 0, 0
    for y in range(k.window):
        up, mid, down, w = patch[y], patch[y + 1], patch[y + 2], k.weights[y]
        bx, by, bg = basis[0, y], basis[1, y], basis[2, y]
        rxx, rxy, ryy = np.int32(0), np.int32(0), np.int32(0)
        rxg, ryg, rgg = np.int32(0), np.int32(0), np.int32(0)
        rx, ry, rg = np.int32(0), np.int32(0), np.int32(0)
        for x in range(k.window):
            gx = mid[x + 2] - mid[x]
            gy = down[x + 1] - up[x + 1]
            g = mid[x + 1] - half_grey
            ax = (w[x] * gx + half) >> bits
            ay = (w[x] * gy + half) >> bits
            ag = (w[x] * g + half) >> bits
            bx[x], by[x], bg[x] = ax, ay, ag
            rxx += ax * gx
            rxy += ax * gy
            ryy += ay * gy
            rxg += ax * g
            ryg += ay * g
            rgg += ag * g
            rx += ax
            ry += ay
            rg += ag
        xx, xy, yy = xx + int(rxx), xy + int(rxy), yy + int(ryy)
        xg, yg, gg = xg + int(rxg), yg + int(ryg), gg + int(rgg)
        sx, sy, sg = sx + int(rx), sy + int(ry), sg + int(rg)
    if signals[-1, LOW] != 0:
        _record_template(patch, basis, signals, k.window)
    xx = narrow(signals, sig.WINDOW_SUM, xx)
    xy = narrow(signals, sig.WINDOW_SUM, xy)
    yy = narrow(signals, sig.WINDOW_SUM, yy)
    xg = narrow(signals, sig.WINDOW_SUM, xg)
    yg = narrow(signals, sig.WINDOW_SUM, yg)
    gg = narrow(signals, sig.WINDOW_SUM, gg)
    mx = centre(signals, sx, k.weight_reciprocal)
    my = centre(signals, sy, k.weight_reciprocal)
    mg = centre(signals, sg, k.weight_reciprocal)
    t[SELF_X], t[SELF_Y], t[SELF_G] = xg, yg, gg
    t[G_UNIT] = sg
    t[MEAN_X], t[MEAN_Y], t[MEAN_G] = mx, my, mg
    cxx = xx - round_shift(mx * sx, 4)
    cxy = xy - round_shift(mx * sy, 4)
    cyy = yy - round_shift(my * sy, 4)
    cxg = xg - round_shift(mx * sg, 4)
    cyg = yg - round_shift(my * sg, 4)
    cgg = gg - round_shift(mg * sg, 4)
    t[POWER_G] = cgg
    if cgg <= 0 or cxx <= 0 or cyy <= 0:
        return False
    m, n = reciprocal(signals, cgg)
    # share = c / cgg, 14 fraction bits: c * 2^14 * m / 2^(17 + n).
    ax = narrow(signals, sig.GREY_SHARE, round_shift(cxg * m, n + 3))
    ay = narrow(signals, sig.GREY_SHARE, round_shift(cyg * m, n + 3))
    t[SHARE_X], t[SHARE_Y] = ax, ay
    nxx = cxx - round_shift(ax * cxg, 14)
    nxy = cxy - round_shift(ax * cyg, 14)
    nyy = cyy - round_shift(ay * cyg, 14)
    e = max(bit_length(max(nxx, nyy, 1)) - 17, 0)
    a = narrow(signals, sig.NORMAL, round_shift(nxx, e))
    b = narrow(signals, sig.NORMAL, round_shift(nxy, e))
    c = narrow(signals, sig.NORMAL, round_shift(nyy, e))
    t[EXPONENT] = e
    t[NORMAL_XX], t[NORMAL_XY], t[NORMAL_YY] = a, b, c
    det = a * c - b * b
    if a <= 0 or c <= 0 or det <= 0:
        return False
    t[DET_RECIPROCAL], n = reciprocal(signals, narrow(signals, sig.DETERMINANT, det))
    t[DET_SHIFT] = n - 18
    return True


@njit(cache=True, nogil=True)
def _record_template(
    patch: np.ndarray, basis: np.ndarray, signals: np.ndarray, window: int
) -> None:
    """Show the per-pixel signals to the record (debug runs only)."""
    for y in range(window):
        for x in range(window):
            narrow(signals, sig.PATCH, patch[y + 1, x + 1])
            narrow(signals, sig.SLOPE, patch[y + 1, x + 2] - patch[y + 1, x])
            narrow(signals, sig.SLOPE, patch[y + 2, x + 1] - patch[y, x + 1])
            for i in range(3):
                narrow(signals, sig.WEIGHTED, basis[i, y, x])


@njit(cache=True, nogil=True)
def compare(
    view: np.ndarray, basis: np.ndarray, k: KltRegisters, signals: np.ndarray, sums: np.ndarray
) -> None:
    """Write to sums (5,) the products of the window with the basis, its weights and itself."""
    half_grey = np.int32(128 << k.pixel_frac)
    bits = np.int32(k.weight_bits)
    half = np.int32(1 << (k.weight_bits - 1))
    sx, sy, sg, s1, vv = 0, 0, 0, 0, 0
    for y in range(k.window):
        row, w = view[y], k.weights[y]
        bx, by, bg = basis[0, y], basis[1, y], basis[2, y]
        rx, ry, rg = np.int32(0), np.int32(0), np.int32(0)
        r1, rv = np.int32(0), np.int32(0)
        for x in range(k.window):
            value = row[x] - half_grey
            weighted = (w[x] * value + half) >> bits
            rx += bx[x] * value
            ry += by[x] * value
            rg += bg[x] * value
            r1 += weighted
            rv += weighted * value
        sx, sy, sg = sx + int(rx), sy + int(ry), sg + int(rg)
        s1, vv = s1 + int(r1), vv + int(rv)
    sums[0] = narrow(signals, sig.WINDOW_SUM, sx)
    sums[1] = narrow(signals, sig.WINDOW_SUM, sy)
    sums[2] = narrow(signals, sig.WINDOW_SUM, sg)
    sums[3] = narrow(signals, sig.WINDOW_SUM, s1)
    sums[4] = narrow(signals, sig.WINDOW_SUM, vv)


@njit(cache=True, nogil=True)
def mismatch(t: np.ndarray, sums: np.ndarray, signals: np.ndarray) -> tuple[int, int]:
    """Return the right-hand side (x, y), normalised like the normal matrix with 4 more bits."""
    d1 = sums[3] - t[G_UNIT]
    dx = sums[0] - t[SELF_X] - round_shift(t[MEAN_X] * d1, 4)
    dy = sums[1] - t[SELF_Y] - round_shift(t[MEAN_Y] * d1, 4)
    dg = sums[2] - t[SELF_G] - round_shift(t[MEAN_G] * d1, 4)
    dx -= round_shift(t[SHARE_X] * dg, 14)
    dy -= round_shift(t[SHARE_Y] * dg, 14)
    e = t[EXPONENT] - 4
    return (
        narrow(signals, sig.MISMATCH, round_shift(dx, e)),
        narrow(signals, sig.MISMATCH, round_shift(dy, e)),
    )


@njit(cache=True, nogil=True)
def solve_step(
    t: np.ndarray, dx: int, dy: int, coord_frac: int, signals: np.ndarray
) -> tuple[int, int]:
    """Return the step (u, v) in pixels of the level that the mismatch asks for."""
    nu = t[NORMAL_YY] * dx - t[NORMAL_XY] * dy
    nv = t[NORMAL_XX] * dy - t[NORMAL_XY] * dx
    # Slopes are twice the gradient, so step = 2 n / det; n has 4 more fraction bits.
    shift = 35 + t[DET_SHIFT] + 4 - 1 - coord_frac
    su = round_shift(round_shift(nu, 8) * t[DET_RECIPROCAL], shift - 8)
    sv = round_shift(round_shift(nv, 8) * t[DET_RECIPROCAL], shift - 8)
    return narrow(signals, sig.STEP, su), narrow(signals, sig.STEP, sv)


@njit(cache=True, nogil=True)
def correlates(
    t: np.ndarray, sums: np.ndarray, k: KltRegisters, minimum: int, signals: np.ndarray
) -> bool:
    """Return whether the squared correlation of window and template is at least `minimum`."""
    mean = centre(signals, sums[3], k.weight_reciprocal)
    power = sums[4] - round_shift(mean * sums[3], 4)
    cross = sums[2] - round_shift(t[MEAN_G] * sums[3], 4)
    if cross <= 0 or power <= 0:
        return False
    e = max(bit_length(max(power, t[POWER_G], cross)) - 17, 0)
    c = narrow(signals, sig.CORRELATION, round_shift(cross, e))
    p = narrow(signals, sig.CORRELATION, round_shift(power, e))
    g = narrow(signals, sig.CORRELATION, round_shift(t[POWER_G], e))
    return (c * c) << 16 >= minimum * (p * g)


@njit(cache=True, nogil=True)
def is_flat(t: np.ndarray, flat_min: int) -> bool:
    """Return whether the smaller eigenvalue of the normal matrix is below flat_min."""
    m = round_shift(flat_min, t[EXPONENT])
    a, b, c = t[NORMAL_XX] - m, t[NORMAL_XY], t[NORMAL_YY] - m
    return a <= 0 or c <= 0 or a * c < b * b


@njit(cache=True, nogil=True, parallel=True)
def track_windows(
    reference: tuple[np.ndarray, ...],
    current: tuple[np.ndarray, ...],
    uv_reference: np.ndarray,
    uv_start: np.ndarray,
    warps: np.ndarray,
    k: KltRegisters,
    signals: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follow N windows: return uv (N, 2), status (N,) and iterations (N, levels).

    uv_reference, uv_start: (N, 2) int64, sQ10.8 pixels of the finest level. warps: (N, 2, 2) int64.
    status as in `vio.frontend.klt`. A coarse level whose window or template leaves the image, is
    singular or runs away is passed over; the finest decides.
    """
    count = len(uv_reference)
    uv = uv_start.copy()
    status = np.zeros(count, np.uint8)
    iterations = np.zeros((count, k.levels), np.int64)
    half = k.window // 2
    for i in prange(count):
        patch = np.zeros((k.window + 2, LANES + 2), np.int32)
        basis = np.zeros((3, k.window, LANES), np.int32)
        view = np.zeros((k.window, LANES), np.int32)
        t = np.zeros(17, np.int64)
        sums = np.zeros(5, np.int64)
        u, v = uv_start[i, 0], uv_start[i, 1]
        code = TRACKED
        for level in range(k.levels - 1, -1, -1):
            ul, vl = round_shift(u, level), round_shift(v, level)
            uk = round_shift(uv_reference[i, 0], level)
            vk = round_shift(uv_reference[i, 1], level)
            if level < k.warp_levels:
                cut = cut_warped(
                    reference[level],
                    uk,
                    vk,
                    warps[i],
                    half + 1,
                    k.coord_frac,
                    k.pixel_frac,
                    k.warp_frac,
                    patch,
                )
            else:
                cut = cut_window(
                    reference[level], uk, vk, half + 1, k.coord_frac, k.pixel_frac, patch
                )
            if not cut or not cut_window(
                current[level], ul, vl, half, k.coord_frac, k.pixel_frac, view
            ):
                if level == 0:
                    code = BORDER
                continue
            if not make_template(patch, k, signals, basis, t):
                if level == 0:
                    code = FLAT
                continue
            u0, v0 = ul, vl
            left, ran_away = False, False
            for iteration in range(k.max_iterations):
                if iteration > 0 and not cut_window(
                    current[level], ul, vl, half, k.coord_frac, k.pixel_frac, view
                ):
                    left = True
                    break
                compare(view, basis, k, signals, sums)
                dx, dy = mismatch(t, sums, signals)
                su, sv = solve_step(t, dx, dy, k.coord_frac, signals)
                ul -= su
                vl -= sv
                iterations[i, level] = iteration + 1
                if abs(su) <= k.step and abs(sv) <= k.step:
                    break
                if abs(ul - u0) > k.max_shift or abs(vl - v0) > k.max_shift:
                    ran_away = True
                    break
            if left or ran_away:
                if level == 0:
                    code = BORDER if left else DIVERGED
                continue
            # By the difference, so that the start keeps the bits that a coarse level does not have.
            u = narrow(signals, sig.UV, u + ((ul - u0) << level))
            v = narrow(signals, sig.UV, v + ((vl - v0) << level))
            if level == 0:
                if not cut_window(current[0], u, v, half, k.coord_frac, k.pixel_frac, view):
                    code = BORDER
                elif is_flat(t, k.flat_min):
                    code = FLAT
                elif not correlates(t, sums, k, k.correlation_min, signals):
                    code = RESIDUAL
        uv[i, 0], uv[i, 1] = narrow(signals, sig.UV, u), narrow(signals, sig.UV, v)
        status[i] = code
    return uv, status, iterations
