# SPDX-License-Identifier: Apache-2.0
"""The page of a suite: its tables, the error of every run, and the path of each."""

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from vio.errors import VioError
from vio.report.html import plots, trajectory
from vio.report.html.page import Page
from vio.report.html.read import is_run, read_path, read_record
from vio.report.html.values import MISSING, dig, real, shown
from vio.report.style import STATUS

RECORD = "suite.json"
MOST_PATHS = 40  # runs whose paths are drawn
HEAD = (
    *("sequence", "seed", "ATE SE(3) m", "ATE yaw m", "% of path", "rotation deg"),
    *("first pose s", "tracking %", "starts", "median ms", "peak MB", "report"),
)


def suite_page(folder: Path, page_folder: Path, points: int) -> tuple[Page, list[str]]:
    """Return the page of a suite's folder and what is missing; points: of a path.

    Raises VioError when suite.json cannot be read.
    """
    record = read_record(folder / RECORD)
    found = record.get("rows")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    if not rows:
        raise VioError(f"{folder / RECORD} holds no runs")
    names = _numbered([_name(row) for row in rows])
    page = Page(f"Suite: {folder.resolve().name}")
    arguments = record.get("arguments")
    words = " ".join(map(str, arguments)) if isinstance(arguments, list) else ""
    page.add(
        "runs",
        "Runs",
        _table(rows, folder, page_folder),
        _failures(rows),
        f"<p class=note>Each run's arguments: {escape(words)}</p>" if words else "",
    )
    page.add("sequences", "Sequences", _sequences(record))
    page.add("errors", "Errors", page.plot("ate", _errors(rows)))
    page.add("status", "Status", page.plot("shares", _shares(names, rows)))
    page.add("times", "Time", page.plot("median", _times(names, rows)))
    paths, problems = _paths(page, folder, names, rows, points)
    page.add("paths", "Paths", paths)
    return page, problems


def _name(row: dict[str, Any]) -> str:
    """Return a run's name, as its folder is called (vio.runs.suite.Job)."""
    sequence, seed = str(row.get("sequence")), row.get("seed")
    return sequence if seed is None else f"{sequence}-seed{seed}"


def _numbered(names: list[str]) -> list[str]:
    """Return the names, those that come up again with a number."""
    return [name if name not in names[:i] else f"{name} ({i + 1})" for i, name in enumerate(names)]


def _folder(folder: Path, row: dict[str, Any]) -> Path | None:
    """Return the folder of a run inside the suite's, None where there is none."""
    name = _name(row)
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        return None
    return folder / name if is_run(folder / name) else None


def _row(row: dict[str, Any]) -> list[str]:
    m = row.get("metrics")
    seed = row.get("seed")
    absolute = dig(m, "accuracy", "absolute")
    frames, tracking = real(dig(m, "frames")), real(dig(m, "frames_by_status", "tracking"))
    share = 100.0 * tracking / frames if frames and tracking is not None else None
    return [
        str(row.get("sequence")),
        MISSING if seed is None else str(seed),
        "failed" if row.get("error") else shown(dig(absolute, "se3", "translation_m", "rmse"), 4),
        shown(dig(absolute, "yaw", "translation_m", "rmse"), 4),
        shown(dig(absolute, "se3", "percent_of_distance"), 3),
        shown(dig(absolute, "se3", "rotation_deg", "rmse"), 2),
        shown(dig(m, "first_pose_s"), 2),
        shown(share, 1),
        shown(dig(m, "segments"), 0),
        shown(dig(m, "timing_ms", "total", "p50"), 1),
        shown(dig(m, "peak_memory_mb"), 0),
    ]


def _table(rows: list[dict[str, Any]], folder: Path, page_folder: Path) -> str:
    """Return the table of runs; a run that has a page of its own is linked."""
    cells = []
    for row in rows:
        path = _folder(folder, row)
        beside = path is not None and folder.resolve() == page_folder.resolve()
        has_page = beside and path is not None and (path / "report.html").is_file()
        link = plots.Html(f'<a href="{quote(_name(row))}/report.html">open</a>')
        cells.append([*_row(row), link if has_page else MISSING])
    return plots.table(HEAD, cells, 2)


def _failures(rows: list[dict[str, Any]]) -> str:
    items = "".join(
        f"<li>{escape(_name(row))}: {escape(str(row['error']))}</li>"
        for row in rows
        if row.get("error")
    )
    return f"<ul class=remarks>{items}</ul>" if items else ""


def _sequences(record: dict[str, Any]) -> str:
    groups = dig(record, "summary", "sequences")
    if not isinstance(groups, dict):
        return ""
    every = {**groups, "all": dig(record, "summary")}
    rows = [
        [
            name,
            shown(dig(group, "runs"), 0),
            shown(dig(group, "mean_ate_m"), 4),
            shown(dig(group, "worst_ate_m"), 4),
            shown(dig(group, "lost"), 0),
        ]
        for name, group in every.items()
    ]
    return plots.table(("sequence", "runs", "mean ATE SE(3) m", "worst m", "lost"), rows)


