# SPDX-License-Identifier: Apache-2.0
"""One pass over a bag: stamps of the images, inertial samples, poses of the ground truth."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vio.camera import Camera
from vio.data import ImuData
from vio.datasets.bags import types
from vio.datasets.bags.pixels import GREY, packed_image, raw_image
from vio.datasets.bags.storage import Bag
from vio.datasets.bags.topics import LEFT, RIGHT, SENSOR, TRUTH
from vio.datasets.base import add_warning
from vio.datasets.images import UNDECODABLE
from vio.errors import VioError
from vio.limits import MAX_STAMP_NS, MAX_VALUE, quoted, reason, shown
from vio.trajectory import Trajectory, normalised

APART_NS = 100_000_000  # header and arrival: what differs by more is named


@dataclass
class Contents:
    """Hold what one pass found; stamps are nanoseconds, sorted, each once.

    image_t_ns: of left, and of right if there is one, (N,) each. imu: the samples. truth: poses, or
    None with the reason in truth_error.
    """

    image_t_ns: list[np.ndarray]
    imu: ImuData
    truth: Trajectory | None
    truth_error: str


@dataclass
class _Gathered:
    stamps: list[int] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)
    damaged: Counter[str] = field(default_factory=Counter)


class ImageReader:
    """Turn the messages of one camera's topic into grey images of the calibrated size."""

    def __init__(self, bag: Bag, topic: str, camera: Camera) -> None:
        self.where = f"{bag.path}, {topic}"
        self._type = bag.topics[topic].type
        self._ros = bag.ros
        self._camera = camera

    def decode(self, data: bytes) -> tuple[np.ndarray, str]:
        """Return (height, width) uint8 and the encoding.

        Raises VioError for an unknown encoding and a wrong size, one of UNDECODABLE for damage.
        """
        try:
            message = types.unpack(data, self._type, self._ros)
        except VioError as error:
            raise ValueError(str(error)) from None
        if self._type == types.RAW:
            try:
                pixels, encoding = raw_image(message)
            except VioError as error:
                raise VioError(f"{self.where}: {error}") from None
        else:
            pixels, encoding = packed_image(message)
        wanted = (self._camera.height, self._camera.width)
        if pixels.shape != wanted:
            raise VioError(
                f"{self.where}: an image is {pixels.shape[1]}x{pixels.shape[0]} pixels, but the "
                f"calibration is for {wanted[1]}x{wanted[0]}: correct resolution and intrinsics, "
                "or name the topic that the calibration was made for"
            )
        return np.ascontiguousarray(pixels), encoding


def read_contents(
    bag: Bag, roles: dict[str, str], cameras: Sequence[Camera], by_arrival: bool, images: bool
) -> Contents:
    """Return what a bag holds for these roles; images: whether to check that images are usable.

    What is damaged is left out and added to the bag's warnings. Raises VioError when a role has
    nothing that can be used.
    """
    role_of = {topic: role for role, topic in roles.items()}
    gathered = {role: _Gathered() for role in roles}
    unchecked = {}
    if images:
        sides = [(r, c) for r, c in zip((LEFT, RIGHT), cameras, strict=False) if r in roles]
        unchecked = {role: ImageReader(bag, roles[role], camera) for role, camera in sides}
    poses = _Poses(bag.topics[roles[TRUTH]].type) if TRUTH in roles else None
    for topic, arrival, data in bag.messages(list(role_of)):
        role = role_of[topic]
        found = gathered[role]
        kind = bag.topics[topic].type
        try:
            header = arrival if kind == types.TRANSFORMS else types.header_stamp_ns(data, bag.ros)
            if role == SENSOR:
                row = _sample(types.unpack(data, kind, bag.ros))
            elif role == TRUTH:
                assert poses is not None
                header, row = poses.row(types.unpack(data, kind, bag.ros), header)
            else:
                row = []
                if role in unchecked and _usable(unchecked[role], data, found, bag.warnings):
                    del unchecked[role]
        except VioError as error:
            if role in unchecked and "damaged" not in str(error) and "no header" not in str(error):
                raise
            found.damaged[str(error)] += 1
            continue
        if not row and role == TRUTH:
            continue
        found.stamps.append(arrival if by_arrival else header)
        found.arrivals.append(arrival)
        found.rows.append(row)
    for role, reader in unchecked.items():
        why = next(iter(gathered[role].damaged), "it has no messages")
        raise VioError(f"{reader.where}: no image can be decoded ({why}); record it again")
    return _contents(bag, roles, gathered, by_arrival, poses)


def _usable(reader: ImageReader, data: bytes, found: _Gathered, warnings: list[str]) -> bool:
    """Return whether a message is an image that can be decoded; say once what is converted."""
    try:
        pixels, encoding = reader.decode(data)
    except UNDECODABLE as error:
        found.damaged[f"an image is damaged: {reason(error)}"] += 1
        return False
    if encoding not in GREY:
        upper = "their upper 8 bits" if encoding in ("mono16", "16uc1") else "grey"
        add_warning(warnings, f"{reader.where}: {encoding} images are converted to {upper}")
        if "16" in encoding and pixels.max() < 2**5:
            add_warning(
                warnings,
                f"{reader.where}: no value of a 16-bit image is above {int(pixels.max()) << 8}; "
                "the upper 8 of 16 bits are taken, so that images will be dark",
            )
    return True


