# SPDX-License-Identifier: Apache-2.0
"""Energy of a netlist by OpenSTA: what a toggle of each cell's output takes, and the clock.

OpenSTA 2.0.17 (Debian's) takes the activity of a pin (`set_power_pin_activity`) only where it does
not propagate one itself, which for the pins inside a netlist is nowhere. Power is linear in the
activity, though. So it is asked twice, with every net at rest and with every net toggling once a
cycle, and each cell's difference, internal and of its net, is the energy of a toggle. These times
the counted toggles are the energy of the logic; what is left at rest is the clock's in the
flip-flops. There are no wires: a net's capacitance is that of the pins that it drives.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from tools.toggles.netlist import LIBERTY, Netlist
from vio.errors import VioError

PERIOD_NS = 16.0  # of the clock that OpenSTA assumes: energies a cycle do not depend on it


@dataclass(frozen=True)
class Energies:
    """Hold pJ: of a toggle of each cell's output, by instance, and of a cycle of the clock."""

    toggle_pj: dict[str, float]
    clock_pj: float


def _without_memories(n: Netlist) -> str:
    """Return the netlist as Verilog in which what memories drive is an input."""
    known: dict[object, str] = {"0": "1'b0", "1": "1'b1", "x": "1'b0"}
    ports, nets = [], []
    for name, (way, bits) in n.ports.items():
        for k, bit in enumerate(bits):
            port = f"{name}_{k}"
            ports.append((way, port))
            if way == "input":
                known[bit] = port
            else:
                nets.append(f"assign {port} = {known.get(bit, f'b{bit}')};")
    for bit in n.memory_reads:
        if bit not in known:
            known[bit] = f"b{bit}"
            ports.append(("input", known[bit]))
    lines = [f"module {n.top} (", ",\n".join(f"{way} {port}" for way, port in ports), ");"]
    for name, (cell, pins) in n.cells.items():
        sides = ", ".join(f".{pin}({known.get(bit, f'b{bit}')})" for pin, bit in pins.items())
        lines.append(f"{cell} {name} ({sides});")
    return "\n".join([*lines, *nets, "endmodule", ""])


def _script(n: Netlist, activity: int) -> str:
    return f"""\
read_liberty {LIBERTY}
read_verilog sta.v
link_design {n.top}
create_clock -name clk -period {PERIOD_NS} [get_ports clk_0]
foreach port [all_inputs] {{
  if {{ [get_full_name $port] != "clk_0" }} {{ set_input_delay -clock clk 0 $port }}
}}
set_power_activity -global -activity {activity} -duty 0.5
report_power -digits 9 -instances [get_cells *]
"""


def _instances(n: Netlist, activity: int) -> dict[str, float]:
    """Return the dynamic power of each instance in W, all nets toggling `activity` times a cycle.

    Raises VioError when OpenSTA is missing or fails.
    """
    sta = shutil.which("sta")
    if sta is None:
        raise VioError("OpenSTA is not there; install it: apt-get install opensta")
    (n.folder / "sta.v").write_text(_without_memories(n))
    (n.folder / f"power{activity}.tcl").write_text(_script(n, activity))
    done = subprocess.run(
        [sta, "-no_init", "-no_splash", "-exit", f"power{activity}.tcl"], cwd=n.folder,
        capture_output=True, text=True,
    )  # fmt: skip
    found = {}
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) == 5 and words[4] in n.cells:
            found[words[4]] = float(words[0]) + float(words[1])
    if set(found) != set(n.cells):
        said = (done.stdout + done.stderr).strip()[-500:]
        raise VioError(f"OpenSTA gave the power of {len(found)} of {len(n.cells)} cells: {said}")
    return found


def energies(n: Netlist) -> Energies:
    """Return what the cells of a netlist take; raises VioError as `_instances`."""
    rest, busy = _instances(n, 0), _instances(n, 1)
    pj = PERIOD_NS * 1e3  # W times the period in pJ
    return Energies({k: (busy[k] - rest[k]) * pj for k in n.cells}, sum(rest.values()) * pj)


def energy_pj(n: Netlist, found: Energies, counts: Mapping[tuple[str, int | None], int]) -> float:
    """Return the energy of counted toggles (`replay.toggles`) of the cells' outputs, in pJ.

    Raises VioError for an output whose net was not counted.
    """
    total = 0.0
    for name, (_, pins) in n.cells.items():
        outputs = [bit for pin, bit in pins.items() if pin in OUTPUTS]
        for bit in outputs:
            if n.names[bit] not in counts:
                raise VioError(f"the toggles of {n.names[bit]} ({name}) were not counted")
            total += counts[n.names[bit]] * found.toggle_pj[name] / len(outputs)
    return total


OUTPUTS = ("Y", "Q", "YC", "YS")  # pins of the library's cells that drive
