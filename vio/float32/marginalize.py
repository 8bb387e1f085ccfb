# SPDX-License-Identifier: Apache-2.0
"""The calls of a marginalisation: a QR update of the prior, from the structure of the window alone.

The landmarks of a leaving frame give normal equations of poses, whose Cholesky decomposition gives
rows. These, the inertial factors' and those of the old prior that what leaves has filled, are taken
into the triangle by Householder steps. The triangle below the leaving columns is the new prior.
Without squares: float32 would lose what the prior knows of a state beside a factor's weight.
Source: Demmel et al., "Square Root Marginalization for Sliding-Window Bundle Adjustment", 2021.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vio.backend.states import FULL_COLUMNS, POSE_COLUMNS
from vio.float32 import calls as c
from vio.float32 import memory_map as m
from vio.float32.calls import CallList, Matrix, Run, merged
from vio.float32.memory_map import Columns, MemoryMap
from vio.float32.schedule import LEAST_ROWS, Schedule
from vio.float32.structure import Landmark, Leaving

_STAGE = c.MARGINALIZE


def _runs(columns: Iterable[int], dest: int = 0) -> tuple[Run, ...]:
    """Return the runs of columns that keep their places, or begin `dest` before them."""
    return merged([(col, col - dest, 1) for col in columns])


class QrUpdate:
    """Take rows into a triangle in H's place, column by column, knowing its zeros."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule, self.n = schedule, schedule.columns.count
        where = schedule.where
        pitch = m.waiting_pitch(self.n)
        self.triangle = schedule.H
        self.waiting = Matrix(where.waiting, self.n + 1, pitch)
        self.w = where.reflection  # of a step; then v0, t
        self.v0 = where.reflection + self.n + 1
        self.rows: dict[int, frozenset[int]] = {}  # of the triangle: what is not zero

    def load(self, row: int, source: int, step: int, count: int, runs: Sequence[Run]) -> None:
        """Copy `count` rows of a source, `step` words apart, to the waiting rows from `row` on."""
        calls = self.schedule.at(_STAGE)
        for i in range(count):
            at = self.waiting.row(row + i)
            calls.vector(c.CLEAR, self.n + 1, (at, 1))
            for start, dest, length in runs:
                calls.vector(c.COPY, length, (at + dest, 1), (source + i * step + start, 1))

    def place(self, row: int, column: int, pattern: frozenset[int]) -> None:
        """Make a waiting row the triangle's row of a column."""
        calls, count = self.schedule.at(_STAGE), self.n + 1 - column
        source = self.waiting.at(row, column)
        calls.vector(c.COPY, count, (self.triangle.at(column, column), 1), (source, 1))
        self.rows[column] = pattern

    def clear(self) -> None:
        """Clear the triangle's rows that nothing filled."""
        for column in set(range(self.n)) - set(self.rows):
            first = self.triangle.at(column, column)
            self.schedule.at(_STAGE).vector(c.CLEAR, self.n + 1 - column, (first, 1))

    def update(self, count: int, pattern: Iterable[int]) -> None:
        """Take the first `count` waiting rows, whose nonzeros lie in `pattern`."""
        left, first = frozenset(pattern), 0
        for column in range(self.n):
            if column not in left:
                continue
            if column not in self.rows:
                self.place(first, column, left)
                first += 1
            if first == count:
                return
            left |= self.rows[column]
            self.rows[column] = left
            left -= {column}
            self._step(column, first, count - first, sorted(left))

    def _step(self, column: int, first: int, count: int, after: Sequence[int]) -> None:
        """Clear a column of waiting rows by a Householder step with the triangle's row."""
        calls, T, B = self.schedule.at(_STAGE), self.triangle, self.waiting
        diagonal, w = T.at(column, column), Matrix(self.w - column, self.n + 1, self.n + 1)
        row, rest = ((column, column, 1),), _runs(after)
        runs = _runs([column, *after])
        one = Matrix(w.base - column * w.pitch, w.width, w.pitch)  # its row `column` is w
        for _, dest, length in runs:
            calls.vector(c.CLEAR, length, (w.base + dest, 1))
        calls.product(c.PRODUCT, one, T.row(column), 0, 1, row, runs)
        calls.product(c.PRODUCT, one, B.row(first), B.pitch, count, row, runs)
        calls.vector(c.REFLECT, 1, (diagonal, 0), (w.base + column, 0), (self.v0, 0))
        # The sums hold alpha times the first row; v0 is alpha - beta.
        for _, at, length in rest:
            words, top = (w.base + at, 1), (T.row(column) + at, 1)
            calls.vector(c.MULTIPLY_SUBTRACT, length, words, top, (diagonal, 0))
            calls.vector(c.MULTIPLY, length, words, words, (self.v0 + 1, 0))
            calls.vector(c.MULTIPLY_ADD, length, top, words, (self.v0, 0))
        if rest:
            calls.outer(B, first, count, B.at(first, column), w.base, rest)


