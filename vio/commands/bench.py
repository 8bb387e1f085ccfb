# SPDX-License-Identifier: Apache-2.0
"""`vio bench`: measure speed and memory on this machine, beside the opencv engine as a baseline."""

import argparse
import os
from typing import Any

from vio.commands import options

HELP = "Measure time per stage and memory beside the OpenCV baseline."
REAL_CLIP = "euroc/MH_01_easy"
RENDERED_SCENARIO = "handheld"
RENDERED_SECONDS = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "dataset",
        nargs="?",
        help=f"a recording in EuRoC layout (default: {REAL_CLIP} in VIO_DATA; without it, a "
        f"rendered {RENDERED_SCENARIO} scenario of {RENDERED_SECONDS:g} s)",
    )
    parser.add_argument(
        "--engines",
        default="float,opencv",
        metavar="LIST",
        help="front ends to measure; the last is the baseline (default: float,opencv)",
    )
    parser.add_argument(
        "--repeats",
        type=options.count,
        default=3,
        metavar="N",
        help="passes; the fastest counts (default: 3)",
    )
    parser.add_argument("--preset", default="euroc", help="a preset's name or a .toml file")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="change one setting"
    )
    options.add_threads(parser)
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument(
        "--check",
        action="store_true",
        help="compare the CPU time of a frame, over that of a fixed kernel, with the record "
        "(exit code 3 when it is 1.3 times that or more); on the default recording",
    )
    speed.add_argument(
        "--record",
        action="store_true",
        help="write that record, of the real and of the rendered recording",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder for bench.json (default: new, in runs/)"
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print a table and write bench.json; return 3 when a check fails."""
    if args.check or args.record:
        return check_speed(args)
    import json
    import platform
    import tempfile
    from pathlib import Path

    from vio.commands.console import print_table
    from vio.config import load_config
    from vio.datasets.manifest import data_folder
    from vio.errors import VioError
    from vio.runs.bench import measure_engines
    from vio.runs.files import replace_file
    from vio.runs.folder import make_folder
    from vio.runs.lock import locked
    from vio.workers import thread_count

    options.use_threads(args)
    config = load_config(args.preset, args.set)
    engines = tuple(name.strip() for name in args.engines.split(",") if name.strip())
    if args.repeats < 1 or not engines:
        raise VioError(
            f"--repeats {args.repeats} of --engines {args.engines!r}: nothing to measure"
        )
    real = data_folder() / REAL_CLIP
    out = make_folder("bench", args.out)
    with locked(out), tempfile.TemporaryDirectory(prefix="kestrel-") as temporary:
        path = args.dataset or (str(real) if (real / "mav0").is_dir() else None)
        if path is None:
            from vio.render.sequence import render_scenario

            path = temporary
            render_scenario(RENDERED_SCENARIO, path, seconds=RENDERED_SECONDS)
        results = measure_engines(path, config, engines, args.repeats, thread_count())
    name = Path(path).name if path != temporary else RENDERED_SCENARIO
    machine = {"cores": os.cpu_count(), "machine": platform.machine()}
    report: dict[str, Any] = {"dataset": name, **machine, "engines": results}
    replace_file(out / "bench.json", json.dumps(report, indent=2) + "\n")
    for engine, figures in results.items():
        title = f"{engine} on {name}: {figures['frames']} frames, times in ms"
        print_table(title, STAGE_HEADER, stage_rows(figures))
    base = results[engines[-1]]
    rows = [summary_row(engine, figures, base) for engine, figures in results.items()]
    print_table("summary", (*SUMMARY_HEADER, f"time / {engines[-1]}"), rows)
    print(out / "bench.json")
    return 0


def check_speed(args: argparse.Namespace) -> int:
    """Compare the speed of both engines with the record, or record it."""
    import json
    import tempfile
    from pathlib import Path

    from vio.commands.console import print_table
    from vio.config import load_config
    from vio.datasets import open_dataset
    from vio.datasets.manifest import data_folder
    from vio.errors import VioError
    from vio.exits import EXIT_NEGATIVE
    from vio.render.sequence import render_scenario
    from vio.runs import bench_check
    from vio.runs.folder import make_folder

    if args.dataset or args.set or args.preset != "euroc":
        raise VioError(
            "--check and --record take neither a recording nor settings: the record is of the "
            f"preset euroc on {REAL_CLIP} (or, without it, on the rendered {RENDERED_SCENARIO})"
        )
    config = load_config()
    record = bench_check.load_record() if args.check else {}
    real = data_folder() / REAL_CLIP
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="kestrel-") as temporary:
        paths = {REAL_CLIP: real} if (real / "mav0").is_dir() else {}
        if args.record or not paths:
            render_scenario(out=temporary, **bench_check.FLIGHT)
            paths[RENDERED_SCENARIO] = Path(temporary)
        for name, path in paths.items():
            if args.check and name not in record:
                raise VioError(f"no record of {name}; write it with `vio bench --record`")
            dataset = open_dataset(path)
            for engine in bench_check.ENGINES:
                found = bench_check.measure_quotient(dataset, config, engine)
                found |= bench_check.beside_baseline(found, name, engine)
                if args.check:
                    found = bench_check.compare(found, record[name][engine])
                figures.setdefault(name, {})[engine] = found
    for name, engines in figures.items():
        rows = [check_row(engine, found) for engine, found in engines.items()]
        print_table(f"CPU time on {name}, median of {bench_check.REPEATS}", CHECK_HEADER, rows)
    if args.record:
        bench_check.save_record(figures)
        print(bench_check.RECORD)
        return 0
    path = make_folder("bench", args.out) / "check.json"
    path.write_text(json.dumps({"limit": bench_check.LIMIT, "sequences": figures}, indent=2) + "\n")
    print(path)
    passes = all(found["passes"] for engines in figures.values() for found in engines.values())
    return 0 if passes else EXIT_NEGATIVE


CHECK_HEADER = (
    *("engine", "frame ms", "kernel ms", "frame/kernel", "of baseline"),
    *("recorded", "ratio", "result"),
)


def check_row(engine: str, found: dict[str, Any]) -> list[str]:
    """Return an engine's row of the check: without a record, dashes."""
    row = [engine, f"{found['frame_cpu_ms']:.2f}", f"{found['kernel_cpu_ms']:.2f}"]
    row.append(f"{found['quotient']:.4f}")
    row.append(f"{found['of_baseline']:.2f}" if "of_baseline" in found else "-")
    if "ratio" not in found:
        return [*row, "-", "-", "-"]
    result = "passes" if found["passes"] else "FAILS"
    return [*row, f"{found['recorded']:.4f}", f"{found['ratio']:.2f}", result]


STAGE_HEADER = ("stage", "frames", "mean", "p50", "p99", "max")
SUMMARY_HEADER = ("engine", "mean ms", "p99 ms", "CPU ms", "peak MB", "ATE SE3 m")


def stage_rows(figures: dict[str, Any]) -> list[list[str]]:
    """Return the rows of an engine's table: total first, then its stages."""
    rows = []
    for stage, times in figures["stages_ms"].items():
        values = [f"{times[k]:.2f}" if k in times else "-" for k in STAGE_HEADER[2:]]
        rows.append([stage, str(int(times["frames"])), *values])
    return rows


def summary_row(engine: str, figures: dict[str, Any], base: dict[str, Any]) -> list[str]:
    """Return an engine's row of the summary, with its time as a multiple of the baseline's."""
    total = figures["stages_ms"]["total"]
    absolute = (figures["accuracy"] or {}).get("absolute")
    return [
        engine,
        f"{total['mean']:.2f}",
        f"{total['p99']:.2f}",
        f"{figures['cpu_ms']:.2f}",
        f"{figures['peak_memory_mb']:.0f}",
        f"{absolute['se3']['translation_m']['rmse']:.4f}" if absolute else "-",
        f"{total['mean'] / base['stages_ms']['total']['mean']:.2f}",
    ]
