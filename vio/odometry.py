# SPDX-License-Identifier: Apache-2.0
"""The odometry as a stream: inertial samples and frames in, one causal state a frame out.

Rules for the input:
- Inertial samples come in order of time. One that is not later than the last is dropped and
  counted (`counters["imu_late"]`); one with a value that is not finite likewise (`imu_invalid`).
- A frame comes after the inertial samples that cover its time (`imu_until_ns` says how far they
  reach). One that is ahead by at most `imu.max_gap_s` is taken with the last sample held
  (`frame_early`); further ahead, it is refused with a VioError and may be given again.
- A frame that is not later than the last one is refused with a VioError. A refused frame changes
  nothing.
- A hole in the inertial data longer than `imu.max_gap_s` ends the segment: status `lost`, and the
  odometry starts again by itself.
"""

import itertools
import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vio.backend.estimator import Estimator, FrameInput
from vio.camera import StereoRig
from vio.config import Config
from vio.data import State, Status, StereoFrame, Tracks
from vio.datasets.base import Dataset
from vio.errors import VioError
from vio.frontend import make_frontend
from vio.frontend.base import FrontEnd
from vio.geometry import (
    exp_so3,
    matrix_from_quaternion,
    mul3,
    mul33,
    quaternion_from_matrix,
)
from vio.imu import GRAVITY_M_S2, ImuNoise, intervals


class ImuPose(NamedTuple):
    """Hold a pose predicted at an inertial sample: metres, wxyz, m/s."""

    t_ns: int
    p_world_body: np.ndarray
    q_world_body: np.ndarray
    v_world_body: np.ndarray


class SmoothedPose(NamedTuple):
    """Hold a pose that left the window, smoothed by the frames that followed it."""

    segment: int
    t_ns: int
    p_world_body: np.ndarray
    q_world_body: np.ndarray


