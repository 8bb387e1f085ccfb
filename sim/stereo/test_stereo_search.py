# SPDX-License-Identifier: Apache-2.0
"""stereo_search.v equals `search` of vio/fixed/stereo_search.py; so do its parts."""

import random
from dataclasses import dataclass

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge
from cocotb.utils import get_sim_time

from sim.needs import needs_simulator
from sim.runner import lint, simulate, simulators, simulators_for
from sim.stereo.models import FRAC, SLOPE_BITS, UV_BITS, Reader, curve, image_pair, packed
from sim.streams import receive, reset, send, sometimes
from vio.config import HwConfig, load_config
from vio.fixed.formats import formats
from vio.fixed.qformat import divide, signal_table
from vio.fixed.stereo_registers import StereoRegisters
from vio.fixed.stereo_search import NO_MATCH, search

pytestmark = needs_simulator
SIGNALS = signal_table(formats(HwConfig()), trace=False)


@dataclass(frozen=True)
class Case:
    """Hold one search: left point in pixels, breakpoints, slopes, number of breakpoints."""

    u: int
    v: int
    knots: np.ndarray
    slopes: np.ndarray
    n: int


def _registers(reach_u: int, reach_v: int, least: float, unique: float) -> StereoRegisters:
    eye = np.eye(3, dtype=np.int64)
    return StereoRegisters(
        eye,
        eye,
        first=0,
        disparity_step=0,
        segments=4,
        reach_u=reach_u,
        reach_v=reach_v,
        search_min=round(least * 2**16),
        correlation_min=0,
        uniqueness=round(unique * 2**16),
        iterations=0,
        max_refine=0,
        border=0,
    )


def _cases(generator: random.Random, height: int, width: int, count: int) -> list[Case]:
    """Return searches anywhere in the image and at its edge, some on short or hopeless curves."""
    cases = []
    for _ in range(count):
        kind = generator.randrange(8)
        u = generator.choice((0, 1, width - 1)) if kind == 0 else generator.randrange(width)
        v = generator.choice((0, height - 1, height)) if kind == 1 else generator.randrange(height)
        n = generator.randint(2, 5)
        span = (40, 900) if kind == 2 else (5000, 9000)
        ahead = generator.randint(-3000, 3000)
        if kind == 3:  # right of the image, or left of it
            ahead += generator.choice((-1, 1)) * (width << FRAC)
        row = (v << FRAC) + generator.randint(-900, 900)
        if kind == 4:  # above or below the image
            row += generator.choice((-1, 1)) * (height << FRAC)
        knots, slopes = curve(generator, (u << FRAC) + ahead, row, n, span)
        cases.append(Case(u, v, np.clip(knots, -(1 << 18), (1 << 18) - 1), slopes, n))
    return cases


def _expected(
    left: np.ndarray, right: np.ndarray, cases: list[Case], s: StereoRegisters, columns: int
) -> list[tuple[int, int]]:
    return [
        tuple(
            int(x)
            for x in search(
                left,
                right,
                c.u,
                c.v,
                c.knots,
                c.slopes,
                c.n,
                s,
                FRAC,
                np.empty(columns, np.int64),
                SIGNALS,
            )
        )
        for c in cases
    ]


async def _run(dut, left, right, cases, s, seed: int, busy: float) -> list[tuple[int, int]]:
    """Return (match or NO_MATCH, columns) of each case."""
    dut.cfg_height.value, dut.cfg_width.value = left.shape
    dut.cfg_reach_u.value, dut.cfg_reach_v.value = s.reach_u, s.reach_v
    dut.cfg_search_min.value, dut.cfg_uniqueness.value = s.search_min, s.uniqueness
    words = [
        {
            "u": c.u,
            "v": c.v,
            "pieces": c.n,
            "knots_u": packed(c.knots[:, 0], UV_BITS),
            "knots_v": packed(c.knots[:, 1], UV_BITS),
            "slopes": packed(c.slopes[:4], SLOPE_BITS),
        }
        for c in cases
    ]
    server = cocotb.start_soon(Reader(dut, {1: {0: left}, 2: {0: right}}, seed, busy).run())
    stalls = sometimes(seed, busy), sometimes(seed + 1, busy)
    sender = cocotb.start_soon(send(dut, words, stalls[0]))
    try:
        got = await receive(dut, len(cases), ("found", "match", "columns"), stalls[1])
    finally:
        sender.cancel()
        server.cancel()
    return [((g["match"] ^ 2048) - 2048 if g["found"] else NO_MATCH, g["columns"]) for g in got]


