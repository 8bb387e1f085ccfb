# SPDX-License-Identifier: Apache-2.0
"""klt.v follows windows as `track_windows` and refines matches as `refine` (vio/fixed)."""

import random
from collections import deque
from dataclasses import replace

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge
from scipy.ndimage import gaussian_filter, shift

from sim.needs import needs_simulator
from sim.runner import simulate, simulators_for
from sim.streams import reset
from tests.plane_scene import HEIGHT, WIDTH, PlaneScene, make_rig
from vio.config import Config, HwConfig, load_config
from vio.fixed import stereo as st
from vio.fixed import stereo_curve
from vio.fixed.formats import formats
from vio.fixed.klt import KltRegisters, klt_registers, track_windows
from vio.fixed.pyramid import build_pyramid
from vio.fixed.qformat import narrow, round_shift, signal_table
from vio.fixed.rectify import lens_registers
from vio.fixed.stereo_registers import stereo_registers
from vio.frontend.klt import TRACKED

KEY, CURRENT, RIGHT = 0, 1, 2
LATENCY = 8  # of the reader
KNOTS = 5


def _config() -> Config:
    return load_config(str(cocotb.plusargs["preset"]))


class Bench:
    """Drive the tracker, and answer its reader from images: {(buffer, level): image}."""

    def __init__(self, dut, k: KltRegisters, seed: int) -> None:
        self.dut, self.k = dut, k
        self.generator, self.noise = random.Random(seed), np.random.default_rng(seed)
        self.images: dict[tuple[int, int], np.ndarray] = {}
        self.pipe: deque[list[int] | None] = deque([None] * LATENCY)
        self.parts: list[int] = []  # quarters of the last answer, still to be given
        self.busy_share = 0.0  # of the cycles in which the reader is not ready
        self.cycles = 0
        self.fetches = 0
        self.most = 0  # requests in flight
        # Rows out of a region, samples, rows of the basis written and read.
        self.accesses = np.zeros(4, np.int64)

    async def start(self, width: int, height: int) -> None:
        """Reset; the settings are those of the registers."""
        d, k = self.dut, self.k
        d.s_valid.value, d.m_ready.value, d.a_valid.value, d.r_ready.value = 0, 1, 0, 0
        d.cfg_width.value, d.cfg_height.value = width, height
        d.cfg_levels.value, d.cfg_max_iterations.value = k.levels, k.max_iterations
        d.cfg_step.value, d.cfg_max_shift.value = k.step, k.max_shift
        d.cfg_flat_min.value, d.cfg_correlation_min.value = k.flat_min, k.correlation_min
        d.cfg_stereo_correlation_min.value = 0
        d.cfg_stereo_iterations.value, d.cfg_max_refine.value = 1, 0
        await reset(d)
        self.pipe = deque([None] * LATENCY)
        self.parts, self.rest = [], 0

    def pixels(self, buffer: int, level: int, column: int, row: int) -> list[int]:
        """Return the quarters of a block row; what lies outside of the image is noise."""
        image = self.images[buffer, level]
        block = self.noise.integers(0, 256, (4, 32), dtype=np.uint8)
        inside = image[4 * row : 4 * row + 4, 4 * column : 4 * column + 32]
        block[: inside.shape[0], : inside.shape[1]] = inside
        return [int.from_bytes(block[:, n : n + 8].tobytes(), "little") for n in range(0, 32, 8)]

    async def tick(self) -> None:
        """Pass a cycle with the reader's part of it."""
        d = self.dut
        answer = self.pipe.popleft()
        self.parts = answer or self.parts
        d.a_valid.value = int(bool(self.parts))
        d.a_part.value = -len(self.parts) & 3 if self.parts else self.generator.getrandbits(2)
        d.a_pixels.value = self.parts.pop(0) if self.parts else self.generator.getrandbits(256)
        # A request takes four cycles of the reader.
        ready = self.rest == 0 and self.generator.random() >= self.busy_share
        d.r_ready.value = int(ready)
        await ReadOnly()
        counted = int(d.count_accesses.value)
        self.accesses += [counted >> n & 1 for n in range(4)]
        request = None
        if ready and d.r_valid.value:
            buffer, level = int(d.r_buffer.value), int(d.r_level.value)
            request = self.pixels(buffer, level, int(d.r_column.value), int(d.r_row.value))
            self.fetches += 1
        self.pipe.append(request)
        self.rest = 3 if request is not None else max(self.rest - 1, 0)
        self.done = bool(d.m_valid.value) and bool(d.m_ready.value)
        self.taken = bool(d.s_valid.value) and bool(d.s_ready.value)
        if self.done:
            bits = len(d.m_iterations) // 3
            count = int(d.m_iterations.value)
            self.result = (
                d.m_u.value.to_signed(),
                d.m_v.value.to_signed(),
                int(d.m_status.value),
                tuple(count >> bits * n & ((1 << bits) - 1) for n in range(3)),
            )
        await RisingEdge(d.clk)
        self.cycles += 1

    async def offer(self, **fields: int) -> None:
        """Offer a request until it is taken."""
        for name, value in fields.items():
            port = getattr(self.dut, f"s_{name}")
            port.value = int(value) & ((1 << len(port)) - 1)
        self.dut.s_valid.value = 1
        while True:
            await self.tick()
            if self.taken:
                break
        self.dut.s_valid.value = 0

    async def ask(self, **fields: int) -> tuple[int, int, int, tuple[int, ...]]:
        """Return u, v, status and the iterations of each level for a request."""
        await self.offer(**fields)
        for _ in range(5000):
            self.dut.m_ready.value = int(self.generator.random() >= self.busy_share)
            await self.tick()
            if self.done:
                return self.result
        raise AssertionError(f"no result within 5000 cycles for {fields}")

    async def stream(self, requests: list[dict[str, int]], waits: float) -> list[tuple]:
        """Return the results of requests, each offered as soon as the tracker is ready for it.

        waits: share of the cycles in which the next request is not there yet.
        """
        d, results, offered = self.dut, [], 0
        d.s_valid.value = 0
        for _ in range(2000 * len(requests) + 5000):
            if not d.s_valid.value and offered < len(requests) and self.generator.random() >= waits:
                for name, value in requests[offered].items():
                    port = getattr(d, f"s_{name}")
                    port.value = int(value) & ((1 << len(port)) - 1)
                d.s_valid.value = 1
            d.m_ready.value = int(self.generator.random() >= self.busy_share)
            await self.tick()
            if self.taken:
                offered += 1
                d.s_valid.value = 0
            self.most = max(self.most, offered - len(results))
            if self.done:
                results.append(self.result)
            if len(results) == len(requests):
                return results
        raise AssertionError(f"{len(results)} of {len(requests)} results; {offered} were taken")


