# SPDX-License-Identifier: Apache-2.0
"""The track table in integers: what the chip remembers of a track between frames."""

from dataclasses import dataclass

import numpy as np

from vio.frontend.track_table import Rows


@dataclass
class TrackTable(Rows):
    """Hold the live tracks, all int64; the front end writes into the arrays.

    ids (N,); age (N,); quality (N,) corner score; uv (N, 2) and uv_key (N, 2), sQ10.8 pixels in the
    last frame and keyframe; rays (N, 2), rays_key (N, 2), sQ1.16; drift (N, 2), pixels by which the
    rotation alone mispredicted; inverse_scale (N,); points_key (N, 3), rectified stereo point
    of the keyframe in baselines, depth 0: none.
    """

    ids: np.ndarray
    age: np.ndarray
    quality: np.ndarray
    uv: np.ndarray
    rays: np.ndarray
    drift: np.ndarray
    uv_key: np.ndarray
    rays_key: np.ndarray
    inverse_scale: np.ndarray
    points_key: np.ndarray


def new_tracks(
    ids: np.ndarray, quality: np.ndarray, uv: np.ndarray, rays: np.ndarray, unit_scale: int
) -> TrackTable:
    """Return a table of tracks seen for the first time."""
    n = len(ids)
    return TrackTable(
        ids=ids,
        age=np.ones(n, np.int64),
        quality=quality,
        uv=uv,
        rays=rays,
        drift=np.zeros((n, 2), np.int64),
        uv_key=uv.copy(),
        rays_key=rays.copy(),
        inverse_scale=np.full(n, unit_scale, np.int64),
        points_key=np.zeros((n, 3), np.int64),
    )


def empty_table(unit_scale: int) -> TrackTable:
    """Return a table of no tracks."""
    nothing, pair = np.empty(0, np.int64), np.empty((0, 2), np.int64)
    return new_tracks(nothing, nothing, pair, pair, unit_scale)
