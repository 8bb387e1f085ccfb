# SPDX-License-Identifier: Apache-2.0
"""Where compiled kernels are kept, so that no kernel of an older source is ever used.

numba looks only at the file of the function that it loads: after a change of a kernel in
another file, a cached caller would go on with the old callee. So the folder carries a digest of
all sources that have kernels: new sources, new folder.
"""

import hashlib
import os
import shutil
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

    Must run before numba is imported. Without a writable home numba's default is left as it is.
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kestrel-vio"
    folder = base / source_digest(package)
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            older = sorted(base.iterdir(), key=lambda p: p.stat().st_mtime)
            for path in older[:-KEPT]:
                shutil.rmtree(path, ignore_errors=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
