# SPDX-License-Identifier: Apache-2.0
"""`vio eval` reads all forms, says what it measured, and refuses what it cannot."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import FRAME_STEP_NS, START_NS
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


def test_an_estimate_that_started_again_is_pointed_out(
    recording: Path, tmp_path: Path, estimate: Trajectory, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "est.txt"
    write_tum(path, estimate)
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows[:6], "# segment 1: a new world", *rows[6:]]) + "\n")
    assert run(str(path), str(recording)) == 0
    assert capsys.readouterr().err == "", "one segment is the rule"
    path.write_text("\n".join(["# segment 0: a new world", path.read_text()]))
    assert run(str(path), str(recording), "--json") == 0
    assert "holds 2 segments" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["5", "m", "xm", "3km", ""])
def test_a_wrong_distance_is_refused(text: str) -> None:
    with pytest.raises(VioError, match="is not a number with unit f"):
        command.parse_delta(text)


def test_a_recording_without_ground_truth_is_refused(recording: Path, tmp_path: Path) -> None:
    (recording / "state_groundtruth_estimate0" / "data.csv").unlink()
    with pytest.raises(VioError, match="holds no ground truth"):
        run(str(tmp_path / "est.txt"), str(recording))
