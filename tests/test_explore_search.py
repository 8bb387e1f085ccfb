# SPDX-License-Identifier: Apache-2.0
"""The searches, on errors by formula: NetAdapt's steps, successive halving, Optuna's sampler."""

import math
from pathlib import Path

import pytest

from tests.exploring import Here, make_evaluator, needs_explore
from vio.explore.cost import OBJECTIVES
from vio.explore.evaluate import OverBudget, clip_lengths
from vio.explore.knobs import base_of
from vio.explore.netadapt import FIRST_STEP, STOP_RATIO, candidates, halving, netadapt
from vio.explore.refine import by_model, refine, swaps
from vio.explore.sampler import sample
from vio.explore.store import open_store


@pytest.mark.parametrize("objective", OBJECTIVES.values())
def test_each_step_reaches_its_cost_by_the_knob_that_loses_least(
    objective: str, tmp_path: Path
) -> None:
    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store, budget=60)
        moves = netadapt(evaluator, objective, 59)
        assert len(moves) > 2
        before = evaluator.default()
        first = getattr(before.costs, objective)
        # Halved until a knob reached it.
        halved = math.log2(FIRST_STEP / (1 - moves[0].target / first))
        assert halved == pytest.approx(round(halved))
        for move in moves:
            e = move.evaluation
            assert getattr(e.costs, objective) <= move.target
            assert sum(a != b for a, b in zip(e.point, before.point, strict=True)) == 1
            if objective != "mean_uw":  # whose cost is not known before a run
                rivals = candidates(evaluator, before, objective, move.target)
                assert e.ratio == min(evaluator.evaluate([p], 8.0)[0].ratio for p in rivals)
            before = e
        assert all(m.evaluation.ratio <= STOP_RATIO for m in moves[:-1])


def test_a_candidate_is_the_mildest_value_that_reaches_the_cost(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store)
        default = evaluator.default()
        target = 0.9 * default.costs.cycles_worst
        points = candidates(evaluator, default, "cycles_worst", target)
        assert points
        for point in points:
            (position,) = (i for i, k in enumerate(point) if k)
            for index in range(1, point[position] + 1):
                other = tuple(index if i == position else 0 for i in range(len(point)))
                expected = evaluator.expected(other, default)
                assert (expected.cycles_worst <= target) == (index == point[position])


def test_settings_that_would_drop_the_next_frame_are_no_candidates(tmp_path: Path) -> None:
    """Spare rows alone save memory; without a faster tracker the next frame would be dropped."""
    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store)
        default = evaluator.default()
        names = [k.name for k in evaluator.knobs]
        rows, tracks = names.index("spare_rows"), names.index("tracks")
        fewer = tuple(int(i == rows) for i in range(len(names)))
        assert evaluator.expected(fewer, default) is None
        both = tuple(1 if i == rows else 3 if i == tracks else 0 for i in range(len(names)))
        assert evaluator.expected(both, default).kib < default.costs.kib


def test_each_round_keeps_the_better_half(tmp_path: Path) -> None:
    runner = Here()
    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store, runner)
        points = [(n, 0, 0, 0, 0) for n in (1, 2, 3, 4, 5, 6)]
        best = halving(evaluator, points)
        assert [e.point for e in best] == points[:2]
        lengths = [t.until_s for t in runner.ran]
        assert [lengths.count(s) for s in (2.0, 4.0, 8.0)] == [7, 4, 3]  # the default at each
        assert halving(evaluator, [(8, 0, 0, 0, 0)]) == []  # lost


def test_rounds_have_no_clips_that_are_too_short() -> None:
    assert clip_lengths(8.0) == [2.0, 4.0, 8.0]
    assert clip_lengths(6.0) == [3.0, 6.0]
    assert clip_lengths(1.0) == [1.0]


def test_a_search_ends_with_its_budget(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store, budget=7)
        moves = netadapt(evaluator, "cycles_worst", 3)
        assert len(evaluator.points) == 4
        assert 0 < len(moves) <= 3
        netadapt(evaluator, "cycles_worst", 99)
        assert len(evaluator.points) == 7
        evaluator.budget = 9
        new = [(n, 1, 1, 1, 1) for n in range(evaluator.remaining + 1)]
        with pytest.raises(OverBudget):
            evaluator.evaluate(new, 8.0)


