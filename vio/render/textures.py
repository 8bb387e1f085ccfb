# SPDX-License-Identifier: Apache-2.0
"""Materials: seeded seamless grey textures of natural statistics, with their mip levels.

Natural images have a 1/f amplitude spectrum and occluding edges at all scales (Ruderman 1997; Lee,
Mumford and Huang, "Occlusion models for natural images", IJCV 2001). Materials mix both: filtered
noise, and dead leaves (random opaque patches whose sizes follow a power law).
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from numba import njit

from vio.render.shade import LEVEL_OFFSET, TEX, TEX_BYTES

Rng = np.random.Generator


def noise(rng: Rng, slope: float, stretch: float = 1.0) -> np.ndarray:
    """Return seamless noise (TEX, TEX), zero mean, unit deviation, amplitude ~ 1/f^slope.

    stretch > 1 draws it out along the rows, as in wood grain.
    """
    fy = np.fft.fftfreq(TEX)[:, None] * TEX
    fx = np.fft.rfftfreq(TEX)[None, :] * TEX
    f = np.sqrt(fy**2 + (fx * stretch) ** 2)
    f[0, 0] = 1.0
    spectrum = rng.standard_normal(f.shape) + 1j * rng.standard_normal(f.shape)
    spectrum *= np.maximum(f, 3.0) ** -slope
    spectrum[0, 0] = 0.0
    out = np.fft.irfft2(spectrum, s=(TEX, TEX))
    return out / out.std()


@njit(cache=True, nogil=True)
def _paint_leaves(out: np.ndarray, shapes: np.ndarray, n: int) -> None:
    """Paint patches onto a wrapped texture: rows of shapes are x, y, a, b, grey, angle, kind."""
    side = out.shape[0]
    for k in range(n):
        x, y, a, b, grey, angle, kind = shapes[k]
        reach = int(np.sqrt(a * a + b * b)) + 2
        c, s = np.cos(angle), np.sin(angle)
        for j in range(-reach, reach + 1):
            for i in range(-reach, reach + 1):
                p = c * i + s * j
                q = -s * i + c * j
                if kind == 0.0:
                    inside = abs(p) <= a and abs(q) <= b
                else:
                    inside = p * p * b * b + q * q * a * a <= a * a * b * b
                if inside:
                    out[(int(y) + j) % side, (int(x) + i) % side] = grey + 0.06 * p / (a + 4.0)


def leaves(
    rng: Rng, count: int, smallest: float, largest: float, spread: float, upright: float
) -> np.ndarray:
    """Return a dead-leaves texture about 0.5: patches with a cubic power law of sizes.

    spread: deviation of the greys. upright: share of patches with edges along the axes.
    """
    u = rng.random(count)
    size = 1.0 / np.sqrt(u / smallest**2 + (1 - u) / largest**2)
    order = np.argsort(-size + rng.random(count) * largest * 0.3)
    aspect = np.exp(rng.normal(0.0, 0.45, count))
    angle = np.where(rng.random(count) < upright, 0.0, rng.random(count) * np.pi)
    grey = 0.5 + spread * rng.standard_normal(count)
    shapes = np.stack(
        [
            rng.random(count) * TEX,
            rng.random(count) * TEX,
            size * aspect,
            size / aspect,
            grey,
            angle,
            (rng.random(count) < 0.35).astype(float),
        ],
        axis=1,
    )[order]
    out = np.full((TEX, TEX), 0.5)
    _paint_leaves(out, np.ascontiguousarray(shapes), count)
    return out


def concrete(rng: Rng) -> np.ndarray:
    """Return stained concrete: noise with pores and formwork joints."""
    out = 0.5 + 0.05 * noise(rng, 1.1) + 0.01 * noise(rng, 0.5)
    pores = rng.integers(0, TEX, (200, 2))
    for y, x in pores:
        r = int(rng.integers(1, 5))
        out[y : y + r, x : x + r] -= rng.uniform(0.05, 0.2)
    out[:: TEX // 2, :] -= 0.1
    return out


def wood(rng: Rng) -> np.ndarray:
    """Return planks: stretched grain, a grey for each plank, dark gaps, knots."""
    out = 0.6 + 0.075 * noise(rng, 0.75, 12.0) + 0.045 * noise(rng, 1.0)
    plank = TEX // 8
    for k in range(8):
        rows = slice(k * plank, (k + 1) * plank)
        out[rows] = np.roll(out[rows], int(rng.integers(TEX)), axis=1) + 0.06 * rng.normal()
        out[k * plank : k * plank + 3] *= 0.35
        joint = int(rng.integers(TEX))
        out[rows, joint : joint + 2] *= 0.4
        yy, xx = np.mgrid[0:plank, 0:TEX]
        for _ in range(int(rng.integers(1, 4))):
            cy, cx = rng.integers(15, plank - 15), rng.integers(40, TEX - 40)
            d2 = ((yy - cy) / 7.0) ** 2 + ((xx - cx) / 12.0) ** 2
            out[rows] -= 0.35 * np.exp(-d2 * 1.5)
    return out


def brick(rng: Rng) -> np.ndarray:
    """Return courses of bricks, every one with its own grey: a repeated pattern."""
    out = 0.45 + 0.07 * noise(rng, 0.8)
    high, long = TEX // 16, TEX // 8
    for r in range(16):
        for c in range(9):
            x = (c * long + (r % 2) * long // 2) % TEX
            cols = np.arange(x, x + long) % TEX
            out[r * high : (r + 1) * high, cols] += 0.09 * rng.normal()
            out[r * high : (r + 1) * high, cols[:3]] = 0.66
        out[r * high : r * high + 3] = 0.66
    return out + 0.02 * noise(rng, 0.5)


def paint(rng: Rng) -> np.ndarray:
    """Return a painted wall with hardly any texture."""
    return 0.62 + 0.012 * noise(rng, 1.3) + 0.004 * noise(rng, 0.2)


def plaster(rng: Rng) -> np.ndarray:
    """Return rough plaster: faint noise at all scales with scratches."""
    return 0.58 + 0.045 * noise(rng, 1.1) + 0.012 * noise(rng, 0.4)


def metal(rng: Rng) -> np.ndarray:
    """Return brushed sheet metal with seams and rivets."""
    out = 0.5 + 0.04 * noise(rng, 0.6, 20.0) + 0.08 * noise(rng, 1.2)
    step = TEX // 4
    for k in range(4):
        out[:, k * step : k * step + 4] *= 0.55
        out[:, k * step + 4 : k * step + 7] *= 1.25
        for j in range(16):
            y = j * TEX // 16 + 20
            out[y : y + 6, k * step + 12 : k * step + 18] += 0.18
            out[y + 5 : y + 7, k * step + 12 : k * step + 19] -= 0.2
    return out


def clutter(rng: Rng) -> np.ndarray:
    """Return things on shelves: upright dead leaves of all sizes."""
    return leaves(rng, 1600, 5.0, 200.0, 0.2, 0.8) + 0.03 * noise(rng, 0.8)


def foliage(rng: Rng) -> np.ndarray:
    """Return dead leaves at all angles, the statistics of a natural scene."""
    return leaves(rng, 4000, 4.0, 160.0, 0.18, 0.1) + 0.03 * noise(rng, 0.8)


def tiles(rng: Rng) -> np.ndarray:
    """Return floor tiles: a regular grid with dirt."""
    out = 0.55 + 0.045 * noise(rng, 1.1) + 0.01 * noise(rng, 0.5)
    step = TEX // 4
    for r in range(4):
        for c in range(4):
            out[r * step : (r + 1) * step, c * step : (c + 1) * step] += 0.03 * rng.normal()
        out[r * step : r * step + 4] -= 0.18
        out[:, r * step : r * step + 4] -= 0.18
    return out


def carpet(rng: Rng) -> np.ndarray:
    """Return mats of fine fibre with wear."""
    return 0.42 + 0.035 * noise(rng, 0.35) + 0.05 * noise(rng, 1.1)


def mesh(rng: Rng) -> np.ndarray:
    """Return a wire mesh in front of darkness: a repeated pattern of thin lines."""
    yy, xx = np.mgrid[0:TEX, 0:TEX]
    out = 0.16 + 0.05 * noise(rng, 1.1)
    step, bend = TEX // 32, 4.0 * noise(rng, 2.2)
    wire = (np.mod(xx + yy + bend, step) < 4) | (np.mod(xx - yy + bend, step) < 4)
    out[wire] = 0.66 + 0.1 * noise(rng, 1.0)[wire]
    return out


def prints(rng: Rng) -> np.ndarray:
    """Return posters and labels: blocks, pictures and lines of glyphs on paper."""
    out = 0.72 + 0.01 * noise(rng, 1.0)
    cell = TEX // 4
    picture = leaves(rng, 900, 5.0, 120.0, 0.22, 0.5)
    for r in range(4):
        for c in range(4):
            y, x = r * cell, c * cell
            out[y : y + cell, x : x + cell] = 0.5 + 0.28 * rng.random()
            dark = 0.1 + 0.2 * rng.random()
            kind = rng.integers(3)
            if kind == 0:
                py, px = rng.integers(0, TEX - cell, 2)
                out[y + 14 : y + cell - 60, x + 14 : x + cell - 14] = picture[
                    py : py + cell - 74, px : px + cell - 28
                ]
            elif kind == 1:
                bar = int(rng.integers(30, 90))
                out[y + 12 : y + 12 + bar, x + 12 : x + cell - 12] = dark
            first = {0: cell - 50, 1: 110, 2: 20}[int(kind)]
            pitch = int(rng.integers(9, 22))
            for line in range(y + first, y + cell - pitch, pitch):
                gx = x + 16
                stop = x + cell - 16 - int(rng.integers(0, 60))
                while gx < stop:
                    wide = int(rng.integers(2, pitch // 2 + 2))
                    high = int(rng.integers(pitch // 3, pitch - 3))
                    out[line : line + high, gx : gx + max(2, wide // 2)] = dark
                    out[line + high // 2 : line + high // 2 + 2, gx : gx + wide] = dark
                    gx += wide + int(rng.integers(2, 5))
    return out


def machine(rng: Rng) -> np.ndarray:
    """Return machine fronts: doors, vents, knobs and cables."""
    out = 0.45 + 0.06 * noise(rng, 1.0) + 0.03 * noise(rng, 0.5)
    cell = TEX // 4
    for r in range(4):
        for c in range(4):
            y, x = r * cell, c * cell
            out[y + 6 : y + cell - 6, x + 6 : x + cell - 6] += 0.1 * rng.normal()
            out[y + 6 : y + 10, x + 6 : x + cell - 6] *= 0.5
            out[y + 6 : y + cell - 6, x + 6 : x + 9] *= 0.6
            kind = rng.integers(4)
            if kind == 0:
                for k in range(y + 30, y + cell - 40, 14):
                    out[k : k + 6, x + 40 : x + cell - 40] *= 0.3
            elif kind == 1:
                for _ in range(int(rng.integers(4, 14))):
                    ky, kx = rng.integers(25, cell - 45, 2)
                    r2 = int(rng.integers(3, 14))
                    yy, xx = np.mgrid[-r2 : r2 + 1, -r2 : r2 + 1]
                    patch = out[y + ky - r2 : y + ky + r2 + 1, x + kx - r2 : x + kx + r2 + 1]
                    disc = (yy**2 + xx**2) <= r2 * r2
                    patch[disc[: patch.shape[0], : patch.shape[1]]] = 0.1 + 0.7 * rng.random()
            elif kind == 2:
                w, h = rng.integers(40, cell - 60, 2)
                out[y + 30 : y + 30 + h, x + 30 : x + 30 + w] = 0.12 + 0.05 * rng.random()
    return out


def lamp(rng: Rng) -> np.ndarray:
    """Return the even face of a light."""
    return np.full((TEX, TEX), 0.9) + 0.01 * noise(rng, 1.0)


MATERIALS: dict[str, Callable[[Rng], np.ndarray]] = {
    f.__name__: f
    for f in (
        concrete, wood, brick, paint, plaster, metal, clutter, foliage, tiles, carpet, mesh,
        prints, machine, lamp,
    )
}  # fmt: skip
TEXEL_M = {"wood": 0.0016, "prints": 0.0014, "carpet": 0.0015, "clutter": 0.0018, "foliage": 0.0018}
DEFAULT_TEXEL_M = 0.002


def _with_levels(seed: int, index: int) -> np.ndarray:
    """Return one material with its mip levels (TEX_BYTES,) uint8."""
    make = list(MATERIALS.values())[index]
    level = np.clip(make(np.random.default_rng([seed, 101, index])), 0.02, 0.98)
    out = np.empty(TEX_BYTES, np.uint8)
    for start in LEVEL_OFFSET:
        out[start : start + level.size] = np.rint(level * 255.0).astype(np.uint8).ravel()
        level = 0.25 * (
            level[0::2, 0::2] + level[1::2, 0::2] + level[0::2, 1::2] + level[1::2, 1::2]
        )
    return out


@lru_cache(maxsize=2)
def build_atlas(seed: int) -> np.ndarray:
    """Return all materials with mip levels (M * TEX_BYTES,) uint8, in the order of MATERIALS."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(lambda k: _with_levels(seed, k), range(len(MATERIALS))))
    atlas = np.concatenate(parts)
    atlas.setflags(write=False)
    return atlas
