# SPDX-License-Identifier: Apache-2.0
"""Whole sequences: layout, determinism, hybrids, exposure, noise, the command."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vio.cli import main
from vio.datasets.base import is_rendered
from vio.datasets.euroc import EurocDataset
from vio.errors import VioError
from vio.geometry import invert_transform, log_so3
from vio.render import open_hybrid, open_scenario, write_sequence
from vio.render.noise import expose
from vio.render.renderer import DarkSpell, Renderer
from vio.render.sensor import ExposureControl, SensorModel
from vio.render.truth import flow
from vio.trajectory import Trajectory, rotation_matrices


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames of the hover scenario with depth and flow."""
    folder = tmp_path_factory.mktemp("render") / "hover"
    assert main(["render", "hover", "--seed", "2", "--seconds", "0.2", "--depth", "--flow", "--out",
                 str(folder)]) == 0  # fmt: skip
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder with their bytes."""
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.mark.slow
def test_a_scenario_is_a_recording_that_the_reader_accepts_without_a_word(scenario: Path) -> None:
    recording = EurocDataset(scenario)
    assert recording.warnings == []
    frames = list(recording.frames())
    assert len(frames) == 4
    for frame in frames:
        assert frame.left is not None and frame.left.shape == (480, 752)  # noqa: PT018
        assert frame.right is not None and frame.right.dtype == np.uint8  # noqa: PT018
    truth = recording.ground_truth
    assert truth is not None and truth.v_world_body is not None  # noqa: PT018
    assert truth.t_ns[0] < frames[0].t_ns - 400_000_000
    assert truth.t_ns[-1] > frames[-1].t_ns + 400_000_000
    assert recording.imu_noise.rate_hz == 200.0


def test_a_rendered_sequence_says_so_and_a_recording_does_not(
    scenario: Path, tmp_path: Path
) -> None:
    assert is_rendered(EurocDataset(scenario))
    shutil.copytree(scenario, tmp_path / "copy")
    (tmp_path / "copy" / "mav0" / "rendered.txt").unlink()
    assert not is_rendered(EurocDataset(tmp_path / "copy"))


def test_the_tables_have_the_headers_and_columns_of_euroc(scenario: Path) -> None:
    root = scenario / "mav0"
    cam = (root / "cam1" / "data.csv").read_text().splitlines()
    assert cam[0] == "#timestamp [ns],filename"
    assert cam[1].split(",")[1] == cam[1].split(",")[0] + ".png"
    imu = (root / "imu0" / "data.csv").read_text().splitlines()
    assert imu[0].startswith("#timestamp [ns],w_RS_S_x [rad s^-1]")
    assert {len(row.split(",")) for row in imu} == {7}
    truth = (root / "state_groundtruth_estimate0" / "data.csv").read_text().splitlines()
    assert truth[0].startswith("#timestamp, p_RS_R_x [m]")
    assert {len(row.split(",")) for row in truth} == {17}
    image = Image.open(root / "cam0" / "data" / cam[1].split(",")[1])
    assert (image.mode, image.size) == ("L", (752, 480))


@pytest.mark.slow
def test_depth_images_are_millimetres(scenario: Path) -> None:
    sequence = open_scenario("hover", 2, 0.2)
    from vio.render.truth import depth_image

    paths = sorted((scenario / "mav0" / "depth0" / "data").glob("*.png"))
    assert len(paths) == 4
    stored = np.asarray(Image.open(paths[1])).astype(float)
    np.testing.assert_allclose(stored, depth_image(sequence.renderer, 1) * 1e3, atol=0.51)


@pytest.mark.slow
def test_flow_files_lead_from_each_frame_to_the_next(scenario: Path) -> None:
    folder = scenario / "mav0" / "flow0"
    rows = (folder / "data.csv").read_text().splitlines()
    assert len(rows) == 1 + 3
    stored = np.load(folder / "data" / rows[2].split(",")[1])
    assert stored.shape == (480, 752, 2)
    assert 0.5 < np.isfinite(stored[..., 0]).mean() < 1.0
    uv = np.array([[100.0, 200.0], [400.0, 300.0], [650.0, 90.0]])
    moved = flow(open_scenario("hover", 2, 0.2).renderer, 1, 2, uv)
    assert moved.visible.any()
    for (u, v), there, visible in zip(uv.astype(int), moved.uv, moved.visible, strict=True):
        if visible:
            np.testing.assert_allclose(stored[v, u], there - (u, v), atol=1e-4)


RENDER = "import sys; from vio.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.slow
def test_a_seed_gives_the_same_bytes_on_one_and_on_four_threads(
    scenario: Path, tmp_path: Path
) -> None:
    out = tmp_path / "again"
    command = [
        "render",
        "hover",
        "--seed",
        "2",
        "--seconds",
        "0.2",
        "--depth",
        "--flow",
        "--out",
        str(out),
    ]
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1"}
    words = [sys.executable, "-c", RENDER, *command, "--threads", "1"]
    subprocess.run(words, env=environment, check=True)
    assert files(out) == files(scenario)
    four = tmp_path / "four"
    assert main([*command[:-1], str(four), "--threads", "4"]) == 0
    assert files(four) == files(scenario)


@pytest.mark.slow
def test_another_seed_gives_another_world_and_other_noise(scenario: Path) -> None:
    other = open_scenario("hover", 3, 0.2)
    same = open_scenario("hover", 2, 0.2)
    assert other.renderer.world.quad.shape != same.renderer.world.quad.shape
    assert other.imu is not None and same.imu is not None  # noqa: PT018
    assert not np.array_equal(other.imu[1], same.imu[1])


def make_recording(scenario: Path, tmp_path: Path) -> Path:
    """Return a copy of the scenario without images, with an odd but legal inertial table."""
    folder = tmp_path / "flight"
    for name, content in files(scenario).items():
        if name.endswith(".png") or "depth0" in name or "flow0" in name:
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("imu0/data.csv"):
            content = content.replace(b"\n", b"\r\n")
        target.write_bytes(content)
    return folder


@pytest.mark.slow
def test_a_hybrid_copies_inertial_data_and_calibration_byte_for_byte(
    scenario: Path, tmp_path: Path
) -> None:
    flight = make_recording(scenario, tmp_path)
    out = tmp_path / "hybrid"
    assert main(["render", "--hybrid", str(flight), "--seed", "4", "--out", str(out)]) == 0
    for name in ("imu0/data.csv", "imu0/sensor.yaml", "cam0/sensor.yaml", "cam1/sensor.yaml"):
        assert (out / "mav0" / name).read_bytes() == (flight / "mav0" / name).read_bytes()
    recording = EurocDataset(out)
    assert recording.warnings == []
    assert len(list(recording.frames())) == 4


@pytest.mark.slow
def test_a_hybrids_ground_truth_is_the_motion_that_its_images_follow(
    scenario: Path, tmp_path: Path
) -> None:
    flight = make_recording(scenario, tmp_path)
    sequence = open_hybrid(flight, 4)
    motion = sequence.renderer.trajectory.at(sequence.truth.t_ns)
    np.testing.assert_array_equal(sequence.truth.p_world_body, motion.p_world_body)
    np.testing.assert_array_equal(sequence.truth.q_world_body, motion.q_world_body)
    raw = EurocDataset(flight, images=False).ground_truth
    assert raw is not None
    np.testing.assert_allclose(sequence.truth.p_world_body, raw.p_world_body, atol=2e-3)
    np.testing.assert_array_equal(sequence.truth.gyro_bias_rad_s, raw.gyro_bias_rad_s)


@pytest.mark.slow
def test_a_hybrid_with_simulated_inertial_data_feels_the_motion_that_its_images_follow(
    scenario: Path, tmp_path: Path
) -> None:
    """Readings less their biases are derivatives of the ground truth, taken numerically."""
    flight = make_recording(scenario, tmp_path)
    out = tmp_path / "hybrid"
    words = ["render", "--hybrid", str(flight), "--seed", "4", "--seconds", "0.1"]
    assert main([*words, "--simulated-imu", "--out", str(out)]) == 0
    recording = EurocDataset(out)
    assert recording.warnings == []
    source = EurocDataset(flight, images=False)
    assert recording.imu_noise == source.imu_noise
    np.testing.assert_array_equal(recording.rig.right.params, source.rig.right.params)
    assert not np.array_equal(recording.imu.gyro_rad_s, source.imu.gyro_rad_s[: len(recording.imu)])
    truth, imu = recording.ground_truth, recording.imu
    assert truth is not None
    assert truth.v_world_body is not None
    assert truth.gyro_bias_rad_s is not None
    assert truth.accel_bias_m_s2 is not None
    # Sensor and truth have the same instants, but for the end.
    np.testing.assert_array_equal(imu.t_ns[:-1], truth.t_ns[: len(imu) - 1])
    at = slice(1, len(imu) - 2)
    R = rotation_matrices(truth.q_world_body[: len(imu)])
    dt = np.diff(imu.t_ns[:3]).mean() * 1e-9
    turned = np.array([log_so3(a.T @ b) for a, b in zip(R[:-2], R[2:], strict=True)]) / (2 * dt)
    v = truth.v_world_body[: len(imu)]
    force = (v[2:] - v[:-2]) / (2 * dt) + np.array([0.0, 0.0, 9.81])
    force = np.einsum("nji,nj->ni", R[1:-1], force)
    for reading, bias, wanted, density in (
        (imu.gyro_rad_s, truth.gyro_bias_rad_s, turned, source.imu_noise.gyro_noise),
        (imu.accel_m_s2, truth.accel_bias_m_s2, force, source.imu_noise.accel_noise),
    ):
        error = (reading - bias[: len(reading)])[at] - wanted[: len(reading[at])]
        deviation = density * np.sqrt(source.imu_noise.rate_hz)
        assert np.sqrt(np.mean(error**2)) < 1.5 * deviation
        assert np.sqrt(np.mean(error**2)) > 0.5 * deviation


@pytest.mark.slow
def test_a_hybrid_has_the_frames_that_the_ground_truth_covers(
    scenario: Path, tmp_path: Path
) -> None:
    flight = make_recording(scenario, tmp_path)
    path = flight / "mav0" / "state_groundtruth_estimate0" / "data.csv"
    rows = path.read_text().splitlines()
    frames = open_scenario("hover", 2, 0.2).t_ns
    kept = [r for r in rows[1:] if int(r.split(",")[0]) >= frames[1]]
    path.write_text("\n".join([rows[0], *kept]) + "\n")
    np.testing.assert_array_equal(open_hybrid(flight, 1).t_ns, frames[1:])


@pytest.mark.slow
def test_a_recording_without_ground_truth_is_refused(scenario: Path, tmp_path: Path) -> None:
    flight = make_recording(scenario, tmp_path)
    (flight / "mav0" / "state_groundtruth_estimate0" / "data.csv").unlink()
    with pytest.raises(VioError, match="has no ground truth: a hybrid rendering needs poses"):
        open_hybrid(flight, 1)


def pose_only(flight: Path, gap: slice | None = None) -> Trajectory:
    """Move a recording's ground truth to mocap0 as poses only; gap: rows to leave out."""
    old = flight / "mav0" / "state_groundtruth_estimate0"
    raw = EurocDataset(flight, images=False).ground_truth
    assert raw is not None
    rows = [",".join(r.split(",")[:8]) for r in (old / "data.csv").read_text().splitlines()]
    if gap:
        rows[gap] = []
    shutil.rmtree(old)
    (flight / "mav0" / "mocap0").mkdir()
    (flight / "mav0" / "mocap0" / "data.csv").write_text("\n".join(rows) + "\n")
    return raw


