# SPDX-License-Identifier: Apache-2.0
"""The key figures of runs, side by side; the settings in which they differ."""

from collections.abc import Sequence
from html import escape
from typing import Any

from vio.report.html import plots
from vio.report.html.read import RunData
from vio.report.html.values import MISSING, dig, real, shown, words


def key_figures(runs: Sequence[RunData]) -> str:
    """Return the table of key figures: a row a figure, a column a run."""
    columns = [_column(run) for run in runs]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return plots.table(["", *(run.name for run in runs)], rows)


def _column(run: RunData) -> dict[str, str]:
    m = run.metrics
    accuracy = dig(m, "accuracy")
    se3, yaw = (dig(accuracy, "absolute", kind) for kind in ("se3", "yaw"))
    second = next((r for r in dig(accuracy, "relative") or [] if dig(r, "unit") == "s"), None)
    frames, tracking = real(dig(m, "frames")), real(dig(m, "frames_by_status", "tracking"))
    share = 100.0 * tracking / frames if frames and tracking is not None else None
    total = dig(m, "timing_ms", "total")
    return {
        "recording": str(dig(m, "dataset") or MISSING),
        "engine": str(dig(run.settings, "frontend", "engine") or MISSING),
        "frames": shown(frames, 0),
        "first pose after the first image": shown(dig(m, "first_pose_s"), 2, "s"),
        "frames in which it tracks": shown(share, 1, "%"),
        "starts": shown(dig(m, "segments"), 0),
        "distance": shown(dig(accuracy, "distance_m"), 2, "m"),
        "ATE, SE(3) alignment": shown(dig(se3, "translation_m", "rmse"), 4, "m"),
        "ATE, yaw and position aligned": shown(dig(yaw, "translation_m", "rmse"), 4, "m"),
        "ATE per distance": shown(dig(se3, "percent_of_distance"), 3, "%"),
        "rotation error": shown(dig(se3, "rotation_deg", "rmse"), 3, "deg"),
        "RPE over 1 s": shown(dig(second, "translation_m", "rmse"), 4, "m"),
        "time of a frame, median": shown(dig(total, "p50"), 1, "ms"),
        "time of a frame, 99th percentile": shown(dig(total, "p99"), 1, "ms"),
        "peak memory": shown(dig(m, "peak_memory_mb"), 0, "MB"),
    }


def remarks(run: RunData) -> str:
    """Return what a reader should know of a run: problems of its files, its end, its diagnoses."""
    lines = [f"In {run.name}: {problem}" for problem in run.problems]
    if ended := dig(run.metrics, "ended_by"):
        lines.append(f"The run ended early: {ended}")
    if because := dig(run.metrics, "no_pose_because"):
        lines.append(f"The last frame has no pose: {because}")
    if why := dig(run.metrics, "accuracy", "unknown_because"):
        lines.append(f"The accuracy is unknown: {why}")
    lines += [f"Diagnosis: {text}" for text in words(dig(run.metrics, "diagnoses"))]
    items = "".join(f"<li>{escape(text)}</li>" for text in lines)
    return f"<ul class=remarks>{items}</ul>" if items else ""


def settings(runs: Sequence[RunData]) -> str:
    """Return all settings; of several runs, those in which they differ."""
    flat = [_flat(run.settings) for run in runs]
    names = list(dict.fromkeys(name for values in flat for name in values))
    rows = [[name, *(values.get(name, MISSING) for values in flat)] for name in names]
    head = ["setting", *(run.name for run in runs)]
    if len(runs) == 1:
        inner = plots.table(head, rows)
        return f"<details><summary>{len(rows)} settings</summary>{inner}</details>"
    differing = [row for row in rows if len(set(row[1:])) > 1]
    if not differing:
        return "<p>All settings are the same.</p>"
    return plots.table(head, differing)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    out: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        out |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: str(value)}
    return out
