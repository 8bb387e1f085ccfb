# SPDX-License-Identifier: Apache-2.0
"""The chip's edge: asynchronous queue, camera bus, and frames of two cameras paired or missing."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge, Timer
from cocotb.utils import get_sim_time

from sim.cameras import Camera, words
from sim.needs import needs_simulator
from sim.runner import lint, simulate, simulators

pytestmark = needs_simulator
CHIP_PS = 16_000
# Periods of the two pixel clocks: unrelated to the chip's and to each other, one as fast.
PERIODS = ((23_714, 41_132), (41_666, 37_038), (16_002, 16_004))
H, W = 4, 10
SKEW, DEPTH = 100, 256


# ---- async_fifo ----


@cocotb.test()
async def words_cross_between_any_two_clocks_once_and_in_order(dut) -> None:
    """Slow to fast, fast to slow, nearly equal; either side pausing, the queue full and empty."""
    generator = random.Random(1)
    bits, depth = len(dut.s_data), int(dut.DEPTH.value)
    for s_ps, m_ps in ((10_000, 10_002), (7_002, 31_418), (31_418, 7_002), (16_000, 16_000)):
        for s_pause, m_pause in ((0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.4, 0.4)):
            sent = [generator.getrandbits(bits) for _ in range(150)]
            got: list[int] = []
            full = 0
            dut.s_valid.value = dut.m_ready.value = 0
            dut.s_rst.value = dut.m_rst.value = 1
            clocks = [Clock(dut.s_clk, s_ps, "ps"), Clock(dut.m_clk, m_ps, "ps")]
            for clock in clocks:
                clock.start(start_high=False)
            await Timer(200, "ns")
            dut.s_rst.value = dut.m_rst.value = 0

            async def read(got=got, sent=sent, m_pause=m_pause) -> None:
                while len(got) < len(sent):
                    dut.m_ready.value = int(generator.random() >= m_pause)
                    await ReadOnly()
                    if dut.m_valid.value and dut.m_ready.value:
                        got.append(int(dut.m_data.value))
                    await RisingEdge(dut.m_clk)
                dut.m_ready.value = 0

            await RisingEdge(dut.m_clk)
            reader = cocotb.start_soon(read())
            await RisingEdge(dut.s_clk)
            for word in sent:
                while generator.random() < s_pause:
                    dut.s_valid.value = 0
                    await RisingEdge(dut.s_clk)
                dut.s_valid.value, dut.s_data.value = 1, word
                while True:
                    await ReadOnly()
                    taken = bool(dut.s_ready.value)
                    full += not taken
                    await RisingEdge(dut.s_clk)
                    if taken:
                        break
            dut.s_valid.value = 0
            await reader
            assert got == sent
            assert got != sent[1:] + sent[:1]
            assert full > 0 or m_ps <= 2 * s_ps or s_pause > 0.0
            for clock in clocks:
                clock.stop()
    assert depth <= 16  # small enough to be full in this test


@cocotb.test()
async def a_full_queue_holds_all_its_words(dut) -> None:
    """Nobody reads: DEPTH words and the one at the exit are taken, none is lost."""
    dut.s_valid.value = dut.m_ready.value = 0
    dut.s_rst.value = dut.m_rst.value = 1
    for clk, ps in ((dut.s_clk, 9_000), (dut.m_clk, 14_002)):
        Clock(clk, ps, "ps").start()
    await Timer(200, "ns")
    dut.s_rst.value = dut.m_rst.value = 0
    await RisingEdge(dut.s_clk)
    taken = 0
    for _ in range(60):
        dut.s_valid.value, dut.s_data.value = 1, taken
        await ReadOnly()
        taken += int(dut.s_ready.value)
        await RisingEdge(dut.s_clk)
    dut.s_valid.value = 0
    assert taken == int(dut.DEPTH.value) + 1
    await RisingEdge(dut.m_clk)
    dut.m_ready.value = 1
    for i in range(taken):
        await ReadOnly()
        while not dut.m_valid.value:
            await RisingEdge(dut.m_clk)
            await ReadOnly()
        assert int(dut.m_data.value) == i
        await RisingEdge(dut.m_clk)
    for _ in range(5):
        await ReadOnly()
        assert not dut.m_valid.value
        await RisingEdge(dut.m_clk)


# ---- camera_pair ----


def _image(seed: int, lengths: tuple[int, ...] = (W,) * H) -> list[np.ndarray]:
    """Return lines of pixels."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 256, n).astype(np.uint8) for n in lengths]


