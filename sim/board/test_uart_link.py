# SPDX-License-Identifier: Apache-2.0
"""uart_link.v: requests of a terminal at any rate, noise, and requests that stop half way."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge, Timer, with_timeout

from sim.board.host import Terminal
from sim.runner import simulate, simulators_for
from sim.streams import reset

DIVIDE = 20
BIT_PS = DIVIDE * 2000


def _request(write: bool, address: int, data: int = 0) -> list[int]:
    return [0xC0 | write, *address.to_bytes(2, "big"), *data.to_bytes(4, "big")]


async def _answer(terminal: Terminal, error: int, word: int) -> None:
    got = await with_timeout(terminal.receive(5), 1, "ms")
    assert got == [0x88 if error else 0x80, *word.to_bytes(4, "big")]


async def _serve(dut, log: list) -> None:
    while True:
        await RisingEdge(dut.clk)
        await ReadOnly()
        if dut.m_valid.value:
            address = int(dut.m_address.value)
            log.append((bool(dut.m_write.value), address, int(dut.m_data.value)))
            await RisingEdge(dut.clk)
            dut.m_read.value, dut.m_error.value = address * 0x10001, int(address == 0xFFFC)
            dut.m_ready.value = 1
            await RisingEdge(dut.clk)
            dut.m_ready.value = 0


@cocotb.test()
async def requests_are_answered_at_any_rate_within_two_percent(dut) -> None:
    log: list = []
    dut.m_ready.value = 0
    terminal = Terminal(dut, BIT_PS)
    await reset(dut)
    cocotb.start_soon(_serve(dut, log))
    generator = random.Random(1)
    for scale in (0.98, 1.0, 1.02):
        terminal._bit = round(BIT_PS * scale)
        for address in (0x0000, 0x8004, 0xFFFC, generator.randrange(0, 65536, 4)):
            write, data = generator.random() < 0.5, generator.getrandbits(32)
            answer = cocotb.start_soon(_answer(terminal, address == 0xFFFC, address * 0x10001))
            await terminal.send(_request(write, address, data))
            await answer
            assert log.pop() == (write, address, data)
            await Timer(2 * BIT_PS, "ps")
    assert log == []


@cocotb.test()
async def a_request_that_stops_half_way_is_forgotten(dut) -> None:
    log: list = []
    dut.m_ready.value = 0
    terminal = Terminal(dut, BIT_PS)
    await reset(dut)
    cocotb.start_soon(_serve(dut, log))
    await terminal.send([0x55, 0x00, 0xC1, 0x12, 0x34])  # noise, then a beginning
    await Timer(150 * BIT_PS, "ps")
    answer = cocotb.start_soon(_answer(terminal, 0, 0x0040 * 0x10001))
    await terminal.send(_request(False, 0x0040))
    await answer
    assert log == [(False, 0x0040, 0)]


@cocotb.test()
async def a_glitch_is_no_byte(dut) -> None:
    log: list = []
    dut.m_ready.value = 0
    terminal = Terminal(dut, BIT_PS)
    await reset(dut)
    cocotb.start_soon(_serve(dut, log))
    dut.uart_rx.value = 0
    await Timer(BIT_PS // 4, "ps")
    dut.uart_rx.value = 1
    await Timer(2 * BIT_PS, "ps")
    answer = cocotb.start_soon(_answer(terminal, 0, 0x0044 * 0x10001))
    await terminal.send(_request(True, 0x0044, 7))
    await answer
    assert log == [(True, 0x0044, 7)]


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_uart_link(simulator: str, preset: str) -> None:
    simulate(
        "uart_link", "sim.board.test_uart_link", parameters={"DIVIDE": DIVIDE}, simulator=simulator
    )
