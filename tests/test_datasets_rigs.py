# SPDX-License-Identifier: Apache-2.0
"""Other rigs: TUM-VI's layout, Kalibr's files, 16 bits, stamps apart, odd mountings."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import FRAME_STEP_NS, START_NS, camera_yaml, image
from vio.camera import StereoRig
from vio.cli import main
from vio.datasets import open_dataset
from vio.datasets.calibration import parse_camera
from vio.errors import VioError
from vio.geometry import exp_so3, invert_transform, transform_from
from vio.render.calibration import euroc_rig

Edit = Callable[[Path, str, str], None]
KALIBR_IMU = """\
#Accelerometers
accelerometer_noise_density: 0.0028
accelerometer_random_walk: 0.00086
gyroscope_noise_density: 0.00016
gyroscope_random_walk: 2.2e-05
rostopic: /imu0
update_rate: 200.0
"""


def rows_of(T: np.ndarray) -> str:
    return "[" + ", ".join(str([float(x) for x in row]) for row in T) + "]"


def camchain(recording: Path, closed: bool = False, T_imu_B: np.ndarray | None = None) -> str:
    """Return the camchain of a recording's two sensor.yaml; closed: cam1 by T_cn_cnm1 only."""
    text, before = "", None
    for index in range(2):
        camera = parse_camera((recording / f"cam{index}" / "sensor.yaml").read_text(), "x")
        T_cam_imu = invert_transform(camera.T_body_cam)
        text += (
            f"cam{index}:\n  camera_model: pinhole\n  distortion_model: radtan\n"
            f"  distortion_coeffs: {list(camera.distortion)}\n  resolution: [64, 48]\n"
            f"  intrinsics: {[camera.fx, camera.fy, camera.cx, camera.cy]}\n"
        )
        if before is not None:
            text += f"  T_cn_cnm1: {rows_of(T_cam_imu @ invert_transform(before))}\n"
        if before is None or not closed:
            text += f"  T_cam_imu: {rows_of(T_cam_imu)}\n"
        before = T_cam_imu
    return text


def as_kalibr(recording: Path, place: str, closed: bool = False) -> None:
    """Replace a recording's sensor.yaml by Kalibr's files in a folder, relative to mav0."""
    folder = recording / place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "camchain.yaml").write_text(camchain(recording, closed))
    (folder / "imu_config.yaml").write_text(KALIBR_IMU)
    for name in ("cam0", "cam1", "imu0"):
        (recording / name / "sensor.yaml").unlink()


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("place", ["../dso", ".", ".."])
def test_a_camchain_stands_for_sensor_yaml(recording: Path, place: str, closed: bool) -> None:
    wanted = open_dataset(recording).rig
    as_kalibr(recording, place, closed)
    data = open_dataset(recording)
    assert data.warnings == []
    assert data.imu_noise.accel_noise == 0.0028
    assert data.rig.left.rate_hz == 20.0
    for camera, reference in ((data.rig.left, wanted.left), (data.rig.right, wanted.right)):
        np.testing.assert_array_equal(camera.params, reference.params)
        np.testing.assert_allclose(camera.T_body_cam, reference.T_body_cam, atol=1e-12)
    zipped = Path(shutil.make_archive(str(recording.parent), "zip", recording.parent))
    np.testing.assert_array_equal(open_dataset(zipped).rig.T_right_left, data.rig.T_right_left)


