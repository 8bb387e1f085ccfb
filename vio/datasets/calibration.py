# SPDX-License-Identifier: Apache-2.0
"""Read EuRoC/ASL sensor.yaml files: cameras, inertial noise, and the pose T_BS on the body."""

from typing import Any

import numpy as np

from vio.camera import MODELS, Camera
from vio.datasets.yaml_text import matrix, number_within, numbers, parse_entries, within
from vio.errors import VioError
from vio.geometry import matrix_from_quaternion, quaternion_from_matrix, transform_from
from vio.imu import ImuNoise
from vio.limits import quoted, shown

_DISTORTION = {
    "radial-tangential": MODELS[0],
    "radtan": MODELS[0],
    "plumb_bob": MODELS[0],
    "equidistant": MODELS[1],
    "equi": MODELS[1],
}
MAX_SIDE_PX = 16384
MAX_DISTANCE_M = 1000.0  # of a sensor from the body
MAX_COEFFICIENT = 1e3  # of a distortion


def rigid_transform(T: np.ndarray, key: str, where: str) -> np.ndarray:
    """Return a transform (4, 4), deviations up to 1e-3 from a rotation (few digits) removed.

    Raises VioError when it is no rigid transform, saying by how much.
    """
    R = np.ascontiguousarray(T[:3, :3])
    error = float(np.abs(R.T @ R - np.eye(3)).max()) if np.abs(R).max() < 1e3 else np.inf
    determinant = float(np.linalg.det(R)) if error < np.inf else np.nan
    if error > 1e-3 or determinant < 0.0:
        raise VioError(
            f"{where}: {key} is not a rotation and a translation: R'R differs from the identity by "
            f"{error:.3g} and det R = {determinant:.6f} (+1 is a rotation); check the 16 numbers, "
            "given row by row"
        )
    if np.abs(T[3] - (0, 0, 0, 1)).max() > 1e-9:
        raise VioError(
            f"{where}: the last row of {key} is {shown(T[3].tolist())}, expected 0, 0, 0, 1; give "
            "the 16 numbers row by row"
        )
    if np.abs(T[:3, 3]).max() > MAX_DISTANCE_M:
        raise VioError(
            f"{where}: {key} moves by {np.abs(T[:3, 3]).max():g}, more than {MAX_DISTANCE_M:g} m; "
            "translations are in metres"
        )
    if error > 1e-9:
        R = matrix_from_quaternion(quaternion_from_matrix(R))
    return transform_from(R, T[:3, 3])


def parse_T_BS(entries: dict[str, Any], where: str) -> np.ndarray:
    """Return T_BS (4, 4), sensor coordinates to body coordinates.

    Raises VioError when T_BS is missing, has not 16 numbers, or is no rigid transform.
    """
    node = entries.get("T_BS")
    if node is None or (isinstance(node, dict) and node.get("data") is None):
        raise VioError(f"{where} has no T_BS; add the 4x4 sensor-to-body transform")
    return rigid_transform(matrix(node, "T_BS", where), "T_BS", where)


def parse_rate(entries: dict[str, Any], where: str, key: str = "rate_hz") -> float:
    """Return the rate; raises VioError when it is missing or not positive."""
    return number_within(entries, key, 0.01, 1e5, where)


def camera_from_entries(
    entries: dict[str, Any], coefficients: str, T_body_cam: np.ndarray, rate_hz: float, where: str
) -> Camera:
    """Return the camera of entries that ASL and Kalibr name alike.

    coefficients: the key of the distortion's. Raises VioError naming the entry that is wrong.
    """
    if entries.get("camera_model", "pinhole") != "pinhole":
        raise VioError(
            f"{where}: camera_model {quoted(entries['camera_model'])} is not supported; use "
            "pinhole with radial-tangential or equidistant distortion (`vio calibration convert` "
            "fits omni, ds and eucm)"
        )
    name = entries.get("distortion_model", "missing")
    if not isinstance(name, str) or name not in _DISTORTION:
        raise VioError(
            f"{where}: distortion_model {quoted(name)} is unknown; known: {', '.join(_DISTORTION)}"
        )
    width, height = numbers(entries, "resolution", 2, where)
    for key, value in (("width", width), ("height", height)):
        if within(value, key, 8, MAX_SIDE_PX, where) != round(value):
            raise VioError(f"{where}: {key} is {value:g}, expected a whole number of pixels")
    fx, fy, cx, cy = numbers(entries, "intrinsics", 4, where)
    if not (0 < cx < width and 0 < cy < height):
        raise VioError(
            f"{where}: the principal point ({cx:g}, {cy:g}) lies outside the {width:g}x{height:g} "
            "image; intrinsics are [fu, fv, cu, cv] in pixels"
        )
    d0, d1, d2, d3 = _coefficients(entries, coefficients, where)
    return Camera(
        width=int(width),
        height=int(height),
        fx=within(fx, "fu", 1.0, 1e5, where),
        fy=within(fy, "fv", 1.0, 1e5, where),
        cx=cx,
        cy=cy,
        distortion=(d0, d1, d2, d3),
        T_body_cam=T_body_cam,
        model=_DISTORTION[name],
        rate_hz=rate_hz,
    )


def _coefficients(entries: dict[str, Any], key: str, where: str) -> list[float]:
    """Return the four coefficients; a fifth of OpenCV's radial-tangential model must be 0."""
    value = entries.get(key)
    if isinstance(value, list) and len(value) == 5:
        *four, k3 = numbers(entries, key, 5, where)
        if k3 != 0.0:
            raise VioError(
                f"{where}: {key} has a fifth value, k3 = {k3:g}; the lens model ends at "
                "k1, k2, p1, p2: calibrate without k3, or with equidistant distortion"
            )
    else:
        four = numbers(entries, key, 4, where)
    if max(abs(d) for d in four) > MAX_COEFFICIENT:
        raise VioError(
            f"{where}: {key} is {shown(four)}; no lens has coefficients beyond {MAX_COEFFICIENT:g}"
        )
    return four


def parse_camera(text: str, where: str) -> Camera:
    """Return the camera of a sensor.yaml; raises VioError naming the entry that is wrong."""
    entries = parse_entries(text, where)
    rate_hz = parse_rate(entries, where)
    T_BS = parse_T_BS(entries, where)
    return camera_from_entries(entries, "distortion_coefficients", T_BS, rate_hz, where)


def noise_from_entries(entries: dict[str, Any], rate_key: str, where: str) -> ImuNoise:
    """Return the noise densities; raises VioError naming one that is missing or not positive."""
    keys = (
        "gyroscope_noise_density",
        "gyroscope_random_walk",
        "accelerometer_noise_density",
        "accelerometer_random_walk",
    )
    noise = [number_within(entries, key, 1e-12, 1e3, where) for key in keys]
    return ImuNoise(parse_rate(entries, where, rate_key), *noise)


def parse_imu(text: str, where: str) -> tuple[ImuNoise, np.ndarray]:
    """Return the noise densities and T_BS (4, 4) of an inertial sensor.yaml.

    Raises VioError naming the entry that is missing or not positive.
    """
    entries = parse_entries(text, where)
    return noise_from_entries(entries, "rate_hz", where), parse_T_BS(entries, where)
