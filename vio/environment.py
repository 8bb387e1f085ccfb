# SPDX-License-Identifier: Apache-2.0
"""What the environment must be before numba starts: cache folder, threading layer, threads."""

import os
import re
from pathlib import Path

from vio.errors import VioError
from vio.kernel_cache import choose_cache

# numba's own order begins with TBB. Where Debian's libtbb12 is installed, TBB's threads then spin
# in the finaliser of the process, up to minutes after the last line of output.
THREADING_LAYERS = "omp workqueue tbb"
LAYERS = ("default", "omp", "workqueue", "tbb", "safe", "threadsafe", "forksafe")


def prepare_numba(package: Path) -> None:
    """Set numba's environment where the user did not; must run before numba is imported."""
    choose_cache(package)
    os.environ.setdefault("NUMBA_THREADING_LAYER_PRIORITY", THREADING_LAYERS)
    # Worker threads sleep while they wait: spinning, the default, makes a frame ten times slower
    # on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def check_environment() -> None:
    """Raise VioError for a variable of the environment that numba cannot start with."""
    layer = os.environ.get("NUMBA_THREADING_LAYER", "default")
    if layer.lower() not in LAYERS:
        raise VioError(
            f"NUMBA_THREADING_LAYER={layer[:40]!r} in the environment is no threading layer; "
            f"unset it, or set it to one of {', '.join(LAYERS)}"
        )
    order = os.environ.get("NUMBA_THREADING_LAYER_PRIORITY", THREADING_LAYERS)
    if sorted(order.split()) != sorted(THREADING_LAYERS.split()):
        raise VioError(
            f"NUMBA_THREADING_LAYER_PRIORITY={order[:40]!r} in the environment must order all of "
            f"{THREADING_LAYERS}; unset it"
        )
    threads = os.environ.get("NUMBA_NUM_THREADS")
    if threads is not None and not re.fullmatch(r"[1-9][0-9]{0,3}", threads):
        raise VioError(
            f"NUMBA_NUM_THREADS={threads[:40]!r} in the environment is not a number of threads; "
            "unset it, or set it to 1 or more"
        )


def check_cache(package: Path) -> None:
    """Raise VioError where numba finds no folder for compiled code: no kernel can be imported."""
    if "NUMBA_CACHE_DIR" not in os.environ and not os.access(package, os.W_OK):
        raise VioError(
            "no folder is writable for compiled code: set NUMBA_CACHE_DIR or TMPDIR to one that is"
        )
