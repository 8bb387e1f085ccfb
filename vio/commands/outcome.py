# SPDX-License-Identifier: Apache-2.0
"""What `vio run` and `vio demo` share: configuration, compilation, and the end of a run."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from vio.config import Config
    from vio.datasets.base import Dataset
    from vio.runs.execute import RunResult
    from vio.runs.folder import RunFolder


def config_from_arguments(args: argparse.Namespace) -> "Config":
    """Return what --preset, --set and the other options ask for; raises VioError."""
    from vio.config import load_config

    overrides = list(args.set)
    if args.engine is not None:
        overrides.append(f'frontend.engine="{args.engine}"')
    if args.backend is not None:
        overrides.append(f'backend.arithmetic="{args.backend}"')
    if args.imu is not None:
        overrides.append(f'backend.imu="{args.imu}"')
    if getattr(args, "mono", False):
        overrides.append("dataset.mono=true")
    if getattr(args, "adaptive", False):
        overrides.append("adaptive.on=true")
    if getattr(args, "calibrate", False):
        overrides += ["calibrate.time_offset=true", "calibrate.extrinsics=true"]
    if calibration := getattr(args, "calibration", None):
        from vio.runs.calibration import given_time_offset_ms

        offset_ms = given_time_offset_ms(calibration)
        if offset_ms is not None:
            overrides.insert(0, f"calibrate.time_offset_ms={offset_ms!r}")
    return load_config(args.preset, overrides)


def compile_first(config: "Config") -> None:
    """Compile what a run calls, if this is the first one; on a terminal, say so."""
    import sys

    from vio.runs.warm_up import needs_warm_up, warm_up

    if needs_warm_up(config):
        if sys.stderr.isatty():
            print("compiling: once for this version, about a minute", file=sys.stderr)
        warm_up(config)


def finish(
    dataset: "Dataset",
    folder: "RunFolder",
    result: "RunResult",
    figures: bool = True,
    report: bool = True,
) -> tuple[int, dict[str, Any]]:
    """Write metrics, figures and report.html; return the exit code and the metrics.

    Raises again, after the metrics, what ended the run early.
    """
    from contextlib import suppress

    from vio.errors import VioError
    from vio.exits import EXIT_NEGATIVE
    from vio.runs.summary import aligned_segments, summarise

    metrics = summarise(dataset, result)
    if result.error is not None:
        with suppress(VioError):  # of a full disk: the first error is the one to report
            folder.write_metrics(metrics)
        print(f"partial result in {folder.path}")
        raise result.error
    folder.write_metrics(metrics)
    if figures:
        from vio.report import write_figures

        segments, landmarks = aligned_segments(dataset, result)
        write_figures(folder.path, result.log, segments, landmarks, result.samples)
    if report:
        write_page(folder.path)
    return 0 if metrics["poses"] else EXIT_NEGATIVE, metrics


def write_page(folder: "Path") -> None:
    """Write a folder's report.html; without plotly, print a line that there is none."""
    from vio.report.html.page import has_plotly
    from vio.report.html.write import write_report

    if has_plotly():
        write_report([folder], folder / "report.html")
    else:
        print("no report.html: it needs plotly (pip install 'kestrel-vio[report]')")
