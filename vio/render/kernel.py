# SPDX-License-Identifier: Apache-2.0
"""Ray casting of a world of textured rectangles: linear forms, tile culling, shading, sensor.

A rectangle seen at one instant is five numbers linear in the ray (x, y, 1): the inverse depth W,
and U = u W, V = v W with (u, v) the place on the rectangle. A sample hits where 0 < W and
0 <= U, V <= W; the largest W is nearest. Tiles of 16 x 16 pixels bound these forms by interval
arithmetic over the tile and the exposure, so most tiles test one or two rectangles a sample.
"""

import math

import numpy as np
from numba import njit

TILE = 16
BLOCK = 4  # tiles along the side of a block, culled first
TEX_BITS = 10
TEX = 1 << TEX_BITS  # side of a texture in texels
LEVELS = 9  # mip levels
BUMP = np.float32(0.006)  # tilt of a glossy surface per grey level of its texture
MIDDLE = np.float32(128.0)
LEVEL_OFFSET = np.cumsum([0] + [(TEX >> k) ** 2 for k in range(LEVELS - 1)]).astype(np.int64)
TEX_BYTES = int(LEVEL_OFFSET[-1] + (TEX >> (LEVELS - 1)) ** 2)


@njit(cache=True, nogil=True)
def make_forms(
    quad: np.ndarray,
    owner: np.ndarray,
    owner_R: np.ndarray,
    owner_p: np.ndarray,
    cam_R: np.ndarray,
    cam_p: np.ndarray,
) -> np.ndarray:
    """Return the linear forms (S, Q, 12) of Q rectangles seen from S camera poses.

    quad: (Q, 9), corner, u edge, v edge in the owner's frame. owner: (Q,). owner_R (S, O, 3, 3),
    owner_p (S, O, 3): owners in the world. cam_R (S, 3, 3), cam_p (S, 3): camera in the world.
    Forms: [U(3), V(3), W(3), distance to the plane, |det| of the map, 0]; W = -1 from behind.
    """
    S, Q = cam_R.shape[0], quad.shape[0]
    out = np.zeros((S, Q, 12))
    e = np.empty((3, 3))
    c = np.empty(3)
    for s in range(S):
        for q in range(Q):
            o = owner[q]
            for part in range(3):
                for i in range(3):
                    acc = 0.0
                    for j in range(3):
                        acc += owner_R[s, o, i, j] * quad[q, 3 * part + j]
                    e[part, i] = acc
            for i in range(3):
                c[i] = cam_p[s, i] - e[0, i] - owner_p[s, o, i]
            n0 = e[1, 1] * e[2, 2] - e[1, 2] * e[2, 1]
            n1 = e[1, 2] * e[2, 0] - e[1, 0] * e[2, 2]
            n2 = e[1, 0] * e[2, 1] - e[1, 1] * e[2, 0]
            area = math.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
            h = (n0 * c[0] + n1 * c[1] + n2 * c[2]) / area
            if h < 1e-4:
                out[s, q, 8] = -1.0
                continue
            lu = e[1, 0] * e[1, 0] + e[1, 1] * e[1, 1] + e[1, 2] * e[1, 2]
            lv = e[2, 0] * e[2, 0] + e[2, 1] * e[2, 1] + e[2, 2] * e[2, 2]
            au = (e[1, 0] * c[0] + e[1, 1] * c[1] + e[1, 2] * c[2]) / lu
            av = (e[2, 0] * c[0] + e[2, 1] * c[1] + e[2, 2] * c[2]) / lv
            for j in range(3):
                r0, r1, r2 = cam_R[s, 0, j], cam_R[s, 1, j], cam_R[s, 2, j]
                w = -(n0 * r0 + n1 * r1 + n2 * r2) / (area * h)
                out[s, q, 6 + j] = w
                out[s, q, j] = au * w + (e[1, 0] * r0 + e[1, 1] * r1 + e[1, 2] * r2) / lu
                out[s, q, 3 + j] = av * w + (e[2, 0] * r0 + e[2, 1] * r1 + e[2, 2] * r2) / lv
            out[s, q, 9] = h
            out[s, q, 10] = 1.0 / (area * h)
    return out


