# SPDX-License-Identifier: Apache-2.0
"""Standard message types: compare the definitions of a bag with them, and unpack messages.

Only the library's own definitions are ever used to unpack a message. What a bag embeds is text that
is compared with them.
"""

import struct
from functools import cache
from typing import Any

from vio.datasets.bags.library import rosbags
from vio.errors import VioError
from vio.limits import quoted

RAW = "sensor_msgs/msg/Image"
PACKED = "sensor_msgs/msg/CompressedImage"
IMU = "sensor_msgs/msg/Imu"
ODOMETRY = "nav_msgs/msg/Odometry"
POSE = "geometry_msgs/msg/PoseStamped"
POSE_COVARIANCE = "geometry_msgs/msg/PoseWithCovarianceStamped"
TRANSFORM = "geometry_msgs/msg/TransformStamped"
TRANSFORMS = "tf2_msgs/msg/TFMessage"
IMAGES = (RAW, PACKED)
TRUTHS = (POSE, POSE_COVARIANCE, ODOMETRY, TRANSFORM, TRANSFORMS)
KNOWN = (*IMAGES, IMU, *TRUTHS)

_MAX_DEFINITION = 65_536
_ANY = ("", "*")  # digests that say nothing

Fields = dict[str, list[tuple[str, str]]]


def parse_fields(text: str, name: str) -> Fields:
    """Return {type: [(type of a field, its name)]} of a definition with those it depends on.

    Comments, constants and defaults are left out; names of types are written package/Type.
    """
    sections: Fields = {}
    current = name.replace("/msg/", "/")
    for part in text.split("\n" + "=" * 80):
        lines = part.lstrip("=").strip().splitlines()
        if lines and lines[0].startswith("MSG:"):
            current = lines.pop(0)[4:].strip().replace("/msg/", "/")
        package = current.partition("/")[0]
        fields = []
        for line in lines:
            words = line.partition("#")[0].split()
            if len(words) >= 2 and "=" not in "".join(words[1:]):
                fields.append((_full(words[0], package), words[1]))
        sections[current] = fields
    return sections


def _full(kind: str, package: str) -> str:
    base, bracket, rest = kind.replace("/msg/", "/").partition("[")
    if base == "Header":
        base = "std_msgs/Header"
    elif base[:1].isupper() and "/" not in base:
        base = f"{package}/{base}"
    return base + bracket + rest


@cache
def _standard(name: str, ros: int) -> tuple[Fields, str]:
    """Return the fields of a standard type and its digest, as that version of ROS states it."""
    store = rosbags().store1 if ros == 1 else rosbags().store2
    text, md5 = store.generate_msgdef(name, ros_version=ros)
    return parse_fields(text, name), md5 if ros == 1 else store.hash_rihs01(name)


def unlike_standard(connection: Any, ros: int) -> str:
    """Return how a connection's definition differs from the standard one; empty when it does not.

    connection: the library's, of one of KNOWN.
    """
    name, text = connection.msgtype, connection.msgdef.data
    if name not in (rosbags().store1 if ros == 1 else rosbags().store2).fielddefs:
        return f"no standard definition of {name} is known for ROS {ros}"
    fields, digest = _standard(name, ros)
    if connection.digest not in _ANY and connection.digest != digest:
        return f"its checksum is {quoted(connection.digest)}, that of {name} is {digest!r}"
    if not text.strip():
        return ""
    if connection.msgdef.format.name != "MSG":
        agreed = connection.digest not in _ANY
        return "" if agreed else "its definition is in IDL, without a checksum to compare"
    if len(text) > _MAX_DEFINITION:
        return f"its definition is longer than {_MAX_DEFINITION} characters"
    found = parse_fields(text, name)
    for part, wanted in fields.items():
        if found.get(part) != wanted:
            return f"its definition of {part} is not the standard one"
    return ""


def unpack(data: bytes, name: str, ros: int) -> Any:
    """Return a message of one of KNOWN; raises VioError when the bytes are none."""
    try:
        if ros == 1:
            return rosbags().store1.deserialize_ros1(memoryview(data), name)
        return rosbags().store2.deserialize_cdr(memoryview(data), name)
    except Exception as error:  # of generated code on bytes from a stranger: any
        raise VioError(
            f"a message is damaged: {type(error).__name__} {quoted(str(error))}"
        ) from None


_SEC_NSEC = {0: struct.Struct(">iI"), 1: struct.Struct("<iI")}


def header_stamp_ns(data: bytes, ros: int) -> int:
    """Return the stamp of the header with which every type of KNOWN but TRANSFORMS begins.

    Raises VioError for a message that is too short.
    """
    try:
        if ros == 1:  # seq, then the stamp
            seconds, nanoseconds = struct.unpack_from("<II", data, 4)
        else:  # two bytes of encoding, the second of which gives the byte order, two of options
            seconds, nanoseconds = _SEC_NSEC[data[1]].unpack_from(data, 4)
    except (struct.error, IndexError, KeyError):
        raise VioError(f"a message of {len(data)} bytes has no header") from None
    return int(seconds) * 10**9 + int(nanoseconds)
