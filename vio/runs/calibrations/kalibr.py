# SPDX-License-Identifier: Apache-2.0
"""Kalibr's camchain and inertial yaml, with the lens models that are fitted."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from vio.camera import MODELS, Camera, StereoRig
from vio.datasets import kalibr
from vio.datasets.lenses import PARAMETERS
from vio.datasets.yaml_text import numbers
from vio.errors import VioError
from vio.geometry import invert_transform
from vio.limits import quoted
from vio.runs.calibrations.common import Rig, checked, fitted, moved, noise_lines, pinhole_of


def read(chain: kalibr.Found, imu: kalibr.Found) -> Rig:
    """Return a calibration; raises VioError naming the entry that is wrong."""
    notes: list[str] = []

    def lens(node: dict[str, Any], T_body_cam: np.ndarray, where: str) -> Camera | None:
        model = node.get("camera_model")
        if model not in PARAMETERS:
            return None
        count = len(PARAMETERS[model])
        values = numbers(node, "intrinsics", count + 4, where)
        size = numbers(node, "resolution", 2, where)
        d = [0.0] * 4
        if node.get("distortion_model", "none") != "none":
            if node["distortion_model"] != "radtan":
                raise VioError(
                    f"{where}: {model} with {quoted(node['distortion_model'])} is unknown"
                )
            d = numbers(node, "distortion_coeffs", 4, where)
        return fitted(model, values[:count], values[count:], d, size, T_body_cam, where, notes)

    left, right = kalibr.read_camchain(chain, notes, lens)
    noise, _ = kalibr.read_imu(imu)
    left_ns, right_ns = kalibr.read_shifts(chain)
    rig = checked(StereoRig(left, right), noise, notes, chain.where)
    return moved(rig, (left_ns, right_ns), chain.where, "timeshift_cam_imu")


def _rows(T: np.ndarray) -> str:
    return "".join(f"  - [{', '.join(repr(float(v)) for v in row)}]\n" for row in T)


def _list(values: Iterable[float]) -> str:
    return "[" + ", ".join(repr(float(v)) for v in values) + "]"


def write(rig: Rig) -> dict[str, str]:
    """Return the texts by their names."""
    text = ""
    for index, camera in enumerate((rig.rig.left, rig.rig.right)):
        text += f"cam{index}:\n  T_cam_imu:\n{_rows(invert_transform(camera.T_body_cam))}"
        if index:
            text += f"  T_cn_cnm1:\n{_rows(rig.rig.T_right_left)}"
        shift_s = rig.shift_ns[index] * 1e-9
        model = "radtan" if camera.model == MODELS[0] else "equidistant"
        text += (
            f"  cam_overlaps: [{1 - index}]\n  camera_model: pinhole\n"
            f"  distortion_coeffs: {_list(camera.distortion)}\n  distortion_model: {model}\n"
            f"  intrinsics: {_list(pinhole_of(camera))}\n"
            f"  resolution: [{camera.width}, {camera.height}]\n"
            f"  rostopic: /cam{index}/image_raw\n  timeshift_cam_imu: {shift_s!r}\n"
        )
    imu = noise_lines(rig.noise) + f"update_rate: {float(rig.noise.rate_hz)!r}\nrostopic: /imu0\n"
    return {"camchain.yaml": text, "imu.yaml": imu}
