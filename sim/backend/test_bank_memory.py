# SPDX-License-Identifier: Apache-2.0
"""bank_memory.v reads and writes vectors at any address, as a list of words does."""

import random
from collections.abc import Iterator

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators

pytestmark = needs_simulator

CYCLES = 1500


class Model:
    """Hold the words; a write counts from two cycles after it on."""

    def __init__(self, lanes: int, words: int) -> None:
        self.words = [0] * words
        self.lanes = lanes
        self.under_way: list[tuple[int, int, int]] = []  # cycle from which it counts, place, word

    def places(self, address: int) -> Iterator[int]:
        """Yield where the words of a vector lie: those beyond the end in the first row."""
        for k in range(self.lanes):
            yield (address + k) % len(self.words)

    def write(self, cycle: int, address: int, mask: int, data: list[int]) -> None:
        """Write a vector."""
        for k, place in enumerate(self.places(address)):
            if mask >> k & 1:
                self.under_way.append((cycle + 2, place, data[k]))

    def read(self, cycle: int, address: int) -> list[int]:
        """Read a vector, in the cycle in which it is asked for."""
        for done in [w for w in self.under_way if w[0] <= cycle + 1]:
            self.words[done[1]] = done[2]
            self.under_way.remove(done)
        return [self.words[place] for place in self.places(address)]


async def _run(dut, seed: int, broken: bool) -> int:
    """Read and write at random; return the vectors that differ from the model's."""
    generator = random.Random(seed)
    lanes = len(dut.w_lanes)
    width, words = len(dut.w_data) // lanes, 1 << len(dut.w_address)
    model = Model(lanes, words)
    dut.rst.value, dut.r_valid.value, dut.w_valid.value = 1, 0, 0
    for _ in range(4):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    wrong = compared = 0
    expected: dict[int, list[int]] = {}
    for cycle in range(-words // lanes, CYCLES):
        fills = cycle < 0  # every word is written before any is read
        address = (cycle * lanes) % words if fills else generator.randrange(words)
        mask = (1 << lanes) - 1 if fills else generator.randrange(1 << lanes)
        data = [generator.getrandbits(width) for _ in range(lanes)]
        writes = fills or generator.random() < 0.7
        dut.w_valid.value, dut.w_address.value, dut.w_lanes.value = int(writes), address, mask
        dut.w_data.value = sum(word << k * width for k, word in enumerate(data))
        reads = cycle > 3 and generator.random() < 0.8
        at = address if generator.random() < 0.3 else generator.randrange(words)
        dut.r_valid.value, dut.r_address.value = int(reads), at
        if reads:
            expected[cycle + 3] = model.read(cycle, at)
        if writes:
            model.write(cycle, address + broken, mask, data)
        await FallingEdge(dut.clk)
        assert int(dut.m_valid.value) == (cycle + 1 in expected)
        if wanted := expected.pop(cycle + 1, None):
            got = int(dut.m_data.value)
            vector = [got >> k * width & ((1 << width) - 1) for k in range(lanes)]
            wrong += vector != wanted
            compared += 1
    assert compared > CYCLES // 2
    return wrong


@cocotb.test()
async def vectors_are_those_of_a_list(dut) -> None:
    """At every alignment, beyond the end, one lane or all, at full rate."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    assert await _run(dut, 1, False) == 0


@cocotb.test()
async def another_place_is_noticed(dut) -> None:
    """Writing one word further gives other vectors."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    assert await _run(dut, 2, True) > 0


@cocotb.test()
async def a_reset_forgets_what_is_under_way(dut) -> None:
    """A read and a write of the cycle before a reset have no effect."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    lanes = len(dut.w_lanes)
    ones = (1 << len(dut.w_data)) - 1
    dut.rst.value, dut.r_valid.value, dut.r_address.value = 0, 0, 0
    dut.w_valid.value, dut.w_address.value, dut.w_lanes.value = 1, 0, (1 << lanes) - 1
    dut.w_data.value = 0
    await FallingEdge(dut.clk)
    dut.w_valid.value = 0
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.r_valid.value, dut.w_valid.value, dut.w_data.value, dut.rst.value = 1, 1, ones, 1
    await FallingEdge(dut.clk)
    dut.r_valid.value, dut.w_valid.value, dut.rst.value = 0, 0, 0
    for _ in range(4):
        await FallingEdge(dut.clk)
        assert int(dut.m_valid.value) == 0
    dut.r_valid.value = 1
    for _ in range(3):
        await FallingEdge(dut.clk)
        dut.r_valid.value = 0
    assert int(dut.m_valid.value) == 1
    assert int(dut.m_data.value) == 0


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize("lanes", [0, 1, 2, 3])
def test_bank_memory(lanes: int, simulator: str) -> None:
    """One to eight lanes."""
    parameters = {"LANES_LOG2": lanes, "BANK_WORDS_LOG2": 5, "WIDTH": 36}
    simulate("bank_memory", __name__, parameters=parameters, simulator=simulator)
