# SPDX-License-Identifier: Apache-2.0
"""The lane programs as lists of float32 operations, traced from the functions of vio/float32.

`observe`, `imu_rows`, `local_difference` and `retract` run once on symbols instead of numbers: on a
memory whose words are inputs, by kernels that record. What they read and write are addresses of a
window with two frames; `Place` says to which base each belongs, so that a program runs on any
window. Nothing of the arithmetic is typed again here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from vio.backend.states import FULL_COLUMNS
from vio.float32 import memory_map as m
from vio.float32.inertial import FILLED, factor_rows, local_difference, retract, whitened
from vio.float32.kernels import COMPOSITE, Kernels, Values
from vio.float32.observe import FAR, observe
from vio.float32.schedule import Observed
from vio.float32.structure import Landmark, Structure
from vio.hw.hls.graph import Graph, numbered
from vio.hw.schedule.lane_program import Trace, Traced, Value, objects

# What an offset of a load or a store counts from. An item is a ray, a factor or a state; it has two
# descriptors, each with an address and a column, a camera or a flag (vio/float32/lane_words.py).
BASES = (
    ABSOLUTE,  # the memory's first word
    FIRST, SECOND,  # the addresses of the two descriptors
    CALL,  # an address of the call: a landmark, a factor
    PAIRS,  # another one, and 2 words further with each item: observations
    CAMERA,  # the constants of the item's camera
    STEP_FIRST, STEP_SECOND,  # the call's step, at the descriptors' columns
    ROWS,  # the call's destination, and two rows further with each item
    DEST_FIRST, DEST_SECOND,  # the call's destination, at the descriptors' columns
) = range(11)  # fmt: skip
_IN_TWO = {"multiply_add": "add", "downdate": "sub"}
ROWS_PITCH = 2 * m.ROW_PITCH  # from item to item


class Place(NamedTuple):
    """Hold where a word lies: so far from a base; motion: only if the item has motion columns."""

    base: int
    offset: int
    motion: bool = False


@dataclass(frozen=True)
class LaneGraph:
    """Hold a program: operations on inputs, where each input comes from and each output goes."""

    graph: Graph
    inputs: tuple[Place, ...]
    outputs: tuple[Place, ...]


class Symbols(Kernels):
    """Record the kernels' operations; arrays hold `Value` objects."""

    dtype = condition = object

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.symbols = trace

    def _one(self, kind: str, *operands: Any) -> Value:
        if kind in _IN_TWO:
            total, a, b = operands
            return self._one(_IN_TWO[kind], total, self._one("mul", a, b))
        return self.symbols.operation(kind, *operands)

    def _map(self, kernel: str, *arrays: Values) -> np.ndarray:
        operands = np.broadcast_arrays(*(np.asarray(a, object) for a in arrays))
        out = np.empty((*operands[0].shape, 1), object)
        for at in np.ndindex(operands[0].shape):
            out[(*at, 0)] = self._one(kernel, *(operand[at] for operand in operands))
        return out

    def batch(self, kernel: str, words: np.ndarray) -> np.ndarray:
        """Return what a kernel's loop records for words (N, inputs)."""
        _, outputs, fill = COMPOSITE[kernel]
        out = objects((len(words), outputs))
        Traced(self.symbols).run(fill, words, out)
        return out

    def linearized(
        self, kernel: str, operands: np.ndarray, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the conditions of what is in front, and the rows (N, 2, width)."""
        out = self.batch(kernel, operands)
        return out[:, 0], out[:, 1:].reshape(-1, 2, width).copy()

    def less(self, x: Values, y: Values) -> np.ndarray:
        """Return the conditions x < y."""
        return self._map("lt", x, y)[..., 0]

    def where(self, condition: np.ndarray, x: Values, y: Values) -> np.ndarray:
        """Return what selects x or y."""
        return self._map("select", condition, x, y)[..., 0]


class _Memory:
    """Hold a window of two frames whose words are symbols, and where each word lies."""

    def __init__(self, views: tuple[tuple[int, int], ...], moved: bool = False) -> None:
        landmark = Landmark(0, 0, views)
        dims = (FULL_COLUMNS, FULL_COLUMNS)
        self.s = Structure(dims, (True, True), (landmark,), ((0, 1),), (), 0)
        self.columns = m.step_columns(self.s)
        self.where = where = m.memory_map(self.s, [self.columns])
        self.observed = Observed(landmark, 0, where.observations, where.x if moved else None)
        pose, motion = self.columns.pose, self.columns.motion
        regions = [
            (m.HUBER, 4, Place(ABSOLUTE, m.HUBER)),
            (m.CAMERAS, 26, Place(CAMERA, m.CAMERAS)),
            (where.state(0), m.STATE_WORDS, Place(FIRST, 0)),
            (where.state(1), m.STATE_WORDS, Place(SECOND, 0)),
            (where.factors, m.FACTOR_WORDS, Place(CALL, 0)),
            (where.inertial.base, m.INERTIAL_WORDS, Place(ROWS, 0)),
            (where.landmarks, m.LANDMARK_WORDS, Place(CALL, 0)),
            (where.observations, 2, Place(PAIRS, 0)),
            (where.x + pose[0], 6, Place(STEP_FIRST, 0)),
            (where.x + pose[1], 6, Place(STEP_SECOND, 0)),
            (where.x + motion[0], 9, Place(STEP_SECOND, 0, True)),
        ]
        self.places = {
            start + k: place._replace(offset=place.offset + k)
            for start, count, place in regions for k in range(count)
        }  # fmt: skip
        self.trace = Trace()
        self.kernels = Symbols(self.trace)
        self.words = objects(where.size)
        for address in self.places:
            self.words[address] = self.trace.value("input", address)
        self.words[m.CAMERAS + 25] = FAR  # the threshold that nothing exceeds

    def states(self) -> m.States:
        """Return the states of both frames, as the lane programs of inertial.py take them."""
        return m.states_of(self.words, self.where.state(0), 2)

    def program(self, outputs: list[tuple[Place, Value]]) -> LaneGraph:
        """Return the operations behind outputs, and the inputs that they have."""
        results = [self.trace.number(value) for _, value in outputs]
        keys = list(self.trace.keys)  # constants among the results may have been new
        needed = set(results)
        for number in range(len(keys) - 1, -1, -1):
            if number in needed and keys[number][0] not in ("input", "constant"):
                needed.update(keys[number][1:])
        used = [n for n in sorted(needed) if keys[n][0] == "input"]
        others = [n for n, key in enumerate(keys) if key[0] != "input"]
        new = {number: k for k, number in enumerate([*used, *others])}
        renamed = [
            keys[n] if keys[n][0] in ("input", "constant")
            else (keys[n][0], *(new.get(a, 0) for a in keys[n][1:]))
            for n in [*used, *others]
        ]  # fmt: skip
        places = tuple(self.places[keys[n][1]] for n in used)
        names = [str(place) for place in places]
        graph = numbered(names, renamed, [new[r] for r in results])
        return LaneGraph(graph, places, tuple(place for place, _ in outputs))


def _observe(views: tuple[tuple[int, int], ...], moved: bool = False) -> LaneGraph:
    memory = _Memory(views, moved)
    rows, _ = observe(
        memory.kernels, memory.words, memory.where, memory.s, [memory.observed], memory.columns
    )
    return memory.program([
        (Place(ROWS, m.ROW_PITCH * i + j), rows[0, i, j])
        for i in range(2) for j in range(m.ROW_WORDS)
    ])  # fmt: skip


def _difference() -> LaneGraph:
    memory = _Memory(())
    slots, dims = np.array([0]), np.array([FULL_COLUMNS])
    out = local_difference(memory.kernels, memory.states(), slots, dims)
    return memory.program(
        [(Place(DEST_FIRST, k), value) for k, value in enumerate(out[:6])]
        + [(Place(DEST_SECOND, k, True), value) for k, value in enumerate(out[6:])]
    )


def _retract() -> LaneGraph:
    memory, columns = _Memory(()), np.arange(FULL_COLUMNS)
    states, where = memory.states(), memory.where
    dx = memory.words[where.x + np.array(memory.columns.of(0))]
    retract(memory.kernels, states, np.array([0]), np.array([len(columns)]), dx)
    words = np.concatenate([states.R[0].reshape(-1), states.vec[0]])
    return memory.program([(Place(FIRST, k, k >= 12), value) for k, value in enumerate(words)])


def _factor_words(memory: _Memory) -> m.Factor:
    """Return a factor, as the lane programs of inertial.py take it, of the words of the memory."""
    at = memory.where.factors
    return m.factor_of(memory.words[at : at + m.FACTOR_WORDS], memory.kernels.dtype)


def _factor() -> LaneGraph:
    memory = _Memory(())
    rows = factor_rows(memory.kernels, memory.states(), [_factor_words(memory)])
    return memory.program([
        (Place(ROWS, rows.shape[2] * i + int(j)), rows[0, i, j])
        for i, columns in enumerate(FILLED) for j in columns
    ])  # fmt: skip


def _whiten() -> LaneGraph:
    memory = _Memory(())
    base, width = memory.where.inertial.base, 2 * FULL_COLUMNS + 1
    rows = memory.words[base : base + m.INERTIAL_WORDS].reshape(1, FULL_COLUMNS, width)
    out = whitened(memory.kernels, _factor_words(memory).W[None], rows)
    return memory.program([(Place(ROWS, k), value) for k, value in enumerate(out.reshape(-1))])


PROGRAMS: dict[str, Callable[[], LaneGraph]] = {
    "observe_own": lambda: _observe(((0, 1),)),
    "observe": lambda: _observe(((1, 1),)),
    "observe_moved": lambda: _observe(((1, 1),), True),
    "difference": _difference,
    "retract": _retract,
    "factor": _factor,
    "whiten": _whiten,
}


@cache
def lane_graph(name: str) -> LaneGraph:
    """Return the operations of a program of `PROGRAMS` on one item."""
    return PROGRAMS[name]()
