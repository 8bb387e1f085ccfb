# SPDX-License-Identifier: Apache-2.0
"""soft_multiply.v equals multiplication."""

import random

import cocotb
import pytest
from cocotb.triggers import Timer

from sim.needs import needs_simulator
from sim.runner import simulate, simulators

pytestmark = needs_simulator


@cocotb.test()
async def products_are_exact(dut) -> None:
    """Random factors and both ends of their ranges."""
    a_bits, b_bits = len(dut.s_a), len(dut.s_b)
    generator = random.Random(1)
    low, high, top = -(1 << (a_bits - 1)), (1 << (a_bits - 1)) - 1, (1 << b_bits) - 1
    pairs = [(a, b) for a in (low, low + 1, -1, 0, 1, high) for b in (0, 1, top // 2, top)]
    pairs += [(generator.randint(low, high), generator.randint(0, top)) for _ in range(500)]
    got = []
    for a, b in pairs:
        dut.s_a.value, dut.s_b.value = a, b
        await Timer(1, "ns")
        got.append(dut.m_product.value.to_signed())
    assert got == [a * b for a, b in pairs]
    assert got != [a * (b ^ 1) for a, b in pairs]  # the comparison can fail


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(("a", "b"), [(9, 8), (11, 5), (5, 1)])
def test_soft_multiply(a: int, b: int, simulator: str) -> None:
    """Several widths."""
    simulate("soft_multiply", __name__, parameters={"A_W": a, "B_W": b}, simulator=simulator)
