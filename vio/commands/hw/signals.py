# SPDX-License-Identifier: Apache-2.0
"""`vio hw signals`: run the fixed-point front end and report each named signal's range."""

import argparse

from vio.commands import options

HELP = "Range, saturations and unused bits of every fixed-point signal."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    from vio.commands.run import add_preset_arguments

    parser.add_argument("dataset", help="a recording in EuRoC layout (folder or zip)")
    add_preset_arguments(parser)
    options.add_until(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the front end over the recording and print one line a signal."""
    import json

    from vio.commands.console import print_table, progress
    from vio.config import load_config
    from vio.datasets import open_configured
    from vio.datasets.base import count_frames, end_ns
    from vio.runs.signals import row_of, trace_signals

    config = load_config(args.preset, args.set)
    dataset = open_configured(args.dataset, config.dataset)
    until_ns = end_ns(dataset, args.until)
    with progress(dataset.name, count_frames(dataset, args.until)) as on_frame:
        frames, uses = trace_signals(dataset, config, until_ns, on_frame)
    rows = [row_of(use) for use in uses]
    if args.json:
        print(json.dumps({"dataset": dataset.name, "frames": frames, "signals": rows}, indent=2))
        return 0
    print_table(
        f"{dataset.name}: {frames} frames",
        ("signal", "format", "bits", "least", "greatest", "seen", "saturated", "unused", "missing"),
        [
            [r["name"], r["format"], str(r["bits"]), "-", "-", "0", "-", "-", "-"]
            if r["count"] == 0
            else [
                r["name"],
                r["format"],
                str(r["bits"]),
                f"{r['least']:.6g}",
                f"{r['greatest']:.6g}",
                str(r["count"]),
                str(r["saturated"]),
                str(r["unused_bits"]),
                str(r["missing_bits"]),
            ]
            for r in rows
        ],
    )
    return 0
