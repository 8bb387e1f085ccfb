# SPDX-License-Identifier: Apache-2.0
"""Proofs to the bit over as many operands as asked, and their record hls/proofs.json."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from vio.errors import VioError
from vio.hw.hls import HLS, differences
from vio.hw.hls_blocks import BLOCKS, GEN
from vio.hw.hls_kernels import KERNELS, Kernel
from vio.hw.hls_unit import run_handshake, run_pipeline

PROOFS = HLS / "proofs.json"
CHUNK = 100_000
INTERPRETED = 1000
SEED = 2026
COLUMN = {"float_add": 0, "float_mul": 2}  # of the results of the kernel `float`


@dataclass
class Proof:
    """Hold what was compared: lines for the screen, and whether anything differed."""

    lines: list[str]
    failed: bool


def _chunks(kernel: Kernel, count: int) -> list[tuple[int, int]]:
    """Return sizes and seeds of portions that add up to count."""
    sizes = [CHUNK] * (count // CHUNK) + ([count % CHUNK] if count % CHUNK else [])
    return [(size, SEED + k) for k, size in enumerate(sizes)]


def prove(name: str, count: int) -> Proof:
    """Compare a kernel by XLS's JIT and interpreter, or a unit's Verilog, with the reference.

    Writes the record. Raises VioError for an unknown name or missing tools.
    """
    if name in KERNELS:
        compared = _prove_kernel(KERNELS[name], count)
    elif name in BLOCKS:
        compared = {"verilated": (count, _prove_unit(name, count))}
    else:
        raise VioError(f"no kernel {name}; there are {', '.join([*KERNELS, *BLOCKS])}")
    lines = [f"{name}: {n} vectors, {by}: {what or 'equal'}" for by, (n, what) in compared.items()]
    failed = any(what for _, what in compared.values())
    if not failed:
        entry = {"kernel": name} | {by: n for by, (n, _) in compared.items()}
        _store(entry | {"command": f"vio hls {name} --prove {count}"})
    return Proof(lines, failed)


def _prove_kernel(kernel: Kernel, count: int) -> dict[str, tuple[int, str]]:
    words = kernel.words()
    found = ""
    for size, seed in _chunks(kernel, count):
        operands = kernel.operands(size, seed)
        found = found or differences(
            words.run(operands), kernel.reference(operands), operands, kernel.results
        )
    few = kernel.operands(min(10 * INTERPRETED, max(count, 10)), SEED - 1)[::10]
    slow = differences(words.interpret(few), kernel.reference(few), few, kernel.results)
    return {"jit": (count, found), "interpreter": (len(few), slow)}


def _prove_unit(name: str, count: int) -> str:
    block, kernel = BLOCKS[name], KERNELS["float"]
    text = (GEN / f"{name}.v").read_text()
    found = ""
    for size, seed in _chunks(kernel, count):
        operands = kernel.operands(size, seed)
        table = kernel.reference(operands)
        if block.is_proc:
            root = np.arange(size, dtype=np.uint32)[:, None] // 3 % 2
            expected = np.where(root == 1, table[:, [4]], table[:, [3]])
            asked = np.concatenate([root, operands], axis=1)
            got = run_handshake(block, text, asked, seed % 2)[0]
        else:
            expected = table[:, [COLUMN[name]]]
            got = run_pipeline(block, text, operands, block.latency())
        found = found or differences(got[:, None], expected, operands, (name,))
    return found


def _store(entry: dict[str, Any]) -> None:
    entries = json.loads(PROOFS.read_text()) if PROOFS.is_file() else []
    entries = [old for old in entries if old["kernel"] != entry["kernel"]] + [entry]
    PROOFS.write_text(json.dumps(sorted(entries, key=lambda e: e["kernel"]), indent=2) + "\n")
