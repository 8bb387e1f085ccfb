# SPDX-License-Identifier: Apache-2.0
"""Replay a block's ports on its netlist of standard cells, and count the toggles of its nets.

The simulation has no delays: what a net does between two edges of the clock (glitches) is not
counted. The replay proves the netlist, too: its outputs must be those that were captured.
"""

import ctypes
import re
from pathlib import Path

from tools.toggles.netlist import Netlist
from vio.errors import VioError
from vio.hw.cosim.verilated import Signatures, loaded, shared_library

WORD = 32
LEAST = 3 * WORD  # bits of a port of the wrapper: always an array of words in C++


def _wrapper(netlist: Netlist) -> str:
    """Return a module with one wide input and one wide output around a block."""
    sides, widths = [], []
    for names, port in ((netlist.inputs, "in"), (netlist.outputs, "out")):
        at = total = netlist.width(names)
        widths.append(max(LEAST, -(-total // WORD) * WORD))
        for name in names:
            width = len(netlist.ports[name][1])
            sides.append(f".{name}({port}[{at - 1}:{at - width}])")
            at -= width
    return (
        f"module replay (input clk, input [{widths[0] - 1}:0] in, output [{widths[1] - 1}:0] out);"
        f"\n  {netlist.top} dut (.clk(clk), {', '.join(sides)});\nendmodule\n"
    )


def toggles(netlist: Netlist, captured: Path) -> tuple[int, dict[tuple[str, int | None], int]]:
    """Return the cycles of a capture, and how often each net toggled.

    Raises VioError when the netlist's outputs are not those of the capture.
    """
    folder = netlist.folder
    parts = (_wrapper(netlist), *((folder / f"{n}.v").read_text() for n in ("netlist", "cells")))
    library = shared_library(
        "replay", "replay", {"replay.v": "\n".join(parts)}, Path(__file__).with_suffix(".cpp"),
        ("--trace-saif", "--output-split", "2000", "--output-split-cfuncs", "500"),
        cflags="-O0", build=folder,
    )  # fmt: skip
    signatures: Signatures = {"replay": (ctypes.c_uint64, (ctypes.c_char_p, ctypes.c_char_p))}
    saif = folder / f"{captured.stem}.saif"
    different = loaded(library, "kestrel_", signatures).kestrel_replay(
        str(captured).encode(), str(saif).encode()
    )
    cycles = len(captured.read_text().splitlines())
    if different:
        raise VioError(
            f"the netlist of {netlist.top} differs from its Verilog in {different} of {cycles} "
            f"cycles of {captured}"
        )
    return cycles, read_saif(saif.read_text(), "dut")


def read_saif(text: str, instance: str) -> dict[tuple[str, int | None], int]:
    """Return {(net, bit or None): toggles} of the nets directly in an instance."""
    counts: dict[tuple[str, int | None], int] = {}
    inside: list[str] = []
    depth: list[int] = []  # of the parenthesis that each instance began with
    level = 0
    net = None
    for token in re.finditer(r"\((INSTANCE)\s+(\S+)|\((TC)\s+(\d+)\)|\((\S+)|\)", text):
        if token[1]:
            level += 1
            inside.append(token[2])
            depth.append(level)
        elif token[3]:
            if net is not None and inside and inside[-1] == instance:
                counts[net] = int(token[4])
        elif token[5]:
            level += 1
            found = re.fullmatch(r"(\w+)(?:\\?\[(\d+)\\?\])?", token[5])
            if found and not re.fullmatch(r"T[0-9XZBC]|NET|IG", token[5]):
                net = found[1], None if found[2] is None else int(found[2])
        else:
            if depth and level == depth[-1]:
                inside.pop()
                depth.pop()
            level -= 1
    return counts
