# SPDX-License-Identifier: Apache-2.0
"""The linearisation of hls/linearize.x, run by XLS, against vio/float32/linearize.py."""

import pytest

from vio.hw.hls.kernels import KERNELS
from vio.hw.hls.xls import HLS, differences

pytest.importorskip("xls", reason="pip install 'kestrel-vio[hw]'")

NAMES = [name for name in KERNELS if name.startswith("linearize")]


@pytest.mark.parametrize("name", NAMES)
def test_compiled_observations_equal_the_reference_to_the_bit_and_a_broken_bit_is_found(name):
    kernel = KERNELS[name]
    operands = kernel.operands(20_000, 31)
    got, expected = kernel.words().run(operands), kernel.reference(operands)
    assert not differences(got, expected, operands, kernel.results)
    expected[4242, 1] ^= 1
    assert kernel.results[1] in differences(got, expected, operands, kernel.results)


@pytest.mark.parametrize("name", NAMES)
def test_interpreted_observations_equal_the_reference_to_the_bit(name):
    kernel = KERNELS[name]
    operands = kernel.operands(40, 32)
    got = kernel.words().interpret(operands)
    assert not differences(got, kernel.reference(operands), operands, kernel.results)


def test_a_sign_that_is_wrong_is_found(tmp_path):
    for name in ("float.x", "linearize.x"):
        text = (HLS / name).read_text()
        (tmp_path / name).write_text(text.replace("cross(g, z)", "cross(z, g)"))
    kernel = KERNELS["linearize"]
    operands = kernel.operands(2000, 33)
    got = kernel.words(tmp_path).run(operands)
    assert differences(got, kernel.reference(operands), operands, kernel.results)
