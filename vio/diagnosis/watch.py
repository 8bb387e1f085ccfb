# SPDX-License-Identifier: Apache-2.0
"""Watch a recording for faults that prevent a start or contradict later, and name them.

All checks are cheap: they run on the data of the first seconds, twice a second, and later only
while the odometry is not tracking, at growing intervals. A fault is named when two checks in a
row find it.
"""

import numpy as np

from vio.camera import StereoRig
from vio.data import Status, StereoFrame, Tracks
from vio.diagnosis.force import ForceMean, PoseHistory
from vio.diagnosis.images import ImageCheck
from vio.diagnosis.rotation import RotationHistory, name_fault
from vio.diagnosis.visual import VisualMotion

FIRST_S = 15.0  # always watched
EVERY_S, TRACKING_S, SELDOM_S = 0.5, 1.0, 4.0  # between checks: at first, and at most
LARGE_TURN_RAD = 0.15  # predicted over a frame: the tracker's search does not reach so far
LEAST_TRACKS, LEAST_KEPT = 20, 0.3  # a prediction that loses more of so many tracks misleads


class Diagnosis:
    """Name what is wrong with a recording, from the frames and samples as they come.

    text: the fault that is seen now, in one line with figures and what to do; empty without one.
    found: {kind: text} of all that were named, in order of time.
    """

    def __init__(self, rig: StereoRig) -> None:
        self.rig = rig
        self.text = ""
        self.found: dict[str, str] = {}
        self._images = ImageCheck(rig)
        self._rotation = RotationHistory(rig.left.T_body_cam[:3, :3].copy())
        self._force = ForceMean()
        self._visual = VisualMotion(rig)
        self._poses = PoseHistory(rig.left.T_body_cam)
        self._between: list[tuple[np.ndarray, np.ndarray]] = []  # since the last visual pose
        self._first_ns: int | None = None
        self._next_ns = 0
        self._every_s = EVERY_S
        self._status = Status.INITIALIZING
        self._last_kind = ""
        self._tracks_before = 0
        self._ignores_gyro = False

    @property
    def ignores_gyro(self) -> bool:
        """Whether the next frame's tracks are better predicted without the gyroscope.

        Before the first pose only: a gyroscope in deg/s, say, makes the tracker look where nothing
        is, and then nothing shows what is wrong.
        """
        return self._ignores_gyro and self._status is Status.INITIALIZING

    def add_frame(
        self,
        frame: StereoFrame,
        tracks: Tracks,
        rays: np.ndarray,
        start_ns: int | None,
        dt_s: np.ndarray,
        gyro: np.ndarray,
        accel: np.ndarray,
    ) -> None:
        """Take note of a frame before it is estimated.

        rays: (N, 4) of the tracks. dt_s (M,), gyro (M, 3), accel (M, 3): since start_ns.
        """
        t_ns = int(frame.t_ns)
        if self._first_ns is None:
            self._first_ns = t_ns
        self._watch_prediction(frame, tracks, dt_s, gyro)
        is_early = t_ns - self._first_ns < FIRST_S * 1e9
        if self._status is Status.TRACKING and not is_early:
            return
        if frame.left is not None or frame.right is not None:  # else tracks were recorded
            self._images.add_images(frame)
        if start_ns is not None:
            self._rotation.add_gyro(start_ns, dt_s, gyro)
            if self._status in (Status.INITIALIZING, Status.LOST):
                self._force.add(dt_s, accel)
            self._between.append((dt_s, accel))
        seen = np.isfinite(rays[:, 0])
        pose = None
        if not self.rig.is_mono:  # of one camera there is no motion in metres to compare with
            pose = self._visual.add(t_ns, tracks.ids[seen], rays[seen])
        if pose is not None:
            self._rotation.add_pose(pose)
            self._poses.add(pose, *_joined(self._between))
            self._between = []
        if (
            tracks.is_keyframe
            and not self.rig.is_mono
            and (frame.right is not None or frame.left is None)
        ):
            self._images.add_rays(rays)

    def _watch_prediction(
        self, frame: StereoFrame, tracks: Tracks, dt_s: np.ndarray, gyro: np.ndarray
    ) -> None:
        before, self._tracks_before = self._tracks_before, len(tracks.ids)
        kept = tracks.counters.get("tracked")
        if self._status is not Status.INITIALIZING or kept is None or frame.left is None:
            return
        large = float(np.linalg.norm(dt_s @ gyro)) > LARGE_TURN_RAD if len(dt_s) else False
        if before >= LEAST_TRACKS and large and kept < LEAST_KEPT * before:
            self._ignores_gyro = not self._ignores_gyro

    def add_state(self, t_ns: int, status: Status) -> None:
        """Take note of a frame's status, and check."""
        if status is Status.LOST and self._status is not Status.LOST:
            self._force = ForceMean()
        if status is Status.TRACKING and self._status is not Status.TRACKING:
            self._every_s = EVERY_S
        self._status = status
        if t_ns < self._next_ns:
            return
        assert self._first_ns is not None
        is_early = t_ns - self._first_ns < FIRST_S * 1e9
        every_s = max(self._every_s, TRACKING_S) if status is Status.TRACKING else self._every_s
        self._next_ns = t_ns + round(every_s * 1e9)
        if status is Status.TRACKING and not is_early:
            self.text = ""
            return
        if not is_early:
            self._every_s = min(2.0 * self._every_s, SELDOM_S)
        self._check()

    def _check(self) -> None:
        kind, text = self._name_fault()
        confirmed = bool(kind) and kind == self._last_kind
        self._last_kind = kind
        self.text = text if confirmed else ""
        if confirmed:
            self.found[kind] = text

    def _name_fault(self) -> tuple[str, str]:
        """Return the kind and the description of the first fault that is found."""
        has_pose = self._status not in (Status.INITIALIZING, Status.LOST)
        found = self._images.name_fault()
        if not found[0] and not has_pose:
            found = self._force.name_fault()
        if not found[0] and (rates := self._rotation.compare()) is not None:
            found = name_fault(rates, self._rotation.R_body_cam)
        if not found[0] and self._status is not Status.TRACKING:
            found = self._poses.name_fault()
        return found


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the intervals (M,) and values (M, 3) of all parts."""
    if not parts:
        return np.zeros(0), np.zeros((0, 3))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
