# SPDX-License-Identifier: Apache-2.0
"""What vio does with its environment: no home directory, a bad number of threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vio import cli
from vio.commands.doctor import check_cache as doctor_check_cache
from vio.environment import check_cache
from vio.errors import VioError

ROOT = Path(__file__).parents[1]
NOWHERE = "/proc/none"  # cannot be made, not even by root


def python(code: str, **environment: str | None) -> subprocess.CompletedProcess:
    """Run code in a fresh interpreter; None removes a variable of the environment."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    variables = {k: v for k, v in variables.items() if v is not None}
    return subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True
    )


def test_vio_imports_without_a_home_directory_and_warns_once(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys, vio; print(os.environ['NUMBA_CACHE_DIR']); "
        "sys.exit(subprocess.run([sys.executable, '-c', 'import vio']).returncode)"
    )
    environment = {"HOME": NOWHERE, "XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None}
    result = python(code, **environment, TMPDIR=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).is_relative_to(tmp_path)
    assert result.stderr.count("compiled code is kept in") == 1  # the child inherits the folder


def test_a_run_does_without_scipys_linear_algebra_until_it_is_asked_for() -> None:
    code = (
        "import sys, vio, numpy; from vio.environment import load_numba\n"
        "load_numba(); load_numba()\n"
        "from vio.geometry import mul33; mul33(numpy.eye(3), numpy.eye(3))\n"
        "print('scipy.linalg' in sys.modules)\n"
        "import scipy.linalg; print(scipy.linalg.det(numpy.eye(2)))"
    )
    assert python(code).stdout.split() == ["False", "1.0"]


@pytest.mark.parametrize("value", ["0", "-1", "two", "", "1e3", " 2", "99999999999"])
def test_a_number_of_threads_that_is_none_is_refused_in_one_line(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    assert cli.main(["doctor"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        f"vio doctor: NUMBA_NUM_THREADS={value!r} in the environment is not a number of threads; "
        "unset it, or set it to 1 or more"
    ]


def test_a_cache_folder_that_cannot_be_written_is_reported_by_doctor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", NOWHERE)
    check = doctor_check_cache()
    assert check.level == "note"
    assert f"cannot be written to {NOWHERE}" in check.found
    assert "set NUMBA_CACHE_DIR" in check.advice


def test_a_temporary_cache_folder_is_reported_by_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    assert doctor_check_cache().level == "note"
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "other"))
    assert doctor_check_cache() == ("ok", "compiled code", f"kept in {tmp_path / 'cache'}", "")


def test_kernels_that_cannot_be_imported_are_a_problem_for_doctor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("cannot cache function 'f': no locator available")

    monkeypatch.setattr("importlib.import_module", fail)
    assert doctor_check_cache().level == "bad"


def test_commands_say_in_one_line_that_nothing_is_writable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(VioError, match=r"no folder is writable.*set NUMBA_CACHE_DIR or TMPDIR"):
        check_cache(ROOT)
    monkeypatch.setenv("NUMBA_CACHE_DIR", NOWHERE)
    check_cache(ROOT)
