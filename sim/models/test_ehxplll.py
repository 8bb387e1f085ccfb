# SPDX-License-Identifier: Apache-2.0
"""The model of the ECP5's PLL with the ULX3S's parameters: rates, phases, lock and its loss."""

import re

import cocotb
import pytest
from cocotb.triggers import RisingEdge, Timer, with_timeout
from cocotb.utils import get_sim_time

from sim.runner import simulate
from sim.test_rules import needs_verilator
from vio.hw.verilog_sources import MODELS, source

PERIOD_PS = 40_000  # 25 MHz


async def _reference(dut, edges: int, period_ps: int = PERIOD_PS) -> None:
    for _ in range(edges):
        dut.CLKI.value = 1
        await Timer(period_ps // 2, "ps")
        dut.CLKI.value = 0
        await Timer(period_ps - period_ps // 2, "ps")


async def _edges(signal, count: int) -> list[float]:
    times = []
    for _ in range(count):
        await with_timeout(RisingEdge(signal), 1, "us")
        times.append(get_sim_time("ps"))
    return times


@cocotb.test()
async def outputs_have_the_rates_and_phases_of_the_parameters(dut) -> None:
    for name in ("RST", "CLKI"):
        getattr(dut, name).value = 0
    begin = get_sim_time("ps")
    cocotb.start_soon(_reference(dut, 600))
    await with_timeout(RisingEdge(dut.LOCK), 10, "us")
    assert get_sim_time("ps") - begin >= 20 * PERIOD_PS
    op = cocotb.start_soon(_edges(dut.CLKOP, 101))
    cameras = await _edges(dut.CLKOS, 41)
    chip = await op
    assert (chip[-1] - chip[0]) / 100 == pytest.approx(16_000, rel=1e-3)  # 62.5 MHz
    assert (cameras[-1] - cameras[0]) / 40 == pytest.approx(24 * 1600, rel=1e-3)  # 26.04 MHz
    # Five edges of CLKOP in two of the reference, one of them together.
    assert min(abs((edge - begin) % PERIOD_PS) for edge in chip[:5]) <= 5
    # CLKOS is behind by the difference of the coarse phases, 23 - 9 periods of 625 MHz.
    assert (cameras[0] - chip[0]) % 1600 == pytest.approx(0, abs=5)
    assert cameras[0] - chip[0] == pytest.approx(14 * 1600, abs=5)


@cocotb.test()
async def the_lock_is_lost_with_the_reference(dut) -> None:
    dut.CLKI.value = 0
    await Timer(1, "us")
    task = cocotb.start_soon(_reference(dut, 60))
    await with_timeout(RisingEdge(dut.LOCK), 10, "us")
    await task
    assert int(dut.LOCK.value) == 1
    await Timer(6 * PERIOD_PS, "ps")
    assert int(dut.LOCK.value) == 0
    await Timer(1, "us")
    before = [int(dut.CLKOP.value), int(dut.CLKOS.value)]
    await Timer(137, "ns")
    assert before == [int(dut.CLKOP.value), int(dut.CLKOS.value)] == [0, 0]
    task = cocotb.start_soon(_reference(dut, 40))
    await with_timeout(RisingEdge(dut.LOCK), 10, "us")  # it comes back
    await task
    await _reference(dut, 8, PERIOD_PS * 11 // 10)  # another rate
    assert int(dut.LOCK.value) == 0


def _board_parameters() -> dict[str, int]:
    """Return the numbers that the ULX3S gives its PLL."""
    text = source("ulx3s_clocks").read_text()
    names = r"CLK(?:I|FB|OP|OS)_DIV|CLK(?:OP|OS)_[CF]PHASE"
    return {name: int(value) for name, value in re.findall(rf"\.({names})\((\d+)\)", text)}


@pytest.mark.slow
@needs_verilator
def test_ehxplll() -> None:
    numbers = _board_parameters()
    assert len(numbers) == 8
    simulate(
        "EHXPLLL",
        "sim.models.test_ehxplll",
        [],
        folder=MODELS,
        parameters={**numbers, "CLKOS_ENABLE": '"ENABLED"'},
        timing=True,
    )
