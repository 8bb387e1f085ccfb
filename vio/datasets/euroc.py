# SPDX-License-Identifier: Apache-2.0
"""Read recordings in the EuRoC/ASL layout (Burri et al., IJRR 2016) from a folder or a zip."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from vio.camera import Camera, StereoRig
from vio.data import ImuData, StereoFrame
from vio.datasets.base import add_warning
from vio.datasets.calibration import parse_camera, parse_imu, parse_sensor, parse_T_BS
from vio.datasets.csv_table import Table, data_rows, parse_table, parse_times
from vio.datasets.files import Files, find_asl, read_text
from vio.datasets.images import Pair, StereoStream, check_first_image
from vio.datasets.pairing import check_against_imu, check_overlap, pair_cameras
from vio.errors import VioError
from vio.geometry import invert_transform
from vio.imu import ImuNoise
from vio.trajectory import Trajectory, from_euroc_values, moved_sensor

CAMERAS = ("cam0", "cam1")
GROUND_TRUTH = "state_groundtruth_estimate0"


class EurocDataset:
    """Hold a recording in EuRoC layout; images are read only while frames() is iterated."""

    def __init__(self, path: Path, images: bool = True) -> None:
        files, self.name = find_asl(path)
        self.path = path
        self.warnings: list[str] = []
        self._images = images

        text = read_text(files, "imu0/sensor.yaml", "the inertial calibration")
        self.imu_noise, T_B_imu = parse_imu(text, f"{files.root}/imu0/sensor.yaml")
        cameras = (
            _read_camera(files, CAMERAS[0], T_B_imu),
            _read_camera(files, CAMERAS[1], T_B_imu),
        )
        self.rig = StereoRig(*cameras)
        try:
            _ = self.rig.rectification  # here, so that a wrong T_BS is known before a run begins
        except VioError as error:
            raise VioError(f"{files.root}: {error}") from None
        self.imu = _read_imu(files, self.imu_noise)

        times, names = zip(
            *(_read_image_list(files, n, c) for n, c in zip(CAMERAS, cameras, strict=True)),
            strict=True,
        )
        pairs = pair_cameras(times, files.root, self.warnings)
        check_against_imu(pairs.t_ns, self.imu.t_ns, files.root, self.warnings)
        self._pairs: list[Pair] = [
            (int(t), names[0][i] if i >= 0 else None, names[1][j] if j >= 0 else None)
            for t, i, j in zip(pairs.t_ns, pairs.left, pairs.right, strict=True)
        ]
        if images:
            self._drop_missing_images(files, cameras, names)
        self.frame_t_ns = np.array([pair[0] for pair in self._pairs], np.int64)
        self.ground_truth = _read_ground_truth(files, T_B_imu)
        if self.ground_truth is not None:
            check_overlap(self.frame_t_ns, self.ground_truth.t_ns, f"{files.root}/{GROUND_TRUTH}")
        self._stream = StereoStream(files, ("cam0/data", "cam1/data"), cameras)

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[StereoFrame]:
        """Yield the frames with start_ns <= t_ns <= until_ns in order of time.

        A pair with one lost image has None there, a pair with both lost is left out; `warnings`
        says so. Raises VioError when opened with images=False, or for an image of a wrong kind.
        """
        if not self._images:
            raise VioError(f"{self.path} was opened with images=False: it has no frames to give")
        first = self.frame_t_ns[0] if start_ns is None else start_ns
        last = self.frame_t_ns[-1] if until_ns is None else until_ns
        return self._stream.frames(
            [pair for pair in self._pairs if first <= pair[0] <= last], self.warnings
        )

    def _drop_missing_images(
        self, files: Files, cameras: tuple[Camera, Camera], names: tuple[list[str], ...]
    ) -> None:
        """Replace the names of images that are not there by None, with a warning for each."""
        present = []
        for camera, folder, listed in zip(cameras, CAMERAS, names, strict=True):
            found = files.list(f"{folder}/data")
            available = [name for name in listed if name in found]
            if not available:
                raise VioError(
                    f"{files.root}/{folder}/data holds none of the {len(listed)} images that "
                    f"{folder}/data.csv lists; copy the images there, or render them along the "
                    "ground truth with `vio render` (without images, only inertial data, ground "
                    "truth and time stamps can be read)"
                )
            check_first_image(files, f"{folder}/data", available, camera)
            present.append(set(available))
        kept: list[Pair] = []
        for t_ns, left, right in self._pairs:
            lost = [
                f"{folder}/data/{name}"
                for folder, name, found in zip(CAMERAS, (left, right), present, strict=True)
                if name is not None and name not in found
            ]
            pair = (
                t_ns,
                left if left in present[0] else None,
                right if right in present[1] else None,
            )
            both = pair[1] is None and pair[2] is None
            if lost:
                what = "is skipped" if both else "goes on as mono"
                message = f"frame {t_ns} {what}: {' and '.join(lost)} missing in {files.root}"
                add_warning(self.warnings, message)
            if not both:
                kept.append(pair)
        self._pairs = kept


def _read_camera(files: Files, name: str, T_B_imu: np.ndarray) -> Camera:
    """Return a camera with its pose on the inertial sensor, which is our body."""
    where = f"{name}/sensor.yaml"
    text = read_text(files, where, "the camera's calibration (T_BS, intrinsics, distortion)")
    camera = parse_camera(text, f"{files.root}/{where}")
    return moved_camera(camera, T_B_imu)


def moved_camera(camera: Camera, T_B_imu: np.ndarray) -> Camera:
    """Return the camera with T_body_cam taken from the frame B to the inertial sensor's frame."""
    if np.array_equal(T_B_imu, np.eye(4)):
        return camera
    return replace(camera, T_body_cam=invert_transform(T_B_imu) @ camera.T_body_cam)