class Bench:
    """Two cameras and a chip that takes both streams."""

    EVENTS = ("left_missing", "right_missing", "late")
    COUNTS = (*EVENTS, "lost")

    def __init__(self, dut, periods: tuple[int, int], pause: float = 0.0) -> None:
        self.dut = dut
        self.levels = (int(dut.FRAME_LEVEL.value), int(dut.LINE_LEVEL.value))
        waits = bool(int(dut.SOURCE_WAITS.value))
        self.cameras = [
            Camera(dut, f"{side}_", self.levels, waits=waits) for side in ("left", "right")
        ]
        self.got: list[list[tuple[int, int, int]]] = [[], []]
        self.starts: list[list[float]] = [[], []]
        self.events = dict.fromkeys(self.COUNTS, 0)
        self.pauses = [pause, pause]
        self._random = random.Random(7)
        self._clocks = [
            Clock(dut.clk, CHIP_PS, "ps"),
            Clock(dut.left_pixel_clk, periods[0], "ps"),
            Clock(dut.right_pixel_clk, periods[1], "ps"),
        ]

    async def start(self, pixel_clocks: bool = True) -> None:
        """Start the clocks, reset, and watch."""
        for clock in self._clocks[: 3 if pixel_clocks else 1]:
            clock.start()
        await self.reset()
        self._watchers = [cocotb.start_soon(self._watch(side)) for side in range(2)]
        self._watchers.append(cocotb.start_soon(self._count()))
        if pixel_clocks:
            await self.settle(20)

    def start_pixel_clocks(self) -> None:
        for clock in self._clocks[1:]:
            clock.start()

    async def reset(self) -> None:
        self.dut.rst.value = 1
        await RisingEdge(self.dut.clk)
        await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0

    def stop(self) -> None:
        """End what runs, so that the next bench can begin."""
        for task in self._watchers:
            task.cancel()
        for clock in self._clocks:
            clock.stop()

    async def settle(self, clocks: int = 3 * SKEW) -> None:
        for _ in range(clocks):
            await RisingEdge(self.dut.clk)

    async def _watch(self, side: int) -> None:
        prefix = f"m_{('left', 'right')[side]}_axis_t"
        valid, ready, *names = (
            getattr(self.dut, prefix + name) for name in ("valid", "ready", "data", "user", "last")
        )
        waits: tuple[int, ...] | None = None
        while True:
            ready.value = int(self._random.random() >= self.pauses[side])
            await ReadOnly()
            assert waits is None or valid.value, "tvalid fell before tready"
            # Without tvalid the word means nothing: after the start it is not even known.
            word = tuple(int(name.value) for name in names) if valid.value else None
            assert waits is None or word == waits, "a word changed before tready"
            waits = None
            if word is not None and ready.value:
                if word[1] & 1:
                    self.starts[side].append(get_sim_time("ps"))
                self.got[side].append(word)
            elif word is not None:
                waits = word
            await RisingEdge(self.dut.clk)

    async def _count(self) -> None:
        while True:
            await ReadOnly()
            for name in self.EVENTS:
                self.events[name] += int(getattr(self.dut, f"event_{name}").value)
            self.events["lost"] += int(self.dut.count_lost.value)
            await RisingEdge(self.dut.clk)

    async def send(self, left=None, right=None, lead: int = 0) -> None:
        """Send a frame; lead: chip clocks by which the left camera begins before the right one."""

        async def one(camera: Camera, lines, wait: int) -> None:
            if wait:
                await Timer(wait * CHIP_PS, "ps")
            if lines is not None:
                await camera.frame(lines)

        tasks = [
            cocotb.start_soon(one(self.cameras[0], left, max(-lead, 0))),
            cocotb.start_soon(one(self.cameras[1], right, max(lead, 0))),
        ]
        for task in tasks:
            await task

    def expect(self, left: list, right: list, **events: int) -> None:
        """Assert what came out since the last call; clear it."""
        wanted = [[w for lines in side for w in words(lines)] for side in (left, right)]
        assert self.got == wanted
        for side in wanted:
            if side:  # the comparison can fail
                data, user, last = side.pop()
                side.append((data ^ 1, user, last))
                assert self.got != wanted
        assert self.events == {**dict.fromkeys(self.COUNTS, 0), **events}
        self.got[0].clear()
        self.got[1].clear()
        self.events = dict.fromkeys(self.COUNTS, 0)


