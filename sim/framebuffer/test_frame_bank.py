# SPDX-License-Identifier: Apache-2.0
"""frame_bank.v is a memory, in one part or in two, that gives 0 where nothing was read."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import reset

pytestmark = needs_simulator
BITS = 27


@cocotb.test()
async def what_is_read_is_what_was_written(dut) -> None:
    """Reads and writes at random, never of one address at once; junk where neither is valid."""
    words = int(str(cocotb.plusargs["words"]))
    generator = random.Random(words)
    held: dict[int, int] = {}
    # A few addresses again and again, the ends of the parts among them.
    some = [0, words - 1, *(generator.randrange(words) for _ in range(20))]
    some += [a for a in (1023, 1024, 2047, 2048) if a < words]
    dut.s_valid.value = dut.r_valid.value = 0
    await reset(dut)
    await RisingEdge(dut.clk)
    expected: int | None = 0
    wrong = compared = 0
    for _ in range(4000):
        write, read = generator.random() < 0.5, generator.random() < 0.6
        at, word = generator.choice(some), generator.getrandbits(BITS)
        known = [a for a in held if a != at]
        read = read and bool(known)
        dut.s_valid.value, dut.s_address.value, dut.s_word.value = int(write), at, word
        from_ = generator.choice(known) if read else generator.choice(some)
        dut.r_valid.value, dut.r_address.value = int(read), from_
        await ReadOnly()
        assert int(dut.m_word.value) == expected
        await RisingEdge(dut.clk)
        expected = held[from_] if read else 0
        wrong += read and expected == held.get(from_ ^ 1)  # what a neighbour would give
        compared += read
        if write:
            held[at] = word
    assert compared > 1000
    assert wrong < compared // 10


@pytest.mark.parametrize("words", [70, 2600, 4096])
@pytest.mark.parametrize("simulator", simulators())
def test_frame_bank(simulator: str, words: int) -> None:
    """One part; two, the second of them not full; two deep ones in one."""
    parameters = {"WORDS": words, "BITS": BITS}
    simulate(
        *("frame_bank", __name__),
        parameters=parameters,
        simulator=simulator,
        plusargs={"words": words},
    )
