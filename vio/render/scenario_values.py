# SPDX-License-Identifier: Apache-2.0
"""What the settings of a scenario file may be, and the check of one that was read."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vio.errors import VioError
from vio.limits import quoted


@dataclass(frozen=True)
class _Kind:
    """Say in words what a setting is, and decide whether a value is that."""

    words: str
    accepts: Callable[[Any], bool]


def _is_number(value: Any, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most and math.isfinite(value)


def _number(least: float, most: float) -> _Kind:
    words = f"a number from {least:g} to {most:g}"
    return _Kind(words, lambda value: _is_number(value, least, most))


def _are_numbers(value: Any, counts: tuple[int, ...], least: float, most: float) -> bool:
    return (
        isinstance(value, list)
        and len(value) in counts
        and all(_is_number(x, least, most) for x in value)
    )


def _numbers(count: int, least: float, most: float) -> _Kind:
    words = f"{count} numbers from {least:g} to {most:g}"
    return _Kind(words, lambda value: _are_numbers(value, (count,), least, most))


def _rows(counts: tuple[int, ...], least: int, limit: float, words: str) -> _Kind:
    def accepts(value: Any) -> bool:
        return (
            isinstance(value, list)
            and least <= len(value) <= _MOST_ROWS
            and all(_are_numbers(row, counts, -limit, limit) for row in value)
        )

    return _Kind(words, accepts)


CAMERA_RATES_HZ = (0.5, 500.0)
IMU_RATES_HZ = (1.0, 10_000.0)
_MOST_ROWS = 10_000
_BAND = _Kind(
    "2 numbers above 0, the smaller first, at most 1000",
    lambda value: _are_numbers(value, (2,), 1e-3, 1e3) and value[0] <= value[1],
)
_KINDS = {
    "place": _Kind("a text", lambda value: isinstance(value, str)),
    "duration_s": _number(0.05, 3600.0),
    "rate_hz": _number(*CAMERA_RATES_HZ),
    "imu_rate_hz": _number(*IMU_RATES_HZ),
    "waypoints": _rows((7,), 1, 1e5, "rows of 7 numbers: s, x, y, z, yaw, pitch, roll"),
    "sway_m": _numbers(3, 0.0, 100.0),
    "sway_hz": _BAND,
    "shake_deg": _numbers(3, 0.0, 180.0),
    "shake_hz": _BAND,
    "rest_s": _rows((2,), 0, 1e5, "rows of 2 numbers: from and to, in seconds"),
    "movers": _Kind(
        "a whole number from 0 to 100", lambda value: type(value) is int and 0 <= value <= 100
    ),
    "dark_s": _rows((2, 3), 0, 1e5, "rows of from and to in seconds, and the light left over"),
    "light": _number(1e-3, 100.0),
}


def check_values(values: dict[str, Any], where: str) -> None:
    """Raise VioError naming a key that no scenario has, or a value of a wrong kind."""
    for key, value in values.items():
        if key not in _KINDS:
            raise VioError(f"{where}: unknown key {quoted(key)}; known: {', '.join(_KINDS)}")
        if not _KINDS[key].accepts(value):
            raise VioError(f"{where}: {key} must be {_KINDS[key].words}, got {quoted(value)}")
