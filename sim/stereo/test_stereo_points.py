# SPDX-License-Identifier: Apache-2.0
"""stereo_curve.v and stereo_map.v equal the points of vio/fixed/stereo*.py."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.utils import get_sim_time

from sim.needs import needs_simulator
from sim.points import HW, RIG, SIGNALS, Setup, serve, setup, signed, unpack, word
from sim.runner import simulate, simulators
from sim.streams import never, receive, reset, send, sometimes
from vio.config import FrontEndConfig
from vio.fixed import formats as sig
from vio.fixed.qformat import narrow, round_shift
from vio.fixed.stereo import left_pixel, rectified_ray
from vio.fixed.stereo_curve import segment_slopes, trace_curve
from vio.fixed.stereo_registers import StereoRegisters, stereo_registers

pytestmark = needs_simulator
MAP, RAY = 0, 1


def _registers(what: Setup, segments: int, step: int = 4559) -> StereoRegisters:
    """Return the matcher's registers with the rotations of a setup."""
    registers = stereo_registers(RIG, FrontEndConfig(), HW)
    return registers._replace(
        R_rect_left=what.matrices[5],
        R_rect_right=what.matrices[6],
        first=142,
        disparity_step=step,
        segments=segments,
    )


def _expected_curve(what: Setup, s: StereoRegisters, r: dict[str, int]) -> list[int]:
    """Return ok and, then, ray, number of breakpoints, breakpoints and slopes."""
    left, right = what.lenses
    x, y, ahead = rectified_ray(left, s.R_rect_left, SIGNALS, r["u"], r["v"])
    knots = np.zeros((s.segments + 1, 2), np.int64)
    slopes = np.zeros(s.segments + 1, np.int64)
    n = trace_curve(right, s, SIGNALS, x, y, knots) if ahead else 0
    if n < 2:
        return [0]
    segment_slopes(SIGNALS, knots, n, slopes)
    fields = [1, x, y, n, *knots[:n, 0], *knots[:n, 1], *slopes[: n - 1]]
    return [int(field) for field in fields]


def _got_curve(w: dict[str, int]) -> list[int]:
    if not w["ok"]:
        return [0]
    n = w["pieces"]
    knots = unpack(w["knots_u"], 19, 5)[:n] + unpack(w["knots_v"], 19, 5)[:n]
    slopes = unpack(w["slopes"], 13, 4)[: n - 1]
    return [1, signed(w["x"], 18), signed(w["y"], 18), n, *knots, *slopes]


def _expected_map(what: Setup, s: StereoRegisters, r: dict[str, int]) -> list[int]:
    """Return ok, the ray and, of a map, the disparity and the map row by row."""
    left, right = what.lenses
    x, _, ahead = rectified_ray(right, s.R_rect_right, SIGNALS, r["u"], r["v"])
    if not ahead:
        return [0]
    if r["op"] == RAY:
        return [1, int(x)]
    disparity = r["x"] - x
    warp = np.zeros((2, 2), np.int64)
    for m, (du, dv) in enumerate(((1024, 0), (0, 1024))):
        ua, va = left_pixel(left, right, s, SIGNALS, r["u"] + du, r["v"] + dv, disparity)
        ub, vb = left_pixel(left, right, s, SIGNALS, r["u"] - du, r["v"] - dv, disparity)
        shift = HW.coord_frac + 3 - HW.warp_frac
        warp[0, m] = narrow(SIGNALS, sig.WARP, round_shift(ua - ub, shift))
        warp[1, m] = narrow(SIGNALS, sig.WARP, round_shift(va - vb, shift))
    return [1, int(x), int(disparity), *(int(entry) for entry in warp.ravel())]


def _got_map(w: dict[str, int], op: int) -> list[int]:
    if not w["ok"]:
        return [0]
    ray = [1, signed(w["x"], 18)]
    if op == RAY:
        return ray
    return [*ray, signed(w["disparity"], 19), *unpack(w["warp"], 16, 4)]


async def _run(
    dut, what: Setup, requests: list[dict[str, int]], names: tuple[str, ...], stalls: bool
) -> tuple[list[dict[str, int]], int]:
    """Return the results of all requests and the cycles they took."""
    dut.s_valid.value = dut.m_ready.value = 0
    await reset(dut)
    server = cocotb.start_soon(serve(dut, what, random.Random(7) if stalls else None))
    sender = cocotb.start_soon(send(dut, requests, sometimes(3, 0.3) if stalls else never))
    begin = get_sim_time("ns")
    words = await receive(dut, len(requests), names, sometimes(4, 0.3) if stalls else never)
    cycles = int(get_sim_time("ns") - begin) // 2
    await sender
    server.cancel()
    return words, cycles


