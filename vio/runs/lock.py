# SPDX-License-Identifier: Apache-2.0
"""The lock of an output folder: two runs must not write into one."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vio.errors import VioError

LOCK = ".kestrel-lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of an existing folder; raises VioError when another process holds it.

    The kernel releases it when a process ends, however that ends: a file that is left behind locks
    nothing. Where the file system has no locks, the folder is used without one.
    """
    path = folder / LOCK
    try:
        descriptor = _acquire(path)
    except BlockingIOError:
        raise VioError(
            f"another run{_owner(path)} is writing into {folder}; wait for it, or name another "
            "folder with --out"
        ) from None
    except OSError:
        descriptor = None
    try:
        yield
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _acquire(path: Path) -> int:
    """Return the descriptor of the locked file; raises BlockingIOError when it is locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its holder may have removed it between our opening and locking it.
            if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _owner(path: Path) -> str:
    """Return " (process N)" as the lock file says, or nothing."""
    try:
        return f" (process {int(path.read_text()[:20])})"
    except (OSError, ValueError):
        return ""
