# SPDX-License-Identifier: Apache-2.0
"""Write the back end's schedule for a window: the list of kernel calls, from its structure alone.

Four ways to the step of the poses, by what is done with a landmark's block:
- qr: landmarks are eliminated by Householder steps, a QR update takes what remains
  into a triangle.
- rows: the same elimination, then normal equations of the remaining rows (as vio/backend does).
- landmark-rows: the same elimination of the landmark's columns only; the remaining rows' normal
  equations are those of all rows less those of the landmark's own three (J_2'J_2 = J'J - J_1'J_1).
- schur: the landmark's own three rows by the normal equations of its columns (Navion's choice).
The last two never touch a row twice and do not form the remaining rows at all.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace

from vio.errors import VioError
from vio.hw.schedule.machine import Call, runs_of
from vio.hw.schedule.structure import Landmark, Leaving, Structure

VARIANTS = ("qr", "rows", "landmark-rows", "schur")
LANDMARK_BATCH = 10  # landmarks eliminated at once: more cost their cube, fewer give more rows
FRAME_ROWS = 64  # a frame's rows cleared of its pose at once
GROUP = 18  # rows of a QR update of the triangle: few calls, little work on zeros
LINEARIZE, ELIMINATE, SUM, SOLVE, UPDATE, MARGINALIZE = STAGES = (
    "linearise", "eliminate", "sum", "solve", "update", "marginalise",
)  # fmt: skip


def linearize_call(stage: str, s: Structure, lm: Landmark) -> Call:
    """Return the call that linearises one landmark's observations."""
    host = s.frozen[lm.host]
    twice = [v for v in lm.others if host or s.frozen[v[0]]]
    once = [v for v in lm.others if not (host or s.frozen[v[0]])]
    cams = [sum(mask.bit_count() for _, mask in views) for views in (twice, once)]
    own = sum(mask.bit_count() for f, mask in lm.views if f == lm.host)
    sizes = (int(host and bool(twice)), len(twice), len(once), *cams, own)
    return Call(stage, "linearize", sizes, (lm,))


class QrUpdate:
    """Update a triangle by rows: Householder steps, column by column, knowing its zeros (QR)."""

    def __init__(self, stage: str, table: object) -> None:
        self.stage, self.table = stage, table
        self.rows: dict[int, frozenset[int]] = {}

    def update(
        self, rows: int, pattern: Iterable[int], columns: Iterable[int]
    ) -> Generator[Call, None, tuple[int, frozenset[int]]]:
        """Yield the calls that clear `columns`, in order, of rows with nonzeros in `pattern`.

        Returns the rows left and their pattern.
        """
        left = frozenset(pattern)
        for c in columns:
            if not rows:
                break
            if c not in left:
                continue
            if c not in self.rows:
                self.rows[c] = left
                own = (c, *sorted(left - {c}))
                yield Call(self.stage, "move", runs_of(own), (self.table, c, own))
                rows -= 1
            left = (left | self.rows[c]) - {c}
            if rows:
                after = tuple(sorted(left))
                yield Call(self.stage, "step", (rows, *runs_of(after)), (self.table, c, after))
                self.rows[c] = left | {c}
        return rows, left


