# SPDX-License-Identifier: Apache-2.0
"""Shading of a patch of pixels: what each sample hits, texture, light, highlight.

A patch is p (7, N) float32: rays x, y, their slopes by u and by v, half the log2 of a pixel's solid
angle. The scratch q (8, N) holds x, y, W, U, V, the sum, the mip level and the light.
"""

import math

import numpy as np
from numba import njit

TEX_BITS = 10
TEX = 1 << TEX_BITS  # side of a texture in texels
LEVELS = 9  # mip levels
LEVEL_OFFSET = np.cumsum([0] + [(TEX >> k) ** 2 for k in range(LEVELS - 1)]).astype(np.int64)
TEX_BYTES = int(LEVEL_OFFSET[-1] + (TEX >> (LEVELS - 1)) ** 2)
BUMP = np.float32(0.006)  # tilt of a glossy surface per grey level of its texture
MIDDLE = np.float32(128.0)


@njit(cache=True, nogil=True)
def texture(atlas: np.ndarray, base: int, level: int, tu: np.float32, tv: np.float32) -> np.float32:
    """Return the bilinear sample (0..255) of a mip level, wrapped.

    tu, tv >= 1: texels of level 0. base: where the level starts in the atlas.
    """
    bits = TEX_BITS - level
    side = 1 << bits
    mask = side - 1
    scale = np.float32(side) * np.float32(1.0 / TEX)
    x = tu * scale + (np.float32(side) - np.float32(0.5))
    y = tv * scale + (np.float32(side) - np.float32(0.5))
    ix, iy = np.int32(x), np.int32(y)
    fx, fy = x - np.float32(ix), y - np.float32(iy)
    x0, x1 = ix & mask, (ix + 1) & mask
    r0 = base + ((iy & mask) << bits)
    r1 = base + (((iy + 1) & mask) << bits)
    a = np.float32(atlas[r0 + x0])
    b = np.float32(atlas[r0 + x1])
    c = np.float32(atlas[r1 + x0])
    d = np.float32(atlas[r1 + x1])
    top = a + (b - a) * fx
    return top + ((c + (d - c) * fx) - top) * fy


@njit(cache=True, nogil=True)
def light_at(
    light: np.ndarray, start: int, w: int, h: int, u: np.float32, v: np.float32
) -> np.float32:
    """Return the bilinear light at (u, v) in 0..1 of a map of (h, w) nodes, ends at the edges."""
    x = np.float32(u) * np.float32(w - 1)
    y = np.float32(v) * np.float32(h - 1)
    ix = min(max(int(x), 0), w - 2)
    iy = min(max(int(y), 0), h - 2)
    fx, fy = x - np.float32(ix), y - np.float32(iy)
    r = start + iy * w + ix
    top = light[r] + (light[r + 1] - light[r]) * fx
    low = light[r + w] + (light[r + w + 1] - light[r + w]) * fx
    return top + (low - top) * fy