def _errors(rows: list[dict[str, Any]]) -> plots.Figure | None:
    """Return the ATE of every run by sequence, and the mean of each sequence."""
    values: dict[str, list[tuple[str, float]]] = {}
    for row in rows:
        ate = real(dig(row, "metrics", "accuracy", "absolute", "se3", "translation_m", "rmse"))
        if ate is not None:
            values.setdefault(str(row.get("sequence")), []).append((_name(row), ate))
    if not values:
        return None
    every = [(name, run, ate) for name, runs in values.items() for run, ate in runs]
    look = {"mode": "markers", "type": "scatter"}
    traces = [
        {
            **look,
            "name": "run",
            "y": [plots.text(name) for name, _, _ in every],
            "x": plots.packed([ate for _, _, ate in every]),
            "text": [plots.text(run) for _, run, _ in every],
            "marker": {"color": plots.RUNS[0], "size": 8, "opacity": 0.7},
            "hovertemplate": "%{text}: %{x:.4f} m<extra></extra>",
        },
        {
            **look,
            "name": "mean",
            "y": [plots.text(name) for name in values],
            "x": plots.packed([np.mean([a for _, a in runs]) for runs in values.values()]),
            "marker": {"color": plots.RUNS[1], "size": 16, "symbol": "line-ns-open",
                       "line": {"width": 3}},
            "hovertemplate": "mean: %{x:.4f} m<extra></extra>",
        },
    ]  # fmt: skip
    x = plots.axis("ATE after SE(3) alignment [m]", rangemode="tozero")
    y = plots.axis("", autorange="reversed", type="category")
    return {"data": traces, "layout": plots.layout(130 + 34 * len(values), xaxis=x, yaxis=y)}


def _shares(names: list[str], rows: list[dict[str, Any]]) -> plots.Figure | None:
    """Return the share of frames of each status, a bar a run."""
    counts = [dig(row, "metrics", "frames_by_status") for row in rows]
    return status_shares([(n, c) for n, c in zip(names, counts, strict=True) if c])


def status_shares(bars: list[tuple[str, Any]]) -> plots.Figure | None:
    """Return the share of frames of each status; bars: (name, {status: frames})."""
    whole = [sum(real(dig(c, s)) or 0.0 for s in STATUS) for _, c in bars]
    bars = [bar for bar, total in zip(bars, whole, strict=True) if total]
    whole = [total for total in whole if total]
    if not bars:
        return None
    traces = []
    for status, color in STATUS.items():
        frames = [real(dig(count, status)) or 0.0 for _, count in bars]
        if any(frames):
            share = [100.0 * n / total for n, total in zip(frames, whole, strict=True)]
            traces.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": status,
                    "y": [plots.text(name) for name, _ in bars],
                    "x": plots.packed(share),
                    "marker": {"color": color},
                    "hovertemplate": f"%{{y}}: {status} %{{x:.1f}} %<extra></extra>",
                }
            )
    x = plots.axis("frames [%]", range=[0, 100])
    y = plots.axis("", autorange="reversed", type="category")
    height = 120 + 24 * len(bars)
    return {"data": traces, "layout": plots.layout(height, xaxis=x, yaxis=y, barmode="stack")}


def _times(names: list[str], rows: list[dict[str, Any]]) -> plots.Figure | None:
    """Return median and 99th percentile of the time of a frame, a run each."""
    traces = []
    kinds = (("p50", "median", plots.RUNS[0]), ("p99", "99th percentile", plots.RUNS[1]))
    for key, name, color in kinds:
        of = [real(dig(row, "metrics", "timing_ms", "total", key)) for row in rows]
        known = [(n, value) for n, value in zip(names, of, strict=True) if value is not None]
        if known:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "y": [plots.text(n) for n, _ in known],
                    "x": plots.packed([value for _, value in known]),
                    "marker": {"color": color, "size": 8},
                }
            )
    if not traces:
        return None
    x = plots.axis("time of a frame [ms]", rangemode="tozero")
    y = plots.axis("", autorange="reversed", type="category")
    return {"data": traces, "layout": plots.layout(120 + 24 * len(names), xaxis=x, yaxis=y)}


def _paths(
    page: Page, folder: Path, names: list[str], rows: list[dict[str, Any]], points: int
) -> tuple[str, list[str]]:
    """Return the paths of the runs whose folders are there, one shown at a time."""
    parts: list[tuple[str, str]] = []
    problems: list[str] = []
    for name, row in zip(names, rows, strict=True):
        path = _folder(folder, row)
        if path is None or len(parts) == MOST_PATHS:
            continue
        run = read_path(path, name)
        problems += [f"{name}: {problem}" for problem in run.problems]
        figure = trajectory.space([trajectory.place(run)], points)
        if figure is not None:
            parts.append((name, page.plot(f"path-{len(parts)}", figure)))
    if not parts:
        return "", problems
    options = "".join(f"<option>{escape(name)}</option>" for name, _ in parts)
    select = f'<div class=bar><label>run <select data-tabs="paths">{options}</select></label></div>'
    tabs = "".join(f'<div class=tab data-of="paths">{part}</div>' for _, part in parts)
    return select + tabs, problems
