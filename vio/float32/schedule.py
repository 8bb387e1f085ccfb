# SPDX-License-Identifier: Apache-2.0
"""The calls of a step, from the structure of the window alone.

A landmark's rows [landmark | host | target | residual] are squared into its three rows, which the
first three columns of a Cholesky decomposition free of the landmark; the sums of each pair of host
and target go to H, and the squares of the three rows come off. H is decomposed with its right side
as one more column (docs/hls/backend_schedule.md). vio/float32/marginalize.py has the other list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vio.backend.states import FULL_COLUMNS, POSE_COLUMNS
from vio.float32 import calls as c
from vio.float32 import memory_map as m
from vio.float32.calls import Builder, CallList, Matrix, Run, merged
from vio.float32.memory_map import Columns, MemoryMap
from vio.float32.structure import Landmark, Structure

STAGE = {name: k for k, name in enumerate(c.STAGES)}
LEAST_ROWS = 4  # of a landmark that counts: two observations
_NEGATIVE = (m.NEGATIVE, 0)


@dataclass(frozen=True)
class Observed:
    """Hold the operand of `observe`: a landmark, its place in the table, its first observation.

    moved: address of a step of the states, of which the residuals take J dx, and its columns; None:
    they stay.
    """

    landmark: Landmark
    index: int
    first: int
    moved: int | None = None


@dataclass(frozen=True)
class Moved:
    """Hold the operand of `difference` and `retract`: a frame and its columns."""

    frame: int
    columns: tuple[int, ...]


def _order(lm: Landmark, columns: Columns) -> list[int]:
    """Return a landmark's frames in the order of their columns."""
    return sorted(lm.frames, key=lambda f: columns.pose[f])


