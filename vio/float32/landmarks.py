# SPDX-License-Identifier: Apache-2.0
"""Landmark blocks by the kernels of vio/float32/kernels.py: all landmarks of a window side by side.

The variant `landmark-rows` of docs/hls/backend_schedule.md: Householder steps on [J_l, r], three
orthonormal columns Q_1 and J_1 = Q_1'J_p; what is left of the landmarks is J'J - J_1'J_1. A
landmark's rows lie at 4 frame + 2 camera + component, zero where nothing was seen: rows of zeros
change no bit of a Householder step.
"""

from dataclasses import dataclass

import numpy as np

from vio.backend.landmarks import VisualArrays
from vio.backend.relative import RigArrays
from vio.float32.kernels import Kernels
from vio.float32.solve import triangle

_FAR = np.float32(1e18)  # a robust threshold that nothing exceeds: weights follow separately
_HALF, _ONE = np.float32(0.5), np.float32(1.0)


@dataclass
class Observations:
    """Hold the linearised observations: O of them, in order of landmark, frame, camera.

    index: (O,) landmark; frame: (O,) place in the window's order; camera: (O,); own: (O,) seen by
    the host itself. rows: (O, 2, 16) landmark 3 | residual | host 6 | target 6, weighted; zero
    where it does not count. cost: the robust cost.
    """

    index: np.ndarray
    frame: np.ndarray
    camera: np.ndarray
    own: np.ndarray
    rows: np.ndarray
    cost: np.float32


def observe(
    kernels: Kernels, rows: np.ndarray, rig: RigArrays, va: VisualArrays, frozen: np.ndarray
) -> Observations:
    """Linearise the observations of landmarks `rows`.

    Residuals are those of the current states, Jacobians are taken at the first estimates.
    frozen: (S,) states whose first estimates are kept, so that these differ from the current ones.
    """
    mask = va.mask[rows][:, va.slots]
    seen_by = np.stack([mask & 1, mask >> 1 & 1], axis=2)
    index, frame, camera = np.nonzero(seen_by)
    host, target = va.host[rows[index]], va.slots[frame]
    own = host == target
    operands = np.zeros((len(index), 55), np.float32)
    operands[:, 24:50] = camera_words(rig, va.weight)[camera]
    operands[:, 50:53] = va.lm[rows[index]]
    pair = np.stack([2 * camera, 2 * camera + 1], axis=1)
    operands[:, 53:55] = va.obs[rows[index][:, None], target[:, None], pair]
    out = np.zeros((len(index), 2, 16), np.float32)
    found = np.zeros(len(index), bool)
    found[own], out[own, :, :4] = _rows(kernels, "linearize_own", operands[own], 4)

    other = np.flatnonzero(~own)
    _place(operands, other, va.R, va.p, host, target)
    found[other], out[other] = _rows(kernels, "linearize", operands[other], 16)
    moved = other[frozen[host[other]] | frozen[target[other]]]
    _place(operands, moved, va.R_lin, va.p_lin, host, target)
    ahead, jacobians = _rows(kernels, "linearize", operands[moved], 16)
    jacobians[:, :, 3] = out[moved, :, 3]
    out[moved] = jacobians
    found[moved] &= ahead

    # A landmark needs two observations that can be linearised.
    count = np.bincount(index[found], minlength=len(rows))
    found &= count[index] >= 2
    out = np.where(found[:, None, None], out, np.float32(0.0))
    factor, costs = robust(kernels, out[:, :, 3], np.float32(va.huber))
    weighted = kernels.mul(out, factor[:, None, None])
    cost = kernels.total(np.where(found, costs, np.float32(0.0)))
    return Observations(index, frame, camera, own, weighted, cost)


def camera_words(rig: RigArrays, weight: np.ndarray) -> np.ndarray:
    """Return the constants (2, 26) of `linearize`, with a threshold that nothing exceeds."""
    out = np.zeros((2, 26), np.float32)
    for cam in range(2):
        out[cam] = np.concatenate([
            rig.R_cam_body[cam].ravel(), rig.p_cam_body[cam], rig.R_body_cam0.ravel(),
            rig.p_body_cam0, [weight[cam], _FAR],
        ])  # fmt: skip
    return out


