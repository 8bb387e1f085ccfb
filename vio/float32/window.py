# SPDX-License-Identifier: Apache-2.0
"""The sliding window whose arithmetic is that of hls/: setting backend.arithmetic.

A step and a marginalisation are lists of calls (vio/float32/schedule.py), executed on one memory
(vio/float32/execute.py). What only looks at the window (outliers, triangulation, the covariance
that is reported) stays as it is.
"""

from dataclasses import replace

import numpy as np

from vio.backend.solve import triangularize
from vio.backend.states import FULL_COLUMNS, POSE_COLUMNS
from vio.backend.window import ImuFactor, Window
from vio.camera import StereoRig
from vio.config import BackEndConfig
from vio.errors import VioError
from vio.float32 import calls as c
from vio.float32 import memory_map as m
from vio.float32 import schedule
from vio.float32.calls import CallList
from vio.float32.execute import Results, run
from vio.float32.inertial import imu_rows, local_difference, retract
from vio.float32.kernels import Kernels
from vio.float32.lane_words import Layout
from vio.float32.marginalize import marginalize
from vio.float32.memory_map import Columns, MemoryMap
from vio.float32.observe import camera_words, observe
from vio.float32.structure import Structure, leaving_of, structure_of
from vio.imu import ImuNoise


class Window32(Window):
    """Hold the window; optimise it by calls of the vector engine."""

    def __init__(
        self,
        rig: StereoRig,
        noise: ImuNoise,
        config: BackEndConfig,
        capacity: int,
        kernels: Kernels,
    ) -> None:
        super().__init__(rig, noise, replace(config, precision="float32"), capacity)
        if config.solver != "cholesky":
            raise VioError(
                f"backend.solver {config.solver!r} has no kernels; set backend.solver=cholesky, or "
                "backend.arithmetic=float"
            )
        self.kernels = kernels
        self._step: tuple[Structure, schedule.Step, np.ndarray] | None = None

    # What the calls work on ---------------------------------------------------------------------

    def load(self, s: Structure, where: MemoryMap) -> np.ndarray:
        """Return a memory with states, landmarks, observations and prior in their places."""
        memory = np.zeros(where.size, np.float32)
        memory[m.NEGATIVE], memory[m.DAMPING] = -1.0, self.config.damping
        memory[m.FLOOR], memory[m.LANDMARK_FLOOR] = m.PIVOT_FLOOR, m.LANDMARK_PIVOT_FLOOR
        memory[m.LEAST_INVERSE_DEPTH] = m.SHORTEST_INVERSE_DEPTH
        memory[m.CAMERAS : m.HUBER] = camera_words(self.rig, self.weight).ravel()
        memory[m.HUBER] = self.config.huber
        memory[m.GRAVITY : m.GRAVITY + 3] = self.gravity
        slots = self.order
        parts = (self.R, self.vec, self.R_lin, self.vec_lin)
        words = np.concatenate([a[slots].reshape(len(slots), -1) for a in parts], axis=1)
        memory[where.states : where.states + words.size] = words.ravel()
        for k, factor in enumerate(self.factors):
            at = where.factors + m.FACTOR_WORDS * k
            memory[at : at + m.FACTOR_WORDS] = m.factor_words(factor)
        rows = np.array([lm.row for lm in s.landmarks], np.int64)
        place = where.landmarks + m.LANDMARK_WORDS * np.arange(len(rows))
        memory[place[:, None] + np.arange(3)] = self.lm[rows]
        rays = [
            (lm.row, slots[f], cam)
            for lm in s.landmarks for f, mask in lm.views for cam in range(2) if mask >> cam & 1
        ]  # fmt: skip
        row, slot, cam = np.array(rays, np.int64).reshape(-1, 3).T
        seen = self.obs[row[:, None], slot[:, None], 2 * cam[:, None] + np.arange(2)]
        memory[where.observations : where.observations + seen.size] = seen.ravel()
        if self.prior is not None:
            J, r = _in_order(self.prior.J, self.prior.r, _of_prior(s))
            for i in range(len(r)):
                start = where.prior.at(i, i)
                memory[start : start + J.shape[1] - i] = J[i, i:]
            memory[where.residual : where.residual + len(r)] = r
        return memory

    def results(
        self, calls: CallList, s: Structure, columns: Columns, where: MemoryMap, memory: np.ndarray
    ) -> tuple[Results, np.ndarray]:
        """Return what the lane programs of a list compute, and the costs (O,) of its rays."""
        out: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        kinds = calls.code[:, c.KIND]
        numbers = {kind: np.flatnonzero(kinds == kind).tolist() for kind in c.LANE_PROGRAMS}

        def operands(kind: int) -> list:
            return [calls.operands[calls.code[k, c.X]] for k in numbers[kind]]

        costs = np.zeros(0, np.float32)
        if observed := operands(c.OBSERVE):
            rows, costs = observe(self.kernels, memory, where, s, observed, columns)
            words = np.ascontiguousarray(rows).reshape(-1)
            begin = 0
            for k, o in zip(numbers[c.OBSERVE], observed, strict=True):
                count = o.landmark.rows
                at = where.rows + m.ROW_PITCH * np.arange(count)[:, None] + np.arange(m.ROW_WORDS)
                end = begin + count * m.ROW_WORDS
                out[k] = at.ravel(), words[begin:end]
                begin = end
            if self.kernels.trace is not None:
                self.kernels.trace("landmarks", rows)
        if factors := operands(c.FACTOR):
            J, r = imu_rows(self.kernels, self, [self.factors[k] for k in factors])
            whole = np.concatenate([J, r[:, :, None]], axis=2)
            if self.kernels.trace is not None:
                self.kernels.trace("rows", whole[0])
            places = where.inertial.base + np.arange(whole[0].size)
            for k, rows in zip(numbers[c.FACTOR], whole, strict=True):
                out[k] = places, rows.ravel()
        for kind, program in ((c.DIFFERENCE, self._differences), (c.RETRACT, self._retracted)):
            moved = operands(kind)
            if moved:
                given = program([o.frame for o in moved], moved, where, memory)
                out.update(zip(numbers[kind], given, strict=True))
        return out, costs

    def _differences(
        self, frames: list[int], moved: list[schedule.Moved], where: MemoryMap, _: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        slots = np.array([self.order[f] for f in frames])
        sizes = np.array([len(o.columns) for o in moved])
        delta = local_difference(self.kernels, self, slots, sizes)
        parts = np.split(delta, np.cumsum(sizes)[:-1])
        return [
            (where.delta + np.array(o.columns), part) for o, part in zip(moved, parts, strict=True)
        ]

    def _retracted(
        self, frames: list[int], moved: list[schedule.Moved], where: MemoryMap, memory: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        slots = np.array([self.order[f] for f in frames])
        sizes = np.array([len(o.columns) for o in moved])
        columns = np.concatenate([o.columns for o in moved])
        states = m.States(self.R.copy(), self.vec.copy(), self.R_lin, self.vec_lin, self.gravity)
        retract(self.kernels, states, slots, sizes, memory[where.x + columns])
        words = np.concatenate([states.R[slots].reshape(-1, 9), states.vec[slots]], axis=1)
        at = np.arange(words.shape[1])
        return [(where.state(f) + at, w) for f, w in zip(frames, words, strict=True)]

    def execute(self, calls: CallList, layout: Layout, memory: np.ndarray, results: Results) -> int:
        """Execute a list on a memory, in place; return how many pivots were not above their floor.

        results: of its lane programs.
        """
        return run(calls, memory, self.kernels, results)

    # A step -------------------------------------------------------------------------------------

    def linearize(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the reduced normal equations H (upper triangle), g, and the cost.

        Moves the linearisation points of free states to their current values first.
        """
        self.refresh_linearization_points()
        s = structure_of(self)
        step = schedule.step(s)
        where, kernels = step.where, self.kernels
        memory = self.load(s, where)
        results, costs = self.results(step.linearize, s, step.columns, where, memory)
        self.execute(step.linearize, Layout(s, step.columns, where), memory, results)
        self._step = s, step, memory
        squares = [
            results[k][1].reshape(FULL_COLUMNS, -1)[:, -1]
            for k in np.flatnonzero(step.linearize.code[:, c.KIND] == c.FACTOR).tolist()
        ]
        if self.prior is not None:
            R = where.prior
            last = [R.at(i, R.width - 1) for i in range(len(self.prior.r))]
            squares.append(memory[last])
        cost = kernels.total(costs)
        if squares:
            r = np.concatenate(squares)
            half = kernels.mul(np.full(len(r), 0.5, np.float32), r)
            cost = kernels.add(np.array([cost]), kernels.rows_sum(half, r[:, None]))[0]
        n = step.columns.count
        i, j = _triangle(n)
        wide = np.zeros((n, n + 1), np.float32)
        wide[i, j] = memory[where.H : where.H + len(i)]
        order = _of_step(step.columns)
        H = (wide[:, :n] + np.triu(wide[:, :n], 1).T)[np.ix_(order, order)]
        return np.triu(H), wide[order, n], float(cost)

    def _solve(self, H: np.ndarray, g: np.ndarray, damping: float) -> tuple[bool, np.ndarray]:
        assert self._step is not None
        s, step, memory = self._step
        where, n = step.where, len(g)
        i, j = _triangle(n)
        back = np.argsort(_of_step(step.columns))
        whole = (H + np.triu(H, 1).T)[np.ix_(back, back)]
        memory[where.H : where.H + len(i)] = np.column_stack([whole, g[back]])[i, j]
        memory[m.DAMPING] = damping
        low = self.execute(step.solve, Layout(s, step.columns, where), memory, {})
        if self.kernels.trace is not None:
            U = np.zeros((n, n + 1), np.float32)
            U[i, j] = memory[where.H : where.H + len(i)]
            self.kernels.trace("systems", np.stack([np.column_stack([whole, g[back]]), U]))
        x = memory[where.x + _of_step(step.columns)]
        return low == 0 and bool(np.isfinite(x).all()), x

    def _update(self, dx: np.ndarray) -> None:
        assert self._step is not None
        s, step, memory = self._step
        where = step.where
        memory[where.x + _of_step(step.columns)] = dx
        results, _ = self.results(step.update, s, step.columns, where, memory)
        self.execute(step.update, Layout(s, step.columns, where), memory, results)
        slots = self.order
        states = memory[where.states : where.state(len(slots))].reshape(-1, m.STATE_WORDS)
        self.R[slots], self.vec[slots] = states[:, :9].reshape(-1, 3, 3), states[:, 9:21]
        rows = np.array([lm.row for lm in s.landmarks], np.int64)
        place = where.landmarks + m.LANDMARK_WORDS * np.arange(len(rows))
        self.lm[rows] = memory[place[:, None] + np.arange(3)]

    # A marginalisation --------------------------------------------------------------------------

    def reduced_prior(
        self, frames: list[int], to_poses: list[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return J and r of the prior that a marginalisation leaves."""
        leaving = leaving_of(self, frames, to_poses)
        marginal = marginalize(leaving)
        where, s = marginal.where, leaving.structure
        memory = self.load(s, where)
        for calls in (marginal.start, marginal.calls):
            results, _ = self.results(calls, s, marginal.columns, where, memory)
            self.execute(calls, Layout(s, marginal.columns, where), memory, results)
        gone, kept = marginal.columns.gone, marginal.columns.count - marginal.columns.gone
        i, j = _triangle(kept)
        J = np.zeros((kept, kept + 1), np.float32)
        J[i, j] = memory[where.prior.base : where.prior.base + len(i)]
        order = _of_step(marginal.columns, gone)
        return J[:, order], memory[where.residual : where.residual + kept].copy()

    def imu_rows(self, factor: ImuFactor) -> tuple[np.ndarray, np.ndarray]:
        """Return the whitened Jacobian (15, 30) at the first estimates and residual (15,)."""
        J, r = imu_rows(self.kernels, self, [factor])
        return J[0], r[0]

    def local_difference(self, slots: np.ndarray, dims: np.ndarray) -> np.ndarray:
        """Return the difference (n,) of the states in `slots` from their first estimates."""
        return local_difference(self.kernels, self, slots, dims)


def _triangle(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the words of a packed triangle with its right side."""
    i, j = np.triu_indices(n, 0, n + 1)
    return i, j


def _of_step(columns: Columns, gone: int = 0) -> np.ndarray:
    """Return the columns of all frames as `Window.columns` has them; less those that leave."""
    of_frames = [col - gone for f in range(len(columns.pose)) for col in columns.of(f)]
    return np.array([col for col in of_frames if col >= 0], np.int64)


def _of_prior(s: Structure) -> np.ndarray:
    """Return where the prior's columns lie in its triangle: motions first, then poses."""
    full = [f for f, size in s.prior if size == FULL_COLUMNS]
    motions = m.MOTION_COLUMNS * len(full)
    out: list[int] = []
    for k, (f, size) in enumerate(s.prior):
        out += range(motions + POSE_COLUMNS * k, motions + POSE_COLUMNS * (k + 1))
        if size == FULL_COLUMNS:
            first = m.MOTION_COLUMNS * full.index(f)
            out += range(first, first + m.MOTION_COLUMNS)
    return np.array(out, np.int64)


def _in_order(J: np.ndarray, r: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a prior with its columns in the order of the triangle, and triangular."""
    wide = np.zeros((len(r), J.shape[1] + 1), np.float32)
    wide[:, order], wide[:, -1] = J, r
    if np.tril(wide[:, :-1], -1).any():  # a new window's: not one that calls have left
        triangularize(wide, len(r), J.shape[1], J.shape[1] + 1)
    return wide[:, :-1], wide[:, -1]
