# SPDX-License-Identifier: Apache-2.0
"""frame_guard.v makes whole frames of whatever comes, or cuts them at once, and says why."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import never, pixels, receive, reset, send, sometimes

pytestmark = needs_simulator
NAMES = ("data", "user", "last")
ERRORS = ("short", "long", "start", "cut", "stop")
H, W, STOP = 5, 8, 40
MARK = {"data": 1, "user": 2, "last": 0}  # of a camera's queue: the frame breaks off


def _frame(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (H, W)).astype(np.uint8)


def _cut_lines(image: np.ndarray, lengths: dict[int, int]) -> list[dict[str, int]]:
    """Return the words of a frame whose line v has lengths[v] pixels (longer: 77s follow)."""
    words = []
    for v, line in enumerate(image):
        length = lengths.get(v, W)
        values = [*(int(x) for x in line), *[77] * 9][:length]
        words += [
            {"data": x, "user": int(u == v == 0), "last": int(u == length - 1)}
            for u, x in enumerate(values)
        ]
    return words


def _filled(image: np.ndarray, v: int, length: int) -> np.ndarray:
    """Return the frame with line v filled up after `length` pixels."""
    out = image.copy()
    out[v, length:] = out[v, length - 1]
    return out


def endless(image: np.ndarray, v: int) -> list[dict[str, int]]:
    """Return the words of a frame up to line v, which goes on without an end."""
    words = _cut_lines(image, {v: W + 4})[: v * W + W + 4]
    return [*words[:-1], {**words[-1], "last": 0}]


Words = list[dict[str, int]]


def _cases() -> list[tuple[str, Words, list[Words], list[int], dict[str, int]]]:
    """Return name, words in, frames out, which are bad (2: cut), and errors by kind."""
    a, b, c = _frame(1), _frame(2), _frame(3)
    part = pixels(b)[: 2 * W + 3]
    junk = [{"data": 9, "user": 0, "last": 0}] * 5
    return [
        ("good", pixels(a) + pixels(b), [a, b], [0, 0], {}),
        ("no start", junk + pixels(a), [a], [0], {"start": 5}),
        ("short", _cut_lines(a, {1: 5}) + pixels(b), [_filled(a, 1, 5), b], [1, 0], {"short": 1}),
        (
            "short end",
            _cut_lines(a, {4: 1}) + pixels(b),
            [_filled(a, 4, 1), b],
            [1, 0],
            {"short": 1},
        ),
        ("long", _cut_lines(a, {2: 11}) + pixels(b), [a, b], [1, 0], {"long": 1}),
        ("long end", _cut_lines(a, {4: 12}) + pixels(b), [a, b], [1, 0], {"long": 1}),
        ("cut", part + pixels(c), [part, c], [2, 0], {"cut": 1}),
        ("cut by a mark", [*part, MARK, *pixels(c)], [part, c], [2, 0], {"cut": 1}),
        (
            "cut in the first pixel",
            pixels(b)[:1] + pixels(c),
            [pixels(b)[:1], c],
            [2, 0],
            {"cut": 1},
        ),
        ("a mark alone", [*pixels(a), MARK, MARK, *pixels(c)], [a, c], [0, 0], {}),
        (
            "cut in the last pixel",
            pixels(a)[:-1] + pixels(c),
            [pixels(a)[:-1], c],
            [2, 0],
            {"cut": 1},
        ),
        (
            "a short line, then a cut",
            [*_cut_lines(a, {0: 3})[:3], *pixels(c)],
            [pixels(_filled(a, 0, 3))[:W], c],
            [2, 0],
            {"short": 1, "cut": 1},
        ),
        # The excess of a line has no end: a frame begins in it, after the last line or within.
        ("long, then a start", endless(a, 4) + pixels(b), [a, b], [1, 0], {"long": 1}),
        (
            "long, then a short line",
            endless(a, 4) + _cut_lines(b, {0: 1}),
            [a, _filled(b, 0, 1)],
            [1, 1],
            {"long": 1, "short": 1},
        ),
        (
            "long, then a cut",
            endless(b, 2) + pixels(c),
            [pixels(b)[: 3 * W], c],
            [2, 0],
            {"long": 1, "cut": 1},
        ),
    ]


def _settings(dut, enable: int = 1) -> None:
    dut.cfg_width.value, dut.cfg_height.value = W, H
    dut.cfg_enable.value, dut.cfg_stop.value = enable, STOP


@cocotb.test()
async def broken_streams_become_whole_frames(dut) -> None:
    """Each fault, under every kind of stall: pixels, marks, decision and error pulses."""
    await reset(dut)
    _settings(dut)
    for seed, (source, sink) in enumerate([(0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5)]):
        for name, words, frames, bad, errors in _cases():
            seen = dict.fromkeys(ERRORS, 0)
            decisions: list[int] = []  # of each frame: repaired, or cut

            async def watch(seen=seen, decisions=decisions) -> None:
                while True:
                    await ReadOnly()
                    for kind in ERRORS:
                        seen[kind] += int(getattr(dut, f"error_{kind}").value)
                    if dut.m_axis_tvalid.value and dut.m_axis_tready.value and dut.m_end.value:
                        decisions.append(int(dut.m_bad.value))
                    if dut.m_cut.value:
                        assert not dut.m_axis_tvalid.value
                        decisions.append(2)
                    await RisingEdge(dut.clk)

            watcher = cocotb.start_soon(watch())
            stall_in = sometimes(seed, source) if source else never
            stall_out = sometimes(seed + 50, sink) if sink else never
            sender = cocotb.start_soon(send(dut, words, stall_in, "s_axis_t"))
            expected = [
                word
                for frame in frames
                for word in (frame if isinstance(frame, list) else pixels(frame))
            ]
            got = await receive(dut, len(expected), NAMES, stall_out, "m_axis_t", limit=5000)
            await sender
            for _ in range(3):
                await RisingEdge(dut.clk)
            watcher.cancel()
            assert got == expected, (name, source, sink)
            assert decisions == bad, (name, decisions)
            assert seen == {**dict.fromkeys(ERRORS, 0), **errors}, (name, seen)


@cocotb.test()
async def a_reset_in_mid_frame_forgets_it(dut) -> None:
    """What is left of the frame is no frame, and no error; the next one passes."""
    await reset(dut)
    _settings(dut)
    dut.m_axis_tready.value = 1
    await send(dut, pixels(_frame(1))[:19], never, "s_axis_t")
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    words = pixels(_frame(1))[19:] + pixels(_frame(2))
    errors: list[int] = []

    async def watch() -> None:
        while True:
            await ReadOnly()
            errors.append(int(dut.error_start.value))
            await RisingEdge(dut.clk)

    watcher = cocotb.start_soon(watch())
    sender = cocotb.start_soon(send(dut, words, never, "s_axis_t"))
    assert await receive(dut, H * W, NAMES, never, "m_axis_t", 500) == pixels(_frame(2))
    await sender
    assert sum(errors) == 0
    watcher.cancel()


@cocotb.test()
async def no_frame_waits_for_the_one_that_it_cuts(dut) -> None:
    """A start of frame in mid-frame waits two cycles, however much was still to come."""
    await reset(dut)
    _settings(dut)
    dut.m_axis_tready.value = 1
    await send(dut, pixels(_frame(1))[: W + 2], never, "s_axis_t")
    waited = 0
    dut.s_axis_tvalid.value, dut.s_axis_tuser.value = 1, 1
    while True:
        await ReadOnly()
        if dut.s_axis_tready.value:
            break
        waited += 1
        await RisingEdge(dut.clk)
    assert waited == 2
    await RisingEdge(dut.clk)
    dut.s_axis_tvalid.value = 0


@cocotb.test()
async def a_frame_that_stops_is_cut_after_cfg_stop_cycles(dut) -> None:
    """In a line, between lines and in the excess of the last line, where nothing is cut."""
    await reset(dut)
    _settings(dut)
    dut.m_axis_tready.value = 1
    image = _frame(1)
    for words, stops in (
        (pixels(image)[:11], 1),
        (pixels(image)[: 2 * W], 1),
        (endless(image, 4), 0),
    ):
        await send(dut, words, never, "s_axis_t")
        cut, cuts, errors = [], 0, 0
        for cycle in range(2 * STOP):
            await ReadOnly()
            if dut.m_cut.value:
                cut.append(cycle)
            cuts += int(dut.error_cut.value)
            errors += int(dut.error_stop.value)
            await RisingEdge(dut.clk)
        assert (len(cut), cuts, errors) == (stops, 0, stops)
        assert not stops or cut == [STOP + 1]
        await ReadOnly()
        assert not dut.m_inside.value
        await RisingEdge(dut.clk)
        sender = cocotb.start_soon(send(dut, pixels(image), never, "s_axis_t"))
        assert await receive(dut, H * W, NAMES, never, "m_axis_t", 500) == pixels(image)
        await sender
        dut.m_axis_tready.value = 1


@cocotb.test()
async def no_frame_begins_while_it_is_disabled(dut) -> None:
    """The one under way goes on; what is ignored, and the rest of it, is no error."""
    await reset(dut)
    _settings(dut)
    a, b, c = _frame(1), _frame(2), _frame(3)
    starts: list[int] = []

    async def watch() -> None:
        while True:
            await ReadOnly()
            starts.append(int(dut.error_start.value))
            await RisingEdge(dut.clk)

    watcher = cocotb.start_soon(watch())
    words = pixels(a) + pixels(b) + pixels(c)

    async def drive() -> None:
        await send(dut, words[:9], never, "s_axis_t")
        dut.cfg_enable.value = 0
        await send(dut, words[9 : H * W + 7], never, "s_axis_t")
        dut.cfg_enable.value = 1
        await send(dut, words[H * W + 7 :], never, "s_axis_t")

    driver = cocotb.start_soon(drive())
    got = await receive(dut, 2 * H * W, NAMES, never, "m_axis_t", 500)
    await driver
    assert got == pixels(a) + pixels(c)
    assert sum(starts) == 0
    watcher.cancel()


@pytest.mark.parametrize("simulator", simulators())
def test_frame_guard(simulator: str) -> None:
    """All tests of this file on one build."""
    simulate("frame_guard", __name__, simulator=simulator)
