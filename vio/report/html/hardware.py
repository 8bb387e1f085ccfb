# SPDX-License-Identifier: Apache-2.0
"""What a run of engine fixed or rtl means for the chip: saturations, memories, energy, cycles.

By the models of vio.hw.estimates, from the work that the golden model counted.
"""

from collections.abc import Sequence
from html import escape

import numpy as np

from vio.camera import Camera
from vio.config import Config
from vio.frontend.klt import LOST_REASONS
from vio.hw.estimates import memory as mem
from vio.hw.estimates.energy import Energy, energy_model
from vio.hw.estimates.traffic import traffic
from vio.hw.estimates.work import REFETCHES, FrameWork, mean_work, worst_work
from vio.rates import frame_limits
from vio.report.energy import PARTS, shares
from vio.report.html import gantt, plots
from vio.report.html.page import Page
from vio.report.html.read import RunData
from vio.report.html.values import MISSING, dig, real, shown

GROUPS = ("#E69F00", "#F0E442", "#CC79A7", "#56B4E9", "#009E73", "#999999")


def add_sections(page: Page, run: RunData, key: str, title: str) -> None:
    """Add the sections of a run; nothing for an engine that is no hardware. key: on this page."""
    config = run.config
    if config is None or len(run.log) == 0:
        return
    name = f"hardware-{key}"
    works = frame_works(run, config)
    kinds = _kinds(works, config)
    page.add(
        name,
        title,
        "<h3>Blocks of one frame</h3>",
        _charts(page, run, works, config, name),
        "<h3>Memory map</h3>",
        page.plot(f"{name}-memory", memory_map(config)),
        _memory_table(kinds, config),
        "<h3>Energy by place</h3>",
        _energy(page, kinds, config, name),
        "<h3>Saturations</h3>",
        saturations(run),
    )


def frame_works(run: RunData, config: Config) -> list[FrameWork]:
    """Return the work of every frame; empty for engine rtl, which counts other things."""
    if config.frontend.engine != "fixed" or not run.counters:
        return []

    def of(name: str) -> np.ndarray:
        return run.counters.get(name, np.zeros(len(run.log)))

    tracked, keyframe = of("tracked"), run.log.column("is_keyframe")
    windows = tracked + sum(of(f"lost_{reason}") for reason in LOST_REASONS.values())
    iterations = [of(f"iterations_level{level}") for level in range(config.frontend.levels)]
    columns = {
        "windows": windows,
        "tracked": tracked,
        "verified": tracked - of("lost_ransac"),
        "corners": of("detected"),
        "tracks": run.log.column("tracks"),
        "stereo_matched": of("stereo_matched"),
        "stereo_columns": of("stereo_columns"),
        "stereo_iterations": of("stereo_iterations"),
        "refetches": REFETCHES * windows,
        "keyframe": keyframe,
    }
    return [
        FrameWork(
            iterations=tuple(float(level[i]) for level in iterations),
            **{name: float(values[i]) for name, values in columns.items()},
        )
        for i in range(len(run.log))
    ]


Kinds = tuple[FrameWork, FrameWork, float, str]


def _kinds(works: Sequence[FrameWork], config: Config) -> Kinds:
    """Return the work of a tracking frame, of a keyframe, how many of the former, and in words."""
    tracking = [w for w in works if w.windows and not w.keyframe]
    keyframes = [w for w in works if w.windows and w.keyframe]
    if not tracking or not keyframes:
        share = float(frame_limits(config, Camera.rate_hz).max_age - 1)
        what = (
            "The work is the worst case by the bounds: the engine has not counted this run's. "
            "Engine fixed does, and is bit-exact with rtl."
        )
        return worst_work(config, False), worst_work(config, True), share, what
    share = len(tracking) / len(keyframes)
    counts = f"{len(tracking)} tracking frames and {len(keyframes)} keyframes"
    what = f"The work is the mean of {counts}."
    return mean_work(tracking), mean_work(keyframes), share, what


def _charts(page: Page, run: RunData, works: Sequence[FrameWork], config: Config, name: str) -> str:
    found = gantt.charts(run, works, config)
    if not found:
        return "<p class=note>No frame has counted cycles or work.</p>"
    source = "by the cycle model, from the work counted in that frame"
    if not works:
        source = "counted by the Verilog"
    options = "".join(f"<option>{escape(chart.title)}</option>" for chart in found)
    tabs = "".join(
        f'<div class=tab data-of="{name}">'
        + page.plot(f"{name}-frame-{i}", gantt.figure(chart, config.hw.clock_mhz))
        + "</div>"
        for i, chart in enumerate(found)
    )
    select = f'<div class=bar><label>frame <select data-tabs="{name}">{options}</select></label>'
    return f"{select}<span class=note>Cycles {source}, after its last pixel.</span></div>{tabs}"


