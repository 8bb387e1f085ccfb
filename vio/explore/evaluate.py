# SPDX-License-Identifier: Apache-2.0
"""Points to figures: which runs a point needs, what they say together, within a budget."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vio.config import Config
from vio.errors import VioError
from vio.explore.cluster import Runner
from vio.explore.cost import Costs, Work, costs, predict, together, work_from
from vio.explore.knobs import Knob, Point, base_of, configure, settings_of
from vio.explore.store import Store
from vio.explore.task import Result, Task, make_task
from vio.hw.estimates.work import worst_work

# Share of the frames with a pose, of the default's: a late start must not make the error small.
LEAST_POSES = 0.95
LEAST_CLIP_S = 2.0
SHARES = (0.25, 0.5, 1.0)  # of the whole clip, for the rounds of successive halving
FLOOR_M = 1e-6  # an error is not taken to be smaller


@dataclass(frozen=True)
class Case:
    """Hold a recording with a seed of the RANSAC hypotheses: what settings are compared on."""

    path: str
    seed: int

    @property
    def name(self) -> str:
        """The recording's name and the seed."""
        return f"{Path(self.path).resolve().stem}, seed {self.seed}"


@dataclass(frozen=True)
class Evaluation:
    """Hold what is known of a point for one length of the clips.

    results: one a case. ratios: ATE over the default's, by case; empty when a case failed or was
    lost. costs: None when no case has counted work. failure: why, or empty.
    """

    point: Point
    config: Config
    until_s: float
    results: tuple[Result, ...]
    ratios: tuple[float, ...]
    costs: Costs | None
    work: Work | None
    failure: str

    @property
    def ratio(self) -> float:
        """Geometric mean of the ratios of ATE; infinite for a failure."""
        if self.failure or not self.ratios:
            return math.inf
        return math.exp(sum(map(math.log, self.ratios)) / len(self.ratios))


class OverBudget(Exception):
    """Report that the budget of settings is used up."""


