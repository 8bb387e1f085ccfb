# SPDX-License-Identifier: Apache-2.0
"""Send the poses of a recording to an autopilot: MAVLink ODOMETRY over UDP, as they are estimated.

    pip install 'kestrel-vio[mavlink]'
    python examples/px4.py RECORDING --to 127.0.0.1:14540

Frames: the local one has x forward at the start, y right and z down (MAV_FRAME_LOCAL_FRD; its yaw
is the odometry's, which knows no north), and so has the body (MAV_FRAME_BODY_FRD). The odometry's
world has z up, and its body is the inertial sensor: --mounting says how that sits in the vehicle.
"""

import argparse
import ipaddress
import math
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from vio import make_odometry
from vio.config import load_config
from vio.data import State
from vio.datasets import open_dataset
from vio.errors import VioError
from vio.geometry import hat, matrix_from_quaternion, quaternion_from_matrix

FLIP = np.diag([1.0, -1.0, -1.0])  # z up to z down, about x
LOCAL_FRD, BODY_FRD = 20, 12  # MAV_FRAME
VIO = 3  # MAV_ESTIMATOR_TYPE_VIO


def rotation(roll_deg: float, pitch_deg: float, yaw_deg: float) -> np.ndarray:
    """Return R = Rz(yaw) Ry(pitch) Rx(roll)."""
    (sr, cr), (sp, cp), (sy, cy) = (
        (math.sin(a), math.cos(a)) for a in np.radians([roll_deg, pitch_deg, yaw_deg])
    )
    Rx = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    Ry = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    Rz = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return Rz @ Ry @ Rx


@dataclass(frozen=True)
class Sender:
    """Turn states into ODOMETRY messages; R_frd_body: (3, 3), inertial sensor to vehicle."""

    link: Any  # pymavlink's MAVLink
    R_frd_body: np.ndarray
    gyro_noise_rad_s: float  # standard deviation of one sample

    def fields(self, state: State, gyro_rad_s: np.ndarray) -> dict[str, Any] | None:
        """Return the fields of a message; None for a state without a pose.

        gyro_rad_s: (3,), the sample at the state's time.
        """
        if state.p_world_body is None or state.q_world_body is None:
            return None
        assert state.v_world_body is not None
        assert state.gyro_bias_rad_s is not None
        assert state.covariance is not None
        R_world_body = matrix_from_quaternion(state.q_world_body)
        R_local_frd = FLIP @ R_world_body @ self.R_frd_body.T
        to_frd = self.R_frd_body @ R_world_body.T  # world coordinates to the vehicle's
        rate = self.R_frd_body @ (gyro_rad_s - state.gyro_bias_rad_s)
        # Rotation (world axes), position, velocity, gyroscope bias -> position, rotation.
        C = state.covariance
        pose = np.zeros((6, 15))
        pose[:3, 3:6] = FLIP
        pose[3:, :3] = FLIP
        # Velocity in the vehicle's frame: the rotation's error enters by [v]x.
        twist = np.zeros((6, 15))
        twist[:3, 6:9] = to_frd
        twist[:3, :3] = to_frd @ hat(state.v_world_body)
        twist[3:, 9:12] = -self.R_frd_body
        twist_covariance = twist @ C @ twist.T
        twist_covariance[3:, 3:] += self.gyro_noise_rad_s**2 * np.eye(3)
        upper = np.triu_indices(6)
        x, y, z = (float(v) for v in FLIP @ state.p_world_body)
        vx, vy, vz = (float(v) for v in to_frd @ state.v_world_body)
        quality = {"tracking": 100, "unscaled": 30, "contradicted": 30, "inertial": 10}.get(
            state.status.value, 1
        )
        return {
            "time_usec": state.t_ns // 1000,
            "frame_id": LOCAL_FRD,
            "child_frame_id": BODY_FRD,
            "x": x,
            "y": y,
            "z": z,
            "q": [float(v) for v in quaternion_from_matrix(np.ascontiguousarray(R_local_frd))],
            "vx": vx,
            "vy": vy,
            "vz": vz,
            "rollspeed": float(rate[0]),
            "pitchspeed": float(rate[1]),
            "yawspeed": float(rate[2]),
            "pose_covariance": [float(v) for v in (pose @ C @ pose.T)[upper]],
            "velocity_covariance": [float(v) for v in twist_covariance[upper]],
            "reset_counter": state.segment % 256,  # a new segment is a new world
            "estimator_type": VIO,
            "quality": quality,
        }

    def send(self, state: State, gyro_rad_s: np.ndarray) -> bool:
        """Send a state; return whether it had a pose."""
        fields = self.fields(state, gyro_rad_s)
        if fields is not None:
            self.link.odometry_send(**fields)
        return fields is not None


