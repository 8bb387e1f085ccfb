# SPDX-License-Identifier: Apache-2.0
"""Move flip-flops into the registers that the ECP5's block RAMs and multipliers have themselves.

Yosys maps a memory to a DP16KD without its output register and a product to a MULT18X18D without
any, and leaves registers beside them to flip-flops of the fabric. Here, in yosys' netlist in JSON,
a flip-flop that only follows such a block moves into it: nextpnr then counts 1 ns instead of 6 from
a memory's clock to its output, and no way through the fabric before the register.

What moves together is a port of a memory, all bits of a product, or both factors of a product
(nextpnr has no timing for one factor alone). Each bit must be of a flip-flop of its own that
nothing else reads (of a factor: that only factors which move read), all with one clock and enable,
without reset, and with 0 as their first value: what the block's register has then too. A port of
36 bits uses the registers of both sides.

After Lattice's TN1264 and TN1267; the cells' behaviour is that of fpga/models.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from vio.errors import VioError

Bit = int | str  # the number of a net, or a constant
Cell = dict[str, Any]

FLIP_FLOP, MEMORY, MULTIPLIER = "TRELLIS_FF", "DP16KD", "MULT18X18D"
# What a flip-flop may say to be one that a block's register can stand for; yosys leaves out
# what is the default.
PLAIN = {"CLKMUX": "CLK", "REGSET": "RESET"}
NEVER = ("0", "x", "z")  # a reset that is not there


class Control(NamedTuple):
    """Hold what flip-flops of one register have in common."""

    clock: Bit
    enable: Bit


class Netlist:
    """Hold a module of a netlist in JSON with the ends of its nets; changes are made in place."""

    def __init__(self, module: dict[str, Any]) -> None:
        self.cells: dict[str, Cell] = module["cells"]
        self.readers: dict[Bit, set[tuple[str, str]]] = defaultdict(set)
        self.driver: dict[Bit, tuple[str, str]] = {}
        for name, port in module["ports"].items():
            for bit in port["bits"]:
                if port["direction"] != "input":
                    self.readers[bit].add(("", name))
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                for bit in bits:
                    self._join(bit, (name, port), cell["port_directions"][port])

    def _join(self, bit: Bit, end: tuple[str, str], direction: str) -> None:
        if isinstance(bit, int):
            if direction == "output":
                self.driver[bit] = end
            else:
                self.readers[bit].add(end)

    def at(self, cell: str, port: str) -> Bit:
        """Return the net or constant of a cell's port of one bit, "x" where it has none."""
        bits: list[Bit] = self.cells[cell]["connections"].get(port, [])
        return bits[0] if bits else "x"

    def connect(self, cell: str, port: str, bit: Bit, direction: str) -> None:
        """Connect a cell's port of one bit to another net or constant."""
        self.readers[self.at(cell, port)].discard((cell, port))
        self.cells[cell]["connections"][port] = [bit]
        self.cells[cell]["port_directions"][port] = direction
        self._join(bit, (cell, port), direction)

    def remove(self, cell: str) -> None:
        """Take a cell out."""
        for port in self.cells[cell]["connections"]:
            self.readers[self.at(cell, port)].discard((cell, port))
        del self.cells[cell]

    def control(self, cell: str) -> Control | None:
        """Return clock and enable of a flip-flop that a block's register can stand for, or None."""
        if cell not in self.cells or self.cells[cell]["type"] != FLIP_FLOP:
            return None
        says = self.cells[cell]["parameters"]
        if any(says.get(name, value) != value for name, value in PLAIN.items()):
            return None
        if says.get("LSRMUX", "LSR") != "LSR" or self.at(cell, "LSR") not in NEVER:
            return None
        enable = says.get("CEMUX", "1").strip()
        if enable not in ("1", "CE"):
            return None
        return Control(self.at(cell, "CLK"), "1" if enable == "1" else self.at(cell, "CE"))

    def behind(self, bit: Bit) -> str | None:
        """Return the flip-flop that alone reads a net, as its input, or None."""
        if len(self.readers[bit]) != 1:
            return None
        ((cell, port),) = self.readers[bit]
        return cell if port == "DI" and self.control(cell) is not None else None

    def before(self, bit: Bit) -> str | None:
        """Return the flip-flop that drives a net, or None."""
        cell, port = self.driver.get(bit, ("", ""))
        return cell if port == "Q" and self.control(cell) is not None else None


