# SPDX-License-Identifier: Apache-2.0
"""What a kernel call of the back end's schedule costs: cycles, operations, words of memory."""

from collections.abc import Callable, Sequence

from vio.hw.schedule import landmark_cost
from vio.hw.schedule.machine import (
    Call,
    Cost,
    Machine,
    runs_of,
    triangle,
    triangle_vectors,
    vectors,
)


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
    entries = triangle(n) + n
    v = triangle_vectors(runs, m.lanes) + vectors(runs, m.lanes)
    cycles = m.issue + 2 * m.memory + depth * m.add * -(-v // m.add) + m.mul + m.add
    macs = depth * entries
    read = entries + depth * (triangle(n) + n + n + 1)
    return Cost(cycles, macs, macs, 0, 0, read, entries, 3 * macs)


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
    updates = triangle(n)
    v = triangle_vectors(runs, m.lanes)
    scalar = m.sqrt + m.div + m.mul + 3 * m.memory
    cycles = m.issue + scalar + 1 + vectors(runs, m.lanes) + v + m.mul + m.add
    mul = updates + n + 1
    return Cost(cycles, mul, updates, 1, 1, 1 + n + 2 * updates, 1 + n + updates, 3 * mul)


def _scale(m: Machine, s: tuple[int, ...]) -> Cost:
    """H to a unit diagonal, with damping: n roots and reciprocals, two products an entry."""
    (n,) = s
    entries = triangle(n)
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
        entries = triangle(n) + n
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
    entries = triangle(n)
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
    "linearize": landmark_cost.linearize,
    "relinearize": landmark_cost.relinearize,
    "reflect": landmark_cost.reflect,
    "orthonormal": landmark_cost.orthonormal,
    "top": landmark_cost.top,
    "gram_rows": _gram_rows,
    "rank": _rank,
    "schur": landmark_cost.schur,
    "factor": _factor,
    "gram_triangle": _gram_triangle,
    "scale": _scale,
    "column": _column,
    "forward": _forward,
    "backward": _backward,
    "unscale": _unscale,
    "retract": _retract,
    "moved": landmark_cost.moved,
    "substitute": landmark_cost.substitute,
    "step": _step,
    "rotate": _rotate,
    "difference": _difference,
    "product": _product,
}


def cost_of(call: Call, machine: Machine) -> Cost:
    """Return what a call takes."""
    return KERNELS[call.kernel](machine, call.sizes)
