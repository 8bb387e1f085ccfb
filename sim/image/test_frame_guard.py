# SPDX-License-Identifier: Apache-2.0
"""frame_guard.v makes whole frames of whatever comes, and says what was wrong."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.runner import simulate, simulators
from sim.streams import never, pixels, receive, reset, send, sometimes

pytestmark = pytest.mark.skipif(
    not simulators(), reason="no simulator; install one with: pip install 'kestrel-vio[hw]'"
)
NAMES = ("data", "user", "last")
ERRORS = ("short", "long", "start", "cut")
H, W = 5, 8


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


def _last_repeated(image: np.ndarray, v: int) -> np.ndarray:
    """Return the frame with all lines after v made of the last pixel of line v."""
    out = image.copy()
    out[v + 1 :] = out[v, -1]
    return out


def _cases() -> list[tuple[str, list[dict[str, int]], list[np.ndarray], list[int], dict[str, int]]]:
    """Return name, words in, frames out, which of them are bad, and errors by kind."""
    a, b, c = _frame(1), _frame(2), _frame(3)
    rest = b.copy()
    rest[2, 3:] = rest[2, 2]
    rest[3:] = rest[2, 2]
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
        ("cut", pixels(b)[: 2 * W + 3] + pixels(c), [rest, c], [1, 0], {"cut": 1}),
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
            [_last_repeated(b, 2), c],
            [1, 0],
            {"long": 1, "cut": 1},
        ),
    ]


@cocotb.test()
async def broken_streams_become_whole_frames(dut) -> None:
    """Each fault, under every kind of stall: pixels, marks, decision and error pulses."""
    await reset(dut)
    dut.cfg_width.value, dut.cfg_height.value = W, H
    for seed, (source, sink) in enumerate([(0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5)]):
        for name, words, frames, bad, errors in _cases():
            seen = dict.fromkeys(ERRORS, 0)
            verdicts: list[int] = []

            async def watch(seen=seen, verdicts=verdicts) -> None:
                while True:
                    await ReadOnly()
                    for kind in ERRORS:
                        seen[kind] += int(getattr(dut, f"error_{kind}").value)
                    if dut.m_axis_tvalid.value and dut.m_axis_tready.value:
                        verdicts.append(int(dut.m_bad.value))
                    await RisingEdge(dut.clk)

            watcher = cocotb.start_soon(watch())
            stall_in = sometimes(seed, source) if source else never
            stall_out = sometimes(seed + 50, sink) if sink else never
            sender = cocotb.start_soon(send(dut, words, stall_in, "s_axis_t"))
            expected = [word for frame in frames for word in pixels(frame)]
            got = await receive(dut, len(expected), NAMES, stall_out, "m_axis_t", limit=5000)
            await sender
            for _ in range(3):
                await RisingEdge(dut.clk)
            watcher.cancel()
            assert got == expected, (name, source, sink)
            ends = verdicts[H * W - 1 :: H * W]
            assert ends == bad, (name, verdicts)
            assert sum(verdicts) == sum(bad)
            assert seen == {**dict.fromkeys(ERRORS, 0), **errors}, (name, seen)


@cocotb.test()
async def a_reset_in_mid_frame_forgets_it(dut) -> None:
    """What is left of the frame is no frame; the next one passes."""
    await reset(dut)
    dut.cfg_width.value, dut.cfg_height.value = W, H
    dut.m_axis_tready.value = 1
    await send(dut, pixels(_frame(1))[:19], never, "s_axis_t")
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    words = pixels(_frame(1))[19:] + pixels(_frame(2))
    sender = cocotb.start_soon(send(dut, words, never, "s_axis_t"))
    assert await receive(dut, H * W, NAMES, never, "m_axis_t", 500) == pixels(_frame(2))
    await sender


@pytest.mark.parametrize("simulator", simulators())
def test_frame_guard(simulator: str) -> None:
    """All tests of this file on one build."""
    simulate("frame_guard", __name__, simulator=simulator)
