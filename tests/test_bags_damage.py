# SPDX-License-Identifier: Apache-2.0
"""Bags that are damaged, foreign or hostile end in one line, or are read as far as they go."""

import bz2
import re
import shutil
import sqlite3
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.typesys import store as typestore

from tests import bags
from tests.bags import IMU, KINDS, LEFT, SENSOR, TRUTH, Entry, Kind, entries, write_bag
from tests.conftest import FRAMES
from tests.test_bags import MCAP, ROS1, SQLITE, place
from vio.datasets import open_dataset
from vio.datasets.bags import library
from vio.datasets.bags.library import rosbags
from vio.datasets.bags.source import Source
from vio.datasets.bags.types import KNOWN, parse_fields
from vio.errors import VioError

__all__ = ["place"]  # a fixture


def small(recording: Path, place: Path, kind: Kind, name: str = "rec", **options: Any) -> Path:
    """Write the tiny recording as a bag and return its one file."""
    path = write_bag(place / name, entries(open_dataset(recording), kind.ros), kind, **options)
    if path.is_dir():
        file = next(p for p in path.iterdir() if p.name != "metadata.yaml")
        file = file.rename(place / file.name)
        shutil.rmtree(path)
        return file
    return path


def test_a_bag_without_index_is_one_line_that_says_how_to_make_one(
    recording: Path, place: Path
) -> None:
    path = small(recording, place, ROS1)
    data = bytearray(path.read_bytes())
    at = data.index(b"index_pos=") + 10
    data[at : at + 8] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(VioError, match=r"has no index, because .* `rosbag reindex rec.bag`"):
        open_dataset(path)
    active = path.rename(place / "rec.bag.active")
    with pytest.raises(VioError, match=r"has no index, because .* `rosbag reindex rec.bag.active`"):
        open_dataset(active)
    active.unlink()
    path = small(recording, place, MCAP)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(VioError, match=r"has no index, .* `mcap recover rec.mcap -o recovered"):
        open_dataset(path)
    path = small(recording, place, SQLITE)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(VioError, match=r"cannot be read as a bag .*`sqlite3 rec.db3 .recover"):
        open_dataset(path)
    for name in ("empty.bag", "empty.db3", "empty.mcap"):
        (place / name).write_bytes(b"")
        with pytest.raises(VioError, match="it is empty"):
            open_dataset(place / name)


def test_messages_left_in_the_log_of_a_database_are_reported(recording: Path, place: Path) -> None:
    path = small(recording, place, SQLITE)
    path.with_name("rec.db3-wal").write_bytes(b"x")
    assert any("was not closed: messages in rec.db3-wal" in w for w in open_dataset(path).warnings)
    odd = path.rename(place / "a?b#%20.db3")
    assert len(list(open_dataset(odd).frames())) == FRAMES


@pytest.mark.parametrize("kind", [ROS1, KINDS[2], SQLITE, MCAP, KINDS[7]], ids=str)
def test_behind_a_damaged_place_a_bag_goes_on(kind: Kind, recording: Path, place: Path) -> None:
    folder = open_dataset(recording)
    rng = np.random.default_rng(1)

    count = [0]

    def edit(data: bytes, topic: str) -> bytes:  # so large that chunks are short in time
        count[0] += topic == TRUTH
        return data + rng.bytes(400_000) if topic == TRUTH and count[0] % 10 == 0 else data

    path = small(recording, place, kind, edit=edit)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = rng.bytes(3000)
    path.write_bytes(data)
    source = Source(topics={"truth": TRUTH})
    found = open_dataset(path, source=source)
    frames = list(found.frames())
    assert FRAMES // 2 <= len(frames) <= FRAMES
    assert frames[0].t_ns == folder.frame_t_ns[0]
    if kind.compression:
        assert any("is damaged" in w for w in found.warnings)
        assert frames[-1].t_ns == folder.frame_t_ns[-1]


