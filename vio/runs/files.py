# SPDX-License-Identifier: Apache-2.0
"""Files of results: whole lines only, or whole files only, also where the disk is full."""

import os
from contextlib import suppress
from pathlib import Path

from vio.errors import VioError
from vio.limits import reason


class LineFile:
    """Write lines that are on disk at once; what could not be written whole is taken back."""

    def __init__(self, path: Path, header: str) -> None:
        """Replace a file by one of a header line; raises VioError when it cannot be written."""
        self._path = path
        self._length = 0
        try:
            self._descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666
            )
        except OSError as error:
            raise cannot_write(path, error) from error
        self.write(header + "\n")

    def write(self, lines: str) -> None:
        """Append whole lines; raises VioError, and appends nothing, when that fails."""
        data = lines.encode()
        done = 0
        try:
            while done < len(data):
                done += os.write(self._descriptor, data[done:])
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._length)
                os.lseek(self._descriptor, self._length, os.SEEK_SET)
            raise cannot_write(self._path, error) from error
        self._length += len(data)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def replace_file(path: Path, text: str) -> None:
    """Write a file in one step, so that it is never half there; raises VioError."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> VioError:
    """Return what a user reads when a result cannot be written."""
    return VioError(f"{path} cannot be written: {reason(error)}; make room, or use another --out")
