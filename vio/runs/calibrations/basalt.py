# SPDX-License-Identifier: Apache-2.0
"""Basalt's calibration: JSON with the poses of the cameras on the inertial sensor."""

import json
from typing import Any

import numpy as np

from vio.camera import MODELS, StereoRig
from vio.datasets import kalibr
from vio.datasets.calibration import camera_from_entries, noise_from_entries, rigid_transform
from vio.datasets.lenses import PARAMETERS
from vio.datasets.yaml_text import numbers
from vio.errors import VioError
from vio.geometry import matrix_from_quaternion, quaternion_from_matrix, transform_from
from vio.imu import ImuNoise
from vio.limits import quoted, reason
from vio.runs.calibrations.common import (
    NOISE,
    Rig,
    checked,
    fitted,
    moved,
    noise_values,
    pinhole_of,
)

_BASALT = {"pinhole-radtan8": "radtan", "kb4": "equidistant", "pinhole": "radtan"}
_KEYS = {"radtan": ("k1", "k2", "p1", "p2"), "equidistant": ("k1", "k2", "k3", "k4")}


def read(text: str, where: str) -> Rig:
    """Return a calibration; raises VioError naming the entry that is wrong."""
    try:
        value = json.loads(text)["value0"]
        poses, lenses, sizes = (value[k] for k in ("T_imu_cam", "intrinsics", "resolution"))
        if not all(isinstance(v, list) and len(v) == 2 for v in (poses, lenses, sizes)):
            raise VioError(
                f"{where} does not hold two cameras: Kestrel needs a left and a right one"
            )
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        raise VioError(f"{where} is no calibration of Basalt's form: {reason(error)}") from None
    notes: list[str] = []
    cameras = []
    for index in range(2):
        at = f"{where}, camera {index}"
        pose, lens = _object(poses[index], at), _object(lenses[index], at)
        q = np.array([numbers(pose, f"q{axis}", 1, at)[0] for axis in "wxyz"])
        length = float(np.linalg.norm(q))
        if not abs(length - 1.0) < 1e-3:
            raise VioError(f"{at}: the quaternion of T_imu_cam has length {length:g}, expected 1")
        p = np.array([numbers(pose, f"p{axis}", 1, at)[0] for axis in "xyz"])
        T = transform_from(matrix_from_quaternion(q / length), p)
        T = rigid_transform(T, "T_imu_cam", at)
        model, node = lens.get("camera_type"), _object(lens.get("intrinsics"), at)
        pinhole = [numbers(node, k, 1, at)[0] for k in ("fx", "fy", "cx", "cy")]
        size = {"resolution": sizes[index]}
        if model in ("ds", "eucm"):
            shape = [numbers(node, k, 1, at)[0] for k in PARAMETERS[model]]
            wh = numbers(size, "resolution", 2, at)
            cameras.append(fitted(model, shape, pinhole, [0.0] * 4, wh, T, at, notes))
            continue
        if model not in _BASALT:
            known = ", ".join([*_BASALT, "ds", "eucm"])
            raise VioError(f"{at}: camera_type {quoted(model)} is unknown; known: {known}")
        ours = _BASALT[model]
        d = [0.0] * 4 if model == "pinhole" else [numbers(node, k, 1, at)[0] for k in _KEYS[ours]]
        if model == "pinhole-radtan8":
            for key in ("k3", "k4", "k5", "k6"):
                if node.get(key) is not None and numbers(node, key, 1, at)[0] != 0.0:
                    raise VioError(f"{at}: {key} is not 0; the lens model ends at k1, k2, p1, p2")
        entries = {**size, "intrinsics": pinhole, "distortion_model": ours, "d": d}
        cameras.append(camera_from_entries(entries, "d", T, kalibr.RATE_HZ, at))
    rig = checked(StereoRig(*cameras), _basalt_noise(value, where, notes), notes, where)
    offset_ns = _offset_ns(value, where)
    return moved(rig, (offset_ns, offset_ns), where, "cam_time_offset_ns")


def _offset_ns(value: dict[str, Any], where: str) -> int:
    """Return what Basalt adds to the stamps of the images of both cameras."""
    if "cam_time_offset_ns" not in value:
        return 0
    (offset_ns,) = numbers(value, "cam_time_offset_ns", 1, where)
    if abs(offset_ns) > kalibr.MAX_SHIFT_S * 1e9:
        raise VioError(
            f"{where}: cam_time_offset_ns is {offset_ns:g}, expected at most "
            f"{kalibr.MAX_SHIFT_S:g} s in ns"
        )
    return round(offset_ns)


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise VioError(f"{where}: expected an object, not {quoted(value)}")
    return value


def _basalt_noise(value: dict[str, Any], where: str, notes: list[str]) -> ImuNoise:
    """Return the noise: Basalt states it for three axes, of which the largest is taken."""
    entries: dict[str, Any] = {"update_rate": value.get("imu_update_rate")}
    keys = ("gyro_noise_std", "gyro_bias_std", "accel_noise_std", "accel_bias_std")
    for ours, key in zip(NOISE, keys, strict=True):
        axes = numbers(value, key, 3, where)
        if max(axes) != min(axes):
            notes.append(f"{where}: {key} differs between axes; the largest is taken")
        entries[ours] = max(axes)
    for key in ("calib_accel_bias", "calib_gyro_bias"):
        if isinstance(value.get(key), list) and any(value[key]):
            notes.append(f"{where}: {key} is left out; the odometry estimates biases itself")
    return noise_from_entries(entries, "update_rate", where)


def write(rig: Rig) -> dict[str, str]:
    """Return the text by the name "", the output itself."""
    poses, lenses, sizes = [], [], []
    for camera in (rig.rig.left, rig.rig.right):
        T = camera.T_body_cam
        q = quaternion_from_matrix(np.ascontiguousarray(T[:3, :3]))
        poses.append(
            {f"p{a}": float(v) for a, v in zip("xyz", T[:3, 3], strict=True)}
            | {f"q{a}": float(v) for a, v in zip("xyzw", q[[1, 2, 3, 0]], strict=True)}
        )
        kind = "radtan" if camera.model == MODELS[0] else "equidistant"
        inner = dict(zip(("fx", "fy", "cx", "cy"), map(float, pinhole_of(camera)), strict=True))
        inner |= dict(zip(_KEYS[kind], map(float, camera.distortion), strict=True))
        if kind == "radtan":
            inner |= dict.fromkeys(("k3", "k4", "k5", "k6", "rpmax"), 0.0)
        name = "pinhole-radtan8" if kind == "radtan" else "kb4"
        lenses.append({"camera_type": name, "intrinsics": inner})
        sizes.append([camera.width, camera.height])
    left_ns, right_ns = rig.shift_ns
    gn, gw, an, aw = (float(v) for v in noise_values(rig.noise))
    value = {
        "T_imu_cam": poses,
        "intrinsics": lenses,
        "resolution": sizes,
        "calib_accel_bias": [0.0] * 9,
        "calib_gyro_bias": [0.0] * 12,
        "imu_update_rate": float(rig.noise.rate_hz),
        "accel_noise_std": [an] * 3,
        "gyro_noise_std": [gn] * 3,
        "accel_bias_std": [aw] * 3,
        "gyro_bias_std": [gw] * 3,
        "cam_time_offset_ns": left_ns if left_ns == right_ns else 0,
        "vignette": [],
    }
    return {"": json.dumps({"value0": value}, indent=2) + "\n"}
