# SPDX-License-Identifier: Apache-2.0
"""The AXI4-Lite port under cocotbext-axi, a master not written here: by itself and of the chip."""

import logging
import random

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from sim.needs import needs_verilator
from sim.runner import simulate
from vio.hw.registers.map import IDENTITY, register_map

pytestmark = needs_verilator
MAP = {r.name: r.address for r in register_map()}
# Registers that hold any word of 18 bits, sign-extended.
WORDS = [MAP[f"rotation{i}"] for i in range(9)]


async def _master(dut) -> AxiLiteMaster:
    """Reset the module with all other inputs at rest; return the master of its port."""
    for name in dir(dut):
        handle = getattr(dut, name)
        if name in ("clk", "rst") or name.startswith(("_", "s_axil_")) or name.endswith("_q"):
            continue
        if name.startswith(
            ("event_", "level_", "count_", "status_", "done_", "take", "w_hold", "s_")
        ):
            handle.value = 0
    logging.getLogger("cocotb").setLevel(logging.WARNING)
    Clock(dut.clk, 16, "ns").start()
    dut.rst.value = 1
    bus = AxiLiteBus.from_prefix(dut, "s_axil")
    master = AxiLiteMaster(bus, dut.clk, dut.rst)
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)
    return master


@cocotb.test()
async def single_beats_read_what_they_wrote(dut) -> None:
    master = await _master(dut)
    assert (await master.read_dword(MAP["identity"])) == IDENTITY
    for address in WORDS:
        response = await master.write(address, (address * 7).to_bytes(4, "little"))
        assert response.resp == AxiResp.OKAY
        data = await master.read(address, 4)
        assert (data.resp, data.data) == (AxiResp.OKAY, (address * 7).to_bytes(4, "little"))


@cocotb.test()
async def transfers_back_to_back_under_any_pause_keep_their_order(dut) -> None:
    """Nine writes and reads queued at once; every channel pauses at will."""
    master = await _master(dut)
    generator = random.Random(1)
    for share in (0.0, 0.5):
        for channel in (
            *(master.write_if.aw_channel, master.write_if.w_channel, master.write_if.b_channel),
            *(master.read_if.ar_channel, master.read_if.r_channel),
        ):
            bits = [generator.random() < share for _ in range(997)]
            channel.set_pause_generator(iter(bits * 20))
        values = [generator.getrandbits(17) for _ in WORDS]
        pairs = list(zip(WORDS, values, strict=True))
        writes = [master.init_write(a, v.to_bytes(4, "little")) for a, v in pairs]
        for event in writes:
            await event.wait()
            assert event.data.resp == AxiResp.OKAY
        reads = [master.init_read(address, 4) for address in WORDS]
        for event, value in zip(reads, values, strict=True):
            await event.wait()
            assert event.data.resp == AxiResp.OKAY
            assert int.from_bytes(event.data.data, "little") == value
    # One long write of all nine words, in beats one after the other
    values = [generator.getrandbits(17) for _ in WORDS]
    block = b"".join(v.to_bytes(4, "little") for v in values)
    assert (await master.write(WORDS[0], block)).resp == AxiResp.OKAY
    assert (await master.read(WORDS[0], len(block))).data == block


@cocotb.test()
async def byte_strobes_and_what_cannot_be_are_answered_with_slverr(dut) -> None:
    """Never DECERR, as docs/chip/registers.md says; what is refused changes nothing."""
    master = await _master(dut)
    at = WORDS[3]
    assert (await master.write(at, b"\x11\x22\x01\x00")).resp == AxiResp.OKAY
    for offset, count in ((0, 1), (1, 1), (3, 1), (0, 2), (1, 3), (0, 3)):
        assert (await master.write(at + offset, bytes(count))).resp == AxiResp.SLVERR
    assert (await master.read(at, 4)).data == b"\x11\x22\x01\x00"
    known = set(MAP.values())
    for address in (0x038, 0x300, 0xFFC):
        assert address not in known
        assert (await master.write(address, bytes(4))).resp == AxiResp.SLVERR
        assert (await master.read(address, 4)).resp == AxiResp.SLVERR
    for name in ("identity", "status", "count_frames", "latency"):
        assert (await master.write(MAP[name], bytes(4))).resp == AxiResp.SLVERR
    assert (await master.write(MAP["levels"], bytes(4))).resp == AxiResp.SLVERR
    faults = int.from_bytes((await master.read(MAP["faults"], 4)).data, "little")
    illegal = next(
        f.low for r in register_map() for f in r.fields if (r.name, f.name) == ("faults", "illegal")
    )
    assert faults == 1 << illegal
    assert (await master.write(MAP["enable"], b"\x01\x00\x00\x00")).resp == AxiResp.OKAY
    assert (await master.write(MAP["width"], (64).to_bytes(4, "little"))).resp == AxiResp.SLVERR


def test_the_register_file() -> None:
    simulate("registers", __name__)


@pytest.mark.slow
def test_the_whole_chip() -> None:
    simulate("frontend", __name__, preset="tiny")
