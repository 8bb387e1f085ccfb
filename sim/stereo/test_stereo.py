# SPDX-License-Identifier: Apache-2.0
"""stereo.v equals `match_rows` of vio/fixed/stereo.py."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge, Timer
from cocotb.utils import get_sim_time

from sim.needs import needs_simulator
from sim.points import Setup, serve
from sim.points import configure as write_tables
from sim.runner import simulate, simulators
from sim.stereo.models import Named, Reader, Tracker
from sim.streams import reset, send, sometimes
from tests.plane_scene import PlaneScene, make_rig
from vio.config import load_config
from vio.fixed.formats import formats
from vio.fixed.klt import klt_registers
from vio.fixed.qformat import signal_table
from vio.fixed.rectify import lens_registers
from vio.fixed.stereo import match_rows
from vio.fixed.stereo_registers import stereo_registers
from vio.fixed.stereo_search import NO_MATCH

pytestmark = needs_simulator
CONFIG = load_config("tiny")
SIGNALS = signal_table(formats(CONFIG.hw), trace=False)
COUNTS, SIGNED = ("matched", "columns", "iterations"), ("u", "v", "x", "y")


class Scene:
    """Hold a plane seen by two cameras, its registers and left pixels."""

    def __init__(self, seed: int, depth: float, count: int, noise: float = 0.0) -> None:
        hw, front = CONFIG.hw, CONFIG.frontend
        rig = make_rig(hw.max_width, hw.max_height, 140.0)
        frame = PlaneScene(depth=depth, slope_x=0.1, seed=seed, rig=rig).frame(0, np.eye(4))
        numbers = np.random.default_rng(seed)
        self.left = frame.left
        grey = frame.right + numbers.normal(0.0, noise, frame.right.shape)
        self.right = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
        self.lenses = lens_registers(rig.left, hw), lens_registers(rig.right, hw)
        self.s = stereo_registers(rig, front, hw)
        self.k = klt_registers(front, hw)
        self.uv = numbers.integers(0, (hw.max_width << 8, hw.max_height << 8), (count, 2))
        self.uv[::3] = numbers.integers(
            (30 << 8, 10 << 8), (90 << 8, 54 << 8), (len(self.uv[::3]), 2)
        )

    def setup(self) -> Setup:
        """Return what the projection units hold."""
        matrices = np.zeros((8, 3, 3), np.int64)
        matrices[5], matrices[6] = self.s.R_rect_left, self.s.R_rect_right
        return Setup(self.lenses, matrices)

    def expected(self, right: np.ndarray) -> list[dict[str, int]]:
        """Return the words of the results, of a right image."""
        columns = CONFIG.hw.search_columns
        images = np.ascontiguousarray(self.left), np.ascontiguousarray(right)
        uv, rays, work = match_rows(
            *images, *self.lenses, self.uv, self.s, self.k, columns, SIGNALS
        )
        words = []
        for (u, v), (x, y, disparity), (searched, done) in zip(
            uv.tolist(), rays.tolist(), work.tolist(), strict=True
        ):
            word = {"matched": int(u != NO_MATCH), "columns": searched, "iterations": done}
            if u != NO_MATCH:
                word |= {"u": u, "v": v, "x": x, "y": y, "disparity": disparity}
            words.append(word)
        return words


def configure(dut, scene: Scene) -> None:
    """Set the registers."""
    s = scene.s
    dut.cfg_height.value, dut.cfg_width.value = scene.left.shape
    dut.cfg_first.value, dut.cfg_disparity_step.value = s.first, s.disparity_step
    dut.cfg_segments.value = s.segments
    dut.cfg_reach_u.value, dut.cfg_reach_v.value = s.reach_u, s.reach_v
    dut.cfg_search_min.value, dut.cfg_uniqueness.value = s.search_min, s.uniqueness


def meaning(dut) -> dict[str, int]:
    """Return the fields of a result that mean something."""
    word = {name: int(getattr(dut, f"m_{name}").value) for name in COUNTS}
    if word["matched"]:
        word |= {name: getattr(dut, f"m_{name}").value.to_signed() for name in SIGNED}
        word["disparity"] = int(dut.m_disparity.value)
    return word


async def run(dut, scene: Scene, seed: int, share: float) -> list[dict[str, int]]:
    """Return the results for all left pixels."""
    words = [{"u": int(u), "v": int(v)} for u, v in scene.uv]
    sender = cocotb.start_soon(send(dut, words, sometimes(seed, share)))
    got: list[dict[str, int]] = []
    stall = sometimes(seed + 1, share)
    try:
        for _ in range(10**5):
            dut.m_ready.value = int(not stall())
            await ReadOnly()
            if dut.m_valid.value and dut.m_ready.value:
                got.append(meaning(dut))
            await RisingEdge(dut.clk)
            if len(got) == len(words):
                break
    finally:
        dut.m_ready.value = 0
        sender.cancel()
    return got


def _point(dut, unit: str) -> Named:
    """Show the ports of a projection unit under the names that `serve` uses."""
    return Named(dut, a_valid=f"{unit}_done", p=unit, a=f"{unit}_a")


async def _served(dut, scene: Scene, seed: int, share: float) -> list[dict[str, int]]:
    configure(dut, scene)
    buffers = {1: {0: scene.left}, 2: {0: scene.right}}
    tracker = Tracker(scene.left, scene.right, scene.s, scene.k, SIGNALS)
    dice = random.Random(seed) if share else None
    servers = [
        cocotb.start_soon(job)
        for job in (
            Reader(dut, buffers, seed, share).run(),
            tracker.serve(dut, seed, share),
            serve(_point(dut, "pa"), scene.setup(), dice),
            serve(_point(dut, "pb"), scene.setup(), dice),
        )
    ]
    try:
        return await run(dut, scene, seed, share)
    finally:
        for server in servers:
            server.cancel()


@cocotb.test()
async def matches_are_those_of_the_model(dut) -> None:
    """Near and far planes, with noise; idle and busy neighbours."""
    dut.s_valid.value, dut.m_ready.value = 0, 0
    await reset(dut)
    matched = refused = 0
    for seed, (depth, noise, share) in enumerate(
        ((1.0, 1.0, 0.0), (2.5, 1.0, 0.4), (0.7, 9.0, 0.2))
    ):
        scene = Scene(seed, depth, 40, noise)
        begin = get_sim_time("ns")
        got = await _served(dut, scene, seed, share)
        cycles = (get_sim_time("ns") - begin) / 2
        cocotb.log.info(f"{cycles / len(got):.0f} cycles a track")
        expected = scene.expected(scene.right)
        for i, (g, e) in enumerate(zip(got, expected, strict=True)):
            assert g == e, (seed, i)
        assert got != scene.expected(np.roll(scene.right, 1, 1))  # the comparison can fail
        matched += sum(word["matched"] for word in got)
        refused += sum(not word["matched"] and word["iterations"] > 0 for word in got)
    assert matched > 20
    assert refused > 0


@cocotb.test()
async def matches_of_the_whole_are_those_of_the_model(dut) -> None:
    """The real tracker and projection units; only the reader is a model."""
    dut.s_valid.value, dut.m_ready.value, dut.w_valid.value = 0, 0, 0
    await reset(dut)
    for seed, (depth, share) in enumerate(((1.0, 0.0), (1.6, 0.3))):
        scene = Scene(20 + seed, depth, 40, 2.0)
        await write_tables(dut, scene.setup())
        configure(dut, scene)
        dut.cfg_step.value, dut.cfg_flat_min.value = scene.k.step, scene.k.flat_min
        dut.cfg_stereo_correlation_min.value = scene.s.correlation_min
        dut.cfg_stereo_iterations.value = scene.s.iterations
        dut.cfg_max_refine.value = scene.s.max_refine
        buffers = {1: {0: scene.left}, 2: {0: scene.right}}
        readers = (
            Reader(dut, buffers, seed, share),
            Reader(Named(dut, r="kr", a="ka"), buffers, seed, share, inside=False),
        )
        servers = [cocotb.start_soon(r) for r in (readers[0].run(), readers[1].run_by_quarters())]
        begin = get_sim_time("ns")
        got = await run(dut, scene, seed, share)
        cycles = (get_sim_time("ns") - begin) / 2
        cocotb.log.info(f"{cycles / len(got):.0f} cycles a track")
        for server in servers:
            server.cancel()
        expected = scene.expected(scene.right)
        for i, (g, e) in enumerate(zip(got, expected, strict=True)):
            assert g == e, (seed, i)
        assert sum(word["matched"] for word in got) > 10


@cocotb.test()
async def a_reset_leaves_no_trace(dut) -> None:
    """Tracks under way are forgotten; those after the reset are right."""
    await reset(dut)
    task = cocotb.start_soon(_served(dut, Scene(8, 1.0, 12), 1, 0.0))
    await Timer(3, "us")
    task.cancel()
    dut.s_valid.value, dut.m_ready.value = 0, 0
    dut.a_valid.value, dut.k_done.value, dut.pa_done.value, dut.pb_done.value = 0, 0, 0, 0
    await reset(dut)
    scene = Scene(9, 1.0, 12)
    assert await _served(dut, scene, 2, 0.0) == scene.expected(scene.right)


@pytest.mark.parametrize("simulator", simulators())
def test_stereo(simulator: str) -> None:
    """With models of the reader, the projection units and the tracker."""
    only = "matches_are|reset"
    simulate("stereo", __name__, preset="tiny", only=only, simulator=simulator)


@pytest.mark.parametrize("simulator", simulators())
def test_stereo_with_tracker_and_point_units(simulator: str) -> None:
    """As in the chip, but for the reader."""
    simulate("stereo_chip", __name__, preset="tiny", only="whole", simulator=simulator)
