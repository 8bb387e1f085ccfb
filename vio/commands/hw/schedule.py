# SPDX-License-Identifier: Apache-2.0
"""`vio hw schedule`: the back end as a list of kernel calls, and what they take in hardware."""

import argparse
from typing import TYPE_CHECKING

from vio.commands import options

if TYPE_CHECKING:
    from vio.hw.schedule.totals import Window

HELP = "List the calls of the vector engine; cycles, memory, energy."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "dataset", nargs="?", help="a recording whose windows to schedule (default: worst cases)"
    )
    parser.add_argument("--preset", default="euroc", help="configuration (default: euroc)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="change a setting"
    )
    parser.add_argument("--until", type=options.seconds, metavar="SECONDS", help="of the recording")
    parser.add_argument(
        "--frames", default="10,20", metavar="N[,N]", help="windows to make up (default: 10,20)"
    )
    parser.add_argument(
        "--tracks", type=options.count, default=200, help="in a made-up window (200)"
    )
    parser.add_argument(
        "--age", type=options.count, metavar="FRAMES", help="frames that see a track (default: all)"
    )
    parser.add_argument("--lanes", default="1,2,4,8", metavar="N[,N]", help="default: 1,2,4,8")
    parser.add_argument(
        "--calls", metavar="FILE", help="write the first window's calls, one a line"
    )
    parser.add_argument("--kinds", action="store_true", help="also what each kind of call takes")
    parser.add_argument("--json", metavar="FILE", help="also write the costs to a file")


def run(args: argparse.Namespace) -> int:
    """Print what a keyframe of each window costs."""
    from vio.commands.console import parse_range, print_table
    from vio.float32.calls import STAGES
    from vio.hw.estimates.common import check_until, write_json
    from vio.hw.schedule.machine import Machine
    from vio.hw.schedule.totals import keyframe_costs

    check_until(args.dataset, args.until)
    machines = [Machine(lanes=lanes) for lanes in parse_range(args.lanes, "lanes", 1)]
    windows = _recorded(args) if args.dataset else _made_up(args)
    costs = [cost for w in windows for cost in keyframe_costs(w, machines)]
    m = machines[0]
    print_table(
        f"{args.dataset or 'worst cases'}; thousands of cycles of a keyframe; add {m.add}, "
        f"mul {m.mul}, div {m.div} cycles; Navion: 16-90 keyframes/s, 412.6 kB",
        ("window", "lanes", *STAGES, "total", "keyframes/s at 83.3 MHz", "calls", "M products",
         "M words of memory", "M of files", "KiB", "block RAMs", "kB on the bus", "uJ"),
        [
            [
                a.window,
                str(a.lanes),
                *(f"{a.stages[stage].cycles / 1e3:.0f}" for stage in STAGES),
                f"{a.cycles / 1e3:.0f}",
                f"{a.keyframes_s:.1f}",
                str(a.calls),
                f"{a.total.mul / 1e6:.2f}",
                f"{(a.total.read + a.total.write) / 1e6:.2f}",
                f"{a.total.register / 1e6:.1f}",
                f"{a.memory_kib:.0f}",
                str(a.block_rams),
                f"{sum(a.bus.values()) * 4e-3:.1f}",
                f"{a.energy_uj:.0f}",
            ]
            for a in costs
        ],
    )  # fmt: skip
    if args.kinds:
        for a in costs:
            print_table(
                f"{a.window}, {a.lanes} lanes",
                ("call", "number", "thousands of cycles"),
                [[kind, str(n), f"{c / 1e3:.1f}"] for kind, (n, c) in a.kinds.items()],
            )
            print_table("memory", ("region", "words"), [[k, str(v)] for k, v in a.memory.items()])
    if args.calls is not None:
        _write_calls(args.calls, windows[0])
    if args.json is not None:
        write_json(args.json, {"keyframes": [a.record() for a in costs]})
    return 0


def _write_calls(path: str, window: "Window") -> None:
    """Write a window's calls, one a line: stage, kind, the other fields, the runs."""
    from pathlib import Path

    from vio.errors import VioError
    from vio.float32 import calls as c
    from vio.hw.schedule.totals import lists_of

    lines = []
    for _, calls in lists_of(window):
        for call in calls.code.tolist():
            runs = ""
            if call[c.TRIANGULAR] > 0:
                parts = ((c.ROWS, c.ROW_RUNS), (c.COLUMNS, c.COLUMN_RUNS))
                runs = " | ".join(
                    " ".join(":".join(map(str, run)) for run in calls.runs[call[a] :][: call[b]])
                    for a, b in parts
                )
            fields = " ".join(map(str, call[c.DEST :]))
            lines.append(f"{c.STAGES[call[c.STAGE]]} {c.NAMES[call[c.KIND]]} {fields} | {runs}")
    try:
        Path(path).write_text("\n".join(lines) + "\n")
    except OSError as error:
        raise VioError(f"--calls {path}: {error.strerror}") from error


def _made_up(args: argparse.Namespace) -> "list[Window]":
    from vio.commands.console import parse_range
    from vio.errors import VioError
    from vio.hw.schedule.totals import Window
    from vio.hw.schedule.worst_case import RECENT, worst_case

    out = []
    for frames in parse_range(args.frames, "frames"):
        if frames <= RECENT or args.tracks < 1 or (args.age is not None and args.age < 2):
            raise VioError(
                f"{frames} frames, {args.tracks} tracks seen in {args.age or 'all'}: a window has "
                f"more than {RECENT} frames, a track, and tracks are seen in at least 2 frames"
            )
        step, leaving = worst_case(frames, args.tracks, args.age)
        seen = "all" if args.age is None else str(args.age)
        out.append(Window(f"{frames} frames, {args.tracks} tracks, in {seen}", step, (leaving,)))
    return out


def _recorded(args: argparse.Namespace) -> "list[Window]":
    """Run the odometry; return its median and its largest window, by observations."""
    from dataclasses import replace

    from vio.commands.console import progress
    from vio.config import load_config
    from vio.datasets import open_configured
    from vio.datasets.base import count_frames, end_ns
    from vio.engines import make_odometry
    from vio.errors import VioError
    from vio.hw.schedule.totals import Window, traced_windows
    from vio.odometry import run as run_odometry

    config = load_config(args.preset, args.set)
    dataset = open_configured(args.dataset, config.dataset)
    kept: list[Window] = []
    odometry = make_odometry(dataset.rig, dataset.imu_noise, config)
    with progress(dataset.name, count_frames(dataset, args.until)) as done, traced_windows(kept):
        for k, _ in enumerate(run_odometry(dataset, odometry, end_ns(dataset, args.until))):
            done(k + 1)
    kept = [w for w in kept if w.leaving]
    if not kept:
        raise VioError(f"{dataset.name}: no window was full within the run; take a longer part")
    kept.sort(key=lambda w: w.step.observations)
    names = ((len(kept) // 2, "median"), (-1, "largest"))
    return [
        replace(
            kept[k],
            name=f"{name}, {len(kept[k].step.dims)} frames, {len(kept[k].step.landmarks)} tracks, "
            f"{kept[k].step.observations} seen",
        )
        for k, name in names
    ]
