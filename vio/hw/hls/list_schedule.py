# SPDX-License-Identifier: Apache-2.0
"""Schedule a graph of float operations onto a few shared units: the program of hls/sequencer.v.

List scheduling by the longest path to an output. Each unit writes its own bank of the register
file, which has a copy for each operand port, so that no two accesses ever meet. A result lives in
its unit's bank from its writing to its last reader; what is kept from call to call (the state) has
two places, the old and the new one, which change their roles at the end of a call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vio.errors import VioError
from vio.hw.hls.graph import Graph, readers_of

ADDRESS_BITS = 9  # of a bank: a block RAM of 512 words
STATE_BASE = 1 << ADDRESS_BITS - 1  # places of the state: STATE_BASE + 2 slot + (0 old | 1 new)
END = 1 << 30  # no program is so long
READ_CYCLES = 2  # from a program word in its register to the operands in theirs
KINDS = (  # of the units, in their order
    ("add", "sub"),
    ("mul",),
    ("div", "sqrt"),
    ("lt", "le", "eq", "and", "andn", "or", "xor"),
)
CLASS_OF = {kind: k for k, kinds in enumerate(KINDS) for kind in kinds}


@dataclass(frozen=True)
class Units:
    """Hold how many units there are, and the cycles from operands to the result's register.

    divider_interval: cycles from a divider's question to its next; other units take one a cycle.
    """

    adders: int = 1
    multipliers: int = 1
    adder_stages: int = 5
    multiplier_stages: int = 4
    dividers: int = 0
    logics: int = 0
    divider_stages: int = 30
    logic_stages: int = 1
    divider_interval: int = 28

    def __post_init__(self) -> None:
        if min(self.adders, self.multipliers) < 1 or min(self.dividers, self.logics) < 0:
            raise VioError(f"{self.adders} adders and {self.multipliers} multipliers: one at least")

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Adders, multipliers, dividers, logic units: in the order of `KINDS`."""
        return self.adders, self.multipliers, self.dividers, self.logics

    @property
    def count(self) -> int:
        """All units: the banks of the register file."""
        return sum(self.counts)

    def stages(self, kind: str) -> int:
        """Return the stages of the units that take an operation of this kind."""
        stages = self.adder_stages, self.multiplier_stages, self.divider_stages, self.logic_stages
        return stages[CLASS_OF[kind]]

    def interval(self, kind: str) -> int:
        """Return the cycles from one operation of this kind to the next of the same unit."""
        return self.divider_interval if kind in KINDS[2] else 1

    def of(self, kind: str) -> range:
        """Return the units that take an operation of this kind."""
        first = sum(self.counts[: CLASS_OF[kind]])
        return range(first, first + self.counts[CLASS_OF[kind]])


class Place(NamedTuple):
    """Where a value lies; state places carry STATE_BASE and their new-old bit."""

    bank: int
    address: int


class Step(NamedTuple):
    """Hold an operation's cycle and unit; the result is written in program word `written`."""

    cycle: int
    unit: int
    written: int


@dataclass
class Program:
    """Hold a scheduled graph.

    steps: of each operation. places: of each value; a state input's is the old one, a state
    output's the new. state: what a READ gives. loads: the constants. length: program words, to the
    last writing.
    """

    graph: Graph
    units: Units
    steps: list[Step]
    places: dict[int, Place]
    state: list[Place]
    loads: list[tuple[Place, int]]
    length: int = 0
    registers: list[int] = field(default_factory=list)  # words used of each bank


