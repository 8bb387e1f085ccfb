# SPDX-License-Identifier: Apache-2.0
"""corners.v equals vio/fixed/corners.py: every candidate of every tile, bit for bit."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import RisingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import reset, sometimes
from vio.config import HwConfig
from vio.fixed.corners import corner_scores, tile_candidates
from vio.fixed.formats import formats
from vio.fixed.qformat import signal_table

pytestmark = needs_simulator
SIGNALS = signal_table(formats(HwConfig()), trace=False)
COLS, ROWS, TILE = 5, 4, 16
BORDER, MIN_SCORE = 8, 12


def _image(height: int, width: int, seed: int) -> np.ndarray:
    """Return squares of random grey over noise; full contrast in one corner."""
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 6, (height, width)).astype(np.int64)
    for _ in range(25):
        v, u = generator.integers(0, height), generator.integers(0, width)
        image[v : v + 7, u : u + 9] = generator.integers(0, 250)
    image[: height // 2, : width // 3] = generator.integers(0, 2, (height // 2, width // 3)) * 255
    return np.clip(image, 0, 255).astype(np.uint8)


def _expected(image: np.ndarray, border: int = BORDER) -> list[tuple[int, int, int]]:
    tiles = tile_candidates(corner_scores(image, SIGNALS), TILE, MIN_SCORE, border)
    full = np.zeros((ROWS, COLS, 3), np.int64)
    full[: tiles.shape[0], : tiles.shape[1]] = tiles
    return [(int(u) % TILE, int(v) % TILE, int(s)) for u, v, s in full.reshape(-1, 3)]


async def _offer(dut, image: np.ndarray, stall, border: int = BORDER) -> None:
    """Send a frame; the block takes a pixel in every cycle that has one.

    m_done must not come before the last pixel that the last candidate inside the border depends on,
    however long that is waited for.
    """
    last = (image.shape[0] - border + 3) * image.shape[1] + image.shape[1] - border + 3
    for i, value in enumerate(image.reshape(-1)):
        assert i < 2 or i > last or not dut.cfg_detect.value or not dut.m_done.value, i
        while stall():
            dut.s_valid.value = 0
            await RisingEdge(dut.clk)
        if i == last and dut.cfg_detect.value:
            dut.s_valid.value = 0
            for _ in range(100):
                await RisingEdge(dut.clk)
            assert not dut.m_done.value
        dut.s_valid.value, dut.s_data.value, dut.s_user.value = 1, int(value), int(i == 0)
        await RisingEdge(dut.clk)
    dut.s_valid.value = 0


async def _read(dut) -> list[tuple[int, int, int]]:
    """Return all candidates once the frame is done."""
    for _ in range(200):
        await RisingEdge(dut.clk)
        if dut.m_done.value:
            break
    else:
        raise AssertionError("the frame was not done 200 cycles after its last pixel")
    found = []
    for address in range(ROWS * COLS):
        dut.read_address.value = address
        await RisingEdge(dut.clk)
        await RisingEdge(dut.clk)
        word = int(dut.read_data.value)
        u, v, score = word & 15, word >> 4 & 15, word >> 8
        found.append((u, v, score) if score else (0, 0, 0))
    return found


@cocotb.test()
async def candidates_are_those_of_the_model(dut) -> None:
    """Frames of several sizes, with and without pauses; a changed pixel must show."""
    await reset(dut)
    dut.cfg_border.value, dut.cfg_min_score.value, dut.cfg_detect.value = BORDER, MIN_SCORE, 1
    for seed, (height, width) in enumerate([(60, 80), (61, 79), (48, 66), (60, 80)]):
        image = _image(height, width, seed)
        dut.cfg_height.value, dut.cfg_width.value = height, width
        stall = sometimes(seed, 0.3) if seed % 2 else (lambda: False)
        await _offer(dut, image, stall)
        expected = _expected(image)
        assert sum(score > 0 for _, _, score in expected) > 5
        assert await _read(dut) == expected, (height, width)
        changed = image.copy()
        changed[height // 2 - 4 : height // 2, width // 2 - 4 : width // 2] ^= 0xFF
        assert expected != _expected(changed)


@cocotb.test()
async def corners_in_the_first_and_last_row_and_column_inside_the_border_are_candidates(
    dut,
) -> None:
    """Widths of 0, 1 and 15 mod 16, borders that begin and end a tile: one pixel decides.

    At 65 pixels the last column inside a border of 16 is a tile of its own.
    """
    await reset(dut)
    dut.cfg_min_score.value, dut.cfg_detect.value = MIN_SCORE, 1
    sizes = [(65, 8), (65, 16), (65, 15), (64, 16), (80, 16), (79, 15), (65, 17), (65, 4)]
    for seed, (width, border) in enumerate(sizes):
        image = _with_corners_at_the_border(60, width, border, seed)
        dut.cfg_height.value, dut.cfg_width.value, dut.cfg_border.value = 60, width, border
        await _offer(dut, image, lambda: False, border)
        assert await _read(dut) == _expected(image, border), (width, border)


@cocotb.test()
async def a_corner_in_the_first_column_behind_the_border_is_none(dut) -> None:
    """Where that column is the last one of a tile: its word would be written once more."""
    await reset(dut)
    dut.cfg_min_score.value, dut.cfg_detect.value = MIN_SCORE, 1
    width, height, border = 79, 60, 16
    image = _with_corners_at_the_border(height, width, border - 1, 0)
    assert _expected(image, border) != _expected(image, border - 1)
    dut.cfg_height.value, dut.cfg_width.value, dut.cfg_border.value = height, width, border
    await _offer(dut, image, lambda: False, border)
    assert await _read(dut) == _expected(image, border)


def _with_corners_at_the_border(height: int, width: int, border: int, seed: int) -> np.ndarray:
    """Return an image with a candidate in the first and last row and column that may have one."""
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 6, (height, width)).astype(np.uint8)
    ends = [(0, border), (0, width - border - 1), (1, border), (1, height - border - 1)]
    for axis, at in ends:
        for _ in range(200):
            spot = [width // 2, height // 2]
            spot[axis] = at
            u, v = (x + int(generator.integers(-2, 3)) for x in spot)
            tried = image.copy()
            tried[v : v + 3, u : u + 3] = generator.integers(100, 250)
            tiles = tile_candidates(corner_scores(tried, SIGNALS), TILE, MIN_SCORE, border)
            found = tiles[tiles[..., 2] > 0]
            if at in found[:, axis]:
                break
        else:
            raise AssertionError(f"no corner at {at} of axis {axis}, {width} pixels wide")
        image = tried
    return image


@cocotb.test()
async def a_frame_without_detection_leaves_the_candidates(dut) -> None:
    """The tracker's frames between keyframes pass by."""
    await reset(dut)
    image = _image(60, 80, 7)
    dut.cfg_border.value, dut.cfg_min_score.value = BORDER, MIN_SCORE
    dut.cfg_height.value, dut.cfg_width.value = image.shape
    for detect, frame in ((1, image), (0, _image(60, 80, 8))):
        dut.cfg_detect.value = detect
        await _offer(dut, frame, lambda: False)
        assert await _read(dut) == _expected(image)


@cocotb.test()
async def a_reset_in_mid_frame_leaves_the_next_frame_whole(dut) -> None:
    """Half a frame, a reset, then a frame."""
    await reset(dut)
    dut.cfg_border.value, dut.cfg_min_score.value, dut.cfg_detect.value = BORDER, MIN_SCORE, 1
    first, second = _image(60, 80, 1), _image(60, 80, 2)
    dut.cfg_height.value, dut.cfg_width.value = first.shape
    await _offer(dut, first[:37], lambda: False)
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    await _offer(dut, second, lambda: False)
    assert await _read(dut) == _expected(second)


@pytest.mark.parametrize("simulator", simulators())
def test_corners(simulator: str) -> None:
    """All tests of this file on one build."""
    simulate(
        "corners",
        __name__,
        sources=("corner_scores", "tile_candidates"),
        parameters={"MAX_WIDTH": 80, "COLS": COLS, "ROWS": ROWS},
        simulator=simulator,
    )
