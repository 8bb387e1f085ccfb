# SPDX-License-Identifier: Apache-2.0
"""Errors against the ground truth: over time, absolute and relative; association and clocks."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from vio.errors import VioError
from vio.eval.associate import MAX_DIFF_S, associate
from vio.eval.association import Association, describe
from vio.eval.metrics import RelativeError, relative_error
from vio.report.html import plots
from vio.report.html.read import RunData
from vio.report.html.timeline import X_TITLE
from vio.report.html.trajectory import Placed
from vio.report.html.values import dig, shown
from vio.runs.summary import accuracy_against, segment_rows
from vio.trajectory import Trajectory

DISTANCES_M = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
ALIGNMENTS = {"se3": "SE(3)", "yaw": "yaw and position", "sim3": "Sim(3), with scale"}


def complete(run: RunData) -> None:
    """Measure the accuracy of a run whose metrics are not there, from its other files."""
    if not run.metrics and run.truth is not None and len(run.log):
        run.metrics = {"accuracy": accuracy_against(run.truth, run.log)}


def over_time(placed: Sequence[Placed], most: int) -> plots.Figure | None:
    """Return position and rotation errors: of one run by axis with 3 sigma, of several as norms."""
    known = [p for p in placed if any(s.p_truth is not None for s in p.segments)]
    if not known:
        return None
    if len(placed) == 1:
        return _by_axis(known[0], most)
    position: list[plots.Trace] = []
    rotation: list[plots.Trace] = []
    for p in known:
        color = plots.RUNS[list(placed).index(p) % len(plots.RUNS)]
        for i, s in enumerate(s for s in p.segments if s.p_truth is not None):
            assert s.p_truth is not None
            assert s.rotation_error_rad is not None
            rows = plots.thinned(len(s.t_s), most)
            errors = (s.p_world_body - s.p_truth) * 100.0, np.degrees(s.rotation_error_rad)
            name = plots.text(p.run.name)
            look = {"legendgroup": name, "showlegend": i == 0}
            for traces, error in zip((position, rotation), errors, strict=True):
                norm = np.linalg.norm(error, axis=1)
                traces.append(plots.line(s.t_s[rows], norm[rows], name, color, **look))
    stacked = [
        (1.0, plots.axis("position error [cm]", rangemode="tozero"), position),
        (1.0, plots.axis("rotation error [deg]", rangemode="tozero"), rotation),
    ]
    return plots.stacked(stacked, X_TITLE, 520)


def _by_axis(p: Placed, most: int) -> plots.Figure:
    rows_of: list[list[plots.Trace]] = [[] for _ in range(6)]
    for i, s in enumerate(s for s in p.segments if s.p_truth is not None):
        assert s.p_truth is not None
        assert s.rotation_error_rad is not None
        rows = plots.thinned(len(s.t_s), most)
        pairs = (
            (s.p_world_body - s.p_truth, s.std_position_m, 100.0),
            (s.rotation_error_rad, s.std_rotation_rad, float(np.degrees(1.0))),
        )
        for k, (error, std, unit) in enumerate(pairs):
            for axis, color in enumerate(plots.AXES):
                traces = rows_of[3 * k + axis]
                reach = 3.0 * unit * std[rows, axis]
                first = k == 0 and axis == 0 and i == 0
                traces.append(
                    plots.band(s.t_s[rows], -reach, reach, color, name="3 sigma", showlegend=first)
                )
                traces.append(
                    plots.line(s.t_s[rows], unit * error[rows, axis], "error", color,
                               showlegend=first)
                )  # fmt: skip
    titles = [f"{a} [cm]" for a in "xyz"] + [f"rot {a} [deg]" for a in "xyz"]
    stacked = [(1.0, plots.axis(t), r) for t, r in zip(titles, rows_of, strict=True)]
    return plots.stacked(stacked, X_TITLE, 820)


def absolute(runs: Sequence[RunData]) -> str:
    """Return the table of the absolute errors: a row a run and alignment."""
    rows = []
    for run in runs:
        for kind, name in ALIGNMENTS.items():
            error = dig(run.metrics, "accuracy", "absolute", kind)
            if not isinstance(error, dict):
                continue
            values = [
                shown(dig(error, "translation_m", k), 4) for k in ("rmse", "mean", "median", "max")
            ]
            scale = shown(dig(error, "scale"), 5) if kind == "sim3" else ""
            angle = [shown(dig(error, "rotation_deg", k), 3) for k in ("rmse", "max")]
            share = shown(dig(error, "percent_of_distance"), 3)
            rows.append([run.name, name, *values, share, *angle, scale])
    if not rows:
        return ""
    head = ["run", "ATE, alignment", "RMSE m", "mean m", "median m", "max m", "% of path",
            "RMSE deg", "max deg", "scale"]  # fmt: skip
    return plots.table(head, rows, 2)


def relative(runs: Sequence[RunData]) -> str:
    """Return the table of the relative errors: a row a run and distance."""
    rows = []
    for run in runs:
        entries = dig(run.metrics, "accuracy", "relative")
        for r in entries if isinstance(entries, list) else []:
            values = [
                shown(dig(r, "translation_m", k), 4) for k in ("rmse", "mean", "median", "max")
            ]
            angle = [shown(dig(r, "rotation_deg", k), 3) for k in ("rmse", "max")]
            over = f"{shown(dig(r, 'delta'), 0)} {dig(r, 'unit')}"
            rows.append([run.name, over, *values, shown(dig(r, "pairs"), 0), *angle])
    if not rows:
        return ""
    head = ["run", "RPE, over", "RMSE m", "mean m", "median m", "max m", "pairs", "RMSE deg",
            "max deg"]  # fmt: skip
    return plots.table(head, rows, 2)


def _matched(run: RunData) -> tuple[Trajectory, Trajectory] | None:
    """Return the poses of the segment with most poses, and the ground truth at their times."""
    segments = segment_rows(run.log) if len(run.log) else {}
    if run.truth is None or not segments:
        return None
    rows = max(segments.values(), key=len)
    try:
        return associate(run.log.trajectory(rows), run.truth)
    except VioError:
        return None


def by_distance(runs: Sequence[RunData]) -> plots.Figure | None:
    """Return relative errors over the distance travelled: position in %, rotation in degrees."""
    position, rotation = [], []
    for k, run in enumerate(runs):
        pair = _matched(run)
        if pair is None:
            continue
        found = [e for d in DISTANCES_M if (e := relative_error(*pair, d, "m")) is not None]
        if not found:
            continue
        color, name = plots.RUNS[k % len(plots.RUNS)], plots.text(run.name)
        x = [e.delta for e in found]
        look: dict[str, Any] = {"mode": "lines+markers", "legendgroup": str(k)}
        position.append(plots.line(x, [_percent(e) for e in found], name, color, **look))
        degrees = [e.rotation_deg.rmse for e in found]
        rotation.append(plots.line(x, degrees, name, color, showlegend=False, **look))
    if not position:
        return None
    stacked = [
        (1.0, plots.axis("position [% of distance]", rangemode="tozero"), position),
        (1.0, plots.axis("rotation [deg]", rangemode="tozero"), rotation),
    ]
    return plots.stacked(stacked, "distance travelled [m]; RMSE over all pairs", 420)


def _percent(error: RelativeError) -> float:
    return 100.0 * error.translation_m.rmse / error.delta


def association(runs: Sequence[RunData]) -> str:
    """Return the table of how poses and ground truth share time, and the offset of their clocks."""
    rows, notes = [], []
    for run in runs:
        pair = _matched(run)
        if pair is None or run.truth is None or len(pair[0]) < 3:
            continue
        a = describe(pair[0], run.truth, MAX_DIFF_S, nearest=False)
        rows.append([run.name, *_association_cells(a)])
        if a.clock.offset_s is None:
            notes.append(f"{run.name}: the clock offset is undetermined: {a.clock.undetermined}")
    if not rows:
        return ""
    head = ["run", "method", "estimate s", "ground truth s", "common s", "gaps", "longest gap s",
            "mean difference ms", "clock offset ms", "its deviation ms", "from"]  # fmt: skip
    text = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return plots.table(head, rows, 2) + text


def _association_cells(a: Association) -> list[str]:
    spans = [f"{x:.2f}" for x in (a.estimate_span_s, a.truth_span_s, a.overlap_s)]
    clock = [shown(a.clock.offset_s, 2, "", 1e3), shown(a.clock.std_s, 2, "", 1e3), a.clock.source]
    gaps = [str(a.gaps), f"{a.longest_gap_s:.2f}", f"{1e3 * a.mean_diff_s:.2f}"]
    return [a.method, *spans, *gaps, *clock]
