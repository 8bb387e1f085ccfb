# SPDX-License-Identifier: Apache-2.0
"""vio hw synth: what is asked of the tools, how their answers are read, recorded and added up."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from vio import cli
from vio.config import load_config
from vio.errors import VioError
from vio.exits import EXIT_NEGATIVE
from vio.hw.synth import flow
from vio.hw.synth.blocks import BLOCKS, Limits, SynthBlock, block_of, parameter_values, planned
from vio.hw.synth.results import RESULTS, entry_of, least_fmax, load, store, summed
from vio.hw.verilog_sources import source

CONFIG = load_config("ecp5_85k")
FIGURES = ("lut4", "ff", "dp16kd", "mult18", "memory_bits")


@pytest.fixture(autouse=True)
def _some_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here needs no tool: they come with the extra `hw`."""
    versions = dict.fromkeys(flow.TOOLS, "1.0")
    monkeypatch.setattr("vio.hw.synth.results.versions", lambda: versions)


def stat(**cells: int) -> dict[str, Any]:
    return {"design": {"num_memory_bits": 160, "num_cells_by_type": cells}}


def step(kind: str, delay: float, start: str, end: str, net: str = "") -> dict[str, Any]:
    found = {"type": kind, "delay": delay, "from": {"cell": start}, "to": {"cell": end}}
    return found | ({"net": net} if net else {})


def timing_report(slow: float = 71.234, fast: float = 90.0) -> dict[str, Any]:
    path = [
        step("clk-to-q", 0.5, "a_q_TRELLIS_FF_Q_3", "a_q_TRELLIS_FF_Q_3"),
        step("routing", 1.25, "a_q_TRELLIS_FF_Q_3", "s", "a_q[3]"),
        step("logic", 0.25, "s", "s"),
        step("routing", 1.0, "s", "b_q_TRELLIS_FF_Q", "core.sum_LUT4_Z_1"),
        step("setup", 0.0, "b_q_TRELLIS_FF_Q", "b_q_TRELLIS_FF_Q"),
    ]
    return {
        "fmax": {"clk": {"achieved": slow}, "pixel_clk": {"achieved": fast}},
        "critical_paths": [
            {"from": "posedge clk", "to": "posedge pixel_clk", "path": path[:1]},
            {"from": "posedge pixel_clk", "to": "posedge pixel_clk", "path": path[:1]},
            {"from": "posedge clk", "to": "posedge clk", "path": path},
        ],
        "utilization": {"TRELLIS_COMB": {"used": 37}},
    }


def entry(block: str = "skid", digest: str = "d", **timing: float) -> dict[str, Any]:
    area = flow.Area(10, 20, 1, 2, 320)
    timings = {int(seed[1:]): flow.Timing(mhz, None, 12) for seed, mhz in timing.items()}
    return entry_of(block, digest, "ecp5_85k", "85k", 6, area, timings)


def test_carry_and_distributed_ram_count_as_the_luts_they_occupy() -> None:
    cells = {"LUT4": 100, "CCU2C": 10, "TRELLIS_DPR16X4": 3, "PFUMX": 7, "L6MUX21": 2}
    cells |= {"TRELLIS_FF": 50, "DP16KD": 4, "MULT18X18D": 5}
    area = flow.parse_area(stat(), stat(**cells))
    assert area == flow.Area(100 + 20 + 18, 50, 4, 5, 160)
    assert flow.parse_area(stat(), stat()) == flow.Area(0, 0, 0, 0, 160)


def test_the_slowest_clock_and_its_own_path_are_reported() -> None:
    timing = flow.parse_timing(timing_report())
    assert timing.fmax_mhz == 71.23
    assert timing.comb == 37
    assert timing.critical_path == {
        "from": "a_q",
        "to": "b_q",
        "ns": 3.0,
        "logic_ns": 0.75,
        "routing_ns": 2.25,
        "levels": 1,
        "through": ["a_q", "core.sum"],
    }
    other = flow.parse_timing(timing_report(slow=95.0))
    assert other.fmax_mhz == 90.0
    assert other.critical_path is not None
    assert other.critical_path["ns"] == 0.5


def test_a_block_without_a_clocked_path_has_no_clock_rate() -> None:
    report = timing_report() | {"fmax": {}, "critical_paths": []}
    assert flow.parse_timing(report) == flow.Timing(None, None, 37)


