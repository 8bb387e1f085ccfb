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
from numba import njit

from vio.config import FrontEndConfig, HwConfig
from vio.fixed import formats as sig
from vio.fixed.patch import (
    form_basis,
    sample_warped,
    sample_window,
    template_sums,
    window_inside,
    window_sums,
)
from vio.fixed.qformat import bit_length, is_traced, narrow, round_shift
from vio.fixed.rectify import reciprocal
from vio.frontend.klt import BORDER, DIVERGED, FLAT, RESIDUAL, TRACKED
from vio.workers import share

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
def window_mean(signals: np.ndarray, total: int, reciprocal: int) -> int:
    """Return the weighted mean of a window with 4 more fraction bits."""
    return narrow(signals, sig.WINDOW_MEAN, round_shift(total * reciprocal, 12))


@njit(cache=True, nogil=True)
def cut_template(
    image: np.ndarray,
    u: int,
    v: int,
    warp: np.ndarray,
    warped: bool,
    k: KltRegisters,
    patch: np.ndarray,
    basis: np.ndarray,
    signals: np.ndarray,
) -> bool:
    """Cut the template at (u, v) and form its basis (3, window, 16).

    warp: (2, 2), maps the window's offsets where `warped`. False: the patch leaves the image, or
    the region that the hardware reads at once.
    """
    reach = k.window // 2 + 1
    if warped:
        cut = sample_warped(
            image, u, v, warp, reach, k.coord_frac, k.pixel_frac, k.warp_frac, patch
        )
    else:
        cut = sample_window(image, u, v, reach, k.coord_frac, k.pixel_frac, patch)
    if cut:
        form_basis(patch, k.weights, k.weight_bits, k.pixel_frac, basis, signals)
    return cut


@njit(cache=True, nogil=True)
def form_normal(
    patch: np.ndarray, basis: np.ndarray, k: KltRegisters, signals: np.ndarray, t: np.ndarray
) -> bool:
    """Form the normal matrix, offset and gain projected out, and the scalars t (17,) of a template.

    False when the window is flat in one direction or altogether.
    """
    s = np.empty(9, np.int64)
    template_sums(patch, basis, k.pixel_frac, signals, s)
    sx, sy, sg = s[6], s[7], s[8]
    mx = window_mean(signals, sx, k.weight_reciprocal)
    my = window_mean(signals, sy, k.weight_reciprocal)
    mg = window_mean(signals, sg, k.weight_reciprocal)
    t[SELF_X], t[SELF_Y], t[SELF_G] = s[3], s[4], s[5]
    t[G_UNIT] = sg
    t[MEAN_X], t[MEAN_Y], t[MEAN_G] = mx, my, mg
    cxx = s[0] - round_shift(mx * sx, 4)
    cxy = s[1] - round_shift(mx * sy, 4)
    cyy = s[2] - round_shift(my * sy, 4)
    cxg = s[3] - round_shift(mx * sg, 4)
    cyg = s[4] - round_shift(my * sg, 4)
    cgg = s[5] - round_shift(mg * sg, 4)
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
    t[EXPONENT] = e
    t[NORMAL_XX] = narrow(signals, sig.NORMAL, round_shift(nxx, e))
    t[NORMAL_XY] = narrow(signals, sig.NORMAL, round_shift(nxy, e))
    t[NORMAL_YY] = narrow(signals, sig.NORMAL, round_shift(nyy, e))
    return True


@njit(cache=True, nogil=True)
def invert_normal(t: np.ndarray, signals: np.ndarray) -> bool:
    """Keep the reciprocal of the normal matrix's determinant: False when it is singular."""
    a, b, c = t[NORMAL_XX], t[NORMAL_XY], t[NORMAL_YY]
    det = a * c - b * b
    if a <= 0 or c <= 0 or det <= 0:
        return False
    t[DET_RECIPROCAL], n = reciprocal(signals, narrow(signals, sig.DETERMINANT, det))
    t[DET_SHIFT] = n - 18
    return True


@njit(cache=True, nogil=True)
def mismatch(t: np.ndarray, sums: np.ndarray, signals: np.ndarray) -> tuple[int, int]:
    """Return the right-hand side (x, y) of window sums, normalised as the matrix, 4 bits more."""
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
    # The basis holds twice the gradient, so step = 2 n / det; n has 4 more fraction bits.
    shift = 35 + t[DET_SHIFT] + 4 - 1 - coord_frac
    su = round_shift(round_shift(nu, 8) * t[DET_RECIPROCAL], shift - 8)
    sv = round_shift(round_shift(nv, 8) * t[DET_RECIPROCAL], shift - 8)
    return narrow(signals, sig.STEP, su), narrow(signals, sig.STEP, sv)


