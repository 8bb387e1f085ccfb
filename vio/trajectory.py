# SPDX-License-Identifier: Apache-2.0
"""A trajectory: time-stamped poses of the body in the world, with optional velocity and biases."""

from dataclasses import dataclass

import numpy as np

from vio.errors import VioError
from vio.geometry import quaternion_from_matrix


@dataclass(frozen=True)
class Trajectory:
    """Hold N poses in order of time.

    t_ns: (N,) int64, strictly increasing, nanoseconds.
    p_world_body: (N, 3) float64, metres.
    q_world_body: (N, 4) float64, wxyz, Hamilton, unit.
    v_world_body: (N, 3) float64, metres per second, or None.
    gyro_bias_rad_s, accel_bias_m_s2: (N, 3) float64, or None.
    """

    t_ns: np.ndarray
    p_world_body: np.ndarray
    q_world_body: np.ndarray
    v_world_body: np.ndarray | None = None
    gyro_bias_rad_s: np.ndarray | None = None
    accel_bias_m_s2: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.t_ns)

    def take(self, index: np.ndarray) -> "Trajectory":
        """Return the poses of an index or boolean array, in that order."""
        optional = (self.v_world_body, self.gyro_bias_rad_s, self.accel_bias_m_s2)
        return Trajectory(
            self.t_ns[index],
            self.p_world_body[index],
            self.q_world_body[index],
            *(None if a is None else a[index] for a in optional),
        )

    def between(self, start_ns: int, until_ns: int) -> "Trajectory":
        """Return the poses with start_ns <= t_ns <= until_ns."""
        return self.take((self.t_ns >= start_ns) & (self.t_ns <= until_ns))

    def length_m(self) -> float:
        """Return the sum of the distances between consecutive positions in metres."""
        return float(np.linalg.norm(np.diff(self.p_world_body, axis=0), axis=1).sum())


def nearest_index(times: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return for each query (M,) the index of the nearest of times (N,), N >= 1, both sorted.

    Of two equally near times the earlier one.
    """
    after = np.minimum(np.searchsorted(times, queries, side="left"), len(times) - 1)
    before = np.maximum(after - 1, 0)
    closer = np.abs(queries - times[before]) <= np.abs(times[after] - queries)
    return np.where(closer, before, after)


def quaternion_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the Hamilton products (N, 4) of wxyz quaternions a and b, (N, 4) or (4,)."""
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def rotation_matrices(q: np.ndarray) -> np.ndarray:
    """Return the rotation matrices (N, 3, 3) of unit wxyz quaternions (N, 4)."""
    w, x, y, z = np.moveaxis(q, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def normalised(q: np.ndarray, where: str) -> np.ndarray:
    """Return wxyz quaternions (N, 4) scaled to unit norm; raises VioError if any is 1 % off."""
    norm = np.sqrt((q * q).sum(axis=1))
    bad = np.flatnonzero(~(np.abs(norm - 1.0) < 0.01))
    if len(bad):
        raise VioError(
            f"{where}: the quaternion of pose {bad[0] + 1} has norm {norm[bad[0]]:.4f}, not 1 "
            f"({len(bad)} such poses of {len(q)}); check the order of the columns"
        )
    return q / norm[:, None]


def from_euroc_values(t_ns: np.ndarray, values: np.ndarray, where: str) -> Trajectory:
    """Return the trajectory of EuRoC's columns: p (3), q wxyz (4) and, if present, v, bw, ba (9).

    t_ns: (N,) int64; values: (N, 7), (N, 10) without the biases, or (N, 16). Raises VioError for
    quaternions far from unit.
    """
    parts = [np.ascontiguousarray(values[:, i : i + 3]) for i in (7, 10, 13) if values.shape[1] > i]
    p = np.ascontiguousarray(values[:, :3])
    return Trajectory(t_ns, p, normalised(values[:, 3:7], where), *parts)


def moved_sensor(trajectory: Trajectory, T_old_new: np.ndarray) -> Trajectory:
    """Return the poses of another frame on the same rigid body.

    T_old_new: (4, 4), takes the new frame's coordinates to those of the trajectory's frame.
    Velocity and biases are kept only when T_old_new is the identity: they belong to one sensor.
    """
    if np.abs(T_old_new - np.eye(4)).max() < 1e-12:
        return trajectory
    R = rotation_matrices(trajectory.q_world_body)
    q_old_new = quaternion_from_matrix(np.ascontiguousarray(T_old_new[:3, :3]))
    return Trajectory(
        trajectory.t_ns,
        trajectory.p_world_body + R @ T_old_new[:3, 3],
        quaternion_product(trajectory.q_world_body, q_old_new),
    )


def interpolate(trajectory: Trajectory, t_ns: np.ndarray) -> Trajectory:
    """Return poses at the times t_ns (M,) int64: linear, and slerp in attitude.

    Slerp: Shoemake, SIGGRAPH 1985, along the shorter arc. Raises VioError for times outside of the
    trajectory's span.
    """
    times = trajectory.t_ns
    if len(times) == 0:
        raise VioError("cannot interpolate a trajectory without poses")
    if len(t_ns) and (t_ns.min() < times[0] or t_ns.max() > times[-1]):
        raise VioError(
            f"cannot interpolate at {t_ns.min()} to {t_ns.max()} ns: the trajectory covers "
            f"{times[0]} to {times[-1]} ns; ask for times within"
        )
    right = np.clip(np.searchsorted(times, t_ns, side="left"), 1, max(len(times) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(times) - 1)
    span = np.maximum(times[right] - times[left], 1)
    u = ((t_ns - times[left]) / span)[:, None]

    def linear(values: np.ndarray) -> np.ndarray:
        blended: np.ndarray = values[left] * (1.0 - u) + values[right] * u
        return blended

    a, b = trajectory.q_world_body[left], trajectory.q_world_body[right]
    b = np.where((a * b).sum(axis=1, keepdims=True) < 0.0, -b, b)
    # Half of the arc from the chords: acos(a.b) would lose half of the digits of close attitudes.
    half = np.arctan2(np.linalg.norm(a - b, axis=1), np.linalg.norm(a + b, axis=1))[:, None]
    sine = np.sin(2.0 * half)
    safe = np.where(sine > 1e-12, sine, 1.0)
    wa = np.where(sine > 1e-12, np.sin((1.0 - u) * 2.0 * half) / safe, 1.0 - u)
    wb = np.where(sine > 1e-12, np.sin(u * 2.0 * half) / safe, u)
    q = wa * a + wb * b
    optional = (trajectory.v_world_body, trajectory.gyro_bias_rad_s, trajectory.accel_bias_m_s2)
    return Trajectory(
        np.asarray(t_ns, np.int64),
        linear(trajectory.p_world_body),
        q / np.linalg.norm(q, axis=1, keepdims=True),
        *(None if values is None else linear(values) for values in optional),
    )
