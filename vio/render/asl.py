# SPDX-License-Identifier: Apache-2.0
"""Write sequences in EuRoC's (ASL) layout: csv tables, calibrations, untouched copies."""

from pathlib import Path

import numpy as np

from vio.camera import Camera
from vio.datasets.files import find_asl
from vio.imu import ImuNoise
from vio.trajectory import Trajectory

TRUTH_HEADER = (
    "#timestamp, p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y [], "
    "q_RS_z [], v_RS_R_x [m s^-1], v_RS_R_y [m s^-1], v_RS_R_z [m s^-1], "
    "b_w_RS_S_x [rad s^-1], b_w_RS_S_y [rad s^-1], b_w_RS_S_z [rad s^-1], "
    "b_a_RS_S_x [m s^-2], b_a_RS_S_y [m s^-2], b_a_RS_S_z [m s^-2]"
)
IMU_HEADER = (
    "#timestamp [ns],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_z [rad s^-1],"
    "a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],a_RS_S_z [m s^-2]"
)


def _matrix_yaml(T: np.ndarray) -> str:
    rows = [", ".join(repr(float(x)) for x in row) for row in T]
    data = ",\n         ".join(rows)
    return f"T_BS:\n  cols: 4\n  rows: 4\n  data: [{data}]\n"


def camera_yaml(camera: Camera, comment: str) -> str:
    """Return EuRoC's sensor.yaml of a camera."""
    k = ", ".join(repr(float(x)) for x in camera.distortion)
    return (
        f"sensor_type: camera\ncomment: {comment}\n{_matrix_yaml(camera.T_body_cam)}"
        f"rate_hz: {camera.rate_hz:g}\nresolution: [{camera.width}, {camera.height}]\n"
        f"camera_model: pinhole\n"
        f"intrinsics: [{camera.fx!r}, {camera.fy!r}, {camera.cx!r}, {camera.cy!r}]"
        f" #fu, fv, cu, cv\n"
        f"distortion_model: {camera.model}\ndistortion_coefficients: [{k}]\n"
    )


def imu_yaml(noise: ImuNoise, comment: str = "rendered") -> str:
    """Return EuRoC's sensor.yaml of an inertial sensor."""
    return (
        f"sensor_type: imu\ncomment: {comment}\n{_matrix_yaml(np.eye(4))}"
        f"rate_hz: {noise.rate_hz:g}\n"
        f"gyroscope_noise_density: {noise.gyro_noise!r}     # [ rad / s / sqrt(Hz) ]\n"
        f"gyroscope_random_walk: {noise.gyro_walk!r}       # [ rad / s^2 / sqrt(Hz) ]\n"
        f"accelerometer_noise_density: {noise.accel_noise!r}  # [ m / s^2 / sqrt(Hz) ]\n"
        f"accelerometer_random_walk: {noise.accel_walk!r}    # [ m / s^3 / sqrt(Hz) ]\n"
    )


def write_truth(
    root: Path, truth: Trajectory, comment: str = "the poses that the images follow"
) -> None:
    """Write state_groundtruth_estimate0: poses only when velocity or biases are not known."""
    folder = root / "state_groundtruth_estimate0"
    folder.mkdir(parents=True, exist_ok=True)
    blocks = [truth.p_world_body, truth.q_world_body]
    rest = (truth.v_world_body, truth.gyro_bias_rad_s, truth.accel_bias_m_s2)
    known = [block for block in rest if block is not None]
    if len(known) == len(rest):
        blocks += known
    values = np.hstack(blocks)
    lines = [",".join(TRUTH_HEADER.split(",")[: 1 + values.shape[1]])]
    for t, row in zip(truth.t_ns, values, strict=True):
        lines.append(f"{t}," + ",".join(f"{x:.9f}" for x in row))
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    (folder / "sensor.yaml").write_text(
        f"sensor_type: visual-inertial\ncomment: {comment}\n{_matrix_yaml(np.eye(4))}"
    )


def write_imu(
    root: Path,
    t_ns: np.ndarray,
    gyro: np.ndarray,
    accel: np.ndarray,
    noise: ImuNoise,
    comment: str = "rendered",
) -> None:
    """Write imu0 with its sensor.yaml."""
    folder = root / "imu0"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [IMU_HEADER]
    for t, row in zip(t_ns, np.hstack([gyro, accel]), strict=True):
        lines.append(f"{t}," + ",".join(repr(float(x)) for x in row))
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    (folder / "sensor.yaml").write_text(imu_yaml(noise, comment))


def write_frame_list(folder: Path, t_ns: np.ndarray, ending: str = "png") -> None:
    """Write a camera's data.csv."""
    lines = ["#timestamp [ns],filename"] + [f"{t},{t}.{ending}" for t in t_ns]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


def copy_untouched(source: Path, root: Path, names: list[str]) -> None:
    """Copy files of a recording by their names below mav0, byte for byte."""
    files, _ = find_asl(source)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(files.read(name))
