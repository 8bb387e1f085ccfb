# SPDX-License-Identifier: Apache-2.0
"""Faults of a recording are named from its data; good data cause no complaint."""

from typing import Any

import numpy as np
import pytest

from tests.recording_faults import FAULTS, diagnose, faulty
from tests.simulation import Simulation, make_rig, odometry_of
from vio.config import load_config
from vio.data import Status, StereoFrame, Tracks
from vio.diagnosis.axes import SIGNED_PERMUTATIONS, axes_text, best_rotation
from vio.diagnosis.images import FRAMES, KEYFRAMES, ImageCheck
from vio.diagnosis.watch import LEAST_TRACKS, Diagnosis
from vio.odometry import run


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named(name: str) -> None:
    _, kind, words = FAULTS[name]
    found = diagnose(faulty(name, seed=2))
    assert words in found[kind]
    assert list(found) == [kind]


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named_over_seeds(name: str) -> None:
    _, kind, words = FAULTS[name]
    for seed in (0, 1, 3, 6):
        found = diagnose(faulty(name, seed))
        assert words in found[kind], f"seed {seed}: {found}"


@pytest.mark.slow
@pytest.mark.parametrize("status", [Status.INITIALIZING, Status.CONTRADICTED])
@pytest.mark.parametrize("motion", ["moving", "rest", "tour"])
def test_good_data_cause_no_complaint(motion: str, status: Status) -> None:
    for seed in range(6):
        assert diagnose(Simulation(seed, 10.0, motion), status) == {}, f"seed {seed}"


def test_noisy_tracks_and_outliers_cause_no_complaint() -> None:
    sim = Simulation(0, 8.0, pixel_sigma=1.0, outliers=0.2, max_tracks=60, stereo_share=0.5)
    assert diagnose(sim, Status.CONTRADICTED) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["accel in g", "gyro in deg/s", "accel turned", "T_BS turned"])
def test_the_state_gives_the_diagnosis_as_its_reason(name: str) -> None:
    sim = faulty(name, seed=1, seconds=6.0)
    odometry = odometry_of(sim, load_config("euroc", ['frontend.engine="replay"']))
    reasons = {state.reason for state in run(sim, odometry)}
    assert any(FAULTS[name][2] in reason for reason in reasons)
    assert any(FAULTS[name][2] in text for text in odometry.diagnoses)


@pytest.mark.slow
def test_a_good_recording_has_no_diagnosis() -> None:
    sim = Simulation(1, 6.0)
    odometry = odometry_of(sim, load_config("euroc", ['frontend.engine="replay"']))
    assert {s.reason for s in run(sim, odometry) if s.p_world_body is not None} == {""}
    assert odometry.diagnoses == []


@pytest.mark.parametrize("size", [0.0, 1e-300, 1e6, 1e15])
@pytest.mark.parametrize("spread", [0.0, 1e-9, 0.3, 1e6])
def test_no_values_of_data_raise(size: float, spread: float) -> None:
    rng = np.random.default_rng(0)
    diagnosis = Diagnosis(make_rig())
    step_ns = 50_000_000
    for k in range(60):
        ids = np.sort(rng.permutation(80)[:60])
        rays = spread * rng.normal(size=(60, 4))
        rays[::7, 2:] = np.nan
        uv = np.zeros((60, 2))
        age, quality = np.ones(60, np.int32), np.ones(60, np.float32)
        tracks = Tracks(k, k, ids, uv, uv, age, quality, k % 5 == 0)
        imu = np.full(10, 0.005), size * rng.normal(size=(10, 3)), size * rng.normal(size=(10, 3))
        frame = StereoFrame(k * step_ns, None, None)
        diagnosis.add_frame(frame, tracks, rays, (k - 1) * step_ns, *imu)
        diagnosis.add_state(frame.t_ns, Status.CONTRADICTED if k > 30 else Status.INITIALIZING)


def grey(mean: float, spread: float, seed: int = 0) -> np.ndarray:
    """Return an image of noise."""
    noise = np.random.default_rng(seed).normal(mean, spread, (480, 752))
    return np.clip(noise, 0, 255).astype(np.uint8)


