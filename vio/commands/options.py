# SPDX-License-Identifier: Apache-2.0
"""Types of command-line options that several commands share: numbers within bounds."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vio.datasets.bags.source import Source

MAX_SECONDS = 1e8  # three years; more would not fit the time stamps
MAX_COUNT = 1_000_000
MAX_RATE_HZ = 1e6
MAX_THREADS = 1024
MAX_SEED = 2**32 - 1


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a finite number")
    return value


def positive(greatest: float, of: str) -> Callable[[str], float]:
    """Return the type of a positive number, at most `greatest`; of: its unit, in words."""

    def parse(text: str) -> float:
        value = _number(text)
        if not 0.0 < value <= greatest:
            raise argparse.ArgumentTypeError(
                f"{text[:40]!r} is not a positive number of {of} up to {greatest:g}"
            )
        return value

    return parse


seconds = positive(MAX_SECONDS, "seconds")
hertz = positive(MAX_RATE_HZ, "hertz")


def since(text: str) -> float:
    """Return a time in seconds that may be 0 or negative."""
    value = _number(text)
    if abs(value) > MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is beyond {MAX_SECONDS:g} seconds")
    return value


def whole(least: int, greatest: int = MAX_COUNT) -> Callable[[str], int]:
    """Return the type of a whole number from least to greatest."""

    def parse(text: str) -> int:
        try:
            value = int(text[:20])
        except ValueError:
            value = least - 1
        if not least <= value <= greatest or len(text) > 20:
            raise argparse.ArgumentTypeError(
                f"{text[:40]!r} is not a whole number from {least} to {greatest}"
            )
        return value

    return parse


count = whole(1)
index = whole(0)
threads = whole(1, MAX_THREADS)
seed = whole(0, MAX_SEED)


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add --threads; `use_threads` obeys it."""
    parser.add_argument(
        "--threads",
        type=threads,
        metavar="N",
        help="threads of the kernels (default: 2, on one core 1); results do not depend on it",
    )


def use_threads(args: argparse.Namespace) -> None:
    """Let the kernels use the threads that --threads names."""
    from vio.workers import set_thread_count

    if args.threads is not None:
        set_thread_count(args.threads)


def add_until(parser: argparse.ArgumentParser) -> None:
    """Add --until."""
    parser.add_argument(
        "--until", type=seconds, metavar="SECONDS", help="stop this long after the first image"
    )


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add what a bag, or a folder without a calibration, leaves open."""
    group = parser.add_argument_group("bags and recordings without a calibration of their own")
    group.add_argument(
        "--calibration",
        metavar="PATH",
        help="a folder with Kalibr's or EuRoC's files, or a camchain (default: beside it)",
    )
    group.add_argument(
        "--topic",
        action="append",
        default=[],
        metavar="ROLE=NAME",
        help="a bag's topic of left, right, imu or truth (repeatable; default: guessed)",
    )
    group.add_argument(
        "--stamps",
        choices=("header", "arrival"),
        default="header",
        help="times of a bag's messages (default: header)",
    )


def source(args: argparse.Namespace) -> "Source":
    """Return what the arguments of add_source say; raises VioError."""
    from vio.datasets.bags.source import Source
    from vio.errors import VioError

    topics = {}
    for text in args.topic:
        role, equals, name = text.partition("=")
        if not (role and equals and name):
            raise VioError(f"--topic {text[:80]!r} is no ROLE=NAME, e.g. --topic imu=/imu0")
        topics[role] = name
    path = Path(args.calibration) if args.calibration else None
    return Source(path, topics, args.stamps)
