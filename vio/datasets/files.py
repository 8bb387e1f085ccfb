# SPDX-License-Identifier: Apache-2.0
"""Where a recording's files live: a folder or a zip, with the same three operations."""

import zipfile
from pathlib import Path
from typing import Protocol

from vio.errors import VioError


class Files(Protocol):
    """Read the files below one root; names are relative, with forward slashes."""

    root: str

    def read(self, name: str) -> bytes:
        """Return a file's bytes; raises FileNotFoundError or OSError."""
        ...

    def list(self, folder: str) -> set[str]:
        """Return the names of the files in a folder (empty when there is no such folder)."""
        ...


class FolderFiles:
    """Read files below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.root = str(root)

    def read(self, name: str) -> bytes:
        """Return a file's bytes; raises FileNotFoundError or OSError."""
        return (self._root / name).read_bytes()

    def list(self, folder: str) -> set[str]:
        """Return the names of the files in a folder (empty when there is no such folder)."""
        path = self._root / folder
        return {p.name for p in path.iterdir()} if path.is_dir() else set()


class ZipFiles:
    """Read files below one folder inside a zip, without unpacking it."""

    def __init__(self, archive: zipfile.ZipFile, prefix: str) -> None:
        self._archive = archive
        self._prefix = prefix
        self.root = f"{archive.filename}:{prefix.rstrip('/')}"
        self._folders: dict[str, set[str]] = {}
        for name in archive.namelist():
            if name.startswith(prefix) and not name.endswith("/"):
                folder, _, file = name[len(prefix) :].rpartition("/")
                self._folders.setdefault(folder, set()).add(file)

    def read(self, name: str) -> bytes:
        """Return a file's bytes; raises FileNotFoundError, or OSError where it is damaged."""
        try:
            return self._archive.read(self._prefix + name)
        except KeyError:
            raise FileNotFoundError(name) from None
        except (zipfile.BadZipFile, EOFError) as error:
            raise OSError(f"damaged in the zip: {error}") from error

    def list(self, folder: str) -> set[str]:
        """Return the names of the files in a folder (empty when there is no such folder)."""
        return self._folders.get(folder.rstrip("/"), set())


def read_text(files: Files, name: str, purpose: str) -> str:
    """Return a text file; raises VioError saying what the file is for when it is missing."""
    try:
        return files.read(name).decode("utf-8")
    except FileNotFoundError:
        raise VioError(
            f"{files.root}/{name} is missing; it holds {purpose}: restore it, or check that the "
            "download or copy of the recording is complete"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise VioError(f"{files.root}/{name} cannot be read: {error}") from error


def find_asl(path: Path) -> tuple[Files, str]:
    """Return the files of a recording's mav0 folder and the recording's name.

    path: a folder that contains mav0, the mav0 folder itself, or a zip of either.
    Raises VioError when there is no such recording, or a zip holds several.
    """
    if not path.exists():
        raise VioError(f"{path} does not exist; give a folder with mav0 inside, or a .zip of it")
    if path.is_dir():
        if (path / "mav0").is_dir():
            return FolderFiles(path / "mav0"), path.resolve().name
        if any((path / part).is_dir() for part in ("cam0", "imu0")):
            return FolderFiles(path), path.resolve().parent.name
        inner = sorted(str(p.parent) for p in path.glob("*/mav0"))
        hint = f"did you mean {', '.join(inner)}?" if inner else "it must contain mav0/cam0 ..."
        raise VioError(f"{path} is not an EuRoC/ASL recording: {hint}")
    if not zipfile.is_zipfile(path):
        raise VioError(
            f"{path} is neither a folder nor a readable zip; formats read: EuRoC/ASL folders, and "
            "zips of them (if it is a zip, it may be cut off: download it again)"
        )
    archive = zipfile.ZipFile(path)
    prefixes = set()
    for name in archive.namelist():
        head, found, _ = name.partition("cam0/")
        if found and not name.startswith("__MACOSX") and (not head or head.endswith("/")):
            prefixes.add(head)
    if len(prefixes) != 1:
        what = "several recordings" if prefixes else "no cam0 folder"
        listed = f" ({', '.join(sorted(prefixes))})" if prefixes else ""
        raise VioError(f"{path} holds {what}{listed}; it must hold one EuRoC/ASL recording")
    return ZipFiles(archive, prefixes.pop()), path.stem
