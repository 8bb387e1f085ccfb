# SPDX-License-Identifier: Apache-2.0
"""The clock crossings of a mapped ECP5 netlist, and the list of those that a board allows.

A register's clock is the net at its clock input. Backwards from the inputs of a cell with a clock,
through cells without one, lie the registers, memories and ports that it depends on: each of
another clock is a crossing. A memory with two clocks carries data from its write port to its read
port: that is a crossing from the one clock to the other, too. nextpnr does not time any of these
paths; what makes them safe is written beside each in the list.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vio.errors import VioError

# Cells with a clock: {type: {clock input: how the names of its other ports begin}}.
_REGISTERS: dict[str, dict[str, tuple[str, ...]]] = {
    "TRELLIS_FF": {"CLK": ("",)},
    "DP16KD": {
        "CLKA": ("DIA", "ADA", "CEA", "OCEA", "WEA", "RSTA", "CSA", "DOA"),
        "CLKB": ("DIB", "ADB", "CEB", "OCEB", "WEB", "RSTB", "CSB", "DOB"),
    },
    # With registers of its own (`hard_registers`); without, a multiplier is logic.
    "MULT18X18D": {"CLK0": ("A", "B", "CE", "RST", "P")},
    "TRELLIS_DPR16X4": {"WCK": ("DI", "WAD", "WRE", "DO")},
    "ODDRX1F": {"SCLK": ("D", "RST", "Q")},
}
_PADS = ("TRELLIS_IO",)  # between a port and the chip
_SUFFIX = re.compile(
    r"_(?:TRELLIS_FF|TRELLIS_DPR16X4|DP16KD|MULT18X18D|LUT4|CCU2C|PFUMX|L6MUX21).*$|\[\d+\]$"
)


@dataclass(frozen=True, order=True)
class Crossing:
    """Hold a crossing: clocks by name (a port of no clock is "asynchronous"), and both ends.

    logic: whether there are cells between them, whose glitches the target may take.
    """

    from_clock: str
    to_clock: str
    source: str
    target: str
    logic: bool = False


@dataclass(frozen=True)
class Rules:
    """Hold a board's list: clocks of ports, and the crossings that are allowed, as patterns."""

    ports: Mapping[str, str]  # pattern of a port: its clock
    allowed: tuple[Mapping[str, str], ...]  # from, to, source, target (patterns), why

    def clock_of_port(self, port: str) -> str:
        """Return the clock that a port's signal belongs to; "asynchronous" where it has none."""
        for pattern, clock in self.ports.items():
            if re.fullmatch(pattern, port):
                return clock
        return "asynchronous"

    def permits(self, crossing: Crossing) -> int | None:
        """Return the place in the list of the entry that allows a crossing, None without one.

        What goes through logic is never allowed.
        """
        for i, rule in enumerate(self.allowed):
            if (
                re.fullmatch(rule["from"], crossing.from_clock)
                and re.fullmatch(rule["to"], crossing.to_clock)
                and re.fullmatch(rule["source"], crossing.source)
                and re.fullmatch(rule["target"], crossing.target)
                and not crossing.logic
            ):
                return i
        return None


def read_rules(path: Path) -> Rules:
    """Return a board's list; raises VioError for a broken one."""
    try:
        data = tomllib.loads(path.read_text())
        allowed = tuple(data["crossing"])
        for rule in allowed:
            if set(rule) != {"from", "to", "source", "target", "why"} or not rule["why"].strip():
                raise ValueError(f"an entry has {sorted(rule)}")
        return Rules(data["ports"], allowed)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise VioError(f"{path} is no list of crossings: {error}") from error


def _short(name: str) -> str:
    """Return the name of the Verilog's register that a cell or net is called after."""
    before = None
    while before != name:
        before, name = name, _SUFFIX.sub("", name)
    return name