@pytest.mark.slow
def test_a_hybrid_is_rendered_along_poses_alone_with_kalibrs_calibration(
    scenario: Path, tmp_path: Path
) -> None:
    flight = make_recording(scenario, tmp_path)
    rig = EurocDataset(flight, images=False).rig
    raw = pose_only(flight)
    chain = [
        f"cam{i}: {{T_cam_imu: {invert_transform(c.T_body_cam).tolist()}, "
        f"camera_model: pinhole, distortion_model: radtan, distortion_coeffs: "
        f"{list(c.distortion)}, intrinsics: [{c.fx}, {c.fy}, {c.cx}, {c.cy}], "
        f"resolution: [{c.width}, {c.height}]}}\n"
        for i, c in enumerate((rig.left, rig.right))
    ]
    (flight / "dso").mkdir()
    (flight / "dso" / "camchain.yaml").write_text("".join(chain))
    noise = (flight / "mav0" / "imu0" / "sensor.yaml").read_text().replace("rate_hz", "update_rate")
    (flight / "dso" / "imu_config.yaml").write_text(noise)
    for name in ("cam0", "cam1", "imu0"):
        (flight / "mav0" / name / "sensor.yaml").unlink()
    sequence = open_hybrid(flight, 4)
    assert sequence.notes == ()
    np.testing.assert_allclose(sequence.truth.p_world_body, raw.p_world_body, atol=2e-3)
    out = tmp_path / "hybrid"
    assert main(["render", "--hybrid", str(flight), "--seconds", "0.05", "--out", str(out)]) == 0
    again = EurocDataset(out)
    assert again.warnings == []
    np.testing.assert_allclose(again.rig.right.T_body_cam, rig.right.T_body_cam, atol=1e-12)
    assert again.ground_truth is not None
    assert again.ground_truth.v_world_body is None


