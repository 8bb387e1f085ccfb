# SPDX-License-Identifier: Apache-2.0
"""Files of the operands that a run gave kernels: .npz, an array by each name."""

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from vio.errors import VioError


def load_operands(path: Path) -> dict[str, np.ndarray]:
    """Return a file's arrays by their names; raises VioError when it is no such file."""
    if not path.is_file():
        raise VioError(f"{path} is not there; record one: vio hls backend --record DATASET FILE")
    try:
        with np.load(path) as file:
            if isinstance(file, np.ndarray):
                raise ValueError("one array without a name")
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise VioError(f"{path} holds no operands: {error}") from error


def check_place(path: Path) -> None:
    """Raise VioError when a file cannot be put there: before a run, not after it."""
    if path.is_dir() or not path.parent.is_dir():
        raise VioError(f"{path} cannot be written; name a file in a folder that is there")


def save_operands(path: Path, operands: Mapping[str, np.ndarray]) -> None:
    """Write arrays by their names; raises VioError when that cannot be done."""
    try:
        with path.open("wb") as file:  # of exactly this name
            np.savez_compressed(file, allow_pickle=False, **operands)
    except OSError as error:
        raise VioError(f"{path} cannot be written: {error.strerror}") from error
