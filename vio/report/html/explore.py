# SPDX-License-Identifier: Apache-2.0
"""The page of an exploration: accuracy over memory, energy and cycles, and the search's steps."""

from html import escape
from pathlib import Path
from typing import Any

from vio.errors import VioError
from vio.report.html import plots
from vio.report.html.page import Page
from vio.report.html.read import read_record
from vio.report.html.values import MISSING, dig, real, shown, words

RECORD = "explore.json"
Row = dict[str, Any]
# What an axis shows: the cost, its title, and decimals.
AXES = {
    "kib": ("memory of the front end [KiB]", 1),
    "mean_uw": ("energy of front end and back end [µW in flight]", 1),
    "cycles_worst": ("worst frame [cycles]", 0),
}
KINDS = (
    ("evaluated", "#999999", "circle", 7),
    ("front", plots.RUNS[0], "circle", 9),
    ("default", plots.RUNS[1], "diamond", 13),
    ("preset", plots.RUNS[2], "star", 15),
)
HEAD = ("settings", "", "Verilog", "ATE m", "ATE ratio", "95 %", "track life", "KiB", "DP16KD",
        "cycles", "keyframe", "worst", "frames/s", "µJ a keyframe", "µW front end", "µW back end",
        "µW", "KiB back end", "DP16KD back end")  # fmt: skip
FORMAT_AXES = {
    "kib": ("memory of the front end [KiB]", 1),
    "cycles_s": ("cycles of the front end a second of flight", 0),
    "mean_uw": ("energy of front end and back end [µW in flight]", 1),
}
FORMAT_HEAD = ("size", "every", "", "ATE m", "ATE ratio", "95 %", "KiB", "cycles/s",
               "µW front end", "µW back end", "µW")  # fmt: skip
VERIFIED_HEAD = ("preset", "recording", "frames equal in every block and track",
                 "cycles of a tracking frame", "of a keyframe", "LUT4", "FF", "DP16KD", "MULT18",
                 "DP16KD by the model")  # fmt: skip
MOVES = ("step", "lowers", "knob", "settings", "target", "reached", "ATE ratio")


def explore_page(folder: Path) -> Page:
    """Return the page of a folder with explore.json; raises VioError when it cannot be read."""
    record = read_record(folder / RECORD)
    rows = _rows(record.get("rows"))
    if not rows:
        raise VioError(f"{folder / RECORD} holds no settings")
    page = Page(f"Exploration: {folder.resolve().name}")
    page.add("settings", "Settings", _summary(record, rows), _table(rows))
    for name, (title, digits) in AXES.items():
        figure = _scatter(rows, record, name, title, digits)
        page.add(f"front-{name}", f"Accuracy and {title.partition(' [')[0]}",
                 page.plot(name, figure))  # fmt: skip
    _add_formats(page, record)
    page.add("verified", "The preset as Verilog", _verified(record.get("verified")))
    page.add("held-back", "Held-back recordings", _held_back(record))
    page.add("steps", "Steps of the search", _moves(_rows(record.get("moves"))))
    page.add("knobs", "Knobs", _knobs(record.get("knobs")))
    return page


def _add_formats(page: Page, record: Row) -> None:
    """Add the second front, of image sizes and frame rates, where it was explored."""
    rows = _rows(dig(record, "formats", "rows"))
    if not rows:
        return
    page.add("formats", "Image sizes and frame rates", _formats(rows, dig(record, "formats")))
    for name, (title, digits) in FORMAT_AXES.items():
        figure = _scatter(rows, {}, name, title, digits)
        page.add(f"formats-{name}", f"Sizes and rates: accuracy and {title.partition(' [')[0]}",
                 page.plot(f"formats-{name}", figure))  # fmt: skip


def _formats(rows: list[Row], formats: Row) -> str:
    cells = []
    for row in rows:
        cost, ratio = row.get("costs"), row.get("ate_ratio")
        firsts = (dig(formats, "knobs", name, "values") for name in ("size", "every"))
        names = [
            str(dig(row, "changed", name) or (first[0] if isinstance(first, list) else MISSING))
            for name, first in zip(("size", "every"), firsts, strict=True)
        ]
        cells.append(
            [
                *names,
                str(row.get("failure") or ("front" if row.get("on_front") else "")),
                shown(row.get("ate_m"), 4),
                shown(dig(ratio, "ratio"), 2),
                _interval(ratio),
                *(shown(dig(cost, k), d) for k, d in (("kib", 1), ("cycles_s", 0))),
                *(shown(dig(cost, k), 1) for k in ("frontend_uw", "backend_uw", "mean_uw")),
            ]
        )
    note = (
        "<p class=note>The settings of the search's start with images of other sizes, and with "
        "every so many-th frame. Cycles a second of flight include the frames' pixels.</p>"
    )
    return f"{note}<div class=figures>{plots.table(FORMAT_HEAD, cells, 3)}</div>"


def _rows(value: Any) -> list[Row]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _name(row: Row) -> str:
    """Return what a row changes, in words."""
    changed = row.get("changed")
    if not isinstance(changed, dict) or not changed:
        return "default"
    return ", ".join(f"{knob} {value}" for knob, value in changed.items())


def _kind(row: Row) -> str:
    if row.get("is_default"):
        return "default"
    if words(row.get("presets")):
        return "preset"
    return "front" if row.get("on_front") else "evaluated"


