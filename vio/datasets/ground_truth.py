# SPDX-License-Identifier: Apache-2.0
"""Read a recording's ground truth; one that is damaged is left out with the reason."""

import numpy as np

from vio.datasets.base import add_warning
from vio.datasets.calibration import parse_T_BS
from vio.datasets.csv_table import parse_table
from vio.datasets.files import Files, read_text
from vio.datasets.pairing import check_overlap
from vio.datasets.yaml_text import parse_entries
from vio.errors import VioError
from vio.geometry import invert_transform
from vio.limits import MAX_SETTINGS_BYTES, shown
from vio.trajectory import Trajectory, from_euroc_values, moved_sensor

# EuRoC's estimate (17 columns); TUM-VI's and EuRoC's motion capture (poses only, 8 columns).
FOLDERS = ("state_groundtruth_estimate0", "mocap0", "vicon0")
_RATE_HZ = 200.0


def read_ground_truth(
    files: Files, T_B_imu: np.ndarray, frame_t_ns: np.ndarray, warnings: list[str]
) -> tuple[Trajectory | None, str]:
    """Return the ground truth as poses of the inertial sensor, or None, and why it is left out.

    The reason is empty when there is no ground truth. No run depends on it, so that nothing in it
    is an error.
    """
    for folder in FOLDERS:
        found = files.list(folder)
        if "data.csv" in found:
            try:
                truth = _read(files, folder, "sensor.yaml" in found, T_B_imu, warnings)
                check_overlap(frame_t_ns, truth.t_ns, f"{files.root}/{folder}")
            except VioError as error:
                return None, str(error)
            return truth, ""
    return None, ""


def _read(
    files: Files, folder: str, has_pose: bool, T_B_imu: np.ndarray, warnings: list[str]
) -> Trajectory:
    name = f"{folder}/data.csv"
    where = f"{files.root}/{name}"
    text = read_text(files, name, "the ground truth")
    table = parse_table(text, where, (8, 17), _RATE_HZ, repeated=True)
    first = np.append(True, np.diff(table.t_ns) != 0)
    if not first.all():
        count = len(first) - np.count_nonzero(first)
        add_warning(
            warnings, f"{where}: {count} rows repeat a time stamp; the first of each is kept"
        )
    trajectory = from_euroc_values(table.t_ns[first], table.values[first], where)
    T_B_sensor = np.eye(4)
    if has_pose:
        name = f"{folder}/sensor.yaml"
        where = f"{files.root}/{name}"
        purpose = "the pose of the ground truth's sensor"
        text = read_text(files, name, purpose, MAX_SETTINGS_BYTES)
        T_B_sensor = parse_T_BS(parse_entries(text, where), where)
    return moved_sensor(trajectory, invert_transform(T_B_sensor) @ T_B_imu)


def left_out(reason: str) -> str:
    """Return the note on a ground truth that cannot be used."""
    return f"the ground truth is left out: {shown(reason) if len(reason) > 1000 else reason}"
