# SPDX-License-Identifier: Apache-2.0
"""A window whose lists run on the vector engine in Verilator has the bytes of --backend float32."""

import numpy as np
import pytest

from sim.backend.engine_lists import simulated_window
from sim.needs import needs_verilator
from tests.test_backend32 import by_kernels
from vio.float32.kernels import Kernels
from vio.float32.window import Window32
from vio.hw.cosim.backend import BackendEngine, EngineWindow

pytestmark = [needs_verilator, pytest.mark.slow]


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
    w = object.__new__(EngineWindow)
    vars(w).update(vars(by_kernels(found, Kernels())), engine=BackendEngine())
    assert stepped(w) == expected
    counters = w.engine.counters()
    assert all(counters[kind][0] > 0 for kind in ("observe", "factor", "retract", "reflect"))
    assert 0 < sum(cycles for _, cycles, _ in counters.values()) < w.engine.cycles
    found.lm[found.active_rows()[0], 0] += 1e-3
    assert stepped(by_kernels(found, Kernels())) != expected
