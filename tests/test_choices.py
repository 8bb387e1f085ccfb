# SPDX-License-Identifier: Apache-2.0
"""Settings with a few values: what is accepted, refused, and named in its place."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from vio.commands.outcome import config_from_arguments
from vio.commands.run import add_arguments
from vio.config import Config, choices, dump_config, load_config
from vio.errors import VioError

SETTINGS = {
    "frontend.engine": ("float", "fixed", "rtl", "opencv", "replay"),
    "backend.imu": ("float", "float32", "rtl"),
    "backend.arithmetic": ("float", "float32", "xls", "xls-rtl", "rtl"),
    "backend.precision": ("float64", "float32"),
    "backend.solver": ("cholesky", "qr"),
}
OPTIONS = {
    "--engine": "frontend.engine",
    "--imu": "backend.imu",
    "--backend": "backend.arithmetic",
}
RENAMED = [
    ("backend.imu", "numpy", "float32"),
    ("backend.imu", "hls", "rtl"),
    ("backend.arithmetic", "numpy", "float32"),
    ("backend.arithmetic", "hls", "xls"),
    ("backend.arithmetic", "hls-rtl", "xls-rtl"),
]


def value_of(config: Config, setting: str) -> str:
    """Return the value of a setting "section.key"."""
    section, key = setting.split(".")
    value: str = getattr(getattr(config, section), key)
    return value


def from_command_line(*arguments: str) -> Config:
    """Return the configuration of `vio run RECORDING` with these arguments."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return config_from_arguments(parser.parse_args(["recording", *arguments]))


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_has_its_choices_and_the_first_is_the_default(setting: str) -> None:
    assert choices(*setting.split(".")) == SETTINGS[setting]
    assert value_of(Config(), setting) == SETTINGS[setting][0]
    for value in SETTINGS[setting]:
        assert value_of(load_config("euroc", [f"{setting}={value}"]), setting) == value


@pytest.mark.parametrize("setting", SETTINGS)
def test_another_value_is_refused_with_the_choices(setting: str) -> None:
    with pytest.raises(VioError, match=f"{setting} = 'warp9'.*{', '.join(SETTINGS[setting])}"):
        load_config("euroc", [f"{setting}=warp9"])


def test_a_value_is_checked_where_it_is_replaced_too() -> None:
    with pytest.raises(VioError, match=r"frontend\.engine = 'warp9'"):
        replace(Config().frontend, engine="warp9")


@pytest.mark.parametrize(("option", "setting"), OPTIONS.items())
def test_an_option_sets_its_setting(option: str, setting: str) -> None:
    assert value_of(from_command_line(), setting) == SETTINGS[setting][0]
    for value in SETTINGS[setting]:
        assert value_of(from_command_line(option, value), setting) == value


@pytest.mark.parametrize(("setting", "old", "new"), RENAMED)
def test_an_old_value_is_refused_with_the_new_one_wherever_it_stands(
    setting: str, old: str, new: str, tmp_path: Path
) -> None:
    section, key = setting.split(".")
    (option,) = (o for o, s in OPTIONS.items() if s == setting)
    file = tmp_path / "config.toml"  # as an earlier run wrote it
    valid = dump_config(load_config("euroc", [f"{setting}={new}"]))
    file.write_text(valid.replace(f'\n{key} = "{new}"', f'\n{key} = "{old}"'))
    assert file.read_text() != valid
    message = f"^{section}\\.{key} = '{old}' is not a choice; it is now called {new}$"
    with pytest.raises(VioError, match=message):
        from_command_line(option, old)
    with pytest.raises(VioError, match=message):
        from_command_line("--set", f"{setting}={old}")
    with pytest.raises(VioError, match=message):
        load_config(str(file))
