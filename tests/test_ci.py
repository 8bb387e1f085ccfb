# SPDX-License-Identifier: Apache-2.0
"""The scripts around the package: the check of skips, the Makefile's look at Python, .venv."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

PROBE = """
import pytest

def test_runs():
    pass

@pytest.mark.parametrize("x", [1, 2])
def test_skips(x):
    if x == 2:
        pytest.skip("no such tool: apt-get install it")
"""


def check_skips(folder: Path, allowed: str) -> subprocess.CompletedProcess:
    """Run a test file with one skip, then the check with an allow-list."""
    (folder / "test_probe.py").write_text(PROBE)
    (folder / "allowed.txt").write_text(allowed)
    junit = folder / "junit.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--junitxml={junit}",
    ]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    script = ROOT / ".ci/check_skips.py"
    return subprocess.run(
        [sys.executable, str(script), str(junit), str(folder / "allowed.txt")],
        capture_output=True,
        text=True,
    )


def test_an_unexpected_skip_fails_and_is_named_with_its_reason(tmp_path: Path) -> None:
    result = check_skips(tmp_path, "# nothing is expected\n")
    assert result.returncode == 1
    assert result.stdout == (
        "unexpected skip: test_probe::test_skips[2]: no such tool: apt-get install it\n"
    )


def test_an_expected_skip_passes(tmp_path: Path) -> None:
    result = check_skips(tmp_path, "test_probe::test_skips[2]\n")
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("kind", ["core", "dev", "hw"])
def test_the_environment_is_installed_with_the_constraints(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = runpy.run_path(str(ROOT / "tools/venv.py"))
    calls = []

    def record(command: list, **options: Any) -> subprocess.CompletedProcess:
        calls.append(([str(word) for word in command], options))
        return subprocess.CompletedProcess(command, 0, stdout="")

    settings = script["main"].__globals__
    monkeypatch.setitem(settings, "VENV", tmp_path)
    monkeypatch.setitem(settings, "ROOT", tmp_path)
    for name in settings["INPUTS"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.setattr(subprocess, "run", record)
    script["main"](kind)
    command, options = calls[-1]
    assert command[-4:] == ["-c", "constraints.txt", "-e", settings["REQUIREMENT"][kind]]
    assert options["env"]["PIP_CONSTRAINT"] == "constraints.txt"  # of the isolated build too
    assert options["cwd"] == tmp_path
    count = len(calls)
    script["main"](kind)
    assert len(calls) == count, "nothing changed, so nothing is installed again"


def make(*arguments: str) -> subprocess.CompletedProcess:
    command = ["make", "--no-print-directory", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_missing_python_is_said_in_one_line() -> None:
    result = make("check-python", "PYTHON=/no/such/python")
    assert result.returncode != 0
    assert result.stdout.splitlines() == [
        "/no/such/python not found; name a Python >= 3.11: make PYTHON=/path/to/python3"
    ]


def test_an_old_python_is_said_in_one_line(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 8, 1); $2"\n'
    )
    old.chmod(0o755)
    result = make("check-python", f"PYTHON={old}")
    assert result.returncode != 0
    assert result.stderr.splitlines()[0] == (
        f"Kestrel needs Python >= 3.11, but {old} is 3.8; name another: make PYTHON=python3.12"
    )


def named_targets(page: str) -> set[str]:
    """Return the targets that a page's code names: `make test` gives test."""
    return set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", (ROOT / page).read_text(), re.M))


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "README.md", "SECURITY.md"])
def test_every_target_that_a_page_names_is_in_the_makefile(page: str) -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), re.M)
    assert named_targets(page)
    assert named_targets(page) <= set(phony.split())


@pytest.mark.parametrize(
    "target", ["demo", "test", "test-bounds", "bench", "docs", "lint", "format", "clean"]
)
def test_every_target_of_the_makefile_is_there(target: str) -> None:
    assert make("--dry-run", target).returncode == 0
