# SPDX-License-Identifier: Apache-2.0
"""`vio doctor RECORDING` names planted faults and leaves good recordings alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import write_recording
from tests.doctor_faults import FAULTS, simulated
from tests.simulation import Simulation
from vio import cli
from vio.config import ImuConfig
from vio.data import ImuData
from vio.diagnosis.recording.clocks import check_pairs, check_stamps
from vio.diagnosis.recording.examine import examine
from vio.diagnosis.recording.finding import BAD, OK, OPEN, Finding
from vio.diagnosis.recording.flow import find_partners, image_shift
from vio.diagnosis.recording.inertial import (
    allan_deviation,
    check_axes,
    check_gravity,
    check_noise,
    check_saturation,
)
from vio.diagnosis.recording.pictures import MOST_BLUR_PX, edge_blur
from vio.diagnosis.recording.stereo import check_stereo_geometry, judge_offset
from vio.diagnosis.recording.stereo_fit import StereoFit, StereoMatches
from vio.diagnosis.recording.two_view import rotation_between
from vio.errors import VioError
from vio.frontend.pyramid import build_pyramid
from vio.geometry import exp_so3
from vio.imu import ImuNoise
from vio.render.calibration import euroc_rig

# One for each check that compares sensors; the others have quick tests below.
COMPARED = (
    *("gyro turned", "images 5 ms early", "both focal lengths", "cameras swapped"),
    *("right camera turned by 1 deg", "right images a frame late"),
)


def named(name: str, seed: int) -> list[str]:
    """Assert that a planted fault is named; return the kinds of all complaints."""
    _, _, kind, words = FAULTS[name]
    seen = examine(simulated(name, seed))
    assert any(f.kind == kind and words in f.found + f.advice for f in seen.complaints), (
        f"{name}, seed {seed}: {seen.complaints}"
    )
    return [f.kind for f in seen.complaints]


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPARED)
def test_a_planted_fault_is_named_in_tracks_and_inertial_data(name: str) -> None:
    also = {"right_camera"} if name == "both focal lengths" else set()  # it is wrong as well
    assert set(named(name, seed=2)) == {FAULTS[name][2], *also}


@pytest.mark.slow
def test_a_good_recording_gets_no_complaint_and_its_offset_is_known_below_a_millisecond() -> None:
    seen = examine(simulated("moving", seed=2))
    assert seen.complaints == []
    (clock,) = (f for f in seen.findings if f.kind == "time_offset")
    assert clock.level == OK
    assert abs(clock.figures["offset_s"]) < 1e-3
    assert clock.figures["sigma_s"] < 2e-4


def test_a_recording_that_is_too_short_is_refused_with_its_numbers() -> None:
    with pytest.raises(VioError, match="has 4 frames and"):
        examine(Simulation(0, seconds=0.2))


STAMPS = np.arange(2000) * 5_000_000 + 10**15


def levels(findings: list[Finding]) -> dict[str, str]:
    """Return {kind: level}."""
    return {f.kind: f.level for f in findings}


def test_even_stamps_are_good_and_each_fault_of_stamps_is_named_alone() -> None:
    rng = np.random.default_rng(0)
    cases = {
        "": STAMPS,
        "imu_rate": STAMPS * 2 - STAMPS[0],
        "imu_jitter": STAMPS + rng.integers(0, 4_500_000, len(STAMPS)),
        "imu_gaps": np.delete(STAMPS, np.arange(900, 960)),
    }
    for fault, t_ns in cases.items():
        found = levels(list(check_stamps("inertial", "imu", t_ns, 200.0, 0.1)))
        assert [k for k, level in found.items() if level == BAD] == ([fault] if fault else [])


def test_a_few_missing_samples_are_reported_without_complaint() -> None:
    t_ns = np.delete(STAMPS, [100, 500, 501])
    (gaps,) = (f for f in check_stamps("inertial", "imu", t_ns, 200.0, 0.1) if "gaps" in f.kind)
    assert gaps.level == OK
    assert gaps.figures["lost"] == 3


@pytest.mark.parametrize(("apart_ms", "level"), [(0.0, OK), (0.3, OK), (2.0, BAD), (-2.0, BAD)])
def test_stamps_of_left_and_right_that_lie_apart_are_named(apart_ms: float, level: str) -> None:
    assert check_pairs(np.full(100, round(apart_ms * 1e6))).level == level
    assert check_pairs(np.empty(0)).level == OPEN


def inertial(seconds: float = 8.0, seed: int = 0, noise: ImuNoise | None = None) -> ImuData:
    """Return a sensor at rest with the noise densities that are stated."""
    n = noise or ImuNoise()
    rng = np.random.default_rng(seed)
    count = int(seconds * n.rate_hz)
    gyro = 0.02 + n.gyro_noise * np.sqrt(n.rate_hz) * rng.normal(size=(count, 3))
    accel = n.accel_noise * np.sqrt(n.rate_hz) * rng.normal(size=(count, 3)) + [0.0, 0.0, 9.81]
    return ImuData((np.arange(count) * (1e9 / n.rate_hz)).astype(np.int64), gyro, accel)


def test_the_allan_deviation_of_white_noise_has_its_density_and_slope() -> None:
    values = np.random.default_rng(0).normal(size=(20_000, 3))
    times, deviation, error = allan_deviation(values, 100.0)
    density = deviation * np.sqrt(times)[:, None]
    assert (np.abs(density / 0.1 - 1.0) < 5.0 * error[:, None]).all()
    assert error[0] < 0.01


@pytest.mark.parametrize(
    ("by", "level"), [(0.1, BAD), (0.6, OK), (1.0, OK), (5.0, OK), (30.0, BAD)]
)
def test_noise_densities_are_compared_with_those_at_rest(by: float, level: str) -> None:
    stated = ImuNoise()
    stated = replace(stated, gyro_noise=by * stated.gyro_noise, accel_noise=by * stated.accel_noise)
    for seed in range(10):
        imu = inertial(seed=seed)
        found = check_noise(imu, slice(0, len(imu)), stated, ImuConfig())
        assert [f.level for f in found] == [level, level]


def test_without_a_rest_the_noise_is_undetermined() -> None:
    found = list(check_noise(inertial(), slice(0, 10), ImuNoise(), ImuConfig()))
    assert [f.level for f in found] == [OPEN, OPEN]


@pytest.mark.parametrize(("scale", "level"), [(1.0, OK), (1.03, OK), (1.1, BAD), (0.9, BAD)])
def test_gravity_at_rest_is_compared_with_its_norm(scale: float, level: str) -> None:
    imu = inertial()
    imu = ImuData(imu.t_ns, imu.gyro_rad_s, scale * imu.accel_m_s2)
    assert check_gravity(imu, np.ones(len(imu), bool), float("nan")).level == level
    assert check_gravity(imu, np.zeros(len(imu), bool), float("nan")).level == OPEN


def test_an_axis_that_sticks_and_samples_that_repeat_are_named() -> None:
    imu = inertial()
    assert levels(list(check_axes(imu))) == {"stuck_axis": OK}
    for axis in range(3):
        gyro = imu.gyro_rad_s.copy()
        gyro[800:, axis] = gyro[800, axis]
        (found,) = check_axes(ImuData(imu.t_ns, gyro, imu.accel_m_s2))
        assert found.level == BAD
        assert f"gyroscope {'xyz'[axis]}" in found.found
    k = np.arange(len(imu)) // 2 * 2
    found, stuck = check_axes(ImuData(imu.t_ns, imu.gyro_rad_s[k], imu.accel_m_s2[k]))
    assert (found.kind, found.level, stuck.level) == ("repeated_samples", BAD, OK)


def test_a_sensor_at_the_end_of_its_range_is_named() -> None:
    t = np.arange(2000) * 0.005
    wave = np.column_stack([np.sin(3.0 * t + k) * (1.0 + 0.1 * np.sin(t)) for k in range(3)])
    t_ns = (t * 1e9).astype(np.int64)
    free = ImuData(t_ns, 3.0 * wave, 20.0 * wave)
    assert set(levels(list(check_saturation(free))).values()) == {OK}
    cut = ImuData(t_ns, np.clip(3.0 * wave, -2.0, 2.0), 20.0 * wave)
    assert levels(list(check_saturation(cut))) == {"gyro_saturated": BAD, "accel_saturated": OK}


def scene(seed: int = 0, count: int = 300, size: tuple[int, int] = (8, 40)) -> np.ndarray:
    """Return an image (240, 376) of overlapping grey boxes."""
    rng = np.random.default_rng(seed)
    image = np.full((240, 376), 110.0)
    for _ in range(count):
        u, v = rng.integers(0, 370), rng.integers(0, 235)
        w, h = rng.integers(*size, 2)
        image[v : v + h, u : u + w] = rng.uniform(20, 230)
    return image


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.5, 3.5])
def test_the_blur_of_edges_is_measured(sigma: float) -> None:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(1)
    blurred = gaussian_filter(scene(count=60, size=(50, 100)), sigma) + rng.normal(
        0.0, 1.5, (240, 376)
    )
    measured = edge_blur(np.clip(blurred, 0, 255).astype(np.uint8))
    assert (measured > MOST_BLUR_PX) == (sigma > MOST_BLUR_PX)
    assert abs(measured - sigma) < 0.25 * sigma + 0.1


def test_an_image_without_edges_has_no_blur() -> None:
    assert np.isnan(edge_blur(np.full((240, 376), 90, np.uint8)))


@pytest.mark.parametrize("shift", [(11, -6), (-20, 3), (0, 0)])
def test_the_shift_of_a_whole_image_is_found(shift: tuple[int, int]) -> None:
    small = scene()[::4, ::4].astype(np.uint8)
    moved = np.roll(small, (shift[1], shift[0]), axis=(0, 1)) // 2 + 30
    doubled = (small // 2 + 10).astype(np.uint8)
    assert image_shift(doubled, moved.astype(np.uint8)).tolist() == list(shift)


@pytest.mark.parametrize("shift", [(-24, 0), (24, 0), (2, 20), (-6, -28)])
def test_partners_are_found_in_any_direction(shift: tuple[int, int]) -> None:
    left = scene().astype(np.uint8)
    right = np.roll(left, (shift[1], shift[0]), axis=(0, 1))
    grid = np.stack(np.meshgrid(np.arange(70.0, 300.0, 23.0), np.arange(60.0, 190.0, 19.0)), axis=2)
    uv = grid.reshape(-1, 2)
    found = find_partners(build_pyramid(left, 3), build_pyramid(right, 3), uv)
    seen = np.isfinite(found[:, 0])
    assert seen.mean() > 0.4
    assert (np.abs(found[seen] - uv[seen] - shift).max(axis=1) < 0.2).mean() > 0.95


@pytest.mark.parametrize("move", [(0.0, 0.0, 0.0), (0.1, 0.0, 0.02), (0.0, 0.03, 0.15)])
def test_the_rotation_between_two_views_is_found_with_and_without_translation(
    move: tuple[float, float, float],
) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        points = rng.uniform([-2, -1.5, 2], [2, 1.5, 8], (120, 3))
        phi = rng.normal(0.0, 0.06, 3)
        moved = points @ exp_so3(phi).T + move
        a, b = points[:, :2] / points[:, 2:], moved[:, :2] / moved[:, 2:]
        b = b + rng.normal(0.0, 3e-4, b.shape)
        b[::10] += rng.normal(0.0, 0.05, b[::10].shape)
        result = rotation_between(a, b)
        assert result is not None
        assert np.linalg.norm(result[0] - exp_so3(phi)) < 0.004


def matches_of(near_m: float, far_m: float, t: tuple[float, ...] | None = None) -> StereoMatches:
    """Return 400 matches of EuRoC's rig; t: other place of the left camera in the right one's axes.

    The principal points of the two cameras differ by (13, 7) px.
    """
    rig = euroc_rig()
    rng = np.random.default_rng(0)
    z = rng.uniform(near_m, far_m, 400)
    points = np.column_stack([rng.uniform(-0.5, 0.5, (400, 2)) * z[:, None], z])
    T = rig.T_right_left
    moved = points @ T[:3, :3].T + (T[:3, 3] if t is None else t)
    left, right = (
        c.project(p[:, :2] / p[:, 2:]) + rng.normal(0.0, 0.1, (400, 2))
        for c, p in ((rig.left, points), (rig.right, moved))
    )
    return StereoMatches(left, right, np.full((400, 2), np.nan), np.arange(400) // 40)


def test_distant_points_are_no_vertical_stereo_where_principal_points_differ() -> None:
    matches = matches_of(3.0, 4.0)
    raw = np.median(matches.uv_right - matches.uv_left, axis=0)
    assert abs(raw[1]) > 2.0 * abs(raw[0]), "the raw displacement looks vertical"
    seen = check_stereo_geometry(euroc_rig(), matches, 500, False)
    assert levels(seen.findings)["stereo"] == levels(seen.findings)["right_camera"] == OK


def test_swapped_and_vertical_matches_are_named() -> None:
    m = matches_of(1.0, 2.0)
    swapped = replace(m, uv_left=m.uv_right, uv_right=m.uv_left)
    vertical = matches_of(1.0, 2.0, t=(0.0, -0.11, 0.0))
    for matches, word in ((swapped, "swapped"), (vertical, "vertical")):
        (found,) = check_stereo_geometry(euroc_rig(), matches, 500, False).findings
        assert (found.kind, found.level) == ("stereo", BAD)
        assert word in found.found


def test_the_command_reports_a_recording_that_is_too_poor_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_recording(tmp_path / "tiny", frames=14)
    assert cli.main(["doctor", "tiny", "--json"]) in (0, 3)
    told = json.loads(capsys.readouterr().out)
    found = {f["kind"]: f["level"] for f in told["findings"]}
    assert found["time_offset"] == found["left_lens"] == found["stereo"] == OPEN
    assert all(Path(p).is_file() for p in told["figures"])
    assert cli.main(["doctor", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("vio doctor: nowhere does not exist")


@pytest.mark.slow
def test_the_real_tracks_get_no_complaint(real_data: Path) -> None:
    from vio.datasets import open_dataset

    seen = examine(open_dataset(real_data / "euroc_tracks" / "imu_april"), seconds=20.0)
    assert seen.complaints == []


def test_an_offset_of_the_cameras_that_explains_hardly_anything_is_left_open() -> None:
    """Rendered at rest (`takeoff`): -25 ms with a deviation of 3.6, from distances of 0.09 px."""
    values, sigmas = np.array([0, 0, 0, 0, 0, -0.0251]), np.array([0, 0, 0, 0, 0, 0.0036])
    fit = StereoFit(values, sigmas, 0.089, np.zeros(0), euroc_rig().right)
    assert judge_offset(fit, seen_px=0.02).level == OPEN
    assert judge_offset(fit, seen_px=0.3).level == BAD
    assert judge_offset(replace(fit, values=0.01 * values), seen_px=0.0).level != BAD
