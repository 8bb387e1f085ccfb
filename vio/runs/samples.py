# SPDX-License-Identifier: Apache-2.0
"""A few frames of a run, kept with their tracks for a picture."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from vio.data import State, Status, StereoFrame

TRAIL_FRAMES = 10  # how far back the tracks are drawn


@dataclass(frozen=True)
class SampleFrame:
    """Hold a left image (height, width) with its tracks' recent pixels, for a picture.

    ids: (N,). uv: (N, 2) pixels, now. stereo: (N,) bool. trails: earlier pixels by identity, oldest
    first. image: of half the width and height where the sampler was told so; pixels are of the
    whole image all the same.
    """

    frame_index: int
    t_ns: int
    image: np.ndarray
    ids: np.ndarray
    uv: np.ndarray
    stereo: np.ndarray
    trails: dict[int, list[tuple[float, float]]]
    status: Status = Status.TRACKING
    is_keyframe: bool = True


@dataclass
class FrameSampler:
    """Keep a few keyframes, evenly spread over a run of a known number of frames.

    changes: so many frames as well in which the status becomes another. halved: keep images of half
    the width and height.
    """

    frame_count: int
    wanted: int = 4
    changes: int = 0
    halved: bool = False
    samples: list[SampleFrame] = field(default_factory=list)
    _history: deque = field(default_factory=lambda: deque(maxlen=TRAIL_FRAMES))
    _count: int = 0
    _keyframes: int = 0
    _status: Status | None = None

    def add(self, state: State, frame: StereoFrame | None) -> None:
        """Take note of a frame; its image is copied only if it is one of those to keep."""
        step = max(1, self.frame_count // self.wanted)
        due = state.is_keyframe and self._count >= step // 2 + step * self._keyframes
        changed = self._status not in (None, state.status)
        changed = changed and len(self.samples) - self._keyframes < self.changes
        self._count += 1
        self._status = state.status
        tracks = state.tracks
        if tracks is None:
            return
        seen = np.isfinite(tracks.uv_left[:, 0])  # not where the right camera goes on alone
        if (due or changed) and frame is not None and frame.left is not None and seen.any():
            self._keyframes += not changed
            trails: dict[int, list[tuple[float, float]]] = {int(i): [] for i in tracks.ids}
            for ids, uv in self._history:
                for i, point in zip(ids, uv, strict=True):
                    if int(i) in trails:
                        trails[int(i)].append((float(point[0]), float(point[1])))
            self.samples.append(
                SampleFrame(
                    state.frame_index,
                    state.t_ns,
                    half(frame.left) if self.halved else frame.left.copy(),
                    tracks.ids.copy(),
                    tracks.uv_left.copy(),
                    tracks.is_stereo,
                    trails,
                    state.status,
                    state.is_keyframe,
                )
            )
        self._history.append((tracks.ids[seen], tracks.uv_left[seen]))


def half(image: np.ndarray) -> np.ndarray:
    """Return an image of half the size (rounded down): the means of 2 x 2 pixels."""
    h, w = (n // 2 * 2 for n in image.shape)
    pixels = image[:h, :w].astype(np.uint16)
    rows = pixels[::2] + pixels[1::2]
    return ((rows[:, ::2] + rows[:, 1::2] + 2) // 4).astype(np.uint8)
