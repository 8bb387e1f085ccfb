# SPDX-License-Identifier: Apache-2.0
"""rtl/epipolar_error.v equals the inner loops of mono RANSAC of vio/fixed/ransac.py."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.runner import simulate, simulators
from sim.streams import reset
from vio.config import HwConfig
from vio.fixed.formats import formats
from vio.fixed.qformat import signal_table
from vio.fixed.ransac import _error

pytestmark = pytest.mark.skipif(
    not simulators(), reason="no simulator; install one with: pip install 'kestrel-vio[hw]'"
)
SIGNALS = signal_table(formats(HwConfig()), watch=False)
LOOSE2, TIGHT2 = 73000, 11500  # 3.8 px and 1.5 px at a focal length of 458 px


def _match(generator: random.Random) -> tuple[list[int], list[int], list[int]]:
    """Return a direction, a turned ray and a normal; near the line as often as far, or extreme."""
    kind = generator.randrange(4)
    if kind == 0:
        t = [generator.choice((-(1 << 15), (1 << 15) - 1, 0, 1)) for _ in range(3)]
        q = [generator.choice((-(1 << 18), (1 << 18) - 1, 0)) for _ in range(3)]
        n = [generator.choice((-(1 << 17), (1 << 17) - 1, 0)) for _ in range(3)]
        return t, q, n
    t = [generator.randint(-(1 << 15), (1 << 15) - 1) for _ in range(3)]
    q = [generator.randint(-60000, 60000), generator.randint(-60000, 60000), 65536]
    # A ray moved along the line, with an error of up to a few pixels across it.
    move = generator.uniform(-0.1, 0.1)
    f = [(q[k] + move * t[k] * 2) / 65536 for k in range(3)]
    x = f[0] / f[2] + generator.gauss(0, 0.004 * kind)
    y = f[1] / f[2] + generator.gauss(0, 0.004 * kind)
    n = [q[1] - q[2] * y, q[2] * x - q[0], q[0] * y - q[1] * x]
    return t, q, [max(min(round(value), (1 << 17) - 1), -(1 << 17)) for value in n]


def _expected(t: list[int], q: list[int], n: list[int]) -> tuple[int, int]:
    error, line = _error(SIGNALS, *(np.array(v, np.int64) for v in (t, q, n)))
    limit = (line * LOOSE2) >> 22
    score = sum(4 * error <= k * limit for k in range(1, 5))
    return int(score), int(error <= (line * TIGHT2) >> 22)


@cocotb.test()
async def scores_are_those_of_the_model(dut) -> None:
    """A match in every clock, with gaps now and then; all scores and both verdicts occur."""
    generator = random.Random(6)
    matches = [_match(generator) for _ in range(2000)]
    expected = [_expected(*match) for match in matches]
    assert {score for score, _ in expected} == {0, 1, 2, 3, 4}
    assert {inlier for _, inlier in expected} == {0, 1}
    dut.cfg_loose2.value, dut.cfg_tight2.value = LOOSE2, TIGHT2
    dut.s_valid.value = 0
    await reset(dut)
    got: list[tuple[int, int]] = []
    waiting = iter(matches)
    for _ in range(5000):
        match = next(waiting, None) if generator.random() < 0.8 else None
        dut.s_valid.value = int(match is not None)
        for prefix, vector in zip("tqn", match or (), strict=False):
            for axis, value in zip("xyz", vector, strict=True):
                getattr(dut, f"s_{prefix}{axis}").value = value
        await ReadOnly()
        if dut.m_valid.value:
            got.append((int(dut.m_score.value), int(dut.m_inlier.value)))
        await RisingEdge(dut.clk)
        if len(got) == len(matches):
            break
    assert got == expected
    broken = [_expected([t[0] ^ 64, *t[1:]], q, n) for t, q, n in matches]
    assert got != broken


@pytest.mark.parametrize("simulator", simulators())
def test_epipolar_error(simulator: str) -> None:
    """With the widths of the golden model."""
    simulate("epipolar_error", __name__, ("round_saturate",), simulator=simulator)
