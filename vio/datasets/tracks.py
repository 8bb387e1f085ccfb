# SPDX-License-Identifier: Apache-2.0
"""Read a camera-IMU calibration recording given as identified corners: tracks without images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vio.camera import Camera
from vio.data import StereoFrame
from vio.datasets.base import LostImages, add_warning
from vio.datasets.calibration import parse_camera, parse_imu
from vio.datasets.csv_table import parse_table
from vio.datasets.euroc import imu_from_table
from vio.datasets.files import FolderFiles, read_text
from vio.datasets.ground_truth import left_out
from vio.datasets.pairing import check_against_imu, check_overlap
from vio.datasets.rig import CAMERAS, check_rig, moved_camera, note_single, rig_of
from vio.errors import VioError
from vio.geometry import invert_transform
from vio.limits import MAX_SETTINGS_BYTES
from vio.trajectory import Trajectory, from_euroc_values, moved_sensor


@dataclass(frozen=True)
class TrackFrame(StereoFrame):
    """Hold the N corners that the left camera sees at one time, sorted by identity; no images.

    ids: (N,) int64. uv_left, uv_right: (N, 2) float64, distorted pixels; uv_right is NaN where the
    right camera does not see the corner.
    """

    ids: np.ndarray
    uv_left: np.ndarray
    uv_right: np.ndarray


class TrackDataset:
    """Hold tracks, inertial data and a rig; the target's geometry stays with the reader.

    ground_truth: poses of the body in the target's frame, from single-frame PnP of the left camera:
    for evaluation only, and only a few millimetres good.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise VioError(f"{path} is no folder; give the one with cam0_corners.csv and imu0.csv")
        files = FolderFiles(path)
        self.name = path.resolve().name
        self.warnings: list[str] = []
        self.lost_images: LostImages = LostImages()
        text = read_text(files, "calib/imu0.yaml", "the inertial calibration", MAX_SETTINGS_BYTES)
        self.imu_noise, T_B_imu = parse_imu(text, f"{path}/calib/imu0.yaml")
        there = files.list("")
        names = [c for c in CAMERAS if f"{c}_corners.csv" in there or c == CAMERAS[0]]
        cameras = [
            moved_camera(_read_camera(files, f"calib/{name}.yaml", str(path)), T_B_imu)
            for name in names
        ]
        self.rig = rig_of(cameras)
        if self.rig.is_mono:
            note_single(str(path), self.warnings)
        check_rig(self.rig, f"{path}/calib")
        imu_text = read_text(files, "imu0.csv", "the inertial samples")
        rate_hz = self.imu_noise.rate_hz
        self.imu = imu_from_table(
            parse_table(imu_text, f"{path}/imu0.csv", (7,), rate_hz, warnings=self.warnings)
        )
        corners = [
            _read_corners(files, f"{name}_corners.csv", camera.rate_hz)
            for name, camera in zip(names, cameras, strict=True)
        ]
        times = np.unique(corners[0].t_ns)
        check_against_imu(times, self.imu.t_ns, str(path), self.warnings)
        inside = (times >= self.imu.t_ns[0]) & (times <= self.imu.t_ns[-1])
        self.frame_t_ns = times[inside]
        self.ground_truth: Trajectory | None = None
        self.truth_error = ""
        try:
            self.ground_truth = _read_poses(files, cameras[0], self.frame_t_ns)
        except VioError as error:
            self.truth_error = str(error)
            add_warning(self.warnings, left_out(self.truth_error))
        self._frames = [_frame(int(t), corners) for t in self.frame_t_ns]

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[TrackFrame]:
        """Yield the frames with start_ns <= t_ns <= until_ns, within the inertial data's span."""
        for frame in self._frames:
            early = start_ns is not None and frame.t_ns < start_ns
            if not early and (until_ns is None or frame.t_ns <= until_ns):
                yield frame


def _read_camera(files: FolderFiles, name: str, root: str) -> Camera:
    return parse_camera(read_text(files, name, "a camera", MAX_SETTINGS_BYTES), f"{root}/{name}")


def _read_poses(files: FolderFiles, left: Camera, frame_t_ns: np.ndarray) -> Trajectory:
    """Return the reference poses of the body; raises VioError when they cannot be used."""
    name = "cam0_pnp_pose.csv"
    where = f"{files.root}/{name}"
    poses = parse_table(read_text(files, name, "the reference poses"), where, (8,), left.rate_hz)
    truth = moved_sensor(
        from_euroc_values(poses.t_ns, poses.values, where), invert_transform(left.T_body_cam)
    )
    check_overlap(frame_t_ns, truth.t_ns, where)
    return truth


@dataclass(frozen=True)
class _Corners:
    """Hold a camera's detections sorted by time, then identity: t_ns, ids (N,), uv (N, 2)."""

    t_ns: np.ndarray
    ids: np.ndarray
    uv: np.ndarray


def _read_corners(files: FolderFiles, name: str, rate_hz: float) -> _Corners:
    table = parse_table(
        read_text(files, name, "the corners"), f"{files.root}/{name}", (7,), rate_hz, repeated=True
    )
    ids = table.values[:, 0].astype(np.int64)
    order = np.lexsort((ids, table.t_ns))
    same = (np.diff(table.t_ns[order]) == 0) & (np.diff(ids[order]) == 0)
    if same.any():
        line = table.lines[order[np.flatnonzero(same)[0] + 1]]
        raise VioError(
            f"{files.root}/{name}, line {line} gives a corner twice at one time "
            f"({np.count_nonzero(same)} such places); remove the copies"
        )
    return _Corners(table.t_ns[order], ids[order], table.values[order, 1:3])


def _frame(t_ns: int, corners: list[_Corners]) -> TrackFrame:
    left = corners[0]
    a = slice(*np.searchsorted(left.t_ns, (t_ns, t_ns + 1)))
    ids = left.ids[a]
    uv_right = np.full((len(ids), 2), np.nan)
    for right in corners[1:]:
        b = slice(*np.searchsorted(right.t_ns, (t_ns, t_ns + 1)))
        _, i, j = np.intersect1d(ids, right.ids[b], assume_unique=True, return_indices=True)
        uv_right[i] = right.uv[b][j]
    return TrackFrame(t_ns, None, None, ids, left.uv[a].copy(), uv_right)
