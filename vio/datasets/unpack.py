# SPDX-License-Identifier: Apache-2.0
"""Unpack the recording in an archive from a stranger: nothing outside, no links, bounded."""

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from vio.datasets.archive import DAMAGED, open_archive
from vio.errors import VioError
from vio.limits import bad_name, quoted, reason

MAX_FILES = 2_000_000
MAX_BYTES = 2**37  # of all files together
_BLOCK = 2**20
_LEFT_OUT = (".bag", ".zip")  # published archives hold the same recording in other forms

Show = Callable[[int], None]


class _Budget:
    """Count files and bytes; raises VioError beyond the limits."""

    def __init__(self, where: str, free: int, show: Show) -> None:
        self._where, self._free, self._show = where, free, show
        self.files = self.bytes = 0

    def add(self, count: int) -> None:
        """Count bytes that are about to be written."""
        self.bytes += count
        if self.bytes > MAX_BYTES:
            raise VioError(f"{self._where} unpacks to more than {MAX_BYTES} bytes; not unpacked")
        if self.bytes > self._free:
            raise VioError(
                f"{self._where} needs more than the {self._free} bytes that are free; make room, "
                "or set VIO_DATA to a larger disk"
            )
        self._show(self.bytes)

    def add_file(self) -> None:
        """Count a file."""
        self.files += 1
        if self.files > MAX_FILES:
            raise VioError(f"{self._where} holds more than {MAX_FILES} files; not unpacked")


def unpack(path: Path, member: str | None, folder: Path, show: Show = lambda done: None) -> Path:
    """Unpack a zip or tar into an empty folder; return the folder in it that holds mav0.

    member: the zip nested in the archive that holds the recording, or None. show: called with the
    bytes written. Raises VioError for what is no harmless archive, and when no recording is in it.
    """
    budget = _Budget(str(path), shutil.disk_usage(folder).free, show)
    try:
        if zipfile.is_zipfile(path):
            if member is None:
                _unpack_zip(path, folder, budget)
            else:
                inner = folder.with_name(folder.name + ".inner")
                try:
                    _take_member(path, member, inner, budget)
                    _unpack_zip(inner, folder, budget)
                finally:
                    inner.unlink(missing_ok=True)
        elif tarfile.is_tarfile(path):
            _unpack_tar(path, folder, budget)
        else:
            raise VioError(f"{path} is neither a zip nor a tar; download it again")
    except (OSError, tarfile.TarError, *DAMAGED) as error:
        raise VioError(f"{path} cannot be unpacked: {reason(error)}") from None
    found = [p.parent for p in sorted(folder.rglob("mav0")) if p.is_dir()]
    if not found and (folder / "cam0").is_dir():  # the contents of mav0 themselves
        whole = folder.with_name(folder.name + ".whole")
        folder.rename(whole)
        folder.mkdir()
        whole.rename(folder / "mav0")
        found = [folder]
    if len(found) != 1:
        raise VioError(f"{path} holds {len(found) or 'no'} recordings (folders mav0), not one")
    return found[0]


def _write(source: IO[bytes], target: Path, budget: _Budget) -> None:
    budget.add_file()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:  # a member that is there twice is refused
        while block := source.read(_BLOCK):
            budget.add(len(block))
            file.write(block)


def _take_member(path: Path, member: str, target: Path, budget: _Budget) -> None:
    with open_archive(path) as archive:
        try:
            source = archive.open(member)
        except KeyError:
            raise VioError(f"{path} holds no {quoted(member)}; is it the right archive?") from None
        with source:
            _write(source, target, budget)


def _unpack_zip(path: Path, folder: Path, budget: _Budget) -> None:
    with open_archive(path) as archive:  # which refuses names that lead out, links, bombs
        for info in archive.infolist():
            if info.is_dir() or info.filename.lower().endswith(_LEFT_OUT):
                continue
            if info.filename.startswith("__MACOSX/"):
                continue
            with archive.open(info) as source:
                _write(source, folder / info.filename, budget)


def _unpack_tar(path: Path, folder: Path, budget: _Budget) -> None:
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isdir():
                continue
            wrong = bad_name(info.name)
            if not info.isreg():
                wrong = "is a link or a device"
            if wrong:
                raise VioError(f"{path}: member {quoted(info.name)} {wrong}; not unpacked")
            if info.name.lower().endswith(_LEFT_OUT):
                continue
            source = archive.extractfile(info) or io.BytesIO()
            with source:
                _write(source, folder / info.name, budget)
