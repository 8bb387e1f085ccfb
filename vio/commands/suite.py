# SPDX-License-Identifier: Apache-2.0
"""`vio suite`: run many sequences in parallel and print one table."""

import argparse
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vio.commands import options
from vio.commands.run import add_config_arguments
from vio.commands.scheduler import add_scheduler_arguments, make_scheduler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vio.cluster import Scheduler
    from vio.runs.suite import Job, Runner

HELP = "Run many sequences in parallel; write one table and suite.json."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("datasets", nargs="*", help="recordings in EuRoC layout, run as they are")
    parser.add_argument(
        "--hybrid",
        nargs="+",
        default=[],
        metavar="ASL_FOLDER",
        help="recordings with ground truth: images are rendered along it, run, and deleted",
    )
    parser.add_argument(
        "--scenario",
        nargs="+",
        default=[],
        metavar="NAME",
        help="scenarios of `vio render`: rendered, run, and deleted",
    )
    parser.add_argument(
        "--seeds", default="1", metavar="RANGE", help="worlds to render, e.g. 1-5 (default: 1)"
    )
    options.add_until(parser)
    parser.add_argument(
        "--keep",
        metavar="DIR",
        help="keep rendered sequences in DIR (about 1 GB a flight), and use those that are there",
    )
    parser.add_argument(
        "--jobs", type=options.threads, metavar="N", help="processes (default: one a core)"
    )
    add_config_arguments(parser)
    parser.add_argument(
        "--out", metavar="DIR", help="folder for the runs and suite.json (default: new, in runs/)"
    )
    parser.add_argument("--no-report", action="store_true", help="write no report.html")
    add_scheduler_arguments(parser)


def make_jobs(args: argparse.Namespace) -> "list[Job]":
    """Return the jobs that the arguments ask for; raises VioError for none, or for doubles."""
    from pathlib import Path

    from vio.commands.console import parse_range
    from vio.errors import VioError
    from vio.runs.suite import Job

    # Absolute, as a worker of a scheduler is in another folder.
    jobs = [Job(Path(d).resolve().stem, None, Path(d).resolve()) for d in args.datasets]
    sources = [(Path(f).resolve().name, ["--hybrid", str(Path(f).resolve())]) for f in args.hybrid]
    sources += [
        (Path(s).stem, [str(Path(s).resolve()) if Path(s).is_file() else s]) for s in args.scenario
    ]
    for name, source in sources:
        for seed in parse_range(args.seeds):
            words = [*source, "--seed", str(seed), "--threads", "1"]
            length = ""
            if args.until is not None:
                words += ["--seconds", str(args.until)]
                length = f"-{args.until:g}s"
            kept = Path(args.keep) / f"{name}-seed{seed}{length}" if args.keep else None
            jobs.append(Job(name, seed, None, tuple(words), kept))
    if not jobs:
        raise VioError("nothing to run: name recordings, or use --hybrid or --scenario")
    names = [job.name for job in jobs]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise VioError(f"two jobs would write to the same folder: {', '.join(doubled)}")
    return jobs


def run(args: argparse.Namespace) -> int:
    """Run the suite; return 3 when a sequence failed or was lost."""
    from vio.commands.console import print_table, progress
    from vio.commands.outcome import config_from_arguments, write_page
    from vio.exits import EXIT_NEGATIVE
    from vio.runs.folder import make_folder
    from vio.runs.lock import locked
    from vio.runs.suite import run_suite

    scheduler = make_scheduler(args)
    config_from_arguments(args)  # a wrong setting is said once, before any work
    jobs = make_jobs(args)
    out = make_folder("suite", args.out)
    words = ["--no-figures", "--no-report", "--preset", args.preset]
    words += [word for item in args.set for word in ("--set", item)]
    words += [] if args.engine is None else ["--engine", args.engine]
    words += [] if args.imu is None else ["--imu", args.imu]
    words += [] if args.backend is None else ["--backend", args.backend]
    words += [] if args.until is None else ["--until", str(args.until)]
    with (
        locked(out),
        _runner(args, scheduler, words, out) as runner,
        progress("suite", len(jobs)) as done,
    ):
        result = run_suite(jobs, words, out, runner, done)
    if not args.no_report:
        write_page(out)
    summary = result["summary"]
    print_table("", HEADER, [table_row(row) for row in result["rows"]])
    rows = [summary_row(name, group) for name, group in summary["sequences"].items()]
    print_table("", SUMMARY_HEADER, [*rows, summary_row("all", summary)])
    for row in result["rows"]:
        if row["error"]:
            print(f"{row['sequence']} (seed {row['seed']}): {row['error']}")
    print(out / "suite.json")
    return EXIT_NEGATIVE if summary["lost"] else 0


@contextmanager
def _runner(
    args: argparse.Namespace, scheduler: "Scheduler | None", words: list[str], out: "Path"
) -> "Iterator[Runner]":
    """Give what runs the jobs: processes of this machine, or the workers of a scheduler."""
    if scheduler is None:
        from vio.runs.suite import Workers

        yield Workers(args.jobs or os.cpu_count() or 1, words, out)
        return
    from vio.cluster import remote_client, require
    from vio.runs.suite_tasks import FarWorkers

    require("vio suite --scheduler")
    with remote_client(scheduler) as client:
        yield FarWorkers(client, words, out)


HEADER = (
    "sequence",
    "seed",
    "ATE SE3 m",
    "ATE yaw m",
    "% of path",
    "rot deg",
    "first pose s",
    "tracking %",
    "starts",
    "median ms",
    "MB",
)
SUMMARY_HEADER = ("sequence", "runs", "mean ATE SE3 m", "worst m", "lost")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def table_row(row: dict[str, Any]) -> list[str]:
    """Return a row of the table of runs."""
    head = [row["sequence"], "-" if row["seed"] is None else str(row["seed"])]
    metrics = row.get("metrics")
    if metrics is None:
        return [*head, "failed", *["-"] * 8]
    accuracy = metrics["accuracy"] or {}
    absolute = accuracy.get("absolute")
    values = ["-"] * 4
    if absolute:
        values = [
            _number(absolute["se3"]["translation_m"]["rmse"], 4),
            _number(absolute["yaw"]["translation_m"]["rmse"], 4),
            _number(absolute["se3"]["percent_of_distance"], 3),
            _number((absolute["se3"]["rotation_deg"] or {}).get("rmse"), 2),
        ]
    return [
        *head,
        *values,
        _number(metrics["first_pose_s"], 2),
        _number(100.0 * metrics["frames_by_status"]["tracking"] / metrics["frames"], 1),
        str(metrics["segments"]),
        _number(metrics["timing_ms"]["total"]["p50"], 1),
        _number(metrics["peak_memory_mb"], 0),
    ]


def summary_row(name: str, group: dict[str, Any]) -> list[str]:
    """Return a row of the table of sequences."""
    ates = (_number(group["mean_ate_m"], 4), _number(group["worst_ate_m"], 4))
    return [name, str(group["runs"]), *ates, str(group["lost"])]