def test_the_script_counts_memories_before_it_maps_them() -> None:
    text = flow.script("top", ["leaf", "top"])
    lines = text.splitlines()
    assert lines[0] == "read_verilog -I. leaf.v top.v"
    assert lines[1] == "hierarchy -check -top top"
    assert lines.index("synth_ecp5 -top top -json netlist.json") > next(
        i for i, line in enumerate(lines) if "declared.json" in line
    )


def test_nextpnr_is_asked_for_the_device_the_clock_and_the_seed() -> None:
    arguments = flow.nextpnr_arguments("85k", 6, 3, "r.json")
    text = " ".join(arguments)
    for part in (
        "--85k --package CABGA756 --speed 6",
        "--freq 62.5",
        "--seed 3",
        "--report r.json",
    ):
        assert part in text
    assert {"--out-of-context", "--timing-allow-fail"} <= set(arguments)
    assert not any(argument.startswith("/") for argument in arguments)  # a private root


def test_parameters_replace_defaults_and_unknown_ones_are_refused() -> None:
    text = "parameter WIDTH = 8, // bits\n parameter DEPTH  = 16, parameter WIDTH2 = WIDTH"
    changed = flow.with_parameters(text, {"WIDTH": 18, "DEPTH": 4})
    assert changed == text.replace("= 8", "= 18").replace("= 16", "= 4")
    for name in ("HEIGHT", "WIDTH2"):
        with pytest.raises(VioError, match=f"no parameter {name}"):
            flow.with_parameters(text, {name: 1})


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_is_a_module_with_these_parameters(name: str) -> None:
    block = BLOCKS[name]
    text = source(block.module).read_text()
    head = re.sub(r"//[^\n]*", "", text).split(");")[0]
    for parameter, value in parameter_values(block, CONFIG).items():
        assert re.search(rf"parameter {parameter}\s*=", head), parameter
        assert value > 0
    assert len(planned(block, CONFIG)) == 2  # each line of the plan that it names is there


def test_the_parameters_follow_the_preset() -> None:
    assert parameter_values(BLOCKS["codec_encoder"], CONFIG) == {"BITS": 27, "MAX_WIDTH": 752}
    assert parameter_values(BLOCKS["codec_encoder_half"], CONFIG) == {"BITS": 18, "MAX_WIDTH": 376}
    tiny = parameter_values(BLOCKS["corners"], load_config("tiny"))
    assert tiny["MAX_WIDTH"] == load_config("tiny").hw.max_width < 752


def test_all_that_the_plan_names_belongs_to_a_block() -> None:
    from vio.hw.estimates.cycles import multipliers
    from vio.hw.estimates.memory import inventory

    blocks = BLOCKS.values()
    memories = [name for block in blocks for name in block.memories]
    assert len(memories) == len(set(memories))
    left = {m.name for m in inventory(CONFIG) if not m.in_luts} - set(memories)
    assert left == set()
    named = [name for block in blocks for name in block.multipliers]
    assert sorted(named) == sorted(m.block for m in multipliers(CONFIG))


def test_any_module_can_be_named_and_an_unknown_one_is_refused() -> None:
    assert block_of("skid", ["skid"]) == SynthBlock("skid")
    assert block_of("pyramid_half", []).module == "pyramid"
    with pytest.raises(VioError, match="no block or module 'skip'"):
        block_of("skip", ["skid"])


def test_the_folder_holds_copies_and_changes_with_the_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "BUILD", tmp_path)
    monkeypatch.setattr(flow, "versions", lambda: {"tool": "1"})
    digest, folder = flow.prepare(BLOCKS["frame_buffer"], "ecp5_85k")
    assert "MAX_WIDTH = 752" in (folder / "vio_params.vh").read_text()
    assert (folder / "frame_bank.v").is_file()
    assert flow.prepare(BLOCKS["frame_buffer"], "ecp5_85k")[0] == digest
    assert flow.prepare(BLOCKS["frame_buffer"], "tiny")[0] != digest
    monkeypatch.setattr(flow, "versions", lambda: {"tool": "2"})
    assert flow.prepare(BLOCKS["frame_buffer"], "ecp5_85k")[0] != digest


def test_an_entry_of_other_verilog_or_of_no_block_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "BUILD", tmp_path)
    monkeypatch.setattr(flow, "versions", lambda: {"tool": "1"})
    digest, _ = flow.prepare(BLOCKS["pyramid"], "ecp5_85k")
    found = {"block": "pyramid", "preset": "ecp5_85k", "tool_versions": {"tool": "1"}}
    assert not flow.is_stale(found | {"sources": digest})
    assert flow.is_stale(found | {"sources": "0"})
    assert flow.is_stale(found | {"sources": digest, "preset": "tiny"})
    assert flow.is_stale(found | {"sources": digest, "tool_versions": {"tool": "2"}})
    assert flow.is_stale(found | {"sources": digest, "block": "no_block"})


