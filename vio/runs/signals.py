# SPDX-License-Identifier: Apache-2.0
"""Trace the golden model's signals over a recording: ranges, saturations, unused bits."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vio.config import Config
from vio.datasets.base import Dataset
from vio.engines import make_odometry
from vio.fixed.formats import formats
from vio.fixed.frontend import FixedFrontEnd
from vio.fixed.qformat import SignalUse
from vio.odometry import run
from vio.runs.features import SIGNALS
from vio.runs.files import replace_file


def trace_signals(
    dataset: Dataset,
    config: Config,
    until_ns: int | None = None,
    on_frame: Callable[[int], None] = lambda done: None,
) -> tuple[int, list[SignalUse]]:
    """Run the odometry on the golden model; return the number of frames and every signal's use.

    Signals never seen come with count 0, least 0 and greatest 0. until_ns: stop after the last
    frame not later than this.
    """
    frontend = FixedFrontEnd(dataset.rig, config, trace=True)
    odometry = make_odometry(dataset.rig, dataset.imu_noise, config, frontend=frontend)
    done = 0
    for _ in run(dataset, odometry, until_ns):
        done += 1
        on_frame(done)
    return done, all_signals(frontend, config)


def all_signals(frontend: FixedFrontEnd, config: Config) -> list[SignalUse]:
    """Return the use of every signal of a traced front end, those never seen too."""
    seen = {use.name: use for use in frontend.signal_report()}
    return [
        seen.get(name) or SignalUse(name, form, 0, 0, 0, 0, form.bits - int(form.signed))
        for name, form in formats(config.hw).items()
    ]


def row_of(use: SignalUse) -> dict[str, Any]:
    """Return a signal's use with its values as what they stand for.

    unused_bits: high bits that no value needed; missing_bits: those that the widest value lacked.
    """
    form = use.format
    return {
        "name": use.name,
        "format": str(form),
        "bits": form.bits,
        "least": form.value(use.least),
        "greatest": form.value(use.greatest),
        "count": use.count,
        "saturated": use.saturated,
        "unused_bits": max(use.unused_bits, 0) if use.count else None,
        "missing_bits": max(-use.unused_bits, 0),
    }


def write_signals(folder: Path, frames: int, uses: Sequence[SignalUse]) -> None:
    """Write a run's signals.json; raises VioError."""
    record = {"frames": frames, "signals": [row_of(use) for use in uses]}
    replace_file(folder / SIGNALS, json.dumps(record, indent=2) + "\n")
