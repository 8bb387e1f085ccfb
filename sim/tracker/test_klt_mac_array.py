# SPDX-License-Identifier: Apache-2.0
"""klt_mac_array.v equals the golden tracker's loops over a window's pixels (vio/fixed/klt.py)."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.runner import simulate, simulators, simulators_for
from sim.streams import reset
from vio.config import load_config
from vio.fixed.formats import formats
from vio.fixed.klt import LANES, klt_registers
from vio.fixed.patch import form_basis, sample_window, window_sums
from vio.fixed.qformat import signal_table

pytestmark = pytest.mark.skipif(
    not simulators(), reason="no simulator; install one with: pip install 'kestrel-vio[hw]'"
)
SUMS = ("x", "y", "g", "1", "square")
TEMPLATE = ("xx", "xy", "yy", "xg", "yg", "gg", "sx", "sy", "sg")
SIZE = 24


def _packed(values: np.ndarray, bits: int) -> int:
    """Return values packed into one word, the first in the low bits, two's complement."""
    return sum((int(x) & ((1 << bits) - 1)) << bits * i for i, x in enumerate(values))


class Case:
    """A template cut at a place of one image, and a window at a place of another."""

    def __init__(self, generator: np.random.Generator, k, signals: np.ndarray, kind: int) -> None:
        images = generator.integers(0, 256, (2, SIZE, SIZE))
        if kind == 0:  # full contrast: the sums at their greatest
            images = generator.integers(0, 2, (2, SIZE, SIZE)) * 255
        self.key, self.image = images.astype(np.uint8)
        low, high = (k.window // 2 + 1) << 8, (SIZE - k.window // 2 - 2) << 8
        self.u_key, self.v_key, self.u, self.v = (int(x) for x in generator.integers(low, high, 4))
        self.patch = np.zeros((k.window + 2, LANES + 2), np.int32)
        half, frac = k.window // 2, k.pixel_frac
        assert sample_window(self.key, self.u_key, self.v_key, half + 1, 8, frac, self.patch)
        basis = np.zeros((3, k.window, LANES), np.int32)
        form_basis(self.patch, k.weights, k.weight_bits, frac, basis, signals)
        n = k.window
        patch = self.patch.astype(np.int64)
        gx = patch[1 : n + 1, 2 : n + 2] - patch[1 : n + 1, :n]
        gy = patch[2 : n + 2, 1 : n + 1] - patch[:n, 1 : n + 1]
        g = patch[1 : n + 1, 1 : n + 1] - (128 << frac)
        bx, by, bg = basis[:, :, :n].astype(np.int64)
        products = (bx * gx, bx * gy, by * gy, bx * g, by * g, bg * g, bx, by, bg)
        self.template = tuple(int(p.sum()) for p in products)
        self.basis, self.k, self.signals = basis, k, signals
        self.sums = self.compared(self.image)

    def compared(self, image: np.ndarray) -> tuple[int, ...]:
        """Return the sums of the window of an image with the template."""
        view = np.zeros((self.k.window, LANES), np.int32)
        assert sample_window(image, self.u, self.v, self.k.window // 2, 8, self.k.pixel_frac, view)
        sums = np.zeros(5, np.int64)
        fracs = self.k.weight_bits, self.k.pixel_frac
        window_sums(view, self.basis, self.k.weights, *fracs, self.signals, sums)
        return tuple(int(x) for x in sums)


@cocotb.test()
async def sums_are_those_of_the_model(dut) -> None:
    """Templates of pixels and of samples, each with windows behind it, with and without pauses."""
    generator, dice = np.random.default_rng(1), random.Random(1)
    config = load_config(str(cocotb.plusargs["preset"]))
    k = klt_registers(config.frontend, config.hw)
    signals = signal_table(formats(config.hw), trace=False)
    cases = [Case(generator, k, signals, n % 4) for n in range(40)]
    n, half = k.window, k.window // 2
    dut.s_valid.value, dut.p_valid.value = 0, 0
    await reset(dut)
    got: list[tuple[int, ...]] = []

    async def collect() -> None:
        while True:
            await ReadOnly()
            for pulse, names in ((dut.m_template, TEMPLATE), (dut.m_valid, SUMS)):
                if pulse.value:
                    got.append(tuple(getattr(dut, f"m_{x}").value.to_signed() for x in names))
            await RisingEdge(dut.clk)

    collector = cocotb.start_soon(collect())
    expected = []

    async def row(case: Case, template: bool, index: int) -> None:
        image = case.key if template else case.image
        u, v = (case.u_key, case.v_key) if template else (case.u, case.v)
        reach = half + int(template)
        y, x = (v >> 8) - reach + index, (u >> 8) - reach
        dut.s_valid.value, dut.s_first.value = 1, int(index == 0)
        dut.s_template.value = int(template)
        pixels = image[y, x : x + n + 1 + 2 * template]
        noise = generator.integers(0, 256, n + 3)
        noise[: len(pixels)] = pixels
        dut.s_pixels.value = _packed(noise, 8)
        dut.s_fraction_u.value, dut.s_fraction_v.value = u & 255, v & 255
        await RisingEdge(dut.clk)
        dut.s_valid.value = 0

    for number, case in enumerate(cases):
        pauses = number >= 20

        async def wait(least: int, pauses: bool = pauses) -> None:
            while least or (pauses and dice.random() < 0.3):
                await RisingEdge(dut.clk)
                least = max(least - 1, 0)

        if number % 2:
            for index in range(n + 2):
                dut.p_valid.value, dut.p_first.value = 1, int(index == 0)
                values = case.patch[index, : n + 2] - (128 << k.pixel_frac)
                dut.p_values.value = _packed(values, k.pixel_frac + 8)
                await RisingEdge(dut.clk)
                dut.p_valid.value = 0
                await wait(int(index < n + 1))
        else:
            for index in range(n + 3):
                await row(case, True, index)
                await wait(1)
        expected.append(case.template)
        for _ in range(1 + number % 3):
            for index in range(n + 1):
                await row(case, False, index)
                await wait(0)
            expected.append(case.sums)
        if number % 5 == 0 or not number % 2:
            await wait(4)
    for _ in range(10):
        await RisingEdge(dut.clk)
    collector.cancel()
    assert got == expected
    case = cases[1]
    changed = case.image.copy()
    changed[(case.v >> 8) + 2, (case.u >> 8) - 3] ^= 1
    assert case.compared(changed) != case.sums


@pytest.mark.parametrize(("simulator", "preset"), simulators_for("tiny", "ecp5_85k"))
def test_klt_mac_array(simulator: str, preset: str) -> None:
    """With the window and the weights of a preset."""
    config = load_config(preset)
    simulate(
        "klt_mac_array",
        __name__,
        parameters={"SIDE": config.frontend.window, "FRAC": config.hw.pixel_frac},
        plusargs={"preset": preset},
        simulator=simulator,
        preset=preset,
    )
