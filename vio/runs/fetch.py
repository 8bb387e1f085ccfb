# SPDX-License-Identifier: Apache-2.0
"""Fetch a public recording of the manifest: download, check, unpack, move it in its place."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vio.datasets.download import check, download, forget
from vio.datasets.manifest import Archive, Manifest, Sequence
from vio.datasets.unpack import unpack
from vio.errors import VioError
from vio.limits import MAX_SETTINGS_BYTES, read_text_file, reason
from vio.runs.files import replace_file
from vio.runs.lock import locked

PLACE = ".fetch"  # below the data folder
CHECKSUMS = "checksums.json"  # of archives for which the manifest states none

Show = Callable[[int, str], None]


@dataclass(frozen=True)
class Fetched:
    """Hold what came of a fetch: where the recording lies, notes for the user."""

    folder: Path
    notes: list[str]


def fetch(
    manifest: Manifest,
    sequence: Sequence,
    data: Path,
    local: Path | None = None,
    show: Show = lambda done, what: None,
) -> Fetched:
    """Bring a recording into the data folder; local: its archive, which was got by hand.

    show: called with bytes and what they are. Raises VioError; what was downloaded stays, so that
    the same call continues. The recording appears in its place complete or not at all.
    """
    archive = manifest.archives[sequence.archive]
    target = data / sequence.folder
    if (target / "mav0").is_dir():
        return Fetched(target, ["it is there already"])
    if target.exists():
        raise VioError(f"{target} is there and holds no recording (mav0); move it away")
    place = data / PLACE
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VioError(f"{data} cannot be written ({reason(error)}); set VIO_DATA") from None
    with locked(place):
        path = local or _downloaded(manifest, archive, place, show)
        notes = _checked(archive, path, place, show, own=local is None)
        _unpacked(path, sequence, place, target, show)
        if local is None:
            notes += _tidied(manifest, archive, data, path)
    return Fetched(target, notes)


def _downloaded(manifest: Manifest, archive: Archive, place: Path, show: Show) -> Path:
    """Return the archive's file, which is complete but not checked."""
    done = place / archive.name
    if done.is_file():
        return done
    part = place / f"{archive.name}.part"
    page = manifest.datasets[archive.dataset].page
    download(archive, part, page, lambda count: show(count, "download"))
    return part


def _checked(archive: Archive, path: Path, place: Path, show: Show, own: bool) -> list[str]:
    """Check an archive; a wrong one of ours is removed, or it could never become right."""
    if not path.is_file():
        raise VioError(f"{path} does not exist; give the file of {archive.name}")
    known = _kept(place)
    try:
        found = check(archive, path, known.get(archive.name), lambda count: show(count, "check"))
    except VioError as error:
        if own:
            forget(path)
            raise VioError(f"{error}; it was removed: fetch it again") from None
        raise VioError(f"{error}; it is another file, or damaged: download it again") from None
    if own and path.suffix == ".part":
        complete = place / archive.name
        path.rename(complete)
        forget(path)
    if archive.sha256 is not None or archive.md5 is not None:
        return []
    if archive.name not in known:
        text = json.dumps({**known, archive.name: found}, indent=2, sort_keys=True)
        replace_file(place / CHECKSUMS, text + "\n")
    return [f"no checksum of {archive.name} is published here; its sha256 is {found} (kept)"]


def _kept(place: Path) -> dict[str, str]:
    path = place / CHECKSUMS
    if not path.is_file():
        return {}
    try:
        found = json.loads(read_text_file(path, "the kept checksums", MAX_SETTINGS_BYTES))
        return {str(k): str(v) for k, v in found.items()}
    except (ValueError, AttributeError):
        raise VioError(f"{path} is damaged; remove it, and checksums are kept anew") from None


def _unpacked(path: Path, sequence: Sequence, place: Path, target: Path, show: Show) -> None:
    """Unpack into a temporary folder and rename that at the end."""
    complete = place / path.name.removesuffix(".part")
    with tempfile.TemporaryDirectory(dir=place, prefix="unpack-") as temporary:
        folder = Path(temporary, "files")
        folder.mkdir()
        source = path if path.is_file() else complete
        found = unpack(source, sequence.member, folder, lambda count: show(count, "unpack"))
        target.parent.mkdir(parents=True, exist_ok=True)
        found.rename(target)


def _tidied(manifest: Manifest, archive: Archive, data: Path, path: Path) -> list[str]:
    """Remove the archive when nothing more is to come of it."""
    complete = data / PLACE / archive.name
    left = [
        s.name
        for s in manifest.sequences.values()
        if s.archive == archive.name and not (data / s.folder / "mav0").is_dir()
    ]
    if left:
        return [f"{complete} is kept for {', '.join(left)}; remove it when you do not want these"]
    forget(path)
    complete.unlink(missing_ok=True)
    return []
