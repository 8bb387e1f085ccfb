# SPDX-License-Identifier: Apache-2.0
"""The model of the ECP5's block RAM against a memory of single bits, in random accesses."""

import random
from typing import Any

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly, RisingEdge, Timer

from sim.runner import simulate
from sim.test_rules import needs_verilator
from vio.hw.verilog_sources import MODELS

ACCESSES = 600
PLACES = 40  # addresses that are used: the two ports meet often


def _set(dut, name: str, bits: int, value: int) -> None:
    for i in range(bits):
        getattr(dut, f"{name}{i}").value = value >> i & 1


def _get(dut, name: str) -> int:
    return sum(int(getattr(dut, f"{name}{i}").value) << i for i in range(18))


class Memory:
    """Hold 18,432 bits: bit i of the 9-bit word w is at 9 w + i."""

    def __init__(self) -> None:
        self.bits = [0] * 18432

    @staticmethod
    def cells(width: int, address: int) -> list[int]:
        """Return the places of a word's bits, lowest first: the 9th bits are for 9, 18 and 36."""
        if width < 9:
            first = address // width * width  # lower address bits do not count
            return [9 * ((first + i) // 8) + (first + i) % 8 for i in range(width)]
        words = width // 9
        first = address // 8 // words * words
        return [9 * first + i for i in range(width)]

    def read(self, width: int, address: int) -> int:
        """Return a word."""
        return sum(self.bits[at] << i for i, at in enumerate(self.cells(width, address)))

    def write(self, width: int, address: int, data: int) -> None:
        """Write a word; from 18 bits on the lowest bits of the address enable groups of 9."""
        for i, at in enumerate(self.cells(width, address)):
            if width < 18 or address >> (i // 9) & 1:
                self.bits[at] = data >> i & 1


class Port:
    """Hold what a port shows: a latch and, perhaps, a register behind it."""

    def __init__(self, side: str, settings: dict[str, Any]) -> None:
        self.side, self.width = side, settings[f"DATA_WIDTH_{side}"]
        self.mode = settings.get(f"WRITEMODE_{side}", "NORMAL")
        self.registered = settings.get(f"REGMODE_{side}", "NOREG") == "OUTREG"
        self.select = int(settings.get(f"CSDECODE_{side}", "0b000")[2:], 2)
        self.latch = self.register = 0

    def edge(self, memory: Memory, before: Memory, access: dict[str, int], sync: bool) -> None:
        """Pass an edge; before: the memory as it was when both ports' edge came."""
        reset, active = access["RST"], access["CE"] and access["CS"] == self.select
        self.register = self.latch if access["OCE"] else self.register
        if reset:
            self.latch = self.register = 0
        elif active and (not access["WE"] or self.mode == "READBEFOREWRITE"):
            self.latch = before.read(self.width, access["AD"])
        if active and access["WE"] and not (reset and sync):
            memory.write(self.width, access["AD"], access["DI"])
            if self.mode == "WRITETHROUGH" and not reset:
                own = Memory()
                own.bits = list(before.bits)
                own.write(self.width, access["AD"], access["DI"])
                self.latch = own.read(self.width, access["AD"])

    @property
    def out(self) -> int:
        """What the port shows."""
        return self.register if self.registered else self.latch


def _access(generator: random.Random, port: Port, writes: bool) -> dict[str, int]:
    address = generator.randrange(PLACES) * 3 % 64 | generator.choice((0, 0x3FC0))
    return {
        "AD": address,
        "DI": generator.getrandbits(36 if port.width == 36 else 18),
        "WE": int(writes and generator.random() < 0.5),
        "CE": int(generator.random() < 0.8),
        "OCE": int(generator.random() < 0.8),
        "RST": int(generator.random() < 0.05),
        "CS": port.select if generator.random() < 0.9 else generator.randrange(8),
    }


def _apply(dut, side: str, access: dict[str, int]) -> None:
    _set(dut, f"AD{side}", 14, access["AD"])
    _set(dut, f"CS{side}", 3, access["CS"])
    for name in ("WE", "CE", "OCE", "RST"):
        getattr(dut, name + side).value = access[name]
    _set(dut, f"DI{side}", 18, access["DI"] & 0x3FFFF)


@cocotb.test()
async def accesses_are_those_of_a_memory_of_bits(dut) -> None:
    settings = SETTINGS[cocotb.plusargs["case"]]
    generator = random.Random(5)
    memory, ports = Memory(), {side: Port(side, settings) for side in "AB"}
    sync = settings.get("RESETMODE", "SYNC") == "SYNC"
    wide = ports["A"].width == 36
    for i, row in settings.get("init", {}).items():
        for j in range(16):
            for bit in range(18):
                memory.bits[18 * (16 * i + j) + bit] = row >> 20 * j + bit & 1
    for side in "AB":
        _apply(dut, side, dict.fromkeys(("AD", "DI", "WE", "CE", "OCE", "RST", "CS"), 0))
    Clock(dut.CLKA, 2, "ns").start()
    Clock(dut.CLKB, 2, "ns").start()
    await FallingEdge(dut.CLKA)
    met = 0
    for _ in range(ACCESSES):
        given = {s: _access(generator, p, s == "A" or not wide) for s, p in ports.items()}
        if wide:
            given["A"]["RST"] = 0
        if sum(given[s]["WE"] for s in "AB") == 2:  # both write: nobody says who wins
            given["B"]["WE"] = 0
        for side in "AB":
            _apply(dut, side, given[side])
        if wide:
            _set(dut, "DIB", 18, given["A"]["DI"] >> 18)
        before = Memory()
        before.bits = list(memory.bits)
        await RisingEdge(dut.CLKA)
        for side, port in ports.items():
            port.edge(memory, before, given[side], sync)
        await FallingEdge(dut.CLKA)
        await ReadOnly()
        if wide:
            low, high = (_get(dut, "DOA"), _get(dut, "DOB"))
            expected = ports["B"].out
            if ports["B"].width == 36:
                assert low | high << 18 == expected
            else:
                assert high == expected
        else:
            for side, port in ports.items():
                assert _get(dut, f"DO{side}") == port.out, side
        met += given["A"]["AD"] == given["B"]["AD"]
        await Timer(1, "ps")
    assert met > 3


@cocotb.test()
async def an_asynchronous_reset_does_not_wait_for_the_clock(dut) -> None:
    if SETTINGS[cocotb.plusargs["case"]].get("RESETMODE") != "ASYNC":
        return
    access = {"AD": 15, "DI": 0x3FFFF, "WE": 1, "CE": 1, "OCE": 1, "RST": 0, "CS": 0}
    _apply(dut, "A", access)
    _apply(dut, "B", access | {"WE": 0, "RST": 1})
    Clock(dut.CLKA, 2, "ns").start()
    for we in (1, 0, 0, 0):
        dut.WEA.value = we
        await FallingEdge(dut.CLKA)
    assert _get(dut, "DOA")
    dut.RSTA.value = 1
    await Timer(10, "ps")
    assert _get(dut, "DOA") == 0


ROW = int.from_bytes(random.Random(1).randbytes(40), "big")
SETTINGS: dict[str, dict[str, Any]] = {
    "18 and 9": {
        "DATA_WIDTH_A": 18, "DATA_WIDTH_B": 9, "WRITEMODE_B": "WRITETHROUGH",
        "CSDECODE_B": "0b101", "init": {0x00: ROW, 0x3F: ROW >> 3},
    },
    "4 and 18": {
        "DATA_WIDTH_A": 4, "DATA_WIDTH_B": 18, "WRITEMODE_A": "READBEFOREWRITE",
        "WRITEMODE_B": "WRITETHROUGH", "REGMODE_B": "OUTREG", "RESETMODE": "ASYNC",
    },
    "1 and 2": {"DATA_WIDTH_A": 1, "DATA_WIDTH_B": 2, "WRITEMODE_A": "WRITETHROUGH"},
    "36": {"DATA_WIDTH_A": 36, "DATA_WIDTH_B": 36, "REGMODE_B": "OUTREG"},
    "36 and 9": {"DATA_WIDTH_A": 36, "DATA_WIDTH_B": 9},
}  # fmt: skip


def _parameters(settings: dict[str, Any]) -> dict[str, Any]:
    out = {k: f'"{v}"' if isinstance(v, str) else v for k, v in settings.items() if k != "init"}
    return out | {
        f"INITVAL_{i:02X}": f"320'h{row:x}" for i, row in settings.get("init", {}).items()
    }


@pytest.mark.slow
@needs_verilator
@pytest.mark.parametrize("case", SETTINGS)
def test_dp16kd(case: str) -> None:
    simulate(
        "DP16KD",
        "sim.models.test_dp16kd",
        [],
        folder=MODELS,
        parameters=_parameters(SETTINGS[case]),
        plusargs={"case": case},
    )
