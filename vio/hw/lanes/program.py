# SPDX-License-Identifier: Apache-2.0
"""Schedule a lane program: which operation begins in which cycle, and where its words lie.

A cycle begins one operation in every lane: three words are read from the lane's file, and at most
one result is written there. The divider takes a question every 28 cycles. A list schedule by the
longest path interleaves the operations of one or two items a lane.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from vio.errors import VioError
from vio.hw.hls.graph import readers_of
from vio.hw.lanes.fused import CODES, DIVIDE, Fused, copied, copies, fused
from vio.hw.lanes.traced import LaneGraph, Place, lane_graph

FILE = 512  # words of a lane's file
CONTEXT = 128  # places from one item to the next in a lane
RESULT = (14, 5, 35, 0)  # cycles from an operation's word to the one that writes, by the unit
VISIBLE = 2  # from there until an operation may read it
INTERVAL = 28  # of the divider
CONTEXTS = {"observe": 2, "observe_moved": 2}  # items side by side in a lane; others: 1


class Move(NamedTuple):
    """Hold words between the memory and a file: `words` of them from an offset and a place on.

    step: 1, or 0 where all are one word of the file.
    """

    where: Place
    words: int
    place: int
    step: int = 1


class Step(NamedTuple):
    """Hold an operation's place in the program: when it begins and when its result is written."""

    cycle: int
    written: int


@dataclass(frozen=True)
class LaneProgram:
    """Hold a scheduled program.

    places: of each value of the operations, the inputs first. length: words.
    """

    name: str
    contexts: int
    operations: Fused
    steps: tuple[Step, ...]
    places: tuple[int, ...]
    loads: tuple[Move, ...]
    stores: tuple[Move, ...]
    length: int


def scheduled(program: Fused) -> list[Step]:
    """Return when each operation begins, and when its result is written."""
    count = len(program.operations)
    readers, waits = readers_of((o.operands for o in program.operations), program.inputs)
    units = [CODES[o.kind][0] for o in program.operations]
    ahead = [0] * count
    for k in range(count - 1, -1, -1):
        behind = max((ahead[r] for r in readers[k]), default=0)
        ahead[k] = RESULT[units[k]] + VISIBLE + behind
    ready_at = [0] * count
    waiting = [k for k in range(count) if not waits[k]]
    steps: list[Step | None] = [None] * count
    written: set[int] = set()
    divider = 0  # takes a question from this cycle on
    cycle = 0
    while waiting:
        waiting.sort(key=lambda k: (-ahead[k], k))
        for k in waiting:
            at = cycle + RESULT[units[k]]
            if ready_at[k] > cycle or (units[k] == DIVIDE and divider > cycle):
                continue
            if at in written:
                if units[k] != DIVIDE:
                    continue
                while at in written:  # an answer stays until the next
                    at += 1
            waiting.remove(k)
            steps[k] = Step(cycle, at)
            written.add(at)
            if units[k] == DIVIDE:
                divider = max(cycle + INTERVAL, at - RESULT[DIVIDE] + 1)
            for r in readers[k]:
                ready_at[r] = max(ready_at[r], at + VISIBLE)
                waits[r] -= 1
                if not waits[r]:
                    waiting.append(r)
            break
        cycle += 1
    return [step for step in steps if step is not None]


def _moves(places: list[tuple[Place, int]]) -> tuple[Move, ...]:
    """Return words in a row, or copies of one word, as moves."""
    out: list[Move] = []
    for where, place in places:
        if out:
            last = out[-1]
            w = last.where
            follows = where == w._replace(offset=w.offset + last.words)
            steps = (1, 0) if last.words == 1 else (last.step,)
            for step in steps:
                if follows and place == last.place + step * last.words:
                    out[-1] = Move(w, last.words + 1, last.place, step)
                    break
            else:
                out.append(Move(where, 1, place))
            continue
        out.append(Move(where, 1, place))
    return tuple(out)


def _outputs(graph: LaneGraph, one: Fused) -> tuple[dict[int, int], list[tuple[Place, int]]]:
    """Return places of the output values behind the inputs, and where each output lies.

    A sum that is made of another one, which nothing else reads, has its place.
    """
    places: dict[int, int] = {}
    for value in one.outputs:
        if value >= one.inputs:
            places.setdefault(value, one.inputs + len(places))
    uses = Counter(v for o in one.operations for v in o.operands)
    for value, place in list(places.items()):
        o = one.operations[value - one.inputs]
        while o.kind.startswith("multiply_") and o.operands[2] >= one.inputs:
            value = o.operands[2]
            o = one.operations[value - one.inputs]
            if uses[value] > 1 or o.kind == "immediate" or value in places:
                break
            places[value] = place
    stored = [
        (w, places.get(v, v)) for w, v in zip(graph.outputs, one.outputs, strict=True)
    ]  # an input has the place of its number
    return places, stored


def _temporaries(
    program: Fused, steps: list[Step], places: dict[int, int], first: int
) -> dict[int, int]:
    """Return places of all other results: free again when their last reader has begun."""
    last = {program.inputs + k: step.written for k, step in enumerate(steps)}
    for step, o in zip(steps, program.operations, strict=True):
        for value in o.operands:
            if value >= program.inputs:
                last[value] = max(last[value], step.cycle)
    free: dict[int, int] = {}  # place: first cycle in which it may be written again
    out = dict(places)
    used = first
    for k in sorted(range(len(steps)), key=lambda k: steps[k].written):
        value = program.inputs + k
        if value in places:
            continue
        place = min((p for p, at in free.items() if at <= steps[k].written), default=used)
        used = max(used, place + 1)
        free[place] = last[value] + 1
        out[value] = place
    if used > FILE:
        raise VioError(f"a lane program needs {used} words of a file of {FILE}")
    return out


@cache
def lane_program(name: str) -> LaneProgram:
    """Return a program of `PROGRAMS`, scheduled."""
    graph = lane_graph(name)
    contexts = CONTEXTS.get(name, 1)
    one = fused(graph.graph)
    outputs, stored = _outputs(graph, one)
    size = max(outputs.values()) + 1
    if contexts > 1 and size > CONTEXT:
        raise VioError(f"{name}: {size} words of an item in {CONTEXT} places")
    program = copies(one, contexts)
    steps = scheduled(program)
    places = {
        c * one.inputs + k: c * CONTEXT + k for c in range(contexts) for k in range(one.inputs)
    }
    for value, place in outputs.items():
        for c in range(contexts):
            places[copied(one, contexts, value, c)] = c * CONTEXT + place
    places = _temporaries(program, steps, places, contexts * CONTEXT if contexts > 1 else size)
    order = tuple(places[v] for v in range(program.inputs + len(program.operations)))
    loads = _moves([(place, k) for k, place in enumerate(graph.inputs)])
    length = max(step.written for step in steps) + 1
    return LaneProgram(name, contexts, program, tuple(steps), order, loads, _moves(stored), length)
