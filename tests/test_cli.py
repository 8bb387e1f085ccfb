# SPDX-License-Identifier: Apache-2.0
"""The command line: light help, exit codes, piped output, Ctrl-C."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.states import make_state
from vio import cli
from vio.commands import hw
from vio.commands import suite as suite_command
from vio.commands.console import parse_range
from vio.errors import VioError
from vio.runs.suite import Job, Workers, aggregate

HEAVY = ("numpy", "scipy", "numba", "matplotlib", "PIL", "yaml", "rich", "concurrent.futures")


def vio(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess:
    """Run the command as a user does, with its output piped."""
    return subprocess.run(
        [sys.executable, "-m", "vio", *arguments],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "command",
    [(), *((name,) for name in cli.COMMANDS), *(("hw", name) for name in hw.COMMANDS)],
)
def test_help_imports_nothing_heavy(command: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom vio.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        f"print('HEAVY', [m for m in {HEAVY} if m in sys.modules])"
    )
    arguments = [sys.executable, "-c", code, *command, "--help"]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "usage: vio" in result.stdout
    assert result.stdout.splitlines()[-1] == "HEAVY []"


def test_every_command_module_is_dispatched() -> None:
    folder = Path(cli.__file__).parent / "commands"
    for commands, where in ((cli.COMMANDS, folder), (hw.COMMANDS, folder / "hw")):
        modules = {p.stem for p in where.glob("*.py") if "def add_arguments" in p.read_text()}
        assert modules == set(commands) - {"hw"}


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert vio("--version").stdout.strip() == f"vio {version('kestrel-vio')}"


def replace_run(monkeypatch: pytest.MonkeyPatch, action: object) -> None:
    """Make `vio doctor` do something else."""
    monkeypatch.setattr("vio.commands.doctor.run", action)


def raising(error: BaseException) -> object:
    def action(args: argparse.Namespace) -> int:
        raise error

    return action


def test_bad_input_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace_run(monkeypatch, raising(VioError("the file is 3 bytes short; copy it again")))
    assert cli.main(["doctor"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "vio doctor: the file is 3 bytes short; copy it again\n"


def test_a_defect_keeps_its_traceback_and_exits_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace_run(monkeypatch, raising(ZeroDivisionError("oops")))
    assert cli.main(["doctor"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert "ZeroDivisionError: oops" in err


def test_an_interrupt_exits_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace_run(monkeypatch, raising(KeyboardInterrupt()))
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "vio doctor: interrupted\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = (
        "import sys, argparse, vio.commands.doctor as d; from vio.cli import main\n"
        "d.run = lambda args: [print(i) for i in range(100000)] and 0\n"
        "sys.exit(main(['doctor']))"
    )
    result = subprocess.run(
        f'"{sys.executable}" -c "$CODE" | head -n 1; echo "${{PIPESTATUS[0]}}"',
        shell=True,
        executable="/bin/bash",
        env={**os.environ, "CODE": code},
        capture_output=True,
        text=True,
    )
    assert result.stdout.split() == ["0", "141"]
    assert result.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "nowhere"),
        ("run", "{recording}", "--set", "backend.precision"),
        ("run", "{recording}", "--set", "backend.colour=3"),
        ("run", "{recording}", "--preset", "mars"),
        ("run", "{recording}", "--until", "-1"),
        ("suite",),
        ("suite", "a/x", "b/x"),
        ("suite", "--scenario", "hover", "--seeds", "5-1"),
        ("bench", "--repeats", "0"),
        ("hw", "schedule", "--until", "3"),
        ("hw", "schedule", "--lanes", "0"),
        ("hw", "schedule", "--frames", "3"),
        ("hw", "schedule", "--frames", "6", "--tracks", "0"),
        ("hw", "schedule", "--frames", "6", "--tracks", "5", "--calls", "no/such.txt"),
        ("hw", "schedule", "--frames", "6", "--tracks", "5", "--json", "no/such.json"),
    ],
)
def test_what_a_user_gets_wrong_is_said_in_one_line(
    arguments: tuple[str, ...],
    recording: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word.format(recording=recording.parent) for word in arguments]
    assert cli.main(words) == 2
    err = capsys.readouterr().err
    command = " ".join(arguments[: 1 + (arguments[0] == "hw")])
    assert err.startswith(f"vio {command}: ")
    assert err.count("\n") == 1
    assert not Path("runs").exists()


def test_a_command_that_does_not_exist_exits_2() -> None:
    result = vio("fly")
    assert result.returncode == 2
    assert "invalid choice: 'fly'" in result.stderr


class StandIn:
    """Replace the odometry: hand-made states, and Ctrl-C after some frames."""

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.interrupt_after = interrupt_after

    def __call__(self, dataset, odometry, until_ns, imu_poses) -> Iterator:
        for i, _ in enumerate(dataset.frames()):
            if i == self.interrupt_after:
                raise KeyboardInterrupt
            yield make_state(i)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Return a stand-in for the odometry, in place."""
    stand_in = StandIn()
    monkeypatch.setattr("vio.odometry.run", stand_in)
    return stand_in


