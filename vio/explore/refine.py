# SPDX-License-Identifier: Apache-2.0
"""Swaps after NetAdapt's steps: lower a cost further by giving back what was taken in vain.

A greedy search only ever lowers: an early step that was worth it alone stays when a later one makes
it needless. From the cheapest settings that a preset may have, a swap lowers one knob and may raise
another one. Which swaps are tried first is said by a model of the ratio of ATE, fitted to all that
has run: sequential model-based search (Hutter et al., "Sequential Model-Based Optimization for
General Algorithm Configuration", LION 2011), here with a linear model of the ratio's logarithm.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from vio.explore.evaluate import Evaluation, Evaluator, OverBudget
from vio.explore.knobs import Point, moved
from vio.explore.netadapt import Move, candidates, halving

BATCH = 4  # swaps that are run together
STEP = 0.005  # of the default's cost: the least that a swap must save
# The prior: a knob's whole range changes the logarithm of the ratio by 0.5, up or down, and one
# evaluation scatters by 0.1.
RIDGE = (0.1 / 0.5) ** 2
PATIENCE = 6  # batches without success


def refine(
    evaluator: Evaluator,
    objective: str,
    budget: int,
    most_ratio: float,
    on_move: Callable[[Move], None] = lambda move: None,
) -> list[Move]:
    """Return the swaps that lower a field of `Costs` with a ratio of ATE of at most `most_ratio`.

    It ends with its budget of new points, when no swap is left, and after PATIENCE batches in vain.
    """
    last = max(0, evaluator.remaining - budget)
    current = _cheapest(evaluator, objective, most_ratio)
    least = STEP * _cost(evaluator.default(), objective)
    moves, vain = list[Move](), 0
    while vain < PATIENCE and evaluator.remaining > last:
        target = _cost(current, objective) - least
        points = swaps(evaluator, current, objective, target)
        points = by_model(evaluator, points)[: min(BATCH, evaluator.remaining - last)]
        if not points:
            break
        try:
            halving(evaluator, points)
        except OverBudget:
            break
        best = _cheapest(evaluator, objective, most_ratio)
        if best is current:
            vain += 1
            continue
        vain = 0
        changed = [
            knob.name
            for knob, a, b in zip(evaluator.knobs, current.point, best.point, strict=True)
            if a != b
        ]
        moves.append(Move(objective, target, " ".join(changed), best))
        on_move(moves[-1])
        current = best
    return moves


def _cost(evaluation: Evaluation, objective: str) -> float:
    value: float = getattr(evaluation.costs, objective)
    return value


def _whole(evaluator: Evaluator) -> list[Evaluation]:
    """Return what ran on the whole clip without failing, in order of the points."""
    found = [e for (_, s), e in evaluator.done.items() if s == evaluator.lengths[-1]]
    return sorted((e for e in found if e.costs and math.isfinite(e.ratio)), key=lambda e: e.point)


def _cheapest(evaluator: Evaluator, objective: str, most_ratio: float) -> Evaluation:
    good = [e for e in _whole(evaluator) if e.ratio <= most_ratio]
    return min(good, key=lambda e: (_cost(e, objective), e.ratio, e.point))


def swaps(evaluator: Evaluator, current: Evaluation, objective: str, target: float) -> list[Point]:
    """Return new points that lower one knob and raise none or another one, at most at a cost.

    Of each pair of knobs the mildest: the raised one back by one value or to its first, the lowered
    one by as little as reaches the target.
    """
    found = dict.fromkeys(candidates(evaluator, current, objective, target))
    for raised, index in enumerate(current.point):
        for back in sorted({0, index - 1} if index else ()):
            # A run with fewer tracks says too little of the work of more; the default's bounds it.
            start = moved(current.point, raised, back)
            points = candidates(evaluator, evaluator.default(), objective, target, start)
            found |= dict.fromkeys(p for p in points if p[raised] == back)
    return [point for point in found if point not in evaluator.points]


def by_model(evaluator: Evaluator, points: Sequence[Point]) -> list[Point]:
    """Return points in order of the ratio that a model of all that ran expects of them."""
    known = _whole(evaluator)
    inputs = np.array([_features(evaluator, e.point) for e in known])
    logs = np.log([e.ratio for e in known])
    normal = inputs.T @ inputs + RIDGE * np.eye(inputs.shape[1])
    slopes = np.linalg.solve(normal, inputs.T @ logs)
    expected = {p: float(_features(evaluator, p) @ slopes) for p in points}
    return sorted(points, key=lambda p: (expected[p], p))


def _features(evaluator: Evaluator, point: Point) -> np.ndarray:
    """Return how far each knob is from its first value, as a share of its range; the default: 0."""
    ends = [max(len(knob.values) - 1, 1) for knob in evaluator.knobs]
    return np.array([index / end for index, end in zip(point, ends, strict=True)])
