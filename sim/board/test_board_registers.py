# SPDX-License-Identifier: Apache-2.0
"""board_registers.v is what vio/hw/registers/board.py says: access, fields, queues, commands."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.runner import simulate, simulators_for
from sim.streams import reset
from vio.hw.registers.board import BOARD_BASE, BOARD_IDENTITY, board_map
from vio.hw.registers.map import Register, register_map

MAP = {register.name: register for register in board_map()}
BUILD = 0x1234ABCD
STATUS = {
    "trigger_count": "trigger_count",
    "trigger_time": "trigger_last",
    "track_length": "track_length",
    "sample_length": "sample_length",
}
QUEUES = {"track_data": "track", "sample_data": "sample"}
COMMANDS = {"i2c": "i2c", "imu": "imu"}


def _mask(register: Register) -> int:
    return sum(((1 << int(f.bits)) - 1) << f.low for f in register.fields)


async def _access(dut, address: int, write: int | None = None) -> tuple[int, int]:
    dut.s_valid.value, dut.s_address.value = 1, address
    dut.s_write.value, dut.s_data.value = int(write is not None), write or 0
    await ReadOnly()
    assert dut.s_ready.value
    got = int(dut.s_read.value), int(dut.s_error.value)
    await RisingEdge(dut.clk)
    dut.s_valid.value = 0
    await ReadOnly()
    await RisingEdge(dut.clk)
    return got


def _at(name: str) -> int:
    return MAP[name].address - BOARD_BASE


async def _start(dut) -> None:
    for name in ("s_valid", "s_write", "track_valid", "sample_valid", "event_sample_lost"):
        getattr(dut, name).value = 0
    for name in (*STATUS.values(), "track_data", "sample_data", "i2c_data", "imu_data"):
        getattr(dut, name).value = 0
    dut.i2c_ready.value = dut.imu_ready.value = 1
    dut.i2c_failed.value = 0
    await reset(dut)


@cocotb.test()
async def each_register_can_be_read_and_written_as_its_kind_says(dut) -> None:
    await _start(dut)
    generator = random.Random(1)
    known = {_at(name) for name in MAP}
    for address in range(0, 0x400):
        if address not in known:
            assert await _access(dut, address) == (0, 1)
            assert await _access(dut, address, 0xFFFFFFFF) == (0, 1)
    assert await _access(dut, 0x4000) == (0, 1)
    assert await _access(dut, _at("identity")) == (BOARD_IDENTITY, 0)
    assert await _access(dut, _at("build")) == (BUILD, 0)
    for name, register in MAP.items():
        if register.kind in ("constant", "status", "pop"):
            assert (await _access(dut, _at(name), 1))[1] == 1, name
        if register.kind == "control":
            for value in (0xFFFFFFFF, generator.getrandbits(32), 0):
                assert (await _access(dut, _at(name), value))[1] == 0
                assert await _access(dut, _at(name)) == (value & _mask(register), 0), name
    for name, port in STATUS.items():
        value = generator.getrandbits(32) & _mask(MAP[name])
        getattr(dut, port).value = value
        assert await _access(dut, _at(name)) == (value, 0)
    assert set(STATUS) | {"time_low", "time_high", "sample_lost"} == {
        name for name, register in MAP.items() if register.kind == "status"
    }


@cocotb.test()
async def a_read_of_a_queue_takes_one_word_and_an_empty_one_refuses(dut) -> None:
    await _start(dut)
    for name, queue in QUEUES.items():
        take = getattr(dut, f"{queue}_take")
        getattr(dut, f"{queue}_data").value = 0xCAFE0001
        assert await _access(dut, _at(name)) == (0, 1)
        getattr(dut, f"{queue}_valid").value = 1
        dut.s_valid.value, dut.s_write.value, dut.s_address.value = 1, 0, _at(name)
        await ReadOnly()
        assert (int(take.value), int(dut.s_read.value), int(dut.s_error.value)) == (
            1,
            0xCAFE0001,
            0,
        )
        await RisingEdge(dut.clk)
        dut.s_valid.value = 0
        await ReadOnly()
        assert not take.value
        await RisingEdge(dut.clk)
    assert set(QUEUES) == {name for name, register in MAP.items() if register.kind == "pop"}


@cocotb.test()
async def a_command_is_given_once_and_refused_while_busy(dut) -> None:
    await _start(dut)
    for name, block in COMMANDS.items():
        ready = getattr(dut, f"{block}_ready")
        dut.s_valid.value, dut.s_write.value = 1, 1
        dut.s_address.value, dut.s_data.value = _at(name), 0x91234567
        await ReadOnly()
        assert (int(getattr(dut, f"{block}_valid").value), int(dut.command.value)) == (
            1,
            0x91234567,
        )
        await RisingEdge(dut.clk)
        ready.value = 0
        await ReadOnly()
        assert not getattr(dut, f"{block}_valid").value
        assert dut.s_error.value
        await RisingEdge(dut.clk)
        dut.s_valid.value = 0
        fields = {f.name: f for f in MAP[name].fields}
        getattr(dut, f"{block}_data").value = 0x5A
        busy, error = await _access(dut, _at(name))
        assert error == 0
        assert busy == 1 << fields["busy"].low | 0x5A
        ready.value = 1
        if "failed" in fields:
            dut.i2c_failed.value = 1
            assert (await _access(dut, _at(name)))[0] == 1 << fields["failed"].low | 0x5A
    assert set(COMMANDS) == {n for n, register in MAP.items() if register.kind == "command"}


@cocotb.test()
async def time_is_read_in_two_halves_that_belong_together(dut) -> None:
    await _start(dut)
    low, _ = await _access(dut, _at("time_low"))
    again, _ = await _access(dut, _at("time_low"))
    assert again == low + 2  # an access of this test takes two cycles
    dut.now_q.value = 2**32 - 1
    await RisingEdge(dut.clk)
    await ReadOnly()
    now = int(dut.now.value)
    await RisingEdge(dut.clk)
    low, _ = await _access(dut, _at("time_low"))
    for _ in range(3):
        await RisingEdge(dut.clk)
    high, _ = await _access(dut, _at("time_high"))
    assert high << 32 | low == now + 1
    dut.event_sample_lost.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.event_sample_lost.value = 0
    await RisingEdge(dut.clk)
    assert await _access(dut, _at("sample_lost")) == (3, 0)


def test_the_boards_registers_do_not_meet_the_chips() -> None:
    board = [register.address for register in board_map()]
    assert len(set(board)) == len(board)
    assert min(board) > max(register.address for register in register_map())


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_board_registers(simulator: str, preset: str) -> None:
    simulate(
        "board_registers",
        "sim.board.test_board_registers",
        parameters={"BUILD": BUILD},
        simulator=simulator,
    )
