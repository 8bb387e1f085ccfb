# SPDX-License-Identifier: Apache-2.0
"""A window that also estimates the camera's time offset and the rig's pose on the body.

Both enter the visual residuals alone, and there as a motion of each frame's pose: the cameras see
from the pose at t + td, through extrinsics T_body_cam <- D T_body_cam. So with A_k, the derivative
of frame k's pose by [td, rotation, position], the reduced visual system H of the poses gives the
calibration's blocks as A'HA and HA: no kernel needs to know of them. Sources: Li and Mourikis,
"Online temporal calibration for camera-IMU systems", IJRR 2014; Qin and Shen, "Online temporal
calibration for monocular visual-inertial systems", IROS 2018. docs/odometry/backend.md derives A.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vio.backend.exposure import Exposures, Intervals
from vio.backend.landmarks import VisualArrays
from vio.backend.normal import linearize_landmarks
from vio.backend.relative import RigArrays
from vio.backend.solve import add_gram, marginal_covariance, solve_normal
from vio.backend.states import POSE_COLUMNS, POSITION, VELOCITY, matvec, sum_squares
from vio.backend.window import Prior, Window
from vio.camera import StereoRig
from vio.config import BackEndConfig
from vio.data import Calibration
from vio.geometry import exp_so3, log_so3, mul3, mul33, mulT33
from vio.imu import ImuNoise

SIZE = 7  # columns: time offset, rotation, position
D_TIME, D_TURN, D_SHIFT = 0, slice(1, 4), slice(4, 7)
# Changes among the window's frames below which the noise of the states would be taken for
# information: of attitude (rad) for the rig's pose, of rate (rad/s) or velocity (m/s) for the time.
LEAST_TURN, LEAST_RATE, LEAST_SPEED = 0.035, 0.05, 0.15

# Time after a window's first frame from which on the calibration is estimated. Before it, roll and
# pitch are known to a degree or more, and velocity to 0.2 m/s: derivatives taken there, which the
# prior keeps, feign information on rotation and time offset.
SETTLED_S = 3.0

LEAST_GAIN = 1e-6  # of information, over that of the deviations at the start
# Changes of the calibration, time offset (s), rotation (rad) and position (m), beyond which what
# removed frames told of it is forgotten: their derivatives, and the pose extrapolated over the time
# offset, were those of another calibration. Not where it lies within half of that of where most was
# told: a slow drift over a flight, and then a landing's bump, would cost what the flight has shown.
FAR = np.repeat([0.002, 0.0175, 0.01], [1, 3, 3])


@dataclass
class Keeper:
    """Hold the last calibration that was believed: where the next window starts."""

    calibration: Calibration


class CalibratedWindow(Window):
    """Add the calibration's columns before those of the frames.

    Its deviations at the start are the prior; one that is 0 is not estimated.
    """

    def __init__(
        self,
        rig: StereoRig,
        noise: ImuNoise,
        config: BackEndConfig,
        capacity: int,
        keeper: Keeper,
    ) -> None:
        super().__init__(rig, noise, config, capacity)
        self._given = self.rig
        self._keeper = keeper
        self._start = calibration = keeper.calibration
        self.time_offset_s = calibration.time_offset_s
        self.R_rig, self.p_rig = calibration.R.copy(), calibration.p.copy()
        self._step = np.zeros(SIZE)  # sum of the steps since the start
        self._exposures = Exposures()
        self._kept_H, self._kept_g = np.zeros((SIZE, SIZE)), np.zeros(SIZE)  # at the start
        self._kept_from = np.zeros(SIZE)  # the calibration's step when keeping began
        self._kept_at = np.zeros(SIZE)  # the calibration's step then, mean by what each told
        self._kept_weight = 0.0  # of it: trace of the information, in the start's deviations
        self._held: np.ndarray | None = None  # what the motion shows, while frames are removed
        self._began_ns: int | None = None  # time of the first frame
        self._set_rig()

    def change_cameras(self, rig: StereoRig) -> None:
        """Move all landmarks into the other camera (see `Window`); both are where they were."""
        super().change_cameras(rig)
        self._given = self.rig
        self._set_rig()

    @property
    def extra_columns(self) -> int:
        """Columns before those of the frames: none until there are inertial factors."""
        return SIZE if self.factors else 0

    def note_motion(
        self, slot: int, before: Intervals, after: Intervals, biases: np.ndarray
    ) -> None:
        """Keep how the body moves before a frame, and so after the one before it, and behind it."""
        place = self.order.index(slot)
        bias = Intervals(np.zeros(1), biases[:3], biases[3:])
        sides = (Intervals(*(x - b for x, b in zip(i, bias, strict=True))) for i in (before, after))
        self._exposures.add(slot, self.order[place - 1] if place else None, *sides)

    @property
    def starting_sigma(self) -> np.ndarray:
        """Return the deviations (7,) that the calibration starts with; 0: not estimated."""
        return self._start.sigma

    def start_time_offset(self, offset_s: float, sigma_s: float) -> None:
        """Begin with a time offset that was found otherwise, and with its deviation."""
        sigma = self._start.sigma.copy()
        sigma[D_TIME] = sigma_s
        self._start = replace(self._start, time_offset_s=offset_s, sigma=sigma)
        self.time_offset_s = offset_s

    def _set_rig(self) -> None:
        """Move the cameras to the estimated place on the body."""
        g = self._given
        inverse = np.ascontiguousarray(self.R_rig.T)
        R_cam_body = np.stack([mul33(np.ascontiguousarray(R), inverse) for R in g.R_cam_body])
        moved = [mul3(np.ascontiguousarray(R), self.p_rig) for R in R_cam_body]
        self.rig = RigArrays(
            R_cam_body,
            np.stack([p - m for p, m in zip(g.p_cam_body, moved, strict=True)]),
            mul33(self.R_rig, g.R_body_cam0),
            mul3(self.R_rig, g.p_body_cam0) + self.p_rig,
        )

    def _at_exposure(self, R: np.ndarray, vec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return poses R (S, 3, 3), p (S, 3) at the time of exposure."""
        td, out = self.time_offset_s, R.copy()
        p = vec[:, POSITION] + vec[:, VELOCITY] * td + self.gravity * (0.5 * td * td)
        for s in self.order:
            m = self._exposures.motion(s, self.time_offset_s)
            out[s] = mul33(R[s], m.dR)
            p[s] += mul3(R[s], m.dp)
        return out, p

    def visual_arrays(self, slots: np.ndarray) -> VisualArrays:
        """Return the arrays of the visual kernels, with the poses at the time of exposure."""
        arrays = super().visual_arrays(slots)
        if not self.extra_columns:
            return arrays
        R, p = self._at_exposure(self.R, self.vec)
        R_lin, p_lin = self._at_exposure(self.R_lin, self.vec_lin)
        return arrays._replace(R=R, p=p, R_lin=R_lin, p_lin=p_lin)

    def pose_derivatives(self) -> dict[int, np.ndarray]:
        """Return A (6, 7) by slot: derivatives of [rotation, position] by the calibration."""
        R, _ = self._at_exposure(self.R_lin, self.vec_lin)
        used = (self._start.sigma > 0.0) & self._shown()
        out = {}
        for s in self.order:
            A = np.zeros((POSE_COLUMNS, SIZE))
            m = self._exposures.motion(s, self.time_offset_s)
            A[:3, D_TIME] = mul3(R[s], m.rate)
            A[3:, D_TIME] = self.vec_lin[s, VELOCITY] + mul3(self.R_lin[s], m.dv)
            A[3:, D_TIME] += self.gravity * self.time_offset_s
            A[:3, D_TURN] = R[s]
            A[3:, D_SHIFT] = R[s]
            out[s] = A * used
        return out

    def _shown(self) -> np.ndarray:
        """Return which of the columns (7,) the motion of the window's frames shows."""
        if self._held is not None:
            return self._held
        first, order = np.ascontiguousarray(self.R_lin[self.order[0]]), self.order
        turns = [log_so3(mulT33(first, np.ascontiguousarray(self.R_lin[s]))) for s in order]
        turn = max(float(np.sum(x**2)) for x in turns)
        settled = (self.t_ns[order[-1]] - self._began()) * 1e-9 >= SETTLED_S
        rates = np.array([self._exposures.motion(s, self.time_offset_s).rate for s in order])
        rates -= rates[0]
        speeds = (self.vec_lin[order] - self.vec_lin[order[0]])[:, VELOCITY]
        # At constant velocities a time offset is an offset of position and yaw, which are free.
        changes = float(np.sum(rates**2, axis=1).max()) > LEAST_RATE**2
        changes |= float(np.sum(speeds**2, axis=1).max()) > LEAST_SPEED**2
        return np.repeat([changes, turn > LEAST_TURN**2], [1, SIZE - 1]) & settled

    def _began(self) -> int:
        """Return the time of the window's first frame, ns."""
        if self._began_ns is None:
            self._began_ns = int(self.t_ns[self.order[0]])
        return self._began_ns

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return slots, columns of each and first column by slot, after the calibration's."""
        slots, dims, col_of_slot = super().columns()
        col_of_slot[slots] += self.extra_columns
        return slots, dims, col_of_slot

    def own_prior(self) -> tuple[np.ndarray, np.ndarray]:
        """Return J (7, 7) and r (7,) of the prior that the calibration starts with."""
        sigma = np.where(self._start.sigma > 0.0, self._start.sigma, 1e-6)
        return np.diag(1.0 / sigma), self._step / sigma

    def start_shared_prior(self, A: np.ndarray, m: int, columns: np.ndarray) -> int:
        """Write the calibration's own prior to A from row m, until the past holds it."""
        if not self.extra_columns or self.is_in_prior:
            return m
        A[m : m + SIZE, columns], A[m : m + SIZE, -1] = self.own_prior()
        return m + SIZE

    def add_shared_columns(
        self, A: np.ndarray, pose_column: np.ndarray, columns: np.ndarray
    ) -> None:
        """Fill the calibration's columns of visual rows A from those of the poses."""
        if not self.extra_columns:
            return
        for s, derivative in self.pose_derivatives().items():
            c = pose_column[s]
            if c >= 0:
                A[:, columns] += np.einsum("ij,jk->ik", A[:, c : c + POSE_COLUMNS], derivative)

    def shared_difference(self) -> np.ndarray:
        """Return the calibration's difference (7,) from its start, from which the prior counts."""
        return self._step if self.extra_columns else np.zeros(0)

    @property
    def is_in_prior(self) -> bool:
        """Whether the marginalised past has the calibration's columns."""
        return self.prior is not None and self.prior.J.shape[1] > sum(self.prior.dims)

    def prior_residual(self) -> np.ndarray:
        """Return the prior's residual at the current states."""
        assert self.prior is not None
        if not self.is_in_prior:
            return super().prior_residual()
        p = self.prior
        dx = self.local_difference(np.array(p.slots), np.array(p.dims))
        return matvec(p.J, np.concatenate([self._step, dx])) + p.r

    def _other_rows(
        self, col_of_slot: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        if not self.extra_columns:
            return super()._other_rows(col_of_slot)
        own = np.arange(SIZE)
        prior = self.prior
        if not self.is_in_prior:
            return [*super()._other_rows(col_of_slot), (*self.own_prior(), own)]
        assert prior is not None
        self.prior = None
        parts = super()._other_rows(col_of_slot)
        self.prior = prior
        slots = zip(prior.slots, prior.dims, strict=True)
        cols = np.concatenate([own, *(col_of_slot[s] + np.arange(d) for s, d in slots)])
        return [*parts, (prior.J, self.prior_residual(), cols)]

    def linearize(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the reduced normal equations H (upper triangle), g, and the cost."""
        if not self.extra_columns:
            return super().linearize()
        self.refresh_linearization_points()
        slots, dims, col_of_slot = self.columns()
        n = SIZE + int(dims.sum())
        H, g = np.zeros((n, n)), np.zeros(n)
        cost = float(
            linearize_landmarks(
                self.active_rows(), self.rig, self.visual_arrays(slots), col_of_slot, H, g,
                self._top, self._top_slots, self._top_frames,
            )
        )  # fmt: skip
        A = np.zeros((n, SIZE))
        for s, derivative in self.pose_derivatives().items():
            A[col_of_slot[s] : col_of_slot[s] + POSE_COLUMNS] = derivative
        full = H + H.T - np.diag(np.diag(H))
        HA = np.einsum("ij,jk->ik", full, A)
        H[:SIZE] = HA.T
        H[:SIZE, :SIZE] = np.einsum("ji,jk->ik", A, HA)
        g[:SIZE] = np.einsum("ji,j->i", A, g)
        cost += self._add_kept(H, g)
        for J, r, cols in self._other_rows(col_of_slot):
            add_gram(H, g, J, r, cols)
            cost += 0.5 * float(sum_squares(r))
        self._derivative = A
        return H, g, cost

    def shed(self, remove: Callable[[], None]) -> None:
        """Call `remove`, and keep what the frames that it takes out told of the calibration.

        A frame's observations of landmarks that it does not host are dropped with it. What they
        say of poses is known by the other frames; what they say of the calibration, which is the
        same for all, adds up over a run. The window's marginal information on the calibration
        after the removal is filled up to that before it (Carlevaris-Bianco, Kaess, Eustice,
        "Generic node removal for factor-graph SLAM", T-RO 2014, matches more than these marginals).
        """
        if not self.extra_columns:
            remove()
            return
        far = np.abs(self._step - self._kept_from) > FAR
        if (far & (np.abs(self._step - self._kept_at) > 0.5 * FAR)).any():
            self._forget()
        self._held = self._shown()
        before = self._marginal()
        remove()
        after = self._marginal() if self.extra_columns else None
        self._held = None
        if before is None or after is None:
            return
        H, g = before[0] - after[0], before[1] - after[1]
        scale = np.where(self._start.sigma > 0.0, self._start.sigma, 0.0)
        values, vectors = np.linalg.eigh(scale[:, None] * (0.5 * (H + H.T)) * scale)
        # Without a column's information, or by rounding, there may be a little less before.
        vectors = vectors[:, values > LEAST_GAIN]
        values = values[values > LEAST_GAIN]
        inverse = np.where(scale > 0.0, 1.0 / np.where(scale > 0.0, scale, 1.0), 0.0)
        self._kept_weight += float(values.sum())
        if self._kept_weight > 0.0:
            share = float(values.sum()) / self._kept_weight
            self._kept_at += share * (self._step - self._kept_at)
        H = np.einsum("ik,k,jk->ij", vectors, values, vectors) * inverse[:, None] * inverse
        g = inverse * np.einsum("ik,jk,j->i", vectors, vectors, scale * g)
        self._kept_H += H
        self._kept_g += g - np.einsum("ij,j->i", H, self._step)

    def _forget(self) -> None:
        """Forget what the past told of the calibration, not what it told of the states."""
        self._kept_H[:], self._kept_g[:] = 0.0, 0.0
        self._kept_from, self._kept_at = self._step.copy(), self._step.copy()
        self._kept_weight = 0.0
        if self.is_in_prior:
            assert self.prior is not None
            p = self.prior  # J is upper triangular, and the calibration's columns come first
            self.prior = Prior(
                np.ascontiguousarray(p.J[SIZE:, SIZE:]), p.r[SIZE:].copy(), p.slots, p.dims
            )

    def _marginal(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the information (7, 7) on the calibration, the rest free, and gradient (7,)."""
        H, g, _ = self.linearize()
        ok, step, U = solve_normal(H, g, 0.0)
        if not ok:
            return None
        information = np.linalg.inv(marginal_covariance(U, 0, SIZE))
        return information, -np.einsum("ij,j->i", information, step[:SIZE])

    def _add_kept(self, H: np.ndarray, g: np.ndarray) -> float:
        """Add what removed frames told of the calibration; return its cost."""
        H[:SIZE, :SIZE] += self._kept_H
        g[:SIZE] += self._kept_g + np.einsum("ij,j->i", self._kept_H, self._step)
        least = np.linalg.pinv(self._kept_H, hermitian=True)
        away = self._step + np.einsum("ij,j->i", least, self._kept_g)
        return 0.5 * float(np.einsum("i,ij,j->", away, self._kept_H, away))

    def _retract(self, slots: np.ndarray, dims: np.ndarray, dx: np.ndarray) -> None:
        if self.extra_columns:
            self._move(dx[:SIZE])
            dx = np.ascontiguousarray(dx[SIZE:])
        super()._retract(slots, dims, dx)

    def _move(self, step: np.ndarray) -> None:
        """Apply a step (7,) to the calibration."""
        self._step = self._step + step
        self.time_offset_s += float(step[D_TIME])
        turn = exp_so3(np.ascontiguousarray(step[D_TURN]))
        self.R_rig = mul33(turn, self.R_rig)
        self.p_rig = mul3(turn, self.p_rig) + step[D_SHIFT]
        self._set_rig()

    def _substitute(self, rows: np.ndarray, dx: np.ndarray, col_of_slot: np.ndarray) -> None:
        if self.extra_columns:
            dx = dx + np.einsum("ij,j->i", self._derivative, dx[:SIZE])
        super()._substitute(rows, dx, col_of_slot)

    def save(self) -> tuple[np.ndarray, ...]:
        """Return what a step changes."""
        own = self._step, np.array(self.time_offset_s), self.R_rig, self.p_rig
        return *super().save(), *own

    def restore(self, saved: tuple[np.ndarray, ...]) -> None:
        """Take a step back."""
        super().restore(saved[:3])
        self._step, self.R_rig, self.p_rig = saved[3], saved[5], saved[6]
        self.time_offset_s = float(saved[4])
        self._set_rig()

    def calibration(self, keep: bool = True) -> Calibration:
        """Return the estimate with its deviations at the last linearisation.

        keep: whether the next window is to start there.
        """
        sigma = self._start.sigma
        if self._information is not None and self.extra_columns:
            H, g = self._information
            ok, _, U = solve_normal(H, g, 0.0)
            if ok:
                C = marginal_covariance(U, 0, SIZE)
                sigma = np.sqrt(np.maximum(np.diag(C), 0.0)) * (sigma > 0.0)
        found = Calibration(self.time_offset_s, self.R_rig.copy(), self.p_rig.copy(), sigma)
        if keep and np.isfinite([found.time_offset_s, *found.p, *sigma]).all():
            self._keeper.calibration = found
        return found
