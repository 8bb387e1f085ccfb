# SPDX-License-Identifier: Apache-2.0
"""Which topic of a bag is what: named, by Kalibr's files, or guessed from types and names."""

import re
from collections.abc import Mapping

from vio.datasets.bags.storage import Topic
from vio.datasets.bags.types import IMAGES, IMU, TRUTHS
from vio.errors import VioError
from vio.limits import quoted, shown

LEFT, RIGHT, SENSOR, TRUTH = "left", "right", "imu", "truth"
ROLES = (LEFT, RIGHT, SENSOR, TRUTH)
_TYPES = {LEFT: IMAGES, RIGHT: IMAGES, SENSOR: (IMU,), TRUTH: TRUTHS}
_PACKED = ("/compressed",)
_NO_GREY = re.compile(r"depth|/compressedDepth$|/theora$|mask|segment|thermal|confidence", re.I)
_TRUE = re.compile(r"ground_?truth|\bgt\b|vicon|vrpn|mocap|optitrack|qualisys|leica", re.I)
# The words by which names of a left and a right camera differ.
_SIDES = (("left", "right"), ("l", "r"), ("cam0", "cam1"), ("cam_0", "cam_1"), ("cam1", "cam2"),
          ("camera0", "camera1"), ("camera_0", "camera_1"), ("infra1", "infra2"),
          ("fisheye1", "fisheye2"), ("fisheye_left", "fisheye_right"), ("0", "1"))  # fmt: skip


def choose(
    topics: Mapping[str, Topic],
    named: Mapping[str, str],
    kalibr: Mapping[str, str],
    where: str,
    mono: bool = False,
) -> dict[str, str]:
    """Return {role: topic} for left, right and imu, and for truth where there is one.

    There is no right topic when the bag has one camera only, or when mono is set. named:
    {role: topic} that the user gave. kalibr: that of Kalibr's files, used as far as the topics are
    there. Raises VioError listing the topics when a role stays open.
    """
    chosen: dict[str, str] = {}
    for role, name in named.items():
        topic = topics.get(name)
        if topic is None:
            raise VioError(f"{where} has no topic {quoted(name)}; {listing(topics)}")
        if topic.type not in _TYPES[role]:
            raise VioError(
                f"{where}: topic {quoted(name)} is of {quoted(topic.type)}, which is no {role}; "
                f"possible: {', '.join(_TYPES[role])}; {listing(topics)}"
            )
        if topic.refused:
            raise VioError(f"{where}: topic {quoted(name)} cannot be read: {topic.refused}")
        chosen[role] = name
    usable = {n: t for n, t in topics.items() if t.count > 0 and not t.refused}
    for role, name in kalibr.items():
        variants = (name, *(name.rstrip("/") + end for end in _PACKED))
        found = [n for n in variants if n in usable and usable[n].type in _TYPES[role]]
        if role not in chosen and found:
            chosen[role] = found[0]
    _choose_cameras(usable, chosen)
    wanted: tuple[str, ...] = (LEFT, RIGHT, SENSOR)
    alone = _images(usable)
    if RIGHT not in chosen and (mono or len(alone) == 1):
        wanted = (LEFT, SENSOR)
        if LEFT not in chosen and len(alone) == 1:
            chosen[LEFT] = alone.pop()
    if mono:
        chosen.pop(RIGHT, None)
    if SENSOR not in chosen:
        inertial = [n for n, t in usable.items() if t.type == IMU]
        if len(inertial) == 1:
            chosen[SENSOR] = inertial[0]
    missing = [role for role in wanted if role not in chosen]
    if missing:
        options = " ".join(f"--topic {role}=NAME" for role in missing)
        raise VioError(
            f"{where}: it stays open which topic is {' and '.join(missing)}; name it: {options}; "
            f"{listing(topics)}"
        )
    if TRUTH not in chosen:
        poses = [
            n for n, t in usable.items() if t.type in TRUTHS and n not in ("/tf", "/tf_static")
        ]
        likely = [n for n in poses if _TRUE.search(n)]
        for candidates in (likely, poses):
            if len(candidates) == 1:
                chosen[TRUTH] = candidates[0]
                break
    return chosen


def _choose_cameras(usable: Mapping[str, Topic], chosen: dict[str, str]) -> None:
    """Add left and right when the names of the images leave one possibility only."""
    images = _images(usable)
    pairs = [
        (a, b)
        for a in sorted(images)
        for b in sorted(images)
        if chosen.get(LEFT, a) == a and chosen.get(RIGHT, b) == b and _beside(a, b)
    ]
    if len(pairs) > 1:  # rectified copies of the same cameras beside the raw ones
        pairs = [p for p in pairs if "rect" not in p[0]] or pairs
        raw = [p for p in pairs if "image_raw" in p[0]]
        pairs = raw if len(raw) == 1 else pairs
    if len(pairs) == 1:
        chosen[LEFT], chosen[RIGHT] = pairs[0]


def _images(usable: Mapping[str, Topic]) -> set[str]:
    """Return the topics of grey or colour images; of a camera raw and packed, the raw ones."""
    images = {n for n, t in usable.items() if t.type in IMAGES and not _NO_GREY.search(n)}
    return images - {n for n in images if n.endswith(_PACKED) and n.rpartition("/")[0] in images}


def _beside(a: str, b: str) -> bool:
    """Return whether two names differ by one word, which says left in a and right in b."""
    words_a, words_b = (re.split(r"[/_.-]", n.lower()) for n in (a, b))
    if len(words_a) != len(words_b):
        return False
    differing = [(x, y) for x, y in zip(words_a, words_b, strict=True) if x != y]
    return bool(differing) and len(set(differing)) == 1 and differing[0] in _SIDES


def listing(topics: Mapping[str, Topic], most: int = 40) -> str:
    """Return the topics of a bag for a message; those that matter first."""

    def weight(topic: Topic) -> tuple[bool, str]:
        return all(topic.type not in kinds for kinds in _TYPES.values()), topic.name

    lines = []
    for topic in sorted(topics.values(), key=weight)[:most]:
        refused = f", unreadable: {topic.refused}" if topic.refused else ""
        lines.append(shown(f"{topic.name} ({topic.type}, {topic.count}{refused})"))
    text = "; ".join(lines) or "none"
    rest = f" and {len(topics) - most} more" if len(topics) > most else ""
    return "its topics: " + (text if len(text) < 1500 else text[:1500] + "...") + rest
