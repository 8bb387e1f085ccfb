# SPDX-License-Identifier: Apache-2.0
"""Ray casting of a world of textured rectangles, tile by tile.

Tiles of 16 x 16 pixels are culled by interval arithmetic, so most test one rectangle a sample.
"""

import numpy as np
from numba import njit

from vio.render.forms import candidates, hull, make_bounds, make_outlines
from vio.render.shade import level_of_detail, shade_many, shade_single

TILE = 16
BLOCK = 4  # tiles along the side of a block, culled first
REGION = 4  # blocks along the side of a region, culled before


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

    forms64: (S + 1, Q, 12) of make_forms, at the exposure's slots and at its middle. rays: (H, W,
    7) float32: x, y, their slopes by u and v, and half the log2 of the solid angle of a pixel.
    pattern: (S, 3) of sample_pattern; sample s is taken at exposure slot s. block_box, tile_box,
    part_box: (rows, cols, 4) ray boxes of 64, 16 and 8 pixels. tex_base: (Q,) start in the atlas.
    tex_map: (Q, 4): texels per unit u, v, and offsets. light_map: (Q, 3): start, width, height.
    gloss: (Q,) strength and lamp_dir (Q, 3): unit mirror direction, in the camera's frame.
    """
    S, Q = len(pattern), forms64.shape[1]
    H, W = out.shape
    forms = forms64.astype(np.float32)
    everything = np.arange(Q)
    seen = np.empty(Q, np.int64)
    region_pool = np.empty(Q, np.int64)
    block_pool = np.empty(Q, np.int64)
    tile_pool = np.empty(Q, np.int64)
    pool = np.empty(Q, np.int64)
    nearest = np.empty(Q)
    lod_of = np.empty(Q)
    bounds, outlines = make_bounds(forms64[:S]), make_outlines(forms64[:S])
    n_all, _ = candidates(bounds, outlines, everything, Q, hull(block_box), seen, nearest)
    for i in range(n_all):
        k = seen[i]
        lod_of[k] = level_of_detail(forms64[S, k], abs(tex_map[k, 0] * tex_map[k, 1]), blur_lod)
    p = np.zeros((7, TILE * TILE), np.float32)
    q = np.zeros((8, TILE * TILE), np.float32)
    owner = np.empty(TILE * TILE, np.int32)
    before = np.empty(TILE * TILE, np.int32)
    share = np.float32(1.0 / S)
    n_region = 0
    rows, cols = block_box.shape[0], block_box.shape[1]
    for block in range(REGION * REGION * -(-rows // REGION) * -(-cols // REGION)):
        # Blocks are taken region by region, so that each region is culled once.
        region, inside = block // (REGION * REGION), block % (REGION * REGION)
        r0 = region // -(-cols // REGION) * REGION
        c0 = region % -(-cols // REGION) * REGION
        if inside == 0:
            around = hull(block_box[r0 : r0 + REGION, c0 : c0 + REGION])
            n_region, _ = candidates(bounds, outlines, seen, n_all, around, region_pool, nearest)
        brow, bcol = r0 + inside // REGION, c0 + inside % REGION
        if brow < rows and bcol < cols:
            n_block, _ = candidates(
                bounds, outlines, region_pool, n_region, block_box[brow, bcol], block_pool, nearest
            )
            for trow in range(brow * BLOCK, min(tile_box.shape[0], brow * BLOCK + BLOCK)):
                for tcol in range(bcol * BLOCK, min(tile_box.shape[1], bcol * BLOCK + BLOCK)):
                    n_tile, single = candidates(
                        bounds,
                        outlines,
                        block_pool,
                        n_block,
                        tile_box[trow, tcol],
                        tile_pool,
                        nearest,
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
                            count, alone = candidates(
                                bounds,
                                outlines,
                                tile_pool,
                                n_tile,
                                part_box[prow, pcol],
                                pool,
                                nearest,
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
                            shade_single(
                                forms, k, p, n, pattern, atlas, level_offset, tex_base[k],
                                tex_map[k], light, light_map[k], gloss[k], lamp_dir[k],
                                lod_of[k], q,
                            )  # fmt: skip
                        else:
                            shade_many(
                                forms, pool, count, p, n, pattern, atlas, level_offset, tex_base,
                                tex_map, light, light_map, gloss, lamp_dir, lod_of, owner,
                                before, q,
                            )  # fmt: skip
                        n = 0
                        for v in range(v0, v1):
                            for u in range(u0, u1):
                                out[v, u] = q[5, n] * share
                                n += 1
