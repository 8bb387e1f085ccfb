# SPDX-License-Identifier: Apache-2.0
"""The motion of the camera from stereo tracks alone: what inertial data are compared with.

Points are rays with an inverse depth and its variance, first from stereo. A frame's pose is found
against them by robust least squares on the rays (perspective-n-point, Gauss-Newton with Cauchy
weights, points of uncertain depth weighted down), and each point's inverse depth is then updated by
its new observations (Kalman filter in one dimension; Civera, Davison, Montiel, "Inverse depth
parametrization for monocular SLAM", T-RO 2008). No inertial data, no window.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numba import njit

from vio.camera import StereoRig
from vio.geometry import exp_so3

SPACING_S = 0.1  # between the frames that are used, at least
LONGEST_S = 0.4  # between two of them; more ends the chain
LEAST_POINTS = 15
ITERATIONS = 8
SCALINGS = 3  # of them that renew the scale of the loss
MOST_POINTS = 80  # that a pose is found from
SIGMA = 0.0015  # of a ray, and of what the pose's error adds
MOST_ERROR = 0.02  # median error of a pose that is believed, ray units
SMALL_STEP = 5e-5  # rad and metres, at which the iterations end
NEAR_M, FAR_M = 0.1, 200.0
LEAST_Z = 0.05  # of a point times its inverse depth, along the axis


class VisualPose(NamedTuple):
    """Hold a camera pose: R_world_cam (3, 3), p_world_cam (3,) m; chain numbers its world."""

    t_ns: int
    chain: int
    R_world_cam: np.ndarray
    p_world_cam: np.ndarray


class VisualMotion:
    """Estimate the camera's pose every SPACING_S from tracks with stereo rays."""

    def __init__(self, rig: StereoRig) -> None:
        self._T_right_left = rig.T_right_left
        self._last_ns: int | None = None
        self._chain = 0
        self._clear()

    def _clear(self) -> None:
        self._map = _Map.empty()
        self._R, self._t = np.eye(3), np.zeros(3)  # world to newest camera

    def add(self, t_ns: int, ids: np.ndarray, rays: np.ndarray) -> VisualPose | None:
        """Process a frame's tracks, sorted by identity: rays (N, 4); return its pose, or None."""
        apart_s = np.inf if self._last_ns is None else (t_ns - self._last_ns) * 1e-9
        if apart_s < SPACING_S - 1e-3:
            return None
        row, known = self._map.find(ids)
        points = self._map.take(row[known])
        if apart_s > LONGEST_S or not self._move(points, rays[known, :2]):
            self._clear()
            self._chain += 1
            known[:] = False
            points = _Map.empty()
        stereo = np.isfinite(rays[:, 2])
        T = self._T_right_left
        R_right, t_right = T[:3, :3] @ self._R, T[:3, :3] @ self._t + T[:3, 3]
        points.update(self._R, self._t, rays[known, :2])
        points.update(R_right, t_right, rays[known, 2:])
        new = stereo & ~known
        self._map = points.with_new(self._new_points(ids[new], rays[new]))
        if len(self._map.ids) < LEAST_POINTS:
            return None
        self._last_ns = t_ns
        R = np.ascontiguousarray(self._R.T)
        return VisualPose(t_ns, self._chain, R, -R @ self._t)

    def _new_points(self, ids: np.ndarray, rays: np.ndarray) -> "_Map":
        """Return the points of stereo rays (N, 4) of the newest frame."""
        R, t = self._T_right_left[:3, :3], self._T_right_left[:3, 3]
        left = np.column_stack([rays[:, :2], np.ones(len(rays))])
        q = left @ R.T
        u = rays[:, 2:]
        # (q_xy + rho t_xy) = u (q_z + rho t_z): least squares over both components.
        a = t[:2] - u * t[2]
        b = u * q[:, 2:] - q[:, :2]
        information = np.maximum(np.sum(a * a, axis=1), 1e-12)
        rho = np.sum(a * b, axis=1) / information
        good = (rho > -1.0 / NEAR_M) & (rho < 1.0 / NEAR_M)
        rho = np.maximum(rho, 1.0 / FAR_M)[good]
        world = self._R.T
        origin = np.tile(-world @ self._t, (len(rho), 1))
        variance = 2.0 * SIGMA**2 / information[good]
        return _Map(ids[good], origin, left[good] @ world.T, rho, variance)

    def _move(self, points: "_Map", seen: np.ndarray) -> bool:
        """Find the newest pose from points at rays (N, 2); return whether to trust it."""
        if len(seen) < LEAST_POINTS:
            return False
        every = -(-len(seen) // MOST_POINTS)
        origin, direction, rho, variance = (
            np.ascontiguousarray(x[::every])
            for x in (points.origin, points.direction, points.rho, points.variance)
        )
        seen = np.ascontiguousarray(seen[::every])
        scaled = rho[:, None] * origin + direction  # the point times its inverse depth
        R, t = self._R, self._t
        error = np.inf
        points_in_camera = np.empty((len(rho), POINT))
        H, g = np.empty((6, 6)), np.empty(6)
        for iteration in range(ITERATIONS):
            length2 = _look(scaled, origin, rho, seen, R, t, points_in_camera)
            if iteration < SCALINGS:
                error = float(np.sqrt(np.median(length2)))
                slope2 = points_in_camera[:, SLOPE2]
                trust = np.where(slope2 < 0.0, 0.0, SIGMA**2 / (SIGMA**2 + slope2 * variance))
            weight = trust / (1.0 + trust * length2 / max(2.0 * error, SIGMA) ** 2)
            _form(points_in_camera, rho, weight, H, g)
            H[np.diag_indices(6)] += 1e-9 * np.trace(H) + 1e-12
            step = np.linalg.solve(H, -g)
            R, t = exp_so3(step[:3]) @ R, t + step[3:]
            if float(np.abs(step).max()) < SMALL_STEP:
                break
        ahead = points_in_camera[:, SLOPE2] >= 0.0
        finite = bool(np.isfinite(t).all() and np.isfinite(R).all())
        if not error < MOST_ERROR or not finite or np.count_nonzero(ahead) < LEAST_POINTS:
            return False
        self._R, self._t = R, t
        return True


# Columns of a point in the camera: turned (3), ray (2), 1 / z, residual (2), squared slope.
U, V, Z, RU, RV, SLOPE2 = range(3, 9)
POINT = 9


@njit(cache=True, nogil=True)
def _look(
    scaled: np.ndarray,
    origin: np.ndarray,
    rho: np.ndarray,
    seen: np.ndarray,
    R: np.ndarray,
    t: np.ndarray,
    out: np.ndarray,
) -> np.ndarray:
    """Write the points (N, POINT) as a camera at R, t sees them; return r^2 (N,) of the rays.

    The squared derivative of a ray by the inverse depth is -1 behind the camera.
    """
    length2 = np.empty(len(rho))
    turned, anchor = np.empty(3), np.empty(3)
    for i in range(len(rho)):
        for k in range(3):
            turned[k] = R[k, 0] * scaled[i, 0] + R[k, 1] * scaled[i, 1] + R[k, 2] * scaled[i, 2]
            anchor[k] = R[k, 0] * origin[i, 0] + R[k, 1] * origin[i, 1] + R[k, 2] * origin[i, 2]
        q2 = turned[2] + rho[i] * t[2]
        ahead = q2 > LEAST_Z
        z = 1.0 / q2 if ahead else 1.0
        u, v = (turned[0] + rho[i] * t[0]) * z, (turned[1] + rho[i] * t[1]) * z
        b2 = anchor[2] + t[2]
        su, sv = (anchor[0] + t[0] - u * b2) * z, (anchor[1] + t[1] - v * b2) * z
        out[i, :3] = turned
        out[i, U], out[i, V], out[i, Z] = u, v, z
        out[i, RU], out[i, RV] = u - seen[i, 0], v - seen[i, 1]
        out[i, SLOPE2] = su * su + sv * sv if ahead else -1.0
        length2[i] = out[i, RU] * out[i, RU] + out[i, RV] * out[i, RV]
    return length2


@njit(cache=True, nogil=True)
def _form(
    points: np.ndarray, rho: np.ndarray, weight: np.ndarray, H: np.ndarray, g: np.ndarray
) -> None:
    """Write J'WJ (6, 6) and J'Wr (6,) of a step [rotation on the left, translation]."""
    H[:], g[:] = 0.0, 0.0
    row = np.empty(6)
    for i in range(len(rho)):
        p, w = points[i], weight[i]
        for k in range(2):
            d0, d1 = (p[Z], 0.0) if k == 0 else (0.0, p[Z])
            d2 = -p[U + k] * p[Z]
            row[0] = p[1] * d2 - p[2] * d1
            row[1] = p[2] * d0 - p[0] * d2
            row[2] = p[0] * d1 - p[1] * d0
            row[3], row[4], row[5] = d0 * rho[i], d1 * rho[i], d2 * rho[i]
            for a in range(6):
                f = w * row[a]
                g[a] += f * p[RU + k]
                for b in range(6):
                    H[a, b] += f * row[b]


@dataclass
class _Map:
    """Hold N points: origin (N, 3) + direction (N, 3) / rho (N,), world; ids (N,) sorted.

    origin: of the camera that saw it first. direction: its ray (x, y, 1) there, in world axes.
    variance: of rho.
    """

    ids: np.ndarray
    origin: np.ndarray
    direction: np.ndarray
    rho: np.ndarray
    variance: np.ndarray

    @staticmethod
    def empty() -> "_Map":
        """Return a map of no points."""
        none = np.zeros(0)
        return _Map(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3)), none, none)

    def find(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows (N,) of identities, and which of them (N,) are there."""
        row = np.searchsorted(self.ids, ids)
        known = row < len(self.ids)
        known[known] = self.ids[row[known]] == ids[known]
        return row, known

    def take(self, rows: np.ndarray) -> "_Map":
        """Return copies of some points."""
        return _Map(
            self.ids[rows], self.origin[rows], self.direction[rows], self.rho[rows],
            self.variance[rows],
        )  # fmt: skip

    def with_new(self, other: "_Map") -> "_Map":
        """Return the points of both, sorted by identity."""
        both = _Map(
            *(np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self))
        )
        return both.take(np.argsort(both.ids, kind="stable"))

    def update(self, R: np.ndarray, t: np.ndarray, seen: np.ndarray) -> None:
        """Update the inverse depths by rays (N, 2), NaN for none, of a camera at R, t."""
        q = (self.rho[:, None] * self.origin + self.direction) @ R.T + self.rho[:, None] * t
        b = self.origin @ R.T + t
        good = np.isfinite(seen[:, 0]) & (q[:, 2] > LEAST_Z)
        z = 1.0 / np.where(good, q[:, 2], 1.0)
        uv = q[:, :2] * z[:, None]
        slope = (b[:, :2] - uv * b[:, 2:]) * z[:, None]
        r = np.where(good[:, None], seen - uv, 0.0)
        good &= (
            np.sum(r * r, axis=1)
            < (6.0 * SIGMA) ** 2 + 9.0 * np.sum(slope * slope, axis=1) * self.variance
        )
        information = np.where(good, np.sum(slope * slope, axis=1) / SIGMA**2, 0.0)
        self.variance = 1.0 / (1.0 / self.variance + information)
        step = self.variance * np.where(good, np.sum(slope * r, axis=1), 0.0) / SIGMA**2
        self.rho = np.clip(self.rho + step, 1.0 / FAR_M, 1.0 / NEAR_M)
