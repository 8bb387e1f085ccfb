# SPDX-License-Identifier: Apache-2.0
"""`vio eval` reads all forms, says what it measured, and refuses what it cannot."""

import argparse
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evo.core import metrics as evo_metrics
from evo.core import sync
from evo.core.sync_method import SyncMethod
from scipy.spatial.transform import Rotation

from tests.conftest import FRAME_STEP_NS, START_NS
from tests.test_eval import flight, to_evo
from tests.test_eval_clock import lively, shifted
from vio.commands import eval as command
from vio.datasets import open_dataset
from vio.datasets.trajectories import write_euroc, write_kitti, write_tum
from vio.errors import VioError
from vio.trajectory import Trajectory, interpolate


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(*arguments, "--json") == 0
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values


@pytest.fixture
def estimate(recording: Path) -> Trajectory:
    """Return the tiny recording's ground truth at its frames, 3 mm off sideways on every second."""
    data = open_dataset(recording)
    assert data.ground_truth is not None
    exact = interpolate(data.ground_truth, data.frame_t_ns)
    p = exact.p_world_body + np.arange(12)[:, None] % 2 * [0.0, 0.003, 0.0]
    return Trajectory(exact.t_ns, p, exact.q_world_body)


def test_all_forms_of_files_give_the_same_figures(
    recording: Path, tmp_path: Path, estimate: Trajectory, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(tmp_path / n) for n in ("est.txt", "est.csv", "est.kitti", "est.times")]
    write_tum(names[0], estimate)
    write_euroc(names[1], estimate)
    write_kitti(names[2], names[3], estimate)
    truth = str(recording / "state_groundtruth_estimate0" / "data.csv")
    values = [
        figures(capsys, names[0], truth),
        figures(capsys, names[1], truth),
        figures(capsys, names[2], truth, "--times", names[3]),
        figures(capsys, names[0], str(recording)),
    ]
    for other in values[1:]:
        for kind in ("se3", "yaw", "sim3"):
            expected = values[0]["absolute"][kind]["translation_m"]
            assert other["absolute"][kind]["translation_m"] == pytest.approx(expected, abs=1e-8)
    assert values[0]["absolute"]["yaw"]["translation_m"]["rmse"] == pytest.approx(0.0015, rel=0.02)
    assert values[3]["coverage"] == 1.0, "of the recording's frames"


def test_the_start_is_counted_from_the_recordings_first_frame(
    recording: Path, tmp_path: Path, estimate: Trajectory, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "est.txt")
    write_tum(path, estimate)
    got = figures(capsys, path, str(recording.parent), "--from", "0.2")
    assert got["start_ns"] == START_NS + 4 * FRAME_STEP_NS
    assert got["matched"] == 8
    assert [r["unit"] for r in got["relative"]] == ["frames"]
    got = figures(capsys, path, str(recording), "--rpe", "0.1s", "--rpe", "2f", "--nearest")
    assert [(r["delta"], r["unit"]) for r in got["relative"]] == [(0.1, "s"), (2.0, "frames")]


def test_the_table_shows_the_figures(
    recording: Path, tmp_path: Path, estimate: Trajectory, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "est.txt")
    write_tum(path, estimate)
    assert run(path, str(recording)) == 0
    text = capsys.readouterr().out
    got = figures(capsys, path, str(recording))
    for kind in ("se3", "yaw", "sim3"):
        assert f"{got['absolute'][kind]['translation_m']['rmse']:.4f}" in text
    assert "12 of 12 poses matched over 0.55 s" in text
    assert "coverage 100.0 %" in text


def two_worlds(estimate: Trajectory, first: int) -> Trajectory:
    """Return the estimate with the poses from `first` on in another world."""
    turn = Rotation.from_rotvec([0.0, 0.0, 1.3])
    p, q = estimate.p_world_body.copy(), estimate.q_world_body.copy()
    p[first:] = turn.apply(p[first:]) + np.array([7.0, -3.0, 2.0])
    attitude = turn * Rotation.from_quat(q[first:], scalar_first=True)
    q[first:] = attitude.as_quat(scalar_first=True)
    return Trajectory(estimate.t_ns, p, q)


