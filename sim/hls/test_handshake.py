# SPDX-License-Identifier: Apache-2.0
"""Handshakes of the blocks of hls/: the divider, the inertial block, a kernel on the sequencer."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge
from cocotb.utils import get_sim_time

from sim.needs import needs_verilator
from sim.runner import BUILD, one_at_a_time, simulate
from sim.streams import Stall, never, receive, reset, send, sometimes
from vio.hw.hls.blocks import BLOCKS, GEN
from vio.hw.hls.kernel_block import SETUP_WORDS, kernel_texts
from vio.hw.hls.kernels import KERNELS
from vio.hw.hls.sequencer import READ, SAMPLE, START, source_texts
from vio.hw.hls.verify_imu import motions, trace

pytestmark = needs_verilator
DIVIDER, KERNEL = BLOCKS["float_divide_root"], KERNELS["qr_givens"]
Words = list[dict[str, int]]
STALLS: dict[str, Callable[[int], Stall]] = {  # of a side, by a seed
    "never": lambda seed: never,
    "often": lambda seed: sometimes(seed, 0.7),
    "sometimes": lambda seed: sometimes(seed, 0.2),
}
SIDES = [("never", "never"), ("often", "never"), ("never", "often"), ("sometimes", "sometimes")]


async def hold(dut, prefix: str, name: str) -> None:
    """Fail when a word that is offered and not taken is withdrawn or changes."""
    valid, ready = getattr(dut, f"{prefix}valid"), getattr(dut, f"{prefix}ready")
    waiting = None
    while True:
        await ReadOnly()
        word = int(getattr(dut, prefix + name).value) if valid.value else None
        assert waiting is None or word == waiting, f"{prefix}{name}: {waiting} became {word}"
        waiting = word if valid.value and not ready.value else None
        await RisingEdge(dut.clk)


async def exchange(
    dut,
    asked: Words,
    count: int,
    sides: tuple[str, str],
    prefixes: tuple[str, str] = ("s_", "m_"),
) -> list[int]:
    """Return the data of `count` answers to what is asked; sides: how source and sink stall."""
    watch = cocotb.start_soon(hold(dut, prefixes[1], "data"))
    sender = cocotb.start_soon(send(dut, asked, STALLS[sides[0]](5), prefixes[0]))
    words = await receive(dut, count, ("data",), STALLS[sides[1]](6), prefixes[1], 200_000)
    await sender
    watch.cancel()
    return [word["data"] for word in words]


# ---- the divider


def divisions(count: int, seed: int) -> tuple[Words, list[int]]:
    """Return questions and answers, divisions and roots in turn."""
    operands = KERNELS["float"].operands(count, seed)
    results = KERNELS["float"].reference(operands)
    asked: Words = []
    for k, (x, y) in enumerate(operands.tolist()):
        asked.append({"data": (k % 2) << 64 | x << 32 | y})
    return asked, [int(row[4 if k % 2 else 3]) for k, row in enumerate(results)]


QUESTION_ANSWER = ("question_", "answer_")


async def ready_divider(dut) -> None:
    dut.question_valid.value = dut.answer_ready.value = 0
    await reset(dut)


@cocotb.test()
async def the_divider_answers_all_in_order_whoever_stalls(dut) -> None:
    for k, sides in enumerate(SIDES):
        await ready_divider(dut)
        asked, expected = divisions(40, k)
        assert await exchange(dut, asked, 40, sides, QUESTION_ANSWER) == expected, sides


@cocotb.test()
async def the_divider_takes_questions_back_to_back_at_its_interval(dut) -> None:
    await ready_divider(dut)
    asked, expected = divisions(20, 9)
    begin = get_sim_time("ns")
    assert await exchange(dut, asked, 20, ("never", "never"), QUESTION_ANSWER) == expected
    cycles = int(get_sim_time("ns") - begin) // 2
    assert 0 <= cycles - (19 * DIVIDER.ii + DIVIDER.latency()) <= 3


@cocotb.test()
async def a_reset_in_mid_division_forgets_the_question(dut) -> None:
    for cycles in (1, 2, 13, 27, 28, 29):
        await ready_divider(dut)
        (lost, *asked), (_, *expected) = divisions(6, cycles)
        await send(dut, [lost], prefix="question_")
        for _ in range(cycles):
            await RisingEdge(dut.clk)
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        assert await exchange(dut, asked, 5, ("never", "often"), QUESTION_ANSWER) == expected


# ---- packets of the sequencer


def packet(command: int, words: np.ndarray) -> Words:
    """Return a packet; only its first word's command counts."""
    data = [int(w) for w in np.ascontiguousarray(words).view(np.uint32)]
    return [{"data": w, "command": 3 if k else command} for k, w in enumerate(data)]


