# SPDX-License-Identifier: Apache-2.0
"""Read a recording once, and keep what the checks need of its frames."""

from collections.abc import Callable

import numpy as np

from vio.data import ImuData, Status, StereoFrame, Tracks
from vio.datasets.base import Dataset
from vio.datasets.tracks import TrackFrame
from vio.diagnosis.recording.flow import STEREO_S, FlowFrame, FlowTracker
from vio.diagnosis.recording.pairs import PairCollector
from vio.diagnosis.recording.pictures import PictureCheck
from vio.diagnosis.recording.stereo_fit import StereoMatches
from vio.diagnosis.watch import Diagnosis
from vio.imu import intervals

AROUND_S = 2.0  # of inertial data before the first and after the last frame
# What the watch of the odometry names and is not found better from the whole recording.
WATCHED = (
    *("accel_units", "gravity_removed", "accel_scale", "accel_axes"),
    *("dark_camera", "no_images", "equal_images", "no_parallax"),
)


def cut_imu(imu: ImuData, first_ns: int, last_ns: int) -> ImuData:
    """Return the samples from AROUND_S before first_ns to AROUND_S after last_ns."""
    around = round(AROUND_S * 1e9)
    a, b = np.searchsorted(imu.t_ns, (first_ns - around, last_ns + around + 1))
    return ImuData(imu.t_ns[a:b], imu.gyro_rad_s[a:b], imu.accel_m_s2[a:b])


class Observer:
    """Take a recording's frames one by one.

    pairs: views with common tracks. pictures: exposure and sharpness. found: {kind: text} that the
    odometry's watch names. tracks: (N, 2) of frame time in s and number of tracks.
    """

    def __init__(self, dataset: Dataset, imu: ImuData) -> None:
        self._imu, self._rig = imu, dataset.rig
        self._flow, self._pairs = FlowTracker(), PairCollector()
        self._watch = Diagnosis(dataset.rig)
        self._before: FlowFrame | None = None
        self._searched_ns: int | None = None
        self._matches: list[tuple[np.ndarray, ...]] = []
        self.pictures = PictureCheck()
        self.has_images = False
        self.searched = 0
        self.frames: list[tuple[int, int]] = []

    @property
    def pairs(self) -> PairCollector:
        """The pairs of views so far."""
        return self._pairs

    @property
    def found(self) -> dict[str, str]:
        """What the odometry's watch named, of the kinds that are not found better here."""
        return {k: text for k, text in self._watch.found.items() if k in WATCHED}

    def add(self, frame: StereoFrame) -> None:
        """Take a frame: its images, or its recorded tracks."""
        flow = self._tracked(frame)
        self.frames.append((flow.t_ns, len(flow.ids)))
        self._pairs.add(flow)
        if flow.searched:
            self.searched += flow.searched
            self._add_matches(flow)
        self._watch_frame(frame, flow)
        self._before = flow

    def _tracked(self, frame: StereoFrame) -> FlowFrame:
        if not isinstance(frame, TrackFrame):
            self.has_images = True
            self.pictures.add(frame)
            return self._flow.add(frame)
        last = self._searched_ns
        right, searched = np.full((len(frame.ids), 2), np.nan), 0
        if last is None or (frame.t_ns - last) * 1e-9 > STEREO_S - 1e-3:
            self._searched_ns = frame.t_ns
            right, searched = frame.uv_right, len(frame.ids)
        return FlowFrame(frame.t_ns, frame.ids, frame.uv_left, right, searched)

    def _add_matches(self, flow: FlowFrame) -> None:
        velocity = np.full((len(flow.ids), 2), np.nan)
        if self._before is not None and flow.t_ns > self._before.t_ns:
            dt_s = (flow.t_ns - self._before.t_ns) * 1e-9
            _, i, j = np.intersect1d(
                flow.ids, self._before.ids, assume_unique=True, return_indices=True
            )
            velocity[i] = (flow.uv_left[i] - self._before.uv_left[j]) / dt_s
        seen = np.isfinite(flow.uv_right[:, 0])
        number = np.full(np.count_nonzero(seen), len(self._matches))
        self._matches.append((flow.uv_left[seen], flow.uv_right[seen], velocity[seen], number))

    def matches(self) -> StereoMatches:
        """Return all stereo matches."""
        empty = (np.empty((0, 2)), np.empty((0, 2)), np.empty((0, 2)), np.empty(0, int))
        parts = zip(empty, *self._matches, strict=True)
        left, right, velocity, frame = (np.concatenate(p) for p in parts)
        return StereoMatches(left, right, velocity, frame)

    def _watch_frame(self, frame: StereoFrame, flow: FlowFrame) -> None:
        imu, before = self._imu, self._before
        start_ns = before.t_ns if before is not None else None
        data = np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3))
        if start_ns is not None and len(imu):
            data = intervals(imu.t_ns, imu.gyro_rad_s, imu.accel_m_s2, start_ns, flow.t_ns)
        rays = np.full((len(flow.ids), 4), np.nan)
        rays[:, :2] = self._rig.left.unproject(flow.uv_left)
        stereo = np.isfinite(flow.uv_right[:, 0])
        rays[stereo, 2:] = self._rig.right.unproject(flow.uv_right[stereo])
        count = len(flow.ids)
        tracks = Tracks(
            len(self.frames), flow.t_ns, flow.ids, flow.uv_left, flow.uv_right,
            np.ones(count, np.int32), np.ones(count, np.float32), flow.searched > 0,
        )  # fmt: skip
        self._watch.add_frame(frame, tracks, rays, start_ns, *data)
        self._watch.add_state(flow.t_ns, Status.INITIALIZING)


def observe(
    dataset: Dataset,
    imu: ImuData,
    until_ns: int,
    on_frame: Callable[[int], None] = lambda done: None,
) -> Observer:
    """Return what the frames up to until_ns show."""
    observer = Observer(dataset, imu)
    for done, frame in enumerate(dataset.frames(until_ns=until_ns)):
        observer.add(frame)
        on_frame(done + 1)
    return observer
