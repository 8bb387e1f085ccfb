# SPDX-License-Identifier: Apache-2.0
"""docs/golden/fixed_point.md: its table of formats is that of the code, and its names exist."""

import importlib
import pkgutil
import re
from pathlib import Path

import vio.fixed
import vio.frontend
from vio.config import HwConfig
from vio.fixed.formats import formats
from vio.fixed.qformat import QFormat

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "golden" / "fixed_point.md"


def rows(forms: dict[str, QFormat]) -> list[str]:
    """Return the lines of the table."""
    return [f"| `{n}` | {f} | {f.bits} | {f.range_text()} |" for n, f in forms.items()]


def test_the_table_of_formats_is_that_of_the_code() -> None:
    text = PAGE.read_text()
    table = text.split("<!-- formats -->\n")[1].split("<!-- end of formats -->")[0]
    listed = [line for line in table.splitlines() if line.startswith("| `")]
    assert listed == rows(formats(HwConfig()))
    assert listed != rows(formats(HwConfig(ray_frac=15)))


def steps(text: str) -> list[list[str]]:
    """Return the cells of each row of the table of steps."""
    table = text.split("<!-- steps -->\n")[1].split("<!-- end of steps -->")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def missing(rows: list[list[str]]) -> list[str]:
    """Return what the table of steps names that does not exist."""
    names: dict[int, set[str]] = {3: {path.name for path in (ROOT / "rtl").rglob("*.v")}}
    for column, package in ((1, vio.frontend), (2, vio.fixed)):
        found = [
            vars(importlib.import_module(f"{package.__name__}.{m.name}"))
            for m in pkgutil.iter_modules(package.__path__)
        ]
        names[column] = {name for module in found for name in module}
    return [
        name
        for row in rows
        for column, known in names.items()
        for name in re.findall(r"`([^`]+)`", row[column])
        if name not in known
    ]


def test_the_steps_that_the_page_names_exist_in_all_engines() -> None:
    rows = steps(PAGE.read_text())
    assert len(rows) > 15
    assert all("`" in cell for row in rows for cell in row[1:4])
    assert missing(rows) == []
    broken = [["x", "`cut_window`", "`compare`", "`klt_verdict.v`", ""]]
    assert set(missing(broken)) == {"cut_window", "compare", "klt_verdict.v"}


def test_the_modules_and_functions_that_the_page_names_exist() -> None:
    text = PAGE.read_text()
    modules = {
        m.name: importlib.import_module(f"vio.fixed.{m.name}")
        for m in pkgutil.iter_modules(vio.fixed.__path__)
    }
    named = re.findall(r"`([a-z_0-9]+)\.(?!v`)([a-z_0-9]+)`", text)
    assert len(named) > 8
    for module, name in named:
        assert hasattr(modules[module], name), f"{module}.{name}"
    signals = {name.upper() for name in formats(HwConfig())}
    assert set(re.findall(r"`([A-Z][A-Z_0-9]+)`", text)) - {"NAME"} <= signals
