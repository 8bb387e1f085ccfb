# SPDX-License-Identifier: Apache-2.0
"""The back end by compiled kernels, on the CPU and as Verilog, equals its reference bit for bit."""

import importlib.util

import numpy as np
import pytest

from sim.needs import needs_verilator
from tests.simulation import Simulation, odometry_of
from tests.test_backend32 import by_kernels, config
from vio.backend.marginalize import marginalize
from vio.backend.window import Window
from vio.engines import make_odometry
from vio.float32.kernels import COMPOSITE, SIMPLE, Kernels
from vio.hw.hls import verify_kernels
from vio.hw.hls.backends import XlsKernels, XlsRtlKernels
from vio.hw.hls.kernels import KERNELS
from vio.hw.hls.operands import pairs
from vio.odometry import run

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("xls") is None,
        reason="XLS; install it with: pip install 'kestrel-vio[hw]'",
    ),
    needs_verilator,
]


@pytest.fixture(scope="module")
def jit() -> XlsKernels:
    return XlsKernels()


@pytest.fixture(scope="module")
def rtl() -> XlsRtlKernels:
    return XlsRtlKernels()


def words_of(kernel: str, count: int) -> np.ndarray:
    """Return operands of a kernel: ordinary ones, and pairs of extreme ones."""
    if kernel not in SIMPLE:
        return KERNELS[kernel].operands(count, 5).view(np.float32)
    inputs = SIMPLE[kernel][0]
    ordinary = np.random.default_rng(6).normal(0, 10, (count, inputs)).astype(np.float32)
    extreme = np.concatenate([pairs(count, 7 + k)[:, :1] for k in range(inputs)], axis=1)
    return np.concatenate([ordinary, extreme.view(np.float32)])


@pytest.mark.parametrize("kernel", [*SIMPLE, *COMPOSITE])
def test_every_kernel_equals_its_reference(
    kernel: str, jit: XlsKernels, rtl: XlsRtlKernels
) -> None:
    words = words_of(kernel, 600 if kernel in SIMPLE else 40)
    expected = Kernels().run(kernel, words).view(np.uint32)
    for kernels in (jit, rtl):
        for count in (len(words), 1, 17):
            got = kernels.run(kernel, np.ascontiguousarray(words[:count])).view(np.uint32)
            np.testing.assert_array_equal(got, expected[:count])
    # A broken bit in an operand is seen.
    broken = words.copy().view(np.uint32)
    broken[:, -1] ^= 1 << 22
    assert not np.array_equal(jit.run(kernel, broken.view(np.float32)).view(np.uint32), expected)


def _run(kernels: Kernels, seconds: float) -> bytes:
    sim = Simulation(7, seconds=seconds)
    odometry = make_odometry(sim.rig, sim.imu_noise, config(), kernels=kernels)
    states = list(run(sim, odometry))
    known = [s for s in states if s.p_world_body is not None]
    assert len(known) > 5
    return b"".join(s.p_world_body.tobytes() + s.q_world_body.tobytes() for s in known)


class BrokenKernels(Kernels):
    """Flip the last bit of one product in a thousand."""

    def run(self, kernel: str, words: np.ndarray) -> np.ndarray:
        """Return the results of a kernel."""
        out = super().run(kernel, words)
        if kernel == "multiply_add":
            out.view(np.uint32)[::1000] ^= 1
        return out


def test_a_run_by_compiled_kernels_gives_the_bytes_of_the_reference(
    jit: XlsKernels,
) -> None:
    expected = _run(Kernels(), 0.9)
    assert _run(jit, 0.9) == expected
    assert jit.operands["multiply_add"] > 100_000
    assert _run(BrokenKernels(), 0.9) != expected


def test_what_a_run_gives_the_kernels_is_recorded_and_proven(jit: XlsKernels) -> None:
    sim = Simulation(7, seconds=0.9)
    kernels = Kernels()
    odometry = make_odometry(sim.rig, sim.imu_noise, config(), kernels=kernels)
    given = verify_kernels.record(sim, odometry, kernels)
    assert set(given) == set(verify_kernels.KERNELS)
    assert min(len(words) for words in given.values()) > 5
    assert max(len(words) for words in given.values()) <= verify_kernels.MOST
    assert set(verify_kernels.differences(given, jit).values()) == {0}
    products = {"multiply_add": given["multiply_add"]}
    wrong = verify_kernels.differences(products, BrokenKernels())
    assert wrong == {"multiply_add": -(-len(given["multiply_add"]) // 1000)}


def _stepped(w: Window, kernels: Kernels) -> list[np.ndarray]:
    """Return what a step and a marginalisation make of a window."""
    mine = by_kernels(w, kernels)
    mine.optimize(1)
    poses = [s for s in mine.order if not mine.is_full[s]]
    marginalize(mine, poses[:1], [])
    assert mine.prior is not None
    return [mine.R, mine.vec, mine.lm, mine.prior.J, mine.prior.r]


def test_a_step_by_verilog_gives_the_bytes_of_the_reference(rtl: XlsRtlKernels) -> None:
    """Linearised, eliminated, solved, substituted, a pose and its landmarks marginalised."""
    sim = Simulation(7, seconds=1.2)
    settings = config("backend.keyframes=3", "backend.max_landmarks=40")
    odometry = odometry_of(sim, settings)
    for _ in run(sim, odometry):
        pass
    w = odometry.estimator.window
    assert w is not None
    expected = _stepped(w, Kernels())
    for got, wanted in zip(_stepped(w, rtl), expected, strict=True):
        assert got.tobytes() == wanted.tobytes()
    broken = _stepped(w, BrokenKernels())
    assert any(a.tobytes() != b.tobytes() for a, b in zip(broken, expected, strict=True))
