# SPDX-License-Identifier: Apache-2.0
"""`vio calibration convert`: calibrations between the forms of several programs."""

import argparse
import sys

HELP = "Convert a calibration between EuRoC, Kalibr, Basalt and OpenCV."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    convert = actions.add_parser("convert", help="write a calibration in another form")
    convert.add_argument(
        "input",
        metavar="IN",
        help="a folder with EuRoC's or Kalibr's files, a camchain, Basalt's .json, OpenCV's .yaml",
    )
    convert.add_argument("output", metavar="OUT", help="a folder (euroc, kalibr) or a file")
    convert.add_argument(
        "--to", required=True, choices=("euroc", "kalibr", "basalt", "opencv"), help="the new form"
    )


def run(args: argparse.Namespace) -> int:
    """Convert one calibration."""
    from pathlib import Path

    from vio.runs.calibrations.forms import read_form, write_form

    rig, form = read_form(Path(args.input))
    for note in rig.notes:
        print(f"note: {note}", file=sys.stderr)
    files = write_form(rig, args.to, Path(args.output))
    print(f"{form} -> {args.to}: " + ", ".join(map(str, files)))
    return 0
