# SPDX-License-Identifier: Apache-2.0
"""The rules of docs/hls/float_rules.md in exact integers: slow, independent of any float unit."""

from fractions import Fraction
from math import isqrt

NAN = 0x7FC00000
INFINITY = 0x7F800000
SIGN = 0x80000000


def rounded(sign: int, value: Fraction) -> int:
    """Return the bits of a positive value rounded to nearest even and flushed; sign: 0 or SIGN."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    if value < Fraction(2) ** exponent:
        exponent -= 1
    unit = max(exponent, -126) - 23
    units = round(value / Fraction(2) ** unit)  # Python rounds fractions to even
    if units >= 1 << 24:
        units >>= 1
        unit += 1
    if units < 1 << 23:
        return sign
    if unit + 23 > 127:
        return sign | INFINITY
    return sign | (unit + 23 + 127) << 23 | (units - (1 << 23))


def _split(x: int) -> tuple[str, int, Fraction]:
    """Return what a number is, its sign and its magnitude."""
    sign, exponent, fraction = x & SIGN, x >> 23 & 0xFF, x & 0x7FFFFF
    if exponent == 255:
        return ("nan" if fraction else "infinity"), sign, Fraction(0)
    if exponent == 0:
        return "zero", sign, Fraction(0)
    return "number", sign, Fraction(fraction + (1 << 23)) * Fraction(2) ** (exponent - 150)


def add(x: int, y: int) -> int:
    """Return the bits of the sum."""
    (kx, sx, mx), (ky, sy, my) = _split(x), _split(y)
    if "nan" in (kx, ky) or (kx == ky == "infinity" and sx != sy):
        return NAN
    if kx == "infinity":
        return x
    if ky == "infinity":
        return y
    total = (-mx if sx else mx) + (-my if sy else my)
    if total == 0:
        both = kx == ky == "zero" and sx == sy
        return sx if both else 0
    return rounded(SIGN if total < 0 else 0, abs(total))


def sub(x: int, y: int) -> int:
    """Return the bits of the difference."""
    return add(x, y ^ SIGN)


def mul(x: int, y: int) -> int:
    """Return the bits of the product."""
    (kx, sx, mx), (ky, sy, my) = _split(x), _split(y)
    if "nan" in (kx, ky) or {kx, ky} == {"zero", "infinity"}:
        return NAN
    if "infinity" in (kx, ky):
        return sx ^ sy | INFINITY
    return rounded(sx ^ sy, mx * my) if mx * my else sx ^ sy


def div(x: int, y: int) -> int:
    """Return the bits of the quotient."""
    (kx, sx, mx), (ky, sy, my) = _split(x), _split(y)
    if "nan" in (kx, ky) or (kx == ky and kx in ("zero", "infinity")):
        return NAN
    if kx == "infinity" or ky == "zero":
        return sx ^ sy | INFINITY
    if kx == "zero" or ky == "infinity":
        return sx ^ sy
    return rounded(sx ^ sy, mx / my)


def sqrt(x: int) -> int:
    """Return the bits of the square root."""
    kind, sign, magnitude = _split(x)
    if kind == "zero":
        return sign
    if kind == "nan" or sign:
        return NAN
    if kind == "infinity":
        return INFINITY
    # 100 binary places of the root, then one that says whether anything is left.
    scaled = magnitude * 4**150
    floor = isqrt(scaled.numerator // scaled.denominator)
    rest = scaled != floor * floor
    return rounded(0, Fraction(2 * floor + rest, 2**151))


def lt(x: int, y: int) -> bool:
    """Return whether x < y."""
    (kx, sx, mx), (ky, sy, my) = _split(x), _split(y)
    if "nan" in (kx, ky):
        return False
    mx, my = (Fraction(2) ** 200 if k == "infinity" else m for k, m in ((kx, mx), (ky, my)))
    return (-mx if sx else mx) < (-my if sy else my)