def _common(netlist: Netlist, cells: Iterable[str]) -> Control | None:
    """Return what the flip-flops have in common, None where they differ or there are none."""
    found = {netlist.control(cell) for cell in cells}
    return found.pop() if len(found) == 1 else None


def _take_outputs(
    netlist: Netlist, name: str, ports: Iterable[str], clocks: set[Bit]
) -> Control | None:
    """Move the flip-flops behind all ports that are read into the block, if they can; or None.

    clocks: the only one that theirs may be; empty: any.
    """
    read = [port for port in ports if netlist.readers[netlist.at(name, port)]]
    behind = {port: netlist.behind(netlist.at(name, port)) for port in read}
    flip_flops = [cell for cell in behind.values() if cell is not None]
    if not read or len(flip_flops) < len(read):
        return None
    control = _common(netlist, flip_flops)
    if control is None or (clocks and clocks != {control.clock}):
        return None
    for port, cell in behind.items():
        assert cell is not None
        output = netlist.at(cell, "Q")
        netlist.remove(cell)
        netlist.connect(name, port, output, "output")
    return control


def _ports(cell: Cell, prefix: str) -> list[str]:
    """Return the ports whose names are a prefix and a number."""
    return [port for port in cell["connections"] if port.removeprefix(prefix).isdigit()]


def _set_memory(netlist: Netlist, name: str) -> None:
    """Use the output registers of a memory where they can be."""
    cell = netlist.cells[name]
    says = cell["parameters"]
    wide = any(int(says[f"DATA_WIDTH_{side}"], 2) == 36 for side in "AB")
    for sides in ("AB",) if wide else ("A", "B"):
        clocks = {netlist.at(name, f"CLK{side}") for side in sides}
        if any(
            says.get(f"REGMODE_{side}", "NOREG") != "NOREG"
            or says.get(f"CLK{side}MUX", f"CLK{side}") != f"CLK{side}"
            or netlist.at(name, f"RST{side}") not in NEVER
            for side in sides
        ):
            continue
        ports = [port for side in sides for port in _ports(cell, f"DO{side}")]
        control = _take_outputs(netlist, name, ports, clocks)
        if control is not None:
            for side in sides:
                says[f"REGMODE_{side}"] = "OUTREG"
                netlist.connect(name, f"OCE{side}", control.enable, "input")


def _set_register(netlist: Netlist, name: str, place: str, control: Control) -> None:
    """Use a register of a multiplier (INPUTA, INPUTB or OUTPUT), with a clock enable of its own."""
    says = netlist.cells[name]["parameters"]
    enables = [netlist.at(name, f"CE{i}") for i in range(4)]
    # An enable that is there already, else the first one that nothing uses.
    free = next((i for i, enable in enumerate(enables) if enable in NEVER), None)
    i = enables.index(control.enable) if control.enable in enables else free
    says[f"REG_{place}_CLK"], says[f"REG_{place}_CE"] = "CLK0", f"CE{i}"
    says[f"REG_{place}_RST"] = "RST0"
    netlist.connect(name, "CLK0", control.clock, "input")
    netlist.connect(name, f"CE{i}", control.enable, "input")
    netlist.connect(name, "RST0", "0", "input")


def _is_bare(netlist: Netlist, name: str) -> bool:
    """Return whether a multiplier has no register yet, and nothing that one would delay."""
    says = netlist.cells[name]["parameters"]
    places = ("INPUTA", "INPUTB", "INPUTC", "PIPELINE", "OUTPUT")
    controls = [f"{port}{i}" for port in ("CLK", "CE", "RST") for i in range(4)]
    return (
        all(says.get(f"REG_{place}_CLK", "NONE") == "NONE" for place in places)
        and all(netlist.at(name, port) in NEVER for port in controls)
        and all(netlist.at(name, f"SIGNED{factor}") in ("0", "1") for factor in "AB")
        and all(netlist.at(name, f"SOURCE{factor}") in NEVER for factor in "AB")
    )


