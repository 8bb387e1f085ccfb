# SPDX-License-Identifier: Apache-2.0
"""Registers of block RAMs and multipliers: the netlist with them does what the Verilog does."""

import json
from pathlib import Path
from typing import Any

import cocotb
import pytest
from cocotb.triggers import Timer

from sim.needs import needs_synthesis, needs_verilator
from sim.runner import simulate
from vio.hw.synth import flow, gate
from vio.hw.synth.hard_registers import convert

pytestmark = [
    needs_verilator,
    needs_synthesis,
]

# Memories of 36 bits, whose register has an enable, and of 18; one that is also read before its
# register, and one that resets; none is read where it is written. Products: with registers on both
# sides, a square, two that share a factor, one with a reset. Of the memories, what may move has
# "moves" in its name.
REGISTERED = """
module registered (
    input  wire        clk,
    input  wire        reset,
    input  wire        enable,
    input  wire        write,
    input  wire [ 8:0] write_address,
    input  wire [ 8:0] read_address,
    input  wire [35:0] data,
    input  wire signed [17:0] a,
    input  wire signed [17:0] b,
    output reg  [35:0] wide_q,
    output reg  [17:0] narrow_q,
    output wire [17:0] early,
    output reg  [17:0] early_q,
    output reg  [17:0] reset_q,
    output reg  signed [35:0] product_q,
    output reg  signed [35:0] square_q,
    output reg  [15:0] byte_q,
    output reg  signed [35:0] shared_q,
    output reg  signed [35:0] other_q,
    output reg  signed [35:0] cleared_q
);
  (* no_rw_check *) reg [35:0] wide_moves_mem[0:511];
  (* no_rw_check *) reg [17:0] narrow_moves_mem[0:1023];
  (* no_rw_check *) reg [17:0] early_mem[0:1023];
  (* no_rw_check *) reg [17:0] reset_mem[0:1023];
  reg [35:0] wide_read_q;
  reg [17:0] narrow_read_q, early_read_q, reset_read_q;
  reg signed [17:0] a_q, b_q, square_in_q, first_q, second_q, common_q, e_q, f_q;
  reg [7:0] low_q, high_q;
  assign early = early_read_q;
  always @(posedge clk) begin
    if (write) begin
      wide_moves_mem[write_address] <= data;
      narrow_moves_mem[{1'b0, write_address}] <= data[17:0];
      early_mem[{1'b0, write_address}] <= data[17:0];
      reset_mem[{1'b0, write_address}] <= data[17:0];
    end
    wide_read_q <= wide_moves_mem[read_address];
    narrow_read_q <= narrow_moves_mem[{1'b0, read_address}];
    early_read_q <= early_mem[{1'b0, read_address}];
    reset_read_q <= reset_mem[{1'b0, read_address}];
    narrow_q <= narrow_read_q;
    early_q <= early_read_q;
    if (reset) reset_q <= 18'd0;
    else reset_q <= reset_read_q;
    if (enable) begin
      wide_q <= wide_read_q;
      a_q <= a;
      square_in_q <= {a[8:0], a[17:9]};
    end
    b_q <= b;
    product_q <= a_q * b_q;
    square_q <= square_in_q * square_in_q;
    low_q <= data[7:0];
    high_q <= data[15:8];
    if (enable) byte_q <= low_q * high_q;
    common_q <= a ^ b;
    first_q <= a + 18'sd1;
    second_q <= b + 18'sd3;
    shared_q <= common_q * first_q;
    other_q <= common_q * second_q;
    e_q <= a - 18'sd5;
    f_q <= b - 18'sd7;
    if (reset) cleared_q <= 36'd0;
    else cleared_q <= e_q * (f_q ^ a);
  end
endmodule
"""
OUTPUTS = {
    "wide": 36, "narrow": 18, "early": 18, "early_q": 18, "reset": 18, "product": 36, "square": 36,
    "byte": 16, "shared": 36, "other": 36, "cleared": 36,
}  # fmt: skip


