# SPDX-License-Identifier: Apache-2.0
"""Pieces of Verilog that register files are made of: the bus, fields in words, cases."""

from vio.hw.registers.map import ADDRESS_BITS, Field, Register

INDEX_BITS = ADDRESS_BITS - 2
_ADDRESS = f"[{ADDRESS_BITS - 1}:0]"
AXI_PORTS = (
    "input wire clk",
    "input wire rst",
    "// AXI4-Lite",
    "input wire s_axil_awvalid",
    "output wire s_axil_awready",
    f"input wire {_ADDRESS} s_axil_awaddr",
    "input wire s_axil_wvalid",
    "output wire s_axil_wready",
    "input wire [31:0] s_axil_wdata",
    "input wire [3:0] s_axil_wstrb",
    "output wire s_axil_bvalid",
    "input wire s_axil_bready",
    "output wire [1:0] s_axil_bresp",
    "input wire s_axil_arvalid",
    "output wire s_axil_arready",
    f"input wire {_ADDRESS} s_axil_araddr",
    "output wire s_axil_rvalid",
    "input wire s_axil_rready",
    "output wire [31:0] s_axil_rdata",
    "output wire [1:0] s_axil_rresp",
    "output wire irq",
)
# @AR@: the read address channel, of the port or of what lies before the bus.
BUS = """\
  // ---- the bus ----
  wire write_valid, write_ready, write_error, read_valid, read_error;
  wire [9:0] write_index, read_index;
  wire [31:0] write_data, read_data;

  axi_lite #(
      .ADDRESS_W(12)
  ) bus (
      .clk(clk),
      .rst(rst),
      .s_axil_awvalid(s_axil_awvalid),
      .s_axil_awready(s_axil_awready),
      .s_axil_awaddr(s_axil_awaddr),
      .s_axil_wvalid(s_axil_wvalid),
      .s_axil_wready(s_axil_wready),
      .s_axil_wdata(s_axil_wdata),
      .s_axil_wstrb(s_axil_wstrb),
      .s_axil_bvalid(s_axil_bvalid),
      .s_axil_bready(s_axil_bready),
      .s_axil_bresp(s_axil_bresp),
      .s_axil_arvalid(@AR@valid),
      .s_axil_arready(@AR@ready),
      .s_axil_araddr(@AR@addr),
      .s_axil_rvalid(s_axil_rvalid),
      .s_axil_rready(s_axil_rready),
      .s_axil_rdata(s_axil_rdata),
      .s_axil_rresp(s_axil_rresp),
      .write_valid(write_valid),
      .write_ready(write_ready),
      .write_index(write_index),
      .write_data(write_data),
      .write_error(write_error),
      .read_valid(read_valid),
      .read_index(read_index),
      .read_data(read_data),
      .read_error(read_error)
  );"""


def index(register: Register) -> str:
    """Return the index of a register's word as the cases have it."""
    return f"{INDEX_BITS}'h{register.address // 4:03x}"


def bit_range(bits: int | str) -> str:
    """Return the range of a vector, empty for a bit."""
    if bits == 1:
        return ""
    return f"[{bits}-1:0] " if isinstance(bits, str) else f"[{bits - 1}:0] "


def written_part(field: Field) -> str:
    """Return the part of write_data that holds a field."""
    if field.bits == 32:
        return "write_data"
    if field.bits == 1:
        return f"write_data[{field.low}]"
    if isinstance(field.bits, str):
        return f"write_data[{field.bits}-1:{field.low}]" if field.low == 0 else ""
    return f"write_data[{field.low + field.bits - 1}:{field.low}]"


def word_of(parts: list[tuple[Field, str]]) -> str:
    """Return the 32-bit word of fields and their signals."""
    if len(parts) == 1 and parts[0][0].low == 0:
        field, signal = parts[0]
        if field.bits == 32:
            return signal
        if field.signed:
            rest = 32 - int(field.bits)
            return f"{{{{{rest}{{{signal}[{int(field.bits) - 1}]}}}}, {signal}}}"
        if isinstance(field.bits, str):
            return f"{{{{(32 - {field.bits}) {{1'b0}}}}, {signal}}}"
        return f"{{{32 - field.bits}'d0, {signal}}}"
    pieces: list[str] = []
    at = 0
    for field, signal in parts:
        if field.low > at:
            pieces.insert(0, f"{field.low - at}'d0")
        pieces.insert(0, signal)
        if isinstance(field.bits, str):
            pieces.insert(0, f"{{({32 - field.low} - {field.bits}) {{1'b0}}}}")
            at = 32
        else:
            at = field.low + field.bits
    if at < 32:
        pieces.insert(0, f"{32 - at}'d0")
    return "{" + ", ".join(pieces) + "}"


def joined(lines: list[str], indent: str) -> str:
    """Return the lines with commas after all but the last that is no comment."""
    out = []
    for i, line in enumerate(lines):
        comma = "" if line.startswith("//") or i == len(lines) - 1 else ","
        out.append(f"{indent}{line}{comma}")
    return "\n".join(out)


def wrapped(items: list[str], joint: str) -> str:
    """Return the items with joints between them, over several lines."""
    lines, line = [], " " * 6
    for i, item in enumerate(items):
        text = item + (joint if i < len(items) - 1 else "")
        if len(line) + len(text.rstrip()) > 98:
            lines.append(line.rstrip())
            line = " " * 6
        line += text
    return "\n".join([*lines, line])


def cases(regs: list[Register]) -> str:
    """Return the labels of a case."""
    return wrapped([index(r) for r in regs], ", ")


def indented(lines: list[str], spaces: int = 6) -> str:
    """Return the lines with spaces before them."""
    return "\n".join(" " * spaces + line for line in lines)


def read_line(r: Register, word: str) -> str:
    """Return the case of a register that reads as a word."""
    if len(word) > 90:
        word = "{\n" + wrapped(word.strip("{}").split(", "), ", ") + "\n      }"
        return f"{index(r)}: read_d = {word};"
    return f"{index(r)}:{chr(10) + ' ' * 6 if len(word) > 74 else ' '}read_d = {word};"


PLAIN = ("constant", "control", "sticky", "status")  # registers whose words are of their fields


def plain_word(r: Register, internal: dict[str, str]) -> str:
    """Return the word of a register of a kind in PLAIN.

    internal: signals of fields of a status that are no inputs.
    """
    if r.kind == "constant":
        return r.signal
    if r.kind == "control":
        return word_of([(r.only, f"{r.name}_q")])
    if r.kind == "sticky":
        return f"{{{32 - len(r.fields)}'d0, {r.name}_q}}"
    return word_of([(f, internal.get(f.name, f"status_{f.name}")) for f in r.fields])


def filled(template: str, fillings: dict[str, str]) -> str:
    """Return a template with what stands at its @NAMES@, in the order of the fillings."""
    for name, text in fillings.items():
        template = template.replace(f"@{name}@", text)
    return template
