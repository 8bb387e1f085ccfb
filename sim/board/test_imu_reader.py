# SPDX-License-Identifier: Apache-2.0
"""imu_reader.v against a sensor that sees its wires alone: samples, times, set-up, what is lost."""

import random

import cocotb
import pytest
from cocotb.triggers import Edge, FallingEdge, First, ReadOnly, RisingEdge, Timer

from sim.runner import simulate, simulators_for
from sim.streams import receive, reset

HALF = 4
BURST = 0x1F  # of an ICM-42688-P: six accelerations and rates, high byte first


class Sensor:
    """Answer in SPI mode 3 from registers of a byte."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.registers = {i: i * 7 & 0xFF for i in range(128)}
        dut.imu_int.value = dut.imu_miso.value = 0
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        d = self.dut
        while True:
            await FallingEdge(d.imu_cs_n)
            assert int(d.imu_sck.value) == 1, "mode 3 idles high"
            bits: list[int] = []
            address, reading, out = 0, False, 0
            while True:
                await First(Edge(d.imu_sck), RisingEdge(d.imu_cs_n))
                if int(d.imu_cs_n.value):
                    break
                if int(d.imu_sck.value):
                    bits.append(int(d.imu_mosi.value))
                    if len(bits) == 8:
                        head = int("".join(map(str, bits)), 2)
                        reading, address = bool(head & 0x80), head & 0x7F
                    elif len(bits) == 16 and not reading:
                        self.registers[address] = int("".join(map(str, bits[8:])), 2)
                elif len(bits) >= 8 and reading:
                    at = len(bits) - 8
                    out = self.registers[address + at // 8 & 0x7F] >> (7 - at % 8) & 1
                    await Timer(1900, "ps")  # the sensor is slow: nearly a cycle
                    d.imu_miso.value = out
            assert len(bits) % 8 == 0, "an access was cut"


async def _single(dut, read: bool, address: int, data: int = 0) -> int:
    dut.s_read.value, dut.s_address.value, dut.s_data.value = int(read), address, data
    dut.s_valid.value = 1
    await RisingEdge(dut.clk)
    dut.s_valid.value = 0
    for _ in range(2000):
        await RisingEdge(dut.clk)
        await ReadOnly()
        if dut.s_ready.value:
            got = int(dut.data.value)
            await RisingEdge(dut.clk)
            return got
    raise AssertionError("the access never ends")


async def _start(dut) -> Sensor:
    for name in ("s_valid", "m_axis_tready", "enable"):
        getattr(dut, name).value = 0
    dut.burst.value = BURST
    sensor = Sensor(dut)
    await reset(dut)

    async def count() -> None:
        now = 2**32 - 500
        while True:
            dut.now.value = now
            await RisingEdge(dut.clk)
            now += 1

    cocotb.start_soon(count())
    for _ in range(3):
        await RisingEdge(dut.clk)
    return sensor


@cocotb.test()
async def registers_are_written_and_read_back(dut) -> None:
    sensor = await _start(dut)
    generator = random.Random(4)
    for _ in range(12):
        address, data = generator.randrange(128), generator.randrange(256)
        await _single(dut, False, address, data)
        assert sensor.registers[address] == data
        assert await _single(dut, True, address) == data


@cocotb.test()
async def a_sample_has_its_bytes_and_the_time_of_its_edge(dut) -> None:
    sensor = await _start(dut)
    dut.enable.value = 1
    generator = random.Random(6)
    for i in range(8):
        values = [generator.randrange(256) for _ in range(12)]
        for at, value in enumerate(values):
            sensor.registers[BURST + at] = value
        if i % 3 == 2:  # the edge comes while a single access is under way
            cocotb.start_soon(_single(dut, True, 0x75))
            await Timer(50, "ns")
            await RisingEdge(dut.clk)
        edge = int(dut.now.value)
        dut.imu_int.value = 1
        words = [w["data"] for w in await receive(dut, 5, ["data"], prefix="m_axis_t", limit=5000)]
        dut.imu_int.value = 0
        time = words[0] | words[1] << 32
        assert 1 <= time - edge <= 4
        assert words[2:] == [
            int.from_bytes(bytes(values[4 * k : 4 * k + 4]), "big") for k in range(3)
        ]
        await Timer(100, "ns")
        await RisingEdge(dut.clk)


@cocotb.test()
async def a_sample_that_comes_too_soon_is_counted(dut) -> None:
    await _start(dut)
    dut.enable.value = 1
    lost = 0

    async def watch() -> None:
        nonlocal lost
        while True:
            await RisingEdge(dut.clk)
            await ReadOnly()
            lost += int(dut.event_lost.value)

    cocotb.start_soon(watch())
    for _ in range(4):  # the queue takes nothing: one is held, one is read again and again
        dut.imu_int.value = 1
        await Timer(1000, "ns")
        dut.imu_int.value = 0
        await Timer(3000, "ns")
    assert lost == 2
    await RisingEdge(dut.clk)
    await receive(dut, 10, ["data"], prefix="m_axis_t", limit=5000)
    assert lost == 2


@cocotb.test()
async def nothing_is_read_while_disabled(dut) -> None:
    await _start(dut)
    for _ in range(3):
        dut.imu_int.value = 1
        await Timer(500, "ns")
        dut.imu_int.value = 0
        await Timer(500, "ns")
    assert not dut.m_axis_tvalid.value
    assert int(dut.imu_cs_n.value) == 1


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_imu_reader(simulator: str, preset: str) -> None:
    simulate(
        "imu_reader", "sim.board.test_imu_reader", parameters={"HALF": HALF}, simulator=simulator
    )