@njit(cache=True, nogil=True)
def update(
    u: int, v: int, su: int, sv: int, u_start: int, v_start: int, k: KltRegisters
) -> tuple[int, int, bool, bool]:
    """Return the pixel after a step, whether to stop there, and whether the shift is too large.

    A step that is small enough to stop at is never too far.
    """
    u -= su
    v -= sv
    stop = abs(su) <= k.step and abs(sv) <= k.step
    too_far = not stop and (abs(u - u_start) > k.max_shift or abs(v - v_start) > k.max_shift)
    return u, v, stop, too_far


@njit(cache=True, nogil=True)
def is_flat(t: np.ndarray, flat_min: int) -> bool:
    """Return whether the smaller eigenvalue of the normal matrix is below flat_min."""
    m = round_shift(flat_min, t[EXPONENT])
    a, b, c = t[NORMAL_XX] - m, t[NORMAL_XY], t[NORMAL_YY] - m
    return a <= 0 or c <= 0 or a * c < b * b


@njit(cache=True, nogil=True)
def correlates(
    t: np.ndarray, sums: np.ndarray, k: KltRegisters, minimum: int, signals: np.ndarray
) -> bool:
    """Return whether the squared correlation of window and template is at least `minimum`."""
    mean = window_mean(signals, sums[3], k.weight_reciprocal)
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
def accept(
    image: np.ndarray,
    u: int,
    v: int,
    t: np.ndarray,
    sums: np.ndarray,
    k: KltRegisters,
    signals: np.ndarray,
) -> int:
    """Return the status of a window that came to rest at (u, v), by its last sums."""
    if not window_inside(image, u, v, k.window // 2, k.coord_frac):
        return BORDER
    if is_flat(t, k.flat_min):
        return FLAT
    return TRACKED if correlates(t, sums, k, k.correlation_min, signals) else RESIDUAL


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
    share(
        track_span,
        count,
        reference,
        current,
        uv_reference,
        uv_start,
        warps,
        k,
        signals,
        uv,
        status,
        iterations,
        at_most=1 if is_traced(signals) else 0,
    )
    return uv, status, iterations


@njit(cache=True, nogil=True)
def track_span(
    first: int,
    last: int,
    reference: tuple[np.ndarray, ...],
    current: tuple[np.ndarray, ...],
    uv_reference: np.ndarray,
    uv_start: np.ndarray,
    warps: np.ndarray,
    k: KltRegisters,
    signals: np.ndarray,
    uv: np.ndarray,
    status: np.ndarray,
    iterations: np.ndarray,
) -> None:
    """Follow the windows first..last - 1 of `track_windows` and write their results."""
    half = k.window // 2
    patch = np.zeros((k.window + 2, LANES + 2), np.int32)
    basis = np.zeros((3, k.window, LANES), np.int32)
    view = np.zeros((k.window, LANES), np.int32)
    t = np.zeros(17, np.int64)
    sums = np.zeros(5, np.int64)
    for i in range(first, last):
        u, v = uv_start[i, 0], uv_start[i, 1]
        code = TRACKED
        for level in range(k.levels - 1, -1, -1):
            ul, vl = round_shift(u, level), round_shift(v, level)
            uk = round_shift(uv_reference[i, 0], level)
            vk = round_shift(uv_reference[i, 1], level)
            warped = level < k.warp_levels
            if not window_inside(current[level], ul, vl, half, k.coord_frac) or not cut_template(
                reference[level], uk, vk, warps[i], warped, k, patch, basis, signals
            ):
                if level == 0:
                    code = BORDER
                continue
            if not form_normal(patch, basis, k, signals, t) or not invert_normal(t, signals):
                if level == 0:
                    code = FLAT
                continue
            u0, v0 = ul, vl
            left, too_far = False, False
            for iteration in range(k.max_iterations):
                if not sample_window(
                    current[level], ul, vl, half, k.coord_frac, k.pixel_frac, view
                ):
                    left = True
                    break
                window_sums(view, basis, k.weights, k.weight_bits, k.pixel_frac, signals, sums)
                dx, dy = mismatch(t, sums, signals)
                su, sv = solve_step(t, dx, dy, k.coord_frac, signals)
                ul, vl, stop, too_far = update(ul, vl, su, sv, u0, v0, k)
                iterations[i, level] = iteration + 1
                if stop or too_far:
                    break
            if left or too_far:
                if level == 0:
                    code = BORDER if left else DIVERGED
                continue
            # By the difference, so that the start keeps the bits that a coarse level does not have.
            u = narrow(signals, sig.UV, u + ((ul - u0) << level))
            v = narrow(signals, sig.UV, v + ((vl - v0) << level))
            if level == 0:
                code = accept(current[0], u, v, t, sums, k, signals)
        uv[i, 0], uv[i, 1] = narrow(signals, sig.UV, u), narrow(signals, sig.UV, v)
        status[i] = code
