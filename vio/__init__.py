# SPDX-License-Identifier: Apache-2.0
"""Kestrel: visual-inertial odometry as readable Python, bit-true integers and hardware."""

from pathlib import Path

from vio.kernel_cache import choose_cache

__version__ = "0.1.0"

choose_cache(Path(__file__).parent)
