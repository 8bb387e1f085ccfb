# SPDX-License-Identifier: Apache-2.0
"""The documentation builds without a warning, and the built site loads nothing from the network."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOADING = {"script", "link", "img", "iframe", "source", "object", "embed", "audio", "video"}


def build(config: Path, site: Path) -> subprocess.CompletedProcess:
    """Build the site as `make docs` does."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(
        [*command, "--config-file", str(config), "--site-dir", str(site)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site once."""
    folder = tmp_path_factory.mktemp("site")
    result = build(ROOT / "mkdocs.yml", folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


class Loads(HTMLParser):
    """Collects what a page loads by itself: not its links, which wait for a reader."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in LOADING:
            values = [v for k, v in attrs if k in ("src", "href", "srcset", "data", "poster") and v]
            self.found += values


def from_the_network(text: str, suffix: str) -> list[str]:
    """Return the addresses that a page or a style sheet loads from another host."""
    if suffix == ".css":
        found = re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s;]+)""", text)
    else:
        loads = Loads()
        loads.feed(text)
        found = loads.found
    return [address for address in found if re.match(r"(https?:)?//", address)]


@pytest.mark.slow
def test_the_built_site_loads_nothing_from_the_network(site: Path) -> None:
    pages = [p for p in site.rglob("*") if p.suffix in (".html", ".css", ".svg")]
    assert len(pages) > 12
    loaded = {str(p): from_the_network(p.read_text(), p.suffix) for p in pages}
    assert {page: found for page, found in loaded.items() if found} == {}


def test_a_font_a_script_and_a_picture_from_the_network_are_found() -> None:
    page = (
        '<link href="https://fonts.example/x.css"><script src="//cdn.example/m.js">'
        '</script><img src="images/a.png"><a href="https://example.org">a link</a>'
    )
    assert len(from_the_network(page, ".html")) == 2
    style = '@import "https://fonts.example/y"; a { background: url(data:image/png;base64,) }'
    assert from_the_network(style, ".css") == ["https://fonts.example/y"]


@pytest.mark.slow
def test_every_formula_of_the_site_is_mathml(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        for formula in re.findall(r'class="arithmatex">(.*?)</(?:span|div)>', text, re.DOTALL):
            assert formula.startswith("<math"), f"{page.name}: {formula[:80]}"
            for raw in ("\\", "<mi>&amp;</mi>", "<mo>&amp;</mo>"):
                assert raw not in formula, f"{page.name}: not understood: {formula[:300]}"


@pytest.mark.slow
@pytest.mark.parametrize("link", ["missing.md", "index.md#no-such-heading", "../no_such_file.py"])
def test_a_broken_link_stops_the_build(tmp_path: Path, link: str) -> None:
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs/index.md"
    config = tmp_path / "mkdocs.yml"
    text = (ROOT / "mkdocs.yml").read_text().split("\nnav:")[0]
    config.write_text(text.replace("tools/docs_site.py", str(ROOT / "tools/docs_site.py")))
    page.write_text("# Page\n\nA [link](index.md#page).\n")
    assert build(config, tmp_path / "site").returncode == 0
    page.write_text(f"# Page\n\nA [link]({link}).\n")
    result = build(config, tmp_path / "site")
    assert result.returncode != 0
    assert link.split("#")[0] in result.stdout + result.stderr
