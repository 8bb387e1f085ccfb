# SPDX-License-Identifier: Apache-2.0
"""The odometry as a stream: inertial samples and frames in, one causal state a frame out.

`vio.make_odometry` makes one. Rules for the input:
- Inertial samples come in order of time. One that is not later than the last is dropped and
  counted (`counters["imu_late"]`); one with a value that is not finite likewise (`imu_invalid`).
- A frame comes after the inertial samples that cover its time (`imu_until_ns` is the time of the
  newest). One that is ahead by at most `imu.max_gap_s` is accepted with the last sample held
  (`frame_early`); further ahead, it is refused with a VioError and may be given again.
- `lead_ns` is how far the samples should reach beyond a frame's stamp: the time offset that
  is given or estimated (`calibrate.*`), where it is positive. Without them the last one is held.
- A frame that is not later than the last one is refused with a VioError. A refused frame changes
  nothing.
- A gap in the inertial data longer than `imu.max_gap_s` is bridged by vision. Without enough
  landmarks meanwhile it ends the segment: status `lost`, and the odometry starts again by itself.
"""

import math
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from vio.backend.estimate import Estimate
from vio.backend.estimator import Estimator
from vio.backend.exposure import NO_INTERVALS, Intervals
from vio.backend.observations import FrameInput
from vio.camera import StereoRig
from vio.coasting import Interval
from vio.config import Config
from vio.data import State, Status, StereoFrame, Tracks
from vio.datasets.base import Dataset
from vio.datasets.tracks import TrackFrame
from vio.diagnosis.watch import Diagnosis
from vio.effort import Effort
from vio.errors import VioError
from vio.frontend.base import FrontEnd
from vio.geometry import mul33, quaternion_from_matrix
from vio.handover import CameraHandover
from vio.imu import ImuNoise, integrate_rate
from vio.imu_buffer import ImuBuffer, ImuPose
from vio.segments import Segments, SmoothedPose
from vio.trajectory import Trajectory


class MakeOdometry(Protocol):
    """Make an odometry around a front end, as `vio.make_odometry` does."""

    def __call__(
        self, rig: StereoRig, noise: ImuNoise, config: Config, *, frontend: FrontEnd
    ) -> "Odometry":
        """Return a new odometry."""
        ...


