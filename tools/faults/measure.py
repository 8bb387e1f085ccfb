# SPDX-License-Identifier: Apache-2.0
"""Plant faults into recordings, run the odometry on them, and hold the errors to their bars.

    python -m tools.faults.measure [--cases NAME ...] [--sources NAME ...] [--seeds N]

Writes DIR/faults.json and DIR/report.html, and prints the table; exit code 3 when a bar is missed.
Flights and scenes are rendered into DIR/flights once. Each run is `vio run` in a process of its
own, on one thread. A measurement that was stopped goes on, with the results in DIR/kept.jsonl, as
long as code and libraries stay the same.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from tools.faults.cases import CASES, FAULT_STEP_S, FIRST_FAULT_S, SOURCES, Case, Source
from tools.faults.kept import KeptResults
from tools.faults.plant import Chance
from tools.faults.recording import Recording, load
from tools.faults.runs import Run, ate_m, flight, run, scene_folder, truth_of
from tools.faults.scenes import SCENES, Scene
from vio.commands.outcome import write_page
from vio.errors import VioError
from vio.exits import EXIT_NEGATIVE
from vio.runs.files import replace_file
from vio.trajectory import Trajectory


class Measurement:
    """Measure cases on one recording."""

    def __init__(self, source: Source, folder: Path, work: Path) -> None:
        self.source, self.folder, self.work = source, folder, work
        self.recording: Recording = load(folder)
        self.truth = truth_of(folder)
        self.baseline: list[Trajectory] = []

    def undisturbed(self, seed: int) -> None:
        """Run the recording as it is; raises VioError when that fails."""
        result = self._run(self.folder, seed)
        if not result.is_whole or len(result.segments) != 1:
            raise VioError(f"{self.folder}: the undisturbed run fails: {result.notes[-3:]}")
        self.baseline += result.segments.values()

    def baseline_m(self, start_ns: int = 0, end_ns: int = 2**62) -> float:
        """Return the mean ATE of the undisturbed runs between two times, metres."""
        return float(np.mean([ate_m(t, self.truth, start_ns, end_ns) for t in self.baseline]))

    def disturbed(self, case: Case, seed: int) -> dict[str, Any]:
        """Plant a fault and run; return what it gave, each segment beside the undisturbed runs.

        Where there are several segments, each is compared over its own time.
        """
        chance = Chance(seed, FIRST_FAULT_S + FAULT_STEP_S * (seed - 1))
        with tempfile.TemporaryDirectory(dir=self.work) as temporary:
            spoilt = Path(temporary) / self.source.sequence
            case.plant(self.recording, chance).write(spoilt)
            result, truth = self._run(spoilt, seed), truth_of(spoilt)
        sides = []
        for trajectory in result.segments.values():
            span = (int(trajectory.t_ns[0]), int(trajectory.t_ns[-1]))
            undisturbed = self.baseline_m(*span if len(result.segments) > 1 else ())
            error = ate_m(trajectory, truth)
            sides.append(
                {
                    "poses": len(trajectory),
                    "ate_m": error,
                    "undisturbed_m": undisturbed,
                    "ratio": error / undisturbed,
                }
            )
        diagnoses = result.metrics.get("diagnoses", [])
        return {
            "case": case.name,
            "source": self.source.sequence,
            "seed": seed,
            "exit": result.code,
            "whole": result.is_whole,
            "status": {name: result.status.count(name) for name in sorted(set(result.status))},
            "named": case.named in " ".join(diagnoses),
            "diagnoses": diagnoses,
            "notes": result.notes,
            "sides": sides,
        }

    def _run(self, folder: Path, seed: int) -> Run:
        with tempfile.TemporaryDirectory(dir=self.work) as temporary:
            return run(folder, Path(temporary) / "run", seed)


def row_of(case: Case, source: Source, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the row of a case on a recording: ratios to the undisturbed ATE, and what is missed.

    The mean over the seeds is held to the bar, for each segment by itself.
    """
    most = max(len(entry["sides"]) for entry in runs)
    ratios = [[e["sides"][k]["ratio"] for e in runs if k < len(e["sides"])] for k in range(most)]
    means = [float(np.mean(r)) for r in ratios]
    missed = []
    if not all(entry["whole"] for entry in runs):
        missed.append("does not end complete")
    if any(not 1 <= len(entry["sides"]) <= case.segments for entry in runs):
        missed.append(f"{most} segments")
    if case.bar is not None and not all(mean <= case.bar for mean in means):
        missed.append(f"over {case.bar:g}")
    if not all(entry["named"] for entry in runs):
        missed.append("not named")
    return {
        "case": case.name,
        "title": case.title,
        "source": source.sequence,
        "bar": case.bar,
        "mean_ratio": means,
        "worst_ratio": [float(np.max(r)) for r in ratios],
        "missed": missed,
        "runs": list(runs),
    }


def scene_row(scene: Scene, seed: int, flights: Path, work: Path) -> dict[str, Any]:
    """Render and run a scene; return its figure, and what is missed."""
    folder = scene_folder(scene, seed, flights)
    with tempfile.TemporaryDirectory(dir=work) as temporary:
        result = run(folder, Path(temporary) / "run", seed)
    missed = [] if result.is_whole and len(result.segments) == 1 else ["not one whole segment"]
    value = float("nan")
    if result.segments:
        value = scene.figure(next(iter(result.segments.values())), truth_of(folder))
    if not scene.is_met(value):
        missed.append(f"{'over' if scene.at_most else 'under'} {scene.bound:g}")
    return {
        "scene": scene.name,
        "title": scene.title,
        "unit": scene.unit,
        "seed": seed,
        "value": value,
        "missed": missed,
    }