@njit(cache=True, nogil=True)
def _bound(
    forms: np.ndarray, q: int, x: float, y: float, hx: float, hy: float
) -> tuple[float, float, bool]:
    """Return (largest W, smallest W, covers) over a ray box and the first, middle, last slot.

    The largest W is -1 when the rectangle cannot be hit from the box.
    """
    S = forms.shape[0]
    top = np.full(5, -1e30)
    low = np.full(5, 1e30)
    for m in range(3):
        s = 0 if m == 0 else (S // 2 if m == 1 else S - 1)
        f = forms[s, q]
        for k in range(5):
            if k == 0:
                a, b, c = f[6], f[7], f[8]
            elif k == 1:
                a, b, c = f[0], f[1], f[2]
            elif k == 2:
                a, b, c = f[6] - f[0], f[7] - f[1], f[8] - f[2]
            elif k == 3:
                a, b, c = f[3], f[4], f[5]
            else:
                a, b, c = f[6] - f[3], f[7] - f[4], f[8] - f[5]
            mid = a * x + b * y + c
            half = abs(a) * hx + abs(b) * hy
            top[k] = max(top[k], mid + half)
            low[k] = min(low[k], mid - half)
    hit = True
    covers = True
    for k in range(5):
        if top[k] <= 0.0:
            hit = False
        if low[k] <= 0.0:
            covers = False
    if not hit:
        return -1.0, -1.0, False
    return top[0], low[0], covers


@njit(cache=True, nogil=True)
def _texture(atlas: np.ndarray, base: int, level: int, tu: float, tv: float) -> float:
    """Return the bilinear sample (0..255) of a mip level at texel (tu, tv) >= 1 of level 0, wrapped.

    base: where the level starts in the atlas.
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
def _light(light: np.ndarray, start: int, w: int, h: int, u: float, v: float) -> float:
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
def _candidates(
    forms: np.ndarray,
    pool: np.ndarray,
    n_pool: int,
    box: np.ndarray,
    out: np.ndarray,
    nearest: np.ndarray,
) -> tuple[int, bool]:
    """Fill `out` with the rectangles a ray box can hit, nearest first; return (count, single).

    box: (x, y, half x, half y). nearest: (Q,) scratch, receives each one's largest W.
    single: the only candidate covers the whole box during the whole exposure.
    """
    n = 0
    wall = -1.0
    wall_q = -1
    for i in range(n_pool):
        q = pool[i]
        top, low, covers = _bound(forms, q, box[0], box[1], box[2], box[3])
        if top <= wall:
            continue
        if covers and low > wall:
            wall = low
            wall_q = q
        nearest[q] = top
        j = n
        while j > 0 and nearest[out[j - 1]] < top:
            out[j] = out[j - 1]
            j -= 1
        out[j] = q
        n += 1
    while n > 0 and nearest[out[n - 1]] < wall:
        n -= 1
    return n, n == 1 and out[0] == wall_q


@njit(cache=True, nogil=True)
def _hull(boxes: np.ndarray) -> np.ndarray:
    """Return the box (x, y, half x, half y) around boxes (rows, cols, 4)."""
    x0, x1, y0, y1 = 1e30, -1e30, 1e30, -1e30
    for r in range(boxes.shape[0]):
        for c in range(boxes.shape[1]):
            x0 = min(x0, boxes[r, c, 0] - boxes[r, c, 2])
            x1 = max(x1, boxes[r, c, 0] + boxes[r, c, 2])
            y0 = min(y0, boxes[r, c, 1] - boxes[r, c, 3])
            y1 = max(y1, boxes[r, c, 1] + boxes[r, c, 3])
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2])


@njit(cache=True, nogil=True)
def _place(f: np.ndarray, du: float, dv: float, p: np.ndarray, n: int, q: np.ndarray) -> None:
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
def _place_nearer(f: np.ndarray, k: int, n: int, q: np.ndarray, owner: np.ndarray) -> None:
    """Take rectangle k at those of n rays q[0..1] where it is hit nearer than W = q[2]."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8 = f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]
    zero = np.float32(0.0)
    me = np.int32(k)
    for i in range(n):
        x = q[0, i]
        y = q[1, i]
        w = f6 * x + f7 * y + f8
        a = f0 * x + f1 * y + f2
        b = f3 * x + f4 * y + f5
        take = (w > q[2, i]) & (a >= zero) & (a <= w) & (b >= zero) & (b <= w)
        q[2, i] = w if take else q[2, i]
        q[3, i] = a if take else q[3, i]
        q[4, i] = b if take else q[4, i]
        owner[i] = me if take else owner[i]


@njit(cache=True, nogil=True)
def _lod(f: np.ndarray, texels: float, blur_lod: float) -> float:
    """Return a rectangle's part of the mip level, without the pixel's depth.

    A sample's level is half the log2 of the texel area that a pixel covers, area ~ W^-3; grazing
    surfaces (cosine = W times distance) blur a little more than the area alone says.
    """
    return 0.5 * math.log2(f[10] * texels + 1e-30) - 0.25 * math.log2(f[9] + 1e-9) + blur_lod


@njit(cache=True, nogil=True)
def _shine(lamp: np.ndarray, x: float, y: float, bump: float) -> float:
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
def _shade_single(
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
    gloss: float,
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
    _place(forms[S // 2, k], zero_shift, zero_shift, p, n, q)
    for i in range(n):
        # Light and level vary slowly: once a pixel is enough.
        w = q[2, i]
        q[7, i] = _light(light, lm[0], lm[1], lm[2], q[3, i] / w, q[4, i] / w)
        q[5, i] = zero
        q[6, i] = max(zero, np.float32(lod_k + p[6, i] - 1.75 * math.log2(w)))
    for s in range(S):
        _place(forms[s, k], pattern[s, 0], pattern[s, 1], p, n, q)
        dither = np.float32((s + 0.5) / S)
        for i in range(n):
            inverse = one / q[2, i]
            q[3, i] = q[3, i] * inverse * mu + ou
            q[4, i] = q[4, i] * inverse * mv + ov
        for i in range(n):
            # The fraction of the level is dithered over the samples.
            level = int(min(q[6, i] + dither, top))
            shade = _texture(atlas, base + level_offset[level], level, q[3, i], q[4, i])
            if gloss > zero:
                shade += gloss * _shine(lamp, q[0, i], q[1, i], BUMP * (shade - MIDDLE))
            q[5, i] += shade
    for i in range(n):
        q[5, i] *= q[7, i]


@njit(cache=True, nogil=True)
def _shade_many(
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
            _place_nearer(forms[s, pool[j]], pool[j], n, q, owner)
        dither = np.float32((s + 0.5) / S)
        for i in range(n):
            k = owner[i]
            if k < 0:
                continue
            inverse = one / q[2, i]
            hu = q[3, i] * inverse
            hv = q[4, i] * inverse
            if k != before[i]:
                before[i] = k
                level_f = np.float32(lod_of[k] + p[6, i] - 1.75 * math.log2(q[2, i]))
                q[6, i] = max(zero, level_f)
                q[7, i] = _light(light, light_map[k, 0], light_map[k, 1], light_map[k, 2], hu, hv)
            level = int(min(q[6, i] + dither, top))
            shade = _texture(
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


@njit(cache=True, nogil=True)
def render_radiance(
    forms64: np.ndarray,
    rays: np.ndarray,
    pattern: np.ndarray,
    block_box: np.ndarray,
    tile_box: np.ndarray,
    part_box: np.ndarray,
    atlas: np.ndarray,
    level_offset: np.ndarray,
    tex_base: np.ndarray,
    tex_map: np.ndarray,
    light: np.ndarray,
    light_map: np.ndarray,
    gloss: np.ndarray,
    lamp_dir: np.ndarray,
    blur_lod: float,
    out: np.ndarray,
) -> None:
    """Write the mean radiance (H, W) float32 of the samples of each pixel.

    forms64: (S, Q, 12) of make_forms. rays: (H, W, 7) float32: x, y, their slopes by u and v, and
    half the log2 of the solid angle of a pixel. pattern: (S, 2) pixel offsets of the samples;
    sample s is taken at exposure slot s. block_box, tile_box, part_box: (rows, cols, 4) ray boxes
    of 64, 16 and 8 pixels. tex_base: (Q,) start in the atlas. tex_map: (Q, 4): texels per unit u,
    v, and offsets. light_map: (Q, 3): start, width, height. gloss: (Q,) strength and lamp_dir
    (Q, 3): unit mirror direction, in the camera's frame.
    """
    S, Q = forms64.shape[0], forms64.shape[1]
    H, W = out.shape
    forms = forms64.astype(np.float32)
    everything = np.arange(Q)
    seen = np.empty(Q, np.int64)
    block_pool = np.empty(Q, np.int64)
    tile_pool = np.empty(Q, np.int64)
    pool = np.empty(Q, np.int64)
    nearest = np.empty(Q)
    lod_of = np.empty(Q)
    n_all, _ = _candidates(forms64, everything, Q, _hull(block_box), seen, nearest)
    for i in range(n_all):
        k = seen[i]
        lod_of[k] = _lod(forms64[S // 2, k], abs(tex_map[k, 0] * tex_map[k, 1]), blur_lod)
    p = np.zeros((7, TILE * TILE), np.float32)
    q = np.zeros((8, TILE * TILE), np.float32)
    owner = np.empty(TILE * TILE, np.int32)
    before = np.empty(TILE * TILE, np.int32)
    share = np.float32(1.0 / S)
    for brow in range(block_box.shape[0]):
        for bcol in range(block_box.shape[1]):
            n_block, _ = _candidates(
                forms64, seen, n_all, block_box[brow, bcol], block_pool, nearest
            )
            for trow in range(brow * BLOCK, min(tile_box.shape[0], brow * BLOCK + BLOCK)):
                for tcol in range(bcol * BLOCK, min(tile_box.shape[1], bcol * BLOCK + BLOCK)):
                    n_tile, single = _candidates(
                        forms64, block_pool, n_block, tile_box[trow, tcol], tile_pool, nearest
                    )
                    # A tile that sees several rectangles is cut into four parts.
                    cut = 1 if single or n_tile <= 1 else 2
                    side = TILE // cut
                    for part in range(cut * cut):
                        prow, pcol = trow * cut + part // cut, tcol * cut + part % cut
                        v0, u0 = prow * side, pcol * side
                        if v0 >= H or u0 >= W:
                            continue
                        v1, u1 = min(H, v0 + side), min(W, u0 + side)
                        count = n_tile
                        alone = single
                        if cut == 2:
                            count, alone = _candidates(
                                forms64, tile_pool, n_tile, part_box[prow, pcol], pool, nearest
                            )
                        else:
                            pool[:n_tile] = tile_pool[:n_tile]
                        n = 0
                        for v in range(v0, v1):
                            for u in range(u0, u1):
                                for c in range(7):
                                    p[c, n] = rays[v, u, c]
                                n += 1
                        if alone:
                            k = pool[0]
                            _shade_single(
                                forms, k, p, n, pattern, atlas, level_offset, tex_base[k],
                                tex_map[k], light, light_map[k], gloss[k], lamp_dir[k],
                                lod_of[k], q,
                            )  # fmt: skip
                        else:
                            _shade_many(
                                forms, pool, count, p, n, pattern, atlas, level_offset, tex_base,
                                tex_map, light, light_map, gloss, lamp_dir, lod_of, owner,
                                before, q,
                            )  # fmt: skip
                        n = 0
                        for v in range(v0, v1):
                            for u in range(u0, u1):
                                out[v, u] = q[5, n] * share
                                n += 1


@njit(cache=True, nogil=True)
def expose(
    radiance: np.ndarray,
    vignette: np.ndarray,
    gain: float,
    electrons: float,
    read_noise: float,
    fixed_pattern: np.ndarray,
    normal: np.ndarray,
    seed: int,
    out: np.ndarray,
) -> None:
    """Write the 8-bit image (H, W) of a radiance with shot noise, read noise and quantisation.

    gain: grey levels per radiance. electrons: electrons per grey level. read_noise: electrons.
    fixed_pattern: (H, W) grey levels at unit gain. normal: (65536,) standard normal table, drawn
    from with a counter-based hash of (seed, pixel), so that pixels are independent of order.
    """
    H, W = out.shape
    read_var = read_noise * read_noise
    for v in range(H):
        for u in range(W):
            k = np.uint64(seed) + np.uint64(v * W + u) * np.uint64(0x9E3779B97F4A7C15)
            k = (k ^ (k >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            k = (k ^ (k >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            draw = normal[np.int64(k >> np.uint64(48))]
            grey = radiance[v, u] * vignette[v, u] * gain
            charge = grey * electrons
            noise = math.sqrt(charge + read_var) / electrons * draw
            value = grey + noise + fixed_pattern[v, u] + 0.5
            out[v, u] = np.uint8(min(255.0, max(0.0, value)))
