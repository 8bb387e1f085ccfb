# SPDX-License-Identifier: Apache-2.0
"""klt_mac_array.v equals the golden tracker's loops over a window's pixels (vio/fixed/klt.py)."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators_for
from sim.streams import reset
from vio.config import load_config
from vio.fixed.formats import formats
from vio.fixed.klt import LANES, klt_registers
from vio.fixed.patch import form_basis, sample_window, window_sums
from vio.fixed.qformat import signal_table

pytestmark = needs_simulator
SUMS = ("x", "y", "g", "1", "square")
TEMPLATE = ("xx", "xy", "yy", "xg", "yg", "gg", "sx", "sy", "sg")
SIZE = 24
CONTEXTS = {"tiny": 3, "ecp5_85k": 4}


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


class Bench:
    """Give the array rows of jobs, each part in its cycle, and collect its sums."""

    def __init__(self, dut, k, generator: np.random.Generator) -> None:
        self.dut, self.k, self.generator = dut, k, generator
        self.pixels: list[int] = []  # of the cycles to come
        self.samples: list[tuple[int, int, int]] = []  # context, row, values, still to be given
        self.since = 0  # cycles since the last of them
        self.got: list[tuple[int, ...]] = []

    async def cycle(self, row: dict[str, int], pixels: int = 0) -> None:
        """Pass a cycle: control now, pixels in the next cycle; samples at any time."""
        dut = self.dut
        for name in ("valid", "first", "template", "sampled", "fraction_u", "fraction_v"):
            getattr(dut, f"s_{name}").value = row.get(name, int(self.generator.integers(2)))
        dut.s_valid.value = row.get("valid", 0)
        dut.s_context.value = row.get("context", int(self.generator.integers(2)))
        dut.s_pixels.value = self.pixels.pop() if self.pixels else 0
        self.pixels.append(pixels)
        self.since += 1
        gives = bool(self.samples) and self.since > 1
        dut.w_valid.value = int(gives)
        if gives:
            context, index, values = self.samples.pop(0)
            dut.w_context.value, dut.w_row.value, dut.w_values.value = context, index, values
            self.since = 0
        await ReadOnly()
        for pulse, names in ((dut.m_template, TEMPLATE), (dut.m_valid, SUMS)):
            if pulse.value:
                sums = (getattr(dut, f"m_{x}").value.to_signed() for x in names)
                self.got.append((int(dut.m_context.value), *sums))
        await RisingEdge(dut.clk)

    async def sampled(self, case: Case, context: int, pause) -> None:
        """Give a template of the sampler's values."""
        while self.samples or self.since < 3:
            await self.cycle({})
        for index in range(self.k.window + 2):
            row = {"valid": 1, "first": int(index == 0), "template": 1, "sampled": 1}
            await self.cycle(row | {"context": context})
            await self.cycle({})
            await pause(2)
        await self.cycle({})

    def sample(self, case: Case, context: int) -> None:
        """Have the rows of a sampled template given while other rows are worked on."""
        n, frac = self.k.window, self.k.pixel_frac
        for index in range(n + 2):
            values = case.patch[index, : n + 2] - (128 << frac)
            self.samples.append((context, index, _packed(values, frac + 8)))

    async def rows(self, case: Case, context: int, template: bool, pause) -> None:
        """Give a straight template's pixel rows or those of a window."""
        n = self.k.window
        image = case.key if template else case.image
        u, v = (case.u_key, case.v_key) if template else (case.u, case.v)
        reach = n // 2 + int(template)
        for index in range(n + 1 + 2 * template):
            y, x = (v >> 8) - reach + index, (u >> 8) - reach
            pixels = image[y, x : x + n + 1 + 2 * template]
            noise = self.generator.integers(0, 256, n + 3)
            noise[: len(pixels)] = pixels
            row = {"valid": 1, "first": int(index == 0), "template": int(template), "sampled": 0}
            row |= {"fraction_u": u & 255, "fraction_v": v & 255, "context": context}
            await self.cycle(row, pixels=_packed(noise, 8))
            if template:
                await self.cycle({})
            await pause(1 + template)
        if template:
            await self.cycle({})


@cocotb.test()
async def sums_are_those_of_the_model(dut) -> None:
    """Templates of pixels and of samples, windows of any context, with and without pauses."""
    generator, dice = np.random.default_rng(1), random.Random(1)
    config = load_config(str(cocotb.plusargs["preset"]))
    k = klt_registers(config.frontend, config.hw)
    signals = signal_table(formats(config.hw), trace=False)
    contexts = int(str(cocotb.plusargs["contexts"]))
    bench = Bench(dut, k, generator)
    dut.s_valid.value = 0
    await reset(dut)
    expected: list[tuple[int, ...]] = []
    held: dict[int, Case] = {}
    for number in range(60):
        case = Case(generator, k, signals, number % 4)

        async def pause(cycles: int, share: float = 0.3 * (number >= 30)) -> None:
            while dice.random() < share:
                for _ in range(cycles):
                    await bench.cycle({})

        context, sampled = dice.randrange(contexts), dice.random() < 0.5
        if sampled:
            bench.sample(case, context)
        for _ in range(dice.randrange(4) if held else 0):  # windows of whatever contexts there are
            other = dice.choice(sorted(held))
            await bench.rows(held[other], other, False, pause)
            expected.append((other, *held[other].sums))
        if sampled:
            for _ in range(3):
                await bench.cycle({})
            await bench.sampled(case, context, pause)
        else:
            await bench.rows(case, context, True, pause)
        held[context] = case
        expected.append((context, *case.template))
    for _ in range(16):
        await bench.cycle({})
    assert bench.got == expected
    assert len({word[0] for word in expected}) == contexts
    case = held[0]
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
        parameters={
            "SIDE": config.frontend.window,
            "FRAC": config.hw.pixel_frac,
            "CONTEXTS": CONTEXTS[preset],
        },
        plusargs={"preset": preset, "contexts": CONTEXTS[preset]},
        simulator=simulator,
        preset=preset,
    )
