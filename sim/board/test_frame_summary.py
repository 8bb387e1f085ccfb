# SPDX-License-Identifier: Apache-2.0
"""frame_summary.v: what it says of frames of both cameras, whole, broken off and of other sizes."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.runner import simulate, simulators_for
from sim.streams import receive, reset, sometimes

IDENTITY = 0x53554D31
Frame = list[list[int]]  # lines of pixels


def _frame(generator: random.Random) -> Frame:
    width, height = generator.randint(1, 9), generator.randint(1, 6)
    return [[generator.randrange(256) for _ in range(width)] for _ in range(height)]


def _words(frame: Frame, keep: int | None = None) -> list[tuple[int, int, int]]:
    words = [
        (pixel, int(v == u == 0), int(u == len(line) - 1))
        for v, line in enumerate(frame)
        for u, pixel in enumerate(line)
    ]
    return words[:keep]


def _summary(words: list[tuple[int, int, int]]) -> list[int]:
    """Return the two words that a frame's pixels sum up to."""
    lines = sum(last for _, _, last in words)
    width, column = 0, 0
    for _, _, last in words:
        column += 1
        if last:
            width, column = column, 0
    return [lines << 16 | width, sum(pixel for pixel, _, _ in words)]


async def _stream(dut, side: str, words: list[tuple[int, int, int]], stall) -> None:
    def port(name: str):
        return getattr(dut, f"s_{side}_axis_t{name}")

    for data, user, last in words:
        port("valid").value = 0
        for _ in range(10 * (user == 2)):  # a packet is left out while the last one is sent
            await RisingEdge(dut.clk)
        while stall():
            await RisingEdge(dut.clk)
        port("data").value, port("user").value, port("last").value = data, user, last
        port("valid").value = 1
        await ReadOnly()
        assert port("ready").value, "a stream waits"
        await RisingEdge(dut.clk)
    port("valid").value = 0


@cocotb.test()
async def each_left_frame_is_summed_up_with_the_last_whole_right_one(dut) -> None:
    generator = random.Random(8)
    for side in ("left", "right"):
        getattr(dut, f"s_{side}_axis_tvalid").value = 0
    dut.m_axis_tready.value = 1
    await reset(dut)
    got = cocotb.start_soon(receive(dut, 7 * 29, ["data", "last"], prefix="m_axis_t", limit=20_000))
    expected, right = [], [0, 0]
    pending: dict[str, list] = {"left": [], "right": []}
    for index in range(30):
        words = {}
        for side in ("left", "right"):
            frame = _words(_frame(generator), generator.choice([None, None, 7]))
            mark = [(generator.randrange(256), 2, 0)] if generator.random() < 0.3 else []
            words[side] = frame + mark
            if side == "right" and pending["right"]:
                right = _summary(pending["right"])  # it ends before this left frame begins
            pending[side + "_next"] = frame
        await _stream(dut, "right", words["right"], sometimes(index, 0.3))
        if any(user == 2 for _, user, _ in words["right"]):
            right = _summary(pending["right_next"])
            pending["right"] = []
        else:
            pending["right"] = pending["right_next"]
        if index and pending["left"]:
            expected.append([IDENTITY, len(expected), *_summary(pending["left"]), *right])
        for _ in range(10):
            await RisingEdge(dut.clk)
        await _stream(dut, "left", words["left"], sometimes(index + 99, 0.3))
        if any(user == 2 for _, user, _ in words["left"]):
            expected.append([IDENTITY, len(expected), *_summary(pending["left_next"]), *right])
            pending["left"] = []
        else:
            pending["left"] = pending["left_next"]
        for _ in range(10):
            await RisingEdge(dut.clk)
    words = await got
    out = [[w["data"] for w in words[i : i + 7]] for i in range(0, len(words), 7)]
    assert [w["last"] for w in words[:7]] == [0] * 6 + [1]
    # 10 cycles and more lie before each frame and mark, and those of the right stream.
    assert all(12 <= packet.pop(2) < 500 for packet in out)
    assert out == [
        [part & 0xFFFFFFFF for part in (a, n, lines, total, lines_r, total_r)]
        for a, n, lines, total, lines_r, total_r in expected[:29]
    ]


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("ecp5_85k"))
def test_frame_summary(simulator: str, preset: str) -> None:
    simulate("frame_summary", "sim.board.test_frame_summary", simulator=simulator)
