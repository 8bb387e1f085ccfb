# SPDX-License-Identifier: Apache-2.0
"""The EuRoC reader gives what was recorded, streams it in bounded memory, and survives losses."""

import gc
import shutil
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import (
    FRAME_STEP_NS,
    FRAMES,
    IMU_STEP_NS,
    START_NS,
    camera_yaml,
    image,
    write_recording,
)
from vio.data import StereoFrame
from vio.datasets import images as images_module
from vio.datasets import open_dataset, open_tracks
from vio.datasets.base import Dataset
from vio.datasets.calibration import parse_camera
from vio.errors import VioError


def name_of(index: int) -> str:
    return f"{START_NS + index * FRAME_STEP_NS}.png"


def assert_same(a: Dataset, b: Dataset) -> None:
    assert a.rig.left.params.tolist() == b.rig.left.params.tolist()
    assert a.rig.right.T_body_cam.tolist() == b.rig.right.T_body_cam.tolist()
    assert a.imu_noise == b.imu_noise
    assert a.imu.t_ns.tolist() == b.imu.t_ns.tolist()
    assert a.imu.gyro_rad_s.tolist() == b.imu.gyro_rad_s.tolist()
    assert a.imu.accel_m_s2.tolist() == b.imu.accel_m_s2.tolist()
    assert a.ground_truth.p_world_body.tolist() == b.ground_truth.p_world_body.tolist()
    assert a.frame_t_ns.tolist() == b.frame_t_ns.tolist()
    for x, y in zip(a.frames(), b.frames(), strict=True):
        assert x.t_ns == y.t_ns
        for p, q in ((x.left, y.left), (x.right, y.right)):
            assert (p is None) == (q is None)
            assert p is None or np.array_equal(p, q)


def test_a_recording_is_read_as_it_was_written(recording: Path) -> None:
    data = open_dataset(recording.parent)
    assert data.name == "tiny"
    assert data.warnings == []
    assert data.frame_t_ns.tolist() == [START_NS + i * FRAME_STEP_NS for i in range(FRAMES)]
    assert data.frame_t_ns.dtype == np.int64
    assert data.imu.t_ns[0] == START_NS - FRAME_STEP_NS // 2
    assert np.unique(np.diff(data.imu.t_ns)).tolist() == [IMU_STEP_NS]
    assert data.imu.gyro_rad_s[7].tolist() == [0.1, 0.007, 0.0]
    assert data.imu.accel_m_s2[7].tolist() == [0.0, 0.0, 9.8107]
    assert data.imu_noise.accel_walk == 3.0e-3
    assert data.rig.baseline_m == pytest.approx(0.11)
    assert data.rig.left.T_body_cam[:3, 3].tolist() == [0.01, -0.05, 0.02]
    assert data.rig.left.distortion == (-0.2, 0.05, 0.0002, 0.00002)
    assert data.ground_truth is not None
    assert data.ground_truth.p_world_body[3].tolist() == [0.015, 0.0, 1.0]
    assert data.ground_truth.v_world_body is not None
    assert data.ground_truth.v_world_body[0].tolist() == [1.0, 0.0, 0.0]
    for i, frame in enumerate(data.frames()):
        for camera, pixels in enumerate((frame.left, frame.right)):
            assert pixels is not None
            assert np.array_equal(pixels, image(camera, i))
            assert pixels.flags.c_contiguous
            assert pixels.flags.writeable


def test_the_parent_folder_the_mav0_folder_and_a_zip_are_the_same(recording: Path) -> None:
    (recording / "cam1" / "data" / name_of(3)).unlink()
    (recording / "cam0" / "data" / name_of(5)).write_bytes(b"\x89PNG\r\n\x1a\n")
    folder = open_dataset(recording.parent)
    assert_same(folder, open_dataset(recording))
    shutil.make_archive(str(recording.parent.parent / "flat"), "zip", recording.parent)
    assert_same(folder, open_dataset(recording.parent.parent / "flat.zip"))
    shutil.make_archive(
        str(recording.parent.parent / "nested"), "zip", recording.parent.parent, "tiny"
    )
    zipped = open_dataset(recording.parent.parent / "nested.zip")
    assert_same(folder, zipped)
    assert len(zipped.warnings) == len(folder.warnings) == 2


def test_a_time_span_selects_frames_and_includes_its_ends(recording: Path) -> None:
    data = open_dataset(recording)
    start, until = (START_NS + i * FRAME_STEP_NS for i in (3, 6))
    times = [frame.t_ns for frame in data.frames(start_ns=start, until_ns=until)]
    assert times == [START_NS + i * FRAME_STEP_NS for i in (3, 4, 5, 6)]
    assert next(iter(data.frames(start_ns=start + 1))).t_ns == times[1]