@cocotb.test()
async def frames_leave_in_pairs_whatever_the_clocks_and_the_skew(dut) -> None:
    """Three sets of clocks; either camera ahead by up to nearly the skew; a chip that pauses."""
    for periods in PERIODS:
        for pause in (0.0, 0.4):
            bench = Bench(dut, periods, pause)
            await bench.start()
            for i, lead in enumerate((0, 1, -1, 17, -23, SKEW - 30, 30 - SKEW)):
                left, right = _image(2 * i), _image(2 * i + 1)
                await bench.send(left, right, lead)
                await bench.settle()
                apart = abs(bench.starts[0][-1] - bench.starts[1][-1])
                assert apart <= (0 if pause == 0.0 else 40 * CHIP_PS), (periods, lead)
                bench.expect([left], [right])
            bench.stop()


@cocotb.test()
async def a_missing_image_is_declared_and_the_next_pair_is_whole(dut) -> None:
    """Left, right, several in a row, then a pair whose right camera is ahead."""
    for periods in PERIODS:
        bench = Bench(dut, periods)
        await bench.start()
        images = [_image(i) for i in range(12)]
        await bench.send(images[0], None)
        await bench.settle()
        bench.expect([images[0]], [], right_missing=1)
        await bench.send(None, images[1])
        await bench.settle()
        bench.expect([], [images[1]], left_missing=1)
        for i in (2, 3):
            await bench.send(images[i], None)
            await bench.settle()
        bench.expect(images[2:4], [], right_missing=2)
        # The right camera is ahead of the left one: no image of a frame long past.
        await bench.send(images[4], images[5], -40)
        await bench.settle()
        bench.expect([images[4]], [images[5]])
        await bench.send(None, images[6])
        await bench.settle()
        await bench.send(images[7], images[8], 40)
        await bench.settle()
        bench.expect([images[7]], [images[6], images[8]], left_missing=1)
        bench.stop()


@cocotb.test()
async def an_image_behind_the_skew_is_left_out_and_said(dut) -> None:
    """Its frame is in the chip already; the pair after it is whole."""
    for periods in PERIODS:
        bench = Bench(dut, periods)
        await bench.start()
        long = (60,) * 6  # longer than the skew
        for sign in (1, -1):
            left, right = _image(1, long), _image(2, long)
            await bench.send(left, right, sign * (SKEW + 60))
            await bench.settle()
            if sign > 0:
                bench.expect([left], [], right_missing=1, late=1)
            else:
                bench.expect([], [right], left_missing=1, late=1)
            left, right = _image(3), _image(4)
            await bench.send(left, right, sign * 20)
            await bench.settle()
            bench.expect([left], [right])
        bench.stop()


@cocotb.test()
async def lines_of_any_length_keep_their_marks(dut) -> None:
    """Short and long lines, a line of one pixel, a frame cut in the middle of a line."""
    bench = Bench(dut, PERIODS[0])
    await bench.start()
    for i, lengths in enumerate([(10, 7, 10, 10), (1, 10), (10, 14, 1, 1), (1,)]):
        left, right = _image(i, lengths), _image(20 + i)
        await bench.send(left, right)
        await bench.settle()
        bench.expect([left], [right])
    # vsync ends in the last line, together with it.
    left, camera = _image(30), bench.cameras[0]
    saved = camera._blank
    camera._blank = 0
    await bench.send(left[-1:], None)
    camera._blank = saved
    await bench.settle()
    bench.expect([left[-1:]], [], right_missing=1)
    bench.stop()


