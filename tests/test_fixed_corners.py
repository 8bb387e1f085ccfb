# SPDX-License-Identifier: Apache-2.0
"""Corners in integers: scores against exact arithmetic, selection against a plain sorter."""

import math

import numpy as np
import pytest

from tests.plane_scene import make_texture
from vio.config import HwConfig
from vio.fixed.corners import corner_scores, score_register, select_corners, tile_candidates
from vio.fixed.formats import formats
from vio.fixed.qformat import signal_table
from vio.frontend.corners import corner_scores as float_scores

HW = HwConfig()
SIGNALS = signal_table(formats(HW), trace=False)
TEXTURE = np.clip(make_texture(4)[:240, :320], 0, 255).astype(np.uint8)
RNG = np.random.default_rng(3)
IMAGES = {
    "texture": TEXTURE[:36, :44],
    "noise": RNG.integers(0, 256, (30, 40), dtype=np.uint8),
    "black and white": (RNG.integers(0, 2, (30, 40)) * 255).astype(np.uint8),
    "large corners": np.kron(np.indices((5, 6)).sum(axis=0) % 2 * 255, np.ones((9, 9))).astype(
        np.uint8
    ),
    "flat": np.full((20, 20), 200, np.uint8),
}


def exact_scores(image: np.ndarray) -> np.ndarray:
    """Return the scores by the written rule, in Python's integers, a pixel at a time."""
    g = image.astype(int)
    height, width = image.shape
    gx, gy = np.zeros_like(g), np.zeros_like(g)
    gx[1:-1, 1:-1] = (g[:-2, 2:] + 2 * g[1:-1, 2:] + g[2:, 2:]) - (
        g[:-2, :-2] + 2 * g[1:-1, :-2] + g[2:, :-2]
    )
    gy[1:-1, 1:-1] = (g[2:, :-2] + 2 * g[2:, 1:-1] + g[2:, 2:]) - (
        g[:-2, :-2] + 2 * g[:-2, 1:-1] + g[:-2, 2:]
    )
    top = formats(HW)["corner_score"].high
    out = np.zeros((height, width), int)
    for y in range(3, height - 3):
        for x in range(3, width - 3):
            px, py = gx[y - 2 : y + 3, x - 2 : x + 3], gy[y - 2 : y + 3, x - 2 : x + 3]
            a, b, c = ((int((m * n).sum()) + 128) // 256 for m, n in ((px, px), (px, py), (py, py)))
            root = math.isqrt((a - c) ** 2 + 4 * b * b)
            out[y, x] = min(max((a + c - root) // 2, 0), top)
    return out


@pytest.mark.parametrize("name", IMAGES)
def test_scores_are_those_of_exact_arithmetic(name: str) -> None:
    scores = corner_scores(IMAGES[name], SIGNALS)
    assert scores.dtype == np.int32
    assert np.array_equal(scores, exact_scores(IMAGES[name]))


def test_a_changed_pixel_changes_the_scores() -> None:
    image = IMAGES["texture"].copy()
    image[20, 30] ^= 8
    assert not np.array_equal(corner_scores(image, SIGNALS), exact_scores(IMAGES["texture"]))


def test_scores_are_the_float_engines_in_other_units() -> None:
    ours = corner_scores(TEXTURE, SIGNALS)[3:-3, 3:-3] * (256 / (64 * 25))
    theirs = float_scores(TEXTURE, 2)[3:-3, 3:-3]
    # Sums are rounded to 256, the root is rounded down: two units at most.
    assert np.abs(ours - theirs).max() < 2 * 256 / (64 * 25)
    assert np.abs(ours - theirs[::-1]).max() > 10.0


def test_the_register_of_the_least_score_is_the_float_engines_threshold() -> None:
    assert score_register(2.0) == round(2.0 * 64 * 25 / 256)


def exact_candidates(scores: np.ndarray, tile: int, least: int, border: int) -> np.ndarray:
    height, width = scores.shape
    out = np.zeros((-(-height // tile), -(-width // tile), 3), np.int64)
    for v in range(border, height - border):
        for u in range(border, width - border):
            s = scores[v, u]
            near = scores[v - 1 : v + 2, u - 1 : u + 2].ravel()
            if s >= max(least, 1) and s > near[:4].max() and s >= near[5:].max():
                cell = out[v // tile, u // tile]
                if s > cell[2]:
                    cell[:] = u, v, s
    return out


@pytest.mark.parametrize(("tile", "least", "border"), [(16, 12, 8), (8, 1, 1), (32, 300, 11)])
def test_a_tile_keeps_its_best_local_maximum(tile: int, least: int, border: int) -> None:
    scores = corner_scores(TEXTURE[:101, :139], SIGNALS)
    scores[40:60, 40:60] = np.minimum(scores[40:60, 40:60], 500)  # plateaus: ties
    got = tile_candidates(scores, tile, least, border)
    assert np.array_equal(got, exact_candidates(scores, tile, least, border))
    assert np.count_nonzero(got[:, :, 2]) > 5
    assert not np.array_equal(got, exact_candidates(scores[::-1], tile, least, border))


def sorted_selection(
    candidates: np.ndarray,
    occupied: np.ndarray,
    cell: tuple[int, int],
    budget: int,
    room: int,
    distance: int,
    tile: int = 16,
) -> tuple[list[tuple[int, int]], list[int]]:
    """Return what taking all candidates in order of score gives (ties: cell, then tile)."""
    rows, cols, _ = candidates.shape
    order = sorted(
        (
            (-int(s), (r // cell[1], c // cell[0]), (r, c), (int(u), int(v)))
            for r in range(rows)
            for c in range(cols)
            for u, v, s in [candidates[r, c]]
            if s > 0
        ),
    )
    taken = [(int(u + 128) >> 8, int(v + 128) >> 8) for u, v in occupied]
    count: dict[tuple[int, int], int] = {}
    for u, v in taken:
        r, c = min(max(v // tile, 0), rows - 1), min(max(u // tile, 0), cols - 1)
        count[r // cell[1], c // cell[0]] = count.get((r // cell[1], c // cell[0]), 0) + 1
    uv, scores = [], []
    for minus, where, _, (u, v) in order:
        if len(uv) >= room:
            break
        if count.get(where, 0) >= budget:
            continue
        if any(max(abs(u - a), abs(v - b)) < distance for a, b in taken):
            continue
        taken.append((u, v))
        count[where] = count.get(where, 0) + 1
        uv.append((u, v))
        scores.append(-minus)
    return uv, scores


@pytest.mark.parametrize("seed", range(8))
def test_selection_equals_sorting_all_candidates(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, cols = rng.integers(4, 20, 2)
    candidates = np.zeros((rows, cols, 3), np.int64)
    for r in range(rows):
        for c in range(cols):
            candidates[r, c, :2] = 16 * c + rng.integers(0, 16), 16 * r + rng.integers(0, 16)
    candidates[:, :, 2] = rng.integers(0, 12 if seed % 2 else 10000, (rows, cols))  # many ties
    occupied = rng.integers(-2000, 256 * 16 * max(rows, cols), (rng.integers(0, 40), 2))
    cell = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    budget, room, distance = int(rng.integers(1, 5)), int(rng.integers(0, 90)), 14
    uv, scores = select_corners(
        candidates.copy(), occupied, 8, 16, cell[0], cell[1], budget, room, distance
    )
    wanted = sorted_selection(candidates, occupied, cell, budget, room, distance)
    assert [(u >> 8, v >> 8) for u, v in uv.tolist()] == wanted[0]
    assert scores.tolist() == wanted[1]
    if len(wanted[0]) > 1:
        best = wanted[0][0]
        candidates[best[1] // 16, best[0] // 16, 2] = 0
        other = sorted_selection(candidates, occupied, cell, budget, room, distance)
        assert [(u >> 8, v >> 8) for u, v in uv.tolist()] != other[0]


def test_no_room_and_no_candidates_give_nothing() -> None:
    candidates = tile_candidates(corner_scores(TEXTURE, SIGNALS), 16, 12, 8)
    nothing = np.empty((0, 2), np.int64)
    for room in (0, -3):
        assert len(select_corners(candidates.copy(), nothing, 8, 16, 2, 5, 4, room, 14)[0]) == 0
    empty = np.zeros_like(candidates)
    assert len(select_corners(empty, nothing, 8, 16, 2, 5, 4, 50, 14)[0]) == 0