@needs_explore
def test_the_sampler_gives_the_same_points_for_a_seed_in_whatever_order_runs_end(
    tmp_path: Path,
) -> None:
    class Forward(Here):
        def run(self, tasks):  # type: ignore[no-untyped-def]
            return super().run(list(reversed(tasks)))

    points = []
    for k, (runner, seed) in enumerate(((Here(), 1), (Forward(), 1), (Here(), 2))):
        folder = tmp_path / str(k)
        folder.mkdir()
        with open_store(folder) as store:
            evaluator = make_evaluator(tmp_path, store, runner, budget=25)
            found = sample(evaluator, seed)
            points.append([e.point for e in found])
            assert len(evaluator.points) == 25
            assert base_of(evaluator.knobs) in evaluator.points
            assert any(math.isfinite(e.ratio) for e in found)
            pause = evaluator.default().costs.pause_cycles
            assert all(e.costs.pause_cycles <= pause for e in found if e.costs)
    assert points[0] == points[1] != points[2]


def test_swaps_give_back_what_a_greedy_step_took_in_vain(tmp_path: Path) -> None:
    """From few tracks, which save little memory, to more of them with a smaller window."""
    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store, budget=60)
        default = evaluator.default()
        evaluator.prepare()
        start = evaluator.evaluate([(6, 0, 0, 0, 0)], 8.0)[0]  # 1.48 times the error
        assert start.costs.kib < default.costs.kib
        moves = refine(evaluator, "kib", 50, most_ratio=1.5)
        assert moves
        before = start
        for move in moves:
            e = move.evaluation
            changed = [
                (knob.name, a, b)
                for knob, a, b in zip(evaluator.knobs, before.point, e.point, strict=True)
                if a != b
            ]
            assert e.costs.kib < before.costs.kib
            assert e.ratio <= 1.5
            assert " ".join(name for name, _, _ in changed) == move.knob
            before = e
        assert before.point[0] < start.point[0]
        assert before.point[1] > start.point[1]
        assert before.costs.pause_cycles <= default.costs.pause_cycles


def test_a_swap_raises_one_knob_at_most_and_reaches_its_cost(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store, budget=60)
        evaluator.prepare()
        current = evaluator.evaluate([(3, 1, 2, 0, 1)], 8.0)[0]
        target = 0.97 * current.costs.cycles_worst
        points = swaps(evaluator, current, "cycles_worst", target)
        assert points
        assert len(set(points)) == len(points)
        for point in points:
            steps = [b - a for a, b in zip(current.point, point, strict=True)]
            assert sum(s > 0 for s in steps) == 1
            assert sum(s < 0 for s in steps) <= 1
            assert point not in evaluator.points
        assert any(min(b - a for a, b in zip(current.point, p, strict=True)) < 0 for p in points)
        assert all(e.costs.cycles_worst <= target for e in evaluator.evaluate(points[:20], 8.0)
                   if e.costs)  # fmt: skip


def test_the_model_puts_those_first_that_lose_least(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store, budget=60)
        evaluator.prepare()
        known = [tuple(2 * (i == k) for i in range(5)) for k in range(5)] + [(1, 1, 1, 1, 1)]
        evaluator.evaluate(known, 8.0)
        points = [(5, 0, 0, 0, 0), (0, 3, 0, 0, 0), (0, 0, 0, 3, 0), (0, 0, 3, 0, 0)]
        ordered = by_model(evaluator, points)
        ratios = [e.ratio for e in evaluator.evaluate(ordered, 8.0)]
        assert ordered[0] == (0, 0, 0, 3, 0)  # spare rows change no error
        assert ratios == sorted(ratios)
        assert by_model(evaluator, list(reversed(points))) == ordered


def test_refining_ends_with_its_budget(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        evaluator = make_evaluator(tmp_path, store, budget=60)
        evaluator.prepare()
        evaluator.evaluate([(4, 0, 0, 0, 0)], 8.0)
        before = len(evaluator.points)
        refine(evaluator, "kib", 3, most_ratio=1.5)
        assert len(evaluator.points) <= before + 3
        refine(evaluator, "kib", 100, most_ratio=1.0)  # only the default is that good: in vain
        assert len(evaluator.points) <= 60
