# SPDX-License-Identifier: Apache-2.0
"""The calls of the vector engine: what vio/float32 executes and vio/hw/schedule charges.

A call works on words of one memory (vio/float32/memory_map.py). `product` and the element-wise
kinds walk rows and columns by run lists; a lane program (`observe`, `factor`, `difference`,
`retract`) computes a whole landmark, factor or state. docs/hls/backend_schedule.md has the table.

Every sum has one order, whatever the number of lanes: a product adds its terms row by row of the
source to each word of the destination, and the calls follow one another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

STAGES = LINEARIZE, ELIMINATE, SUM, SOLVE, UPDATE, MARGINALIZE = (
    "linearise", "eliminate", "sum", "solve", "update", "marginalise",
)  # fmt: skip

# Kinds: what a call does with each word d of its destination.
KINDS = (
    PRODUCT, DOWNDATE,  # d += x y or d -= x y, for each of `depth` source rows in turn
    MULTIPLY, ADD, SUBTRACT,  # d = x y, x + y, x - y
    MULTIPLY_ADD, MULTIPLY_SUBTRACT,  # d += x y, d -= x y
    COPY, CLEAR, AT_LEAST,  # d = x, d = 0, d = the larger of x and y
    PIVOT, DROP_PIVOT,  # d = its root and y = the reciprocal; x: the floor
    REFLECT,  # d = beta of a column with first entry d; y, y + 1 = v0, t; x: its squared length
    OBSERVE, FACTOR, DIFFERENCE, RETRACT,  # lane programs
) = range(17)  # fmt: skip
NAMES = (
    "product", "downdate", "multiply", "add", "subtract", "multiply_add", "multiply_subtract",
    "copy", "clear", "at_least", "pivot", "drop_pivot",
    "reflect", "observe", "factor", "difference", "retract",
)  # fmt: skip
LANE_PROGRAMS = (OBSERVE, FACTOR, DIFFERENCE, RETRACT)

# Fields of a call in its row of the list.
FIELDS = (
    KIND, STAGE,
    DEST, DEST_WIDTH, DEST_STEP,  # element (i, j) of the destination: `row_address` + j
    X, X_STEP, Y, Y_STEP,  # source words; steps from word to word, or from row to row
    DEPTH, TRIANGULAR,
    ROWS, ROW_RUNS, COLUMNS, COLUMN_RUNS,  # in the list of runs; or a count of words
) = range(15)  # fmt: skip

Run = tuple[int, int, int]  # first place in the source, first in the destination, length


class Matrix(NamedTuple):
    """Hold where a matrix lies: packed rows of an upper triangle, or rows of one pitch.

    width: columns; pitch: words from row to row, 0 for a packed triangle.
    """

    base: int
    width: int
    pitch: int = 0

    def row(self, i: int) -> int:
        """Return the address of row i's column 0 (of a triangle: where it would lie)."""
        if self.pitch:
            return self.base + i * self.pitch
        return self.base + i * self.width - i * (i + 1) // 2

    def at(self, i: int, j: int) -> int:
        """Return the address of an element."""
        return self.row(i) + j


@dataclass(frozen=True)
class CallList:
    """Hold calls in order: rows of `FIELDS` (N, 15), their runs (M, 3), and lane operands.

    operands: of the lane programs by the number of their call: what `X` of the call points to.
    """

    code: np.ndarray
    runs: np.ndarray
    operands: tuple[object, ...]

    def __len__(self) -> int:
        return len(self.code)


def merged(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return runs with those joined that follow one another in source and destination."""
    out: list[Run] = []
    for source, dest, length in runs:
        if out:
            s, d, n = out[-1]
            if s + n == source and d + n == dest:
                out[-1] = (s, d, n + length)
                continue
        out.append((source, dest, length))
    return tuple(out)


class Builder:
    """Gather calls; every method appends one."""

    def __init__(self) -> None:
        self.stage = 0
        self._code: list[tuple[int, ...]] = []
        self._runs: list[Run] = []
        self._where: dict[tuple[Run, ...], int] = {}
        self._operands: list[object] = []

    def done(self) -> CallList:
        """Return the list."""
        code = np.array(self._code, np.int64).reshape(-1, len(FIELDS))
        return CallList(code, np.array(self._runs, np.int64).reshape(-1, 3), tuple(self._operands))

    def _place(self, runs: tuple[Run, ...]) -> int:
        if runs not in self._where:
            self._where[runs] = len(self._runs)
            self._runs += runs
        return self._where[runs]

    def product(
        self, kind: int, dest: Matrix, source: int, pitch: int, depth: int,
        rows: tuple[Run, ...], columns: tuple[Run, ...],
    ) -> None:  # fmt: skip
        """Add X'X, or subtract it, over `depth` rows of a source; only columns from the row on."""
        self._code.append((
            kind, self.stage, dest.base, dest.width, dest.pitch, source, pitch, source, pitch,
            depth, 1, self._place(rows), len(rows), self._place(columns), len(columns),
        ))  # fmt: skip

    def outer(
        self, dest: Matrix, first: int, rows: int, x: int, y: int, columns: tuple[Run, ...]
    ) -> None:
        """Add x y' to `rows` rows of a matrix of one pitch, from row `first` on.

        x: the first row's word of a column of the same pitch; y: a row, whose runs are `columns`.
        """
        row = ((0, first, rows),)
        self._code.append((
            PRODUCT, self.stage, dest.base, dest.width, dest.pitch, x, dest.pitch, y, 0,
            1, 3, self._place(row), 1, self._place(columns), len(columns),
        ))  # fmt: skip

    def transfer(
        self, kind: int, dest: Matrix, source: Matrix,
        rows: tuple[Run, ...], columns: tuple[Run, ...],
    ) -> None:  # fmt: skip
        """Add a packed triangle to another one at other places (which may exchange indices)."""
        self._code.append((
            kind, self.stage, dest.base, dest.width, dest.pitch, source.base, source.width, 0, 0,
            0, 2, self._place(rows), len(rows), self._place(columns), len(columns),
        ))  # fmt: skip

    def vector(
        self, kind: int, count: int, dest: tuple[int, int],
        x: tuple[int, int] = (0, 0), y: tuple[int, int] = (0, 0), triangle: int = 0,
    ) -> None:  # fmt: skip
        """Work on `count` words; operands are (address, step).

        triangle: steps of a column or diagonal of a packed triangle fall by 1 a row where asked:
        1 for x, 2 for the destination, 3 for both.
        """
        if count:
            self._code.append((
                kind, self.stage, dest[0], 0, dest[1], *x, *y, 0, -triangle, count, 0, 0, 0,
            ))  # fmt: skip

    def lane(self, kind: int, dest: int, operand: object) -> None:
        """Run a lane program; its results go to `dest` on."""
        index = len(self._operands)
        self._operands.append(operand)
        self._code.append((kind, self.stage, dest, 0, 0, index, 0, 0, 0, 0, 0, 0, 0, 0, 0))
