# SPDX-License-Identifier: Apache-2.0
"""The registers of the back end's engine on its AXI4-Lite port: rtl/backend/engine_registers.v.

Kinds beside `constant`, `control`, `pulse`, `sticky` and `status` of `vio.hw.registers.map`:
`pointer`    address of a memory behind the next register; it counts up with each access of that.
`window`     the word at the pointer, read and written; refused while calls are queued or run.
`fill`       the word at the pointer, only written.

A window's or fill's access with its pointer behind the memory is outside of its limits.
"""

from vio.float32.call_words import RUN_WORDS, WORDS
from vio.hw.registers.limits import Limits
from vio.hw.registers.map import Field, Register

ENGINE_IDENTITY = 0x4B53_4531  # "KSE1"
MAP_VERSION = 1
CALLS_VERSION = 1  # of the words of vio/float32/call_words.py and of the lane programs' contexts
QUEUE_CALLS = 32  # that the queue of vector_engine.v holds
WORD_ADDRESS_BITS, RUN_ADDRESS_BITS = 17, 12
STATUS_BITS = ("low", "not_finite", "outside", "no_call")  # of vector_engine.v, from bit 0 on

_STATUS_DOCS = (
    "a pivot was not above its floor",
    "an infinity or NaN was written",
    "an address outside of the memory",
    "not a call of the engine",
)


def _whole(name: str, doc: str, bits: int = 32) -> tuple[Field, ...]:
    return (Field(name, 0, bits, doc),)


def _head() -> list[Register]:
    """Return what the engine is, its commands, interrupts and status."""
    version = (
        Field("map", 0, 16, "of this map"),
        Field("calls", 16, 16, "of the words of calls, runs and descriptors"),
    )
    bounds = (
        Field("runs", 0, 16, "words of the memory of runs"),
        Field("lanes", 16, 8, "lanes and banks"),
        Field("calls", 24, 8, f"calls that the queue holds, of {WORDS} words"),
    )
    interrupts = (
        Field("done", 0, 1, "a step has ended"),
        Field("failed", 1, 1, "a call has failed: the rest of its step is skipped"),
    )
    faults = [(name, f"seen: {doc}") for name, doc in zip(STATUS_BITS, _STATUS_DOCS, strict=True)]
    faults += [
        ("refused", "word_data was read or written while calls are queued or run"),
        ("illegal", "a value, or a pointer as its data was accessed, is outside of its limits"),
    ]
    status = (
        Field("busy", 0, 1, "calls are queued or run"),
        Field("done", 1, 1, "each step whose calls came has ended"),
        Field("room", 2, 1, "the queue takes a word"),
        *(
            Field(name, 4 + k, 1, f"of the last step that began: {doc}")
            for k, (name, doc) in enumerate(zip(STATUS_BITS, _STATUS_DOCS, strict=True))
        ),
    )
    failed = (
        Field("call", 0, 16, "number in its step, from 0, of the last call that failed"),
        Field("step", 16, 16, "number of that step: the low bits of steps when the call failed"),
    )
    identity = f"32'h{ENGINE_IDENTITY:x}"
    versions = f"32'h{CALLS_VERSION << 16 | MAP_VERSION:08x}"
    sizes = f"{{8'd{QUEUE_CALLS}, LANES[7:0], 16'd{RUN_WORDS}}}"
    value = _whole("value", f"{ENGINE_IDENTITY:#x}")
    words = _whole("words", "words of the memory")
    reset = _whole(
        "reset", "drop all calls, reset the counters by kind; memories and other registers stay", 1
    )
    enabled = _whole("irq", "interrupts that are let through, as in irq", len(interrupts))
    steps = _whole("steps", "steps that have ended")
    sticky = tuple(Field(name, i, 1, doc) for i, (name, doc) in enumerate(faults))
    return [
        Register("identity", 0x000, "constant", "", value, identity),
        Register("version", 0x004, "constant", "", version, versions),
        Register("memory", 0x008, "constant", "", words, "MEMORY_WORDS"),
        Register("bounds", 0x00C, "constant", "what it is built for", bounds, sizes),
        Register("reset", 0x010, "pulse", "soft reset", reset),
        Register("irq", 0x014, "sticky", "interrupts that wait", interrupts),
        Register("irq_enable", 0x018, "control", "", enabled),
        Register("faults", 0x01C, "sticky", "faults seen", sticky),
        Register("status", 0x020, "status", "what the engine does", status),
        Register("failed", 0x024, "status", "the last call that failed", failed),
        Register("steps", 0x028, "status", "", steps),
    ]


def engine_map() -> list[Register]:
    """Return the engine's registers by address."""
    kind = _whole("kind", "of calls, whose counters are read: NAMES of vio/float32/calls.py", 5)
    run_limits = Limits(0, RUN_WORDS - 1)
    word_limits = Limits(0, "LAST_WORD")
    counters = (
        ("calls", "calls that have ended, without those that were skipped"),
        ("cycles", "their cycles"),
        ("waits", "cycles of them in which a vector waited for one of its own call"),
    )
    run_at = _whole("address", "in the memory of runs, of the next run_data", RUN_ADDRESS_BITS + 1)
    word_at = _whole("address", "in the memory, of the next word_data", WORD_ADDRESS_BITS + 1)
    run = _whole("run", "a run or a descriptor", 30)
    return [
        *_head(),
        Register("run_address", 0x030, "pointer", "", run_at, limits=run_limits),
        Register("run_data", 0x034, "fill", "", run, limits=Limits(0)),
        Register("word_address", 0x038, "pointer", "", word_at, limits=word_limits),
        Register("word_data", 0x03C, "window", "", _whole("word", "a word, float32")),
        Register("counter_kind", 0x040, "control", "", kind, limits=Limits(0)),
        *(
            Register(f"counter_{name}", 0x044 + 4 * i, "status", "", _whole(f"counter_{name}", doc))
            for i, (name, doc) in enumerate(counters)
        ),
    ]
