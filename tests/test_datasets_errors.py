# SPDX-License-Identifier: Apache-2.0
"""What a user's recording gets wrong is named with its place, the numbers and the next step."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import FRAME_STEP_NS, START_NS, camera_yaml, write_recording
from vio.datasets import open_dataset, open_tracks
from vio.errors import VioError

Edit = Callable[[Path, str, str], None]
TRUTH = "state_groundtruth_estimate0"


def assert_refused(path: Path, *parts: str) -> str:
    """Check that opening and reading raises one line that holds all parts (regular expressions)."""
    with pytest.raises(VioError) as caught:
        list(open_dataset(path).frames())
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert re.search(part, message), f"{part!r} is not in {message!r}"
    return message


def assert_truth_left_out(path: Path, *parts: str) -> None:
    """Check that a recording is read without its ground truth, and the note holds the parts."""
    data = open_dataset(path)
    assert data.ground_truth is None
    assert [w for w in data.warnings if data.truth_error in w] == data.warnings != []
    assert "the ground truth is left out: " in data.warnings[0]
    for part in parts:
        assert re.search(part, data.truth_error), f"{part!r} is not in {data.truth_error!r}"
    assert len(list(data.frames())) == 12


def assert_named(recording: Path, name: str, *parts: str) -> None:
    """Check that what is wrong with a table is named: an error, a note for the ground truth."""
    check = assert_truth_left_out if name == TRUTH else assert_refused
    check(recording, *parts)


def change_times(path: Path, change: Callable[[int], object]) -> None:
    """Rewrite the first column of a csv."""
    head, *rows = path.read_text().splitlines()
    fields = [row.split(",", 1) for row in rows]
    path.write_text("\n".join([head, *(f"{change(int(t))},{rest}" for t, rest in fields)]) + "\n")


def test_a_tiny_recording_is_accepted(recording: Path) -> None:
    assert len(list(open_dataset(recording).frames())) == 12


@pytest.mark.parametrize(
    "name",
    [
        "cam0/data.csv",
        "cam1/data.csv",
        "imu0/data.csv",
        "cam0/sensor.yaml",
        "cam1/sensor.yaml",
        "imu0/sensor.yaml",
    ],
)
def test_a_missing_file_is_named_with_its_purpose(recording: Path, name: str) -> None:
    (recording / name).unlink()
    assert_refused(recording, f"{recording}/{name} is missing; it holds ", "restore it")


@pytest.mark.parametrize("camera", ["cam0", "cam1"])
def test_a_camera_without_any_image_is_refused(recording: Path, camera: str) -> None:
    shutil.rmtree(recording / camera / "data")
    assert_refused(recording, f"{camera}/data holds none of the 12 images")


@pytest.mark.parametrize("name", ["cam0", "cam1", "imu0", "state_groundtruth_estimate0"])
@pytest.mark.parametrize(
    ("change", "unit", "factor"),
    [
        (lambda t: t // 1_000, "microseconds", "1000$"),
        (lambda t: t // 1_000_000, "milliseconds", "1000000$"),
        (lambda t: f"{t // 10**9}.{t % 10**9:09d}", "seconds", "write all digits"),
    ],
)
def test_a_wrong_unit_of_time_is_recognised(
    recording: Path, name: str, change: Callable[[int], object], unit: str, factor: str
) -> None:
    change_times(recording / name / "data.csv", change)
    assert_named(recording, name, f"{name}/data.csv", rf"look\w* like {unit}", factor)


@pytest.mark.parametrize("name", ["cam0", "cam1", "imu0", "state_groundtruth_estimate0"])
def test_unsorted_time_stamps_are_named_with_both_values(recording: Path, name: str) -> None:
    path = recording / name / "data.csv"
    rows = path.read_text().splitlines()
    rows[5:] = rows[:4:-1]  # more than can be repaired
    path.write_text("\n".join(rows) + "\n")
    late, early = rows[5].split(",")[0], rows[6].split(",")[0]
    assert_named(recording, name, f"{name}/data.csv, line 7: .* not sorted: {early} follows {late}")


@pytest.mark.parametrize("name", ["cam0", "cam1", "imu0"])
def test_doubled_time_stamps_are_named(recording: Path, name: str) -> None:
    path = recording / name / "data.csv"
    rows = path.read_text().splitlines()
    rows[5:] = [row for row in rows[5:] for _ in range(2)]  # more than can be repaired
    path.write_text("\n".join(rows) + "\n")
    stamp = rows[5].split(",")[0]
    assert_named(recording, name, f"{name}/data.csv, line 7: time stamp {stamp} is doubled .line 6")


def test_of_doubled_stamps_of_the_ground_truth_the_first_is_kept(recording: Path) -> None:
    path = recording / "state_groundtruth_estimate0" / "data.csv"
    whole = open_dataset(recording).ground_truth
    header, *rows = path.read_text().splitlines()
    wrong = [row.replace(row.split(",")[1], "99", 1) for row in rows]
    path.write_text(
        "\n".join([header, *(r for pair in zip(rows, wrong, strict=True) for r in pair)]) + "\n"
    )
    dataset = open_dataset(recording)
    assert whole is not None
    assert dataset.ground_truth is not None
    np.testing.assert_array_equal(dataset.ground_truth.p_world_body, whole.p_world_body)
    assert sum(f"{len(rows)} rows repeat a time stamp" in note for note in dataset.warnings) == 1


def test_cameras_out_of_step_are_refused_with_the_offset(recording: Path) -> None:
    change_times(recording / "cam1" / "data.csv", lambda t: t + 3_210_000)
    assert_refused(recording, "not synchronised", "only 0 of 12", r"cam1 - cam0 is \+3\.210 ms")


def test_cameras_of_different_times_are_refused_with_both_spans(recording: Path) -> None:
    change_times(recording / "cam1" / "data.csv", lambda t: t + 10**12)
    assert_refused(recording, "do not overlap", str(START_NS), str(START_NS + 10**12), "0.550 s")


def test_a_jitter_of_microseconds_between_the_cameras_is_one_pair(recording: Path) -> None:
    change_times(recording / "cam1" / "data.csv", lambda t: t + 20_000)
    data = open_dataset(recording)
    assert data.frame_t_ns[0] == START_NS
    assert len(data.frame_t_ns) == 12
    assert data.warnings == []


def test_an_imu_slower_than_the_cameras_is_refused_with_both_rates(
    recording: Path, edit: Edit
) -> None:
    path = recording / "imu0" / "data.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *rows[::20]]) + "\n")
    assert_refused(recording, r"IMU \(10.0 Hz\) is not faster than the cameras \(20.0 Hz\)")


def test_inertial_data_of_another_time_is_refused_with_both_spans(recording: Path) -> None:
    change_times(recording / "imu0" / "data.csv", lambda t: t - 10**12)
    assert_refused(recording, "inertial data covers", "do not overlap", str(START_NS))


def test_ground_truth_of_another_time_is_left_out_with_both_spans(recording: Path) -> None:
    path = recording / "state_groundtruth_estimate0" / "data.csv"
    change_times(path, lambda t: t + 10**12)
    first = START_NS - FRAME_STEP_NS // 2 + 10**12
    last = START_NS + 11 * FRAME_STEP_NS
    assert_truth_left_out(
        recording, f"ground truth covers {first} to", f"{START_NS} to {last}", r"gap 999\.\d+ s"
    )


@pytest.mark.parametrize("index", [0, 7])
@pytest.mark.parametrize("camera", ["cam0", "cam1"])
def test_an_image_of_another_size_is_refused(recording: Path, camera: str, index: int) -> None:
    path = recording / camera / "data" / f"{START_NS + index * FRAME_STEP_NS}.png"
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(path)
    message = assert_refused(recording, path.name, "60x40 pixels", "calibration is for 64x48")
    assert camera in message


@pytest.mark.parametrize(
    ("pixels", "mode"),
    [
        (np.zeros((48, 64, 3), np.uint8), "RGB"),
        (np.zeros((48, 64), bool), "1"),
    ],
)
@pytest.mark.parametrize("index", [0, 5])
def test_images_that_are_not_grey_are_refused(
    recording: Path, pixels: np.ndarray, mode: str, index: int
) -> None:
    path = recording / "cam1" / "data" / f"{START_NS + index * FRAME_STEP_NS}.png"
    Image.fromarray(pixels).save(path)
    assert_refused(recording, path.name, "not an 8-bit grey image", repr(mode))


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("[0, -1, 0, 0.01,", "[0, -1.1, 0, 0.01,", ["identity by 0.21", "det R = 1.1"]),
        ("[0, -1, 0, 0.01,", "[0, 1, 0, 0.01,", ["not a rotation", "det R = -1.0"]),
        ("0, 0, 0, 1]", "0, 0, 0]", ["T_BS has 15 values", "expected 16"]),
        ("0, 0, 0, 1]", "0, 0, 0.5, 1]", ["last row of T_BS"]),
        ("0.01,", "'x',", ["T_BS is .*expected numbers"]),
        ("T_BS:", "T_XX:", ["has no T_BS"]),
        ("intrinsics", "intrinsic", ["has no 'intrinsics'", "4 numbers"]),
        ("[50.0, 50.0, 32.0, 24.0]", "[50.0, 32.0, 24.0]", ["has 3 values", "expected 4"]),
        ("[50.0, 50.0, 32.0, 24.0]", "[50.0, 50.0, 132.0, 24.0]", [r"\(132, 24\) lies outside"]),
        ("[50.0, 50.0, 32.0, 24.0]", "[-50.0, 50.0, 32.0, 24.0]", ["fu is -50"]),
        ("radial-tangential", "fisheye62", ["'fisheye62' is unknown", "equidistant"]),
        ("pinhole", "omni", ["'omni' is not supported", "pinhole"]),
        ("rate_hz: 20", "rate_hz: 0", ["rate_hz is 0", "positive"]),
        ("camera_model: pinhole", "camera_model: [", ["not valid YAML"]),
    ],
)
def test_a_wrong_camera_calibration_is_named(
    recording: Path, edit: Edit, old: str, new: str, parts: list[str]
) -> None:
    edit(recording / "cam0" / "sensor.yaml", old, new)
    assert_refused(recording, "cam0/sensor.yaml", *parts)


def test_swapped_cameras_are_refused_before_a_run_begins(recording: Path) -> None:
    (recording / "cam0" / "sensor.yaml").write_text(camera_yaml("cam1"))
    (recording / "cam1" / "sensor.yaml").write_text(camera_yaml("cam0"))
    assert_refused(recording, str(recording), "not on its right; swap the cameras")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("gyroscope_noise_density: 1.7e-04", "", ["no 'gyroscope_noise_density'"]),
        ("2.0e-3", "0.0", ["accelerometer_noise_density is 0"]),
        ("2.0e-3", "none", ["'none', expected numbers"]),
    ],
)
def test_a_wrong_inertial_calibration_is_named(
    recording: Path, edit: Edit, old: str, new: str, parts: list[str]
) -> None:
    edit(recording / "imu0" / "sensor.yaml", old, new)
    assert_refused(recording, "imu0/sensor.yaml", *parts)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("0.1,0.003,0", "0.1,x,0", ["line 5, column 3: 'x' is not a number"]),
        ("0.1,0.003,0", "0.1,0", ["line 5 has 6 columns, the first row has 7"]),
        ("0.1,0.000,0", "0", ["line 2 has 5 columns, expected 7"]),
    ],
)
def test_a_damaged_line_of_inertial_data_is_named(
    recording: Path, edit: Edit, old: str, new: str, parts: list[str]
) -> None:
    edit(recording / "imu0" / "data.csv", old, new)
    assert_refused(recording, "imu0/data.csv", *parts)


def test_empty_tables_are_refused(recording: Path) -> None:
    (recording / "imu0" / "data.csv").write_text("#t,w,w,w,a,a,a\n")
    assert_refused(recording, "imu0/data.csv has no rows")
    (recording / "imu0" / "data.csv").unlink()
    write_recording(recording.parent / "again")
    (recording.parent / "again" / "mav0" / "cam0" / "data.csv").write_text("")
    assert_refused(recording.parent / "again", "cam0/data.csv lists no images")


def test_an_image_list_without_names_is_refused(recording: Path, edit: Edit) -> None:
    edit(recording / "cam0" / "data.csv", f",{START_NS}.png", "")
    assert_refused(recording, "cam0/data.csv, line 2 names no image")


def test_a_ground_truth_with_a_wrong_quaternion_is_left_out(recording: Path, edit: Edit) -> None:
    edit(recording / "state_groundtruth_estimate0" / "data.csv", ",1,1,0,0,0,1", ",1,0,0,0,0,1")
    assert_truth_left_out(recording, "quaternion of pose 1 has norm 0.0000", "order of the columns")


def test_gaps_and_frames_outside_the_inertial_data_are_warned_of(recording: Path) -> None:
    path = recording / "imu0" / "data.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *rows[10:60], *rows[80:110]]) + "\n")
    warnings = open_dataset(recording).warnings
    assert len(warnings) == 2
    assert re.search(r"1 gap\(s\); the longest lasts 0.105 s", warnings[0])
    assert warnings[1].startswith("1 frame(s) lie before the first inertial sample and 1 after")


def test_windows_line_ends_and_headers_without_a_mark_are_read(recording: Path) -> None:
    for name in ("cam0", "imu0", "state_groundtruth_estimate0"):
        path = recording / name / "data.csv"
        text = path.read_text().removeprefix("#").replace("\n", "\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(list(open_dataset(recording).frames())) == 12


def test_paths_that_are_no_recording_are_refused_with_a_hint(
    recording: Path, tmp_path: Path
) -> None:
    assert_refused(tmp_path / "none", "does not exist")
    assert_refused(tmp_path, "did you mean .*tiny")
    (tmp_path / "empty").mkdir()
    assert_refused(tmp_path / "empty", "must contain mav0")
    (tmp_path / "a.bag").write_bytes(b"#ROSBAG")
    assert_refused(tmp_path / "a.bag", "cannot be read as a bag .File magic is invalid")
    (tmp_path / "a.bag").rename(tmp_path / "a.avi")
    assert_refused(tmp_path / "a.avi", "formats read: EuRoC/ASL")
    with pytest.raises(VioError, match="is no folder"):
        open_tracks(tmp_path / "none")


def test_zips_that_are_cut_off_or_hold_several_recordings_are_refused(
    recording: Path, tmp_path: Path
) -> None:
    whole = Path(shutil.make_archive(str(tmp_path / "one"), "zip", recording.parent))
    (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:-5000])
    assert_refused(tmp_path / "cut.zip", "may be cut off")
    write_recording(tmp_path / "two" / "a")
    write_recording(tmp_path / "two" / "b")
    shutil.make_archive(str(tmp_path / "several"), "zip", tmp_path / "two")
    assert_refused(tmp_path / "several.zip", "several recordings", "a/mav0/, b/mav0/")
    (tmp_path / "x").mkdir()
    shutil.make_archive(str(tmp_path / "nothing"), "zip", tmp_path / "x")
    assert_refused(tmp_path / "nothing.zip", "no cam0 folder")


def test_an_image_damaged_inside_a_zip_is_a_lost_image(recording: Path, tmp_path: Path) -> None:
    whole = Path(shutil.make_archive(str(tmp_path / "one"), "zip", recording.parent))
    path = recording / "cam1" / "data" / f"{START_NS + 6 * FRAME_STEP_NS}.png"
    data = bytearray(whole.read_bytes())
    import zipfile

    with zipfile.ZipFile(whole) as archive:
        info = next(i for i in archive.infolist() if i.filename.endswith(f"cam1/data/{path.name}"))
    data[info.header_offset + 500 : info.header_offset + 600] = bytes(100)
    whole.write_bytes(data)
    dataset = open_dataset(whole)
    frames = list(dataset.frames())
    assert frames[6].right is None
    assert frames[6].left is not None
    assert len(dataset.warnings) == 1
    assert path.name in dataset.warnings[0]
