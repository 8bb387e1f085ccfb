# SPDX-License-Identifier: Apache-2.0
"""One line of an examination: what was looked at, what was found, what to do."""

from typing import NamedTuple

OK, BAD, OPEN = "ok", "bad", "open"  # open: the recording does not determine it


class Finding(NamedTuple):
    """Hold a finding. level: ok, bad or open. kind: a fixed name of the fault that is looked for.

    figures: the numbers behind the text, by name; NaN where the recording does not give one.
    """

    level: str
    kind: str
    what: str
    found: str
    advice: str = ""
    figures: dict[str, float] = {}  # noqa: RUF012  # never changed


def good(kind: str, what: str, found: str, **figures: float) -> Finding:
    """Return a finding without complaint."""
    return Finding(OK, kind, what, found, "", figures)


def bad(kind: str, what: str, found: str, advice: str, **figures: float) -> Finding:
    """Return a complaint and what to do about it."""
    return Finding(BAD, kind, what, found, advice, figures)


def undetermined(
    kind: str, what: str, why: str, advice: str = "", figures: dict[str, float] | None = None
) -> Finding:
    """Return that the recording does not determine something, and why."""
    return Finding(OPEN, kind, what, f"undetermined: {why}", advice, figures or {})
