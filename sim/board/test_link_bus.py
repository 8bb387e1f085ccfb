# SPDX-License-Identifier: Apache-2.0
"""link_bus.v: two masters at random, the board's port, and cocotbext-axi's memory as the chip."""

import logging
import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteRam

from sim.runner import simulate, simulators_for
from sim.streams import reset

ACCESSES = 150


async def _access(dut, master: int, write: bool, address: int, data: int) -> tuple[int | None, int]:
    """Return what was read (None: undefined, as after a write) and whether it was refused."""

    def port(name: str):
        return getattr(dut, f"s{master}_{name}")

    port("write").value, port("address").value, port("data").value = int(write), address, data
    port("valid").value = 1
    for _ in range(500):
        await ReadOnly()
        done = bool(port("ready").value)
        read, error = dut.s_read.value, dut.s_error.value
        await RisingEdge(dut.clk)
        if done:
            port("valid").value = 0
            return int(read) if read.is_resolvable else None, int(error)
    raise AssertionError(f"master {master} waits for ever")


async def _board(dut, log: list) -> None:
    generator = random.Random(5)
    while True:
        await ReadOnly()
        valid, address = bool(dut.m_valid.value), int(dut.m_address.value)
        access = bool(dut.m_write.value), address, int(dut.m_data.value)
        await RisingEdge(dut.clk)
        if valid and generator.random() < 0.5:
            dut.m_ready.value = 1
            dut.m_read.value, dut.m_error.value = address ^ 0xABCD0000, int(address > 0x7000)
            log.append(access)
            await RisingEdge(dut.clk)
            dut.m_ready.value = 0


async def _master(dut, master: int, generator: random.Random, log: list, ram: AxiLiteRam) -> None:
    base = 0x100 * master  # each writes its own words
    for _ in range(ACCESSES):
        for _ in range(generator.randrange(6)):
            await RisingEdge(dut.clk)
        where, write = generator.randrange(4), generator.random() < 0.5
        data = generator.getrandbits(32)
        if where == 0:
            address = 0x8000 | generator.randrange(0, 0x8000, 4)
            got = await _access(dut, master, write, address, data)
            assert (write, address & 0x7FFF, data) in log
            assert got == (address & 0x7FFF ^ 0xABCD0000, int(address & 0x7FFF > 0x7000))
        elif where == 1:
            address = generator.randrange(0x1000, 0x8000, 4)
            assert await _access(dut, master, write, address, data) == (0, 1)
        else:
            address = base + generator.randrange(0, 0x100, 4)
            before = int.from_bytes(ram.read(address, 4), "little")
            got = await _access(dut, master, write, address, data)
            after = int.from_bytes(ram.read(address, 4), "little")
            assert got[1] == 0
            assert after == (data if write else before)
            assert write or got[0] == before


@cocotb.test()
async def each_access_reaches_its_place_and_its_answer_its_master(dut) -> None:
    logging.getLogger("cocotb.link_bus").setLevel("WARNING")
    masters = [f"s{k}_{name}" for k in (0, 1) for name in ("valid", "write", "address", "data")]
    for name in (*masters, "m_ready", "m_read", "m_error"):
        getattr(dut, name).value = 0
    ram = AxiLiteRam(AxiLiteBus.from_prefix(dut, "m_axil"), dut.clk, dut.rst, size=4096)
    generator = random.Random(9)
    for channel in (ram.write_if.aw_channel, ram.write_if.w_channel, ram.write_if.b_channel,
                    ram.read_if.ar_channel, ram.read_if.r_channel):  # fmt: skip
        channel.set_pause_generator(iter(lambda: generator.random() < 0.4, None))
    log: list = []
    await reset(dut)
    cocotb.start_soon(_board(dut, log))
    both = [cocotb.start_soon(_master(dut, m, random.Random(m), log, ram)) for m in (0, 1)]
    for task in both:
        await task
    assert len(log) > ACCESSES // 4


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_link_bus(simulator: str, preset: str) -> None:
    simulate("link_bus", "sim.board.test_link_bus", simulator=simulator)
