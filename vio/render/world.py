# SPDX-License-Identifier: Apache-2.0
"""A world of textured rectangles with baked light, and the objects that move in it."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mover:
    """Hold a moving object's motion: an ellipse in the plane with yaw, closed-form in time.

    centre_m: (3,). radii_m: half axes in x and y. period_s: of one turn. phase: radians.
    """

    centre_m: np.ndarray
    radii_m: tuple[float, float]
    period_s: float
    phase: float

    def pose(self, t_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the rotation (3, 3) and position (3,) in the world at time t_s."""
        a = 2.0 * math.pi * t_s / self.period_s + self.phase
        yaw = 0.7 * math.sin(a)
        c, s = math.cos(yaw), math.sin(yaw)
        offset = np.array([self.radii_m[0] * math.cos(a), self.radii_m[1] * math.sin(a), 0.0])
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]), self.centre_m + offset


@dataclass(frozen=True)
class World:
    """Hold Q rectangles with their materials, baked light, and the movers that own some of them.

    quad: (Q, 9) corner, u edge, v edge, metres, in the owner's frame (owner 0: the world).
    atlas, tex_base, tex_map, light, light_map, gloss: as the kernel takes them.
    """

    quad: np.ndarray
    owner: np.ndarray
    movers: tuple[Mover, ...]
    atlas: np.ndarray
    tex_base: np.ndarray
    tex_map: np.ndarray
    light: np.ndarray
    light_map: np.ndarray
    gloss: np.ndarray
    mirror_world: np.ndarray
    lo_m: np.ndarray
    hi_m: np.ndarray

    def owner_poses(self, t_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rotations (S, O, 3, 3) and positions (S, O, 3) of the owners at S times."""
        R = np.tile(np.eye(3), (len(t_s), 1 + len(self.movers), 1, 1))
        p = np.zeros((len(t_s), 1 + len(self.movers), 3))
        for s, t in enumerate(t_s):
            for k, mover in enumerate(self.movers):
                R[s, k + 1], p[s, k + 1] = mover.pose(float(t))
        return R, p
