# SPDX-License-Identifier: Apache-2.0
"""`vio doctor RECORDING`: what is wrong with a recording, in figures, and what to do."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vio.commands.console import print_finding, progress
from vio.commands.options import add_source, add_threads, seconds, source, use_threads

if TYPE_CHECKING:
    from vio.diagnosis.recording.examine import Examination


def add_recording_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that go with a recording."""
    parser.add_argument(
        "--seconds", type=seconds, default=60.0, metavar="S", help="of images read (default: 60)"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder of the figures (default: doctor/<recording>)"
    )
    parser.add_argument("--no-figures", action="store_true", help="write no figures")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    add_threads(parser)
    add_source(parser)


def examine_recording(args: argparse.Namespace) -> int:
    """Examine a recording and print the findings; return 3 when something is wrong with it."""
    from vio.datasets import open_dataset
    from vio.datasets.base import count_frames
    from vio.diagnosis.recording.examine import examine
    from vio.environment import load_numba
    from vio.exits import EXIT_NEGATIVE

    use_threads(args)
    load_numba()
    dataset = open_dataset(args.recording, source=source(args))
    with progress(f"doctor {dataset.name}", count_frames(dataset, args.seconds)) as done:
        seen = examine(dataset, args.seconds, on_frame=done)
    for note in dataset.warnings:
        print(f"note: {note}", file=sys.stderr)
    figures = [] if args.no_figures else _draw(args.out, seen)
    if args.json:
        print(json.dumps(_as_json(seen, figures), indent=2))
    else:
        _print(seen, figures)
    return EXIT_NEGATIVE if seen.complaints else 0


def _draw(out: str | None, seen: "Examination") -> list[Path]:
    from vio.errors import VioError
    from vio.report.doctor import draw_examination

    folder = Path(out) if out else Path("doctor") / seen.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return draw_examination(folder, seen)
    except FileExistsError:
        raise VioError(f"--out {folder} is a file; name a folder for the figures") from None
    except PermissionError as error:
        raise VioError(f"cannot write figures to {folder}: {error.strerror}") from error


def _print(seen: "Examination", figures: list[Path]) -> None:
    print(f"{seen.name}: {seen.seconds:.1f} s, {len(seen.frame_t_ns)} frames")
    for f in seen.findings:
        print_finding(f.level, f.what, f.found, f.advice)
    if figures:
        print(f"figures: {figures[0].parent}/{{{','.join(p.name for p in figures)}}}")
    count = len(seen.complaints)
    print(f"{count} problems: see the lines with 'bad'" if count else "no fault found")


def _as_json(seen: "Examination", figures: list[Path]) -> dict[str, object]:
    findings = []
    for f in seen.findings:
        values = {k: v if math.isfinite(v) else None for k, v in f.figures.items()}
        findings.append({**f._asdict(), "figures": values})
    return {
        "recording": seen.name,
        "seconds": seen.seconds,
        "findings": findings,
        "figures": [str(p) for p in figures],
    }
