# SPDX-License-Identifier: Apache-2.0
"""rtl/klt_compare.v equals the golden tracker's window and its sums (vio/fixed/klt.py)."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.runner import simulate, simulators
from sim.streams import reset
from vio.config import FrontEndConfig, HwConfig
from vio.fixed.formats import formats
from vio.fixed.klt import LANES, compare, cut_window, klt_registers, make_template
from vio.fixed.qformat import signal_table

pytestmark = pytest.mark.skipif(
    not simulators(), reason="no simulator; install one with: pip install 'kestrel-vio[hw]'"
)
HW = HwConfig()
K = klt_registers(FrontEndConfig(), HW)
SIGNALS = signal_table(formats(HW), watch=False)
SUMS = ("x", "y", "g", "1", "square")


def _case(generator: np.random.Generator, kind: int) -> tuple[np.ndarray, int, int, np.ndarray]:
    """Return an image, a place in coordinates, and the basis of a template of another image."""
    if kind == 0:  # full contrast: the sums at their greatest
        image = generator.integers(0, 2, (24, 24)) * 255
        other = generator.integers(0, 2, (24, 24)) * 255
    else:
        image, other = generator.integers(0, 256, (2, 24, 24))
    patch = np.zeros((K.window + 2, LANES + 2), np.int32)
    cut_window(other.astype(np.uint8), 3000, 2900, 8, 8, K.pixel_frac, patch)
    basis = np.zeros((3, K.window, LANES), np.int32)
    make_template(patch, K, SIGNALS, basis, np.zeros(17, np.int64))
    u, v = (int(x) for x in generator.integers(8 << 8, 14 << 8, 2))
    return image.astype(np.uint8), u, v, basis


def _expected(image: np.ndarray, u: int, v: int, basis: np.ndarray) -> tuple[int, ...]:
    view = np.zeros((K.window, LANES), np.int32)
    assert cut_window(image, u, v, K.window // 2, 8, K.pixel_frac, view)
    sums = np.zeros(5, np.int64)
    compare(view, basis, K, SIGNALS, sums)
    return tuple(int(x) for x in sums)


def _packed(values, bits: int) -> int:
    """Return values packed into one word, the first in the low bits, two's complement."""
    return sum((int(x) & ((1 << bits) - 1)) << bits * i for i, x in enumerate(values))


@cocotb.test()
async def sums_are_those_of_the_model(dut) -> None:
    """Windows back to back and with pauses between and within them."""
    generator, dice = np.random.default_rng(1), random.Random(1)
    cases = [_case(generator, k % 5) for k in range(60)]
    expected = [_expected(*case) for case in cases]
    half, width = K.window // 2, K.pixel_frac + 9
    dut.s_valid.value = 0
    await reset(dut)
    got: list[tuple[int, ...]] = []

    async def collect() -> None:
        while True:
            await ReadOnly()
            if dut.m_valid.value:
                got.append(tuple(getattr(dut, f"m_{n}").value.to_signed() for n in SUMS))
            await RisingEdge(dut.clk)

    collector = cocotb.start_soon(collect())
    for n, (image, u, v, basis) in enumerate(cases):
        x0, y0 = (u >> 8) - half, (v >> 8) - half
        for row in range(K.window + 1):
            while n >= 30 and dice.random() < 0.3:
                dut.s_valid.value = 0
                await RisingEdge(dut.clk)
            dut.s_valid.value, dut.s_first.value = 1, int(row == 0)
            dut.s_pixels.value = _packed(image[y0 + row, x0 : x0 + K.window + 1], 8)
            dut.s_fraction_u.value, dut.s_fraction_v.value = u & 255, v & 255
            if row:
                for k, name in enumerate("xyg"):
                    port = getattr(dut, f"s_basis_{name}")
                    port.value = _packed(basis[k, row - 1, : K.window], width)
                dut.s_weights.value = _packed(K.weights[row - 1, : K.window], 5)
            await RisingEdge(dut.clk)
    dut.s_valid.value = 0
    for _ in range(8):
        await RisingEdge(dut.clk)
    collector.cancel()
    assert got == expected
    image, u, v, basis = cases[1]
    image = image.copy()
    image[(v >> 8) + 2, (u >> 8) - 3] ^= 1
    assert _expected(image, u, v, basis) != expected[1]


@pytest.mark.parametrize("simulator", simulators())
def test_klt_compare(simulator: str) -> None:
    """With the widths of the golden model."""
    simulate("klt_compare", __name__, ("lane_sum",), simulator=simulator)