class Socket:
    """Send what is written, each piece as one datagram; one that nobody takes is lost."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)

    def write(self, data: bytes) -> None:
        with suppress(ConnectionRefusedError):
            self._socket.sendto(data, self._to)

    def close(self) -> None:
        self._socket.close()


def connect(address: str) -> Any:
    """Return MAVLink 2 to a loopback address; raises VioError for any other."""
    host, _, port = address.rpartition(":")
    try:
        local = ipaddress.ip_address(host.strip("[]")).is_loopback and 0 < int(port) < 65536
    except ValueError:
        local = False
    if not local:
        raise VioError(
            f"{address!r} is no loopback address with a port, e.g. 127.0.0.1:14540; let a router "
            "on this machine (mavlink-router, MAVProxy) pass messages on to a vehicle"
        )
    try:
        from pymavlink.dialects.v20 import common
    except ImportError:
        raise VioError("pymavlink is missing: pip install 'kestrel-vio[mavlink]'") from None
    target = Socket(host.strip("[]"), int(port))
    return common.MAVLink(
        target, srcSystem=1, srcComponent=common.MAV_COMP_ID_VISUAL_INERTIAL_ODOMETRY
    )


def main() -> None:
    """Run the odometry on a recording and send each pose when its frame would have come."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", help="a recording that `vio run` reads")
    parser.add_argument("--to", default="127.0.0.1:14540", help="address (default: PX4's, here)")
    parser.add_argument(
        "--mounting",
        default="180,0,0",
        metavar="R,P,Y",
        help="rotation from the inertial sensor to the vehicle's forward-right-down, roll, pitch "
        "and yaw in degrees (default 180,0,0: a sensor with x forward, y left, z up)",
    )
    parser.add_argument("--fast", action="store_true", help="do not wait for the recording's times")
    args = parser.parse_args()
    try:
        roll, pitch, yaw = (float(v) for v in args.mounting.split(","))
    except ValueError:
        parser.error("--mounting takes three numbers of degrees, e.g. 180,0,0")

    dataset = open_dataset(args.recording)
    noise = dataset.imu_noise
    sigma = noise.gyro_noise * math.sqrt(noise.rate_hz)
    sender = Sender(connect(args.to), rotation(roll, pitch, yaw), sigma)
    odometry = make_odometry(dataset.rig, noise, load_config("euroc"))
    imu, at, sent = dataset.imu, 0, 0
    begin, first = time.monotonic(), int(dataset.frame_t_ns[0])
    for frame in dataset.frames():
        while at < len(imu) and imu.t_ns[at] <= frame.t_ns:
            odometry.add_imu(int(imu.t_ns[at]), imu.gyro_rad_s[at], imu.accel_m_s2[at])
            at += 1
        if at < len(imu):  # the sample behind the frame covers its time
            odometry.add_imu(int(imu.t_ns[at]), imu.gyro_rad_s[at], imu.accel_m_s2[at])
            at += 1
        if not args.fast:
            time.sleep(max(0.0, begin + (frame.t_ns - first) / 1e9 - time.monotonic()))
        sent += sender.send(odometry.add_frame(frame), imu.gyro_rad_s[max(at - 1, 0)])
    print(f"{sent} ODOMETRY messages sent to {args.to}")


if __name__ == "__main__":
    main()