class Schedule:
    """Write the calls of one linear system.

    s: the window; columns: of its system; where: its memory.
    """

    def __init__(self, s: Structure, columns: Columns, where: MemoryMap) -> None:
        self.s, self.columns, self.where = s, columns, where
        self.H = Matrix(where.H, columns.count + 1)
        self.calls = Builder()
        self._observations: dict[int, tuple[int, int]] = {}
        at = where.observations
        for index, lm in enumerate(s.landmarks):
            self._observations[lm.row] = index, at
            at += lm.rows  # two words a ray
        self._runs: dict[tuple[int, ...], tuple[Run, ...]] = {}

    def at(self, stage: str) -> Builder:
        """Return the list, whose calls from now on belong to a stage."""
        self.calls.stage = STAGE[stage]
        return self.calls

    def cleared(self, stage: str) -> None:
        """Clear H and g."""
        n = self.columns.count
        self.at(stage).vector(c.CLEAR, m.packed_words(n, n + 1), (self.H.base, 1))

    # Landmarks ----------------------------------------------------------------------------------

    def observe(self, stage: str, lm: Landmark, moved: int | None = None) -> None:
        """Linearise a landmark's observations; moved: address of a step, see `Observed`."""
        observed = Observed(lm, *self._observations[lm.row], moved)
        self.at(stage).lane(c.OBSERVE, self.where.rows, observed)

    def own_rows(self, stage: str, lm: Landmark, frames: Sequence[int]) -> Matrix:
        """Square a landmark's rows into its own three, [landmark 3 | frames 6 each | residual].

        frames: those whose columns are wanted; none for the landmark's own step.
        """
        calls, where = self.at(stage), self.where
        own = Matrix(where.own, 3 + 6 * len(frames) + 1, 3 + 6 * len(frames) + 1)
        place = {f: 3 + 6 * k for k, f in enumerate(frames)}
        calls.vector(c.CLEAR, 3 * own.width, (own.base, 1))
        if not frames:
            square = ((m.LANDMARK, 0, 3), (m.RESIDUAL, 3, 1))
            calls.product(c.PRODUCT, own, where.rows, m.ROW_PITCH, lm.rows, square[:1], square)
            return own
        row = 0
        for f, mask in lm.views:
            count = 2 * mask.bit_count()
            runs: list[Run] = [(m.LANDMARK, 0, 3)]
            if f != lm.host:
                runs += [(m.HOST, place[lm.host], 6), (m.TARGET, place[f], 6)]
            runs.append((m.RESIDUAL, own.width - 1, 1))
            calls.product(
                c.PRODUCT, own, where.rows + row * m.ROW_PITCH, m.ROW_PITCH, count,
                ((m.LANDMARK, 0, 3),), tuple(runs),
            )  # fmt: skip
            row += count
        return own

    def decompose(self, stage: str, A: Matrix, rows: int, pivot: int, floor: int) -> None:
        """Take Cholesky's steps on the first columns of a matrix, all further ones beside them."""
        calls, where = self.at(stage), self.where
        step, falls = (A.pitch + 1, 0) if A.pitch else (A.width, 3)
        calls.vector(
            c.MULTIPLY, rows, (where.floors, 1), (A.base, step), (floor, 0), triangle=falls & 1
        )
        for k in range(rows):
            diagonal, inverse, rest = A.at(k, k), where.inverse + k, A.width - k - 1
            calls.vector(pivot, 1, (diagonal, 0), (where.floors + k, 0), (inverse, 0))
            calls.vector(c.MULTIPLY, rest, (diagonal + 1, 1), (diagonal + 1, 1), (inverse, 0))
            below = rows - k - 1
            if below:
                calls.product(
                    c.DOWNDATE, A, A.row(k), 0, 1,
                    ((k + 1, k + 1, below),), ((k + 1, k + 1, rest),),
                )  # fmt: skip

    def backward(self, stage: str, A: Matrix, rows: int, x: int) -> None:
        """Solve U x = b, b the last column of A: from the last unknown, which the others lose."""
        calls = self.at(stage)
        step, falls = (A.pitch, 0) if A.pitch else (A.width - 1, 1)
        calls.vector(c.COPY, rows, (x, 1), (A.at(0, A.width - 1), step), triangle=falls)
        for k in range(rows - 1, -1, -1):
            calls.vector(c.MULTIPLY, 1, (x + k, 0), (x + k, 0), (self.where.inverse + k, 0))
            calls.vector(
                c.MULTIPLY_SUBTRACT, k, (x, 1), (A.at(0, k), step), (x + k, 0), triangle=falls
            )

    def _landmark(self, stages: tuple[str, str, str], lm: Landmark) -> None:
        linearize, eliminate, add = stages
        where, first = self.where, self.columns.pose
        # The prior counts from the first estimates, to which x leads back.
        self.observe(linearize, lm, where.x if linearize == c.MARGINALIZE else None)
        frames = _order(lm, self.columns)
        own = self.own_rows(eliminate, lm, frames)
        self.decompose(eliminate, own, 3, c.DROP_PIVOT, m.LANDMARK_FLOOR)
        calls = self.at(add)
        row = 0
        for f, mask in lm.views:
            count = 2 * mask.bit_count()
            if f != lm.host:
                calls.product(
                    c.PRODUCT, where.pair(f), where.rows + row * m.ROW_PITCH, m.ROW_PITCH, count,
                    ((m.HOST, 0, m.PAIR),), ((m.HOST, 0, m.PAIR + 1),),
                )  # fmt: skip
            row += count
        key = tuple(frames)
        if key not in self._runs:
            self._runs[key] = merged([(3 + 6 * k, first[f], 6) for k, f in enumerate(frames)])
        runs = self._runs[key]
        columns = merged([*runs, (own.width - 1, self.columns.count, 1)])
        calls.product(c.DOWNDATE, self.H, own.base, own.width, 3, runs, columns)

    def landmarks(self, stages: tuple[str, str, str], landmarks: Sequence[Landmark]) -> None:
        """Add the reduced normal equations of landmarks, host by host."""
        for host in range(len(self.s.dims)):
            hosted = [lm for lm in landmarks if lm.host == host and lm.rows >= LEAST_ROWS]
            targets = sorted({f for lm in hosted for f, _ in lm.others})
            for f in targets:
                self.at(stages[2]).vector(c.CLEAR, m.PAIR_WORDS, (self.where.pair(f).base, 1))
            for lm in hosted:
                self._landmark(stages, lm)
            for f in targets:
                runs = tuple((6 * k, self.columns.pose[at], 6) for k, at in enumerate((host, f)))
                columns = (*runs, (m.PAIR, self.columns.count, 1))
                self.at(stages[2]).transfer(c.ADD, self.H, self.where.pair(f), runs, columns)

    # Inertial factors and the prior -------------------------------------------------------------

    def differences(self, stage: str) -> None:
        """Compute how far the states are from their first estimates."""
        for f in range(len(self.s.dims)):
            columns = self.columns.of(f)
            if columns:
                self.at(stage).lane(c.DIFFERENCE, self.where.delta, Moved(f, tuple(columns)))

    def factor_rows(self, stage: str, k: int) -> tuple[Run, ...]:
        """Compute an inertial factor's rows; return the runs of its columns and residual.

        In a marginalisation the residuals are moved back to the first estimates.
        """
        J = self.where.inertial
        self.at(stage).lane(c.FACTOR, J.base, k)
        columns = [col for f in self.s.factors[k] for col in self.columns.of(f)]
        if stage == c.MARGINALIZE:
            for source, col in enumerate(columns):
                self.at(stage).vector(
                    c.MULTIPLY_ADD, FULL_COLUMNS, (J.at(0, J.width - 1), J.pitch),
                    (J.at(0, source), J.pitch), (self.where.x + col, 0),
                )  # fmt: skip
        runs = sorted(((s, d, 1) for s, d in enumerate(columns)), key=lambda run: run[1])
        return merged([*runs, (J.width - 1, self.columns.count, 1)])

    def factor(self, k: int) -> None:
        """Add one inertial factor to H."""
        J, runs = self.where.inertial, self.factor_rows(c.LINEARIZE, k)
        rows = runs[:-1] if runs[-1][2] == 1 else (*runs[:-1], (*runs[-1][:2], runs[-1][2] - 1))
        self.at(c.SUM).product(c.PRODUCT, self.H, J.base, J.pitch, FULL_COLUMNS, rows, runs)

    def prior_columns(self) -> list[int]:
        """Return where the prior's columns lie in this system."""
        prior, columns = self.s.prior, self.columns
        out = [
            columns.motion[f] + d
            for f, size in prior if size == FULL_COLUMNS for d in range(m.MOTION_COLUMNS)
        ]  # fmt: skip
        return out + [columns.pose[f] + d for f, _ in prior for d in range(POSE_COLUMNS)]

    def prior_residual(self, stage: str, moved: bool) -> None:
        """Write the prior's residual beside its rows; moved: R delta + r, not r itself."""
        rows, _ = m.prior_size(self.s)
        R = self.where.prior
        last = R.at(0, R.width - 1), R.width - 1
        self.at(stage).vector(c.COPY, rows, last, (self.where.residual, 1), triangle=2)
        if not moved:
            return
        for source, col in enumerate(self.prior_columns()):
            self.at(stage).vector(
                c.MULTIPLY_ADD, min(rows, source + 1), last,
                (R.at(0, source), R.width - 1), (self.where.delta + col, 0), triangle=3,
            )  # fmt: skip

    def prior(self, stage: str) -> None:
        """Add R'R and R'r of the prior: row by row, each from its diagonal on."""
        rows, _ = m.prior_size(self.s)
        R, columns, n = self.where.prior, self.prior_columns(), self.columns.count
        for q in range(rows):
            left = [(s, d, 1) for s, d in enumerate(columns) if s >= q]
            runs = merged(sorted(left, key=lambda run: run[1]))
            right = merged([*runs, (R.width - 1, n, 1)])
            self.at(stage).product(c.PRODUCT, self.H, R.row(q), 0, 1, runs, right)


