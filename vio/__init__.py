# SPDX-License-Identifier: Apache-2.0
"""Kestrel: visual-inertial odometry as readable Python, bit-true integers and hardware."""

import os
from pathlib import Path

from vio.kernel_cache import choose_cache

__version__ = "0.1.0"

# Both are read when numba is imported and its first parallel loop starts. Worker threads sleep
# while they wait: spinning, the default, makes a frame ten times slower on a busy machine.
choose_cache(Path(__file__).parent)
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
