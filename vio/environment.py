# SPDX-License-Identifier: Apache-2.0
"""What the environment must be before numba starts: the cache folder, and a number of threads."""

import importlib
import os
import re
import sys
from pathlib import Path

from vio.errors import VioError
from vio.kernel_cache import choose_cache


def prepare_numba(package: Path) -> None:
    """Set numba's environment where the user did not; must run before numba is imported."""
    choose_cache(package)


def load_numba() -> None:
    """Load what numba's first kernel needs, without scipy.linalg.

    numba imports it only to learn whether there is a BLAS, which no kernel here calls: it would
    take 15 MB and 0.15 s of a run that needs no more of scipy.
    """
    if "scipy.linalg" in sys.modules or "numba.np.arraymath" in sys.modules:
        return
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules["scipy.linalg"]


def check_environment() -> None:
    """Raise VioError for a variable of the environment that numba cannot start with."""
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
