# SPDX-License-Identifier: Apache-2.0
"""The page of one run, or of several beside each other."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from vio.report.html import accuracy, figures, hardware, stepper, timeline, times, trajectory
from vio.report.html.page import Page
from vio.report.html.read import RunData, read_run

OPEN = "A figure's legend hides and shows its curves; drag to enlarge, double click to go back."


@dataclass(frozen=True)
class Limits:
    """Hold how much of each run goes into a page: points of a curve, images."""

    points: int
    images: int


def read_runs(folders: Sequence[Path]) -> list[RunData]:
    """Return what run folders hold, under different names; raises VioError for another folder."""
    found = [read_run(f, name) for f, name in zip(folders, _names(folders), strict=True)]
    for run in found:
        accuracy.complete(run)
    return found


def runs_page(
    runs: Sequence[RunData], points: int, images: int, page_folder: Path
) -> tuple[Page, list[str]]:
    """Return the page of runs and what is missing or damaged in them.

    points, images: of all runs together. page_folder: where the page is to lie.
    """
    fresh = [replace(run, problems=list(run.problems)) for run in runs]
    page = _page(fresh, Limits(points // len(runs), images // len(runs)), page_folder)
    return page, [f"{run.name}: {problem}" for run in fresh for problem in run.problems]


def _names(folders: Sequence[Path]) -> list[str]:
    """Return a name for each folder: its own, with those above it where two are the same."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, 4):
        names = ["/".join(p[-depth:]) for p in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{i + 1}: {name}" for i, name in enumerate(names)]


def _page(runs: Sequence[RunData], limits: Limits, page_folder: Path) -> Page:
    placed = [trajectory.place(run) for run in runs]
    page = Page(" and ".join(run.name for run in runs))
    views = _views("space")
    timelines = [_timeline(page, run, k, limits) for k, run in enumerate(runs)]
    steppers = [_stepper(page, run, k, limits, page_folder) for k, run in enumerate(runs)]
    remarks = [figures.remarks(run) for run in runs]  # when all problems have come up
    page.add("figures", "Key figures", figures.key_figures(runs), *remarks)
    page.add(
        "trajectory",
        "Trajectory",
        page.plot("space", trajectory.space(placed, limits.points), views),
        "<h3>Top view</h3>" if any(p.segments for p in placed) else "",
        page.plot("above", trajectory.above(placed, limits.points)),
    )
    together = timeline.compared(runs, limits.points) if len(runs) > 1 else None
    page.add(
        "timeline",
        "Timeline",
        page.plot("compared", together),
        _choice("timeline", runs, timelines),
    )
    page.add("features", "Features", *_beside(runs, steppers))
    errors = page.plot("errors", accuracy.over_time(placed, limits.points))
    page.add("errors", "Error over time", errors)
    page.add(
        "accuracy",
        "Accuracy",
        accuracy.absolute(runs),
        accuracy.relative(runs),
        page.plot("by-distance", accuracy.by_distance(runs)),
    )
    page.add("association", "Association and clock offset", accuracy.association(runs))
    page.add(
        "times",
        "Time",
        page.plot("stages", times.stage_bars(runs)),
        *(page.plot(f"times-{k}", times.frame_times(run, limits.points), _of(runs, run))
          for k, run in enumerate(runs)),
    )  # fmt: skip
    for k, run in enumerate(runs):
        title = "Hardware" if len(runs) == 1 else f"Hardware: {run.name}"
        hardware.add_sections(page, run, str(k), title)
    page.add("settings", "Settings", figures.settings(runs))
    return page


def _views(figure: str) -> str:
    """Return the buttons that turn a figure in space."""
    buttons = (
        f"<button type=button data-figure={figure} "
        f'data-camera="{escape(json.dumps(camera))}">{name}</button>'
        for name, camera in trajectory.VIEWS.items()
    )
    return f"<div class=bar>{''.join(buttons)}<span class=note>{OPEN}</span></div>"


def _timeline(page: Page, run: RunData, k: int, limits: Limits) -> str:
    return page.plot(f"timeline-{k}", timeline.timeline(run, limits.points))


def _stepper(page: Page, run: RunData, k: int, limits: Limits, page_folder: Path) -> str:
    record = stepper.steps(run, page_folder, limits.images) if limits.images else None
    if record is None:
        return ""
    page.features[str(k)] = record
    return stepper.widget(str(k), record, not run.features["rendered"], f"timeline-{k}")


def _of(runs: Sequence[RunData], run: RunData) -> str:
    return "" if len(runs) == 1 else f"<h3>{escape(run.name)}</h3>"


def _choice(name: str, runs: Sequence[RunData], parts: Sequence[str]) -> str:
    """Return parts of which one is shown at a time, by a choice of the run."""
    if len(runs) == 1 or not any(parts):
        return parts[0]
    options = "".join(f"<option>{escape(run.name)}</option>" for run in runs)
    select = (
        f'<div class=bar><label>run <select data-tabs="{name}">{options}</select></label></div>'
    )
    return select + "".join(f'<div class=tab data-of="{name}">{part}</div>' for part in parts)


def _beside(runs: Sequence[RunData], parts: Sequence[str]) -> list[str]:
    if len(runs) == 1 or not any(parts):
        return [parts[0]]
    pairs = zip(runs, parts, strict=True)
    inner = "".join(f"<div>{_of(runs, run)}{part}</div>" for run, part in pairs if part)
    return [f"<div class=steppers>{inner}</div>"]
