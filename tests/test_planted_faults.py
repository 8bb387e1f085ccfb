# SPDX-License-Identifier: Apache-2.0
"""The faults of `make faults`: what is planted, and that the odometry survives some on images."""

import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import FRAME_STEP_NS, write_recording
from tools.faults import plant
from tools.faults.cases import CASES, SOURCES, Case
from tools.faults.images import Board, encoded, scaled, truncated, wall
from tools.faults.kept import KeptResults
from tools.faults.measure import row_of, scene_table, table
from tools.faults.plant import Chance
from tools.faults.recording import Recording, load
from tools.faults.runs import ate_m, truth_of
from tools.faults.scenes import SCENES, Scene, largest_displacement_m, slowness
from vio.config import load_config
from vio.datasets import open_dataset
from vio.engines import make_odometry
from vio.odometry import run, trajectory_of
from vio.render.calibration import euroc_rig
from vio.render.scenario import load_scenario
from vio.trajectory import Trajectory

CHANCE = Chance(seed=1, start_s=2.0)
SOURCE = SOURCES[0]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Return a recording of 8 s with tiny images."""
    return load(write_recording(tmp_path_factory.mktemp("faults") / "tiny", frames=160).parent)


def names(recording: Recording) -> tuple[set[str], set[str]]:
    left, right = ({name for _, name in rows} for rows in recording.images)
    return left, right


def test_a_recording_without_a_fault_is_written_as_it_was(
    source: Recording, tmp_path: Path
) -> None:
    source.write(tmp_path)
    a, b = open_dataset(source.root), open_dataset(tmp_path)
    assert np.array_equal(a.imu.t_ns, b.imu.t_ns)
    assert np.array_equal(a.imu.accel_m_s2, b.imu.accel_m_s2)
    assert a.rig.left.distortion == b.rig.left.distortion
    for x, y in zip(a.frames(), b.frames(), strict=True):
        assert x.t_ns == y.t_ns
        assert np.array_equal(x.left, y.left)
        assert np.array_equal(x.right, y.right)


def test_a_cut_keeps_half_a_second_of_inertial_data_around(source: Recording) -> None:
    part = source.cut(2.0, 4.0)
    assert len(part.images[0]) == len(part.images[1]) == 41
    assert (part.images[0][0][0] - part.imu_t_ns[0]) * 1e-9 == pytest.approx(0.5, abs=0.005)
    assert part.duration_s == pytest.approx(2.0)


def at_rest(source: Recording) -> Recording:
    """Return the recording with a ground truth whose velocity and biases are zero."""
    return replace(source, truth=source.truth * [*[1.0] * 7, *[0.0] * 9])


# The board is tested by itself below.
@pytest.mark.parametrize(
    "case", [c for c in CASES if c.plant is not plant.moving_fifth], ids=lambda c: c.name
)
def test_a_fault_depends_on_its_seed_alone(case: Case, source: Recording) -> None:
    again = [case.plant(at_rest(source), CHANCE) for _ in range(2)]
    assert np.array_equal(again[0].imu, again[1].imu, equal_nan=True)
    assert np.array_equal(again[0].imu_t_ns, again[1].imu_t_ns)
    assert again[0].images == again[1].images
    assert again[0].edits.keys() == again[1].edits.keys()


def test_dropped_images_are_a_tenth_of_each_camera(source: Recording) -> None:
    spoilt = plant.dropped_images(source, CHANCE)
    for kept, all_names in zip(names(spoilt), names(source), strict=True):
        assert 0.84 < len(kept) / len(all_names) < 0.96
    assert names(spoilt)[0] != names(spoilt)[1]


@pytest.mark.parametrize(
    ("fault", "left", "right"),
    [
        (plant.no_images, 20, 20),
        (plant.right_dead, 0, 120),
        (plant.left_dead, 100, 0),
    ],
)
def test_images_are_missing_for_as_long_as_stated(
    fault: plant.Plant, left: int, right: int, source: Recording
) -> None:
    spoilt = names(fault(source, CHANCE))
    missing = [len(b - a) for a, b in zip(spoilt, names(source), strict=True)]
    assert missing == [left, right]


def test_gaps_have_their_length(source: Recording) -> None:
    longest = np.diff(plant.long_gap(source, CHANCE).imu_t_ns).max() * 1e-9
    assert longest == pytest.approx(0.5, abs=0.0051)
    steps = np.diff(plant.short_gaps(source, CHANCE).imu_t_ns) * 1e-9
    assert np.count_nonzero(steps > 0.05) == 3
    assert steps.max() == pytest.approx(0.05, abs=0.0051)


def test_inertial_faults_touch_as_many_samples_as_stated(source: Recording) -> None:
    assert np.count_nonzero(np.isnan(plant.not_a_number(source, CHANCE).imu)) == 10
    changed = np.abs(plant.spikes(source, CHANCE).imu - source.imu)
    assert np.count_nonzero(np.linalg.norm(changed[:, :3], axis=1) > 9.9) == 5
    assert np.count_nonzero(np.linalg.norm(changed[:, 3:], axis=1) > 149) == 5
    moving = replace(source, imu=np.random.default_rng(0).normal(size=source.imu.shape))
    limited = plant.saturation(moving, CHANCE).imu
    touched = (limited != moving.imu).reshape(-1, 2, 3).any(axis=2).mean(axis=0)
    assert touched == pytest.approx([0.02, 0.02], abs=0.002)


@pytest.mark.parametrize("fault", [plant.doubled_stamps, plant.swapped_stamps])
def test_spoilt_stamps_lose_no_sample(fault: plant.Plant, source: Recording) -> None:
    spoilt = fault(source, CHANCE)
    assert (np.diff(spoilt.imu_t_ns) <= 0).sum() == 10
    assert np.array_equal(np.unique(spoilt.imu_t_ns), source.imu_t_ns)
    for rows, before in zip(spoilt.images, source.images, strict=True):
        assert sum(b[0] <= a[0] for a, b in itertools.pairwise(rows)) == 5
        assert sorted(set(rows)) == before


def test_standing_still_lasts_10_s_and_feels_gravity(source: Recording) -> None:
    spoilt = plant.stand_still(at_rest(source), CHANCE)
    assert spoilt.duration_s - source.duration_s == pytest.approx(10.0)
    for rows in spoilt.images:
        assert np.all(np.diff([t for t, _ in rows]) == FRAME_STEP_NS)
    assert np.all(np.diff(spoilt.imu_t_ns) == np.diff(source.imu_t_ns)[0])
    assert np.all(np.diff(spoilt.truth_t_ns) == np.diff(source.truth_t_ns)[0])
    held = len(spoilt.imu) - len(source.imu)
    assert held == 2000
    start = int(np.argmax(np.abs(spoilt.imu[:held] - source.imu[0]).max(axis=1) > 0.05))
    mean = spoilt.imu[start : start + held].mean(axis=0)
    assert mean == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.0, 9.81], abs=0.01)
    assert len(spoilt.edits) == 400
    with pytest.raises(ValueError, match="moves by"):
        plant.stand_still(source, CHANCE)


def test_edits_of_images() -> None:
    grey = np.full((48, 64), 100, np.uint8)
    data = encoded(grey)
    assert len(truncated(0.5)(data)) == len(data) // 2
    assert decoded(scaled(0.5)(data)).mean() == 50.0
    shown = decoded(wall([1, 0])(data)).astype(np.float64)
    assert shown.min() > 100.0
    assert np.abs(np.diff(shown, axis=1)).max() < 20.0  # noise, and no corner


def test_the_board_covers_a_fifth_and_is_seen_by_both_cameras_at_its_depth() -> None:
    rig = euroc_rig(20.0)
    board = Board(rig, 0.2, seed=1)
    black = encoded(np.zeros((rig.left.height, rig.left.width), np.uint8))
    centre, area = [], []
    for camera in range(2):
        seen = decoded(board.edit(camera, 0.3)(black)) > 0
        area.append(seen.mean())
        centre.append(np.argwhere(seen).mean(axis=0))
    assert area == pytest.approx([0.2, 0.2], abs=0.04)
    disparity = centre[0][1] - centre[1][1]
    rect = rig.rectification
    expected = rig.left.fx * rect.baseline_m / 1.5 + rig.left.cx - rig.right.cx
    assert disparity == pytest.approx(expected, abs=12.0)  # the cameras are not quite parallel


def decoded(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)))


# The table -----------------------------------------------------------------------------------


def entry(*ratios: float, whole: bool = True, named: bool = True) -> dict:
    return {"whole": whole, "named": named, "sides": [{"ratio": r} for r in ratios]}


def test_a_row_is_held_to_its_bar_by_the_mean_of_each_segment() -> None:
    case = replace(CASES[0], bar=1.5, segments=2)
    good = row_of(case, SOURCE, [entry(1.0, 1.2), entry(1.9)])
    assert good["missed"] == []
    assert good["mean_ratio"] == pytest.approx([1.45, 1.2])
    assert good["worst_ratio"] == pytest.approx([1.9, 1.2])
    for runs, missed in (
        ([entry(1.6)], ["over 1.5"]),
        ([entry(1.0, 1.6)], ["over 1.5"]),
        ([entry(float("nan"))], ["over 1.5"]),
        ([entry(1.0, 1.0, 1.0)], ["3 segments"]),
        ([entry()], ["0 segments"]),
        ([entry(1.0, whole=False)], ["does not end complete"]),
        ([entry(1.0, named=False)], ["not named"]),
    ):
        assert row_of(case, SOURCE, runs)["missed"] == missed
    assert "| 1.45 (1.90); 1.20 (1.20) |" in table([SOURCE], [0.005], [good])


def path(positions: Callable[[np.ndarray], np.ndarray]) -> Trajectory:
    t = np.arange(0.0, 14.0, 0.05)
    q = np.tile([1.0, 0.0, 0.0, 0.0], (len(t), 1))
    return Trajectory(np.round(t * 1e9).astype(np.int64), positions(t), q)


def bent(t: np.ndarray) -> np.ndarray:
    """At rest until 10 s, then along a bend."""
    s = np.maximum(t - 10.0, 0.0)
    return np.column_stack([s, s**2, 0.1 * s**3])


def test_the_displacement_at_rest_is_that_of_the_estimate() -> None:
    truth = path(bent)
    assert largest_displacement_m(truth, truth) == 0.0
    drifting = path(lambda t: bent(t) + 1e-4 * np.minimum(t, 10.0)[:, None] * [1.0, 0.0, 0.0])
    assert largest_displacement_m(drifting, truth) == pytest.approx(1e-3, rel=0.02)


def test_a_slow_start_taken_for_rest_has_the_share_0() -> None:
    def slow(t: np.ndarray) -> np.ndarray:
        return bent(t) + 0.05 * t[:, None] * [1.0, 0.0, 0.0]

    truth = path(slow)
    assert slowness(truth, truth) == pytest.approx(1.0)
    assert slowness(path(lambda t: slow(np.maximum(t, 10.0))), truth) < 0.1


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_the_scenes_are_scenarios_and_have_rows(scene: Scene) -> None:
    assert load_scenario(str(scene.scenario)).duration_s >= 12.0
    row = {"scene": scene.name, "seed": 1, "value": 0.7, "missed": ["x"]}
    assert f"| {scene.title} |" in scene_table([row])


# On images ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clip:
    """Hold the first 8 s of the real clip, and the positions of its undisturbed run."""

    recording: Recording
    truth: Trajectory
    undisturbed: Trajectory


def flown(folder: Path) -> dict[int, Trajectory]:
    """Run a recording to its end; return the poses of each segment."""
    dataset = open_dataset(folder)
    odometry = make_odometry(dataset.rig, dataset.imu_noise, load_config("euroc"))
    states = list(run(dataset, odometry))
    assert len(states) >= len(dataset.frame_t_ns) - 5  # a pair with both images lost has none
    segments = {}
    for number in dict.fromkeys(s.segment for s in states if s.p_world_body is not None):
        part = [s for s in states if s.segment == number and s.p_world_body is not None]
        segments[number] = trajectory_of(part)
    return segments


@pytest.fixture(scope="module")
def clip(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    recording = load(real_data / "euroc" / "MH_01_easy").cut(0.0, 8.0)
    folder = tmp_path_factory.mktemp("clip")
    recording.write(folder)
    (undisturbed,) = flown(folder).values()
    return Clip(recording, truth_of(folder), undisturbed)


def all_spoilt_rows(recording: Recording, chance: Chance) -> Recording:
    """Plant all faults of single samples and rows one after the other."""
    for k, fault in enumerate(
        (plant.spikes, plant.not_a_number, plant.doubled_stamps, plant.swapped_stamps)
    ):
        recording = fault(recording, replace(chance, seed=chance.seed + k))
    return recording


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "bar", "segments"),
    [
        (plant.dropped_images, 1.5, 1),
        (plant.right_dead, 3.0, 1),
        (plant.left_dead, 1.5, 1),
        (plant.saturation, 3.0, 1),
        (all_spoilt_rows, 1.5, 1),
        (plant.brightness_step, 1.5, 1),
        (plant.long_gap, 1.5, 1),
        (plant.white_wall, 1.5, 2),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_fault_costs_no_more_than_its_bar(
    fault: plant.Plant, bar: float, segments: int, clip: Clip, tmp_path: Path
) -> None:
    fault(clip.recording, Chance(seed=1, start_s=3.0)).write(tmp_path)
    sides = flown(tmp_path)
    assert len(sides) == segments
    for side in sides.values():
        span = (int(side.t_ns[0]), int(side.t_ns[-1])) if segments > 1 else ()
        assert ate_m(side, clip.truth) <= bar * ate_m(clip.undisturbed, clip.truth, *span)


def test_a_stopped_measurement_goes_on_with_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    kept = KeptResults(path)
    assert kept.get("spike 1", lambda: {"ratio": 1.25}) == {"ratio": 1.25}
    assert kept.get("spike 2", lambda: {"ratio": 1.5}) == {"ratio": 1.5}
    path.write_text(path.read_text()[:-5])  # killed while it wrote
    kept = KeptResults(path)
    assert len(kept) == 1
    assert kept.get("spike 1", lambda: pytest.fail("measured twice")) == {"ratio": 1.25}
    assert kept.get("spike 2", lambda: 3) == 3
    assert len(KeptResults(path)) == 2


def test_results_of_other_code_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    KeptResults(path).get("spike 1", lambda: 1)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(['["1.0+other", "", "python 3"]', *lines[1:]]) + "\n")
    assert len(KeptResults(path)) == 0
