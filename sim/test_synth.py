# SPDX-License-Identifier: Apache-2.0
"""vio hw synth on real blocks: the tools run, the figures are the Verilog's, nothing runs twice."""

import json
from pathlib import Path

import pytest

from sim.needs import needs_synthesis
from vio import cli
from vio.config import load_config
from vio.hw.estimates.memory import inventory
from vio.hw.synth import flow
from vio.hw.synth.blocks import SynthBlock, block_of
from vio.hw.synth.results import load
from vio.hw.verilog_sources import modules

pytestmark = [
    pytest.mark.slow,
    needs_synthesis,
]


def test_a_skid_buffer_takes_its_registers_and_is_fast(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    command = ["hw", "synth", "--block", "skid", "--out", str(path)]
    assert cli.main(command) == 0
    first = path.read_bytes()
    (entry,) = load(path)
    assert entry["ff"] == 2 * 8 + 2  # two words of 8 bits and their valid bits
    assert (entry["dp16kd"], entry["mult18"], entry["memory_bits"]) == (0, 0, 0)
    assert 0 < entry["lut4"] <= 40
    assert entry["fmax_mhz"]["1"] > 200
    assert cli.main(command) == 0  # from what is kept in build/synth
    assert path.read_bytes() == first


def test_a_deep_queue_is_block_ram_and_a_shallow_one_is_not() -> None:
    areas = {}
    for depth in (16, 1024):
        block = SynthBlock("fifo", parameters={"DEPTH": depth, "WIDTH": 18})
        areas[depth] = flow.synthesise(flow.prepare(block, "ecp5_85k")[1])
    assert {depth: area.memory_bits for depth, area in areas.items()} == {16: 288, 1024: 18432}
    assert areas[16].dp16kd == 0
    assert areas[1024].dp16kd == 1


def _built(module: str, memory: str) -> tuple[int, int]:
    """Return the DP16KD and LUT RAMs that yosys builds a memory of a module of."""
    folder = flow.prepare(SynthBlock(module), "ecp5_85k")[1]
    flow.synthesise(folder)
    cells = json.loads((folder / "netlist.json").read_text())["modules"][module]["cells"]
    types = [cell["type"] for name, cell in cells.items() if f".{memory}." in f".{name}."]
    return types.count("DP16KD"), types.count("TRELLIS_DPR16X4")


@pytest.mark.parametrize(
    ("line", "module", "memory"),
    [
        ("sampler region", "klt_sampler", "block_mem"),
        ("regions", "klt_region", "row_mem"),
        ("RANSAC set", "ransac_set", "set_mem"),
        ("corner lines", "corner_scores", "rows_mem"),
    ],
)
def test_memories_of_the_budget_are_built_as_it_counts_them(
    line: str, module: str, memory: str
) -> None:
    """`vio hw memory` beside the Verilog itself, not beside shapes that were typed twice."""
    planned = next(m for m in inventory(load_config("ecp5_85k")) if m.name == line)
    assert _built(module, memory) == (planned.block_rams, planned.lut_rams)


def test_the_chip_of_another_window_is_elaborated() -> None:
    """Its modules never stand alone: their own defaults, of a window of 15, need not fit."""
    changes = ["frontend.window=13", "hw.max_window=13", "frontend.levels=1", "hw.max_levels=1"]
    _, folder = flow.prepare(block_of(flow.CHIP, list(modules())), "ecp5_85k", changes)
    elaborate = (folder / "synth.ys").read_text().split("tee")[0]
    (folder / "elaborate.ys").write_text(elaborate)
    flow.run_tool(flow.yosys("elaborate.ys"), folder, "elaborate.log", "yosys")
    assert "klt_sampler" in (folder / "elaborate.log").read_text()