def _summary(record: Row, rows: list[Row]) -> str:
    cases = "; ".join(words(record.get("cases")))
    failed = sum(1 for row in rows if row.get("failure"))
    ratio = shown(record.get("most_ratio"), 2)
    return (
        f"<p>{shown(record.get('settings'), 0)} settings by {escape(str(record.get('search')))} "
        f"from preset {escape(str(record.get('preset')))}, on {escape(cases)}, the first "
        f"{shown(record.get('until_s'), 1, 's')}. {shown(record.get('only_on_short_clips'), 0)} "
        f"went no further than short clips, {failed} failed.</p>"
        f"<p class=note>Costs are those of the models (docs/chip/budgets.md) with the work that "
        f"the golden model counted. A preset has an ATE of at most {ratio} times the default's. "
        f"The interval is of the paired ratio; with one case there is none. Verilog: whether "
        f"today's takes these settings.</p>"
    )


def _interval(ratio: Any) -> str:
    low, high = real(dig(ratio, "low")), real(dig(ratio, "high"))
    return MISSING if low is None or high is None else f"{low:.2f} to {high:.2f}"


def _table(rows: list[Row]) -> str:
    cells = []
    for row in rows:
        cost, ratio = row.get("costs"), row.get("ate_ratio")
        marks = words(row.get("presets")) + (["front"] if row.get("on_front") else [])
        figures = [
            *(shown(dig(cost, k), d) for k, d in (("kib", 1), ("block_rams", 0))),
            *(shown(dig(cost, f"cycles_{k}"), 0) for k in ("tracking", "keyframe", "worst")),
            shown(dig(cost, "frames_s"), 0),
            *(
                shown(dig(cost, k), 1)
                for k in ("keyframe_uj", "frontend_uw", "backend_uw", "mean_uw")
            ),
            *(shown(dig(cost, k), d) for k, d in (("backend_kib", 1), ("backend_rams", 0))),
        ]
        cells.append(
            [
                _name(row),
                row.get("failure") or ", ".join(marks),
                "yes" if row.get("buildable") else "no",
                shown(row.get("ate_m"), 4),
                shown(dig(ratio, "ratio"), 2),
                _interval(ratio),
                shown(row.get("track_life"), 1),
                *figures,
            ]
        )
    return f"<div class=figures>{plots.table(HEAD, cells, 3)}</div>"


def _scatter(
    rows: list[Row], record: Row, cost: str, title: str, digits: int
) -> plots.Figure | None:
    """Return the ratio of ATE over a cost, a point for each setting that did not fail."""
    traces: list[plots.Trace] = []
    for kind, color, symbol, size in KINDS:
        points = []
        for row in rows:
            x, y = real(dig(row, "costs", cost)), real(dig(row, "ate_ratio", "ratio"))
            if _kind(row) == kind and x is not None and y is not None:
                points.append((x, y, row))
        if not points:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": kind,
                "x": plots.packed([x for x, _, _ in points]),
                "y": plots.packed([y for _, y, _ in points]),
                "text": [
                    plots.text(", ".join([*words(row.get("presets")), _name(row)]))
                    for _, _, row in points
                ],
                "marker": {"color": color, "size": size, "symbol": symbol},
                "hovertemplate": f"%{{text}}<br>%{{x:.{digits}f}}, ATE %{{y:.2f}}<extra></extra>",
            }
        )
    if not traces:
        return None
    bound = real(record.get("most_ratio"))
    shapes = [] if bound is None else [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": bound, "y1": bound,
         "line": {"color": "#999999", "dash": "dot", "width": 1}}
    ]  # fmt: skip
    axes = {
        "xaxis": plots.axis(title),
        "yaxis": plots.axis("ATE over the default's"),
    }
    return {"data": traces, "layout": plots.layout(380, **axes, shapes=shapes)}


def _held_back(record: Row) -> str:
    cells = [
        [
            str(row.get("preset")),
            "; ".join(words(row.get("cases"))),
            shown(dig(row, "ate_ratio", "ratio"), 2),
            _interval(row.get("ate_ratio")),
            shown(dig(row, "costs", "kib"), 1),
            shown(dig(row, "costs", "mean_uw"), 1),
            str(row.get("failure") or ""),
        ]
        for row in _rows(record.get("held_back"))
    ]
    head = ("preset", "recordings", "ATE ratio", "95 %", "KiB", "µW", "")
    return plots.table(head, cells, 2) if cells else ""


def _verified(found: Any) -> str:
    """Return what the Verilog of a preset gave; empty where none was run."""
    if not isinstance(found, dict):
        return ""
    name = escape(str(found.get("preset")))
    if not found.get("buildable"):
        return f"<p>Today's Verilog does not take {name}, or there is no such preset.</p>"
    cells = [
        [
            str(found.get("preset")),
            str(found.get("case")),
            f"{shown(found.get('equal'), 0)} of {shown(found.get('frames'), 0)}",
            *(shown(dig(found, "cycles", k, "mean"), 0) for k in ("tracking", "keyframe")),
            *(shown(dig(found, "area", k), 0) for k in ("lut4", "ff", "dp16kd", "mult18")),
            shown(found.get("modelled_block_rams"), 0),
        ]
    ]
    return plots.table(VERIFIED_HEAD, cells, 2)


def _moves(moves: list[Row]) -> str:
    cells = [
        [
            k + 1,
            AXES.get(str(move.get("objective")), (str(move.get("objective")), 0))[0],
            str(move.get("knob")),
            _name(move),
            shown(move.get("target"), 1),
            shown(move.get("cost"), 1),
            shown(move.get("ate_ratio"), 2),
        ]
        for k, move in enumerate(moves)
    ]
    return plots.table(MOVES, cells, 4) if cells else ""


def _knobs(knobs: Any) -> str:
    if not isinstance(knobs, dict):
        return ""
    cells = []
    for name, knob in knobs.items():
        values = dig(knob, "values")
        listed = ", ".join(map(str, values)) if isinstance(values, list) else MISSING
        cells.append([str(name), str(dig(knob, "key")), listed])
    return plots.table(("knob", "setting", "values"), cells, 3)
