# SPDX-License-Identifier: Apache-2.0
"""Read the calibration of a recording: sensor.yaml of ASL, or a camchain of Kalibr."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vio.camera import Camera, StereoRig, mono_rig
from vio.datasets import kalibr
from vio.datasets.base import add_warning
from vio.datasets.calibration import parse_camera, parse_imu
from vio.datasets.files import Files, read_text
from vio.errors import VioError
from vio.geometry import invert_transform
from vio.imu import ImuNoise
from vio.limits import MAX_SETTINGS_BYTES

CAMERAS = ("cam0", "cam1")
SENSOR = "sensor.yaml"


@dataclass(frozen=True)
class Calibration:
    """Hold a recording's calibration; T_B_imu (4, 4) takes IMU coordinates to the frame B.

    The cameras of the rig sit on the inertial sensor, which is our body; B is the frame of the
    poses in the recording's own files. asl_cameras, asl_imu: from sensor.yaml. shift_ns: of each
    camera, what its stamps are before the inertial sensor's clock.
    """

    rig: StereoRig
    imu_noise: ImuNoise
    T_B_imu: np.ndarray
    asl_cameras: bool
    asl_imu: bool
    shift_ns: tuple[int, ...] = (0, 0)


def cameras_of(files: Files) -> tuple[str, ...]:
    """Return the cameras that a recording has: both, or cam0 alone; raises VioError without it."""
    there = [bool(files.list(c) or files.list(f"{c}/data")) for c in CAMERAS]
    if not there[0]:
        lone = "cam1 only" if there[1] else "no camera"
        raise VioError(
            f"{files.root} holds {lone}; give cam0, with data.csv and images, and for stereo cam1 "
            "on its right; a single camera is cam0"
        )
    return CAMERAS if there[1] else CAMERAS[:1]


def note_single(files_root: str, warnings: list[str]) -> None:
    """Add to warnings that a recording has one camera only, and what that means."""
    add_warning(
        warnings, f"{files_root} has one camera: the scale comes from the accelerometer, as motion "
        "shows it",
    )  # fmt: skip


def rig_of(cameras: Sequence[Camera]) -> StereoRig:
    """Return the rig of a left and a right camera, or of one camera."""
    return StereoRig(*cameras) if len(cameras) > 1 else mono_rig(cameras[0])


def read_calibration(
    files: Files, warnings: list[str], cameras: tuple[str, ...] = CAMERAS
) -> Calibration:
    """Return the calibration of a recording's cameras; raises VioError naming a wrong entry."""
    found = None if SENSOR in files.list("imu0") else kalibr.find_imu(files)
    if found is None:
        text = _sensor(files, "imu0", "the inertial calibration")
        noise, T_B_imu = parse_imu(text, f"{files.root}/imu0/{SENSOR}")
    else:
        noise, T_B_imu = kalibr.read_imu(found)
    chain, shift_ns = None, (0,) * len(cameras)
    if not any(SENSOR in files.list(camera) for camera in CAMERAS):
        chain = kalibr.find_camchain(files)
    if chain is not None:  # on the inertial sensor, wherever that is
        rig = rig_of(kalibr.read_camchain(chain, warnings, count=len(cameras)))
        shift_ns = kalibr.read_shifts(chain, len(cameras))
        where = chain.where
    else:
        rig = rig_of([_read_camera(files, name, T_B_imu) for name in cameras])
        where = files.root
    check_rig(rig, where)
    return Calibration(rig, noise, T_B_imu, chain is None, found is None, shift_ns)


def check_rig(rig: StereoRig, where: str) -> None:
    """Raise VioError for a pair that cannot be rectified: here, before a run begins."""
    if rig.is_mono:
        return
    try:
        _ = rig.rectification
    except VioError as error:
        raise VioError(f"{where}: {error}") from None


def _sensor(files: Files, folder: str, purpose: str) -> str:
    return read_text(files, f"{folder}/{SENSOR}", purpose, MAX_SETTINGS_BYTES)


def _read_camera(files: Files, name: str, T_B_imu: np.ndarray) -> Camera:
    """Return a camera with its pose on the inertial sensor, which is our body."""
    purpose = "the camera's calibration (T_BS, intrinsics, distortion), or give Kalibr's camchain"
    text = _sensor(files, name, purpose)
    return moved_camera(parse_camera(text, f"{files.root}/{name}/{SENSOR}"), T_B_imu)


def moved_camera(camera: Camera, T_B_imu: np.ndarray) -> Camera:
    """Return the camera with T_body_cam taken from the frame B to the inertial sensor's frame."""
    if np.array_equal(T_B_imu, np.eye(4)):
        return camera
    return replace(camera, T_body_cam=invert_transform(T_B_imu) @ camera.T_body_cam)
