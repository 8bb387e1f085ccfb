# SPDX-License-Identifier: Apache-2.0
"""The keyframe decision: taken before the frame's pixels arrive."""

from dataclasses import dataclass

import numpy as np

from vio.camera import Camera
from vio.config import KeyframeConfig


@dataclass(frozen=True)
class KeyframeEvidence:
    """Hold what is known of frame k before its pixels: tracks up to k - 1, age and gyroscope.

    age: frames since the keyframe, k included. tracks_at_key: tracks the keyframe had.
    alive: how many of them were seen in the last frame and, rotated by the gyroscope, still fall
    into frame k. parallax_px: median displacement since the keyframe, rotation removed, in the
    last frame.
    """

    age: int
    tracks_at_key: int
    alive: int
    parallax_px: float


def is_keyframe(
    evidence: KeyframeEvidence | None, config: KeyframeConfig, max_age: int, mono: bool = False
) -> bool:
    """Return whether the frame is a keyframe; without evidence (no keyframe yet) it is.

    mono: there is no right camera. Depths then come from parallax between keyframes, so that age
    alone asks for none: at hover the window would fill with keyframes of one place and lose them.
    """
    if evidence is None:
        return True
    old = evidence.age >= max_age
    if mono:
        old &= evidence.parallax_px >= config.mono_parallax_px
    return (
        old
        or evidence.alive < config.min_alive * evidence.tracks_at_key
        or evidence.parallax_px > config.max_parallax_px
    )


def count_inside(camera: Camera, uv: np.ndarray, border_px: float) -> int:
    """Return how many pixels (N, 2) lie at least border_px inside the image."""
    u, v = uv[:, 0], uv[:, 1]
    inside = (u >= border_px) & (u < camera.width - border_px)
    inside &= (v >= border_px) & (v < camera.height - border_px)
    return int(np.count_nonzero(inside))


def median_parallax_px(
    rays_key: np.ndarray, rays: np.ndarray, R: np.ndarray, focal_px: float
) -> float:
    """Return the median length of the displacement left when the rotation R is removed, pixels.

    rays_key, rays: (N, 2) of the same tracks in the keyframe and in a later frame; R: (3, 3) takes
    keyframe directions to the later frame.
    """
    if len(rays) == 0:
        return 0.0
    x, y = rays_key[:, 0], rays_key[:, 1]
    rotated = [R[k, 0] * x + R[k, 1] * y + R[k, 2] for k in range(3)]
    du = rotated[0] / rotated[2] - rays[:, 0]
    dv = rotated[1] / rotated[2] - rays[:, 1]
    return float(np.median(np.sqrt(du * du + dv * dv)) * focal_px)
