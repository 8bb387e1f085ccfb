# SPDX-License-Identifier: Apache-2.0
"""The machine of the back end's schedule, its kernel calls, and how costs add up.

The machine (docs/hls/backend_schedule.md): `lanes` pairs of an fp32 multiplier and an adder that
start one multiply-add a cycle each, a digit-serial divider (also for roots) beside each, a memory
that reads two vectors of `lanes` neighbouring words and writes one a cycle, and registers: a row of
16 words and accumulators, from which each lane may choose any. Calls do not overlap: each drains.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from vio.errors import VioError


@dataclass(frozen=True)
class Machine:
    """Hold the lanes and the units' latencies in cycles (hls/README.md has those as compiled).

    divide_ii: cycles from one division or root of a lane's divider to its next.
    """

    lanes: int = 4
    add: int = 6
    mul: int = 4
    div: int = 30
    sqrt: int = 30
    divide_ii: int = 28
    memory: int = 2  # address to word, and word to cell
    issue: int = 4  # fetch a call, set its addresses

    def __post_init__(self) -> None:
        if self.lanes < 1:
            raise VioError(f"{self.lanes} lanes: one at least")

    @property
    def every(self) -> int:
        """Cycles from one division or root to the next, over all lanes' dividers."""
        return -(-self.divide_ii // self.lanes)

    @property
    def reduce(self) -> int:
        """Cycles from the last product of a dot product to its sum: partial sums, then a tree."""
        return self.mul + self.add * (1 + math.ceil(math.log2(self.lanes * self.add)))


@dataclass(frozen=True)
class Cost:
    """Hold what a call takes; words: of 32 bits, memory by its ports, register of the lanes."""

    cycles: int = 0
    mul: int = 0
    add: int = 0
    div: int = 0
    sqrt: int = 0
    read: int = 0
    write: int = 0
    register: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Cost)))


@dataclass(frozen=True)
class Call:
    """Hold one kernel call: its stage, its sizes, and the operands' names in the memory map."""

    stage: str
    kernel: str
    sizes: tuple[int, ...]
    operands: tuple[object, ...] = ()


def runs_of(columns: Sequence[int]) -> tuple[int, ...]:
    """Return the lengths of the runs of neighbouring columns in an ascending list."""
    out: list[int] = []
    last = 0
    for c in columns:
        if out and c == last + 1:
            out[-1] += 1
        else:
            out.append(1)
        last = c
    return tuple(out)


def vectors(runs: Sequence[int], lanes: int) -> int:
    """Return the vector accesses that runs of columns take."""
    return sum(-(-r // lanes) for r in runs)


def triangle_vectors(runs: Sequence[int], lanes: int) -> int:
    """Return the vector accesses of all rows of a triangle over runs of columns, from each row."""
    total, after = 0, 0
    for r in reversed(runs):
        total += r * after + sum(-(-k // lanes) for k in range(1, r + 1))
        after += -(-r // lanes)
    return total


def triangle(n: int) -> int:
    """Return the entries of a triangle of n rows."""
    return n * (n + 1) // 2
