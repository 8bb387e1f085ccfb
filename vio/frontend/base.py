# SPDX-License-Identifier: Apache-2.0
"""The protocol of all front ends (float, fixed, rtl, opencv, replay)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from vio.camera import StereoRig
from vio.data import StereoFrame, Tracks
from vio.errors import VioError


class FrontEnd(Protocol):
    """Turn stereo frames into tracks; the front end composes the rotation since its keyframe."""

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Process one frame.

        R_cam_prev: (3, 3), rotates ray directions of the previous frame's left camera to this
        frame's left camera, predicted by the gyroscope (identity for the first frame).
        """
        ...

    def reset(self) -> None:
        """Forget all tracks: the next frame starts anew (identities are still never reused)."""
        ...


def check_image(image: np.ndarray, rig: StereoRig) -> None:
    """Raise VioError for an image that does not match the calibration."""
    wanted = (rig.left.height, rig.left.width)
    if image.shape != wanted or image.dtype != np.uint8:
        raise VioError(
            f"image of shape {image.shape} {image.dtype} given, but the calibration states "
            f"{wanted} uint8; check the resolution in sensor.yaml"
        )


@contextmanager
def timed(times_ms: dict[str, float], name: str) -> Iterator[None]:
    """Record the wall-clock time of a stage; never used in a decision."""
    start = time.perf_counter()
    yield
    times_ms[name] = (time.perf_counter() - start) * 1e3
