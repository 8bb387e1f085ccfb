# SPDX-License-Identifier: Apache-2.0
"""The float32 operations, bit-exact in software and hardware: docs/hls/float_rules.md.

Each function is one operation of hls/float.x: operands flushed, one rounding to nearest even,
result flushed, one NaN. A reference that computes all its float32 steps by them, in the order of
its DSLX, equals the hardware. Compiled by numba, which neither fuses nor reorders (no fastmath).
hls/units.x holds the same addition and product in parts, as a sequencer runs them.
"""

import numpy as np
from numba import njit

_EXPONENT = np.uint32(0x7F800000)
_SIGN = np.uint32(0x80000000)
_MAGNITUDE = np.uint32(0x7FFFFFFF)
_NAN = np.uint32(0x7FC00000)
NAN = _NAN.view(np.float32)


@njit(cache=True)
def bits(x: np.float32) -> np.uint32:
    """Return the 32 bits of a float32."""
    return np.float32(x).view(np.uint32)


@njit(cache=True)
def from_bits(u: np.uint32) -> np.float32:
    """Return the float32 that 32 bits stand for."""
    return np.uint32(u).view(np.float32)


@njit(cache=True)
def flush(x: np.float32) -> np.float32:
    """Return zero of the same sign for a subnormal, else x."""
    u = bits(x)
    return from_bits(u & _SIGN) if u & _EXPONENT == 0 else np.float32(x)


@njit(cache=True)
def canonical(x: np.float32) -> np.float32:
    """Return x flushed, any NaN as the one quiet NaN 0x7fc00000."""
    return from_bits(_NAN) if x != x else flush(x)


@njit(cache=True)
def add(x: np.float32, y: np.float32) -> np.float32:
    """Return x + y."""
    return canonical(flush(x) + flush(y))


@njit(cache=True)
def sub(x: np.float32, y: np.float32) -> np.float32:
    """Return x - y."""
    return canonical(flush(x) - flush(y))


@njit(cache=True)
def mul(x: np.float32, y: np.float32) -> np.float32:
    """Return x y; flushed after rounding, so that what rounds up to 2^-126 stays."""
    return canonical(flush(x) * flush(y))


@njit(cache=True, error_model="numpy")
def div(x: np.float32, y: np.float32) -> np.float32:
    """Return x / y, infinity for y = 0, NaN for 0 / 0; flushed after rounding, as `mul`."""
    return canonical(flush(x) / flush(y))


@njit(cache=True)
def sqrt(x: np.float32) -> np.float32:
    """Return the square root, NaN below zero, -0 for -0."""
    return canonical(np.sqrt(flush(x)))


@njit(cache=True)
def neg(x: np.float32) -> np.float32:
    """Return x with its sign bit inverted, whatever x is."""
    return from_bits(bits(x) ^ _SIGN)


@njit(cache=True)
def absolute(x: np.float32) -> np.float32:
    """Return x with its sign bit cleared, whatever x is."""
    return from_bits(bits(x) & _MAGNITUDE)


@njit(cache=True)
def lt(x: np.float32, y: np.float32) -> bool:
    """Return whether x < y; false when either is NaN."""
    return bool(flush(x) < flush(y))


@njit(cache=True)
def le(x: np.float32, y: np.float32) -> bool:
    """Return whether x <= y; false when either is NaN."""
    return bool(flush(x) <= flush(y))


@njit(cache=True)
def eq(x: np.float32, y: np.float32) -> bool:
    """Return whether x = y; -0 = 0; false when either is NaN."""
    return bool(flush(x) == flush(y))


@njit(cache=True)
def select(condition: bool, x: np.float32, y: np.float32) -> np.float32:
    """Return x where the condition holds, else y, untouched."""
    return np.float32(x) if condition else np.float32(y)
