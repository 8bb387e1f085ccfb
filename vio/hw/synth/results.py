# SPDX-License-Identifier: Apache-2.0
"""fpga/results.json: what each block takes and how fast it is, and the sum against the device."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vio.config import Config
from vio.errors import VioError
from vio.hw.synth.blocks import BLOCKS, Limits, planned
from vio.hw.synth.flow import Area, Timing, versions
from vio.hw.verilog_sources import ROOT

RESULTS = ROOT / "fpga" / "results.json"
KEY = ("block", "preset", "device", "speed_grade")


def load(path: Path = RESULTS) -> list[dict[str, Any]]:
    """Return the entries of a file, none if it is not there; raises VioError for a broken one."""
    if not path.is_file():
        return []
    try:
        entries = json.loads(path.read_text())
        if not all(set(KEY) <= set(entry) for entry in entries):
            raise ValueError(f"an entry lacks one of {', '.join(KEY)}")
    except (ValueError, TypeError) as error:
        raise VioError(f"{path} is no list of results: {error}; restore it from git") from error
    return entries


def store(path: Path, entry: dict[str, Any]) -> None:
    """Put an entry in its place in a file; the file is sorted."""
    others = [old for old in load(path) if any(old[k] != entry[k] for k in KEY)]
    entries = sorted([*others, entry], key=lambda e: [str(e[k]) for k in KEY])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries, indent=2) + "\n")


def entry_of(
    block: str,
    digest: str,
    preset: str,
    device: str,
    speed: int,
    area: Area,
    timings: Mapping[int, Timing],
    old: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return an entry; seeds of an old one with the same digest are kept.

    The critical path is that of the slowest seed.
    """
    fmax = {str(seed): timing.fmax_mhz for seed, timing in timings.items()}
    slowest = min(timings.values(), key=lambda t: t.fmax_mhz or float("inf"), default=None)
    path = {
        "critical_path": slowest.critical_path if slowest else None,
        "trellis_comb": slowest.comb if slowest else None,
        "hard_registers": slowest.hard_registers if slowest else None,
    }
    if old and old.get("sources") == digest:
        known = [value for value in old["fmax_mhz"].values() if value is not None]
        new = slowest.fmax_mhz if slowest and slowest.fmax_mhz else float("inf")
        if known and min(known) <= new:
            path = {name: old.get(name) for name in path}
        fmax = old["fmax_mhz"] | fmax
    seeds = ",".join(sorted(fmax, key=int))
    route = f"--device {device} --speed {speed} --seed {seeds}" if seeds else "--no-route"
    return {
        "block": block,
        "preset": preset,
        "device": f"LFE5U-{device[:-1]}F",
        "speed_grade": speed,
        "lut4": area.lut4,
        "ff": area.ff,
        "dp16kd": area.dp16kd,
        "mult18": area.mult18,
        "memory_bits": area.memory_bits,
        "fmax_mhz": dict(sorted(fmax.items(), key=lambda item: int(item[0]))),
        **path,
        "sources": digest,
        "tool_versions": versions(),
        "command": f"vio hw synth --block {block} --preset {preset} {route}",
    }


def least_fmax(entry: dict[str, Any]) -> float | None:
    """Return the Fmax of the slowest seed, None where nothing was routed or nothing is clocked."""
    return min((f for f in entry["fmax_mhz"].values() if f is not None), default=None)


def row(entry: dict[str, Any]) -> list[str]:
    """Return a line of the table on the screen."""
    fmax, path = least_fmax(entry), entry["critical_path"]
    ends = f"{path['from']} > {path['to']} ({path['ns']} ns)" if path else "-"
    figures = [str(entry[k]) for k in ("lut4", "ff", "dp16kd", "mult18", "memory_bits")]
    return [entry["block"], *figures, "-" if fmax is None else f"{fmax:.1f}", ends]


HEADER = ("block", "LUT4", "FF", "DP16KD", "MULT18", "memory bits", "MHz", "critical path")


def summed(
    entries: list[dict[str, Any]], config: Config, limits: Limits
) -> tuple[list[list[str]], list[str]]:
    """Return the lines of the sum over the chip's blocks, and what fails of it.

    entries: of one preset, device and speed grade. A line: block, copies, LUT4, FF, DP16KD and
    MULT18 of all copies with their plans, MHz.
    """
    by_block = {entry["block"]: entry for entry in entries}
    lines, failures = [], []
    total = {"lut4": 0, "ff": 0, "dp16kd": 0, "mult18": 0}
    plan = [0, 0]
    for name, block in BLOCKS.items():
        entry = by_block.get(name)
        if entry is None:
            if not block.container:  # a container only repeats what is added up here
                failures += [f"{name} is not in the results"]
            continue
        here = {key: entry[key] * block.copies for key in total}
        fmax = least_fmax(entry)
        if fmax is not None and fmax < limits.fmax_mhz:
            failures.append(f"{name} reaches {fmax:.1f} of {limits.fmax_mhz} MHz")
        if block.container:
            lines.append(_sum_line(f"({name})", "", here, None, fmax))
            continue
        expected = planned(block, config)
        total = {key: total[key] + here[key] for key in total}
        plan = [plan[0] + expected[0], plan[1] + expected[1]]
        lines.append(_sum_line(name, str(block.copies), here, expected, fmax))
    containers = [line for line in lines if line[0].startswith("(")]
    lines = [line for line in lines if not line[0].startswith("(")]
    lines.append(_sum_line("sum", "", total, (plan[0], plan[1]), None))
    bound = {"lut4": limits.lut4, "dp16kd": limits.dp16kd, "mult18": limits.mult18}
    lines.append(_sum_line("limit", "", bound, None, limits.fmax_mhz))
    sums = {"the sum": total}
    if "frontend" in by_block:
        sums["frontend"] = by_block["frontend"]
    for what, figures in sums.items():
        failures += [
            f"{what} takes {figures[key]} of {most} {key.upper()}"
            for key, most in bound.items()
            if figures[key] > most
        ]
    return [*lines, *containers], failures


def _sum_line(
    name: str,
    copies: str,
    figures: Mapping[str, int],
    plan: tuple[int, int] | None,
    fmax: float | None,
) -> list[str]:
    planned_text = ["", ""] if plan is None else [str(value) for value in plan]
    return [
        name,
        copies,
        str(figures["lut4"]),
        str(figures.get("ff", "")),
        str(figures["dp16kd"]),
        planned_text[0],
        str(figures["mult18"]),
        planned_text[1],
        "-" if fmax is None else f"{fmax:.1f}",
    ]


SUM_HEADER = ("block", "copies", "LUT4", "FF", "DP16KD", "planned", "MULT18", "planned", "MHz")
