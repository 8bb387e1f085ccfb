# SPDX-License-Identifier: Apache-2.0
"""`vio run`: run the odometry on a recording and write a run folder."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vio.commands.options import add_source, add_threads, add_until, source, use_threads

if TYPE_CHECKING:
    from vio.config import ImuConfig

MAX_NOTES = 10  # of those that come up during a run

HELP = "Run the odometry on a recording; write a run folder."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "dataset",
        help="a recording: EuRoC layout (folder or zip), a ROS bag, a folder of images, tracks",
    )
    add_config_arguments(parser)
    add_until(parser)
    add_threads(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="the run folder (default: a new one in runs/, also runs/latest)",
    )
    parser.add_argument("--no-figures", action="store_true", help="write no figures")
    parser.add_argument(
        "--trace", action="store_true", help="engine fixed: record the range of every signal"
    )
    parser.add_argument(
        "--adaptive",
        action="store_true",
        help="let settings move in flight by what the estimator knows (adaptive.on)",
    )
    parser.add_argument(
        "--energy",
        action="store_true",
        help="engine fixed: count the energy by the model (with --adaptive always)",
    )
    parser.add_argument("--no-report", action="store_true", help="write no report.html")
    add_source(parser)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose a configuration."""
    from vio.config import choices

    for option, section, key, text in (
        ("--engine", "frontend", "engine", "front end; rtl: the Verilog, replay: recorded tracks"),
        ("--imu", "backend", "imu", "preintegration; rtl: its Verilog"),
        (
            *("--backend", "backend", "arithmetic"),
            "its arithmetic; xls: kernels compiled by XLS, xls-rtl: their Verilog, rtl: an engine",
        ),
    ):
        known = choices(section, key)
        parser.add_argument(
            option, metavar="NAME", help=f"{text} ({' | '.join(known)}; default: {known[0]})"
        )
    parser.add_argument(
        "--mono", action="store_true", help="use the left camera only (dataset.mono)"
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="estimate time offset and rig pose (calibrate.time_offset, calibrate.extrinsics)",
    )
    add_preset_arguments(parser)


def add_preset_arguments(parser: argparse.ArgumentParser, default: str = "euroc") -> None:
    """Add --preset and --set."""
    parser.add_argument(
        "--preset", default=default, help=f"a preset's name or a .toml file (default: {default})"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="change one setting, e.g. backend.precision=float32 (repeatable)",
    )


def run(args: argparse.Namespace) -> int:
    """Run on one recording."""
    from vio.commands.console import progress
    from vio.commands.outcome import compile_first, config_from_arguments, finish
    from vio.datasets import open_configured
    from vio.datasets.base import count_frames
    from vio.runs.execute import execute
    from vio.runs.folder import RunFolder, make_folder
    from vio.runs.lock import locked
    from vio.runs.summary import diagnosis_lines, lost_image_lines, summary_lines

    use_threads(args)
    config = config_from_arguments(args)
    energy = args.energy or (config.adaptive.on and config.frontend.engine == "fixed")
    dataset = open_configured(args.dataset, config.dataset, source(args))
    print_notes(dataset.warnings)
    before = len(dataset.warnings)
    compile_first(config)
    path: Path = make_folder(dataset.name, args.out)
    frame_count = count_frames(dataset, args.until)
    with locked(path), RunFolder(path, config) as folder:
        with progress(dataset.name, frame_count) as done:
            result = execute(dataset, config, folder, args.until, done, args.trace, energy)
        print_notes(dataset.warnings[before:], MAX_NOTES)
        code, metrics = finish(
            dataset, folder, result, figures=not args.no_figures, report=not args.no_report
        )
    lines = [*lost_image_lines(metrics), *summary_lines(metrics)]
    where = [noise_line(config.imu), str(path)]
    if metrics["poses"]:
        lines += [*where, *diagnosis_lines(metrics)]
    else:
        lines[-1:-1] = where  # why there is no pose is the last word
    print("\n".join(lines))
    return code


def noise_line(imu: "ImuConfig") -> str:
    """Return by what the calibration's noise densities were multiplied, in one line."""
    names = ("gyro_noise", "gyro_walk", "accel_noise", "accel_walk")
    factors = ", ".join(f"{name} {getattr(imu, f'{name}_scale'):g}" for name in names)
    return (
        f"inertial noise: the calibration's densities times {factors} (imu.*_scale), at least "
        f"{imu.gyro_noise_floor:g} and {imu.accel_noise_floor:g} (imu.*_floor)"
    )


def print_notes(notes: Sequence[str], limit: int | None = None) -> None:
    """Print notes to stderr, those beyond the limit as a number."""
    for note in notes[:limit]:
        print(f"note: {note}", file=sys.stderr)
    if limit is not None and len(notes) > limit:
        print(f"note: and {len(notes) - limit} more like these", file=sys.stderr)
