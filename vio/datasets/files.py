# SPDX-License-Identifier: Apache-2.0
"""Where a recording's files live: a folder or a zip, with the same few operations."""

import os
import zipfile
from pathlib import Path
from typing import Protocol

from vio.datasets.archive import ZipFiles, open_archive
from vio.errors import VioError
from vio.limits import (
    MAX_FILE_BYTES,
    bad_name,
    quoted,
    read_bytes,
    reason,
    shown,
)


class Files(Protocol):
    """Read the files below one root; names are relative, with forward slashes."""

    root: str

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Return a file's bytes; raises FileNotFoundError or OSError, also beyond limit bytes."""
        ...

    def list(self, folder: str) -> set[str]:
        """Return the names of the files in a folder (empty when there is no such folder)."""
        ...

    def parent(self) -> "Files | None":
        """Return the files of the folder around the root, or None where there is none."""
        ...


class FolderFiles:
    """Read files below a folder; links that lead out of it are refused."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real = os.path.realpath(root)
        self.root = str(root)

    def _inside(self, path: Path) -> bool:
        real = os.path.realpath(path)
        return real == self._real or real.startswith(self._real.rstrip("/") + "/")

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Return a file's bytes; raises FileNotFoundError or OSError, also beyond limit bytes."""
        if bad_name(name):
            raise OSError(f"its name {bad_name(name)}")
        path = self._root / name
        if not self._inside(path):
            raise OSError("a link there leads out of the recording's folder; copy the file there")
        return read_bytes(path, limit)

    def list(self, folder: str) -> set[str]:
        """Return the names of the files in a folder (empty when there is no such folder)."""
        path = self._root / folder
        if bad_name(folder) or not self._inside(path):
            return set()
        try:
            return set(os.listdir(path))
        except OSError:
            return set()

    def parent(self) -> "FolderFiles | None":
        """Return the files of the folder around mav0, or None for a root of another name."""
        root = Path(self._real)
        return FolderFiles(root.parent) if root.name == "mav0" else None


def read_text(files: Files, name: str, purpose: str, limit: int = MAX_FILE_BYTES) -> str:
    """Return a text file; raises VioError saying what the file is for when it is missing."""
    try:
        return files.read(name, limit).decode("utf-8-sig")
    except FileNotFoundError:
        folder, _, _ = name.rpartition("/")
        there = sorted(files.list(folder))
        beside = f" (there is {quoted(there[0])})" if there else ""
        raise VioError(
            f"{files.root}/{name} is missing; it holds {purpose}{beside}: restore it, or check "
            "that the download or copy of the recording is complete"
        ) from None
    except (OSError, ValueError) as error:
        raise VioError(f"{files.root}/{name} cannot be read: {reason(error)}") from error


def find_asl(path: Path) -> tuple[Files, str]:
    """Return the files of a recording's mav0 folder and the recording's name.

    path: a folder that contains mav0, the mav0 folder itself, or a zip of either.
    Raises VioError when there is no such recording, or a zip holds several.
    """
    if "\0" in str(path) or not path.exists():
        raise VioError(f"{path} does not exist; give a folder with mav0 inside, or a .zip of it")
    if path.is_dir():
        return _find_folder(path)
    if not path.is_file():
        raise VioError(f"{path} is no regular file; give a folder with mav0 inside, or a .zip")
    if not zipfile.is_zipfile(path):
        raise VioError(
            f"{path} is neither a folder nor a readable zip; formats read: EuRoC/ASL folders, "
            "zips of them, folders of images, ROS bags (a zip may be cut off: download "
            "it again)"
        )
    archive = open_archive(path)
    prefixes = set()
    for name in archive.namelist():
        head, found, _ = name.partition("cam0/")
        if found and not name.startswith("__MACOSX") and (not head or head.endswith("/")):
            prefixes.add(head)
    if len(prefixes) != 1:
        inner = sorted(n for n in archive.namelist() if n.lower().endswith(".zip"))
        archive.close()
        what = f"several recordings ({shown(', '.join(sorted(prefixes)))})"
        if not prefixes:
            what = "no cam0 folder"
            if inner:
                what += f", but zips ({shown(', '.join(inner))}): unpack it, and give one of those"
        raise VioError(f"{path} holds {what}; it must hold one EuRoC/ASL recording")
    return ZipFiles(archive, prefixes.pop()), path.stem


def _find_folder(path: Path) -> tuple[Files, str]:
    if (path / "mav0").is_dir():
        return FolderFiles(path / "mav0"), path.resolve().name
    if any((path / part).is_dir() for part in ("cam0", "imu0")):
        return FolderFiles(path), path.resolve().parent.name
    inner = sorted(str(p.parent) for p in path.glob("*/mav0"))
    there = sorted(p.name for p in path.iterdir())
    hint = f"did you mean {shown(', '.join(inner))}?" if inner else "it must contain mav0/cam0 ..."
    if not inner and there:
        hint += f" (it holds {shown(', '.join(there))})"
    raise VioError(f"{path} is not an EuRoC/ASL recording: {hint}")
