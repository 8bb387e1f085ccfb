# SPDX-License-Identifier: Apache-2.0
"""`vio export`: write a run's states as TUM, EuRoC or a ROS 2 bag."""

import argparse

HELP = "Write a run as a TUM or EuRoC trajectory, or as a ROS 2 bag."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("run_folder", metavar="RUN", help="a run folder, e.g. runs/latest")
    parser.add_argument("output", metavar="OUT", help="a new file, or a new folder for a bag")
    parser.add_argument("--to", required=True, choices=("tum", "euroc", "ros2"), help="the form")
    parser.add_argument(
        "--storage", choices=("sqlite3", "mcap"), default="sqlite3", help="of a bag's file"
    )


def run(args: argparse.Namespace) -> int:
    """Export one run."""
    from pathlib import Path

    from vio.runs.export import export, read_run

    count = export(read_run(Path(args.run_folder)), args.to, Path(args.output), args.storage)
    print(f"{args.output}: {count} states")
    return 0
