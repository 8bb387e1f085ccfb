# SPDX-License-Identifier: Apache-2.0
"""Figures and metrics of a run, from hand-made states."""

import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.states import START_NS, STEP_NS, make_run, make_state, position
from vio.data import State, Status, StereoFrame
from vio.report import write_figures
from vio.report.timing import draw_timing
from vio.runs.execute import RunResult
from vio.runs.log import RunLog
from vio.runs.samples import FrameSampler
from vio.runs.summary import (
    aligned_segments,
    rotation_error_rad,
    scale_lines,
    summarise,
    summary_lines,
)
from vio.trajectory import Trajectory


class Truth:
    """A dataset of which only the ground truth is asked."""

    name = "circle"

    def __init__(self, states: list[State], yaw: float = 0.0, shift: float = 0.0) -> None:
        self.ground_truth: Trajectory | None = None
        index = np.arange(len(states))
        p = np.array([position(i) for i in index])
        c, s = np.cos(yaw), np.sin(yaw)
        half = 0.05 * index + 0.5 * yaw
        zero = np.zeros(len(states))
        self.truth_error = ""
        self.ground_truth = Trajectory(
            START_NS + index * STEP_NS,
            p @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]) + shift,
            np.stack([np.cos(half), zero, zero, np.sin(half)], axis=1),
        )


def run_result(states: list[State]) -> RunResult:
    log = RunLog()
    sampler = FrameSampler(len(states))
    image = np.tile(np.arange(160, dtype=np.uint8), (120, 1))
    for state in states:
        log.append(state, {**state.stage_ms, "total": 4.0, "decode": 1.0})
        sampler.add(state, StereoFrame(state.t_ns, image, image))
    return RunResult(log, sampler.samples, np.random.default_rng(0).normal(size=(50, 3)))


def draw(folder: Path, dataset: Truth, result: RunResult) -> dict[str, np.ndarray]:
    segments, landmarks = aligned_segments(dataset, result)
    paths = write_figures(folder, result.log, segments, landmarks, result.samples)
    return {p.name: np.asarray(Image.open(p).convert("L"), dtype=float) for p in paths}


@pytest.mark.slow
def test_a_run_with_ground_truth_gets_all_figures_with_something_on_them(tmp_path: Path) -> None:
    states = make_run()
    pictures = draw(tmp_path, Truth(states), run_result(states))
    assert set(pictures) == {
        "status.png",
        "timing.png",
        "tracks.png",
        "top_view.png",
        "side_view.png",
        "error_over_time.png",
    }
    assert all(p.std() > 5.0 and min(p.shape) > 200 for p in pictures.values())


def test_a_run_without_ground_truth_gets_all_but_the_error(tmp_path: Path) -> None:
    states = make_run()
    dataset = Truth(states)
    dataset.ground_truth = None
    pictures = draw(tmp_path, dataset, run_result(states))
    assert "top_view.png" in pictures
    assert "error_over_time.png" not in pictures


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
def test_a_run_of_hardly_any_frames_still_gets_figures(tmp_path: Path, count: int) -> None:
    states = [make_state(i) for i in range(count)]
    assert "status.png" in draw(tmp_path, Truth(states), run_result(states))


def test_a_run_that_never_started_gets_figures_and_says_so(tmp_path: Path) -> None:
    states = [make_state(i, Status.INITIALIZING) for i in range(8)]
    result = run_result(states)
    assert set(draw(tmp_path, Truth(states), result)) == {"status.png", "timing.png", "tracks.png"}
    metrics = summarise(Truth(states), result)
    assert metrics["poses"] == 0
    assert metrics["first_pose_s"] is None
    assert metrics["accuracy"] is None
    assert "no pose" in summary_lines(metrics)[0]