def eliminate_landmarks(
    stages: tuple[str, str, str],
    s: Structure,
    landmarks: Sequence[Landmark],
    first: Sequence[int],
    triangle: QrUpdate,
    width: int,
) -> Iterator[Call]:
    """Yield the calls that eliminate the landmarks of one host and update by what remains.

    The rows of one target's frame know only its pose, the host's and the landmarks: clearing that
    pose first leaves six rows with it, and all others free of it. Those make one small triangle of
    the host and its landmarks (columns -3, -2, -1 and so on down), against which the six rows of
    each frame are then cleared, the newest frame first: what remains touches this frame and newer
    ones only. first: first column of each frame; width: column of the residual.
    """
    if not landmarks:
        return
    linearize, eliminate, _ = stages
    for lm in landmarks:
        yield linearize_call(linearize, s, lm)
        if linearize == MARGINALIZE:
            yield Call(linearize, "moved", (lm.other_rows,), (lm, "lin"))
    host = landmarks[0].host
    pose = [range(c, c + 6) for c in first]
    own = (*range(-3 * len(landmarks), 0), *pose[host])
    triangle_of_batch = QrUpdate(eliminate, ("batch", host))
    seen = {f for lm in landmarks for f, _ in lm.views}
    frames = sorted(seen - {host}, reverse=True)
    targets = {f: QrUpdate(eliminate, ("target", f)) for f in frames}
    for frame in [f for f in (host,) if f in seen] + frames:
        waiting, pattern = 0, frozenset[int]()
        views = [(k, lm, dict(lm.views).get(frame, 0)) for k, lm in enumerate(landmarks)]
        views = [view for view in views if view[2]]
        for index, (k, lm, mask) in enumerate(views):
            poses = () if frame == host else (*pose[host], *pose[frame])
            columns = (*range(-3 * k - 3, -3 * k), *poses, width)
            rows = 2 * mask.bit_count()
            yield Call(eliminate, "load", (rows, len(columns)), (lm.row, (frame,), columns))
            yield Call(eliminate, "push", (), ("put",))
            waiting, pattern = waiting + rows, pattern | frozenset(columns)
            if waiting < FRAME_ROWS and index + 1 < len(views):
                continue
            yield Call(eliminate, "push", (), ("take",))
            if frame != host:
                waiting, pattern = yield from targets[frame].update(waiting, pattern, pose[frame])
            yield from triangle_of_batch.update(waiting, pattern, own)
            waiting, pattern = 0, frozenset()
    waiting, pattern = 0, frozenset()
    for index, frame in enumerate(frames):
        table = targets[frame].rows
        yield Call(eliminate, "push", (), ("rows", ("target", frame), tuple(table)))
        union = frozenset().union(*table.values())
        rows, union = yield from triangle_of_batch.update(len(table), union, own)
        yield Call(eliminate, "push", (), ("put",))
        waiting, pattern = waiting + rows, pattern | union
        if waiting >= GROUP or index + 1 == len(frames):
            yield Call(eliminate, "push", (), ("take",))
            yield from triangle.update(waiting, pattern, range(width))
            waiting, pattern = 0, frozenset()
    # What the landmarks leave of the host's pose itself.
    kept = [c for c in pose[host] if c in triangle_of_batch.rows]
    if kept:
        yield Call(eliminate, "push", (), ("rows", ("batch", host), tuple(kept)))
        pattern = frozenset().union(*(triangle_of_batch.rows[c] for c in kept))
        yield from triangle.update(len(kept), pattern, range(width))


def _normal_landmark(
    variant: str, stages: tuple[str, str, str], s: Structure, lm: Landmark, first: Sequence[int]
) -> Iterator[Call]:
    """Yield the calls that add one landmark's reduced rows to the normal equations."""
    linearize, eliminate, sum_ = stages
    frames = lm.frames
    columns = tuple(first[f] + d for f in frames for d in range(6))
    others = len(lm.others)
    yield linearize_call(linearize, s, lm)
    if stages[0] == MARGINALIZE:
        yield Call(linearize, "moved", (lm.other_rows,), (lm, "lin"))
    if variant == "rows":
        # The residual lies beside the landmark's columns, so that a pattern without it is a Gram's.
        wide = (-3, -2, -1, *columns, RESIDUAL)
        top = QrUpdate(eliminate, ("top", lm.row))
        order = tuple(f for f, _ in lm.views)
        yield Call(eliminate, "load", (lm.rows, len(wide)), (lm.row, order, wide))
        yield from top.update(lm.rows, wide, (-3, -2, -1))
        yield Call(sum_, "rank", (lm.rows - 3, *runs_of(columns)), ("block", columns, 1))
        return
    if variant == "landmark-rows":
        yield Call(eliminate, "reflect", (lm.rows, 3), (lm,))
        yield Call(eliminate, "orthonormal", (lm.rows,), (lm,))
        yield Call(eliminate, "top", (lm.other_rows, others), (lm,))
    else:
        yield Call(eliminate, "schur", (lm.rows, lm.other_rows, others), (lm,))
    yield Call(sum_, "gram_rows", (lm.other_rows, others), (lm, tuple(first)))
    yield Call(sum_, "rank", (3, *runs_of(columns)), ("top", columns, -1))


RESIDUAL = 1 << 20  # column of the residual where the width does not matter


def _prior_columns(s: Structure, first: Sequence[int]) -> tuple[int, ...]:
    return tuple(first[f] + d for f, dims in s.prior for d in range(dims))