def _sample(message: Any) -> list[float]:
    w, a = message.angular_velocity, message.linear_acceleration
    row = [float(v) for v in (w.x, w.y, w.z, a.x, a.y, a.z)]
    if not all(abs(v) <= MAX_VALUE for v in row):
        raise VioError(f"an inertial sample is damaged: {shown(row)}")
    return row


class _Poses:
    """Take position and quaternion (wxyz) out of the messages of a ground truth."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self.frames: Counter[tuple[str, str]] = Counter()

    def row(self, message: Any, stamp: int) -> tuple[int, list[float]]:
        """Return the stamp and 7 numbers, or none for a message without the pose looked for."""
        if self._kind == types.TRANSFORMS:
            if not message.transforms:
                return stamp, []
            message = message.transforms[0]
            time = message.header.stamp
            stamp = int(time.sec) * 10**9 + int(time.nanosec)
        if self._kind in (types.TRANSFORMS, types.TRANSFORM):
            self.frames[message.header.frame_id, message.child_frame_id] += 1
            p, q = message.transform.translation, message.transform.rotation
        else:
            pose = message.pose if self._kind == types.POSE else message.pose.pose
            p, q = pose.position, pose.orientation
        row = [float(v) for v in (p.x, p.y, p.z, q.w, q.x, q.y, q.z)]
        if not all(abs(v) <= MAX_VALUE for v in row):
            raise VioError(f"a pose is damaged: {shown(row)}")
        return stamp, row


def _contents(
    bag: Bag,
    roles: dict[str, str],
    gathered: dict[str, _Gathered],
    by_arrival: bool,
    poses: _Poses | None,
) -> Contents:
    arrays: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    truth_error = ""
    for role, found in gathered.items():
        where = f"{bag.path}, {roles[role]}"
        try:
            arrays[role] = _sorted(found, where, by_arrival, role in (LEFT, RIGHT), bag.warnings)
        except VioError as error:
            if role != TRUTH:
                raise
            truth_error = str(error)
    truth = None
    if TRUTH in arrays:
        where = f"{bag.path}, {roles[TRUTH]}"
        assert poses is not None
        try:
            if len(poses.frames) > 1:
                pairs = ", ".join(f"{a} -> {b}" for a, b in sorted(poses.frames))
                raise VioError(f"{where} holds the transforms of several frames ({shown(pairs)})")
            t_ns, rows = arrays[TRUTH]
            truth = Trajectory(t_ns, rows[:, :3].copy(), normalised(rows[:, 3:], where))
        except VioError as error:
            truth_error = str(error)
    t_ns, rows = arrays[SENSOR]
    imu = ImuData(t_ns, rows[:, :3].copy(), rows[:, 3:].copy())
    stamps = [arrays[side][0] for side in (LEFT, RIGHT) if side in arrays]
    return Contents(stamps, imu, truth, truth_error)


def _sorted(
    found: _Gathered, where: str, by_arrival: bool, images: bool, warnings: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return stamps (N,) int64 in order, each once, and the rows (N, C) that belong to them.

    Raises VioError when there are none, or when the stamps are no times.
    """
    for what, count in found.damaged.items():
        lost = "" if images else f"; {count} left out"
        add_warning(warnings, f"{where}: {what}{lost}")
    if not found.stamps:
        raise VioError(f"{where}: no message can be used; record it again or name another topic")
    if not all(-MAX_STAMP_NS < t < MAX_STAMP_NS for t in found.stamps):
        raise VioError(f"{where}: stamps do not fit; take those of arrival (--stamps arrival)")
    stamps = np.array(found.stamps, np.int64)
    if not by_arrival:
        if len(stamps) > 1 and not stamps.any():
            raise VioError(
                f"{where}: the stamps in the headers are all 0; take the times of arrival "
                "(--stamps arrival)"
            )
        _compare_stamps(stamps, np.array(found.arrivals, np.int64), where, warnings)
    if np.any(np.diff(stamps) < 0):
        count = int((np.diff(stamps) < 0).sum())
        add_warning(warnings, f"{where}: {count} message(s) come out of order; they are sorted")
    order = np.argsort(stamps, kind="stable")
    first = np.ones(len(order), bool)
    first[1:] = np.diff(stamps[order]) != 0
    if not first.all():
        count = int((~first).sum())
        add_warning(warnings, f"{where}: {count} message(s) repeat a stamp and are left out")
    order = order[first]
    return stamps[order], np.array(found.rows, np.float64)[order]


def _compare_stamps(
    stamps: np.ndarray, arrivals: np.ndarray, where: str, warnings: list[str]
) -> None:
    """Add a warning when header (N,) and arrival (N,) differ by more than APART_NS."""
    late = arrivals - stamps
    median = float(np.median(late))
    spread = float(np.abs(late - median).max())
    if abs(median) > APART_NS or spread > APART_NS:
        add_warning(
            warnings,
            f"{where}: messages arrive {median / 1e9:+.3f} s after the stamps in their headers "
            f"(median), and up to {spread / 1e9:.3f} s apart from that; the headers are taken "
            "(--stamps arrival takes the others)",
        )


def not_known(role: str) -> VioError:
    """Return the error for a role that does not exist."""
    return VioError(
        f"{quoted(role)} is no role of a topic; known: {LEFT}, {RIGHT}, {SENSOR}, {TRUTH}"
    )
