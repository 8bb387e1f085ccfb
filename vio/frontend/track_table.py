# SPDX-License-Identifier: Apache-2.0
"""The live tracks: what a front end remembers from one frame to the next."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np


@dataclass
class Rows:
    """Base of a table whose fields are arrays of the same length, a row a track."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def keep(self, mask: np.ndarray) -> Self:
        """Return the tracks chosen by a mask (N,) of bool."""
        return type(self)(*(getattr(self, f.name)[mask] for f in fields(self)))

    def append(self, other: Self) -> Self:
        """Return these tracks followed by others."""
        return type(self)(
            *(np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self))
        )


@dataclass
class TrackTable(Rows):
    """Hold the live tracks; the front end writes into the arrays.

    ids (N,), age (N,), quality (N,), uv (N, 2) in the last frame as in `Tracks`; rays (N, 2) of
    uv; prediction_error (N, 2), pixels by which the rotation alone mispredicted uv; uv_key (N, 2),
    rays_key (N, 2) and points_key (N, 3), rectified metres, in the last keyframe (NaN: no stereo);
    scale_change (N,), size in the last frame over that in the keyframe.
    """

    ids: np.ndarray
    age: np.ndarray
    quality: np.ndarray
    uv: np.ndarray
    rays: np.ndarray
    prediction_error: np.ndarray
    uv_key: np.ndarray
    rays_key: np.ndarray
    points_key: np.ndarray
    scale_change: np.ndarray


def new_tracks(
    ids: np.ndarray, quality: np.ndarray, uv: np.ndarray, rays: np.ndarray
) -> TrackTable:
    """Return a table of tracks seen for the first time."""
    n = len(ids)
    return TrackTable(
        ids=ids,
        age=np.ones(n, np.int32),
        quality=quality,
        uv=uv,
        rays=rays,
        prediction_error=np.zeros((n, 2)),
        uv_key=uv.copy(),
        rays_key=rays.copy(),
        points_key=np.full((n, 3), np.nan),
        scale_change=np.ones(n),
    )


def empty_table() -> TrackTable:
    """Return a table of no tracks."""
    pair = np.empty((0, 2))
    return new_tracks(np.empty(0, np.int64), np.empty(0, np.float32), pair, pair)
