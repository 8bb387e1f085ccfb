# SPDX-License-Identifier: Apache-2.0
"""Write a ROS 2 bag of odometry and points, without ROS."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vio.datasets.bags.library import rosbags
from vio.datasets.bags.types import ODOMETRY
from vio.errors import VioError
from vio.geometry import hat, matrix_from_quaternion
from vio.limits import reason

CLOUD = "sensor_msgs/msg/PointCloud2"
STORAGES = ("sqlite3", "mcap")
TOPIC, CLOUD_TOPIC = "/kestrel/odometry", "/kestrel/landmarks"
UNKNOWN = 1e9  # variance of what is not estimated, the angular velocity; (rad/s)^2
_FLOAT32 = 7  # sensor_msgs/PointField


@dataclass(frozen=True)
class Odometry:
    """Hold one state to write: all in the world of its segment, the body being the IMU.

    p_world_body, v_world_body: (3,). q_world_body: (4,) wxyz. covariance: (9, 9) of rotation (world
    axes, rad), position (m) and velocity (m/s).
    """

    t_ns: int
    segment: int
    p_world_body: np.ndarray
    q_world_body: np.ndarray
    v_world_body: np.ndarray
    covariance: np.ndarray


def world_frame(segment: int) -> str:
    """Return the name of a segment's world: segments do not share one."""
    return f"odom_{segment}"


def pose_covariance(covariance: np.ndarray) -> np.ndarray:
    """Return (6, 6) in ROS's order, position then rotation about the fixed axes."""
    order = [3, 4, 5, 0, 1, 2]
    return covariance[np.ix_(order, order)]


def body_velocity(state: Odometry) -> tuple[np.ndarray, np.ndarray]:
    """Return the velocity (3,) in body coordinates and its covariance (3, 3).

    With R true = exp(theta) R: R'v moves by R'(dv + [v]x theta), so that the rotation's uncertainty
    enters as well.
    """
    R = matrix_from_quaternion(state.q_world_body)
    J = np.zeros((3, 9))
    J[:, :3] = R.T @ hat(state.v_world_body)
    J[:, 6:] = R.T
    return R.T @ state.v_world_body, J @ state.covariance @ J.T


def write_ros2(
    path: Path, states: Iterable[Odometry], points: np.ndarray, storage: str = STORAGES[0]
) -> int:
    """Write a bag and return the number of states; points: (M, 3) metres, of the last world.

    nav_msgs/Odometry: pose in odom_N for segment N, twist in the body; its angular velocity is not
    known here, zero with a variance of UNKNOWN. The landmarks come once, with the last state.
    Raises VioError when path is there already or cannot be written.
    """
    library = rosbags()
    from rosbags.rosbag2 import StoragePlugin, Writer

    if path.exists():
        raise VioError(f"{path} is there already; name a new folder")
    known = library.store2.types
    plugin = StoragePlugin[storage.upper()]
    count, last = 0, None
    try:
        with Writer(path, version=9, storage_plugin=plugin) as writer:
            odometry = writer.add_connection(TOPIC, ODOMETRY, typestore=library.store2)
            cloud = writer.add_connection(CLOUD_TOPIC, CLOUD, typestore=library.store2)
            for last in states:
                data = library.store2.serialize_cdr(_odometry(known, last), ODOMETRY)
                writer.write(odometry, last.t_ns, data)
                count += 1
            if last is not None and len(points):
                message = _cloud(known, last, points)
                data = library.store2.serialize_cdr(message, CLOUD)
                writer.write(cloud, last.t_ns, data)
    except OSError as error:
        shutil.rmtree(path, ignore_errors=True)
        raise VioError(f"{path} cannot be written: {reason(error)}") from None
    return count


def _header(known: dict[str, Any], state: Odometry) -> Any:
    seconds, nanoseconds = divmod(state.t_ns, 10**9)
    stamp = known["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    return known["std_msgs/msg/Header"](stamp=stamp, frame_id=world_frame(state.segment))


def _odometry(known: dict[str, Any], state: Odometry) -> Any:
    def of(name: str, *values: Any) -> Any:
        return known[f"geometry_msgs/msg/{name}"](*values)

    w, x, y, z = (float(v) for v in state.q_world_body)
    point = of("Point", *(float(v) for v in state.p_world_body))
    pose = of("Pose", point, of("Quaternion", x, y, z, w))
    velocity, spread = body_velocity(state)
    twist_covariance = np.diag([0.0] * 3 + [UNKNOWN] * 3)
    twist_covariance[:3, :3] = spread
    linear = of("Vector3", *(float(v) for v in velocity))
    twist = of("Twist", linear, of("Vector3", 0.0, 0.0, 0.0))
    return known[ODOMETRY](
        header=_header(known, state),
        child_frame_id="imu",
        pose=of("PoseWithCovariance", pose, pose_covariance(state.covariance).ravel()),
        twist=of("TwistWithCovariance", twist, twist_covariance.ravel()),
    )


def _cloud(known: dict[str, Any], state: Odometry, points: np.ndarray) -> Any:
    field = known["sensor_msgs/msg/PointField"]
    data = np.ascontiguousarray(points, "<f4")
    return known[CLOUD](
        header=_header(known, state),
        height=1,
        width=len(data),
        fields=[field(name, 4 * i, _FLOAT32, 1) for i, name in enumerate("xyz")],
        is_bigendian=False,
        point_step=12,
        row_step=12 * len(data),
        data=np.frombuffer(data.tobytes(), np.uint8),
        is_dense=True,
    )