def test_segments_are_aligned_one_by_one_beside_the_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, truth = flight()
    path, truth_path = tmp_path / "trajectory_tum.txt", str(tmp_path / "truth.txt")
    write_tum(truth_path, truth)
    write_tum(path, two_worlds(whole, 150))
    header, *rows = path.read_text().splitlines()
    one = [header, "# segment 1: a new world", *rows]
    path.write_text("\n".join(one) + "\n")
    assert figures(capsys, str(path), truth_path)["segments"] == [], "one segment is the rule"
    marked = [*one[:152], "# segment 2: a new world", *one[152:]]
    path.write_text("\n".join(marked) + "\n")

    assert run(str(tmp_path), truth_path, "--json") == 0
    captured = capsys.readouterr()
    assert "holds 2 segments" in captured.err
    got = json.loads(captured.out)
    # evo, on each part by itself.
    squares = 0.0
    for part, rows_of in zip(got["segments"], (slice(0, 150), slice(150, None)), strict=True):
        estimate = whole.take(np.arange(len(whole))[rows_of])
        pair = sync.associate_trajectories(
            to_evo(truth), to_evo(estimate), sync_method=SyncMethod.interpolation
        )
        pair[1].align(pair[0])
        ape = evo_metrics.APE(evo_metrics.PoseRelation.translation_part)
        ape.process_data(pair)
        expected = ape.get_all_statistics()["rmse"]
        rmse = part["absolute"]["se3"]["translation_m"]["rmse"]
        assert rmse == pytest.approx(expected, abs=1e-6)
        assert part["coverage"] > 0.99
        squares += part["matched"] * rmse**2
    assert [part["segment"] for part in got["segments"]] == [1, 2]
    assert got["segments_ate_se3_m"] == pytest.approx(np.sqrt(squares / got["matched"]))
    assert got["absolute"]["se3"]["translation_m"]["rmse"] > 5 * got["segments_ate_se3_m"]

    states = tmp_path / "states.csv"
    lines = [f"{i},{t},tracking,{1 + (i >= 150)}" for i, t in enumerate(whole.t_ns)]
    states.write_text("\n".join(["frame_index,t_ns,status,segment", *lines]))
    write_euroc(tmp_path / "est.csv", two_worlds(whole, 150))
    assert run(str(tmp_path / "est.csv"), truth_path, "--segments", str(states)) == 0
    text = capsys.readouterr().out
    assert "each segment aligned by itself" in text
    assert f"ATE {got['segments_ate_se3_m']:.4f} m (SE(3))" in text
    assert run(str(path), truth_path, "--from", "19.2") == 0, "the second segment alone is left"
    assert "each segment" not in capsys.readouterr().out


def test_the_jump_between_segments_is_measured_and_no_relative_motion_crosses_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, truth = flight()
    path, truth_path = tmp_path / "trajectory_tum.txt", str(tmp_path / "truth.txt")
    write_tum(truth_path, truth)
    write_tum(path, whole)
    one_world = figures(capsys, str(path), truth_path)
    write_tum(path, two_worlds(whole, 150))
    header, *rows = path.read_text().splitlines()
    lines = [header, "# segment 1: a new world", *rows[:150], "# segment 2: a new world"]
    path.write_text("\n".join([*lines, *rows[150:]]) + "\n")
    two = figures(capsys, str(path), truth_path)
    (jump,) = two["jumps"]
    place = whole.p_world_body[150]
    moved = Rotation.from_rotvec([0.0, 0.0, 1.3]).apply(place) + np.array([7.0, -3.0, 2.0]) - place
    np.testing.assert_allclose(jump["translation_m"], moved, atol=0.1)
    assert jump["yaw_deg"] == pytest.approx(np.degrees(1.3), abs=1.0)
    assert (jump["before"], jump["after"], jump["gap_s"]) == (1, 2, pytest.approx(0.05))
    for one, other in zip(one_world["relative"][:2], two["relative"][:2], strict=True):
        assert other["pairs"] < one["pairs"]
        assert other["translation_m"]["max"] <= one["translation_m"]["max"] + 1e-9
    assert run(str(path), truth_path) == 0
    assert re.search(r"jump from segment 1 to 2 .* and yaw \+7\d\.", capsys.readouterr().out)


