# SPDX-License-Identifier: Apache-2.0
"""Run a compiled unit of hls/gen in Verilator: millions of operands, bit for bit."""

import ctypes
import hashlib
import subprocess
from pathlib import Path

import numpy as np

from vio.errors import VioError
from vio.hw.engine import _verilator
from vio.hw.hls import HLS
from vio.hw.hls_blocks import Block

HARNESS = HLS.parent / "sim" / "hls_unit.cpp"
BUILD = HLS.parent / "build" / "hls"
TIMEOUT_S = 600


def build_unit(block: Block, text: str) -> Path:
    """Return the shared library of a unit's Verilog, built unless it has been.

    Raises VioError when Verilator is missing or fails.
    """
    home, environment = _verilator()
    key = hashlib.blake2b(HARNESS.read_bytes() + text.encode(), digest_size=8).hexdigest()
    folder = BUILD / f"{block.name}-{key}"
    library = folder / f"lib{block.name}.so"
    if library.is_file():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{block.name}.v"
    source.write_text(text)
    defines = f'-DUNIT=V{block.name} -DUNIT_H=\\"V{block.name}.h\\"'
    if block.is_proc:
        defines += " -DHANDSHAKE"
    command = [
        *(str(home / "bin" / "verilator_bin"), "--cc", "--exe", "--build", "-O3", "-Wno-fatal"),
        *("--prefix", f"V{block.name}", "--top-module", block.name, "--Mdir", str(folder / "obj")),
        *("-CFLAGS", f"-O2 -fPIC {defines}", "-LDFLAGS", "-shared"),
        *("-o", str(library), str(source), str(HARNESS)),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=TIMEOUT_S
    )
    if done.returncode:
        raise VioError(f"verilator failed on {block.name}: {done.stderr.strip()[-2000:]}")
    return library


def run_pipeline(block: Block, text: str, operands: np.ndarray, latency: int) -> np.ndarray:
    """Return what the unit gives for operands (N, 2) uint32, one pair a clock."""
    words = np.ascontiguousarray(operands, np.uint32)
    out = np.zeros(len(words), np.uint32)
    run = ctypes.CDLL(str(build_unit(block, text))).run
    run.argtypes = [ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    run(len(words), words.ctypes.data, out.ctypes.data, latency)
    return out


def run_handshake(
    block: Block, text: str, questions: np.ndarray, seed: int = 0, reset_after: int = 0
) -> tuple[np.ndarray, int, int]:
    """Return the answers to questions (N, 3) uint32, the longest latency and the least interval.

    seed: of the stalls of both sides, 0 for none. reset_after: questions before a reset, 0: none.
    Raises VioError when the unit gives no answer for 1000 clocks.
    """
    words = np.ascontiguousarray(questions, np.uint32)
    out = np.zeros(len(words), np.uint32)
    interval = ctypes.c_int64(0)
    run = ctypes.CDLL(str(build_unit(block, text))).run
    run.argtypes = [
        *(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int64),
        ctypes.c_void_p,
    ]
    latency = run(
        *(len(words), words.ctypes.data, out.ctypes.data, seed, reset_after),
        ctypes.byref(interval),
    )
    if not latency:
        raise VioError(f"{block.name} gave no answer for 1000 clocks")
    return out, int(latency), int(interval.value)
