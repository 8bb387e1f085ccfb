# SPDX-License-Identifier: Apache-2.0
"""Run the calls of lane programs word by word of the microprogram: what lane_sequencer.v does.

A file of words for each lane; loads, the program's words cycle by cycle, stores. Results arrive
after the cycles of their units, so that a schedule which reads too early gives other words.
"""

from collections.abc import Callable

import numpy as np

from vio.float32 import calls as c
from vio.float32 import float as fp32
from vio.hw.lanes import traced
from vio.hw.lanes.fused import CODES, DIVIDE, IMMEDIATE
from vio.hw.lanes.microcode import memories
from vio.hw.lanes.program import CONTEXT, FILE, RESULT, VISIBLE
from vio.hw.lanes.traced import PROGRAMS, ROWS_PITCH

Descriptors = tuple[int, int]
_ONES = 0xFFFFFFFF
_NUMBER = {name: k for k, name in enumerate(PROGRAMS)}


def _float(bits: int) -> np.float32:
    return np.uint32(bits).view(np.float32)


def _bits(value: np.float32) -> int:
    return int(np.float32(value).view(np.uint32))


def _compare(of: Callable[[np.float32, np.float32], bool]) -> Callable[[int, int, int], int]:
    return lambda x, y, _: _ONES * int(of(_float(x), _float(y)))


def _arithmetic(of: Callable[..., np.float32]) -> Callable[[int, int, int], int]:
    return lambda x, y, d: _bits(of(_float(x), _float(y), _float(d)))


OPERATIONS: dict[str, Callable[[int, int, int], int]] = {
    "multiply_add": _arithmetic(lambda x, y, d: fp32.add(d, fp32.mul(x, y))),
    "multiply_subtract": _arithmetic(lambda x, y, d: fp32.sub(d, fp32.mul(x, y))),
    "product_minus": _arithmetic(lambda x, y, d: fp32.sub(fp32.mul(x, y), d)),
    "mul": _arithmetic(lambda x, y, _: fp32.mul(x, y)),
    "add": _arithmetic(lambda x, y, _: fp32.add(x, y)),
    "sub": _arithmetic(lambda x, y, _: fp32.sub(x, y)),
    "div": _arithmetic(lambda x, y, _: fp32.div(x, y)),
    "sqrt": _arithmetic(lambda x, _, __: fp32.sqrt(x)),
    "lt": _compare(fp32.lt), "le": _compare(fp32.le), "eq": _compare(fp32.eq),
    "and": lambda x, y, _: x & y, "andn": lambda x, y, _: ~x & y & _ONES,
    "or": lambda x, y, _: x | y, "xor": lambda x, y, _: x ^ y,
    "select": lambda x, y, d: (d & x) | (~d & y & _ONES),
}  # fmt: skip
_BY_CODE = {CODES[kind]: operation for kind, operation in OPERATIONS.items()}


