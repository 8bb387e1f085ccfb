# SPDX-License-Identifier: Apache-2.0
"""NetAdapt's loop: lower a cost step by step, each step by the knob that loses least accuracy.

Yang et al., "NetAdapt: Platform-Aware Neural Network Adaptation for Mobile Applications", ECCV
2018, algorithm 1: there a layer's filters, here a knob; the short fine-tuning is a short clip here.
The candidates of a step pass rounds of successive halving (Jamieson and Talwalkar, AISTATS 2016).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vio.explore.cost import Costs
from vio.explore.evaluate import Evaluation, Evaluator, OverBudget
from vio.explore.knobs import Point, moved

FIRST_STEP = 0.08  # of the default's cost
DECAY = 0.96  # of the step, from one to the next (NetAdapt's tables 1 and 2)
LEAST_STEP = 0.01
KEEP = 0.5  # of the candidates, from one round to the next
STOP_RATIO = 2.0  # of ATE to the default's: beyond, no preset lies


@dataclass(frozen=True)
class Move:
    """Hold a step that was taken: the cost that was aimed at, the knob, and where it led."""

    objective: str
    target: float
    knob: str
    evaluation: Evaluation


def netadapt(
    evaluator: Evaluator,
    objective: str,
    budget: int,
    on_move: Callable[[Move], None] = lambda move: None,
) -> list[Move]:
    """Return the steps that lower a field of `Costs`, within a number of new points.

    It ends where no knob reaches the next step's cost, where every candidate fails, at STOP_RATIO,
    and when the budget is used up.
    """
    current = evaluator.default()
    first = _cost(current.costs, objective)
    step, moves = FIRST_STEP * first, list[Move]()
    last = max(0, evaluator.remaining - budget)
    while step >= LEAST_STEP * first:
        target = _cost(current.costs, objective) - step
        points = candidates(evaluator, current, objective, target)
        if not points:
            step /= 2
            continue
        points = _affordable(evaluator, current.point, points, evaluator.remaining - last)
        if not points:
            break
        try:
            whole = halving(evaluator, points)
        except OverBudget:
            break
        if not whole:
            break
        # Those that cost more than expected are known now, and no candidates of this step again.
        reached = [e for e in whole if _cost(e.costs, objective) <= target]
        if not reached:
            continue
        best = min(reached, key=_rank)
        knob = _changed(evaluator, current.point, best.point)
        moves.append(Move(objective, target, knob, best))
        on_move(moves[-1])
        if best.ratio > STOP_RATIO:
            break
        current = best
        step *= DECAY
    return moves


def _cost(costs: Costs | None, objective: str) -> float:
    assert costs is not None
    value: float = getattr(costs, objective)
    return value


def _affordable(
    evaluator: Evaluator, current: Point, points: Sequence[Point], budget: int
) -> list[Point]:
    """Return the points that a number of new ones allows: those first that move least."""

    def steps(point: Point) -> int:
        return sum(abs(a - b) for a, b in zip(point, current, strict=True))

    known = [p for p in points if p in evaluator.points]
    new = sorted((p for p in points if p not in evaluator.points), key=steps)
    return known + new[: max(budget, 0)]


def _changed(evaluator: Evaluator, before: Point, after: Point) -> str:
    """Return the name of the knob in which two points differ."""
    trios = zip(evaluator.knobs, before, after, strict=True)
    return next(knob.name for knob, a, b in trios if a != b)


def candidates(
    evaluator: Evaluator,
    near: Evaluation,
    objective: str,
    target: float,
    start: Point | None = None,
) -> list[Point]:
    """Return a point a knob: its first value from here on whose expected cost is at most target.

    start: where `here` is, if not at `near`, from whose work the costs are expected.
    """
    found = []
    here = near.point if start is None else start
    for position, knob in enumerate(evaluator.knobs):
        for index in range(here[position] + 1, len(knob.values)):
            point = moved(here, position, index)
            expected = evaluator.expected(point, near)
            if expected is not None and getattr(expected, objective) <= target:
                found.append(point)
                break
    return found


def halving(evaluator: Evaluator, points: Sequence[Point]) -> list[Evaluation]:
    """Return those of points that come as far as the whole clip and do not fail there.

    Each round keeps the better half; equal ones in the order of their points.
    """
    left = list(points)
    for until_s in evaluator.lengths[:-1]:
        found = evaluator.evaluate(left, until_s)
        ranked = sorted((e for e in found if math.isfinite(e.ratio)), key=_rank)
        left = [e.point for e in ranked[: math.ceil(KEEP * len(found))]]
    whole = evaluator.evaluate(left, evaluator.lengths[-1])
    return [e for e in whole if math.isfinite(e.ratio)]


def _rank(evaluation: Evaluation) -> tuple[float, Point]:
    return evaluation.ratio, evaluation.point