@pytest.mark.slow
def test_a_hybrid_ends_where_the_poses_have_a_gap(scenario: Path, tmp_path: Path) -> None:
    flight = make_recording(scenario, tmp_path)
    raw = pose_only(flight, gap=slice(-30, -10))
    sequence = open_hybrid(flight, 4)
    (note,) = sequence.notes
    assert "gaps longer than 0.06 s" in note
    assert len(sequence.truth) == len(raw) - 30
    assert sequence.t_ns[-1] <= sequence.truth.t_ns[-1]


@pytest.mark.slow
def test_every_part_between_gaps_can_be_rendered(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flight = make_recording(scenario, tmp_path)
    pose_only(flight, gap=slice(105, 119))
    first, second = open_hybrid(flight, 4), open_hybrid(flight, 4, span=2)
    assert "number 2 by length of 2 parts" in second.notes[0]
    assert len(second.truth) < len(first.truth)
    assert not set(first.t_ns) & set(second.t_ns)
    for span, words in (("3", "has 2 part(s)"), ("0", "count from 1 on")):
        out = str(tmp_path / "none")
        assert main(["render", "--hybrid", str(flight), "--span", span, "--out", out]) == 2
        assert words in capsys.readouterr().err
    assert main(["render", str(scenario), "--span", "1"]) == 2
    assert "is for --hybrid" in capsys.readouterr().err


@pytest.mark.slow
def test_rates_change_the_samples_of_a_motion_and_not_the_motion(tmp_path: Path) -> None:
    usual = open_scenario("handheld", 2, 0.2)
    other = open_scenario("handheld", 2, 0.2, camera_rate_hz=60.0, imu_rate_hz=400.0)
    assert len(usual.t_ns) == 4
    assert len(other.t_ns) == 12
    np.testing.assert_array_equal(other.t_ns[::3], usual.t_ns)
    assert other.imu is not None
    np.testing.assert_allclose(np.diff(other.imu[0]), 2_500_000)
    assert other.imu[3].rate_hz == 400.0
    poses = [s.renderer.trajectory.at(usual.t_ns).p_world_body for s in (usual, other)]
    np.testing.assert_array_equal(*poses)
    np.testing.assert_array_equal(*(s.renderer.world.quad for s in (usual, other)))
    # A frame's shutter closes before the next frame.
    assert max(x.shutter_s for side in other.renderer.exposures for x in side) <= 1 / 60
    for _ in write_sequence(open_scenario("handheld", 2, 0.1, camera_rate_hz=30.0), tmp_path):
        pass
    assert EurocDataset(tmp_path).rig.right.rate_hz == 30.0


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["handheld", "--camera-rate", "501"], "camera rate 501 Hz is out of range: 0.5 to 500"),
        (["handheld", "--imu-rate", "0.5"], "IMU rate 0.5 Hz is out of range: 1 to 10000 Hz"),
        (["--hybrid", "x", "--imu-rate", "400"], "are of scenarios"),
    ],
)
def test_rates_out_of_range_or_of_a_recording_are_refused(
    words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", *words]) == 2
    assert part in capsys.readouterr().err


def test_an_unknown_scenario_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["render", "nowhere", "--out", str(tmp_path / "x")]) == 2
    message = capsys.readouterr().err
    assert "no scenario 'nowhere'" in message
    assert "handheld, hover" in message
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_a_folder_that_exists_is_not_overwritten(scenario: Path) -> None:
    with pytest.raises(VioError, match="exists already"):
        next(write_sequence(open_scenario("hover", 2, 0.2), scenario))


