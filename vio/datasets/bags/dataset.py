# SPDX-License-Identifier: Apache-2.0
"""A bag as a dataset: calibration from beside it, everything else from its messages."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import UnidentifiedImageError

from vio.camera import Camera
from vio.data import StereoFrame
from vio.datasets.bags.contents import ImageReader, not_known, read_contents
from vio.datasets.bags.source import STAMPS, Source
from vio.datasets.bags.storage import Bag, Message
from vio.datasets.bags.topics import LEFT, RIGHT, ROLES, SENSOR, choose
from vio.datasets.bags.types import header_stamp_ns
from vio.datasets.base import LostImages, add_warning
from vio.datasets.beside import calibration_beside
from vio.datasets.euroc import with_rate
from vio.datasets.ground_truth import left_out
from vio.datasets.images import UNDECODABLE, Pair, StereoStream
from vio.datasets.pairing import (
    check_against_imu,
    check_overlap,
    on_imu_clock,
    pair_cameras,
    shifted,
    single_camera,
)
from vio.datasets.rig import note_single, rig_of
from vio.errors import VioError
from vio.limits import reason

MAX_HELD_BYTES = 2**28  # of images that wait for an earlier one


class BagDataset:
    """Hold a bag's recording; opening it reads the bag once, and frames() once more.

    right_offset_ms: what the right camera's stamps are late by, taken off before they are paired.
    """

    def __init__(
        self,
        path: Path,
        images: bool = True,
        right_offset_ms: float = 0.0,
        source: Source | None = None,
    ) -> None:
        source = source or Source()
        for role in source.topics:
            if role not in ROLES:
                raise not_known(role)
        if source.stamps not in STAMPS:
            raise VioError(f"stamps {source.stamps!r} is unknown; known: {', '.join(STAMPS)}")
        self.path = path
        self.name = path.resolve().name.partition(".")[0] or "bag"
        self.warnings: list[str] = []
        self._images = images
        self._by_arrival = source.stamps == STAMPS[1]
        with Bag(path, self.warnings) as bag:
            places = [source.calibration] if source.calibration else _places(path)
            calibration, named = calibration_beside(places, self.warnings)
            rig, noise = calibration.rig, calibration.imu_noise
            kalibr = zip((LEFT, RIGHT, SENSOR), named, strict=True)
            known = {role: topic for role, topic in kalibr if topic}
            self.topics = choose(bag.topics, source.topics, known, str(path), rig.is_mono)
            cameras = [rig.left, rig.right][: 2 if RIGHT in self.topics else 1]
            found = read_contents(bag, self.topics, cameras, self._by_arrival, images)
        if not calibration.asl_cameras:  # a camchain states no rate
            cameras = [with_rate(c, t) for c, t in zip(cameras, found.image_t_ns, strict=True)]
        self.rig = rig_of(cameras)
        self.imu_noise = noise
        self.imu = found.imu
        left_t, right_t = found.image_t_ns[0], found.image_t_ns[-1]
        times = on_imu_clock(found.image_t_ns, calibration.shift_ns, self.warnings)
        if self.rig.is_mono:
            note_single(str(path), self.warnings)
            pairs = single_camera(times[0])
        else:
            both = times[0], shifted(times[1], right_offset_ms)
            pairs = pair_cameras(both, str(path), self.warnings)
        self.stereo_apart_ns = pairs.apart_ns  # right stamp - left stamp, of the frames with both
        check_against_imu(pairs.t_ns, self.imu.t_ns, str(path), self.warnings)
        self._pairs: list[Pair] = [
            (int(t), str(left_t[i]) if i >= 0 else None, str(right_t[j]) if j >= 0 else None)
            for t, i, j in zip(pairs.t_ns, pairs.left, pairs.right, strict=True)
        ]
        self.frame_t_ns = np.array([pair[0] for pair in self._pairs], np.int64)
        self.ground_truth, self.truth_error = found.truth, found.truth_error
        if self.ground_truth is not None:
            try:
                check_overlap(self.frame_t_ns, self.ground_truth.t_ns, str(path))
            except VioError as error:
                self.ground_truth, self.truth_error = None, str(error)
        if self.truth_error:
            add_warning(self.warnings, left_out(self.truth_error))
        self.lost_images = LostImages()

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[StereoFrame]:
        """Yield the frames with start_ns <= t_ns <= until_ns in order of time.

        A pair with one lost image has None there, a pair with both lost is left out; `warnings`
        says so. Raises VioError when opened with images=False, or for an image of a wrong kind.
        """
        if not self._images:
            raise VioError(f"{self.path} was opened with images=False: it has no frames to give")
        first = self.frame_t_ns[0] if start_ns is None else start_ns
        last = self.frame_t_ns[-1] if until_ns is None else until_ns
        pairs = [pair for pair in self._pairs if first <= pair[0] <= last]
        self.lost_images = LostImages()
        return self._frames(pairs, self.lost_images)

    def _frames(self, pairs: list[Pair], lost: LostImages) -> Iterator[StereoFrame]:
        known = len(self.warnings)
        with Bag(self.path, self.warnings) as bag:
            del self.warnings[known:]  # of the files: they were given when the bag was opened
            names = [self.topics[side] for side in (LEFT, RIGHT) if side in self.topics]
            wanted = [{int(n) for p in pairs if (n := p[1 + side]) is not None} for side in (0, 1)]
            images = _Images(bag, names, wanted, self._by_arrival)
            stream = _BagStream(bag, names, images, (self.rig.left, self.rig.right)[: len(names)])
            yield from stream.frames(pairs, self.warnings, lost)


def _places(path: Path) -> list[Path]:
    """Return the folders where a bag's calibration may lie: in it, or beside it."""
    parent = path.absolute().parent
    if path.is_dir():
        return [path, parent]
    return [parent, parent.parent] if (parent / "metadata.yaml").is_file() else [parent]


