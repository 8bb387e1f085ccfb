# SPDX-License-Identifier: Apache-2.0
"""The protocol of all front ends (float, fixed, rtl, opencv, replay)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import numpy as np

from vio.camera import StereoRig
from vio.config import Config, FrontEndConfig
from vio.data import StereoFrame, Tracks
from vio.errors import VioError

MIN_LEVEL_PX = 8  # shorter side of the coarsest pyramid level


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


@runtime_checkable
class AdaptiveFrontEnd(FrontEnd, Protocol):
    """Be a front end whose settings may move between frames."""

    def configure(self, config: Config) -> None:
        """Have other settings from the next frame on.

        Of frontend: max_tracks and max_iterations, within the bounds that it was made with; and the
        rules of keyframe. Raises VioError beyond the bounds.
        """
        ...


ADAPTIVE = ("float", "fixed", "rtl")  # engines that are one


def check_sizes(rig: StereoRig, config: FrontEndConfig) -> None:
    """Raise VioError for settings that the images of a rig are too small for."""
    side = min(rig.left.width, rig.left.height, rig.right.width, rig.right.height)
    coarsest = side >> (config.levels - 1)
    for name, value, needed, there in (
        ("levels", config.levels, MIN_LEVEL_PX, coarsest),
        ("window", config.window, config.window + 2, side),
        ("corner_radius", config.corner_radius, 2 * config.corner_radius + 4, side),
        ("stereo_half_width", config.stereo_half_width, 2 * config.stereo_half_width + 1, side),
        ("stereo_half_height", config.stereo_half_height, 2 * config.stereo_half_height + 1, side),
    ):
        if there < needed:
            where = "on the coarsest level " if name == "levels" else ""
            raise VioError(
                f"frontend.{name} = {value} needs images of {needed} pixels or more {where}each "
                f"way, but they have {there}; lower it, or use larger images"
            )


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
