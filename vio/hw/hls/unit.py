# SPDX-License-Identifier: Apache-2.0
"""Run a compiled unit of hls/gen in Verilator: millions of operands, bit for bit."""

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vio.errors import VioError
from vio.hw.cosim.verilated import shared_library
from vio.hw.hls.blocks import Block
from vio.hw.hls.xls import HLS

HARNESS = HLS.parent / "sim" / "hls" / "unit.cpp"


def build_unit(block: Block, text: str) -> Path:
    """Return the shared library of a unit's Verilog, built unless it has been.

    Raises VioError when Verilator is missing or fails.
    """
    defines = "-DHANDSHAKE" if block.is_proc else ""
    files = {f"{block.name}.v": text}
    return shared_library(block.name, block.name, files, HARNESS, prefix="Vunit", cflags=defines)


@lru_cache(maxsize=32)
def _entry(block: Block, text: str) -> Any:
    """Return the harness's function; kept, as a back end calls it a hundred thousand times."""
    run = ctypes.CDLL(str(build_unit(block, text))).run
    operands: list[Any] = [ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p]
    stalls: list[Any] = [ctypes.c_uint32, ctypes.c_int64, ctypes.c_void_p]
    run.argtypes = [*operands, *(stalls if block.is_proc else [ctypes.c_int64])]
    return run


def run_pipeline(block: Block, text: str, operands: np.ndarray, latency: int) -> np.ndarray:
    """Return what the unit gives for operands (N, 2) uint32, one pair a cycle."""
    words = np.ascontiguousarray(operands, np.uint32)
    out = np.zeros(len(words), np.uint32)
    run = _entry(block, text)
    run(len(words), words.ctypes.data, out.ctypes.data, latency)
    return out


def run_handshake(
    block: Block, text: str, questions: np.ndarray, seed: int = 0, reset_after: int = 0
) -> tuple[np.ndarray, int, int]:
    """Return the answers to questions (N, 3) uint32, the longest latency and the least interval.

    seed: of the stalls of both sides, 0 for none. reset_after: questions before a reset, 0: none.
    Raises VioError when the unit gives no answer for 1000 cycles.
    """
    words = np.ascontiguousarray(questions, np.uint32)
    out = np.zeros(len(words), np.uint32)
    interval = ctypes.c_int64(0)
    latency = _entry(block, text)(
        *(len(words), words.ctypes.data, out.ctypes.data, seed, reset_after),
        ctypes.byref(interval),
    )
    if not latency:
        raise VioError(f"{block.name} gave no answer for 1000 cycles")
    return out, int(latency), int(interval.value)
