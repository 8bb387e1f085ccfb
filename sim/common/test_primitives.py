# SPDX-License-Identifier: Apache-2.0
"""The shared cells: equal to their functions in vio/fixed/qformat.py, under every kind of stall."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import RisingEdge, Timer

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import never, receive, reset, send, sometimes
from vio.config import HwConfig
from vio.fixed.formats import formats
from vio.fixed.qformat import divide, round_shift, signal_table, square_root
from vio.fixed.ransac import draw_below

pytestmark = needs_simulator
SIGNALS = signal_table(formats(HwConfig()), trace=False)
STALLS = {"none": (0.0, 0.0), "source": (0.5, 0.0), "sink": (0.0, 0.5), "both": (0.5, 0.5)}


def _stall(seed: int, share: float):
    return sometimes(seed, share) if share else never


async def _stream(dut, words: list[dict[str, int]], names: list[str]) -> list[dict[str, int]]:
    """Send all words under each kind of stall; return what came, the same each time."""
    seen = None
    for seed, (source, sink) in enumerate(STALLS.values()):
        sender = cocotb.start_soon(send(dut, words, _stall(seed, source)))
        got = await receive(dut, len(words), names, _stall(seed + 100, sink))
        await sender
        assert seen is None or got == seen
        seen = got
    return seen or []


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


@cocotb.test()
async def rounding_and_saturation_are_those_of_the_model(dut) -> None:
    """All values of the input, against Python."""
    bits, shift, out = (int(getattr(dut, p).value) for p in ("IN_W", "SHIFT", "OUT_W"))
    low, high = -(1 << (out - 1)), (1 << (out - 1)) - 1
    for x in range(-(1 << (bits - 1)), 1 << (bits - 1)):
        dut.s_data.value = x
        await Timer(1, "ns")
        exact = round_shift(x, shift)
        assert dut.m_data.value.to_signed() == min(max(exact, low), high), x
        assert bool(dut.m_saturated.value) == (not low <= exact <= high), x


@cocotb.test()
async def quotients_are_those_of_the_model(dut) -> None:
    """Random and extreme operands, a denominator of 0 among them."""
    n, d = len(dut.s_numerator), len(dut.s_denominator)
    generator = random.Random(1)
    pairs = [(0, 0), (5, 0), ((1 << n) - 1, 1), ((1 << n) - 1, (1 << d) - 1), (0, 3), (1, 1)]
    pairs += [
        (
            generator.getrandbits(generator.randint(1, n)),
            generator.getrandbits(generator.randint(1, d)),
        )
        for _ in range(300)
    ]
    await reset(dut)
    words = [{"numerator": a, "denominator": b} for a, b in pairs]
    got = [word["quotient"] for word in await _stream(dut, words, ["quotient"])]
    assert got == [divide(a, b) for a, b in pairs]
    assert got != [divide(a ^ 1, b) for a, b in pairs]  # the comparison can fail


@cocotb.test()
async def roots_are_those_of_the_model(dut) -> None:
    """Random radicands, squares and their neighbours."""
    n = len(dut.s_data)
    generator = random.Random(2)
    values = [0, 1, 2, 3, 4, (1 << n) - 1]
    for _ in range(100):
        root = generator.getrandbits(generator.randint(1, n // 2))
        values += [root * root, max(root * root - 1, 0), generator.getrandbits(n)]
    await reset(dut)
    got = [w["data"] for w in await _stream(dut, [{"data": v} for v in values], ["data"])]
    assert got == [square_root(v) for v in values]
    assert got != [square_root(v ^ 1) for v in values]


@cocotb.test()
async def draws_are_those_of_the_model(dut) -> None:
    """Several seeds and counts; a seed of 0 counts as 1."""
    await reset(dut)
    dut.draw.value = 0
    for seed, count in ((1, 200), (0, 7), (0xFFFFFFFF, 255), (0x80000000, 1), (12345, 150)):
        dut.load.value, dut.seed.value, dut.count.value = 1, seed, count
        await RisingEdge(dut.clk)
        dut.load.value, dut.draw.value = 0, 1
        state, got, expected = np.uint32(max(seed, 1)), [], []
        await RisingEdge(dut.clk)
        for _ in range(200):
            await RisingEdge(dut.clk)
            got.append(int(dut.index.value))
            state, index = draw_below(state, count)
            expected.append(int(index))
        dut.draw.value = 0
        assert got == expected
        assert count < 3 or got != expected[1:] + expected[:1]


@cocotb.test()
async def words_come_out_once_and_in_order(dut) -> None:
    """A queue or a skid buffer under every kind of stall."""
    bits = len(dut.s_data)
    generator = random.Random(3)
    words = [{"data": generator.getrandbits(bits)} for _ in range(300)]
    await reset(dut)
    assert await _stream(dut, words, ["data"]) == words


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(("bits", "shift", "out"), [(10, 3, 6), (8, 0, 4), (9, 4, 6), (6, 0, 7)])
def test_rounding_and_saturation(bits: int, shift: int, out: int, simulator: str) -> None:
    """Several widths, all inputs."""
    parameters = {"IN_W": bits, "SHIFT": shift, "OUT_W": out}
    simulate(
        "round_saturate", __name__, parameters=parameters, only="rounding", simulator=simulator
    )


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(("numerator", "denominator"), [(36, 18), (18, 18), (7, 12)])
def test_divider(numerator: int, denominator: int, simulator: str) -> None:
    """Several widths."""
    parameters = {"NUM_W": numerator, "DEN_W": denominator}
    simulate("divider", __name__, parameters=parameters, only="quotients", simulator=simulator)


@pytest.mark.parametrize("simulator", simulators())
def test_lfsr(simulator: str) -> None:
    """Draws among up to 255 tracks."""
    simulate("lfsr", __name__, parameters={"COUNT_W": 8}, only="draws", simulator=simulator)


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize("bits", [36, 38, 8])
def test_square_root(bits: int, simulator: str) -> None:
    """Several widths."""
    simulate("square_root", __name__, parameters={"IN_W": bits}, only="roots", simulator=simulator)


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(
    ("module", "parameters"),
    [
        ("fifo", {"WIDTH": 8, "DEPTH": 4}),
        ("fifo", {"WIDTH": 37, "DEPTH": 16}),
        ("register_queue", {"WIDTH": 12, "DEPTH": 4}),
        ("skid", {"WIDTH": 9}),
    ],
)
def test_queues(module: str, parameters: dict[str, int], simulator: str) -> None:
    """Queues of several shapes."""
    simulate(module, __name__, parameters=parameters, only="words", simulator=simulator)
