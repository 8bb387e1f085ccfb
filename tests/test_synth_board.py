# SPDX-License-Identifier: Apache-2.0
"""vio hw synth --chip without its tools: files of a run, what is read of logs and netlists."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from vio.config import load_config
from vio.errors import VioError
from vio.hw.synth import board as flow
from vio.hw.synth.board_report import areas, block_of_cell, clock_paths, placed_fmax, total
from vio.hw.synth.crossings import Crossing, Rules, compare, crossings_of, read_rules

LOG = """\
Info: Max frequency for clock 'a': 10.00 MHz (FAIL at 12.00 MHz)
Info: Max frequency for clock '$glbnet$pix$TRELLIS_IO_IN': 164.47 MHz (PASS at 27.00 MHz)
Info: Max frequency for clock              '$glbnet$clk': 54.79 MHz (FAIL at 62.50 MHz)
"""


@pytest.fixture(autouse=True)
def _some_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vio.hw.synth.flow.versions", lambda: dict.fromkeys(("a", "b"), "1.0"))


def test_the_queue_holds_the_largest_packet_of_a_preset() -> None:
    for preset in ("tiny", "ecp5_85k"):
        config = load_config(preset)
        words = flow.track_words(config)
        assert words & (words - 1) == 0
        assert words >= 5 + 6 * config.hw.max_tracks > words // 2


def test_the_build_number_is_that_of_everything_that_goes_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def number(preset: str, *overrides: str) -> str:
        files = flow.files_of(flow.board_of("ulx3s"), preset, overrides)
        (found,) = re.findall(r"BUILD = 32'h([0-9a-f]{8})", files["ulx3s.v"])
        return found

    first = number("tiny")
    assert number("tiny") == first != number("ecp5_85k")
    assert number("tiny", "hw.spare_rows=32") != first
    monkeypatch.setattr("vio.hw.synth.flow.versions", lambda: {"a": "2.0"})
    assert number("tiny") != first


def test_every_port_has_a_pin_and_no_two_share_one() -> None:
    for name in ("ulx3s",):
        files = flow.files_of(flow.board_of(name), "tiny")
        head = files["ulx3s.v"].split("module ulx3s")[1].split(");")[0]
        ports = set()
        for high, port in re.findall(
            r"(?:input|output|inout)\s+wire\s+(?:\[(\d+):0\] )?(\w+)", head
        ):
            ports |= {f"{port}[{i}]" for i in range(int(high) + 1)} if high else {port}
        sites = re.findall(r'^LOCATE COMP "([^"]+)" SITE "(\w+)"', files["pins.lpf"], re.M)
        assert {port for port, _ in sites} == ports
        assert len({site for _, site in sites}) == len(sites) == len(ports)
        kinds = re.findall(r'^IOBUF PORT "([^"]+)" IO_TYPE=LVCMOS33', files["pins.lpf"], re.M)
        assert set(kinds) == ports
        clocks = re.findall(r'^FREQUENCY PORT "(\w+)" ([\d.]+) MHZ', files["pins.lpf"], re.M)
        assert dict(clocks) == {"clk_25mhz": "25", "left_pixel_clk": "27", "right_pixel_clk": "27"}


def test_the_bringup_board_needs_no_front_end() -> None:
    with_chip = flow.files_of(flow.board_of("ulx3s"), "tiny")
    without = flow.files_of(flow.board_of("ulx3s_bringup"), "tiny")
    assert "frontend.v" in with_chip
    assert "frontend.v" not in without
    assert {"camera_pair.v", "frame_summary.v", "fifo.v", "async_fifo.v"} <= set(without)
    with pytest.raises(VioError, match="no board 'icebreaker'; boards: ulx3s"):
        flow.board_of("icebreaker")


def test_open_inputs_stay_inputs_on_their_way_through_a_file() -> None:
    cell = {
        "port_directions": {"CEA": "input", "DOA": "output", "CLK": "input"},
        "connections": {"CEA": [], "DOA": [], "CLK": [7]},
    }
    text = json.dumps({"cells": {"r": cell, "s": cell}}, indent=2).replace("[]", "[  ]")
    after = json.loads("".join(flow.with_open_inputs(text.splitlines(keepends=True))))
    assert after["cells"]["r"] == after["cells"]["s"]
    assert after["cells"]["r"]["connections"] == {"CEA": ["x"], "DOA": [], "CLK": [7]}


def test_the_router_aims_at_the_constraints_of_the_placement() -> None:
    assert flow.clock_constraints(LOG).splitlines() == [
        'FREQUENCY NET "a" 12.00 MHZ;',
        'FREQUENCY NET "$glbnet$pix$TRELLIS_IO_IN" 27.00 MHZ;',
        'FREQUENCY NET "$glbnet$clk" 62.50 MHZ;',
    ]
    assert placed_fmax(LOG) == {"a": 10.0, "pix$TRELLIS_IO_IN": 164.47, "clk": 54.79}
    with pytest.raises(VioError, match="names no clock"):
        flow.clock_constraints("Info: nothing\n")


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_step_leaves_its_figures_and_names_its_error(tmp_path: Path) -> None:
    figures = flow.run_step(tmp_path, "good", _python("print('Info: x')"), lambda line: None)
    assert flow.figures_of(tmp_path, "good") == figures
    assert figures["memory_mb"] > 1
    assert flow.last_line(tmp_path / "good.log") == "x"
    with pytest.raises(VioError, match=r"bad failed: ERROR: no room; see .*bad\.log"):
        flow.run_step(
            tmp_path, "bad", _python("print('ERROR: no room'); exit(1)"), lambda line: None
        )
    assert flow.figures_of(tmp_path, "bad") == {}
    with pytest.raises(VioError, match="slow was stopped after 1 s"):
        flow.run_step(tmp_path, "slow", _python("import time; time.sleep(60)"), lambda x: None, 0.6)


def test_an_interrupted_step_leaves_no_tool_behind(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    code = "import time, pathlib; time.sleep(3); pathlib.Path('alive').touch()"
    with pytest.raises(KeyboardInterrupt):
        flow.run_step(tmp_path, "tool", _python(code), interrupt)
    assert not (tmp_path / "alive").exists()


def _netlist(tmp_path: Path, cells: dict[str, str]) -> Path:
    path = tmp_path / "netlist.json"
    module = {"cells": {name: {"type": kind} for name, kind in cells.items()}}
    path.write_text(json.dumps({"modules": {"top": module}}))
    return path


def test_areas_go_by_the_instances_that_cells_are_named_after(tmp_path: Path) -> None:
    cells = {
        "a.b.x_LUT4_Z": "LUT4",
        "a.b.x_CCU2C": "CCU2C",
        "a.c.m_mem.0.0": "DP16KD",
        "q_TRELLIS_FF_Q": "TRELLIS_FF",
        "a.b.c.d.e.f_LUT4": "LUT4",
        "a.$scopeinfo": "$scopeinfo",
    }
    found = areas(_netlist(tmp_path, cells), "top")
    assert found["a.b"] == {"lut4": 3, "ff": 0, "dp16kd": 0, "mult18": 0}
    assert found["(top)"]["ff"] == 1
    assert found["a.b.c.d"]["lut4"] == 1
    assert total(found) == {"lut4": 4, "ff": 1, "dp16kd": 1, "mult18": 0}
    assert block_of_cell("x_LUT4", 3) == "(top)"


def test_the_longest_critical_path_comes_first() -> None:
    def path(ns: float) -> list[dict[str, Any]]:
        ends = {"from": {"cell": "a_q_TRELLIS_FF_Q"}, "to": {"cell": "b_q_TRELLIS_FF_Q"}}
        return [{"type": "logic", "delay": ns, **ends}]

    report = {
        "critical_paths": [
            {"from": "posedge a", "to": "posedge a", "path": path(3.0)},
            {"from": "posedge b", "to": "posedge b", "path": path(7.0)},
            {"from": "posedge b", "to": "<async>", "path": []},
        ]
    }
    found = clock_paths(report)
    assert [p["clocks"] for p in found] == ["posedge b -> posedge b", "posedge a -> posedge a"]
    assert (found[0]["from"], found[0]["to"], found[0]["ns"]) == ("a_q", "b_q", 7.0)


def _flip_flop(clock: int, data: int, out: int) -> dict[str, Any]:
    return {
        "type": "TRELLIS_FF",
        "port_directions": {"CLK": "input", "DI": "input", "Q": "output"},
        "connections": {"CLK": [clock], "DI": [data], "Q": [out]},
    }


def _module(through_logic: bool) -> dict[str, Any]:
    """Return two registers of two clocks, the second behind the first, and one behind a port."""
    lut = {
        "type": "LUT4",
        "port_directions": {"A": "input", "Z": "output"},
        "connections": {"A": [10], "Z": [11]},
    }
    names = {"a_clk": 2, "b_clk": 3, "pin": 4, "a_q": 10, "b_q": 12, "pin_cross_q": 13}
    return {
        "ports": {n: {"direction": "input", "bits": [names[n]]} for n in ("a_clk", "b_clk", "pin")},
        "netnames": {name: {"bits": [bit]} for name, bit in names.items()},
        "cells": {
            "a_q_TRELLIS_FF_Q": _flip_flop(2, 4, 10),
            "b_q_TRELLIS_FF_Q": _flip_flop(3, 11 if through_logic else 10, 12),
            "pin_cross_q_TRELLIS_FF_Q": _flip_flop(3, 4, 13),
            "b_q_LUT4_Z": lut,
        },
    }


def _rule(**values: str) -> dict[str, str]:
    return {"from": "a_clk", "to": "b_clk", "source": "a_q", "target": "b_q", "why": "x"} | values


def test_crossings_are_found_between_clocks_and_from_pins() -> None:
    rules = Rules({"pin": "a_clk"}, (_rule(), _rule(source="pin", target="pin_cross_q")))
    found = crossings_of(_module(False), rules)
    assert found == [
        Crossing("a_clk", "b_clk", "a_q", "b_q"),
        Crossing("a_clk", "b_clk", "pin", "pin_cross_q"),
    ]
    assert compare(found, rules) == ([], [])
    nothing = Rules({}, (_rule(),))
    alien, unused = compare(crossings_of(_module(False), nothing), nothing)
    assert unused == []
    assert {c.from_clock for c in alien} == {"asynchronous"}  # the pin, into both registers
    assert len(alien) == 2


def test_a_crossing_through_logic_is_never_allowed() -> None:
    rules = Rules({"pin": "a_clk"}, (_rule(), _rule(source="pin", target="pin_cross_q")))
    alien, unused = compare(crossings_of(_module(True), rules), rules)
    assert alien == [Crossing("a_clk", "b_clk", "a_q", "b_q", logic=True)]
    assert unused == [0]


@pytest.mark.parametrize("registered", [False, True])
def test_a_multiplier_with_registers_is_a_register_and_else_logic(registered: bool) -> None:
    module = _module(False)
    clock = [3] if registered else []
    module["cells"]["product_MULT18X18D_P0"] = {
        "type": "MULT18X18D",
        "port_directions": {"CLK0": "input", "A0": "input", "P0": "output"},
        "connections": {"CLK0": clock, "A0": [10], "P0": [20]},
    }
    module["cells"]["c_q_TRELLIS_FF_Q"] = _flip_flop(3, 20, 21)
    module["netnames"]["c_q"] = {"bits": [21]}
    rules = Rules({"pin": "a_clk"}, (_rule(), _rule(source="pin", target="pin_cross_q")))
    target = "product" if registered else "c_q"
    alien, _ = compare(crossings_of(module, rules), rules)
    assert alien == [Crossing("a_clk", "b_clk", "a_q", target, logic=not registered)]


def test_a_broken_list_of_crossings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "crossings.toml"
    for text in ("x", "[ports]\n", '[ports]\n[[crossing]]\nfrom = "a"\n'):
        path.write_text(text)
        with pytest.raises(VioError, match="is no list of crossings"):
            read_rules(path)
