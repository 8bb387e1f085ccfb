# SPDX-License-Identifier: Apache-2.0
"""The driver of the back end's engine: words and lists of calls by its bus, outcomes and counters.

docs/chip/engine.md describes calls and runs; the C header of `vio hw registers` has the addresses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vio.errors import VioError
from vio.float32.call_words import WORDS
from vio.float32.calls import NAMES
from vio.hw.registers.driver import Read32, Write32
from vio.hw.registers.engine_map import (
    CALLS_VERSION,
    ENGINE_IDENTITY,
    MAP_VERSION,
    STATUS_BITS,
    engine_map,
)

Send = Callable[[np.ndarray], None]
POLLS = 1_000_000  # of the interrupt register while a step runs


@dataclass(frozen=True)
class EngineSizes:
    """Hold what an engine is built for: words of its memories, lanes, calls in its queue."""

    words: int
    runs: int
    lanes: int
    queue: int


@dataclass(frozen=True)
class StepOutcome:
    """Hold how a step ended: its faults (names of STATUS_BITS), and the call that failed, or None.

    failed: the last of them, numbered in its step from 0.
    """

    faults: tuple[str, ...]
    failed: int | None


@dataclass(frozen=True)
class KindCount:
    """Hold the calls of a kind that have ended, their cycles, and those in which vectors waited."""

    calls: int
    cycles: int
    waits: int


class EngineDriver:
    """Drive rtl/backend/engine_chip.v through its bus and its stream of calls.

    read32(address) and write32(address, value): a word; they raise when the bus answers an error.
    send(words): put calls, (N, 4) uint32, on the stream, `last` with the last word of all.
    Raises VioError, at once, when no engine of this version answers.
    """

    def __init__(self, read32: Read32, write32: Write32, send: Send) -> None:
        self._read32, self._write32, self._send = read32, write32, send
        self._registers = {r.name: r for r in engine_map()}
        identity = self._get("identity")
        if identity != ENGINE_IDENTITY:
            raise VioError(
                f"register identity reads {identity:#x}, not {ENGINE_IDENTITY:#x}: no engine of "
                "Kestrel; check the address of its bus"
            )
        version = self.read("version")
        if version != {"map": MAP_VERSION, "calls": CALLS_VERSION}:
            raise VioError(
                f"the engine has version {version['map']} of its registers and "
                f"{version['calls']} of its calls, this driver {MAP_VERSION} and {CALLS_VERSION}; "
                "use the release that the hardware was built from"
            )
        bounds = self.read("bounds")
        self.sizes = EngineSizes(
            self._get("memory"), bounds["runs"], bounds["lanes"], bounds["calls"]
        )

    def read(self, name: str) -> dict[str, int]:
        """Return the fields of a register."""
        word = self._get(name)
        return {
            f.name: word >> f.low & (1 << int(f.bits)) - 1 for f in self._registers[name].fields
        }

    def _get(self, name: str) -> int:
        return self._read32(self._registers[name].address)

    def _set(self, name: str, value: int) -> None:
        self._write32(self._registers[name].address, value)

    def reset(self) -> None:
        """Drop all calls and clear counters, interrupts and faults; the memories stay."""
        self._set("reset", 1)
        self._clear("irq")
        self._clear("faults")

    def _clear(self, name: str) -> list[str]:
        """Return the bits of a register that are set, and clear them."""
        word = self._get(name)
        if word:
            self._set(name, word)
        return [f.name for f in self._registers[name].fields if word >> f.low & 1]

    def write_words(self, at: int, words: np.ndarray) -> None:
        """Write words (N,), float32 or their bits uint32, from an address on.

        Raises VioError where they lie outside of the memory, and while calls are queued or run.
        """
        values = np.ascontiguousarray(words)
        if values.ndim != 1 or values.dtype not in (np.float32, np.uint32):
            raise VioError(
                f"words of the engine: (N,) float32 or uint32 are needed, got {values.shape} "
                f"{values.dtype}"
            )
        self._point("word", at, len(values), self.sizes.words)
        for value in values.view(np.uint32).tolist():
            self._set("word_data", value)

    def read_words(self, at: int, count: int) -> np.ndarray:
        """Return words (count,) float32 from an address on; raises VioError as `write_words`."""
        self._point("word", at, count, self.sizes.words)
        return np.array([self._get("word_data") for _ in range(count)], np.uint32).view(np.float32)

    def write_runs(self, runs: Sequence[int] | np.ndarray, at: int = 0) -> None:
        """Write runs and descriptors of 30 bits from an address on.

        Raises VioError where they lie outside of the memory of runs.
        """
        self._point("run", at, len(runs), self.sizes.runs)
        for run in runs:
            self._set("run_data", int(run))

    def _point(self, memory: str, at: int, count: int, size: int) -> None:
        """Set a pointer for `count` accesses; raises VioError where they cannot be made."""
        if not 0 <= at <= at + count <= size:
            raise VioError(
                f"{memory}s {at} to {at + count - 1} of the engine, which has {size}; use one that "
                "is built for this window, or a smaller window"
            )
        if memory == "word" and self.read("status")["busy"]:
            raise VioError("the engine's memory was accessed amid a step; wait for its end first")
        if count:
            self._set(f"{memory}_address", at)

    def run(self, calls: np.ndarray, polls: int = POLLS) -> StepOutcome:
        """Run a step, calls (N, 4) uint32 of `call_words`, to its end, and return how it ended.

        After a fault the rest of the step is skipped, and the memory holds what its calls have
        written up to there: save what must survive by calls that copy it, and copy it back.

        Raises VioError for another shape, and when the step has not ended after `polls` reads; then
        `reset` drops it.
        """
        if calls.ndim != 2 or calls.shape[1] != WORDS or calls.dtype != np.uint32 or not len(calls):
            raise VioError(
                f"a step of the engine: calls (N, {WORDS}) uint32 are needed, N at least 1, got "
                f"{calls.shape} {calls.dtype}"
            )
        self._clear("irq")
        self._clear("faults")
        self._send(calls)
        for _ in range(polls):
            if self.read("irq")["done"]:
                break
        else:
            raise VioError(
                f"the engine's step of {len(calls)} calls had not ended after {polls} reads; "
                "reset the engine, and check that all calls reached its stream"
            )
        failed = "failed" in self._clear("irq")
        faults = tuple(name for name in self._clear("faults") if name in STATUS_BITS)
        return StepOutcome(faults, self.read("failed")["call"] if failed else None)

    def counters(self) -> dict[str, KindCount]:
        """Return the counters of each kind of call, since the last reset; they wrap at 2^32."""
        out = {}
        for kind, name in enumerate(NAMES):
            self._set("counter_kind", kind)
            out[name] = KindCount(
                *(self._get(f"counter_{what}") for what in ("calls", "cycles", "waits"))
            )
        return out
