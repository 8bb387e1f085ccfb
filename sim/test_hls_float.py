# SPDX-License-Identifier: Apache-2.0
"""The float32 operations of hls/float.x, run by XLS, against vio/fp32.py."""

import numpy as np
import pytest
from numba import njit

from vio import fp32
from vio.hw.hls import Words, adapter, differences
from vio.hw.hls_operands import pairs

pytest.importorskip("xls", reason="pip install 'kestrel-vio[hw]'")

NAMES = ("add", "sub", "mul", "div", "sqrt", "neg", "absolute", "select", "comparisons")
BODY = """
    let (x, y) = (f(w[0]), f(w[1]));
    [u(float::add(x, y)), u(float::sub(x, y)), u(float::mul(x, y)), u(float::div(x, y)),
     u(float::sqrt(x)), u(float::neg(x)), u(float::absolute(x)),
     u(float::select(float::lt(x, y), x, y)),
     (float::lt(x, y) ++ float::le(x, y) ++ float::eq(x, y)) as u32]
"""


@njit
def _reference(x, y, out):
    for i in range(len(x)):
        a, b = x[i], y[i]
        out[i, 0] = fp32.bits(fp32.add(a, b))
        out[i, 1] = fp32.bits(fp32.sub(a, b))
        out[i, 2] = fp32.bits(fp32.mul(a, b))
        out[i, 3] = fp32.bits(fp32.div(a, b))
        out[i, 4] = fp32.bits(fp32.sqrt(a))
        out[i, 5] = fp32.bits(fp32.neg(a))
        out[i, 6] = fp32.bits(fp32.absolute(a))
        out[i, 7] = fp32.bits(fp32.select(fp32.lt(a, b), a, b))
        out[i, 8] = 4 * fp32.lt(a, b) + 2 * fp32.le(a, b) + fp32.eq(a, b)


def reference(operands):
    x, y = np.ascontiguousarray(operands.T).view(np.float32)
    out = np.zeros((len(x), len(NAMES)), np.uint32)
    _reference(x, y, out)
    return out


@pytest.fixture(scope="module")
def compiled():
    return Words(adapter(BODY, 2, len(NAMES)), "words", 2, len(NAMES))


def test_compiled_operations_equal_the_reference_to_the_bit(compiled):
    operands = pairs(400_000, seed=11)
    assert not differences(compiled.run(operands), reference(operands), operands, NAMES)


def test_interpreted_operations_equal_the_reference_to_the_bit(compiled):
    operands = pairs(5000, seed=12)[::5]  # a thousand: special pairs and random ones
    assert not differences(compiled.interpret(operands), reference(operands), operands, NAMES)


def test_one_broken_bit_in_any_operation_is_found(compiled):
    operands = pairs(5000, seed=13)
    got = compiled.run(operands)
    for column, name in enumerate(NAMES):
        expected = reference(operands)
        expected[4321, column] ^= 1
        assert name in differences(got, expected, operands, NAMES)


def test_a_division_that_forgets_the_rest_is_found():
    text = adapter(
        "let s = for (_, s) in u32:0..u32:26 { float::digit(s) }"
        "(float::divide_start(f(w[0]), f(w[1])));"
        "[u(float::finish(float::Digits { remainder: u27:0, ..s }))]",
        2,
        1,
    )
    operands = pairs(20_000, seed=14)
    wrong = Words(text, "words", 2, 1).run(operands)
    assert differences(wrong, reference(operands)[:, 3:4], operands, ("div",))
