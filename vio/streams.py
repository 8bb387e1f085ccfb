# SPDX-License-Identifier: Apache-2.0
"""The standard streams of a command: they may be closed, full, ASCII only, or without a reader."""

import os
import sys
from contextlib import suppress


def prepare_streams() -> None:
    """Make printing safe: closed streams lead nowhere, characters that do not fit are escaped.

    Must run before a file is opened: the first one would get the number of a closed stream.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a test's stream has no bytes below it
            stream.reconfigure(errors="backslashreplace")


def complain(text: str) -> None:
    """Print a line to stderr, if anybody can read it."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def discard_output() -> None:
    """Let what is still to be written to stdout go nowhere, so that shutdown does not complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
