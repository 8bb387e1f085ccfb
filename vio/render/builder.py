# SPDX-License-Identifier: Apache-2.0
"""Collect boxes, pipes and panels into a world, keep them off the path, bake their light."""

import math
from dataclasses import dataclass, field

import numpy as np

from vio.render.light import bake_face
from vio.render.shade import TEX, TEX_BYTES
from vio.render.textures import DEFAULT_TEXEL_M, MATERIALS, TEXEL_M, build_atlas
from vio.render.world import Mover, World

MATERIAL_INDEX = {name: k for k, name in enumerate(MATERIALS)}
LIGHT_NODE_M = 0.3  # spacing of the light map
LIGHT_NODES_MAX = 96  # nodes along an edge


@dataclass
class Builder:
    """Collect rectangles, refuse what comes too near the path, and bake the world."""

    rng: np.random.Generator
    path: np.ndarray
    clearance_m: float
    quads: list[np.ndarray] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    materials: list[str] = field(default_factory=list)
    tints: list[float] = field(default_factory=list)
    glosses: list[float] = field(default_factory=list)
    offsets: list[tuple[float, float]] = field(default_factory=list)
    movers: list[Mover] = field(default_factory=list)

    def quad(
        self,
        corner: np.ndarray,
        u: np.ndarray,
        v: np.ndarray,
        material: str,
        tint: float,
        gloss: float = 0.0,
        owner: int = 0,
    ) -> None:
        """Add a rectangle seen from the side of cross(u, v); the texture's rows run along u."""
        if material == "wood" and v @ v > u @ u:
            corner, u, v = corner + u, v, -u
        self.quads.append(np.concatenate([corner, u, v]))
        self.owners.append(owner)
        self.materials.append(material)
        self.tints.append(tint)
        self.glosses.append(gloss)
        self.offsets.append((float(self.rng.integers(1, TEX)), float(self.rng.integers(1, TEX))))

    def clear(
        self, R: np.ndarray, centre: np.ndarray, half: np.ndarray, margin_m: float | None = None
    ) -> bool:
        """Return whether an oriented box keeps margin_m (the clearance) to the whole path."""
        inside = np.abs((self.path - centre) @ R) - half
        away = np.linalg.norm(np.maximum(inside, 0.0), axis=1).min()
        return bool(away > (self.clearance_m if margin_m is None else margin_m))

    def box(
        self,
        centre: np.ndarray,
        half: np.ndarray,
        R: np.ndarray,
        materials: str | tuple[str, ...],
        tint: float,
        gloss: float = 0.0,
        owner: int = 0,
        clearance_m: float | None = None,
    ) -> bool:
        """Add a box unless it would come too near the path; return whether it was added.

        materials: one, or one for each of +x, -x, +y, -y, +z, -z. clearance_m: another than usual.
        """
        # What is large in two directions keeps further away, or it would fill the view.
        margin = clearance_m or max(self.clearance_m, 0.9 * float(np.sort(half)[1]))
        if owner == 0 and not self.clear(R, centre, half, margin):
            return False
        names = (materials,) * 6 if isinstance(materials, str) else materials
        hx, hy, hz = half
        faces = (
            ((hx, -hy, -hz), (0, 2 * hy, 0), (0, 0, 2 * hz)),
            ((-hx, hy, -hz), (0, -2 * hy, 0), (0, 0, 2 * hz)),
            ((hx, hy, -hz), (-2 * hx, 0, 0), (0, 0, 2 * hz)),
            ((-hx, -hy, -hz), (2 * hx, 0, 0), (0, 0, 2 * hz)),
            ((-hx, -hy, hz), (2 * hx, 0, 0), (0, 2 * hy, 0)),
            ((-hx, hy, -hz), (2 * hx, 0, 0), (0, -2 * hy, 0)),
        )
        for (corner, u, v), name in zip(faces, names, strict=True):
            self.quad(
                centre + R @ np.array(corner),
                R @ np.array(u, float),
                R @ np.array(v, float),
                name,
                tint * float(np.exp(0.08 * self.rng.standard_normal())),
                gloss,
                owner,
            )
        return True

    def pipe(
        self, a: np.ndarray, b: np.ndarray, radius: float, material: str, tint: float, gloss: float
    ) -> bool:
        """Add a pipe from a to b as a prism of ten sides unless too near the path."""
        axis = b - a
        long = float(np.linalg.norm(axis))
        z = axis / long
        x = np.cross(z, [0.0, 0.0, 1.0] if abs(z[2]) < 0.9 else [1.0, 0.0, 0.0])
        x /= np.linalg.norm(x)
        y = np.cross(z, x)
        R = np.stack([x, y, z], axis=1)
        if not self.clear(R, (a + b) / 2, np.array([radius, radius, long / 2])):
            return False
        sides = 10
        for k in range(sides):
            t0, t1 = 2 * math.pi * k / sides, 2 * math.pi * (k + 1) / sides
            p0 = radius * (math.cos(t0) * x + math.sin(t0) * y)
            p1 = radius * (math.cos(t1) * x + math.sin(t1) * y)
            self.quad(a + p0, p1 - p0, axis, material, tint, gloss)
            first = self.offsets[-k - 1] if k else self.offsets[-1]
            texel = TEXEL_M.get(material, DEFAULT_TEXEL_M)
            step = k * float(np.linalg.norm(p1 - p0)) / texel
            self.offsets[-1] = (first[0] + step % TEX, first[1])
        return True

    def bake(
        self, lamps: np.ndarray, ambient: float, seed: int, lo: np.ndarray, hi: np.ndarray
    ) -> World:
        """Return the world lit by point lamps (L, 4): position and power, plus ambient light."""
        quad = np.array(self.quads)
        owner = np.array(self.owners, np.int64)
        static = owner == 0
        count = len(quad)
        tex_base = np.array([MATERIAL_INDEX[m] * TEX_BYTES for m in self.materials], np.int64)
        texel = np.array([TEXEL_M.get(m, DEFAULT_TEXEL_M) for m in self.materials])
        tex_map = np.zeros((count, 4), np.float32)
        length = np.stack(
            [np.linalg.norm(quad[:, 3:6], axis=1), np.linalg.norm(quad[:, 6:9], axis=1)], axis=1
        )
        tex_map[:, :2] = length / texel[:, None]
        tex_map[:, 2:] = np.array(self.offsets)
        nodes = np.clip(np.ceil(length / LIGHT_NODE_M) + 1, 2, LIGHT_NODES_MAX).astype(np.int64)
        light_map = np.zeros((count, 3), np.int64)
        light_map[:, 1:] = nodes
        light_map[:, 0] = np.concatenate([[0], np.cumsum(nodes[:, 0] * nodes[:, 1])[:-1]])
        emits = np.array([m == "lamp" for m in self.materials])
        # The shell is convex, so only smaller faces cast shadows.
        reach = 0.5 * np.linalg.norm(length, axis=1)
        casts = np.flatnonzero(static & ~emits & (reach < 2.2))
        middle = quad[:, :3] + 0.5 * (quad[:, 3:6] + quad[:, 6:9])
        casting = np.ascontiguousarray(quad[casts])
        spheres = np.column_stack([middle[casts], reach[casts]])
        light = np.empty(int((nodes[:, 0] * nodes[:, 1]).sum()), np.float32)
        mirror = np.zeros((count, 3))
        for q in range(count):
            corner, u, v = quad[q, :3], quad[q, 3:6], quad[q, 6:9]
            normal = np.cross(u, v)
            normal /= np.linalg.norm(normal)
            if owner[q]:
                corner = corner + self.movers[owner[q] - 1].centre_m
            w, h = nodes[q]
            # Nodes a little inside the edge do not fall into the neighbouring face's shadow.
            gu, gv = np.meshgrid(np.linspace(0.02, 0.98, w), np.linspace(0.02, 0.98, h))
            points = corner + gu.reshape(-1, 1) * u + gv.reshape(-1, 1) * v + 0.004 * normal
            value = np.empty(len(points))
            centre = corner + 0.5 * (u + v)
            bake_face(
                points, normal, centre, float(reach[q]), lamps, ambient, casting, spheres, value
            )
            if emits[q]:
                value[:] = 6.0
            value *= self.tints[q] * np.exp(0.12 * self.rng.standard_normal(len(points)))
            light[light_map[q, 0] : light_map[q, 0] + len(points)] = value / 255.0
            # The lamp that shines strongest on the face, mirrored at it, for the highlight.
            to_lamp = lamps[:, :3] - centre
            k = int(np.argmax(lamps[:, 3] / np.sum(to_lamp**2, axis=1)))
            ray = to_lamp[k] / np.linalg.norm(to_lamp[k])
            mirror[q] = ray - 2 * (ray @ normal) * normal
        return World(
            quad=quad,
            owner=owner,
            movers=tuple(self.movers),
            atlas=build_atlas(seed),
            tex_base=tex_base,
            tex_map=tex_map,
            light=light,
            light_map=light_map,
            gloss=np.array(self.glosses, np.float32),
            mirror_world=mirror,
            lo_m=lo,
            hi_m=hi,
        )
