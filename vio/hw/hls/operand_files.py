# SPDX-License-Identifier: Apache-2.0
"""Files of the operands that a run gave kernels: .npz, an array by each name."""

import math
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np

from vio.datasets.archive import DAMAGED, open_archive
from vio.errors import VioError
from vio.limits import quoted, reason


def load_operands(path: Path) -> dict[str, np.ndarray]:
    """Return a file's arrays by their names; raises VioError when it is no such file."""
    if not path.is_file():
        raise VioError(f"{path} is not there; record one: vio hw hls backend --record DATASET FILE")
    try:
        archive = open_archive(path)
    except VioError as error:
        raise VioError(f"{path} holds no operands: {error}") from None
    with archive:
        return {m.filename.removesuffix(".npy"): _load(archive, m) for m in archive.infolist()}


def _load(archive: ZipFile, member: ZipInfo) -> np.ndarray:
    """Return one array; its header is compared with the member's size before anything is read."""
    where = f"{archive.filename}: {quoted(member.filename)}"
    try:
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            read_header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read_header(file)
            if dtype.hasobject:
                raise VioError(f"{where} holds Python objects, which are not read; save numbers")
            size = math.prod(shape) * dtype.itemsize
            if min(shape, default=0) < 0 or size > member.file_size:
                raise VioError(
                    f"{where} claims {size} bytes, but holds {member.file_size}: record it again"
                )
        with archive.open(member) as file:
            array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
            return array
    except (*DAMAGED, OSError, SyntaxError, TypeError, LookupError, MemoryError) as error:
        raise VioError(f"{where} holds no array: {reason(error)}") from None


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
