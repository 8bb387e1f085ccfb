# SPDX-License-Identifier: Apache-2.0
"""The float32 rules of the hardware against exact integer arithmetic."""

import numpy as np
import pytest
from numba import njit

from tests import exact_float
from vio.float32 import float as fp32
from vio.hw.hls.operands import pairs, special_numbers, special_pairs

COUNT = 12000
NAMES = ("add", "sub", "mul", "div", "sqrt")


@njit
def _table(x, y, out):
    for i in range(len(x)):
        out[i, 0] = fp32.bits(fp32.add(x[i], y[i]))
        out[i, 1] = fp32.bits(fp32.sub(x[i], y[i]))
        out[i, 2] = fp32.bits(fp32.mul(x[i], y[i]))
        out[i, 3] = fp32.bits(fp32.div(x[i], y[i]))
        out[i, 4] = fp32.bits(fp32.sqrt(x[i]))
        out[i, 5] = fp32.lt(x[i], y[i])
        out[i, 6] = fp32.le(x[i], y[i])
        out[i, 7] = fp32.eq(x[i], y[i])
        out[i, 8] = fp32.bits(fp32.neg(x[i]))
        out[i, 9] = fp32.bits(fp32.absolute(x[i]))


@pytest.fixture(scope="module")
def operands():
    return pairs(COUNT, seed=5)


@pytest.fixture(scope="module")
def table(operands):
    x, y = np.ascontiguousarray(operands.T).view(np.float32)
    out = np.zeros((len(x), 10), np.uint32)
    _table(x, y, out)
    return out


@pytest.mark.parametrize(("column", "name"), list(enumerate(NAMES)))
def test_every_operation_equals_exact_arithmetic_rounded_once(operands, table, column, name):
    rule = getattr(exact_float, name)
    arguments = 1 if name == "sqrt" else 2
    expected = [rule(*(int(v) for v in row[:arguments])) for row in operands]
    wrong = np.flatnonzero(np.array(expected, np.uint32) != table[:, column])
    assert not len(wrong), [
        f"{name} {[hex(v) for v in operands[i]]}: {table[i, column]:#x}, exactly {expected[i]:#x}"
        for i in wrong[:3]
    ]


def test_comparisons_see_the_exact_order(operands, table):
    swapped = [(int(x), int(y)) for x, y in operands]
    below = np.array([exact_float.lt(x, y) for x, y in swapped])
    above = np.array([exact_float.lt(y, x) for x, y in swapped])
    nan = ((operands & 0x7FFFFFFF) > 0x7F800000).any(axis=1)
    np.testing.assert_array_equal(table[:, 5], below)
    np.testing.assert_array_equal(table[:, 6], ~above & ~nan)
    np.testing.assert_array_equal(table[:, 7], ~above & ~below & ~nan)


def test_signs_are_bits_of_their_own_even_of_nan_and_subnormals(operands, table):
    np.testing.assert_array_equal(table[:, 8], operands[:, 0] ^ np.uint32(0x80000000))
    np.testing.assert_array_equal(table[:, 9], operands[:, 0] & np.uint32(0x7FFFFFFF))


def test_no_result_is_subnormal_or_another_nan(table):
    results = table[:, :5] & np.uint32(0x7FFFFFFF)
    assert not ((results > 0) & (results < 0x00800000)).any()
    assert set(np.unique(table[:, :5][results > 0x7F800000])) == {0x7FC00000}


def test_a_product_that_rounds_up_to_the_smallest_normal_stays():
    most = np.uint32(0x3F7FFFFF).view(np.float32)  # 1 - 2^-24
    least = np.uint32(0x00800000).view(np.float32)  # 2^-126
    below = np.uint32(0x3F7FFFFE).view(np.float32)  # 1 - 2^-23
    two = np.float32(2.0)
    assert fp32.bits(fp32.mul(most, least)) == 0x00800000
    assert fp32.bits(fp32.mul(below, least)) == 0
    assert fp32.bits(fp32.div(fp32.mul(most, two), fp32.div(two, least))) == 0x00800000


def test_the_operands_reach_every_rule(operands, table):
    kinds = {
        "cancellation to zero": (table[:, 1] == 0) & (operands[:, 0] == operands[:, 1]),
        "overflow": (table[:, 2] & 0x7FFFFFFF) == 0x7F800000,
        "product of 2^-126": (table[:, 2] & 0x7FFFFFFF) == 0x00800000,
        "quotient of 2^-126": (table[:, 3] & 0x7FFFFFFF) == 0x00800000,
        "flushed product": ((table[:, 2] & 0x7FFFFFFF) == 0)
        & ((operands & 0x7FFFFFFF) > 0x007FFFFF).all(axis=1),
        "NaN": table[:, 3] == 0x7FC00000,
        "negative zero": table[:, 4] == 0x80000000,
    }
    for kind, found in kinds.items():
        assert found.sum() >= 5, f"only {found.sum()} operands reach: {kind}"
    assert len(special_pairs()) == len(special_numbers()) ** 2 < COUNT


def test_a_table_with_one_broken_bit_is_told_apart(operands, table):
    broken = table.copy()
    broken[777, 2] ^= 1
    expected = [exact_float.mul(int(x), int(y)) for x, y in operands[770:780]]
    assert (broken[770:780, 2] != expected).any()
    assert (table[770:780, 2] == expected).all()
