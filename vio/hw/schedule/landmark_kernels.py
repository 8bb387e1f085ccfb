# SPDX-License-Identifier: Apache-2.0
"""The kernels of a schedule that work on one landmark's block, for any number type."""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from vio.backend.states import POSITION
from vio.backend.window import Window
from vio.hw.schedule.structure import Landmark

Array = np.ndarray
ROTATED, TWICE = [1, 2, 0], [2, 0, 1]  # places of a vector's entries
NOTHING = 1e-30


def root(x: Any) -> Any:
    """Return the square root of a number of the run's type."""
    return x.sqrt() if hasattr(x, "sqrt") else np.sqrt(x)


def sum_of(x: Sequence[Any]) -> Any:
    """Return the sum, added up in order."""
    return reduce(add, x)


def times(R: Array, x: Array) -> Array:
    """Return R x."""
    return R[:, 0] * x[0] + R[:, 1] * x[1] + R[:, 2] * x[2]


def transposed_times(R: Array, x: Array) -> Array:
    """Return R' x."""
    return R[0] * x[0] + R[1] * x[1] + R[2] * x[2]


def cross(a: Array, b: Array) -> Array:
    """Return the cross product."""
    return a[ROTATED] * b[TWICE] - a[TWICE] * b[ROTATED]


def householder(pivot: Array, rows: Array) -> tuple[Any, Array, Any]:
    """Clear the first column of `rows` (k, w) by a pivot row (w,), both in place.

    Returns v0, the first column of `rows` as it was, and t: H = I + v (t v)'.
    """
    tail = rows[:, 0].copy()
    alpha = pivot[0]
    norm2 = alpha * alpha + sum_of([x * x for x in tail])
    norm = root(norm2)
    beta = norm if alpha < 0 else -norm
    v0 = alpha - beta
    if norm2 < NOTHING:  # all entries below 1e-15: the product below would leave float32's range
        return v0, tail, alpha - alpha
    t = unit(alpha) / (beta * v0)
    w = (sum_of([row[1:] * x for x, row in zip(tail, rows, strict=True)]) + pivot[1:] * v0) * t
    pivot[0] = beta
    pivot[1:] = pivot[1:] + w * v0
    for x, row in zip(tail, rows, strict=True):
        row[1:] = row[1:] + w * x
    return v0, tail, t


def unit(like: Any) -> Any:
    """Return 1 of the type of a number."""
    return type(like)(1.0)


class LandmarkKernels:
    """Hold the landmarks' blocks of a window, and the kernels that work on one block.

    convert: turns an array of the window into the number type of the run.
    """

    def __init__(self, window: Window, convert: Callable[[Array], Array]) -> None:
        self.window, self.convert = window, convert
        self.order = list(window.order)
        w = window
        w.refresh_linearization_points()
        self.R, self.p = convert(w.R), convert(w.vec[:, POSITION])
        self.R_lin, self.p_lin = convert(w.R_lin), convert(w.vec_lin[:, POSITION])
        self.rig = [convert(a) for a in w.rig]
        self.lm, self.obs, self.weight = convert(w.lm), w.obs, convert(w.weight)
        self.huber, self.huber2 = convert(w.config.huber ** np.array([1.0, 2.0]))
        self.blocks: dict[int, tuple[Array, Array, Array, Array, list[int]]] = {}
        self.hosts: dict[int, int] = {}
        self.kept: dict[int, tuple[list[Any], Array]] = {}

    def zeros(self, shape: int | tuple[int, ...]) -> Array:
        """Return zeros of the run's number type."""
        return self.convert(np.zeros(shape, np.float32))

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
        weight = root(self.huber / root(e2 if e2 > self.huber2 else self.huber2))
        return weight if depth >= 0.05 else self.zeros(1)[0]

    def _point(self, x: Array, R_h: Array) -> tuple[Array, Array]:
        R, p = self.rig[2], self.rig[3]
        y = (R[:, 0] * x[0] + R[:, 1] * x[1] + R[:, 2]) + p * x[2]
        return y, times(R_h, y)

    def _target(
        self, x: Array, point: tuple[Array, Array], h: int, t: int, own: bool, R: Array, p: Array
    ) -> tuple[Array, Array, Array, Array]:
        y, w = point
        if own:
            return y, y, y, y
        d = p[h] - p[t]
        z = w + d * x[2]
        return transposed_times(R[t], z), w, z, d

    def _ray(
        self, x: Array, target: tuple[Array, Array, Array, Array], cam: int
    ) -> tuple[Array, Any, Any]:
        q = times(self.rig[0][cam], target[0]) + self.rig[1][cam] * x[2]
        inv = unit(q[2]) / q[2]
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
            g = times(R_t, m)
            out = [cross(w, g), g * x[2], cross(g, z)]
            n = transposed_times(R_h, g)
            drho = drho + (g[0] * d[0] + g[1] * d[1] + g[2] * d[2])
        drho = drho + (n[0] * p_bc[0] + n[1] * p_bc[1] + n[2] * p_bc[2])
        xy = R_bc[0, :2] * n[0] + R_bc[1, :2] * n[1] + R_bc[2, :2] * n[2]
        return [np.array([xy[0], xy[1], drho]), *out]

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
                s = sum_of([a * b for a, b in zip(v, Q[c:, j], strict=True)]) * t
                Q[c:, j] = Q[c:, j] + v * s
            Q[c:, c] = v * (v0 * t)
            Q[c, c] = Q[c, c] + unit(v0)
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
        one = unit(V[0, 0])
        U, inv = self.zeros((3, 3)), [one, one, one]
        for k in range(3):
            d = V[k, k]
            for j in range(k):
                d = d - U[j, k] * U[j, k]
            U[k, k] = root(d)
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

    def _substitute(self, lm: Landmark) -> None:
        y = -self.top_r
        for i in range(2, -1, -1):
            for j in range(i + 1, 3):
                y[i] = y[i] - self.top_R[i, j] * y[j]
            y[i] = y[i] / self.top_R[i, i]
        self.lm[lm.row] = self.lm[lm.row] + y
        if self.lm[lm.row, 2] < 1e-3:
            self.lm[lm.row, 2] = self.convert(np.array([1e-3]))[0]
