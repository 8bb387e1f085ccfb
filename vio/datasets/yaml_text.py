# SPDX-License-Identifier: Apache-2.0
"""Read the YAML of calibrations: plain lists, tables and texts, nothing that can grow or run."""

import re
from typing import Any

import numpy as np
import yaml

from vio.errors import VioError
from vio.limits import MAX_SETTINGS_BYTES, quoted, reason, shown

MAX_NESTING = 50  # brackets within brackets; PyYAML's time grows with the square of it


class _PlainLoader(yaml.BaseLoader):
    """Leave every scalar a text, build no object of any tag, and refuse anchors and aliases.

    A few hundred bytes of nested aliases stand for more entries than any memory holds.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):  # type: ignore[no-untyped-call]
            raise yaml.YAMLError("aliases (*name) are not read; write the values out")
        if getattr(self.peek_event(), "anchor", None) is not None:  # type: ignore[no-untyped-call]
            raise yaml.YAMLError("anchors (&name) are not read; write the values out")
        return super().compose_node(parent, index)  # type: ignore[no-untyped-call]


def parse_entries(text: str, where: str) -> dict[str, Any]:
    """Return the entries of a YAML file, all values as text or nested lists and tables of text.

    OpenCV's `%YAML:1.0` line and matrix tags are accepted. Raises VioError when the text is not
    YAML, is larger than a calibration can be, or uses anchors or aliases.
    """
    if len(text) > MAX_SETTINGS_BYTES:
        raise VioError(f"{where} is larger than {MAX_SETTINGS_BYTES} bytes: it is no calibration")
    # PyYAML rejects both of OpenCV's departures from YAML, which many published files have.
    text = re.sub(r"(?m)^%.*$|!!opencv-matrix", "", text.lstrip("\ufeff"))
    _check_nesting(text, where)
    try:
        entries = yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise VioError(f"{where} is not valid YAML: {reason(error)}") from None
    if not isinstance(entries, dict):
        raise VioError(f"{where} holds no calibration entries; expected lines like 'rate_hz: 200'")
    return entries


def _check_nesting(text: str, where: str) -> None:
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_NESTING:
            raise VioError(f"{where} is not valid YAML: it is nested too deeply")


def numbers(entries: dict[str, Any], key: str, count: int, where: str) -> list[float]:
    """Return an entry of `count` finite numbers (a single number may stand without brackets).

    Raises VioError naming the entry, and when it is missing one that is there.
    """
    if key not in entries:
        there = f" ({quoted(next(iter(entries)))} is there)" if entries else ""
        raise VioError(f"{where} has no {key!r}{there}; add it ({count} number{'s' * (count > 1)})")
    value = entries[key] if isinstance(entries[key], list) else [entries[key]]
    try:
        out = [float(x) for x in value]
    except (TypeError, ValueError):
        raise VioError(f"{where}: {key} is {quoted(entries[key])}, expected numbers") from None
    if len(out) != count or not np.isfinite(out).all():
        raise VioError(f"{where}: {key} has {len(out)} values {shown(out)}, expected {count}")
    return out


def number_within(
    entries: dict[str, Any], key: str, least: float, most: float, where: str
) -> float:
    """Return one number; raises VioError when it is missing or outside of [least, most]."""
    return within(numbers(entries, key, 1, where)[0], key, least, most, where)


def within(value: float, key: str, least: float, most: float, where: str) -> float:
    """Return the value; raises VioError when it is not positive or outside of [least, most]."""
    if value <= 0.0:
        raise VioError(f"{where}: {key} is {value:g}, it must be positive")
    if not least <= value <= most:
        raise VioError(f"{where}: {key} is {value:g}, expected {least:g} to {most:g}")
    return value


def matrix(node: Any, key: str, where: str) -> np.ndarray:
    """Return a 4x4 transform given as 16 numbers, as four rows, or as OpenCV's `data`.

    Raises VioError when it is not 16 numbers.
    """
    rows = node.get("data") if isinstance(node, dict) else node
    if isinstance(rows, list) and any(isinstance(row, list) for row in rows):
        lengths = [len(row) if isinstance(row, list) else 1 for row in rows]
        if lengths != [4, 4, 4, 4]:
            raise VioError(
                f"{where}: {key} has rows of {shown(lengths)} numbers, expected 4 rows of 4"
            )
        rows = [x for row in rows for x in row]
    return np.array(numbers({key: rows}, key, 16, where)).reshape(4, 4)
