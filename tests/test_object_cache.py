# SPDX-License-Identifier: Apache-2.0
"""Objects of Verilator's library are compiled once, and again when anything of it has changed."""

import sys
from pathlib import Path

import pytest

from sim import object_cache

COMPILER = """#!{python}
import pathlib, sys
log = pathlib.Path({log!r})
log.write_text(log.read_text() + sys.argv[-1] + "\\n")
text = pathlib.Path(sys.argv[-1]).read_text()
if "wrong" in text:
    sys.exit(3)
pathlib.Path(sys.argv[sys.argv.index("-o") + 1]).write_text("object of " + text)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "verilated.h").write_text("1")
    (tmp_path / "include" / "verilated.cpp").write_text("library")
    (tmp_path / "top.cpp").write_text("top")
    (tmp_path / "log").write_text("")
    compiler = tmp_path / "c++"
    compiler.write_text(COMPILER.format(python=sys.executable, log=str(tmp_path / "log")))
    compiler.chmod(0o755)
    monkeypatch.setenv("VERILATOR_ROOT", str(tmp_path))
    return tmp_path


def run(place: Path, source: str, out: str, *flags: str) -> int:
    command = [str(place / "c++"), *flags, "-c", "-o", str(place / out), str(place / source)]
    return object_cache.main([str(place / "kept"), *command])


def calls(place: Path) -> int:
    return len((place / "log").read_text().splitlines())


def test_the_library_is_compiled_once_for_one_output_and_command(place: Path) -> None:
    source = "include/verilated.cpp"
    assert run(place, source, "a.o", "-Os") == 0
    (place / "a.o").unlink()
    assert run(place, source, "a.o", "-Os") == 0
    assert calls(place) == 1
    assert (place / "a.o").read_text() == "object of library"
    run(place, source, "a.o", "-O3")
    assert calls(place) == 2


@pytest.mark.parametrize("changed", ["include/verilated.cpp", "include/verilated.h", "c++"])
def test_a_change_of_library_or_compiler_is_seen(place: Path, changed: str) -> None:
    run(place, "include/verilated.cpp", "a.o")
    (place / changed).write_text((place / changed).read_text() + "\n")
    run(place, "include/verilated.cpp", "a.o")
    assert calls(place) == 2


def test_what_is_not_of_the_library_is_always_compiled(place: Path) -> None:
    assert [run(place, "top.cpp", "top.o") for _ in range(2)] == [0, 0]
    assert calls(place) == 2
    assert not (place / "kept").exists()


def test_a_failure_is_passed_on_and_not_kept(place: Path) -> None:
    (place / "include" / "verilated.cpp").write_text("wrong")
    assert [run(place, "include/verilated.cpp", "a.o") for _ in range(2)] == [3, 3]
    assert calls(place) == 2