def _packed(values, bits: int) -> int:
    """Return values packed into one word, the first in the low bits, two's complement."""
    return sum((int(x) & ((1 << bits) - 1)) << bits * i for i, x in enumerate(values))


Pyramids = tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]


def _scene(generator: np.random.Generator, width: int, height: int, levels: int) -> Pyramids:
    """Return two pyramids: a texture and the same, moved and dimmed; a part of it is flat."""
    rough = generator.normal(0, 1, (height, width))
    texture = sum(s * gaussian_filter(rough, s) for s in (1.0, 2.0, 4.0))
    key = 128 + 110 * texture / np.abs(texture).max()
    key[height // 2 :, : width // 3] = 70.0
    key[height // 2 + 12 :, : width // 6] += 3.0 * np.arange(width // 6) % 50
    moved = shift(key, (0.7, -1.3), order=1, mode="nearest") * 0.9 + 6
    moved[: height // 3, width // 2 :] = generator.integers(
        0, 256, moved[: height // 3, width // 2 :].shape
    )
    return tuple(
        build_pyramid(np.clip(np.rint(x), 0, 255).astype(np.uint8), levels) for x in (key, moved)
    )


def _tracks(
    generator: np.random.Generator, count: int, width: int, height: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return key pixels, starts and maps: near and far starts, borders, wild maps."""
    size = np.array([width, height]) * 256
    keys = generator.integers(size // 12, size - size // 12, (count, 2))
    # Half of them where a window fits in the coarsest level, some anywhere.
    middle = generator.integers(size // 4, size - size // 4, (count, 2))
    keys = np.where(generator.random((count, 1)) < 0.6, middle, keys)
    spread = generator.choice([200, 700, 2500, 9000], (count, 1), p=[0.4, 0.35, 0.2, 0.05])
    starts = keys + np.array([-333, 179]) + np.rint(generator.normal(0, 1, (count, 2)) * spread)
    starts[generator.random(count) < 0.03] *= 9  # beyond every image
    amount = generator.choice([0.0, 0.05, 0.3, 1.0], (count, 1, 1), p=[0.2, 0.5, 0.2, 0.1])
    maps = (np.eye(2) + amount * generator.normal(0, 1, (count, 2, 2))) * 2**14
    maps = np.clip(np.rint(maps), -(2**15), 2**15 - 1)
    limit = (1 << 19) - 1
    return (
        keys.astype(np.int64),
        np.clip(starts, -limit, limit).astype(np.int64),
        maps.astype(np.int64),
    )


@cocotb.test()
async def windows_are_followed_as_by_the_model(dut) -> None:
    """Textures, flat and random places, borders, wild starts and maps, one to all levels."""
    config = _config()
    signals = signal_table(formats(config.hw), trace=False)
    width, height = int(str(cocotb.plusargs["width"])), int(str(cocotb.plusargs["height"]))
    count = int(str(cocotb.plusargs["tracks"]))
    generator = np.random.default_rng(4)
    seen: dict[int, int] = {}
    refetched = 0  # tracks of which a window left its region
    counted = 0  # tracks whose accesses are known from their iterations
    for round_ in range(4):
        k = klt_registers(config.frontend, config.hw)
        k = k._replace(levels=max(k.levels - (round_ == 2) - 2 * (round_ == 3), 1))
        if round_ == 1:
            k = k._replace(max_shift=600, max_iterations=3, step=1, correlation_min=55000)
        key, current = _scene(generator, width, height, k.levels)
        keys, starts, maps = _tracks(generator, count if round_ < 2 else count // 3, width, height)
        uv, status, iterations = track_windows(key, current, keys, starts, maps, k, signals)
        other = tuple(255 - (image >> 1) for image in current)
        twin = track_windows(key, other, keys, starts, maps, k, signals)
        bench = Bench(dut, k, round_)
        for level in range(k.levels):
            bench.images[KEY, level], bench.images[CURRENT, level] = key[level], current[level]
        bench.busy_share = (0.0, 0.3, 0.0, 0.5)[round_]
        await bench.start(width, height)
        differs = False
        for n in range(len(keys)):
            before = bench.cycles, bench.fetches
            bench.accesses[:] = 0
            got = await bench.ask(
                stereo=0,
                u_key=keys[n, 0],
                v_key=keys[n, 1],
                u=starts[n, 0],
                v=starts[n, 1],
                warp=_packed(maps[n].ravel(), 16),
            )
            done = tuple(int(x) for x in iterations[n]) + (0,) * (3 - k.levels)
            wanted = (int(uv[n, 0]), int(uv[n, 1]), int(status[n]), done)
            assert got == wanted, (round_, n, got, wanted, keys[n], starts[n], maps[n])
            differs |= got[:2] != tuple(int(x) for x in twin[0][n])
            seen[int(status[n])] = seen.get(int(status[n]), 0) + 1
            cycles, reads = bench.cycles - before[0], bench.fetches - before[1]
            refetched += reads > 8 * 2 * k.levels
            if all(done[: k.levels]):  # no level was passed over: each iteration is a window
                counted += 1
                assert list(bench.accesses) == _accesses(k, sum(done)), (round_, n)
            if n < 6 and round_ == 0:
                dut._log.info("track %d: %d cycles, %d reads, %s", n, cycles, reads, wanted)
        dut._log.info("%.1f cycles a track", bench.cycles / len(keys))
        assert differs
    dut._log.info("statuses %s, %d fetched anew", seen, refetched)
    assert counted > count // 3, counted
    # Few windows leave their region, diverge or are flat: the longer runs must have seen all of it.
    assert refetched or count < 60
    assert set(seen) >= ({0, 1, 2, 3, 4} if count >= 60 else {0, 1, 4}), seen


def _accesses(k: KltRegisters, windows: int) -> list[int]:
    """Return what following takes: rows out of regions, samples, basis rows written and read."""
    templates = (k.levels - 1) * (k.window + 3)  # those that are not warped
    return [
        windows * (k.window + 1) + templates,
        (k.window + 2) ** 2,
        k.levels * k.window,
        windows * k.window,
    ]


def _requests(keys: np.ndarray, starts: np.ndarray, maps: np.ndarray) -> list[dict[str, int]]:
    """Return the requests to follow windows."""
    return [
        {
            "stereo": 0,
            "u_key": u_key,
            "v_key": v_key,
            "u": u,
            "v": v,
            "warp": _packed(warp.ravel(), 16),
        }
        for (u_key, v_key), (u, v), warp in zip(keys, starts, maps, strict=True)
    ]


@cocotb.test()
async def windows_in_flight_do_not_mix_and_come_in_the_order_of_their_requests(dut) -> None:
    """As many as there are contexts, of all kinds; reader, source and sink wait or do not."""
    config = _config()
    signals = signal_table(formats(config.hw), trace=False)
    width, height = int(str(cocotb.plusargs["width"])), int(str(cocotb.plusargs["height"]))
    contexts, count = (int(str(cocotb.plusargs[name])) for name in ("contexts", "tracks"))
    generator = np.random.default_rng(14)
    for round_, (busy, waits) in enumerate(((0.0, 0.0), (0.4, 0.0), (0.0, 0.995), (0.7, 0.98))):
        k = klt_registers(config.frontend, config.hw)
        if round_ == 1:  # many windows diverge
            k = k._replace(max_shift=600, max_iterations=3)
        key, current = _scene(generator, width, height, k.levels)
        keys, starts, maps = _tracks(generator, count if round_ == 0 else 24, width, height)
        uv, status, iterations = track_windows(key, current, keys, starts, maps, k, signals)
        bench = Bench(dut, k, 20 + round_)
        for level in range(k.levels):
            bench.images[KEY, level], bench.images[CURRENT, level] = key[level], current[level]
        bench.busy_share = busy
        await bench.start(width, height)
        got = await bench.stream(_requests(keys, starts, maps), waits)
        more = (0,) * (3 - k.levels)
        wanted = [
            (int(u), int(v), int(s), (*(int(x) for x in done), *more))
            for (u, v), s, done in zip(uv, status, iterations, strict=True)
        ]
        assert got == wanted, round_
        assert got[::-1] != wanted  # another order would show
        assert bench.most == contexts or waits
        dut._log.info(
            "%.1f cycles and %.1f windows a track",
            bench.cycles / len(keys),
            iterations.sum() / len(keys),
        )


class Match:
    """A stereo match to refine: its request, and what the golden model makes of it."""

    def __init__(self, frame, point: np.ndarray, off: int, s, k, lenses, signals) -> None:
        left, right = lenses
        u, v = (int(x) for x in np.rint(point * 256))
        self.request: dict[str, int] | None = None
        x, y, ahead = st.rectified_ray(left, s.R_rect_left, signals, u, v)
        knots = np.zeros((s.segments + 1, 2), np.int64)
        slopes = np.zeros(s.segments + 1, np.int64)
        n = stereo_curve.trace_curve(right, s, signals, x, y, knots) if ahead else 0
        if n < 2:
            return
        stereo_curve.segment_slopes(signals, knots, n, slopes)
        start = int(knots[0, 0]) + off
        row, _ = stereo_curve.row_at(knots, slopes, n, start)
        xr, _, ahead = st.rectified_ray(right, s.R_rect_right, signals, start, row)
        warp, step = np.empty((2, 2), np.int64), 4 << 8
        for m in range(2):
            du, dv = (step, 0) if m == 0 else (0, step)
            a = st.left_pixel(left, right, s, signals, start + du, row + dv, x - xr)
            b = st.left_pixel(left, right, s, signals, start - du, row - dv, x - xr)
            for axis in range(2):
                difference = round_shift(a[axis] - b[axis], 8 + 3 - k.warp_frac)
                warp[axis, m] = narrow(signals, st.sig.WARP, difference)
        self.wanted = st.refine(
            frame.left, frame.right, left, right, u, v, x, start, knots, slopes, n, s, k, signals
        )
        if not ahead:
            return
        self.request = {
            "stereo": 1,
            "u_key": u,
            "v_key": v,
            "u": start,
            "v": 0,
            "warp": _packed(warp.ravel(), 16),
            "pieces": n,
            "knots_u": _packed(knots[:KNOTS, 0], 19),
            "knots_v": _packed(knots[:KNOTS, 1], 19),
            "slopes": _packed(slopes[: KNOTS - 1], 13),
        }


@cocotb.test()
async def matches_are_refined_as_by_the_model(dut) -> None:
    """Planes near and far, starts at the match and off it, pixels up to the rims."""
    config = _config()
    signals = signal_table(formats(config.hw), trace=False)
    k = klt_registers(config.frontend, config.hw)
    rig = make_rig()
    lenses = lens_registers(rig.left, HwConfig()), lens_registers(rig.right, HwConfig())
    s = stereo_registers(rig, replace(config.frontend, min_depth_m=0.5), HwConfig())
    generator = np.random.default_rng(6)
    count = int(str(cocotb.plusargs["matches"]))
    matched = moved = refused = 0
    for number, depth in enumerate((0.8, 2.0, 5.0)):
        scene = PlaneScene(depth, 0.2)
        frame = scene.frame(0, np.eye(4))
        bench = Bench(dut, k, 7 + number)
        bench.images[CURRENT, 0], bench.images[RIGHT, 0] = frame.left, frame.right
        bench.busy_share = 0.2 * number
        await bench.start(WIDTH, HEIGHT)
        dut.cfg_stereo_correlation_min.value = s.correlation_min
        dut.cfg_stereo_iterations.value = s.iterations
        dut.cfg_max_refine.value = s.max_refine
        points = generator.uniform([8, 8], [WIDTH - 8, HEIGHT - 8], (count, 2))
        truth = scene.right_pixels(np.eye(4), points)
        for point, exact in zip(points, truth, strict=True):
            first = Match(frame, point, 0, s, k, lenses, signals)
            if first.request is None:
                continue
            # As an offset from the first breakpoint, the column of disparity -1.
            at = round(exact[0] * 256) - first.request["u"]
            off = at + int(generator.normal(0, generator.choice([60, 400])))
            match = Match(frame, point, off, s, k, lenses, signals)
            if match.request is None:
                continue
            u, v, status, done = await bench.ask(**match.request)
            assert done == (match.wanted[2], 0, 0), (point, off, done, match.wanted)
            if match.wanted[0] == st.NO_MATCH:
                refused += 1
                assert status != TRACKED, (point, off, match.wanted)
            else:
                matched += 1
                assert (u, v, status) == (*match.wanted[:2], TRACKED), (point, off, match.wanted)
                moved += u != match.request["u"]
        dut._log.info("%.1f cycles a match", bench.cycles / count)
    dut._log.info("%d matched, %d moved, %d refused", matched, moved, refused)
    assert matched > count
    assert moved > matched // 2  # what is compared is not the start
    # Few matches are refused: only the longer runs must have seen more than one.
    assert refused > (2 if count >= 20 else 0)


@cocotb.test()
async def a_reset_at_any_time_leaves_nothing_behind(dut) -> None:
    """The window after the reset is followed as if none had been before."""
    config = _config()
    signals = signal_table(formats(config.hw), trace=False)
    k = klt_registers(config.frontend, config.hw)
    width, height = 96, 64
    generator = np.random.default_rng(9)
    key, current = _scene(generator, width, height, k.levels)
    keys, starts, maps = _tracks(generator, 20, width, height)
    uv, status, _ = track_windows(key, current, keys, starts, maps, k, signals)
    bench = Bench(dut, k, 1)
    for level in range(k.levels):
        bench.images[KEY, level], bench.images[CURRENT, level] = key[level], current[level]
    await bench.start(width, height)
    for n in range(20):
        fields = {
            "stereo": 0,
            "u_key": keys[n, 0],
            "v_key": keys[n, 1],
            "u": starts[n, 0],
            "v": starts[n, 1],
            "warp": _packed(maps[n].ravel(), 16),
        }
        await bench.offer(**fields)
        for _ in range(generator.integers(1, 300)):
            await bench.tick()
        dut.rst.value = 1
        for _ in range(4 + LATENCY):  # what was asked for is answered meanwhile
            await bench.tick()
        dut.rst.value = 0
        got = await bench.ask(**fields)
        assert got[:3] == (int(uv[n, 0]), int(uv[n, 1]), int(status[n]))
    # The same with all contexts at work: 30 resets at any step of any of them.
    requests = _requests(keys, starts, maps)
    for n in range(30):
        dut.m_ready.value = int(n % 3 > 0)  # some results wait
        dut.s_valid.value = 0
        stop = int(generator.integers(100, 900))
        for request in requests:
            if stop > 0:
                before = bench.cycles
                for name, value in request.items():
                    port = getattr(dut, f"s_{name}")
                    port.value = int(value) & ((1 << len(port)) - 1)
                dut.s_valid.value = 1
                while stop > 0:
                    await bench.tick()
                    stop -= 1
                    if bench.taken:
                        break
                assert bench.cycles > before
        dut.s_valid.value, dut.rst.value = 0, 1
        for _ in range(
            1 + n % 4
        ):  # short: whatever is under way must end by the reset, not by time
            bench.pipe, bench.parts = deque([None] * LATENCY), []
            await bench.tick()
        bench.pipe = deque([None] * LATENCY)
        dut.rst.value = 0
        at = n % 16
        got = await bench.stream(requests[at : at + 4], 0.0)
        wanted = [(int(u), int(v), int(s)) for (u, v), s in zip(uv, status, strict=True)]
        assert [x[:3] for x in got] == wanted[at : at + 4], n


CONTEXTS = {"tiny": 3, "ecp5_85k": 4}
SIZES = {"tiny": (96, 64, 120, 20), "ecp5_85k": (192, 128, 60, 25)}


@needs_simulator
@pytest.mark.parametrize(("simulator", "preset"), simulators_for(*SIZES))
def test_klt(simulator: str, preset: str) -> None:
    """With the window, the levels and the limits of a preset."""
    width, height, tracks, matches = SIZES[preset]
    if simulator == "icarus":  # a second opinion, ten times slower
        tracks, matches = tracks // 8, matches // 4
    plusargs = {
        "preset": preset,
        "width": width,
        "height": height,
        "tracks": tracks,
        "matches": matches,
        "contexts": CONTEXTS[preset],
    }
    parameters = {"CONTEXTS": CONTEXTS[preset]}
    simulate(
        "klt",
        __name__,
        parameters=parameters,
        plusargs=plusargs,
        simulator=simulator,
        preset=preset,
    )
