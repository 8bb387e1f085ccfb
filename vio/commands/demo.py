# SPDX-License-Identifier: Apache-2.0
"""`vio demo`: render a short flight, run the odometry on it, measure it and draw it."""

import argparse
from typing import Any

HELP = "Render a short flight, run the odometry on it and measure it: needs no data."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--scenario", default="handheld", help="what `vio render` is to render (default: handheld)"
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="length of the flight (default: 10)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of world and noise (default: 1)")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="the run folder (default: a new one in runs/, also runs/latest)",
    )


def run(args: argparse.Namespace) -> int:
    """Render, run, measure and draw."""
    from time import perf_counter

    from vio.commands.outcome import finish
    from vio.config import load_config
    from vio.console import print_table, progress
    from vio.datasets import open_dataset
    from vio.render.sequence import open_scenario, write_sequence
    from vio.runfolder import RunFolder, make_folder
    from vio.runner import execute

    start = perf_counter()
    config = load_config()
    sequence = open_scenario(args.scenario, args.seed, args.seconds)
    path = make_folder("demo", args.out)
    recording = path / sequence.name
    with progress(f"rendering {sequence.name}", 2 * len(sequence.t_ns)) as done:
        for count, _ in write_sequence(sequence, recording):
            done(count)
    rendered = perf_counter()
    dataset = open_dataset(recording)
    with RunFolder(path, config) as folder:
        with progress("odometry", len(dataset.frame_t_ns)) as done:
            result = execute(dataset, config, folder, on_frame=done)
        ran = perf_counter()
        code, metrics = finish(dataset, folder, result)
    seconds = {"rendering": rendered - start, "odometry": ran - rendered}
    seconds["figures"] = perf_counter() - ran
    print_table("", ("demo", ""), table_rows(metrics, seconds))
    print(f"look at: {path / 'top_view.png'} and the other figures beside it")
    print(f"repeat:  vio run {recording}")
    return code


def table_rows(metrics: dict[str, Any], seconds: dict[str, float]) -> list[list[str]]:
    """Return the rows of the table: what was estimated, how well, and what took how long."""
    rows = [["frames", str(metrics["frames"])]]
    if metrics["poses"]:
        rows.append(["first pose after the first image", f"{metrics['first_pose_s']:.2f} s"])
    accuracy = metrics["accuracy"] or {}
    if "absolute" in accuracy:
        se3, yaw = accuracy["absolute"]["se3"], accuracy["absolute"]["yaw"]
        rows += [
            ["distance", f"{accuracy['distance_m']:.2f} m"],
            ["ATE, SE3 alignment", f"{se3['translation_m']['rmse'] * 100.0:.2f} cm"],
            ["ATE, yaw-only alignment", f"{yaw['translation_m']['rmse'] * 100.0:.2f} cm"],
            ["rotation error", f"{se3['rotation_deg']['rmse']:.2f} deg"],
        ]
    rows.append(["time of a frame, median", f"{metrics['timing_ms']['total']['p50']:.1f} ms"])
    rows.append(["peak memory", f"{metrics['peak_memory_mb']:.0f} MB"])
    return rows + [[f"seconds for {name}", f"{value:.1f}"] for name, value in seconds.items()]