def test_a_piped_run_prints_a_few_plain_lines(
    stand_in: StandIn, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.main(["run", str(recording), "--out", str(out), "--no-figures"]) == 0
    stdout, stderr = capsys.readouterr()
    assert "\x1b" not in stdout + stderr
    assert "\r" not in stdout + stderr
    lines = stdout.splitlines()
    assert lines[0].startswith("tiny: 12 frames, first pose 0.00 s")
    assert lines[1].startswith("ATE ")
    assert lines[-1] == str(out)
    assert len(lines) <= 5
    assert stderr == ""


def test_ctrl_c_leaves_a_valid_partial_result_and_exits_130(
    stand_in: StandIn, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    from vio.datasets.trajectories import read_trajectory

    stand_in.interrupt_after = 7
    out = tmp_path / "out"
    assert cli.main(["run", str(recording), "--out", str(out)]) == 130
    assert len(read_trajectory(out / "trajectory_tum.txt")) == 7
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["complete"] is False
    assert metrics["frames"] == 7
    stdout, stderr = capsys.readouterr()
    assert str(out) in stdout
    assert stderr == "vio run: interrupted\n"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_suite_with_its_children_and_leaves_no_rendering(
    number: int, code: int, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    command = [sys.executable, "-m", "vio", "suite", "--scenario", "hover", "--keep", str(kept)]
    suite = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out")],
        start_new_session=True,
        # As in a shell script's background job, which begins with Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60.0
    while not list(kept.glob(".kestrel-*/hover/mav0")) and time.monotonic() < deadline:
        time.sleep(0.1)
    suite.send_signal(number)
    assert suite.wait(timeout=60.0) == code
    assert suite.stderr is not None
    assert suite.stderr.read() == "vio suite: interrupted\n"
    assert list(kept.iterdir()) == []
    with pytest.raises(ProcessLookupError):  # nothing is left of the session
        os.killpg(suite.pid, 0)


def test_until_counts_from_the_first_image(recording: Path, tmp_path: Path) -> None:
    import json

    out = tmp_path / "out"
    assert cli.main(["run", str(recording), "--until", "0.2", "--out", str(out)]) == 3
    assert json.loads((out / "metrics.json").read_text())["frames"] == 5


def test_a_run_without_a_pose_exits_3_and_says_so(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", str(recording), "--out", str(tmp_path / "out"), "--no-figures"]
    assert cli.main(arguments) == 3
    assert "no pose" in capsys.readouterr().out


def test_doctor_names_what_is_there_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIO_DATA", str(tmp_path))
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    for word in ("python", "numpy", "numba", "g++", "presets", "real data"):
        assert word in out
    assert "set VIO_DATA" in out


def test_doctor_reports_whether_the_hardware_sources_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vio.commands.doctor import check_sources

    here = next(check_sources())
    assert (here.level, here.advice) == ("ok", "")
    monkeypatch.setattr(hw, "ROOT", tmp_path)  # as in a folder of packages
    (wheel,) = check_sources()
    assert wheel.level == "note"
    assert wheel.found == f"no rtl, hls, sim, fpga in {tmp_path}: an installed package"
    assert (
        "vio hw params, registers, netlist, vectors, sim, equivalence, synth, hls" in wheel.advice
    )
    assert "git clone" in wheel.advice


def test_doctor_exits_3_when_a_package_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.metadata.requires", lambda name: ["no-such-package>=1.0"])
    assert cli.main(["doctor"]) == 3
    assert 'pip install "no-such-package>=1.0"' in capsys.readouterr().out


@pytest.mark.parametrize(("wanted", "level"), [("1.2", "ok"), ("1.10", "ok"), ("1.10.1", "note")])
def test_doctor_notes_a_package_below_its_lower_bound(
    wanted: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vio.commands.doctor import check_packages

    monkeypatch.setattr("importlib.metadata.requires", lambda name: [f"numpy>={wanted}"])
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.10")
    check = list(check_packages())[-1]
    assert (check.level, check.what) == (level, "numpy")
    assert check.advice == ("" if level == "ok" else f"at least {wanted}")


@pytest.mark.parametrize(("text", "numbers"), [("3", [3]), ("1-4", [1, 2, 3, 4]), ("1,7", [1, 7])])
def test_seeds_are_numbers_ranges_or_lists(text: str, numbers: list[int]) -> None:
    assert parse_range(text) == numbers


@pytest.mark.parametrize("text", ["", "a", "1-", "-3", "1-b", "4-2"])
def test_other_texts_are_no_seeds(text: str) -> None:
    with pytest.raises(VioError, match=r"seeds|range"):
        parse_range(text)


def suite_row(sequence: str, seed: int, ate: float | None, starts: int = 1, lost: int = 0) -> dict:
    accuracy = None
    if ate is not None:
        accuracy = {"absolute": {"se3": {"translation_m": {"rmse": ate}}}}
    metrics = {"accuracy": accuracy, "segments": starts, "frames_by_status": {"lost": lost}}
    return {"sequence": sequence, "seed": seed, "error": None, "metrics": metrics}


def test_a_suite_counts_each_sequence_once_and_names_what_was_lost() -> None:
    rows = [
        suite_row("a", 1, 0.1),
        suite_row("a", 2, 0.3),
        suite_row("b", 1, 0.6, starts=2),
        suite_row("c", 1, None, starts=0),
        {"sequence": "d", "seed": 1, "error": "no such folder"},
    ]
    summary = aggregate(rows)
    assert summary["mean_ate_m"] == pytest.approx((0.2 + 0.6) / 2.0)
    assert summary["worst_ate_m"] == pytest.approx(0.6)
    assert summary["lost"] == 3
    assert summary["sequences"]["a"] == {
        "runs": 2,
        "mean_ate_m": pytest.approx(0.2),
        "worst_ate_m": 0.3,
        "lost": 0,
    }


def test_suite_jobs_are_all_sequences_with_all_seeds() -> None:
    parser = argparse.ArgumentParser()
    suite_command.add_arguments(parser)
    args = parser.parse_args(["real/MH_01", "--hybrid", "x/V1_02/", "--seeds", "1-2"])
    jobs = suite_command.make_jobs(args)
    assert [j.name for j in jobs] == ["MH_01", "V1_02-seed1", "V1_02-seed2"]
    flight = str(Path("x/V1_02").resolve())
    assert jobs[2].render == ("--hybrid", flight, "--seed", "2", "--threads", "1")


def test_a_failed_job_is_a_row_with_the_last_line_of_its_complaint(tmp_path: Path) -> None:
    (row,) = Workers(1, ["--no-figures"], tmp_path).run([Job("x", None, tmp_path / "nowhere")])
    assert row["error"].startswith("vio run: ")
    assert "metrics" not in row


@pytest.mark.slow
def test_a_suite_runs_recordings_in_processes_and_writes_json(
    recording: Path, tmp_path: Path
) -> None:
    import json

    out = tmp_path / "suite"
    result = vio("suite", str(recording.parent), "--jobs", "2", "--out", str(out))
    assert result.returncode == 3  # the tiny recording is noise: no pose, so it counts as lost
    assert "\x1b" not in result.stdout
    written = json.loads((out / "suite.json").read_text())
    assert written["rows"][0]["metrics"]["frames"] == 12
    assert written["summary"]["lost"] == 1
    assert np.isfinite(written["rows"][0]["metrics"]["peak_memory_mb"])


@pytest.mark.slow
def test_bench_measures_each_engine_beside_the_baseline(recording: Path, tmp_path: Path) -> None:
    import json

    out = tmp_path / "bench"
    words = (
        "bench",
        str(recording),
        "--repeats",
        "2",
        "--engines",
        "float,opencv",
        "--threads",
        "1",
    )
    result = vio(*words, "--out", str(out))
    assert result.returncode == 0, result.stderr
    engines = json.loads((out / "bench.json").read_text())["engines"]
    assert list(engines) == ["float", "opencv"]
    for figures in engines.values():
        assert figures["frames"] == 12
        assert len(figures["pass_means_ms"]) == 2
        stages = figures["stages_ms"]
        assert stages["total"]["mean"] == pytest.approx(min(figures["pass_means_ms"]), abs=1e-3)
        assert stages["total"]["p50"] <= stages["total"]["p99"] <= stages["total"]["max"]
        assert 20.0 < figures["peak_memory_mb"] < 2000.0
        assert figures["cpu_ms"] > 0.0
        assert figures["threads"] == 1
    assert "time / opencv" in result.stdout
    assert "\x1b" not in result.stdout
