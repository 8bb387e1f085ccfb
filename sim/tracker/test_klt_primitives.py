# SPDX-License-Identifier: Apache-2.0
"""The primitives of the tracker's scalars equal their functions in vio/fixed."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import receive, reset, send, sometimes
from vio.config import HwConfig
from vio.fixed.formats import formats
from vio.fixed.qformat import clamp, divide, round_shift, signal_table
from vio.fixed.rectify import reciprocal
from vio.fixed.stereo_curve import row_at, segment_slopes

pytestmark = needs_simulator
SIGNALS = signal_table(formats(HwConfig()), trace=False)
KNOTS = 5


def _packed(values, bits: int) -> int:
    """Return values packed into one word, the first in the low bits, two's complement."""
    return sum((int(x) & ((1 << bits) - 1)) << bits * i for i, x in enumerate(values))


@cocotb.test()
async def reciprocals_are_those_of_the_model(dut) -> None:
    """Powers of two, their neighbours, random values of every length; without and with stalls."""
    bits, a_cycle = len(dut.s_data), int(dut.BITS.value)
    generator = random.Random(4)
    values = [v for k in range(bits) for v in ((1 << k) - 1, 1 << k, (1 << k) + 1)]
    values += [generator.getrandbits(generator.randint(1, bits)) | 1 for _ in range(200)]
    values = [v for v in values if 0 < v < 1 << bits]
    expected = [tuple(int(x) for x in reciprocal(SIGNALS, v)) for v in values]
    await reset(dut)
    for source, sink in ((0.0, 0.0), (0.5, 0.5)):
        words = [{"data": v} for v in values]
        sender = cocotb.start_soon(send(dut, words, sometimes(1, source)))
        got = await receive(dut, len(words), ["mantissa", "bits"], sometimes(2, sink))
        await sender
        assert [(w["mantissa"], w["bits"]) for w in got] == expected
    assert expected != [reciprocal(SIGNALS, v + 2) for v in values]

    # The latency of the header; 0 gives 0; a reset in each cycle of the work.
    async def start(value: int) -> None:
        dut.s_valid.value, dut.s_data.value, dut.m_ready.value = 1, value, 0
        await RisingEdge(dut.clk)
        dut.s_valid.value = 0

    for value in (0, 12345):
        await start(value)
        cycles = 1
        while True:
            await ReadOnly()
            if dut.m_valid.value:
                break
            await RisingEdge(dut.clk)
            cycles += 1
        assert cycles == 18 // a_cycle + 2
        seen = (int(dut.m_mantissa.value), int(dut.m_bits.value))
        assert seen == ((0, 0) if value == 0 else tuple(reciprocal(SIGNALS, value)))
        await RisingEdge(dut.clk)
        dut.m_ready.value = 1
        await RisingEdge(dut.clk)
    for wait in range(18 // a_cycle + 3):
        await start(777)
        for _ in range(wait):
            await RisingEdge(dut.clk)
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        await RisingEdge(dut.clk)
        await ReadOnly()
        assert dut.s_ready.value
        assert not dut.m_valid.value
        await RisingEdge(dut.clk)
        sender = cocotb.start_soon(send(dut, [{"data": 999}]))
        got = await receive(dut, 1, ["mantissa"])
        await sender
        assert got == [{"mantissa": divide(1 << 35, 999 << 8)}]


def _curve(generator: random.Random) -> tuple[np.ndarray, np.ndarray, int]:
    """Return breakpoints, slopes and their number: a lens's, steep, or at the ends of the words."""
    n = generator.randint(2, KNOTS)
    knots = np.zeros((KNOTS, 2), np.int64)
    reach = generator.choice((1 << 6, 1 << 13, (1 << 18) // KNOTS))
    u = generator.randint(-(1 << 17), (1 << 18) - 1)
    for g in range(n):
        rise = generator.choice((16, 1000, 1 << 18))
        v = clamp(90000 + generator.randint(-rise, rise), -(1 << 18), (1 << 18) - 1)
        knots[g] = max(u, -(1 << 18)), v
        u -= generator.randint(1, reach)
    slopes = np.zeros(KNOTS, np.int64)
    segment_slopes(SIGNALS, knots, n, slopes)
    if generator.random() < 0.2:
        slopes[: n - 1] = generator.choice((-4096, 4095, 0, -1, 1))
    return knots, slopes, n


def _columns(generator: random.Random, knots: np.ndarray, n: int) -> list[int]:
    """Return columns on and near the breakpoints, beyond the ends, and anywhere."""
    near = [int(knots[g, 0]) + d for g in range(n) for d in (-1, 0, 1)]
    low, high = -(1 << 18), (1 << 18) - 1
    return [clamp(u, low, high) for u in near] + [generator.randint(low, high) for _ in range(6)]


@cocotb.test()
async def rows_are_those_of_the_model(dut) -> None:
    """Columns in every cycle or with gaps, on curves of 2 to 5 breakpoints."""
    generator = random.Random(9)
    dut.s_valid.value = 0
    await reset(dut)
    for trial in range(120):
        knots, slopes, n = _curve(generator)
        # What is beyond the last breakpoint must not matter.
        knots[n:] = generator.choice((-(1 << 18), 0, (1 << 18) - 1))
        slopes[n - 1 :] = 4095
        columns = _columns(generator, knots, n)
        expected = [tuple(int(x) for x in row_at(knots, slopes, n, u)) for u in columns]
        dut.s_pieces.value = n
        dut.s_knots_u.value, dut.s_knots_v.value = (_packed(knots[:, k], 19) for k in range(2))
        dut.s_slopes.value = _packed(slopes[: KNOTS - 1], 13)
        got: list[tuple[int, int]] = []
        waiting, when, latency = list(columns), [], set()
        for cycle in range(200):
            offer = bool(waiting) and (trial % 2 == 0 or generator.random() < 0.5)
            dut.s_valid.value = int(offer)
            if offer:
                dut.s_u.value = waiting.pop(0)
                when.append(cycle)
            await ReadOnly()
            if dut.m_valid.value:
                latency.add(cycle - when[len(got)])
                got.append((dut.m_v.value.to_signed(), dut.m_slope.value.to_signed()))
            await RisingEdge(dut.clk)
            if len(got) == len(columns):
                break
        assert got == expected
        assert latency == {4}
    assert expected != [tuple(row_at(knots, slopes, n, u + 300)) for u in columns]


@cocotb.test()
async def products_are_exact(dut) -> None:
    """Signed and unsigned factors, random and at the ends of the words; some half is added."""
    generator = random.Random(10)
    await reset_free(dut)
    ends_a = (0, 1, (1 << 17) - 1, 1 << 17, (1 << 18) - 1)
    ends_b = (0, 1, -1, (1 << 34) - 1, -(1 << 34), (1 << 17) - 1, 1 << 17, -(1 << 17))
    cases = [(a, b, u) for a in ends_a for b in ends_b for u in (0, 1)]
    cases += [
        (generator.getrandbits(18), generator.getrandbits(35) - (1 << 34), generator.randrange(2))
        for _ in range(500)
    ]
    for a, b, unsigned in cases:
        half = generator.choice((0, 1 << generator.randrange(17), (1 << 17) - 1))
        dut.s_a.value, dut.s_b.value, dut.s_unsigned.value = a, b, unsigned
        dut.s_half.value = half
        for _ in range(2):
            await RisingEdge(dut.clk)
        await ReadOnly()
        product = dut.m_unsigned if unsigned else dut.m_signed
        factor = a if unsigned or a < 1 << 17 else a - (1 << 18)
        assert product.value.to_signed() == factor * b + half
        assert b == 0 or product.value.to_signed() != (factor + 1) * b + half
        await Timer(1, "ns")


async def reset_free(dut) -> None:
    """Start the cycle of a module that has no reset."""
    from cocotb.clock import Clock

    Clock(dut.clk, 2, "ns").start()
    await RisingEdge(dut.clk)


@cocotb.test()
async def narrowed_values_are_those_of_the_model(dut) -> None:
    """All three widths and all amounts, around each limit."""
    generator = random.Random(11)
    widths = (14, 18, 26)
    least = greatest = 0
    await reset_free(dut)
    for _ in range(4000):
        k, amount = generator.randrange(3), generator.randrange(56)
        low, high = -(1 << (widths[k] - 1)), (1 << (widths[k] - 1)) - 1
        x = generator.choice((low, high, 0, generator.getrandbits(53))) << amount
        x += generator.randint(-2, 2) + generator.choice((-1, 0, 1)) * (1 << amount >> 1)
        x = generator.choice((x, -x, generator.getrandbits(54) - (1 << 53)))
        x = min(max(x, -(1 << 53)), (1 << 53) - 1)
        dut.s_data.value, dut.s_amount.value, dut.s_width.value = x, amount, k
        dut.s_limit.value = amount + widths[k] - 1
        await RisingEdge(dut.clk)
        await ReadOnly()
        expected = clamp(int(round_shift(x, amount)), low, high)
        assert dut.m_data.value.to_signed() == expected, (x, amount, widths[k])
        await Timer(1, "ns")
        least, greatest = least + (expected == low), greatest + (expected == high)
    assert min(least, greatest) > 100


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize("bits", [2, 3])
def test_fast_reciprocal(bits: int, simulator: str) -> None:
    """The width of a determinant; several numbers of quotient bits a cycle."""
    parameters = {"IN_W": 34, "BITS": bits}
    only = "reciprocals"
    simulate("fast_reciprocal", __name__, parameters=parameters, only=only, simulator=simulator)


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(
    ("module", "only"),
    [("curve_row", "rows"), ("wide_product", "products"), ("shift_saturate", "narrowed")],
)
def test_primitives(module: str, only: str, simulator: str) -> None:
    """The cells with their default widths."""
    simulate(module, __name__, only=only, simulator=simulator)