@cocotb.test()
async def frames_follow_each_other_without_a_pause(dut) -> None:
    """Six pairs back to back, the right camera ahead or behind."""
    for lead in (30, -30):
        bench = Bench(dut, (23_714, 23_714))
        await bench.start()
        images = [[_image(10 * side + i) for i in range(6)] for side in range(2)]

        async def stream(side: int, wait: int, bench=bench, images=images) -> None:
            await bench.settle(wait)
            for image in images[side]:
                await bench.cameras[side].frame(image, rest=60)

        tasks = [
            cocotb.start_soon(stream(0, max(-lead, 0))),
            cocotb.start_soon(stream(1, max(lead, 0))),
        ]
        for task in tasks:
            await task
        await bench.settle()
        bench.expect(images[0], images[1])
        bench.stop()


@cocotb.test()
async def a_chip_that_waits_too_long_loses_the_rest_of_that_frame_only(dut) -> None:
    """The queue is full: what came before is whole, a mark follows, and the next frame passes."""
    bench = Bench(dut, (16_002, 16_004))
    await bench.start()
    bench.pauses[0] = 1.0
    left, right = _image(1, (80,) * 5), _image(2, (80,) * 5)
    await bench.send(left, right)
    await bench.settle()
    bench.pauses[0] = 0.0
    await bench.settle()
    assert bench.events == {**dict.fromkeys(bench.COUNTS, 0), "lost": 1}
    got, wanted = bench.got[0], words(left)
    assert got.pop() == (1, 2, 0)
    assert DEPTH <= len(got) < len(wanted)
    assert got == wanted[: len(got)]
    assert bench.got[1] == words(right)
    bench.got[0].clear()
    bench.got[1].clear()
    bench.events["lost"] = 0
    left, right = _image(3), _image(4)
    await bench.send(left, right)
    await bench.settle()
    bench.expect([left], [right])
    bench.stop()


@cocotb.test()
async def frames_that_find_no_room_are_counted_one_by_one(dut) -> None:
    """Three frames while nothing is taken: one is cut, two have no start; the fourth passes."""
    bench = Bench(dut, (16_002, 16_004))
    await bench.start()
    bench.pauses = [1.0, 1.0]
    for i in range(3):
        await bench.send(_image(i, (80,) * 5), None)
    await bench.settle()
    bench.pauses = [0.0, 0.0]
    await bench.settle(2 * DEPTH)
    marks = [word for word in bench.got[0] if word[1] & 2]
    assert marks == [(3, 2, 0)]
    assert len(bench.starts[0]) == 1
    assert bench.events == {**dict.fromkeys(bench.COUNTS, 0), "lost": 3, "right_missing": 1}
    bench.got[0].clear()
    bench.events = dict.fromkeys(bench.COUNTS, 0)
    left, right = _image(3), _image(4)
    await bench.send(left, right)
    await bench.settle()
    bench.expect([left], [right])
    bench.stop()


@cocotb.test()
async def an_image_that_is_early_for_the_next_frame_is_kept(dut) -> None:
    """Frames with almost no pause, one right image missing: its successor comes before that end."""
    bench = Bench(dut, (20_000, 20_000))
    await bench.start()
    long = (60,) * 4
    lefts, right = [_image(1, long), _image(2, long)], _image(3, long)

    async def left_camera() -> None:
        for lines in lefts:
            await bench.cameras[0].frame(lines, rest=4)

    async def right_camera() -> None:
        await bench.cameras[1].rest(4 * 63 + 5 + 4 - 20)  # 20 clocks before the second left frame
        await bench.cameras[1].frame(right)

    for task in [cocotb.start_soon(left_camera()), cocotb.start_soon(right_camera())]:
        await task
    await bench.settle()
    bench.expect(lefts, [right], right_missing=1)
    bench.stop()