class _Images:
    """Give the messages of two topics by their stamps, asked for in about the order of the bag."""

    def __init__(
        self, bag: Bag, names: list[str], wanted: list[set[int]], by_arrival: bool
    ) -> None:
        self._ros = bag.ros
        self._path = bag.path
        self._side = {name: side for side, name in enumerate(names)}
        self._wanted = wanted
        self._by_arrival = by_arrival
        self._messages: Iterator[Message] = bag.messages(list(names))
        self._held: dict[tuple[int, int], bytes] = {}
        self._bytes = 0

    def take(self, side: int, stamp: int) -> bytes:
        """Return a message; raises FileNotFoundError when it does not come any more.

        Raises VioError when too many images must wait for it.
        """
        key = (side, stamp)
        while key not in self._held:
            topic, arrival, data = next(self._messages, ("", 0, b""))
            if not topic:
                raise FileNotFoundError(str(stamp))
            at = self._side[topic]
            try:
                found = arrival if self._by_arrival else header_stamp_ns(data, self._ros)
            except VioError:
                continue
            if found not in self._wanted[at]:
                continue
            self._wanted[at].discard(found)  # of doubled stamps the first is taken
            self._held[at, found] = data
            self._bytes += len(data)
            if self._bytes > MAX_HELD_BYTES:
                raise VioError(
                    f"{self._path}: images come so far out of order that {len(self._held)} of them "
                    f"wait for the one at {stamp}; write the bag again in order, or take the times "
                    "of arrival (--stamps arrival)"
                )
        data = self._held.pop(key)
        self._bytes -= len(data)
        return data


class _BagStream(StereoStream):
    """Decode listed pairs in order; the name of an image is its stamp."""

    def __init__(
        self, bag: Bag, names: list[str], images: _Images, cameras: Sequence[Camera]
    ) -> None:
        pairs = zip(names, cameras, strict=True)
        self._readers = [ImageReader(bag, name, camera) for name, camera in pairs]
        self._source = images

    def _load(self, side: int, name: str | None) -> tuple[np.ndarray | None, str, str]:
        """Return the image or None, why it is lost, and that in a sentence (both may be empty)."""
        if name is None:
            return None, "", ""
        reader = self._readers[side]
        try:
            return reader.decode(self._source.take(side, int(name)))[0], "", ""
        except FileNotFoundError:
            return None, "missing", f"{reader.where}: the image at {name} cannot be found again"
        except UnidentifiedImageError:
            return None, "no known format", f"{reader.where}: no known image format at {name}"
        except UNDECODABLE as error:
            return None, "damaged", f"{reader.where}: the image at {name} ({reason(error)})"