def test_tum_vi_is_read_as_it_is_downloaded(real_data: Path) -> None:
    room = real_data / "tumvi" / "dataset-room1_512_16"
    if not room.is_dir():
        pytest.skip(f"no TUM-VI data in {real_data.resolve()}")
    data = open_dataset(room, images=False)
    assert data.rig.left.model == "equidistant"
    assert data.rig.baseline_m == pytest.approx(0.101, abs=1e-3)
    assert data.rig.left.rate_hz == 20.0
    assert len(data.frame_t_ns) == 2821
    truth = data.ground_truth
    assert truth is not None
    assert len(truth) == 16541
    assert truth.v_world_body is None
    # The mean specific force along gravity: the frames of truth, IMU and world fit together.
    from vio.trajectory import interpolate, rotation_matrices

    inside = (data.imu.t_ns > truth.t_ns[0]) & (data.imu.t_ns < truth.t_ns[-1])
    R = rotation_matrices(interpolate(truth, data.imu.t_ns[inside]).q_world_body)
    force = np.einsum("nij,nj->ni", R, data.imu.accel_m_s2[inside]).mean(axis=0)
    np.testing.assert_allclose(force, (0.0, 0.0, 9.8), atol=0.1)


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("cam1:", "cam2:", "no entries of 'cam1' .*'cam0' is there.*stereo is needed"),
        ("T_cam_imu", "T_imu_cam", "cam0 has no T_cam_imu; calibrate .*kalibr_calibrate_imu"),
        ("pinhole", "omni", "'omni' is not supported"),
        ("distortion_coeffs", "coeffs", "has no 'distortion_coeffs'"),
        ("[[", "[[9, ", r"rows of \[5, 4, 4, 4\] numbers"),
    ],
)
def test_a_wrong_camchain_is_named(
    recording: Path, edit: Edit, old: str, new: str, part: str
) -> None:
    as_kalibr(recording, "../dso")
    edit(recording.parent / "dso" / "camchain.yaml", old, new)
    with pytest.raises(VioError, match=rf"dso/camchain\.yaml.*{part}"):
        open_dataset(recording)


def test_a_camchain_that_contradicts_itself_is_noted(recording: Path) -> None:
    as_kalibr(recording, ".")
    path = recording / "camchain.yaml"
    text = path.read_text()
    path.write_text(re.sub(r"(T_cn_cnm1: \[\[1\.0, 0\.0, 0\.0, )[-.\d]+", r"\g<1>-0.2", text))
    (warning,) = open_dataset(recording).warnings
    assert "T_cn_cnm1 differs by 0.09 from" in warning


def test_the_time_shift_of_a_camchain_moves_stamps_onto_the_inertial_clock(
    recording: Path, edit: Edit
) -> None:
    """Kalibr: t_imu = t_cam + shift. The cameras fired together, with clocks of their own."""
    as_kalibr(recording, ".")
    wanted = open_dataset(recording)
    images = [(f.t_ns, f.left, f.right) for f in wanted.frames()]
    for name, late_ns in (("cam0", 3_000_000), ("cam1", -14_000_000)):
        path = recording / name / "data.csv"
        rows = [
            f"{int(row.split(',')[0]) + late_ns},{row.split(',')[1].strip()}"
            for row in path.read_text().splitlines()
            if row[:1].isdigit()
        ]
        path.write_text("\n".join(["#timestamp [ns],filename", *rows]) + "\n")
        shift_s = -late_ns * 1e-9
        edit(
            recording / "camchain.yaml", f"{name}:\n", f"{name}:\n  timeshift_cam_imu: {shift_s}\n"
        )
    data = open_dataset(recording)
    np.testing.assert_array_equal(data.frame_t_ns, wanted.frame_t_ns)
    for frame, (t_ns, left, right) in zip(data.frames(), images, strict=True):
        assert frame.t_ns == t_ns
        np.testing.assert_array_equal(frame.left, left)
        np.testing.assert_array_equal(frame.right, right)
    (note,) = data.warnings
    assert "timeshift_cam_imu: cam0 -3.000 ms, cam1 +14.000 ms" in note
    edit(recording / "camchain.yaml", "timeshift_cam_imu: -0.003", "timeshift_cam_imu: soon")
    with pytest.raises(VioError, match=r"camchain.*cam0.*timeshift_cam_imu"):
        open_dataset(recording)


@pytest.mark.parametrize("folder", ["mocap0", "vicon0"])
def test_pose_only_ground_truth_is_read_beside_the_recording(recording: Path, folder: str) -> None:
    full = recording / "state_groundtruth_estimate0" / "data.csv"
    rows = [",".join(row.split(",")[:8]) for row in full.read_text().splitlines()]
    shutil.rmtree(full.parent)
    (recording / folder).mkdir()
    (recording / folder / "data.csv").write_text("\n".join(rows) + "\n")
    truth = open_dataset(recording).ground_truth
    assert truth is not None
    assert truth.p_world_body[3].tolist() == [0.015, 0.0, 1.0]
    assert truth.v_world_body is None


