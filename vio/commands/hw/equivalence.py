# SPDX-License-Identifier: Apache-2.0
"""`vio hw equivalence`: compare the Verilog with the golden model, block by block."""

import argparse
from typing import TYPE_CHECKING

from vio.commands import options

if TYPE_CHECKING:
    from pathlib import Path

HELP = "Compare the Verilog with the golden model, frame by frame."
NEEDS = ("rtl", "sim")
DEFAULT_PRESET = "ecp5_85k"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    from vio.commands.run import add_preset_arguments

    parser.add_argument("dataset", help="a recording in EuRoC layout (folder or zip)")
    add_preset_arguments(parser, DEFAULT_PRESET)
    parser.add_argument(
        "--frames", type=options.count, metavar="N", help="the first N (default: all)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures")
    parser.add_argument(
        "--out", metavar="DIR", help="write equivalence.json and report.html into this folder"
    )


def run(args: argparse.Namespace) -> int:
    """Compare; exit 3 when a frame differs."""
    from contextlib import nullcontext

    from vio.runs.folder import make_folder
    from vio.runs.lock import locked

    out = make_folder("equivalence", args.out) if args.out else None  # before the hours of a flight
    with locked(out) if out else nullcontext():
        return _compare(args, out)


def _compare(args: argparse.Namespace, out: "Path | None") -> int:
    """Compare, print, and write what is asked for; out: the page's folder."""
    import json
    from pathlib import Path

    from vio.commands.console import print_table, progress
    from vio.config import load_config
    from vio.datasets import open_configured
    from vio.engines import make_odometry
    from vio.exits import EXIT_NEGATIVE
    from vio.hw.cosim.equivalence import PairedFrontEnd, compare, summary
    from vio.runs.files import replace_file

    config = load_config(args.preset, args.set)
    dataset = open_configured(args.dataset, config.dataset)
    frames = min(args.frames or len(dataset.frame_t_ns), len(dataset.frame_t_ns))
    done = 0
    with progress(dataset.name, frames) as advance:

        def count(_: object) -> None:
            nonlocal done
            done += 1
            advance(done)

        paired = PairedFrontEnd(dataset.rig, config)
        odometry = make_odometry(dataset.rig, dataset.imu_noise, config, frontend=paired)
        figures = {
            "recording": dataset.name,
            "preset": args.preset,
            "clock_mhz": config.hw.clock_mhz,
            **summary(compare(dataset, odometry, paired, frames, count)),
        }
    print_table(
        f"preset {args.preset}: the Verilog against the golden model, {dataset.name}, "
        f"{figures['frames']} frames",
        ["block", "frames compared", "frames equal"],
        [[n, str(b["compared"]), str(b["equal"])] for n, b in figures["blocks"].items()],
    )
    print(f"{figures['equal']} of {figures['frames']} frames equal in every block and track")
    for kind in ("tracking", "keyframe"):
        if f"{kind}_cycles" in figures:
            cycles = figures[f"{kind}_cycles"]
            print(f"{kind} frames: mean {cycles['mean']:.0f} cycles, worst {cycles['worst']}")
    kinds = [k for k in ("tracking", "keyframe") if f"{k}_counters" in figures]
    counted = [figures[f"{kind}_counters"] for kind in kinds]
    print_table(
        "the chip's counters, mean a frame",
        ["counter", *(f"{kind} frames" for kind in kinds)],
        [[name, *(f"{c[name]:.0f}" for c in counted)] for name in (counted[0] if counted else {})],
    )
    speed = figures["simulation"]
    print(
        f"simulation: {speed['cycles_per_second']:.0f} cycles a second, "
        f"{speed['seconds_per_frame']:.2f} s a frame"
    )
    for index, names in list(figures["different"].items())[:10]:
        print(f"frame {index} differs: {', '.join(names)}")
    record = json.dumps(figures, indent=1) + "\n"
    if args.json:
        replace_file(Path(args.json), record)
    if out:
        from vio.commands.outcome import write_page
        from vio.report.html.equivalence import RECORD

        replace_file(out / RECORD, record)
        write_page(out)
    return 0 if not figures["different"] else EXIT_NEGATIVE
