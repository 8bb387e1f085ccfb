# SPDX-License-Identifier: Apache-2.0
"""reset_after_lock.v: the reset ends once the lock has held, and comes back with its loss."""

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from sim.runner import simulate, simulators_for

HOLD = 20


async def _cycles(dut, level: int) -> int:
    for cycles in range(200):
        await ReadOnly()
        if int(dut.rst.value) == level:
            return cycles
        await RisingEdge(dut.clk)
    return 200


@cocotb.test()
async def the_reset_lasts_until_the_lock_has_held(dut) -> None:
    Clock(dut.clk, 2, "ns").start()
    dut.locked.value = 0
    for _ in range(5):
        await RisingEdge(dut.clk)
    assert int(dut.rst.value) == 1
    for _ in range(3):
        dut.locked.value = 1
        for _ in range(HOLD // 2):  # a lock that does not hold
            await RisingEdge(dut.clk)
            assert int(dut.rst.value) == 1
        dut.locked.value = 0
        for _ in range(4):
            await RisingEdge(dut.clk)
    dut.locked.value = 1
    assert HOLD <= await _cycles(dut, 0) <= HOLD + 4
    await Timer(101, "ns")
    assert int(dut.rst.value) == 0
    dut.locked.value = 0
    assert await _cycles(dut, 1) <= 4


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_reset_after_lock(simulator: str, preset: str) -> None:
    simulate(
        "reset_after_lock",
        "sim.board.test_reset_after_lock",
        parameters={"HOLD": HOLD},
        simulator=simulator,
    )
