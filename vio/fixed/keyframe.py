# SPDX-License-Identifier: Apache-2.0
"""The keyframe decision in integers: counts instead of a median."""

import numpy as np
from numba import njit

from vio.fixed.qformat import round_shift
from vio.fixed.rectify import LensRegisters, inside_image, rotate_ray


@njit(cache=True, nogil=True)
def count_inside(uv: np.ndarray, lens: LensRegisters, border: int, coord_frac: int) -> int:
    """Return how many predicted pixels (N, 2) lie at least `border` pixels inside the image."""
    count = 0
    for i in range(len(uv)):
        count += inside_image(lens, uv[i, 0], uv[i, 1], border, coord_frac)
    return count


@njit(cache=True, nogil=True)
def count_moved(
    rays_key: np.ndarray, rays: np.ndarray, R: np.ndarray, limit2: int, signals: np.ndarray
) -> int:
    """Return how many rays (N, 2) moved by more than a distance once the rotation R is removed.

    limit2: its square in ray units, 32 fraction bits. More than half of the tracks beyond it is
    what the float engine calls a median beyond it.
    """
    count = 0
    for i in range(len(rays)):
        x, y, ahead = rotate_ray(signals, R, rays_key[i, 0], rays_key[i, 1])
        dx, dy = x - rays[i, 0], y - rays[i, 1]
        count += not ahead or dx * dx + dy * dy > limit2
    return count


@njit(cache=True, nogil=True)
def is_keyframe(
    age: int, max_age: int, alive: int, min_alive: int, tracks_at_key: int, moved: int, tracks: int
) -> bool:
    """Return whether the next frame is a keyframe; min_alive: fraction, 8 fraction bits."""
    return age >= max_age or alive << 8 < min_alive * tracks_at_key or 2 * moved > tracks


def counted_age(age: int, mono: bool, aged: int, tracks: int) -> int:
    """Return the age that `is_keyframe` compares: with one camera 0 until the tracks have moved.

    Depths come from parallax then: age alone asks for no keyframe. aged: tracks beyond the limit of
    keyframe.mono_parallax_px.
    """
    return age if not mono or 2 * aged > tracks else 0


def parallax_register(limit_px: float, focal_px: float) -> int:
    """Return the squared parallax limit in ray units, 32 fraction bits."""
    return round_shift(round((limit_px / focal_px) ** 2 * 2**33), 1)
