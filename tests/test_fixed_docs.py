# SPDX-License-Identifier: Apache-2.0
"""docs/golden/fixed_point.md: its table of formats is that of the code, and its names exist."""

import importlib
import pkgutil
import re
from pathlib import Path

import vio.fixed
from vio.config import HwConfig
from vio.fixed.formats import formats
from vio.fixed.qformat import QFormat

PAGE = Path(__file__).parents[1] / "docs" / "golden" / "fixed_point.md"


def rows(forms: dict[str, QFormat]) -> list[str]:
    """Return the lines of the table."""
    return [f"| `{n}` | {f} | {f.bits} | {f.range_text()} |" for n, f in forms.items()]


def test_the_table_of_formats_is_that_of_the_code() -> None:
    text = PAGE.read_text()
    table = text.split("<!-- formats -->\n")[1].split("<!-- end of formats -->")[0]
    listed = [line for line in table.splitlines() if line.startswith("| `")]
    assert listed == rows(formats(HwConfig()))
    assert listed != rows(formats(HwConfig(ray_frac=15)))


def test_the_modules_and_functions_that_the_page_names_exist() -> None:
    text = PAGE.read_text()
    modules = {
        m.name: importlib.import_module(f"vio.fixed.{m.name}")
        for m in pkgutil.iter_modules(vio.fixed.__path__)
    }
    named = re.findall(r"`([a-z_0-9]+)\.([a-z_0-9]+)`", text)
    assert len(named) > 8
    for module, name in named:
        assert hasattr(modules[module], name), f"{module}.{name}"
    signals = {name.upper() for name in formats(HwConfig())}
    assert set(re.findall(r"`([A-Z][A-Z_0-9]+)`", text)) - {"NAME"} <= signals
