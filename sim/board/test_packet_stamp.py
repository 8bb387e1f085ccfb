# SPDX-License-Identifier: Apache-2.0
"""packet_stamp.v: each packet ends with the time at which its own frame began."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.runner import simulate, simulators_for
from sim.streams import reset

FRAME, BLANK = 400, 60  # cycles


class Frames:
    """Count cycles, begin frames, and remember when each began and ended."""

    def __init__(self, dut, begin: int, count: int) -> None:
        self.dut, self.now, self.left = dut, begin, count
        self.spans: list[tuple[int, int]] = []
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        began = self.now + 20
        d = self.dut
        while True:
            d.now.value = self.now
            d.start.value = int(self.now == began and self.left > 0)
            if self.now == began and self.left > 0:
                self.spans.append((began, began + FRAME))
                self.left -= 1
                began += FRAME + BLANK
            await RisingEdge(d.clk)
            self.now += 1


async def _packet(dut, frames: Frames, end: int, tracks: int, stall: float, seed: int) -> list[int]:
    """Send the packet of a frame that ended at a time; return the words that came out."""
    generator = random.Random(seed)
    latency = frames.now - end
    words = [tracks, seed, latency & 0xFFFFFFFF] + [
        generator.getrandbits(32) for _ in range(6 * tracks)
    ]
    out: list[int] = []
    at = 0
    for _ in range(20_000):
        gap = generator.random() < stall and at > 0
        dut.s_axis_tvalid.value = int(at < len(words) and not gap)
        dut.s_axis_tdata.value = words[min(at, len(words) - 1)]
        dut.s_axis_tuser.value = int(at == 0)
        dut.s_axis_tlast.value = int(at == len(words) - 1)
        dut.m_axis_tready.value = int(generator.random() >= stall)
        await ReadOnly()
        if dut.m_axis_tvalid.value and dut.m_axis_tready.value:
            out.append(int(dut.m_axis_tdata.value))
            last = bool(dut.m_axis_tlast.value)
        else:
            last = False
        if dut.s_axis_tvalid.value and dut.s_axis_tready.value:
            at += 1
        await RisingEdge(dut.clk)
        if last:
            dut.s_axis_tvalid.value = 0
            assert out[:-2] == words
            return out
    raise AssertionError("the packet never ends")


@cocotb.test()
async def a_packet_has_the_time_of_its_own_frame(dut) -> None:
    dut.start.value = dut.s_axis_tvalid.value = dut.m_axis_tready.value = 0
    generator = random.Random(7)
    # The counter passes 2^31 and 2^32 meanwhile.
    for begin in (0, 2**31 - 1500, 2**32 - 1500, 5 * 2**40 + 2**32 - 900):
        await reset(dut)
        frames = Frames(dut, begin, 12)
        for index in range(12):
            while len(frames.spans) <= index or frames.now < frames.spans[index][1] + 3:
                await RisingEdge(dut.clk)
            began, end = frames.spans[index]
            # Often the packet comes while the next frame, or the one after it, streams in already.
            for _ in range(generator.randrange(0, FRAME + BLANK)):
                await RisingEdge(dut.clk)
            stall = generator.choice([0.0, 0.5])
            out = await _packet(dut, frames, end, generator.choice([0, 1, 9]), stall, index)
            assert out[-2] | out[-1] << 32 == began


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_packet_stamp(simulator: str, preset: str) -> None:
    simulate("packet_stamp", "sim.board.test_packet_stamp", simulator=simulator)
