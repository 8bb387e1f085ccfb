# SPDX-License-Identifier: Apache-2.0
"""The kernels of hls/qr.x and hls/cholesky.x, run by XLS, against vio/float32/qr.py."""

import pytest

from vio.hw.hls.kernels import KERNELS
from vio.hw.hls.xls import HLS, differences

pytest.importorskip("xls", reason="pip install 'kestrel-vio[hw]'")

NAMES = [name for name in KERNELS if name.startswith(("qr_", "triangular"))]


@pytest.mark.parametrize("name", NAMES)
def test_compiled_kernels_equal_the_reference_to_the_bit_and_a_broken_bit_is_found(name):
    kernel = KERNELS[name]
    operands = kernel.operands(50_000, 31)
    got, expected = kernel.words().run(operands), kernel.reference(operands)
    assert not differences(got, expected, operands, kernel.results)
    expected[4242, -1] ^= 1
    assert kernel.results[-1] in differences(got, expected, operands, kernel.results)


@pytest.mark.parametrize("name", NAMES)
def test_interpreted_kernels_equal_the_reference_to_the_bit(name):
    kernel = KERNELS[name]
    operands = kernel.operands(40, 32)
    got = kernel.words().interpret(operands)
    assert not differences(got, kernel.reference(operands), operands, kernel.results)


def test_a_comparison_turned_round_is_found(tmp_path):
    for name in ("float.x", "qr.x"):
        text = (HLS / name).read_text()
        turned = text.replace("float::lt(alpha, ZERO)", "float::lt(ZERO, alpha)")
        (tmp_path / name).write_text(turned)
    kernel = KERNELS["qr_householder"]
    operands = kernel.operands(5000, 33)
    got = kernel.words(tmp_path).run(operands)
    assert differences(got, kernel.reference(operands), operands, kernel.results)
