# SPDX-License-Identifier: Apache-2.0
"""Exact answers to measure a tracker against: depth, flow between frames, stereo matches.

All at the time stamps, the middle of the exposures, in float64 and without noise.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from vio.camera import project_rays, unproject_pixels
from vio.render.forms import candidates, make_bounds
from vio.render.renderer import Renderer

SAME_DEPTH = 1e-6  # relative; what differs more is another surface, even paper on a wall


@dataclass(frozen=True)
class Hits:
    """Hold what N rays hit: quad (N,) int64 or -1, depth_m (N,) along z, u and v (N,) in 0..1."""

    quad: np.ndarray
    depth_m: np.ndarray
    u: np.ndarray
    v: np.ndarray


@dataclass(frozen=True)
class Flow:
    """Hold where N pixels went: uv (N, 2) float64; visible (N,) bool, false where uv is no match.

    uv is NaN where the pixel shows nothing or the point falls behind or outside the image; an
    occluded point has a uv, but is not visible.
    """

    uv: np.ndarray
    visible: np.ndarray


@njit(cache=True, nogil=True)
def _cast(
    forms: np.ndarray, pool: np.ndarray, n: int, x: float, y: float
) -> tuple[int, float, float, float]:
    """Return (rectangle or -1, inverse depth, u, v) of the nearest hit of the ray (x, y)."""
    hit, best, u, v = -1, 0.0, 0.0, 0.0
    for i in range(n):
        f = forms[pool[i]]
        w = f[6] * x + f[7] * y + f[8]
        if w <= best:
            continue
        a = f[0] * x + f[1] * y + f[2]
        b = f[3] * x + f[4] * y + f[5]
        if 0.0 <= a <= w and 0.0 <= b <= w:
            hit, best, u, v = pool[i], w, a / w, b / w
    return hit, best, u, v


@njit(cache=True, nogil=True)
def _cast_rays(forms: np.ndarray, rays: np.ndarray, quad: np.ndarray, values: np.ndarray) -> None:
    """Fill quad (N,) and values (N, 3), depth, u and v, of the rays (N, 2)."""
    pool = np.arange(forms.shape[0])
    for k in range(len(rays)):
        hit, w, u, v = _cast(forms, pool, len(pool), rays[k, 0], rays[k, 1])
        quad[k] = hit
        values[k, 0] = 1.0 / w if hit >= 0 else np.inf
        values[k, 1] = u
        values[k, 2] = v


@njit(cache=True, nogil=True)
def _depth_tiles(
    forms: np.ndarray, rays: np.ndarray, block_box: np.ndarray, side: int, out: np.ndarray
) -> None:
    """Fill depth (H, W), tile by tile of so many pixels a side; forms: (1, Q, 12)."""
    H, W = out.shape
    everything = np.arange(forms.shape[1])
    bounds = make_bounds(forms)
    pool = np.empty(forms.shape[1], np.int64)
    nearest = np.empty(forms.shape[1])
    for r in range(block_box.shape[0]):
        for c in range(block_box.shape[1]):
            n, _ = candidates(bounds, everything, len(everything), block_box[r, c], pool, nearest)
            for v in range(r * side, min(H, (r + 1) * side)):
                for u in range(c * side, min(W, (c + 1) * side)):
                    hit, w, _, _ = _cast(forms[0], pool, n, rays[v, u, 0], rays[v, u, 1])
                    out[v, u] = 1.0 / w if hit >= 0 else np.inf


def cast_pixels(renderer: Renderer, index: int, uv: np.ndarray, camera: int = 0) -> Hits:
    """Return what the pixels uv (N, 2) of a frame see; camera 0 is the left one."""
    rays = unproject_pixels(
        renderer.cameras[camera].params, np.ascontiguousarray(uv, dtype=np.float64)
    )
    return _cast_at(renderer, index, rays, camera)


def _cast_at(renderer: Renderer, index: int, rays: np.ndarray, camera: int) -> Hits:
    forms = renderer.forms(renderer.t_ns[index : index + 1], camera)[0]
    quad = np.empty(len(rays), np.int64)
    values = np.empty((len(rays), 3))
    _cast_rays(forms, rays, quad, values)
    return Hits(quad, values[:, 0], values[:, 1], values[:, 2])


def depth_image(renderer: Renderer, index: int, camera: int = 0) -> np.ndarray:
    """Return the depth along z (height, width) float32 in metres; inf where nothing is hit."""
    table = renderer.tables[camera]
    forms = renderer.forms(renderer.t_ns[index : index + 1], camera)
    out = np.empty(table.rays.shape[:2], np.float32)
    _depth_tiles(forms, table.rays, table.tile_box, 16, out)
    return out


def points_world(renderer: Renderer, hits: Hits, index: int) -> np.ndarray:
    """Return where in the world (N, 3) the hit places are at a frame, movers included."""
    world = renderer.world
    R, p = world.owner_poses(renderer.seconds(renderer.t_ns[index : index + 1]))
    quad, owner = world.quad[hits.quad], world.owner[hits.quad]
    local = quad[:, :3] + hits.u[:, None] * quad[:, 3:6] + hits.v[:, None] * quad[:, 6:9]
    return np.einsum("nij,nj->ni", R[0, owner], local) + p[0, owner]


def flow(
    renderer: Renderer,
    index: int,
    to_index: int,
    uv: np.ndarray,
    camera: int = 0,
    to_camera: int = 0,
) -> Flow:
    """Return where the pixels uv (N, 2) of one frame are in another frame or the other camera.

    Between left and right at one index it is the true stereo match. A pixel is visible when its
    point projects inside the other image and nothing lies before it there.
    """
    hits = cast_pixels(renderer, index, uv, camera)
    found = hits.quad >= 0
    points = points_world(renderer, hits, to_index)
    R, p = renderer.camera_poses(renderer.t_ns[to_index : to_index + 1], to_camera)
    local = (points - p[0]) @ R[0]
    target = renderer.cameras[to_camera]
    ahead = found & (local[:, 2] > 1e-3)
    z = np.where(ahead, local[:, 2], 1.0)
    rays = np.ascontiguousarray(local[:, :2] / z[:, None])
    there = project_rays(target.params, rays)
    # Far outside the image the distortion folds back: a ray counts if its pixel leads back to it.
    back = unproject_pixels(target.params, there)
    inside = (
        ahead
        & (np.abs(back - rays).max(axis=1) < 1e-6)
        & (there >= -0.5).all(axis=1)
        & (there[:, 0] <= target.width - 0.5)
        & (there[:, 1] <= target.height - 0.5)
    )
    seen = _cast_at(renderer, to_index, rays, to_camera)
    same = np.abs(seen.depth_m / z - 1.0) < SAME_DEPTH
    there[~inside] = np.nan
    return Flow(there, inside & same)


def stereo(renderer: Renderer, index: int, uv: np.ndarray) -> Flow:
    """Return where the pixels uv (N, 2) of a left image are in the right image."""
    return flow(renderer, index, index, uv, 0, 1)


def flow_image(renderer: Renderer, index: int, to_index: int) -> np.ndarray:
    """Return the dense flow (height, width, 2) float32 of left images; NaN where not visible."""
    camera = renderer.cameras[0]
    v, u = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float64)
    uv = np.stack([u.ravel(), v.ravel()], axis=1)
    moved = flow(renderer, index, to_index, uv)
    step = np.where(moved.visible[:, None], moved.uv - uv, np.nan)
    return step.reshape(camera.height, camera.width, 2).astype(np.float32)
