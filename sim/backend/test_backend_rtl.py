# SPDX-License-Identifier: Apache-2.0
"""A window whose lists run on the vector engine in Verilator has the bytes of --backend float32."""

import numpy as np
import pytest

from sim.needs import needs_verilator
from tests.simulation import Simulation, odometry_of
from tests.test_backend32 import by_kernels
from vio.backend.window import Window
from vio.config import load_config
from vio.float32.kernels import Kernels
from vio.float32.window import Window32
from vio.hw.cosim.backend import BackendEngine, EngineWindow
from vio.odometry import run

pytestmark = [needs_verilator, pytest.mark.slow]

SMALL = ['frontend.engine="replay"', "backend.keyframes=3", "backend.recent_frames=2"]


def simulated_window(landmarks: int) -> Window:
    """Return a window of a simulated run."""
    odometry = odometry_of(Simulation(7, seconds=2.0), load_config("euroc", SMALL))
    for _ in run(Simulation(7, seconds=2.0), odometry):
        pass
    found = odometry.estimator.window
    assert found is not None
    found.free_landmarks(found.active_rows()[landmarks:])
    return found


def stepped(w: Window32) -> list[bytes]:
    """Return what two steps and a marginalisation leave."""
    H, g, cost = w.linearize()
    w.optimize(2)
    poses = [s for s in w.order if not w.is_full[s]]
    recent = [s for s in w.order if w.is_full[s]]
    J, r = w.reduced_prior(poses[:1], recent[:1])
    found = (H, g, np.float32(cost), w.R, w.vec, w.lm, J, r)
    return [np.ascontiguousarray(a).tobytes() for a in found]


def test_steps_and_a_marginalisation_are_those_of_the_reference() -> None:
    found = simulated_window(6)
    expected = stepped(by_kernels(found, Kernels()))
    w = by_kernels(found, Kernels())
    w.__class__, w.engine = EngineWindow, BackendEngine()  # type: ignore[assignment, attr-defined]
    assert isinstance(w, EngineWindow)
    assert stepped(w) == expected
    counters = w.engine.counters()
    assert all(counters[kind][0] > 0 for kind in ("observe", "factor", "retract", "reflect"))
    assert 0 < sum(cycles for _, cycles, _ in counters.values()) < w.engine.cycles
    found.lm[found.active_rows()[0], 0] += 1e-3
    assert stepped(by_kernels(found, Kernels())) != expected
