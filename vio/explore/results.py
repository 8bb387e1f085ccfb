# SPDX-License-Identifier: Apache-2.0
"""What an exploration found: the front, presets, differences from the default, and its record."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vio.explore.cost import OBJECTIVES, PRESETS, Costs
from vio.explore.evaluate import Evaluation, Evaluator
from vio.explore.formats import FORMAT_COSTS
from vio.explore.knobs import base_of, is_buildable, values_of

CONFIDENCE = 0.95
RECORD, TABLE, FORMATS_TABLE = "explore.json", "explore.csv", "formats.csv"


@dataclass(frozen=True)
class Difference:
    """Hold ATE over the default's on the same cases: mean, and its interval of CONFIDENCE.

    The interval is None with one case: nothing is known of the scatter then.
    """

    ratio: float
    low: float | None
    high: float | None


def difference(ratios: Sequence[float]) -> Difference:
    """Return the geometric mean of paired ratios with Student's interval of their logarithms.

    Pairs share recording and seed, so that what makes a flight hard for both cancels out.
    """
    logs = np.log(ratios)
    mean = float(logs.mean())
    if len(logs) < 2:
        return Difference(math.exp(mean), None, None)
    from scipy.stats import t

    half = float(t.ppf(0.5 + CONFIDENCE / 2, len(logs) - 1) * logs.std(ddof=1) / len(logs) ** 0.5)
    return Difference(math.exp(mean), math.exp(mean - half), math.exp(mean + half))


def complete(evaluator: Evaluator) -> list[Evaluation]:
    """Return the evaluations on the whole clip, the default first, in order of their points."""
    whole = [e for (_, s), e in evaluator.done.items() if s == evaluator.lengths[-1]]
    return sorted(whole, key=lambda e: e.point)


def _axes(evaluation: Evaluation, costs: Sequence[str]) -> tuple[float, ...]:
    assert evaluation.costs is not None
    return (evaluation.ratio, *(getattr(evaluation.costs, name) for name in costs))


def usable(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return those that did not fail."""
    return [e for e in evaluations if e.costs is not None and math.isfinite(e.ratio)]


def front(
    evaluations: Sequence[Evaluation], costs: Sequence[str] = tuple(OBJECTIVES.values())
) -> list[Evaluation]:
    """Return those that no other one betters in ATE and some costs (fields of `Costs`) together."""
    known = usable(evaluations)

    def beaten(one: tuple[float, ...], by: tuple[float, ...]) -> bool:
        return by != one and all(b <= a for a, b in zip(one, by, strict=True))

    axes = [_axes(e, costs) for e in known]
    return [e for e, a in zip(known, axes, strict=True) if not any(beaten(a, b) for b in axes)]


def presets(evaluations: Sequence[Evaluation], most_ratio: float) -> dict[str, Evaluation]:
    """Return, by preset, the one with least of its cost whose ratio of ATE is at most this."""
    good = [e for e in usable(evaluations) if e.ratio <= most_ratio]
    return {
        name: min(good, key=lambda e: (getattr(e.costs, cost), e.ratio, e.point))
        for name, cost in PRESETS.items()
        if good
    }


def row(
    evaluator: Evaluator, evaluation: Evaluation, on_front: bool, names: Sequence[str]
) -> dict[str, Any]:
    """Return what JSON and CSV hold of an evaluation."""
    e = evaluation
    ates = [r.get("ate_m") for r in e.results]
    lives = [r["track_life"] for r in e.results if r.get("track_life") is not None]
    known = [a for a in ates if a is not None]
    paired = difference(e.ratios) if e.ratios else None
    return {
        "changed": values_of(evaluator.knobs, e.point),
        "is_default": e.point == base_of(evaluator.knobs),
        "buildable": is_buildable(evaluator.knobs, e.point),
        "on_front": on_front,
        "presets": list(names),
        "failure": e.failure,
        "ate_m": float(np.mean(known)) if len(known) == len(ates) and known else None,
        "ates_m": ates,
        "ate_ratio": None if paired is None else asdict(paired),
        "track_life": float(np.mean(lives)) if lives else None,
        "costs": None if e.costs is None else asdict(e.costs),
    }


def record(
    evaluator: Evaluator,
    moves: Sequence[dict[str, Any]],
    most_ratio: float,
    search: str,
    preset: str,
) -> dict[str, Any]:
    """Return the record of an exploration, for JSON."""
    whole = complete(evaluator)
    on_front = {e.point for e in front(whole)}
    chosen = presets(whole, most_ratio)
    named = {e.point: [n for n, c in chosen.items() if c.point == e.point] for e in whole}
    short = {p for p in evaluator.points if p not in named}
    return {
        "search": search,
        "preset": preset,
        "cases": [case.name for case in evaluator.cases],
        "until_s": evaluator.lengths[-1],
        "clips_s": evaluator.lengths,
        "budget": evaluator.budget,
        "settings": len(evaluator.points),
        "only_on_short_clips": len(short),
        "most_ratio": most_ratio,
        "confidence": CONFIDENCE,
        "knobs": {knob.name: {"key": knob.key, "values": list(knob.values)}
                  for knob in evaluator.knobs},
        "rows": [row(evaluator, e, e.point in on_front, named[e.point]) for e in whole],
        "moves": list(moves),
        "held_back": [],
    }  # fmt: skip


def format_record(evaluator: Evaluator) -> dict[str, Any]:
    """Return the part of a record that holds sizes and rates: its knobs and rows."""
    whole = complete(evaluator)
    on_front = {e.point for e in front(whole, FORMAT_COSTS)}
    return {
        "knobs": {knob.name: {"key": knob.key, "values": list(knob.values)}
                  for knob in evaluator.knobs},
        "rows": [row(evaluator, e, e.point in on_front, ()) for e in whole],
    }  # fmt: skip


def csv_text(found: dict[str, Any]) -> str:
    """Return the rows of a record as CSV: a line each, a column a knob and a cost."""
    text = io.StringIO()
    cost_names = list(Costs.__dataclass_fields__)
    head = ["default", "buildable", "front", "presets", "failure", "ate_m", "ate_ratio",
            "ate_ratio_low", "ate_ratio_high", "track_life", *cost_names,
            *found["knobs"]]  # fmt: skip
    out = csv.writer(text, lineterminator="\n")
    out.writerow(head)
    for one in found["rows"]:
        ratio, cost = one["ate_ratio"] or {}, one["costs"] or {}
        knobs = [
            one["changed"].get(name, knob["values"][0]) for name, knob in found["knobs"].items()
        ]
        cells = [
            int(one["is_default"]),
            int(one["buildable"]),
            int(one["on_front"]),
            " ".join(one["presets"]),
        ]
        cells += [one["failure"], one["ate_m"], *(ratio.get(k) for k in ("ratio", "low", "high"))]
        out.writerow([*cells, one["track_life"], *(cost.get(n) for n in cost_names), *knobs])
    return text.getvalue()
