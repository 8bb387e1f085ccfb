# SPDX-License-Identifier: Apache-2.0
"""Figures of a run; the only room that imports matplotlib."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vio.eval.aligned import AlignedSegment
from vio.report.errors import draw_errors
from vio.report.status import draw_status
from vio.report.timing import draw_timing
from vio.report.tracks import draw_tracks
from vio.report.views import draw_views
from vio.runs.log import RunLog
from vio.runs.samples import SampleFrame


def write_figures(
    folder: Path,
    log: RunLog,
    segments: Sequence[AlignedSegment],
    landmarks: np.ndarray,
    samples: Sequence[SampleFrame],
) -> list[Path]:
    """Write all figures that the run has data for, and return their paths.

    segments: the run's segments beside the ground truth. landmarks: (M, 3) metres, in their frame.
    """
    if len(log) == 0:
        return []
    start_ns = int(log.t_ns[0])
    figures: list[Path | None] = [draw_status(folder, log), draw_timing(folder, log)]
    figures.append(draw_tracks(folder, samples, start_ns))
    if segments:
        figures += draw_views(folder, segments, landmarks)
        figures.append(draw_errors(folder, segments))
    return [path for path in figures if path is not None]
