# SPDX-License-Identifier: Apache-2.0
"""The back end on rtl/backend/vector_engine.v in Verilator: backend.arithmetic = rtl.

The lists of a step and of a marginalisation run as Verilog, on a memory that the engine keeps from
list to list: of what the host wants there it gets the words that differ. The host still computes
the cost of a linearisation, and all that is in no list.
"""

import ctypes
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from vio.backend.window import MakeWindow
from vio.camera import StereoRig
from vio.config import BackEndConfig
from vio.errors import VioError
from vio.float32 import calls as c
from vio.float32.call_words import coded
from vio.float32.calls import CallList
from vio.float32.execute import Results
from vio.float32.kernels import Kernels
from vio.float32.lane_words import Layout
from vio.float32.window import Window32
from vio.hw.cosim.verilated import ROOT, Signatures, loaded, shared_library
from vio.hw.verilog_sources import needed, source
from vio.imu import ImuNoise

ADDRESS_BITS = 17
HARNESS = ROOT / "sim" / "backend" / "engine.cpp"
LOW, NOT_FINITE = 1, 2  # status bits
LIMIT = 100_000_000  # cycles of a list


@dataclass
class Traffic:
    """Hold words on the host's ports so far: calls, runs, words of the memory in and out."""

    calls: int = 0
    runs: int = 0
    written: int = 0
    read: int = 0


@dataclass
class BackendEngine:
    """Hold a simulated engine; lanes_log2: 0 to 3. Raises VioError without Verilator."""

    lanes_log2: int = 2
    seed: int = 1
    traffic: Traffic = field(default_factory=Traffic)

    def __post_init__(self) -> None:
        files = {f"{stem}.v": source(stem).read_text() for stem in needed("vector_engine")}
        sizes = {
            "LANES_LOG2": self.lanes_log2, "BANK_WORDS_LOG2": ADDRESS_BITS - self.lanes_log2,
            "MEMORY_WORDS": 1 << ADDRESS_BITS,
        }  # fmt: skip
        options = [f"-G{name}={value}" for name, value in sizes.items()]
        options += ["--x-assign", "fast", "--x-initial", "unique"]
        library = shared_library(
            "vector_engine", "vector_engine", files, HARNESS, options, cflags="-O3"
        )
        pointer, u32, u64 = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
        signatures: Signatures = {
            "new": (pointer, (ctypes.c_int,)), "free": (None, (pointer,)),
            "cycles": (u64, (pointer,)), "runs": (None, (pointer, pointer, u32)),
            "write": (None, (pointer, pointer, pointer, u64)),
            "read": (u64, (pointer, pointer, u32)),
            "calls": (ctypes.c_int64, (pointer, pointer, u64, u64)),
            "counters": (None, (pointer, ctypes.c_int, pointer)),
        }  # fmt: skip
        self._lib = loaded(library, "kestrel_engine_", signatures)
        self._engine = self._lib.kestrel_engine_new(self.seed)
        self._held = np.zeros(1 << ADDRESS_BITS, np.uint32)  # what its memory holds
        self._known = 0  # words of it that were ever written

    def __del__(self) -> None:
        if getattr(self, "_engine", None):
            self._lib.kestrel_engine_free(self._engine)
            self._engine = None

    @property
    def cycles(self) -> int:
        """Cycles since the beginning, of calls and of the host's words."""
        return int(self._lib.kestrel_engine_cycles(self._engine))

    def counters(self) -> dict[str, tuple[int, int, int]]:
        """Return calls, cycles and waits of each kind of call since the beginning."""
        out = {}
        for kind, name in enumerate(c.NAMES):
            words = np.zeros(3, np.uint32)
            self._lib.kestrel_engine_counters(self._engine, kind, words.ctypes.data)
            out[name] = int(words[0]), int(words[1]), int(words[2])
        return out

    def execute(self, calls: CallList, layout: Layout, memory: np.ndarray) -> int:
        """Run a list on a memory (M,) float32, in place; return the status.

        Raises VioError when the engine refuses a call, or does not end.
        """
        words = memory.view(np.uint32)
        self._write(words)
        status = 0
        for sent, runs in coded(calls, layout):
            self._lib.kestrel_engine_runs(self._engine, runs.ctypes.data, len(runs))
            answer = self._lib.kestrel_engine_calls(
                self._engine, sent.ctypes.data, sent.size, LIMIT
            )
            self.traffic.runs += len(runs)
            self.traffic.calls += sent.size
            status = answer & 15
            if answer < 0 or status & ~(LOW | NOT_FINITE):
                raise VioError(f"the vector engine ends with status {status} at call {answer >> 4}")
            if status:
                break
        came = self._lib.kestrel_engine_read(self._engine, words.ctypes.data, len(words))
        if came != len(words):
            raise VioError(f"the vector engine gave {came} of {len(words)} words")
        self.traffic.read += len(words)
        self._held[: len(words)] = words
        return int(status)

    def _write(self, words: np.ndarray) -> None:
        """Write the words that differ from what the engine holds."""
        if len(words) > len(self._held):
            raise VioError(f"{len(words)} words: the engine's memory has {len(self._held)}")
        other = words != self._held[: len(words)]
        other[self._known :] = True
        self._known = max(self._known, len(words))
        places = np.flatnonzero(other).astype(np.uint32)
        values = np.ascontiguousarray(words[places])
        self._lib.kestrel_engine_write(
            self._engine, places.ctypes.data, values.ctypes.data, len(places)
        )
        self.traffic.written += len(places)


class EngineWindow(Window32):
    """Hold the window; its lists run on a `BackendEngine`."""

    def __init__(
        self,
        rig: StereoRig,
        noise: ImuNoise,
        config: BackEndConfig,
        capacity: int,
        engine: BackendEngine,
    ) -> None:
        super().__init__(rig, noise, config, capacity, Kernels())
        self.engine = engine

    def execute(self, calls: CallList, layout: Layout, memory: np.ndarray, results: Results) -> int:
        """Run a list on the engine; return whether a step has failed.

        Raises VioError for an infinity or NaN in another list, which ends it.
        """
        status = self.engine.execute(calls, layout, memory)
        solves = bool(len(calls)) and c.STAGES[calls.code[0, c.STAGE]] == c.SOLVE
        if status and not solves:
            raise VioError(f"the vector engine ends a list with status {status}")
        return int(status != 0)


def make_window(engine: BackendEngine | None = None) -> MakeWindow:
    """Return what makes windows that compute on one engine (default: a new one)."""
    return partial(EngineWindow, engine=engine or BackendEngine())
