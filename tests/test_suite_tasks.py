# SPDX-License-Identifier: Apache-2.0
"""A suite on the workers of a scheduler: the same files as here, refused workers, hostile names."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.exploring import needs_explore, scheduler
from vio.cli import main
from vio.errors import VioError
from vio.exits import EXIT_BAD_INPUT
from vio.runs.suite import Job
from vio.runs.suite_tasks import SuiteTask, problem_here, source_of, write_files

ROOT = Path(__file__).parents[1]


@needs_explore
@pytest.mark.slow
def test_a_suite_on_a_scheduler_writes_what_one_here_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    worker = tmp_path / "worker"
    worker.mkdir()
    words = ["suite", "--scenario", "hover", "--until", "1.2", "--no-report", "--jobs", "1"]
    assert main([*words, "--out", str(tmp_path / "here")]) in (0, 3)
    with scheduler(worker) as address:
        far = [*words[:-2], "--scheduler", address, "--out", str(tmp_path / "far")]
        assert main(far) in (0, 3)
    here, there = (tmp_path / name / "hover-seed1" for name in ("here", "far"))
    names = {p.relative_to(here).as_posix() for p in here.rglob("*") if p.is_file()}
    assert "trajectory_tum.txt" in names
    assert names == {p.relative_to(there).as_posix() for p in there.rglob("*") if p.is_file()}
    for name in ("trajectory_tum.txt", "states.csv", "landmarks.ply", "config.toml"):
        assert (here / name).read_bytes() == (there / name).read_bytes()
    rows = [json.loads((tmp_path / n / "suite.json").read_text())["rows"] for n in ("here", "far")]
    (a,), (b,) = rows
    assert a["error"] is b["error"] is None
    assert a["metrics"]["accuracy"] == b["metrics"]["accuracy"]
    assert list(worker.rglob("trajectory*")) == []  # the worker keeps nothing


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", ""])
def test_a_file_of_a_worker_stays_in_the_run_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(VioError, match="it is not written"):
        write_files(tmp_path / "run", {name: b"x"})
    assert list(tmp_path.rglob("out")) == []
    write_files(tmp_path / "run", {"features/1.jpg": b"x"})
    assert (tmp_path / "run" / "features" / "1.jpg").read_bytes() == b"x"


def test_a_worker_with_other_code_or_without_the_data_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "data.csv").write_text("1\n")
    from vio.identity import code_version, data_identity, library_versions

    clip = str(tmp_path / "clip")
    job = Job("clip", 1, None, ("--hybrid", clip, "--seed", "1"))
    assert source_of(job) == clip
    assert source_of(Job("clip", None, Path(clip))) == clip
    assert source_of(Job("hover", 1, None, ("hover", "--seed", "1"))) is None
    good = SuiteTask(job, (), clip, data_identity(clip), code_version(True), library_versions())
    assert problem_here([good]) == ""
    assert "other Kestrel" in problem_here([replace(good, code="other")])
    assert "other libraries" in problem_here([good, replace(good, libraries="other")])
    assert "other data" in problem_here([replace(good, data="other")])
    (tmp_path / "clip" / "data.csv").write_text("22\n")
    assert "other data" in problem_here([good])
    assert "cannot be read" in problem_here([replace(good, source=str(tmp_path / "gone"))])


def test_plain_tcp_beyond_this_machine_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["suite", "--scenario", "hover", "--out", str(tmp_path / "out")]
    assert main([*words, "--scheduler", "tcp://192.0.2.7:8786"]) == EXIT_BAD_INPUT
    assert "plain tcp beyond this machine" in capsys.readouterr().err
    assert main([*words, "--insecure"]) == EXIT_BAD_INPUT
    assert "name one" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
