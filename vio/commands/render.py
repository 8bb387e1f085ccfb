# SPDX-License-Identifier: Apache-2.0
"""`vio render`: make a sequence in EuRoC layout from a scenario or along a recording."""

import argparse
import sys
from pathlib import Path

from vio.commands import options

HELP = "Render a sequence: a scenario, or along a recorded trajectory."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("scenario", nargs="?", help="a scenario's name or a .toml file")
    source.add_argument(
        "--hybrid",
        metavar="ASL_FOLDER",
        help="a recording with ground truth: images are rendered along it, inertial data and "
        "calibration are copied",
    )
    source.add_argument(
        "--compare",
        metavar="ASL_FOLDER",
        help="a recording with images: its flight is rendered and measured against the real frames",
    )
    parser.add_argument(
        "--seed", type=options.seed, default=1, help="of world and noise (default: 1)"
    )
    parser.add_argument(
        "--seeds", default="1-5", metavar="RANGE", help="with --compare: seeds (default: 1-5)"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="new sequence folder (default: rendered/<name>_seed<N>)"
    )
    parser.add_argument(
        "--seconds", type=options.seconds, help="stop after so many seconds of images"
    )
    parser.add_argument(
        "--camera-rate", type=options.hertz, metavar="HZ", help="of a scenario (default: its own)"
    )
    parser.add_argument(
        "--imu-rate", type=options.hertz, metavar="HZ", help="of a scenario (default: its own)"
    )
    parser.add_argument(
        "--simulated-imu",
        action="store_true",
        help="with --hybrid: inertial data simulated along the images' motion, not the recording's",
    )
    parser.add_argument(
        "--span",
        type=int,
        metavar="N",
        help="with --hybrid, where motion capture has gaps: render the Nth longest part "
        "without one (default: 1)",
    )
    parser.add_argument(
        "--place",
        choices=("auto", "hall", "room", "corridor"),
        default="auto",
        help="where a hybrid flight takes place (default: by its extent)",
    )
    parser.add_argument("--depth", action="store_true", help="also write depth images, 16-bit mm")
    parser.add_argument("--flow", action="store_true", help="also write the flow to the next frame")
    parser.add_argument(
        "--threads", type=options.threads, help="rendering threads (default: all cores)"
    )


def run(args: argparse.Namespace) -> int:
    """Render one sequence, or compare rendered with real frames."""
    if not args.scenario and (args.camera_rate or args.imu_rate):
        from vio.errors import VioError

        raise VioError(
            "--camera-rate and --imu-rate are of scenarios; along a recording, images have its "
            "time stamps and the inertial data are its own"
        )
    if args.simulated_imu and not args.hybrid:
        from vio.errors import VioError

        raise VioError("--simulated-imu is for --hybrid; a scenario's inertial data always are")
    if args.span is not None and not args.hybrid:
        from vio.errors import VioError

        raise VioError("--span is for --hybrid: only a recording's ground truth has gaps")
    if args.compare:
        return _compare(args)
    import time

    from vio.commands.console import progress
    from vio.render.sequence import open_hybrid, open_scenario, write_sequence

    if args.hybrid:
        sequence = open_hybrid(
            args.hybrid,
            args.seed,
            args.seconds,
            place=args.place,
            simulated_imu=args.simulated_imu,
            span=1 if args.span is None else args.span,
        )
    else:
        sequence = open_scenario(
            args.scenario,
            args.seed,
            args.seconds,
            camera_rate_hz=args.camera_rate,
            imu_rate_hz=args.imu_rate,
        )
    for note in sequence.notes:
        print(f"note: {note}", file=sys.stderr)
    out = Path(args.out or f"rendered/{sequence.name}_seed{args.seed}")
    start = time.perf_counter()
    with progress(f"render {sequence.name}", 2 * len(sequence.t_ns)) as show:
        for done, _ in write_sequence(sequence, out, args.threads, args.depth, args.flow):
            show(done)
    spent = time.perf_counter() - start
    print(
        f"{out}: {len(sequence.t_ns)} stereo pairs, {len(sequence.t_ns) / spent:.1f} pairs/s",
        file=sys.stderr,
    )
    return 0


def _compare(args: argparse.Namespace) -> int:
    """Measure rendered frames against real ones; pictures and table go to the output folder."""
    from vio.commands.console import parse_range
    from vio.render.compare import compare

    out = Path(args.out or f"rendered/compare_{Path(args.compare).resolve().name}")
    print(compare(Path(args.compare), parse_range(args.seeds), out, args.place), end="")
    print(f"{out}: compare.md and side-by-side pictures", file=sys.stderr)
    return 0