def memory_map(config: Config) -> plots.Figure:
    """Return every on-chip memory as an area: its KiB, within its group."""
    memories = mem.inventory(config)
    groups = list(dict.fromkeys(m.group for m in memories))
    colors = dict(zip(groups, GROUPS, strict=False))
    trace = {
        "type": "treemap",
        "ids": ["all", *groups, *(f"{m.group}/{m.name}" for m in memories)],
        "labels": ["front end", *groups, *(m.name for m in memories)],
        "parents": ["", *["all"] * len(groups), *(m.group for m in memories)],
        "values": [*[0.0] * (1 + len(groups)), *(round(m.kib, 4) for m in memories)],
        "branchvalues": "remainder",
        "texttemplate": "%{label}<br>%{value:.2f} KiB",
        "hovertemplate": "%{label}: %{value:.2f} KiB, %{percentRoot:.1%} of all<extra></extra>",
        "marker": {"colors": ["#ffffff", *colors.values(), *(colors[m.group] for m in memories)]},
    }  # fmt: skip
    return {"data": [trace], "layout": plots.layout(420, margin={"l": 4, "r": 4, "t": 8, "b": 4})}


def _memory_table(kinds: Kinds, config: Config) -> str:
    tracking, keyframe, _, what = kinds
    accesses = traffic(tracking, config), traffic(keyframe, config)
    rows = [
        [
            *(m.name, m.group, m.banks, m.words, m.bits, f"{m.readers}r1w", f"{m.kib:.2f}"),
            "LUT" if m.in_luts else m.block_rams,
            *(f"{x:,.0f}" for of in accesses for x in of[m.name]),
        ]
        for m in mem.inventory(config)
    ]
    memories = mem.inventory(config)
    blocks = sum(m.block_rams for m in memories)
    head = ("memory", "group", "banks", "words", "bits", "ports", "KiB", "DP16KD", "reads",
            "writes", "keyframe reads", "writes")  # fmt: skip
    note = f"{mem.total_kib(memories):.1f} KiB in all; {blocks} block RAMs (DP16KD). {what}"
    inner = plots.table(head, rows, 2)
    return (
        f"<p class=note>{note}</p><details><summary>{len(rows)} memories</summary>{inner}</details>"
    )


def _energy(page: Page, kinds: Kinds, config: Config, name: str) -> str:
    tracking, keyframe, share, what = kinds
    rows = energy_model(tracking, keyframe, share, config)
    head = ("way to build it", *PARTS, "µJ in all", "pJ a pixel")
    table = plots.table(
        head,
        [
            [e.name, *(f"{v:.1f}" for v in shares(e).values()), f"{e.keyframe_mj * 1e3:.1f}",
             f"{e.pixel_pj:.1f}"]
            for e in rows
        ],
    )  # fmt: skip
    note = (
        f"<p class=note>µJ of a keyframe with its {share:.1f} tracking frames; a model at 45 nm, "
        f"dynamic energy only. {what}</p>"
    )
    return note + page.plot(f"{name}-energy", energy_bars(rows[:2])) + table


def energy_bars(rows: Sequence[Energy]) -> plots.Figure:
    """Return the energy of ways to build the front end, by part."""
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": part,
            "y": [e.name for e in rows],
            "x": plots.packed([shares(e)[part] for e in rows]),
            "marker": {"color": color},
            "hovertemplate": f"%{{y}}: {part} %{{x:.1f}} µJ<extra></extra>",
        }
        for part, (_, color) in PARTS.items()
        if any(shares(e)[part] for e in rows)
    ]
    x = plots.axis("[µJ]", rangemode="tozero")
    y = plots.axis("", type="category", autorange="reversed")
    height = 120 + 40 * len(rows)
    return {"data": traces, "layout": plots.layout(height, xaxis=x, yaxis=y, barmode="stack")}


def saturations(run: RunData) -> str:
    """Return the table of the traced signals; those that saturated come first."""
    if not run.signals:
        return (
            "<p class=note>This run was not traced: <code>vio run --engine fixed --trace</code> "
            "records the range and the saturations of every signal.</p>"
        )
    order = sorted(run.signals, key=lambda r: -(real(dig(r, "saturated")) or 0.0))
    rows = [
        [
            str(r.get("name")),
            str(r.get("format")),
            *(shown(r.get(k), 0) for k in ("bits", "count", "saturated")),
            _share(r),
            *(_significant(r.get(k)) for k in ("least", "greatest")),
            *(shown(r.get(k), 0) for k in ("unused_bits", "missing_bits")),
        ]
        for r in order
    ]
    saturated = sum(1 for r in order if real(r.get("saturated")))
    head = ("signal", "format", "bits", "seen", "saturated", "% of seen", "least", "greatest",
            "unused bits", "missing bits")  # fmt: skip
    note = f"<p class=note>{saturated} of {len(rows)} signals saturated at least once.</p>"
    return note + plots.table(head, rows, 2)


def _share(row: dict[str, object]) -> str:
    seen, saturated = real(row.get("count")), real(row.get("saturated"))
    return shown(100.0 * saturated / seen, 4) if seen and saturated is not None else MISSING


def _significant(value: object) -> str:
    number = real(value)
    return MISSING if number is None else f"{number:.6g}"