@pytest.mark.slow
def test_no_camera_comes_near_a_surface_on_the_whole_path() -> None:
    sequence = open_scenario("handheld", 7)
    world, trajectory = sequence.renderer.world, sequence.renderer.trajectory
    t = np.arange(trajectory.start_ns, trajectory.end_ns, 100_000_000)
    p = trajectory.at(t).p_world_body
    least = np.inf
    for corner, u, v in world.quad[world.owner == 0].reshape(-1, 3, 3):
        a = np.clip((p - corner) @ u / (u @ u), 0, 1)
        b = np.clip((p - corner) @ v / (v @ v), 0, 1)
        nearest = corner + a[:, None] * u + b[:, None] * v
        least = min(least, float(np.linalg.norm(p - nearest, axis=1).min()))
    assert 0.25 < least < 1.5


def test_the_exposure_follows_a_step_of_light_with_a_lag() -> None:
    model = replace(SensorModel(), saturated=0.5)
    control = ExposureControl(model)
    before = [control.next(np.full((8, 8), 0.5)).gain for _ in range(5)]
    after = [control.next(np.full((8, 8), 1.0)).gain for _ in range(80)]
    assert before[-1] * 0.5 == pytest.approx(model.target, rel=0.01)
    assert after[0] == pytest.approx(before[-1], rel=0.01)
    half_way = np.log(after[10] / after[0]) / np.log(0.5)
    assert 0.2 < half_way < 0.95
    assert after[-1] * 1.0 == pytest.approx(model.target, rel=0.02)


