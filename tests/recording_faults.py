# SPDX-License-Identifier: Apache-2.0
"""Faults of a recording or its calibration, planted into a simulation, and what names them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from tests.simulation import START_NS, Simulation
from vio.camera import StereoRig
from vio.data import ImuData, Status, StereoFrame, Tracks
from vio.diagnosis.watch import Diagnosis
from vio.imu import GRAVITY_M_S2, intervals

TURN_Z = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
SWAP_XY = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
TILT = Rotation.from_rotvec(np.radians([20.0, 15.0, -10.0])).as_matrix()


def _change(
    sim: Simulation, gyro: np.ndarray | float = 1.0, accel: np.ndarray | float = 1.0
) -> None:
    """Multiply the inertial data by a number, or by a matrix from the left."""
    for values, by in ((sim.imu.gyro_rad_s, gyro), (sim.imu.accel_m_s2, accel)):
        values[:] = values @ by.T if isinstance(by, np.ndarray) else values * by


def _remove_gravity(sim: Simulation) -> None:
    R, _ = sim.poses((sim.imu.t_ns - START_NS) * 1e-9)
    sim.imu.accel_m_s2[:] -= R[:, 2] * GRAVITY_M_S2


def _shift(sim: Simulation, by_s: float) -> None:
    sim.imu = ImuData(sim.imu.t_ns + round(by_s * 1e9), sim.imu.gyro_rad_s, sim.imu.accel_m_s2)


def turn_cameras(sim: Simulation, R: np.ndarray) -> None:
    """Turn both cameras of the calibration, not those that made the data."""
    T = np.eye(4)
    T[:3, :3] = R
    sim.rig = StereoRig(
        *(replace(c, T_body_cam=T @ c.T_body_cam) for c in (sim.rig.left, sim.rig.right))
    )


def _invert_rotation(sim: Simulation) -> None:
    """Invert the rotation of T_BS in a way that leaves the second camera on the right."""
    R = sim.rig.left.T_body_cam[:3, :3]
    turn_cameras(sim, R.T @ R.T)


def _move_away(sim: Simulation) -> None:
    sim._points *= 200.0
    sim._frames = sim._make_frames()


# name: (what to do, the kind that must be named, words of the description)
FAULTS: dict[str, tuple[Callable[[Simulation], None], str, str]] = {
    "accel in g": (lambda s: _change(s, accel=1.0 / 9.81), "accel_units", "is in g"),
    "accel in mg": (lambda s: _change(s, accel=1000.0 / 9.81), "accel_units", "is in mg"),
    "accel in mm/s^2": (lambda s: _change(s, accel=1000.0), "accel_units", "is in mm/s^2"),
    "gravity removed": (_remove_gravity, "gravity_removed", "gravity has been removed"),
    "gyro in deg/s": (lambda s: _change(s, gyro=180.0 / np.pi), "gyro_units", "is in deg/s"),
    "gyro turned": (lambda s: _change(s, gyro=TURN_Z), "gyro_axes", "(-y, x, z)"),
    "gyro mirrored": (lambda s: _change(s, gyro=-np.eye(3)), "gyro_axes", "(-x, -y, -z)"),
    "gyro swapped": (lambda s: _change(s, gyro=SWAP_XY), "gyro_axes", "(y, x, z)"),
    "sensor turned": (lambda s: _change(s, TURN_Z, TURN_Z), "gyro_axes", "(-y, x, z)"),
    "sensor tilted": (lambda s: _change(s, TILT, TILT), "gyro_axes", "turned by 27 deg"),
    "T_BS turned": (lambda s: turn_cameras(s, TURN_Z), "gyro_axes", "T_BS"),
    "T_BS inverted": (_invert_rotation, "gyro_axes", "inverted"),
    "accel turned": (lambda s: _change(s, accel=TURN_Z), "accel_axes", "(y, -x, z)"),
    "accel swapped": (lambda s: _change(s, accel=SWAP_XY), "accel_axes", "(y, x, z)"),
    "accel mirrored": (lambda s: _change(s, accel=-np.eye(3)), "accel_axes", "(-x, -y, -z)"),
    "images 30 ms late": (lambda s: _shift(s, -0.03), "time_offset", "ms late"),
    "images 30 ms early": (lambda s: _shift(s, 0.03), "time_offset", "ms early"),
    "no parallax": (_move_away, "no_parallax", "no parallax"),
}


def faulty(name: str, seed: int, seconds: float = 8.0) -> Simulation:
    """Return a simulation with a fault ("none": without)."""
    sim = Simulation(seed, seconds=seconds)
    if name != "none":
        FAULTS[name][0](sim)
    return sim


def diagnose(
    sim: Simulation, status: Status = Status.INITIALIZING, keyframe_every: int = 8
) -> dict[str, str]:
    """Return what a Diagnosis finds in a simulation whose frames all have one status.

    Stereo matches are in the keyframes only.
    """
    diagnosis = Diagnosis(sim.rig)
    before = None
    imu = sim.imu
    for k, frame in enumerate(sim._frames):
        data = np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3))
        if before is not None:
            data = intervals(imu.t_ns, imu.gyro_rad_s, imu.accel_m_s2, before, frame.t_ns)
        count = len(frame.ids)
        is_keyframe = k % keyframe_every == 0
        rays = np.full((count, 4), np.nan)
        rays[:, :2] = sim.rig.left.unproject(frame.uv_left)
        stereo = np.isfinite(frame.uv_right[:, 0]) & is_keyframe
        rays[stereo, 2:] = sim.rig.right.unproject(frame.uv_right[stereo])
        tracks = Tracks(
            k, frame.t_ns, frame.ids, frame.uv_left, frame.uv_right, np.ones(count, np.int32),
            np.ones(count, np.float32), is_keyframe,
        )  # fmt: skip
        diagnosis.add_frame(StereoFrame(frame.t_ns, None, None), tracks, rays, before, *data)
        diagnosis.add_state(frame.t_ns, status)
        before = frame.t_ns
    return diagnosis.found
