# SPDX-License-Identifier: Apache-2.0
"""ROS 1 and ROS 2 bags give what the same recording in EuRoC's layout gives."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import bags
from tests.bags import KINDS, LEFT, RIGHT, SENSOR, TRUTH, Entry, Kind, entries, write_bag
from tests.conftest import FRAME_STEP_NS, FRAMES, START_NS
from tests.test_datasets import assert_same
from tests.test_datasets_rigs import KALIBR_IMU, camchain
from vio.cli import main
from vio.datasets import open_dataset
from vio.datasets.bags import dataset as bag_dataset
from vio.datasets.bags.source import Source
from vio.errors import VioError

ROS1, SQLITE, MCAP = KINDS[0], KINDS[3], KINDS[6]


@pytest.fixture
def place(recording: Path, tmp_path: Path) -> Path:
    """Return a folder with the tiny recording's calibration, for bags."""
    folder = tmp_path / "bags"
    for part in ("cam0", "cam1", "imu0"):
        (folder / part).mkdir(parents=True)
        shutil.copy(recording / part / "sensor.yaml", folder / part)
    return folder


def renamed(messages: list[Entry], names: dict[str, str]) -> list[Entry]:
    return [(names.get(e[0], e[0]), *e[1:]) for e in messages]


@pytest.mark.parametrize("packed", [False, True], ids=["raw", "packed"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_bag_is_read_like_the_folder_it_was_made_of(
    kind: Kind, packed: bool, recording: Path, place: Path
) -> None:
    folder = open_dataset(recording)
    path = write_bag(place / "rec", entries(folder, kind.ros, packed), kind)
    data = open_dataset(path)
    assert data.name == "rec"
    assert data.warnings == []
    assert_same(folder, data)
    assert_same(folder, data)  # a second pass over the images
    some = [f.t_ns for f in data.frames(START_NS + FRAME_STEP_NS, START_NS + 3 * FRAME_STEP_NS)]
    assert some == [START_NS + i * FRAME_STEP_NS for i in (1, 2, 3)]
    single = next(iter(path.glob("*.db3")), next(iter(path.glob("*.mcap")), None))
    if single is not None and kind.compression != "message":
        assert_same(folder, open_dataset(single))


@pytest.mark.parametrize("kind", [ROS1, SQLITE, MCAP], ids=str)
def test_parts_of_one_recording_are_one_recording(kind: Kind, recording: Path, place: Path) -> None:
    folder = open_dataset(recording)
    messages = entries(folder, kind.ros)
    cut = len(messages) // 2
    for number, part in enumerate((messages[cut:], messages[:cut])):
        name = f"rec_2026-01-0{2 - number}-00-00-00_{1 - number}"
        path = write_bag(place / name, part, kind)
        if path.is_dir():
            file = next(p for p in path.iterdir() if p.name != "metadata.yaml")
            shutil.move(file, place / file.name)
            shutil.rmtree(path)
    assert_same(folder, open_dataset(place))
    lone = write_bag(place / "another", messages, kind)
    if lone.is_dir():
        shutil.move(next(p for p in lone.iterdir() if p.name != "metadata.yaml"), place)
    with pytest.raises(VioError, match=r"several recordings \(another, rec\): give one of its"):
        open_dataset(place)


@pytest.mark.parametrize("kind", [ROS1, SQLITE, MCAP], ids=str)
def test_messages_out_of_order_are_sorted_and_few_images_wait(
    kind: Kind, recording: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_dataset(recording)
    messages = entries(folder, kind.ros)
    swapped = [(e[0], e[1], e[2] + 60_000_000 * (i % 3), e[3]) for i, e in enumerate(messages)]
    path = write_bag(place / "rec", swapped, kind)
    data = open_dataset(path)
    assert any("come out of order; they are sorted" in w for w in data.warnings)
    assert_same(folder, data)
    most = []
    take = bag_dataset._Images.take

    def watched(images: Any, side: int, stamp: int) -> bytes:
        try:
            return take(images, side, stamp)
        finally:
            most.append(len(images._held))

    monkeypatch.setattr(bag_dataset._Images, "take", watched)
    assert len(list(data.frames())) == FRAMES
    assert 0 < max(most) < 8
    monkeypatch.setattr(bag_dataset, "MAX_HELD_BYTES", 2 * 64 * 48)
    with pytest.raises(VioError, match="images come so far out of order that"):
        list(data.frames())


def test_a_bag_that_was_written_topic_by_topic_is_read_in_order(
    recording: Path, place: Path
) -> None:
    folder = open_dataset(recording)
    for kind in (ROS1, SQLITE, MCAP):
        messages = sorted(entries(folder, kind.ros), key=lambda e: e[0])
        data = open_dataset(write_bag(place / f"r{kind.plugin}", messages, kind))
        assert data.warnings == []
        assert_same(folder, data)


def test_header_stamps_are_taken_or_those_of_arrival(recording: Path, place: Path) -> None:
    folder = open_dataset(recording)
    late = [(e[0], e[1], e[2] + 250_000_000, e[3]) for e in entries(folder, 1)]
    path = write_bag(place / "rec", late, ROS1)
    data = open_dataset(path)
    assert data.frame_t_ns.tolist() == folder.frame_t_ns.tolist()
    assert any("arrive +0.250 s after the stamps in their headers" in w for w in data.warnings)
    other = open_dataset(path, source=Source(stamps="arrival"))
    assert other.warnings == []
    assert (other.frame_t_ns - folder.frame_t_ns == 250_000_000).all()
    assert (other.imu.t_ns - folder.imu.t_ns == 250_000_000).all()
    assert len(list(other.frames())) == FRAMES

    def zero(data: bytes, topic: str) -> bytes:
        return data[:4] + bytes(8) + data[12:]

    path = write_bag(place / "zero", entries(folder, 1), ROS1, edit=zero)
    with pytest.raises(VioError, match=r"are all 0; take the times of arrival \(--stamps arrival"):
        open_dataset(path)
    assert_same(folder, open_dataset(path, source=Source(stamps="arrival")))
    with pytest.raises(VioError, match="stamps 'both' is unknown; known: header, arrival"):
        open_dataset(path, source=Source(stamps="both"))


def colours(rgb: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """Return one uniform colour, 48 rows of 64 pixels, in the encodings that know colours."""
    one = np.tile(np.array(rgb, np.uint8), (48, 64, 1))
    alpha = np.full((48, 64, 1), 7, np.uint8)
    wide = np.stack([np.full_like(one, 99), one], axis=-1)  # little endian
    out = {"rgb8": one, "bgr8": one[:, :, ::-1], "rgb16": wide}
    out["rgba8"] = np.concatenate([one, alpha], axis=2)
    out["bgra8"] = np.concatenate([one[:, :, ::-1], alpha], axis=2)
    for pattern in ("rggb", "bggr", "gbrg", "grbg"):
        mosaic = np.empty((48, 64), np.uint8)
        for i, colour in enumerate(pattern):
            mosaic[i // 2 :: 2, i % 2 :: 2] = rgb["rgb".index(colour)]
        out[f"bayer_{pattern}8"] = mosaic
        out[f"bayer_{pattern}16"] = np.stack([np.full_like(mosaic, 3), mosaic], axis=-1)
    return {name: image.reshape(48, -1) for name, image in out.items()}


def with_images(
    folder: Any, ros: int, make: Callable[[int], Any], kind: str = bags.RAW
) -> list[Entry]:
    """Return a recording whose images are what make returns for a stamp."""
    return [(e[0], kind, e[2], make(e[2])) if e[1] == bags.RAW else e for e in entries(folder, ros)]


@pytest.mark.parametrize("ros", [1, 2])
def test_colours_become_grey_and_that_is_said_once(ros: int, recording: Path, place: Path) -> None:
    folder = open_dataset(recording)
    grey = (19595 * 200 + 38470 * 90 + 7471 * 30 + 0x8000) >> 16
    known = colours((200, 90, 30))
    for encoding in known if ros == 1 else ("rgb8", "bayer_grbg16"):
        image = known[encoding]

        def make(t: int, image: np.ndarray = image, encoding: str = encoding) -> Any:
            return bags.raw_message(ros, t, image, encoding, (64, 48))

        path = write_bag(
            place / encoding, with_images(folder, ros, make), KINDS[0 if ros == 1 else 6]
        )
        data = open_dataset(path)
        notes = [w for w in data.warnings if f"{encoding} images are converted to grey" in w]
        assert len(notes) == len(data.warnings) == 2  # one for each camera
        for frame in data.frames():
            assert np.unique(frame.left).tolist() == [grey], encoding
        shutil.rmtree(path, ignore_errors=True)


def test_sixteen_bits_padding_and_byte_order_are_understood(recording: Path, place: Path) -> None:
    folder = open_dataset(recording)
    rng = np.random.default_rng(1)
    upper, lower = rng.integers(0, 256, (2, 48, 64), dtype=np.uint8)
    for big in (0, 1):
        pair = (upper, lower) if big else (lower, upper)
        rows = np.stack(pair, axis=-1).reshape(48, 128)
        rows = np.hstack([rows, np.full((48, 6), 255, np.uint8)])  # padding

        def make(t: int, rows: np.ndarray = rows, big: int = big) -> Any:
            return bags.raw_message(1, t, rows, "mono16", (64, 48), big)

        path = write_bag(place / f"b{big}", with_images(folder, 1, make), ROS1)
        data = open_dataset(path)
        assert any("mono16 images are converted to their upper 8 bits" in w for w in data.warnings)
        assert all(np.array_equal(frame.right, upper) for frame in data.frames())


@pytest.mark.parametrize(
    ("encoding", "size", "message"),
    [
        ("32FC1", (64, 48), r"/cam0/image_raw: images are encoded as '32FC1'; known: mono8, .*"),
        ("mono8", (32, 48), "an image is 32x48 pixels, but the calibration is for 64x48"),
        ("mono8", (64, 4800), "no image can be decoded .*do not hold 64x4800 mono8"),
        ("mono8", (2**31, 2**31), "no image can be decoded .*claims 2147483648x2147483648 pixels"),
    ],
)
def test_images_that_cannot_be_used_are_refused(
    encoding: str, size: tuple[int, int], message: str, recording: Path, place: Path
) -> None:
    def make(t: int) -> Any:
        return bags.raw_message(1, t, np.zeros((48, 64), np.uint8), encoding, size)

    path = write_bag(place / "rec", with_images(open_dataset(recording), 1, make), ROS1)
    with pytest.raises(VioError, match=message):
        open_dataset(path)


def test_damaged_images_and_samples_are_left_out(recording: Path, place: Path) -> None:
    folder = open_dataset(recording)
    seen: dict[str, int] = {}

    def edit(data: bytes, topic: str) -> bytes:
        seen[topic] = seen.get(topic, 0) + 1
        if topic == LEFT and seen[topic] == 4:
            return data[:-100]
        if topic == SENSOR and seen[topic] == 20:
            return data[:60]
        if topic == SENSOR and seen[topic] == 30:
            return data[:-100] + b"\xff" * 100  # NaN
        return data

    data = open_dataset(write_bag(place / "rec", entries(folder, 1), ROS1, edit=edit))
    assert len(data.imu) == len(folder.imu) - 2
    frames = list(data.frames())
    assert [f.left is None for f in frames] == [i == 3 for i in range(FRAMES)]
    assert data.lost_images == {("left", "damaged"): 1}
    assert sum("1 left out" in w for w in data.warnings) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ROS1, MCAP], ids=str)
def test_the_trajectory_of_the_real_clip_is_byte_identical_from_a_bag(
    kind: Kind, real_data: Path, tmp_path: Path
) -> None:
    mav0 = real_data / "euroc" / "MH_01_easy" / "mav0"
    place = tmp_path / "bag"
    for part in ("cam0", "cam1", "imu0"):
        (place / part).mkdir(parents=True)
        shutil.copy(mav0 / part / "sensor.yaml", place / part)
    path = write_bag(place / "rec", entries(open_dataset(mav0), kind.ros), kind)
    for name, source in (("folder", mav0), ("bag", path)):
        out = str(tmp_path / f"run_{name}")
        assert main(["run", str(source), "--out", out, "--no-figures"]) == 0
    for file in ("trajectory_tum.txt", "trajectory_imu_tum.txt", "states.csv"):
        folder, bag = (tmp_path / f"run_{name}" / file for name in ("folder", "bag"))
        assert folder.read_bytes() == bag.read_bytes()
        assert bag.stat().st_size > 20_000


def test_kalibrs_files_beside_a_bag_calibrate_it_and_name_its_topics(
    recording: Path, tmp_path: Path
) -> None:
    folder = open_dataset(recording)
    names = {LEFT: "/a", RIGHT: "/b", SENSOR: "/c"}
    extra = [("/d", *e[1:]) for e in entries(folder, 1) if e[0] == LEFT]
    extra += [("/e", *e[1:]) for e in entries(folder, 1) if e[0] == SENSOR]
    messages = sorted(renamed(entries(folder, 1), names) + extra, key=lambda e: e[2])
    path = write_bag(tmp_path / "rec", messages, ROS1)
    with pytest.raises(VioError, match=r"no calibration there; put Kalibr's camchain\*\.yaml"):
        open_dataset(path)
    chain = camchain(recording)
    place = tmp_path / "kalibr"
    place.mkdir()
    (place / "camchain-x.yaml").write_text(chain)
    (place / "imu.yaml").write_text(KALIBR_IMU.replace("rostopic: /imu0\n", ""))
    with pytest.raises(
        VioError,
        match=r"open which topic is left and right and imu; name it: --topic left=NAME .*"
        r"its topics: /a \(sensor_msgs/msg/Image, 12\); /b .*; /c \(sensor_msgs/msg/Imu",
    ):
        open_dataset(path, source=Source(calibration=place))
    chain = chain.replace("cam0:\n", "cam0:\n  rostopic: /a\n")
    chain = chain.replace("cam1:\n", "cam1:\n  rostopic: /b\n")
    (place / "camchain-x.yaml").write_text(chain)
    (place / "imu.yaml").write_text(KALIBR_IMU.replace("/imu0", "/c"))
    for where in (place, place / "camchain-x.yaml"):
        data = open_dataset(path, source=Source(calibration=where))
        assert data.frame_t_ns.tolist() == folder.frame_t_ns.tolist()
        assert data.rig.left.rate_hz == 20.0
        assert np.allclose(data.rig.right.T_body_cam, folder.rig.right.T_body_cam)
    shift = "  timeshift_cam_imu: -0.012\n"
    moved = chain.replace("cam0:\n", f"cam0:\n{shift}").replace("cam1:\n", f"cam1:\n{shift}")
    (place / "camchain-x.yaml").write_text(moved)
    data = open_dataset(path, source=Source(calibration=place))
    assert data.frame_t_ns.tolist() == (folder.frame_t_ns - 12_000_000).tolist()
    first, wanted = next(iter(data.frames())), next(iter(folder.frames()))
    assert first.left is not None
    assert np.array_equal(first.left, wanted.left)
    (place / "camchain-x.yaml").write_text(chain)
    named = {"left": "/d", "right": "/b", "imu": "/e", "truth": TRUTH}
    data = open_dataset(path, source=Source(calibration=place, topics=named))
    assert data.frame_t_ns.tolist() == folder.frame_t_ns.tolist()
    for named, message in (
        ({"left": "/nothing"}, "has no topic '/nothing'; its topics: /a "),
        ({"left": "/c"}, r"'/c' is of 'sensor_msgs/msg/Imu', which is no left; possible: "),
        ({"middle": "/c"}, "'middle' is no role of a topic; known: left, right, imu, truth"),
    ):
        with pytest.raises(VioError, match=message):
            open_dataset(path, source=Source(calibration=place, topics=named))