def test_frames_can_be_read_twice_and_left_early(recording: Path) -> None:
    data = open_dataset(recording)
    stream = data.frames()
    first = next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert all(not t.name.startswith("decode") for t in threading.enumerate())
    again = next(iter(data.frames()))
    assert first.left is not None
    assert np.array_equal(first.left, again.left)


def test_streaming_holds_at_most_two_pairs_whatever_the_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_dataset(write_recording(tmp_path / "long", frames=60))
    alive = 0
    most = 0
    lock = threading.Lock()
    decode = images_module.decode

    def forget() -> None:
        nonlocal alive
        with lock:
            alive -= 1

    def counted(*args: object) -> np.ndarray:
        nonlocal alive, most
        pixels = decode(*args)  # type: ignore[arg-type]
        with lock:
            alive += 1
            most = max(most, alive)
        weakref.finalize(pixels, forget)
        return pixels

    monkeypatch.setattr(images_module, "decode", counted)
    count = 0
    for _ in data.frames():
        count += 1
    del _
    gc.collect()
    assert count == 60
    assert alive == 0
    assert 2 < most <= 4, "one pair in use and one ahead are four images"
    kept = list(data.frames())  # the counter sees it when pairs are kept
    assert len(kept) == 60
    assert most == 120


@pytest.mark.parametrize(("camera", "other"), [("cam0", "right"), ("cam1", "left")])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "unlisted"])
def test_a_pair_with_one_lost_image_goes_on_as_mono(
    recording: Path, camera: str, other: str, damage: str
) -> None:
    path = recording / camera / "data" / name_of(4)
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-1500])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        csv = recording / camera / "data.csv"
        lines = csv.read_text().splitlines(keepends=True)
        csv.write_text("".join(line for line in lines if name_of(4) not in line))
    data = open_dataset(recording)
    frames = list(data.frames())
    assert [frame.t_ns for frame in frames] == data.frame_t_ns.tolist()
    assert len(frames) == FRAMES
    lost = frames[4]
    side = "left" if camera == "cam0" else "right"
    assert getattr(lost, side) is None
    assert np.array_equal(getattr(lost, other), image(0 if other == "left" else 1, 4))
    assert all(f.left is not None and f.right is not None for f in frames if f is not lost)
    list(data.frames())
    assert len(data.warnings) == 1, "said once, however often the frames are read"
    assert f"frame {lost.t_ns} is processed as a mono frame" in data.warnings[0]
    assert camera in data.warnings[0]


def test_a_pair_with_both_images_lost_is_skipped_with_a_warning(recording: Path) -> None:
    for camera in ("cam0", "cam1"):
        (recording / camera / "data" / name_of(2)).unlink()
        (recording / camera / "data" / name_of(8)).write_bytes(b"no png")
    data = open_dataset(recording)
    assert len(data.frame_t_ns) == FRAMES - 1, "missing files are known before decoding"
    times = [frame.t_ns for frame in data.frames()]
    skipped = {START_NS + i * FRAME_STEP_NS for i in (2, 8)}
    assert len(times) == FRAMES - 2
    assert not skipped & set(times)
    assert len(data.warnings) == 2
    assert all("is skipped" in warning for warning in data.warnings)
    assert "cannot be decoded" in data.warnings[1]


def test_a_flood_of_warnings_is_cut_off(tmp_path: Path) -> None:
    mav0 = write_recording(tmp_path / "long", frames=40)
    for index in range(1, 40):
        (mav0 / "cam1" / "data" / name_of(index)).unlink()
    data = open_dataset(mav0)
    assert sum(frame.right is None for frame in data.frames()) == 39
    assert len(data.warnings) == 21
    assert data.warnings[-1] == "further warnings about this recording are left out"


def test_a_recording_without_images_gives_everything_else(recording: Path) -> None:
    for camera in ("cam0", "cam1"):
        shutil.rmtree(recording / camera / "data")
    with pytest.raises(VioError, match=r"cam0/data holds none of the 12 images .*vio render"):
        open_dataset(recording)
    data = open_dataset(recording, images=False)
    assert len(data.frame_t_ns) == FRAMES
    assert data.ground_truth is not None
    with pytest.raises(VioError, match="images=False"):
        data.frames()


