# SPDX-License-Identifier: Apache-2.0
"""The sliding window: frames, landmarks, inertial factors and the square-root prior, optimised.

A frame lives in a slot until it is marginalised. Recent frames carry a full state (15 columns:
rotation, position, velocity, gyro bias, accel bias), older keyframes only a pose (6 columns).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vio.backend.factors import imu_jacobian, imu_residual
from vio.backend.landmarks import VisualArrays, reduced_rows, rows_in_use, substitute_landmarks
from vio.backend.normal import linearize_landmarks
from vio.backend.relative import move_landmarks, rig_arrays
from vio.backend.scale import scale_deviation
from vio.backend.shared import SharedStates
from vio.backend.solve import (
    add_gram,
    marginal_covariance,
    solve_normal,
    solve_upper,
    triangularize,
)
from vio.backend.states import (
    D_GYRO_BIAS,
    FULL_COLUMNS,
    POSE_COLUMNS,
    POSITION,
    VECTOR_SIZE,
    apply_whitening,
    local_difference,
    matvec,
    retract,
    sum_squares,
    symmetric,
    whitening,
)
from vio.camera import StereoRig
from vio.config import BackEndConfig
from vio.imu import GRAVITY_M_S2, ImuNoise, Preintegration

MOTION, BIAS_WALK = slice(0, D_GYRO_BIAS), slice(D_GYRO_BIAS, FULL_COLUMNS)  # of a factor's rows
FREE, PENDING, ACTIVE = 0, 1, 2  # what a landmark row holds


@dataclass
class ImuFactor:
    """Hold the preintegration between two neighbouring slots and its whitening matrix (15, 15).

    weight: of its squared residual of motion, 1 unless vision contradicts it.
    """

    slot_i: int
    slot_j: int
    pre: Preintegration
    W: np.ndarray
    bias0: np.ndarray
    weight: float = 1.0


@dataclass
class Prior:
    """Hold the marginalised past as J dx + r, J upper triangular: never an information matrix.

    slots, dims: the states it concerns, in the order of J's columns (dx counts from the first
    estimates).
    """

    J: np.ndarray
    r: np.ndarray
    slots: list[int]
    dims: list[int]


class Window(SharedStates):
    """Hold the states, landmarks and factors; optimise them. All arrays are of one precision."""

    def __init__(
        self, rig: StereoRig, noise: ImuNoise, config: BackEndConfig, capacity: int
    ) -> None:
        self.config = config
        self.noise = noise
        self.dtype = np.dtype(config.precision).type
        dt = self.dtype
        self.rig = rig_arrays(rig, dt)
        focal = 0.25 * (rig.left.fx + rig.left.fy + rig.right.fx + rig.right.fy)
        self.weight = np.array([focal / config.pixel_sigma, focal / config.stereo_sigma], dtype=dt)
        self.gravity = np.array([0.0, 0.0, -GRAVITY_M_S2], dt)
        S, L = capacity, config.max_landmarks
        self.R, self.R_lin = np.zeros((2, S, 3, 3), dt)
        self.vec, self.vec_lin = np.zeros((2, S, VECTOR_SIZE), dt)
        self.t_ns = np.zeros(S, np.int64)
        self.linearized = np.zeros(S, bool)
        self.is_full = np.zeros(S, bool)
        self.is_keyframe = np.zeros(S, bool)
        self.order: list[int] = []
        self.factors: list[ImuFactor] = []
        self.prior: Prior | None = None
        self.lm = np.zeros((L, 3), dt)
        self.lm_state = np.zeros(L, np.uint8)
        self.lm_id = np.full(L, -1, np.int64)
        self.host = np.zeros(L, np.int64)
        self.obs = np.zeros((L, S, 4), dt)
        self.mask = np.zeros((L, S), np.uint8)
        self.row_of: dict[int, int] = {}
        self.suspects: set[int] = set()  # tracks that did not fit the inertial prediction
        self._top = np.zeros((L, 3, 4 + 6 * S), dt)
        self._top_slots = np.zeros((L, S), np.int64)
        self._top_frames = np.zeros(L, np.int64)
        self._information: tuple[np.ndarray, np.ndarray] | None = None

    # Frames -------------------------------------------------------------------------------------

    def add_frame(self, t_ns: int, R: np.ndarray, vec: np.ndarray, is_keyframe: bool) -> int:
        """Put a new frame at the end of the window and return its slot."""
        used = set(self.order)
        slot = next(s for s in range(len(self.t_ns)) if s not in used)
        self.t_ns[slot] = t_ns
        self.R[slot], self.vec[slot] = R, vec
        self.linearized[slot] = False
        self.is_full[slot] = True
        self.is_keyframe[slot] = is_keyframe
        self.mask[:, slot] = 0
        self.order.append(slot)
        return slot

    def remove_newest(self) -> None:
        """Remove the newest frame, its observations and its inertial factor, as if never added.

        It must host no landmark, and the prior must not touch it.
        """
        slot = self.order.pop()
        self.mask[:, slot] = 0
        self.factors = [f for f in self.factors if f.slot_j != slot]

    def add_imu_factor(
        self, slot_i: int, slot_j: int, pre: Preintegration, rest_s: float = 0.0
    ) -> None:
        """Connect neighbouring frames by inertial data and the biases' walk, also over rest_s."""
        dt = self.dtype
        W = np.zeros((FULL_COLUMNS, FULL_COLUMNS), dt)
        W[MOTION, MOTION] = whitening(symmetric(pre.covariance))
        W[BIAS_WALK, BIAS_WALK] = np.diag(1.0 / self._walk(pre.dt_s + rest_s)).astype(dt)
        bias0 = np.concatenate([pre.gyro_bias, pre.accel_bias]).astype(dt)
        self.factors.append(ImuFactor(slot_i, slot_j, pre, W, bias0))

    def innovation(self, factor: ImuFactor) -> np.ndarray:
        """Return the normalised residual (9,) of a factor's motion at its full weight."""
        i, j, pre, dt = factor.slot_i, factor.slot_j, factor.pre, self.dtype
        r = imu_residual(
            self.R[i], self.vec[i], self.R[j], self.vec[j], dt(pre.dt_s),
            pre.dR, pre.dv, pre.dp, pre.J_bias, factor.bias0, self.gravity,
        )  # fmt: skip
        white = matvec(np.ascontiguousarray(factor.W[MOTION, MOTION]), r[MOTION])
        return white.astype(np.float64) / np.sqrt(factor.weight)

    def weaken(
        self, factor: ImuFactor, weight: float, gyro_bias_sigma: float, accel_bias_sigma: float
    ) -> None:
        """Lower the weight of a factor's motion, and let its biases step by these deviations."""
        dt = self.dtype
        factor.W[MOTION] *= dt(np.sqrt(weight / factor.weight))
        factor.weight = weight
        walk = self._walk(factor.pre.dt_s)
        step = np.repeat([gyro_bias_sigma, accel_bias_sigma], 3)
        factor.W[BIAS_WALK, BIAS_WALK] = np.diag(1.0 / np.hypot(walk, step)).astype(dt)

    def _walk(self, dt_s: float) -> np.ndarray:
        """Return the deviations (6,) of the biases' random walk over dt_s."""
        return np.repeat([self.noise.gyro_walk, self.noise.accel_walk], 3) * np.sqrt(dt_s)

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return slots (F,), columns of each (F,) and first column by slot (S,)."""
        slots = np.array(self.order, np.int64)
        dims = np.where(self.is_full[slots], FULL_COLUMNS, POSE_COLUMNS).astype(np.int64)
        col_of_slot = np.full(len(self.t_ns), -1, np.int64)
        col_of_slot[slots] = np.concatenate([[0], np.cumsum(dims)[:-1]])
        return slots, dims, col_of_slot

    def refresh_linearization_points(self) -> None:
        """Move the linearisation points of free states to their current values.

        A state is free until the prior touches it; from then on its first estimate is kept.
        """
        free = [s for s in self.order if not self.linearized[s]]
        self.R_lin[free], self.vec_lin[free] = self.R[free], self.vec[free]

    def visual_arrays(self, slots: np.ndarray) -> VisualArrays:
        """Return the arrays of the visual kernels, for the frames in `slots`."""
        p, p_lin = self.vec[:, POSITION], self.vec_lin[:, POSITION]
        return VisualArrays(
            self.R, p, self.R_lin, p_lin, self.lm, self.host,
            self.obs, self.mask, slots, self.weight, self.config.huber,
        )  # fmt: skip

    def active_rows(self) -> np.ndarray:
        """Return the rows of landmarks with at least one observation besides the host's left."""
        return rows_in_use(self.lm_state, self.mask, ACTIVE)

    def change_cameras(self, rig: StereoRig) -> None:
        """Move all landmarks into the other camera, which is the left one of `rig` from now on.

        Observations keep their cameras. Landmarks without a depth, or that do not lie before the
        other camera, are let go.
        """
        before, self.rig = self.rig, rig_arrays(rig, self.dtype)
        lm = move_landmarks(self.lm, before, self.rig)
        self.lm = np.where(np.isfinite(lm), lm, 0)
        self.obs = np.ascontiguousarray(self.obs[..., [2, 3, 0, 1]])
        self.mask = np.array([0, 2, 1, 3], np.uint8)[self.mask]  # bits exchanged
        gone = (self.lm_state == PENDING) | (self.lm_state == ACTIVE) & np.isnan(lm[:, 2])
        self.free_landmarks(np.flatnonzero(gone))

    # Linear system ------------------------------------------------------------------------------

    def imu_rows(self, factor: ImuFactor) -> tuple[np.ndarray, np.ndarray]:
        """Return the whitened Jacobian (15, 30) at the first estimates and residual (15,)."""
        i, j, pre, dt = factor.slot_i, factor.slot_j, factor.pre, self.dtype
        r = imu_residual(
            self.R[i], self.vec[i], self.R[j], self.vec[j], dt(pre.dt_s),
            pre.dR, pre.dv, pre.dp, pre.J_bias, factor.bias0, self.gravity,
        )  # fmt: skip
        J = imu_jacobian(
            self.R_lin[i], self.vec_lin[i], self.R_lin[j], self.vec_lin[j], dt(pre.dt_s),
            pre.dR, pre.J_bias, factor.bias0, self.gravity,
        )  # fmt: skip
        return apply_whitening(factor.W, J, r)

    def prior_residual(self) -> np.ndarray:
        """Return the prior's residual at the current states."""
        assert self.prior is not None
        p = self.prior
        dx = self.local_difference(np.array(p.slots), np.array(p.dims))
        return matvec(p.J, dx) + p.r

    # The arithmetic that vio/float32/window.py replaces, beside `linearize` ------------------

    def local_difference(self, slots: np.ndarray, dims: np.ndarray) -> np.ndarray:
        """Return the difference (n,) of the states in `slots` from their first estimates."""
        return local_difference(self.R, self.vec, self.R_lin, self.vec_lin, slots, dims)

    def reduced_prior(
        self, frames: list[int], to_poses: list[int]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return J and r of the prior that a marginalisation leaves; None: by QR of its rows."""
        return None

    def _solve(self, H: np.ndarray, g: np.ndarray, damping: float) -> tuple[bool, np.ndarray]:
        ok, dx, _ = solve_normal(H, g, damping)
        return ok, dx

    def _update(self, dx: np.ndarray) -> None:
        """Apply a step dx (n,) to states and landmarks."""
        slots, dims, col_of_slot = self.columns()
        self._retract(slots, dims, dx)
        self._substitute(self.active_rows(), dx, col_of_slot)

    def _retract(self, slots: np.ndarray, dims: np.ndarray, dx: np.ndarray) -> None:
        retract(self.R, self.vec, slots, dims, dx)

    def _substitute(self, rows: np.ndarray, dx: np.ndarray, col_of_slot: np.ndarray) -> None:
        substitute_landmarks(
            rows, dx, col_of_slot, self._top, self._top_slots, self._top_frames, self.lm
        )

    def _other_rows(
        self, col_of_slot: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return (J, r, columns) of the inertial factors and the prior."""
        parts = []
        for f in self.factors:
            J, r = self.imu_rows(f)
            cols = np.concatenate(
                [col_of_slot[s] + np.arange(FULL_COLUMNS) for s in (f.slot_i, f.slot_j)]
            )
            parts.append((J, r, cols))
        if self.prior is not None:
            p = self.prior
            cols = np.concatenate(
                [col_of_slot[s] + np.arange(d) for s, d in zip(p.slots, p.dims, strict=True)]
            )
            parts.append((p.J, self.prior_residual(), cols))
        return parts

    def linearize(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the reduced normal equations H (upper triangle), g, and the cost.

        Moves the linearisation points of free states to their current values first.
        """
        self.refresh_linearization_points()
        slots, dims, col_of_slot = self.columns()
        n = int(dims.sum())
        H, g = np.zeros((n, n), self.dtype), np.zeros(n, self.dtype)
        cost = linearize_landmarks(
            self.active_rows(), self.rig, self.visual_arrays(slots), col_of_slot, H, g,
            self._top, self._top_slots, self._top_frames,
        )  # fmt: skip
        cost = float(cost)
        for J, r, cols in self._other_rows(col_of_slot):
            add_gram(H, g, J, r, cols)
            cost += 0.5 * float(sum_squares(r))
        return H, g, cost

    def _solve_qr(self) -> np.ndarray:
        """Return the step (n,) by QR of all rows of the reduced system."""
        slots, dims, col_of_slot = self.columns()
        n = int(dims.sum())
        rows = self.active_rows()
        parts = self._other_rows(col_of_slot)
        size = 2 * int(np.bitwise_count(self.mask[rows]).sum()) + sum(len(p[1]) for p in parts) + n
        A = np.zeros((size, n + 1), self.dtype)
        m = 0
        for J, r, cols in parts:
            A[m : m + len(r), cols], A[m : m + len(r), n] = J, r
            m += len(r)
        m = reduced_rows(rows, self.rig, self.visual_arrays(slots), col_of_slot, A, m)
        triangularize(A, m, n, n + 1)
        dx = solve_upper(np.ascontiguousarray(A[:n, :n]), -A[:n, n])
        return dx if np.isfinite(dx).all() else np.zeros_like(dx)

    def optimize(self, iterations: int) -> float:
        """Run Gauss-Newton with a Levenberg-Marquardt fallback; return the last known cost.

        The last accepted linearisation is kept for `covariance`.
        """
        H, g, cost = self.linearize()
        damping = self.config.damping
        for iteration in range(iterations):
            if self.config.solver == "qr":
                dx = self._solve_qr()
            else:
                ok, dx = self._solve(H, g, damping)
                if not ok:
                    damping = max(10.0 * damping, 1e-6)
                    continue
            saved = self.save()
            self._update(dx)
            if iteration + 1 == iterations:
                break
            H_new, g_new, cost_new = self.linearize()
            if not cost_new <= cost * 1.0001:
                self.restore(saved)
                damping = max(100.0 * damping, 1e-4)
                if self.config.solver == "qr":
                    break
                self.linearize()  # the landmarks' own rows belong to the restored state again
                continue
            converged = cost - cost_new < self.config.tolerance * cost
            H, g, cost = H_new, g_new, cost_new
            if converged:
                break
        self._information = H, g
        return cost

    def covariance(self) -> np.ndarray | None:
        """Return the covariance (15, 15) of the newest frame at the last linearisation, or None."""
        if self._information is None:
            return None
        H, g = self._information
        ok, _, U = solve_normal(H, g, 0.0)  # damping would feign knowledge
        return marginal_covariance(U, len(U) - FULL_COLUMNS, FULL_COLUMNS) if ok else None

    def scale_sigma(self) -> float | None:
        """Return the relative deviation of the scale at the last linearisation, or None."""
        if self._information is None:
            return None
        tops, rows = (self._top, self._top_slots, self._top_frames), self.active_rows()
        return scale_deviation(self._information, rows, self.columns()[2], tops, self.lm)

    # Landmarks ----------------------------------------------------------------------------------

    def new_landmarks(self, track_ids: np.ndarray, host: int) -> np.ndarray:
        """Reserve rows for tracks, hosted in a slot; return them: fewer when all are taken."""
        rows = np.flatnonzero(self.lm_state == FREE)[: len(track_ids)]
        ids = track_ids[: len(rows)]
        self.lm_state[rows] = PENDING
        self.lm_id[rows] = ids
        self.host[rows] = host
        self.mask[rows] = 0
        self._top_frames[rows] = 0
        self.row_of.update(zip(ids.tolist(), rows.tolist(), strict=True))
        return rows

    def free_landmarks(self, rows: np.ndarray) -> None:
        """Give the rows (N,) of landmarks back."""
        for track_id in self.lm_id[rows].tolist():
            self.row_of.pop(track_id, None)
        self.lm_state[rows] = FREE
        self.mask[rows] = 0
        self.lm_id[rows] = -1


# What makes the window of a run: `Window`, or one with another arithmetic.
MakeWindow = Callable[[StereoRig, ImuNoise, BackEndConfig, int], Window]
