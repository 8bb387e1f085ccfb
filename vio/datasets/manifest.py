# SPDX-License-Identifier: Apache-2.0
"""Public recordings and where they lie: the data folder, and the manifest of published archives."""

import os
import re
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from vio.errors import VioError
from vio.limits import quoted, read_toml

REPOSITORY = Path(__file__).parents[2]
MANIFEST = REPOSITORY / "datasets" / "manifest.toml"  # in a clone only


def data_folder() -> Path:
    """Return the folder of the recordings: VIO_DATA, else datasets/ of the clone.

    An installed package has no clone; there it is datasets/ in the working folder.
    """
    named = os.environ.get("VIO_DATA")
    if named:
        return Path(named)
    return MANIFEST.parent if MANIFEST.is_file() else Path("datasets")


@dataclass(frozen=True)
class Source:
    """A dataset as published: its official page, licence and paper."""

    name: str
    title: str
    page: str
    licence: str
    licence_page: str
    cite: str
    source: tuple[str, ...]
    doi: str | None = None


@dataclass(frozen=True)
class Archive:
    """A published file; size and checksums are None where no source states them."""

    name: str
    dataset: str
    url: str
    source: tuple[str, ...]
    size_bytes: int | None = None
    md5: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Sequence:
    """A recording: the archive that holds it, the archive nested in that, and its folder."""

    name: str
    archive: str
    folder: str
    member: str | None = None


@dataclass(frozen=True)
class Manifest:
    """All datasets, archives and sequences, each by name."""

    datasets: dict[str, Source]
    archives: dict[str, Archive]
    sequences: dict[str, Sequence]


Entry = TypeVar("Entry", Source, Archive, Sequence)

PATTERNS = {
    "md5": r"[0-9a-f]{32}",
    "sha256": r"[0-9a-f]{64}",
    "url": r"https://[^\s]+|http://(127\.0\.0\.1|localhost)(:\d+)?/[^\s]*",
    "page": r"https?://[^\s]+",
    "licence_page": r"https?://[^\s]+",
    "doi": r"10\.\d{4,}/\S+",
    "name": r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    "folder": r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+",
    "member": r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\.zip",
}


def load_manifest(path: Path = MANIFEST) -> Manifest:
    """Read and check a manifest; raises VioError naming the entry and the field."""
    text = read_toml(path, "the manifest of a clone")
    unknown = sorted(set(text) - {"dataset", "archive", "sequence"})
    if unknown:
        raise VioError(f"{path}: unknown table {unknown[0]!r}; known: dataset, archive, sequence")
    manifest = Manifest(
        _entries(path, "dataset", text.get("dataset"), Source),
        _entries(path, "archive", text.get("archive"), Archive),
        _entries(path, "sequence", text.get("sequence"), Sequence),
    )
    for archive in manifest.archives.values():
        _known(path, "archive", archive.name, "dataset", archive.dataset, manifest.datasets)
    for sequence in manifest.sequences.values():
        _known(path, "sequence", sequence.name, "archive", sequence.archive, manifest.archives)
    return manifest


def _entries(path: Path, table: str, rows: Any, kind: type[Entry]) -> dict[str, Entry]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise VioError(f"{path}: no [[{table}]] entries")
    found: dict[str, Entry] = {}
    for number, row in enumerate(rows, 1):
        entry = _entry(f"{path}: {table} {row.get('name', f'number {number}')}", row, kind)
        if entry.name in found:
            raise VioError(f"{path}: {table} {entry.name} occurs twice")
        found[entry.name] = entry
    return found


def _entry(where: str, row: dict[str, Any], kind: type[Entry]) -> Entry:
    known = {f.name: f for f in fields(kind)}
    for name in row:
        if name not in known:
            raise VioError(f"{where}: unknown field {name!r}; known: {', '.join(known)}")
    values = dict(row)
    for name, field in known.items():
        if name not in row:
            if field.default is MISSING:
                raise VioError(f"{where}: field {name!r} is missing")
            continue
        value = row[name]
        if name == "size_bytes":
            good = type(value) is int and value > 0
        elif name == "source":
            good = isinstance(value, list) and bool(value) and all(_text(v) for v in value)
            values[name] = tuple(value) if good else value
        else:
            good = _text(value) and re.fullmatch(PATTERNS.get(name, ".*"), value) is not None
        if not good:
            raise VioError(f"{where}: bad {name} {quoted(value)}")
    return kind(**values)


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _known(path: Path, table: str, name: str, field: str, value: str, names: dict) -> None:
    if value not in names:
        raise VioError(
            f"{path}: {table} {name}: no {field} named {value!r}; there are: {', '.join(names)}"
        )