class Evaluator:
    """Evaluate points of a space on cases; everything that has run is taken from the store."""

    def __init__(
        self,
        base: Config,
        knobs: Sequence[Knob],
        cases: Sequence[Case],
        until_s: float,
        store: Store,
        runner: Runner,
        budget: int,
        on_run: Callable[[int], None] = lambda runs: None,
    ) -> None:
        """Hold the space; budget: points that may be evaluated, the default among them."""
        self.base, self.knobs, self.cases = base, list(knobs), list(cases)
        self.lengths = clip_lengths(until_s)
        self.budget = budget
        self.runs = self.known = 0
        self.points: dict[Point, None] = {}
        self.done: dict[tuple[Point, float], Evaluation] = {}
        self._store, self._runner, self._on_run = store, runner, on_run

    @property
    def remaining(self) -> int:
        """How many more points may be evaluated."""
        return self.budget - len(self.points)

    def default(self, until_s: float | None = None) -> Evaluation:
        """Return the evaluation of the base; raises VioError when it cannot be the measure."""
        found = self._alone(self.lengths[-1] if until_s is None else until_s)
        if found.failure:
            raise VioError(f"the settings to start from fail: {found.failure}")
        return found

    def prepare(self) -> None:
        """Evaluate the default on every length; leave out those on which it has no error yet.

        Raises VioError when it fails on the whole clip.
        """
        self.default()
        short = [s for s in self.lengths[:-1] if not self._alone(s).failure]
        self.lengths = [*short, self.lengths[-1]]

    def _alone(self, until_s: float) -> Evaluation:
        return self.evaluate([base_of(self.knobs)], until_s)[0]

    def config(self, point: Point) -> Config | None:
        """Return a point's settings; None where they contradict each other."""
        try:
            return configure(self.base, self.knobs, point)
        except VioError:
            return None

    def expected(self, point: Point, near: Evaluation) -> Costs | None:
        """Return what a point costs if that is known, else what it should by another one's work.

        None where its settings contradict each other.

        None too where the next frame would have to wait longer than with the base: it would be
        dropped, which no run of the model shows.
        """
        config = self.config(point)
        if config is None or near.work is None:
            return None
        known = self.done.get((point, self.lengths[-1]))
        try:
            found = costs(predict(near.work, near.config, config), config)
        except VioError:
            return None
        if known is not None and known.costs is not None:
            found = known.costs
        return found if found.pause_cycles <= self._pause else None

    @property
    def _pause(self) -> float:
        default = self.default()
        assert default.costs is not None
        return default.costs.pause_cycles

    def evaluate(self, points: Sequence[Point], until_s: float) -> list[Evaluation]:
        """Return the evaluations of points on clips of a length, in their order.

        Raises OverBudget, before anything runs, when there are more new ones than the budget has.
        """
        new = {p: None for p in points if p not in self.points}
        if len(new) > self.remaining:
            raise OverBudget
        self.points |= new
        base = base_of(self.knobs)
        wanted = dict.fromkeys(p for p in (base, *points) if (p, until_s) not in self.done)
        tasks: dict[Point, list[Task]] = {}
        for point in wanted:
            config = self.config(point)
            tasks[point] = [] if config is None else self._tasks(config, until_s)
        results = self._results([task for of in tasks.values() for task in of])
        for point in wanted:  # the base first: the others are measured by it
            found = tuple(results[task.key] for task in tasks[point])
            self.done[point, until_s] = self._evaluation(point, until_s, found)
        return [self.done[point, until_s] for point in points]

    def base_tasks(self) -> list[Task]:
        """Return the tasks of the base on the whole clip: what workers must be able to run."""
        return self._tasks(self.base, self.lengths[-1])

    def _tasks(self, config: Config, until_s: float) -> list[Task]:
        seeded = [
            replace(config, frontend=replace(config.frontend, seed=case.seed))
            for case in self.cases
        ]
        return [
            make_task(case.path, _plain(settings_of(one)), until_s)
            for case, one in zip(self.cases, seeded, strict=True)
        ]

    def _results(self, tasks: Sequence[Task]) -> dict[str, Result]:
        found: dict[str, Result] = {}
        missing: dict[str, Task] = {}
        for task in tasks:
            known = self._store.get(task.key)
            if known is None:
                missing[task.key] = task
            else:
                self.known += task.key not in found
                found[task.key] = known
        for task, result, seconds in self._runner.run(list(missing.values())):
            self._store.add(task, result, seconds)
            found[task.key] = result
            self.runs += 1
            self._on_run(self.runs)
        return found

    def _evaluation(self, point: Point, until_s: float, results: tuple[Result, ...]) -> Evaluation:
        config = self.config(point)
        if config is None:
            failure = "its settings contradict each other"
            return Evaluation(point, self.base, until_s, (), (), None, None, failure)
        first = self.done.get((base_of(self.knobs), until_s))
        measure = results if first is None else first.results
        failure = next(
            (
                f"{case.name}: {problem}"
                for case, result, of in zip(self.cases, results, measure, strict=True)
                if (problem := _problem(result, of))
            ),
            "",
        )
        works = [w for r in results if (w := _work(r, config)) is not None]
        work = together(works) if len(works) == len(results) else None
        cost = None if work is None else costs(work, config)
        ratios = () if failure else tuple(map(_ratio, results, measure))
        return Evaluation(point, config, until_s, results, ratios, cost, work, failure)


def clip_lengths(until_s: float) -> list[float]:
    """Return the lengths of the rounds, the whole one last; none shorter than LEAST_CLIP_S."""
    lengths = [round(until_s * share, 3) for share in SHARES]
    return [s for s in lengths[:-1] if s >= LEAST_CLIP_S] + [until_s]


def _plain(settings: Any) -> dict[str, dict[str, Any]]:
    return {section: dict(values) for section, values in settings.items()}


def _problem(result: Result, default: Result) -> str:
    """Return why a run cannot be compared with the default's; empty when it can."""
    if result.get("error"):
        return str(result["error"])
    if result["lost"]:
        return "the track was lost, or there was no pose"
    if result["ate_m"] is None:
        return "there is no ATE: the recording needs ground truth, and the run some length"
    if result["work"] is None:
        return "there are no tracking frames, or no keyframes, after the first; run longer"
    if default.get("ate_m") is None:
        return "the default has no ATE there"
    if result["poses"] / result["frames"] < LEAST_POSES * (default["poses"] / default["frames"]):
        return (
            f"{result['poses']} poses in {result['frames']} frames, the default has "
            f"{default['poses']} in {default['frames']}"
        )
    return ""


def _ratio(result: Result, default: Result) -> float:
    return max(result["ate_m"], FLOOR_M) / max(default["ate_m"], FLOOR_M)


def _work(result: Result, config: Config) -> Work | None:
    """Return a run's work; of an engine that does not count it, the most that the sizes allow."""
    record = result.get("work")
    if not record:
        return None
    work = work_from({k: v for k, v in record.items() if k != "counted"})
    if record["counted"]:
        return work
    return replace(work, tracking=worst_work(config, False), keyframe=worst_work(config, True))
