# SPDX-License-Identifier: Apache-2.0
"""What the kernels on one landmark's block cost: linearisation, elimination, substitution."""

from collections.abc import Sequence

from vio.hw.schedule.machine import Cost, Machine

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


def linearize(m: Machine, s: tuple[int, ...]) -> Cost:
    host_twice, frames_twice, frames_once, cams_twice, cams_once, cams_host = s
    bodies = _observations(s, True)
    mul, add, div, sqrt = _sum(*bodies)
    path = PATH_DIV * m.div + PATH_SQRT * m.sqrt + PATH_MUL * m.mul + PATH_ADD * m.add
    rows = 2 * (cams_twice + cams_once + cams_host)
    cycles = m.issue + m.memory + loop_cycles(m, bodies, path)
    read = 3 + 24 * (1 + host_twice) + 12 * (2 * frames_twice + frames_once) + rows
    return Cost(cycles, mul, add, div, sqrt, read, rows * 16, 3 * (mul + add))


def relinearize(m: Machine, s: tuple[int, ...]) -> Cost:
    """The Jacobians once more; the residuals and weights were kept (three words a ray)."""
    _, frames_twice, frames_once, cams_twice, cams_once, cams_host = s
    bodies = _observations(s, False)
    mul, add, div, _ = _sum(*bodies)
    path = m.div + 11 * m.mul + 19 * m.add  # through the ray into the column of depth
    rows = 2 * (cams_twice + cams_once + cams_host)
    cycles = m.issue + m.memory + loop_cycles(m, bodies, path)
    read = 3 + 24 + 12 * (frames_twice + frames_once) + rows + rows // 2
    return Cost(cycles, mul, add, div, 0, read, rows * 16, 3 * (mul + add))


def reflect(m: Machine, s: tuple[int, ...]) -> Cost:
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


def orthonormal(m: Machine, s: tuple[int, ...]) -> Cost:
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


def top(m: Machine, s: tuple[int, ...]) -> Cost:
    """J_1 = Q_1' J_poses: three products a word of a row, sums in registers."""
    rows, frames = s  # of other frames than the host
    n = rows * 36
    cycles = m.issue + 2 * m.memory + rows * max(-(-36 // m.lanes), m.add) + m.mul + m.add
    cycles += -(-18 // m.lanes)
    return Cost(cycles, n, n, 0, 0, rows * 15, 18 * (frames + 1), 3 * n)


def schur(m: Machine, s: tuple[int, ...]) -> Cost:
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


def moved(m: Machine, s: tuple[int, ...]) -> Cost:
    """r + J_p dx of a block's rows, before a second `reflect` gives the landmark's own rows."""
    rows = s[0]
    n = rows * 12
    cycles = m.issue + 2 * m.memory + rows * max(-(-12 // m.lanes), 1) + m.reduce
    return Cost(cycles, n, n, 0, 0, rows * 13 + n, rows, 3 * n)


def substitute(m: Machine, s: tuple[int, ...]) -> Cost:
    """R_l dl = -(r_1 + J_1 dx) over stored rows of `columns` (none: already in r_1)."""
    columns = s[0]
    n = 3 * columns
    v = 3 * -(-columns // m.lanes) + (m.reduce if columns else 0)
    cycles = m.issue + 2 * m.memory + v + 3 * (m.div + m.add) + 2 * (m.mul + m.add)
    return Cost(cycles, n + 3, n + 6, 3, 0, 2 * n + 12, 3, 3 * (n + 6))
