# SPDX-License-Identifier: Apache-2.0
"""Every command and every name of the README is one that exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from vio import cli
from vio.commands import hw

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
STARTS = ("vio ", "make ", "python ", "bash ")


def readme_commands() -> list[str]:
    """Return the commands of the README: of indented blocks, and of code within lines."""
    outside = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    found = [line[4:].split("#")[0].strip() for line in outside.splitlines() if line[:4] == "    "]
    found += re.findall(r"`([^`\n]+)`", outside)
    return sorted({text for text in found if text.startswith(STARTS)})


def words(command: str) -> list[str]:
    """Return a command's words, with the README's stand-ins replaced."""
    return shlex.split(command.replace("$VIO_DATA", "datasets").replace("COMMAND", "run"))


def test_the_readme_names_every_sub_command_of_daily_use() -> None:
    named = {words(c)[1] for c in readme_commands() if c.startswith("vio ")}
    assert {"run", "eval", "render", "suite", "bench", "doctor"} <= named


@pytest.mark.parametrize("command", [c for c in readme_commands() if c.startswith("vio ")])
def test_a_vio_command_of_the_readme_parses(command: str) -> None:
    arguments = words(command)[1:]
    if "--help" in arguments or "--version" in arguments:
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert stop.value.code == 0
    elif len(arguments) == 1:  # a mention of the command
        assert arguments[0] in cli.COMMANDS
    elif arguments[0] == "hw" and len(arguments) == 2:
        assert arguments[1] in hw.COMMANDS
    else:
        assert cli.build_parser().parse_args(arguments).command == arguments[0]


def test_a_command_that_does_not_exist_does_not_parse() -> None:
    for wrong in ("vio run RECORDING --no-such-option", "vio fly"):
        with pytest.raises(SystemExit) as stop:
            cli.build_parser().parse_args(words(wrong)[1:])
        assert stop.value.code == 2


@pytest.mark.parametrize("command", [c for c in readme_commands() if c.startswith("make ")])
def test_a_make_target_of_the_readme_exists(command: str) -> None:
    result = subprocess.run(
        ["make", "--dry-run", *words(command)[1:]], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", [c for c in readme_commands() if c.startswith("python ")])
def test_an_example_of_the_readme_takes_its_arguments(command: str) -> None:
    script, *rest = words(command)[1:]
    assert (ROOT / script).is_file()
    result = subprocess.run(
        [sys.executable, script, *rest, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    for option in (word for word in rest if word.startswith("--")):
        assert option in result.stdout


@pytest.mark.parametrize("command", [c for c in readme_commands() if c.startswith("bash ")])
def test_a_script_of_the_readme_is_valid_bash(command: str) -> None:
    subprocess.run(["bash", "-n", words(command)[1]], cwd=ROOT, check=True)


def test_every_link_and_folder_of_the_readme_exists() -> None:
    links = [x for x in re.findall(r"\]\(([^)]+)\)", README) if not x.startswith("http")]
    layout = README.split("## Layout")[1].split("## ")[0]
    named = re.findall(r"^\s+(vio/\S+|docs)\s", layout, re.MULTILINE)
    named += re.findall(r";\s+(vio/\S+)", layout)
    assert len(links) >= 2
    assert len(named) >= 8
    assert [name for name in links + named if not (ROOT / name).exists()] == []


def test_every_preset_and_setting_of_the_readme_loads() -> None:
    from vio.config import load_config

    settings = re.findall(r"--set (\S+?=[^`\s]+)", README)
    assert settings
    load_config("euroc", settings)


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
