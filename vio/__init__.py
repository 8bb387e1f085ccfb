# SPDX-License-Identifier: Apache-2.0
"""Kestrel: visual-inertial odometry as readable Python, bit-true integers and hardware."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vio.environment import prepare_numba

if TYPE_CHECKING:
    from vio.engines import make_odometry

__all__ = ["__version__", "make_odometry"]

__version__ = "0.1.0"

prepare_numba(Path(__file__).parent)  # before anything imports numba


def __getattr__(name: str) -> Any:
    """Import `make_odometry` when it is asked for, so that `import vio` stays cheap."""
    if name == "make_odometry":
        from vio.engines import make_odometry

        return make_odometry
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
