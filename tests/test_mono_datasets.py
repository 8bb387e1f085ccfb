# SPDX-License-Identifier: Apache-2.0
"""Recordings of one camera open in every form, and --mono leaves the right camera alone."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.bags import KINDS, RIGHT, entries, write_bag
from tests.conftest import FRAMES
from tests.test_convert import image_folder
from tests.test_datasets_rigs import KALIBR_IMU, camchain
from vio.datasets import open_dataset
from vio.datasets.base import Dataset
from vio.diagnosis.recording.examine import examine
from vio.errors import VioError
from vio.runs.convert import convert

NOTE = "has one camera: the scale comes from the accelerometer"


def assert_left_only(data: Dataset, stereo: Dataset, noted: bool = True) -> None:
    """Check that a recording is the left camera of another one."""
    assert data.rig.is_mono
    assert np.allclose(data.rig.left.T_body_cam, stereo.rig.left.T_body_cam)
    assert any(NOTE in w for w in data.warnings) is noted
    frames = list(data.frames())
    assert len(frames) == FRAMES
    for a, b in zip(frames, stereo.frames(), strict=True):
        assert a.t_ns == b.t_ns
        assert np.array_equal(a.left, b.left)
        assert a.right is None


@pytest.mark.parametrize("zipped", [False, True])
def test_a_recording_of_one_camera_opens(recording: Path, tmp_path: Path, zipped: bool) -> None:
    stereo = open_dataset(recording)
    other = tmp_path / "alone" / "mav0"
    shutil.copytree(recording, other, ignore=shutil.ignore_patterns("cam1"))
    path = other.parent
    if zipped:
        path = Path(shutil.make_archive(str(tmp_path / "alone"), "zip", path))
    assert_left_only(open_dataset(path), stereo)


def test_a_camchain_of_one_camera_is_enough(recording: Path) -> None:
    stereo = open_dataset(recording)
    frames = list(stereo.frames())
    chain = camchain(recording).partition("cam1:")[0]
    shutil.rmtree(recording / "cam1")
    for name in ("cam0", "imu0"):
        (recording / name / "sensor.yaml").unlink()
    (recording / "camchain.yaml").write_text(chain)
    (recording / "imu.yaml").write_text(KALIBR_IMU)
    data = open_dataset(recording)
    assert data.rig.is_mono
    assert [f.t_ns for f in data.frames()] == [f.t_ns for f in frames]


def test_a_folder_of_one_cameras_images_opens(recording: Path, tmp_path: Path) -> None:
    stereo = open_dataset(recording)
    root = image_folder(recording, tmp_path / "plain", ("left", "right"), ".")
    shutil.rmtree(root / "right")
    assert_left_only(open_dataset(root), stereo)


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[-1]], ids=str)
def test_a_bag_of_one_camera_opens(kind: object, recording: Path, tmp_path: Path) -> None:
    stereo = open_dataset(recording)
    place = tmp_path / "bags"
    place.mkdir()
    (place / "camchain.yaml").write_text(camchain(recording))
    (place / "imu.yaml").write_text(KALIBR_IMU)
    messages = [e for e in entries(stereo, kind.ros) if e[0] != RIGHT]
    assert_left_only(open_dataset(write_bag(place / "rec", messages, kind)), stereo)


def test_tracks_of_one_camera_open(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "euroc_tracks" / "imu_april"
    place = tmp_path / "april"
    shutil.copytree(source, place, ignore=shutil.ignore_patterns("cam1*"))
    data = open_dataset(place)
    assert data.rig.is_mono
    assert not any(np.isfinite(f.uv_right).any() for f in data.frames())


def test_mono_reads_nothing_of_the_right_camera(recording: Path) -> None:
    stereo = open_dataset(recording)
    frames = list(stereo.frames())
    for path in (recording / "cam1" / "data").iterdir():
        path.write_bytes(b"no image")
    data = open_dataset(recording, mono=True)
    assert not any(NOTE in w for w in data.warnings)  # it was asked for
    for a, b in zip(data.frames(), frames, strict=True):
        assert np.array_equal(a.left, b.left)
        assert a.right is None
    assert not data.lost_images


def test_one_camera_is_converted_as_one_camera(recording: Path, tmp_path: Path) -> None:
    stereo = open_dataset(recording)
    assert convert(open_dataset(recording, mono=True), tmp_path / "out") == (FRAMES, 0)
    assert not (tmp_path / "out" / "mav0" / "cam1").exists()
    assert_left_only(open_dataset(tmp_path / "out"), stereo)


def test_the_examination_of_one_camera_is_refused_in_one_line(recording: Path) -> None:
    with pytest.raises(VioError, match="has one camera; an examination compares two"):
        examine(open_dataset(recording, mono=True))
