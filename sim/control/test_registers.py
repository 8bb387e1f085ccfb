# SPDX-License-Identifier: Apache-2.0
"""registers.v: every register of the map over AXI4-Lite, shadow, tables, faults, counters."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.task import bridge, resume
from cocotb.triggers import ReadOnly, RisingEdge
from cocotb.utils import get_sim_time

from sim.axil import OKAY, SLVERR, Axil
from sim.needs import needs_simulator
from sim.runner import lint, simulate, simulators
from sim.streams import reset
from tests.simulation import make_rig
from vio.config import HwConfig, load_config
from vio.errors import VioError
from vio.hw.params import params_of
from vio.hw.registers.driver import Driver, register_values, table_values
from vio.hw.registers.limits import limit_values
from vio.hw.registers.map import (
    ADDRESS_BITS,
    DROP_FAULTS,
    INTERNAL_FAULTS,
    STREAM_FAULTS,
    Register,
    field_bits,
    register_map,
)

pytestmark = needs_simulator
MAP = {r.name: r for r in register_map()}
CONFIG = load_config("ecp5_85k")
HW: HwConfig = CONFIG.hw
SHADOWED = [r for r in MAP.values() if r.kind in ("config", "frame")]
STORED = [r for r in MAP.values() if r.kind in ("config", "frame", "static", "rotation")]
ALL_FAULTS = (1 << len(MAP["faults"].fields)) - 1
BOUNDS = {p.name: p.value for section in params_of(CONFIG).values() for p in section}


def _limits(register: Register) -> tuple[int, int, int]:
    """Return the least and the largest legal value of a register, and the step between two."""
    if register.limits is None:
        return 0, 0xFFFFFFFF, 1
    return limit_values(register.limits, field_bits(register.only, HW), BOUNDS)


def _legal(register: Register, generator: random.Random) -> int:
    """Return a legal value; of a register without limits any word."""
    least, largest, step = _limits(register)
    return generator.randrange(-(-least // step), largest // step + 1) * step


def _mask(register: Register) -> int:
    return (1 << field_bits(register.only, HW)) - 1


def _read_back(register: Register, value: int) -> int:
    """Return what a register reads as after a value was written to it."""
    bits = field_bits(register.only, HW)
    value &= _mask(register)
    if register.only.signed and value >> (bits - 1):
        value |= 0xFFFFFFFF & ~_mask(register)
    return value


async def _start(dut) -> Axil:
    """Reset the register file with all inputs at rest."""
    for name in dir(dut):
        inputs = name.startswith(("event_", "level_", "count_", "status_", "done_"))
        if inputs and not name.endswith("_q"):
            getattr(dut, name).value = 0
    dut.take.value = dut.w_hold.value = 0
    bus = Axil(dut)
    await reset(dut)
    return bus


async def _pulse(dut, name: str, value: int = 1) -> None:
    getattr(dut, name).value = value
    await RisingEdge(dut.clk)
    getattr(dut, name).value = 0


async def _write_all(bus: Axil, generator: random.Random) -> dict[str, int]:
    """Write every stored register; return what was written."""
    values = {}
    for register in STORED:
        values[register.name] = _legal(register, generator)
        assert await bus.write(register.address, values[register.name]) == OKAY
    return values


def _active(dut) -> dict[str, int]:
    return {r.name: int(getattr(dut, f"cfg_{r.name}").value) for r in SHADOWED}


@cocotb.test()
async def every_register_reads_what_was_written_and_unknown_addresses_are_errors(dut) -> None:
    """All 1024 words of the space."""
    bus = await _start(dut)
    values = await _write_all(bus, random.Random(1))
    for register in STORED:
        data, response = await bus.read(register.address)
        assert (data, response) == (_read_back(register, values[register.name]), OKAY), register
        assert data != _read_back(register, values[register.name] ^ 1)
    known = {r.address for r in MAP.values()}
    writable = {
        r.address
        for r in MAP.values()
        if r.kind not in ("constant", "status", "counter", "latency")
    }
    for address in range(0, 1 << ADDRESS_BITS, 4):
        data, response = await bus.read(address)
        assert response == (OKAY if address in known else SLVERR), hex(address)
        assert data == 0 or address in known
        if address not in writable:
            assert await bus.write(address, 0xFFFFFFFF) == SLVERR, hex(address)
    for register in STORED:
        data, _ = await bus.read(register.address)
        assert data == _read_back(register, values[register.name])


@cocotb.test()
async def a_reset_ends_every_transfer_and_disables(dut) -> None:
    """Answers that wait, half a write, a set that is armed, a take that is being done."""
    bus = await _start(dut)
    assert await bus.write(MAP["table_address"].address, 5 << 12 | 77) == OKAY
    for name in ("enable", "frame", "request"):
        assert await bus.write(MAP[name].address, 1) == OKAY
    dut.take.value = 1
    write = cocotb.start_soon(bus.write(MAP["frame"].address, 2))
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.s_axil_arvalid.value = 1
    await RisingEdge(dut.clk)
    dut.s_axil_arvalid.value = 0
    write.cancel()
    dut.rst.value, dut.take.value = 1, 0
    bus = Axil(dut)
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    watcher = cocotb.start_soon(_port_writes(dut, 0))
    for _ in range(5):
        await ReadOnly()
        assert not dut.s_axil_bvalid.value
        assert not dut.s_axil_rvalid.value
        assert dut.rotation_ready.value
        assert not dut.armed.value
        await RisingEdge(dut.clk)
    await watcher
    for name in ("enable", "irq_enable", "request", "faults", "irq", "table_address"):
        assert await bus.read(MAP[name].address) == (0, OKAY), name
    assert await bus.write(MAP["step"].address, 9) == OKAY
    assert await bus.read(MAP["step"].address) == (9, OKAY)


@cocotb.test()
async def what_the_hardware_is_built_for_can_be_read(dut) -> None:
    """The constants, field by field."""
    bus = await _start(dut)
    fields = {}
    for name in ("identity", "size", "bounds", "tables"):
        data, response = await bus.read(MAP[name].address)
        assert response == OKAY
        for field in MAP[name].fields:
            fields[field.name] = (data >> field.low) & ((1 << field_bits(field, HW)) - 1)
    assert fields == {
        "value": 0x4B535431,
        "max_width": HW.max_width,
        "max_height": HW.max_height,
        "max_tracks": HW.max_tracks,
        "window": CONFIG.frontend.window,
        "max_levels": HW.max_levels,
        "cells": 60,
        "tile_px": HW.tile_px,
        "lens_table": HW.lens_table,
    }


@cocotb.test()
async def address_and_data_come_in_any_order_under_any_stall(dut) -> None:
    """Each order of AW and W, stalls of B and R, reads beside writes."""
    bus = await _start(dut)
    generator = random.Random(2)
    last: dict[int, int] = {}
    orders = [(0, 0), (0, 1), (1, 0), (0, 5), (5, 0), (2, 3), (3, 2)]
    for i in range(80):
        register = generator.choice(STORED)
        value = _legal(register, generator)
        first, second = orders[i % len(orders)]
        other = generator.choice(STORED)
        reader = cocotb.start_soon(
            bus.read(other.address, generator.randint(0, 4), generator.randint(0, 3))
        )
        delays = (first, second, generator.randint(0, 5))
        assert await bus.write(register.address, value, 15, delays) == OKAY
        data, response = await reader
        before = last.get(other.address)
        assert response == OKAY
        if other is not register and before is not None:
            assert data == _read_back(other, before)
        last[register.address] = value
        data, response = await bus.read(register.address, generator.randint(0, 3))
        assert (data, response) == (_read_back(register, value), OKAY)


@cocotb.test()
async def writes_without_a_pause_keep_their_order(dut) -> None:
    """Address and data offered in every cycle, answers always taken."""
    bus = await _start(dut)
    generator = random.Random(3)
    chosen = [generator.choice(STORED) for _ in range(60)]
    words = [(register, _legal(register, generator)) for register in chosen]

    async def addresses() -> None:
        for register, _ in words:
            await bus.offer("aw", {"addr": register.address})

    async def values() -> None:
        for _, value in words:
            await bus.offer("w", {"data": value, "strb": 15})

    begin = get_sim_time("ns")
    dut.s_axil_bready.value = 1
    tasks = [cocotb.start_soon(addresses()), cocotb.start_soon(values())]
    answers = 0
    while answers < len(words):
        await ReadOnly()
        answers += int(dut.s_axil_bvalid.value)
        await RisingEdge(dut.clk)
        assert get_sim_time("ns") - begin < 2 * 2.5 * len(words)
    dut.s_axil_bready.value = 0
    for task in tasks:
        await task
    for register, value in dict(words).items():
        assert (await bus.read(register.address))[0] == _read_back(register, value)


@cocotb.test()
async def partial_and_unaligned_transfers_are_refused(dut) -> None:
    """Byte strobes that are not all set, addresses between words."""
    bus = await _start(dut)
    at = MAP["moved2"].address
    assert await bus.write(at, 0x12345678) == OKAY
    for strobe in (0, 1, 7, 14):
        assert await bus.write(at, 0, strobe) == SLVERR
    for low in (1, 2, 3):
        assert await bus.write(at + low, 0) == SLVERR
        assert await bus.read(at + low) == (0, SLVERR)
    assert await bus.read(at) == (0x12345678, OKAY)


@cocotb.test()
async def a_set_is_taken_over_whole_or_not_at_all(dut) -> None:
    """Written, armed, disarmed, taken; writes in the cycle of a take."""
    bus = await _start(dut)
    generator = random.Random(4)

    async def armed() -> int:
        await ReadOnly()
        value = int(dut.armed.value)
        await RisingEdge(dut.clk)
        return value

    async def settle() -> None:
        await _pulse(dut, "take")
        for _ in range(15):
            await RisingEdge(dut.clk)
        await ReadOnly()
        assert dut.rotation_ready.value
        await RisingEdge(dut.clk)

    first = await _write_all(bus, generator)  # the frame number is not the last of these
    assert await bus.write(MAP["frame"].address, first["frame"]) == OKAY
    assert await armed()
    await settle()
    wanted = {r.name: first[r.name] & _mask(r) for r in SHADOWED}
    assert _active(dut) == wanted
    assert not await armed()
    second = await _write_all(bus, generator)
    assert _active(dut) == wanted
    assert not await armed()  # something was written behind the frame number
    await settle()
    assert _active(dut) == wanted
    assert (await bus.read(MAP["faults"].address))[0] == 1 << _fault("unarmed")
    assert await bus.write(MAP["frame"].address, 77) == OKAY
    assert await bus.write(MAP["rotation3"].address, 5) == OKAY
    assert not await armed()
    assert await bus.write(MAP["frame"].address, 78) == OKAY
    assert await bus.write(MAP["irq_enable"].address, 0) == OKAY  # not of the set
    assert await armed()
    await settle()
    wanted = {r.name: second[r.name] & _mask(r) for r in SHADOWED} | {"frame": 78}
    assert _active(dut) == wanted
    # A write that meets a take waits, and belongs to the next set.
    step, taken = wanted["step"], 0
    for wait in range(6):
        assert await bus.write(MAP["frame"].address, 80 + wait) == OKAY
        write = cocotb.start_soon(bus.write(MAP["step"].address, 100 + wait))
        for _ in range(wait):
            await RisingEdge(dut.clk)
        await settle()
        await write
        # Either the write came first and the set was incomplete, or it came after the take.
        if _active(dut)["frame"] == 80 + wait:
            wanted |= {"frame": 80 + wait, "step": step}
            taken += 1
        assert _active(dut) == wanted
        step = 100 + wait
        assert not await armed()
    assert 0 < taken < 6


def _fault(name: str) -> int:
    return next(f.low for f in MAP["faults"].fields if f.name == name)


async def _port_writes(dut, count: int, limit: int = 40) -> list[tuple[int, int, int]]:
    """Return (select, address, data) of the writes to the tables."""
    seen = []
    for _ in range(limit):
        await ReadOnly()
        if dut.w_valid.value:
            seen.append((int(dut.w_select.value), int(dut.w_address.value), int(dut.w_data.value)))
        await RisingEdge(dut.clk)
    assert len(seen) == count, seen
    return seen


@cocotb.test()
async def a_take_writes_the_rotation_to_matrix_0(dut) -> None:
    """Nine entries in order, sign-extended; not ready before the last is written."""
    bus = await _start(dut)
    entries = [-131072, 131071, -1, 0, 1, 65536, -65536, 4242, -4242]
    for i, entry in enumerate(entries):
        assert await bus.write(MAP[f"rotation{i}"].address, entry & 0xFFFFFFFF) == OKAY
    for i, entry in enumerate(entries):
        assert await bus.read(MAP[f"rotation{i}"].address) == (entry & 0xFFFFFFFF, OKAY)
    assert await bus.write(MAP["frame"].address, 1) == OKAY
    await _pulse(dut, "take")
    watcher = cocotb.start_soon(_port_writes(dut, 9))
    await ReadOnly()
    assert not dut.rotation_ready.value
    cycles = 0
    while not dut.rotation_ready.value:
        await RisingEdge(dut.clk)
        await ReadOnly()
        cycles += 1
    assert cycles == 10
    assert await watcher == [(6, i, entry & 0xFFFFFF) for i, entry in enumerate(entries)]
    await RisingEdge(dut.clk)
    await _pulse(dut, "take")  # not armed: the matrix stays
    assert await _port_writes(dut, 0) == []

    # The projection unit writes matrices itself now and then: none in the cycle after it says so.
    generator = random.Random(3)
    assert await bus.write(MAP["frame"].address, 2) == OKAY
    await _pulse(dut, "take")
    seen: list[tuple[int, int, int]] = []
    hold = held = False
    for _ in range(60):
        await RisingEdge(dut.clk)
        held, hold = hold, generator.random() < 0.6
        dut.w_hold.value = hold
        await ReadOnly()
        if dut.w_valid.value:
            assert not held
            seen.append((int(dut.w_select.value), int(dut.w_address.value), int(dut.w_data.value)))
        assert bool(dut.rotation_ready.value) == (len(seen) == 9 and not dut.w_valid.value)
    assert seen == [(6, i, entry & 0xFFFFFF) for i, entry in enumerate(entries)]


@cocotb.test()
async def tables_are_written_through_their_window_while_unlocked(dut) -> None:
    """Addresses count up; enabled or busy, the write is refused and says so."""
    bus = await _start(dut)
    watcher = cocotb.start_soon(_port_writes(dut, 3, 60))
    assert await bus.write(MAP["table_address"].address, 4 << 12 | 127) == OKAY
    for value in (5, 0xFFFFFE, 0x1234567):
        assert await bus.write(MAP["table_data"].address, value) == OKAY
    assert await watcher == [(4, 127, 5), (4, 128, 0xFFFFFE), (4, 129, 0x234567)]
    assert (await bus.read(MAP["table_address"].address))[0] == 4 << 12 | 130
    assert await bus.write(MAP["width"].address, 640) == OKAY
    locked = [MAP["table_data"], *(r for r in MAP.values() if r.kind == "static")]
    for cause in ("enable", "busy"):
        assert await bus.write(MAP["enable"].address, int(cause == "enable")) == OKAY
        dut.status_busy.value = int(cause == "busy")
        for register in locked:
            assert await bus.write(MAP["faults"].address, ALL_FAULTS) == OKAY
            watcher = cocotb.start_soon(_port_writes(dut, 0))
            assert await bus.write(register.address, 96) == SLVERR
            await watcher
            assert (await bus.read(MAP["faults"].address))[0] == 1 << _fault("refused")
    assert int(dut.cfg_width.value) == 640
    dut.status_busy.value = 0
    assert await bus.write(MAP["width"].address, 256) == OKAY
    assert int(dut.cfg_width.value) == 256
    assert (await bus.read(MAP["table_address"].address))[0] == 4 << 12 | 130


@cocotb.test()
async def faults_and_interrupts_stay_until_they_are_cleared(dut) -> None:
    """Each event sets its bit and its interrupt; an event in the cycle of the clearing wins."""
    bus = await _start(dut)
    at, irq = MAP["faults"].address, MAP["irq"].address
    for field in MAP["faults"].fields:
        if field.name in INTERNAL_FAULTS:
            continue
        await _pulse(dut, f"event_{field.name}")
        assert await bus.read(at) == (1 << field.low, OKAY), field
        wanted = 2 * (field.name in DROP_FAULTS) + 4 * (field.name in STREAM_FAULTS)
        assert await bus.read(irq) == (wanted, OKAY), field
        assert not dut.irq.value  # not let through
        assert await bus.write(at, ALL_FAULTS & ~(1 << field.low)) == OKAY
        assert await bus.read(at) == (1 << field.low, OKAY)
        assert await bus.write(at, 1 << field.low) == OKAY
        assert await bus.read(at) == (0, OKAY)
        assert await bus.write(irq, 7) == OKAY
    for bit, event in ((1, "last_track"), (2, "drop"), (4, "short_right")):
        assert await bus.write(MAP["irq_enable"].address, bit) == OKAY
        await _pulse(dut, f"event_{event}")
        for _ in range(2):
            await RisingEdge(dut.clk)
        await ReadOnly()
        assert dut.irq.value
        await RisingEdge(dut.clk)
        assert await bus.write(irq, bit) == OKAY
        for _ in range(2):
            await RisingEdge(dut.clk)
        await ReadOnly()
        assert not dut.irq.value
        await RisingEdge(dut.clk)
    assert await bus.write(at, ALL_FAULTS) == OKAY
    dut.event_camera.value = 1
    assert await bus.write(at, ALL_FAULTS) == OKAY
    assert await bus.read(at) == (1 << _fault("camera"), OKAY)
    dut.event_camera.value = 0


@cocotb.test()
async def requests_stay_until_they_are_done_and_a_reset_is_one_cycle(dut) -> None:
    """Forget and skip, each alone; done in the cycle of a new request keeps the request."""
    bus = await _start(dut)
    names = [f.name for f in MAP["request"].fields]
    for i, name in enumerate(names):
        assert await bus.write(MAP["request"].address, 1 << i) == OKAY
        assert await bus.read(MAP["request"].address) == (1 << i, OKAY)
        assert [int(getattr(dut, f"request_{n}").value) for n in names] == [
            int(n == name) for n in names
        ]
        await _pulse(dut, f"done_{name}")
        assert await bus.read(MAP["request"].address) == (0, OKAY)
    pulses = []

    async def watch() -> None:
        for _ in range(30):
            await ReadOnly()
            pulses.append(int(dut.command_reset.value))
            await RisingEdge(dut.clk)

    for value, wanted in ((1, 1), (0, 0), (2, 0)):
        pulses.clear()
        watcher = cocotb.start_soon(watch())
        assert await bus.write(MAP["reset"].address, value) == OKAY
        await watcher
        assert sum(pulses) == wanted
    assert await bus.read(MAP["reset"].address) == (0, OKAY)


@cocotb.test()
async def counters_count_what_they_say(dut) -> None:
    """Random inputs of every counter, and the status."""
    bus = await _start(dut)
    generator = random.Random(5)
    counters = [r for r in MAP.values() if r.kind == "counter" and r.name != "count_cycles"]
    before = {r.name: (await bus.read(r.address))[0] for r in counters}
    assert set(before.values()) == {0}
    wanted = dict.fromkeys(before, 0)
    for _ in range(200):
        for register in counters:
            value = generator.getrandbits(register.counts)
            getattr(dut, register.signal).value = value
            wanted[register.name] += value
        await RisingEdge(dut.clk)
    for register in counters:
        getattr(dut, register.signal).value = 0
    got = {r.name: (await bus.read(r.address))[0] for r in counters}
    assert got == wanted
    assert len(set(got.values())) > len(got) // 2  # they are not all the same one
    cycles = (await bus.read(MAP["count_cycles"].address))[0]
    begin = get_sim_time("ns")
    for _ in range(10):
        await RisingEdge(dut.clk)
    again = (await bus.read(MAP["count_cycles"].address))[0]
    assert again - cycles == (get_sim_time("ns") - begin) / 2
    dut.status_tracks.value, dut.status_keyframe.value = 173, 1
    dut.status_done_frame.value, dut.status_busy.value = 0xCAFE, 1
    dut.status_latency.value = 77
    assert await bus.read(MAP["latency"].address) == (77, OKAY)
    assert await bus.read(MAP["status"].address) == (173 << 16 | 5, OKAY)
    assert await bus.read(MAP["done_frame"].address) == (0xCAFE, OKAY)


@cocotb.test()
async def counters_stay_exact_while_all_count_and_one_is_read(dut) -> None:
    """As much as can be counted in each cycle, reads without a pause; a reset clears them all."""
    bus = await _start(dut)
    counters = [r for r in MAP.values() if r.kind == "counter" and r.name != "count_cycles"]
    most = {r.name: (1 << r.counts) - 1 for r in counters}
    begin = get_sim_time("ns")
    for register in counters:
        getattr(dut, register.signal).value = most[register.name]
    for i in range(150):
        await bus.read(counters[i % 2].address)
    for register in counters:
        getattr(dut, register.signal).value = 0
    cycles = round((get_sim_time("ns") - begin) / 2)
    assert cycles > 300
    got = {r.name: (await bus.read(r.address))[0] for r in counters}
    assert got == {name: value * cycles for name, value in most.items()}
    await reset(dut)
    for register in reversed(counters):
        assert await bus.read(register.address) == (0, OKAY), register


@cocotb.test()
async def what_lies_outside_of_a_register_s_limits_is_refused_and_said(dut) -> None:
    """Just outside on either side and between two steps; the ends themselves are taken."""
    bus = await _start(dut)
    at, illegal = MAP["faults"].address, 1 << _fault("illegal")
    limited = [r for r in MAP.values() if r.limits is not None]
    assert len(limited) > 20
    for register in limited:
        least, largest, step = _limits(register)
        for value in (least, largest):
            assert await bus.write(register.address, value) == OKAY, (register.name, value)
            assert await bus.read(register.address) == (value, OKAY)
        assert await bus.read(at) == (0, OKAY)
        wrong = {least - 1, largest + 1, least + step // 2, 1 << 31}
        for value in sorted(v for v in wrong if 0 <= v < 1 << 32):
            if least <= value <= largest and value % step == 0:
                continue
            assert await bus.write(register.address, value) == SLVERR, (register.name, value)
            assert await bus.read(register.address) == (largest, OKAY)
            assert await bus.read(at) == (illegal, OKAY)
            assert await bus.write(at, illegal) == OKAY


@cocotb.test()
async def a_table_waits_while_the_projection_unit_writes_its_matrices(dut) -> None:
    """A write of table_data is done behind w_hold, none is lost; others do not wait."""
    bus = await _start(dut)
    assert await bus.write(MAP["table_address"].address, 6 << 12 | 16) == OKAY
    for begin in range(6):
        written: list[tuple[int, int, int]] = []
        write = cocotb.start_soon(bus.write(MAP["table_data"].address, 1000 + begin))
        held = False
        for cycle in range(40):
            hold = begin <= cycle < begin + 20
            dut.w_hold.value = hold
            await ReadOnly()
            if dut.w_valid.value:
                assert not held
                signals = (dut.w_select, dut.w_address, dut.w_data)
                written.append(tuple(int(s.value) for s in signals))
            held = hold
            await RisingEdge(dut.clk)
        assert await write == OKAY
        assert written == [(6, 16 + begin, 1000 + begin)]
    dut.w_hold.value = 1
    assert await bus.write(MAP["step"].address, 9) == OKAY
    dut.w_hold.value = 0


@cocotb.test()
async def the_driver_brings_the_golden_values_into_the_hardware(dut) -> None:
    """Configuration, tables and a frame's set through vio/hw/registers/driver.py."""
    bus = await _start(dut)
    rig = make_rig()
    written: list[tuple[int, int, int]] = []

    async def watch() -> None:
        while True:
            await ReadOnly()
            if dut.w_valid.value:
                signals = (dut.w_select, dut.w_address, dut.w_data)
                written.append(tuple(int(s.value) for s in signals))
            await RisingEdge(dut.clk)

    watcher = cocotb.start_soon(watch())

    @resume
    async def read32(address: int) -> int:
        data, response = await bus.read(address)
        if response != OKAY:
            raise VioError(f"read of {address:#x} failed")
        return data

    @resume
    async def write32(address: int, value: int) -> None:
        if await bus.write(address, value) != OKAY:
            raise VioError(f"write of {address:#x} failed")

    R = np.array([[0.99, -0.1, 0.05], [0.1, 0.995, -0.02], [-0.05, 0.02, 0.9985]])

    def drive() -> Driver:
        driver = Driver(read32, write32, CONFIG, rig)
        driver.configure()
        driver.begin_frame(41, R)
        return driver

    driver = await bridge(drive)()
    assert int(dut.control_enable.value) == 1
    tables = [
        (select, first + i, value & 0xFFFFFF)
        for select, first, values in table_values(CONFIG, rig)
        for i, value in enumerate(values)
    ]
    assert written == tables
    written.clear()
    await _pulse(dut, "take")
    for _ in range(12):
        await RisingEdge(dut.clk)
    values = register_values(CONFIG, rig)
    got = {name: int(getattr(dut, f"cfg_{name}").value) for name in values}
    assert got == values
    assert got != {**values, "step": values["step"] + 1}
    assert (int(dut.cfg_frame.value), int(dut.cfg_seed.value)) == (41, 42)
    assert [data for _, _, data in written] == [round(x * 65536) & 0xFFFFFF for x in R.ravel()]
    await _pulse(dut, "event_cut_left")
    await _pulse(dut, "take")
    names = await bridge(driver.faults)()
    assert names == ["cut_left", "unarmed"]
    assert await bridge(driver.faults)() == []
    assert await bridge(driver.interrupts)() == ["stream"]
    counters = await bridge(driver.counters)()
    assert counters["frames"] == 0
    assert counters["cycles"] > 1000
    watcher.cancel()


@pytest.mark.parametrize("simulator", simulators())
def test_registers(simulator: str) -> None:
    """All tests of this file on one build."""
    simulate("registers", __name__, simulator=simulator)


@pytest.mark.parametrize(
    ("stem", "parameter"),
    [
        ("axi_lite", "ADDRESS_W=2"),
        ("registers", "ITERATION_W=3"),
        ("registers", "DRAW_W=6"),
        ("registers", "TRACK_W=7"),
        ("registers", "SCORE_W=16"),
    ],
)
def test_a_bad_parameter_stops_the_elaboration(stem: str, parameter: str) -> None:
    assert "bad_parameter" in lint(stem, parameter)