def _place(
    operands: np.ndarray,
    which: np.ndarray,
    R: np.ndarray,
    p: np.ndarray,
    host: np.ndarray,
    target: np.ndarray,
) -> None:
    for first, slots in ((0, host[which]), (12, target[which])):
        operands[which, first : first + 9] = R[slots].reshape(-1, 9)
        operands[which, first + 9 : first + 12] = p[slots]


def _rows(
    kernels: Kernels, kernel: str, operands: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return which are in front, and the rows (N, 2, width) of `linearize` or `linearize_own`."""
    if not len(operands):
        return np.zeros(0, bool), np.zeros((0, 2, width), np.float32)
    out = kernels.batch(kernel, operands)
    return out.view(np.uint32)[:, 0] == 1, out[:, 1:].reshape(-1, 2, width).copy()


def robust(
    kernels: Kernels, residuals: np.ndarray, delta: np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """Return the roots of Huber's weights (N,) and the costs (N,) of residuals (N, 2) in sigmas."""
    e2 = kernels.multiply_add(
        kernels.mul(residuals[:, 0], residuals[:, 0]), residuals[:, 1], residuals[:, 1]
    )
    far = e2 > np.float32(delta * delta)
    e = kernels.sqrt(np.where(far, e2, _ONE))
    factor = np.where(far, kernels.sqrt(kernels.div(delta, e)), _ONE)
    costs = np.where(
        far,
        kernels.mul(delta, kernels.sub(e, np.float32(_HALF * delta))),
        kernels.mul(_HALF, e2),
    )
    return factor, costs


def reflect(kernels: Kernels, A: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Take three Householder steps on blocks A (L, M, w), in place; return (v (L, M - c), t (L,)).

    The columns below the three pivots keep v; what is returned has v0 before it.
    """
    steps = []
    for c in range(3):
        alpha = A[:, c, c].copy()
        norm2 = kernels.mul(alpha, alpha)
        for i in range(c + 1, A.shape[1]):
            norm2 = kernels.multiply_add(norm2, A[:, i, c], A[:, i, c])
        beta, v0, t = kernels.reflector(alpha, norm2)
        tail = A[:, c + 1 :, c].copy()
        w = kernels.mul(v0[:, None], A[:, c, c + 1 :])
        for i in range(tail.shape[1]):
            w = kernels.multiply_add(w, tail[:, i, None], A[:, c + 1 + i, c + 1 :])
        w = kernels.mul(t[:, None], w)
        A[:, c, c + 1 :] = kernels.multiply_add(A[:, c, c + 1 :], v0[:, None], w)
        A[:, c + 1 :, c + 1 :] = kernels.multiply_add(
            A[:, c + 1 :, c + 1 :], tail[:, :, None], w[:, None, :]
        )
        A[:, c, c] = beta
        steps.append((np.concatenate([v0[:, None], tail], axis=1), t))
    return steps


def orthonormal(kernels: Kernels, steps: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the first three columns (L, M, 3) of the product of three Householder steps."""
    L, M = steps[0][0].shape
    Q = np.zeros((L, M, 3), np.float32)
    for c in (2, 1, 0):
        v, t = steps[c]
        if c < 2:
            rest = Q[:, c:, c + 1 :]
            s = kernels.mul(v[:, 0, None], rest[:, 0])
            for i in range(1, v.shape[1]):
                s = kernels.multiply_add(s, v[:, i, None], rest[:, i])
            s = kernels.mul(s, t[:, None])
            Q[:, c:, c + 1 :] = kernels.multiply_add(rest, v[:, :, None], s[:, None, :])
        Q[:, c:, c] = kernels.mul(v, kernels.mul(v[:, 0], t)[:, None])
        Q[:, c, c] = kernels.add(Q[:, c, c], _ONE)
    return Q


class LandmarkBlocks:
    """Hold all landmarks' blocks of one linearisation: eliminated, and ready to substitute.

    rows: (L,) landmarks; slots: (F,) of the window's frames in order.
    """

    def __init__(
        self,
        kernels: Kernels,
        rows: np.ndarray,
        rig: RigArrays,
        va: VisualArrays,
        frozen: np.ndarray,
    ) -> None:
        self.kernels, self.rows, self.slots = kernels, rows, va.slots
        self.seen = seen = observe(kernels, rows, rig, va, frozen)
        L, F = len(rows), len(va.slots)
        place = np.full(len(frozen), -1)
        place[va.slots] = np.arange(F)
        self.host = place[va.host[rows]]
        at = 4 * seen.frame + 2 * seen.camera
        A = np.zeros((L, 4 * F, 4), np.float32)
        host = np.zeros((L, 4 * F, 6), np.float32)
        target = np.zeros((L, 4 * F, 6), np.float32)
        for i in range(2):
            A[seen.index, at + i] = seen.rows[:, i, :4]
            host[seen.index, at + i] = seen.rows[:, i, 4:10]
            target[seen.index, at + i] = seen.rows[:, i, 10:]
        if kernels.trace is not None:
            kernels.trace("landmarks", np.concatenate([A, host, target], axis=2))
        steps = reflect(kernels, A)
        Q = orthonormal(kernels, steps).reshape(L, F, 4, 3)
        self.R, self.r = A[:, :3, :3], A[:, :3, 3]
        self.top = self._project(target.reshape(L, F, 4, 6), Q)  # (L, F, 3, 6)
        of_host = self._project(host.reshape(L, F, 4, 6), Q)
        total = of_host[:, 0]
        for f in range(1, F):
            total = kernels.add(total, of_host[:, f])
        self.top[np.arange(L), self.host] = total
        # Frames that the block touches, and whether it counts at all.
        touched = np.zeros((L, F), bool)
        touched[seen.index, seen.frame] = np.any(seen.rows != 0, axis=(1, 2))
        self.active = touched.any(axis=1)
        touched[np.arange(L), self.host] = self.active
        self.touched = touched

    def _project(self, J: np.ndarray, Q: np.ndarray) -> np.ndarray:
        """Return Q'J of each frame's four rows: (L, F, 3, 6)."""
        total = self.kernels.mul(Q[:, :, 0, :, None], J[:, :, 0, None, :])
        for q in range(1, 4):
            total = self.kernels.multiply_add(total, Q[:, :, q, :, None], J[:, :, q, None, :])
        return total

    def add_normal(self, Hg: np.ndarray, first: np.ndarray, n: int) -> None:
        """Add the reduced normal equations to Hg = [H row by row, g]; first: (F,) columns."""
        self._add_pairs(Hg, first, n)
        for k in np.flatnonzero(self.active):
            frames = np.flatnonzero(self.touched[k])
            frames = frames[np.argsort(first[frames], kind="stable")]
            columns = (first[frames][:, None] + np.arange(6)).ravel()
            a, b = triangle(len(columns))
            at = np.concatenate([columns[a] * n + columns[b], n * n + columns])
            total = Hg[at]
            for i in range(3):
                x = self.top[k, frames, i].ravel()
                left = -np.concatenate([x[a], x])
                right = np.concatenate([x[b], np.full(len(x), self.r[k, i])])
                total = self.kernels.multiply_add(total, left, right)
            Hg[at] = total

    def _add_pairs(self, Hg: np.ndarray, first: np.ndarray, n: int) -> None:
        """Add J'J and J'r of all rows: sums of each pair of host and target side by side."""
        seen, F = self.seen, len(self.slots)
        other = np.flatnonzero(~seen.own)
        pair = self.host[seen.index[other]] * F + seen.frame[other]
        order = np.argsort(pair, kind="stable")
        columns = [*range(4, 16), 3]  # host, target, residual
        y = seen.rows[other[order]][:, :, columns].reshape(-1, 13)
        pairs, counts = np.unique(pair, return_counts=True)
        starts = 2 * np.concatenate([[0], np.cumsum(counts)[:-1]])
        longest = np.argsort(-counts, kind="stable")
        pairs, counts, starts = pairs[longest], counts[longest], starts[longest]
        a, b = triangle(12)
        left, right = np.concatenate([a, np.arange(12)]), np.concatenate([b, np.full(12, 12)])
        sums = np.zeros((len(pairs), 90), np.float32)
        for step in range(2 * counts[0] if len(counts) else 0):
            p = np.count_nonzero(2 * counts > step)
            row = y[starts[:p] + step]
            sums[:p] = self.kernels.multiply_add(sums[:p], row[:, left], row[:, right])
        for p in np.argsort(pairs):
            h, t = first[pairs[p] // F], first[pairs[p] % F]
            place = np.concatenate([h + np.arange(6), t + np.arange(6)])
            low, high = np.minimum(place[a], place[b]), np.maximum(place[a], place[b])
            at = np.concatenate([low * n + high, n * n + place])
            Hg[at] = self.kernels.add(Hg[at], sums[p])

    def substitute(self, dx: np.ndarray, first: np.ndarray, lm: np.ndarray) -> None:
        """Add to lm (all rows, 3) each landmark's own step, given the poses' step dx (n,)."""
        kernels = self.kernels
        total = self.r
        for f in range(len(self.slots)):
            for d in range(6):
                total = kernels.multiply_add(total, self.top[:, f, :, d], dx[first[f] + d])
        right = -total
        if kernels.trace is not None:
            kernels.trace("triangles", np.concatenate([self.R, right[:, :, None]], axis=2))
        y = np.zeros_like(right)
        for i in (2, 1, 0):
            known = np.zeros(len(y), np.float32)
            for j in range(i + 1, 3):
                known = kernels.multiply_add(known, self.R[:, i, j], y[:, j])
            diagonal = self.R[:, i, i]
            free = np.abs(diagonal) > np.float32(1e-6)
            y[:, i] = np.where(
                free, kernels.solve_step(right[:, i], known, np.where(free, diagonal, _ONE)), 0
            )
        rows = self.rows[self.active]
        lm[rows] = kernels.add(lm[rows], y[self.active])
        lm[rows, 2] = np.maximum(lm[rows, 2], np.float32(1e-3))  # not beyond a kilometre


def reduced_rows(
    kernels: Kernels,
    rows: np.ndarray,
    rig: RigArrays,
    va: VisualArrays,
    frozen: np.ndarray,
    col_of_slot: np.ndarray,
    out: np.ndarray,
    start: int,
) -> int:
    """Write the landmark-free rows of blocks to out (M, n + 1), as `landmarks.reduced_rows`."""
    if not len(rows):
        return start
    seen = observe(kernels, rows, rig, va, frozen)
    L, F = len(rows), len(va.slots)
    place = np.full(len(frozen), -1)
    place[va.slots] = np.arange(F)
    host = place[va.host[rows]]
    A = np.zeros((L, 4 * F, 4 + 6 * F), np.float32)
    at = 4 * seen.frame + 2 * seen.camera
    for i in range(2):
        A[seen.index, at + i, :4] = seen.rows[:, i, :4]
        for d in range(6):
            A[seen.index, at + i, 4 + 6 * host[seen.index] + d] = seen.rows[:, i, 4 + d]
            away = ~seen.own
            A[seen.index[away], (at + i)[away], 4 + 6 * seen.frame[away] + d] = seen.rows[
                away, i, 10 + d
            ]
    reflect(kernels, A)
    rest = A[:, 3:].reshape(-1, A.shape[2])
    rest = rest[np.any(rest[:, 3:] != 0, axis=1)]
    for row in rest:
        there = np.flatnonzero(row[4:])
        out[start] = 0.0
        out[start, col_of_slot[va.slots[there // 6]] + there % 6] = row[4 + there]
        out[start, -1] = row[3]
        start += 1
    return start
