# SPDX-License-Identifier: Apache-2.0
"""Patches of an image in integers: sampled between pixels, made a template, summed with its basis.

What the hardware's sampler and MAC array do; the steps are those of `vio.frontend.patch`.
"""

import numpy as np
from numba import njit

from vio.fixed import formats as sig
from vio.fixed.qformat import LOW, narrow

# The window reader's region is 32 pixels a side and starts on a block: what surely fits it.
REGION_PX = 29


@njit(cache=True, nogil=True)
def window_inside(image: np.ndarray, u: int, v: int, reach: int, coord_frac: int) -> bool:
    """Return whether the window at (u, v), with its interpolation, lies in the image."""
    height, width = image.shape
    x0, y0 = (u >> coord_frac) - reach, (v >> coord_frac) - reach
    side = 2 * reach + 1
    return x0 >= 0 and y0 >= 0 and x0 + side < width and y0 + side < height


@njit(cache=True, nogil=True)
def sample_window(
    image: np.ndarray, u: int, v: int, reach: int, coord_frac: int, pixel_frac: int, out: np.ndarray
) -> bool:
    """Write the bilinear window at (u, v), 2 reach + 1 pixels wide, to out.

    False: it leaves the image. Rows are interpolated across, then down, with one rounding at the
    end.
    """
    if not window_inside(image, u, v, reach, coord_frac):
        return False
    one = 1 << coord_frac
    x0, y0 = (u >> coord_frac) - reach, (v >> coord_frac) - reach
    side = 2 * reach + 1
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
def sample_warped(
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
def form_basis(
    patch: np.ndarray,
    weights: np.ndarray,
    weight_bits: int,
    pixel_frac: int,
    basis: np.ndarray,
    signals: np.ndarray,
) -> None:
    """Form the basis (3, side, 16) of a template's patch (side + 2, 16 + 2).

    weights: (side, 16). basis: weighted horizontal gradient, vertical gradient (each twice as
    large) and grey value less 128.
    """
    side = len(weights)
    half_grey = np.int32(128 << pixel_frac)
    bits = np.int32(weight_bits)
    half = np.int32(1 << (weight_bits - 1))
    for y in range(side):
        up, mid, down, w = patch[y], patch[y + 1], patch[y + 2], weights[y]
        bx, by, bg = basis[0, y], basis[1, y], basis[2, y]
        for x in range(side):
            bx[x] = (w[x] * (mid[x + 2] - mid[x]) + half) >> bits
            by[x] = (w[x] * (down[x + 1] - up[x + 1]) + half) >> bits
            bg[x] = (w[x] * (mid[x + 1] - half_grey) + half) >> bits
    if signals[-1, LOW] != 0:
        _record_template(patch, basis, signals, side)


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
def template_sums(
    patch: np.ndarray, basis: np.ndarray, pixel_frac: int, signals: np.ndarray, sums: np.ndarray
) -> None:
    """Write to sums (9,) the products of the basis with the template, and the basis alone.

    In the order xx xy yy xg yg gg, x y g.
    """
    side = basis.shape[1]
    half_grey = np.int32(128 << pixel_frac)
    xx, xy, yy, xg, yg, gg, sx, sy, sg = 0, 0, 0, 0, 0, 0, 0, 0, 0
    for y in range(side):
        up, mid, down = patch[y], patch[y + 1], patch[y + 2]
        bx, by, bg = basis[0, y], basis[1, y], basis[2, y]
        rxx, rxy, ryy = np.int32(0), np.int32(0), np.int32(0)
        rxg, ryg, rgg = np.int32(0), np.int32(0), np.int32(0)
        rx, ry, rg = np.int32(0), np.int32(0), np.int32(0)
        for x in range(side):
            gx = mid[x + 2] - mid[x]
            gy = down[x + 1] - up[x + 1]
            g = mid[x + 1] - half_grey
            ax, ay, ag = bx[x], by[x], bg[x]
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
    sums[0] = narrow(signals, sig.WINDOW_SUM, xx)
    sums[1] = narrow(signals, sig.WINDOW_SUM, xy)
    sums[2] = narrow(signals, sig.WINDOW_SUM, yy)
    sums[3] = narrow(signals, sig.WINDOW_SUM, xg)
    sums[4] = narrow(signals, sig.WINDOW_SUM, yg)
    sums[5] = narrow(signals, sig.WINDOW_SUM, gg)
    sums[6], sums[7], sums[8] = sx, sy, sg


@njit(cache=True, nogil=True)
def window_sums(
    view: np.ndarray,
    basis: np.ndarray,
    weights: np.ndarray,
    weight_bits: int,
    pixel_frac: int,
    signals: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Write to sums (5,) the products of the window with the basis, its weights and itself."""
    side = len(weights)
    half_grey = np.int32(128 << pixel_frac)
    bits = np.int32(weight_bits)
    half = np.int32(1 << (weight_bits - 1))
    sx, sy, sg, s1, vv = 0, 0, 0, 0, 0
    for y in range(side):
        row, w = view[y], weights[y]
        bx, by, bg = basis[0, y], basis[1, y], basis[2, y]
        rx, ry, rg = np.int32(0), np.int32(0), np.int32(0)
        r1, rv = np.int32(0), np.int32(0)
        for x in range(side):
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
