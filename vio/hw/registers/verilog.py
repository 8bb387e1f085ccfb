# SPDX-License-Identifier: Apache-2.0
"""Write registers.v from the register map."""

from vio.config import HwConfig
from vio.hw.registers.limits import limit_case
from vio.hw.registers.map import (
    DROP_FAULTS,
    INTERNAL_FAULTS,
    MATRIX_ENTRIES,
    STREAM_FAULTS,
    Register,
    parameters,
    register_map,
)
from vio.hw.registers.pieces import (
    AXI_PORTS,
    BUS,
    INDEX_BITS,
    PLAIN,
    bit_range,
    cases,
    filled,
    indented,
    index,
    joined,
    plain_word,
    read_line,
    word_of,
    wrapped,
    written_part,
)
from vio.hw.registers.template import BODY, HEADER

_ACTIVE = ("config", "frame")  # shadowed, with an output
_STORED = (*_ACTIVE, "static", "rotation")  # read back from a memory
_WRITABLE = (*_ACTIVE, "control", "static", "rotation", "request", "pulse", "sticky", "table")


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
    return [f"{bit_range(bits)}{name}" for name, bits in names.items()]


def _ports(regs: list[Register]) -> list[str]:
    """Return the port list, a line each, groups after comments."""
    lines = [
        *AXI_PORTS,
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
    lines += [
        f"output wire {bit_range(r.only.bits)}cfg_{r.name}" for r in regs if r.kind == "static"
    ]
    lines.append("// The active set")
    lines += [
        f"output wire {bit_range(r.only.bits)}cfg_{r.name}" for r in regs if r.kind in _ACTIVE
    ]
    lines.append("// Status")
    for r in regs:
        if r.kind == "status":
            lines += [
                f"input wire {bit_range(f.bits)}status_{f.name}"
                for f in r.fields
                if f.name != "armed"
            ]
    lines.append("input wire [31:0] status_latency")
    lines.append("// Events and what is counted")
    return [*lines, *(f"input wire {name}" for name in _inputs(regs))]


def _declarations(regs: list[Register]) -> list[str]:
    out = []
    for r in regs:
        if r.kind in ("control", "static"):
            out.append(f"reg {bit_range(r.only.bits)}{r.name}_q;")
        elif r.kind in _ACTIVE:
            out.append(f"reg {bit_range(r.only.bits)}{r.name}_q, next_{r.name}_q;")
        elif r.kind == "sticky":
            out.append(f"reg {bit_range(len(r.fields))}{r.name}_q;")
    out.append("reg [31:0] count_cycles_q;")
    out += [f"reg {f.name}_q;" for r in regs if r.kind == "request" for f in r.fields]
    return out


def _write_case(regs: list[Register]) -> list[str]:
    out = []
    for r in regs:
        if r.kind in ("control", "static"):
            out.append(f"{index(r)}: {r.name}_q <= {written_part(r.only)};")
        elif r.kind in _ACTIVE:
            out.append(f"{index(r)}: next_{r.name}_q <= {written_part(r.only)};")
    return out


def _read_word(r: Register) -> str:
    """Return the word that a register reads as."""
    if r.kind in PLAIN:
        return plain_word(r, {"armed": "armed_q"})
    if r.kind == "request":
        return word_of([(f, f"{f.name}_q") for f in r.fields])
    if r.name == "table_address":
        return word_of([(f, f"table_{f.name}_q") for f in r.fields])
    if r.kind == "latency":
        return "status_latency"
    return f"{r.name}_q" if r.kind == "counter" else "32'd0"


def _stored_word(r: Register) -> str:
    """Return the word that is kept of what is written to a register."""
    if not r.only.signed:
        return word_of([(r.only, written_part(r.only))])
    bits = int(r.only.bits)
    return f"{{{{{32 - bits}{{write_data[{bits - 1}]}}}}, {written_part(r.only)}}}"


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
        "RECENTS": indented([f"reg [{width(r) - 1}:0] {name(r)};" for r in parts.values()], 2),
        "RECENT_CASES": indented(
            [
                f"{turn}'d{i}: recent_d = "
                + (name(r) if width(r) == recent else f"{{{recent - width(r)}'d0, {name(r)}}}")
                + ";"
                for i, r in parts.items()
            ]
        ),
        "RECENT_SUMS": indented(
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
        "RECENTS_OFF": indented([f"{name(r)} <= {width(r)}'d0;" for r in parts.values()]),
    }


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
        **{name.upper(): index(by[name]) for name in (*indices, "frame")},
        "WRITES": indented(_write_case(regs), 8),
        "WRITABLE": cases([r for r in regs if r.kind in _WRITABLE]),
        "LIMITS": indented(
            [f"{index(r)}: {limit_case(r.limits, r.only.bits)}" for r in regs if r.limits]
        ),
        "LOCKED": cases([r for r in regs if r.kind == "static"] + [by["table_data"]]),
        "SHADOWED": cases([r for r in regs if r.kind in ("config", "rotation")]),
        "COPIES": indented([f"{r.name}_q <= next_{r.name}_q;" for r in active]),
        "N_IRQ": str(interrupts),
        "TOP_IRQ": str(interrupts - 1),
        "N_FAULTS": str(len(faults)),
        "TOP_FAULT": str(len(faults) - 1),
        "FAULT_EVENTS": ",\n".join(f"    {events[name]}" for name in reversed(faults)),
        "STREAM": wrapped([events[name] for name in STREAM_FAULTS], " || "),
        "DROP": " || ".join(events[name] for name in DROP_FAULTS),
        "REQUESTS": indented(
            [
                f"{f.name}_q <= (request_write && {written_part(f)}) || "
                f"({f.name}_q && !done_{f.name});"
                for f in requests
            ]
        ),
        "REQUESTS_OFF": indented([f"{f.name}_q <= 1'b0;" for f in requests]),
        **_counter_fillings(counters),
        "STORED": cases(stored),
        "STORES": indented([f"{index(r)}: store_d = {_stored_word(r)};" for r in stored]),
        "TOP_STORED": str((1 << place) - 1),
        "TOP_PLACE": str(place - 1),
        "READ_STORED": cases(stored),
        "READ_TOTAL": cases(totals),
        "READS": indented([read_line(r, _read_word(r)) for r in others if r not in zeros]),
        "ZEROS": cases(zeros),
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
    body = filled(BODY, {"BUS": BUS, "AR": "s_axil_ar"} | _fillings(regs))
    outputs = [r for r in regs if r.kind in (*_ACTIVE, "static")]
    lines = [
        HEADER,
        "module registers #(",
        *declared,
        ") (",
        joined(_ports(regs), "    "),
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