@cocotb.test()
async def a_source_that_can_wait_loses_nothing(dut) -> None:
    """Both queues are full again and again: pixel_ready holds the buses."""
    bench = Bench(dut, (16_002, 16_004))
    await bench.start()
    images = [[_image(10 * side + i, (80,) * 5) for i in range(2)] for side in range(2)]

    async def stop_and_go() -> None:
        while True:
            for pause in (1.0, 0.0):
                bench.pauses = [pause, pause]
                await bench.settle(2 * DEPTH)

    sink = cocotb.start_soon(stop_and_go())
    for left, right in zip(*images, strict=True):
        await bench.send(left, right)
    await bench.settle(4 * DEPTH)
    sink.cancel()
    bench.expect(*images)
    assert all(camera.waited > 0 for camera in bench.cameras)
    bench.stop()


@cocotb.test()
async def a_reset_in_mid_frame_forgets_it(dut) -> None:
    """What is left of both frames is no frame; the next pair passes."""
    for periods in PERIODS:
        bench = Bench(dut, periods)
        await bench.start()
        left, right = _image(1, (40,) * 6), _image(2, (40,) * 6)
        task = cocotb.start_soon(bench.send(left, right))
        await bench.settle(120)
        for watcher in bench._watchers:
            watcher.cancel()
        await bench.reset()
        bench.got = [[], []]
        bench.events = dict.fromkeys(bench.COUNTS, 0)
        bench._watchers = [cocotb.start_soon(bench._watch(side)) for side in range(2)]
        bench._watchers.append(cocotb.start_soon(bench._count()))
        await task
        await bench.settle()
        bench.expect([], [])
        left, right = _image(3), _image(4)
        await bench.send(left, right)
        await bench.settle()
        bench.expect([left], [right])
        bench.stop()


@cocotb.test()
async def pixels_come_only_when_the_pixel_clocks_run(dut) -> None:
    """The cameras are switched on long after the reset."""
    bench = Bench(dut, PERIODS[0])
    await bench.start(pixel_clocks=False)
    await bench.settle(200)
    bench.expect([], [])
    bench.start_pixel_clocks()
    await bench.settle(40)
    left, right = _image(1), _image(2)
    await bench.send(left, right)
    await bench.settle()
    bench.expect([left], [right])
    bench.stop()


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(("width", "depth"), [(10, 16), (3, 4)])
def test_async_fifo(width: int, depth: int, simulator: str) -> None:
    """Two sizes."""
    parameters = {"WIDTH": width, "DEPTH": depth}
    only = "words_cross|a_full_queue"
    simulate("async_fifo", __name__, parameters=parameters, only=only, simulator=simulator)


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize(("frame", "line"), [(1, 1), (0, 1)])
def test_camera_pair(frame: int, line: int, simulator: str) -> None:
    """Two polarities."""
    parameters = {"SKEW": SKEW, "DEPTH": DEPTH, "FRAME_LEVEL": frame, "LINE_LEVEL": line}
    only = "frames|a_missing|an_image|lines|a_chip|a_reset|pixels"
    simulate("camera_pair", __name__, parameters=parameters, only=only, simulator=simulator)


@pytest.mark.parametrize("simulator", simulators())
def test_camera_pair_of_sources_that_wait(simulator: str) -> None:
    """Nothing is lost; pairs are made as of cameras."""
    parameters = {"SKEW": SKEW, "DEPTH": DEPTH, "SOURCE_WAITS": 1}
    only = "frames_leave|frames_follow|a_source"
    simulate("camera_pair", __name__, parameters=parameters, only=only, simulator=simulator)


@pytest.mark.parametrize(
    ("stem", "parameter"),
    [
        ("async_fifo", "DEPTH=6"),
        ("async_fifo", "DEPTH=2"),
        ("camera_input", "DEPTH=8"),
        ("camera_input", "FRAME_LEVEL=2"),
        ("camera_input", "SOURCE_WAITS=2"),
        ("camera_pair", "SKEW=1000"),
    ],
)
def test_a_bad_parameter_stops_the_elaboration(stem: str, parameter: str) -> None:
    assert "bad_parameter" in lint(stem, parameter)
