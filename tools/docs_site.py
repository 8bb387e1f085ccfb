# SPDX-License-Identifier: Apache-2.0
"""Hooks of the documentation site (mkdocs.yml): formulas to MathML, links out of docs/ to paths.

The site loads nothing from the network. Formulas are therefore translated to MathML, which browsers
draw themselves, and a link to a file outside of docs/ becomes that file's path in the repository.
"""

import html
import logging
import re
from pathlib import Path

from latex2mathml.converter import convert

ROOT = Path(__file__).resolve().parents[1]
LOG = logging.getLogger("mkdocs.hooks.docs_site")

FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>',
    re.DOTALL,
)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def formula(match: re.Match) -> str:
    """Return a formula of the page as MathML."""
    tag, latex = match[1], html.unescape(match[2]).strip()
    display = "block" if tag == "div" else "inline"
    return f'<{tag} class="arithmatex">{convert(latex, display=display)}</{tag}>'


def path_of(match: re.Match, page: Path, docs: Path) -> str:
    """Return a link unchanged, or the path of a file outside of docs/ as code."""
    text, target = match[1], match[2]
    if re.match(r"[a-z]+:", target):
        return match[0]
    file = (page.parent / target).resolve()
    if file.is_relative_to(docs):
        return match[0]
    if not file.exists() or not file.is_relative_to(ROOT):
        LOG.warning("%s: link to %s, which is not in the repository", page.name, target)
        return match[0]
    path = str(file.relative_to(ROOT))
    return f"`{path}`" if text.strip("`") == path else f"{text} (`{path}`)"


def on_page_markdown(markdown: str, *, page, config, **_) -> str:
    """Replace the links of a page that lead out of docs/."""
    source, docs = Path(page.file.abs_src_path).resolve(), Path(config.docs_dir).resolve()
    return LINK.sub(lambda match: path_of(match, source, docs), markdown)


def on_page_content(content: str, **_) -> str:
    """Translate the formulas of a page."""
    return FORMULA.sub(formula, content)
