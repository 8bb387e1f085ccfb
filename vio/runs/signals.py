# SPDX-License-Identifier: Apache-2.0
"""Trace the golden model's signals over a recording: ranges, saturations, unused bits."""

from collections.abc import Callable

from vio.config import Config
from vio.datasets.base import Dataset
from vio.engines import make_odometry
from vio.fixed.formats import formats
from vio.fixed.frontend import FixedFrontEnd
from vio.fixed.qformat import SignalUse
from vio.odometry import run


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
    seen = {use.name: use for use in frontend.signal_report()}
    return done, [
        seen.get(name) or SignalUse(name, form, 0, 0, 0, 0, form.bits - int(form.signed))
        for name, form in formats(config.hw).items()
    ]