def imu_packets(seed: int) -> tuple[Words, list[int]]:
    """Return a motion of three samples, read twice in its midst and at its end."""
    setup, samples = motions(3, seed)[0]
    states = trace((setup, samples)).view(np.uint32)
    read = packet(READ, np.zeros(1, np.uint32))
    asked = packet(START, setup) + packet(SAMPLE, samples[0]) + read + read
    asked += packet(SAMPLE, samples[1]) + packet(SAMPLE, samples[2]) + read
    return asked, [int(w) for k in (1, 1, 3) for w in states[k]]


def kernel_packets(seed: int) -> tuple[Words, list[int]]:
    """Return calls of the kernel; one result is overwritten unread, one read twice."""
    operands = KERNEL.operands(8, seed)
    results = KERNEL.reference(operands)
    read = packet(READ, np.zeros(1, np.uint32))
    asked = packet(START, np.zeros(SETUP_WORDS, np.uint32))
    expected: list[int] = []
    for k, (given, result) in enumerate(zip(operands, results, strict=True)):
        reads = (1, 0, 2)[k % 3]
        asked += packet(SAMPLE, given) + reads * read
        expected += reads * [int(w) for w in result]
    return asked, expected


def packets_of(dut) -> Callable[[int], tuple[Words, list[int]]]:
    return imu_packets if "imu" in dut._name else kernel_packets


async def ready_block(dut) -> None:
    dut.s_valid.value = dut.m_ready.value = dut.s_command.value = 0
    await reset(dut)


@cocotb.test()
async def packets_are_answered_in_order_whoever_stalls(dut) -> None:
    for k, sides in enumerate(SIDES):
        await ready_block(dut)
        asked, expected = packets_of(dut)(9 * k)
        assert await exchange(dut, asked, len(expected), sides) == expected, sides


@cocotb.test()
async def after_a_reset_in_mid_packet_or_program_a_start_begins_anew(dut) -> None:
    asked, expected = packets_of(dut)(1)
    sampled = [word["command"] for word in asked].index(READ)  # START and SAMPLE come before it
    for words, cycles in ((sampled - 3, 0), (sampled, 0), (sampled, 1), (sampled, 90)):
        await ready_block(dut)
        await send(dut, asked[:words])
        for _ in range(cycles):
            await RisingEdge(dut.clk)
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        got = await exchange(dut, asked, len(expected), ("never", "sometimes"))
        assert got == expected, (words, cycles)


@cocotb.test()
async def a_reset_while_results_go_out_ends_them(dut) -> None:
    asked, expected = packets_of(dut)(2)
    await ready_block(dut)
    sender = cocotb.start_soon(send(dut, asked))
    await receive(dut, 4, ("data",))
    sender.cancel()
    dut.s_valid.value = 0
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    assert await exchange(dut, asked, len(expected), ("never", "never")) == expected


# ---- the blocks, and fault-injected copies that break the handshake


def folder_of(texts: dict[str, str]) -> Path:
    """Return a folder with these files."""
    key = hashlib.blake2b(repr(sorted(texts.items())).encode(), digest_size=8).hexdigest()
    folder = BUILD / "hls" / key
    with one_at_a_time(folder):
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            if not (folder / name).is_file():  # a simulation may be reading it
                (folder / name).write_text(text)
    return folder


def texts_of(module: str) -> dict[str, str]:
    """Return the Verilog of a block."""
    if module == "float_divide_root":
        return {f"{module}.v": (GEN / f"{module}.v").read_text()}
    if module == "imu":
        from vio.hw.hls.imu_block import SOURCES

        return source_texts(SOURCES)
    pytest.importorskip("xls", reason="pip install 'kestrel-vio[hw]'")
    return kernel_texts("qr_givens")


DIVIDER_TESTS, PACKET_TESTS = "divider|division", "packet|results"
BLOCK_TESTS = {
    "float_divide_root": DIVIDER_TESTS,
    "imu": PACKET_TESTS,
    "kernel": PACKET_TESTS,
}


@pytest.mark.parametrize("module", BLOCK_TESTS)
def test_hls_handshake(module: str) -> None:
    simulate(module, __name__, only=BLOCK_TESTS[module], folder=folder_of(texts_of(module)))


BROKEN = (
    ("float_divide_root", "float_divide_root.v", "answer_ready | answer_valid_inv", "1'b1"),
    ("kernel", "sequencer.v", "else if (m_ready) begin", "else begin"),
    ("imu", "sequencer.v", "first_q <= 1'b1;", ""),
)


@pytest.mark.parametrize(("module", "file", "old", "new"), BROKEN)
def test_a_block_that_breaks_its_handshake_is_found(
    module: str, file: str, old: str, new: str
) -> None:
    texts = texts_of(module)
    assert texts[file].count(old) == 1
    texts[file] = texts[file].replace(old, new)
    with pytest.raises((AssertionError, SystemExit)):
        simulate(module, __name__, only=BLOCK_TESTS[module], folder=folder_of(texts))