def cell(row: dict[str, Any]) -> str:
    """Return a cell of the table: mean ratio (worst), one for each segment, and what is missed."""
    pairs = zip(row["mean_ratio"], row["worst_ratio"], strict=True)
    sides = "; ".join(f"{mean:.2f} ({worst:.2f})" for mean, worst in pairs)
    return sides + (f" **{', '.join(row['missed'])}**" if row["missed"] else "")


def table(sources: Sequence[Source], baselines: Sequence[float], rows: Sequence[dict]) -> str:
    """Return the table in Markdown: one line a fault, one column a recording."""
    lines = ["| fault | at most | " + " | ".join(s.label for s in sources) + " |"]
    lines.append("|---|---|" + "---|" * len(sources))
    lines.append("| none: ATE | | " + " | ".join(f"{b:.4f} m" for b in baselines) + " |")
    for case in CASES:
        of_case = [row for row in rows if row["case"] == case.name]
        if of_case:
            bar = "named" if case.bar is None else f"{case.bar:g}"
            cells = " | ".join(cell(row) for row in of_case)
            lines.append(f"| {case.title} | {bar} | {cells} |")
    return "\n".join(lines)


def scene_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of the scenes in Markdown: one line each, all seeds."""
    lines = ["| scene | bound | seeds |", "|---|---|---|"]
    for scene in SCENES:
        of_scene = [row for row in rows if row["scene"] == scene.name]
        if of_scene:
            values = ", ".join(f"{row['value']:.4g} {scene.unit}".strip() for row in of_scene)
            missed = " **missed**" if any(row["missed"] for row in of_scene) else ""
            bound = f"{scene.bound:g} {scene.unit}".strip()
            lines.append(f"| {scene.title} | {bound} | {values}{missed} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write faults.json, print the tables."""
    given = _arguments(arguments)
    cases = [c for c in CASES if given.cases is None or c.name in given.cases]
    sources = [s for s in SOURCES if given.sources is None or s.sequence in given.sources]
    scenes = [s for s in SCENES if given.scenes is None or s.name in given.scenes]
    seeds = range(1, given.seeds + 1)
    work, flights = given.out / "work", given.out / "flights"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with ThreadPoolExecutor(given.jobs) as pool:
        folders = pool.map(lambda source: flight(source, flights), sources)
        measured = [Measurement(s, f, work) for s, f in zip(sources, folders, strict=True)]
        list(pool.map(lambda m, k: m.undisturbed(k), *_pairs(measured, seeds)))
        kept = KeptResults(given.out / "kept.jsonl")
        if len(kept):
            print(f"going on after {len(kept)} results in {kept.path}", flush=True)

        def entry(job: tuple[Measurement, Case, int]) -> dict[str, Any]:
            m, case, seed = job
            name = f"{case.name} {m.source.sequence} {seed}"
            return kept.get(name, lambda: m.disturbed(case, seed))

        def shown(scene: Scene, seed: int) -> dict[str, Any]:
            return kept.get(f"{scene.name} {seed}", lambda: scene_row(scene, seed, flights, work))

        jobs = [(m, case, seed) for case in cases for m in measured for seed in seeds]
        entries = list(pool.map(entry, jobs))
        scene_rows = list(pool.map(shown, *_pairs(scenes, seeds)))
    rows = []
    for k, (m, case, seed) in enumerate(jobs):
        if seed == seeds[0]:
            rows.append(row_of(case, m.source, entries[k : k + len(seeds)]))
    baselines = [m.baseline_m() for m in measured]
    parts = [table(sources, baselines, rows)] if rows else []
    parts += [scene_table(scene_rows)] if scene_rows else []
    text = "\n\n".join(parts)
    result = {
        "undisturbed_ate_m": dict(zip([s.sequence for s in sources], baselines, strict=True)),
        "seeds": given.seeds,
        "faults": rows,
        "scenes": scene_rows,
        "table": text.splitlines(),
    }
    replace_file(given.out / "faults.json", json.dumps(result, indent=2) + "\n")
    kept.path.unlink()
    shutil.rmtree(work)
    print(text)
    if not given.no_report:
        write_page(given.out)
    return EXIT_NEGATIVE if any(row["missed"] for row in [*rows, *scene_rows]) else 0


def _pairs(first: Sequence[Any], second: Sequence[int]) -> tuple[list[Any], list[int]]:
    """Return all pairs, as two lists for `map`."""
    return [a for a in first for _ in second], [b for _ in first for b in second]


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the odometry under planted faults.")
    for option, known in (
        ("--cases", [c.name for c in CASES]),
        ("--sources", [s.sequence for s in SOURCES]),
        ("--scenes", [s.name for s in SCENES]),
    ):
        parser.add_argument(
            option, nargs="*", choices=known, metavar="NAME", help=f"of {', '.join(known)} (all)"
        )
    parser.add_argument("--seeds", type=int, default=2, help="of faults, RANSAC and scenes: 1 to N")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--no-report", action="store_true", help="write no report.html")
    parser.add_argument("--out", type=Path, default=Path("build/faults"), metavar="DIR")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
