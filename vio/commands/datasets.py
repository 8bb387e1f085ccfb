# SPDX-License-Identifier: Apache-2.0
"""`vio datasets list | info | fetch`: the public recordings of the manifest."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vio.datasets.manifest import Manifest, Sequence

HELP = "List public recordings, describe one, or fetch it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="all recordings, and which are here")
    info = actions.add_parser("info", help="source, licence, size and checksums of one")
    info.add_argument("recording", metavar="NAME", help="a recording's name, e.g. MH_01_easy")
    fetching = actions.add_parser("fetch", help="download, check and unpack one")
    fetching.add_argument("recording", metavar="NAME", help="a recording's name, e.g. room1")
    fetching.add_argument(
        "--accept-licence", action="store_true", help="you have read the licence and accept it"
    )
    fetching.add_argument("--archive", metavar="FILE", help="the archive, when you got it by hand")
    for action in (listing, info, fetching):
        action.add_argument("--manifest", metavar="FILE", help="another manifest")


def run(args: argparse.Namespace) -> int:
    """Run one action."""
    from pathlib import Path

    from vio.datasets.manifest import MANIFEST, load_manifest
    from vio.errors import VioError

    manifest = load_manifest(Path(args.manifest) if args.manifest else MANIFEST)
    if args.action == "list":
        return _list(manifest)
    sequence = manifest.sequences.get(args.recording)
    if sequence is None:
        known = ", ".join(manifest.sequences)
        raise VioError(f"no recording is named {args.recording[:80]!r}; there are: {known}")
    if args.action == "info":
        return _info(manifest, sequence)
    return _fetch(manifest, sequence, args)


def _size(count: int | None) -> str:
    return "not stated" if count is None else f"{count / 1e9:.2f} GB"


def _list(manifest: "Manifest") -> int:
    from vio.commands.console import print_table
    from vio.datasets.manifest import data_folder

    data = data_folder()
    rows = []
    for s in manifest.sequences.values():
        archive = manifest.archives[s.archive]
        here = "here" if (data / s.folder / "mav0").is_dir() else ""
        rows.append([s.name, archive.dataset, s.archive, _size(archive.size_bytes), here])
    print_table(
        f"Public recordings; data folder: {data}",
        ("name", "data set", "archive", "its size", "state"),
        rows,
    )
    return 0


def _info(manifest: "Manifest", sequence: "Sequence") -> int:
    from vio.datasets.manifest import data_folder

    archive = manifest.archives[sequence.archive]
    source = manifest.datasets[archive.dataset]
    folder = data_folder() / sequence.folder
    lines = {
        "name": sequence.name,
        "data set": source.title,
        "page": source.page,
        "licence": f"{source.licence} ({source.licence_page})",
        "cite": source.cite,
        "archive": archive.name + (f", member {sequence.member}" if sequence.member else ""),
        "address": archive.url,
        "size": _size(archive.size_bytes),
        "sha256": archive.sha256 or "not stated",
        "md5": archive.md5 or "not stated",
        "folder": f"{folder} ({'here' if (folder / 'mav0').is_dir() else 'not here'})",
    }
    print("\n".join(f"{key + ':':10}{value}" for key, value in lines.items()))
    return 0


def _fetch(manifest: "Manifest", sequence: "Sequence", args: argparse.Namespace) -> int:
    from pathlib import Path

    from vio.commands.console import progress
    from vio.datasets.manifest import data_folder
    from vio.errors import VioError
    from vio.runs.fetch import fetch

    archive = manifest.archives[sequence.archive]
    source = manifest.datasets[archive.dataset]
    print(f"{source.title}\nlicence: {source.licence} ({source.licence_page})\ncite: {source.cite}")
    if not args.accept_licence:
        raise VioError(
            f"{sequence.name} is fetched when you accept its licence ({source.licence}): read "
            f"{source.licence_page} and add --accept-licence"
        )
    local = Path(args.archive) if args.archive else None
    with progress(archive.name, archive.size_bytes or 0) as bar:
        fetched = fetch(manifest, sequence, data_folder(), local, bar)
    for note in fetched.notes:
        print(f"note: {note}", file=sys.stderr)
    print(fetched.folder)
    return 0
