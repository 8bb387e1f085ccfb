# SPDX-License-Identifier: Apache-2.0
"""lane_divider.v divides and takes roots by vio/float32/float.py."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from vio.float32.float import div, sqrt
from vio.hw.hls.operands import pairs, special_numbers

pytestmark = needs_simulator

COUNT = 1200
LATENCY, INTERVAL = 30, 28  # cycles


def questions(seed: int) -> np.ndarray:
    """Return (COUNT, 3) words x, y and whether the root of x is asked for."""
    rng = np.random.default_rng(seed)
    both = pairs(2 * COUNT, seed)[-COUNT:]  # behind the pairs of special numbers
    both[::4] = rng.choice(special_numbers(), both[::4].shape)
    both[::5, 0] &= 0x7FFFFFFF  # roots that are numbers
    return np.column_stack([both, rng.integers(0, 2, COUNT)]).astype(np.uint32)


def answer(x: int, y: int, root: int) -> int:
    """Return the reference's word."""
    a, b = np.array([x, y], np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        return int(np.float32(sqrt(a) if root else div(a, b)).view(np.uint32))


async def started(dut) -> None:
    """Start the clock and reset."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    dut.rst.value, dut.s_valid.value = 1, 0
    for _ in range(2):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    await FallingEdge(dut.clk)


async def ask(dut, x: int, y: int, root: int) -> None:
    """Ask, at a falling edge; the unit takes the question at the next rising one."""
    dut.s_x.value, dut.s_y.value, dut.s_root.value, dut.s_valid.value = x, y, root, 1
    await Timer(1, "ns")
    assert int(dut.s_ready.value)


async def _wrong(dut, seed: int, flipped: int = 0) -> int:
    """Ask every 28 cycles or later; return how many answers differ."""
    await started(dut)
    gaps = random.Random(seed)
    due: dict[int, int] = {}  # cycle: answer
    wrong = cycle = 0
    words = questions(seed).tolist()
    begins = 0
    while words or due:
        if words and cycle == begins:
            x, y, root = words.pop()
            due[cycle + LATENCY] = answer(x ^ flipped, y, root)
            begins = cycle + INTERVAL + gaps.choice((0, 0, 0, 1, 2, 5))
            await ask(dut, x, y, root)
        assert int(dut.m_valid.value) == (cycle in due)
        if cycle in due:
            wrong += int(dut.m_data.value) != due.pop(cycle)
        await FallingEdge(dut.clk)
        dut.s_valid.value = 0
        cycle += 1
    return wrong


@cocotb.test()
async def every_answer_is_the_references_and_comes_in_its_cycle(dut) -> None:
    """Random, short, subnormal, infinite operands and NaN; as soon as may be, and later."""
    assert await _wrong(dut, 1) == 0


@cocotb.test()
async def another_operand_is_noticed(dut) -> None:
    """A bit of x differs: so do answers."""
    assert await _wrong(dut, 2, flipped=1 << 22) > COUNT // 4


@cocotb.test()
async def a_reset_forgets_the_question(dut) -> None:
    """At every moment: no answer comes, and the next question has its own."""
    await started(dut)
    for cycles in range(LATENCY - 1):
        await ask(dut, 0x40800000, 0x40400000, 0)
        await FallingEdge(dut.clk)
        dut.s_valid.value = 0
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        dut.rst.value = 1
        await FallingEdge(dut.clk)
        dut.rst.value = 0
        await ask(dut, 0x41100000, 0, 1)
        for cycle in range(1, LATENCY + 1):
            await FallingEdge(dut.clk)
            dut.s_valid.value = 0
            assert int(dut.m_valid.value) == (cycle == LATENCY), (cycles, cycle)
        assert int(dut.m_data.value) == 0x40400000  # the root of 9


@pytest.mark.parametrize("simulator", simulators())
def test_lane_divider(simulator: str) -> None:
    simulate("lane_divider", __name__, simulator=simulator)
