# SPDX-License-Identifier: Apache-2.0
"""What a run of a board gave: areas by block, clock rates, critical paths in Verilog's names."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vio.hw.synth.board import figures_of
from vio.hw.synth.flow import LUT4_OF, path_summary, versions

# Cells and what of the device they take, as nextpnr counts it.
DEVICE = {"TRELLIS_COMB": 83_640, "TRELLIS_FF": 83_640, "DP16KD": 208, "MULT18X18D": 156}
_COLUMNS = {"TRELLIS_FF": "ff", "DP16KD": "dp16kd", "MULT18X18D": "mult18"}


def placed_fmax(log: str) -> dict[str, float]:
    """Return {clock: MHz} that nextpnr estimates of a placement, the last that its log has."""
    found = re.findall(r"Max frequency for clock\s+'([^']+)':\s+([\d.]+) MHz", log)
    return {clock.removeprefix("$glbnet$"): float(mhz) for clock, mhz in found}


def clock_paths(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the critical path of each pair of clocks or ports, the longest first."""
    found = [
        {"clocks": f"{entry['from']} -> {entry['to']}", **path_summary(entry["path"])}
        for entry in report["critical_paths"]
        if entry["path"]
    ]
    return sorted(found, key=lambda path: -path["ns"])


def block_of_cell(name: str, depth: int) -> str:
    """Return the instance that a cell of the flattened netlist is named after, at most so deep.

    A cell's name is that of a net or cell it was made of; what precedes its last dot is the path of
    instances.
    """
    path = name.split(".")[:-1]
    return ".".join(path[:depth]) or "(top)"


def areas(netlist: Path, top: str, depth: int = 4) -> dict[str, dict[str, int]]:
    """Return {instance: LUT sites, FF, DP16KD, MULT18} of a mapped netlist, by the cells' names.

    Logic that was optimised over the border of two blocks counts with the one its cell is named
    after: figures of single blocks are approximate, their sum is not.
    """
    cells = json.loads(netlist.read_text())["modules"][top]["cells"]
    found: dict[str, dict[str, int]] = {}
    for name, cell in cells.items():
        kind = cell["type"]
        column = "lut4" if kind in LUT4_OF else _COLUMNS.get(kind)
        if column:
            block = block_of_cell(name, depth)
            here = found.setdefault(block, {"lut4": 0, "ff": 0, "dp16kd": 0, "mult18": 0})
            here[column] += LUT4_OF.get(kind, 1)
    return dict(sorted(found.items(), key=lambda item: (-item[1]["lut4"], item[0])))


def total(blocks: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return the sum over blocks."""
    return {
        key: sum(block[key] for block in blocks.values())
        for key in ("lut4", "ff", "dp16kd", "mult18")
    }


def seed_report(folder: Path, seed: int) -> dict[str, Any]:
    """Return the state of a seed: routed, placed or none, with figures, Fmax and critical paths."""
    found: dict[str, Any] = {
        "state": "not placed",
        "place": figures_of(folder, f"place-{seed}"),
        "route": figures_of(folder, f"route-{seed}"),
    }
    if (folder / f"placed-{seed}.json").is_file():
        found["state"] = "placed"
        log = folder / f"place-{seed}.log"
        found["fmax_estimate_mhz"] = placed_fmax(log.read_text(errors="replace"))
    report = folder / f"report-{seed}.json"
    if (folder / f"routed-{seed}.config").is_file() and report.is_file():
        found["state"] = "routed"
        figures = json.loads(report.read_text())
        found["fmax_mhz"] = {c: round(f["achieved"], 2) for c, f in figures["fmax"].items()}
        found["constraint_mhz"] = {c: round(f["constraint"], 2) for c, f in figures["fmax"].items()}
        found["critical_paths"] = clock_paths(figures)
        found["utilization"] = {
            cell: [use["used"], use["available"]]
            for cell, use in figures["utilization"].items()
            if use["used"]
        }
    if (folder / f"{seed}.bit").is_file():
        found["bitstream_bytes"] = (folder / f"{seed}.bit").stat().st_size
    return found


def report_of(
    folder: Path, board: str, preset: str, top: str, seeds: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the whole report of a run as it is written to JSON."""
    blocks = areas(folder / "netlist.json", top)
    return {
        "board": board,
        "preset": preset,
        "digest": folder.name.rsplit("-", 1)[1],
        "tool_versions": versions(),
        "device": DEVICE,
        "sum": total(blocks),
        "blocks": blocks,
        "yosys": figures_of(folder, "yosys"),
        "seeds": {str(seed): dict(figures) for seed, figures in seeds.items()},
    }


def text_of(report: Mapping[str, Any]) -> str:
    """Return the report as text: the sum beside the device, seeds, critical paths, blocks."""
    lines = [f"{report['board']}, preset {report['preset']}, sources and tools {report['digest']}"]
    used, device = report["sum"], report["device"]
    names = {"lut4": "TRELLIS_COMB", "ff": "TRELLIS_FF", "dp16kd": "DP16KD", "mult18": "MULT18X18D"}
    lines.append("mapped netlist (LUT sites before packing):")
    for key, cell in names.items():
        share = 100 * used[key] / device[cell]
        lines.append(f"  {cell:12} {used[key]:6} of {device[cell]:6}  {share:5.1f} %")
    if report["yosys"]:
        lines.append(f"yosys: {_figures(report['yosys'])}")
    for seed, figures in report["seeds"].items():
        state = figures["state"] + (f", {figures['stopped']}" if figures.get("stopped") else "")
        lines.append(f"seed {seed}: {state}")
        for step in ("place", "route"):
            if figures.get(step):
                lines.append(f"  {step}: {_figures(figures[step])}")
        for cell, (count, most) in figures.get("utilization", {}).items():
            lines.append(f"  {cell:12} {count:6} of {most:6}")
        rates = figures.get("fmax_mhz")
        if rates:
            for clock, mhz in rates.items():
                lines.append(f"  {clock}: {mhz} MHz, constraint {figures['constraint_mhz'][clock]}")
        else:
            for clock, mhz in figures.get("fmax_estimate_mhz", {}).items():
                lines.append(f"  {clock}: {mhz} MHz estimated of the placement, not routed")
        for path in figures.get("critical_paths", [])[:3]:
            lines.append(f"  {path['clocks']}: {path['ns']} ns, {path['levels']} levels")
            lines.append(f"    {path['from']} > {path['to']}")
            lines.append(f"    through {', '.join(path['through'][:6])}")
        if "bitstream_bytes" in figures:
            lines.append(f"  bitstream: {figures['bitstream_bytes']} bytes")
    lines.append("by block (approximate: by the names of the cells): LUT4, FF, DP16KD, MULT18")
    for block, area in report["blocks"].items():
        lines.append(f"  {block:48} " + " ".join(f"{value:6}" for value in area.values()))
    return "\n".join([*lines, ""])


def _figures(figures: Mapping[str, float]) -> str:
    return f"{figures['seconds']} s, {figures['cpu_seconds']} CPU s, {figures['memory_mb']:.0f} MB"
