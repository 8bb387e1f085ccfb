# SPDX-License-Identifier: Apache-2.0
"""Kestrel: visual-inertial odometry as readable Python, bit-true integers and hardware."""

from pathlib import Path

from vio.environment import prepare_numba

__version__ = "0.1.0"

prepare_numba(Path(__file__).parent)  # before anything imports numba
