# SPDX-License-Identifier: Apache-2.0
"""The page of a fault table (`make faults`): errors over the undisturbed ones, and bounds."""

from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from vio.errors import VioError
from vio.report.html import plots
from vio.report.html.page import Page
from vio.report.html.read import read_record
from vio.report.html.suite import status_shares
from vio.report.html.values import MISSING, dig, real, shown, words

RECORD = "faults.json"
Row = dict[str, Any]


def faults_page(folder: Path) -> Page:
    """Return the page of a folder with faults.json; raises VioError when it cannot be read."""
    record = read_record(folder / RECORD)
    faults, scenes = _rows(record.get("faults")), _rows(record.get("scenes"))
    if not faults and not scenes:
        raise VioError(f"{folder / RECORD} holds neither faults nor scenes")
    page = Page("Planted faults")
    missed = [row for row in (*faults, *scenes) if words(row.get("missed"))]
    page.add("table", "Faults", _summary(len(faults) + len(scenes), missed), _table(record, faults))
    page.add("ratios", "Error over the undisturbed one", page.plot("ratio", _ratios(faults)))
    page.add("status", "Status of the frames", page.plot("shares", _shares(faults)))
    page.add("diagnoses", "Diagnoses", _diagnoses(faults))
    page.add("scenes", "Scenes", _scenes(scenes))
    return page


def _rows(value: Any) -> list[Row]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _title(row: Row) -> str:
    return str(row.get("title") or row.get("case") or row.get("scene") or MISSING)


def _summary(count: int, missed: list[Row]) -> str:
    if not missed:
        return f"<p>All {count} figures are within their bounds.</p>"
    items = "".join(
        f"<li>{escape(_title(row))}, {escape(str(row.get('source', 'scene')))}: "
        f"{escape(', '.join(words(row.get('missed'))))}</li>"
        for row in missed
    )
    return (
        f"<p>{len(missed)} of {count} figures miss their bounds:</p><ul class=remarks>{items}</ul>"
    )


def _table(record: dict[str, Any], faults: list[Row]) -> str:
    """Return the table: a row a fault, a column a recording; mean and worst ratio of the seeds."""
    sources = list(dict.fromkeys(str(row.get("source")) for row in faults))
    if not sources:
        return ""
    rows = [
        ["none: ATE", "", *(shown(dig(record, "undisturbed_ate_m", s), 4, "m") for s in sources)]
    ]
    for title in dict.fromkeys(_title(row) for row in faults):
        of = {str(row.get("source")): row for row in faults if _title(row) == title}
        bounds = {_bound(row) for row in of.values()}
        rows.append([title, *sorted(bounds)[:1], *(_cell(of.get(s)) for s in sources)])
    note = "<p class=note>Mean (worst) ATE over the undisturbed one; one figure a segment.</p>"
    return note + plots.table(("fault", "at most", *sources), rows)


def _bound(row: Row) -> str:
    return "named" if row.get("bar") is None else shown(row["bar"], 1)


def _numbers(value: Any) -> list[float | None]:
    return [real(v) for v in value] if isinstance(value, list) else []


def _cell(row: Row | None) -> str:
    if row is None:
        return MISSING
    pairs = zip(_numbers(row.get("mean_ratio")), _numbers(row.get("worst_ratio")), strict=False)
    text = "; ".join(f"{shown(mean, 2)} ({shown(worst, 2)})" for mean, worst in pairs)
    missed = ", ".join(words(row.get("missed")))
    return f"{text} {missed.upper()}".strip()


def _ratios(faults: list[Row]) -> plots.Figure | None:
    """Return the ratio of every run, by fault; the bounds are upright strokes."""
    titles = list(dict.fromkeys(_title(row) for row in faults))
    traces: list[plots.Trace] = []
    for k, source in enumerate(dict.fromkeys(str(row.get("source")) for row in faults)):
        points = [
            (_title(row), ratio, dig(run, "seed"))
            for row in faults
            if str(row.get("source")) == source
            for run in _rows(row.get("runs"))
            for side in _rows(run.get("sides"))
            if (ratio := real(side.get("ratio"))) is not None and ratio > 0.0
        ]
        if points:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": plots.text(source),
                    "y": [plots.text(title) for title, _, _ in points],
                    "x": plots.packed([ratio for _, ratio, _ in points]),
                    "text": [plots.text(f"seed {seed}") for _, _, seed in points],
                    "marker": {
                        "color": plots.RUNS[k % len(plots.RUNS)],
                        "size": 9,
                        "opacity": 0.75,
                    },
                    "hovertemplate": "%{y}<br>%{x:.2f}, %{text}",
                }
            )
    if not traces:
        return None
    bounds = {_title(row): real(row.get("bar")) for row in faults}
    known = {title: bound for title, bound in bounds.items() if bound is not None and bound > 0.0}
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "at most",
            "y": [plots.text(title) for title in known],
            "x": plots.packed(list(known.values())),
            "marker": {
                "color": "#000000",
                "size": 18,
                "symbol": "line-ns-open",
                "line": {"width": 2},
            },
            "hovertemplate": "at most %{x:.2f}<extra></extra>",
        }
    )
    order = [plots.text(title) for title in titles]
    x = plots.axis("ATE over the undisturbed one", type="log", dtick="D2")
    y = plots.axis("", type="category", categoryarray=order, autorange="reversed")
    return {"data": traces, "layout": plots.layout(130 + 30 * len(titles), xaxis=x, yaxis=y)}


def _shares(faults: list[Row]) -> plots.Figure | None:
    bars = []
    for row in faults:
        frames: Counter[str] = Counter()
        for run in _rows(row.get("runs")):
            counts = run.get("status")
            for name, count in counts.items() if isinstance(counts, dict) else ():
                frames[str(name)] += int(real(count) or 0)
        bars.append((f"{_title(row)}, {row.get('source')}", dict(frames)))
    return status_shares(bars)


def _diagnoses(faults: list[Row]) -> str:
    """Return what the runs found wrong with the data, each text once a fault."""
    rows = []
    for row in faults:
        texts = (text for run in _rows(row.get("runs")) for text in words(run.get("diagnoses")))
        rows += [[_title(row), str(row.get("source")), text] for text in dict.fromkeys(texts)]
    return plots.table(("fault", "recording", "diagnosis"), rows, 3) if rows else ""


def _scenes(scenes: list[Row]) -> str:
    rows = [
        [
            _title(row),
            str(row.get("seed", MISSING)),
            f"{shown(row.get('value'), 4)} {row.get('unit', '')}".strip(),
            ", ".join(words(row.get("missed"))),
        ]
        for row in scenes
    ]
    return plots.table(("scene", "seed", "figure", "missed"), rows) if rows else ""
