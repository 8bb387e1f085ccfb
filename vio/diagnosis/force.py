# SPDX-License-Identifier: Apache-2.0
"""The accelerometer: its mean against gravity, its axes against the acceleration of the poses."""

from collections import deque
from typing import NamedTuple

import numpy as np

from vio.diagnosis.axes import RATIO, SIGNED_PERMUTATIONS, axes_text, rms
from vio.diagnosis.visual import VisualPose
from vio.geometry import exp_so3, invert_transform, log_so3, mul33
from vio.imu import GRAVITY_M_S2

LEAST_S, MEAN_S = 0.5, 3.0  # of samples that the mean is of
# What a mean of 9.81 m/s^2 is in other units, and what to do.
UNITS = (
    (1.0, "g", "multiply it by 9.81"),
    (1000.0, "mg (a thousandth of g)", "multiply it by 0.00981"),
    (100.0 * GRAVITY_M_S2, "cm/s^2", "divide it by 100"),
    (1000.0 * GRAVITY_M_S2, "mm/s^2", "divide it by 1000"),
)
UNIT_TOLERANCE = 0.2  # of the mean
STEADY = 0.85  # share of the mean of the length that is left in the length of the mean
MOVING = 0.7
WRONG_MEAN = 0.2  # relative difference from 9.81 that no motion of a second has
REMOVED_M_S2, NOTHING_M_S2 = 4.0, 0.5  # below, gravity is not in the data; not even at rest
POSES = 60  # kept
STEP_S = 0.3  # of the second differences
LEAST_STEPS = 18  # between poses, to compare
UNEVEN = 0.02  # of STEP_S by which the two halves of a second difference may differ
MOST_LEFT = 0.7  # of the acceleration that an explanation may leave
LEAST_ACCEL_M_S2 = 0.5  # unexplained, root mean square, below which nothing is said


class ForceMean:
    """Keep the specific force of the last seconds: its mean against the mean of its length."""

    def __init__(self) -> None:
        self._parts: deque[tuple[float, np.ndarray, float]] = deque()
        self._total_s = 0.0

    def add(self, dt_s: np.ndarray, accel: np.ndarray) -> None:
        """Add intervals dt_s (M,) with mean specific force accel (M, 3)."""
        length = np.sqrt(np.sum(accel * accel, axis=1))
        self._parts.append((float(dt_s.sum()), dt_s @ accel, float(dt_s @ length)))
        self._total_s += self._parts[-1][0]
        while self._total_s - self._parts[0][0] > MEAN_S:
            self._total_s -= self._parts.popleft()[0]

    def name_fault(self) -> tuple[str, str]:
        """Return the kind and the description of what the mean says, or two empty texts.

        kind: "accel_units", "gravity_removed" or "accel_scale". With gravity in them the samples
        point in about one direction; without it the motion's directions cancel out.
        """
        if self._total_s < LEAST_S:
            return "", ""
        mean = float(np.linalg.norm(sum(p[1] for p in self._parts))) / self._total_s
        length = sum(p[2] for p in self._parts) / self._total_s
        figures = f"its mean over {self._total_s:.1f} s is {mean:.3g}, at rest it is 9.81 m/s^2"
        for one, unit, todo in UNITS:
            if mean > STEADY * length and abs(mean / one - 1.0) < UNIT_TOLERANCE:
                return "accel_units", f"the accelerometer is in {unit}: {figures}; {todo}"
        if mean < NOTHING_M_S2 or (mean < REMOVED_M_S2 and mean < MOVING * length):
            return (
                "gravity_removed",
                f"gravity has been removed from the accelerometer: {figures}; give the specific "
                "force as the sensor measures it",
            )
        if (
            self._total_s > 0.8 * MEAN_S
            and mean > STEADY * length
            and abs(mean / GRAVITY_M_S2 - 1.0) > WRONG_MEAN
        ):
            return (
                "accel_scale",
                f"the accelerometer's scale is wrong: {figures}; check units, range and resolution",
            )
        return "", ""


class _Row(NamedTuple):
    """Hold a body pose and the mean specific force (3,), body axes, since the one before."""

    t_ns: int
    R: np.ndarray
    p: np.ndarray
    force: np.ndarray