@dataclass(frozen=True)
class Marginal:
    """Hold the calls of a marginalisation, and the columns of its triangle.

    start: the way back to the first estimates, which the others need.
    """

    start: CallList
    calls: CallList
    columns: Columns
    where: MemoryMap


def marginalize(leaving: Leaving, where: MemoryMap | None = None) -> Marginal:
    """Return the calls of a marginalisation; where: its memory (default: a map of its own)."""
    s = leaving.structure
    columns, visual = m.marginal_columns(leaving), m.visual_columns(leaving)
    where = where or m.memory_map(s, [columns])
    start, schedule = (Schedule(s, columns, where) for _ in range(2))
    start.differences(_STAGE)
    minus = start.at(_STAGE)
    minus.vector(c.MULTIPLY, columns.count, (where.x, 1), (where.delta, 1), (m.NEGATIVE, 0))
    update = QrUpdate(schedule)
    _old_prior(update)
    touched = {*leaving.frames, *leaving.motions}
    for k, pair in enumerate(s.factors):
        if touched & set(pair):
            J, runs = where.inertial, schedule.factor_rows(_STAGE, k)
            update.load(0, J.base, J.pitch, FULL_COLUMNS, runs)
            update.update(FULL_COLUMNS, [d + i for _, d, length in runs for i in range(length)])
    hosted = [lm for lm in s.landmarks if lm.host in leaving.frames and lm.rows >= LEAST_ROWS]
    if hosted:
        _landmarks(update, hosted, visual)
    update.clear()
    # Packed rows from the first that stays on follow one another.
    n, gone, T = columns.count, columns.gone, update.triangle
    calls = schedule.at(_STAGE)
    kept = Matrix(where.prior.base, n - gone + 1)
    words = m.packed_words(n - gone, n - gone + 1)
    calls.vector(c.COPY, words, (kept.base, 1), (T.at(gone, gone), 1))
    last = kept.at(0, n - gone), n - gone
    calls.vector(c.COPY, n - gone, (where.residual, 1), last, triangle=1)
    return Marginal(start.calls.done(), schedule.calls.done(), columns, where)


def _old_prior(update: QrUpdate) -> None:
    """Move the prior's rows to their new columns, the last first; those without a place wait."""
    schedule = update.schedule
    s, columns, R = schedule.s, schedule.prior_columns(), schedule.where.prior
    if not s.prior:
        return
    schedule.prior_residual(_STAGE, moved=False)
    waiting: list[tuple[int, tuple[Run, ...]]] = []
    for q in range(s.prior_rows - 1, -1, -1):
        runs = sorted(((k, d, 1) for k, d in enumerate(columns) if k >= q), key=lambda run: run[1])
        whole = merged([*runs, (R.width - 1, update.n, 1)])
        pattern = frozenset(d + i for _, d, length in whole for i in range(length))
        lead = whole[0][1]
        if columns[q] == lead and lead not in update.rows:
            update.load(0, R.row(q), 0, 1, whole)
            update.place(0, lead, pattern)
            continue
        waiting.append((q, whole))
        if len(waiting) == m.WAITING:
            _take(update, waiting, R)
    _take(update, waiting, R)


def _take(update: QrUpdate, waiting: list[tuple[int, tuple[Run, ...]]], R: Matrix) -> None:
    """Take rows of the old prior into the triangle, and empty the list."""
    pattern: set[int] = set()
    for row, (q, runs) in enumerate(waiting):
        update.load(row, R.row(q), 0, 1, runs)
        pattern.update(d + i for _, d, length in runs for i in range(length))
    update.update(len(waiting), pattern)
    waiting.clear()


def _landmarks(update: QrUpdate, hosted: Sequence[Landmark], visual: Columns) -> None:
    """Take what the landmarks tell of the poses into the triangle, a few rows at a time.

    Their normal equations lie in the place of the prior, which is in the triangle by now.
    """
    marginal = update.schedule
    columns, n = marginal.columns, visual.count
    seen = Schedule(marginal.s, visual, marginal.where)
    seen.calls, seen.H = marginal.calls, Matrix(marginal.where.prior.base, n + 1)
    seen.cleared(_STAGE)
    seen.landmarks((_STAGE,) * 3, hosted)
    # Observations know no pose by itself: of the last one nothing but rounding is left.
    rows = n - POSE_COLUMNS
    seen.decompose(_STAGE, seen.H, rows, c.DROP_PIVOT, m.LANDMARK_FLOOR)
    place = [0] * n
    for f, first in enumerate(visual.pose):
        for d in range(POSE_COLUMNS if first >= 0 else 0):
            place[first + d] = columns.pose[f] + d
    for begin in range(0, rows, m.WAITING):
        end = min(begin + m.WAITING, rows)
        for q in range(begin, end):
            whole = merged([*((k, place[k], 1) for k in range(q, n)), (n, update.n, 1)])
            update.load(q - begin, seen.H.row(q), 0, 1, whole)
        update.update(end - begin, [*place[begin:], update.n])
