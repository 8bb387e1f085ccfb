# SPDX-License-Identifier: Apache-2.0
"""`vio explore`: turn the hardware's knobs; accuracy, memory, cycles and energy move together."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vio.commands import options
from vio.commands.scheduler import add_scheduler_arguments, make_scheduler

if TYPE_CHECKING:
    from vio.explore.explore import Plan

HELP = "Explore settings by accuracy, memory, cycles and energy."
MAX_RATIO = 100.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    from vio.commands.run import add_preset_arguments

    parser.add_argument("datasets", nargs="+", metavar="RECORDING", help="with ground truth")
    parser.add_argument(
        "--held-back",
        nargs="+",
        default=[],
        metavar="RECORDING",
        help="run the presets on these afterwards: the search does not see them",
    )
    parser.add_argument(
        "--budget", type=options.whole(2), default=60, metavar="N", help="settings to try (60)"
    )
    parser.add_argument("--knobs", metavar="NAME[,NAME]", help="what may change (default: all)")
    parser.add_argument(
        "--buildable", action="store_true", help="only values that today's Verilog takes"
    )
    parser.add_argument(
        "--search",
        choices=("netadapt", "sampler"),
        default="netadapt",
        help="steps that lose least accuracy, or Optuna's multi-objective sampler",
    )
    parser.add_argument(
        "--objective",
        action="append",
        choices=("memory", "energy", "cycles"),
        help="what netadapt lowers (repeatable; default: each with a share of the budget)",
    )
    parser.add_argument(
        "--sizes",
        metavar="SIZE[,SIZE]",
        help="image sizes to run the default with: full, bin2, bin4, crop10 to crop99 (per cent)",
    )
    parser.add_argument(
        "--rates", metavar="N[,N]", help="run the default on every N-th frame, with each size"
    )
    parser.add_argument(
        "--verify-rtl",
        nargs="?",
        const=50,
        default=0,
        type=options.count,
        metavar="FRAMES",
        help="run the preset smallest as Verilog on so many frames (50), and synthesise it",
    )
    parser.add_argument(
        "--until",
        type=options.seconds,
        default=10.0,
        metavar="SECONDS",
        help="of each recording; first rounds take a quarter and half of it (10)",
    )
    parser.add_argument(
        "--seeds", default="1", metavar="RANGE", help="frontend.seed of the runs, e.g. 1-3 (1)"
    )
    parser.add_argument(
        "--seed", type=options.seed, default=1, metavar="N", help="of the sampler (1)"
    )
    parser.add_argument(
        "--ate-ratio",
        type=options.positive(MAX_RATIO, "ratios"),
        default=1.2,
        metavar="X",
        help="most that a preset's ATE may be, of the default's (1.2)",
    )
    parser.add_argument(
        "--engine", choices=("fixed", "float"), default="fixed", help="front end (fixed)"
    )
    add_preset_arguments(parser, default="ecp5_85k")
    parser.add_argument(
        "--out", metavar="DIR", help="folder of the results; one of before goes on (default: new)"
    )
    parser.add_argument(
        "--jobs", type=options.threads, metavar="N", help="processes (default: one a core)"
    )
    parser.add_argument("--no-report", action="store_true", help="write no report.html")
    add_scheduler_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Explore; return 3 when nothing differs from the default, and where the Verilog differs."""
    from vio.cluster import usable_jobs
    from vio.commands.console import progress
    from vio.commands.outcome import compile_first, write_page
    from vio.exits import EXIT_NEGATIVE
    from vio.explore.cluster import local_runner, remote_runner, require
    from vio.explore.explore import explore
    from vio.explore.verify import check_tools
    from vio.runs.folder import make_folder
    from vio.runs.lock import locked

    require()
    plan = make_plan(args)
    if plan.rtl_frames:
        check_tools()
    scheduler = make_scheduler(args)
    compile_first(plan.base)
    out = make_folder("explore", args.out)

    def runner() -> Any:
        return remote_runner(scheduler) if scheduler else local_runner(usable_jobs(args.jobs))

    with locked(out), progress("explore", plan.budget) as done:
        found = explore(plan, out, runner, done)
    if not args.no_report:
        write_page(out)
    print_results(found)
    print(out)
    told_apart = any(row["costs"] and not row["is_default"] for row in found["rows"])
    verified = found.get("verified", {})
    proved = verified.get("equal") == verified.get("frames")
    return 0 if told_apart and proved else EXIT_NEGATIVE


def make_plan(args: argparse.Namespace) -> "Plan":
    """Return what the arguments ask for; raises VioError."""
    from vio.commands.console import parse_range
    from vio.config import load_config
    from vio.explore.explore import Plan, cases_of
    from vio.explore.formats import parse_sizes
    from vio.explore.knobs import NAMES

    base = load_config(args.preset, [*args.set, f'frontend.engine="{args.engine}"'])
    seeds = parse_range(args.seeds)
    paths = [str(Path(path).resolve()) for path in args.datasets]
    held_back = [str(Path(path).resolve()) for path in args.held_back]
    names = NAMES if args.knobs is None else tuple(n.strip() for n in args.knobs.split(","))
    return Plan(
        base=base,
        preset=args.preset,
        cases=cases_of(paths, seeds),
        held_back=cases_of(held_back, seeds),
        knobs=tuple(names),
        buildable=args.buildable,
        until_s=args.until,
        budget=args.budget,
        search=args.search,
        objectives=tuple(dict.fromkeys(args.objective or ("memory", "energy", "cycles"))),
        seed=args.seed,
        most_ratio=args.ate_ratio,
        rtl_frames=args.verify_rtl,
        sizes=() if args.sizes is None else parse_sizes(args.sizes),
        rates=() if args.rates is None else tuple(parse_range(args.rates, "rates", 1)),
    )


