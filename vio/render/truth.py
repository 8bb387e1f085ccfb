# SPDX-License-Identifier: Apache-2.0
"""Exact answers to measure a tracker against: depth, flow between frames, stereo matches.

All at the time stamps, the middle of the exposures, in float64 and without noise.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from vio.camera import Camera, project_rays, unproject_pixels
from vio.render.forms import candidates, make_bounds, make_outlines
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
def _cast_groups(
    forms: np.ndarray,
    rays: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    quad: np.ndarray,
    values: np.ndarray,
) -> None:
    """Fill quad (N,) and values (N, 3), depth, u and v, of the rays (N, 2), group by group.

    forms: (1, Q, 12). order (N,) lists the rays so that neighbours follow each other; starts
    (G + 1,) cuts it into groups, whose box of rays is culled first.
    """
    Q = forms.shape[1]
    bounds, outlines = make_bounds(forms), make_outlines(forms)
    everything, pool, nearest = np.arange(Q), np.empty(Q, np.int64), np.empty(Q)
    for g in range(len(starts) - 1):
        x0, x1, y0, y1 = 1e30, -1e30, 1e30, -1e30
        for k in order[starts[g] : starts[g + 1]]:
            x0, x1 = min(x0, rays[k, 0]), max(x1, rays[k, 0])
            y0, y1 = min(y0, rays[k, 1]), max(y1, rays[k, 1])
        box = np.array([(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2 + 1e-9, (y1 - y0) / 2 + 1e-9])
        n, _ = candidates(bounds, outlines, everything, Q, box, pool, nearest)
        for k in order[starts[g] : starts[g + 1]]:
            hit, w, u, v = _cast(forms[0], pool, n, rays[k, 0], rays[k, 1])
            quad[k] = hit
            values[k, 0] = 1.0 / w if hit >= 0 else np.inf
            values[k, 1] = u
            values[k, 2] = v


def cast_pixels(renderer: Renderer, index: int, uv: np.ndarray, camera: int = 0) -> Hits:
    """Return what the pixels uv (N, 2) of a frame see; camera 0 is the left one."""
    rays = unproject_pixels(
        renderer.cameras[camera].params, np.ascontiguousarray(uv, dtype=np.float64)
    )
    return _cast_at(renderer, index, rays, camera)


def _cast_at(renderer: Renderer, index: int, rays: np.ndarray, camera: int) -> Hits:
    forms = renderer.forms(renderer.t_ns[index : index + 1], camera)
    blind = ~np.isfinite(rays).all(axis=1)  # pixels beyond the lens model see nothing
    rays = np.where(blind[:, None], 0.0, rays)
    quad = np.full(len(rays), -1, np.int64)
    values = np.full((len(rays), 3), np.inf)
    # Cells of about a hundred rays over the part of the plane that a lens can see.
    cells = int(np.clip(np.sqrt(len(rays) / 100), 1, 64))
    cell = np.clip((rays + 1.5) * (cells / 3.0), 0, cells - 1).astype(np.int64)
    key = cell[:, 0] * cells + cell[:, 1]
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1, append=cells * cells))
    _cast_groups(forms, rays, order, starts, quad, values)
    quad[blind], values[blind] = -1, np.inf
    return Hits(quad, values[:, 0], values[:, 1], values[:, 2])


def depth_image(renderer: Renderer, index: int, camera: int = 0) -> np.ndarray:
    """Return the depth along z (height, width) float32 in metres; inf where nothing is hit."""
    lens = renderer.cameras[camera]
    hits = cast_pixels(renderer, index, _grid(lens), camera)
    return hits.depth_m.reshape(lens.height, lens.width).astype(np.float32)


def _grid(camera: Camera) -> np.ndarray:
    """Return all pixels (height * width, 2), row by row."""
    v, u = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float64)
    return np.stack([u.ravel(), v.ravel()], axis=1)


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
    uv = _grid(camera)
    moved = flow(renderer, index, to_index, uv)
    step = np.where(moved.visible[:, None], moved.uv - uv, np.nan)
    return step.reshape(camera.height, camera.width, 2).astype(np.float32)
