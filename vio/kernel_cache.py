# SPDX-License-Identifier: Apache-2.0
"""Where compiled kernels are kept, so that no kernel of an older source is ever used.

numba looks only at the file of the function that it loads: after a change of a kernel in
another file, a cached caller would go on with the old callee. So the folder carries a digest of
all sources that have kernels: new sources, new folder.

The folder lies below the user's cache folder. Where that cannot be written (a container's user
without a home directory), it lies below the system's temporary folder.
"""

import hashlib
import os
import shutil
import stat
import tempfile
import warnings
from pathlib import Path

KEPT = 4  # folders of earlier sources that stay


def source_digest(package: Path) -> str:
    """Return a digest of all files below `package` that contain compiled functions."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        if b"njit" in content:
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


def choose_cache(package: Path) -> None:
    """Point numba to the cache folder of these sources; NUMBA_CACHE_DIR, if set, stays.

    Must run before numba is imported. Warns when the folder is a temporary one, and when no folder
    can be written at all; numba's own default is left as it is then.
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    digest = source_digest(package)
    folder = user_cache(digest)
    if folder is None:
        folder = temporary_cache(digest)
        if folder is None:
            message = "compiled code cannot be kept: no folder is writable; set NUMBA_CACHE_DIR"
        else:
            message = (
                f"compiled code is kept in {folder} only, because the cache folder of the home "
                "directory is not writable; set XDG_CACHE_HOME or NUMBA_CACHE_DIR to keep it"
            )
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    if folder is not None:
        os.environ["NUMBA_CACHE_DIR"] = str(folder)


def user_cache(digest: str) -> Path | None:
    """Return a writable folder below the user's cache folder, or None."""
    try:
        # Path.home() raises RuntimeError for a user that the system does not list.
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kestrel-vio"
        folder = base / digest
        if not folder.is_dir():
            folder.mkdir(parents=True)
            older = sorted(base.iterdir(), key=lambda p: p.stat().st_mtime)
            for path in older[:-KEPT]:
                shutil.rmtree(path, ignore_errors=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None


def temporary_cache(digest: str) -> Path | None:
    """Return a folder below the temporary folder that only this user can write, or None.

    Cached kernels are code that is run, so a folder that another user made is never used.
    """
    try:
        base = temporary_base()
        base.mkdir(mode=0o700, exist_ok=True)
        status = base.lstat()
        private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
        if not private or status.st_uid != os.geteuid():
            base = Path(tempfile.mkdtemp(prefix="kestrel-vio-"))
        folder = base / digest
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return folder


def temporary_base() -> Path:
    """Return the folder of temporary_cache; raises OSError without a writable folder."""
    return Path(tempfile.gettempdir()) / f"kestrel-vio-{os.geteuid()}"


def is_temporary(folder: str) -> bool:
    """Return whether a cache folder is lost with the system's temporary folder."""
    try:
        return Path(folder).is_relative_to(tempfile.gettempdir())
    except OSError:
        return False
