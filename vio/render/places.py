# SPDX-License-Identifier: Apache-2.0
"""Seeded places around a path: machine hall, small room, corridor, with their furniture."""

import math
from collections.abc import Callable

import numpy as np

from vio.render.world import Builder, Mover, World

Rng = np.random.Generator
UP = np.array([0.0, 0.0, 1.0])


def yaw(angle: float) -> np.ndarray:
    """Return the rotation (3, 3) about z by an angle in radians."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _tint(rng: Rng) -> float:
    return float(np.exp(rng.normal(-0.15, 0.45)))


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
            b.quad(start + along / bays, -along / bays, z, name, _tint(b.rng))


def _wall_spot(rng: Rng, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a random place at the foot of a wall and the direction along it, inside on the left."""
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
        b.quad(corner, -along * w, UP * h, name, _tint(b.rng))


def _table(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    w, d, h = b.rng.uniform(0.5, 1.0), b.rng.uniform(0.3, 0.5), b.rng.uniform(0.6, 0.95)
    tint = _tint(b.rng)
    top = at + UP * h
    if not b.clear(turn, at + UP * h / 2, np.array([w, d, h / 2])):
        return
    b.box(top, np.array([w, d, 0.02]), turn, "wood", tint)
    for sx in (-1, 1):
        for sy in (-1, 1):
            leg = at + turn @ np.array([sx * (w - 0.04), sy * (d - 0.04), h / 2])
            b.box(leg, np.array([0.025, 0.025, h / 2]), turn, "metal", 0.5, 20.0)
    for _ in range(int(b.rng.integers(1, 4))):
        half = b.rng.uniform(0.05, 0.2, 3)
        spot = top + turn @ np.array(
            [b.rng.uniform(-0.7, 0.7) * w, b.rng.uniform(-0.6, 0.6) * d, 0.02 + half[2]]
        )
        name = str(b.rng.choice(["clutter", "prints", "metal", "machine"]))
        b.box(spot, half, turn @ yaw(b.rng.uniform(0, 6)), name, _tint(b.rng))


def _pallet(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    # No two at one height: coplanar planks of pallets that overlap would flicker.
    high = float(b.rng.choice([0.1, 0.1, 0.45, 0.8])) + b.rng.uniform(0.0, 0.05)
    if not b.clear(turn, at + UP * (high / 2), np.array([0.62, 0.5, high / 2 + 0.05])):
        return
    tint = 1.1 * _tint(b.rng)
    if high > 0.2:
        b.box(
            at + UP * (high / 2 - 0.05), np.array([0.5, 0.4, high / 2 - 0.05]), turn, "clutter", 0.5
        )
    for k in range(5):
        plank = at + turn @ np.array([0.0, -0.42 + 0.21 * k, high + 0.01])
        b.box(plank, np.array([0.6, 0.07 + 0.02 * b.rng.random(), 0.012]), turn, "wood", tint)
    for k in range(3):
        beam = at + turn @ np.array([-0.52 + 0.52 * k, 0.0, high - 0.045])
        b.box(beam, np.array([0.05, 0.48, 0.04]), turn, "wood", 0.8 * tint)


def _rail(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    long = b.rng.uniform(1.0, 2.6)
    if not b.clear(turn, at + UP * 0.55, np.array([long, 0.05, 0.55])):
        return
    tint = _tint(b.rng)
    for z in (0.35, 0.7, 1.08):
        b.box(at + UP * z, np.array([long, 0.018, 0.018]), turn, "metal", tint, 60.0)
    posts = int(long / 0.5) + 1
    for k in range(posts):
        x = -long + 2 * long * k / (posts - 1) if posts > 1 else 0.0
        spot = at + turn @ np.array([x, 0.0, 0.54])
        b.box(spot, np.array([0.022, 0.022, 0.54]), turn, "metal", tint, 60.0)


def _machine(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    half = np.array([b.rng.uniform(0.3, 1.1), b.rng.uniform(0.3, 0.9), b.rng.uniform(0.3, 1.0)])
    name = str(b.rng.choice(["machine", "metal", "machine", "concrete", "paint"]))
    tint = _tint(b.rng)
    if not b.box(at + UP * half[2], half, turn, name, tint, 15.0 if name == "metal" else 0.0):
        return
    for _ in range(int(b.rng.integers(0, 3))):
        small = half * b.rng.uniform(0.2, 0.6, 3)
        spot = at + turn @ np.array(
            [b.rng.uniform(-0.5, 0.5) * half[0], b.rng.uniform(-0.5, 0.5) * half[1], 0.0]
        )
        b.box(spot + UP * (2 * half[2] + small[2]), small, turn, "machine", _tint(b.rng))
    if b.rng.random() < 0.6:
        w, h = half[0] * b.rng.uniform(0.4, 1.2), half[2] * b.rng.uniform(0.4, 1.2)
        corner = at + turn @ np.array([-w / 2, -half[1] - 0.008, half[2] - h / 2])
        b.quad(corner, turn @ np.array([w, 0.0, 0.0]), UP * h, "prints", _tint(b.rng))


def _crate(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    z = 0.0
    for _ in range(int(b.rng.integers(1, 4))):
        half = b.rng.uniform(0.15, 0.42, 3)
        name = str(b.rng.choice(["wood", "clutter", "prints", "foliage", "plaster"]))
        turned = turn @ yaw(b.rng.uniform(-0.4, 0.4))
        if not b.box(at + UP * (z + half[2]), half, turned, name, _tint(b.rng)):
            return
        z += 2 * half[2]


def _shelf(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    half = np.array([b.rng.uniform(0.4, 1.2), 0.2, b.rng.uniform(0.7, 1.2)])
    sides = ("wood", "wood", "clutter", "clutter", "wood", "wood")
    if not b.box(at + UP * half[2], half, turn, sides, _tint(b.rng)):
        return
    for k in range(5):
        z = 2 * half[2] * (k + 0.5) / 5
        board = np.array([half[0] + 0.02, half[1] + 0.05, 0.012])
        b.box(at + UP * z, board, turn, "wood", 1.2)


def _screen(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    half = np.array([b.rng.uniform(0.4, 0.9), 0.04, b.rng.uniform(0.5, 1.0)])
    name = str(b.rng.choice(["carpet", "paint", "brick", "foliage", "mesh"]))
    b.box(at + UP * half[2], half, turn, name, _tint(b.rng))


def _fence(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    """Add a fence of flat bars, seen from both sides, that things behind it shine through."""
    wide, high = b.rng.uniform(0.5, 1.2), b.rng.uniform(0.8, 1.8)
    if not b.clear(turn, at + UP * high / 2, np.array([wide, 0.03, high / 2])):
        return
    tint, bar = _tint(b.rng), b.rng.uniform(0.008, 0.025)
    along, across = turn @ np.array([1.0, 0.0, 0.0]), turn @ np.array([0.0, 1.0, 0.0])
    strips = [
        (at + along * (-wide + 2 * wide * k / 10) + UP * 0.05, along * bar, UP * (high - 0.05))
        for k in range(11)
    ] + [
        (at - along * wide + UP * (0.1 + (high - 0.15) * k / 4), along * 2 * wide, UP * bar)
        for k in range(5)
    ]
    for corner, u, v in strips:
        b.quad(corner - across * 0.002, u, v, "metal", tint, 40.0)
        b.quad(corner + u + across * 0.002, -u, v, "metal", tint, 40.0)


def _column(b: Builder, at: np.ndarray, turn: np.ndarray, high: float) -> None:
    half = np.array([b.rng.uniform(0.1, 0.25), b.rng.uniform(0.1, 0.25), high / 2])
    b.box(at + UP * high / 2, half, turn, str(b.rng.choice(["concrete", "metal"])), _tint(b.rng))


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
            name = str(b.rng.choice(["prints", "wood", "foliage", "metal", "carpet"]))
        lift = b.rng.uniform(0.002, 0.012)
        u, v = turn @ np.array([size[0], 0.0, 0.0]), turn @ np.array([0.0, size[1], 0.0])
        b.quad(at + UP * lift, u, v, name, 0.8 * _tint(b.rng))


Maker = Callable[[Builder, np.ndarray, np.ndarray], None]
HALL: list[Maker] = [
    _machine, _machine, _crate, _pallet, _pallet, _rail, _rail, _fence, _shelf, _table, _screen,
]  # fmt: skip
ROOM: list[Maker] = [_screen, _screen, _crate, _table, _shelf, _pallet, _fence]


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
            b.pipe(start, start + UP * (hi[2] - lo[2]), radius, name, _tint(b.rng), gloss)
            continue
        level = b.rng.uniform(0.3, 0.95) * (hi[2] - lo[2])
        long = b.rng.uniform(2.0, 8.0)
        a = np.clip(start - along * long / 2, lo + radius, hi - radius)
        c = np.clip(start + along * long / 2, lo + radius, hi - radius)
        a[2] = c[2] = lo[2] + level
        b.pipe(a, c, radius, name, _tint(b.rng), gloss)


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
    return np.array(lamps), 0.06


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
        b.box(np.zeros(3), body, np.eye(3), "foliage", _tint(b.rng), owner=len(b.movers))


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
        lo = lo - grow - [0, 0, rng.uniform(0.5, 0.6)]
        hi = hi + np.array([rng.uniform(3, 6), rng.uniform(3, 6), rng.uniform(2.0, 4.0)])
        hi[2] = max(hi[2], lo[2] + 5.5)
        floor = str(rng.choice(["concrete", "tiles"]))
        _shell(b, lo, hi, floor, ["concrete", "brick", "plaster", "metal", "machine", "paint"])
        area = (hi[0] - lo[0]) * (hi[1] - lo[1])
        rim = 2 * (hi[0] - lo[0] + hi[1] - lo[1])
        _furnish(b, lo, hi, HALL, int(min(120, 45 + area / 5)), int(min(40, rim / 1.6)))
        _structure(b, lo, hi)
        _floor_marks(b, lo, hi, int(min(60, 12 + area / 8)))
        _pipes(b, lo, hi, int(min(40, rim / 2)))
        _posters(b, lo, hi, int(rim / 2), min(4.0, hi[2] - lo[2]))
        lamps, ambient = _lamps(b, lo, hi, 5.0, 0.8)
    elif kind == "corridor":
        lo = lo - [1.3, 1.3, rng.uniform(0.9, 1.1)]
        hi = hi + np.array([1.3, 1.3, 0.0])
        hi[2] = max(hi[2] + 0.7, lo[2] + 2.6)
        _shell(b, lo, hi, "tiles", ["paint", "paint", "plaster", "brick", "paint"])
        rim = 2 * (hi[0] - lo[0] + hi[1] - lo[1])
        _furnish(b, lo, hi, [_shelf, _screen, _crate, _machine], 0, int(min(40, rim / 4)))
        _pipes(b, lo, hi, 8)
        _posters(b, lo, hi, int(rim / 3), hi[2] - lo[2])
        lamps, ambient = _lamps(b, lo, hi, 3.5, 0.5)
    else:
        lo = lo - [rng.uniform(1.5, 2.4), rng.uniform(1.5, 2.4), rng.uniform(0.55, 0.65)]
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
        _floor_marks(b, lo, hi, 14)
        _pipes(b, lo, hi, 6)
        _posters(b, lo, hi, int(rim / 1.5), hi[2] - lo[2])
        lamps, ambient = _lamps(b, lo, hi, 3.2, 0.5)
    _add_movers(b, movers, float(lo[2]))
    lamps[:, 3] *= light
    return b.bake(lamps, ambient * light, seed, lo, hi)
