# SPDX-License-Identifier: Apache-2.0
"""ransac.v and its units equal the functions of vio/fixed/ransac.py."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import Stall, never, receive, reset, send, sometimes
from vio.config import HwConfig
from vio.fixed.formats import formats
from vio.fixed.qformat import signal_table
from vio.fixed.ransac import (
    epipolar_error,
    inverse_scale_change,
    mono_ransac,
    stereo_point,
    stereo_ransac,
)
from vio.geometry import exp_so3

pytestmark = needs_simulator
SIGNALS = signal_table(formats(HwConfig()), trace=False)
SCALE_FRAC = HwConfig().scale_frac
LOOSE2, TIGHT2 = 73000, 11500  # 3.8 px and 1.5 px at a focal length of 458 px
STEREO_LIMIT = 220  # 1.5 px
MONO, STEREO, POINTS = range(3)
ONE = 1 << 16


# ---- epipolar_error ----
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


def _expected(limit2: int, t: list[int], q: list[int], n: list[int]) -> tuple[int, int]:
    error, line = epipolar_error(SIGNALS, *(np.array(v, np.int64) for v in (t, q, n)))
    limit = (line * limit2) >> 22
    return int(sum(4 * error <= k * limit for k in range(1, 5))), int(error <= limit)


@cocotb.test()
async def scores_are_those_of_the_model(dut) -> None:
    """A match in every cycle, with gaps now and then; all scores and both decisions occur."""
    generator = random.Random(6)
    matches = [_match(generator) for _ in range(2000)]
    await reset(dut)
    for limit2 in (LOOSE2, TIGHT2, (1 << 18) - 1):
        expected = [_expected(limit2, *match) for match in matches]
        assert {score for score, _ in expected} == {0, 1, 2, 3, 4}
        assert {inlier for _, inlier in expected} == {0, 1}
        dut.cfg_limit2.value = limit2
        dut.s_valid.value = 0
        got: list[tuple[int, int]] = []
        waiting = iter(matches)
        for _ in range(5000):
            match = next(waiting, None) if generator.random() < 0.8 else None
            dut.s_valid.value = int(match is not None)
            dut.s_tag.value = 0 if match is None else match[0][0] & 1
            for prefix, vector in zip("tqn", match or (), strict=False):
                for axis, value in zip("xyz", vector, strict=True):
                    getattr(dut, f"s_{prefix}{axis}").value = value
            await ReadOnly()
            if dut.m_valid.value:
                assert int(dut.m_tag.value) == matches[len(got)][0][0] & 1
                got.append((int(dut.m_score.value), int(dut.m_inlier.value)))
            await RisingEdge(dut.clk)
            if len(got) == len(matches):
                break
        assert got == expected
        broken = [_expected(limit2, [t[0] ^ 64, *t[1:]], q, n) for t, q, n in matches]
        assert got != broken


@pytest.mark.parametrize("simulator", simulators())
def test_epipolar_error(simulator: str) -> None:
    """With the widths of the golden model."""
    simulate("epipolar_error", __name__, only="scores_are", simulator=simulator)


# ---- stereo_error ----
Point = tuple[list[int], list[int], list[int], int]  # translation, point, ray, disparity


def _point(generator: random.Random, limit: int) -> Point:
    """Return a point and what is seen of it: exact, at the edges of the quarters, or anything."""
    if generator.random() < 0.2:
        edge = (-(1 << 21), -1, 0, 464, 465, 1 << 16, (1 << 17) - 1, 1 << 17, (1 << 21) - 1)
        t, p = ([generator.choice(edge) for _ in range(3)] for _ in range(2))
        ray = [generator.choice((-(1 << 17), -1, 0, (1 << 17) - 1)) for _ in range(2)]
        return t, p, ray, generator.choice((0, 1, 64, 65535))
    t = [generator.randint(-3000, 3000) for _ in range(3)]
    depth = generator.choice((600, 5000, 40000, 200000, 1500000))
    p = [generator.randint(-depth // 2, depth // 2), generator.randint(-depth // 2, depth // 2)]
    p.append(depth + generator.randint(-50, 50))
    z = max(p[2] + t[2], 1)
    off = generator.choice((0.0, 0.6, 0.8, 0.93, 1.1)) * generator.choice((-1, 1)) * limit
    ray = [round((p[k] + t[k]) / z * ONE) for k in range(2)]
    ray[generator.randrange(2)] += round(off)
    ray = [max(-(1 << 17), min((1 << 17) - 1, x)) for x in ray]
    disparity = round(1024 / z * ONE + generator.choice((0, 0, off)))
    return t, p, ray, max(0, min(disparity, 65535))


def _rated(limit: int, t: list[int], p: list[int], ray: list[int], disparity: int) -> list[int]:
    """Return score and decision, as the inner loop of `stereo_ransac`."""

    def scaled(value: int) -> int:
        return (value * z + (ONE >> 1)) >> 16

    x, y, z = (a + b for a, b in zip(t, p, strict=True))
    if z < 465:
        return [0, 0]
    worst = max(abs(x - scaled(ray[0])), abs(y - scaled(ray[1])), abs(1024 - scaled(disparity)))
    within = scaled(limit)
    parts = (512, 724, 887)
    if worst > within:
        return [0, 0]
    return [1 + sum(worst << 10 <= part * within for part in parts), 1]


@cocotb.test()
async def stereo_points_are_rated_as_by_the_model(dut) -> None:
    """A point every second cycle at most; scores from none to all, near and far points."""
    generator = random.Random(12)
    await reset(dut)
    for limit in (STEREO_LIMIT, 4 * STEREO_LIMIT, (1 << 18) - 1):
        dut.cfg_threshold.value = limit
        points = [_point(generator, limit) for _ in range(3000)]
        expected = [_rated(limit, *point) for point in points]
        scores = {score for score, _ in expected}
        assert scores == {0, 1, 2, 3, 4} or (scores >= {0, 4} and limit > ONE)
        got: list[list[int]] = []
        sent = 0
        for cycle in range(4 * len(points)):
            offer = cycle % 2 == 0 and sent < len(points) and generator.random() < 0.9
            dut.s_valid.value = int(offer)
            t, p, ray, disparity = points[min(sent, len(points) - 1)]
            for names, values in (("tx ty tz", t), ("px py pz", p), ("x y", ray)):
                for name, value in zip(names.split(), values, strict=True):
                    port = getattr(dut, f"s_{name}")
                    port.value = value
            dut.s_disparity.value, dut.s_tag.value = disparity, sent & 1
            sent += offer
            await ReadOnly()
            if dut.m_valid.value:
                assert int(dut.m_tag.value) == len(got) & 1
                got.append([int(dut.m_score.value), int(dut.m_inlier.value)])
            await RisingEdge(dut.clk)
            if len(got) == len(points):
                break
        assert got == expected
        assert got != [_rated(limit * 9 // 8, *point) for point in points] or limit > ONE


@pytest.mark.parametrize("simulator", simulators())
def test_stereo_error(simulator: str) -> None:
    """With the widths of the golden model."""
    simulate("stereo_error", __name__, only="stereo_points_are", simulator=simulator)


# ---- ransac ----
def _words(values: np.ndarray, bits: int) -> int:
    """Return integers packed, first in the low bits."""
    return sum((int(v) & ((1 << bits) - 1)) << (bits * i) for i, v in enumerate(values.ravel()))


def _rotation(generator: np.random.Generator, angle: float) -> np.ndarray:
    return np.round(exp_so3(generator.normal(0, angle, 3)) * ONE).astype(np.int64)


def _clip(values: np.ndarray, bits: int) -> np.ndarray:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return np.clip(np.round(values), low, high).astype(np.int64)


class Scene:
    """Hold the rays, points and rotation of some tracks, and what the golden model says."""

    def __init__(
        self, seed: int, count: int, outliers: float = 0.2, kind: str = "moving", draws: int = 64
    ) -> None:
        generator = np.random.default_rng(seed)
        self.draws, self.seed, self.count = draws, seed * 7919 + 1, count
        self.R = _rotation(generator, 0.05)
        R = self.R / ONE
        X = generator.uniform((-4, -3, 2), (4, 3, 12), (count, 3))
        if kind == "centre":  # around the epipole, where sizes hang on the last bits
            X[:, :2] *= 0.05
        t = generator.normal(0, 0.4, 3)
        if kind == "still":
            t *= 0.0
        elif kind in ("forward", "centre"):
            t = np.array([0.0, 0.0, -0.8])
        moved = X @ R.T + t
        noise = 0.0 if kind == "exact" else 0.002
        rays = moved[:, :2] / moved[:, 2:] + generator.normal(0, noise, (count, 2))
        bad = generator.random(count) < outliers
        rays[bad] += generator.normal(0, 0.1, (int(bad.sum()), 2))
        self.rays_key = _clip(X[:, :2] / X[:, 2:] * ONE, 18)
        self.rays = _clip(rays * ONE, 18)
        self.points_key = _clip(X * 9 * 1024, 22)
        disparity = ONE / 9 / moved[:, 2] + generator.normal(0, 30, count) * (noise > 0)
        disparity[bad] += generator.normal(0, 3000, int(bad.sum()))
        self.disparity = np.clip(np.round(disparity), 0, 65535).astype(np.int64)
        if kind == "same":  # no direction at all
            self.rays[:] = self.rays[:1]
            self.rays_key[:] = self.rays_key[:1]
        if kind == "extreme":
            self.R = generator.choice((-(1 << 17), 0, 1 << 16, (1 << 17) - 1), (3, 3))
            edge = (-(1 << 17), -1, 0, 1, (1 << 17) - 1)
            self.rays_key = generator.choice(edge, (count, 2))
            self.rays = generator.choice(edge, (count, 2))
            edge = (-(1 << 21), -1, 0, 465, (1 << 20) - 1, (1 << 21) - 1)
            self.points_key = generator.choice(edge, (count, 3))
            self.disparity = generator.choice((0, 1, 64, 65, 66, 65535), count)
        if kind == "any":
            self.rays_key = generator.integers(-(1 << 17), 1 << 17, (count, 2))
            self.rays = generator.integers(-(1 << 17), 1 << 17, (count, 2))
            self.points_key = generator.integers(-(1 << 21), 1 << 21, (count, 3))
            self.disparity = generator.integers(0, 1 << 16, count)
        self.R = np.ascontiguousarray(self.R, np.int64)

    @property
    def items(self) -> list[dict[str, int]]:
        """The matches as words of the stream."""
        return [
            {
                "x_key": int(key[0]),
                "y_key": int(key[1]),
                "point_key": _words(point, 22),
                "x": int(ray[0]),
                "y": int(ray[1]),
                "disparity": int(d),
            }
            for key, point, ray, d in zip(
                self.rays_key, self.points_key, self.rays, self.disparity, strict=True
            )
        ]

    def expected(self, mode: int) -> list[dict[str, int]]:
        """Return what the golden model gives."""
        stereo = np.column_stack([self.rays, self.disparity]).astype(np.int64)
        if mode == POINTS:
            out = np.zeros((self.count, 3), np.int64)
            for i, (x, y, d) in enumerate(stereo):
                stereo_point(SIGNALS, int(x), int(y), int(d), out[i])
            return [{"point": _words(point, 22)} for point in out]
        if mode == STEREO:
            agree = stereo_ransac(
                self.R, self.points_key, stereo, STEREO_LIMIT, self.draws, self.seed, SIGNALS
            )
            return [{"keep": int(k)} for k in agree]
        rays_key, rays = self.rays_key.astype(np.int64), self.rays.astype(np.int64)
        keep, t = mono_ransac(
            self.R, rays_key, rays, TIGHT2, LOOSE2, self.draws, self.seed, SIGNALS
        )
        scale = inverse_scale_change(self.R, t, rays_key, rays, SCALE_FRAC, SIGNALS)
        scale[~keep] = 1 << SCALE_FRAC  # the block does not size what it drops
        return [{"keep": int(k), "scale": int(s)} for k, s in zip(keep, scale, strict=True)]


async def _start(dut, scene: Scene, mode: int) -> None:
    """Write the registers and begin a task."""
    dut.cfg_mono_tight2.value, dut.cfg_mono_loose2.value = TIGHT2, LOOSE2
    dut.cfg_stereo_threshold.value = STEREO_LIMIT
    dut.cfg_draws.value, dut.cfg_seed.value = scene.draws, scene.seed
    rotation = _words(scene.R, 18)
    # The rotation of the other mode is another one.
    dut.r_cam_key.value = rotation if mode == MONO else rotation ^ 5
    dut.r_stereo.value = rotation if mode == STEREO else rotation ^ 5
    dut.begin_valid.value, dut.begin_mode.value, dut.begin_count.value = 1, mode, scene.count
    await RisingEdge(dut.clk)
    dut.begin_valid.value = 0


async def _run(
    dut, scene: Scene, mode: int, source: Stall = never, sink: Stall = never
) -> tuple[list[dict[str, int]], int]:
    """Return the results of a task and the cycles from the last match to the last result."""
    await _start(dut, scene, mode)
    names = {MONO: ("keep", "scale"), STEREO: ("keep",), POINTS: ("point",)}[mode]
    taking = cocotb.start_soon(receive(dut, scene.count, names, sink))
    await send(dut, scene.items, source)
    cycles = 0
    while not taking.done():
        await RisingEdge(dut.clk)
        cycles += 1
    for _ in range(2):
        await RisingEdge(dut.clk)
    assert not dut.busy.value, "a task ends with its last result"
    return taking.result(), cycles


def _bounds(dut) -> tuple[int, int]:
    """Return how many tracks and draws the block under test is made for."""
    draws = 1 << (len(dut.cfg_draws) - 1)
    return (16, draws) if len(dut.begin_count) == 5 else (200, draws)


async def _idle(dut) -> None:
    dut.begin_valid.value = dut.s_valid.value = dut.m_ready.value = 0
    await reset(dut)


@cocotb.test()
async def tasks_are_those_of_the_model(dut) -> None:
    """Moving, still, forward and degenerate scenes of every size; all three tasks in turn."""
    await _idle(dut)
    most, draws = _bounds(dut)
    kinds = ("moving", "still", "forward", "exact", "same", "extreme", "any", "centre")
    counts = (most, 8, 7, 1, 0, 4, 3, 9, 13, most - 1, most // 2)
    verdicts = {MONO: set(), STEREO: set()}
    changed = 0
    for seed in range(24):
        count = counts[seed % len(counts)]
        scene = Scene(seed, count, (0.2, 0.5, 0.0)[seed % 3], kinds[seed % len(kinds)], draws)
        for mode in (MONO, STEREO, POINTS):
            expected = scene.expected(mode)
            got, cycles = await _run(dut, scene, mode)
            assert got == expected, f"{seed} {mode}"
            dut._log.info(f"seed {seed} mode {mode} n {count}: {cycles} cycles")
            if mode != POINTS:
                verdicts[mode] |= {word["keep"] for word in got}
            if count > 8:
                other = Scene(seed + 100, count, 0.5, "moving").expected(mode)
                changed += got != other
    assert verdicts == {MONO: {0, 1}, STEREO: {0, 1}}
    assert changed > 20


@cocotb.test()
async def stalls_on_either_side_change_nothing(dut) -> None:
    """Source, sink, and both stall."""
    await _idle(dut)
    for seed, (source, sink) in enumerate(
        ((never, sometimes(1, 0.8)), (sometimes(2, 0.9), never), (sometimes(3), sometimes(4, 0.9)))
    ):
        scene = Scene(40 + seed, 14, draws=16)
        for mode in (MONO, STEREO, POINTS):
            got, _ = await _run(dut, scene, mode, source, sink)
            assert got == scene.expected(mode)


@cocotb.test()
async def number_of_draws_and_seed_are_obeyed(dut) -> None:
    """Without a draw, with one, with few: negative test: with one more it differs somewhere."""
    await _idle(dut)
    differences = 0
    for draws in (0, 1, 2, 3, 5):
        for seed in range(3):
            scene = Scene(60 + seed, 16, 0.5, draws=draws)
            for mode in (MONO, STEREO):
                got, _ = await _run(dut, scene, mode)
                assert got == scene.expected(mode), f"{draws} {seed} {mode}"
                scene.draws += 1
                differences += got != scene.expected(mode)
                scene.draws -= 1
    assert differences > 3


@cocotb.test()
async def a_reset_in_a_task_leaves_no_trace(dut) -> None:
    """Reset at some cycles of a task; the next one is right."""
    await _idle(dut)
    scene = Scene(80, 12, draws=16)
    for mode in (MONO, STEREO, POINTS):
        every = range(60, 110) if mode != POINTS else ()  # each cycle of a few hypotheses
        for cycles in (3, 40, *every, 130, 270, 400):
            await _start(dut, scene, mode)
            sending = cocotb.start_soon(send(dut, scene.items))
            dut.m_ready.value = 0
            for _ in range(cycles):
                await RisingEdge(dut.clk)
            sending.cancel()
            dut.s_valid.value, dut.rst.value = 0, 1
            await RisingEdge(dut.clk)
            dut.rst.value = 0
            await RisingEdge(dut.clk)
            assert not dut.busy.value
            got, _ = await _run(dut, scene, mode)
            assert got == scene.expected(mode), f"{mode} {cycles}"


@cocotb.test()
async def accesses_of_the_set_are_counted(dut) -> None:
    """Each match is written (twice with its ray), and read by at least one hypothesis."""
    await _idle(dut)
    scene = Scene(90, 16, draws=2)
    counted = [0]

    async def count() -> None:
        while True:
            await ReadOnly()
            counted[0] += int(dut.count_accesses.value)
            await RisingEdge(dut.clk)

    cocotb.start_soon(count())
    for mode, least, most in ((MONO, 5, 6), (STEREO, 3, 4)):
        counted[0] = 0
        await _run(dut, scene, mode)
        # Written, rated by one to two hypotheses, read for the result.
        assert least * 16 <= counted[0] <= most * 16 + 4, counted


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize("preset", ["tiny", None])
def test_ransac(preset: str | None, simulator: str) -> None:
    """With few tracks, and as many as fit."""
    only = "tasks|stalls|number|trace|accesses"
    simulate("ransac", __name__, only=only, preset=preset, simulator=simulator)
