# SPDX-License-Identifier: Apache-2.0
"""Read recordings in the EuRoC/ASL layout (Burri et al., IJRR 2016) from a folder or a zip."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from vio.camera import Camera
from vio.data import ImuData, StereoFrame
from vio.datasets.base import LostImages, add_warning
from vio.datasets.csv_table import Table, check_times, data_rows, parse_table, whole_times
from vio.datasets.files import Files, find_asl, read_text
from vio.datasets.ground_truth import left_out, read_ground_truth
from vio.datasets.images import SIDES, Pair, StereoStream, check_first_image
from vio.datasets.pairing import (
    check_against_imu,
    on_imu_clock,
    pair_cameras,
    shifted,
    single_camera,
)
from vio.datasets.repair import rows_to_keep
from vio.datasets.rig import CAMERAS, cameras_of, note_single, read_calibration, rig_of
from vio.errors import VioError
from vio.imu import ImuNoise
from vio.limits import bad_name, quoted

RENDERED = "rendered.txt"  # beside cam0: `vio render` has made the images


class EurocDataset:
    """Hold a recording in EuRoC layout; images are read only while frames() is iterated.

    right_offset_ms: what the right camera's stamps are late by, taken off before they are paired.
    mono: leave the right camera alone, if there is one.
    truth_error: why the ground truth is left out; empty when it is not, or when there is none.
    rendered: whether `vio render` has made the images.
    has_sensor_yaml: whether the calibration is ASL's own, with the inertial sensor as the body.
    """

    def __init__(
        self,
        path: Path,
        images: bool = True,
        right_offset_ms: float = 0.0,
        found: tuple[Files, str] | None = None,
        mono: bool = False,
    ) -> None:
        """Read all but the images; found: files in this layout and a name, instead of path's."""
        files, self.name = found or find_asl(path)
        self.path = path
        self.warnings: list[str] = []
        self.rendered = RENDERED in files.list("")
        self._missing: LostImages = LostImages()
        self._images = images

        folders = CAMERAS[:1] if mono else cameras_of(files)
        calibration = read_calibration(files, self.warnings, folders)
        self.imu_noise = calibration.imu_noise
        self.has_sensor_yaml = (
            calibration.asl_cameras
            and calibration.asl_imu
            and np.array_equal(calibration.T_B_imu, np.eye(4))
        )
        self.imu = _read_imu(files, self.imu_noise, self.warnings)

        cameras = (calibration.rig.left, calibration.rig.right)[: len(folders)]
        times, names = zip(
            *(
                _read_image_list(files, n, c, self.warnings)
                for n, c in zip(folders, cameras, strict=True)
            ),
            strict=True,
        )
        if not calibration.asl_cameras:  # a camchain states no rate
            cameras = tuple(with_rate(c, t) for c, t in zip(cameras, times, strict=True))
        times = on_imu_clock(times, calibration.shift_ns, self.warnings)
        self.rig = rig_of(cameras)
        if self.rig.is_mono:
            if not mono:
                note_single(files.root, self.warnings)
            pairs = single_camera(times[0])
        else:
            pairs = pair_cameras(
                (times[0], shifted(times[1], right_offset_ms)), files.root, self.warnings
            )
        self.stereo_apart_ns = pairs.apart_ns  # right stamp - left stamp, of the frames with both
        check_against_imu(pairs.t_ns, self.imu.t_ns, files.root, self.warnings)
        self._pairs: list[Pair] = [
            (int(t), names[0][i] if i >= 0 else None, names[1][j] if j >= 0 else None)
            for t, i, j in zip(pairs.t_ns, pairs.left, pairs.right, strict=True)
        ]
        if images:
            self._drop_missing_images(files, names)
        self.frame_t_ns = np.array([pair[0] for pair in self._pairs], np.int64)
        self.ground_truth, self.truth_error = read_ground_truth(
            files, calibration.T_B_imu, self.frame_t_ns, self.warnings
        )
        if self.truth_error:
            add_warning(self.warnings, left_out(self.truth_error))
        self.lost_images = LostImages(self._missing)
        self._stream = StereoStream(
            files, ("cam0/data", "cam1/data"), (self.rig.left, self.rig.right)
        )

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
        pairs = [pair for pair in self._pairs if first <= pair[0] <= last]
        self.lost_images = LostImages(self._missing)
        return self._stream.frames(pairs, self.warnings, self.lost_images)

    def _drop_missing_images(self, files: Files, names: tuple[list[str], ...]) -> None:
        """Replace the names of images that are not there by None, with a warning for each."""
        present: list[set[str]] = []
        cameras = (self.rig.left, self.rig.right)[: len(names)]
        for camera, folder, listed in zip(cameras, CAMERAS[: len(names)], names, strict=True):
            found = files.list(f"{folder}/data")
            available = [name for name in listed if name in found]
            if not available:
                there = f", but {quoted(min(found))}" if found else ""
                raise VioError(
                    f"{files.root}/{folder}/data holds none of the {len(listed)} images that "
                    f"{folder}/data.csv lists (not {quoted(listed[0])}{there}); copy the images "
                    "there, or render them along the ground truth with `vio render` (without "
                    "images, only inertial data, ground truth and time stamps can be read)"
                )
            check_first_image(files, f"{folder}/data", available, camera, self.warnings)
            present.append(set(available))
        present += [set()] * (len(CAMERAS) - len(present))
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
            for side, name, found in zip(SIDES, (left, right), present, strict=True):
                if name is not None and name not in found:
                    self._missing[side, "missing"] += 1
            if lost:
                what = "is skipped" if both else "is processed as a mono frame"
                message = f"frame {t_ns} {what}: {' and '.join(lost)} missing in {files.root}"
                add_warning(self.warnings, message)
            if not both:
                kept.append(pair)
        self._pairs = kept


