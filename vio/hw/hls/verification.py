# SPDX-License-Identifier: Apache-2.0
"""Bit-exact proofs over as many operands as requested, and their record hls/proofs.json."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vio.errors import VioError
from vio.hw.hls import verify_imu
from vio.hw.hls.blocks import BLOCKS, GEN
from vio.hw.hls.imu_block import ImuBlock
from vio.hw.hls.kernel_block import SEQUENCED, KernelBlock
from vio.hw.hls.kernels import KERNELS, Kernel
from vio.hw.hls.operand_files import load_operands
from vio.hw.hls.sequenced_blocks import block_texts
from vio.hw.hls.sequencer import SAMPLE, START
from vio.hw.hls.unit import run_handshake, run_pipeline
from vio.hw.hls.xls import HLS, differences
from vio.hw.synth.flow import digest_of

PROOFS = HLS / "proofs.json"
CHUNK = 100_000
INTERPRETED = 1000
SEED = 2026
COLUMN = {"float_add": 0, "float_mul": 2}  # of the results of the kernel `float`
Compared = dict[str, tuple[int, str]]  # by what: vectors, and what differs


@dataclass
class Proof:
    """Hold what was compared: lines for the screen, and whether anything differed."""

    lines: list[str]
    failed: bool


def _chunks(count: int) -> list[tuple[int, int]]:
    """Return sizes and seeds of portions that add up to count."""
    sizes = [CHUNK] * (count // CHUNK) + ([count % CHUNK] if count % CHUNK else [])
    return [(size, SEED + k) for k, size in enumerate(sizes)]


def prove(name: str, count: int, by: str | None = None) -> Proof:
    """Compare a kernel by XLS's JIT and interpreter and its Verilog with the reference.

    A unit, which is a part of the kernel `float`: its Verilog. by: jit, interpreter or verilated,
    the only one of a kernel's to run. Writes the record. Raises VioError for an unknown name, a
    count below 1, a way that there is not or missing tools.
    """
    if count < 1:
        raise VioError(f"{count} vectors prove nothing: one at least")
    if (name in BLOCKS and by in ("jit", "interpreter")) or (name == "float" and by == "verilated"):
        raise VioError(f"{name} has no proof by {by}; leave --by away")
    more: dict[str, Any] = {}
    if name == "imu":
        compared, more = _prove_imu(count, by)
    elif name in KERNELS:
        compared, more = _prove_kernel(name, count, by)
    elif name in BLOCKS:
        compared = {"verilated": (count, _prove_unit(name, count))}
    else:
        raise VioError(f"no kernel {name}; there are {', '.join(['imu', *KERNELS, *BLOCKS])}")
    if "verilated" in compared:
        more["verilog"] = digest_of(block_texts(name)[1], tools=False)
    command = f"vio hw hls {name} --prove {count}" + (f" --by {by}" if by else "")
    return _proof(name, compared, more | {f"command_{by}" if by else "command": command})


def prove_recorded(name: str, path: Path) -> Proof:
    """Compare JIT and Verilog with the reference on operands of a run.

    path: .npz with an array (N, inputs) uint32 of the kernel's name, or, for the inertial block,
    what `verify_imu.Recorder` saves. Raises VioError when it has none of this kernel.
    """
    if name not in ("imu", *KERNELS):
        raise VioError(f"no kernel {name}; there are {', '.join(['imu', *KERNELS])}")
    if name == "imu":
        given = verify_imu.recorded_motions(path)
        count = sum(len(samples) for _, samples in given)
        jit = verify_imu.compare_steps(verify_imu.imu_words().run, given)
        block, _ = verify_imu.compare_block(ImuBlock(), given, SEED)
    else:
        kernel, words = KERNELS[name], recorded(name, path)
        count = len(words)
        jit = compare(kernel, kernel.words().run, [words])
        block = compare(kernel, KernelBlock(name).calls, [words]) if name in SEQUENCED else ""
    record = {"recorded": {"vectors": count, "of": path.stem}}
    compared = {"jit, recorded": (count, jit), "verilated, recorded": (count, block)}
    return _proof(name, compared, record)


def recorded(name: str, path: Path) -> np.ndarray:
    """Return a kernel's recorded operands (N, inputs) uint32."""
    file = load_operands(path)
    if name not in file:
        raise VioError(f"{path} has no operands of {name}; it has {', '.join(file)}")
    words = file[name]
    if words.ndim != 2 or words.shape[1] != KERNELS[name].inputs or words.dtype != np.uint32:
        raise VioError(
            f"{path}: {name} is {words.shape} {words.dtype}, not (N, {KERNELS[name].inputs}) uint32"
        )
    return words