class Odometry:
    """Estimate the motion of a stereo rig with an inertial sensor, one input at a time.

    rig, frontend: of the camera that leads. handover: chooses it; None: always the left one.
    """

    def __init__(
        self,
        rig: StereoRig,
        config: Config,
        frontend: FrontEnd,
        estimator: Estimator,
        handover: CameraHandover | None = None,
    ) -> None:
        self.rig, self.config = rig, config
        self.frontend, self.estimator = frontend, estimator
        self._handover = handover
        self._imu = ImuBuffer(config.imu)
        self._segments = Segments(config.backend, estimator.noise)
        self._diagnosis = Diagnosis(rig)
        self._gyro_bias = np.zeros(3)  # the last one known, for the predicted rotation
        self._frame_index = -1
        self._frame_ns: int | None = None
        self._seen_ns: int | None = None  # of the last frame whose image was not skipped
        self._effort = Effort(config, frontend, estimator) if config.adaptive.on else None
        # Where images are exposed after their stamps, their poses need the samples up to there.
        self.lead_ns = max(0, round(config.calibrate.time_offset_ms * 1e6))

    @property
    def segment(self) -> int:
        """Number of the current segment, from 1; 0 before the first."""
        return self._segments.index

    @property
    def counters(self) -> dict[str, int]:
        """Samples dropped, frames early and gaps; see `ImuBuffer`."""
        return self._imu.counters

    @property
    def diagnoses(self) -> list[str]:
        """What was found wrong with the data so far: a line each, with figures and what to do."""
        return list(self._diagnosis.found.values())

    @property
    def imu_until_ns(self) -> int | None:
        """Time of the newest inertial sample, or None."""
        return self._imu.until_ns

    def add_imu(self, t_ns: int, gyro_rad_s: np.ndarray, accel_m_s2: np.ndarray) -> ImuPose | None:
        """Process one inertial sample; return the pose predicted for it, or None without one.

        gyro_rad_s, accel_m_s2: (3,), body frame; specific force (+9.81 upwards at rest).
        """
        return self._imu.add(t_ns, gyro_rad_s, accel_m_s2)

    def add_frame(self, frame: StereoFrame) -> State:
        """Process one stereo frame and return its state, final the moment it is returned.

        Raises VioError, and changes nothing, when the frame is not later than the last one or too
        far ahead of the inertial data.
        """
        started = time.perf_counter()
        t_ns = int(frame.t_ns)
        self._check_order(t_ns)
        self._imu.check_covers(t_ns)
        given, frame = frame, self._led(frame)
        dt_s, gyro, accel = self._imu.intervals(self._frame_ns, t_ns)
        R_cam_prev = np.eye(3)
        if not self._diagnosis.ignores_gyro:
            R_cam_prev = self._predicted_rotation(dt_s, gyro)
        rate_rad_s = self._rate_rad_s(dt_s, gyro)
        level = ""
        if self._effort is not None:
            self._effort.prepare()
            level = self._effort.level.label
            if self._effort.skips_next:
                return self._skip(t_ns, R_cam_prev, rate_rad_s, started)
        if self._seen_ns != self._frame_ns:  # the back end's interval goes on through skipped ones
            dt_s, gyro, accel = self._imu.intervals(self._seen_ns, t_ns)
        timing: dict[str, float] = {}
        timing["imu"] = _ms(started)

        mark = time.perf_counter()
        tracks = self.frontend.track(frame, R_cam_prev)
        timing.update(tracks.stage_ms)
        timing["frontend"] = _ms(mark)

        mark = time.perf_counter()
        self._frame_index += 1
        gap_s = self._imu.gap_s(self._seen_ns, t_ns)
        if gap_s > 0.0 and not self.estimator.can_bridge(tracks.ids):
            self._reset_estimator()
        rays = self._rays(tracks)
        if frame is given:  # what is compared lies in the left camera
            self._diagnosis.add_frame(frame, tracks, rays, self._seen_ns, dt_s, gyro, accel)
        seen = np.isfinite(rays[:, 0])  # whatever the engine tracks beyond the lens model is unused
        bridged_s = self._imu.bridged_s(self._seen_ns, t_ns)
        behind = NO_INTERVALS
        if self.lead_ns:
            behind = Intervals(*self._imu.intervals(t_ns, t_ns + self.lead_ns))
        estimate = self.estimator.process(
            FrameInput(
                t_ns, tracks.ids[seen], rays[seen], tracks.is_keyframe,
                dt_s, gyro, accel, bridged_s, self._is_mono(frame), gap_s, behind,
            )
        )  # fmt: skip
        if self.estimator.forgets_tracks:
            self.frontend.reset()
        interval = Interval(dt_s, gyro, accel, bridged_s)
        status, located = self._segments.locate(t_ns, estimate, interval)
        if estimate is not None and located is None:
            self.estimator.reset()
        self._segments.add_smoothed(self.estimator.drain_smoothed())
        self._diagnosis.add_state(t_ns, status)
        self._frame_ns = self._seen_ns = t_ns
        if estimate is not None and estimate.calibration is not None:
            self.lead_ns = max(0, round(estimate.calibration.time_offset_s * 1e9))
        self._imu.trim(t_ns)
        self._predict_from(located)
        timing["backend"] = _ms(mark)
        timing["total"] = _ms(started)
        state = State(
            frame_index=self._frame_index,
            t_ns=t_ns,
            status=status,
            segment=self.segment,
            is_keyframe=tracks.is_keyframe,
            tracks=self._shown(given, tracks),
            counters={**tracks.counters, "landmarks_in_view": located.visible if located else 0},
            stage_ms=timing,
            effort=level,
            reason=self._diagnosis.text or self._lead_text or self.estimator.reason,
            **({} if located is None else self._pose_fields(located)),
        )
        if self._effort is not None:
            has_gap = gap_s > 0.0 or bridged_s > 0.0
            has_image = isinstance(frame, TrackFrame) or frame.left is not None
            self._effort.add_frame(state, rays, rate_rad_s, has_gap, has_image)
        return state

    def _skip(self, t_ns: int, R_cam_prev: np.ndarray, rate_rad_s: float, started: float) -> State:
        """Return the state of a frame whose image is skipped, predicted by inertial data.

        The front end only composes the rotation, as for an image that is missing. The back end gets
        one inertial interval over it with the next frame.
        """
        assert self._effort is not None
        level = self._effort.level.label
        tracks = self.frontend.track(StereoFrame(t_ns, None, None), R_cam_prev)
        bridged_s = self._imu.bridged_s(self._seen_ns, t_ns)
        interval = Interval(*self._imu.intervals(self._seen_ns, t_ns), bridged_s)
        located = self._segments.predict(t_ns, interval)
        self._effort.add_skipped(t_ns, rate_rad_s, bridged_s > 0.0)
        self._frame_index += 1
        self._frame_ns = t_ns
        return State(
            frame_index=self._frame_index,
            t_ns=t_ns,
            status=Status.LOST if located is None else Status.PREDICTED,
            segment=self.segment,
            is_keyframe=False,
            tracks=tracks,
            counters={**tracks.counters, "landmarks_in_view": 0},
            stage_ms={"total": _ms(started)},
            effort=level,
            **({} if located is None else self._pose_fields(located)),
        )

    def landmarks(self) -> np.ndarray:
        """Return the (M, 3) landmarks of the window, metres, world frame."""
        return self._segments.points_to_world(self.estimator.landmarks())

    def drain_smoothed(self) -> list[SmoothedPose]:
        """Return, once each and in order of time, the poses that are older than the window."""
        return self._segments.drain_smoothed()

    def finish(self) -> None:
        """End the run: poses still in the window count as smoothed; a next frame starts anew."""
        self._reset_estimator()
        self._imu.stop_prediction()

    def _reset_estimator(self) -> None:
        """Forget the window; its poses belong to the segment that ends here."""
        self.estimator.reset()
        self._segments.add_smoothed(self.estimator.drain_smoothed())

    def _predict_from(self, located: Estimate | None) -> None:
        """Predict from a frame's estimate until the next frame; without one, stop."""
        if located is None:
            self._imu.stop_prediction()
            return
        self._gyro_bias = located.gyro_bias_rad_s
        self._imu.predict_from(
            located.t_ns,
            located.R_world_body,
            located.p_world_body,
            located.v_world_body,
            located.gyro_bias_rad_s,
            located.accel_bias_m_s2,
        )

    def _check_order(self, t_ns: int) -> None:
        if self._frame_ns is not None and t_ns <= self._frame_ns:
            raise VioError(
                f"frame at {t_ns} ns is not later than the last one ({self._frame_ns} ns); "
                "give frames in order of time, each once"
            )

    def _predicted_rotation(self, dt_s: np.ndarray, gyro: np.ndarray) -> np.ndarray:
        """Return the rotation from the last to this left camera frame by the gyroscope."""
        R = integrate_rate(dt_s, np.ascontiguousarray(gyro), self._gyro_bias)
        R_body_cam = np.ascontiguousarray(self.rig.left.T_body_cam[:3, :3])
        R_cam_body = np.ascontiguousarray(R_body_cam.T)
        return mul33(R_cam_body, mul33(np.ascontiguousarray(R.T), R_body_cam))

    def _rate_rad_s(self, dt_s: np.ndarray, gyro: np.ndarray) -> float:
        """Return the norm of the mean rate of rotation over an interval, bias removed."""
        if not len(dt_s) or not dt_s.sum() > 0.0:
            return math.inf
        return float(np.linalg.norm((dt_s / dt_s.sum()) @ gyro - self._gyro_bias))

    @property
    def _lead_text(self) -> str:
        return "" if self._handover is None else self._handover.text

    def _led(self, frame: StereoFrame) -> StereoFrame:
        """Return a frame as the camera that leads takes it, and have the other one lead if due."""
        if self._handover is None:
            return frame
        if self._handover.is_due(frame):
            self._handover.change(self.estimator)
            self.rig, self.frontend = self._handover.rig, self._handover.frontend
        return self._handover.seen(frame)

    def _shown(self, frame: StereoFrame, tracks: Tracks) -> Tracks:
        """Return a frame's tracks with their pixels in the cameras that saw them."""
        if self._handover is None:
            return tracks
        self._handover.note(frame, tracks)
        return self._handover.shown(tracks)

    def _is_mono(self, frame: StereoFrame) -> bool:
        """Return whether a frame lacks what a right camera would give."""
        if isinstance(frame, TrackFrame):
            return not np.isfinite(frame.uv_right).any()
        return frame.right is None

    def _rays(self, tracks: Tracks) -> np.ndarray:
        rays = np.full((len(tracks.ids), 4), np.nan)
        if len(tracks.ids):
            rays[:, :2] = self.rig.left.unproject(tracks.uv_left)
            stereo = np.isfinite(tracks.uv_right[:, 0])
            rays[stereo, 2:] = self.rig.right.unproject(tracks.uv_right[stereo])
        return rays

    def _pose_fields(self, located: Estimate) -> dict[str, Any]:
        """Return what a state holds of an estimate in the world frame."""
        vision = located.vision_innovation
        return {
            "p_world_body": located.p_world_body,
            "q_world_body": quaternion_from_matrix(located.R_world_body),
            "v_world_body": located.v_world_body,
            "gyro_bias_rad_s": located.gyro_bias_rad_s,
            "accel_bias_m_s2": located.accel_bias_m_s2,
            "covariance": self._segments.world_covariance(located),
            "segment_covariance": located.covariance,
            "vision_innovation": vision if math.isfinite(vision) else None,  # without landmarks
            "inertial_innovation": located.inertial_innovation,
            "scale_sigma": located.scale_sigma,
            "calibration": located.calibration,
        }