def test_a_segment_without_figures_says_why(
    recording: Path, tmp_path: Path, estimate: Trajectory, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "est.txt"
    write_tum(path, estimate)
    rows = path.read_text().splitlines()
    path.write_text("\n".join(["# segment 4: a", *rows[:-2], "# segment 7: b", *rows[-2:]]) + "\n")
    parts = figures(capsys, str(path), str(recording))["segments"]
    assert [(p["segment"], p["poses"]) for p in parts] == [(4, 10), (7, 2)]
    assert "only 2 of 2 estimated poses" in parts[1]["unknown_because"]
    assert run(str(path), str(recording)) == 0
    assert "only 2 of 2" in capsys.readouterr().out


def test_the_association_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = lively(1)
    late = shifted(truth, -0.02).take(np.r_[0:100, 130:200, 203:300])
    names = [str(tmp_path / n) for n in ("est.txt", "truth.txt")]
    write_tum(names[0], late)
    write_tum(names[1], truth)
    assert run(*names) == 0
    text = capsys.readouterr().out
    assert "association: interpolated, max. difference 0.01 s" in text
    assert "2 gaps, longest 1.55 s" in text
    found = re.search(r"clock offset: (-\d+\.\d+) ms", text)
    assert found
    assert float(found[1]) == pytest.approx(-20.0, abs=1.0)
    got = figures(capsys, *names)["association"]
    assert (got["gaps"], got["method"]) == (2, "interpolated")
    assert got["longest_gap_s"] == pytest.approx(1.55)
    assert got["truth_span_s"] == pytest.approx(19.995)
    assert got["overlap_s"] == pytest.approx(got["estimate_span_s"])
    assert got["overlap"] == pytest.approx(got["overlap_s"] / 19.995)


def test_a_wrong_order_of_quaternions_is_hinted_at_and_not_undone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, truth = flight()
    names = [str(tmp_path / n) for n in ("est.txt", "truth.txt")]
    write_tum(names[0], whole)
    write_tum(names[1], truth)
    right = figures(capsys, *names)
    assert right["hints"] == []
    wxyz = dataclasses.replace(whole, q_world_body=whole.q_world_body[:, [3, 0, 1, 2]])
    write_tum(names[0], wxyz)  # the file's columns are now w x y z
    assert run(*names, "--json") == 0
    captured = capsys.readouterr()
    got = json.loads(captured.out)
    assert "quaternions of the estimate hold w x y z where x y z w was read" in got["hints"][0]
    assert "hint: the rotation error of" in captured.err
    rotation = got["absolute"]["se3"]["rotation_deg"]["rmse"]
    assert rotation > 20.0, "as the file was read"
    assert f"of {rotation:.2f} deg" in got["hints"][0]
    assert f"to {right['absolute']['se3']['rotation_deg']['rmse']:.2f} deg" in got["hints"][0]


def test_doubled_stamps_of_the_ground_truth_are_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, truth = flight()
    names = [str(tmp_path / n) for n in ("est.txt", "truth.txt")]
    write_tum(names[0], whole)
    write_tum(names[1], truth)
    expected = figures(capsys, *names)
    rows = Path(names[1]).read_text().splitlines()
    doubled = [row for i, row in enumerate(rows) for _ in range(2 if i % 10 == 5 else 1)]
    Path(names[1]).write_text("\n".join(doubled) + "\n")
    got = figures(capsys, *names)
    assert "400 rows repeat the time stamp" in got.pop("notes")[0]
    expected.pop("notes")
    assert got == expected


def test_a_folder_without_a_trajectory_is_refused(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(VioError, match=r"holds no trajectory_tum\.txt; give the folder of a run"):
        run(str(tmp_path), str(recording))


@pytest.mark.parametrize("text", ["5", "m", "xm", "3km", "", "nanm", "inff", "0s"])
def test_a_wrong_distance_is_refused(text: str) -> None:
    with pytest.raises(VioError, match="is not a positive number with unit f"):
        command.parse_delta(text)


def test_a_recording_without_ground_truth_is_refused(recording: Path, tmp_path: Path) -> None:
    (recording / "state_groundtruth_estimate0" / "data.csv").unlink()
    with pytest.raises(VioError, match="holds no ground truth"):
        run(str(tmp_path / "est.txt"), str(recording))
