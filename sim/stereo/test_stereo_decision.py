# SPDX-License-Identifier: Apache-2.0
"""stereo_decision.v decides on scores as the end of `search` in vio/fixed/stereo_search.py."""

import math
import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import reset

pytestmark = needs_simulator


def decide(scores: list[int], power: int, share: int, uniqueness: int, apart: int = 2) -> int:
    """Return the column of the best score, -1 when it is too low or not alone."""
    best = max(range(len(scores)), key=lambda c: scores[c], default=-1)
    if best < 0 or not scores[best] or not power or scores[best] << 16 < share * power:
        return -1
    inner = range(1, len(scores) - 1)
    peaks = [c for c in inner if scores[c] >= max(scores[c - 1], scores[c + 1])]
    second = max((scores[c] for c in peaks if abs(c - best) > apart), default=0)
    gap = math.isqrt(scores[best] << 8) - math.isqrt(second << 8)
    return best if gap << 16 >= uniqueness * math.isqrt(power << 8) else -1


def _scores(generator: random.Random, kind: int) -> list[int]:
    """Return scores: noise, ramps, plateaus, hills, peaks near the best, few columns."""
    n = generator.choice((0, 1, 2, 3, 4, 9, 40, 130))
    top = generator.choice((6, 1000, (1 << 22) - 1))
    if kind == 0:
        return [generator.randrange(top + 1) for _ in range(n)]
    if kind == 1:  # no peak at all before the best
        ramp = sorted(generator.randrange(top + 1) for _ in range(n))
        return ramp if generator.random() < 0.5 else ramp[::-1]
    if kind == 2:
        values = [generator.randrange(3) * top // 2 for _ in range(n)]
        return [v for v in values for _ in range(generator.randrange(1, 4))][:200]
    centres = [(generator.randrange(max(n, 1)), generator.randrange(top + 1)) for _ in range(4)]
    hills = [max(max(h - abs(c - at) * top // 9, 0) for at, h in centres) for c in range(n)]
    if kind == 4 and n > 9:  # a second peak two to four columns beside the best
        best = max(range(n), key=lambda c: hills[c])
        beside = min(max(best + generator.choice((-4, -3, -2, 2, 3, 4)), 0), n - 1)
        hills[beside] = max(hills[best] - generator.randrange(3), 0)
    return hills


@cocotb.test()
async def verdicts_are_those_of_the_model(dut) -> None:
    """Scores with gaps, the next search's while one is decided; both limits met and missed."""
    generator = random.Random(7)
    dut.s_valid.value = dut.end_valid.value = dut.m_ready.value = 0
    dut.cfg_search_min.value, dut.cfg_uniqueness.value = 0, 0
    await reset(dut)
    found = twins = 0
    count = int(str(cocotb.plusargs["searches"]))
    for number in range(count):
        scores = _scores(generator, number % 5)
        best = max(scores, default=0)
        # Near the best score, so that the shares decide.
        power = min(int((best + 1) * generator.choice((0, 0.5, 1.0, 2.5, 5.0))), (1 << 22) - 1)
        share = generator.choice((0, 1 << 14, 1 << 15, 1 << 16, generator.getrandbits(17)))
        uniqueness = generator.choice((0, 1, 1000, 6000, generator.getrandbits(16)))
        dut.cfg_search_min.value, dut.cfg_uniqueness.value = share, uniqueness
        for score in scores:
            while generator.random() < 0.2:
                dut.s_valid.value, dut.s_score.value = 0, generator.getrandbits(22)
                await RisingEdge(dut.clk)
            dut.s_valid.value, dut.s_score.value = 1, score
            await RisingEdge(dut.clk)
        dut.s_valid.value = 0
        dut.end_valid.value, dut.end_power.value = 1, power
        while True:
            await ReadOnly()
            ready = bool(dut.end_ready.value)
            await RisingEdge(dut.clk)
            if ready:
                break
        dut.end_valid.value = 0
        cycles, done = 0, False
        while not done:
            cycles += 1
            assert cycles < 200
            dut.m_ready.value = int(generator.random() < 0.3)
            await ReadOnly()
            done = bool(dut.m_valid.value) and bool(dut.m_ready.value)
            if done:  # unknown in Icarus before the first decision
                got = int(dut.m_best.value) if dut.m_found.value else -1
            await RisingEdge(dut.clk)
        expected = decide(scores, power, share, uniqueness)
        assert got == expected, (number, scores, power, share, uniqueness)
        found += expected >= 0
        twins += expected != decide(scores, power, share, uniqueness, 3)
    assert count // 4 < found < count - count // 4
    assert twins


@pytest.mark.parametrize("simulator", simulators())
def test_stereo_decision(simulator: str) -> None:
    """Columns as in the chip; Icarus runs fewer searches."""
    searches = 600 if simulator == "verilator" else 200
    simulate("stereo_decision", __name__, simulator=simulator, plusargs={"searches": searches})
