# SPDX-License-Identifier: Apache-2.0
"""What a kernel call of the back end's schedule costs: cycles, operations, words of memory.

The machine (docs/hls/backend_schedule.md): `lanes` pairs of fp32 multiplier and adder that start
one multiply-add a cycle each, a digit-serial divider (also for roots) beside each, a memory that
reads two vectors of `lanes` neighbouring words and writes one a cycle, and registers: a row of 16
words and accumulators, from which each lane may choose any. Calls do not overlap: each drains.
"""

import math
from collections.abc import Callable, Sequence
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


def _triangle(n: int) -> int:
    return n * (n + 1) // 2


# Straight-line parts of `linearize`: (mul, add, div, sqrt), counted by an instrumented run (tests).
POINT = (18, 15, 0, 0)  # y and w: the point in the host's body, and turned to the world
TARGET = (12, 12, 0, 0)  # d, z, b: the point from the target
CAMERA = (14, 9, 1, 0)  # q and the ray
ROW_SAME = (17, 11, 0, 0)  # one row of the Jacobian in the host's own cameras
ROW = (53, 32, 0, 0)  # one row of it in another frame's
ROBUST = (7, 3, 1, 2)  # both rows' residual and Huber's weight
PATH_DIV, PATH_SQRT, PATH_MUL, PATH_ADD = 2, 2, 15, 14  # longest chain of dependent operations


Part = tuple[int, int, int, int]


def _sum(*parts: tuple[int, Part], extra_mul: int = 0) -> Part:
    """Return the operations of (count, part), and of `extra_mul` products."""
    mul, add, div, sqrt = (sum(count * part[k] for count, part in parts) for k in range(4))
    return mul + extra_mul, add, div, sqrt


