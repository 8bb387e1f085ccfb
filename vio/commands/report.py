# SPDX-License-Identifier: Apache-2.0
"""`vio report`: write report.html of runs, a suite, fault table, exploration or co-simulation."""

import argparse
from pathlib import Path

HELP = "Write report.html of runs, a suite, or an exploration."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="folders: runs (several: beside each other), or one suite, fault table, exploration, "
        "co-simulation",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="the page (default: report.html in the folder; of several runs, here)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the page, print where it is and what is missing in it."""
    import sys

    from vio.report.html.write import write_report

    folders = [Path(text) for text in args.runs]
    first = folders[0] if len(folders) == 1 else Path()
    out = Path(args.out) if args.out else first / "report.html"
    for problem in write_report(folders, out):
        print(f"note: {problem}", file=sys.stderr)
    print(out)
    return 0
