# SPDX-License-Identifier: Apache-2.0
"""`vio convert`: write any readable recording in EuRoC's layout."""

import argparse
import sys
from pathlib import Path

from vio.commands import options

HELP = "Write a bag or a part of any recording in EuRoC layout."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("input", metavar="IN", help="a recording that `vio run` reads")
    parser.add_argument("output", metavar="OUT", help="a new folder, or one to be continued")
    parser.add_argument(
        "--from",
        dest="start_s",
        type=options.seconds,
        metavar="SECONDS",
        help="leave out so much after the first image",
    )
    options.add_until(parser)
    options.add_source(parser)


def run(args: argparse.Namespace) -> int:
    """Convert one recording."""
    from vio.commands.console import progress
    from vio.commands.run import print_notes
    from vio.datasets import open_dataset
    from vio.datasets.tracks import TrackDataset
    from vio.errors import VioError
    from vio.runs.convert import convert

    dataset = open_dataset(args.input, source=options.source(args))
    if isinstance(dataset, TrackDataset):
        raise VioError(f"{args.input} holds corner tracks, no images; there is nothing to convert")
    print_notes(dataset.warnings)
    before = len(dataset.warnings)
    with progress(f"convert {dataset.name}", len(dataset.frame_t_ns)) as show:
        images, there = convert(dataset, Path(args.output), args.start_s, args.until, show)
    print_notes(dataset.warnings[before:], 10)
    continued = f", {there} of them from before" if there else ""
    print(f"{args.output}: {images} images{continued}", file=sys.stderr)
    return 0
