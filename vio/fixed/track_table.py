# SPDX-License-Identifier: Apache-2.0
"""The track table in integers: what the chip remembers of a track between frames."""

from dataclasses import dataclass

import numpy as np

from vio.frontend import track_table


@dataclass
class TrackTable(track_table.TrackTable):
    """Hold the live tracks, all int64; fields as in the float engine's table.

    uv and uv_key sQ10.8, rays and rays_key sQ1.16, prediction_error sQ7.8, points_key in baselines
    sQ11.10, depth 0: none. scale_change is the reciprocal of the float engine's: size in the
    keyframe over that in the last frame.
    """


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
        prediction_error=np.zeros((n, 2), np.int64),
        uv_key=uv.copy(),
        rays_key=rays.copy(),
        points_key=np.zeros((n, 3), np.int64),
        scale_change=np.full(n, unit_scale, np.int64),
    )


def empty_table(unit_scale: int) -> TrackTable:
    """Return a table of no tracks."""
    nothing, pair = np.empty(0, np.int64), np.empty((0, 2), np.int64)
    return new_tracks(nothing, nothing, pair, pair, unit_scale)