def test_a_frame_that_compiled_for_minutes_does_not_squeeze_the_timing_figure(
    tmp_path: Path,
) -> None:
    log = RunLog()
    for i in range(30):
        log.append(make_state(i), {"total": 90_000.0 if i == 3 else 10.0, "decode": 2.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_timing(tmp_path, log)


def test_segments_are_moved_onto_the_truth_by_yaw_and_position() -> None:
    states = make_run()
    dataset = Truth(states, yaw=0.7, shift=3.0)
    segments, _ = aligned_segments(dataset, run_result(states))
    assert len(segments) == 2
    for segment in segments:
        np.testing.assert_allclose(segment.p_world_body, segment.p_truth, atol=1e-9)
        np.testing.assert_allclose(segment.rotation_error_rad, 0.0, atol=1e-9)


def test_a_ground_truth_whose_z_axis_lies_down_is_aligned_in_full() -> None:
    states = make_run()
    dataset = Truth(states)
    assert dataset.ground_truth is not None
    swap = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # 90 degrees about x
    dataset.ground_truth = replace(
        dataset.ground_truth, p_world_body=dataset.ground_truth.p_world_body @ swap.T
    )
    (first, _), _ = aligned_segments(dataset, run_result(states))
    assert first.alignment == "attitude and position"
    np.testing.assert_allclose(first.p_world_body, first.p_truth, atol=1e-9)


def test_a_tilted_estimate_shows_its_tilt_as_rotation_error() -> None:
    half = np.array([[0.02, -0.03, 0.01]]) / 2.0
    angle = np.linalg.norm(half)
    tilt = np.concatenate([[[np.cos(angle)]], half / angle * np.sin(angle)], axis=1)
    identity = np.array([[1.0, 0.0, 0.0, 0.0]])
    for sign in (1.0, -1.0):
        error = rotation_error_rad(sign * tilt, identity)
        np.testing.assert_allclose(error, [[0.02, -0.03, 0.01]], atol=1e-12)
    np.testing.assert_array_equal(rotation_error_rad(identity, identity), [[0.0, 0.0, 0.0]])


def test_metrics_state_how_well_one_camera_knew_its_scale() -> None:
    states = make_run(40)
    known = np.linspace(0.08, 0.002, 30)
    states[5:35] = [
        replace(s, scale_sigma=float(x)) for s, x in zip(states[5:35], known, strict=True)
    ]
    metrics = summarise(Truth(states), run_result(states))
    assert metrics["scale"] == {
        "frames": 30, "first_at_s": 0.25, "first_sigma": 0.08, "last_sigma": 0.002,
    }  # fmt: skip
    assert scale_lines(metrics) == [
        "one camera in 30 frames: scale known to 8.0 % at 0.25 s, to 0.2 % at the end"
    ]


def test_metrics_count_frames_segments_and_times() -> None:
    states = make_run(40)
    metrics = summarise(Truth(states), run_result(states))
    assert metrics["frames"] == 40
    assert metrics["first_pose_s"] == pytest.approx(0.25)
    assert metrics["segments"] == 2
    assert metrics["frames_by_status"] == {
        "initializing": 5,
        "unscaled": 0,
        "tracking": 30,
        "contradicted": 0,
        "inertial": 3,
        "lost": 2,
        "predicted": 0,
    }
    assert metrics["effort"] is None  # the settings did not move
    assert metrics["scale"] is None  # there were two cameras
    assert metrics["timing_ms"]["window"]["mean"] == pytest.approx(1.2)
    assert metrics["innovations"]["vision"] == {
        "frames": 32,
        "median": pytest.approx(0.9),
        "p95": pytest.approx(0.9),
        "max": pytest.approx(0.9),
    }
    assert metrics["innovations"]["inertial"]["frames"] == 33
    assert metrics["innovations"]["inertial"]["max"] == pytest.approx(0.02 * 39)
    assert metrics["accuracy"]["segment"] == 0
    assert metrics["accuracy"]["absolute"]["se3"]["translation_m"]["rmse"] < 1e-9
    assert any("started again 1" in line for line in summary_lines(metrics))


def test_an_error_of_the_estimate_shows_in_the_metrics() -> None:
    states = make_run(40)
    dataset = Truth(states)
    assert dataset.ground_truth is not None
    dataset.ground_truth.p_world_body[20] += 0.1
    metrics = summarise(dataset, run_result(states))
    assert metrics["accuracy"]["absolute"]["se3"]["translation_m"]["rmse"] > 0.01


def test_sample_frames_are_keyframes_spread_over_the_run_with_their_trails() -> None:
    samples = run_result([make_state(i) for i in range(40)]).samples
    assert [s.frame_index for s in samples] == [5, 15, 25, 35]
    trail = samples[1].trails[3]
    assert len(trail) == 10
    np.testing.assert_allclose(np.diff(np.array(trail), axis=0), [[2.0, 0.0]] * 9)


def test_samples_are_taken_where_the_status_changes_and_no_more_than_asked_for() -> None:
    states = make_run()
    sampler = FrameSampler(len(states), wanted=2, changes=3, halved=True)
    image = np.arange(0, 240, dtype=np.uint8).reshape(15, 16)
    for state in states:
        sampler.add(state, StereoFrame(state.t_ns, image, image))
    # Changes: at 5 (a keyframe), 15 and 18; that at 28 is over the number, 30 is a keyframe.
    assert [s.frame_index for s in sampler.samples] == [5, 10, 15, 18, 30]
    assert [s.status.value for s in sampler.samples[-2:]] == ["tracking", "tracking"]
    assert sampler.samples[0].image.shape == (7, 8)
    assert sampler.samples[0].image[0, 0] == 9  # of 0, 1, 16, 17: 8.5, a half is rounded up


@pytest.mark.slow
def test_figures_are_the_same_bytes_when_drawn_again(tmp_path: Path) -> None:
    states = make_run()
    result = run_result(states)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        draw(tmp_path / name, Truth(states), result)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_only_the_report_imports_matplotlib() -> None:
    root = Path(__file__).parents[1] / "vio"
    users = {
        path.relative_to(root).parts[0]
        for path in root.rglob("*.py")
        if re.search(r"^\s*(import|from) matplotlib", path.read_text(), re.MULTILINE)
    }
    assert users == {"report"}


@pytest.mark.slow
def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path: Path) -> None:
    import matplotlib

    def settings() -> dict:
        # "backend" is decided by matplotlib itself, at the first look.
        return {k: v for k, v in matplotlib.rcParams.items() if k != "backend"}

    before = settings()
    draw(tmp_path, Truth(make_run()), run_result(make_run()))
    assert settings() == before
