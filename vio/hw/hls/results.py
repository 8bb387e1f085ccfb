# SPDX-License-Identifier: Apache-2.0
"""hls/results.json: what each compiled block takes of an ECP5 and how fast it is, by stages."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vio.errors import VioError
from vio.hw.hls.blocks import Block
from vio.hw.hls.list_schedule import Program
from vio.hw.hls.xls import HLS
from vio.hw.synth.flow import BUILD, digest_of, route, script, synthesise

RESULTS = HLS / "results.json"
REQUESTED_MHZ = 100.0  # of nextpnr: above the target, so that it does not stop early
TARGET_MHZ = 83.3
MOST_STAGES = 12  # that `fewest_stages` tries
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


def with_script(top: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Return a block's Verilog (by file) and the script of its synthesis: the sources of a result.

    An entry's `sources` is their digest.
    """
    stems = [file.removesuffix(".v") for file in texts if file.endswith(".v")]
    return {**texts, "synth.ys": script(top, stems)}


def _implemented(name: str, top: str, texts: Mapping[str, str], seeds: list[int]) -> dict[str, Any]:
    """Return area and clock rates of Verilog (by file): yosys, then nextpnr for each seed."""
    files = with_script(top, texts)
    digest = digest_of(files)
    folder = BUILD / f"{name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        if not (folder / file).is_file():
            (folder / file).write_text(content)
    area = synthesise(folder)
    timings = {seed: route(folder, DEVICE, SPEED, seed, REQUESTED_MHZ) for seed in seeds}
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


def measure(
    block: Block, stages: int, text: str, model_ns: float, seeds: list[int]
) -> dict[str, Any]:
    """Return the entry of a compiled block's Verilog; model_ns: its period by XLS's delays."""
    return {
        "block": block.name,
        "clock_mhz": TARGET_MHZ,
        "stages": stages,
        "latency": block.latency(stages),
        "ii": block.ii,
        "model_ns": model_ns,
        **_implemented(block.name, block.name, {f"{block.name}.v": text}, seeds),
        "command": f"vio hw hls {block.name} --stages {stages} --seed {','.join(map(str, seeds))}",
    }


def measure_sequenced(
    name: str, top: str, texts: Mapping[str, str], program: Program, cycles: int, seeds: list[int]
) -> dict[str, Any]:
    """Return the entry of a sequencer with its program; cycles: of a call, which don't overlap."""
    return {
        "block": name,
        "clock_mhz": TARGET_MHZ,
        "stages": None,  # a program on units, no pipeline
        "units": list(program.units.counts),
        "program": program.length,
        "latency": cycles,
        "ii": cycles,
        **_implemented(name, top, texts, seeds),
        "command": f"vio hw hls {name} --seed {','.join(map(str, seeds))}",
    }


def least_fmax(entry: Mapping[str, Any]) -> float:
    """Return the Fmax of an entry's slowest seed."""
    return min(entry["fmax_mhz"].values(), default=float("nan"))


@dataclass(frozen=True)
class Calibration:
    """Hold what a clock period by XLS's delay model is on an ECP5: offset_ns + factor x period.

    The offset is what each stage adds to its logic: a register's clock to output and the way to it.
    """

    offset_ns: float
    factor: float

    def period_ns(self, model_ns: float) -> float:
        """Return the period to expect of nextpnr, at its slowest seed."""
        return self.offset_ns + self.factor * model_ns


def calibrate(entries: Sequence[Mapping[str, Any]]) -> Calibration:
    """Return the least-squares line through the recorded pipelines: period by nextpnr over model's.

    Raises VioError when fewer than two periods are recorded.
    """
    pairs = [(e["model_ns"], 1000.0 / least_fmax(e)) for e in entries if e.get("model_ns")]
    if len({model for model, _ in pairs}) < 2:
        raise VioError(
            "no pipelines to calibrate by; measure some: vio hw hls float_add --stages 1-7"
        )
    model, routed = np.array(pairs).T
    factor, offset = np.polyfit(model, routed, 1)
    return Calibration(float(offset), float(factor))


def fewest_stages(
    mhz: float, expected: Callable[[int], float], measured: Callable[[int], float]
) -> int | None:
    """Return the fewest stages whose measured clock rate is at least mhz, None above MOST_STAGES.

    expected and measured give the rate of a number of stages; what is expected decides where to
    begin: from there up until the rate is reached, or down as long as it is.
    """
    every = range(1, MOST_STAGES + 1)
    first = next((n for n in every if expected(n) >= mhz), MOST_STAGES)
    if measured(first) < mhz:
        return next((n for n in every[first:] if measured(n) >= mhz), None)
    while first > 1 and measured(first - 1) >= mhz:
        first -= 1
    return first


HEADER = (
    *("block", "stages", "latency", "II", "LUT4", "FF", "DP16KD", "MULT18"),
    *("model ns", "MHz", "seeds"),
)


def row(entry: dict[str, Any]) -> list[str]:
    """Return a line of the table on the screen."""
    keys = ("stages", "latency", "ii", "lut4", "ff", "dp16kd", "mult18", "model_ns")
    figures = ["-" if entry.get(key) is None else str(entry[key]) for key in keys]
    return [entry["block"], *figures, f"{least_fmax(entry):.1f}", ",".join(entry["fmax_mhz"])]
