# SPDX-License-Identifier: Apache-2.0
"""The float32 operations of hls/float.x, run by XLS, against vio/float32/float.py."""

import pytest

from vio.hw.hls.kernels import KERNELS
from vio.hw.hls.operands import pairs
from vio.hw.hls.xls import Words, adapter, differences

pytest.importorskip("xls", reason="pip install 'kestrel-vio[hw]'")

FLOAT = KERNELS["float"]
NAMES = FLOAT.results
reference = FLOAT.reference


@pytest.fixture(scope="module")
def compiled():
    return FLOAT.words()


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
