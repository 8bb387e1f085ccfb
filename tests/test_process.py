# SPDX-License-Identifier: Apache-2.0
"""How a run shares its folder, ends early, reports what was lost, and treats odd terminals."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import FRAME_STEP_NS, START_NS
from tests.states import make_state
from vio import cli
from vio.commands.run import MAX_NOTES
from vio.config import Config
from vio.data import Status
from vio.datasets.trajectories import read_trajectory
from vio.errors import VioError
from vio.runs.files import LineFile, replace_file
from vio.runs.folder import RunFolder
from vio.runs.lock import LOCK, locked

ROOT = Path(__file__).parents[1]


@pytest.fixture
def run(
    recording: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, list[str], list[str]]]:
    """Return `vio run` over the tiny recording with hand-made states.

    It ends with an error after some frames, if one is given, and returns the exit code and the
    lines of stdout and stderr.
    """

    def run_command(
        error: BaseException | None = None, after: int = 7, status: Status = Status.TRACKING
    ) -> tuple[int, list[str], list[str]]:
        def states(dataset, *_: object) -> Iterator:
            for i, _frame in enumerate(dataset.frames()):
                if error is not None and i == after:
                    raise error
                yield make_state(i, status)

        monkeypatch.setattr("vio.odometry.run", states)
        code = cli.main(["run", str(recording), "--out", str(tmp_path / "out"), "--no-figures"])
        out, err = capsys.readouterr()
        return code, out.splitlines(), err.splitlines()

    return run_command


def metrics(folder: Path) -> dict:
    """Return the metrics of a run folder."""
    return json.loads((folder / "metrics.json").read_text())


# Two runs, one folder -----------------------------------------------------------------------------


def test_a_second_run_into_a_folder_is_refused_while_the_first_one_runs(
    run: Callable, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with locked(out):
        code, _, err = run()
        assert code == 2
        assert err == [
            f"vio run: another run (process {os.getpid()}) is writing into {out}; wait for it, "
            "or name another folder with --out"
        ]
    assert not list(out.iterdir())
    assert run()[0] == 0
    assert not (out / LOCK).exists()


def test_a_lock_ends_with_its_process_however_that_ends(run: Callable, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    code = (
        "import os, signal, sys; from pathlib import Path; from vio.runs.lock import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(out)], cwd=ROOT)
    assert (out / LOCK).exists()
    assert run()[0] == 0


# A run that ends early ----------------------------------------------------------------------------

ENDS = [
    (KeyboardInterrupt(), 130, "interrupted"),
    (KeyboardInterrupt(signal.SIGTERM), 143, "SIGTERM"),
    (KeyboardInterrupt(signal.SIGHUP), 2, "SIGHUP"),
    (VioError("the tracker fell over; stand it up"), 2, "the tracker fell over; stand it up"),
    (OSError(errno.ENOSPC, "No space left on device"), 2, "No space left"),
    (MemoryError(), 2, "MemoryError"),
    (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero"),
]


@pytest.mark.parametrize(("error", "code", "reason"), ENDS, ids=[repr(e) for e, _, _ in ENDS])
def test_whatever_ends_a_run_leaves_a_valid_partial_result(
    error: BaseException, code: int, reason: str, run: Callable, tmp_path: Path
) -> None:
    found, _, err = run(error)
    assert found == code
    assert len(err) == 1 or code == 1
    out = tmp_path / "out"
    assert len(read_trajectory(out / "trajectory_tum.txt")) == 7
    assert len((out / "states.csv").read_text().splitlines()) == 8
    assert (out / "landmarks.ply").read_text().endswith("end_header\n")
    assert metrics(out)["complete"] is False
    assert metrics(out)["frames"] == 7
    assert reason in metrics(out)["ended_by"]
    assert not [p.name for p in out.iterdir() if p.name.startswith(".")]


def test_a_complete_run_says_so(run: Callable, tmp_path: Path) -> None:
    assert run()[0] == 0
    assert metrics(tmp_path / "out")["complete"] is True
    assert metrics(tmp_path / "out")["ended_by"] == ""


def test_an_image_of_another_size_in_mid_run_ends_it_in_one_line(
    run: Callable, recording: Path, tmp_path: Path
) -> None:
    path = recording / "cam0" / "data" / f"{START_NS + 6 * FRAME_STEP_NS}.png"
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(path)
    code, _, err = run()
    assert code == 2
    assert len(err) == 1
    assert "is 20x20 pixels, but the calibration is for 64x48" in err[0]
    assert metrics(tmp_path / "out")["frames"] == 6


def test_a_signal_that_hangs_up_ends_a_process_in_order() -> None:
    code = (
        "import os, signal, sys, vio.commands.doctor as d; from vio.cli import main\n"
        "d.run = lambda args: os.kill(os.getpid(), signal.SIGHUP) or 0\n"
        "sys.argv = ['vio', 'doctor']; sys.exit(main())"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    assert (result.returncode, result.stderr) == (2, "vio doctor: the terminal has gone\n")
    ignored = subprocess.run(
        command, cwd=ROOT, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    assert ignored.returncode == 0  # as under nohup


# A full disk --------------------------------------------------------------------------------------


def test_a_line_that_does_not_fit_is_taken_back_whole(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from vio.runs.files import LineFile\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "file = LineFile(Path(sys.argv[1]), '# header')\n"
        "for i in range(30): file.write(f'line {i:03d}\\n')"
    )
    path = tmp_path / "lines"
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    assert "lines cannot be written: File too large; make room" in result.stderr
    lines = path.read_text()
    assert lines.endswith("\n")
    assert lines.splitlines()[1:] == [f"line {i:03d}" for i in range(10)]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_disk_that_fills_in_mid_run_leaves_whole_lines_and_metrics(
    run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = os.write, [8000]

    def write_some(descriptor: int, data: bytes) -> int:
        if room[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = write(descriptor, data[: room[0]])
        room[0] -= done
        return done

    monkeypatch.setattr("vio.runs.files.os.write", write_some)
    code, _, err = run()
    out = tmp_path / "out"
    assert code == 2
    assert len(err) == 1
    assert "cannot be written: No space left on device; make room" in err[0]
    frames = metrics(out)["frames"]
    assert 3 < frames < 12
    for name in ("states.csv", "timing.csv", "trajectory_tum.txt"):
        assert (out / name).read_text().endswith("\n")
    assert len(read_trajectory(out / "trajectory_tum.txt")) in (frames, frames - 1)


def test_room_for_the_metrics_is_kept_while_a_run_lasts(tmp_path: Path) -> None:
    with RunFolder(tmp_path, Config()) as folder:
        assert (tmp_path / ".reserve").stat().st_size > 100_000
        folder.release_reserve()
        assert not (tmp_path / ".reserve").exists()
    with RunFolder(tmp_path, Config()):
        pass
    assert not (tmp_path / ".reserve").exists()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    replace_file(path, "old\n")
    (tmp_path / "metrics.json.part").mkdir()
    with pytest.raises(VioError, match=r"metrics\.json cannot be written"):
        replace_file(path, "new\n")
    assert path.read_text() == "old\n"


def test_an_earlier_runs_last_files_do_not_outlive_the_next_start(tmp_path: Path) -> None:
    with RunFolder(tmp_path, Config()) as folder:
        folder.write_landmarks(np.zeros((1, 3)))
        folder.write_metrics({})
    with RunFolder(tmp_path, Config()):
        assert not (tmp_path / "landmarks.ply").exists()
        assert not (tmp_path / "metrics.json").exists()


def test_lines_are_what_they_were(tmp_path: Path) -> None:
    file = LineFile(tmp_path / "x", "# head")
    file.write("a\nb\n")
    file.close()
    assert (tmp_path / "x").read_bytes() == b"# head\na\nb\n"


# What was lost ------------------------------------------------------------------------------------


def spoil(recording: Path, camera: int, index: int, data: bytes | None) -> None:
    """Replace an image by other bytes, or remove it."""
    path = recording / f"cam{camera}" / "data" / f"{START_NS + index * FRAME_STEP_NS}.png"
    path.unlink()
    if data is not None:
        path.write_bytes(data)


def test_lost_images_are_counted_by_camera_and_reason_and_printed(
    run: Callable, recording: Path, tmp_path: Path
) -> None:
    whole = (recording / "cam0" / "data" / f"{START_NS}.png").read_bytes()
    spoil(recording, 0, 3, whole[:200])
    spoil(recording, 0, 4, whole[:300])
    spoil(recording, 0, 5, b"no image at all")
    spoil(recording, 1, 6, None)
    spoil(recording, 1, 3, whole[:200])  # with the left one: the frame is skipped
    code, out, err = run()
    assert code == 0
    assert metrics(tmp_path / "out")["frames"] == 11
    assert metrics(tmp_path / "out")["lost_images"] == {
        "left": {"damaged": 2, "no known format": 1},
        "right": {"damaged": 1, "missing": 1},
    }
    assert out[0] == (
        "images that could not be used: 3 left (2 damaged, 1 no known format); "
        "2 right (1 damaged, 1 missing)"
    )
    assert sum(line.startswith("note: frame") for line in err) == 4


def test_without_a_lost_image_nothing_is_said_of_them(run: Callable, tmp_path: Path) -> None:
    _, out, err = run()
    assert metrics(tmp_path / "out")["lost_images"] == {"left": {}, "right": {}}
    assert not [line for line in out + err if "image" in line and "could not" in line]


def test_notes_of_a_run_are_bounded_and_the_rest_is_counted(run: Callable, recording: Path) -> None:
    for i in range(1, MAX_NOTES + 2):
        spoil(recording, 0, i, b"no image at all")
    _, out, err = run()
    assert len(err) == MAX_NOTES + 1
    assert err[-1] == "note: and 1 more like these"
    assert out[0].startswith(f"images that could not be used: {MAX_NOTES + 1} left")


# Why it does not start ----------------------------------------------------------------------------


def test_why_there_is_no_pose_is_the_last_line_and_in_the_metrics(
    run: Callable, tmp_path: Path
) -> None:
    code, out, _ = run(status=Status.INITIALIZING)
    assert code == 3
    assert out[-1] == "tiny: 12 frames, no pose: the odometry never started: no frame yet"
    assert metrics(tmp_path / "out")["no_pose_because"] == "no frame yet"


def test_a_run_with_poses_ends_with_its_folder(run: Callable, tmp_path: Path) -> None:
    _, out, _ = run()
    assert out[-1] == str(tmp_path / "out")
    assert metrics(tmp_path / "out")["no_pose_because"] == ""


def test_the_progress_line_takes_a_note_and_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from vio.commands.console import progress

    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("TERM", "xterm")
    with progress("flight [/red]", 10) as show:
        show(1, "only 3 stereo landmarks [bold]")
    assert "flight [/red]: only 3 stereo landmarks [bold]" in terminal.getvalue()


# Terminals and pipes ------------------------------------------------------------------------------


def shell(text: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a line of bash in which $vio is the command."""
    return subprocess.run(
        ["bash", "-c", text.replace("$vio", f'"{sys.executable}" -m vio')],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_error(closed: str, tmp_path: Path) -> None:
    out = tmp_path / "memory.json"
    result = shell(f"$vio hw memory --json {out} {closed}")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(out.read_text())  # nothing printed landed in a file of results


def test_a_full_device_as_output_is_one_line() -> None:
    result = shell("$vio hw memory > /dev/full")
    assert result.returncode == 2
    assert result.stderr == "vio hw memory: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("command", ["hw memory", "--help", "run --help"])
def test_a_reader_that_goes_away_ends_a_command_quietly(command: str) -> None:
    result = shell(f"$vio {command} | true; echo ${{PIPESTATUS[0]}}")
    assert result.stdout.strip() in ("141", "0")  # 0: it was done before the reader went
    assert result.stderr == ""


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["encoding", "locale"],
)
def test_a_terminal_of_ascii_gets_ascii(environment: dict[str, str], tmp_path: Path) -> None:
    table = shell("$vio hw memory", **environment)
    assert (table.returncode, table.stderr) == (0, "")
    assert table.stdout.isascii()
    missing = shell("$vio run 'nowhere/Höhe'", **environment)
    assert missing.returncode == 2
    assert "nowhere/H\\x" in missing.stderr or "nowhere/H\\udc" in missing.stderr
    assert missing.stderr.count("\n") == 1


