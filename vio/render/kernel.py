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
TEX = 1024  # side of a texture in texels, a power of two
LEVELS = 9  # mip levels
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
def _texture(
    atlas: np.ndarray, base: int, offset: np.ndarray, level: int, tu: float, tv: float
) -> float:
    """Return the bilinear sample (0..255) at texel (tu, tv) >= 1 of level 0, wrapped."""
    side = TEX >> level
    mask = side - 1
    scale = 1.0 / (1 << level)
    x = np.float32(tu * scale + side - 0.5)
    y = np.float32(tv * scale + side - 0.5)
    ix, iy = int(x), int(y)
    fx, fy = x - np.float32(ix), y - np.float32(iy)
    x0, x1 = ix & mask, (ix + 1) & mask
    r0 = base + offset[level] + (iy & mask) * side
    r1 = base + offset[level] + ((iy + 1) & mask) * side
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
def render_radiance(
    forms64: np.ndarray,
    rays: np.ndarray,
    pattern: np.ndarray,
    tile_box: np.ndarray,
    block_box: np.ndarray,
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

    forms64: (S, Q, 12) of make_forms. rays: (H, W, 6) float32: x, y and their slopes by u and v.
    pattern: (S, 2) pixel offsets of the samples; sample s is taken at exposure slot s.
    tile_box, block_box: (rows, cols, 4) ray boxes. tex_base: (Q,) start in the atlas.
    tex_map: (Q, 4): texels per unit u, v, and offsets. light_map: (Q, 3): start, width, height.
    gloss: (Q,) strength and lamp_dir (Q, 3): unit mirror direction, in the camera's frame.
    """
    H, W = out.shape
    S, Q = forms64.shape[0], forms64.shape[1]
    forms = forms64.astype(np.float32)
    everything = np.arange(Q)
    seen = np.empty(Q, np.int64)
    block_pool = np.empty(Q, np.int64)
    pool = np.empty(Q, np.int64)
    nearest = np.empty(Q)
    lod_of = np.empty(Q)
    ahead = np.empty(Q, np.float32)
    share = np.float32(1.0 / S)
    zero = np.float32(0.0)
    rows, cols = tile_box.shape[0], tile_box.shape[1]
    for q in range(Q):
        # Mip level per sample: half the log2 of the texel area a pixel covers, W^-3 comes later.
        f = forms64[S // 2, q]
        texels = f[10] * abs(tex_map[q, 0] * tex_map[q, 1]) + 1e-30
        lod_of[q] = 0.5 * math.log2(texels) - 0.25 * math.log2(f[9] + 1e-9)
    n_all, _ = _candidates(forms64, everything, Q, _hull(block_box), seen, nearest)
    for brow in range(block_box.shape[0]):
        for bcol in range(block_box.shape[1]):
            n_block, _ = _candidates(
                forms64, seen, n_all, block_box[brow, bcol], block_pool, nearest
            )
            for trow in range(brow * BLOCK, min(rows, brow * BLOCK + BLOCK)):
                for tcol in range(bcol * BLOCK, min(cols, bcol * BLOCK + BLOCK)):
                    n, single = _candidates(
                        forms64, block_pool, n_block, tile_box[trow, tcol], pool, nearest
                    )
                    for i in range(n):
                        ahead[i] = nearest[pool[i]]
                    for v in range(trow * TILE, min(H, trow * TILE + TILE)):
                        for u in range(tcol * TILE, min(W, tcol * TILE + TILE)):
                            x0, y0 = rays[v, u, 0], rays[v, u, 1]
                            xu, xv = rays[v, u, 2], rays[v, u, 3]
                            yu, yv = rays[v, u, 4], rays[v, u, 5]
                            jac = math.log2(abs(xu * yv - xv * yu))
                            total = zero
                            last = -1
                            lod = 0.0
                            for s in range(S):
                                du, dv = pattern[s, 0], pattern[s, 1]
                                x = x0 + xu * du + xv * dv
                                y = y0 + yu * du + yv * dv
                                hit = -1
                                best = zero
                                hu = zero
                                hv = zero
                                if single:
                                    hit = pool[0]
                                    f = forms[s, hit]
                                    best = f[6] * x + f[7] * y + f[8]
                                    hu = f[0] * x + f[1] * y + f[2]
                                    hv = f[3] * x + f[4] * y + f[5]
                                else:
                                    for i in range(n):
                                        if ahead[i] <= best:
                                            break
                                        f = forms[s, pool[i]]
                                        w = f[6] * x + f[7] * y + f[8]
                                        if w <= best:
                                            continue
                                        a = f[0] * x + f[1] * y + f[2]
                                        if a < zero or a > w:
                                            continue
                                        b = f[3] * x + f[4] * y + f[5]
                                        if b < zero or b > w:
                                            continue
                                        hit, best, hu, hv = pool[i], w, a, b
                                if hit < 0:
                                    continue
                                inverse = np.float32(1.0) / best
                                hu *= inverse
                                hv *= inverse
                                if hit != last:
                                    last = hit
                                    # Grazing surfaces blur a little more than the area alone says.
                                    lod = (
                                        lod_of[hit] + 0.5 * jac - 1.75 * math.log2(best) + blur_lod
                                    )
                                # The fraction of the level is dithered over the samples.
                                level = int(max(0.0, min(LEVELS - 1.0, lod + (s + 0.5) / S)))
                                shade = _texture(
                                    atlas,
                                    tex_base[hit],
                                    level_offset,
                                    level,
                                    hu * tex_map[hit, 0] + tex_map[hit, 2],
                                    hv * tex_map[hit, 1] + tex_map[hit, 3],
                                )
                                glow = _light(
                                    light,
                                    light_map[hit, 0],
                                    light_map[hit, 1],
                                    light_map[hit, 2],
                                    hu,
                                    hv,
                                )
                                if gloss[hit] > zero:
                                    dot = (
                                        lamp_dir[hit, 0] * x
                                        + lamp_dir[hit, 1] * y
                                        + lamp_dir[hit, 2]
                                    )
                                    if dot > zero:
                                        c2 = dot * dot / (x * x + y * y + np.float32(1.0))
                                        c4 = c2 * c2
                                        c8 = c4 * c4
                                        shade += gloss[hit] * c8 * c8
                                total += shade * glow
                            out[v, u] = total * share


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