def with_rate(camera: Camera, t_ns: np.ndarray) -> Camera:
    """Return the camera with the rate of its stamps (N,), to a hundredth of a hertz."""
    if len(t_ns) < 2:
        return camera
    return replace(camera, rate_hz=round(1e9 / float(np.median(np.diff(t_ns))), 2))


def imu_from_table(table: Table) -> ImuData:
    """Return the inertial samples of a table with gyroscope then accelerometer columns."""
    gyro = np.ascontiguousarray(table.values[:, :3])
    return ImuData(table.t_ns, gyro, np.ascontiguousarray(table.values[:, 3:6]))


def _read_imu(files: Files, noise: ImuNoise, warnings: list[str]) -> ImuData:
    text = read_text(files, "imu0/data.csv", "the inertial samples: ns, gyro rad/s, accel m/s^2")
    where = f"{files.root}/imu0/data.csv"
    return imu_from_table(parse_table(text, where, (7,), noise.rate_hz, warnings=warnings))


def _read_image_list(
    files: Files, name: str, camera: Camera, warnings: list[str]
) -> tuple[np.ndarray, list[str]]:
    """Return a camera's time stamps (N,) int64 and the file names of its images."""
    where = f"{files.root}/{name}/data.csv"
    rows, lines = data_rows(read_text(files, f"{name}/data.csv", "time stamp, image name"))
    if not rows:
        raise VioError(f"{where} lists no images; check that the recording is complete")
    fields = [row.split(",") for row in rows]
    for row, line in zip(fields, lines, strict=True):
        if len(row) < 2 or not row[1].strip():
            raise VioError(f"{where}, line {line} names no image; expected 'time stamp,file name'")
        if wrong := bad_name(row[1].strip()):
            raise VioError(
                f"{where}, line {line}: the image name {quoted(row[1].strip())} {wrong}; give "
                f"names of files in {name}/data"
            )
    t_ns = whole_times([row[0] for row in fields], lines, where)
    keep = rows_to_keep(t_ns, None, lines, where, warnings)
    t_ns = check_times(t_ns[keep], lines[keep], where, camera.rate_hz)
    return t_ns, [fields[k][1].strip() for k in keep]
