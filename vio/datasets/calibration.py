# SPDX-License-Identifier: Apache-2.0
"""Read EuRoC/ASL sensor.yaml files: cameras, inertial noise, and the pose T_BS on the body."""

import re
from typing import Any

import numpy as np
import yaml

from vio.camera import MODELS, Camera
from vio.errors import VioError
from vio.geometry import matrix_from_quaternion, quaternion_from_matrix, transform_from
from vio.imu import ImuNoise

_DISTORTION = {
    "radial-tangential": MODELS[0],
    "radtan": MODELS[0],
    "plumb_bob": MODELS[0],
    "equidistant": MODELS[1],
    "equi": MODELS[1],
}


def parse_sensor(text: str, where: str) -> dict[str, Any]:
    """Return the entries of a sensor.yaml; OpenCV's `%YAML:1.0` line and matrix tags are accepted.

    Raises VioError when the text is not YAML.
    """
    # PyYAML rejects both of OpenCV's departures from YAML, which many published files have.
    text = re.sub(r"(?m)^%.*$|!!opencv-matrix", "", text)
    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise VioError(f"{where} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(entries, dict):
        raise VioError(f"{where} holds no calibration entries; expected lines like 'rate_hz: 200'")
    return entries


def _numbers(entries: dict[str, Any], key: str, count: int, where: str) -> list[float]:
    """Return an entry of `count` finite numbers (a single number may stand without brackets)."""
    if key not in entries:
        raise VioError(f"{where} has no {key!r}; add it ({count} number{'s' * (count > 1)})")
    value = entries[key] if isinstance(entries[key], list) else [entries[key]]
    try:
        numbers = [float(x) for x in value]
    except (TypeError, ValueError):
        raise VioError(f"{where}: {key} is {entries[key]!r}, expected numbers") from None
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise VioError(f"{where}: {key} has {len(numbers)} values {numbers}, expected {count}")
    return numbers


def parse_T_BS(entries: dict[str, Any], where: str) -> np.ndarray:
    """Return T_BS (4, 4), sensor coordinates to body coordinates.

    Deviations up to 1e-3 from a rotation (few printed digits) are removed. Raises VioError when
    T_BS is missing, has not 16 numbers, or is no rigid transform (saying by how much).
    """
    node = entries.get("T_BS")
    if isinstance(node, dict):
        node = node.get("data")
    if node is None:
        raise VioError(f"{where} has no T_BS; add the 4x4 sensor-to-body transform")
    flat = np.array(_numbers({"T_BS": list(np.ravel(node))}, "T_BS", 16, where))
    T = flat.reshape(4, 4)
    R = np.ascontiguousarray(T[:3, :3])
    error = float(np.abs(R.T @ R - np.eye(3)).max())
    determinant = float(np.linalg.det(R))
    if error > 1e-3 or determinant < 0.0:
        raise VioError(
            f"{where}: T_BS is not a rotation and a translation: R'R differs from the identity by "
            f"{error:.3g} and det R = {determinant:.6f} (+1 is a rotation); check the 16 numbers, "
            "given row by row"
        )
    if np.abs(T[3] - (0, 0, 0, 1)).max() > 1e-9:
        raise VioError(
            f"{where}: the last row of T_BS is {T[3].tolist()}, expected 0, 0, 0, 1; give the 16 "
            "numbers row by row"
        )
    if error > 1e-9:
        R = matrix_from_quaternion(quaternion_from_matrix(R))
    return transform_from(R, T[:3, 3])


def _positive(value: float, key: str, where: str) -> float:
    if value <= 0.0:
        raise VioError(f"{where}: {key} is {value:g}, it must be positive")
    return value


def parse_rate(entries: dict[str, Any], where: str) -> float:
    """Return rate_hz; raises VioError when it is missing or not positive."""
    return _positive(_numbers(entries, "rate_hz", 1, where)[0], "rate_hz", where)


def parse_camera(text: str, where: str) -> Camera:
    """Return the camera of a sensor.yaml; raises VioError naming the entry that is wrong."""
    entries = parse_sensor(text, where)
    if entries.get("camera_model", "pinhole") != "pinhole":
        raise VioError(
            f"{where}: camera_model {entries['camera_model']!r} is not supported; use pinhole "
            "with radial-tangential or equidistant distortion"
        )
    name = str(entries.get("distortion_model", "missing"))
    if name not in _DISTORTION:
        raise VioError(
            f"{where}: distortion_model {name!r} is unknown; known: {', '.join(_DISTORTION)}"
        )
    width, height = _numbers(entries, "resolution", 2, where)
    fx, fy, cx, cy = _numbers(entries, "intrinsics", 4, where)
    if not (0 < cx < width and 0 < cy < height):
        raise VioError(
            f"{where}: the principal point ({cx:g}, {cy:g}) lies outside the {width:g}x{height:g} "
            "image; intrinsics are [fu, fv, cu, cv] in pixels"
        )
    d0, d1, d2, d3 = _numbers(entries, "distortion_coefficients", 4, where)
    return Camera(
        width=int(_positive(width, "width", where)),
        height=int(_positive(height, "height", where)),
        fx=_positive(fx, "fu", where),
        fy=_positive(fy, "fv", where),
        cx=cx,
        cy=cy,
        distortion=(d0, d1, d2, d3),
        T_body_cam=parse_T_BS(entries, where),
        model=_DISTORTION[name],
        rate_hz=parse_rate(entries, where),
    )


def parse_imu(text: str, where: str) -> tuple[ImuNoise, np.ndarray]:
    """Return the noise densities and T_BS (4, 4) of an inertial sensor.yaml.

    Raises VioError naming the entry that is missing or not positive.
    """
    entries = parse_sensor(text, where)
    keys = (
        "gyroscope_noise_density",
        "gyroscope_random_walk",
        "accelerometer_noise_density",
        "accelerometer_random_walk",
    )
    noise = [_positive(_numbers(entries, key, 1, where)[0], key, where) for key in keys]
    return ImuNoise(parse_rate(entries, where), *noise), parse_T_BS(entries, where)