def _hw() -> HwConfig:
    return load_config(str(cocotb.plusargs["preset"])).hw


@cocotb.test()
async def columns_are_those_of_the_model(dut) -> None:
    """Textures moved by some pixels; windows up to the greatest; a busy and an idle reader."""
    hw = _hw()
    height, width = hw.max_height, hw.max_width
    generator = random.Random(1)
    dut.s_valid.value, dut.m_ready.value = 0, 0
    await reset(dut)
    most_u, most_v = hw.max_stereo_width // 2, hw.max_stereo_height // 2
    matched = 0
    for run, (reach_u, reach_v, contrast, busy) in enumerate(
        [(most_u, most_v, 12, 0.0), (most_u, most_v, 12, 0.4), (most_u - 2, most_v - 1, 30, 0.1)]
    ):
        left, right = image_pair(np.random.default_rng(run), height, width, 11, contrast)
        s = _registers(reach_u, reach_v, 0.36, 0.02)
        cases = _cases(generator, height, width, 40)
        got = await _run(dut, left, right, cases, s, run, busy)
        assert got == _expected(left, right, cases, s, hw.search_columns)
        matched += sum(match != NO_MATCH for match, _ in got)
        # Twin: other thresholds, and one row of the right image moved.
        assert got != _expected(left, np.roll(right, 1, 0), cases, s, hw.search_columns)
    assert matched > 20


