# SPDX-License-Identifier: Apache-2.0
"""The files of OpenCV's stereo calibration, with the inertial sensor beside the cameras."""

from typing import Any

import numpy as np

from vio.camera import MODELS, StereoRig
from vio.datasets import kalibr
from vio.datasets.calibration import camera_from_entries, noise_from_entries, rigid_transform
from vio.datasets.yaml_text import numbers
from vio.errors import VioError
from vio.geometry import invert_transform, transform_from
from vio.runs.calibrations.common import Rig, checked, noise_lines, pinhole_of


def _array(entries: dict[str, Any], key: str, where: str) -> np.ndarray:
    """Return a matrix of OpenCV's file; raises VioError when it is missing or not as large."""
    node = entries.get(key)
    if not isinstance(node, dict) or not isinstance(node.get("data"), list):
        raise VioError(f"{where} has no matrix {key} (rows, cols, dt, data)")
    rows, cols = (int(numbers(node, k, 1, f"{where}, {key}")[0]) for k in ("rows", "cols"))
    if not 0 < rows * cols <= 16:
        raise VioError(f"{where}: {key} is {rows}x{cols}")
    return np.array(numbers(node, "data", rows * cols, f"{where}, {key}")).reshape(rows, cols)


def read(entries: dict[str, Any], where: str) -> Rig:
    """Return a calibration; raises VioError naming the entry that is wrong."""
    if "T_cam0_imu" not in entries:
        raise VioError(
            f"{where} has no T_cam0_imu: OpenCV's form does not say where the inertial sensor is; "
            "add that 4x4 matrix, inertial sensor to first camera, and the noise densities"
        )
    R, t = _array(entries, "R", where), _array(entries, "T", where)
    if R.shape != (3, 3) or t.size != 3:
        raise VioError(f"{where}: R is {R.shape} and T has {t.size} values, expected 3x3 and 3")
    T_cam0_imu = rigid_transform(_array(entries, "T_cam0_imu", where), "T_cam0_imu", where)
    T_right_left = rigid_transform(transform_from(R, t.ravel()), "R and T", where)
    size = [numbers(entries, k, 1, where)[0] for k in ("image_width", "image_height")]
    model = entries.get("distortion_model")
    cameras = []
    for number, T_cam_imu in ((1, T_cam0_imu), (2, T_right_left @ T_cam0_imu)):
        at = f"{where}, camera {number}"
        M, D = _array(entries, f"M{number}", where), _array(entries, f"D{number}", where).ravel()
        if M.shape != (3, 3):
            raise VioError(f"{at}: M{number} is {M.shape}, expected 3x3")
        if model is None and len(D) == 4:
            raise VioError(
                f"{at}: four coefficients may be radtan or equidistant (cv::fisheye); add "
                "distortion_model: radtan, or equidistant"
            )
        if len(D) > 5 and D[5:].any():
            raise VioError(f"{at}: D{number} has more than k1, k2, p1, p2; calibrate without these")
        node = {
            "resolution": size,
            "intrinsics": [M[0, 0], M[1, 1], M[0, 2], M[1, 2]],
            "distortion_model": model or "radtan",
            "d": [float(v) for v in D[:5]],
        }
        T_body_cam = invert_transform(T_cam_imu)
        cameras.append(camera_from_entries(node, "d", T_body_cam, kalibr.RATE_HZ, at))
    noise = noise_from_entries(entries, "update_rate", where)
    return checked(StereoRig(*cameras), noise, [], where)


def _matrix(name: str, values: np.ndarray) -> str:
    rows, cols = values.shape
    data = ", ".join(repr(float(v)) for v in values.ravel())
    return (
        f"{name}: !!opencv-matrix\n   rows: {rows}\n   cols: {cols}\n   dt: d\n   data: [{data}]\n"
    )


def write(rig: Rig) -> dict[str, str]:
    """Return the text by the name "", the output itself."""
    left, right = rig.rig.left, rig.rig.right
    if left.model != right.model or (left.width, left.height) != (right.width, right.height):
        raise VioError("OpenCV's form holds two cameras of one lens model and one size only")
    model = "radtan" if left.model == MODELS[0] else "equidistant"
    text = f"%YAML:1.0\n---\nimage_width: {left.width}\nimage_height: {left.height}\n"
    text += f"distortion_model: {model}\n"
    for number, camera in ((1, left), (2, right)):
        fx, fy, cx, cy = pinhole_of(camera)
        text += _matrix(f"M{number}", np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]))
        d = list(camera.distortion) + ([0.0] if model == "radtan" else [])
        text += _matrix(f"D{number}", np.array([d]))
    text += _matrix("R", rig.rig.T_right_left[:3, :3]) + _matrix("T", rig.rig.T_right_left[:3, 3:])
    text += _matrix("T_cam0_imu", invert_transform(left.T_body_cam))
    return {"": text + noise_lines(rig.noise) + f"update_rate: {float(rig.noise.rate_hz)!r}\n"}