GOOD, OTHER = grey(110.0, 40.0), grey(110.0, 40.0, seed=1)
IMAGES: list[tuple[Any, Any, str, str]] = [
    (GOOD, grey(2.0, 1.0), "dark_camera", "the right camera is dark"),
    (grey(90.0, 2.0), GOOD, "dark_camera", "the left camera is covered"),
    (grey(255.0, 0.0), GOOD, "dark_camera", "the left camera is saturated"),
    (grey(1.0, 1.0), grey(1.0, 1.0), "dark_camera", "both cameras are dark"),
    (GOOD, GOOD, "equal_images", "both cameras give the same image"),
    (GOOD, None, "no_images", "no right images"),
    (GOOD, OTHER, "", ""),
]


@pytest.mark.parametrize(("left", "right", "kind", "words"), IMAGES)
def test_images_that_cannot_be_used_are_named(
    left: np.ndarray, right: np.ndarray | None, kind: str, words: str
) -> None:
    check = ImageCheck(make_rig())
    for k in range(FRAMES):
        assert check.name_fault() == ("", ""), "it takes several frames"
        check.add_images(StereoFrame(k, left, right))
    found, text = check.name_fault()
    assert found == kind
    assert words in text


@pytest.mark.parametrize(("shift_px", "kind"), [(12, "no_stereo"), (-12, "swapped_cameras")])
def test_tracks_without_stereo_matches_are_named_and_swapped_cameras_recognised(
    shift_px: int, kind: str
) -> None:
    check = ImageCheck(make_rig())
    wide = np.kron(grey(110.0, 40.0)[:60, :110], np.ones((8, 8), np.uint8))  # blocks of 8 px
    left = np.ascontiguousarray(wide[:, 50 : 50 + 752])
    right = np.ascontiguousarray(wide[:, 50 + shift_px : 50 + shift_px + 752])
    for k in range(KEYFRAMES):
        assert check.name_fault() == ("", "")
        check.add_images(StereoFrame(k, left, right))
        check.add_rays(np.full((60, 4), np.nan))
    found, text = check.name_fault()
    assert found == kind
    assert "0 of 60 tracks" in text


def test_one_good_image_among_dark_ones_is_no_dark_camera() -> None:
    check = ImageCheck(make_rig())
    for k in range(FRAMES):
        check.add_images(StereoFrame(k, GOOD, OTHER if k == 4 else grey(2.0, 1.0)))
    assert check.name_fault() == ("", "")


def tracks_of(index: int, kept: int) -> Tracks:
    """Return a frame's tracks of which `kept` were tracked from the one before."""
    n = 2 * LEAST_TRACKS
    uv = np.full((n, 2), 100.0)
    return Tracks(
        index, index, np.arange(n), uv, uv, np.ones(n, np.int32), np.ones(n, np.float32), False,
        {"tracked": kept},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "kept", "ignored"), [(20.0, 0, True), (20.0, 30, False), (0.5, 0, False)]
)
def test_a_gyroscope_that_misleads_the_tracker_is_left_out_of_its_prediction(
    rate: float, kept: int, ignored: bool
) -> None:
    diagnosis = Diagnosis(make_rig())
    for k in range(2):
        rays = np.zeros((2 * LEAST_TRACKS, 4))
        imu = np.full(10, 0.005), np.full((10, 3), rate), np.zeros((10, 3))
        frame = StereoFrame(k * 50_000_000, GOOD, OTHER)
        diagnosis.add_frame(frame, tracks_of(k, kept), rays, k * 50_000_000 - 50_000_000, *imu)
        diagnosis.add_state(frame.t_ns, Status.INITIALIZING)
    assert diagnosis.ignores_gyro == ignored
    diagnosis.add_state(100_000_000, Status.TRACKING)
    assert not diagnosis.ignores_gyro, "once there is a pose, the gyroscope has proved itself"


def test_signed_permutations_are_all_48_and_begin_with_the_identity() -> None:
    assert len({X.tobytes() for X in SIGNED_PERMUTATIONS}) == 48
    assert np.array_equal(SIGNED_PERMUTATIONS[0], np.eye(3))
    np.testing.assert_allclose(np.abs(np.linalg.det(SIGNED_PERMUTATIONS)), 1.0)
    assert axes_text(np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])) == "(-y, x, z)"


def test_the_best_rotation_is_found_also_where_a_reflection_fits_better() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(30, 3))
    X = best_rotation(a, -a)
    assert np.linalg.det(X) == pytest.approx(1.0)
