# SPDX-License-Identifier: Apache-2.0
"""Furniture: tables, pallets, rails, machines, crates, shelves, screens, fences."""

import math
from collections.abc import Callable

import numpy as np

from vio.render.builder import Builder

Rng = np.random.Generator
UP = np.array([0.0, 0.0, 1.0])


def yaw(angle: float) -> np.ndarray:
    """Return the rotation (3, 3) about z by an angle in radians."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def random_tint(rng: Rng) -> float:
    return float(np.exp(rng.normal(-0.15, 0.38)))


def table(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    w, d, h = b.rng.uniform(0.5, 1.0), b.rng.uniform(0.3, 0.5), b.rng.uniform(0.6, 0.95)
    tint = random_tint(b.rng)
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
        b.box(spot, half, turn @ yaw(b.rng.uniform(0, 6)), name, random_tint(b.rng))


def pallet(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    """Add a pallet, low or on a stack; low things may be near the path, as at take-off."""
    # No two at one height: coplanar planks of pallets that overlap would flicker.
    high = float(b.rng.choice([0.06, 0.1, 0.25, 0.45, 0.8])) + b.rng.uniform(0.0, 0.05)
    near = 0.25
    if not b.clear(turn, at + UP * (high / 2), np.array([0.62, 0.5, high / 2 + 0.05]), near):
        return
    tint = 1.1 * random_tint(b.rng)
    if high > 0.2:
        half = np.array([0.5, 0.4, high / 2 - 0.05])
        b.box(at + UP * half[2], half, turn, "clutter", 0.5, clearance_m=near)
    for k in range(5):
        spot = at + turn @ np.array([0.0, -0.42 + 0.21 * k, high + 0.01])
        half = np.array([0.6, 0.07 + 0.02 * b.rng.random(), 0.012])
        b.box(spot, half, turn, "wood", tint, clearance_m=near)
    for k in range(3):
        spot = at + turn @ np.array([-0.52 + 0.52 * k, 0.0, high - 0.045])
        b.box(spot, np.array([0.05, 0.48, 0.04]), turn, "wood", 0.8 * tint, clearance_m=near)


def rail(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    long = b.rng.uniform(1.0, 2.6)
    if not b.clear(turn, at + UP * 0.55, np.array([long, 0.05, 0.55])):
        return
    tint = random_tint(b.rng)
    for z in (0.35, 0.7, 1.08):
        b.box(at + UP * z, np.array([long, 0.018, 0.018]), turn, "metal", tint, 60.0)
    posts = int(long / 0.5) + 1
    for k in range(posts):
        x = -long + 2 * long * k / (posts - 1) if posts > 1 else 0.0
        spot = at + turn @ np.array([x, 0.0, 0.54])
        b.box(spot, np.array([0.022, 0.022, 0.54]), turn, "metal", tint, 60.0)


def machine(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    half = np.array([b.rng.uniform(0.3, 1.1), b.rng.uniform(0.3, 0.9), b.rng.uniform(0.3, 1.0)])
    name = str(b.rng.choice(["machine", "metal", "metal", "concrete", "paint"]))
    tint = random_tint(b.rng)
    if not b.box(at + UP * half[2], half, turn, name, tint, 15.0 if name == "metal" else 0.0):
        return
    for _ in range(int(b.rng.integers(0, 3))):
        small = half * b.rng.uniform(0.2, 0.6, 3)
        spot = at + turn @ np.array(
            [b.rng.uniform(-0.5, 0.5) * half[0], b.rng.uniform(-0.5, 0.5) * half[1], 0.0]
        )
        b.box(spot + UP * (2 * half[2] + small[2]), small, turn, "machine", random_tint(b.rng))
    if b.rng.random() < 0.6:
        w, h = half[0] * b.rng.uniform(0.4, 1.2), half[2] * b.rng.uniform(0.4, 1.2)
        corner = at + turn @ np.array([-w / 2, -half[1] - 0.008, half[2] - h / 2])
        b.quad(corner, turn @ np.array([w, 0.0, 0.0]), UP * h, "prints", random_tint(b.rng))


def crate(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    z = 0.0
    for _ in range(int(b.rng.integers(1, 4))):
        half = b.rng.uniform(0.15, 0.42, 3)
        name = str(b.rng.choice(["wood", "paint", "prints", "metal", "plaster", "clutter"]))
        turned = turn @ yaw(b.rng.uniform(-0.4, 0.4))
        if not b.box(at + UP * (z + half[2]), half, turned, name, random_tint(b.rng)):
            return
        z += 2 * half[2]


def shelf(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    half = np.array([b.rng.uniform(0.4, 1.2), 0.2, b.rng.uniform(0.7, 1.2)])
    sides = ("wood", "wood", "clutter", "clutter", "wood", "wood")
    if not b.box(at + UP * half[2], half, turn, sides, random_tint(b.rng)):
        return
    for k in range(5):
        z = 2 * half[2] * (k + 0.5) / 5
        board = np.array([half[0] + 0.02, half[1] + 0.05, 0.012])
        b.box(at + UP * z, board, turn, "wood", 1.2)


def screen(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    half = np.array([b.rng.uniform(0.4, 0.9), 0.04, b.rng.uniform(0.5, 1.0)])
    name = str(b.rng.choice(["carpet", "paint", "mesh", "foliage", "mesh"]))
    b.box(at + UP * half[2], half, turn, name, random_tint(b.rng))


def fence(b: Builder, at: np.ndarray, turn: np.ndarray) -> None:
    """Add a fence of flat bars, seen from both sides, that things behind it shine through."""
    wide, high = b.rng.uniform(0.5, 1.2), b.rng.uniform(0.8, 1.8)
    if not b.clear(turn, at + UP * high / 2, np.array([wide, 0.03, high / 2])):
        return
    tint, bar = random_tint(b.rng), b.rng.uniform(0.008, 0.025)
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


Maker = Callable[[Builder, np.ndarray, np.ndarray], None]
HALL: list[Maker] = [
    machine, crate, pallet, pallet, rail, rail, fence, fence, shelf, table, screen,
]  # fmt: skip
ROOM: list[Maker] = [screen, screen, crate, table, shelf, pallet, fence]
