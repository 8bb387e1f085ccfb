# SPDX-License-Identifier: Apache-2.0
"""The Verilog as a parser sees it: the house's rules, the hierarchy, the tables of its README."""

import importlib.util
import shutil
from pathlib import Path

import pytest
import yaml

from vio import cli
from vio.errors import VioError
from vio.exits import EXIT_NEGATIVE
from vio.hw.synth.cores import NAME
from vio.hw.synth.netlist import Module, children, head_of, hierarchy, links, read_modules
from vio.hw.verilog_sources import ROOT, RTL, needed, source

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("pyverilog"),
    reason="pyverilog; install it with: pip install 'kestrel-vio[hw]'",
)


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return read_modules(RTL)


def test_no_module_breaks_a_rule_that_a_parser_sees(modules: dict[str, Module]) -> None:
    assert {m.name: m.wrong for m in modules.values() if m.wrong} == {}


def test_every_module_is_used_or_is_a_top(modules: dict[str, Module]) -> None:
    used = {i.module for m in modules.values() for i in m.instances}
    # The chip, its edge, and the back end's engine.
    assert set(modules) - used == {"frontend", "camera_pair", "engine_chip"}


def test_the_hierarchy_is_what_the_simulator_is_given(modules: dict[str, Module]) -> None:
    for top in ("frontend", "klt", "ransac"):
        assert {name for _, name, _ in hierarchy(modules, top)} == set(needed(top))
    assert children(modules, "frontend") == {"registers": 1, "image_path": 1, "track_path": 1}
    assert children(modules, "track_path")["rectify"] == 2


def test_links_follow_the_nets(modules: dict[str, Module]) -> None:
    nets = links(modules, "image_path")
    assert "level1_data" in nets["halve0", "encode1"]
    assert ("encode0", "halve0") not in nets


def test_every_module_says_its_purpose_latency_and_ports(modules: dict[str, Module]) -> None:
    for module in modules.values():
        assert module.head["purpose"], module.name
        assert "Latency" in module.head, module.name
        assert module.ports, module.name
    widths = {p.name: p for p in modules["fifo"].ports}
    assert widths["clk"].direction == "input"


BROKEN = {
    "by position": ("frontend", ".clk(clk),\n      .rst(rst),\n", "clk, rst,\n", "plain Verilog"),
    "register": ("skid", "out_q", "out_r", "does not say what it is"),
    "edge": ("skid", "posedge clk", "negedge clk", "negedge"),
    "blocking": ("lfsr", "<=", "=", "assigns with ="),
    "list": ("skid", "endmodule", "wire a = 1'b0, b = 1'b1;\nendmodule", "plain Verilog"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_rule_is_found(fault: str, tmp_path: Path) -> None:
    stem, good, bad, said = BROKEN[fault]
    text = source(stem).read_text()
    assert good in text
    (tmp_path / f"{stem}.v").write_text(text.replace(good, bad))
    for header in RTL.glob("*.vh"):
        shutil.copy(header, tmp_path)
    try:
        wrong = read_modules(tmp_path)[stem].wrong
    except VioError as error:
        wrong = [str(error)]
    assert any(said in line for line in wrong), wrong


def test_a_head_is_read_by_its_paragraphs() -> None:
    head = head_of(
        "// SPDX\n// Does this.\n//\n// Latency:    2 cycles,\n//             or 3.\n// Other.\n"
    )
    assert head == {"purpose": "Does this.", "Latency": "2 cycles, or 3."}


def test_the_tables_of_the_readme_are_current() -> None:
    assert cli.main(["hw", "netlist", "--check", "--root", str(ROOT)]) == 0


def test_tables_that_are_not_current_are_found(tmp_path: Path) -> None:
    for folder in ("rtl", "sim", "fpga"):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=shutil.ignore_patterns("vectors", "__pycache__", "build"),
        )
    shutil.copy(ROOT / NAME, tmp_path)
    assert cli.main(["hw", "netlist", "--check", "--root", str(tmp_path)]) == 0
    skid = tmp_path / "rtl" / "common" / "skid.v"
    skid.write_text(
        skid.read_text().replace("// Register", "// Hold", 1).replace("1 cycle", "9 cycles")
    )
    assert cli.main(["hw", "netlist", "--check", "--root", str(tmp_path)]) == EXIT_NEGATIVE


def test_a_core_that_is_not_current_is_found(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("vectors", "__pycache__", "build")
    for folder in ("rtl", "sim", "fpga"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    check = ["hw", "netlist", "--check", "--root", str(tmp_path)]
    assert cli.main(check) == EXIT_NEGATIVE  # it is not there
    text = (ROOT / NAME).read_text()
    (tmp_path / NAME).write_text(text.replace("      - rtl/tracker/klt.v\n", ""))
    assert cli.main(check) == EXIT_NEGATIVE


def test_the_core_lists_what_each_top_needs() -> None:
    core = yaml.safe_load((ROOT / NAME).read_text().removeprefix("CAPI=2:"))
    for target, top in (("default", "frontend"), ("ulx3s", "ulx3s")):
        names = [
            entry if isinstance(entry, str) else next(iter(entry))
            for fileset in core["targets"][target]["filesets"]
            for entry in core["filesets"][fileset]["files"]
        ]
        assert all((ROOT / name).is_file() for name in names)
        assert {Path(name).stem for name in names if name.endswith(".v")} == set(needed(top))
        assert len(set(names)) == len(names)
        assert core["targets"][target]["toplevel"] == top
