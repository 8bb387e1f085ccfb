# SPDX-License-Identifier: Apache-2.0
"""`vio eval`: measure a trajectory file against the ground truth."""

import argparse
from typing import TYPE_CHECKING

from vio.commands import options

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from vio.datasets.bags.source import Source
    from vio.trajectory import Trajectory

HELP = "Measure a trajectory against the ground truth."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "estimate",
        help="trajectory: TUM, csv of EuRoC or VINS-Fusion, OpenVINS's states, KITTI with --times; "
        "or a run's folder",
    )
    parser.add_argument(
        "truth",
        help="ground truth in one of these forms, or a recording (folder or zip), whose "
        "frames then count for coverage",
    )
    parser.add_argument(
        "--from",
        dest="start_s",
        type=options.since,
        metavar="SECONDS",
        help="leave out what comes before: seconds after the recording's first frame, or after "
        "the first ground-truth pose",
    )
    parser.add_argument(
        "--max-diff",
        type=options.seconds,
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
    parser.add_argument(
        "--format", metavar="FORM", help="form of the estimate, instead of what its content shows"
    )
    parser.add_argument(
        "--truth-format", metavar="FORM", help="form of the ground truth's file, likewise"
    )
    parser.add_argument(
        "--segments",
        metavar="FILE",
        help="a run's states.csv, whose segments are then aligned one by one as well (known for "
        "trajectory_tum.txt and for a run's folder)",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options.add_source(parser)


MAX_DELTA = 1e6  # frames, seconds or metres


def parse_delta(text: str) -> tuple[float, str]:
    """Return (number, unit) of "1f", "0.5s" or "10m"; raises VioError for other texts."""
    from vio.errors import VioError

    units = {"f": "frames", "s": "s", "m": "m"}
    try:
        number, unit = float(text[:-1]), units[text[-1:]]
        if not 0.0 < number <= MAX_DELTA or (unit == "frames" and number != int(number)):
            raise ValueError
        return number, unit
    except (ValueError, KeyError):
        raise VioError(
            f"--rpe {text[:40]!r} is not a positive number with unit f (whole frames), s (seconds) "
            "or m (metres), e.g. 1f, 0.5s, 10m"
        ) from None


def load_truth(
    path: str, times: str | None, form: str | None, source: "Source | None" = None
) -> tuple["Trajectory", "np.ndarray | None", int]:
    """Return the ground truth of a file or recording, the recording's frame times or None, and how
    many doubled time stamps were left out.
    """
    from pathlib import Path

    from vio.datasets import open_dataset
    from vio.datasets.bags.storage import is_bag
    from vio.datasets.trajectories import read_trajectory_file
    from vio.errors import VioError

    recording = Path(path).is_dir() or Path(path).suffix.lower() == ".zip" or is_bag(Path(path))
    if not recording:
        file = read_trajectory_file(path, times, form)
        return file.trajectory, None, file.doubled
    dataset = open_dataset(path, images=False, source=source)
    if dataset.ground_truth is None:
        if dataset.truth_error:
            raise VioError(dataset.truth_error)
        raise VioError(
            f"{path} holds no ground truth (state_groundtruth_estimate0/data.csv); give a file"
        )
    return dataset.ground_truth, dataset.frame_t_ns, 0


def load_estimate(args: argparse.Namespace) -> tuple["Trajectory", "np.ndarray", list[str]]:
    """Return the estimate, the segment number (N,) of each pose, and notes on the reading."""
    from pathlib import Path

    from vio.datasets.trajectories import read_segments, read_trajectory_file

    path = Path(args.estimate)
    if path.is_dir():
        path = _in_run_folder(path)
    file = read_trajectory_file(path, args.times, args.format)
    segment = file.segment
    if args.segments is not None:
        segment = read_segments(args.segments, file.trajectory.t_ns)
    return file.trajectory, segment, _doubled_notes(str(path), file.doubled)


def _in_run_folder(path: "Path") -> "Path":
    """Return a run folder's trajectory; raises VioError when there is none."""
    from vio.errors import VioError

    found = path / "trajectory_tum.txt"
    if not found.is_file():
        raise VioError(
            f"{path} holds no trajectory_tum.txt; give the folder of a run or a trajectory's file"
        )
    return found


def _doubled_notes(path: str, doubled: int) -> list[str]:
    if doubled == 0:
        return []
    return [
        f"{path}: {doubled} rows repeat the time stamp of the row before; the first of each is kept"
    ]


def run(args: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    import json
    import sys

    import numpy as np

    from vio.commands import eval_text
    from vio.eval.associate import associate
    from vio.eval.association import describe
    from vio.eval.by_segment import evaluate_segments, jumps, pooled_ate_m
    from vio.eval.hints import attitude_hint
    from vio.eval.metrics import evaluate

    deltas = tuple(parse_delta(text) for text in args.rpe or ("1f", "1s", "1m", "10m"))
    truth, frame_t_ns, doubled = load_truth(
        args.truth, args.truth_times, args.truth_format, options.source(args)
    )
    estimate, segment, notes = load_estimate(args)
    notes += _doubled_notes(args.truth, doubled)
    origin = int(truth.t_ns[0] if frame_t_ns is None else frame_t_ns[0])
    start_ns = None if args.start_s is None else origin + round(args.start_s * 1e9)
    metrics = evaluate(
        estimate,
        truth,
        start_ns=start_ns,
        frame_t_ns=frame_t_ns,
        max_diff_s=args.max_diff,
        nearest=args.nearest,
        segment=segment,
        relative=deltas,
    )
    late = estimate.t_ns >= (estimate.t_ns[0] if start_ns is None else start_ns)
    estimate, segment = estimate.take(late), segment[late]
    association = describe(estimate, truth, args.max_diff, args.nearest)
    parts, between = [], []
    if len(np.unique(segment)) > 1:
        parts = evaluate_segments(
            estimate,
            segment,
            truth,
            frame_t_ns=frame_t_ns,
            max_diff_s=args.max_diff,
            nearest=args.nearest,
            relative=deltas,
        )
        between = jumps(estimate, segment, truth, args.max_diff, args.nearest)
        notes.append(
            f"{args.estimate} holds {len(parts)} segments, each in a world of its own, because the "
            "odometry was lost and started again; the ATE of the whole aligns them as one, the RPE "
            "counts motion within a segment only"
        )
    hint = attitude_hint(*associate(estimate, truth, args.max_diff, args.nearest))
    for line in [f"note: {note}" for note in notes] + ([f"hint: {hint}"] if hint else []):
        print(line, file=sys.stderr)
    pooled_m = pooled_ate_m(parts, "se3")
    if args.json:
        values = {
            **metrics.to_dict(),
            "association": association.to_dict(),
            "segments": [part.to_dict() for part in parts],
            "segments_ate_se3_m": pooled_m,
            "jumps": [jump.to_dict() for jump in between],
            "notes": notes,
            "hints": [hint] if hint else [],
        }
        print(json.dumps(values, indent=2))
        return 0
    eval_text.print_metrics(metrics, f"{args.estimate} against {args.truth}")
    eval_text.print_association(association)
    if parts:
        eval_text.print_segments(parts, pooled_m)
        eval_text.print_jumps(between)
    return 0
