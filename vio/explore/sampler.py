# SPDX-License-Identifier: Apache-2.0
"""A multi-objective sampler of Optuna, seeded: what NetAdapt's greedy steps are checked against."""

import math
from collections.abc import Callable

from vio.explore.cluster import require
from vio.explore.cost import OBJECTIVES
from vio.explore.evaluate import Evaluation, Evaluator, OverBudget
from vio.explore.knobs import Point, base_of
from vio.explore.netadapt import STOP_RATIO

BATCH = 4  # points a round, whatever the number of processes: the same seed gives the same points
TRIES = 20  # of a round that gives no new point: then there is none, or hardly any


def sample(
    evaluator: Evaluator, seed: int, on_point: Callable[[int], None] = lambda done: None
) -> list[Evaluation]:
    """Return evaluations of sampled points until the budget is used up.

    TPE over the knobs' indices, for ATE ratio, memory, energy and worst cycles together. A point is
    run on the shortest clip first; one beyond STOP_RATIO there goes no further. Points that would
    make the next frame wait longer than the base are refused without a run.
    """
    require()
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        directions=["minimize"] * (1 + len(OBJECTIVES)),
        sampler=optuna.samplers.TPESampler(seed=seed),
    )
    study.enqueue_trial({knob.name: 0 for knob in evaluator.knobs})
    default, found, idle = evaluator.default(), list[Evaluation](), 0
    while evaluator.remaining > 0 and idle < TRIES:
        trials = [study.ask() for _ in range(BATCH)]
        points = [
            tuple(trial.suggest_int(knob.name, 0, len(knob.values) - 1) for knob in evaluator.knobs)
            for trial in trials
        ]
        fit = [p == base_of(evaluator.knobs) or _fits(evaluator, p, default) for p in points]
        wanted = list(dict.fromkeys(p for p, good in zip(points, fit, strict=True) if good))
        new = [p for p in wanted if p not in evaluator.points][: evaluator.remaining]
        wanted = [p for p in wanted if p in evaluator.points or p in new]
        idle = 0 if new else idle + 1
        try:
            evaluations = {e.point: e for e in _rounds(evaluator, wanted)}
        except OverBudget:
            break
        found += [evaluations[p] for p in new]
        on_point(len(found))
        for trial, point in zip(trials, points, strict=True):
            e = evaluations.get(point)
            if e is None or e.costs is None or not math.isfinite(e.ratio):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, [e.ratio, *(getattr(e.costs, n) for n in OBJECTIVES.values())])
    return found


def _fits(evaluator: Evaluator, point: Point, default: Evaluation) -> bool:
    return evaluator.expected(point, default) is not None


def _rounds(evaluator: Evaluator, points: list[Point]) -> list[Evaluation]:
    """Return each point's evaluation on the longest clip that it reaches."""
    first = evaluator.evaluate(points, evaluator.lengths[0])
    left = [e.point for e in first if e.ratio <= STOP_RATIO]
    whole = {e.point: e for e in evaluator.evaluate(left, evaluator.lengths[-1])}
    return [whole.get(e.point, e) for e in first]
