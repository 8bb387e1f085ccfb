# SPDX-License-Identifier: Apache-2.0
"""Folders of images, calibrations from elsewhere, and the conversion to EuRoC's layout."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.bags import KINDS, entries, write_bag
from tests.conftest import FRAME_STEP_NS, FRAMES, START_NS
from tests.test_datasets import assert_same, name_of
from tests.test_datasets_rigs import KALIBR_IMU, camchain
from vio.cli import main
from vio.data import StereoFrame
from vio.datasets import open_dataset
from vio.datasets.bags.source import Source
from vio.datasets.image_folder import stamp_of
from vio.errors import VioError
from vio.runs.convert import STATE, convert


def image_folder(recording: Path, root: Path, names: tuple[str, str], inner: str) -> Path:
    """Write the tiny recording as plain folders of images beside an inertial csv and Kalibr's."""
    for camera, name in enumerate(names):
        shutil.copytree(recording / f"cam{camera}" / "data", root / name / inner)
    shutil.copy(recording / "imu0" / "data.csv", root / "imu_raw.csv")
    (root / "camchain.yaml").write_text(camchain(recording))
    (root / "imu.yaml").write_text(KALIBR_IMU)
    return root


@pytest.mark.parametrize(
    ("names", "inner"),
    [(("cam0", "cam1"), "data"), (("left", "right"), "."), (("image_0", "image_1"), "data")],
)
def test_any_folder_of_images_beside_kalibrs_files_is_a_recording(
    names: tuple[str, str], inner: str, recording: Path, tmp_path: Path
) -> None:
    folder = open_dataset(recording)
    data = open_dataset(image_folder(recording, tmp_path / "plain", names, inner))
    assert data.name == "plain"
    assert data.warnings == []
    assert data.imu.t_ns.tolist() == folder.imu.t_ns.tolist()
    assert data.imu_noise.gyro_noise == 0.00016
    assert np.allclose(data.rig.right.T_body_cam, folder.rig.right.T_body_cam)
    for a, b in zip(folder.frames(), data.frames(), strict=True):
        assert a.t_ns == b.t_ns
        assert np.array_equal(a.left, b.left)
        assert np.array_equal(a.right, b.right)


def test_names_of_images_are_times_in_several_units(recording: Path, tmp_path: Path) -> None:
    for name, t_ns in (
        ("1403636579763555584.png", 1403636579763555584),
        ("1403636579763555.png", 1403636579763555000),
        ("1403636579763.jpg", 1403636579763000000),
        ("1403636579.763555584.png", 1403636579763555584),
        ("1403636579.png", 1403636579000000000),
        ("150000000.png", 150000000),
    ):
        assert stamp_of(name, "x") == t_ns
    for name in (
        "000001.png",
        "left_1.png",
        "1403636579763555584123.png",
        "a.b.png",
        "²34567891.png",
    ):
        with pytest.raises(VioError, match="is not named by its time; name images by their nano"):
            stamp_of(name, "x")
    root = image_folder(recording, tmp_path / "plain", ("left", "right"), ".")
    (root / "imu_raw.csv").rename(root / "other.csv")
    with pytest.raises(VioError, match=r"holds no files imu\*\.csv; give one: time stamp in nano"):
        open_dataset(root)
    (root / "other.csv").rename(root / "imu0.csv")
    (root / "camchain.yaml").unlink()
    with pytest.raises(VioError, match=r"or give Kalibr's camchain"):
        open_dataset(root)


def test_the_calibration_may_come_from_elsewhere(recording: Path, tmp_path: Path) -> None:
    folder = open_dataset(recording)
    place = tmp_path / "calibration"
    place.mkdir()
    text = camchain(recording).replace("resolution", "rostopic: /x\n  resolution")
    (place / "camchain.yaml").write_text(text.replace("[50.0, 50.0,", "[51.0, 50.0,"))
    (place / "camchain-other.yaml").write_text("cam0: nothing\n")
    (place / "imu.yaml").write_text(KALIBR_IMU)
    data = open_dataset(recording, source=Source(calibration=place / "camchain.yaml"))
    assert data.rig.left.fx == 51.0
    assert folder.rig.left.fx == 50.0
    assert data.imu_noise.gyro_noise == 0.00016
    for part in ("cam0", "cam1", "imu0"):
        shutil.copytree(recording / part, place / "asl" / part)
    own = place / "asl" / "cam0" / "sensor.yaml"
    own.write_text(own.read_text().replace("[50.0, 50.0,", "[52.0, 50.0,"))
    assert open_dataset(recording, source=Source(calibration=place / "asl")).rig.left.fx == 52.0
    with pytest.raises(VioError, match=r"holds no calibration: no camchain and no cam0/sensor"):
        open_dataset(recording, source=Source(calibration=tmp_path))


def test_a_converted_recording_is_read_like_the_original(recording: Path, tmp_path: Path) -> None:
    folder = open_dataset(recording)
    assert main(["convert", str(recording), str(tmp_path / "a")]) == 0
    assert_same(folder, open_dataset(tmp_path / "a"))
    place = tmp_path / "bags"
    for part in ("cam0", "cam1", "imu0"):
        (place / part).mkdir(parents=True)
        shutil.copy(recording / part / "sensor.yaml", place / part)
    bag = write_bag(place / "rec", entries(folder, 1), KINDS[0])
    assert main(["convert", str(bag), str(tmp_path / "b")]) == 0
    names = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*"))
    assert names == sorted(p.relative_to(tmp_path / "b") for p in (tmp_path / "b").rglob("*"))
    for name in names:
        if (tmp_path / "a" / name).is_file() and "groundtruth" not in str(name):
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_cut_holds_the_frames_between_two_times(recording: Path, tmp_path: Path) -> None:
    words = ["--from", "0.1", "--until", "0.25"]
    assert main(["convert", str(recording), str(tmp_path / "cut"), *words]) == 0
    data = open_dataset(tmp_path / "cut")
    assert data.frame_t_ns.tolist() == [START_NS + i * FRAME_STEP_NS for i in (2, 3, 4, 5)]
    assert main(["convert", str(recording), str(tmp_path / "none"), "--from", "9"]) == 2
    assert not (tmp_path / "none").exists()


def test_an_interrupted_conversion_is_continued(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recording / "cam0" / "data" / name_of(2)).unlink()  # lost before the interruption
    out = tmp_path / "out"
    data = open_dataset(recording)
    frames = data.frames

    def ending(start_ns: int | None = None, until_ns: int | None = None) -> Iterator[StereoFrame]:
        for number, frame in enumerate(frames(start_ns, until_ns)):
            if number == 7:
                raise KeyboardInterrupt
            yield frame

    data.frames = ending  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        convert(data, out)
    assert (out / STATE).is_file()
    assert not (out / "mav0" / "imu0").exists()
    (out / "mav0" / "cam0" / "data" / "1.tmp").write_bytes(b"half of an image")
    assert main(["convert", str(recording), str(out), "--until", "0.2"]) == 2
    assert "another recording or cut" in capsys.readouterr().err
    assert main(["convert", str(recording), str(out)]) == 0
    assert f"{2 * FRAMES - 1} images, 13 of them from before" in capsys.readouterr().err
    assert_same(open_dataset(recording), open_dataset(out))
    assert not list(out.rglob("*.tmp"))
    assert not (out / STATE).exists()
    assert main(["convert", str(recording), str(out)]) == 2
    assert "is not empty; name a new folder" in capsys.readouterr().err
