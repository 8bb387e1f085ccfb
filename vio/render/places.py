# SPDX-License-Identifier: Apache-2.0
"""Seeded places around a path: machine hall, small room, corridor."""

import math

import numpy as np

from vio.render.builder import Builder
from vio.render.furniture import (
    HALL,
    ROOM,
    UP,
    Maker,
    Rng,
    crate,
    machine,
    pallet,
    random_tint,
    screen,
    shelf,
    yaw,
)
from vio.render.world import Mover, World


def _shell(b: Builder, lo: np.ndarray, hi: np.ndarray, floor: str, walls: list[str]) -> None:
    """Add floor, ceiling and walls; walls are cut into bays of a few metres."""
    size = hi - lo
    x, y, z = np.diag(size)
    b.quad(lo, x, y, floor, 0.75, 30.0)
    b.quad(lo + z + y, x, -y, "plaster", 0.6)
    for corner, along in (
        (lo, x), (lo + x, y), (lo + x + y, -x), (lo + y, -y),
    ):  # fmt: skip
        length = float(np.linalg.norm(along))
        bays = max(1, round(length / 5.0))
        for k in range(bays):
            start = corner + along * (k / bays)
            # Seen from inside: cross(u, v) points into the room.
            name = str(b.rng.choice(walls))
            b.quad(start + along / bays, -along / bays, z, name, random_tint(b.rng))


