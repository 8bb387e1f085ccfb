# SPDX-License-Identifier: Apache-2.0
"""A block's netlist of ECP5 cells, to run the block's own test on it instead of its Verilog.

It is the netlist that nextpnr is given: flip-flops have moved into block RAMs and multipliers
(`hard_registers`). Cells of logic are yosys' own simulation models; block RAM and multiplier, which
yosys has as black boxes only, are those of fpga/models.
"""

import importlib.util
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vio.errors import VioError
from vio.hw.synth.flow import digest_of, run_tool, with_parameters, yosys
from vio.hw.synth.hard_registers import convert
from vio.hw.verilog_sources import MODELS, ROOT

BUILD = ROOT / "build" / "gate"
WRITE = "read_json registers.json\nwrite_verilog -noattr unfinished.v\n"


def _cell_sources() -> Path:
    """Return the folder of yosys' models for Lattice; raises VioError without pyosys."""
    spec = importlib.util.find_spec("pyosys")
    if spec is None or spec.origin is None:
        raise VioError("pyosys is not installed; install it with: pip install 'kestrel-vio[hw]'")
    return Path(spec.origin).parent / "share" / "lattice"


def cell_models(folder: Path) -> dict[str, str]:
    """Return {cell: text of its model} of yosys, without what it has as a black box."""
    found = {}
    for name in ("common_sim.vh", "ccu2c_sim.vh", "cells_sim_ecp5.v"):
        text = (folder / name).read_text()
        for module in re.findall(r"^(?:\(\*[^\n]*\*\)\n)*module .*?^endmodule", text, re.S | re.M):
            stem = re.search(r"^module\s+(\w+)", module, re.M)
            if stem and not (MODELS / f"{stem.group(1)}.v").is_file():
                found[stem.group(1)] = module
    return found


def models_of(cells: Iterable[str], models: Mapping[str, str]) -> tuple[str, list[Path]]:
    """Return the text of yosys' models of cells, and the files of ours, each with what it needs.

    Raises VioError for a cell that has no model.
    """
    wanted = list(cells)
    texts: dict[str, str] = {}
    files: list[Path] = []
    while wanted:
        cell = wanted.pop()
        if cell in texts or any(cell == path.stem for path in files):
            continue
        own = MODELS / f"{cell}.v"
        if own.is_file():
            files.append(own)
            wanted += [p.stem for p in MODELS.glob(f"{cell}_*.v")]
        elif cell in models:
            texts[cell] = models[cell]
            names = "|".join(models)
            wanted += re.findall(rf"^\s*({names})\s*(?:#|\w+\s*\()", models[cell], re.M)
        else:
            raise VioError(f"there is no model of the cell {cell}; they are in {MODELS}")
    return "\n\n".join(text for _, text in sorted(texts.items())) + "\n", sorted(files)


def script(module: str, names: Sequence[str]) -> str:
    """Return the commands for yosys."""
    return "\n".join(
        [
            f"read_verilog -defer -I. {' '.join(names)}",
            f"synth_ecp5 -top {module}",
            "tee -q -o mapped.json stat -json",
            "write_json mapped_netlist.json",
            "",
        ]
    )


def gate_files(
    module: str,
    files: Sequence[Path],
    headers: Sequence[Path],
    parameters: Mapping[str, int],
    build: Path = BUILD,
) -> list[Path]:
    """Return the Verilog of a module's netlist and of its cells, made unless it is there.

    Raises VioError for parameters that the module does not have, and when yosys fails.
    """
    texts = {path.name: path.read_text() for path in [*headers, *files]}
    texts[f"{module}.v"] = with_parameters(texts[f"{module}.v"], parameters)
    texts["synth.ys"] = script(module, [path.name for path in files])
    texts["write.ys"] = WRITE
    folder = build / f"{module}-{digest_of(texts)}"
    netlist = folder / "netlist.v"
    if not netlist.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text)
        run_tool(yosys("synth.ys"), folder, "yosys.log", "yosys")
        convert(folder / "mapped_netlist.json", folder / "registers.json")
        run_tool(yosys("write.ys"), folder, "write.log", "yosys")
    cells = json.loads((folder / "mapped.json").read_text())["design"]["num_cells_by_type"]
    text, own = models_of((c for c in cells if not c.startswith("$")), cell_models(_cell_sources()))
    (folder / "cells.v").write_text(text)
    if not netlist.is_file():
        (folder / "unfinished.v").rename(netlist)
    return [*own, folder / "cells.v", netlist]


def cells_of(netlist: Path) -> dict[str, int]:
    """Return how many cells of each kind a netlist has."""
    found: dict[str, int] = json.loads((netlist.parent / "mapped.json").read_text())["design"][
        "num_cells_by_type"
    ]
    return found
