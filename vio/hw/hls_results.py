# SPDX-License-Identifier: Apache-2.0
"""hls/results.json: what each compiled block takes of an ECP5 and how fast it is, by stages."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vio.errors import VioError
from vio.hw.hls import HLS
from vio.hw.hls_blocks import Block
from vio.hw.hls_program import Program
from vio.hw.synth import BUILD, digest_of, route, script, synthesise

RESULTS = HLS / "results.json"
AIM_MHZ = 100.0  # that nextpnr is asked for: above every bar, so that it doesn't stop early
BAR_MHZ = 83.3
DEVICE, SPEED = "85k", 6


def load(path: Path = RESULTS) -> list[dict[str, Any]]:
    """Return the entries of a file, none if it is not there; raises VioError for a broken one."""
    if not path.is_file():
        return []
    try:
        entries = json.loads(path.read_text())
        if not all("block" in entry for entry in entries):
            raise ValueError("an entry lacks its block")
    except (ValueError, TypeError) as error:
        raise VioError(f"{path} is no list of results: {error}; restore it from git") from error
    return list(entries)


def _key(entry: dict[str, Any]) -> tuple[str, int]:
    return entry["block"], entry.get("stages") or 0


def store(entry: dict[str, Any], path: Path = RESULTS) -> None:
    """Put an entry in its place, by block and stages; the file is sorted."""
    others = [old for old in load(path) if _key(old) != _key(entry)]
    path.write_text(json.dumps(sorted([*others, entry], key=_key), indent=2) + "\n")


def _implemented(name: str, top: str, texts: Mapping[str, str], seeds: list[int]) -> dict[str, Any]:
    """Return area and clock rates of Verilog (by file): yosys, then nextpnr for each seed."""
    stems = [file.removesuffix(".v") for file in texts if file.endswith(".v")]
    files = {**texts, "synth.ys": script(top, stems)}
    digest = digest_of(files)
    folder = BUILD / f"{name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        if not (folder / file).is_file():
            (folder / file).write_text(content)
    area = synthesise(folder)
    timings = {seed: route(folder, DEVICE, SPEED, seed, AIM_MHZ) for seed in seeds}
    slowest = min(timings.values(), key=lambda t: t.fmax_mhz or float("inf"), default=None)
    return {
        "lut4": area.lut4,
        "ff": area.ff,
        "dp16kd": area.dp16kd,
        "mult18": area.mult18,
        "fmax_mhz": {str(seed): timing.fmax_mhz for seed, timing in timings.items()},
        "critical_path": slowest.critical_path if slowest else None,
        "sources": digest,
    }


def measure(block: Block, stages: int, text: str, seeds: list[int]) -> dict[str, Any]:
    """Return the entry of a compiled block's Verilog."""
    return {
        "block": block.name,
        "clock_mhz": BAR_MHZ,
        "stages": stages,
        "latency": block.latency(stages),
        "ii": block.ii,
        **_implemented(block.name, block.name, {f"{block.name}.v": text}, seeds),
        "command": f"vio hls {block.name} --stages {stages} --seed {','.join(map(str, seeds))}",
    }


def measure_sequenced(
    name: str, top: str, texts: Mapping[str, str], program: Program, clocks: int, seeds: list[int]
) -> dict[str, Any]:
    """Return the entry of a sequencer with its program; clocks: of a call, which don't overlap."""
    return {
        "block": name,
        "clock_mhz": BAR_MHZ,
        "stages": None,  # a program on units, no pipeline
        "units": list(program.units.counts),
        "program": program.length,
        "latency": clocks,
        "ii": clocks,
        **_implemented(name, top, texts, seeds),
        "command": f"vio hls {name} --seed {','.join(map(str, seeds))}",
    }


def least_fmax(entry: dict[str, Any]) -> float:
    """Return the Fmax of an entry's slowest seed."""
    return min(entry["fmax_mhz"].values(), default=float("nan"))


HEADER = ("block", "stages", "latency", "II", "LUT4", "FF", "DP16KD", "MULT18", "MHz", "seeds")


def row(entry: dict[str, Any]) -> list[str]:
    """Return a line of the table on the screen."""
    keys = ("stages", "latency", "ii", "lut4", "ff", "dp16kd", "mult18")
    figures = ["-" if entry.get(key) is None else str(entry[key]) for key in keys]
    return [entry["block"], *figures, f"{least_fmax(entry):.1f}", ",".join(entry["fmax_mhz"])]
