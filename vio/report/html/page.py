# SPDX-License-Identifier: Apache-2.0
"""Put a page together: style, script, plotly, data, sections. It loads nothing from anywhere."""

import json
from html import escape
from importlib import metadata
from importlib.resources import files
from typing import Any

from vio import __version__
from vio.errors import VioError
from vio.report.html.plots import Figure

MAX_BYTES = 8_000_000
# No address is ever asked for: only images may come from elsewhere, and those are files beside.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob: file: 'self'; font-src data:; base-uri 'none'; form-action 'none'"
)


class Page:
    """Collect the sections of a page and the data of its figures."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.figures: dict[str, Figure] = {}
        self.features: dict[str, Any] = {}
        self._sections: list[tuple[str, str, str]] = []

    def plot(self, name: str, figure: Figure | None, controls: str = "") -> str:
        """Return the place of a figure, empty for None; names are unique on a page."""
        if figure is None:
            return ""
        assert name not in self.figures
        self.figures[name] = figure
        height = figure["layout"]["height"]
        return f'{controls}<div class=plot id="{name}" style="height:{height}px"></div>'

    def add(self, name: str, title: str, *parts: str) -> None:
        """Add a section of HTML; nothing when all its parts are empty."""
        if any(parts):
            self._sections.append((name, title, "\n".join(part for part in parts if part)))

    def html(self) -> str:
        """Return the page; raises VioError when plotly is not installed."""
        script, licence = plotly()
        links = "".join(f'<a href="#{n}">{escape(t)}</a>' for n, t, _ in self._sections)
        sections = "\n".join(
            f'<section id="{name}"><h2>{escape(title)}</h2>\n{body}\n</section>'
            for name, title, body in self._sections
        )
        data = safe_json({"figures": self.figures, "features": self.features})
        here = files("vio.report.html")
        return f"""<!DOCTYPE html>
<html lang=en><head><meta charset=utf-8>
<meta http-equiv=Content-Security-Policy content="{POLICY}">
<meta name=viewport content="width=device-width, initial-scale=1">
<title>{escape(self.title)}</title>
<style>
{(here / "page.css").read_text(encoding="utf-8")}</style></head>
<body><header><h1>{escape(self.title)}</h1><nav>{links}</nav></header>
<main>
{sections}
</main>
<footer><p>Written by Kestrel {__version__}. It needs no network: plotly.js is in this file.</p>
<details><summary>Licence of plotly.js</summary><pre>{escape(licence)}</pre></details></footer>
<script type="application/json" id=data>{data}</script>
<script>{script}</script>
<script>
{(here / "page.js").read_text(encoding="utf-8")}</script>
</body></html>
"""


def safe_json(record: Any) -> str:
    """Return JSON for a script element: no character of it can end the element or a line of it."""
    text = json.dumps(record, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def plotly() -> tuple[str, str]:
    """Return plotly's script and its licence; raises VioError when it is not installed."""
    try:
        package = metadata.distribution("plotly")
        script = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    except (metadata.PackageNotFoundError, ModuleNotFoundError, OSError):
        raise VioError("a report needs plotly: pip install 'kestrel-vio[report]'") from None
    licence = package.read_text("licenses/LICENSE.txt") or package.read_text("LICENSE.txt") or ""
    if "</script" in script.lower():
        raise VioError("this plotly's script cannot be written into a page; install another plotly")
    return script, licence


def has_plotly() -> bool:
    """Return whether a report can be written."""
    try:
        metadata.distribution("plotly")
    except metadata.PackageNotFoundError:
        return False
    return True
