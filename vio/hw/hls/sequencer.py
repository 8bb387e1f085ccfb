# SPDX-License-Identifier: Apache-2.0
"""A block around hls/sequencer.v, compiled by Verilator: packets in, its state out."""

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vio.errors import VioError
from vio.hw.cosim.verilated import Signatures, loaded, shared_library
from vio.hw.hls.xls import HLS

# Beside the top and its program: the sequencer with its units.
SHARED = (
    *("sequencer.v", "register_copy.v", "unit_divide_root.v"),
    *("gen/unit_add.v", "gen/unit_mul.v", "gen/unit_logic.v", "gen/float_divide_root.v"),
)
SAMPLE, START, READ = 0, 1, 2  # commands
LIMIT = 100_000  # cycles after which a packet that is not taken is a fault
HARNESS = HLS.parent / "sim" / "hls" / "block.cpp"


def source_texts(names: Sequence[str], folder: Path | None = None) -> dict[str, str]:
    """Return files of hls/ by their bare names.

    folder: with other generated ones in it instead of those of hls/gen, as far as they are there.
    Raises VioError for what is not there.
    """
    texts = {}
    for name in names:
        bare = name.removeprefix("gen/")
        other = folder / bare if folder and bare != name else None
        path = other if other and other.is_file() else HLS / name
        if not path.is_file() or not HARNESS.is_file():
            raise VioError(
                f"a block of hls/ needs {path} and {HARNESS}; run it from a clone, "
                "installed with: pip install -e '.[hw]'"
            )
        texts[bare] = path.read_text()
    return texts


class SequencerBlock:
    """Hold a simulated block.

    top: the module. texts: its Verilog, by file. results: words of its state. seed: of the bits
    with which memories start.
    """

    def __init__(self, top: str, texts: Mapping[str, str], results: int, seed: int = 1) -> None:
        library = shared_library(
            f"hls_{top}",
            top,
            texts,
            HARNESS,
            ("--x-assign", "fast", "--x-initial", "unique"),
            prefix="Vblock",
        )
        self.top, self.results = top, results
        pointer, u64 = ctypes.c_void_p, ctypes.c_uint64
        signatures: Signatures = {
            "new": (pointer, (ctypes.c_int,)),
            "free": (None, (pointer,)),
            "reset": (None, (pointer,)),
            "stall": (None, (pointer, ctypes.c_uint32)),
            "cycles": (u64, (pointer,)),
            "run": (None, (pointer, u64)),
            "put": (ctypes.c_int, (pointer, ctypes.c_int, pointer, u64, u64)),
            "get": (ctypes.c_int64, (pointer, pointer, u64, u64)),
            "calls": (u64, (pointer, pointer, u64, u64, pointer, u64, u64)),
        }
        self._lib = loaded(library, "kestrel_block_", signatures)
        self._block = self._lib.kestrel_block_new(seed)

    def __del__(self) -> None:
        if getattr(self, "_block", None):
            self._lib.kestrel_block_free(self._block)
            self._block = None

    @property
    def cycles(self) -> int:
        """Cycles since the beginning."""
        return int(self._lib.kestrel_block_cycles(self._block))

    def run(self, cycles: int) -> None:
        """Let cycles pass."""
        self._lib.kestrel_block_run(self._block, cycles)

    def reset(self) -> None:
        """Reset the block for two cycles."""
        self._lib.kestrel_block_reset(self._block)

    def stall(self, seed: int) -> None:
        """Have both streams stall from now on, seeded; 0: never."""
        self._lib.kestrel_block_stall(self._block, seed)

    def put(self, command: int, words: np.ndarray) -> None:
        """Send a packet of float32 or uint32 words, or its beginning.

        Raises VioError if it isn't taken.
        """
        flat = np.ascontiguousarray(words).view(np.uint32)
        done = self._lib.kestrel_block_put(self._block, command, flat.ctypes.data, flat.size, LIMIT)
        if not done:
            raise VioError(f"{self.top} did not take {flat.size} words in {LIMIT} cycles")

    def read(self) -> np.ndarray:
        """Return the state, float32; raises VioError when it does not come whole."""
        words = np.empty(self.results, np.float32)
        got = self._lib.kestrel_block_get(self._block, words.ctypes.data, words.size, LIMIT)
        if got != self.results:
            raise VioError(f"{self.top} gave {got} of {self.results} words of its state")
        return words

    def calls(self, operands: np.ndarray) -> np.ndarray:
        """Return what each row of operands gives: a SAMPLE and a READ (N, results), uint32.

        Raises VioError when one does not come whole.
        """
        words = np.ascontiguousarray(operands, np.uint32)
        out = np.zeros((len(words), self.results), np.uint32)
        done = self._lib.kestrel_block_calls(
            *(self._block, words.ctypes.data, len(words), words.shape[1]),
            *(out.ctypes.data, self.results, LIMIT),
        )
        if done != len(words):
            raise VioError(f"{self.top} answered {done} of {len(words)} calls")
        return out
