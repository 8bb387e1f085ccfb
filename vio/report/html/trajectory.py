# SPDX-License-Identifier: Apache-2.0
"""The paths of runs in space, with ground truth and landmarks: in 3-D, and from above."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vio.eval.aligned import AlignedSegment
from vio.report import style
from vio.report.html import plots
from vio.report.html.read import RunData
from vio.runs.summary import align_segments

MARGIN = 0.35  # of the path's extent around it; landmarks beyond are left out
VIEWS: dict[str, dict[str, dict[str, float]]] = {
    "3-D": {"eye": {"x": 1.0, "y": -1.1, "z": 0.75}, "up": {"x": 0, "y": 0, "z": 1}},
    "top": {"eye": {"x": 0, "y": 0, "z": 2.2}, "up": {"x": 0, "y": 1, "z": 0}},
    "side": {"eye": {"x": 0, "y": -2.2, "z": 0}, "up": {"x": 0, "y": 0, "z": 1}},
}


@dataclass(frozen=True)
class Placed:
    """Hold a run whose segments and landmarks are moved onto the ground truth."""

    run: RunData
    segments: list[AlignedSegment]
    landmarks: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """All positions (N, 3), metres."""
        return np.concatenate([np.empty((0, 3)), *(s.p_world_body for s in self.segments)])


def place(run: RunData) -> Placed:
    """Return a run moved onto its ground truth where there is one."""
    if len(run.log) == 0:
        return Placed(run, [], np.empty((0, 3)))
    return Placed(run, *align_segments(run.log, run.truth, run.landmarks))


def space(placed: Sequence[Placed], most: int) -> plots.Figure | None:
    """Return the figure in 3-D, None without a pose; most: points of a path."""
    traces: list[plots.Trace] = []
    for k, p in enumerate(placed):
        traces += _run_traces(p, k, len(placed), most)
    if not traces:
        return None
    axis = {"backgroundcolor": "white", "gridcolor": plots.GRID, "zeroline": False}
    scene: dict[str, Any] = {f"{a}axis": {**axis, "title": {"text": f"{a} [m]"}} for a in "xyz"}
    scene |= {"aspectmode": "data", "camera": VIEWS["3-D"], "dragmode": "orbit"}
    margin = {"l": 0, "r": 0, "t": 30, "b": 0}
    return {"data": traces, "layout": plots.layout(560, scene=scene, margin=margin)}


def above(placed: Sequence[Placed], most: int) -> plots.Figure | None:
    """Return the top view, which needs no WebGL."""
    traces = []
    for k, p in enumerate(placed):
        for trace in _run_traces(p, k, len(placed), most):
            flat = {key: v for key, v in trace.items() if key not in ("z", "type")}
            traces.append({**flat, "type": "scatter"})
    if not traces:
        return None
    equal = plots.axis("y [m]", scaleanchor="x", scaleratio=1)
    return {"data": traces, "layout": plots.layout(520, xaxis=plots.axis("x [m]"), yaxis=equal)}


def _run_traces(p: Placed, k: int, count: int, most: int) -> list[plots.Trace]:
    color = plots.RUNS[k % len(plots.RUNS)]
    of = "" if count == 1 else f" {plots.text(p.run.name)}"
    traces = []
    seen = _near(p)
    if len(seen):
        seen = seen[plots.thinned(len(seen), most)]
        look = {"size": 1.7, "color": style.FAINT if count == 1 else color, "opacity": 0.55}
        shown = True if k == 0 else "legendonly"  # those of all runs at once hide the paths
        traces.append(_points(seen, f"landmarks{of}", mode="markers", marker=look, visible=shown))
    for i, segment in enumerate(p.segments):
        rows = plots.thinned(len(segment.t_s), most)
        group = {"showlegend": i == 0}
        if segment.p_truth is not None and k == 0:
            look = {"color": style.TRUTH, "width": 5 if count == 1 else 4}
            traces.append(
                _points(segment.p_truth[rows], "ground truth", mode="lines", line=look,
                        opacity=0.6, legendgroup="truth", **group)
            )  # fmt: skip
        path = segment.p_world_body[rows]
        hover = [f"{t:.2f} s" for t in segment.t_s[rows]]
        traces.append(
            _points(path, f"estimate{of}", mode="lines", line={"color": color, "width": 3},
                    legendgroup=f"path{k}", text=hover, hoverinfo="text+name", **group)
        )  # fmt: skip
        look = {"color": color, "size": 4, "symbol": "square"}
        traces.append(
            _points(path[[0]], f"start{of}", mode="markers", marker=look,
                    legendgroup=f"start{k}", **group)
        )  # fmt: skip
    return traces


def _points(p: np.ndarray, name: str, **more: object) -> plots.Trace:
    x, y, z = (plots.packed(p[:, i]) for i in range(3))
    return {"type": "scatter3d", "x": x, "y": y, "z": z, "name": name, **more}


def _near(p: Placed) -> np.ndarray:
    """Return the landmarks around the path: far ones would make it small."""
    points = p.points
    if not len(points) or not len(p.landmarks):
        return np.empty((0, 3))
    low, high = points.min(axis=0), points.max(axis=0)
    margin = max(MARGIN * float((high - low).max()), 0.5)
    inside = ((p.landmarks >= low - 3 * margin) & (p.landmarks <= high + 3 * margin)).all(axis=1)
    return p.landmarks[inside]