class Call:
    """Hold a call's fields: its four words and the memory of runs, in which its descriptors lie."""

    def __init__(self, words: np.ndarray, runs: np.ndarray) -> None:
        w = words.tolist()
        self.kind, self.counts = w[0] & 31, (w[0] >> 5 & 3, w[0] >> 7 & 63)
        self.step, self.dest = w[0] >> 13 & 0x1FFFF, w[1] & 0x1FFFF
        self.first, self.pairs = w[2] & 0x1FFFF, w[3] & 0x1FFFF
        self.at, self.runs = w[1] >> 17, runs

    def passes(self) -> list[tuple[str, range]]:
        """Return the programs, and the items of each."""
        own, others = self.counts
        if self.kind == c.OBSERVE:
            second = "observe_moved" if self.step else "observe"
            return [("observe_own", range(own)), (second, range(own, own + others))]
        if self.kind == c.FACTOR:
            return [("factor", range(own)), ("whiten", range(others))]
        return [("difference" if self.kind == c.DIFFERENCE else "retract", range(others))]

    def base(self, base: int, item: int) -> tuple[int, bool]:
        """Return the address that a base stands for, and whether the item has motion columns."""
        a, b = (int(self.runs[self.at + 2 * item + k]) for k in range(2))
        addresses = {
            traced.ABSOLUTE: 0, traced.FIRST: a & 0x1FFFF, traced.SECOND: b & 0x1FFFF,
            traced.CALL: self.first, traced.PAIRS: self.pairs + 2 * item,
            traced.CAMERA: 26 * (a >> 29),
            traced.STEP_FIRST: self.step + (a >> 17 & 0xFFF),
            traced.STEP_SECOND: self.step + (b >> 17 & 0xFFF),
            traced.ROWS: self.dest + ROWS_PITCH * item,
            traced.DEST_FIRST: self.dest + (a >> 17 & 0xFFF),
            traced.DEST_SECOND: self.dest + (b >> 17 & 0xFFF),
        }  # fmt: skip
        return addresses[base], bool(b >> 29)


def _moves(number: int) -> list[tuple[int, int, int, int, int, int]]:
    """Return the moves from a number on: base, offset, count, place, step, motion."""
    out = []
    while True:
        w = memories()[1][number]
        out.append((w & 15, w >> 4 & 511, w >> 13 & 511, w >> 22 & 511, w >> 31 & 1, w >> 32 & 1))
        if w >> 33:
            return out
        number += 1


def _run(file: list[int], words: list[int]) -> None:
    """Run a program's words in a lane with a file, in place."""
    results: list[dict[int, int]] = [{} for _ in range(3)]  # of each unit, by the cycle of arrival
    pending: dict[int, tuple[int, int]] = {}
    for cycle in range(len(words) + VISIBLE):
        if cycle in pending:
            place, value = pending.pop(cycle)
            file[place] = value
        if cycle >= len(words):
            continue
        word = words[cycle]
        source = word >> 42
        if not (word >> 41 & 1 and source == IMMEDIATE):
            x, y, d = (file[word >> 9 * k & 511] for k in range(3))
            unit, code = word >> 30 & 3, word >> 27 & 7
            if (unit, code) in _BY_CODE:
                results[unit][cycle + RESULT[unit]] = _BY_CODE[unit, code](x, y, d)
        if word >> 41 & 1:
            if source == IMMEDIATE:
                value = word & _ONES
            elif source == DIVIDE:  # an answer stays until the next
                value = results[DIVIDE][max(at for at in results[DIVIDE] if at <= cycle)]
            else:
                value = results[source][cycle]
            pending[cycle + VISIBLE] = word >> 32 & 511, value


def run_call(call: Call, memory: np.ndarray) -> None:
    """Run the call of a lane program on a memory (M,) uint32, in place."""
    for name, items in call.passes():
        words, _, entries = memories()
        entry = entries[_NUMBER[name]]
        first, last, loads, stores = (
            entry & 8191, entry >> 13 & 8191, entry >> 26 & 255, entry >> 34 & 255,
        )  # fmt: skip
        contexts = 1 + (entry >> 42)
        for begin in range(0, len(items), contexts):
            group = items[begin : begin + contexts]
            file = [0] * FILE
            for item, at in zip(group, range(0, FILE, CONTEXT), strict=False):
                for base, offset, count, place, _, motion in _moves(loads):
                    address, has_motion = call.base(base, item)
                    if has_motion or not motion:
                        start = address + offset
                        file[at + place : at + place + count] = memory[
                            start : start + count
                        ].tolist()
            _run(file, words[first : last + 1])
            for item, at in zip(group, range(0, FILE, CONTEXT), strict=False):
                for base, offset, count, place, step, motion in _moves(stores):
                    address, has_motion = call.base(base, item)
                    if has_motion or not motion:
                        for k in range(count):
                            memory[address + offset + k] = file[at + place + step * k]
