# SPDX-License-Identifier: Apache-2.0
"""Read back what a report's page holds."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np

from vio.report.html import plots


class Parsed(HTMLParser):
    """Hold a page's elements, addresses, the texts of its scripts and the rows of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._cell = self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = tag == "script"
        if self._script:
            self.scripts.append("")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._script = False
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts[-1] += data
            return
        self.text += data
        if self._cell:
            self.rows[-1][-1] += data

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.scripts[0])

    def row(self, name: str) -> list[str]:
        (found,) = [row[1:] for row in self.rows if row[0] == name]
        return found


def trace(figure: dict[str, Any], name: str, k: int = 0) -> dict[str, Any]:
    return [t for t in figure["data"] if t["name"] == name][k]


def y(figure: dict[str, Any], name: str, k: int = 0) -> np.ndarray:
    return plots.unpacked(trace(figure, name, k)["y"])


HOSTILE = "</script><img src=x onerror=alert(1)>&amp;\u2028"


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from strings(part)
