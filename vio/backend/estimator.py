# SPDX-License-Identifier: Apache-2.0
"""The back end: tracks and inertial data in, one causal estimate a frame out."""

import math
from dataclasses import dataclass

import numpy as np

from vio.backend.inertial import make_preintegrate
from vio.backend.init import Initializer
from vio.backend.landmarks import reprojection_errors
from vio.backend.marginalize import marginalize
from vio.backend.triangulate import stereo_inverse_depth, triangulate_rows
from vio.backend.window import ACTIVE, PENDING, Window
from vio.camera import StereoRig
from vio.config import Config
from vio.float32.window import make_lanes
from vio.geometry import matrix_from_quaternion, mul3, mul33, quaternion_from_matrix
from vio.imu import ImuNoise


@dataclass(frozen=True)
class FrameInput:
    """Hold what one frame brings: tracks as rays, and the inertial data since the last frame.

    ids: (N,) int64. rays: (N, 4) [x, y left, x, y right], NaN where there is no stereo match.
    dt_s (M,), gyro (M, 3), accel (M, 3): intervals that cover the time since the last frame.
    """

    t_ns: int
    ids: np.ndarray
    rays: np.ndarray
    is_keyframe: bool
    dt_s: np.ndarray
    gyro: np.ndarray
    accel: np.ndarray


@dataclass(frozen=True)
class Pose:
    """Hold a pose that has left the window, smoothed by all frames up to then."""

    t_ns: int
    p_world_body: np.ndarray
    q_world_body: np.ndarray


class Estimator:
    """Keep the window, from its initialisation to its loss."""

    def __init__(self, rig: StereoRig, noise: ImuNoise, config: Config) -> None:
        self.rig, self.noise, self.config = rig, noise, config
        self.preintegrate = make_preintegrate(config.backend.imu)
        self.lanes = make_lanes(config.backend.arithmetic)
        self.initializer = Initializer(rig, noise, config, self.preintegrate, self.lanes)
        self.window: Window | None = None
        self.slot = -1  # of the newest frame
        self.visible = 0  # landmarks seen and accepted in the newest frame
        self.smoothed: list[Pose] = []  # left the window, some earlier frame has not

    def reset(self) -> None:
        """Forget everything; the next frames initialise anew."""
        if self.window is not None:
            self.smoothed += [self._pose(s) for s in self.window.order]
        self.window = None
        self.initializer = Initializer(
            self.rig, self.noise, self.config, self.preintegrate, self.lanes
        )

    def process(self, frame: FrameInput) -> bool:
        """Take one frame; return whether there is an estimate of it."""
        if self.window is None:
            self.initializer.add(frame)
            window = self.initializer.attempt()
            if window is None:
                return False
            self.window = window
            self.slot = window.order[-1]
            self.visible = int(np.count_nonzero(window.mask[window.lm_state == ACTIVE, self.slot]))
        else:
            self._predict(frame)
            observe(self.window, self.slot, frame.ids, frame.rays)
            self.window.optimize(self.config.backend.iterations)
            self.visible = remove_outliers(self.window, self.slot, self.config.backend.outlier)
        if frame.is_keyframe:
            add_landmarks(self.window, self.slot, frame.ids, frame.rays, self.config)
        triangulate_pending(self.window, self.slot, self.config)
        self._shrink()
        return True

    def _predict(self, frame: FrameInput) -> None:
        """Add the frame at its inertial prediction."""
        w = self.window
        assert w is not None
        last = self.slot
        v = w.vec[last].astype(np.float64)
        R = w.R[last].astype(np.float64)
        pre = self.preintegrate(
            frame.dt_s, frame.gyro, frame.accel, v[6:9], v[9:12], w.noise, w.dtype
        )
        R_new, p_new, v_new = predict(R, v, pre.dR, pre.dv, pre.dp, pre.dt_s, w.gravity)
        R_new = matrix_from_quaternion(quaternion_from_matrix(R_new))
        vec = np.concatenate([p_new, v_new, v[6:12]])
        self.slot = w.add_frame(frame.t_ns, R_new, vec, frame.is_keyframe)
        w.add_imu_factor(last, self.slot, pre)

    def _shrink(self) -> None:
        """Marginalise until the window has its size again."""
        w, c = self.window, self.config.backend
        assert w is not None
        while True:
            frames: list[int] = []
            motions: list[int] = []
            recent = [s for s in w.order if w.has_motion[s]]
            poses = [s for s in w.order if not w.has_motion[s]]
            if len(recent) > c.recent_frames:
                (motions if w.is_keyframe[recent[0]] else frames).append(recent[0])
            if len(poses) + len(motions) > c.keyframes:
                frames.append(choose_keyframe(w, poses, self.slot))
            if not frames and not motions:
                return
            self.smoothed += [self._pose(s) for s in frames]
            marginalize(w, frames, motions)

    def _pose(self, slot: int) -> Pose:
        w = self.window
        assert w is not None
        q = quaternion_from_matrix(w.R[slot].astype(np.float64))
        return Pose(int(w.t_ns[slot]), w.vec[slot, :3].astype(np.float64), q)

    def drain_smoothed(self) -> list[Pose]:
        """Return, once each and in order of time, the poses that are older than the window."""
        oldest = 2**63 if self.window is None else min(self.window.t_ns[self.window.order])
        out = sorted((p for p in self.smoothed if p.t_ns < oldest), key=lambda p: p.t_ns)
        self.smoothed = [p for p in self.smoothed if p.t_ns >= oldest]
        return out

    def landmarks(self) -> np.ndarray:
        """Return the (M, 3) positions in metres, world frame, of the window's landmarks."""
        w = self.window
        if w is None:
            return np.zeros((0, 3))
        rows = w.active_rows()
        lm = w.lm[rows].astype(np.float64)
        T = self.rig.left.T_body_cam
        rays = np.column_stack([lm[:, :2], np.ones(len(lm))]) / lm[:, 2:3]
        body = rays @ T[:3, :3].T + T[:3, 3]
        h = w.host[rows]
        return np.einsum("nij,nj->ni", w.R[h].astype(np.float64), body) + w.vec[h, :3]