def run(
    dataset: Dataset,
    odometry: Odometry,
    until_ns: int | None = None,
    imu_poses: list[ImuPose] | None = None,
) -> Iterator[State]:
    """Feed a dataset to an odometry and yield one state a frame.

    until_ns: stop after the last frame not later than this. imu_poses: receives the predictions at
    inertial rate.
    """
    imu = dataset.imu
    k = 0
    for frame in dataset.frames():
        if until_ns is not None and frame.t_ns > until_ns:
            return
        covered_ns = frame.t_ns + odometry.lead_ns
        while k < len(imu) and (k == 0 or imu.t_ns[k - 1] < covered_ns):
            pose = odometry.add_imu(int(imu.t_ns[k]), imu.gyro_rad_s[k], imu.accel_m_s2[k])
            if pose is not None and imu_poses is not None:
                imu_poses.append(pose)
            k += 1
        yield odometry.add_frame(frame)


def trajectory_of(states: Iterable[State]) -> Trajectory:
    """Return the poses of the states that have one."""
    posed = [s for s in states if s.p_world_body is not None]
    return Trajectory(
        np.array([s.t_ns for s in posed], np.int64),
        np.array([s.p_world_body for s in posed]).reshape(-1, 3),
        np.array([s.q_world_body for s in posed]).reshape(-1, 4),
    )


def _ms(since: float) -> float:
    return (time.perf_counter() - since) * 1e3
