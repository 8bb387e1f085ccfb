# SPDX-License-Identifier: Apache-2.0
"""The protocol of all front ends (float, fixed, rtl, opencv) and what they hand on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vio.camera import StereoRig
from vio.datasets.base import StereoFrame
from vio.errors import VioError


@dataclass(frozen=True)
class Tracks:
    """Hold the N verified tracks of one frame, sorted by identity.

    ids: (N,) int64, unique over the run, never reused.
    uv_left: (N, 2) float64, pixels in the raw (distorted) left image.
    uv_right: (N, 2) float64, pixels in the raw right image, NaN where there is no stereo match.
    age: (N,) int32, number of frames in which the track has been seen, this one included.
    quality: (N,) float32, corner score (min-eigenvalue) at detection.
    is_keyframe: decided before the frame's pixels arrived.
    counters: features tracked, lost and why, detected, stereo-matched, iterations ...
    stage_ms: wall-clock per stage, never used in a decision.
    """

    frame_index: int
    t_ns: int
    ids: np.ndarray
    uv_left: np.ndarray
    uv_right: np.ndarray
    age: np.ndarray
    quality: np.ndarray
    is_keyframe: bool
    counters: dict[str, int] = field(default_factory=dict)
    stage_ms: dict[str, float] = field(default_factory=dict)


class FrontEnd(Protocol):
    """Turn stereo frames into tracks; the front end composes the rotation since its keyframe."""

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Process one frame.

        R_cam_prev: (3, 3), takes ray directions of the previous frame's left camera to this
        frame's left camera, predicted by the gyroscope (identity for the first frame).
        """
        ...

    def reset(self) -> None:
        """Forget all tracks: the next frame starts anew (identities are still never reused)."""
        ...


def check_image(image: np.ndarray, rig: StereoRig) -> None:
    """Raise VioError for an image that is not what the calibration says."""
    wanted = (rig.left.height, rig.left.width)
    if image.shape != wanted or image.dtype != np.uint8:
        raise VioError(
            f"image of shape {image.shape} {image.dtype} given, but the calibration says "
            f"{wanted} uint8; check the resolution in sensor.yaml"
        )


@contextmanager
def timed(times_ms: dict[str, float], name: str) -> Iterator[None]:
    """Record the wall-clock time of a stage; never used in a decision."""
    start = time.perf_counter()
    yield
    times_ms[name] = (time.perf_counter() - start) * 1e3
