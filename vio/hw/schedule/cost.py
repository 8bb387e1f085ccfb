# SPDX-License-Identifier: Apache-2.0
"""What a call takes: cycles by the ports and units that it needs, operations, words.

The calls are those that `--backend float32` executes (vio/float32/schedule.py). What their lane
programs do is traced (lane_program.py) or recorded (`Recorder`) from the code that computes them.
"""

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace

import numpy as np

from vio.backend.states import FULL_COLUMNS
from vio.float32 import calls as c
from vio.float32 import memory_map as m
from vio.float32.calls import CallList
from vio.float32.execute import addresses, words_of
from vio.float32.inertial import imu_rows, local_difference, retract
from vio.float32.kernels import COMPOSITE, SIMPLE, Kernels
from vio.float32.observe import moved, robust, ways
from vio.float32.structure import Structure
from vio.hw.schedule import lane_program
from vio.hw.schedule.machine import Cost, Machine

Batch = tuple[str, tuple[int, ...] | None, int]  # kernel, wanted results (None: all), operands


class Recorder(Kernels):
    """Keep which kernels are called, on how many operands; results are zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []

    def run(self, kernel: str, words: np.ndarray) -> np.ndarray:
        """Note a batch."""
        self.batches.append((kernel, None, len(words)))
        outputs = (SIMPLE[kernel] if kernel in SIMPLE else COMPOSITE[kernel])[1]
        return np.zeros((len(words), outputs), np.float32)


def _recorded(work: Callable[[Kernels], object]) -> tuple[Batch, ...]:
    recorder = Recorder()
    work(recorder)
    return tuple(recorder.batches)


def _still(frames: int) -> SimpleNamespace:
    """Return what the lane programs of factors and states see of a window."""
    R, vec = np.zeros((frames, 3, 3), np.float32), np.zeros((frames, 12), np.float32)
    gravity = np.zeros(3, np.float32)
    return SimpleNamespace(R=R, vec=vec, R_lin=R, vec_lin=vec, gravity=gravity)


@cache
def factor_batches() -> tuple[Batch, ...]:
    """Return what one inertial factor takes."""
    pre = SimpleNamespace(
        dt_s=0.0, dR=np.zeros((3, 3), np.float32), J_bias=np.zeros((9, 6), np.float32),
        dv=np.zeros(3, np.float32), dp=np.zeros(3, np.float32),
    )  # fmt: skip
    W, bias0 = np.zeros((FULL_COLUMNS, FULL_COLUMNS), np.float32), np.zeros(6, np.float32)
    factor = SimpleNamespace(slot_i=0, slot_j=1, pre=pre, W=W, bias0=bias0)
    return _recorded(lambda k: imu_rows(k, _still(2), [factor]))  # type: ignore[arg-type, list-item]


@cache
def state_batches(kind: int, size: int) -> tuple[Batch, ...]:
    """Return what the difference or the retraction of one state of `size` columns takes."""
    slots, dims, dx = np.array([0]), np.array([size]), np.zeros(size, np.float32)
    if kind == c.DIFFERENCE:
        return _recorded(lambda k: local_difference(k, _still(1), slots, dims))  # type: ignore[arg-type]
    return _recorded(lambda k: retract(k, _still(1), slots, dims, dx))  # type: ignore[arg-type]


@cache
def observe_batches(own: int, once: int, twice: int, is_moved: bool) -> tuple[Batch, ...]:
    """Return what a landmark's rays take: those of the host, and the others.

    twice: with a first estimate that is not the state of now; of its two runs of `linearize` only
    what is wanted counts. is_moved: residuals take a step.
    """
    total = own + once + twice
    residuals = lane_program.SEEN + lane_program.RESIDUALS
    jacobians = lane_program.SEEN + lane_program.JACOBIANS
    rays: list[Batch] = [
        ("linearize_own", None, own), ("linearize", None, once),
        ("linearize", residuals, twice), ("linearize", jacobians, twice),
    ]  # fmt: skip
    weights = _recorded(lambda k: robust(k, np.zeros((total, 2), np.float32), np.float32(1.0)))
    weighted: Batch = ("mul", None, 8 * own + 32 * (once + twice))
    rows, dx = np.zeros((once + twice, 2, 16), np.float32), np.zeros((once + twice, 12), np.float32)
    steps = _recorded(lambda k: moved(k, rows, dx)) if is_moved else ()
    return (*(batch for batch in rays if batch[2]), *weights, weighted, *steps)


def lane_cost(machine: Machine, batch: Batch) -> Cost:
    """Return what a batch of a kernel takes in the lanes, on operands that lie in their files."""
    kernel, wanted, count = batch
    graph = lane_program.program(kernel, wanted)
    L, both = machine.lanes, machine.side_by_side
    if kernel in SIMPLE:
        units = machine.units
        busy = max(
            graph.count("mul"), graph.count("add", "sub"),
            machine.divide_ii * graph.count("div", "sqrt"),
        )  # fmt: skip
        latency = lane_program.length(kernel, wanted, 1, units)
        cycles = (-(-count // L) - 1) * max(busy, 1) + latency
    else:
        full, rest = divmod(count, L * both)
        sizes = {times: lane_program.length(kernel, wanted, times, machine.units)
                 for times in range(1, both + 1)}  # fmt: skip
        cycles = full * sizes[both] + (sizes[-(-rest // L)] if rest else 0)
    reads = sum(len(o.operands) for o in graph.operations)
    ops = [count * graph.count(*kinds) for kinds in (("mul",), ("add", "sub"), ("div",), ("sqrt",))]
    register = count * (reads + len(graph.operations))
    return Cost(cycles, ops[0], ops[1], ops[2], ops[3], 0, 0, register)


def _in_lanes(machine: Machine, batches: tuple[Batch, ...], read: int, write: int) -> Cost:
    """Return what a lane program takes with its words from and to the memory."""
    L = machine.lanes
    moved = machine.issue + machine.access + -(-read // L) + -(-write // L)
    total = Cost(moved, read=read, write=write, register=read + write)
    for batch in batches:
        total += lane_cost(machine, batch)
    return total


_CONSTANTS = 2 * 26  # of the cameras, for every lane once a call
_RAY = 3 + 2 + 2 * 12  # words of a ray: landmark, pixel, poses of host and target


def _lane_call(machine: Machine, s: Structure, kind: int, operand: object) -> Cost:
    if kind == c.OBSERVE:
        rays = ways(s, [operand])  # type: ignore[list-item]
        own, twice = int(rays[:, 4].sum()), int(rays[:, 5].sum())
        once = len(rays) - own - twice
        is_moved = operand.moved is not None  # type: ignore[attr-defined]
        read = _CONSTANTS * machine.lanes + 5 * own + _RAY * (once + twice) + 24 * twice
        read += 12 * (once + twice) * is_moved
        batches = observe_batches(own, once, twice, is_moved)
        return _in_lanes(machine, batches, read, 2 * m.ROW_WORDS * len(rays))
    if kind == c.FACTOR:
        read = m.FACTOR_WORDS + 2 * m.STATE_WORDS
        return _in_lanes(machine, factor_batches(), read, FULL_COLUMNS * (2 * FULL_COLUMNS + 1))
    size = len(operand.columns)  # type: ignore[attr-defined]
    words = m.STATE_WORDS if kind == c.DIFFERENCE else m.STATE_WORDS // 2 + size
    return _in_lanes(machine, state_batches(kind, size), words, size)


def _vectors(at: np.ndarray, lanes: int, runs: np.ndarray) -> int:
    """Return the cycles of one port of the banks for words at addresses, `lanes` at a time.

    runs: where a new vector begins; words of one bank in a vector take a cycle each.
    """
    start = np.concatenate([np.flatnonzero(runs), [len(at)]])
    length = np.diff(start)
    within = np.arange(len(at)) - np.repeat(start[:-1], length)
    vector = np.cumsum(runs | (within % lanes == 0)) - 1
    counts = np.bincount(vector * lanes + at % lanes, minlength=(vector[-1] + 1) * lanes)
    return int(counts.reshape(-1, lanes).max(axis=1).sum())


def _walked(m_: Machine, call: np.ndarray, runs: np.ndarray, scratch: np.ndarray) -> Cost:
    """A product or a transfer: the source goes to the lanes' files row by row, a pass for each."""
    n = addresses(call, runs, scratch)
    d, y = scratch[0, :n], scratch[2, :n]
    new = np.ones(n, bool)
    new[1:] = np.diff(y) != 1  # another row, or another run
    entries = n
    if call[c.TRIANGULAR] == 2:  # a transfer
        cycles = _vectors(y, m_.lanes, new) + _vectors(d, m_.lanes, new)
        latency = m_.access + m_.add
        total = m_.issue + cycles + latency
        return Cost(total, 0, entries, 0, 0, 2 * entries, entries, 3 * entries)
    # A lane keeps the columns of its own remainder of L, so that its file needs no rotator.
    passes = _aligned(y, m_.lanes, new)
    depth = int(call[c.DEPTH])
    columns = runs[call[c.COLUMNS] : call[c.COLUMNS] + call[c.COLUMN_RUNS]]
    words = int(columns[:, 2].sum())
    load = int(sum(-(-int(k) // m_.lanes) for k in columns[:, 2]))
    back = m_.memory + m_.rotator + m_.add + m_.rotator + m_.memory  # until a word is there again
    cycles = m_.issue + m_.access + m_.mul + m_.add
    cycles += depth * (load + max(passes, back if depth > 1 else 0))
    if call[c.TRIANGULAR] == 3:  # an outer product: a scalar of the memory for each row
        rows = int(runs[call[c.ROWS], 2])
        words, cycles = words + rows, cycles + rows
    macs = depth * entries
    return Cost(cycles, macs, macs, 0, 0, depth * (words + entries), macs, depth * words + 2 * macs)


def _aligned(y: np.ndarray, lanes: int, new: np.ndarray) -> int:
    """Return the vectors of runs of words that begin at a multiple of L of their source."""
    block = y // lanes
    change = new.copy()
    change[1:] |= block[1:] != block[:-1]
    return int(np.count_nonzero(change))


_USES = {  # operands that come from the memory; products, sums
    c.MULTIPLY: (("x", "y"), 1, 0), c.ADD: (("x", "y"), 0, 1), c.SUBTRACT: (("x", "y"), 0, 1),
    c.MULTIPLY_ADD: (("d", "x", "y"), 1, 1), c.MULTIPLY_SUBTRACT: (("d", "x", "y"), 1, 1),
    c.COPY: (("x",), 0, 0), c.CLEAR: ((), 0, 0), c.AT_LEAST: (("x", "y"), 0, 0),
}  # fmt: skip


def _straight(m_: Machine, call: np.ndarray, runs: np.ndarray, scratch: np.ndarray) -> Cost:
    """An element-wise call: its operands one after another through the read ports."""
    n = addresses(call, runs, scratch)
    kind = int(call[c.KIND])
    first = np.zeros(n, bool)
    first[0] = True
    if kind in (c.PIVOT, c.DROP_PIVOT, c.REFLECT):
        one = lane_cost(m_, ("reflector" if kind == c.REFLECT else "pivot", None, n))
        reads, writes = 2 * n, (3 if kind == c.REFLECT else 2) * n
        cycles = m_.issue + m_.access + reads + writes + 2 * m_.logic
        return one + Cost(cycles, read=reads, write=writes)
    uses, mul, add = _USES[kind]
    rows = dict(zip("dxy", scratch[:, :n], strict=True))
    words = cycles = 0
    taken: list[np.ndarray] = []
    for name in uses:
        at = rows[name]
        if n > 1 and at[1] == at[0]:  # one word for all
            words, cycles = words + 1, cycles + 1
        elif not any(np.array_equal(at, other) for other in taken):
            words, cycles = words + n, cycles + _vectors(at, m_.lanes, first)
            taken.append(at)
    cycles = max(cycles, _vectors(rows["d"], m_.lanes, first))
    latency = m_.issue + m_.access + mul * m_.mul + add * m_.add
    return Cost(latency + cycles, n * mul, n * add, 0, 0, words, n, words + n)


def costs_of(calls: CallList, s: Structure, machine: Machine) -> list[Cost]:
    """Return what each call of a list takes; s: the structure that it is made for."""
    size = max(1, int(words_of(calls.code, calls.runs).max(initial=0)))
    scratch = np.empty((3, size), np.int64)
    known: dict[tuple[object, ...], Cost] = {}
    out = []
    for call in calls.code:
        kind, form = int(call[c.KIND]), int(call[c.TRIANGULAR])
        key: tuple[object, ...]
        if kind in c.LANE_PROGRAMS:
            operand = calls.operands[call[c.X]]
            key = kind, _shape(s, kind, operand)
        elif form > 0:  # a walk depends on its place in the banks and on its runs
            walk = tuple(
                tuple(map(tuple, calls.runs[call[a] : call[a] + call[b]].tolist()))
                for a, b in ((c.ROWS, c.ROW_RUNS), (c.COLUMNS, c.COLUMN_RUNS))
            )
            place = call[c.DEST] % 8, call[c.X] % 8
            key = (kind, *place, *call[[c.DEST_WIDTH, c.DEST_STEP, c.X_STEP, c.DEPTH]], walk)
        else:
            steps = call[[c.DEST_STEP, c.X_STEP, c.Y_STEP, c.ROWS, c.TRIANGULAR]]
            same = call[c.DEST] == call[c.X], call[c.X] == call[c.Y]
            key = (kind, *steps, *same, *(call[[c.DEST, c.X, c.Y]] % 8))
        if key not in known:
            if kind in c.LANE_PROGRAMS:
                known[key] = _lane_call(machine, s, kind, calls.operands[call[c.X]])
            else:
                one = _walked if form > 0 else _straight
                known[key] = one(machine, call, calls.runs, scratch)
        out.append(known[key])
    return out


def _shape(s: Structure, kind: int, operand: object) -> object:
    """Return what the cost of a lane program depends on."""
    if kind == c.OBSERVE:
        rays = ways(s, [operand])  # type: ignore[list-item]
        is_moved = operand.moved is not None  # type: ignore[attr-defined]
        return len(rays), int(rays[:, 4].sum()), int(rays[:, 5].sum()), is_moved
    return None if kind == c.FACTOR else len(operand.columns)  # type: ignore[attr-defined]