def _lockstep() -> str:
    """Return a module that gives the netlist and its source the same inputs, and compares."""
    names = {name: name if name in ("early", "early_q") else f"{name}_q" for name in OUTPUTS}
    nets = "".join(f"  wire [{w - 1}:0] {n}_0, {n}_1;\n" for n, w in OUTPUTS.items())
    copies = "".join(
        f"  {module} copy_{i} (.clk(clk), .reset(bits[0]), .enable(bits[1]), .write(bits[2]),\n"
        "    .write_address({4'd0, compared[9], bits[6:3]}),\n"
        "    .read_address({4'd0, ~compared[9], bits[10:7]}),\n"
        "    .data({bits[20:3], bits[63:46]}), .a(bits[45:28]), .b(bits[28:11]),\n"
        + ",\n".join(f"    .{port}({name}_{i})" for name, port in names.items())
        + ");\n"
        for i, module in enumerate(("registered", "registered_source"))
    )
    pairs = " | ".join(f"({n}_0 !== {n}_1)" for n in OUTPUTS)
    return (
        "module lockstep (input wire clk, output reg [15:0] compared, output reg differs);\n"
        "  reg [63:0] bits;\n" + nets + copies + "  initial bits = 64'h9e3779b97f4a7c15;\n"
        "  initial compared = 16'd0;\n  initial differs = 1'b0;\n"
        "  always @(posedge clk) begin\n"
        "    bits <= {bits[62:0], bits[63] ^ bits[62] ^ bits[60] ^ bits[59]} \n"
        "      ^ {bits[31:0], 32'd0};\n"
        "    compared <= compared + 16'd1;\n"
        # The source's memories are unknown, and the netlist's 0, until they are written.
        f"    if (compared > 16'd2000 && ({pairs})) differs <= 1'b1;\n"
        "  end\nendmodule\n"
    )


@cocotb.test()
async def both_give_the_same(dut: Any) -> None:
    dut.clk.value = 0
    for _ in range(8000):
        await Timer(1, "ns")
        dut.clk.value = 1
        await Timer(1, "ns")
        dut.clk.value = 0
    await Timer(1, "ns")
    assert int(dut.compared.value) == 8000
    assert int(dut.differs.value) == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The netlist's files: models of its cells, and itself last."""
    folder = tmp_path_factory.mktemp("registered")
    path = folder / "registered.v"
    path.write_text(REGISTERED)
    return gate.gate_files("registered", [path], [], {}, folder / "gate")


def _compare(made: list[Path], folder: Path, netlist: str) -> None:
    for path in made[:-1]:
        (folder / path.name).write_text(path.read_text())
    (folder / "registered.v").write_text(netlist)
    source = REGISTERED.replace("module registered ", "module registered_source ")
    (folder / "registered_source.v").write_text(source)
    (folder / "lockstep.v").write_text(_lockstep())
    top = "lockstep"  # by a name: `vio hw sim` finds the tests of a block by their calls
    simulate(top, "sim.test_hard_registers", folder=folder)


def _cells(made: list[Path]) -> dict[str, dict[str, Any]]:
    netlist = json.loads((made[-1].parent / "registers.json").read_text())
    cells: dict[str, dict[str, Any]] = netlist["modules"]["registered"]["cells"]
    return cells


def test_what_may_move_moves_and_nothing_else(made: list[Path]) -> None:
    cells = _cells(made)
    for name, cell in cells.items():
        if cell["type"] == "DP16KD":
            modes = {cell["parameters"][f"REGMODE_{side}"] for side in "AB"}
            assert ("OUTREG" in modes) == ("moves" in name), name
    products = [c["parameters"] for c in cells.values() if c["type"] == "MULT18X18D"]
    assert len(products) == 6
    places = [f"REG_{place}_CLK" for place in ("INPUTA", "INPUTB", "OUTPUT")]
    registers = [tuple(says.get(p, "NONE") != "NONE" for p in places) for says in products]
    # All but the one with a reset, whose factor also is not a register's output.
    assert sorted(registers) == [(False,) * 3] + [(True,) * 3] * 5
    before = gate.cells_of(made[-1])["TRELLIS_FF"]
    after = sum(cell["type"] == "TRELLIS_FF" for cell in cells.values())
    # Memories; four products and one of 16 bits; factors: a_q, whose bits turned are also those of
    # square_in_q, and b_q; those of 8 bits; and the three of two products.
    assert before - after == (36 + 18) + (4 * 36 + 16) + 2 * 18 + 2 * 8 + 3 * 18