def imu_from_table(table: Table) -> ImuData:
    """Return the inertial samples of a table with gyroscope then accelerometer columns."""
    gyro = np.ascontiguousarray(table.values[:, :3])
    return ImuData(table.t_ns, gyro, np.ascontiguousarray(table.values[:, 3:6]))


def _read_imu(files: Files, noise: ImuNoise) -> ImuData:
    text = read_text(files, "imu0/data.csv", "the inertial samples: ns, gyro rad/s, accel m/s^2")
    return imu_from_table(parse_table(text, f"{files.root}/imu0/data.csv", (7,), noise.rate_hz))


def _read_image_list(files: Files, name: str, camera: Camera) -> tuple[np.ndarray, list[str]]:
    """Return a camera's time stamps (N,) int64 and the file names of its images."""
    where = f"{files.root}/{name}/data.csv"
    rows, lines = data_rows(read_text(files, f"{name}/data.csv", "time stamp, image name"))
    if not rows:
        raise VioError(f"{where} lists no images; check that the recording is complete")
    fields = [row.split(",") for row in rows]
    for row, line in zip(fields, lines, strict=True):
        if len(row) < 2 or not row[1].strip():
            raise VioError(f"{where}, line {line} names no image; expected 'time stamp,file name'")
    t_ns = parse_times([row[0] for row in fields], lines, where, camera.rate_hz)
    return t_ns, [row[1].strip() for row in fields]


def _read_ground_truth(files: Files, T_B_imu: np.ndarray) -> Trajectory | None:
    """Return the ground truth as poses of the inertial sensor, or None when there is none."""
    found = files.list(GROUND_TRUTH)
    if "data.csv" not in found:
        return None
    where = f"{files.root}/{GROUND_TRUTH}/data.csv"
    table = parse_table(
        read_text(files, f"{GROUND_TRUTH}/data.csv", "the ground truth"), where, (8, 17), 200.0
    )
    trajectory = from_euroc_values(table.t_ns, table.values, where)
    T_B_sensor = np.eye(4)
    if "sensor.yaml" in found:
        yaml_where = f"{GROUND_TRUTH}/sensor.yaml"
        text = read_text(files, yaml_where, "the pose of the ground truth's sensor")
        T_B_sensor = parse_T_BS(parse_sensor(text, yaml_where), f"{files.root}/{yaml_where}")
    return moved_sensor(trajectory, invert_transform(T_B_sensor) @ T_B_imu)
