# SPDX-License-Identifier: Apache-2.0
"""`vio eval`: measure a trajectory file against the ground truth."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from vio.eval.metrics import Metrics
    from vio.trajectory import Trajectory

HELP = "Measure a trajectory against the ground truth."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("estimate", help="trajectory: TUM, EuRoC csv, or KITTI with --times")
    parser.add_argument(
        "truth",
        help="ground truth in one of these forms, or a recording (folder or zip), whose "
        "frames then count for coverage",
    )
    parser.add_argument(
        "--from",
        dest="start_s",
        type=float,
        metavar="SECONDS",
        help="leave out what comes before: seconds after the recording's first frame, or after "
        "the first ground-truth pose",
    )
    parser.add_argument(
        "--max-diff",
        type=float,
        default=0.01,
        metavar="SECONDS",
        help="greatest time between a pose and the ground truth (default 0.01)",
    )
    parser.add_argument(
        "--nearest",
        action="store_true",
        help="take the nearest ground-truth pose instead of interpolating (as evo does by default)",
    )
    parser.add_argument(
        "--rpe",
        action="append",
        metavar="DELTA",
        help="distance for the relative error: a number with unit f (frames), s or m, e.g. 5m; may "
        "be repeated (default 1f 1s 1m 10m)",
    )
    parser.add_argument(
        "--times", metavar="FILE", help="time stamps in seconds for a KITTI estimate"
    )
    parser.add_argument(
        "--truth-times", metavar="FILE", help="time stamps in seconds for a KITTI ground truth"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def parse_delta(text: str) -> tuple[float, str]:
    """Return (number, unit) of "1f", "0.5s" or "10m"; raises VioError for other texts."""
    from vio.errors import VioError

    units = {"f": "frames", "s": "s", "m": "m"}
    try:
        return float(text[:-1]), units[text[-1:]]
    except (ValueError, KeyError):
        raise VioError(
            f"--rpe {text!r} is not a number with unit f (frames), s (seconds) or m (metres), "
            "e.g. 1f, 0.5s, 10m"
        ) from None


def load_truth(path: str, times: str | None) -> tuple["Trajectory", "np.ndarray | None"]:
    """Return the ground truth of a file or recording, and the recording's frame times or None."""
    from pathlib import Path

    from vio.datasets import open_dataset
    from vio.datasets.trajectories import read_trajectory
    from vio.errors import VioError

    if not Path(path).is_dir() and Path(path).suffix.lower() != ".zip":
        return read_trajectory(path, times), None
    dataset = open_dataset(path, images=False)
    if dataset.ground_truth is None:
        if dataset.truth_error:
            raise VioError(dataset.truth_error)
        raise VioError(
            f"{path} holds no ground truth (state_groundtruth_estimate0/data.csv); give a file"
        )
    return dataset.ground_truth, dataset.frame_t_ns


def print_metrics(metrics: "Metrics", title: str) -> None:
    """Print the figures as tables."""
    from vio.commands.console import print_table

    rows = [
        [
            {"se3": "SE(3)", "yaw": "yaw and position", "sim3": f"Sim(3), scale {e.scale:.5f}"}[k],
            *(f"{v:.4f}" for v in vars(e.translation_m).values()),
            "-" if e.percent_of_distance is None else f"{e.percent_of_distance:.3f}",
            f"{e.rotation_deg.rmse:.3f}",
            f"{e.rotation_deg.max:.3f}",
        ]
        for k, e in metrics.absolute.items()
    ]
    head = ["ATE, alignment", "RMSE m", "mean m", "median m", "max m", "% of path"]
    print_table(title, [*head, "RMSE deg", "max deg"], rows)
    relative = [
        [
            f"{r.delta:g} {r.unit}",
            *(f"{v:.4f}" for v in vars(r.translation_m).values()),
            str(r.pairs),
            f"{r.rotation_deg.rmse:.3f}",
            f"{r.rotation_deg.max:.3f}",
        ]
        for r in metrics.relative
    ]
    head = ["RPE, over", "RMSE m", "mean m", "median m", "max m", "pairs"]
    print_table("", [*head, "RMSE deg", "max deg"], relative)
    print(
        f"{metrics.matched} of {metrics.poses} poses matched over {metrics.duration_s:.2f} s and "
        f"{metrics.distance_m:.2f} m; coverage {100 * metrics.coverage:.1f} %; first pose at "
        f"{metrics.first_pose_s:.2f} s"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    import json
    import sys

    from vio.datasets.trajectories import count_segments, read_trajectory
    from vio.eval.metrics import evaluate

    deltas = tuple(parse_delta(text) for text in args.rpe or ("1f", "1s", "1m", "10m"))
    truth, frame_t_ns = load_truth(args.truth, args.truth_times)
    origin = int(truth.t_ns[0] if frame_t_ns is None else frame_t_ns[0])
    metrics = evaluate(
        read_trajectory(args.estimate, args.times),
        truth,
        start_ns=None if args.start_s is None else origin + round(args.start_s * 1e9),
        frame_t_ns=frame_t_ns,
        max_diff_s=args.max_diff,
        nearest=args.nearest,
        relative=deltas,
    )
    segments = count_segments(args.estimate)
    if segments > 1:
        print(
            f"note: {args.estimate} holds {segments} segments, each in a world of its own, because "
            "the odometry was lost and started again; the figures below align them as one",
            file=sys.stderr,
        )
    if args.json:
        print(json.dumps(metrics.to_dict(), indent=2))
    else:
        print_metrics(metrics, f"{args.estimate} against {args.truth}")
    return 0
