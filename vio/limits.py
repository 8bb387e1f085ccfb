# SPDX-License-Identifier: Apache-2.0
"""How much a file from a stranger may ask for: the bounds of every reader, and bounded reading."""

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from vio.errors import VioError

MAX_SETTINGS_BYTES = 250_000  # a YAML or TOML file; PyYAML takes seconds for a megabyte
MAX_FILE_BYTES = 512 * 2**20  # any other file, and a member of an archive
MAX_RATIO = 200  # of a member's size to its size in the archive
MIN_RATIO_BYTES = 2**20  # smaller members may be compressed as far as they like
MAX_DICTIONARY_BYTES = 64 * 2**20  # that unpacking LZMA reserves, whatever the member's size
MAX_DIRECTORY_BYTES = 128 * 2**20  # the list of an archive's members: about a million of them
MAX_IMAGE_PIXELS = 2**26  # an image header that claims more is taken for damaged
MAX_SHOWN = 200  # characters of a file's value in a message
MAX_STAMP_NS = 2**62  # differences of two stamps still fit in 64 bits
MAX_VALUE = 1e15  # of a number in a table


def shown(value: object) -> str:
    """Return a value from a file for a message: one line, at most MAX_SHOWN characters."""
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text[: 4 * MAX_SHOWN].split())
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def quoted(value: object) -> str:
    """Return repr(value) for a message, at most MAX_SHOWN characters."""
    return shown(repr(value[:MAX_SHOWN] if isinstance(value, str | bytes | list) else value))


def bad_name(name: str) -> str:
    """Return why a file's name that a file gave leads out of its folder; empty when it does not."""
    if "\\" in name:
        return "holds a backslash"
    if "\0" in name:
        return "holds a zero byte"
    if name.startswith("/"):
        return "is an absolute path"
    return "climbs out of its folder" if ".." in name.split("/") else ""


def read_bytes(path: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """Return a regular file's bytes.

    Raises FileNotFoundError, or OSError for a device, FIFO or socket, and beyond `limit` bytes.
    """
    # O_NONBLOCK: opening a FIFO must not wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError("it is no regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(f"it is larger than {limit} bytes")
    return data


def read_text_file(path: str | Path, purpose: str, limit: int = MAX_FILE_BYTES) -> str:
    """Return a UTF-8 text file without its byte-order mark.

    purpose: what to give instead, for the message. Raises VioError when it cannot be read.
    """
    try:
        return read_bytes(Path(path), limit).decode("utf-8-sig")
    except FileNotFoundError:
        raise VioError(f"{path} does not exist; give {purpose}") from None
    except (OSError, ValueError) as error:
        raise VioError(f"{path} cannot be read as text: {reason(error)}") from None


def read_toml(path: str | Path, purpose: str) -> dict[str, Any]:
    """Return the tables of a TOML file; raises VioError when it cannot be read or is none."""
    text = read_text_file(path, purpose, MAX_SETTINGS_BYTES)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise VioError(f"{path} is not valid TOML: {reason(error)}") from None


def reason(error: BaseException) -> str:
    """Return an exception's text for a message: without path and number, bounded, never empty."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return shown(text) or type(error).__name__