HEADER = ("settings", "ATE m", "ATE ratio", "95 %", "life", "KiB", "DP16KD", "cycles", "keyframe",
          "worst", "frames/s", "uJ keyframe", "uW front", "uW back", "uW", "")  # fmt: skip


def print_results(found: dict[str, Any]) -> None:
    """Print the front and the presets, the default first."""
    from vio.commands.console import print_table

    rows = [row for row in found["rows"] if row["is_default"] or row["on_front"] or row["presets"]]
    print_table(
        f"{len(found['cases'])} cases of {found['until_s']:g} s: {'; '.join(found['cases'])}. "
        "life: frames of a track. Costs by the models (docs/chip/budgets.md)",
        HEADER,
        [table_row(row) for row in rows],
    )
    for row in found["held_back"]:
        ratio = "failed" if row["ate_ratio"] is None else ratio_text(row["ate_ratio"])
        print(f"held back, {row['preset']}: ATE ratio {ratio} {row['failure']}".rstrip())
    if formats := found.get("formats"):
        print_table(
            "the default with other sizes, and with every so many-th frame",
            FORMAT_HEADER,
            [format_row(row, formats["knobs"]) for row in formats["rows"]],
        )
    if "verified" in found:
        print(verified_text(found["verified"]))
    failed = sum(1 for row in found["rows"] if row["failure"])
    print(
        f"{found['settings']} settings ({found['only_on_short_clips']} only on short clips, "
        f"{failed} failed), {found['runs']} runs, {found['known']} known before"
    )


def table_row(row: dict[str, Any]) -> list[str]:
    """Return a row of the table."""
    cost, ratio = row["costs"], row["ate_ratio"]
    name = ", ".join(f"{k} {v}" for k, v in row["changed"].items()) or "default"
    if cost is None or ratio is None:
        return [name, "failed", *[""] * (len(HEADER) - 2)]
    interval = "-" if ratio["low"] is None else f"{ratio['low']:.2f} to {ratio['high']:.2f}"
    marks: Sequence[str] = [*row["presets"], *(n for n in ("on_front", "buildable") if row[n])]
    return [
        name,
        f"{row['ate_m']:.4f}",
        f"{ratio['ratio']:.2f}",
        interval,
        f"{row['track_life']:.1f}",
        f"{cost['kib']:.1f}",
        f"{cost['block_rams']:.0f}",
        f"{cost['cycles_tracking']:.0f}",
        f"{cost['cycles_keyframe']:.0f}",
        f"{cost['cycles_worst']:.0f}",
        f"{cost['frames_s']:.0f}",
        f"{cost['keyframe_uj']:.1f}",
        *(f"{cost[name]:.0f}" for name in ("frontend_uw", "backend_uw", "mean_uw")),
        ", ".join(marks).replace("_", " "),
    ]


FORMAT_HEADER = ("size", "every", "ATE m", "ATE ratio", "KiB", "Mcycles/s", "uW", "")


def format_row(row: dict[str, Any], knobs: dict[str, Any]) -> list[str]:
    """Return a row of the table of sizes and rates."""
    cost, ratio = row["costs"], row["ate_ratio"]
    names = [str(row["changed"].get(k, knobs[k]["values"][0])) for k in ("size", "every")]
    if cost is None or ratio is None:
        return [*names, "failed", *[""] * 4, row["failure"]]
    return [
        *names,
        f"{row['ate_m']:.4f}",
        ratio_text(ratio),
        f"{cost['kib']:.1f}",
        f"{cost['cycles_s'] / 1e6:.2f}",
        f"{cost['mean_uw']:.0f}",
        "on front" if row["on_front"] else "",
    ]


def verified_text(verified: dict[str, Any]) -> str:
    """Return what the Verilog of a preset gave, in one line."""
    name = verified["preset"]
    if not verified["buildable"]:
        return f"{name}: today's Verilog does not take it, or there is none"
    area = verified["area"]
    return (
        f"{name} as Verilog, {verified['case']}: {verified['equal']} of {verified['frames']} "
        f"frames equal in every block and track; yosys: {area['lut4']} LUT4, {area['ff']} FF, "
        f"{area['dp16kd']} DP16KD (model {verified['modelled_block_rams']:.0f}), "
        f"{area['mult18']} MULT18"
    )


def ratio_text(ratio: dict[str, Any]) -> str:
    """Return a ratio with its interval."""
    if ratio["low"] is None:
        return f"{ratio['ratio']:.2f}"
    return f"{ratio['ratio']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
