# SPDX-License-Identifier: Apache-2.0
"""lane_units.v compares, masks, divides and takes roots by vio/float32/float.py, and chooses."""

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from vio.hw.hls.operands import pairs, special_numbers
from vio.hw.lanes.fused import CODES, DIVIDE, LOGIC
from vio.hw.lanes.model import OPERATIONS

pytestmark = needs_simulator

CYCLES = 4000
AFTER = {LOGIC: 2, DIVIDE: 32}  # cycles from operands to the choice; w_data is one later
KINDS = {code: OPERATIONS[kind] for kind, code in CODES.items() if code[0] in AFTER}
SUM, WORD = 0, 3


def operands(seed: int) -> np.ndarray:
    """Return (CYCLES, 3) words x, y, d: those of the units' proofs, and equal ones."""
    rng = np.random.default_rng(seed)
    both = pairs(CYCLES, seed)
    both[1::3] = rng.choice(special_numbers(), both[1::3].shape)
    both[2::9, 1] = both[2::9, 0]
    d = rng.integers(0, 2, CYCLES).astype(np.uint32) * np.uint32(0xFFFFFFFF)
    d[::5] = rng.integers(0, 1 << 32, len(d[::5]), np.uint64).astype(np.uint32)
    return np.column_stack([both, d])


async def _run(dut, seed: int, flipped: int = 0) -> int:
    """Begin operations at random, choose what has come; return how many results differ."""
    rng = np.random.default_rng(seed)
    words = operands(seed)
    codes = list(KINDS)
    due: dict[int, tuple[int, int]] = {}  # cycle of the choice: source, word
    idle_from = 0
    wrong = compared = 0
    dut.rst.value, dut.s_valid.value, dut.s_op.value = 1, 0, 0
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    chosen: int | None = None
    for cycle in range(CYCLES):
        if chosen is not None:
            wrong += int(dut.w_data.value) != chosen
            compared += 1
        x, y, d = (int(word) for word in words[cycle])
        unit, code = codes[rng.integers(len(codes))]
        dut.s_x.value, dut.s_y.value, dut.s_d.value = x, y, d
        begins = cycle + AFTER[unit] not in due and (unit != DIVIDE or cycle >= idle_from)
        dut.s_valid.value, dut.s_op.value = int(begins), unit << 3 | code
        if begins:
            due[cycle + AFTER[unit]] = unit, KINDS[unit, code](x ^ flipped, y, d)
            idle_from = cycle + 28 if unit == DIVIDE else idle_from
        other = (SUM, WORD)[cycle % 2]
        source, value = due.pop(cycle, (other, x if other == SUM else y))
        dut.w_source.value, dut.sum.value, dut.word.value = source, x, y
        chosen = value
        await FallingEdge(dut.clk)
    assert compared > CYCLES // 2
    return wrong


@cocotb.test()
async def every_operation_is_that_of_the_reference(dut) -> None:
    """Random, subnormal, infinite operands and NaN; a question every 28 cycles or later."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    assert await _run(dut, 1) == 0


@cocotb.test()
async def another_operand_is_noticed(dut) -> None:
    """A bit of x differs: so do results."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    assert await _run(dut, 2, flipped=1 << 30) > CYCLES // 20


@pytest.mark.parametrize("simulator", simulators())
def test_lane_units(simulator: str) -> None:
    simulate("lane_units", __name__, simulator=simulator)
