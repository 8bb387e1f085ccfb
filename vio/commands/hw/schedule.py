# SPDX-License-Identifier: Apache-2.0
"""`vio hw schedule`: the back end as a list of kernel calls, and what they take in hardware."""

import argparse
from typing import TYPE_CHECKING

from vio.commands import options

if TYPE_CHECKING:
    from vio.hw.schedule.totals import Window

HELP = "Schedule the back end's kernel calls; cycles, memory, energy."


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
    parser.add_argument(
        "--batch",
        type=options.count,
        metavar="N",
        help="landmarks eliminated at once: fewer take less memory and more cycles (10)",
    )
    parser.add_argument(
        "--variant",
        action="append",
        help="qr, rows, landmark-rows or schur (repeatable; default: all)",
    )
    parser.add_argument("--lanes", default="1,2,4,8", metavar="N[,N]", help="default: 1,2,4,8")
    parser.add_argument(
        "--calls", metavar="FILE", help="write the first window's calls, one a line"
    )
    parser.add_argument("--json", metavar="FILE", help="also write the costs to a file")


def run(args: argparse.Namespace) -> int:
    """Print what a keyframe of each window costs."""
    from dataclasses import replace
    from pathlib import Path

    from vio.commands.console import parse_range, print_table
    from vio.errors import VioError
    from vio.hw.estimates.common import check_until, write_json
    from vio.hw.schedule.machine import Machine
    from vio.hw.schedule.schedule import STAGES, VARIANTS
    from vio.hw.schedule.totals import calls_of, keyframe_costs

    check_until(args.dataset, args.until)
    variants = args.variant or list(VARIANTS)
    machines = [Machine(lanes=lanes) for lanes in parse_range(args.lanes, "lanes", 1)]
    windows = _recorded(args) if args.dataset else _made_up(args)
    if args.batch is not None:
        windows = [replace(w, batch=args.batch) for w in windows]
    rows, records = [], []
    for w in windows:
        for variant in variants:
            for a in keyframe_costs(w, variant, machines):
                c = a.total
                rows.append(
                    [
                        f"{w.name}, {variant}",
                        str(a.lanes),
                        *(f"{a.stages[stage].cycles / 1e3:.0f}" for stage in STAGES),
                        f"{c.cycles / 1e3:.0f}",
                        f"{a.keyframes_s:.1f}",
                        f"{c.mul / 1e6:.2f}",
                        f"{(c.read + c.write) / 1e6:.2f}",
                        f"{c.register / 1e6:.1f}",
                        f"{a.memory_kib:.0f}",
                        f"{a.energy_uj:.0f}",
                    ]
                )
                records.append(a.record())
    m = machines[0]
    print_table(
        f"{args.dataset or 'worst cases'}; thousands of cycles of a keyframe; add {m.add}, "
        f"mul {m.mul}, div {m.div} cycles; Navion: 16-90 keyframes/s, 412.6 kB",
        ("window, variant", "lanes", *STAGES, "total", "keyframes/s at 83.3 MHz", "M products",
         "M words of memory", "M of registers", "kB", "uJ"),
        rows,
    )  # fmt: skip
    if args.calls is not None:
        lines = [
            f"{c.stage} {c.kernel} {' '.join(map(str, c.sizes))} | {' '.join(map(str, c.operands))}"
            for c in calls_of(windows[0], variants[0])
        ]
        try:
            Path(args.calls).write_text("\n".join(lines) + "\n")
        except OSError as error:
            raise VioError(f"--calls {args.calls}: {error.strerror}") from error
    if args.json is not None:
        write_json(args.json, {"keyframes": records})
    return 0


def _made_up(args: argparse.Namespace) -> "list[Window]":
    from vio.commands.console import parse_range
    from vio.errors import VioError
    from vio.hw.schedule.structure import RECENT, worst_case
    from vio.hw.schedule.totals import Window

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