def predict(
    R: np.ndarray,
    vec: np.ndarray,
    dR: np.ndarray,
    dv: np.ndarray,
    dp: np.ndarray,
    dt_s: float,
    gravity: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rotation, position and velocity after a preintegrated interval (Forster, eq. 37)."""
    g = gravity.astype(np.float64)
    R_new = mul33(R, dR.astype(np.float64))
    v_new = vec[3:6] + g * dt_s + mul3(R, dv.astype(np.float64))
    p_new = vec[:3] + vec[3:6] * dt_s + 0.5 * g * dt_s**2 + mul3(R, dp.astype(np.float64))
    return R_new, p_new, v_new


def observe(window: Window, slot: int, ids: np.ndarray, rays: np.ndarray) -> None:
    """Enter a frame's tracks as observations of the landmarks that they belong to."""
    rows = np.array([window.row_of.get(int(i), -1) for i in ids], np.int64)
    known = rows >= 0
    rows, seen = rows[known], rays[known]
    stereo = np.isfinite(seen[:, 2])
    window.obs[rows, slot] = np.nan_to_num(seen)
    window.mask[rows, slot] = 1 + 2 * stereo.astype(np.uint8)


def add_landmarks(
    window: Window, slot: int, ids: np.ndarray, rays: np.ndarray, config: Config
) -> None:
    """Host new landmarks in a keyframe: by stereo depth, or pending until there is parallax."""
    c = config.backend
    rho = stereo_inverse_depth(window.rig, rays.astype(window.dtype))
    for k in np.argsort(~np.isfinite(rho), kind="stable"):
        if int(ids[k]) in window.row_of:
            continue
        row = window.new_landmark(int(ids[k]), slot)
        if row < 0:
            return
        stereo = bool(np.isfinite(rho[k]) and 1.0 / c.max_depth_m < rho[k] < 1.0 / c.min_depth_m)
        window.obs[row, slot] = np.nan_to_num(rays[k])
        window.mask[row, slot] = 3 if stereo else 1
        if stereo:
            window.lm[row] = rays[k, 0], rays[k, 1], rho[k]
            window.lm_state[row] = ACTIVE


def triangulate_pending(window: Window, slot: int, config: Config) -> None:
    """Give a depth to pending landmarks that are in view and have enough parallax."""
    rows = np.flatnonzero(window.lm_state == PENDING)
    stale = rows[window.mask[rows, slot] == 0]
    for row in stale:
        window.free_landmark(int(row))
    rows = rows[window.mask[rows, slot] != 0]
    if not len(rows):
        return
    slots, _, _ = window.columns()
    visual = window.visual(slots)
    c = config.backend
    lm = triangulate_rows(rows, window.rig, visual, np.radians(c.min_parallax_deg))
    good = np.isfinite(lm[:, 2]) & (lm[:, 2] > 1 / c.max_depth_m) & (lm[:, 2] < 1 / c.min_depth_m)
    window.lm[rows[good]] = lm[good]
    errors = reprojection_errors(rows[good], window.rig, visual)
    fits = errors.max(axis=(1, 2), initial=0.0) < c.outlier
    window.lm_state[rows[good][fits]] = ACTIVE


def remove_outliers(window: Window, slot: int, threshold: float) -> int:
    """Drop observations that the optimised window contradicts; return how many are left in slot."""
    rows = window.active_rows()
    slots, _, _ = window.columns()
    errors = reprojection_errors(rows, window.rig, window.visual(slots))
    bad = errors > threshold
    if bad.any():
        keep = np.where(bad[:, :, 0], 2, 3) & np.where(bad[:, :, 1], 1, 3)
        window.mask[rows] &= keep.astype(np.uint8)
        host_bad = window.mask[rows, window.host[rows]] & 1 == 0
        for row in rows[host_bad]:
            window.free_landmark(int(row))
    return int(np.count_nonzero(window.mask[window.active_rows(), slot]))


def choose_keyframe(window: Window, poses: list[int], newest: int) -> int:
    """Return the keyframe to marginalise among the pose-only slots, in order of time.

    First one whose landmarks are nearly all out of view, else the one that is close to others and
    far from the newest frame (Engel, Koltun, Cremers, "Direct Sparse Odometry", PAMI 2018, III-D).
    """
    candidates = poses[:-1] or poses
    for s in candidates:
        hosted = (window.lm_state == ACTIVE) & (window.host == s)
        in_view = np.count_nonzero(window.mask[hosted, newest])
        if in_view == 0 or in_view < 0.05 * np.count_nonzero(hosted):
            return s
    p = window.vec[:, :3].astype(np.float64)

    def score(s: int) -> float:
        closeness = sum(1.0 / (_distance(p[s], p[o]) + 1e-5) for o in poses if o != s)
        return math.sqrt(_distance(p[s], p[newest])) * float(closeness)

    return max(candidates, key=score)


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    d = a - b
    return math.sqrt(float(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]))