@pytest.mark.parametrize("kind", [ROS1, SQLITE, MCAP], ids=str)
def test_a_definition_in_a_file_is_compared_and_never_compiled(
    kind: Kind, recording: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = rosbags().store1 if kind.ros == 1 else rosbags().store2
    for name in set(KNOWN) & set(store.fielddefs):  # the library's own are compiled once, here
        store.get_msgdef(name)
    text, _ = store.generate_msgdef(IMU, ros_version=kind.ros)
    hostile = text + "=" * 80 + "\nMSG: evil/Code\nint32 x=__import__('os').abort()\n"
    wrong = text.replace("orientation\n", "attitude\n", 1)
    digest = store.generate_msgdef(IMU)[1] if kind.ros == 1 else store.hash_rihs01(IMU)

    def refuse(*_: object) -> None:
        raise AssertionError("a definition was handed to the code generator")

    def bag(name: str, text: str, digest: str) -> Path:
        def definition(topic: str, _: str) -> tuple[str, str] | None:
            return (text, digest) if topic == SENSOR else None

        return small(recording, place, kind, name, definition=definition)

    paths = [
        bag("hostile", hostile, digest),
        bag("wrong", wrong, digest),
        bag("md5", text, "0" * 32),
    ]
    monkeypatch.setattr(typestore, "generate_python_code", refuse)
    monkeypatch.setattr(typestore.Typestore, "register", refuse)
    assert len(list(open_dataset(paths[0]).frames())) == FRAMES
    with pytest.raises(VioError, match="its definition of sensor_msgs/Imu is not the standard one"):
        open_dataset(paths[1], source=Source(topics={"imu": SENSOR}))
    with pytest.raises(VioError, match=r"open which topic is imu.*unreadable: its definition"):
        open_dataset(paths[1])
    if kind is MCAP:  # mcap states no digest
        assert len(list(open_dataset(paths[2]).frames())) == FRAMES
    else:
        with pytest.raises(VioError, match=r"unreadable: its checksum is '0000"):
            open_dataset(paths[2])


def test_definitions_are_compared_without_comments_constants_and_defaults() -> None:
    text = "# a\nint32 A=1\nHeader header # b\nVector3[] v\nstring<=5 s 'x'\n" + "=" * 80
    text += "\nMSG: std_msgs/msg/Header\ntime stamp\n"
    assert parse_fields(text, "geometry_msgs/msg/X") == {
        "geometry_msgs/X": [
            ("std_msgs/Header", "header"),
            ("geometry_msgs/Vector3[]", "v"),
            ("string<=5", "s"),
        ],
        "std_msgs/Header": [("time", "stamp")],
    }


def pose_entries(folder: Any, ros: int, kind: str, several: bool = False) -> list[Entry]:
    """Return a recording whose ground truth is of another type."""
    known = bags.types(ros)
    out: list[Entry] = []
    poses = 0
    for topic, name, t, message in entries(folder, ros):
        if topic != TRUTH:
            out.append((topic, name, t, message))
            continue
        pose = message.pose
        poses += 1
        head = bags.header(ros, t, "world" if poses % 2 or not several else "map")
        if kind in ("geometry_msgs/msg/PoseWithCovarianceStamped", "nav_msgs/msg/Odometry"):
            inner = known["geometry_msgs/msg/PoseWithCovariance"](pose, np.zeros(36))
            more: list[Any] = [inner]
            if kind.startswith("nav"):
                zero = known["geometry_msgs/msg/Vector3"](0.0, 0.0, 0.0)
                twist = known["geometry_msgs/msg/Twist"](zero, zero)
                covariance = known["geometry_msgs/msg/TwistWithCovariance"](twist, np.zeros(36))
                more = ["body", inner, covariance]
            made = known[kind](head, *more)
        else:
            p = pose.position
            shift = known["geometry_msgs/msg/Vector3"](p.x, p.y, p.z)
            transform = known["geometry_msgs/msg/Transform"](shift, pose.orientation)
            made = known["geometry_msgs/msg/TransformStamped"](head, "body", transform)
            if kind == "tf2_msgs/msg/TFMessage":
                made = known[kind]([made])
        out.append((topic, kind, t, made))
    return out


@pytest.mark.parametrize(
    ("ros", "name"),
    [
        (1, "geometry_msgs/msg/PoseWithCovarianceStamped"),
        (2, "nav_msgs/msg/Odometry"),
        (1, "geometry_msgs/msg/TransformStamped"),
        (2, "tf2_msgs/msg/TFMessage"),
    ],
)
def test_poses_odometry_and_transforms_are_ground_truth(
    ros: int, name: str, recording: Path, place: Path
) -> None:
    folder = open_dataset(recording)
    kind = ROS1 if ros == 1 else SQLITE
    truth = folder.ground_truth
    data = open_dataset(write_bag(place / "rec", pose_entries(folder, ros, name), kind))
    assert data.topics["truth"] == TRUTH
    assert truth is not None
    assert data.ground_truth is not None
    assert data.ground_truth.p_world_body.tolist() == truth.p_world_body.tolist()
    assert data.ground_truth.t_ns.tolist() == truth.t_ns.tolist()
    if "Transform" in name or "TF" in name:
        data = open_dataset(write_bag(place / "two", pose_entries(folder, ros, name, True), kind))
        assert data.ground_truth is None
        assert "several frames (map -> body, world -> body)" in data.truth_error


def test_packed_data_that_would_fill_the_memory_is_refused() -> None:
    zeros = bytes(2**25)
    for pack, unpack in (
        (bz2.compress, library.unpack_bz2),
        (__import__("lz4.frame").frame.compress, library.unpack_lz4),
        (library.zstd().compress, library.unpack_zstd),
    ):
        assert unpack(pack(zeros[: 2**24])) == zeros[: 2**24]
        with pytest.raises(OSError, match="bytes unpack to more than"):
            unpack(pack(zeros))
        with pytest.raises((OSError, RuntimeError, ValueError, EOFError)):
            unpack(pack(np.random.default_rng(1).bytes(10_000))[:-5000])


def test_bombs_inside_of_bags_are_refused(
    recording: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "FREE_RECORD_BYTES", 10_000)
    monkeypatch.setattr(library, "MAX_RATIO", 1)
    for number, kind in enumerate((KINDS[1], KINDS[2], KINDS[7])):
        path = small(recording, place, kind, f"b{number}")
        with pytest.raises(VioError, match="no image can be decoded"):
            open_dataset(path)


def test_an_index_that_multiplies_the_file_is_refused(recording: Path, place: Path) -> None:
    path = small(recording, place, ROS1)
    data = path.read_bytes()
    at = data.index(b"index_pos=") + 10
    (start,) = struct.unpack_from("<Q", data, at)
    tail = data[start:]
    record = tail[_last_record(tail) :]
    count = data.index(b"chunk_count=") + 12
    grown = data[:count] + struct.pack("<I", 3_000) + data[count + 4 :] + record * 2_999
    path.write_bytes(grown)
    # Each repetition of the one chunk would read its index again.
    with pytest.raises(VioError, match="its index is larger than the file"):
        open_dataset(path)


def _last_record(tail: bytes) -> int:
    """Return where the last record begins in the records at a bag's end."""
    at = last = 0
    while at < len(tail):
        last = at
        for _ in range(2):  # header, data
            (size,) = struct.unpack_from("<I", tail, at)
            at += 4 + size
    return last


@pytest.mark.parametrize(
    "script",
    [
        "DROP TABLE messages; CREATE VIEW messages AS WITH RECURSIVE c(id) AS (SELECT 1 UNION ALL "
        "SELECT id + 1 FROM c) SELECT id, 1 AS topic_id, id AS timestamp, x'' AS data FROM c;",
        "DROP TABLE messages; CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, "
        "timestamp INTEGER, n INTEGER, data BLOB AS (zeroblob(n)));"
        "INSERT INTO messages(topic_id, timestamp, n) SELECT id, id, 900000000 FROM topics;",
        "UPDATE messages SET timestamp = 'x';",
        "UPDATE messages SET data = 7;",
        "UPDATE topics SET type = 7;",
    ],
)
def test_a_database_with_code_or_nonsense_is_refused(
    script: str, recording: Path, place: Path
) -> None:
    path = small(recording, place, SQLITE)
    with sqlite3.connect(path) as connection:
        connection.executescript(script)
    connection.close()
    with pytest.raises(VioError) as caught:
        open_dataset(path)
    assert re.search(
        r"missing tables|no image can be|open which topic|cannot be read", str(caught.value)
    )


def test_a_link_a_device_and_a_folder_are_no_bags(recording: Path, place: Path) -> None:
    (place / "a.bag").symlink_to("/dev/zero")
    with pytest.raises(VioError, match=r"neither a folder nor a readable zip|no regular file"):
        open_dataset(place / "a.bag")
    (place / "a.bag").unlink()
    (place / "b.mcap").mkdir()
    with pytest.raises(VioError, match="is not an EuRoC/ASL recording"):
        open_dataset(place / "b.mcap")
    small(recording, place, ROS1)
    small(recording, place, MCAP)
    with pytest.raises(VioError, match=r"holds files of \.bag and \.mcap: give one of them"):
        open_dataset(place)


def test_the_missing_library_is_named(
    recording: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    path = small(recording, place, ROS1)
    rosbags.cache_clear()
    monkeypatch.setitem(sys.modules, "rosbags.rosbag1", None)
    with pytest.raises(VioError, match=r"pip install 'kestrel-vio\[bags\]'"):
        open_dataset(path)
    monkeypatch.undo()
    assert LEFT in open_dataset(path).topics.values()