class _Netlist:
    """Hold a module of a netlist by its bits: names, drivers, clocks."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self.cells = module["cells"]
        self.ports = module["ports"]
        self.names: dict[int, str] = {}
        for name, net in module["netnames"].items():
            for bit in net["bits"]:
                old = self.names.get(bit)
                # A name of the Verilog before a made one, that of the outermost module first.
                if isinstance(bit, int) and (old is None or self._rank(name) < self._rank(old)):
                    self.names[bit] = name
        self.driver: dict[int, tuple[str, str]] = {}
        self.port_of: dict[int, str] = {}
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                if cell["port_directions"].get(port) in ("output", "inout"):
                    for bit in bits:
                        if isinstance(bit, int) and cell["type"] not in _PADS:
                            self.driver[bit] = (name, port)
        for name, outer in self.ports.items():
            if outer["direction"] != "output":
                for bit in outer["bits"]:
                    self.port_of[bit] = name
        # Pads: the chip's side of a port is the port.
        for cell in self.cells.values():
            if cell["type"] in _PADS:
                outside = cell["connections"]["B"][0]
                for bit in cell["connections"].get("O", []):
                    if outside in self.port_of:
                        self.port_of[bit] = self.port_of[outside]

    @staticmethod
    def _rank(name: str) -> tuple[bool, bool, int, int, str]:
        made = _SUFFIX.search(name + "_") is not None  # by yosys, after a neighbour
        return name.startswith("$"), made, name.count("."), len(name), name

    def clock_name(self, bit: int) -> str:
        """Return the name of the clock on a net."""
        return self.port_of.get(bit) or _short(self.names.get(bit, f"net {bit}"))


def _clock_ports(cell: Mapping[str, Any]) -> Iterable[tuple[int, list[str]]]:
    """Yield (clock net, names of the ports of that clock) of a cell."""
    for clock, starts in _REGISTERS[cell["type"]].items():
        bits = cell["connections"].get(clock, [])
        if bits and isinstance(bits[0], int):
            ports = [
                port
                for port in cell["connections"]
                if port not in _REGISTERS[cell["type"]]
                and any(re.match(rf"{start}\d*$" if start else "", port) for start in starts)
            ]
            yield bits[0], ports


def crossings_of(module: Mapping[str, Any], rules: Rules) -> list[Crossing]:
    """Return the crossings of a mapped module, each pair of registers once, in order."""
    net = _Netlist(module)
    # What each net depends on: {(clock, source)}, for nets that a register or port drives.
    start: dict[int, tuple[str, str]] = {}
    for bit, port in net.port_of.items():
        start[bit] = (rules.clock_of_port(port), port)
    clocked: dict[str, list[tuple[str, list[str]]]] = {}
    found: set[Crossing] = set()
    for name, cell in net.cells.items():
        if cell["type"] == "EHXPLLL":  # its lock belongs to no clock
            for port, bits in cell["connections"].items():
                if cell["port_directions"].get(port) == "output":
                    start |= {bit: ("asynchronous", name) for bit in bits if isinstance(bit, int)}
        if cell["type"] not in _REGISTERS:
            continue
        sides = [(net.clock_name(bit), ports) for bit, ports in _clock_ports(cell)]
        if cell["type"] == "MULT18X18D" and not sides:
            continue
        clocked[name] = sides
        for clock, ports in sides:
            for port in ports:
                if cell["port_directions"].get(port) == "output":
                    for bit in cell["connections"][port]:
                        if isinstance(bit, int):
                            start[bit] = (clock, _short(net.names.get(bit, name)))
        if cell["type"] == "DP16KD" and len({clock for clock, _ in sides}) == 2:
            writers = {clock for clock, ports in sides if _writes(cell, ports)}
            for clock, _ in sides:
                for writer in writers - {clock}:
                    found.add(Crossing(writer, clock, f"memory {_short(name)}", _short(name)))
    # Sources through cells without a clock, each cell once.
    sources: dict[str, frozenset[tuple[str, str]]] = {}

    def of_bit(bit: object) -> frozenset[tuple[str, str]]:
        if not isinstance(bit, int):
            return frozenset()
        if bit in start:
            return frozenset({start[bit]})
        driver = net.driver.get(bit)
        return sources.get(driver[0], frozenset()) if driver else frozenset()

    def inputs(name: str) -> list[object]:
        cell = net.cells[name]
        return [
            bit
            for port, bits in cell["connections"].items()
            if cell["port_directions"].get(port) == "input"
            for bit in bits
        ]

    for name in net.cells:
        stack = [name]
        while stack:
            at = stack[-1]
            if at in sources or at in clocked or net.cells[at]["type"] in _PADS:
                stack.pop()
                continue
            open_cells = [
                net.driver[bit][0]
                for bit in inputs(at)
                if isinstance(bit, int) and bit not in start and bit in net.driver
            ]
            todo = [cell for cell in open_cells if cell not in sources and cell not in clocked]
            todo = [cell for cell in todo if cell not in stack]  # a loop of logic ends here
            if todo:
                stack += todo
                continue
            sources[at] = frozenset().union(*(of_bit(bit) for bit in inputs(at)))
            stack.pop()
    for name, sides in clocked.items():
        cell = net.cells[name]
        for clock, ports in sides:
            for port in ports:
                if cell["port_directions"].get(port) != "input":
                    continue
                for bit in cell["connections"][port]:
                    for other, source in of_bit(bit):
                        if other != clock:
                            target = _short(_target(net, name))
                            found.add(Crossing(other, clock, source, target, bit not in start))
    return sorted(found)


def _target(net: _Netlist, name: str) -> str:
    """Return the name of what a register drives, which is that of the Verilog's register."""
    cell = net.cells[name]
    if cell["type"] == "TRELLIS_FF":
        bits = cell["connections"].get("Q", [])
        if bits and bits[0] in net.names:
            return net.names[bits[0]]
    return name


def _writes(cell: Mapping[str, Any], ports: Iterable[str]) -> bool:
    """Return whether a side of a memory ever writes: its write enable is not a constant 0."""
    enable = next((port for port in ports if port in ("WEA", "WEB")), None)
    return enable is not None and cell["connections"][enable] not in (["0"], [])


def compare(crossings: Iterable[Crossing], rules: Rules) -> tuple[list[Crossing], list[int]]:
    """Return the crossings that no entry allows, and the entries that no crossing needs."""
    used, alien = set(), []
    for crossing in crossings:
        place = rules.permits(crossing)
        if place is None:
            alien.append(crossing)
        else:
            used.add(place)
    return alien, [i for i in range(len(rules.allowed)) if i not in used]


def read_netlist(path: Path, top: str) -> Mapping[str, Any]:
    """Return the top module of a netlist that yosys wrote as JSON."""
    module: Mapping[str, Any] = json.loads(path.read_text())["modules"][top]
    return module
