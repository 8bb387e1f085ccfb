# SPDX-License-Identifier: Apache-2.0
"""The model of the ECP5's multiplier: products of all signs, and registers with their controls."""

import random
from typing import Any

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly, RisingEdge, Timer

from sim.runner import simulate
from sim.test_rules import needs_verilator
from vio.hw.verilog_sources import MODELS

PATTERNS = (0, 1, 0x1FFFF, 0x20000, 0x20001, 0x3FFFF)


def _set(dut, name: str, bits: int, value: int) -> None:
    for i in range(bits):
        getattr(dut, f"{name}{i}").value = value >> i & 1


def _get(dut, name: str, bits: int) -> int:
    return sum(int(getattr(dut, f"{name}{i}").value) << i for i in range(bits))


def _value(word: int, signed: int) -> int:
    return word - (1 << 18) if signed and word >> 17 else word


def _idle(dut) -> None:
    for name in ("SIGNEDA", "SIGNEDB", "SOURCEA", "SOURCEB"):
        getattr(dut, name).value = 0
    for name in ("CE", "RST", "CLK"):
        _set(dut, name, 4, 0)
    for name in ("A", "B", "C", "SRIA", "SRIB"):
        _set(dut, name, 18, 0)


@cocotb.test()
async def a_product_is_that_of_its_factors(dut) -> None:
    if cocotb.plusargs["case"] != "plain":
        return
    _idle(dut)
    generator = random.Random(3)
    words = [*PATTERNS, *(generator.getrandbits(18) for _ in range(20))]
    for _ in range(1500):
        a, b, shifted = (generator.choice(words) for _ in range(3))
        signed_a, signed_b, source = (generator.getrandbits(1) for _ in range(3))
        _set(dut, "A", 18, a)
        _set(dut, "B", 18, b)
        _set(dut, "SRIA", 18, shifted)
        dut.SIGNEDA.value, dut.SIGNEDB.value, dut.SOURCEA.value = signed_a, signed_b, source
        await Timer(1, "ns")
        first = shifted if source else a
        product = _value(first, signed_a) * _value(b, signed_b)
        assert _get(dut, "P", 36) == product & (1 << 36) - 1
        assert int(dut.SIGNEDP.value) == signed_a | signed_b
        assert _get(dut, "ROA", 18) == first == _get(dut, "SROA", 18)
        assert _get(dut, "ROB", 18) == b


@cocotb.test()
async def registers_follow_their_clock_enable_and_reset(dut) -> None:
    settings = CASES[cocotb.plusargs["case"]]
    if not settings:
        return
    _idle(dut)
    generator = random.Random(4)
    a_q = b_q = pipe_q = out_q = 0
    Clock(dut.CLK1, 2, "ns").start()
    await FallingEdge(dut.CLK1)
    for _ in range(600):
        a, b = generator.getrandbits(18), generator.getrandbits(18)
        ce, rst = generator.getrandbits(4), generator.getrandbits(4) & generator.getrandbits(4)
        _set(dut, "A", 18, a)
        _set(dut, "B", 18, b)
        _set(dut, "CE", 4, ce)
        _set(dut, "RST", 4, rst)
        await RisingEdge(dut.CLK1)
        # Input A: enable 2, reset 3; B: enable 0, reset 0; pipeline: 1, 1; output: 3, 2.
        old = a_q, b_q, pipe_q
        a_q = 0 if rst >> 3 & 1 else a if ce >> 2 & 1 else a_q
        b_q = 0 if rst & 1 else b if ce & 1 else b_q
        pipe_q = 0 if rst >> 1 & 1 else old[0] * old[1] if ce >> 1 & 1 else pipe_q
        out_q = 0 if rst >> 2 & 1 else old[2] if ce >> 3 & 1 else out_q
        await FallingEdge(dut.CLK1)
        await ReadOnly()
        assert _get(dut, "P", 36) == out_q
        assert (_get(dut, "ROA", 18), _get(dut, "ROB", 18)) == (a_q, b_q)
        await Timer(1, "ps")


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "registers": {
        "REG_INPUTA_CLK": "CLK1", "REG_INPUTA_CE": "CE2", "REG_INPUTA_RST": "RST3",
        "REG_INPUTB_CLK": "CLK1", "REG_PIPELINE_CLK": "CLK1", "REG_PIPELINE_CE": "CE1",
        "REG_PIPELINE_RST": "RST1", "REG_OUTPUT_CLK": "CLK1", "REG_OUTPUT_CE": "CE3",
        "REG_OUTPUT_RST": "RST2",
    },
}  # fmt: skip


@pytest.mark.slow
@needs_verilator
@pytest.mark.parametrize("case", CASES)
def test_mult18x18d(case: str) -> None:
    simulate(
        "MULT18X18D",
        "sim.models.test_mult18x18d",
        ["MULT18X18D_register"],
        folder=MODELS,
        parameters={name: f'"{value}"' for name, value in CASES[case].items()},
        plusargs={"case": case},
    )