def test_a_tool_that_fails_is_reported_with_its_error(tmp_path: Path) -> None:
    import sys

    command = [sys.executable, "-c", "print('fine'); print('ERROR: no cell'); raise SystemExit(1)"]
    with pytest.raises(VioError, match=r"yosys failed: ERROR: no cell; see .*y\.log"):
        flow.run_tool(command, tmp_path, "y.log", "yosys")


def test_entries_are_sorted_and_replaced_in_place(tmp_path: Path) -> None:
    path = tmp_path / "fpga" / "results.json"
    store(path, entry("skid", s1=100.0))
    store(path, entry("lfsr", s1=90.0))
    first = path.read_bytes()
    assert [e["block"] for e in load(path)] == ["lfsr", "skid"]
    store(path, entry("skid", s1=100.0))
    assert path.read_bytes() == first
    store(path, entry("skid", s1=101.0))
    assert [least_fmax(e) for e in load(path)] == [90.0, 101.0]


def test_seeds_of_unchanged_sources_are_kept_and_others_forgotten() -> None:
    old = entry(s1=80.0)
    area = flow.Area(10, 20, 1, 2, 320)
    more = {2: flow.Timing(70.0, {"ns": 14.3}, 12)}
    both = entry_of("skid", "d", "ecp5_85k", "85k", 6, area, more, old)
    assert both["fmax_mhz"] == {"1": 80.0, "2": 70.0}
    assert both["critical_path"] == {"ns": 14.3}
    assert both["command"].endswith("--device 85k --speed 6 --seed 1,2")
    faster = {3: flow.Timing(99.0, {"ns": 10.1}, 12)}
    kept = entry_of("skid", "d", "ecp5_85k", "85k", 6, area, faster, both)
    assert kept["critical_path"] == {"ns": 14.3}  # of the slowest seed
    changed = entry_of("skid", "e", "ecp5_85k", "85k", 6, area, more, old)
    assert changed["fmax_mhz"] == {"2": 70.0}


def test_a_broken_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('[{"block": "x"}]')
    with pytest.raises(VioError, match="an entry lacks one of"):
        load(tmp_path / "r.json")


def test_the_sum_counts_copies_and_names_what_fails() -> None:
    entries = [entry(name, s1=70.0) for name in BLOCKS]
    lines, failures = summed(entries, CONFIG, Limits())
    copies = sum(block.copies for block in BLOCKS.values() if not block.container)
    total = next(line for line in lines if line[0] == "sum")
    assert total[2:5] == [str(10 * copies), str(20 * copies), str(copies)]
    assert total[5] == "184"  # DP16KD that `vio hw memory` plans
    assert total[7] == "131"
    assert failures == []
    entries[0] = entry(next(iter(BLOCKS)), s1=70.0, s2=62.4)
    # What a container holds is added up all the same; a block that is not recorded is missed.
    assert summed(entries[1:-1], CONFIG, Limits())[1] == ["frame_guard is not in the results"]
    _, failures = summed(entries, CONFIG, Limits(dp16kd=copies - 1))
    assert failures == [
        "frame_guard reaches 62.4 of 62.5 MHz",
        f"the sum takes {copies} of {copies - 1} DP16KD",
    ]


def test_the_sum_exits_with_3_when_it_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.json"
    for name in BLOCKS:
        store(path, entry(name, s1=70.0))
    assert cli.main(["hw", "synth", "--sum", "--out", str(path)]) == 0
    store(path, entry("klt", s1=50.0))
    assert cli.main(["hw", "synth", "--sum", "--out", str(path)]) == EXIT_NEGATIVE
    assert "FAILS: klt reaches 50.0 of 62.5 MHz" in capsys.readouterr().out


def test_the_recorded_results_have_every_field() -> None:
    if not RESULTS.is_file():
        pytest.skip(f"{RESULTS} is not there: vio hw synth --all")
    entries = load()
    assert json.dumps(entries, indent=2) + "\n" == RESULTS.read_text()
    for e in entries:
        assert all(isinstance(e[name], int) and e[name] >= 0 for name in FIGURES), e["block"]
        assert e["device"] == "LFE5U-85F"
        assert (e["critical_path"] is None) == (least_fmax(e) is None)
        assert set(e["tool_versions"]) == set(flow.TOOLS)
        assert e["command"].startswith(f"vio hw synth --block {e['block']} --preset {e['preset']}")
        assert "/" not in e["command"]