def test_commas_at_row_ends_and_byte_order_marks_are_read(recording: Path) -> None:
    for path in recording.glob("*/data.csv"):
        path.write_text("\ufeff" + path.read_text().replace("\n", ",\n"))
    for path in recording.glob("*/sensor.yaml"):
        path.write_text("\ufeff" + path.read_text())
    data = open_dataset(recording)
    assert data.warnings == []
    assert data.ground_truth is not None
    assert len(list(data.frames())) == 12


def test_16_bit_images_are_read_by_their_upper_bits(recording: Path) -> None:
    for camera in range(2):
        for index, path in enumerate(sorted((recording / f"cam{camera}" / "data").iterdir())):
            pixels = image(camera, index).astype(np.uint16) * 256 + 77
            Image.fromarray(pixels).save(path)
    data = open_dataset(recording)
    for index, frame in enumerate(data.frames()):
        assert frame.right is not None
        assert frame.right.dtype == np.uint8
        assert frame.right.flags.c_contiguous
        assert np.array_equal(frame.right, image(1, index))
    assert data.warnings == []
    Image.fromarray(image(0, 0).astype(np.uint16) * 16).save(
        recording / "cam0" / "data" / f"{START_NS}.png"
    )
    (note,) = open_dataset(recording).warnings
    assert re.search(r"16 bits but no value above 40\d\d; .* dark", note)


def test_a_fifth_distortion_coefficient_must_be_zero(recording: Path, edit: Edit) -> None:
    path = recording / "cam0" / "sensor.yaml"
    edit(path, "0.00002]", "0.00002, 0.0]")
    assert open_dataset(recording).rig.left.distortion == (-0.2, 0.05, 0.0002, 0.00002)
    edit(path, "0.00002, 0.0]", "0.00002, 0.01]")
    with pytest.raises(VioError, match=r"a fifth value, k3 = 0\.01; .*calibrate without k3"):
        open_dataset(recording)


def test_a_ragged_T_BS_is_named_and_one_in_rows_is_read(recording: Path, edit: Edit) -> None:
    path = recording / "cam0" / "sensor.yaml"
    old = re.search(r"data: .*", path.read_text())
    assert old is not None
    wanted = open_dataset(recording).rig.left.T_body_cam
    T = rows_of(wanted)
    edit(path, old.group(), f"data: {T}")
    assert open_dataset(recording).rig.left.T_body_cam.tolist() == wanted.tolist()
    edit(path, T, T.replace(", 0.01]", "]"))
    with pytest.raises(VioError, match=r"T_BS has rows of \[3, 4, 4, 4\] numbers, expected 4 rows"):
        open_dataset(recording)


def test_an_image_name_looked_for_and_one_that_is_there_are_named(recording: Path) -> None:
    for path in list((recording / "cam0" / "data").iterdir()):
        path.rename(path.with_suffix(".jpg"))
    with pytest.raises(VioError, match=rf"not '{START_NS}\.png', but '{START_NS}\.jpg'"):
        open_dataset(recording)


def test_a_missing_entry_is_named_with_one_that_is_there(recording: Path, edit: Edit) -> None:
    edit(recording / "cam0" / "sensor.yaml", "rate_hz", "rate")
    with pytest.raises(VioError, match=r"no 'rate_hz' \('sensor_type' is there\)"):
        open_dataset(recording)


def test_a_recording_without_the_left_camera_is_refused(recording: Path) -> None:
    shutil.rmtree(recording / "cam0")
    with pytest.raises(VioError, match="holds cam1 only; give cam0"):
        open_dataset(recording)


# Rigs ---------------------------------------------------------------------------------------------


def mounted(T_left_right: np.ndarray) -> StereoRig:
    """Return EuRoC's cameras, the right one at T_left_right (4, 4)."""
    rig = euroc_rig()
    return StereoRig(rig.left, replace(rig.right, T_body_cam=rig.left.T_body_cam @ T_left_right))


