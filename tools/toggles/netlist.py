# SPDX-License-Identifier: Apache-2.0
"""A block of rtl/ as a netlist of standard cells, its memories left as memories."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vio.config import Config
from vio.errors import VioError
from vio.hw.params import verilog_text
from vio.hw.synth.flow import digest_of, run_tool, with_parameters, yosys
from vio.hw.verilog_sources import ROOT, needed, source

LIBERTY = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")  # Debian's qflow-tech-osu018
BUILD = ROOT / "build" / "toggles"

# Memories keep their registers at the read port. Nets are split into bits, and all but the ports
# get names without meaning, so that simulator and timing analysis agree on them.
_SCRIPT = """\
read_liberty -lib {liberty}
read_verilog -defer -I. {files}
synth -flatten -top {top} -run begin:fine
memory -nomap
opt -fast -full
techmap
opt -fast
dfflibmap -liberty {liberty}
abc -liberty {liberty}
opt_clean -purge
splitnets
rename -hide
rename -enumerate -pattern n%
check -assert
write_json netlist.json
write_verilog -noattr netlist.v
design -reset
read_liberty -ignore_miss_func {liberty}
write_verilog -noattr cells.v
"""


@dataclass(frozen=True)
class Netlist:
    """Hold a block's netlist: netlist.v, cells.v and netlist.json of yosys, in a folder.

    ports: {name: ("input" or "output", bits)}. cells: {instance: its cell and the bits of its
    pins}, without the memories.
    """

    top: str
    folder: Path
    ports: dict[str, tuple[str, list[Any]]]
    cells: dict[str, tuple[str, dict[str, Any]]]
    memory_reads: list[Any]  # bits that memories drive
    names: dict[Any, tuple[str, int | None]]  # of each bit: net or port, and its index there

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs but the clock, in the order of the module."""
        return [n for n, (way, _) in self.ports.items() if way == "input" and n != "clk"]

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs, in the order of the module."""
        return [n for n, (way, _) in self.ports.items() if way == "output"]

    def width(self, names: list[str]) -> int:
        """Return the bits of some ports together."""
        return sum(len(self.ports[n][1]) for n in names)


def make_netlist(top: str, parameters: Mapping[str, int], config: Config) -> Netlist:
    """Return a block's netlist, made unless it is there.

    Raises VioError when the cells' liberty file or yosys is missing, or yosys fails.
    """
    if not LIBERTY.is_file():
        raise VioError(f"{LIBERTY} is not there; install it: apt-get install qflow-tech-osu018")
    files = {f"{stem}.v": source(stem).read_text() for stem in needed(top)}
    files[f"{top}.v"] = with_parameters(files[f"{top}.v"], parameters)
    headers = {"vio_params.vh": verilog_text(config, "toggles")}
    script = _SCRIPT.format(files=" ".join(files), top=top, liberty=LIBERTY)
    texts = {**files, **headers, "synth.ys": script}
    folder = BUILD / f"{top}-{digest_of(texts)}"
    if not (folder / "cells.v").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text)
        run_tool(yosys(), folder, "yosys.log", "yosys")
    return _read(top, folder)


def _read(top: str, folder: Path) -> Netlist:
    """Return what yosys wrote."""
    module = json.loads((folder / "netlist.json").read_text())["modules"][top]
    names: dict[Any, tuple[str, int | None]] = {}
    for kind in ("netnames", "ports"):  # a port's name is the one that stays
        for name, entry in module[kind].items():
            for k, bit in enumerate(entry["bits"]):
                names[bit] = name, k if len(entry["bits"]) > 1 else None
    cells, reads = {}, []
    for name, cell in module["cells"].items():
        if cell["type"].startswith("$mem"):
            reads += cell["connections"]["RD_DATA"]
        elif cell["type"].startswith("$"):
            raise VioError(f"{top}: yosys left a {cell['type']}, for which there is no cell")
        else:
            cells[name] = cell["type"], {p: b[0] for p, b in cell["connections"].items()}
    ports = {n: (p["direction"], p["bits"]) for n, p in module["ports"].items()}
    return Netlist(top, folder, ports, cells, reads, names)