def _factors(netlist: Netlist, name: str, clock: Bit | None) -> dict[tuple[str, str], str] | None:
    """Return {(factor, port): flip-flop} of a product, None where not all can be in its registers.

    A bit that is 0 stays so. One that is always 1 is not: the register begins with 0. clock: that
    of the product's own register, if it has one.
    """
    found: dict[tuple[str, str], str] = {}
    for factor in "AB":
        flip_flops = []
        for port in _ports(netlist.cells[name], factor):
            bit = netlist.at(name, port)
            if bit in NEVER:
                continue
            cell = netlist.before(bit)
            if cell is None:
                return None
            flip_flops.append(cell)
            found[factor, port] = cell
        control = _common(netlist, flip_flops)
        if control is None or (clock is not None and control.clock != clock):
            return None
        clock = control.clock
    return found


def _movable_factors(
    netlist: Netlist, clocks: dict[str, Bit | None]
) -> dict[str, dict[tuple[str, str], str]]:
    """Return what `_factors` says of the products all of whose flip-flops only such ones read."""
    found = {name: f for name, clock in clocks.items() if (f := _factors(netlist, name, clock))}
    while True:
        moved = {(name, port) for name, both in found.items() for _, port in both}
        kept = {
            name: both
            for name, both in found.items()
            if all(netlist.readers[netlist.at(cell, "Q")] <= moved for cell in both.values())
        }
        if len(kept) == len(found):
            return found
        found = kept


def _set_multipliers(netlist: Netlist, names: list[str]) -> None:
    """Use the registers of products where they can be: of the output, then of the inputs."""
    clocks: dict[str, Bit | None] = {}
    for name in names:
        if _is_bare(netlist, name):
            control = _take_outputs(netlist, name, _ports(netlist.cells[name], "P"), set())
            clocks[name] = control.clock if control is not None else None
            if control is not None:
                _set_register(netlist, name, "OUTPUT", control)
    movable = _movable_factors(netlist, clocks)
    for name, both in movable.items():
        for factor in "AB":
            control = _common(netlist, [cell for (f, _), cell in both.items() if f == factor])
            assert control is not None
            _set_register(netlist, name, f"INPUT{factor}", control)
        for (_, port), cell in both.items():
            netlist.connect(name, port, netlist.at(cell, "DI"), "input")
    for cell in dict.fromkeys(cell for both in movable.values() for cell in both.values()):
        netlist.remove(cell)


def use_hard_registers(module: dict[str, Any]) -> int:
    """Move the flip-flops of a module of yosys' netlist that can move; return how many are gone."""
    netlist = Netlist(module)
    before = len(netlist.cells)
    kinds = {name: cell["type"] for name, cell in netlist.cells.items()}
    for name in [name for name, kind in kinds.items() if kind == MEMORY]:
        _set_memory(netlist, name)
    _set_multipliers(netlist, [name for name, kind in kinds.items() if kind == MULTIPLIER])
    return before - len(netlist.cells)


def _tops(design: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for module in design["modules"].values():
        if not int(str(module["attributes"].get("blackbox", "0")), 2) and module["cells"]:
            yield module


def convert(before: Path, after: Path) -> int:
    """Read a netlist of one flattened module, write it with hard registers; return those moved.

    Raises VioError for a file that is no such netlist.
    """
    try:
        design = json.loads(before.read_text())
        moved = sum(map(use_hard_registers, _tops(design)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VioError(f"{before} is no netlist of yosys in JSON: {error!r}") from error
    unfinished = after.with_name(f"unfinished-{after.name}")
    unfinished.write_text(json.dumps(design))
    unfinished.rename(after)
    return moved
