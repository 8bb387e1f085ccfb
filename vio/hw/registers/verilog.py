# SPDX-License-Identifier: Apache-2.0
"""Write registers.v from the register map."""

from vio.config import HwConfig
from vio.hw.registers.limits import limit_case
from vio.hw.registers.map import (
    ADDRESS_BITS,
    DROP_FAULTS,
    INTERNAL_FAULTS,
    MATRIX_ENTRIES,
    STREAM_FAULTS,
    Field,
    Register,
    parameters,
    register_map,
)
from vio.hw.registers.template import BODY, HEADER

INDEX_BITS = ADDRESS_BITS - 2
_ACTIVE = ("config", "frame")  # shadowed, with an output
_STORED = (*_ACTIVE, "static", "rotation")  # read back from a memory
_WRITABLE = (*_ACTIVE, "control", "static", "rotation", "request", "pulse", "sticky", "table")


def _index(register: Register) -> str:
    return f"{INDEX_BITS}'h{register.address // 4:03x}"


def _range(bits: int | str) -> str:
    """Return the range of a vector, empty for a bit."""
    if bits == 1:
        return ""
    return f"[{bits}-1:0] " if isinstance(bits, str) else f"[{bits - 1}:0] "


def _part(field: Field) -> str:
    """Return the part of write_data that holds a field."""
    if field.bits == 32:
        return "write_data"
    if field.bits == 1:
        return f"write_data[{field.low}]"
    if isinstance(field.bits, str):
        return f"write_data[{field.bits}-1:{field.low}]" if field.low == 0 else ""
    return f"write_data[{field.low + field.bits - 1}:{field.low}]"


def _word(parts: list[tuple[Field, str]]) -> str:
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


def _inputs(regs: list[Register]) -> list[str]:
    """Return the inputs that faults, counters and interrupts look at, with their ranges."""
    by = {r.name: r for r in regs}
    names: dict[str, int] = {}
    for field in by["faults"].fields:
        if field.name not in INTERNAL_FAULTS:
            names[f"event_{field.name}"] = 1
    for r in regs:
        if r.kind == "counter" and r.signal[0].isalpha():
            names[r.signal] = r.counts
    return [f"{_range(bits)}{name}" for name, bits in names.items()]


def _ports(regs: list[Register]) -> list[str]:
    """Return the port list, a line each, groups after comments."""
    a = f"[{ADDRESS_BITS - 1}:0] "
    lines = ["input wire clk", "input wire rst", "// AXI4-Lite"]
    lines += [
        "input wire s_axil_awvalid",
        "output wire s_axil_awready",
        f"input wire {a}s_axil_awaddr",
        "input wire s_axil_wvalid",
        "output wire s_axil_wready",
        "input wire [31:0] s_axil_wdata",
        "input wire [3:0] s_axil_wstrb",
        "output wire s_axil_bvalid",
        "input wire s_axil_bready",
        "output wire [1:0] s_axil_bresp",
        "input wire s_axil_arvalid",
        "output wire s_axil_arready",
        f"input wire {a}s_axil_araddr",
        "output wire s_axil_rvalid",
        "input wire s_axil_rready",
        "output wire [31:0] s_axil_rdata",
        "output wire [1:0] s_axil_rresp",
        "output wire irq",
        "// Commands: a request stays until it is done (pulse)",
        "output wire control_enable",
        "output wire command_reset",
    ]
    for field in next(r for r in regs if r.kind == "request").fields:
        lines += [f"output wire request_{field.name}", f"input wire done_{field.name}"]
    lines += [
        "// Start of a frame",
        "input wire take",
        "output wire armed",
        "output wire rotation_ready",
        "// Write port of rectify's tables and matrices; hold: it writes matrices itself",
        "input wire w_hold",
        "output wire w_valid",
        "output wire [2:0] w_select",
        "output wire [8:0] w_address",
        "output wire [23:0] w_data",
        "// Locked while enabled or busy: stable while any frame is under way",
    ]
    lines += [f"output wire {_range(r.only.bits)}cfg_{r.name}" for r in regs if r.kind == "static"]
    lines.append("// The active set")
    lines += [f"output wire {_range(r.only.bits)}cfg_{r.name}" for r in regs if r.kind in _ACTIVE]
    lines.append("// Status")
    for r in regs:
        if r.kind == "status":
            lines += [
                f"input wire {_range(f.bits)}status_{f.name}" for f in r.fields if f.name != "armed"
            ]
    lines.append("input wire [31:0] status_latency")
    lines.append("// Events and what is counted")
    return [*lines, *(f"input wire {name}" for name in _inputs(regs))]


def _joined(lines: list[str], indent: str) -> str:
    """Return the lines with commas after all but the last that is no comment."""
    out = []
    for i, line in enumerate(lines):
        comma = "" if line.startswith("//") or i == len(lines) - 1 else ","
        out.append(f"{indent}{line}{comma}")
    return "\n".join(out)


