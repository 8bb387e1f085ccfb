# SPDX-License-Identifier: Apache-2.0
"""What a result depends on besides the settings: the code, the libraries, and the recording."""

import hashlib
import os
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from vio import __version__
from vio.errors import VioError

# Rooms of vio/ that no result of a run depends on. Of explore, only what makes a result counts.
BESIDE = ("commands", "report", "render", "explore")
MAKING = ("explore/task.py", "explore/backend.py")
LIBRARIES = ("numpy", "scipy", "numba", "llvmlite", "pillow", "PyYAML", "opencv-python-headless")
READ_WHOLE = 16 * 2**20  # bytes; of a larger file of a folder, its size stands for it
IMAGES = (".png", ".jpg", ".jpeg", ".pgm", ".bmp", ".tif", ".tiff")
BLOCK = 2**20


@lru_cache
def code_version(all_of_it: bool = False) -> str:
    """Return the version and a digest of the sources that a run executes, or of all sources."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name.partition("/")[0] in BESIDE and name not in MAKING and not all_of_it:
            continue
        digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return f"{__version__}+{digest.hexdigest()[:16]}"


@lru_cache
def library_versions() -> str:
    """Return Python's version and those of the libraries that a result may depend on."""
    found = [f"python {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"]
    for name in LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def data_identity(path: str) -> str:
    """Return a digest of a recording: of every file's name and size, and of all but its images.

    An image counts by name and size: a compressed one that changes nearly always changes its size.
    A recording of one file counts by all its bytes. Raises VioError when it cannot be read.
    """
    try:
        return _identity(path, _stamp(Path(path)))
    except OSError as error:
        raise VioError(f"{path} cannot be read: {error.strerror or error}") from None


def _stamp(path: Path) -> tuple[int, ...]:
    """Return times and numbers, so that a process reads a recording again when it has changed."""
    newest, size, count = path.stat().st_mtime_ns, path.stat().st_size, 0
    if path.is_dir():
        for folder, _, names in os.walk(path):
            count += len(names)
            small = (n for n in names if Path(n).suffix.lower() not in IMAGES)
            for status in (Path(folder, name).stat() for name in ("", *small)):
                newest, size = max(newest, status.st_mtime_ns), size + status.st_size
    return newest, size, count


@lru_cache
def _identity(path: str, stamp: tuple[int, ...]) -> str:
    root = Path(path)
    digest = hashlib.sha256()
    if root.is_file():
        _read_into(digest, root)
        return digest.hexdigest()[:32]
    files = sorted(p for p in root.rglob("*") if p.is_file())
    if not files:
        raise VioError(f"{path} is an empty folder; name a recording")
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.relative_to(root).as_posix()}\0{size}\0".encode())
        if file.suffix.lower() not in IMAGES and size <= READ_WHOLE:
            _read_into(digest, file)
    return digest.hexdigest()[:32]


def _read_into(digest: "hashlib._Hash", path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)


def unlike(
    user: str, path: str | None, code: str, libraries: str, data: str, all_of_it: bool = False
) -> str:
    """Return what this process has other than the one that wants a run, in words; "" for nothing.

    user: "the suite" or the like. path: of the recording, None where none is read. code, libraries,
    data: `code_version(all_of_it)`, `library_versions` and `data_identity` there.
    """
    for what, here, wanted in (
        ("Kestrel", code_version(all_of_it), code),
        ("libraries", library_versions(), libraries),
        ("data", "" if path is None else _identity_here(path), data),
    ):
        if here != wanted:
            must = "the installation" if path is None else f"{path} and the installation"
            return (
                f"a worker has other {what} than {user} ({here}, not {wanted}); "
                f"{must} must be the same on all workers"
            )
    return ""


def _identity_here(path: str) -> str:
    try:
        return data_identity(path)
    except VioError as error:
        return str(error)