def optimize(s: Structure, variant: str, batch: int = LANDMARK_BATCH) -> list[Call]:
    """Return the calls of one Gauss-Newton step.

    batch: landmarks eliminated at once. Raises VioError for an unknown variant and an empty batch.
    """
    if batch < 1:
        raise VioError(f"{batch} landmarks eliminated at once: one at least")
    if variant not in VARIANTS:
        raise VioError(f"unknown schedule {variant!r}: choose from {', '.join(VARIANTS)}")
    n, first = s.columns, s.first
    stages = (LINEARIZE, ELIMINATE, SUM)
    calls: list[Call] = []
    if s.prior:
        for frame, dims in s.prior:
            calls.append(Call(LINEARIZE, "difference", (dims,), (frame,)))
        width = sum(d for _, d in s.prior)
        if variant != "schur":
            calls.append(Call(LINEARIZE, "product", (s.prior_rows, width), ("prior",)))
    if variant == "qr":
        calls += _solve_by_qr(s, first, n, stages, batch)
    else:
        calls.append(Call(SUM, "clear", (n * (n + 1) // 2 + n,), ("H",)))
        for lm in s.landmarks:
            if lm.rows >= 4:
                calls += _normal_landmark(variant, stages, s, lm, first)
        for k, (i, j) in enumerate(s.factors):
            columns = tuple(first[f] + d for f in (i, j) for d in range(15))
            calls.append(Call(LINEARIZE, "factor", (), (k,)))
            calls.append(Call(SUM, "rank", (15, *runs_of(columns)), ("factor", columns, 1)))
        if s.prior:
            columns = _prior_columns(s, first)
            runs = runs_of(columns)
            if variant == "schur":
                calls.append(Call(SUM, "information", (len(columns), *runs), (columns,)))
            else:
                sizes = (s.prior_rows, len(columns), *runs)
                calls.append(Call(SUM, "gram_triangle", sizes, (columns,)))
        calls.append(Call(SOLVE, "scale", (n,), ()))
        calls += factorize(s, first, n)
        calls.append(Call(SOLVE, "forward", (n,), ()))
        calls.append(Call(SOLVE, "backward", (n,), ("U",)))
        calls.append(Call(SOLVE, "unscale", (n,), ()))
    for lm in s.landmarks:
        if lm.rows >= 4:
            calls.append(replace(linearize_call(UPDATE, s, lm), kernel="relinearize"))
            calls.append(Call(UPDATE, "moved", (lm.other_rows,), (lm, "dx")))
            calls.append(Call(UPDATE, "reflect", (lm.rows, 3), (lm,)))
            calls.append(Call(UPDATE, "substitute", (0,), (lm,)))
    calls += [Call(UPDATE, "retract", (d,), (f,)) for f, d in enumerate(s.dims)]
    return calls


def _solve_by_qr(
    s: Structure, first: Sequence[int], n: int, stages: tuple[str, str, str], batch: int
) -> Iterator[Call]:
    triangle = QrUpdate(SUM, "R")
    if s.prior:
        columns = _prior_columns(s, first)
        for i in range(s.prior_rows):  # a triangle already: only its place changes
            triangle.rows[columns[i]] = frozenset((*columns[i:], n))
        yield Call(SUM, "clear", (s.prior_rows * len(columns),), ("prior to R", columns))
    for k, (i, j) in enumerate(s.factors):
        wide = (*(first[f] + d for f in (i, j) for d in range(15)), n)
        yield Call(LINEARIZE, "factor", (), (k,))
        yield Call(SUM, "load", (15, 31), ("factor", (), wide))
        yield from triangle.update(15, wide, range(n))
    for host in range(len(s.dims)):
        hosted = [lm for lm in s.landmarks if lm.host == host and lm.rows >= 4]
        for k in range(0, len(hosted), batch):
            yield from eliminate_landmarks(stages, s, hosted[k : k + batch], first, triangle, n)
    yield Call(SOLVE, "backward", (n,), ("R",))


def factorize(s: Structure, first: Sequence[int], n: int) -> list[Call]:
    """Return the calls of the Cholesky factorisation, with the zeros that the structure leaves."""
    pattern = [set() for _ in range(n)]  # type: list[set[int]]

    def connect(columns: Sequence[int]) -> None:
        for k, c in enumerate(columns):
            pattern[c].update(columns[k + 1 :])

    for frames in {tuple(lm.frames) for lm in s.landmarks}:
        connect([first[f] + d for f in frames for d in range(6)])
    for i, j in s.factors:
        connect([first[f] + d for f in (i, j) for d in range(15)])
    connect(_prior_columns(s, first))
    return eliminate_columns(pattern, range(n), SOLVE)


def eliminate_columns(pattern: list[set[int]], columns: Iterable[int], stage: str) -> list[Call]:
    """Return a call for each column, filling the pattern in."""
    calls = []
    for k in columns:
        after = sorted(pattern[k])
        for i, c in enumerate(after):
            pattern[c].update(after[i + 1 :])
        calls.append(Call(stage, "column", runs_of(after), (k, tuple(after))))
    return calls


def marginalize(leaving: Leaving, variant: str, batch: int = LANDMARK_BATCH) -> list[Call]:
    """Return the calls of a marginalisation: by a QR update of the prior, or of its information.

    batch: landmarks eliminated at once.
    """
    s, m = leaving.structure, MARGINALIZE
    order, gone = marginal_order(leaving)
    n = sum(len(c) for c in order.values())
    first = [order[f][0] if f in order else n for f in range(len(s.dims))]
    hosted = [lm for lm in s.landmarks if lm.host in leaving.frames and lm.rows >= 4]
    touched = set(leaving.frames) | set(leaving.motions)
    factors = [k for k, pair in enumerate(s.factors) if touched & set(pair)]
    calls = [Call(m, "difference", (len(order[f]),), (f,)) for f in order]
    old = [order[f][d] for f, dims in s.prior for d in range(dims)]
    if variant == "schur":
        pattern: list[set[int]] = [set() for _ in range(n)]
        calls.append(Call(m, "clear", (n * (n + 1) // 2 + n,), ("H",)))
        ordered = tuple(sorted(old))
        if old:
            calls.append(Call(m, "information", (len(old), *runs_of(ordered)), (tuple(old),)))
        for lm in hosted:
            calls += _normal_landmark(variant, (m, m, m), s, lm, first)
        for k in factors:
            wide = tuple(c for f in s.factors[k] for c in order[f])
            calls.append(Call(m, "factor", (), (k,)))
            calls.append(Call(m, "product", (15, 44), ("factor", k)))
            calls.append(Call(m, "rank", (15, *runs_of(sorted(wide))), ("factor", wide, 1)))
        for c in range(gone):
            pattern[c].update(range(c + 1, n + 1))  # the right side is one column more
        calls += eliminate_columns([*pattern, set()], range(gone), m)
        return calls
    triangle = QrUpdate(m, "R")
    if old:
        calls += _rotate_prior(s, old, n, triangle)
    for k in factors:
        wide = (*(c for f in s.factors[k] for c in order[f]), n)
        calls.append(Call(m, "factor", (), (k,)))
        calls.append(Call(m, "product", (15, 44), ("factor", k)))
        calls.append(Call(m, "load", (15, 31), ("factor", (), wide)))
        calls += triangle.update(15, wide, range(n))
    for host in leaving.frames:
        mine = [lm for lm in hosted if lm.host == host]
        for k in range(0, len(mine), batch):
            calls += eliminate_landmarks((m, m, m), s, mine[k : k + batch], first, triangle, n)
    kept = (n - gone) * (n - gone + 1) // 2 + (n - gone)
    calls.append(Call(m, "clear", (kept,), ("R to prior",)))
    return calls


def marginal_order(leaving: Leaving) -> tuple[dict[int, list[int]], int]:
    """Return the columns of each touched frame, what leaves first, and how many leave."""
    s = leaving.structure
    going = set(leaving.frames) | set(leaving.motions)
    touched = set(going)
    touched |= {f for pair in s.factors if going & set(pair) for f in pair}
    touched |= {f for lm in s.landmarks if lm.host in leaving.frames for f in lm.frames}
    touched |= {f for f, _ in s.prior}
    order: dict[int, list[int]] = {}
    n = 0
    for f in sorted(touched):
        order[f] = [-1] * s.dims[f]
        leave = range(s.dims[f]) if f in leaving.frames else range(6, 15)
        for d in leave if f in going else ():
            order[f][d] = n
            n += 1
    gone = n
    for f in sorted(touched):
        for d in range(s.dims[f]):
            if order[f][d] < 0:
                order[f][d] = n
                n += 1
    return order, gone


def _rotate_prior(
    s: Structure, old: Sequence[int], width: int, triangle: QrUpdate
) -> Iterator[Call]:
    """Yield the rotations that bring the prior's leaving columns to its front."""
    now = list(old)  # new numbers of the triangle's columns in their present order
    rows = s.prior_rows
    yield Call(MARGINALIZE, "clear", (rows * (rows + 1) // 2,), ("prior to rows", tuple(old)))
    for place, column in enumerate(sorted(old)):
        at = now.index(column)
        if at == place:
            continue
        for i in range(min(at, rows - 1), place, -1):
            columns = (*now[i - 1 : at], *now[at + 1 :], width)
            yield Call(MARGINALIZE, "rotate", (len(columns),), (i - 1, column, columns))
        now.insert(place, now.pop(at))
    yield Call(MARGINALIZE, "push", (), ("rows to R", tuple(now)))
    for i in range(rows):
        triangle.rows[now[i]] = frozenset((*now[i:], width))
