# SPDX-License-Identifier: Apache-2.0
"""The run folder: formats, flushing, names, and what stays after a kill or Ctrl-C."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.states import START_NS, STEP_NS, make_run, make_state
from vio.config import Config, load_config
from vio.data import Status
from vio.datasets.trajectories import read_trajectory
from vio.errors import VioError
from vio.runs.folder import RunFolder, make_folder
from vio.runs.log import RunLog


def write_run(path: Path, states: list) -> None:
    with RunFolder(path, Config()) as folder:
        for state in states:
            folder.add_state(state, {"total": 3.0, **state.stage_ms})


@pytest.mark.parametrize("name", ["trajectory_tum.txt", "trajectory_euroc.csv"])
def test_a_trajectory_file_reads_back_as_the_states_that_have_poses(
    tmp_path: Path, name: str
) -> None:
    states = [make_state(i) for i in range(3, 30)]
    write_run(tmp_path, [make_state(0, Status.INITIALIZING), *states])
    read = read_trajectory(tmp_path / name)
    np.testing.assert_array_equal(read.t_ns, [s.t_ns for s in states])
    np.testing.assert_allclose(read.p_world_body, [s.p_world_body for s in states], atol=1e-9)
    np.testing.assert_allclose(read.q_world_body, [s.q_world_body for s in states], atol=2e-9)


def test_evo_reads_the_tum_file_although_comments_mark_its_segments(tmp_path: Path) -> None:
    from evo.tools import file_interface

    states = make_run()
    write_run(tmp_path, states)
    trajectory = file_interface.read_tum_trajectory_file(str(tmp_path / "trajectory_tum.txt"))
    posed = [s for s in states if s.p_world_body is not None]
    np.testing.assert_allclose(trajectory.positions_xyz, [s.p_world_body for s in posed], atol=1e-8)
    np.testing.assert_allclose(
        trajectory.orientations_quat_wxyz, [s.q_world_body for s in posed], atol=1e-8
    )
    comments = [
        line
        for line in (tmp_path / "trajectory_tum.txt").read_text().splitlines()
        if line.startswith("# segment")
    ]
    assert len(comments) == 2


def test_states_csv_has_a_full_row_for_every_frame_also_without_a_pose(tmp_path: Path) -> None:
    states = make_run()
    write_run(tmp_path, states)
    with open(tmp_path / "states.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(r["frame_index"]) for r in rows] == list(range(len(states)))
    assert all(None not in r and None not in r.values() for r in rows)
    assert rows[0]["status"] == "initializing"
    assert rows[0]["p_x"] == ""
    assert float(rows[10]["std_r_x"]) == pytest.approx(1e-3)
    assert float(rows[10]["std_p_z"]) == pytest.approx(6e-3)
    assert [float(rows[10][f"ba_{a}"]) for a in "xyz"] == [0.1, 0.2, 0.3]
    assert float(rows[10]["inertial_innovation"]) == pytest.approx(0.2)
    assert float(rows[10]["vision_innovation"]) == pytest.approx(0.9)
    assert rows[5]["vision_innovation"] == ""  # a first pose has none yet


def test_timing_csv_holds_each_stage_of_each_frame(tmp_path: Path) -> None:
    write_run(tmp_path, [make_state(i) for i in range(3)])
    with open(tmp_path / "timing.csv") as file:
        rows = list(csv.DictReader(file))
    window = {int(r["frame_index"]): float(r["ms"]) for r in rows if r["stage"] == "window"}
    assert window == {0: 2.0, 1: 1.0, 2: 1.0}


def test_every_line_is_on_disk_before_the_next_frame(tmp_path: Path) -> None:
    with RunFolder(tmp_path, Config()) as folder:
        for i in range(4):
            folder.add_state(make_state(i), {"total": 1.0})
            folder.add_imu_pose(i, np.zeros(3), np.array([1.0, 0, 0, 0]))
            for name in ("trajectory_tum.txt", "trajectory_imu_tum.txt"):
                lines = (tmp_path / name).read_text().splitlines()
                assert sum(not line.startswith("#") for line in lines) == i + 1


def test_a_killed_run_leaves_whole_lines(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from tests.states import make_state;"
        "from vio.config import Config; from vio.runs.folder import RunFolder;"
        "f = RunFolder(Path(sys.argv[1]), Config());"
        "[f.add_state(make_state(i), {'total': 1.0}) for i in range(20)];"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[1])
    assert len(read_trajectory(tmp_path / "trajectory_tum.txt")) == 20
    assert len((tmp_path / "states.csv").read_text().splitlines()) == 21


def test_the_written_configuration_loads_as_the_one_that_ran(tmp_path: Path) -> None:
    config = load_config("euroc", ["backend.precision=float32", "frontend.max_tracks=150"])
    with RunFolder(tmp_path, config):
        pass
    assert load_config(str(tmp_path / "config.toml")) == config


def test_smoothed_poses_and_landmarks_are_written(tmp_path: Path) -> None:
    q = np.array([1.0, 0, 0, 0])
    with RunFolder(tmp_path, Config()) as folder:
        folder.add_smoothed([(0, START_NS, np.ones(3), q), (0, START_NS + STEP_NS, np.ones(3), q)])
        folder.write_landmarks(np.arange(6.0).reshape(2, 3))
    assert len(read_trajectory(tmp_path / "trajectory_smoothed_tum.txt")) == 2
    ply = (tmp_path / "landmarks.ply").read_text().splitlines()
    assert "element vertex 2" in ply
    assert ply[-1] == "3.0000 4.0000 5.0000"


def test_metrics_replace_an_earlier_file_only_when_whole(tmp_path: Path) -> None:
    with RunFolder(tmp_path, Config()) as folder:
        folder.write_metrics({"frames": 3})
        with pytest.raises(TypeError):
            folder.write_metrics({"frames": object()})
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"frames": 3}


def test_run_folders_count_up_and_latest_points_to_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [make_folder("MH_01"), make_folder("MH_01"), make_folder("V1_02")]
    assert [p.name for p in paths] == ["MH_01-0001", "MH_01-0002", "V1_02-0001"]
    assert os.readlink("runs/latest") == "V1_02-0001"
    assert Path("runs/latest").is_dir()


def test_runs_started_together_get_folders_of_their_own(tmp_path: Path) -> None:
    code = "from vio.runs.folder import make_folder; print(make_folder('x'))"
    command = [sys.executable, "-c", code]
    jobs = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) for _ in range(4)]
    names = {job.communicate()[0].decode().strip() for job in jobs}
    assert len(names) == 4
    assert (tmp_path / "runs/latest").is_dir()


def test_a_folder_with_foreign_files_is_refused_and_an_earlier_run_is_replaced(
    tmp_path: Path,
) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(VioError, match="not empty"):
        make_folder("x", str(tmp_path))
    out = tmp_path / "out"
    write_run(make_folder("x", str(out)), [make_state(i) for i in range(9)])
    write_run(make_folder("x", str(out)), [make_state(i) for i in range(5)])
    assert len(read_trajectory(out / "trajectory_tum.txt")) == 5


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VioError, match="cannot make the run folder"):
        make_folder("x", str(tmp_path / "file" / "run"))


def test_the_log_keeps_what_the_states_said() -> None:
    log = RunLog()
    states = make_run()
    for i, state in enumerate(states):
        log.append(state, {"late": 1.0} if i > 2 else {})
    posed = log.has_pose()
    assert posed.sum() == sum(s.p_world_body is not None for s in states)
    trajectory = log.trajectory(np.flatnonzero(posed))
    expected = [s.p_world_body for s in states if s.p_world_body is not None]
    np.testing.assert_array_equal(trajectory.p_world_body, expected)
    np.testing.assert_array_equal(log.column("tracks"), [12.0] * len(states))
    np.testing.assert_array_equal(log.column("stereo")[:6], [12.0, 0, 0, 0, 0, 12.0])
    np.testing.assert_array_equal(np.isnan(log.stages_ms()["late"])[:5], [1, 1, 1, 0, 0])
    with pytest.raises(KeyError):
        log.column("nonsense")
