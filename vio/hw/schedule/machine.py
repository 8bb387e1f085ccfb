# SPDX-License-Identifier: Apache-2.0
"""The machine of the back end's calls, and how costs add up (docs/hls/backend_schedule.md).

`lanes` lanes, each with an fp32 multiplier, an adder, a digit-serial divider (also for roots), and
a file of words with two reads and a write a cycle. As many banks of two-port block RAM hold the
memory: a read and a write a bank and cycle. A rotator stands between banks and lanes, so that
words which follow one another come from any address on. Calls do not overlap: each drains.
"""

from dataclasses import dataclass, fields

from vio.errors import VioError
from vio.hw.hls.list_schedule import Units


@dataclass(frozen=True)
class Machine:
    """Hold the lanes and the units' latencies in cycles (hls/README.md has those as compiled).

    divide_ii: cycles from one division or root of a lane's divider to its next. side_by_side:
    operands that a lane program takes at once in one lane. file: words of a lane's file.
    """

    lanes: int = 4
    add: int = 6
    mul: int = 4
    div: int = 30
    sqrt: int = 30
    logic: int = 1
    divide_ii: int = 28
    memory: int = 2  # address to word, and word to cell
    rotator: int = 1
    issue: int = 4  # fetch a call, set its addresses
    side_by_side: int = 2
    file: int = 512

    def __post_init__(self) -> None:
        if self.lanes < 1:
            raise VioError(f"{self.lanes} lanes: one at least")

    @property
    def access(self) -> int:
        """Cycles from an address to the word in its lane, and from the lane to the cell."""
        return 2 * (self.memory + self.rotator)

    @property
    def units(self) -> Units:
        """The units of a lane, as its programs are scheduled on them."""
        return Units(
            1, 1, self.add, self.mul, dividers=1, logics=1, divider_stages=self.div,
            logic_stages=self.logic, divider_interval=self.divide_ii,
        )  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Hold what a call takes; words: of 32 bits, memory by its ports, register of the files."""

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

    def times(self, count: int) -> "Cost":
        """Return the cost of so many of it."""
        return Cost(*(count * getattr(self, f.name) for f in fields(Cost)))
