# SPDX-License-Identifier: Apache-2.0
"""A model of hls/sequencer.v that runs the generated memories: what each cycle reads and writes."""

import re
from pathlib import Path

import numpy as np

from vio.float32 import float as fp32
from vio.hw.hls.list_schedule import KINDS, Units
from vio.hw.hls.microcode import ROOT


def read_sizes(text: str) -> dict[str, int]:
    """Return the localparams of a generated header."""
    return {name: int(value) for name, value in re.findall(r"localparam (\w+) = (\d+);", text)}


def read_memory(text: str, name: str) -> list[int]:
    """Return the words with which a generated memory starts."""
    words = re.findall(rf"{name}\[\d+\] = \d+'h([0-9a-f]+);", text)
    return [int(word, 16) for word in words]


def logic(code: int, x: np.float32, y: np.float32) -> np.float32:
    """Return what the logic unit gives: comparisons are masks."""
    kind = KINDS[3][code]
    a, b = np.uint32(fp32.bits(x)), np.uint32(fp32.bits(y))
    if kind in ("lt", "le", "eq"):
        true = {"lt": fp32.lt, "le": fp32.le, "eq": fp32.eq}[kind](x, y)
        return fp32.from_bits(np.uint32(0xFFFFFFFF if true else 0))
    bits = {"and": a & b, "andn": ~a & b, "or": a | b, "xor": a ^ b}[kind]
    return fp32.from_bits(np.uint32(bits))


class Sequencer:
    """Run the program of a folder's <name>_program.v."""

    def __init__(self, folder: Path, name: str) -> None:
        text = (folder / f"{name}_program.v").read_text()
        self.sizes = read_sizes((folder / f"{name}_program.vh").read_text())
        said = re.search(r"adders of (\d+) stages and \d+ multipliers of (\d+)", text)
        assert said is not None
        unit = Units()
        self.stages = int(said[1]), int(said[2]), unit.divider_stages, unit.logic_stages
        self.program = read_memory(text, "words_mem")
        self.layout = read_memory(text, "layout_mem")
        counts = [self.sizes[n] for n in ("ADDERS", "MULTIPLIERS", "DIVIDERS", "LOGICS")]
        self.kinds = [k for k, count in enumerate(counts) for _ in range(count)]  # of each unit
        self.units = len(self.kinds)
        self.depth = 1 << self.sizes["ADDRESS_W"]
        # A word that nobody has written is NaN, which no result survives.
        self.banks = np.full((self.units, self.depth), fp32.NAN, np.float32)
        self.parity = 0

    def _address(self, address: int) -> int:
        return address ^ (self.parity if address >= self.depth // 2 else 0)

    def start(self, setup: np.ndarray) -> None:
        """Take the words of a START."""
        self.parity = 0
        self.banks[-1, : len(setup)] = setup
        for word in self.layout:
            data, place = word & 0xFFFFFFFF, word >> 32
            bank, address = divmod(place, self.depth)
            self.banks[bank, address] = np.uint32(data).view(np.float32)

    def sample(self, words: np.ndarray) -> None:
        """Take the words of a SAMPLE and run the program."""
        first = self.sizes["SETUP_WORDS"]
        self.banks[-1, first : first + len(words)] = words
        place_w = self.sizes["BANK_W"] + self.sizes["ADDRESS_W"]
        results: dict[tuple[int, int], np.float32] = {}
        for cycle, word in enumerate(self.program):
            parts = [
                word >> u * self.sizes["UNIT_W"] & (1 << self.sizes["UNIT_W"]) - 1
                for u in range(self.units)
            ]
            for u, part in enumerate(parts):
                x, y = (
                    self.banks[bank, self._address(address)]
                    for bank, address in (
                        divmod(part >> o * place_w & (1 << place_w) - 1, self.depth)
                        for o in range(2)
                    )
                )
                code = part >> 2 * place_w & (1 << self.sizes["OP_W"]) - 1
                done = cycle + 2 + self.stages[self.kinds[u]]
                results[u, done] = self._result(self.kinds[u], code, x, y)
            for u, part in enumerate(parts):
                written = part >> 2 * place_w + self.sizes["OP_W"]
                address, enable = written % self.depth, written // self.depth
                if enable:
                    self.banks[u, self._address(address)] = results[u, cycle]
        self.parity ^= 1

    @staticmethod
    def _result(kind: int, code: int, x: np.float32, y: np.float32) -> np.float32:
        if kind == 0:
            return fp32.sub(x, y) if code else fp32.add(x, y)
        if kind == 1:
            return fp32.mul(x, y)
        if kind == 2:
            return fp32.sqrt(x) if code == ROOT else fp32.div(x, y)
        return logic(code, x, y)

    def read(self) -> np.ndarray:
        """Return the words of a READ."""
        places = [word >> 32 for word in self.layout[: self.sizes["STATE_WORDS"]]]
        return np.array(
            [self.banks[p // self.depth, self._address(p % self.depth)] for p in places],
            np.float32,
        )
