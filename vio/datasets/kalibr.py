# SPDX-License-Identifier: Apache-2.0
"""Read Kalibr's calibrations (Furgale et al., IROS 2013): camchain and inertial noise."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vio.camera import Camera
from vio.datasets.base import add_warning
from vio.datasets.calibration import camera_from_entries, noise_from_entries, rigid_transform
from vio.datasets.files import Files, read_text
from vio.datasets.yaml_text import matrix, numbers, parse_entries
from vio.errors import VioError
from vio.geometry import invert_transform
from vio.imu import ImuNoise
from vio.limits import MAX_SETTINGS_BYTES, quoted

_CAMCHAIN = re.compile(r".*camchain.*\.ya?ml|.*imucam_chain\.ya?ml")
_IMU = re.compile(r"imu(_config|0)?\.ya?ml|kalibr_imu_chain\.ya?ml|imu-.*\.ya?ml")
_FOLDERS = ("", "dso", "calib", "calibration")
_SHIFT = "timeshift_cam_imu"
MAX_SHIFT_S = 1e9  # between clocks that count from different events
RATE_HZ = 20.0
_AGREE = 1e-3  # T_cn_cnm1 and the two T_cam_imu may differ by their printed digits


@dataclass(frozen=True)
class Found:
    """Hold where a calibration lies: the files of a folder and a name in them."""

    files: Files
    name: str

    @property
    def where(self) -> str:
        """The file's name as the user knows it."""
        return f"{self.files.root}/{self.name}"


def _find(files: Files, pattern: re.Pattern[str]) -> Found | None:
    """Return the first file of a calibration's usual name in mav0 or beside it."""
    for place in (files, files.parent()):
        for folder in _FOLDERS if place is not None else ():
            assert place is not None
            names = sorted(n for n in place.list(folder) if pattern.fullmatch(n))
            if names:
                return Found(place, f"{folder}/{names[0]}" if folder else names[0])
    return None


def find_camchain(files: Files) -> Found | None:
    """Return the camchain of a recording (its mav0 files), or None."""
    return _find(files, _CAMCHAIN)


def find_imu(files: Files) -> Found | None:
    """Return Kalibr's inertial calibration of a recording (its mav0 files), or None."""
    return _find(files, _IMU)


def _entries(found: Found, purpose: str) -> dict[str, Any]:
    text = read_text(found.files, found.name, purpose, MAX_SETTINGS_BYTES)
    return parse_entries(text, found.where)


def _table(entries: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    node = entries.get(key)
    if not isinstance(node, dict):
        there = f" ({quoted(next(iter(entries)))} is there)" if entries else ""
        need = "; stereo is needed: both cameras in one camchain" if key == "cam1" else ""
        raise VioError(f"{where} has no entries of {key!r}{there}{need}")
    return node


def _transform(entries: dict[str, Any], key: str, where: str) -> np.ndarray | None:
    if entries.get(key) is None:
        return None
    return rigid_transform(matrix(entries[key], key, where), key, where)


def camera_count(found: Found) -> int:
    """Return how many cameras of a camchain are used: 2, or 1 where there is no second one."""
    return 2 if "cam1" in _entries(found, "the calibration of the cameras") else 1


# Gives the camera of another lens model from its entries and T_body_cam, or None.
Lens = Callable[[dict[str, Any], np.ndarray, str], Camera | None]


def read_camchain(
    found: Found, warnings: list[str], lens: Lens = lambda node, T, where: None, count: int = 2
) -> list[Camera]:
    """Return the first cameras of a camchain, on the inertial sensor.

    lens: what knows lens models beside the pinhole's. count: of the cameras, 1 or 2.

    A camchain states no rate: RATE_HZ stands there until the time stamps are known. One without the
    second camera's T_cam_imu is closed by T_cn_cnm1. Raises VioError naming the entry that is
    missing or wrong.
    """
    entries = _entries(found, "the calibration of both cameras")
    chain = []
    T_cam_imu: list[np.ndarray] = []
    for index in range(count):
        where = f"{found.where}, cam{index}"
        node = _table(entries, f"cam{index}", found.where)
        T = _transform(node, "T_cam_imu", where)
        T_cn_cnm1 = _transform(node, "T_cn_cnm1", where) if index else None
        if T is None and T_cn_cnm1 is not None:
            T = T_cn_cnm1 @ T_cam_imu[0]
        if T is None:
            raise VioError(
                f"{where} has no T_cam_imu; calibrate the cameras against the inertial sensor "
                "(kalibr_calibrate_imu_camera), and give the camchain that it writes"
            )
        if T_cn_cnm1 is not None:
            error = float(np.abs(T @ invert_transform(T_cam_imu[0]) - T_cn_cnm1).max())
            if error > _AGREE:
                add_warning(
                    warnings,
                    f"{where}: T_cn_cnm1 differs by {error:.3g} from what the two T_cam_imu say; "
                    "T_cam_imu is used",
                )
        T_cam_imu.append(T)
        T_body_cam = invert_transform(T)
        camera = lens(node, T_body_cam, where)
        if camera is None:
            coefficients = "distortion_coeffs"
            camera = camera_from_entries(node, coefficients, T_body_cam, RATE_HZ, where)
        chain.append(camera)
    return chain


def read_shifts(found: Found, count: int = 2) -> tuple[int, ...]:
    """Return timeshift_cam_imu of the first cameras in ns: inertial time less the image's stamp.

    0 where a camera states none. Raises VioError for one that is no number of seconds.
    """
    entries = _entries(found, "the calibration of the cameras")
    shifts = []
    for index in range(count):
        where = f"{found.where}, cam{index}"
        node, shift_s = _table(entries, f"cam{index}", found.where), 0.0
        if node.get(_SHIFT) is not None:
            shift_s = numbers(node, _SHIFT, 1, where)[0]
            if abs(shift_s) > MAX_SHIFT_S:
                raise VioError(
                    f"{where}: {_SHIFT} is {shift_s:g} s; give seconds, at most {MAX_SHIFT_S:g}"
                )
        shifts.append(round(shift_s * 1e9))
    return tuple(shifts)


def read_imu(found: Found) -> tuple[ImuNoise, np.ndarray]:
    """Return the noise densities, and the frame of T_cam_imu on the inertial sensor: identity.

    Raises VioError naming the entry that is missing or wrong.
    """
    entries = _entries(found, "the inertial sensor's noise")
    where = found.where
    if isinstance(entries.get("imu0"), dict):
        entries, where = entries["imu0"], f"{where}, imu0"
    return noise_from_entries(entries, "update_rate", where), np.eye(4)
