# SPDX-License-Identifier: Apache-2.0
"""Fixed-point formats, named roundings and narrowings, and the record of what signals do.

A value of format Q is the integer q; it stands for q / 2^frac_bits. Compiled functions carry plain
int64; where a value is narrowed to a declared format they call `narrow` (saturates) or
`observe` (the format must hold it) with the signal's index. Both look its limits up in a table of
(S, 6) int64: lowest, highest, least seen, greatest seen, saturations, count. The last four are
written only when the table asks for it (`trace`), so that a normal run spends nothing on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit

from vio.errors import VioError

LOW, HIGH, LEAST, GREATEST, SATURATED, COUNT = range(6)
_NOTHING = np.iinfo(np.int64).max


@dataclass(frozen=True)
class QFormat:
    """Hold a format: sign, integer bits (sign not counted) and fraction bits.

    frac_bits may be negative: the integer then stands for multiples of a power of two.
    """

    signed: bool
    int_bits: int
    frac_bits: int

    @property
    def bits(self) -> int:
        """Width of the word, sign included."""
        return int(self.signed) + self.int_bits + self.frac_bits

    @property
    def low(self) -> int:
        """Lowest integer that the word holds."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Highest integer that the word holds."""
        return (1 << (self.bits - int(self.signed))) - 1

    def quantise(self, value: float) -> int:
        """Return the nearest integer (ties away from zero); raises VioError when out of range."""
        scaled = value * 2.0**self.frac_bits
        q = int(np.floor(abs(scaled) + 0.5)) * (1 if scaled >= 0 else -1)
        if not self.low <= q <= self.high:
            raise VioError(f"{value:g} does not fit {self}, which holds {self.range_text()}")
        return q

    def value(self, q: int) -> float:
        """Return what the integer q stands for."""
        return q / 2.0**self.frac_bits

    def range_text(self) -> str:
        """Return the range as text."""
        return f"{self.value(self.low):g} to {self.value(self.high):g}"

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}Q{self.int_bits}.{self.frac_bits}"


def sq(int_bits: int, frac_bits: int) -> QFormat:
    """Return a signed format."""
    return QFormat(True, int_bits, frac_bits)


def uq(int_bits: int, frac_bits: int) -> QFormat:
    """Return an unsigned format."""
    return QFormat(False, int_bits, frac_bits)


def signal_table(formats: Mapping[str, QFormat], trace: bool) -> np.ndarray:
    """Return the table (S, 6) of the compiled functions; rows in the mapping's order."""
    table = np.zeros((len(formats) + 1, 6), np.int64)
    for i, form in enumerate(formats.values()):
        table[i, LOW], table[i, HIGH] = form.low, form.high
    table[:, LEAST], table[:, GREATEST] = _NOTHING, -_NOTHING
    table[-1, LOW] = int(trace)  # the last row is the switch
    return table


def is_traced(table: np.ndarray) -> bool:
    """Return whether the table records, which one thread alone may let it do."""
    return bool(table[-1, LOW])


@dataclass(frozen=True)
class SignalUse:
    """Hold what one signal did: the words seen, and how its format fits them.

    unused_bits: high bits that were never needed (negative: bits that were missing).
    """

    name: str
    format: QFormat
    least: int
    greatest: int
    saturated: int
    count: int
    unused_bits: int


def signal_uses(formats: Mapping[str, QFormat], table: np.ndarray) -> list[SignalUse]:
    """Return the uses of the signals that were seen at least once."""
    uses = []
    for i, (name, form) in enumerate(formats.items()):
        if table[i, COUNT] == 0:
            continue
        least, greatest = int(table[i, LEAST]), int(table[i, GREATEST])
        needed = max(_bits(least), _bits(greatest))
        uses.append(
            SignalUse(
                name,
                form,
                least,
                greatest,
                int(table[i, SATURATED]),
                int(table[i, COUNT]),
                form.bits - int(form.signed) - needed,
            )
        )
    return uses


def _bits(q: int) -> int:
    """Return the magnitude bits of a two's complement integer."""
    return (q if q >= 0 else ~q).bit_length()


@njit(cache=True, inline="always")
def round_shift(x: int, n: int) -> int:
    """Return x / 2^n, rounded to nearest with ties up; n <= 0 shifts left."""
    if n <= 0:
        return x << -n
    return (x + (1 << (n - 1))) >> n


@njit(cache=True, inline="always")
def clamp(x: int, low: int, high: int) -> int:
    """Return x saturated to [low, high]."""
    return min(max(x, low), high)


@njit(cache=True)
def narrow(signals: np.ndarray, index: int, x: int) -> int:
    """Return x saturated to the signal's format."""
    row = signals[index]
    y = min(max(x, row[LOW]), row[HIGH])
    if signals[-1, LOW] != 0:
        row[LEAST] = min(row[LEAST], x)
        row[GREATEST] = max(row[GREATEST], x)
        row[COUNT] += 1
        if x != y:
            row[SATURATED] += 1
    return y


@njit(cache=True)
def narrow_all(signals: np.ndarray, index: int, values: np.ndarray) -> np.ndarray:
    """Return an array of any shape, each value saturated to the signal's format."""
    out = np.empty_like(values)
    flat, source = out.reshape(-1), np.ascontiguousarray(values).reshape(-1)
    for i in range(len(source)):
        flat[i] = narrow(signals, index, source[i])
    return out


@njit(cache=True)
def bit_length(x: int) -> int:
    """Return the number of bits of a non-negative integer (0 for 0)."""
    n = 0
    while x >= 65536:
        x >>= 16
        n += 16
    while x > 0:
        x >>= 1
        n += 1
    return n


@njit(cache=True)
def divide(numerator: int, denominator: int) -> int:
    """Return the quotient of non-negative integers, rounded down: what a restoring divider gives.

    A denominator of 0 gives 0; the caller says what that means.
    """
    if denominator == 0:
        return 0
    return numerator // denominator


@njit(cache=True)
def square_root(x: int) -> int:
    """Return the integer square root of a non-negative integer, rounded down, bit by bit."""
    root = 0
    bit = 1 << 62
    while bit > x:
        bit >>= 2
    while bit != 0:
        if x >= root + bit:
            x -= root + bit
            root = (root >> 1) + bit
        else:
            root >>= 1
        bit >>= 2
    return root