def _declarations(regs: list[Register]) -> list[str]:
    out = []
    for r in regs:
        if r.kind in ("control", "static"):
            out.append(f"reg {_range(r.only.bits)}{r.name}_q;")
        elif r.kind in _ACTIVE:
            out.append(f"reg {_range(r.only.bits)}{r.name}_q, next_{r.name}_q;")
        elif r.kind == "sticky":
            out.append(f"reg {_range(len(r.fields))}{r.name}_q;")
    out.append("reg [31:0] count_cycles_q;")
    out += [f"reg {f.name}_q;" for r in regs if r.kind == "request" for f in r.fields]
    return out


def _write_case(regs: list[Register]) -> list[str]:
    out = []
    for r in regs:
        if r.kind in ("control", "static"):
            out.append(f"{_index(r)}: {r.name}_q <= {_part(r.only)};")
        elif r.kind in _ACTIVE:
            out.append(f"{_index(r)}: next_{r.name}_q <= {_part(r.only)};")
    return out


def _read_word(r: Register) -> str:
    """Return the word that a register reads as."""
    if r.kind == "constant":
        return r.signal
    if r.kind == "control":
        return _word([(r.only, f"{r.name}_q")])
    if r.kind == "sticky":
        return f"{{{32 - len(r.fields)}'d0, {r.name}_q}}"
    if r.kind == "request":
        return _word([(f, f"{f.name}_q") for f in r.fields])
    if r.kind == "status":
        return _word(
            [(f, "armed_q" if f.name == "armed" else f"status_{f.name}") for f in r.fields]
        )
    if r.name == "table_address":
        return _word([(f, f"table_{f.name}_q") for f in r.fields])
    if r.kind == "latency":
        return "status_latency"
    return f"{r.name}_q" if r.kind == "counter" else "32'd0"


def _wrapped(items: list[str], joint: str) -> str:
    """Return the items with joints between them, over several lines."""
    lines, line = [], " " * 6
    for i, item in enumerate(items):
        text = item + (joint if i < len(items) - 1 else "")
        if len(line) + len(text.rstrip()) > 98:
            lines.append(line.rstrip())
            line = " " * 6
        line += text
    return "\n".join([*lines, line])


def _cases(regs: list[Register]) -> str:
    """Return the labels of a case."""
    return _wrapped([_index(r) for r in regs], ", ")


def _stored_word(r: Register) -> str:
    """Return the word that is kept of what is written to a register."""
    if not r.only.signed:
        return _word([(r.only, _part(r.only))])
    bits = int(r.only.bits)
    return f"{{{{{32 - bits}{{write_data[{bits - 1}]}}}}, {_part(r.only)}}}"


