# SPDX-License-Identifier: Apache-2.0
"""An exploration from its default to its files; what is already known is not run again."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vio.config import Config, dump_config
from vio.explore.cost import OBJECTIVES, PRESETS
from vio.explore.evaluate import Case, Evaluation, Evaluator
from vio.explore.formats import every_format, make_formats
from vio.explore.knobs import Knob, is_buildable, make_knobs, values_of
from vio.explore.netadapt import Move, netadapt
from vio.explore.refine import refine
from vio.explore.results import (
    FORMATS_TABLE,
    RECORD,
    TABLE,
    complete,
    csv_text,
    difference,
    format_record,
    presets,
    record,
)
from vio.explore.sampler import sample
from vio.explore.store import open_store
from vio.explore.verify import Verify, verify_chip
from vio.runs.files import replace_file

PROVED = "smallest"  # the preset that is run as Verilog and synthesised
SEARCHES = ("netadapt", "sampler")
MakeRunner = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Plan:
    """Hold what to explore.

    base, preset: the settings to start from, and their name. cases, held_back: to search on, and to
    run the presets on afterwards. knobs: names. buildable: only values that today's Verilog takes.
    budget: settings to evaluate. objectives: of NetAdapt, words of OBJECTIVES. most_ratio: of a
    preset's ATE to the default's. sizes, rates: of the second front, which is left out without
    them (see vio.explore.formats). rtl_frames: to run `smallest` on as Verilog; 0: it is not
    proved.
    """

    base: Config
    preset: str
    cases: tuple[Case, ...]
    held_back: tuple[Case, ...]
    knobs: tuple[str, ...]
    buildable: bool
    until_s: float
    budget: int
    search: str
    objectives: tuple[str, ...]
    seed: int
    most_ratio: float
    sizes: tuple[str, ...] = ()
    rates: tuple[int, ...] = ()
    rtl_frames: int = 0


def explore(
    plan: Plan,
    out: Path,
    make_runner: MakeRunner,
    progress: Callable[..., None] = lambda done, note="": None,
    verify: Verify | None = None,
) -> dict[str, Any]:
    """Run an exploration and return its record; also written to `out`, with table and presets.

    progress: called with the number of settings and a note. verify: proves a preset, by
    `verify_chip` unless given. Raises VioError for a default that fails, for a cluster that cannot
    be used, and where a proof cannot be run; all results until then are kept.
    """
    knobs = make_knobs(plan.base, plan.knobs, plan.buildable)
    formats = make_formats(plan.base, plan.sizes, plan.rates) if plan.sizes or plan.rates else []
    with open_store(out) as store, make_runner() as runner:
        evaluator = Evaluator(
            plan.base,
            knobs,
            plan.cases,
            plan.until_s,
            store,
            runner,
            plan.budget,
            lambda runs: progress(len(evaluator.points), f"{runs} runs"),
        )
        runner.check(evaluator.base_tasks())
        evaluator.prepare()
        moves = _search(plan, evaluator)
        found = record(evaluator, moves, plan.most_ratio, plan.search, plan.preset)
        chosen = presets(complete(evaluator), plan.most_ratio)
        if plan.held_back:
            found["held_back"] = _held_back(plan, evaluator, chosen, store, runner)
        if formats:
            found["formats"] = _formats(plan, formats, evaluator, store, runner)
        counts = {"runs": evaluator.runs, "known": evaluator.known}
    for name in PRESETS:
        path = out / f"{name}.toml"
        if name in chosen:
            replace_file(path, dump_config(chosen[name].config))
        else:
            path.unlink(missing_ok=True)
    _write(found, out)
    if plan.rtl_frames:  # takes long, and may fail: what was found is written before
        progress(len(evaluator.points), f"{PROVED} as Verilog")
        found["verified"] = _verified(
            plan, evaluator, chosen.get(PROVED), out, verify or verify_chip
        )
        _write(found, out)
    return found | counts


def _write(found: dict[str, Any], out: Path) -> None:
    replace_file(out / RECORD, json.dumps(found, indent=2, allow_nan=False) + "\n")
    replace_file(out / TABLE, csv_text(found))
    if "formats" in found:
        replace_file(out / FORMATS_TABLE, csv_text(found["formats"]))
    else:
        (out / FORMATS_TABLE).unlink(missing_ok=True)


def _search(plan: Plan, evaluator: Evaluator) -> list[dict[str, Any]]:
    if plan.search == "sampler":
        sample(evaluator, plan.seed)
        return []
    moves: list[Move] = []
    for k, word in enumerate(plan.objectives):
        # What one objective leaves of its share goes to the next ones.
        share = -(-evaluator.remaining // (len(plan.objectives) - k))
        moves += netadapt(evaluator, OBJECTIVES[word], share)
    for k, word in enumerate(plan.objectives):
        share = -(-evaluator.remaining // (len(plan.objectives) - k))
        moves += refine(evaluator, OBJECTIVES[word], share, plan.most_ratio)
    return [_move(evaluator, move) for move in moves]


def _move(evaluator: Evaluator, move: Move) -> dict[str, Any]:
    e = move.evaluation
    return {
        "objective": move.objective,
        "target": move.target,
        "knob": move.knob,
        "cost": getattr(e.costs, move.objective),
        "ate_ratio": e.ratio,
        "changed": values_of(evaluator.knobs, e.point),
    }


def _held_back(
    plan: Plan,
    evaluator: Evaluator,
    chosen: dict[str, Evaluation],
    store: Any,
    runner: Any,
) -> list[dict[str, Any]]:
    """Return how the presets do on recordings that the search has not seen."""
    points = list(dict.fromkeys(e.point for e in chosen.values()))
    fresh = Evaluator(
        plan.base,
        evaluator.knobs,
        plan.held_back,
        plan.until_s,
        store,
        runner,
        len(points) + 1,
    )
    default = fresh.default()
    found = dict(zip(points, fresh.evaluate(points, plan.until_s), strict=True))
    evaluator.runs += fresh.runs
    evaluator.known += fresh.known
    rows = []
    for name, e in (("default", default), *((n, found[c.point]) for n, c in chosen.items())):
        rows.append(
            {
                "preset": name,
                "cases": [case.name for case in plan.held_back],
                "ates_m": [r.get("ate_m") for r in e.results],
                "ate_ratio": asdict(difference(e.ratios)) if e.ratios else None,
                "failure": e.failure,
                "costs": None if e.costs is None else asdict(e.costs),
            }
        )
    return rows


def _formats(
    plan: Plan, knobs: list[Knob], evaluator: Evaluator, store: Any, runner: Any
) -> dict[str, Any]:
    """Return how the default's settings do with each size and rate; outside of the budget."""
    points = every_format(knobs)
    second = Evaluator(plan.base, knobs, plan.cases, plan.until_s, store, runner, len(points))
    second.evaluate(points, plan.until_s)
    evaluator.runs += second.runs
    evaluator.known += second.known
    return format_record(second)


def _verified(
    plan: Plan, evaluator: Evaluator, one: Evaluation | None, out: Path, prove: Verify
) -> dict[str, Any]:
    """Return what the Verilog of the preset that is proved does, on the first recording."""
    if one is None or not is_buildable(evaluator.knobs, one.point):
        return {"preset": PROVED, "buildable": False}
    path = out / f"{PROVED}.toml"
    found = prove(one.config, plan.cases[0], plan.rtl_frames, path)
    assert one.costs is not None
    return {
        "preset": PROVED,
        "buildable": True,
        "changed": values_of(evaluator.knobs, one.point),
        "modelled_block_rams": one.costs.block_rams,
        **found,
    }


def cases_of(paths: Sequence[str], seeds: Sequence[int]) -> tuple[Case, ...]:
    """Return a case for each recording and seed."""
    return tuple(Case(path, seed) for path in paths for seed in seeds)