def test_the_body_is_the_inertial_sensor_wherever_it_sits(recording: Path) -> None:
    plain = open_dataset(recording)
    # Turn the body frame B: the sensors keep their places relative to each other.
    T_B_imu = np.array([[0.0, 0, 1, 0.3], [1, 0, 0, -0.1], [0, 1, 0, 0.2], [0, 0, 0, 1]])
    for name in ("cam0", "cam1", "imu0"):
        path = recording / name / "sensor.yaml"
        text = path.read_text()
        old = {
            "cam0": plain.rig.left.T_body_cam,
            "cam1": plain.rig.right.T_body_cam,
            "imu0": np.eye(4),
        }[name]
        start, end = text.index("data: ["), text.index("]", text.index("data: ["))
        path.write_text(
            text[:start] + f"data: {(T_B_imu @ old).ravel().tolist()}" + text[end + 1 :]
        )
    (recording / "state_groundtruth_estimate0" / "sensor.yaml").write_text(
        f"T_BS:\n  data: {np.eye(4).ravel().tolist()}\n"
    )
    turned = open_dataset(recording)
    assert np.allclose(turned.rig.left.T_body_cam, plain.rig.left.T_body_cam, atol=1e-14)
    assert np.allclose(turned.rig.T_right_left, plain.rig.T_right_left, atol=1e-14)
    assert turned.ground_truth is not None
    assert plain.ground_truth is not None
    # The ground truth, given for B, is now that of the inertial sensor.
    moved = plain.ground_truth.p_world_body + T_B_imu[:3, 3]
    assert np.allclose(turned.ground_truth.p_world_body, moved, atol=1e-12)
    assert turned.ground_truth.v_world_body is None


def test_equidistant_cameras_and_slightly_rounded_rotations_are_read() -> None:
    text = camera_yaml("cam0").replace("radial-tangential", "equidistant")
    text = text.replace("[0, -1, 0, 0.01, 1, 0, 0,", "[0.0004, -1, 0, 0.01, 1, 0, 0,")
    camera = parse_camera(text, "cam0/sensor.yaml")
    R = camera.T_body_cam[:3, :3]
    assert camera.model == "equidistant"
    assert np.abs(R.T @ R - np.eye(3)).max() < 1e-15
    assert np.abs(R - [[0, -1, 0], [1, 0, 0], [0, 0, 1]]).max() < 5e-4


def test_the_real_clip_is_read_with_its_one_lost_image(real_data: Path) -> None:
    data = open_dataset(real_data / "euroc" / "MH_01_easy")
    assert (len(data.frame_t_ns), len(data.imu)) == (320, 3231)
    assert data.rig.baseline_m == pytest.approx(0.110078, abs=1e-6)
    mono = 1403636592913555456
    frames: list[StereoFrame] = list(data.frames(until_ns=mono + 10**8, start_ns=mono - 10**8))
    assert [f.t_ns for f in frames if f.right is None] == [mono]
    assert all(f.left is not None and f.left.shape == (480, 752) for f in frames)
    assert len(data.warnings) == 1
    assert str(mono) in data.warnings[0]


def test_flights_without_images_give_times_and_ground_truth(real_data: Path) -> None:
    for name, frames in (("MH_04_difficult", 2033), ("V2_02_medium", None)):
        data = open_dataset(real_data / "euroc" / name, images=False)
        assert frames is None or len(data.frame_t_ns) == frames
        assert data.ground_truth is not None
        assert data.ground_truth.gyro_bias_rad_s is not None
        assert data.ground_truth.length_m() > 80.0


def test_real_tracks_agree_with_their_reference_poses(real_data: Path) -> None:
    path = real_data / "euroc_tracks" / "imu_april"
    tracks = open_tracks(path)
    assert len(tracks.frame_t_ns) == 1414
    corners = np.loadtxt(path / "cam0_corners.csv", delimiter=",", usecols=(1, 4, 5, 6))
    p_target = dict(zip(corners[:, 0].astype(int), corners[:, 1:], strict=True))
    reference = tracks.ground_truth
    from vio.geometry import invert_transform, matrix_from_quaternion, transform_from

    left_errors, right_errors = [], []
    for frame in list(tracks.frames())[::100]:
        assert np.all(np.diff(frame.ids) > 0)
        i = int(np.searchsorted(reference.t_ns, frame.t_ns))
        R = matrix_from_quaternion(reference.q_world_body[i])
        T_target_body = transform_from(R, reference.p_world_body[i])
        points = np.array([p_target[k] for k in frame.ids])
        for camera, uv, errors in (
            (tracks.rig.left, frame.uv_left, left_errors),
            (tracks.rig.right, frame.uv_right, right_errors),
        ):
            T = invert_transform(T_target_body @ camera.T_body_cam)
            p_cam = points @ T[:3, :3].T + T[:3, 3]
            errors.extend(np.linalg.norm(camera.project(p_cam[:, :2] / p_cam[:, 2:]) - uv, axis=1))
    # README: PnP residuals of 0.46 px rms (median frame); the right camera adds the calibration's.
    assert np.median(left_errors) < 0.6
    seen = np.array(right_errors)[np.isfinite(right_errors)]
    assert 0.5 * len(right_errors) < len(seen) < len(right_errors)
    assert np.median(seen) < 1.5
    assert not any("target" in key or "XYZ" in key for key in vars(tracks))
