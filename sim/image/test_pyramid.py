# SPDX-License-Identifier: Apache-2.0
"""pyramid.v equals vio/fixed/pyramid.py on odd and even sizes, however it is stalled."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import RisingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import never, pixels, receive, reset, send, sometimes
from vio.fixed.pyramid import halve

pytestmark = needs_simulator
SIZES = [(10, 24), (9, 23), (8, 9), (13, 8)]  # height, width
NAMES = ("data", "user", "last")


def _image(height: int, width: int, seed: int) -> np.ndarray:
    """Return noise with saturated patches: every rounding and both ends of the range occur."""
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, (height, width), np.uint8)
    image[: height // 3] = 255
    image[-2:, : width // 2] = 0
    return image


def _configure(dut, image: np.ndarray) -> None:
    dut.cfg_height.value, dut.cfg_width.value = image.shape


@cocotb.test()
async def halved_frames_are_those_of_the_model(dut) -> None:
    """Frames back to back, all sizes, every kind of stall; a changed pixel must show."""
    await reset(dut)
    for seed, (source, sink) in enumerate([(0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5)]):
        for height, width in SIZES:
            frames = [_image(height, width, 10 * seed + k) for k in range(3)]
            _configure(dut, frames[0])
            words = [word for frame in frames for word in pixels(frame)]
            expected = [word for frame in frames for word in pixels(halve(frame))]
            stall_in = sometimes(seed, source) if source else never
            stall_out = sometimes(seed + 50, sink) if sink else never
            sender = cocotb.start_soon(send(dut, words, stall_in, "s_axis_t"))
            got = await receive(dut, len(expected), NAMES, stall_out, "m_axis_t")
            await sender
            assert got == expected, (height, width, source, sink)
            frames[1][height // 2, width // 2] ^= 0x80
            assert got != [word for frame in frames for word in pixels(halve(frame))]


@cocotb.test()
async def input_never_waits_while_the_output_is_taken(dut) -> None:
    """One pixel a cycle through three frames: a row's time hides the added row."""
    await reset(dut)
    frames = [_image(10, 24, k) for k in range(3)]
    _configure(dut, frames[0])
    words = [word for frame in frames for word in pixels(frame)]
    expected = [word for frame in frames for word in pixels(halve(frame))]
    receiver = cocotb.start_soon(receive(dut, len(expected), NAMES, never, "m_axis_t"))
    cycles = 0

    async def count() -> None:
        nonlocal cycles
        while True:
            await RisingEdge(dut.clk)
            cycles += 1

    counter = cocotb.start_soon(count())
    await send(dut, words, never, "s_axis_t")
    counter.cancel()
    assert await receiver == expected
    assert cycles <= len(words) + 1


@cocotb.test()
async def a_reset_in_mid_frame_leaves_the_next_frame_whole(dut) -> None:
    """Half a frame, a reset, then a frame."""
    await reset(dut)
    first, second = _image(10, 24, 1), _image(10, 24, 2)
    _configure(dut, first)
    drain = cocotb.start_soon(receive(dut, 10**6, NAMES, never, "m_axis_t"))
    await send(dut, pixels(first)[:131], never, "s_axis_t")
    drain.cancel()
    dut.m_axis_tready.value = 0
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    sender = cocotb.start_soon(send(dut, pixels(second), never, "s_axis_t"))
    expected = pixels(halve(second))
    assert await receive(dut, len(expected), NAMES, never, "m_axis_t") == expected
    await sender


@pytest.mark.parametrize("simulator", simulators())
def test_pyramid(simulator: str) -> None:
    """All tests of this file on one build."""
    simulate("pyramid", __name__, parameters={"MAX_WIDTH": 32}, simulator=simulator)
