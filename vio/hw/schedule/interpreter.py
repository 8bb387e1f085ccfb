# SPDX-License-Identifier: Apache-2.0
"""Execute a schedule kernel by kernel on a window's numbers: the proof that it is complete.

Each kernel is written once for any number type: with float32 it gives the step, with a counting
number (tests) it gives the operations that `cost` claims, one by one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vio.backend.states import (
    FULL_COLUMNS,
    POSE_COLUMNS,
    local_difference,
    retract,
)
from vio.backend.window import FREE, Window
from vio.hw.schedule.landmark_kernels import Array, LandmarkKernels, householder, root, sum_of, unit
from vio.hw.schedule.machine import Call
from vio.hw.schedule.schedule import marginal_order
from vio.hw.schedule.structure import Landmark, Leaving


class Execution(LandmarkKernels):
    """Hold the memory that a schedule works on, and its kernels."""

    def __init__(
        self, window: Window, convert: Callable[[Array], Array], leaving: Leaving | None = None
    ) -> None:
        super().__init__(window, convert)
        self.n = 0
        self.columns: dict[int, list[int]] = {}
        dims = [FULL_COLUMNS if window.is_full[s] else POSE_COLUMNS for s in self.order]
        if leaving is None:
            for f, d in enumerate(dims):
                self.columns[f] = list(range(self.n, self.n + d))
                self.n += d
        else:
            self.columns, _ = marginal_order(leaving)
            self.n = sum(len(c) for c in self.columns.values())
        active = window.host[window.lm_state != FREE]
        self.own = 3 * int(np.bincount(active, minlength=1).max())  # columns of landmarks
        n = self.n
        self.H, self.g = self.zeros((n, n)), self.zeros(n)
        self.dx, self.delta = self.zeros(n), self.zeros(n)
        self.tables: dict[tuple[object, int], Array] = {}
        self.block = self.block_r = self.zeros((0, 0))
        self.waiting: list[Array] = []
        self.prior_r = self.zeros(0)
        self.at_first_estimates = leaving is not None

    def run(self, calls: Sequence[Call], after: Callable[[Call], None] | None = None) -> None:
        """Execute the calls in order; `after` is called after each."""
        for call in calls:
            getattr(self, f"_{call.kernel}")(*call.operands)
            if after is not None:
                after(call)

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
                self.g[c] + sum_of([x * d for x, d in zip(full[a], delta, strict=True)]) + b[a]
            )

    def _difference(self, frame: int) -> None:
        w, slot = self.window, self.order[frame]
        size = FULL_COLUMNS if w.is_full[slot] else POSE_COLUMNS
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
        one = unit(self.g[0])
        s = np.array([one / root(self.H[i, i]) for i in range(n)])
        damping = self.convert(np.array([self.window.config.damping]))[0]
        for i in range(n):
            self.H[i, i:] = self.H[i, i:] * s[i] * s[i:]
            self.H[i, i] = self.H[i, i] + damping
        self.s, self.x = s, -self.g * s

    def _column(self, k: int, after: tuple[int, ...]) -> None:
        # A column past the matrix is its right side, where a prior is made of the remainder.
        cols = np.array([c for c in after if c < self.n], int)
        inverse = unit(self.H[k, k]) / root(self.H[k, k])
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

    def _retract(self, frame: int) -> None:
        w, slot = self.window, self.order[frame]
        size = FULL_COLUMNS if w.is_full[slot] else POSE_COLUMNS
        dx = np.array([float(v) for v in self.dx[self.columns[frame]]]).astype(w.dtype)
        retract(w.R, w.vec, np.array([slot]), np.array([size]), dx)

    # QR update ----------------------------------------------------------------------------------

    def _load(self, source: Any, frames: tuple[int, ...], columns: tuple[int, ...]) -> None:
        """Spread rows over a block of columns [landmark 3 | states n | residual]."""
        n = self.n
        if source == "factor":
            self.block = self.zeros((FULL_COLUMNS, n + self.own + 1))
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
        h = root(a * a + b * b)
        if h == 0:
            return
        c, s = a / h, b / h
        cols = list(columns)
        upper, lower = self.rows[i, cols], self.rows[i + 1, cols]
        self.rows[i, cols] = upper * c + lower * s
        self.rows[i + 1, cols] = lower * c - upper * s
        self.rows[i, column] = h
        self.rows[i + 1, column] = self.zeros(1)[0]
