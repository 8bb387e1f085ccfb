# SPDX-License-Identifier: Apache-2.0
"""i2c_master.v against a camera that sees its wires alone, and camera_trigger.v."""

import random
from itertools import pairwise

import cocotb
import pytest
from cocotb.triggers import Edge, First, ReadOnly, RisingEdge, Timer

from sim.runner import simulate, simulators_for
from sim.streams import reset

QUARTER = 5
DEVICE = 0x48  # MT9V034 with both address pins low


class I2cCamera:
    """Watch SCL and SDA, keep 16-bit registers, and pull SDA low where the rules ask for it."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.registers: dict[int, int] = {}
        self.events: list[str] = []
        self._pull = 0
        cocotb.start_soon(self._run())

    def _wires(self) -> tuple[int, int]:
        d = self.dut
        return int(d.scl_low.value != 1), int(d.sda_low.value != 1 and not self._pull)

    def _set(self, pull: int) -> None:
        self._pull = pull
        self.dut.sda.value = int(self.dut.sda_low.value != 1 and not pull)

    async def _run(self) -> None:
        d = self.dut
        self._set(0)
        scl, sda = 1, 1
        bits: list[int] = []
        data: list[int] = []  # bytes since the start
        sending: list[int] = []  # bits to send
        state, register = "idle", 0
        while True:
            await First(Edge(d.scl_low), Edge(d.sda_low))
            await Timer(1, "ps")  # both have settled
            self._set(self._pull)
            now_scl, now_sda = self._wires()
            if scl and now_scl and sda != now_sda:
                assert state != "acknowledge", "SDA changed while an acknowledge was read"
                if now_sda:
                    self.events.append("stop")
                    state = "idle"
                else:
                    self.events.append("start")
                    state, bits, data = "receive", [], []
                self._set(0)
            elif now_scl and not scl:  # rising: both sides read
                if state == "receive":
                    bits.append(now_sda)
                elif state == "master acknowledges":
                    state = "send" if now_sda == 0 else "done"
                    self.events.append("ack" if now_sda == 0 else "nack")
            elif scl and not now_scl:  # falling: data change
                if state == "receive" and len(bits) == 8:
                    data.append(int("".join(map(str, bits)), 2))
                    bits = []
                    mine = data[0] >> 1 == DEVICE
                    self._set(int(mine))
                    state = "acknowledge" if mine else "done"
                elif state == "acknowledge":
                    self._set(0)
                    state = "receive"
                    if data[0] & 1:
                        value = self.registers.get(register, 0)
                        sending = [value >> i & 1 for i in range(15, -1, -1)]
                        state = "send"
                    elif len(data) == 2:
                        register = data[1]
                    elif len(data) == 4:
                        self.registers[register] = data[2] << 8 | data[3]
                elif state == "sent":
                    self._set(0)
                    state = "master acknowledges"
                if state == "send":
                    self._set(int(not sending.pop(0)))
                    if len(sending) % 8 == 0:
                        state = "sent"
            scl, sda = now_scl, self._wires()[1]


async def _transfer(dut, read: bool, register: int, data: int = 0, device: int = DEVICE) -> tuple:
    dut.s_read.value, dut.s_device.value = int(read), device
    dut.s_register.value, dut.s_data.value, dut.s_valid.value = register, data, 1
    await RisingEdge(dut.clk)
    dut.s_valid.value = 0
    for _ in range(300 * QUARTER):
        await RisingEdge(dut.clk)
        await ReadOnly()
        if dut.s_ready.value:
            got = bool(dut.failed.value), int(dut.data.value)
            await RisingEdge(dut.clk)
            return got
    raise AssertionError("the transfer never ends")


@cocotb.test()
async def registers_are_written_and_read_as_the_camera_has_them(dut) -> None:
    camera = I2cCamera(dut)
    dut.s_valid.value = 0
    await reset(dut)
    generator = random.Random(2)
    model: dict[int, int] = {}
    for _ in range(40):
        register, data = generator.choice((0x00, 0x0D, 0x70, 0xFF)), generator.getrandbits(16)
        if generator.random() < 0.5:
            failed, _ = await _transfer(dut, False, register, data)
            assert not failed
            model[register] = data
        else:
            assert await _transfer(dut, True, register) == (False, model.get(register, 0))
        assert camera.registers == model
    assert camera.events.count("stop") == 40


@cocotb.test()
async def a_camera_that_is_not_there_is_said_and_the_bus_is_let_go(dut) -> None:
    camera = I2cCamera(dut)
    dut.s_valid.value = 0
    await reset(dut)
    for read in (False, True):
        camera.events.clear()
        assert (await _transfer(dut, read, 0x0D, 0x1234, device=0x5C))[0]
        assert camera.events == ["start", "stop"]
        assert not dut.scl_low.value
        assert not dut.sda_low.value
    assert camera.registers == {}
    assert not (await _transfer(dut, False, 0x0D, 0x1234))[0]
    assert camera.registers == {0x0D: 0x1234}


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_i2c_master(simulator: str, preset: str) -> None:
    simulate(
        "i2c_master",
        "sim.board.test_camera_setup",
        only="registers_are|a_camera",
        parameters={"QUARTER": QUARTER},
        simulator=simulator,
    )


@cocotb.test()
async def pulses_have_their_period_width_count_and_time(dut) -> None:
    await reset(dut)
    now, begins, ends, before = 0, [], [], 0
    plan = {0: (0, 1), 10: (50, 7), 300: (33, 1), 500: (0, 1), 620: (5, 4)}
    for cycle in range(900):
        if cycle in plan:
            dut.period.value, dut.width.value = plan[cycle]
        dut.now.value = now
        await RisingEdge(dut.clk)
        await ReadOnly()
        level = int(dut.trigger.value)
        if level and not before:
            begins.append(cycle)
            assert int(dut.count.value) == len(begins)
            assert int(dut.last.value) == now
        if before and not level:
            ends.append(cycle)
        before, now = level, now + 1
        await Timer(1, "ps")
    gaps = [b - a for a, b in pairwise(begins)]
    first = [b for b in begins if b < 300]
    assert begins[0] == 10
    assert gaps[: len(first) - 1] == [50] * (len(first) - 1)
    assert [b - a for a, b in zip(begins, ends, strict=False)][: len(first)] == [7] * len(first)
    later = [b for b in begins if 350 < b < 500]
    assert {b - a for a, b in pairwise(later)} == {33}
    assert not [b for b in begins if 533 < b < 620], "a pulse without a period"
    last = [b for b in begins if b >= 620]
    assert {b - a for a, b in pairwise(last)} == {5}


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_camera_trigger(simulator: str, preset: str) -> None:
    simulate(
        "camera_trigger", "sim.board.test_camera_setup", only="pulses_have", simulator=simulator
    )
