# SPDX-License-Identifier: Apache-2.0
"""spi_link.v against a host that bit-bangs its wires and a bus of random pace, on its own clock."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from sim.board.host import BROKEN, READ, REFUSED, SIGNATURE, WRITE, SpiHost
from sim.runner import simulate, simulators_for
from sim.streams import reset

PACE = 20  # cycles that the bus takes at most; the first word of a read must be there within 32


class Bus:
    """Answer accesses from a memory of words; addresses at 0xE000 and above are refused."""

    def __init__(self, dut, seed: int, pace: int = PACE) -> None:
        self.dut, self.pace = dut, pace
        self.memory: dict[int, int] = {}
        self.writes: list[tuple[int, int]] = []
        self._generator = random.Random(seed)
        dut.m_ready.value = 0
        cocotb.start_soon(self._run())

    def word(self, address: int) -> int:
        """Return what a read of an address gives."""
        return self.memory.get(address, address * 0x9E3779B1 + 0x12345 & 0xFFFFFFFF)

    async def _run(self) -> None:
        d = self.dut
        while True:
            await RisingEdge(d.clk)
            await ReadOnly()
            if not d.m_valid.value:
                continue
            for _ in range(self._generator.randint(1, self.pace)):
                await RisingEdge(d.clk)
            await ReadOnly()
            assert d.m_valid.value, "an access was taken back"
            address, write = int(d.m_address.value), bool(d.m_write.value)
            if write:
                self.writes.append((address, int(d.m_data.value)))
            await RisingEdge(d.clk)
            refused = address >= 0xE000
            d.m_read.value = 0 if refused else self.word(address)
            d.m_error.value, d.m_ready.value = int(refused), 1
            await RisingEdge(d.clk)
            d.m_ready.value = 0


async def _start(dut, half_ps: int = 6001, pace: int = PACE) -> tuple[SpiHost, Bus]:
    dut.flags.value = 0b010
    host = SpiHost(dut, half_ps=half_ps)
    bus = Bus(dut, seed=half_ps, pace=pace)
    await reset(dut)
    await Timer(50, "ns")
    return host, bus


@cocotb.test()
async def words_written_and_read_are_those_of_the_host(dut) -> None:
    generator = random.Random(3)
    host, bus = await _start(dut)
    for half in (6001, 6700, 9310, 25_003):
        host._half = half
        for _ in range(12):
            address = generator.randrange(0, 0xD000, 4)
            count = generator.randint(1, 6)
            step = generator.random() < 0.5
            places = [address + 4 * i * step for i in range(count)]
            if generator.random() < 0.5:
                words = [generator.getrandbits(32) for _ in range(count)]
                bus.writes.clear()
                await host.write(address, words, step)
                await Timer(200, "ns")
                assert bus.writes == list(zip(places, words, strict=True))
            else:
                assert await host.read(address, count, step) == [bus.word(a) for a in places]
    assert await host.status() == SIGNATURE | 0b010


@cocotb.test()
async def a_read_takes_exactly_the_words_it_asks_for(dut) -> None:
    host, bus = await _start(dut)
    seen = []
    word = bus.word
    bus.word = lambda address: seen.append(address) or word(address)
    await host.read(0x8024, 3)
    await Timer(300, "ns")
    assert seen == [0x8024] * 3
    assert await host.read(0x8024, 0) == []
    await Timer(300, "ns")
    assert len(seen) == 3


@cocotb.test()
async def a_refused_access_is_said_once(dut) -> None:
    host, _ = await _start(dut)
    assert await host.read(0xE000) == [0]
    assert await host.status() & REFUSED
    assert not await host.status() & REFUSED
    await host.write(0xE000, [1])
    await Timer(100, "ns")  # the bus answers behind the command
    assert await host.status() & REFUSED
    assert await host.status() == SIGNATURE | 0b010


@cocotb.test()
async def a_command_that_is_cut_writes_no_half_word_and_is_said(dut) -> None:
    host, bus = await _start(dut)
    for bits in (3, 12, 24 + 17, 24 + 32 + 8):
        bus.writes.clear()
        await host.transfer([WRITE, 0x01, 0x00, *range(12)], bits=bits)
        await Timer(200, "ns")
        assert bus.writes == ([(0x100, 0x00010203)] if bits >= 56 else [])
        status = await host.status()
        assert status & BROKEN, bits
        assert not await host.status() & BROKEN
    assert await host.read(0x40, 2, step=True) == [bus.word(0x40), bus.word(0x44)]


@cocotb.test()
async def a_bus_that_is_too_slow_is_said(dut) -> None:
    host, _ = await _start(dut, pace=400)
    broken = 0
    for _ in range(8):
        await host.read(0x100)
        await Timer(2000, "ns")
        broken += bool(await host.status() & BROKEN)
    assert broken


@cocotb.test()
async def other_commands_do_nothing(dut) -> None:
    host, bus = await _start(dut)
    for command in (0x00, 0x80, 0xC4, 0xFF, WRITE ^ 0x40, READ | 0x10):
        assert (await host.transfer([command, 0, 0, 0, 1, 0, 0, 0, 0]))[0] == SIGNATURE | 0b010
    assert bus.writes == []


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_spi_link(simulator: str, preset: str) -> None:
    simulate("spi_link", "sim.board.test_spi_link", simulator=simulator)
