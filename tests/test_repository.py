# SPDX-License-Identifier: Apache-2.0
"""Every file of the repository: not ignored, licensed, small, without paths of one machine."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = re.compile(
    r"\.(py|v|vh|x|cpp|h|toml|sh|yaml|yml|vlt|sby|css|js)$|(^|/)(Makefile|\.ci/run)$"
)
SPDX = "SPDX-License-Identifier: Apache-2.0"
# Folders of one machine: absolute paths below them mean nothing elsewhere.
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(root|tmp|work|home|mnt|opt)/\w")


def tracked() -> list[str]:
    """Return the tracked files that are there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def ignored(names: Iterable[str], folder: Path = ROOT) -> list[str]:
    """Return the names that git ignores in a folder's repository, tracked or not."""
    command = ["git", "check-ignore", "--no-index", "--stdin", "-z"]
    result = subprocess.run(
        command, cwd=folder, input="\0".join(names), capture_output=True, text=True
    )
    assert result.returncode in (0, 1), result.stderr  # 1: none
    return [name for name in result.stdout.split("\0") if name]


def packaged() -> list[str]:
    """Return the files of the package folder, tracked or not."""
    files = (p for p in (ROOT / "vio").rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return [p.relative_to(ROOT).as_posix() for p in files]


def test_no_file_that_is_tracked_or_packaged_is_ignored() -> None:
    names = {*tracked(), *packaged()}
    assert {"datasets/manifest.toml", "vio/runs/folder.py"} <= names
    assert ignored(names) == []


@pytest.mark.parametrize(
    ("pattern", "hit"),
    [("runs/", "vio/runs/folder.py"), ("datasets/", "datasets/manifest.toml")],
)
def test_a_pattern_that_is_not_anchored_is_noticed(pattern: str, hit: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    rules = (ROOT / ".gitignore").read_text()
    (tmp_path / ".gitignore").write_text(rules)
    assert ignored([hit], tmp_path) == []
    (tmp_path / ".gitignore").write_text(f"{rules}{pattern}\n")
    assert ignored([hit], tmp_path) == [hit]


def test_recordings_and_results_are_ignored() -> None:
    names = ["datasets/euroc/MH_01_easy/mav0/imu0/data.csv", "datasets/a.zip", "runs/x", "site/a"]
    assert ignored(names) == names


def unlicensed(names: Iterable[str], folder: Path = ROOT) -> list[str]:
    """Return the source files without the SPDX line in their first three lines.

    sim/vectors/ is data: its calibration files are a rendered recording's, as readers meet them.
    """
    sources = [n for n in names if SOURCE.search(n) and not n.startswith("sim/vectors/")]
    heads = {name: (folder / name).read_text().splitlines()[:3] for name in sources}
    return [name for name, head in heads.items() if head and not any(SPDX in x for x in head)]


def test_every_source_file_states_its_licence() -> None:
    assert unlicensed(tracked()) == []


def test_a_source_file_without_a_licence_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "block.v").write_text("// Generated.\nmodule block;\nendmodule\n")
    (tmp_path / "block.vh").write_text(f"// Generated.\n// {SPDX}\n")
    assert unlicensed(["block.v", "block.vh"], tmp_path) == ["block.v"]


def test_every_python_file_says_its_purpose_in_line_two() -> None:
    bad = []  # a file of the licence line alone only marks a package
    for name in tracked():
        lines = (ROOT / name).read_text().splitlines() if name.endswith(".py") else []
        if lines[1:] and not (SPDX in lines[0] and lines[1].startswith('"""')):
            bad.append(name)
    assert bad == []


def test_no_tracked_file_is_large_or_an_image_of_a_recording() -> None:
    names = tracked()
    assert [n for n in names if (ROOT / n).stat().st_size > 1_000_000] == []
    assert [n for n in names if re.search(r"(^|/)14\d{17}\.(png|jpg)$", n)] == []


def machine_paths(names: Iterable[str], folder: Path = ROOT) -> list[str]:
    """Return "name:line: text" of each absolute path of one machine in text files."""
    found = []
    for name in names:
        data = (folder / name).read_bytes()
        if b"\0" in data:
            continue
        for number, line in enumerate(data.decode("utf-8").splitlines(), 1):
            if MACHINE_PATH.search(line):
                found.append(f"{name}:{number}: {line.strip()[:80]}")
    return found


def test_no_path_of_one_machine_is_in_a_tracked_file() -> None:
    assert machine_paths(tracked()) == []


def test_a_path_of_one_machine_is_noticed(tmp_path: Path) -> None:
    for folder in ("home", "tmp"):
        (tmp_path / "a.md").write_text(f"See docs/{folder}/x.\nSee /{folder}/x.\n")
        assert machine_paths(["a.md"], tmp_path) == [f"a.md:2: See /{folder}/x."]


LINE_LIMIT = 400
LONG_FILES = 4  # at most, each with its reason in its head
REASON = re.compile(r"^// Length: +\w", re.M)


def long_files(names: Iterable[str], folder: Path = ROOT) -> dict[str, str]:
    """Return {name: its first 40 lines} of hand-written sources above the limit."""
    found = {}
    for name in names:
        if name.startswith(("tests/", "sim/")) or not SOURCE.search(name):
            continue
        lines = (folder / name).read_text().splitlines()
        if len(lines) > LINE_LIMIT and "generated" not in lines[0].lower():
            found[name] = "\n".join(lines[:40])
    return found


def test_hand_written_files_are_short_or_say_why_not() -> None:
    found = long_files(tracked())
    assert [name for name, head in found.items() if not REASON.search(head)] == []
    assert len(found) <= LONG_FILES, sorted(found)


def test_a_long_file_without_a_reason_is_noticed(tmp_path: Path) -> None:
    body = "\n".join(["// x"] * LINE_LIMIT)
    (tmp_path / "a.v").write_text(f"// {SPDX}\n{body}\n")
    (tmp_path / "b.v").write_text(f"// Generated by vio registers.\n{body}\n")
    reason = "Length:     its states share a counter."
    (tmp_path / "c.v").write_text(f"// {SPDX}\n// {reason}\n{body}\n")
    found = long_files(["a.v", "b.v", "c.v"], tmp_path)
    assert list(found) == ["a.v", "c.v"]
    assert [name for name, head in found.items() if not REASON.search(head)] == ["a.v"]