def test_in_the_dark_the_shutter_and_the_gain_stop_at_their_limits() -> None:
    model = SensorModel()
    control = ExposureControl(model)
    dark = [control.next(np.full((8, 8), 1e-4)) for _ in range(200)][-1]
    assert dark.shutter_s == model.max_exposure_s
    assert dark.analog_gain == pytest.approx(model.max_gain)


@pytest.mark.slow
def test_lights_out_makes_dark_frames_and_the_light_comes_back(scenario: Path) -> None:
    sequence = open_scenario("hover", 2, 0.5)
    r = sequence.renderer
    spell = (DarkSpell(0.15, 0.25, 0.01),)
    dark = Renderer(r.world, r.rig, r.trajectory, r.t_ns, 2, r.sensor, spell)
    assert dark.image(2, 0).mean() > 40.0
    assert dark.image(4, 0).mean() < 8.0
    assert dark.image(8, 0).mean() > 40.0


def test_noise_is_shot_noise_plus_read_noise_and_eight_bits() -> None:
    normal = np.random.default_rng(1).standard_normal(65536).astype(np.float32)
    flat, zero = np.ones((200, 300), np.float32), np.zeros((200, 300), np.float32)
    out = np.empty((200, 300), np.uint8)
    for grey, electrons in ((40.0, 20.0), (120.0, 20.0), (200.0, 50.0)):
        expose(flat, flat, grey, electrons, 25.0, zero, normal, 3, out)
        wanted = np.sqrt(grey / electrons + (25.0 / electrons) ** 2 + 1 / 12)
        assert out.mean() == pytest.approx(grey, abs=0.05)
        assert out.std() == pytest.approx(wanted, rel=0.02)
        spectrum = np.abs(np.fft.rfft2(out - out.mean())) ** 2
        assert spectrum.max() / spectrum.mean() < 25.0  # white: no lines or patterns
    again = out.copy()
    expose(flat, flat, 200.0, 50.0, 25.0, zero, normal, 3, again)
    np.testing.assert_array_equal(again, out)
    expose(flat, flat, 200.0, 50.0, 25.0, zero, normal, 4, again)
    assert abs(np.corrcoef(again.ravel(), out.ravel())[0, 1]) < 0.02


@pytest.mark.slow
def test_motion_blurs_along_the_motion_only() -> None:
    """While the camera turns, a longer shutter lowers the gradients across the motion's way."""
    short = open_scenario("rotation", 1, 6.0, replace(SensorModel(), max_exposure_s=0.0005))
    long = open_scenario("rotation", 1, 6.0, replace(SensorModel(), max_exposure_s=0.02))
    index = 110
    rate = short.renderer.trajectory.at(short.t_ns[index : index + 1]).w_body[0]
    assert np.linalg.norm(rate) > 0.4
    sharp = short.renderer.image(index, 0).astype(float)
    blurred = long.renderer.image(index, 0).astype(float)

    def gradients(image: np.ndarray) -> np.ndarray:
        across = np.abs(image[:, 4:] - image[:, :-4])
        down = np.abs(image[4:] - image[:-4])
        return np.array([np.quantile(across, 0.97), np.quantile(down, 0.97)]) / image.mean()

    ratio = gradients(blurred) / gradients(sharp)
    assert ratio[0] < 0.9
    assert ratio[0] < ratio[1]