def schedule(graph: Graph, units: Units) -> list[Step]:
    """Return cycle and unit of each operation: the ready one with the longest way to go first."""
    first = graph.first_operation
    count = len(graph.operations)
    readers, waits = readers_of((o.operands for o in graph.operations), first)

    if missing := {o.kind for o in graph.operations if not units.of(o.kind)}:
        raise VioError(f"there is no unit for {', '.join(sorted(missing))} among {units}")

    def latency(k: int) -> int:
        return READ_CYCLES + units.stages(graph.operations[k].kind) + 1

    ahead = [0] * count
    for k in range(count - 1, -1, -1):
        ahead[k] = latency(k) + max((ahead[r] for r in readers[k]), default=0)
    ready_at = [0] * count
    waiting = [k for k in range(count) if not waits[k]]
    steps: list[Step | None] = [None] * count
    cycle = 0
    busy = [0] * units.count  # until this cycle
    while waiting:
        waiting.sort(key=lambda k: (-ahead[k], k))
        for k in list(waiting):
            kind = graph.operations[k].kind
            unit = next((u for u in units.of(kind) if busy[u] <= cycle), None)
            if ready_at[k] > cycle or unit is None:
                continue
            waiting.remove(k)
            busy[unit] = cycle + units.interval(kind)
            steps[k] = Step(cycle, unit, cycle + latency(k) - 1)
            for r in readers[k]:
                ready_at[r] = max(ready_at[r], cycle + latency(k))
                waits[r] -= 1
                if not waits[r]:
                    waiting.append(r)
        cycle += 1
    return [step for step in steps if step is not None]


def _place_state(
    graph: Graph,
    steps: Sequence[Step],
    state: Sequence[int],
    places: dict[int, Place],
    slots: list[int],
) -> None:
    """Give old and new value of each state word their places, and count those of each bank."""
    first = graph.first_operation
    if len(state) != len(graph.outputs) or len(set(graph.outputs)) < len(graph.outputs):
        raise VioError(f"{len(graph.outputs)} outputs for {len(state)} state words: one for each")
    if min(graph.outputs) < first:
        raise VioError("a state word is passed on without an operation, so that no unit writes it")
    for old, new in zip(state, graph.outputs, strict=True):
        bank = steps[new - first].unit
        address = STATE_BASE + 2 * slots[bank]
        slots[bank] += 1
        places[old], places[new] = Place(bank, address), Place(bank, address + 1)


def compile_program(graph: Graph, units: Units, state: Sequence[int], offset: int = 0) -> Program:
    """Return the program of a graph.

    state: the inputs that are kept from call to call; output k is the new value of state[k], and
    there are no others. Empty: nothing is kept, and the outputs stay where they are until the next
    call. The other inputs lie in the last bank from `offset` on in their order. Raises VioError
    when the new value of a state word is no operation of its own, or a bank is too small.
    """
    steps = schedule(graph, units)
    first = graph.first_operation
    places: dict[int, Place] = {}
    slots = [0] * units.count
    if state:
        _place_state(graph, steps, state, places, slots)
    last = units.count - 1
    inputs = [k for k in range(len(graph.input_names)) if k not in places]
    fixed = [*inputs, *range(len(graph.input_names), first)]
    for address, value in enumerate(fixed, offset):
        places[value] = Place(last, address)
    loads = [(places[len(graph.input_names) + k], bits) for k, bits in enumerate(graph.constants)]
    read_last = dict.fromkeys(range(first, first + len(steps)), -1)
    for step, operation in zip(steps, graph.operations, strict=True):
        for value in operation.operands:
            read_last[value] = max(read_last.get(value, -1), step.cycle)
    for value in graph.outputs:
        read_last[value] = END
    used = [0] * units.count
    used[last] = offset + len(fixed)
    free_at: list[dict[int, int]] = [{} for _ in range(units.count)]  # address: first free word
    for k in sorted(range(len(steps)), key=lambda k: steps[k].written):
        value, step = first + k, steps[k]
        if value in places:
            continue
        # A word may be written again after the cycle in which it is read for the last time.
        reusable = [a for a, at in free_at[step.unit].items() if at < step.written]
        address = min(reusable, default=used[step.unit])
        used[step.unit] = max(used[step.unit], address + 1)
        free_at[step.unit][address] = read_last[value]
        places[value] = Place(step.unit, address)
    for bank in range(units.count):
        if used[bank] > STATE_BASE or STATE_BASE + 2 * slots[bank] > 1 << ADDRESS_BITS:
            raise VioError(f"bank {bank} needs {used[bank]} words and {slots[bank]} of the state")
    return Program(
        graph,
        units,
        steps,
        places,
        [places[s] for s in (state or graph.outputs)],
        loads,
        # The next packet's first word may go into the last bank one cycle after the last word.
        max(step.written + 1 + (step.unit == last) for step in steps),
        [u + 2 * s for u, s in zip(used, slots, strict=True)],
    )
