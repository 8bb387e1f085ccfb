# SPDX-License-Identifier: Apache-2.0
"""What the memory budget, cycle and energy models share: the work that they count."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from vio.config import Config
from vio.errors import VioError
from vio.hw.estimates.work import FrameWork, MeasuredWork, measure_work, worst_work
from vio.odometry import MakeOdometry

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def check_until(path: str | None, until_s: float | None) -> None:
    """Raise VioError for a time that is not positive or has no recording."""
    if until_s is None:
        return
    if path is None:
        raise VioError(f"--until {until_s:g} needs a recording to run on: name one")
    if not until_s > 0.0:
        raise VioError(f"--until {until_s:g} is not a positive number of seconds")


def measure(
    path: str | None,
    config: Config,
    until_s: float | None,
    progress: Progress,
    make_odometry: MakeOdometry,
) -> MeasuredWork | None:
    """Return the work of a recording, up to `until_s` seconds after its first image, if given.

    Raises VioError for a time that is not positive or has no recording.
    """
    from vio.datasets import open_configured
    from vio.datasets.base import count_frames, end_ns

    check_until(path, until_s)
    if path is None:
        return None
    dataset = open_configured(path, config.dataset)
    until_ns = end_ns(dataset, until_s)
    with progress(dataset.name, count_frames(dataset, until_s)) as on_frame:
        return measure_work(dataset, config, make_odometry, until_ns, on_frame)


def works(measured: MeasuredWork | None, config: Config) -> tuple[FrameWork, FrameWork, str]:
    """Return the work of a tracking frame and a keyframe, and what it is, in words."""
    if measured is None:
        return worst_work(config, False), worst_work(config, True), "worst case by the bounds"
    text = (
        f"means of {measured.dataset}: {len(measured.tracking)} tracking frames, "
        f"{len(measured.keyframes)} keyframes"
    )
    return measured.mean(False), measured.mean(True), text


def write_json(path: str, record: dict[str, Any]) -> None:
    """Write a record to a file; raises VioError when that cannot be done."""
    try:
        Path(path).write_text(json.dumps(record, indent=2) + "\n")
    except OSError as error:
        raise VioError(f"--json {path}: {error.strerror}; name a file in a folder") from error
