# SPDX-License-Identifier: Apache-2.0
"""vector_lane.v computes each kind of element by the rules of vio/float32/float.py."""

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from vio.float32 import calls as c
from vio.float32.float import add, lt, mul, sub
from vio.hw.hls.operands import pairs, special_numbers

pytestmark = needs_simulator

CYCLES = 10_000
SUM, MOVED = 11, 2  # cycles
LATE = 2  # cycles that d comes behind x and y, where s_d_late
PRODUCT_MINUS = c.AT_LEAST + 1  # of lane programs: x y - d
KINDS = range(PRODUCT_MINUS + 1)
MOVES = (c.COPY, c.CLEAR, c.AT_LEAST)


def operands(count: int, seed: int) -> np.ndarray:
    """Return (count, 3) words d, x, y: those of the units' proofs, and d that x y cancels."""
    rng = np.random.default_rng(seed)
    both = pairs(count, seed)
    d = rng.integers(0, 1 << 32, count, np.uint64).astype(np.uint32)
    d[1::4] = rng.choice(special_numbers(), len(d[1::4]))
    products = np.array([mul(x, y) for x, y in both.view(np.float32)], np.float32).view(np.uint32)
    near = products[2::4] ^ np.uint32(1 << 31)
    d[2::4] = near + rng.integers(-2, 3, len(near)).astype(np.uint32)
    d[3::4] = both[3::4, 0] ^ np.uint32(1 << 31)
    return np.column_stack([d, both])


def result(kind: int, words: np.ndarray) -> int:
    """Return the bits of an element: as `execute` of vio/float32/execute.py has them."""
    d, x, y = words.view(np.float32)
    if kind == c.COPY:
        return int(words[1])
    if kind == c.CLEAR:
        return 0
    if kind == c.AT_LEAST:  # by words: a float on its way through Python loses a NaN's bits
        return int(words[2] if lt(x, y) else words[1])
    if kind in (c.PRODUCT, c.MULTIPLY_ADD):
        out = add(d, mul(x, y))
    elif kind == PRODUCT_MINUS:
        out = sub(mul(x, y), d)
    elif kind in (c.DOWNDATE, c.MULTIPLY_SUBTRACT):
        out = sub(d, mul(x, y))
    else:
        out = {c.MULTIPLY: mul, c.ADD: add, c.SUBTRACT: sub}[kind](x, y)
    return int(np.float32(out).view(np.uint32))


async def _run(dut, seed: int, broken: bool = False, late: int | None = None) -> int:
    """Give an element a cycle; return how many results differ.

    late: the kind of all elements, whose d come late; kinds are at random where None.
    """
    rng = np.random.default_rng(seed)
    words = operands(CYCLES, seed)
    kinds = rng.integers(0, len(KINDS), CYCLES).tolist() if late is None else [late] * CYCLES
    behind = 0 if late is None else LATE
    dut.s_d_late.value = int(late is not None)
    expected: dict[int, int] = {}
    sums: dict[int, int] = {}
    wrong = 0
    for cycle in range(CYCLES + SUM + 1):
        if cycle < CYCLES:
            kind, row = kinds[cycle], words[cycle]
            dut.s_kind.value = kind
            dut.s_x.value, dut.s_y.value = int(row[1]), int(row[2])
            if broken:
                row = row ^ np.array([0, 1 << 22, 0], np.uint32)
            later = expected if kind in MOVES else sums
            later[cycle + (MOVED if kind in MOVES else SUM)] = result(kind, row)
        if 0 <= cycle - behind < CYCLES:
            dut.s_d.value = int(words[cycle - behind, 0])
        await FallingEdge(dut.clk)
        for table, port in ((expected, dut.m_moved), (sums, dut.m_sum)):
            if (value := table.pop(cycle + 1, None)) is not None:
                wrong += int(port.value) != value
    assert not expected
    assert not sums
    return wrong


@cocotb.test()
async def every_kind_is_that_of_the_reference(dut) -> None:
    """Random, halfway, cancelling, subnormal, infinite operands and NaN, at full rate."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    assert await _run(dut, 1) == 0


@cocotb.test()
async def a_product_may_get_its_sum_late(dut) -> None:
    """Products whose d comes two cycles behind x and y."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    assert await _run(dut, 3, late=c.PRODUCT) == 0
    assert await _run(dut, 4, late=c.DOWNDATE) == 0


@cocotb.test()
async def another_operand_is_noticed(dut) -> None:
    """A bit of x differs: so do results."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    assert await _run(dut, 2, broken=True) > CYCLES // 10


@pytest.mark.parametrize("simulator", simulators())
def test_vector_lane(simulator: str) -> None:
    simulate("vector_lane", __name__, simulator=simulator)