@njit(cache=True, nogil=True)
def _place(
    f: np.ndarray, du: np.float32, dv: np.float32, p: np.ndarray, n: int, q: np.ndarray
) -> None:
    """Fill q[0..1] (x, y), q[2..4] (W, U, V): one rectangle at n rays of the patch p, shifted."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8 = f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]
    for i in range(n):
        x = p[0, i] + p[2, i] * du + p[3, i] * dv
        y = p[1, i] + p[4, i] * du + p[5, i] * dv
        q[0, i] = x
        q[1, i] = y
        q[2, i] = f6 * x + f7 * y + f8
        q[3, i] = f0 * x + f1 * y + f2
        q[4, i] = f3 * x + f4 * y + f5


@njit(cache=True, nogil=True)
def _take_nearer(
    f: np.ndarray,
    k: int,
    n: int,
    xs: np.ndarray,
    ys: np.ndarray,
    ws: np.ndarray,
    owner: np.ndarray,
) -> None:
    """Let rectangle k own those of n rays (xs, ys) where it is hit nearer than at ws, so far.

    So few arrays that the compiler proves them apart and takes many rays at once.
    """
    f0, f1, f2, f3, f4, f5, f6, f7, f8 = f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]
    zero = np.float32(0.0)
    me = np.int32(k)
    for i in range(n):
        x = xs[i]
        y = ys[i]
        w = f6 * x + f7 * y + f8
        a = f0 * x + f1 * y + f2
        b = f3 * x + f4 * y + f5
        take = (w > ws[i]) & (a >= zero) & (a <= w) & (b >= zero) & (b <= w)
        ws[i] = w if take else ws[i]
        owner[i] = me if take else owner[i]


@njit(cache=True, nogil=True)
def level_of_detail(f: np.ndarray, texels: float, blur_lod: float) -> float:
    """Return a rectangle's part of the mip level, without the pixel's depth.

    A sample's level is half the log2 of the texel area that a pixel covers, area ~ W^-3; grazing
    surfaces (cosine = W times distance) blur a little more than the area alone says.
    """
    return 0.5 * math.log2(f[10] * texels + 1e-30) - 0.25 * math.log2(f[9] + 1e-9) + blur_lod


@njit(cache=True, nogil=True)
def _shine(lamp: np.ndarray, x: np.float32, y: np.float32, bump: np.float32) -> np.float32:
    """Return cos^16 between the ray (x, y, 1) and the mirrored lamp, 0 behind.

    bump tilts the surface, so that highlights on uneven metal sparkle and move with the view.
    """
    dot = (lamp[0] + bump) * x + (lamp[1] - bump) * y + lamp[2]
    if dot <= 0.0:
        return np.float32(0.0)
    c2 = dot * dot / (x * x + y * y + np.float32(1.0))
    c2 = min(c2, np.float32(1.0))
    c4 = c2 * c2
    c8 = c4 * c4
    return c8 * c8


@njit(cache=True, nogil=True)
def shade_single(
    forms: np.ndarray,
    k: int,
    p: np.ndarray,
    n: int,
    pattern: np.ndarray,
    atlas: np.ndarray,
    level_offset: np.ndarray,
    base: int,
    tm: np.ndarray,
    light: np.ndarray,
    lm: np.ndarray,
    gloss: np.float32,
    lamp: np.ndarray,
    lod_k: float,
    q: np.ndarray,
) -> None:
    """Sum into q[5] the samples of n rays that all see rectangle k."""
    S = len(pattern)
    one, zero = np.float32(1.0), np.float32(0.0)
    mu, mv, ou, ov = tm[0], tm[1], tm[2], tm[3]
    top = np.float32(LEVELS - 1.001)
    zero_shift = np.float32(0.0)
    _place(forms[S, k], zero_shift, zero_shift, p, n, q)
    for i in range(n):
        # Light and level vary slowly: once a pixel is enough.
        w = q[2, i]
        q[7, i] = light_at(light, lm[0], lm[1], lm[2], q[3, i] / w, q[4, i] / w)
        q[5, i] = zero
        q[6, i] = max(zero, np.float32(lod_k + p[6, i] - 1.75 * math.log2(w)))
    for s in range(S):
        _place(forms[s, k], pattern[s, 0], pattern[s, 1], p, n, q)
        dither = pattern[s, 2]
        for i in range(n):
            inverse = one / q[2, i]
            q[3, i] = q[3, i] * inverse * mu + ou
            q[4, i] = q[4, i] * inverse * mv + ov
        for i in range(n):
            # The fraction of the level is dithered over the samples, not in the order of time.
            level = int(min(q[6, i] + dither, top))
            shade = texture(atlas, base + level_offset[level], level, q[3, i], q[4, i])
            if gloss > zero:
                shade += gloss * _shine(lamp, q[0, i], q[1, i], BUMP * (shade - MIDDLE))
            q[5, i] += shade
    for i in range(n):
        q[5, i] *= q[7, i]


@njit(cache=True, nogil=True)
def shade_many(
    forms: np.ndarray,
    pool: np.ndarray,
    count: int,
    p: np.ndarray,
    n: int,
    pattern: np.ndarray,
    atlas: np.ndarray,
    level_offset: np.ndarray,
    tex_base: np.ndarray,
    tex_map: np.ndarray,
    light: np.ndarray,
    light_map: np.ndarray,
    gloss: np.ndarray,
    lamp_dir: np.ndarray,
    lod_of: np.ndarray,
    owner: np.ndarray,
    before: np.ndarray,
    q: np.ndarray,
) -> None:
    """Sum into q[5] the samples of n rays that see some of `count` rectangles of the pool."""
    S = len(pattern)
    one, zero = np.float32(1.0), np.float32(0.0)
    top = np.float32(LEVELS - 1.001)
    xs, ys, ws = q[0], q[1], q[2]
    for i in range(n):
        q[5, i] = zero
        before[i] = -1
    for s in range(S):
        du, dv = pattern[s, 0], pattern[s, 1]
        for i in range(n):
            q[0, i] = p[0, i] + p[2, i] * du + p[3, i] * dv
            q[1, i] = p[1, i] + p[4, i] * du + p[5, i] * dv
            q[2, i] = zero
            owner[i] = -1
        for j in range(count):
            _take_nearer(forms[s, pool[j]], pool[j], n, xs, ys, ws, owner)
        dither = pattern[s, 2]
        for i in range(n):
            k = owner[i]
            if k < 0:
                continue
            f = forms[s, k]
            inverse = one / ws[i]
            hu = (f[0] * xs[i] + f[1] * ys[i] + f[2]) * inverse
            hv = (f[3] * xs[i] + f[4] * ys[i] + f[5]) * inverse
            if k != before[i]:
                # Light and level as in shade_single: where the pixel's middle sees the rectangle's
                # plane at the middle of the exposure, or the nearest place of the rectangle.
                before[i] = k
                f = forms[S, k]
                w, lu, lv = ws[i], hu, hv
                middle = f[6] * p[0, i] + f[7] * p[1, i] + f[8]
                if middle > np.float32(0.5) * w:
                    w = middle
                    lu = (f[0] * p[0, i] + f[1] * p[1, i] + f[2]) / w
                    lv = (f[3] * p[0, i] + f[4] * p[1, i] + f[5]) / w
                    lu, lv = min(max(lu, zero), one), min(max(lv, zero), one)
                q[6, i] = max(zero, np.float32(lod_of[k] + p[6, i] - 1.75 * math.log2(w)))
                q[7, i] = light_at(light, light_map[k, 0], light_map[k, 1], light_map[k, 2], lu, lv)
            level = int(min(q[6, i] + dither, top))
            shade = texture(
                atlas,
                tex_base[k] + level_offset[level],
                level,
                hu * tex_map[k, 0] + tex_map[k, 2],
                hv * tex_map[k, 1] + tex_map[k, 3],
            )
            if gloss[k] > zero:
                bump = BUMP * (shade - MIDDLE)
                shade += gloss[k] * _shine(lamp_dir[k], q[0, i], q[1, i], bump)
            q[5, i] += shade * q[7, i]
