# SPDX-License-Identifier: Apache-2.0
"""Formats, roundings and narrowings against exact arithmetic of Python's integers."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vio.config import HwConfig
from vio.errors import VioError
from vio.fixed import formats as names
from vio.fixed import qformat as q
from vio.fixed.formats import formats
from vio.fixed.qformat import signal_table, signal_uses, sq, uq

WORDS = st.integers(-(2**45), 2**45)
EXTREMES = sorted(
    {max(x + d, 0) for k in range(63) for x in (1 << k, (1 << (k // 2)) ** 2) for d in (-1, 0, 1)}
    | {k * k + d for k in (3, 181, 46341, 370727, 524287, 2**31 - 1) for d in (-1, 0, 1)}
    | {2**63 - 1}
)


@given(WORDS, st.integers(1, 40))
def test_round_shift_rounds_to_nearest_and_ties_up(x: int, n: int) -> None:
    assert q.round_shift(x, n) == math.floor(Fraction(x, 2**n) + Fraction(1, 2))


def test_rounding_and_truncation_are_told_apart() -> None:
    assert q.round_shift(-3, 1) == -1
    assert -3 >> 1 == -2


@given(st.integers(-(2**30), 2**30), st.integers(-12, 0))
def test_a_shift_of_no_bits_or_less_goes_left(x: int, n: int) -> None:
    assert q.round_shift(x, n) == x * 2**-n


@given(st.integers(0, 2**62))
def test_bit_length_is_pythons(x: int) -> None:
    assert q.bit_length(x) == x.bit_length()


@pytest.mark.parametrize("x", [0, 1, 65535, 65536, 2**31, 2**32 - 1, 2**62, 2**63 - 1])
def test_bit_length_of_extremes_is_pythons(x: int) -> None:
    assert q.bit_length(x) == x.bit_length()


def test_the_square_root_is_exact_at_squares_and_beside_them() -> None:
    assert [q.square_root(x) for x in EXTREMES] == [math.isqrt(x) for x in EXTREMES]


@given(st.integers(0, 2**62))
def test_the_square_root_is_exact(x: int) -> None:
    assert q.square_root(x) == math.isqrt(x)


@given(st.integers(0, 2**60), st.integers(1, 2**40))
def test_the_quotient_is_rounded_down(a: int, b: int) -> None:
    assert q.divide(a, b) == a // b
    assert q.divide(a, 0) == 0


@pytest.mark.parametrize("form", [sq(1, 16), uq(8, 2), sq(25, 0), sq(-6, 24), uq(0, 16)])
def test_a_format_holds_what_its_words_hold(form: q.QFormat) -> None:
    assert form.high - form.low + 1 == 2**form.bits
    for word in (form.low, form.low + 1, 0, form.high):
        assert form.quantise(form.value(word)) == word
    step = 2.0**-form.frac_bits
    for beyond in (form.value(form.high) + 0.6 * step, form.value(form.low) - 0.6 * step):
        with pytest.raises(VioError, match="does not fit"):
            form.quantise(beyond)


def test_quantising_takes_the_nearest_word_and_ties_away_from_zero() -> None:
    form = sq(3, 2)
    assert [form.quantise(x) for x in (0.124, 0.125, -0.125, -0.124)] == [0, 1, -1, 0]


def test_narrow_saturates_and_the_record_tells_all() -> None:
    forms = {"a": sq(3, 0), "b": uq(4, 0), "c": sq(9, 0)}
    table = signal_table(forms, trace=True)
    assert [q.narrow(table, 0, x) for x in (-9, -8, 5, 7, 8, 30)] == [-8, -8, 5, 7, 7, 7]
    assert [q.narrow(table, 1, x) for x in (0, 3)] == [0, 3]
    a, b = signal_uses(forms, table)
    assert (a.least, a.greatest, a.saturated, a.count, a.unused_bits) == (-9, 30, 3, 6, -2)
    assert (b.least, b.greatest, b.saturated, b.count, b.unused_bits) == (0, 3, 0, 2, 2)


def test_a_normal_run_narrows_alike_and_records_nothing() -> None:
    forms = {"a": sq(3, 0)}
    table = signal_table(forms, trace=False)
    assert [q.narrow(table, 0, x) for x in (-9, 7, 8)] == [-8, 7, 7]
    assert signal_uses(forms, table) == []


def test_every_index_names_its_format() -> None:
    listed = list(formats(HwConfig()))
    indices = {name: value for name, value in vars(names).items() if name.isupper()}
    assert {name.lower(): index for name, index in indices.items()} == {
        name: i for i, name in enumerate(listed)
    }


def test_every_format_fits_the_words_of_the_kernels() -> None:
    for name, form in formats(HwConfig()).items():
        assert 1 <= form.bits <= 48, name
        assert np.int64(form.high) == form.high
