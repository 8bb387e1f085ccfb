# SPDX-License-Identifier: Apache-2.0
"""Configuration: frozen dataclasses <- TOML preset <- --set a.b=c; unknown keys are refused."""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vio.errors import VioError


@dataclass(frozen=True)
class FrontEndConfig:
    """Settings of all front ends."""

    engine: str = "float"  # float | opencv
    max_tracks: int = 200  # tracks kept over the whole image
    grid_cols: int = 10  # budget cells across the image
    grid_rows: int = 7  # budget cells down the image
    levels: int = 3  # pyramid levels, full resolution included
    window: int = 15  # Lucas-Kanade window side, pixels, odd
    max_iterations: int = 30  # Lucas-Kanade iterations a level
    seed: int = 1  # RANSAC draws


@dataclass(frozen=True)
class KeyframeConfig:
    """Rules of the keyframe decision."""

    max_age: int = 10  # frames after which a keyframe is due at the latest


@dataclass(frozen=True)
class ImuConfig:
    """Noise of the inertial sensor: the calibration's densities times these factors."""

    noise_scale: float = 1.0
    bias_walk_scale: float = 1.0


@dataclass(frozen=True)
class BackEndConfig:
    """Settings of the sliding window."""

    precision: str = "float64"  # float64 | float32
    solver: str = "cholesky"  # cholesky (normal equations of the reduced system) | qr
    recent_frames: int = 3
    keyframes: int = 7


@dataclass(frozen=True)
class InitConfig:
    """Settings of the initialisation."""

    min_frames: int = 6


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    frontend: FrontEndConfig = field(default_factory=FrontEndConfig)
    keyframe: KeyframeConfig = field(default_factory=KeyframeConfig)
    imu: ImuConfig = field(default_factory=ImuConfig)
    backend: BackEndConfig = field(default_factory=BackEndConfig)
    init: InitConfig = field(default_factory=InitConfig)


PRESETS = Path(__file__).parent / "presets"


def load_config(preset: str = "euroc", overrides: list[str] | None = None) -> Config:
    """Return the configuration of a preset (a name or a path to a TOML file) with overrides.

    overrides: strings "section.key=value". Raises VioError for an unknown preset, key or value.
    """
    path = PRESETS / f"{preset}.toml" if "/" not in preset and "." not in preset else Path(preset)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PRESETS.glob("*.toml")))
        raise VioError(f"no preset {preset!r}; known presets: {known}; or give a path to a .toml")
    try:
        values = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise VioError(f"{path} is not valid TOML: {error}") from error
    for item in overrides or []:
        key, sep, text = item.partition("=")
        section, dot, name = key.strip().partition(".")
        if not sep or not dot:
            raise VioError(f"--set {item!r} is not of the form section.key=value")
        try:
            value = tomllib.loads(f"x = {text}")["x"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        values.setdefault(section, {})[name] = value
    return config_from_dict(values)


def config_from_dict(values: dict[str, Any]) -> Config:
    """Return the configuration of nested dictionaries; raises VioError on unknown keys or types."""
    sections: dict[str, Any] = {f.name: f.type for f in dataclasses.fields(Config)}
    parts = {}
    for section, entries in values.items():
        if section not in sections:
            raise VioError(f"unknown section [{section}]; known: {', '.join(sections)}")
        cls = sections[section]
        if not isinstance(entries, dict):
            raise VioError(f"[{section}] must be a table of settings, got {entries!r}")
        known = {f.name: f for f in dataclasses.fields(cls)}
        for name, value in entries.items():
            if name not in known:
                raise VioError(f"unknown key {section}.{name}; known: {', '.join(known)}")
            wanted = type(known[name].default)
            if wanted is float and type(value) is int:
                entries[name] = float(value)
            elif type(value) is not wanted:
                raise VioError(
                    f"{section}.{name} must be {wanted.__name__}, got {value!r} "
                    f"({type(value).__name__})"
                )
        parts[section] = cls(**entries)
    return Config(**parts)


def dump_config(config: Config) -> str:
    """Return the configuration as TOML text that load_config reads back to an equal Config."""
    lines = ["# SPDX-License-Identifier: Apache-2.0", "# Kestrel configuration, as resolved."]
    for section, entries in dataclasses.asdict(config).items():
        lines += ["", f"[{section}]"]
        for key, value in entries.items():
            text = f'"{value}"' if isinstance(value, str) else str(value).lower()
            lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"
