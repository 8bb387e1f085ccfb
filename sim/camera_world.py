# SPDX-License-Identifier: Apache-2.0
"""Two simulated cameras on a Verilated top: bus samples and clocks in, frames and packets out."""

import ctypes
from dataclasses import dataclass

import numpy as np

from sim.runner import params_header
from vio.errors import VioError
from vio.hw import verilog_sources
from vio.hw.cosim.verilated import ROOT, loaded, shared_library

LOST, RIGHT, REPAIRED, FORGOTTEN = 1, 2, 4, 8  # flags of a frame
VSYNC, HSYNC = 1 << 9, 1 << 8  # of a bus sample
COUNTS = (
    "left_starts",
    "right_starts",
    "begun",
    "drops",
    "camera_lost",
    "camera_late",
    "violations",
    "left_lost",
    "left_late",
)


@dataclass(frozen=True)
class Blanking:
    """Hold the pixel clocks between lines, before the first line and after the last one."""

    line: int
    before: int
    after: int


def bus_samples(image: np.ndarray, blanking: Blanking) -> np.ndarray:
    """Return the bus samples (uint16) of a frame of pixels (H, W): vsync low behind it."""
    height, width = image.shape
    lines = np.full((height, width + blanking.line), VSYNC, np.uint16)
    lines[:, :width] |= HSYNC | image.astype(np.uint16)
    head = np.full(blanking.before, VSYNC, np.uint16)
    return np.concatenate([head, lines.reshape(-1), np.zeros(blanking.after, np.uint16)])


def glitched(samples: np.ndarray, at: int, clocks: int, mask: int) -> np.ndarray:
    """Return bus samples whose bits of `mask` are inverted for some clocks."""
    out = samples.copy()
    out[at : at + clocks] ^= np.uint16(mask)
    return out


@dataclass
class Frame:
    """Hold what went on of a frame that was let in, and what was said of it."""

    left: np.ndarray
    right: np.ndarray
    flags: int


class World:
    """Hold the simulated world of a top: `camera_intake`, or `camera_chip` with registers.

    seed: of the bits with which registers and memories without a reset start, and of stalls.
    preset: whose vio_params.vh the chip includes.
    """

    def __init__(self, top: str, preset: str | None = None, seed: int = 1) -> None:
        chip = top == "camera_chip"
        parts = ("camera_pair", "frontend" if chip else "frame_intake")
        sources = [
            verilog_sources.source(s) for part in parts for s in verilog_sources.needed(part)
        ]
        files = {path.name: path.read_text() for path in sources}
        files["track_row.vh"] = (verilog_sources.RTL / "track_row.vh").read_text()
        files["vio_params.vh"] = params_header(preset).read_text()
        files[f"{top}.v"] = (ROOT / "sim" / "tops" / f"{top}.v").read_text()
        library = shared_library(
            top,
            top,
            files,
            ROOT / "sim" / "camera_harness.cpp",
            ["--x-assign", "fast", "--x-initial", "unique", "--no-assert"],
            cflags=f"-DKESTREL_TOP=V{top}{' -DCHIP' if chip else ''}",
        )
        u64, pointer = ctypes.c_uint64, ctypes.c_void_p
        functions = {
            "new": (pointer, (ctypes.c_int,)),
            "free": (None, (pointer,)),
            "cycles": (u64, (pointer,)),
            "run": (None, (pointer, u64)),
            "bus": (None, (pointer, ctypes.c_int, pointer, u64, u64, u64)),
            "left": (u64, (pointer, ctypes.c_int)),
            "counts": (None, (pointer, pointer)),
            "frame": (ctypes.c_int, (pointer, pointer, pointer, u64, pointer)),
        }
        if chip:
            functions |= {
                "stall": (None, (pointer, ctypes.c_uint32)),
                "packet": (ctypes.c_int64, (pointer, pointer, u64)),
                "write": (ctypes.c_int, (pointer, ctypes.c_uint32, ctypes.c_uint32)),
                "read": (ctypes.c_int, (pointer, ctypes.c_uint32, pointer)),
            }
        else:
            functions["settings"] = (None, (pointer, ctypes.c_int, ctypes.c_int, ctypes.c_int))
        self._lib = loaded(library, "world_", functions)
        self._world = self._lib.world_new(seed)
        self._room = 1 << 20

    def __del__(self) -> None:
        if getattr(self, "_world", None):
            self._lib.world_free(self._world)
            self._world = None

    @property
    def cycles(self) -> int:
        """Cycles of the chip's clock."""
        return int(self._lib.world_cycles(self._world))

    def run(self, cycles: int) -> None:
        """Let cycles of the chip's clock pass."""
        self._lib.world_run(self._world, cycles)

    def settings(self, enable: int, width: int, height: int) -> None:
        """Set what the registers of `camera_intake` would hold."""
        self._lib.world_settings(self._world, enable, width, height)

    def bus(self, camera: int, samples: np.ndarray, period_ps: int, rest_ps: int = 0) -> None:
        """Queue bus samples of camera 0 (left) or 1; its clock stands still for rest_ps before."""
        flat = np.ascontiguousarray(samples, np.uint16)
        self._lib.world_bus(self._world, camera, flat.ctypes.data, flat.size, period_ps, rest_ps)

    def waiting(self, camera: int) -> int:
        """Return how many queued runs of a camera are not over."""
        return int(self._lib.world_left(self._world, camera))

    def counts(self) -> dict[str, int]:
        """Return what was counted since the start (COUNTS)."""
        out = np.zeros(len(COUNTS), np.uint64)
        self._lib.world_counts(self._world, out.ctypes.data)
        return dict(zip(COUNTS, map(int, out), strict=True))

    def frames(self) -> list[Frame]:
        """Return the frames that were committed since the last call."""
        found = []
        left, right = np.empty(self._room, np.uint8), np.empty(self._room, np.uint8)
        sizes = np.zeros(2, np.uint64)
        while True:
            flags = self._lib.world_frame(
                self._world, left.ctypes.data, right.ctypes.data, self._room, sizes.ctypes.data
            )
            if flags < 0:
                return found
            found.append(Frame(left[: int(sizes[0])].copy(), right[: int(sizes[1])].copy(), flags))

    def stall(self, share: int) -> None:
        """Have the sink of tracks wait in a share of the cycles, of 256."""
        self._lib.world_stall(self._world, share)

    def packets(self) -> list[np.ndarray]:
        """Return the packets of tracks since the last call."""
        found, words = [], np.empty(1 << 16, np.uint32)
        while True:
            n = self._lib.world_packet(self._world, words.ctypes.data, words.size)
            if n < 0:
                return found
            found.append(words[:n].copy())

    def response(self, address: int, value: int) -> int:
        """Write a register; return the response of the bus."""
        return int(self._lib.world_write(self._world, address, value))

    def write32(self, address: int, value: int) -> None:
        """Write a register; raises VioError when the bus answers an error."""
        response = self.response(address, value)
        if response != 0:
            raise VioError(f"writing register {address:#x} was answered with {response}")

    def read32(self, address: int) -> int:
        """Read a register; raises VioError when the bus answers an error."""
        word = ctypes.c_uint32()
        response = self._lib.world_read(self._world, address, ctypes.byref(word))
        if response != 0:
            raise VioError(f"reading register {address:#x} was answered with {response}")
        return word.value