@dataclass(frozen=True)
class Step:
    """Hold the calls of one Gauss-Newton step."""

    linearize: CallList
    solve: CallList
    update: CallList
    columns: Columns
    where: MemoryMap


def step(s: Structure, where: MemoryMap | None = None) -> Step:
    """Return the calls of a step of a window; where: its memory (default: a map of its own)."""
    columns = m.step_columns(s)
    where = where or m.memory_map(s, [columns])
    lists = [Schedule(s, columns, where) for _ in range(3)]
    return Step(_linearize(lists[0]), solve_calls(lists[1]), _update(lists[2]), columns, where)


def _linearize(schedule: Schedule) -> CallList:
    s = schedule.s
    schedule.cleared(c.SUM)
    schedule.landmarks((c.LINEARIZE, c.ELIMINATE, c.SUM), s.landmarks)
    for k in range(len(s.factors)):
        schedule.factor(k)
    if s.prior:
        schedule.differences(c.LINEARIZE)
        schedule.prior_residual(c.LINEARIZE, moved=True)
        schedule.prior(c.SUM)
    return schedule.calls.done()


def solve_calls(schedule: Schedule) -> CallList:
    """Return the calls that solve H x = -g, with damping."""
    where, n, H = schedule.where, schedule.columns.count, schedule.H
    diagonal = (H.base, H.width)
    schedule.at(c.SOLVE).vector(c.MULTIPLY_ADD, n, diagonal, diagonal, (m.DAMPING, 0), triangle=3)
    schedule.decompose(c.SOLVE, H, n, c.PIVOT, m.FLOOR)
    schedule.backward(c.SOLVE, H, n, where.x)
    schedule.at(c.SOLVE).vector(c.MULTIPLY, n, (where.x, 1), (where.x, 1), _NEGATIVE)
    return schedule.calls.done()


def _update(schedule: Schedule) -> CallList:
    s, where, columns = schedule.s, schedule.where, schedule.columns
    x = where.inverse + 3  # of three words: the landmark's step
    for index, lm in enumerate(s.landmarks):
        if lm.rows < LEAST_ROWS:
            continue
        schedule.observe(c.UPDATE, lm, where.x)
        own = schedule.own_rows(c.UPDATE, lm, ())
        schedule.decompose(c.UPDATE, own, 3, c.DROP_PIVOT, m.LANDMARK_FLOOR)
        schedule.backward(c.UPDATE, own, 3, x)
        calls, place = schedule.at(c.UPDATE), where.landmarks + m.LANDMARK_WORDS * index
        calls.vector(c.SUBTRACT, 3, (place, 1), (place, 1), (x, 1))
        depth = (place + 2, 0)
        calls.vector(c.AT_LEAST, 1, depth, depth, (m.LEAST_INVERSE_DEPTH, 0))
    for f in range(len(s.dims)):
        schedule.at(c.UPDATE).lane(c.RETRACT, where.state(f), Moved(f, tuple(columns.of(f))))
    return schedule.calls.done()
