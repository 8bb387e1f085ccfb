# SPDX-License-Identifier: Apache-2.0
"""Every command and every name of the README and of the documentation is one that exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documented import ROOT, commands, missing_paths, pages, words
from tests.run_folders import has
from vio import cli
from vio.commands import hw
from vio.exits import EXIT_BAD_INPUT, EXIT_NEGATIVE

README = (ROOT / "README.md").read_text()
SECONDS = 2.5  # of a rendered flight: enough for a pose


def named(start: str, texts: list[str] | None = None) -> list[str]:
    """Return the commands of all pages that begin so."""
    texts = texts or [(ROOT / page).read_text() for page in pages()]
    return sorted({c for text in texts for c in commands(text) if c.startswith(start)})


def parses(command: str) -> bool:
    """Return whether the command line understands a command, or a mention of one."""
    arguments = words(command)[1:]
    if len(arguments) == 1 and not arguments[0].startswith("-"):
        return arguments[0] in cli.COMMANDS
    if arguments[0] == "hw" and len(arguments) == 2 and not arguments[1].startswith("-"):
        return arguments[1] in hw.COMMANDS
    try:
        return cli.build_parser().parse_args(arguments).command == arguments[0]
    except SystemExit as stop:
        return stop.code == 0  # --help, --version


def test_the_readme_is_short_and_names_every_sub_command_of_daily_use() -> None:
    assert len(README.splitlines()) <= 150
    found = {words(c)[1] for c in named("vio ", [README])}
    assert {"run", "eval", "render", "suite", "bench", "doctor", "hw"} <= found


@pytest.mark.parametrize("command", named("vio "))
def test_a_vio_command_of_the_documentation_parses(command: str) -> None:
    assert parses(command)


@pytest.mark.parametrize("wrong", ["vio run RECORDING --no-such-option", "vio fly", "vio hw fly"])
def test_a_command_that_does_not_exist_does_not_parse(wrong: str) -> None:
    assert not parses(wrong)


@pytest.mark.slow
def test_the_commands_of_the_readme_run_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    section = README.split("## Run it on your own data")[1].split("```python")[0]
    lines = [line.split("#")[0] for line in section.splitlines() if line.startswith("    vio ")]
    names = ["run", "eval", "export", "convert", "report", "render", "doctor", "doctor"]
    assert [words(line)[1] for line in lines] == names
    run, evaluate, export, convert, report, render, doctor, examine = (
        words(line)[1:] for line in lines
    )
    cut = ["--seconds", str(SECONDS), "--out", "RECORDING"]
    assert cli.main([*render, *cut]) == 0
    assert cli.main(run) == 0
    assert (tmp_path / "runs/latest/trajectory_tum.txt").is_file()
    assert cli.main(evaluate) == 0
    assert "ATE" in capsys.readouterr().out
    assert cli.main(export) == 0
    assert cli.main(convert) == 0
    assert cli.main(report) == (0 if has("plotly") else EXIT_BAD_INPUT)
    assert cli.main(doctor) in (0, EXIT_NEGATIVE)  # what this machine lacks is its affair
    assert cli.main(examine) == 0
    (fixed,) = (words(c)[1:] for c in named("vio ", [README]) if "--engine fixed" in c)
    assert cli.main([*fixed, "--no-figures"]) == 0


@pytest.mark.parametrize("command", named("make "))
def test_a_make_target_of_the_documentation_exists(command: str) -> None:
    result = subprocess.run(
        ["make", "--dry-run", *words(command)[1:]], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", named("python ", [README]))
def test_a_script_of_the_readme_takes_its_arguments(command: str) -> None:
    script, *rest = words(command)[1:]
    result = subprocess.run(
        [sys.executable, script, *rest, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    for option in (word for word in rest if word.startswith("--")):
        assert option in result.stdout


@pytest.mark.parametrize("command", named("python "))
def test_a_script_of_the_documentation_exists(command: str) -> None:
    script = words(command)[1]
    assert script == "-m" or (ROOT / script).is_file()


@pytest.mark.parametrize("command", named("bash "))
def test_a_script_of_the_documentation_is_valid_bash(command: str) -> None:
    subprocess.run(["bash", "-n", words(command)[1]], cwd=ROOT, check=True)


@pytest.mark.parametrize("page", pages())
def test_every_path_that_a_page_names_exists(page: str) -> None:
    assert missing_paths((ROOT / page).read_text()) == []


def test_a_path_that_does_not_exist_is_found() -> None:
    assert missing_paths("See `vio/no_such_file.py` and `vio/cli.py`.") == ["vio/no_such_file.py"]
    assert missing_paths("All of `rtl/no_such_wing/*.v`.") == ["rtl/no_such_wing/*.v"]


def test_every_link_of_the_readme_exists() -> None:
    links = [x for x in re.findall(r"\]\(([^)]+)\)", README) if not x.startswith("http")]
    assert len(links) > 20
    assert [name for name in links if not (ROOT / name).exists()] == []


def test_every_preset_and_setting_of_the_documentation_loads() -> None:
    from vio.config import load_config

    text = "\n".join((ROOT / page).read_text() for page in pages())
    settings = re.findall(r"--set (\S+?=[^`\s]+)", text)
    assert settings
    for setting in settings:
        load_config("euroc", [setting])


def test_the_python_of_the_readme_runs(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vio.datasets import open_dataset

    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.splitlines()) <= 10
    dataset = open_dataset(recording)
    frame = next(iter(dataset.frames()))
    imu = dataset.imu
    index = int((imu.t_ns <= frame.t_ns).sum())
    names = {
        "frame": frame,
        "t_ns": int(imu.t_ns[index]),
        "gyro_rad_s": imu.gyro_rad_s[index],
        "accel_m_s2": imu.accel_m_s2[index],
    }
    exec(code.replace('"RECORDING"', repr(str(recording))), names)
    assert names["state"].t_ns == frame.t_ns


def test_no_path_of_one_machine_is_in_the_readme() -> None:
    assert not re.search(r"(?<![\w.])/(work|home|root|tmp)/", README)
