# SPDX-License-Identifier: Apache-2.0
"""Kinds of settings: dataclass fields that know which values they may have, and their check."""

import dataclasses
import math
import re
from dataclasses import dataclass, field
from typing import Any

from vio.errors import VioError
from vio.limits import quoted


@dataclass(frozen=True)
class Choice:
    """Allow a few texts; refused: texts that are none, or no longer, each with what to do."""

    known: tuple[str, ...]
    refused: dict[str, str]

    def problem(self, value: Any) -> str:
        """Return what is wrong with a value; empty when nothing is."""
        if type(value) is not str:
            return _wrong_type("a text", value)
        if value in self.known:
            return ""
        advice = self.refused.get(value, f"choose from {', '.join(self.known)}")
        return f"= {quoted(value)} is not a choice; {advice}"


@dataclass(frozen=True)
class Whole:
    """Allow whole numbers from least to greatest; odd ones or powers of two only."""

    least: int
    greatest: int
    odd: bool
    power: bool

    def problem(self, value: Any) -> str:
        """Return what is wrong with a value; empty when nothing is."""
        if type(value) is not int:
            return _wrong_type("a whole number", value)
        good = self.least <= value <= self.greatest
        good = good and (value % 2 == 1 or not self.odd)
        if good and (value & (value - 1) == 0 or not self.power):
            return ""
        kind = "an odd number" if self.odd else "a whole number"
        if self.power:
            kind = "a power of two"
        return (
            f"= {quoted(value)} is out of range; give {kind} from {self.least} to {self.greatest}"
        )


@dataclass(frozen=True)
class Real:
    """Allow finite numbers from least to greatest."""

    least: float
    greatest: float

    def problem(self, value: Any) -> str:
        """Return what is wrong with a value; empty when nothing is."""
        if not isinstance(value, float | int) or isinstance(value, bool):
            return _wrong_type("a number", value)
        if math.isfinite(value) and self.least <= value <= self.greatest:
            return ""
        return (
            f"= {quoted(value)} is out of range; give a number from {self.least:g} to "
            f"{self.greatest:g}"
        )


@dataclass(frozen=True)
class Switch:
    """Allow true and false."""

    def problem(self, value: Any) -> str:
        """Return what is wrong with a value; empty when nothing is."""
        return "" if type(value) is bool else _wrong_type("true or false", value)


@dataclass(frozen=True)
class Word:
    """Allow a name of letters, digits and hyphens; what it names is looked up where it is used."""

    def problem(self, value: Any) -> str:
        """Return what is wrong with a value; empty when nothing is."""
        if type(value) is not str:
            return _wrong_type("a text", value)
        if re.fullmatch(r"[A-Za-z0-9-]{1,40}", value):
            return ""
        return f"= {quoted(value)} is no name; give letters, digits and hyphens"


Kind = Choice | Whole | Real | Switch | Word


def _wrong_type(wanted: str, value: Any) -> str:
    return f"must be {wanted}, got {quoted(value)} ({type(value).__name__})"


def _setting(default: Any, kind: Kind) -> Any:
    return field(default=default, metadata={"kind": kind})


def choice(*known: str, refused: dict[str, str] | None = None) -> str:
    """Return the field of a setting with a few values, the first of which is the default.

    refused: values that are none, or no longer, each with what to do instead.
    """
    value: str = _setting(known[0], Choice(known, refused or {}))
    return value


def whole(default: int, least: int, greatest: int, odd: bool = False, power: bool = False) -> int:
    """Return the field of a whole number from least to greatest."""
    value: int = _setting(default, Whole(least, greatest, odd, power))
    return value


def real(default: float, least: float, greatest: float) -> float:
    """Return the field of a finite number from least to greatest."""
    value: float = _setting(default, Real(least, greatest))
    return value


def switch(default: bool) -> bool:
    """Return the field of a setting that is on or off."""
    value: bool = _setting(default, Switch())
    return value


def word(default: str) -> str:
    """Return the field of a name."""
    value: str = _setting(default, Word())
    return value


def kind_of(setting: "dataclasses.Field[Any]") -> Kind:
    """Return the kind of a section's field."""
    if "kind" not in setting.metadata:
        raise TypeError(f"setting {setting.name} has no range: make it by whole, real or choice")
    kind: Kind = setting.metadata["kind"]
    return kind


class Section:
    """Check each setting of a section, however the section is made."""

    name = ""  # of the section, as in [name]

    def __post_init__(self) -> None:
        """Raise VioError for the first setting whose value is not allowed."""
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            if problem := kind_of(f).problem(getattr(self, f.name)):
                raise VioError(f"{self.name}.{f.name} {problem}")
