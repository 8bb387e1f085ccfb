# SPDX-License-Identifier: Apache-2.0
"""Smooth rigid-body motion: quintic B-splines of position and unit quaternion, with derivatives."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline, make_lsq_spline

from vio.errors import VioError
from vio.trajectory import Trajectory

DEGREE = 5


@dataclass(frozen=True)
class Motion:
    """Hold the motion of the body at N times, all exact derivatives of one spline.

    p_world_body, v_world_body, a_world_body: (N, 3), m, m/s, m/s^2. R_world_body: (N, 3, 3).
    q_world_body: (N, 4) wxyz. w_body: (N, 3), angular velocity in the body frame, rad/s.
    """

    p_world_body: np.ndarray
    v_world_body: np.ndarray
    a_world_body: np.ndarray
    R_world_body: np.ndarray
    q_world_body: np.ndarray
    w_body: np.ndarray


class SplineTrajectory:
    """Evaluate a position spline and a normalised quaternion spline, four times differentiable.

    The rotation is q(t) / |q(t)|, with q a B-spline in R^4; its angular velocity is the vector
    part of 2 q* q' / |q|^2, exact since the derivative of |q| is along q (Kim, Kim and Shin, 1995,
    name the alternatives; this one needs no logarithm).
    Times outside [start_ns, end_ns] are held at the nearest end.
    """

    def __init__(self, position: BSpline, quaternion: BSpline, start_ns: int, end_ns: int) -> None:
        self.start_ns = start_ns
        self.end_ns = end_ns
        self._p = (position, position.derivative(1), position.derivative(2))
        self._q = (quaternion, quaternion.derivative(1))

    @property
    def splines(self) -> tuple[BSpline, BSpline]:
        """Position and quaternion splines over seconds since start_ns."""
        return self._p[0], self._q[0]

    def shifted(self, offset_ns: int) -> "SplineTrajectory":
        """Return the same motion offset_ns later."""
        return SplineTrajectory(*self.splines, self.start_ns + offset_ns, self.end_ns + offset_ns)

    def at(self, t_ns: np.ndarray) -> Motion:
        """Return the motion at the times t_ns (N,) in nanoseconds."""
        held = np.clip(np.atleast_1d(t_ns), self.start_ns, self.end_ns)
        t = (held - self.start_ns).astype(np.float64) * 1e-9
        q, dq = self._q[0](t), self._q[1](t)
        norm = np.linalg.norm(q, axis=1, keepdims=True)
        q, dq = q / norm, dq / norm
        w, x, y, z = q.T
        dw, dx, dy, dz = dq.T
        rate = 2.0 * np.stack(
            [
                w * dx - x * dw - y * dz + z * dy,
                w * dy + x * dz - y * dw - z * dx,
                w * dz - x * dy + y * dx - z * dw,
            ],
            axis=1,
        )
        return Motion(
            p_world_body=self._p[0](t),
            v_world_body=self._p[1](t),
            a_world_body=self._p[2](t),
            R_world_body=rotations_from_quaternions(q),
            q_world_body=q,
            w_body=rate,
        )


def rotations_from_quaternions(q: np.ndarray) -> np.ndarray:
    """Return the rotation matrices (N, 3, 3) of unit quaternions (N, 4), wxyz."""
    w, x, y, z = q.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def smooth_trajectory(truth: Trajectory, knot_s: float = 0.025) -> SplineTrajectory:
    """Return the least-squares spline of a measured trajectory, a knot every knot_s seconds.

    Raises VioError when there are too few poses, or a gap longer than ten knots.
    """
    if len(truth) < 4 * DEGREE:
        raise VioError(
            f"the ground truth has only {len(truth)} poses; a smoothing spline needs {4 * DEGREE}"
        )
    gap_s = float(np.diff(truth.t_ns).max()) * 1e-9
    if gap_s > 10.0 * knot_s:
        raise VioError(
            f"the ground truth has a gap of {gap_s:.3f} s; images cannot be rendered across more "
            f"than {10.0 * knot_s:.3f} s: cut the sequence there"
        )
    t = (truth.t_ns - truth.t_ns[0]).astype(np.float64) * 1e-9
    q = truth.q_world_body.copy()
    flips = np.sign(np.einsum("ij,ij->i", q[1:], q[:-1]))
    q[1:] *= np.cumprod(np.where(flips == 0, 1.0, flips))[:, None]
    spacing = max(knot_s, 2.0 * float(np.median(np.diff(t))), gap_s)
    inner = np.linspace(t[0], t[-1], max(2, round((t[-1] - t[0]) / spacing) + 1))[1:-1]
    knots = np.concatenate([np.full(DEGREE + 1, t[0]), inner, np.full(DEGREE + 1, t[-1])])
    return SplineTrajectory(
        make_lsq_spline(t, truth.p_world_body, knots, DEGREE),
        make_lsq_spline(t, q, knots, DEGREE),
        int(truth.t_ns[0]),
        int(truth.t_ns[-1]),
    )


def motion_from_controls(
    t_s: np.ndarray, p: np.ndarray, q: np.ndarray, first_s: float, last_s: float
) -> SplineTrajectory:
    """Return the spline with control points p (N, 3), q (N, 4) at uniform times t_s (N,).

    The control points are not interpolated: the motion stays within their hull and is smooth. It
    runs from first_s to last_s, which becomes 0 ns onwards, at least three steps within t_s.
    """
    step = float(t_s[1] - t_s[0])
    knots = t_s[0] - first_s + step * (np.arange(len(t_s) + DEGREE + 1) - (DEGREE + 1) / 2.0)
    return SplineTrajectory(
        BSpline(knots, p, DEGREE), BSpline(knots, q, DEGREE), 0, round((last_s - first_s) * 1e9)
    )