# Options ------------------------------------------------------------------------------------------

TIMES = ("nan", "inf", "-1", "0", "1e300", "soon")
BAD_OPTIONS = [
    *(("run", "x", "--until", t) for t in TIMES),
    *(("suite", "x", "--until", t) for t in TIMES),
    *(("demo", "--seconds", t) for t in TIMES),
    *(("render", "hover", "--seconds", t) for t in TIMES),
    *(("eval", "x", "y", "--max-diff", t) for t in TIMES),
    *(("eval", "x", "y", "--from", t) for t in ("nan", "inf", "1e300", "soon")),
    *(("eval", "x", "y", "--rpe", t) for t in ("infm", "nans", "-1f", "0m", "0.5f", "1e300s", "")),
    *(("hw", "signals", "x", "--until", t) for t in TIMES),
    *(("hw", "memory", "x", "--until", t) for t in TIMES),
    *(("hw", "schedule", "x", "--until", t) for t in TIMES),
    *(("render", "hover", "--threads", t) for t in ("-1", "0", "1e3", "99999", "9" * 5000)),
    *(("render", "hover", "--seed", t) for t in ("-1", "x", "99999999999")),
    *(("demo", "--seed", t) for t in ("-1", "1.5")),
    ("suite", "x", "--jobs", "-1"),
    ("suite", "--scenario", "hover", "--seeds", "1-999999999"),
    ("suite", "--scenario", "hover", "--seeds", "²"),
    ("bench", "--repeats", "-3"),
    ("hw", "equivalence", "x", "--frames", "0"),
    ("hw", "hls", "imu", "--prove", "-1"),
    ("hw", "hls", "imu", "--clock-mhz", "nan"),
    ("hw", "vectors", "klt", "--count", "0"),
    ("hw", "vectors", "klt", "--frame", "-1"),
    ("run",),
    ("run", "x", "--colour"),
]


@pytest.mark.parametrize("words", BAD_OPTIONS, ids=lambda words: " ".join(words)[:60])
def test_an_option_out_of_bounds_is_one_line(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(list(words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(("vio ", "vio:"))
    assert err.count("\n") == 1
    assert len(err) < 400
    assert not list(tmp_path.iterdir())