def _pixel(generator: random.Random) -> dict[str, int]:
    if generator.random() < 0.6:
        return {"u": generator.randrange(752 << 8), "v": generator.randrange(480 << 8)}
    return {"u": word(generator, 19), "v": word(generator, 19)}


CURVE = ("ok", "x", "y", "pieces", "knots_u", "knots_v", "slopes")


@cocotb.test()
async def curves_are_those_of_the_model(dut) -> None:
    """Of EuRoC's rig, of lenses that bend it steeply, and of any words; one to four segments."""
    generator = random.Random(1)
    lengths: set[int] = set()
    steep: set[int] = set()
    for kind, segments, step in (
        (0, 4, 4559),
        (0, 1, 4559),
        (1, 3, 14000),
        (2, 4, 9000),
        (12, 4, 9000),
        (14, 4, 9000),
        (11, 2, 30000),
        (20, 4, 4559),
        (21, 4, 2000),
    ):
        what = setup(kind)
        s = _registers(what, segments, step)
        dut.cfg_first.value, dut.cfg_disparity_step.value = s.first, s.disparity_step
        dut.cfg_segments.value = s.segments
        # The first one has all breakpoints: from then on no word of the results is undefined.
        requests = [{"u": 100000, "v": 60000}, *(_pixel(generator) for _ in range(60))]
        words, _ = await _run(dut, what, requests, CURVE, True)
        got = [_got_curve(w) for w in words]
        expected = [_expected_curve(what, s, r) for r in requests]
        for answer, right, request in zip(got, expected, requests, strict=True):
            assert answer == right, (kind, request, answer, right)
        lengths |= {answer[3] if answer[0] else 0 for answer in got}
        steep |= {answer[-1] for answer in got}
        twin = s._replace(disparity_step=step + 1)
        assert 2 <= kind < 10 or got != [_expected_curve(what, twin, r) for r in requests]
    assert lengths == {0, 2, 3, 4, 5}
    assert {-4096, 4095} <= steep


@cocotb.test()
async def a_curve_takes_the_cycles_that_the_header_says(dut) -> None:
    """With a projection unit of its own; division hides behind the next breakpoint."""
    what = setup(0)
    for segments in (1, 4):
        s = _registers(what, segments)
        dut.cfg_first.value, dut.cfg_disparity_step.value = s.first, s.disparity_step
        dut.cfg_segments.value = s.segments
        words, cycles = await _run(dut, what, [{"u": 100000, "v": 60000}], CURVE, False)
        assert words[0]["pieces"] == segments + 1
        assert 45 + 28 * (segments + 1) < cycles <= 140 + 35 * (segments - 1), cycles


@cocotb.test()
async def maps_and_rays_are_those_of_the_model(dut) -> None:
    """Of EuRoC's rig, of wide lenses, and of any words; right and left rays that do not belong."""
    generator = random.Random(2)
    names = ("ok", "x", "disparity", "warp")
    void = 0
    for kind in (0, 1, 2, 3, 10, 11, 20):
        what = setup(kind)
        s = _registers(what, 4)
        # The first one has a map: from then on no word of the results is undefined.
        requests = [{"op": MAP, "u": 90000, "v": 60000, "x": 3000}]
        for _ in range(60):
            ray = word(generator, 18)
            requests.append({"op": int(generator.random() < 0.2), **_pixel(generator), "x": ray})
        words, _ = await _run(dut, what, requests, names, True)
        got = [_got_map(w, r["op"]) for w, r in zip(words, requests, strict=True)]
        expected = [_expected_map(what, s, r) for r in requests]
        for answer, right, request in zip(got, expected, requests, strict=True):
            assert answer == right, (kind, request, answer, right)
        void += sum(answer == [0] for answer in got)
        other = Setup(what.lenses, what.matrices + 9)
        twin = _registers(other, 4)
        assert 2 <= kind < 10 or got != [_expected_map(other, twin, r) for r in requests]
    assert void
    request = {"op": MAP, "u": 90000, "v": 60000, "x": 3000}
    _, cycles = await _run(dut, setup(0), [request], names, False)
    assert 300 < cycles <= 345, cycles


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(("module", "only"), [("stereo_curve", "curve"), ("stereo_map", "maps")])
def test_stereo_points(module: str, only: str, simulator: str) -> None:
    """With the widths of the golden model."""
    simulate(module, __name__, only=only, simulator=simulator)