def loop_cycles(m: Machine, bodies: Sequence[tuple[int, Part]], path: int) -> int:
    """Return the cycles of loops, (times, operations of the body), and the longest path of one.

    No turn waits for another, so that a new one begins as soon as the units have room for it
    (modulo scheduling: Rau, MICRO 1994): the unit that is asked most decides. One turn more is for
    operations of the last one that wait for their unit beside the longest path.
    """
    turns = [
        (times, max(-(-mul // m.lanes), -(-add // m.lanes), (div + sqrt) * m.every))
        for times, (mul, add, div, sqrt) in bodies
        if times
    ]
    longest = max((each for _, each in turns), default=0)
    return path + longest + sum(times * each for times, each in turns)


def _observations(s: tuple[int, ...], first_time: bool) -> list[tuple[int, Part]]:
    """Return the loops over a landmark's frames and observations, see `Call.sizes`.

    first_time: with residual and robust weight, and with the rays at the states where these are not
    the first estimates; else three words a ray were kept.
    """
    host_twice, frames_twice, frames_once, cams_twice, cams_once, cams_host = s
    robust = (1, ROBUST if first_time else (1, 0, 0, 0))
    again = int(first_time)

    def seen(rays: int, row: Part, weighted: int) -> Part:
        return _sum((rays, CAMERA), (2, row), robust, extra_mul=2 * weighted)

    return [
        (1, _sum((1 + again * host_twice, POINT))),
        (frames_twice, _sum((1 + again, TARGET))),
        (frames_once, TARGET),
        (cams_twice, seen(1 + again, ROW, 12)),
        (cams_once, seen(1, ROW, 12)),
        (cams_host, seen(1, ROW_SAME, 3)),
    ]


def _linearize(m: Machine, s: tuple[int, ...]) -> Cost:
    host_twice, frames_twice, frames_once, cams_twice, cams_once, cams_host = s
    bodies = _observations(s, True)
    mul, add, div, sqrt = _sum(*bodies)
    path = PATH_DIV * m.div + PATH_SQRT * m.sqrt + PATH_MUL * m.mul + PATH_ADD * m.add
    rows = 2 * (cams_twice + cams_once + cams_host)
    cycles = m.issue + m.memory + loop_cycles(m, bodies, path)
    read = 3 + 24 * (1 + host_twice) + 12 * (2 * frames_twice + frames_once) + rows
    return Cost(cycles, mul, add, div, sqrt, read, rows * 16, 3 * (mul + add))


def _relinearize(m: Machine, s: tuple[int, ...]) -> Cost:
    """The Jacobians once more; the residuals and weights were kept (three words a ray)."""
    _, frames_twice, frames_once, cams_twice, cams_once, cams_host = s
    bodies = _observations(s, False)
    mul, add, div, _ = _sum(*bodies)
    path = m.div + 11 * m.mul + 19 * m.add  # through the ray into the column of depth
    rows = 2 * (cams_twice + cams_once + cams_host)
    cycles = m.issue + m.memory + loop_cycles(m, bodies, path)
    read = 3 + 24 + 12 * (frames_twice + frames_once) + rows + rows // 2
    return Cost(cycles, mul, add, div, 0, read, rows * 16, 3 * (mul + add))


def _reflect(m: Machine, s: tuple[int, ...]) -> Cost:
    """Three Householder steps of a block [3 landmark | residual], lanes along its rows."""
    rows, trailing = s
    total = Cost(m.issue)
    for c in range(3):
        k, w = rows - 1 - c, trailing - c
        v = -(-k // m.lanes)
        dots = (1 + w) * v + m.memory + m.reduce
        scalar = m.mul + m.add + m.sqrt + m.add + m.mul + m.div + m.mul + m.add + m.mul
        total += Cost(
            dots + scalar + w * v + m.mul + m.add + m.memory,
            mul=k + 2 + w * (2 * k + 3),
            add=k + 1 + w * (2 * k + 1),
            div=1,
            sqrt=1,
            read=(1 + w) * k + w + 1 + (1 + w) * k + w,
            write=1 + w * (k + 1),
            register=3 * (1 + 2 * w) * k,
        )
    return total


def _orthonormal(m: Machine, s: tuple[int, ...]) -> Cost:
    """The first three columns of Q from the reflectors of `reflect`, last reflector first."""
    rows = s[0]
    total = Cost(m.issue)
    for c in (2, 1, 0):
        k, w = rows - c, 2 - c
        v = -(-k // m.lanes)
        total += Cost(
            w * v + (m.reduce if w else 0) + m.mul + (w + 1) * v + m.mul + m.add + 2 * m.memory,
            mul=w * (2 * k + 1) + 1 + k,
            add=w * (2 * k - 1) + 1,
            read=(1 + 2 * w) * k + k,
            write=(1 + w) * k,
            register=3 * (1 + 2 * w) * k,
        )
    return total


def _top(m: Machine, s: tuple[int, ...]) -> Cost:
    """J_1 = Q_1' J_poses: three products a word of a row, sums in registers."""
    rows, frames = s  # of other frames than the host
    n = rows * 36
    cycles = m.issue + 2 * m.memory + rows * max(-(-36 // m.lanes), m.add) + m.mul + m.add
    cycles += -(-18 // m.lanes)
    return Cost(cycles, n, n, 0, 0, rows * 15, 18 * (frames + 1), 3 * n)


def _gram_rows(m: Machine, s: tuple[int, ...]) -> Cost:
    """J_p'J_p and J_p'r of rows with a host's and a target's six columns each."""
    rows, frames = s
    n = rows * 90
    words = 63 * frames + 27
    cycles = m.issue + 2 * m.memory + rows * max(-(-90 // m.lanes), m.add) + m.mul + m.add
    cycles += 2 * -(-63 // m.lanes)
    return Cost(cycles, n, n, 0, 0, rows * 13 + words, words, 3 * n)


def _rank(m: Machine, s: tuple[int, ...]) -> Cost:
    """H -+= X'X, g -+= X'r of `depth` dense rows over runs of columns: H is read once."""
    depth, runs = s[0], s[1:]
    n = sum(runs)
    entries = _triangle(n) + n
    v = triangle_vectors(runs, m.lanes) + vectors(runs, m.lanes)
    cycles = m.issue + 2 * m.memory + depth * m.add * -(-v // m.add) + m.mul + m.add
    macs = depth * entries
    read = entries + depth * (_triangle(n) + n + n + 1)
    return Cost(cycles, macs, macs, 0, 0, read, entries, 3 * macs)


def _schur(m: Machine, s: tuple[int, ...]) -> Cost:
    """Jl'Jl, Jl'r, Jl'Jp, Cholesky of the first, and the top rows: the classical elimination."""
    rows, other, frames = s  # all rows, those of other frames than the host, other frames
    small = rows * 9
    columns = 6 * (frames + 1) + 1
    mul = small + other * 36 + 7 + 6 * columns
    add = small + other * 36 + 4 + 3 * columns
    cycles = m.issue + 3 * m.memory + rows * max(-(-9 // m.lanes), m.add)
    cycles += other * max(-(-36 // m.lanes), m.add) + 2 * (m.mul + m.add)
    cycles += 3 * (m.sqrt + m.div) + 2 * (m.mul + m.add)
    cycles += 3 * -(-columns // m.lanes) * 2 + 3 * (m.mul + m.add) + m.memory
    read = rows * 4 + other * 15 + 3 * columns
    return Cost(cycles, mul, add, 3, 3, read, 6 * columns + 9, 3 * (mul + add))


def _factor(m: Machine, s: tuple[int, ...]) -> Cost:
    """An inertial factor: residual, Jacobian and whitening by a triangle of 9 and a diagonal."""
    mul, add, div, sqrt = FACTOR
    whitening = 45 * 31 + 6 * 3
    path = 6 * m.div + 4 * m.sqrt + 60 * (m.mul + m.add)
    cycles = m.issue + 2 * m.memory + path + -(-(mul + whitening) // m.lanes)
    cycles += m.mul + m.add + (div + sqrt) * m.every
    return Cost(
        cycles, mul + whitening, add + 45 * 31, div, sqrt, 180, 15 * 31, 3 * (mul + add + 2830)
    )


FACTOR = (600, 480, 100, 4)  # of residual and Jacobian: above the counted run (tests)


def _column(m: Machine, s: tuple[int, ...]) -> Cost:
    """One column of Cholesky: root, its reciprocal, then multiples of the row from those below."""
    runs = s
    n = sum(runs)
    updates = _triangle(n)
    v = triangle_vectors(runs, m.lanes)
    scalar = m.sqrt + m.div + m.mul + 3 * m.memory
    cycles = m.issue + scalar + 1 + vectors(runs, m.lanes) + v + m.mul + m.add
    mul = updates + n + 1
    return Cost(cycles, mul, updates, 1, 1, 1 + n + 2 * updates, 1 + n + updates, 3 * mul)


def _scale(m: Machine, s: tuple[int, ...]) -> Cost:
    """H to a unit diagonal, with damping: n roots and reciprocals, two products an entry."""
    (n,) = s
    entries = _triangle(n)
    v = sum(-(-k // m.lanes) for k in range(1, n + 1))
    cycles = m.issue + 2 * m.memory + 2 * n * m.every + m.sqrt + m.div
    cycles += 2 * v + 2 * m.mul + m.add
    return Cost(cycles, 2 * entries + n, n, n, n, 2 * n + 3 * entries, n + entries, 4 * entries)


def _forward(m: Machine, s: tuple[int, ...]) -> Cost:
    """U'x = b: a division, then a multiple of U's row from the rest, for each row."""
    total = Cost(m.issue)
    for row in range(s[0]):
        k = s[0] - 1 - row
        v = -(-k // m.lanes)
        total += Cost(m.div + v + m.mul + m.add + 2 * m.memory, k, k, 1, 0, 2 + 2 * k, 1 + k, 3 * k)
    return total


def _backward(m: Machine, s: tuple[int, ...]) -> Cost:
    """U x = b: a dot product and a division for each row, from the last."""
    total = Cost(m.issue)
    for k in range(s[0]):
        v = -(-k // m.lanes)
        reduce = m.reduce + m.add if k else 0
        total += Cost(v + reduce + m.div + 2 * m.memory, k, k, 1, 0, 2 + 2 * k, 1, 3 * k)
    return total


def _unscale(m: Machine, s: tuple[int, ...]) -> Cost:
    n = s[0]
    return Cost(m.issue + -(-n // m.lanes) + m.mul + 2 * m.memory, n, 0, 0, 0, 2 * n, n, 2 * n)


def _retract(m: Machine, s: tuple[int, ...]) -> Cost:
    """One state: R <- Exp(dtheta) R, everything else adds up."""
    mul, add, div, sqrt = RETRACT
    extra = s[0] - 3
    cycles = m.issue + 2 * m.memory + 2 * m.div + m.sqrt + 20 * (m.mul + m.add)
    cycles += -(-(mul + extra) // m.lanes)
    return Cost(
        cycles, mul, add + extra, div, sqrt, 9 + 2 * s[0], 6 + s[0], 3 * (mul + add + extra)
    )


RETRACT = (90, 70, 40, 1)  # above the counted run (tests)


def _moved(m: Machine, s: tuple[int, ...]) -> Cost:
    """r + J_p dx of a block's rows, before a second `reflect` gives the landmark's own rows."""
    rows = s[0]
    n = rows * 12
    cycles = m.issue + 2 * m.memory + rows * max(-(-12 // m.lanes), 1) + m.reduce
    return Cost(cycles, n, n, 0, 0, rows * 13 + n, rows, 3 * n)


def _substitute(m: Machine, s: tuple[int, ...]) -> Cost:
    """R_l dl = -(r_1 + J_1 dx) over stored rows of `columns` (none: already in r_1)."""
    columns = s[0]
    n = 3 * columns
    v = 3 * -(-columns // m.lanes) + (m.reduce if columns else 0)
    cycles = m.issue + 2 * m.memory + v + 3 * (m.div + m.add) + 2 * (m.mul + m.add)
    return Cost(cycles, n + 3, n + 6, 3, 0, 2 * n + 12, 3, 3 * (n + 6))


def _step(m: Machine, s: tuple[int, ...]) -> Cost:
    """A Householder step: `rows` rows below a pivot row, over runs of columns after its own.

    One pass sums the rows, each times its first word: the tail's norm and its product with every
    column at once. A second pass adds the multiples.
    """
    rows, runs = s[0], s[1:]
    w, v = sum(runs), vectors(runs, m.lanes)
    cycles = m.issue + m.memory + rows * max(v + 1, m.add) + m.mul + m.add
    cycles += m.mul + m.add + m.sqrt + m.add + m.mul + m.div  # beta, v0, t
    cycles += 2 * v + 2 * m.mul + m.add  # w = t (tail'A + v0 pivot)
    cycles += (rows + 1) * v + m.mul + m.add + m.memory  # A += v w
    return Cost(
        cycles,
        mul=rows + 2 + 2 * (rows + 1) * w + w,
        add=rows + 1 + (2 * rows + 1) * w,
        div=1,
        sqrt=1,
        read=rows + 1 + 2 * (rows + 1) * w,
        write=1 + (rows + 1) * w,
        register=3 * 2 * (rows + 1) * w,
    )


def _rotate(m: Machine, s: tuple[int, ...]) -> Cost:
    """A Givens rotation of two rows over `w` columns after the one that it clears."""
    w = s[0]
    v = -(-w // m.lanes)
    scalar = m.mul + 2 * m.add + m.sqrt + m.div
    cycles = m.issue + 2 * m.memory + scalar + 4 * v + m.mul + m.add
    return Cost(cycles, 2 + 4 * w, 1 + 2 * w, 2, 1, 2 + 2 * w, 1 + 2 * w, 12 * w)


def _difference(m: Machine, s: tuple[int, ...]) -> Cost:
    """One state's difference from its first estimate: Log(R R_lin'), and the rest."""
    mul, add, div, sqrt = DIFFERENCE
    extra = s[0] - 3
    cycles = m.issue + 2 * m.memory + 4 * m.div + 2 * m.sqrt + 30 * (m.mul + m.add)
    cycles += -(-(mul + extra) // m.lanes)
    return Cost(cycles, mul, add + extra, div, sqrt, 12 + 2 * s[0], s[0], 3 * (mul + add + extra))


DIFFERENCE = (120, 100, 40, 3)  # above the counted run (tests)


def _product(m: Machine, s: tuple[int, ...]) -> Cost:
    """r + J x over the rows of a triangle or trapezium: `rows` rows, row i of `width` - i."""
    rows, width = s
    total = Cost(m.issue + 2 * m.memory + m.reduce)
    for i in range(rows):
        k = width - i
        total += Cost(max(-(-k // m.lanes), 1), k, k, 0, 0, 2 * k + 1, 1, 3 * k)
    return total


def _gram_triangle(m: Machine, s: tuple[int, ...]) -> Cost:
    """H += J'J, g += J'r of the prior: `rows` rows, row i of `width` - i columns from column i."""
    rows, width, *runs = s
    total = Cost(m.issue + 2 * m.memory + m.mul + m.add)
    columns = _positions(runs)
    for i in range(rows):
        n = width - i
        entries = _triangle(n) + n
        rest = runs_of(columns[i:])
        v = triangle_vectors(rest, m.lanes) + vectors(rest, m.lanes)
        total += Cost(v, entries, entries, 0, 0, 2 * entries + n + 1, entries, 3 * entries)
    return total


def _positions(runs: Sequence[int]) -> list[int]:
    """Return columns with the given runs, one column left out between runs."""
    out: list[int] = []
    at = 0
    for r in runs:
        out += range(at, at + r)
        at += r + 1
    return out


def _clear(m: Machine, s: tuple[int, ...]) -> Cost:
    return Cost(m.issue + -(-s[0] // m.lanes) + m.memory, write=s[0])


def _load(m: Machine, s: tuple[int, ...]) -> Cost:
    """Spread `rows` rows of 13 words over a block's columns, the others zero."""
    rows, width = s
    v = rows * -(-width // m.lanes)
    return Cost(m.issue + v + 2 * m.memory, read=13 * rows, write=rows * width)


def _push(m: Machine, s: tuple[int, ...]) -> Cost:
    """Leave the block's rows where they are, for a later call: an address."""
    return Cost(m.issue)


def _move(m: Machine, s: tuple[int, ...]) -> Cost:
    """The block's first row becomes a row of the triangle."""
    return Cost(m.issue + vectors(s, m.lanes) + 2 * m.memory, read=sum(s), write=sum(s))


def _information(m: Machine, s: tuple[int, ...]) -> Cost:
    """Add a prior in information form: H += L, g += L d + b."""
    n, runs = s[0], s[1:]
    v = 2 * triangle_vectors(runs, m.lanes) + vectors(runs, m.lanes)
    entries = _triangle(n)
    cycles = m.issue + 2 * m.memory + v + m.mul + 2 * m.add
    return Cost(
        cycles, n * n, entries + n * n + n, 0, 0, 3 * entries + 3 * n, entries + n, 3 * n * n
    )


KERNELS: dict[str, Callable[[Machine, tuple[int, ...]], Cost]] = {
    "clear": _clear,
    "load": _load,
    "push": _push,
    "move": _move,
    "information": _information,
    "linearize": _linearize,
    "relinearize": _relinearize,
    "reflect": _reflect,
    "orthonormal": _orthonormal,
    "top": _top,
    "gram_rows": _gram_rows,
    "rank": _rank,
    "schur": _schur,
    "factor": _factor,
    "gram_triangle": _gram_triangle,
    "scale": _scale,
    "column": _column,
    "forward": _forward,
    "backward": _backward,
    "unscale": _unscale,
    "retract": _retract,
    "moved": _moved,
    "substitute": _substitute,
    "step": _step,
    "rotate": _rotate,
    "difference": _difference,
    "product": _product,
}


def cost_of(call: Call, machine: Machine) -> Cost:
    """Return what a call takes."""
    return KERNELS[call.kernel](machine, call.sizes)
