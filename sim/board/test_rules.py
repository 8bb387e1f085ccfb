# SPDX-License-Identifier: Apache-2.0
"""What a board has around the chip follows the rules of rtl/ and is clean under Verilator."""

from pathlib import Path

import pytest

from sim.runner import lint
from sim.test_rules import broken_rules, needs_verilator
from vio.hw.verilog_sources import board_folders, board_modules, folders

MODULES = list(board_modules().values())
CELLS = ("ulx3s", "ulx3s_clocks")  # have cells of the device, which only the flow knows


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_follows_the_rules(path: Path) -> None:
    assert broken_rules(path.read_text(), path.stem) == []


@needs_verilator
@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.stem not in CELLS], ids=lambda path: path.stem
)
def test_a_module_is_clean(path: Path) -> None:
    assert lint(path, folders=[*folders(), *board_folders()]) == ""


@needs_verilator
@pytest.mark.parametrize("parameter", ["DIVIDE=4", "GAP=3"])
def test_a_uart_of_an_impossible_rate_stops_the_tools(parameter: str) -> None:
    (path,) = (path for path in MODULES if path.stem == "uart_link")
    assert "uart_link_DIVIDE_is_8_to_1023_and_GAP_20_or_more" in lint(
        path, parameter, folders=[*folders(), *board_folders()]
    )