def test_the_netlist_does_what_the_verilog_says(made: list[Path], tmp_path: Path) -> None:
    _compare(made, tmp_path, made[-1].read_text())


@pytest.mark.parametrize(
    ("word", "wrong"),
    [
        ('.REGMODE_B("OUTREG")', '.REGMODE_B("NOREG")'),
        ('.REG_OUTPUT_CLK("CLK0")', '.REG_OUTPUT_CLK("NONE")'),
    ],
)
def test_a_register_that_is_left_out_is_seen(
    made: list[Path], tmp_path: Path, word: str, wrong: str
) -> None:
    text = made[-1].read_text()
    assert word in text
    with pytest.raises((AssertionError, SystemExit)):
        _compare(made, tmp_path, text.replace(word, wrong, 1))


TIMED = {
    "DP16KD": "(* no_rw_check *) reg [17:0] words_mem[0:1023];\n"
    "  always @(posedge clk) begin\n"
    "    if (write) words_mem[a[9:0]] <= a;\n"
    "    first_q <= words_mem[b[9:0]];\n  end",
    "MULT18X18D": "reg [17:0] a_q, b_q;\n"
    "  wire [35:0] product = a_q * b_q;\n"
    "  always @(posedge clk) begin\n"
    "    a_q <= a;\n    b_q <= b;\n    first_q <= product[35:18];\n  end",
}


@pytest.mark.parametrize(
    ("cell", "bare_ns", "registered_ns"), [("DP16KD", 5.0, 1.0), ("MULT18X18D", 3.5, 1.0)]
)
def test_nextpnr_uses_the_timing_of_the_registers(
    tmp_path: Path, cell: str, bare_ns: float, registered_ns: float
) -> None:
    """What counts of a block is its register's clock to output, not the way through."""
    (tmp_path / "timed.v").write_text(
        "module timed (input wire clk, input wire write, input wire [17:0] a,\n"
        "  input wire [17:0] b, output reg [17:0] sum_q);\n  reg [17:0] first_q, second_q;\n"
        f"  {TIMED[cell]}\n"
        "  always @(posedge clk) begin\n"
        "    second_q <= first_q;\n"
        "    sum_q <= second_q ^ {second_q[0], second_q[17:1]};\n  end\nendmodule\n"
    )
    (tmp_path / "synth.ys").write_text(flow.script("timed", ["timed"]))
    flow.synthesise(tmp_path)
    first, fmax = {}, {}
    for registers in (False, True):
        timing = flow.route(tmp_path, "85k", 6, 1, hard_registers=registers)
        (report,) = tmp_path.glob(f"report-85k-6-1{'-registers' if registers else ''}.json")
        (critical,) = json.loads(report.read_text())["critical_paths"]
        of_cell = [
            step
            for step in critical["path"]
            if cell in step["from"]["cell"] or "mem" in step["from"]["cell"]
        ]
        first[registers] = max(step["delay"] for step in of_cell if step["type"] != "routing")
        assert timing.hard_registers == ((18 if cell == "DP16KD" else 54) if registers else None)
        assert timing.fmax_mhz is not None
        fmax[registers] = timing.fmax_mhz
    assert first[False] > bare_ns
    assert first[True] < registered_ns
    assert fmax[True] > 2 * fmax[False]


def test_what_is_converted_twice_stays(made: list[Path], tmp_path: Path) -> None:
    again = tmp_path / "again.json"
    assert convert(made[-1].parent / "registers.json", again) == 0
    assert json.loads(again.read_text()) == json.loads(
        (made[-1].parent / "registers.json").read_text()
    )