@cocotb.test()
async def extreme_pixels_do_not_overflow(dut) -> None:
    """Full contrast, constant images, repetitive and faint texture: every reason to refuse."""
    hw = _hw()
    height, width = hw.max_height, hw.max_width
    generator, numbers = random.Random(2), np.random.default_rng(2)
    await reset(dut)
    black_white = (numbers.integers(0, 2, (height, width)) * 255).astype(np.uint8)
    stripes = np.tile(np.array([0, 0, 0, 255, 255, 255], np.uint8), (height, width // 6 + 1))
    faint = (128 + (numbers.random((height, width)) < 0.04)).astype(np.uint8)
    constant = np.full((height, width), 255, np.uint8)
    fine = np.ascontiguousarray(stripes[:, :width])
    for run, (left, right) in enumerate(
        [
            (black_white, black_white),
            (black_white, 255 - black_white),
            (fine, fine),
            (faint, faint),
            (constant, black_white),
            (black_white, constant),
        ]
    ):
        s = _registers(hw.max_stereo_width // 2, hw.max_stereo_height // 2, 0.1, 0.03 * (run % 2))
        cases = _cases(generator, height, width, 10)
        got = await _run(dut, left, right, cases, s, run, 0.1)
        assert got == _expected(left, right, cases, s, hw.search_columns), run


@cocotb.test()
async def a_search_takes_the_cycles_it_says(dut) -> None:
    """9 cycles for two columns, those that fill the window included, and few more."""
    hw = _hw()
    height, width = hw.max_height, hw.max_width
    left, right = image_pair(np.random.default_rng(5), height, width, 9, 20)
    s = _registers(hw.max_stereo_width // 2, hw.max_stereo_height // 2, 0.1, 0.01)
    knots, slopes = curve(random.Random(5), (width - 20) << FRAC, 30 << FRAC, 5, (5000, 6000))
    case = Case(width - 20, 30, knots, slopes, 5)
    cycles = []
    for searches in (4, 9):
        await reset(dut)
        begin = get_sim_time("ns")
        got = await _run(dut, left, right, [case] * searches, s, 3, 0.0)
        cycles.append((get_sim_time("ns") - begin) / 2)
    each = (cycles[1] - cycles[0]) / 5
    columns = got[0][1]
    cocotb.log.info(f"{columns} columns: {cycles} cycles for 4 and 9 searches, {each:.0f} each")
    fill = max(9 * (hw.max_stereo_width // 2), 16 * hw.max_stereo_height + 12)
    assert each <= fill + 9 * (columns // 2 + 1) + 12


@cocotb.test()
async def a_reset_in_a_search_leaves_no_trace(dut) -> None:
    """The searches after it are right."""
    hw = _hw()
    height, width = hw.max_height, hw.max_width
    left, right = image_pair(np.random.default_rng(7), height, width, 9, 20)
    s = _registers(hw.max_stereo_width // 2, hw.max_stereo_height // 2, 0.1, 0.01)
    generator = random.Random(7)
    for cycles in (60, 230, 301):
        await reset(dut)
        cases = _cases(generator, height, width, 6)
        task = cocotb.start_soon(_run(dut, left, right, cases, s, 1, 0.0))
        for _ in range(cycles):
            await RisingEdge(dut.clk)
        task.cancel()
        dut.s_valid.value, dut.a_valid.value = 0, 0
    await reset(dut)
    got = await _run(dut, left, right, cases, s, 1, 0.0)
    assert got == _expected(left, right, cases, s, hw.search_columns)


@cocotb.test()
async def streamed_quotients_are_those_of_the_model(dut) -> None:
    """Random and extreme operands, at the least distance and further apart."""
    n, d, q = len(dut.s_numerator), len(dut.s_denominator), len(dut.m_quotient)
    generator = random.Random(1)
    pairs = [(0, 0), (5, 0), (0, 3), (1, 1), ((1 << q) - 1, 1), ((1 << n) - 1, (1 << d) - 1)]
    while len(pairs) < 400:
        by = generator.getrandbits(generator.randint(1, d))
        times = generator.getrandbits(generator.randint(1, q))
        pairs.append((min(by * times + generator.randrange(by + 1), (1 << n) - 1), by))
    pairs = [(a, b) for a, b in pairs if divide(a, b) < 1 << q]
    dut.s_valid.value = 0
    await reset(dut)
    got = []
    for a, b in [*pairs, *[(0, 1)] * 8]:
        dut.s_valid.value, dut.s_numerator.value, dut.s_denominator.value = 1, a, b
        for _ in range(int(dut.CYCLES.value) + (generator.randrange(3) if len(got) > 100 else 0)):
            await RisingEdge(dut.clk)
            if dut.m_valid.value:
                got.append(int(dut.m_quotient.value))
            dut.s_valid.value = 0
    assert got[: len(pairs)] == [divide(a, b) for a, b in pairs]
    assert got[: len(pairs)] != [divide(a ^ 1, b) for a, b in pairs]


@cocotb.test()
async def squares_are_exact(dut) -> None:
    """All pixels, on both ports."""
    Clock(dut.clk, 2, "ns").start()
    for value in range(256):
        dut.s_a.value, dut.s_b.value = value, 255 - value
        await RisingEdge(dut.clk)
        await ReadOnly()
        assert int(dut.m_a.value) == value * value
        assert int(dut.m_b.value) == (255 - value) * (255 - value)
        await RisingEdge(dut.clk)


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("tiny", "ecp5_85k"))
def test_stereo_search(simulator: str, preset: str) -> None:
    """Small windows and images, and those of the chip."""
    simulate(
        "stereo_search",
        __name__,
        preset=preset,
        only="columns|extreme|cycles|reset",
        plusargs={"preset": preset},
        simulator=simulator,
    )


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(("bits", "cycles"), [(3, 2), (4, 1)])
def test_stream_divider(bits: int, cycles: int, simulator: str) -> None:
    """The widths of a score."""
    parameters = {"BITS": bits, "CYCLES": cycles}
    simulate("stream_divider", __name__, None, parameters, "quotients", simulator=simulator)


@pytest.mark.parametrize("simulator", simulators())
def test_square_table(simulator: str) -> None:
    """The only size there is."""
    simulate("square_table", __name__, only="squares", simulator=simulator)


@pytest.mark.parametrize(
    ("stem", "parameter"),
    [
        ("adder_tree", "COUNT=1"),
        ("register_queue", "DEPTH=0"),
        ("soft_multiply", "A_W=1"),
        ("stereo_columns", "WIDTH=33"),
        ("stereo_cross", "WIDTH=1"),
        ("stereo_fetch", "HEIGHT=16"),
        ("stereo_path", "PIECES=7"),
        ("stereo_row", "KNOTS=6"),
        ("stereo_score", "PIXELS=256"),
        ("stereo_template", "HEIGHT=8"),
        ("stream_divider", "QUOT_W=25"),
    ],
)
def test_a_bad_parameter_stops_the_elaboration(stem: str, parameter: str) -> None:
    assert "bad_parameter" in lint(stem, parameter)
