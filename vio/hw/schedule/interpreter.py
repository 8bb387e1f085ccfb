# SPDX-License-Identifier: Apache-2.0
"""Execute a schedule kernel by kernel on a window's numbers: the proof that it is complete.

Each kernel below is written once for any number type: with float32 it gives the step, with a
counting number (tests) it gives the operations that `schedule_cost` claims, one by one.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from vio.backend.states import POSITION, local_difference, retract
from vio.backend.window import FREE, Window
from vio.hw.schedule.cost import Call
from vio.hw.schedule.schedule import marginal_order
from vio.hw.schedule.structure import Landmark, Leaving

Array = np.ndarray
ROTATED, TWICE = [1, 2, 0], [2, 0, 1]
NOTHING = 1e-30


def _sqrt(x: Any) -> Any:
    return x.sqrt() if hasattr(x, "sqrt") else np.sqrt(x)


def _sum(x: Sequence[Any]) -> Any:
    return reduce(add, x)


def _times(R: Array, x: Array) -> Array:
    return R[:, 0] * x[0] + R[:, 1] * x[1] + R[:, 2] * x[2]


def _transposed_times(R: Array, x: Array) -> Array:
    return R[0] * x[0] + R[1] * x[1] + R[2] * x[2]


def _cross(a: Array, b: Array) -> Array:
    return a[ROTATED] * b[TWICE] - a[TWICE] * b[ROTATED]


def householder(pivot: Array, rows: Array) -> tuple[Any, Array, Any]:
    """Turn the first column of `rows` (k, w) against a pivot row (w,), both in place.

    Returns v0, the first column of `rows` as it was, and t: H = I + v (t v)'.
    """
    tail = rows[:, 0].copy()
    alpha = pivot[0]
    norm2 = alpha * alpha + _sum([x * x for x in tail])
    norm = _sqrt(norm2)
    beta = norm if alpha < 0 else -norm
    v0 = alpha - beta
    if norm2 < NOTHING:  # all entries below 1e-15: the product below would leave float32's range
        return v0, tail, alpha - alpha
    t = _one(alpha) / (beta * v0)
    w = (_sum([row[1:] * x for x, row in zip(tail, rows, strict=True)]) + pivot[1:] * v0) * t
    pivot[0] = beta
    pivot[1:] = pivot[1:] + w * v0
    for x, row in zip(tail, rows, strict=True):
        row[1:] = row[1:] + w * x
    return v0, tail, t


def _one(like: Any) -> Any:
    return type(like)(1.0)


class Execution:
    """Hold the memory that a schedule works on, and its kernels.

    convert: turns an array of the window into the number type of the run.
    """

    def __init__(
        self, window: Window, convert: Callable[[Array], Array], leaving: Leaving | None = None
    ) -> None:
        self.window, self.convert = window, convert
        self.order = list(window.order)
        self.n = 0
        self.columns: dict[int, list[int]] = {}
        dims = [15 if window.is_full[s] else 6 for s in self.order]
        if leaving is None:
            for f, d in enumerate(dims):
                self.columns[f] = list(range(self.n, self.n + d))
                self.n += d
        else:
            self.columns, _ = marginal_order(leaving)
            self.n = sum(len(c) for c in self.columns.values())
        w = window
        active = w.host[w.lm_state != FREE]
        self.own = 3 * int(np.bincount(active, minlength=1).max())  # columns of landmarks
        window.refresh_linearization_points()
        self.R, self.p = convert(w.R), convert(w.vec[:, POSITION])
        self.R_lin, self.p_lin = convert(w.R_lin), convert(w.vec_lin[:, POSITION])
        self.rig = [convert(a) for a in w.rig]
        self.lm, self.obs, self.weight = convert(w.lm), w.obs, convert(w.weight)
        self.huber, self.huber2 = convert(w.config.huber ** np.array([1.0, 2.0]))
        n = self.n
        self.H, self.g = self.zeros((n, n)), self.zeros(n)
        self.dx, self.delta = self.zeros(n), self.zeros(n)
        self.blocks: dict[int, tuple[Array, Array, Array, Array, list[int]]] = {}
        self.hosts: dict[int, int] = {}
        self.kept: dict[int, tuple[list[Any], Array]] = {}
        self.tables: dict[tuple[object, int], Array] = {}
        self.block = self.block_r = self.zeros((0, 0))
        self.waiting: list[Array] = []
        self.prior_r = self.zeros(0)
        self.at_first_estimates = leaving is not None

    def zeros(self, shape: int | tuple[int, ...]) -> Array:
        """Return zeros of the run's number type."""
        return self.convert(np.zeros(shape, np.float32))

    def run(self, calls: Sequence[Call], after: Callable[[Call], None] | None = None) -> None:
        """Execute the calls in order; `after` is told of each."""
        for call in calls:
            getattr(self, f"_{call.kernel}")(*call.operands)
            if after is not None:
                after(call)

    # A landmark's block -------------------------------------------------------------------------

    def _relinearize(self, lm: Landmark) -> None:
        self._linearize(lm, again=True)

    def _linearize(self, lm: Landmark, again: bool = False) -> None:
        """Fill the block: Jl (m, 3), r (m,), host's and target's Jacobian (m, 6), the targets.

        again: take residuals and weights from the first time.
        """
        h = self.order[lm.host]
        point, frozen = self.lm[lm.row], self.window.linearized
        now = lin = self._point(point, self.R_lin[h] if again and frozen[h] else self.R[h])
        if not again and frozen[h] and lm.others:
            lin = self._point(point, self.R_lin[h])
        weights: list[Any] = []
        residuals: list[Any] = []
        Jl, Jh, Jt, targets = [], [], [], []
        for f, mask in lm.views:
            t, own = self.order[f], f == lm.host
            twice = not own and (frozen[h] or frozen[t])
            R, p = (self.R_lin, self.p_lin) if twice else (self.R, self.p)
            seen = where = self._target(point, lin if twice else now, h, t, own, R, p)
            if twice and not again:
                seen = self._target(point, now, h, t, own, self.R, self.p)
            for cam in range(2):
                if not (mask >> cam) & 1:
                    continue
                s = self.weight[cam]
                ray, depth, inverse = self._ray(point, where, cam)
                if again:
                    weight = self.kept[lm.row][0][len(weights)]
                else:
                    now_ray, now_depth = ray, depth
                    if twice:
                        now_ray, now_depth, _ = self._ray(point, seen, cam)
                    observed = self.convert(self.obs[lm.row, t, 2 * cam : 2 * cam + 2])
                    e = (now_ray - observed) * s
                    weight = self._robust(e, min(depth, now_depth))
                    residuals += [e[0] * weight, e[1] * weight]
                weights.append(weight)
                fs = weight * s
                for i in range(2):
                    row = self._row(point, where, ray[i], inverse, i, cam, own, R[h], R[t])
                    Jl.append(row[0] * fs)
                    pose = np.concatenate(row[1:]) * fs if not own else self.zeros(9)
                    Jh.append(pose[0:6].copy())
                    Jt.append(np.concatenate([pose[6:9], -pose[3:6]]))
                    targets.append(f)
        if not again:
            self.kept[lm.row] = weights, np.array(residuals)
        r = self.kept[lm.row][1].copy()
        self.hosts[lm.row] = lm.host
        self.blocks[lm.row] = np.array(Jl), r, np.array(Jh), np.array(Jt), targets

    def _robust(self, e: Array, depth: Any) -> Any:
        """Return the root of Huber's weight; zero behind the camera."""
        e2 = e[0] * e[0] + e[1] * e[1]
        # At or below the threshold the weight is 1 by the same operations.
        weight = _sqrt(self.huber / _sqrt(e2 if e2 > self.huber2 else self.huber2))
        return weight if depth >= 0.05 else self.zeros(1)[0]

    def _point(self, x: Array, R_h: Array) -> tuple[Array, Array]:
        R, p = self.rig[2], self.rig[3]
        y = (R[:, 0] * x[0] + R[:, 1] * x[1] + R[:, 2]) + p * x[2]
        return y, _times(R_h, y)

    def _target(
        self, x: Array, point: tuple[Array, Array], h: int, t: int, own: bool, R: Array, p: Array
    ) -> tuple[Array, Array, Array, Array]:
        y, w = point
        if own:
            return y, y, y, y
        d = p[h] - p[t]
        z = w + d * x[2]
        return _transposed_times(R[t], z), w, z, d

    def _ray(
        self, x: Array, target: tuple[Array, Array, Array, Array], cam: int
    ) -> tuple[Array, Any, Any]:
        q = _times(self.rig[0][cam], target[0]) + self.rig[1][cam] * x[2]
        inv = _one(q[2]) / q[2]
        return q[:2] * inv, q[2], inv

    def _row(
        self, x: Array, target: tuple[Array, Array, Array, Array], e: Any, inv: Any, i: int,
        cam: int, own: bool, R_h: Array, R_t: Array,
    ) -> list[Array]:  # fmt: skip
        """Return one row: by the landmark, and [host's theta, p, target's theta] (p_t is -p_h)."""
        Rc, pc = self.rig[0][cam], self.rig[1][cam]
        R_bc, p_bc = self.rig[2], self.rig[3]
        _, w, z, d = target
        m = (Rc[i] - Rc[2] * e) * inv
        drho = (pc[i] - pc[2] * e) * inv
        out = []
        if own:
            n = m
        else:
            g = _times(R_t, m)
            out = [_cross(w, g), g * x[2], _cross(g, z)]
            n = _transposed_times(R_h, g)
            drho = drho + (g[0] * d[0] + g[1] * d[1] + g[2] * d[2])
        drho = drho + (n[0] * p_bc[0] + n[1] * p_bc[1] + n[2] * p_bc[2])
        xy = R_bc[0, :2] * n[0] + R_bc[1, :2] * n[1] + R_bc[2, :2] * n[2]
        return [np.array([xy[0], xy[1], drho]), *out]

    def _moved(self, lm: Landmark, what: str) -> None:
        """r += J dx, or back to the first estimates."""
        dx = self.dx if what == "dx" else -self.delta
        _, r, Jh, Jt, targets = self.blocks[lm.row]
        for i, f in enumerate(targets):
            if f == lm.host:
                continue
            for J, frame in ((Jh[i], lm.host), (Jt[i], f)):
                for d in range(6):
                    r[i] = r[i] + J[d] * dx[self.columns[frame][d]]

    def _reflect(self, lm: Landmark) -> None:
        Jl, r, *_ = self.blocks[lm.row]
        A = np.concatenate([Jl, r[:, None]], axis=1)
        self.reflectors = []
        for c in range(3):
            pivot = A[c, c:].copy()
            v0, tail, t = householder(pivot, A[c + 1 :, c:])
            A[c, c:] = pivot
            self.reflectors.append((v0, tail, t))
        self.top_R, self.top_r = A[:3, :3].copy(), A[:3, 3].copy()

    def _orthonormal(self, lm: Landmark) -> None:
        m = len(self.blocks[lm.row][1])
        Q = self.zeros((m, 3))
        for c in (2, 1, 0):
            v0, tail, t = self.reflectors[c]
            v = np.concatenate([np.array([v0]), tail])
            for j in range(c + 1, 3):
                s = _sum([a * b for a, b in zip(v, Q[c:, j], strict=True)]) * t
                Q[c:, j] = Q[c:, j] + v * s
            Q[c:, c] = v * (v0 * t)
            Q[c, c] = Q[c, c] + _one(v0)
        self.Q = Q

    def _top(self, lm: Landmark) -> None:
        _, _, Jh, Jt, targets = self.blocks[lm.row]
        place = {f: 6 * i for i, f in enumerate(lm.frames)}
        J1 = self.zeros((3, 6 * len(place)))
        for i, f in enumerate(targets):
            if f == lm.host:
                continue
            for J, at in ((Jh[i], place[lm.host]), (Jt[i], place[f])):
                for k in range(3):
                    J1[k, at : at + 6] = J1[k, at : at + 6] + J * self.Q[i, k]
        self.top = J1

    def _schur(self, lm: Landmark) -> None:
        Jl, r, Jh, Jt, targets = self.blocks[lm.row]
        V, b = self.zeros((3, 3)), self.zeros(3)
        place = {f: 6 * i for i, f in enumerate(lm.frames)}
        W = self.zeros((3, 6 * len(place)))
        for i, f in enumerate(targets):
            for k in range(3):
                V[k, k:] = V[k, k:] + Jl[i, k:] * Jl[i, k]
            b[:] = b + Jl[i] * r[i]
            if f == lm.host:
                continue
            for J, at in ((Jh[i], place[lm.host]), (Jt[i], place[f])):
                for k in range(3):
                    W[k, at : at + 6] = W[k, at : at + 6] + J * Jl[i, k]
        one = _one(V[0, 0])
        U, inv = self.zeros((3, 3)), [one, one, one]
        for k in range(3):
            d = V[k, k]
            for j in range(k):
                d = d - U[j, k] * U[j, k]
            U[k, k] = _sqrt(d)
            inv[k] = one / U[k, k]
            for i in range(k + 1, 3):
                x = V[k, i]
                for j in range(k):
                    x = x - U[j, k] * U[j, i]
                U[k, i] = x * inv[k]
        Y = np.concatenate([W, b[:, None]], axis=1)
        for k in range(3):
            y = Y[k]
            for j in range(k):
                y = y - Y[j] * U[j, k]
            Y[k] = y * inv[k]
        self.top_R, self.top_r, self.top = U, Y[:, -1], Y[:, :-1]

    # Normal equations ---------------------------------------------------------------------------

    def _clear(self, what: str, *operands: Any) -> None:
        prior = self.window.prior
        if what == "H":
            self.H, self.g = self.zeros((self.n, self.n)), self.zeros(self.n)
        elif what == "R to prior":
            pass
        elif what == "prior to R":
            assert prior is not None
            columns = operands[0]
            for i, row in enumerate(self.convert(prior.J)):
                wide = self.zeros(self.own + self.n + 1)
                wide[[c + self.own for c in columns]] = row
                wide[-1] = self.prior_r[i]
                self.tables["R", columns[i]] = wide
        else:  # prior to rows, before their rotation
            assert prior is not None
            self.rows = self.zeros((len(prior.r), self.n + 1))
            self.rows[:, list(operands[0])] = self.convert(prior.J)
            self.rows[:, self.n] = self.convert(prior.r)

    def _gram_rows(self, lm: Landmark, first: tuple[int, ...]) -> None:
        _, r, Jh, Jt, targets = self.blocks[lm.row]
        for i, f in enumerate(targets):
            if f != lm.host:
                pieces = sorted([(first[lm.host], 0), (first[f], 1)])
                x = np.concatenate([(Jh[i], Jt[i])[which] for _, which in pieces])
                self._add_row(x, r[i], [c + d for c, _ in pieces for d in range(6)], 1)

    def _add_row(self, x: Array, r: Any, columns: Sequence[int], sign: int) -> None:
        cols = np.array(columns)
        for a, c in enumerate(cols):
            f = x[a] if sign > 0 else -x[a]
            self.H[c, cols[a:]] = self.H[c, cols[a:]] + x[a:] * f
        self.g[cols] = self.g[cols] + x * (r if sign > 0 else -r)

    def _rank(self, what: str, columns: tuple[int, ...], sign: int) -> None:
        if what == "top":
            J, r = self.top, self.top_r
        elif what == "factor":
            J, r = self.factor_J, self.factor_r
        else:
            J, r = self.block[:, [c + self.own for c in columns]], self.block[:, -1]
        ascending = np.argsort(columns)
        for row, residual in zip(J, r, strict=True):
            self._add_row(row[ascending], residual, np.array(columns)[ascending].tolist(), sign)

    def _factor(self, index: int) -> None:
        J, r = self.window.imu_rows(self.window.factors[index])
        self.factor_J, self.factor_r = self.convert(J), self.convert(r)

    def _information(self, columns: tuple[int, ...]) -> None:
        prior = self.window.prior
        assert prior is not None
        J, r = prior.J.astype(np.float64), prior.r.astype(np.float64)
        L, b = self.convert(np.triu(J.T @ J)), self.convert(J.T @ r)
        cols = np.array(columns)
        delta = self.zeros(len(cols)) if self.at_first_estimates else self.delta[cols]
        for a in range(len(cols)):
            for q in range(a, len(cols)):
                i, j = sorted((cols[a], cols[q]))
                self.H[i, j] = self.H[i, j] + L[a, q]
        full = L + np.triu(L, 1).T if L.dtype != object else L
        for a, c in enumerate(cols):
            self.g[c] = (
                self.g[c] + _sum([x * d for x, d in zip(full[a], delta, strict=True)]) + b[a]
            )

    def _difference(self, frame: int) -> None:
        w, slot = self.window, self.order[frame]
        size = 15 if w.is_full[slot] else 6
        d = local_difference(w.R, w.vec, w.R_lin, w.vec_lin, np.array([slot]), np.array([size]))
        self.delta[self.columns[frame][:size]] = self.convert(d)

    def _product(self, what: str, index: int = 0) -> None:
        prior = self.window.prior
        if what == "prior":
            assert prior is not None
            pairs = zip(prior.slots, prior.dims, strict=True)
            place = {s: f for f, s in enumerate(self.order)}
            cols = [self.columns[place[s]][d] for s, size in pairs for d in range(size)]
            J, r, delta, sign = self.convert(prior.J), self.convert(prior.r), self.delta[cols], 1
        else:
            f = self.window.factors[index]
            place = {s: k for k, s in enumerate(self.order)}
            cols = [c for s in (f.slot_i, f.slot_j) for c in self.columns[place[s]]]
            J, r, delta, sign = self.factor_J, self.factor_r, -self.delta[cols], 0
        for i in range(len(r)):
            for j in range(i * sign, len(delta)):
                r[i] = r[i] + J[i, j] * delta[j]
        if what == "prior":
            self.prior_r = r
        else:
            self.factor_r = r

    def _gram_triangle(self, columns: tuple[int, ...]) -> None:
        prior = self.window.prior
        assert prior is not None
        for i, row in enumerate(self.convert(prior.J)):
            self._add_row(row[i:], self.prior_r[i], columns[i:], 1)

    # Solution -----------------------------------------------------------------------------------

    def _scale(self) -> None:
        n = self.n
        one = _one(self.g[0])
        s = np.array([one / _sqrt(self.H[i, i]) for i in range(n)])
        damping = self.convert(np.array([self.window.config.damping]))[0]
        for i in range(n):
            self.H[i, i:] = self.H[i, i:] * s[i] * s[i:]
            self.H[i, i] = self.H[i, i] + damping
        self.s, self.x = s, -self.g * s

    def _column(self, k: int, after: tuple[int, ...]) -> None:
        # A column past the matrix is its right side, where a prior is made of the remainder.
        cols = np.array([c for c in after if c < self.n], int)
        inverse = _one(self.H[k, k]) / _sqrt(self.H[k, k])
        self.H[k, k] = self.H[k, k] * inverse
        self.H[k, cols] = self.H[k, cols] * inverse
        for i, c in enumerate(cols):
            f = -self.H[k, c]
            self.H[c, cols[i:]] = self.H[c, cols[i:]] + self.H[k, cols[i:]] * f
        if len(cols) < len(after):
            self.g[k] = self.g[k] * inverse
            self.g[cols] = self.g[cols] - self.H[k, cols] * self.g[k]

    def _forward(self) -> None:
        for i in range(self.n):
            self.x[i] = self.x[i] / self.H[i, i]
            self.x[i + 1 :] = self.x[i + 1 :] - self.H[i, i + 1 :] * self.x[i]

    def _backward(self, what: str) -> None:
        U, b = self.H, self.x if what == "U" else self.zeros(0)
        if what == "R":
            rows = [self.tables["R", c] for c in range(self.n)]
            U, b = np.array([r[self.own : -1] for r in rows]), np.array([-r[-1] for r in rows])
        x = b.copy()
        for i in range(self.n - 1, -1, -1):
            for j in range(i + 1, self.n):
                x[i] = x[i] - U[i, j] * x[j]
            x[i] = x[i] / U[i, i]
        self.x = x
        self.dx = x

    def _unscale(self) -> None:
        self.dx = self.x * self.s

    def _substitute(self, lm: Landmark) -> None:
        y = -self.top_r
        for i in range(2, -1, -1):
            for j in range(i + 1, 3):
                y[i] = y[i] - self.top_R[i, j] * y[j]
            y[i] = y[i] / self.top_R[i, i]
        self.lm[lm.row] = self.lm[lm.row] + y
        if self.lm[lm.row, 2] < 1e-3:
            self.lm[lm.row, 2] = self.convert(np.array([1e-3]))[0]

    def _retract(self, frame: int) -> None:
        w, slot = self.window, self.order[frame]
        size = 15 if w.is_full[slot] else 6
        dx = np.array([float(v) for v in self.dx[self.columns[frame]]]).astype(w.dtype)
        retract(w.R, w.vec, np.array([slot]), np.array([size]), dx)

    # Folding ------------------------------------------------------------------------------------

    def _load(self, source: Any, frames: tuple[int, ...], columns: tuple[int, ...]) -> None:
        """Spread rows over a block of columns [landmark 3 | states n | residual]."""
        n = self.n
        if source == "factor":
            self.block = self.zeros((15, n + self.own + 1))
            self.block[:, [c + self.own for c in columns[:-1]]] = self.factor_J
            self.block[:, -1] = self.factor_r
            return
        Jl, r, Jh, Jt, targets = self.blocks[source]
        rows = [i for i, f in enumerate(targets) if f in frames]
        self.block = self.zeros((len(rows), n + self.own + 1))
        host = self.hosts[source]
        for k, i in enumerate(rows):
            self.block[k, [c + self.own for c in columns[:3]]] = Jl[i]
            self.block[k, -1] = r[i]
            if targets[i] != host:
                for J, f in ((Jh[i], host), (Jt[i], targets[i])):
                    self.block[k, [self.columns[f][d] + self.own for d in range(6)]] = J

    def _push(self, what: str, *operands: Any) -> None:
        if what == "put":
            self.waiting.append(self.block)
        elif what == "take":
            self.block, self.waiting = np.concatenate(self.waiting), []
        elif what == "rows":
            self.block = np.array([self.tables[operands[0], c] for c in operands[1]])
        else:  # the rotated prior becomes the triangle
            now = operands[0]
            for i, row in enumerate(self.rows):
                wide = self.zeros(self.own + self.n + 1)
                wide[self.own :] = row
                self.tables["R", now[i]] = wide

    def _place(self, columns: Sequence[int]) -> list[int]:
        return [min(c, self.n) + self.own for c in columns]

    def _move(self, table: object, c: int, columns: tuple[int, ...]) -> None:
        self.tables[table, c] = self.block[0].copy()
        self.block = self.block[1:]

    def _step(self, table: object, c: int, columns: tuple[int, ...]) -> None:
        cols = self._place((c, *columns))
        pivot, rows = self.tables[table, c][cols], self.block[:, cols]
        householder(pivot, rows)
        self.tables[table, c][cols] = pivot
        self.block[:, cols] = rows
        self.block[:, cols[0]] = self.zeros(len(self.block))

    def _rotate(self, i: int, column: int, columns: tuple[int, ...]) -> None:
        a, b = self.rows[i, column], self.rows[i + 1, column]
        h = _sqrt(a * a + b * b)
        if h == 0:
            return
        c, s = a / h, b / h
        cols = list(columns)
        upper, lower = self.rows[i, cols], self.rows[i + 1, cols]
        self.rows[i, cols] = upper * c + lower * s
        self.rows[i + 1, cols] = lower * c - upper * s
        self.rows[i, column] = h
        self.rows[i + 1, column] = self.zeros(1)[0]