def _places(stored: list[Register]) -> int:
    """Return the bits of the index that tell the stored registers apart."""
    return next(
        n
        for n in range(INDEX_BITS + 1)
        if len({r.address // 4 % (1 << n) for r in stored}) == len(stored)
    )


def _counter_fillings(counters: list[Register]) -> dict[str, str]:
    """Return what stands at the @NAMES@ of the counters; the place of one is its low index bits."""
    turn = (len(counters) - 1).bit_length()
    size = 1 << turn
    assert all(r.address // 4 % size == i for i, r in enumerate(counters))
    parts = {i: r for i, r in enumerate(counters) if r.name != "count_cycles"}
    recent = max(r.counts for r in parts.values()) + turn + 1

    def width(r: Register) -> int:
        return r.counts + turn + 1

    def name(r: Register) -> str:
        return f"recent_{r.name.removeprefix('count_')}_q"

    def more(r: Register) -> str:
        return f"{{{turn + 1}'d0, {r.signal}}}"

    return {
        "TURNS": str(size),
        "N_TOTAL": str(size),
        "TOP_TOTAL": str(size - 1),
        "ONE_TOTAL": f"{size}'d1",
        "N_TURN": str(turn),
        "TOP_TURN": str(turn - 1),
        "TURN_ONE": f"{turn}'d1",
        "N_RECENT": str(recent),
        "TOP_RECENT": str(recent - 1),
        "RECENT_ZEROS": str(32 - recent),
        "RECENTS": _indented([f"reg [{width(r) - 1}:0] {name(r)};" for r in parts.values()], 2),
        "RECENT_CASES": _indented(
            [
                f"{turn}'d{i}: recent_d = "
                + (name(r) if width(r) == recent else f"{{{recent - width(r)}'d0, {name(r)}}}")
                + ";"
                for i, r in parts.items()
            ]
        ),
        "RECENT_SUMS": _indented(
            [
                line
                for i, r in parts.items()
                for line in (
                    f"{name(r)} <= {name(r)} + {more(r)};",
                    f"if (update[{i}]) {name(r)} <= {more(r)};",
                )
            ],
            4,
        ),
        "RECENTS_OFF": _indented([f"{name(r)} <= {width(r)}'d0;" for r in parts.values()]),
    }


def _read_line(r: Register) -> str:
    word = _read_word(r)
    return f"{_index(r)}:{chr(10) + ' ' * 6 if len(word) > 74 else ' '}read_d = {word};"


def _indented(lines: list[str], spaces: int = 6) -> str:
    return "\n".join(" " * spaces + line for line in lines)


def _fillings(regs: list[Register]) -> dict[str, str]:
    """Return what stands at each @NAME@ of the template."""
    by = {r.name: r for r in regs}
    faults = [field.name for field in by["faults"].fields]
    interrupts = len(by["irq"].fields)
    requests = by["request"].fields
    counters = [r for r in regs if r.kind == "counter"]
    active = [r for r in regs if r.kind in _ACTIVE]
    events = {name: f"event_{name}" for name in faults}
    events |= {"unarmed": "event_unarmed || (take && !armed_q)"}
    events |= {"refused": "refused", "illegal": "illegal"}
    indices = ("enable", "request", "reset", "irq", "faults", "table_address", "table_data")
    stored = [r for r in regs if r.kind in _STORED]
    place = _places(stored)
    totals = [r for r in counters if r.name != "count_cycles"]
    others = [r for r in regs if r not in stored and r not in totals]
    zeros = [r for r in others if _read_word(r) == "32'd0"]
    return {
        **{name.upper(): _index(by[name]) for name in (*indices, "frame")},
        "WRITES": _indented(_write_case(regs), 8),
        "WRITABLE": _cases([r for r in regs if r.kind in _WRITABLE]),
        "LIMITS": _indented(
            [f"{_index(r)}: {limit_case(r.limits, r.only.bits)}" for r in regs if r.limits]
        ),
        "LOCKED": _cases([r for r in regs if r.kind == "static"] + [by["table_data"]]),
        "SHADOWED": _cases([r for r in regs if r.kind in ("config", "rotation")]),
        "COPIES": _indented([f"{r.name}_q <= next_{r.name}_q;" for r in active]),
        "N_IRQ": str(interrupts),
        "TOP_IRQ": str(interrupts - 1),
        "N_FAULTS": str(len(faults)),
        "TOP_FAULT": str(len(faults) - 1),
        "FAULT_EVENTS": ",\n".join(f"    {events[name]}" for name in reversed(faults)),
        "STREAM": _wrapped([events[name] for name in STREAM_FAULTS], " || "),
        "DROP": " || ".join(events[name] for name in DROP_FAULTS),
        "REQUESTS": _indented(
            [
                f"{f.name}_q <= (request_write && {_part(f)}) || ({f.name}_q && !done_{f.name});"
                for f in requests
            ]
        ),
        "REQUESTS_OFF": _indented([f"{f.name}_q <= 1'b0;" for f in requests]),
        **_counter_fillings(counters),
        "STORED": _cases(stored),
        "STORES": _indented([f"{_index(r)}: store_d = {_stored_word(r)};" for r in stored]),
        "TOP_STORED": str((1 << place) - 1),
        "TOP_PLACE": str(place - 1),
        "READ_STORED": _cases(stored),
        "READ_TOTAL": _cases(totals),
        "READS": _indented([_read_line(r) for r in others if r not in zeros]),
        "ZEROS": _cases(zeros),
        "LAST": str(MATRIX_ENTRIES - 1),
    }


def registers_verilog(hw: HwConfig) -> str:
    """Return the text of registers.v; hw: gives the defaults of its parameters."""
    regs = register_map()
    widths = parameters(hw)
    declared = [
        f"    parameter {p.name} = {p.value}{',' if p != widths[-1] else ''}  // {p.comment}"
        for p in widths
    ]
    narrow = " ||\n        ".join(
        f"{p.name} < {p.bound}{f' + {p.extra}' if p.extra else ''}" for p in widths
    )
    body = BODY
    for name, text in _fillings(regs).items():
        body = body.replace(f"@{name}@", text)
    outputs = [r for r in regs if r.kind in (*_ACTIVE, "static")]
    lines = [
        HEADER,
        "module registers #(",
        *declared,
        ") (",
        _joined(_ports(regs), "    "),
        ");",
        "",
        '  `include "vio_params.vh"',
        "",
        "  generate",
        f"    if ({narrow}) begin : g_bad_width",
        "      registers_widths_must_hold_the_bounds_of_vio_params bad_parameter ();",
        "    end",
        "  endgenerate",
        "",
        *(f"  {line}" for line in _declarations(regs)),
        body,
        *(f"  assign cfg_{r.name} = {r.name}_q;" for r in outputs),
        *(
            f"  assign request_{f.name} = {f.name}_q;"
            for r in regs
            if r.kind == "request"
            for f in r.fields
        ),
        "",
        "endmodule",
        "",
        "`default_nettype wire",
        "",
    ]
    return "\n".join(lines)
