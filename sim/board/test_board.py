# SPDX-License-Identifier: Apache-2.0
"""board.v without a front end: every wire between host, registers, cameras and sensor, in use."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from sim.board.host import REFUSED, Terminal, start_board
from sim.cameras import Camera
from sim.runner import simulate, simulators_for
from vio.hw.registers.board import BOARD_IDENTITY, board_map

AT = {register.name: register.address for register in board_map()}
BUILD = 0x600DB17D
DIVIDE = 20
SHAPE = (6, 16)


@cocotb.test()
async def both_links_reach_the_boards_registers_and_no_chip(dut) -> None:
    cameras = [Camera(dut, side) for side in ("left_", "right_")]
    host = await start_board(dut)
    assert await host.read(AT["identity"], 2, step=True) == [BOARD_IDENTITY, BUILD]
    terminal = Terminal(dut, DIVIDE * 2000)
    answer = cocotb.start_soon(terminal.receive(5))
    await terminal.send([0xC0, *AT["build"].to_bytes(2, "big"), 0, 0, 0, 0])
    assert await answer == [0x80, *BUILD.to_bytes(4, "big")]
    assert await host.read(0x0000) == [0]
    assert await host.status() & REFUSED
    low, high = await host.read(AT["time_low"], 2, step=True)
    assert low > 0
    assert high == 0
    del cameras


@cocotb.test()
async def triggers_the_cameras_bus_and_the_sensor_are_the_hosts(dut) -> None:
    cameras = [Camera(dut, side) for side in ("left_", "right_")]
    host = await start_board(dut)
    await host.write(AT["trigger_period"], [300, 20], step=True)
    rises, highs, before = 0, 0, 0
    for _ in range(1500):
        await RisingEdge(dut.clk)
        await ReadOnly()
        level = int(dut.camera_trigger.value)
        rises, highs, before = rises + (level and not before), highs + level, level
    assert 4 <= rises <= 6
    assert 4 * 20 <= highs <= 6 * 20
    await Timer(1, "ps")
    await host.write(AT["trigger_period"], [0])
    (count,) = await host.read(AT["trigger_count"])
    assert count >= rises
    await host.write(AT["i2c"], [0x48 << 25 | 0x0D << 16 | 0x1234])
    assert (await host.read(AT["i2c"]))[0] >> 31 == 1  # under way
    for _ in range(200):
        (word,) = await host.read(AT["i2c"])
        if not word >> 31:
            break
        await Timer(1, "us")
    assert word >> 30 & 1  # nobody acknowledged
    dut.imu_miso.value = 1
    await host.write(AT["imu"], [1 << 15 | 0x75 << 8])
    await Timer(2, "us")
    assert await host.read(AT["imu"]) == [0xFF]
    await host.write(AT["imu_setup"], [1 << 8 | 0x1F])
    dut.imu_int.value = 1
    await Timer(4, "us")
    (now,) = await host.read(AT["time_low"])
    assert await host.status() & 0b111 == 0b100
    assert await host.read(AT["sample_length"]) == [5]
    words = await host.read(AT["sample_data"], 5)
    assert words[1:] == [0] + [0xFFFFFFFF] * 3
    assert 0 < words[0] < now
    assert await host.read(AT["sample_length"]) == [0]
    del cameras


@cocotb.test()
async def frames_of_both_cameras_arrive_with_their_time(dut) -> None:
    cameras = [Camera(dut, side) for side in ("left_", "right_")]
    host = await start_board(dut)
    starts: list[int] = []

    async def watch() -> None:
        while True:
            await RisingEdge(dut.clk)
            if dut.left_valid.value and dut.left_ready.value and int(dut.left_user.value) & 1:
                starts.append(int(dut.now.value))

    cocotb.start_soon(watch())
    generator = np.random.default_rng(1)
    frames = generator.integers(0, 256, (3, 2, *SHAPE), dtype=np.uint8)
    for pair in frames:
        tasks = [cocotb.start_soon(c.frame(list(f))) for c, f in zip(cameras, pair, strict=True)]
        for task in tasks:
            await task
    await Timer(2, "us")
    assert int(dut.host_irq.value) == 1
    assert await host.status() & 0b111 == 0b010
    begun = []
    for index in range(2):  # the third ends with the next one's start
        assert await host.read(AT["track_length"]) == [9]
        words = await host.read(AT["track_data"], 9)
        size = SHAPE[0] << 16 | SHAPE[1]
        left, right = (int(frames[index, side].sum()) for side in (0, 1))
        assert words[:2] == [0x53554D31, index]
        assert words[3:5] == [size, left]
        # The right frame ends with its next start, which may come behind the left one's.
        earlier = int(frames[index - 1, 1].sum()) if index else 0
        assert words[6] in (right, earlier)
        begun.append(words[7] | words[8] << 32)
    assert await host.read(AT["track_length"]) == [0]
    assert int(dut.host_irq.value) == 0
    assert len(starts) == 3
    assert begun == starts[:2]


@pytest.mark.slow
@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_board(simulator: str, preset: str) -> None:
    simulate(
        "board",
        "sim.board.test_board",
        parameters={"FRONT_END": 0, "BUILD": BUILD, "UART_DIVIDE": DIVIDE},
        simulator=simulator,
    )
