# SPDX-License-Identifier: Apache-2.0
"""Write recordings as ROS 1 and ROS 2 bags for the tests of vio/datasets/bags."""

import io
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from vio.datasets.base import Dataset

RAW, PACKED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
IMU, POSE = "sensor_msgs/msg/Imu", "geometry_msgs/msg/PoseStamped"
LEFT, RIGHT, SENSOR, TRUTH = "/cam0/image_raw", "/cam1/image_raw", "/imu0", "/ground_truth/pose"
_STORES = {1: get_typestore(Stores.ROS1_NOETIC), 2: get_typestore(Stores.ROS2_HUMBLE)}


@dataclass
class Kind:
    """Hold the form of a bag: ros 1 or 2, plugin, compression."""

    ros: int
    plugin: str = ""
    compression: str = ""
    ending: str = field(init=False)

    def __post_init__(self) -> None:
        self.ending = ".bag" if self.ros == 1 else ""

    def __str__(self) -> str:
        return f"ros{self.ros} {self.plugin} {self.compression}".strip()


KINDS = [
    Kind(1),
    Kind(1, compression="bz2"),
    Kind(1, compression="lz4"),
    Kind(2, "sqlite3"),
    Kind(2, "sqlite3", "message"),
    Kind(2, "sqlite3", "file"),
    Kind(2, "mcap"),
    Kind(2, "mcap", "storage"),
    Kind(2, "mcap", "message"),
]


def types(ros: int) -> dict[str, Any]:
    """Return the classes of the messages of a version of ROS."""
    return _STORES[ros].types


def header(ros: int, t_ns: int, frame: str = "") -> Any:
    """Return a std_msgs/Header."""
    known = types(ros)
    stamp = known["builtin_interfaces/msg/Time"](t_ns // 10**9, t_ns % 10**9)
    if ros == 1:
        return known["std_msgs/msg/Header"](seq=0, stamp=stamp, frame_id=frame)
    return known["std_msgs/msg/Header"](stamp=stamp, frame_id=frame)


def raw_message(
    ros: int,
    t_ns: int,
    data: np.ndarray,
    encoding: str = "mono8",
    size: tuple[int, int] | None = None,
    big: int = 0,
) -> Any:
    """Return a sensor_msgs/Image of data (height, bytes of a row)."""
    height, step = data.shape
    width, height = size or (step, height)
    return types(ros)[RAW](
        header(ros, t_ns), height, width, encoding, big, step, np.ascontiguousarray(data).ravel()
    )


def packed_message(ros: int, t_ns: int, data: bytes, form: str = "png") -> Any:
    """Return a sensor_msgs/CompressedImage of a file's bytes."""
    return types(ros)[PACKED](header(ros, t_ns), form, np.frombuffer(data, np.uint8))


def png(image: np.ndarray) -> bytes:
    """Return an image as PNG."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def imu_message(ros: int, t_ns: int, gyro: np.ndarray, accel: np.ndarray) -> Any:
    """Return a sensor_msgs/Imu."""
    known = types(ros)
    vector, zeros = known["geometry_msgs/msg/Vector3"], np.zeros(9)
    one = known["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0)
    w, a = (vector(*(float(v) for v in values)) for values in (gyro, accel))
    return known[IMU](header(ros, t_ns), one, zeros, w, zeros, a, zeros)


def pose_of(ros: int, p: np.ndarray, q: np.ndarray) -> Any:
    """Return a geometry_msgs/Pose of a position and a quaternion wxyz."""
    known = types(ros)
    point = known["geometry_msgs/msg/Point"](*(float(v) for v in p))
    w, x, y, z = (float(v) for v in q)
    return known["geometry_msgs/msg/Pose"](point, known["geometry_msgs/msg/Quaternion"](x, y, z, w))


# topic, type, time of arrival, message
Entry = tuple[str, str, int, Any]


def entries(data: Dataset, ros: int, packed: bool = False) -> list[Entry]:
    """Return a recording as messages in the order of their stamps."""
    out: list[Entry] = []
    for frame in data.frames():
        for topic, image in ((LEFT, frame.left), (RIGHT, frame.right)):
            if image is None:
                continue
            if packed:
                message = packed_message(ros, frame.t_ns, png(image))
                out.append((topic + "/compressed", PACKED, frame.t_ns, message))
            else:
                out.append((topic, RAW, frame.t_ns, raw_message(ros, frame.t_ns, image)))
    for t, w, a in zip(data.imu.t_ns, data.imu.gyro_rad_s, data.imu.accel_m_s2, strict=True):
        out.append((SENSOR, IMU, int(t), imu_message(ros, int(t), w, a)))
    truth = data.ground_truth
    if truth is not None:
        for t, p, q in zip(truth.t_ns, truth.p_world_body, truth.q_world_body, strict=True):
            pose = types(ros)[POSE](header(ros, int(t)), pose_of(ros, p, q))
            out.append((TRUTH, POSE, int(t), pose))
    return sorted(out, key=lambda e: e[2])


def write_bag(
    path: Path,
    messages: Iterable[Entry],
    kind: Kind,
    edit: Callable[[bytes, str], bytes] | None = None,
    definition: Callable[[str, str], tuple[str, str] | None] | None = None,
) -> Path:
    """Write messages in the order given; return the bag's file or folder.

    edit: what changes a message's bytes, given those and the topic. definition: what gives another
    definition and digest, given topic and type.
    """
    path = path.with_name(path.name + kind.ending)
    store = _STORES[kind.ros]
    with ExitStack() as stack:
        if kind.ros == 1:
            writer: Any = Writer1(path)
            if kind.compression:
                writer.set_compression(Writer1.CompressionFormat[kind.compression.upper()])
        else:
            writer = Writer2(path, version=9, storage_plugin=StoragePlugin[kind.plugin.upper()])
            if kind.compression:
                mode = CompressionMode[kind.compression.upper()]
                writer.set_compression(mode, CompressionFormat.ZSTD)
        stack.enter_context(writer)
        connections: dict[str, Any] = {}
        for topic, name, arrival, message in messages:
            if topic not in connections:
                other = definition(topic, name) if definition else None
                more: dict[str, Any] = {"typestore": store}
                if other is not None:
                    more |= {"msgdef": other[0], "md5sum" if kind.ros == 1 else "rihs01": other[1]}
                connections[topic] = writer.add_connection(topic, name, **more)
            serialize = store.serialize_ros1 if kind.ros == 1 else store.serialize_cdr
            data = bytes(serialize(message, name))
            writer.write(connections[topic], arrival, edit(data, topic) if edit else data)
    return path
