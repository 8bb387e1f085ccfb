# SPDX-License-Identifier: Apache-2.0
"""What the odometry knew over time: status, tracks, innovations, velocity, biases with sigmas."""

from collections.abc import Sequence

import numpy as np

from vio.report import style
from vio.report.html import plots
from vio.report.html.read import RunData
from vio.report.status import LEAST_INNOVATION
from vio.runs.log import STATUSES

X_TITLE = "time after the first image [s]"


def timeline(run: RunData, most: int) -> plots.Figure | None:
    """Return the figure of a run, None without a frame; most: frames drawn in the curves."""
    log = run.log
    if len(log) == 0:
        return None
    rows = plots.thinned(len(log), most)
    t_s = run.t_s
    x = t_s[rows]
    keyframe = np.flatnonzero(log.column("is_keyframe") > 0.0)
    keyframe = keyframe[plots.thinned(len(keyframe), most)]
    tracks = [
        plots.line(x, log.column("tracks")[rows], "tracks", style.ESTIMATE),
        plots.dots(t_s[keyframe], log.column("stereo")[keyframe], "keyframes: with stereo",
                   style.ACCENT),
    ]  # fmt: skip
    innovations = [
        plots.line(x, _floored(log.column(f"{name}_innovation")[rows]), name, color)
        for name, color in (("vision", style.ESTIMATE), ("inertial", style.ACCENT))
    ]
    velocity = [
        plots.line(x, log.column("v_world_body")[rows, i], "xyz"[i], plots.AXES[i])
        for i in range(3)
    ]
    stacked = [
        (0.4, plots.axis("status", showticklabels=False, fixedrange=True), status_bars(run)),
        (1.0, plots.axis("tracks", rangemode="tozero"), tracks),
        (1.2, plots.axis("innovation", type="log", dtick=1), innovations),
        (1.0, plots.axis("velocity [m/s]"), velocity),
        (1.2, plots.axis("gyro bias [deg/s]"), _bias(run, "gyro", float(np.degrees(1.0)), rows)),
        (1.2, plots.axis("accel bias [m/s²]"), _bias(run, "accel", 1.0, rows)),
    ]
    return plots.stacked(stacked, X_TITLE, 900)


def compared(runs: Sequence[RunData], most: int) -> plots.Figure | None:
    """Return status, tracks and innovations of several runs in one figure."""
    bars: list[plots.Trace] = []
    curves: dict[str, list[plots.Trace]] = {"tracks": [], "vision": [], "inertial": []}
    named: set[str] = set()
    for k, run in enumerate(runs):
        if len(run.log) == 0:
            continue
        for bar in status_bars(run, run.name):
            bars.append({**bar, "showlegend": bar["name"] not in named, "legendgroup": bar["name"]})
            named.add(bar["name"])
        rows = plots.thinned(len(run.log), most)
        color, name = plots.RUNS[k % len(plots.RUNS)], plots.text(run.name)
        for kind, traces in curves.items():
            values = run.log.column(kind if kind == "tracks" else f"{kind}_innovation")[rows]
            values = values if kind == "tracks" else _floored(values)
            traces.append(plots.line(run.t_s[rows], values, name, color))
    if not bars:
        return None
    stacked = [
        (0.3 * len(runs), plots.axis("", fixedrange=True, autorange="reversed"), bars),
        (1.0, plots.axis("tracks", rangemode="tozero"), curves["tracks"]),
        (1.0, plots.axis("vision innovation", type="log", dtick=1), curves["vision"]),
        (1.0, plots.axis("inertial innovation", type="log", dtick=1), curves["inertial"]),
    ]
    return plots.stacked(stacked, X_TITLE, 560 + 30 * len(runs))


def status_bars(run: RunData, y: str = "") -> list[plots.Trace]:
    """Return a bar for each stretch of frames with the same status, a trace a status."""
    codes, t_s = run.log.column("status"), run.t_s
    step = float(np.median(np.diff(t_s))) if len(t_s) > 1 else 0.05
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    ends = np.append(t_s[starts[1:]], t_s[-1] + step)
    traces = []
    for i, status in enumerate(STATUSES):
        of = codes[starts] == i
        if of.any():
            traces.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": status.value,
                    "y": [plots.text(y)] * int(of.sum()),
                    "base": plots.packed(t_s[starts][of]),
                    "x": plots.packed(ends[of] - t_s[starts][of]),
                    "marker": {"color": style.STATUS[status.value], "line": {"width": 0}},
                    "hovertemplate": f"{status.value} for %{{x:.2f}} s<extra></extra>",
                }
            )
    return traces


def _floored(values: np.ndarray) -> np.ndarray:
    """Return values for a logarithmic axis: small ones are drawn at its end."""
    return np.where(np.isfinite(values), np.maximum(values, LEAST_INNOVATION), np.nan)


def _bias(run: RunData, name: str, unit: float, rows: np.ndarray) -> list[plots.Trace]:
    """Return the bias per axis, with its band of 3 sigma where that is known."""
    column = {"gyro": "gyro_bias_rad_s", "accel": "accel_bias_m_s2"}[name]
    bias = run.log.column(column)[rows] * unit
    sigma = run.deviations.get(f"std_{name}_bias")
    x, traces = run.t_s[rows], []
    for i, color in enumerate(plots.AXES):
        group = {"legendgroup": f"{name}{i}"}
        if sigma is not None:
            reach = 3.0 * unit * sigma[rows, i]
            low, high = bias[:, i] - reach, bias[:, i] + reach
            traces.append(plots.band(x, low, high, color, name=f"3 sigma {'xyz'[i]}", **group))
        traces.append(plots.line(x, bias[:, i], "xyz"[i], color, **group))
    return traces
