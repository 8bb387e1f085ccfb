# SPDX-License-Identifier: Apache-2.0
"""Settings that are times, as the numbers of frames that the front ends and registers count."""

from typing import NamedTuple

from vio.config import Config

MAX_AGE = 255  # of the register `max_age`


class FrameLimits(NamedTuple):
    """Hold what depends on the nominal frame rate.

    max_age: frames after which a keyframe is requested at the latest. gyro_sigma_rad: error of the
    rotation predicted over one frame interval.
    """

    max_age: int
    gyro_sigma_rad: float


def frame_limits(config: Config, rate_hz: float) -> FrameLimits:
    """Return the limits of a run at a nominal frame rate, shared by all engines and the driver."""
    return FrameLimits(
        max_age=frames_in(config.keyframe.max_age_s, rate_hz, MAX_AGE),
        gyro_sigma_rad=config.frontend.gyro_sigma_rad_s / rate_hz,
    )


def frames_in(seconds: float, rate_hz: float, most: int) -> int:
    """Return the number of frames in a time: at least 1, at most `most`."""
    return min(max(1, round(seconds * rate_hz)), most)
