# SPDX-License-Identifier: Apache-2.0
"""The blocks of one frame in cycles, one after another: counted by the Verilog, or by the model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vio.config import Config
from vio.hw.estimates import cycles as cy
from vio.hw.estimates.work import FrameWork
from vio.report.html import plots
from vio.report.html.read import RunData, T

# The Verilog's counters of a frame, in the order in which the blocks follow each other. The
# predictions come before the last pixel. The sum is not quite the latency that is counted as well.
COUNTED = ("klt", "mono", "selection", "stereo", "stereo_ransac", "output")
COLORS = {
    "stream": "#999999",
    "klt": "#009E73",
    "mono_ransac": "#E69F00",
    "mono": "#E69F00",
    "sizes": "#F0E442",
    "selection": "#CC79A7",
    "new_rays": "#CC79A7",
    "stereo": "#0072B2",
    "stereo_ransac": "#56B4E9",
    "key_points": "#56B4E9",
    "output": "#444444",
}


@dataclass(frozen=True)
class Chart:
    """Hold the cycles of each block of one frame, in order, and what frame it is.

    latency: cycles that the Verilog counted from the last pixel to the last track; 0: none.
    """

    title: str
    blocks: dict[str, float]
    latency: float = 0.0

    @property
    def cycles(self) -> float:
        """Cycles of all blocks."""
        return sum(self.blocks.values())


def charts(run: RunData, works: Sequence[FrameWork], config: Config) -> list[Chart]:
    """Return the charts of the median and the longest frame of each kind.

    works: of every frame of the run, by which the cycle model goes; empty for engine rtl, whose
    counters are cycles.
    """
    of = [cy.blocks(w, config) if w.windows else {} for w in works] or _counted(run)
    keyframe = run.log.column("is_keyframe") > 0.0
    totals = np.array([sum(blocks.values()) for blocks in of])
    latency = run.counters.get("cycles", np.zeros(len(run.log)))
    found = []
    for kind, wanted in (("keyframe", keyframe), ("tracking frame", ~keyframe)):
        rows = np.flatnonzero(wanted & (totals > 0.0))
        for what, row in typical(rows[np.argsort(totals[rows], kind="stable")].tolist()):
            title = f"{kind}, {what}: frame {row}"
            found.append(Chart(title, of[row], float(latency[row])))
    return found


def typical(ordered: Sequence[T]) -> list[tuple[str, T]]:
    """Return what is drawn of frames in order of their cycles: the median and the longest."""
    if not ordered:
        return []
    return [("median", ordered[len(ordered) // 2]), ("longest", ordered[-1])]


def _counted(run: RunData) -> list[dict[str, float]]:
    """Return the blocks that the Verilog counted in each frame."""
    known = {n: run.counters[f"rtl_{n}"] for n in COUNTED if f"rtl_{n}" in run.counters}
    return [
        {name: float(values[i]) for name, values in known.items() if values[i]}
        for i in range(len(run.log))
    ]


def figure(chart: Chart, megahertz: float) -> plots.Figure:
    """Return the figure of a chart; a block begins where the one before it ends."""
    names = list(chart.blocks)
    length = np.array(list(chart.blocks.values()))
    start = np.concatenate([[0.0], np.cumsum(length)[:-1]])
    trace = {
        "type": "bar",
        "orientation": "h",
        "name": "cycles",
        "y": names,
        "base": plots.packed(start),
        "x": plots.packed(length),
        "marker": {"color": [COLORS.get(name, "#999999") for name in names]},
        "text": [f"{x:,.0f} ({100.0 * x / chart.cycles:.1f} %)" for x in length],
        "textposition": "auto",
        "hovertemplate": "%{y}: %{text} from %{base:,.0f}<extra></extra>",
    }
    ms = (chart.latency or chart.cycles) / megahertz / 1e3
    title = f"cycles; {chart.cycles:,.0f} in all blocks"
    title += f", {chart.latency:,.0f} counted from end to end" if chart.latency else ""
    title += f"; {ms:.2f} ms at {megahertz:g} MHz"
    x = plots.axis(title, range=[0.0, round(1.15 * chart.cycles, 1)])  # room for the last text
    y = plots.axis("", type="category", autorange="reversed")
    return {"data": [trace], "layout": plots.layout(110 + 32 * len(names), xaxis=x, yaxis=y)}