def at(*p: float, w: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    return transform_from(exp_so3(np.array(w)), np.array(p))


@pytest.mark.parametrize(
    ("T_left_right", "part"),
    [
        (at(0.0, 0.0, 0.0), r"one place \(baseline 0\.000 mm\).*equal translations"),
        (at(0.0, 0.12, 0.0), "below it, .*; a vertical rig is not supported"),
        (at(0.0, -0.12, 0.0), "above it, .*; a vertical rig is not supported"),
        (at(0.0, 0.0, 0.3), "in front of it"),
        (at(0.0, 0.0, -0.3), "behind it"),
        (at(-0.11, 0.0, 0.0), "not on its right; swap the cameras"),
        (at(0.11, 0.0, 0.0, w=(0.0, 1.6, 0.0)), "look 92 degrees apart"),
    ],
)
def test_mountings_that_give_no_stereo_are_named(T_left_right: np.ndarray, part: str) -> None:
    with pytest.raises(VioError, match=part):
        _ = mounted(T_left_right).rectification
    assert mounted(at(0.11, 0.0, 0.0)).rectification.baseline_m == pytest.approx(0.11)


def test_an_inverted_T_BS_is_recognised() -> None:
    rig = euroc_rig()
    inverted = StereoRig(
        *(replace(c, T_body_cam=invert_transform(c.T_body_cam)) for c in (rig.left, rig.right))
    )
    with pytest.raises(VioError, match=r"or T_BS is inverted .*would then be on the right"):
        _ = inverted.rectification


# Stamps -------------------------------------------------------------------------------------------


def restamp(recording: Path, change: Callable[[int, int], int]) -> None:
    """Change the stamps of cam1 (index, stamp); the image files keep their names."""
    path = recording / "cam1" / "data.csv"
    head, *rows = path.read_text().splitlines()
    fields = [row.split(",") for row in rows]
    rows = [f"{change(i, int(t))},{name}" for i, (t, name) in enumerate(fields)]
    path.write_text("\n".join([head, *rows]) + "\n")


@pytest.mark.parametrize("late_ns", [100_001, 200_000, 300_000, -250_000, 2_000_000])
def test_stamps_a_little_apart_are_one_pair_with_one_note(recording: Path, late_ns: int) -> None:
    restamp(recording, lambda i, t: t + late_ns + (-1) ** i * 10_000)
    data = open_dataset(recording)
    assert data.frame_t_ns.tolist() == [START_NS + i * FRAME_STEP_NS for i in range(12)]
    assert all(f.left is not None and f.right is not None for f in data.frames())
    (note,) = data.warnings
    assert f"median {late_ns / 1e6:+.3f} ms, jitter 0.010 ms" in note


def test_a_right_stamp_pairs_with_the_nearest_left_one_only(recording: Path) -> None:
    path = recording / "cam1" / "data.csv"
    rows = path.read_text().splitlines()
    rows.insert(3, f"{START_NS + FRAME_STEP_NS + 2_000_000},{START_NS}.png")
    path.write_text("\n".join(rows) + "\n")
    data = open_dataset(recording)
    frames = list(data.frames())
    assert [f.left is None for f in frames] == [False, False, True, *[False] * 10]
    assert all(f.right is not None for f in frames)
    assert frames[1].right is not None
    assert np.array_equal(frames[1].right, image(1, 1))


def test_a_constant_offset_can_be_configured(
    recording: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    restamp(recording, lambda i, t: t + 7_000_000)
    with pytest.raises(VioError, match=r"--set dataset\.right_offset_ms=7\.000"):
        open_dataset(recording)
    data = open_dataset(recording, right_offset_ms=7.0)
    assert data.warnings == []
    assert [f.t_ns for f in data.frames() if f.right is not None] == data.frame_t_ns.tolist()
    with pytest.raises(VioError, match=r"right_offset_ms = 25 is not less than half"):
        open_dataset(recording, right_offset_ms=25.0)
    with pytest.raises(VioError, match="right_offset_ms = nan"):
        open_dataset(recording, right_offset_ms=float("nan"))
    assert main(["run", str(recording), "--out", str(tmp_path / "x")]) == 2
    assert "not synchronised" in capsys.readouterr().err


def test_equidistant_sensor_yaml_is_read(recording: Path) -> None:
    text = camera_yaml("cam0").replace("radial-tangential", "equidistant")
    assert parse_camera(text, "x").model == "equidistant"
