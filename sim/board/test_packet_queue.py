# SPDX-License-Identifier: Apache-2.0
"""packet_queue.v and packet_stamp.v: packets come out whole, in order, with their frame's time."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.runner import simulate, simulators_for
from sim.streams import never, receive, reset, send, sometimes

DEPTH = 64


def _packets(count: int, longest: int, seed: int) -> list[list[int]]:
    generator = random.Random(seed)
    return [
        [generator.getrandbits(32) for _ in range(generator.randint(1, longest))]
        for _ in range(count)
    ]


def _words(packets: list[list[int]]) -> list[dict[str, int]]:
    return [
        {"data": word, "last": int(i == len(packet) - 1)}
        for packet in packets
        for i, word in enumerate(packet)
    ]


@cocotb.test()
async def packets_come_out_whole_and_in_order(dut) -> None:
    dut.s_axis_tvalid.value = dut.m_ready.value = 0
    await reset(dut)
    for seed, source, sink in ((1, 0.0, 0.0), (2, 0.7, 0.0), (3, 0.0, 0.7), (4, 0.4, 0.4)):
        packets = _packets(60, DEPTH, seed)
        stall = sometimes(seed, source) if source else never
        cocotb.start_soon(send(dut, _words(packets), stall, prefix="s_axis_t"))
        generator = random.Random(seed)
        for packet in packets:
            await ReadOnly()
            for _ in range(5000):
                if int(dut.length.value):
                    break
                await RisingEdge(dut.clk)
                await ReadOnly()
            assert int(dut.length.value) == len(packet)
            await RisingEdge(dut.clk)
            got = await receive(dut, len(packet), ["data"], lambda: generator.random() < sink)  # noqa: B023
            assert [word["data"] for word in got] == packet


@cocotb.test()
async def a_packet_is_not_offered_before_it_is_whole(dut) -> None:
    dut.s_axis_tvalid.value = dut.m_ready.value = 0
    await reset(dut)
    await send(dut, _words([[1, 2, 3, 4]])[:3], prefix="s_axis_t")
    for _ in range(20):
        await RisingEdge(dut.clk)
        assert not dut.m_valid.value
        assert int(dut.length.value) == 0
    await send(dut, _words([[4]]), prefix="s_axis_t")
    for _ in range(3):
        await RisingEdge(dut.clk)
    await ReadOnly()
    assert int(dut.length.value) == 4
    assert dut.m_valid.value


@cocotb.test()
async def the_input_waits_when_words_or_lengths_have_no_room(dut) -> None:
    for packets in ([[0] * DEPTH, [0] * 8], [[0]] * 40):
        dut.s_axis_tvalid.value = dut.m_ready.value = 0
        await reset(dut)
        task = cocotb.start_soon(send(dut, _words(packets), prefix="s_axis_t"))
        for _ in range(3 * DEPTH):
            await RisingEdge(dut.clk)
        await ReadOnly()
        assert not dut.s_axis_tready.value
        assert not task.done()
        await RisingEdge(dut.clk)
        got = await receive(dut, sum(map(len, packets)), ["data"])
        assert len(got) == sum(map(len, packets))
        assert task.done()


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_packet_queue(simulator: str, preset: str) -> None:
    simulate(
        "packet_queue",
        "sim.board.test_packet_queue",
        parameters={"DEPTH": DEPTH},
        simulator=simulator,
    )
