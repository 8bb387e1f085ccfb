# SPDX-License-Identifier: Apache-2.0
"""predict.v equals `predict_pixel` and `window_map` of vio/fixed/predict.py."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.utils import get_sim_time

from sim.needs import needs_simulator
from sim.points import HW, LATENCY, SIGNALS, Setup, serve, setup, unpack, word
from sim.runner import simulate, simulators
from sim.streams import never, receive, reset, send, sometimes
from vio.fixed.predict import OUTSIDE, predict_pixel, window_map

pytestmark = needs_simulator
IDENTITY = [1 << HW.warp_frac, 0, 0, 1 << HW.warp_frac]


def _request(generator: random.Random) -> dict[str, int]:
    x, y, x_key, y_key = (word(generator, 18) for _ in range(4))
    scale = generator.choice((1024, 1024, 683, 1536, generator.getrandbits(11)))
    with_map = int(generator.random() < 0.8)
    return {"map": with_map, "x": x, "y": y, "x_key": x_key, "y_key": y_key, "scale": scale}


def _expected(what: Setup, r: dict[str, int]) -> list[int]:
    """Return the pixel and, if wanted, the map row by row."""
    lens = what.lenses[0]
    u, v = predict_pixel(lens, SIGNALS, what.matrices[2], r["x"], r["y"])
    if not r["map"]:
        return [int(u), int(v)]
    warp = np.zeros((2, 2), np.int64)
    bits = HW.coord_frac, HW.warp_frac, HW.scale_frac
    window_map(lens, SIGNALS, what.matrices[3], r["x_key"], r["y_key"], r["scale"], *bits, warp)
    return [int(u), int(v), *(int(w) for w in warp.ravel())]


async def _run(dut, what: Setup, seed: int, count: int, stalls: bool) -> list[list[int]]:
    """Send requests, compare all answers, and return them."""
    generator = random.Random(seed)
    dut.s_valid.value = dut.m_ready.value = 0
    await reset(dut)
    server = cocotb.start_soon(serve(dut, what, random.Random(seed + 1) if stalls else None))
    requests = [_request(generator) for _ in range(count)]
    sender = cocotb.start_soon(send(dut, requests, sometimes(3, 0.3) if stalls else never))
    names = ("u", "v", "warp")
    words = await receive(dut, count, names, sometimes(4, 0.3) if stalls else never)
    await sender
    server.cancel()
    expected = [_expected(what, request) for request in requests]
    got = [
        [*unpack(w["u"], 19, 1), *unpack(w["v"], 19, 1), *unpack(w["warp"], 16, 4)][: len(e)]
        for w, e in zip(words, expected, strict=True)
    ]
    for answer, right, request in zip(got, expected, requests, strict=True):
        assert answer == right, (request, answer, right)
    twin = Setup(what.lenses, what.matrices + 3)
    assert got != [_expected(twin, request) for request in requests]
    return got


@cocotb.test()
async def pixels_and_maps_of_an_euroc_camera(dut) -> None:
    """Rays within and beyond the image; the projection unit busy and slow now and then."""
    got = await _run(dut, setup(0), 1, 300, True)
    assert any(answer[:2] == [OUTSIDE, OUTSIDE] for answer in got)
    assert any(answer[2:] == IDENTITY for answer in got)
    assert sum(len(answer) == 6 and answer[2:] != IDENTITY for answer in got) > 50


@cocotb.test()
async def pixels_and_maps_through_wide_lenses_and_steep_turns(dut) -> None:
    """Rays that turn behind the camera; points of the window that have no way back."""
    what = setup(1)
    got = await _run(dut, what, 2, 200, True)
    assert sum(len(answer) == 6 and answer[2:] != IDENTITY for answer in got) > 30


@cocotb.test()
async def pixels_and_maps_of_any_words(dut) -> None:
    """No lens at all: everything saturates, to either side."""
    low = high = 0
    for kind in (2, 3, 5):
        got = await _run(dut, setup(kind), kind, 150, True)
        low += sum(-(1 << 15) in answer[2:] for answer in got)
        high += sum((1 << 15) - 1 in answer[2:] for answer in got)
    assert low
    assert high


@cocotb.test()
async def a_track_takes_the_cycles_that_the_header_says(dut) -> None:
    """With a projection unit of its own."""
    what = setup(0)
    for with_map, most in ((0, 30), (1, 305)):
        dut.s_valid.value = dut.m_ready.value = 0
        await reset(dut)
        server = cocotb.start_soon(serve(dut, what, None))
        request = {"map": with_map, "x": 999, "y": 99, "x_key": 1500, "y_key": -20, "scale": 1024}
        begin = get_sim_time("ns")
        sender = cocotb.start_soon(send(dut, [request]))
        await receive(dut, 1, ("u",))
        cycles = int(get_sim_time("ns") - begin) // 2
        await sender
        server.cancel()
        assert sum(LATENCY[1:3]) < cycles <= most


@pytest.mark.parametrize("simulator", simulators())
def test_predict(simulator: str) -> None:
    """With the widths of the golden model."""
    simulate("predict", __name__, simulator=simulator)
