# SPDX-License-Identifier: Apache-2.0
"""The pieces of plotly's figures: plain dictionaries, so that making a page imports no plotly."""

import base64
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from vio.report import style

Figure = dict[str, Any]
Trace = dict[str, Any]
RUNS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
GRID, INK = "#E6E6E6", "#2A2A2A"


def packed(values: Any) -> dict[str, str]:
    """Return numbers (N,) as plotly's packed array of float32: short, and the same bytes always."""
    data = np.ascontiguousarray(values, "<f4")
    return {"dtype": "f4", "bdata": base64.b64encode(data.tobytes()).decode()}


def unpacked(array: dict[str, str]) -> np.ndarray:
    """Return the numbers of `packed`."""
    return np.frombuffer(base64.b64decode(array["bdata"]), "<f4")


def text(value: object) -> str:
    """Return a string that comes from data, for a figure: plotly reads tags in its texts."""
    return escape(str(value), quote=True)


def line(x: Any, y: Any, name: str, color: str, **more: Any) -> Trace:
    """Return a line through points; more: attributes of the trace."""
    look = {"color": color, "width": 1.4, **more.pop("line", {})}
    return {"type": "scatter", "mode": "lines", "x": packed(x), "y": packed(y), "name": name,
            "line": look, **more}  # fmt: skip


def dots(x: Any, y: Any, name: str, color: str, **more: Any) -> Trace:
    """Return points."""
    look = {"color": color, "size": 4, **more.pop("marker", {})}
    return {"type": "scatter", "mode": "markers", "x": packed(x), "y": packed(y), "name": name,
            "marker": look, **more}  # fmt: skip


def band(x: np.ndarray, low: np.ndarray, high: np.ndarray, color: str, **more: Any) -> Trace:
    """Return the area between two curves (N,); NaN interrupts it."""
    known = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    xs: list[np.ndarray] = []
    ys: list[np.ndarray] = []
    for first, last in edges.reshape(-1, 2):
        part = slice(first, last)
        xs += [x[part], x[part][::-1], np.array([np.nan])]
        ys += [high[part], low[part][::-1], np.array([np.nan])]
    empty = np.empty(0)
    return {"type": "scatter", "mode": "lines", "fill": "toself", "hoverinfo": "skip",
            "x": packed(np.concatenate(xs or [empty])), "y": packed(np.concatenate(ys or [empty])),
            "line": {"width": 0}, "fillcolor": faint(color), "showlegend": False,
            **more}  # fmt: skip


def faint(color: str, alpha: float = 0.18) -> str:
    """Return a colour #RRGGBB with so much opacity."""
    r, g, b = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r},{g},{b},{alpha:g})"


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """Return an axis."""
    return {"title": {"text": title, "standoff": 6}, "gridcolor": GRID, "zeroline": False,
            "automargin": True, "linecolor": "#999999", **more}  # fmt: skip


def layout(height: int, **more: Any) -> dict[str, Any]:
    """Return the layout that all figures share; height in pixels."""
    return {
        "height": height,
        "margin": {"l": 64, "r": 16, "t": 34, "b": 44},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "itemsizing": "constant",
        },
        "hovermode": "closest",
        **more,
    }


def stacked(
    rows: Sequence[tuple[float, dict[str, Any], list[Trace]]], x_title: str, height: int
) -> Figure:
    """Return a figure of rows over one x axis; rows: (share of the height, y axis, traces)."""
    gap, total = 0.045, sum(share for share, _, _ in rows)
    room = 1.0 - gap * (len(rows) - 1)
    out: list[Trace] = []
    axes: dict[str, Any] = {}
    top = 1.0
    for k, (share, y_axis, traces) in enumerate(rows):
        bottom = max(top - room * share / total, 0.0)
        number = "" if k == 0 else str(k + 1)
        axes[f"yaxis{number}"] = {**y_axis, "domain": [round(bottom, 6), round(top, 6)]}
        axes[f"legend{number}"] = {
            "orientation": "h", "x": 0, "xanchor": "left", "y": round(top, 6),
            "yanchor": "bottom", "font": {"size": 11}, "itemsizing": "constant",
        }  # fmt: skip
        of = {"xaxis": "x", "yaxis": f"y{number}", "legend": f"legend{number}"}
        out += [{**trace, **of} for trace in traces]
        top = bottom - gap
    last = "" if len(rows) == 1 else str(len(rows))
    axes["xaxis"] = axis(x_title, anchor=f"y{last}")
    return {"data": out, "layout": layout(height, barmode="overlay", **axes)}


class Html(str):
    """Hold HTML that a table shows as it is."""


def table(head: Sequence[str], rows: Sequence[Sequence[object]], numbers: int = 1) -> str:
    """Return an HTML table, every cell but `Html` escaped; numbers: the first column of figures."""

    def cells(row: Sequence[object], tag: str) -> str:
        texts = (cell if isinstance(cell, Html) else escape(str(cell)) for cell in row)
        return "".join(
            f"<{tag}{' class=n' if i >= numbers else ''}>{shown}</{tag}>"
            for i, shown in enumerate(texts)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    top = f"<thead><tr>{cells(head, 'th')}</tr></thead>"
    return f"<div class=scroll><table>{top}<tbody>{body}</tbody></table></div>"


def thinned(count: int, most: int) -> np.ndarray:
    """Return at most `most` indices of `count`, evenly spread, with the first one."""
    step = max(1, -(-count // max(most, 1)))
    return np.arange(0, count, step)


AXES = style.AXES