def _wall_spot(rng: Rng, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a random place at the foot of a wall and the direction along it, inside left."""
    side = int(rng.integers(4))
    s = rng.uniform(0.06, 0.94)
    if side == 0:
        return np.array([lo[0] + s * (hi[0] - lo[0]), lo[1], lo[2]]), np.array([1.0, 0, 0])
    if side == 1:
        return np.array([hi[0], lo[1] + s * (hi[1] - lo[1]), lo[2]]), np.array([0, 1.0, 0])
    if side == 2:
        return np.array([lo[0] + s * (hi[0] - lo[0]), hi[1], lo[2]]), np.array([-1.0, 0, 0])
    return np.array([lo[0], lo[1] + s * (hi[1] - lo[1]), lo[2]]), np.array([0, -1.0, 0])


def _posters(b: Builder, lo: np.ndarray, hi: np.ndarray, count: int, top: float) -> None:
    for _ in range(count):
        at, along = _wall_spot(b.rng, lo, hi)
        inward = np.cross(UP, along)
        w, h = b.rng.uniform(0.4, 1.8), b.rng.uniform(0.4, 1.4)
        z = b.rng.uniform(0.3, max(0.4, top - h))
        name = str(b.rng.choice(["prints", "prints", "machine", "clutter", "mesh"]))
        corner = at + along * w / 2 + UP * z + inward * 0.012
        b.quad(corner, -along * w, UP * h, name, random_tint(b.rng))


def _column(b: Builder, at: np.ndarray, turn: np.ndarray, high: float) -> None:
    half = np.array([b.rng.uniform(0.1, 0.25), b.rng.uniform(0.1, 0.25), high / 2])
    b.box(
        at + UP * high / 2, half, turn, str(b.rng.choice(["concrete", "metal"])), random_tint(b.rng)
    )


def _structure(b: Builder, lo: np.ndarray, hi: np.ndarray) -> None:
    """Add columns and roof beams in bays, as a hall has them."""
    high = float(hi[2] - lo[2])
    xs = np.arange(lo[0] + 1.0, hi[0] - 0.5, b.rng.uniform(3.5, 5.0))
    ys = np.arange(lo[1] + 1.0, hi[1] - 0.5, b.rng.uniform(4.0, 6.0))
    for x in xs:
        middle = np.array([x, (lo[1] + hi[1]) / 2, hi[2] - 0.3])
        half = np.array([0.08, (hi[1] - lo[1]) / 2 - 0.05, 0.2])
        b.box(middle, half, np.eye(3), "metal", 0.6, 20.0)
        for y in ys:
            _column(b, np.array([x, y, lo[2]]), np.eye(3), high)


def _floor_marks(b: Builder, lo: np.ndarray, hi: np.ndarray, count: int) -> None:
    """Add tape, cables, mats and papers on the floor."""
    for _ in range(count):
        near = b.path[int(b.rng.integers(len(b.path)))]
        at = np.array([*(near[:2] + b.rng.normal(0.0, 2.0, 2)), lo[2]])
        if np.any(at[:2] < lo[:2] + 1.0) or np.any(at[:2] > hi[:2] - 1.0):
            continue
        turn = yaw(b.rng.uniform(0.0, 6.28))
        if b.rng.random() < 0.5:
            size, name = (b.rng.uniform(0.5, 1.8), b.rng.uniform(0.015, 0.06)), "paint"
        else:
            size = (b.rng.uniform(0.15, 0.8), b.rng.uniform(0.1, 0.5))
            name = str(b.rng.choice(["prints", "wood", "paint", "metal", "mesh"]))
        lift = b.rng.uniform(0.002, 0.012)
        u, v = turn @ np.array([size[0], 0.0, 0.0]), turn @ np.array([0.0, size[1], 0.0])
        b.quad(at + UP * lift, u, v, name, 0.8 * random_tint(b.rng))


def _furnish(
    b: Builder, lo: np.ndarray, hi: np.ndarray, makers: list[Maker], inside: int, along: int
) -> None:
    """Add furniture: `along` pieces at the walls, `inside` pieces near the path."""
    for _ in range(along):
        at, direction = _wall_spot(b.rng, lo, hi)
        inward = np.cross(UP, direction)
        angle = math.atan2(direction[1], direction[0])
        maker = makers[int(b.rng.integers(len(makers)))]
        maker(b, at + inward * b.rng.uniform(0.3, 1.0), yaw(angle))
    for _ in range(inside):
        near = b.path[int(b.rng.integers(len(b.path)))]
        angle, reach = b.rng.uniform(0, 2 * math.pi), 0.5 + 3.5 * b.rng.random() ** 1.5
        at = np.array([near[0] + reach * math.cos(angle), near[1] + reach * math.sin(angle), lo[2]])
        if np.any(at[:2] < lo[:2] + 0.5) or np.any(at[:2] > hi[:2] - 0.5):
            continue
        turn = yaw(b.rng.choice([0.0, 0.5 * math.pi]) + b.rng.normal(0.0, 0.35))
        makers[int(b.rng.integers(len(makers)))](b, at, turn)


def _below_path(b: Builder, lo: np.ndarray, hi: np.ndarray, count: int) -> None:
    """Add low things that the path leads over or close by: pallets, stacks, crates."""
    for _ in range(count):
        near = b.path[int(b.rng.integers(len(b.path)))]
        at = np.array([*(near[:2] + b.rng.normal(0.0, 1.1, 2)), lo[2]])
        if np.any(at[:2] < lo[:2] + 0.8) or np.any(at[:2] > hi[:2] - 0.8):
            continue
        maker: Maker = pallet if b.rng.random() < 0.6 else crate
        maker(b, at, yaw(b.rng.uniform(0.0, 6.28)))


def _pipes(b: Builder, lo: np.ndarray, hi: np.ndarray, count: int) -> None:
    """Add pipes along the walls, under the ceiling, and a few upright ones."""
    for _ in range(count):
        at, along = _wall_spot(b.rng, lo, hi)
        inward = np.cross(UP, along)
        radius = b.rng.choice([0.04, 0.07, 0.12, 0.25])
        start = at + inward * (radius + b.rng.uniform(0.05, 0.6))
        name = str(b.rng.choice(["metal", "paint", "metal"]))
        gloss = float(b.rng.choice([30.0, 90.0, 250.0]))
        if b.rng.random() < 0.3:
            b.pipe(start, start + UP * (hi[2] - lo[2]), radius, name, random_tint(b.rng), gloss)
            continue
        level = b.rng.uniform(0.3, 0.95) * (hi[2] - lo[2])
        long = b.rng.uniform(2.0, 8.0)
        a = np.clip(start - along * long / 2, lo + radius, hi - radius)
        c = np.clip(start + along * long / 2, lo + radius, hi - radius)
        a[2] = c[2] = lo[2] + level
        b.pipe(a, c, radius, name, random_tint(b.rng), gloss)


def _lamps(
    b: Builder, lo: np.ndarray, hi: np.ndarray, spacing: float, uneven: float
) -> tuple[np.ndarray, float]:
    """Add ceiling lights, some of them dark; return lamps (L, 4) and the ambient light."""
    nx = max(1, round((hi[0] - lo[0]) / spacing))
    ny = max(1, round((hi[1] - lo[1]) / spacing))
    height = hi[2] - lo[2]
    lamps = []
    for i in range(nx):
        for j in range(ny):
            power = float(np.exp(uneven * b.rng.standard_normal())) * (b.rng.random() > 0.3)
            x = lo[0] + (i + 0.5 + 0.2 * b.rng.normal()) * (hi[0] - lo[0]) / nx
            y = lo[1] + (j + 0.5 + 0.2 * b.rng.normal()) * (hi[1] - lo[1]) / ny
            at = np.array([x, y, hi[2] - 0.05])
            if power > 0.0:
                u, v = np.array([1.3, 0.0, 0.0]), np.array([0.0, -0.22, 0.0])
                b.quad(at - (u + v) / 2, u, v, "lamp", 1.0)
            lamps.append([*(at - [0.0, 0.0, 0.15]), power * height * height * 0.9])
    # Daylight from one side: a few strong lamps near a wall make the light uneven.
    at, along = _wall_spot(b.rng, lo, hi)
    inward = np.cross(UP, along)
    for k in (-1, 1):
        spot = at + inward * 0.3 + along * 1.5 * k + UP * 0.7 * height
        lamps.append([*np.clip(spot, lo + 0.2, hi - 0.2), 0.5 * height * height])
    return np.array(lamps), 0.1


def _add_movers(b: Builder, count: int, floor: float) -> None:
    """Add walking boxes (the size of people) that circle beside the path."""
    for _ in range(count):
        for _ in range(200):
            near = b.path[int(b.rng.integers(len(b.path)))]
            angle, reach = b.rng.uniform(0, 2 * math.pi), b.rng.uniform(1.6, 3.5)
            centre = np.array(
                [near[0] + reach * math.cos(angle), near[1] + reach * math.sin(angle), floor + 0.9]
            )
            radii = (b.rng.uniform(0.3, 0.9), b.rng.uniform(0.3, 0.9))
            half = np.array([0.25 + radii[0] + 0.2, 0.25 + radii[1] + 0.2, 0.9])
            if b.clear(np.eye(3), centre, half):
                break
        else:
            continue
        b.movers.append(
            Mover(centre, radii, float(b.rng.uniform(4.0, 9.0)), float(b.rng.uniform(0, 6.28)))
        )
        body = np.array([0.22, 0.16, 0.9])
        b.box(np.zeros(3), body, np.eye(3), "foliage", random_tint(b.rng), owner=len(b.movers))


def build_place(
    kind: str,
    path: np.ndarray,
    seed: int,
    movers: int = 0,
    clearance_m: float = 0.4,
    light: float = 1.0,
) -> World:
    """Return a place around a path (N, 3), in metres: "hall", "room", "corridor" or "auto".

    "auto" takes the hall when the path spans more than 7 m, else the room. The path keeps
    clearance_m to everything. Raises KeyError never: unknown kinds are refused by the scenario.
    """
    rng = np.random.default_rng([seed, 7])
    lo, hi = path.min(axis=0), path.max(axis=0)
    if kind == "auto":
        kind = "hall" if float(np.max(hi - lo)) > 7.0 else "room"
    b = Builder(rng, path, clearance_m)
    if kind == "hall":
        grow = np.array([rng.uniform(3, 6), rng.uniform(3, 6), 0.0])
        lo = lo - grow - [0, 0, rng.uniform(0.3, 0.4)]
        hi = hi + np.array([rng.uniform(3, 6), rng.uniform(3, 6), rng.uniform(2.0, 4.0)])
        hi[2] = max(hi[2], lo[2] + 5.5)
        floor = str(rng.choice(["concrete", "tiles"]))
        _shell(b, lo, hi, floor, ["concrete", "brick", "plaster", "metal", "machine", "paint"])
        area = (hi[0] - lo[0]) * (hi[1] - lo[1])
        rim = 2 * (hi[0] - lo[0] + hi[1] - lo[1])
        _furnish(b, lo, hi, HALL, int(min(120, 45 + area / 5)), int(min(40, rim / 1.6)))
        _below_path(b, lo, hi, int(min(80, 26 + area / 8)))
        _structure(b, lo, hi)
        _floor_marks(b, lo, hi, int(min(60, 12 + area / 8)))
        _pipes(b, lo, hi, int(min(40, rim / 2)))
        _posters(b, lo, hi, int(rim / 2), min(4.0, hi[2] - lo[2]))
        lamps, ambient = _lamps(b, lo, hi, 5.0, 0.65)
    elif kind == "corridor":
        lo = lo - [1.3, 1.3, rng.uniform(0.9, 1.1)]
        hi = hi + np.array([1.3, 1.3, 0.0])
        hi[2] = max(hi[2] + 0.7, lo[2] + 2.6)
        _shell(b, lo, hi, "tiles", ["paint", "paint", "plaster", "brick", "paint"])
        rim = 2 * (hi[0] - lo[0] + hi[1] - lo[1])
        _furnish(b, lo, hi, [shelf, screen, crate, machine], 0, int(min(40, rim / 4)))
        _pipes(b, lo, hi, 8)
        _posters(b, lo, hi, int(rim / 3), hi[2] - lo[2])
        lamps, ambient = _lamps(b, lo, hi, 3.5, 0.5)
    else:
        lo = lo - [rng.uniform(1.5, 2.4), rng.uniform(1.5, 2.4), rng.uniform(0.42, 0.52)]
        hi = hi + np.array([rng.uniform(1.5, 2.4), rng.uniform(1.5, 2.4), 0.0])
        hi[2] = max(hi[2] + 1.0, lo[2] + 3.4)
        _shell(
            b,
            lo,
            hi,
            str(rng.choice(["carpet", "wood", "concrete"])),
            ["paint", "plaster", "brick"],
        )
        rim = 2 * (hi[0] - lo[0] + hi[1] - lo[1])
        _furnish(b, lo, hi, ROOM, 22, int(rim / 1.4))
        _below_path(b, lo, hi, 16)
        _floor_marks(b, lo, hi, 14)
        _pipes(b, lo, hi, 6)
        _posters(b, lo, hi, int(rim / 1.5), hi[2] - lo[2])
        lamps, ambient = _lamps(b, lo, hi, 3.2, 0.5)
        light *= 2.2  # small rooms are lit better
    _add_movers(b, movers, float(lo[2]))
    lamps[:, 3] *= light
    return b.bake(lamps, ambient * light, seed, lo, hi)