def compare(
    kernel: Kernel, called: Callable[[np.ndarray], np.ndarray], given: Iterable[np.ndarray]
) -> str:
    """Return what first differs between a function of words and the kernel's reference."""
    for words in given:
        if found := differences(called(words), kernel.reference(words), words, kernel.results):
            return found
    return ""


def _proof(name: str, compared: Compared, record: dict[str, Any]) -> Proof:
    """Return the proof, and record it if nothing differs."""
    lines = [f"{name}: {n} vectors, {by}: {what or 'equal'}" for by, (n, what) in compared.items()]
    failed = any(what for _, what in compared.values())
    if not failed:
        counts = {} if "recorded" in record else {by: n for by, (n, _) in compared.items()}
        store({"kernel": name} | counts | record)
    return Proof(lines, failed)


def _prove_kernel(name: str, count: int, by: str | None) -> tuple[Compared, dict[str, Any]]:
    kernel = KERNELS[name]
    compared: Compared = {}
    more: dict[str, Any] = {}
    few = kernel.operands(min(10 * INTERPRETED, max(count, 10)), SEED - 1)[::10]
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    if by != "verilated":
        words = kernel.words()
        if by != "interpreter":
            ways["jit"] = words.run
        if by != "jit":
            compared["interpreter"] = len(few), compare(kernel, words.interpret, [few])
    if by in (None, "verilated") and name in SEQUENCED:
        block = KernelBlock(name)
        block.calls(few[:1])  # after the constants have been written
        before = block.cycles
        block.calls(few[:1])
        more["cycles"] = block.cycles - before
        ways["verilated"] = block.calls
    found = dict.fromkeys(ways, "")
    for size, seed in _chunks(count) if ways else ():
        operands = kernel.operands(size, seed)
        found = {way: found[way] or compare(kernel, ways[way], [operands]) for way in ways}
    return compared | {way: (count, what) for way, what in found.items()}, more


def _prove_imu(count: int, by: str | None) -> tuple[Compared, dict[str, Any]]:
    compared: Compared = {}
    more: dict[str, Any] = {}
    few = verify_imu.motions(min(INTERPRETED, count), SEED)
    if by != "verilated":
        words, native = verify_imu.imu_words(), ""
        if by != "jit":
            slow = verify_imu.compare_steps(words.interpret, few)
            compared["interpreter"] = min(INTERPRETED, count), slow
        if by != "interpreter":
            for size, seed in _chunks(count):
                given = verify_imu.motions(size, seed * CHUNK)
                native = native or verify_imu.compare_steps(words.run, given)
            compared["jit"] = count, native
    if by in (None, "verilated"):
        block, found, resets = ImuBlock(), "", 0
        for size, seed in _chunks(count):
            given = verify_imu.motions(size, seed * CHUNK)
            what, some = verify_imu.compare_block(block, given, seed)
            found, resets = found or what, resets + some
        compared["verilated"] = count, found
        block.stall(0)
        setup, samples = few[0]
        block.put(START, setup)
        block.put(SAMPLE, samples[0])
        before = block.cycles
        block.put(SAMPLE, samples[0])  # waits for the program of the one before
        more = {"resets": resets, "cycles": block.cycles - before}
    return compared, more


def _prove_unit(name: str, count: int) -> str:
    block, kernel = BLOCKS[name], KERNELS["float"]
    text = (GEN / f"{name}.v").read_text()
    found = ""
    for size, seed in _chunks(count):
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


def store(entry: dict[str, Any]) -> None:
    """Put an entry in its place; what it lacks stays as it was recorded."""
    entries = json.loads(PROOFS.read_text()) if PROOFS.is_file() else []
    old: dict[str, Any] = next((e for e in entries if e["kernel"] == entry["kernel"]), {})
    others = [e for e in entries if e["kernel"] != entry["kernel"]]
    if "command" in entry:  # one for all ways
        old = {key: value for key, value in old.items() if not key.startswith("command_")}
    others.append(old | entry)
    PROOFS.write_text(json.dumps(sorted(others, key=lambda e: e["kernel"]), indent=2) + "\n")
