# SPDX-License-Identifier: Apache-2.0
"""Take figures out of records that may be damaged, and write them for a reader."""

import math
from typing import Any

MISSING = "–"


def dig(record: Any, *keys: str) -> Any:
    """Return a value deep in dictionaries, or None where the way ends."""
    for key in keys:
        if not isinstance(record, dict):
            return None
        record = record.get(key)
    return record


def real(value: Any) -> float | None:
    """Return a finite number, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def shown(value: Any, digits: int, unit: str = "", factor: float = 1.0) -> str:
    """Return a number with its unit; a dash for what is none."""
    number = real(value)
    if number is None:
        return MISSING
    return f"{factor * number:.{digits}f} {unit}".rstrip()


def words(values: Any) -> list[str]:
    """Return the strings of a list; none where there is no list."""
    return [str(v) for v in values] if isinstance(values, list) else []
