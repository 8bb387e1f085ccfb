# SPDX-License-Identifier: Apache-2.0
"""calibration.yaml of a run folder: the estimated calibration in Kalibr's form, for a next run."""

from pathlib import Path

import numpy as np

from vio.data import Calibration
from vio.datasets.base import Dataset
from vio.datasets.yaml_text import numbers, parse_entries
from vio.errors import VioError
from vio.geometry import invert_transform, transform_from
from vio.limits import MAX_SETTINGS_BYTES, read_text_file
from vio.runs.files import replace_file

NAME, IMU = "calibration.yaml", "imu.yaml"
MARK = "kestrel"  # entry of what Kalibr's form has no place for
_MODELS = {"radial-tangential": "radtan", "equidistant": "equidistant"}


def _list(values: np.ndarray | tuple[float, ...]) -> str:
    return "[" + ", ".join(repr(float(x)) for x in values) + "]"


def write_calibration(folder: Path, dataset: Dataset, found: Calibration) -> None:
    """Write the cameras at their estimated places, and the time offset; and imu.yaml beside it."""
    rig = dataset.rig
    D = transform_from(found.R, found.p)
    text = (
        "# Estimated by vio run --calibrate; sigma: time offset s, rotation rad, position m.\n"
        f"{MARK}:\n  time_offset_s: {found.time_offset_s!r}\n  sigma: {_list(found.sigma)}\n"
    )
    for k, camera in enumerate((rig.left,) if rig.is_mono else (rig.left, rig.right)):
        T = invert_transform(D @ camera.T_body_cam)
        rows = "".join(f"  - {_list(row)}\n" for row in T)
        pinhole = (camera.fx, camera.fy, camera.cx, camera.cy)
        text += (
            f"cam{k}:\n  camera_model: pinhole\n  distortion_model: {_MODELS[camera.model]}\n"
            f"  intrinsics: {_list(pinhole)}\n  distortion_coeffs: {_list(camera.distortion)}\n"
            f"  resolution: [{camera.width}, {camera.height}]\n  T_cam_imu:\n{rows}"
        )
    n = dataset.imu_noise
    replace_file(folder / NAME, text)
    replace_file(
        folder / IMU,
        f"gyroscope_noise_density: {n.gyro_noise!r}\ngyroscope_random_walk: {n.gyro_walk!r}\n"
        f"accelerometer_noise_density: {n.accel_noise!r}\n"
        f"accelerometer_random_walk: {n.accel_walk!r}\nupdate_rate: {n.rate_hz!r}\n",
    )


def given_time_offset_ms(path: str | Path) -> float | None:
    """Return the time offset of a calibration.yaml that a run wrote; None for any other file.

    Raises VioError when it is no number.
    """
    file = Path(path)
    if "\0" in str(path) or not file.is_file():
        return None
    try:
        text = read_text_file(file, "a calibration", MAX_SETTINGS_BYTES)
        entries = parse_entries(text, str(file)).get(MARK)
    except VioError:  # the reader of the recording says what is wrong
        return None
    if not isinstance(entries, dict):
        return None
    return 1e3 * numbers(entries, "time_offset_s", 1, f"{file}, {MARK}")[0]
