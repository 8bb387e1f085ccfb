# SPDX-License-Identifier: Apache-2.0
"""Where the time of the frames goes, stage by stage."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vio.report import style
from vio.report.html import plots
from vio.report.html.read import RunData
from vio.report.html.timeline import X_TITLE
from vio.report.timing import NOT_STAGES


def stage_bars(runs: Sequence[RunData]) -> plots.Figure | None:
    """Return the mean of each stage: of one run by kind of frame, of several by run."""
    bars: list[tuple[str, str, dict[str, float]]] = []
    for k, run in enumerate(runs):
        stages = run.log.stages_ms()
        if not stages:
            continue
        if len(runs) > 1:
            every = np.ones(len(run.log), bool)
            bars.append((run.name, plots.RUNS[k % len(plots.RUNS)], _means(stages, every)))
            continue
        keyframe = run.log.column("is_keyframe") > 0.0
        bars.append(("keyframes", style.ACCENT, _means(stages, keyframe)))
        bars.append(("other frames", style.ESTIMATE, _means(stages, ~keyframe)))
    names = list(dict.fromkeys(name for _, _, means in bars for name in means))
    names = [n for n in names if n not in NOT_STAGES] + [n for n in names if n == "decode"]
    if not names:
        return None
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": plots.text(title),
            "y": [plots.text(name) for name in names],
            "x": plots.packed([means.get(name, 0.0) for name in names]),
            "marker": {"color": color},
            "texttemplate": "%{x:.2f}",
            "textposition": "outside",
        }
        for title, color, means in bars
    ]
    height = 120 + len(names) * (14 + 14 * len(bars))
    y = plots.axis("", autorange="reversed")
    x = plots.axis("mean of a frame [ms]", rangemode="tozero")
    return {"data": traces, "layout": plots.layout(height, xaxis=x, yaxis=y, barmode="group")}


def _means(stages: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, float]:
    if not rows.any():
        return {}
    return {name: float(np.nan_to_num(ms[rows]).mean()) for name, ms in stages.items()}


def frame_times(run: RunData, most: int) -> plots.Figure | None:
    """Return the time of each frame without decoding, by kind of frame."""
    total = run.log.stages_ms().get("total")
    if total is None or not np.isfinite(total).any():
        return None
    keyframe = run.log.column("is_keyframe") > 0.0
    traces = []
    kinds = (("keyframes", keyframe, style.ACCENT), ("other frames", ~keyframe, style.ESTIMATE))
    for name, of, color in kinds:
        rows = np.flatnonzero(of)
        if len(rows):
            rows = rows[plots.thinned(len(rows), most)]
            traces.append(plots.dots(run.t_s[rows], total[rows], name, color))
    # The first frames compile or load machine code: they may not hide all the others.
    top = 1.5 * float(np.nanpercentile(total, 90)) + 1e-3
    y = plots.axis("time of a frame [ms]", range=[0, round(top, 3)])
    return {"data": traces, "layout": plots.layout(300, xaxis=plots.axis(X_TITLE), yaxis=y)}
