# SPDX-License-Identifier: Apache-2.0
"""Toggles of netlists: what is read of the simulator's counts, and what energies are made of."""

from pathlib import Path

import pytest

from tools.study_toggles import BLOCKS
from tools.toggles.capture import IDLE, Monitor, ports_of, with_monitor
from tools.toggles.netlist import Netlist
from tools.toggles.power import Energies, _without_memories, energy_pj
from tools.toggles.replay import _wrapper, read_saif
from vio.errors import VioError
from vio.hw.verilog_sources import source

SAIF = r"""
(SAIFILE
(DURATION 40)
 (INSTANCE TOP
  (NET (clk (T0 20) (T1 20) (TZ 0) (TX 0) (TB 0) (TC 40)))
  (INSTANCE replay
   (NET (in\[0\] (T0 1) (T1 39) (TZ 0) (TX 0) (TB 0) (TC 7)))
   (INSTANCE dut
    (NET
     (n1 (T0 3) (T1 37) (TZ 0) (TX 0) (TB 0) (TC 11))
     (s_data\[2\] (T0 3) (T1 37) (TZ 0) (TX 0) (TB 0) (TC 5))
    )
    (INSTANCE n7 (NET (A (T0 3) (T1 37) (TZ 0) (TX 0) (TB 0) (TC 99))))
    (NET (n2 (T0 40) (T1 0) (TZ 0) (TX 0) (TB 0) (TC 0)))
   )
   (NET (late (T0 1) (T1 39) (TZ 0) (TX 0) (TB 0) (TC 3)))
  )
 )
)
"""


def netlist() -> Netlist:
    """Return q = register of not (d and what a memory reads)."""
    ports = {
        "clk": ("input", [2]), "d": ("input", [3, 4]), "q": ("output", [5]), "z": ("output", ["0"])
    }  # fmt: skip
    cells = {
        "n7": ("NAND2X1", {"A": 4, "B": 9, "Y": 8}),
        "n8": ("DFFPOSX1", {"CLK": 2, "D": 8, "Q": 5}),
    }
    names = {2: ("clk", None), 3: ("d", 0), 4: ("d", 1), 5: ("q", None), 8: ("n1", None)}
    return Netlist("block", Path("."), ports, cells, [9], names)


def test_toggles_are_those_of_the_instances_own_nets() -> None:
    assert read_saif(SAIF, "dut") == {("n1", None): 11, ("s_data", 2): 5, ("n2", None): 0}
    assert read_saif(SAIF, "replay") == {("in", 0): 7, ("late", None): 3}


def test_energy_is_the_sum_of_toggles_of_outputs() -> None:
    found = Energies({"n7": 0.25, "n8": 2.0}, 1.0)
    counts = {("n1", None): 8, ("q", None): 3, ("d", 1): 1000}
    assert energy_pj(netlist(), found, counts) == 8 * 0.25 + 3 * 2.0
    with pytest.raises(VioError, match=r"toggles of \('q', None\) \(n8\) were not counted"):
        energy_pj(netlist(), found, {("n1", None): 8})


def test_what_memories_drive_is_an_input_of_the_analysed_netlist() -> None:
    text = _without_memories(netlist())
    assert "input b9" in text
    assert "NAND2X1 n7 (.A(d_1), .B(b9), .Y(b8));" in text
    assert "DFFPOSX1 n8 (.CLK(clk_0), .D(b8), .Q(b5));" in text
    assert "assign q_0 = b5;" in text
    assert "assign z_0 = 1'b0;" in text


def test_the_wrapper_has_the_first_port_in_the_upper_bits() -> None:
    assert ".d(in[1:0]), .q(out[1:1]), .z(out[0:0])" in _wrapper(netlist())


@pytest.mark.parametrize("name", BLOCKS)
def test_a_monitor_has_every_port_of_a_block_of_the_table(name: str) -> None:
    block = BLOCKS[name]
    text = source(block.module).read_text()
    inputs, outputs = ports_of(text)
    head = text[: text.index(");\n")]
    assert len(inputs) + 1 == head.count("input wire")
    assert len(outputs) == head.count("output wire")
    assert block.counted in inputs
    out = with_monitor(text, Monitor(block.module, "x", block.active, 7, 5), Path("/there"))
    assert f"{{{', '.join(inputs)}}}, {{{', '.join(outputs)}}}" in out
    assert f"monitor_idle < {IDLE}" in out
    assert out.count("endmodule") == 1
