# SPDX-License-Identifier: Apache-2.0
"""The page of a co-simulation (`vio hw equivalence --out`): what was equal, and cycles by block."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from vio.errors import VioError
from vio.report.html import gantt, plots
from vio.report.html.page import Page
from vio.report.html.read import read_record
from vio.report.html.values import MISSING, dig, real, shown, words

RECORD = "equivalence.json"
KINDS = {"keyframe": "#D55E00", "tracking": "#0072B2"}
Row = dict[str, Any]


def equivalence_page(folder: Path) -> Page:
    """Return the page of a folder with equivalence.json; raises VioError when it is damaged."""
    path = folder / RECORD
    record = read_record(path)
    value = record.get("each_frame")
    frames = [r for r in value if isinstance(r, dict)] if isinstance(value, list) else []
    if not frames:
        raise VioError(f"{path} holds no frames; make it by vio hw equivalence RECORDING --out DIR")
    page = Page("The Verilog beside the golden model")
    page.add("equal", "Equal, bit for bit", _summary(record, frames), _blocks(record))
    page.add("cycles", "Cycles of every frame", page.plot("cycles-by-frame", _cycles(frames)))
    page.add("blocks", "Blocks of one frame", _charts(page, record, frames))
    page.add("counters", "The chip's counters, mean of a frame", _counters(record))
    page.add("simulation", "Simulation", _simulation(record))
    return page


def _differences(frames: list[Row]) -> list[tuple[str, str]]:
    return [(str(r.get("index")), ", ".join(words(r["different"]))) for r in frames
            if words(r.get("different"))]  # fmt: skip


def _summary(record: Row, frames: list[Row]) -> str:
    different = _differences(frames)
    what = f"{record.get('recording', MISSING)}, preset {record.get('preset', MISSING)}"
    equal = len(frames) - len(different)
    lead = (
        f"<p>{escape(what)}: <b>{equal} of {len(frames)} frames</b> are equal in every block "
        "and track.</p>"
    )
    if not different:
        return lead
    items = "".join(
        f"<li>frame {escape(index)}: {escape(names)}</li>" for index, names in different[:50]
    )
    rest = len(different) - 50
    more = f"<p class=note>and {rest} more</p>" if rest > 0 else ""
    return f"{lead}<p>Different are:</p><ul class=remarks>{items}</ul>{more}"


def _blocks(record: Row) -> str:
    blocks = record.get("blocks")
    rows = [
        [name, shown(dig(block, "compared"), 0), shown(dig(block, "equal"), 0)]
        for name, block in (blocks.items() if isinstance(blocks, dict) else ())
    ]
    return plots.table(("what is compared", "frames compared", "frames equal"), rows)


def _of_kind(frames: list[Row], kind: str) -> list[Row]:
    wanted = kind == "keyframe"
    return [r for r in frames if bool(r.get("keyframe")) is wanted and real(r.get("cycles"))]


def _cycles(frames: list[Row]) -> plots.Figure | None:
    """Return the cycles from last pixel to last track by frame; frames that differ are ringed."""
    traces = []
    for kind, color in KINDS.items():
        rows = _of_kind(frames, kind)
        if rows:
            traces.append(_dots(rows, f"{kind} frames" if kind == "tracking" else "keyframes",
                                {"color": color, "size": 5}))  # fmt: skip
    unlike = [r for r in frames if words(r.get("different")) and real(r.get("cycles"))]
    if unlike:
        ring = {"color": "#000000", "size": 11, "symbol": "circle-open", "line": {"width": 2}}
        traces.append(_dots(unlike, "different", ring))
    if not traces:
        return None
    x = plots.axis("frame")
    y = plots.axis("cycles, last pixel to last track", rangemode="tozero")
    return {"data": traces, "layout": plots.layout(340, xaxis=x, yaxis=y)}


def _dots(rows: list[Row], name: str, marker: dict[str, Any]) -> plots.Trace:
    def column(key: str) -> list[float]:
        return [real(r.get(key)) or 0.0 for r in rows]

    tracks = [plots.text(f"{shown(r.get('tracks'), 0)} tracks") for r in rows]
    hover = "frame %{x}: %{y:,.0f} cycles, %{text}"
    return plots.dots(column("index"), column("cycles"), name, marker["color"], marker=marker,
                      text=tracks, hovertemplate=hover)  # fmt: skip


def _charts(page: Page, record: Row, frames: list[Row]) -> str:
    """Return the median and the longest frame of each kind, its blocks one after another."""
    megahertz = real(record.get("clock_mhz")) or 62.5
    parts = []
    for kind in KINDS:
        rows = sorted(_of_kind(frames, kind), key=lambda r: (real(r["cycles"]), r.get("index")))
        for what, row in gantt.typical(rows):
            blocks = {
                name: cycles
                for name in gantt.COUNTED
                if (cycles := real(dig(row, "counters", name)))
            }
            if not blocks:
                continue
            frame = "tracking frame" if kind == "tracking" else kind
            title = f"{frame}, {what}: frame {row.get('index')}"
            chart = gantt.Chart(title, blocks, real(row["cycles"]) or 0.0)
            figure = gantt.figure(chart, megahertz)
            parts.append(f"<h3>{escape(title)}</h3>")
            parts.append(page.plot(f"blocks-{kind}-{what}", figure))
    return "\n".join(parts)


def _counters(record: Row) -> str:
    of = {kind: record.get(f"{kind}_counters") for kind in KINDS}
    known = {kind: c for kind, c in of.items() if isinstance(c, dict)}
    names = list(dict.fromkeys(name for c in known.values() for name in c))
    if not names:
        return ""
    rows = [[name, *(_counted(c.get(name)) for c in known.values())] for name in names]
    heads = ("keyframes" if kind == "keyframe" else f"{kind} frames" for kind in known)
    return plots.table(("counter", *heads), rows)


def _counted(value: Any) -> str:
    number = real(value)
    return MISSING if number is None else f"{np.rint(number):,.0f}"


def _simulation(record: Row) -> str:
    speed = shown(dig(record, "simulation", "seconds_per_frame"), 2, "s")
    rate = _counted(dig(record, "simulation", "cycles_per_second"))
    return f"<p>{speed} a frame, {rate} cycles a second.</p>"