class Odometry:
    """Estimate the motion of a stereo rig with an inertial sensor, one input at a time."""

    def __init__(
        self,
        rig: StereoRig,
        imu_noise: ImuNoise,
        config: Config | None = None,
        frontend: FrontEnd | None = None,
    ) -> None:
        self.config = config or Config()
        self.rig = rig
        c = self.config.imu
        noise = ImuNoise(
            imu_noise.rate_hz,
            imu_noise.gyro_noise * c.gyro_noise_scale,
            imu_noise.gyro_walk * c.gyro_walk_scale,
            imu_noise.accel_noise * c.accel_noise_scale,
            imu_noise.accel_walk * c.accel_walk_scale,
        )
        self.frontend = frontend or make_frontend(rig, self.config)
        self.estimator = Estimator(rig, noise, self.config)
        self.counters = {"imu_late": 0, "imu_invalid": 0, "frame_early": 0, "imu_gap": 0}
        self.segment = 0
        self._imu: list[tuple[int, np.ndarray, np.ndarray]] = []
        self._frame_index = -1
        self._frame_ns: int | None = None
        self._last_hole_ns: int | None = None
        self._vision_ns = 0  # time of the last frame with enough landmarks
        self._bias = np.zeros(6)
        self._R_anchor, self._p_anchor = np.eye(3), np.zeros(3)
        self._last_pose: tuple[np.ndarray, np.ndarray] | None = None
        self._nav: tuple[int, np.ndarray, np.ndarray, np.ndarray] | None = None
        self._nav_imu = 0  # samples of the buffer that the prediction has used
        self._smoothed: list[SmoothedPose] = []

    @property
    def imu_until_ns(self) -> int | None:
        """Time of the newest inertial sample, or None."""
        return self._imu[-1][0] if self._imu else None

    def add_imu(self, t_ns: int, gyro_rad_s: np.ndarray, accel_m_s2: np.ndarray) -> ImuPose | None:
        """Take one inertial sample; return the pose predicted for it, or None while there is none.

        gyro_rad_s, accel_m_s2: (3,), body frame; specific force (+9.81 upwards at rest).
        """
        gyro = np.asarray(gyro_rad_s, np.float64)
        accel = np.asarray(accel_m_s2, np.float64)
        if gyro.shape != (3,) or accel.shape != (3,):
            raise VioError(
                f"an inertial sample takes two vectors of shape (3,), got {gyro.shape} and "
                f"{accel.shape}"
            )
        if self._imu and t_ns <= self._imu[-1][0]:
            self.counters["imu_late"] += 1
            return None
        if not (np.isfinite(gyro).all() and np.isfinite(accel).all()):
            self.counters["imu_invalid"] += 1
            return None
        self._imu.append((int(t_ns), gyro, accel))
        return self._propagate()

    def add_frame(self, frame: StereoFrame) -> State:
        """Take one stereo frame and return its state, final the moment it is returned.

        Raises VioError, and changes nothing, when the frame is not later than the last one or too
        far ahead of the inertial data.
        """
        started = time.perf_counter()
        t_ns = int(frame.t_ns)
        self._check_frame(t_ns)
        dt_s, gyro, accel = self._intervals(t_ns)
        hole_ns = self._hole_ns(t_ns)
        R_cam_prev = self._predicted_rotation(dt_s, gyro)
        timing: dict[str, float] = {}
        timing["imu"] = _ms(started)

        mark = time.perf_counter()
        tracks = self.frontend.track(frame, R_cam_prev)
        timing.update(tracks.stage_ms)
        timing["frontend"] = _ms(mark)

        mark = time.perf_counter()
        self._frame_index += 1
        had_pose = self.estimator.window is not None
        if hole_ns is not None:
            self.counters["imu_gap"] += int(hole_ns != self._last_hole_ns)
            self._last_hole_ns = hole_ns
            self.estimator.reset()
            self._collect_smoothed()
        estimated = self.estimator.process(
            FrameInput(t_ns, tracks.ids, self._rays(tracks), tracks.is_keyframe, dt_s, gyro, accel)
        )
        self._frame_ns = t_ns
        self._trim(t_ns)
        state = self._state(frame, tracks, estimated, had_pose, timing)
        timing["backend"] = _ms(mark)
        timing["total"] = _ms(started)
        return state

    def landmarks(self) -> np.ndarray:
        """Return the (M, 3) landmarks of the window, metres, world frame."""
        return self.estimator.landmarks() @ self._R_anchor.T + self._p_anchor

    def drain_smoothed(self) -> list[SmoothedPose]:
        """Return, once each and in order of time, the poses that are older than the window."""
        out, self._smoothed = self._smoothed, []
        return out

    def finish(self) -> None:
        """End the run: poses still in the window count as smoothed; a next frame starts anew."""
        self.estimator.reset()
        self._nav = None
        self._collect_smoothed()

    # Input --------------------------------------------------------------------------------------

    def _check_frame(self, t_ns: int) -> None:
        if self._frame_ns is not None and t_ns <= self._frame_ns:
            raise VioError(
                f"frame at {t_ns} ns is not later than the last one ({self._frame_ns} ns); "
                "give frames in order of time, each once"
            )
        if not self._imu:
            raise VioError(f"frame at {t_ns} ns came before any inertial sample; add those first")
        ahead_s = (t_ns - self._imu[-1][0]) * 1e-9
        if ahead_s > self.config.imu.max_gap_s:
            raise VioError(
                f"frame at {t_ns} ns is {ahead_s:.3f} s ahead of the inertial data (at most "
                f"imu.max_gap_s = {self.config.imu.max_gap_s} s); add the samples up to it first"
            )
        if ahead_s > 0.0:
            self.counters["frame_early"] += 1

    def _intervals(self, t_ns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the inertial intervals since the last frame (none before the first one)."""
        if self._frame_ns is None:
            return np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3))
        t = np.array([s[0] for s in self._imu], np.int64)
        gyro = np.array([s[1] for s in self._imu])
        accel = np.array([s[2] for s in self._imu])
        return intervals(t, gyro, accel, self._frame_ns, t_ns)

    def _hole_ns(self, t_ns: int) -> int | None:
        """Return where a hole in the inertial data begins that touches the time since the last
        frame, or None."""
        if self._frame_ns is None:
            return None
        times = [s[0] for s in self._imu]
        # The buffer keeps one sample before the last frame; the first one may have come later.
        knots = [min(times[0], self._frame_ns), *times, max(times[-1], t_ns)]
        limit_ns = self.config.imu.max_gap_s * 1e9
        for start, end in itertools.pairwise(knots):
            if end - start > limit_ns and start < t_ns and end > self._frame_ns:
                return start
        return None

    def _predicted_rotation(self, dt_s: np.ndarray, gyro: np.ndarray) -> np.ndarray:
        """Return the rotation from the last to this left camera frame by the gyroscope."""
        R = np.eye(3)
        for dt, w in zip(dt_s, gyro, strict=True):
            R = mul33(R, exp_so3((w - self._bias[:3]) * dt))
        R_body_cam = np.ascontiguousarray(self.rig.left.T_body_cam[:3, :3])
        R_cam_body = np.ascontiguousarray(R_body_cam.T)
        return mul33(R_cam_body, mul33(np.ascontiguousarray(R.T), R_body_cam))

    def _rays(self, tracks: Tracks) -> np.ndarray:
        rays = np.full((len(tracks.ids), 4), np.nan)
        if len(tracks.ids):
            rays[:, :2] = self.rig.left.unproject(tracks.uv_left)
            stereo = np.isfinite(tracks.uv_right[:, 0])
            rays[stereo, 2:] = self.rig.right.unproject(tracks.uv_right[stereo])
        return rays

    def _trim(self, t_ns: int) -> None:
        """Forget the inertial samples before the last one that is not later than the frame."""
        first = 0
        while first + 1 < len(self._imu) and self._imu[first + 1][0] <= t_ns:
            first += 1
        del self._imu[:first]

    # Output -------------------------------------------------------------------------------------

    def _state(
        self,
        frame: StereoFrame,
        tracks: Tracks,
        estimated: bool,
        had_pose: bool,
        timing: dict[str, float],
    ) -> State:
        t_ns = int(frame.t_ns)
        e = self.estimator
        status = Status.INITIALIZING if self.segment == 0 else Status.LOST
        if estimated and e.window is not None:
            vec = e.window.vec[e.slot].astype(np.float64)
            if not had_pose:
                self._start_segment(vec, e.window.R[e.slot].astype(np.float64))
                self._vision_ns = t_ns
            if e.visible >= self.config.backend.min_visible:
                self._vision_ns = t_ns
            blind_s = (t_ns - self._vision_ns) * 1e-9
            if not np.isfinite(vec).all() or blind_s > self.config.backend.max_inertial_s:
                e.reset()
                estimated = False
                status = Status.LOST
            else:
                status = Status.TRACKING if blind_s == 0.0 else Status.INERTIAL
        self._collect_smoothed()
        counters = {**tracks.counters, "landmarks_in_view": e.visible if estimated else 0}
        if not estimated or e.window is None:
            self._nav = None
            return State(
                self._frame_index, t_ns, status, self.segment, tracks.is_keyframe,
                tracks=tracks, counters=counters, stage_ms=timing,
            )  # fmt: skip
        R, p, v = self._to_world(e.window.R[e.slot], vec)
        q = quaternion_from_matrix(R)
        self._bias = vec[6:12]
        self._nav = (t_ns, R, p, v)
        self._nav_imu = 0
        self._last_pose = (R, p)
        covariance = e.window.covariance()
        if covariance is not None:
            covariance = self._turn_covariance(covariance.astype(np.float64))
        return State(
            self._frame_index, t_ns, status, self.segment, tracks.is_keyframe, p, q, v,
            vec[6:9], vec[9:12], covariance, tracks, counters, timing,
        )  # fmt: skip

    def _start_segment(self, vec: np.ndarray, R: np.ndarray) -> None:
        """Put a new segment where the last one ended (position and heading)."""
        self.segment += 1
        if self._last_pose is None:
            return
        R_old, p_old = self._last_pose
        D = mul33(R_old, np.ascontiguousarray(R.T))
        yaw = math.atan2(D[1, 0] - D[0, 1], D[0, 0] + D[1, 1])
        self._R_anchor = exp_so3(np.array([0.0, 0.0, yaw]))
        self._p_anchor = p_old - mul3(self._R_anchor, vec[:3])

    def _to_world(
        self, R: np.ndarray, vec: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        R64 = R.astype(np.float64)
        R64 = matrix_from_quaternion(quaternion_from_matrix(R64))
        p = mul3(self._R_anchor, vec[:3]) + self._p_anchor
        return mul33(self._R_anchor, R64), p, mul3(self._R_anchor, vec[3:6])

    def _turn_covariance(self, covariance: np.ndarray) -> np.ndarray:
        """Return the covariance (15, 15) with its world-frame blocks turned into the segment's."""
        if self.segment == 1:
            return covariance
        T = np.eye(15)
        for k in range(3):
            T[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] = self._R_anchor
        return np.einsum("ij,jk,lk->il", T, covariance, T)

    def _collect_smoothed(self) -> None:
        for pose in self.estimator.drain_smoothed():
            R = mul33(self._R_anchor, matrix_from_quaternion(pose.q_world_body))
            p = mul3(self._R_anchor, pose.p_world_body) + self._p_anchor
            q = quaternion_from_matrix(R)
            self._smoothed.append(SmoothedPose(self.segment, pose.t_ns, p, q))

    def _propagate(self) -> ImuPose | None:
        """Bring the prediction from the last frame up to the newest sample."""
        if self._nav is None or len(self._imu) < 2 or self._imu[-1][0] <= self._nav[0]:
            return None
        t_ns, R, p, v = self._nav
        g = np.array([0.0, 0.0, -GRAVITY_M_S2])
        for k in range(max(1, self._nav_imu), len(self._imu)):
            t1, w1, a1 = self._imu[k]
            if t1 <= t_ns:
                continue
            _, w0, a0 = self._imu[k - 1]
            dt = (t1 - t_ns) * 1e-9
            half = exp_so3((0.5 * (w0 + w1) - self._bias[:3]) * (0.5 * dt))
            R_mid = mul33(R, half)
            a = mul3(R_mid, 0.5 * (a0 + a1) - self._bias[3:]) + g
            p = p + v * dt + 0.5 * a * dt * dt
            v = v + a * dt
            R = mul33(R_mid, half)
            t_ns = t1
        self._nav = (t_ns, R, p, v)
        self._nav_imu = len(self._imu)
        return ImuPose(t_ns, p, quaternion_from_matrix(R), v)


def run(
    dataset: Dataset,
    config: Config,
    frontend: FrontEnd | None = None,
    until_ns: int | None = None,
    imu_poses: list[ImuPose] | None = None,
    odometry: Odometry | None = None,
) -> Iterator[State]:
    """Feed a dataset to an odometry and yield one state a frame.

    until_ns: stop after the last frame not later than this. imu_poses: receives the predictions at
    inertial rate. odometry: the one to use (its landmarks can be read while this runs); a new one
    otherwise.
    """
    odometry = odometry or Odometry(dataset.rig, dataset.imu_noise, config, frontend)
    imu = dataset.imu
    k = 0
    for frame in dataset.frames():
        if until_ns is not None and frame.t_ns > until_ns:
            return
        while k < len(imu) and (k == 0 or imu.t_ns[k - 1] < frame.t_ns):
            pose = odometry.add_imu(int(imu.t_ns[k]), imu.gyro_rad_s[k], imu.accel_m_s2[k])
            if pose is not None and imu_poses is not None:
                imu_poses.append(pose)
            k += 1
        yield odometry.add_frame(frame)


def _ms(since: float) -> float:
    return (time.perf_counter() - since) * 1e3