class PoseHistory:
    """Collect visual poses with the specific force between them, and compare accelerations."""

    def __init__(self, T_body_cam: np.ndarray) -> None:
        self._T_cam_body = invert_transform(T_body_cam)
        self._rows: deque[_Row] = deque(maxlen=POSES)
        self._chain = -1

    def add(self, pose: VisualPose, dt_s: np.ndarray, accel: np.ndarray) -> None:
        """Add a pose and the intervals since the one before: dt_s (M,), accel (M, 3)."""
        if pose.chain != self._chain:
            self._rows.clear()
            self._chain = pose.chain
        R = pose.R_world_cam @ self._T_cam_body[:3, :3]
        p = pose.p_world_cam + pose.R_world_cam @ self._T_cam_body[:3, 3]
        total_s = float(dt_s.sum())
        force = dt_s @ accel / total_s if total_s > 0.0 else np.zeros(3)
        self._rows.append(_Row(pose.t_ns, R, p, force))

    def name_fault(self) -> tuple[str, str]:
        """Return the kind, "accel_axes", and the description, or two empty texts.

        The second differences of the position over STEP_S are the mean acceleration, weighted by
        a triangle. They are compared with the specific force summed up alike, gravity and bias
        free, for all signed permutations of the axes.
        """
        compared = self._compare()
        if compared is None:
            return "", ""
        y, F, seconds = compared
        errors = [rms((y - F @ X.reshape(9)).reshape(-1, 3)) for X in SIGNED_PERMUTATIONS]
        k = int(np.argmin(np.round(errors, 3)))
        limit = min(RATIO * errors[0], MOST_LEFT * rms(y.reshape(-1, 3)))
        if k == 0 or errors[0] < LEAST_ACCEL_M_S2 or errors[k] > limit:
            return "", ""
        X = SIGNED_PERMUTATIONS[k]
        kind = "turned" if np.linalg.det(X) > 0.0 else "swapped or mirrored"
        return (
            "accel_axes",
            f"the accelerometer's axes are {kind}: over {seconds:.1f} s it differs by "
            f"{errors[0]:.2f} m/s^2 from the images' acceleration, by {errors[k]:.2f} if the "
            f"body's (x, y, z) are its {axes_text(X)}; check the order and signs of the axes",
        )

    def _compare(self) -> tuple[np.ndarray, np.ndarray, float] | None:
        """Return accelerations y (3 K,), the force's shares F (3 K, 9) in them, and the duration.

        What gravity and a constant bias explain is projected out of both. None: not enough data.
        """
        rows = list(self._rows)
        t = np.array([r.t_ns for r in rows])
        steps_s = np.diff(t) * 1e-9
        if len(steps_s) < LEAST_STEPS:
            return None
        h = float(np.median(steps_s))
        m = max(1, round(STEP_S / h))
        even = np.abs(_second_difference(t, m)) * 1e-9 < UNEVEN * m * h
        if np.count_nonzero(even) < LEAST_STEPS - 2 * m:
            return None
        position, force, bias = _integrals(rows)
        scale = (m * h) ** 2
        y, F, B = (_second_difference(x, m)[even] / scale for x in (position, force, bias))
        count = len(y)
        free = np.concatenate([np.tile(np.eye(3), (count, 1)), B.reshape(3 * count, 3)], axis=1)
        Q, _ = np.linalg.qr(free)
        y, F = y.reshape(-1), F.reshape(3 * count, 9)
        return y - Q @ (Q.T @ y), F - Q @ (Q.T @ F), float((t[-1] - t[0]) * 1e-9)


def _integrals(rows: list[_Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return position (N, 3) and its shares: (N, 3, 9) of the force's matrix, (N, 3, 3) of a bias.

    Column 3 i + j of the force's share belongs to the entry (i, j) of the matrix X in R X f.
    """
    position = np.array([r.p for r in rows])
    force, bias = np.zeros((len(rows), 3, 9)), np.zeros((len(rows), 3, 3))
    v_force, v_bias = np.zeros((3, 9)), np.zeros((3, 3))
    for k in range(1, len(rows)):
        R0, R1, f = rows[k - 1].R, rows[k].R, rows[k].force
        dt = (rows[k].t_ns - rows[k - 1].t_ns) * 1e-9
        middle = mul33(
            np.ascontiguousarray(R0), exp_so3(0.5 * log_so3(np.ascontiguousarray(R0.T @ R1)))
        )
        a = np.einsum("ri,j->rij", middle, f).reshape(3, 9)
        force[k] = force[k - 1] + v_force * dt + 0.5 * a * dt * dt
        bias[k] = bias[k - 1] + v_bias * dt + 0.5 * middle * dt * dt
        v_force = v_force + a * dt
        v_bias = v_bias + middle * dt
    return position, force, bias


def _second_difference(x: np.ndarray, m: int) -> np.ndarray:
    return x[2 * m :] - 2 * x[m:-m] + x[: -2 * m]
