# SPDX-License-Identifier: Apache-2.0
"""`vio demo`: render a short flight, run the odometry on it, measure it and draw it."""

import argparse
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vio.commands import options

if TYPE_CHECKING:
    from vio.config import Config

HELP = "Render a short flight, run the odometry on it, measure it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--scenario", default="handheld", help="what `vio render` is to render (default: handheld)"
    )
    parser.add_argument(
        "--seconds", type=options.seconds, default=8.0, help="length of the flight (default: 8)"
    )
    parser.add_argument(
        "--seed", type=options.seed, default=1, help="of world and noise (default: 1)"
    )
    options.add_threads(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="the run folder (default: a new one in runs/, also runs/latest)",
    )


def run(args: argparse.Namespace) -> int:
    """Render, run, measure and draw."""
    from time import perf_counter

    from vio.commands.console import print_table, progress
    from vio.commands.outcome import finish
    from vio.config import load_config
    from vio.datasets import open_dataset
    from vio.render.sequence import open_scenario, write_sequence
    from vio.runs.execute import execute
    from vio.runs.folder import RunFolder, make_folder
    from vio.runs.lock import locked

    options.use_threads(args)
    start = perf_counter()
    config = load_config()
    sequence = open_scenario(args.scenario, args.seed, args.seconds)
    path = make_folder("demo", args.out)
    with locked(path):
        recording = path / sequence.name
        with (
            compiling_ahead(config),
            progress(f"rendering {sequence.name}", 2 * len(sequence.t_ns)) as done,
        ):
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


@contextmanager
def compiling_ahead(config: "Config") -> Iterator[None]:
    """Compile the odometry in processes of its own while the caller renders."""
    from vio.runs.warm_up import warm_up

    thread = threading.Thread(target=warm_up, args=(config,), daemon=True)
    thread.start()
    yield
    thread.join()


def table_rows(metrics: dict[str, Any], seconds: dict[str, float]) -> list[list[str]]:
    """Return the rows of the table: what was estimated, how well, and what took how long."""
    from vio.runs.summary import rotation_text

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
            ["rotation error", rotation_text(se3)],
        ]
    rows.append(["time of a frame, median", f"{metrics['timing_ms']['total']['p50']:.1f} ms"])
    rows.append(["peak memory", f"{metrics['peak_memory_mb']:.0f} MB"])
    return rows + [[f"seconds for {name}", f"{value:.1f}"] for name, value in seconds.items()]
