# SPDX-License-Identifier: Apache-2.0
"""codec_encoder.v and codec_decoder_either.v equal the codecs of vio/fixed, word for word."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

from sim.needs import needs_simulator
from sim.runner import simulate, simulators
from sim.streams import never, reset, sometimes
from tools.codec.codec_rtl import codec_files
from vio.fixed.codec import LAYOUTS, get_codec
from vio.fixed.codecs.transform import LIMIT_DIAGONAL, LIMIT_FIRST, LIMIT_SECOND, SCALES
from vio.hw.verilog_sources import RTL

LATENCY = 11  # of the encoder, from a block's last pixel


def _image(height: int, width: int, seed: int) -> np.ndarray:
    """Return blocks of every kind: flat, ramps of all slopes, noise of all sizes, full contrast."""
    generator = np.random.default_rng(seed)
    image = np.zeros((height, width))
    v, u = np.mgrid[0:4, 0:4] - 1.5
    for by in range(0, height, 4):
        for bx in range(0, width, 4):
            slope = generator.normal(0, 2.0 ** generator.integers(0, 6), 2)
            noise = generator.normal(0, 2.0 ** generator.integers(-2, 7), (4, 4))
            kind = generator.integers(0, 5)
            block = generator.uniform(0, 255) + (kind > 0) * (slope[0] * u + slope[1] * v)
            block = block + (kind > 1) * noise
            if kind == 4:
                block = generator.integers(0, 2, (4, 4)) * 255
            image[by : by + 4, bx : bx + 4] = block
    return np.clip(image, 0, 255).astype(np.uint8)


def _edges(bits: int) -> np.ndarray:
    """Return blocks that reach each threshold and each limit of the scale exactly, or just not."""
    C = np.array([[1, 1, 1, 1], [2, 1, -1, -2], [1, -1, -1, 1], [1, -2, 2, -1]])
    generator = np.random.default_rng(11)
    n = 300_000
    size = 2.0 ** generator.uniform(0, 12, (n, 3, 3))  # of the low coefficients, by themselves
    low = (
        np.where(generator.random((n, 3, 3)) < 0.5, size, 4.0)
        * generator.choice((-1, 1), n)[:, None, None]
    )
    norm = np.array([4, 10, 4])
    low = low / (norm[:, None] * norm)
    low[:, 0, 0] = generator.uniform(40, 215, n)
    X = np.einsum("ui,nuv,vk->nik", C[:3], low, C[:3]) + generator.normal(0, 0.5, (n, 4, 4))
    halves = generator.uniform(-30, 285, (2, n // 2)).repeat(2, 0).T  # of edges through the middle
    X[::4] = halves[::2, :, None] + generator.normal(0, 2, (n // 4, 4, 4))
    X[1::4] = halves[1::2, None, :] + generator.normal(0, 2, (n // 4, 4, 4))
    X = np.clip(X, 0, 255).astype(np.int64)
    F = np.abs(np.einsum("ui,nik,vk->nuv", C, X, C))
    first, diagonal = np.maximum(F[:, 0, 1], F[:, 1, 0]), F[:, 1, 1]
    second = np.maximum(F[:, 0, 2], F[:, 2, 0])
    scale = np.zeros(n, np.int64)
    for s in range(SCALES - 1):
        over = (first > LIMIT_FIRST << s) | (diagonal > LIMIT_DIAGONAL << s)
        scale += over | (second > LIMIT_SECOND << s)
    fields, _, thresholds, _ = LAYOUTS[f"dct{bits}"].arrays
    kept: set[int] = set()
    wanted, met = set(), set()
    for s in range(SCALES):
        here = np.flatnonzero(scale == s)
        step = 1 << (SCALES - 1 - s)
        for j, (u, v, _) in enumerate(fields):
            for limit in thresholds[s, j][thresholds[s, j] < 1 << 20]:
                if limit % step == 0 and limit // step <= 3060:  # 255 x 4 x 3
                    wanted.add((j, int(limit)))
                for value in (limit, limit - step):
                    found = here[F[here, u, v] * step == value]
                    kept.update(int(i) for i in found[:1])
                    if value == limit and len(found):
                        met.add((j, int(limit)))
    assert met == wanted, wanted - met
    for s in range(SCALES):
        for size, limit in (
            (first, LIMIT_FIRST << s),
            (diagonal, LIMIT_DIAGONAL << s),
            (second, LIMIT_SECOND << s),
        ):
            for value in (limit, limit + 1, limit + 2):  # some are odd or even always
                kept.update(int(i) for i in np.flatnonzero((size == value) & (scale <= s + 1))[:2])
    order = sorted(kept)
    order += order[:1] * (-len(order) % 8)
    blocks = X[order].reshape(-1, 8, 4, 4)
    return blocks.transpose(0, 2, 1, 3).reshape(-1, 32).astype(np.uint8)


@cocotb.test()
async def words_are_those_of_the_model(dut) -> None:
    """Frames back to back, with and without pauses; one after a reset in mid-frame; all edges."""
    bits = len(dut.m_word)
    codec = get_codec(f"dct{bits}")
    await reset(dut)
    dut.s_valid.value = 0
    got: list[tuple[int, int, int]] = []

    async def collect() -> None:
        while True:
            await ReadOnly()
            if dut.m_valid.value:
                got.append((int(dut.m_row.value), int(dut.m_column.value), int(dut.m_word.value)))
            await RisingEdge(dut.clk)

    async def offer(image: np.ndarray, count: int, stall) -> None:
        dut.cfg_width.value = image.shape[1]
        for i, value in enumerate(image.reshape(-1)[:count]):
            while stall():
                dut.s_valid.value = 0
                await RisingEdge(dut.clk)
            dut.s_valid.value, dut.s_data.value, dut.s_user.value = 1, int(value), int(i == 0)
            await RisingEdge(dut.clk)
        dut.s_valid.value = 0

    collector = cocotb.start_soon(collect())
    sizes = [(24, 32), (24, 32), (8, 28), (16, 12), (40, 32)]
    images = [_image(height, width, seed) for seed, (height, width) in enumerate(sizes)]
    for seed, image in enumerate([*images, _edges(bits)]):
        if seed == 3:  # abandoned half way
            await offer(_image(24, 32, 9), 333, never)
            dut.rst.value = 1
            for _ in range(8):
                await RisingEdge(dut.clk)
            dut.rst.value = 0
            got.clear()
        await offer(image, image.size, sometimes(seed, 0.4) if seed % 2 else never)
        for _ in range(LATENCY + 1):
            await RisingEdge(dut.clk)
        words = codec.encode(image)
        expected = [(*at, int(word)) for at, word in np.ndenumerate(words)]
        assert got == expected, image.shape
        image[0, 0] ^= 0xC0
        assert got != [(*at, int(word)) for at, word in np.ndenumerate(codec.encode(image))]
        got.clear()
    collector.cancel()


@cocotb.test()
async def either_codec_is_decoded_as_by_the_model(dut) -> None:
    """Random words of both codecs in random order, words of images; the other codec must differ."""
    generator = random.Random(6)
    words = [(short, generator.getrandbits(27)) for short in generator.choices((0, 1), k=2000)]
    images = [(short, get_codec(f"dct{18 if short else 27}")) for short in (0, 1)]
    words += [(s, int(w)) for s, codec in images for w in codec.encode(_image(64, 64, 3)).flat]
    dut.clk.value = 0
    Clock(dut.clk, 2, "ns").start()
    got: list[int] = []
    for n in range(len(words) + 3):
        dut.s_short.value, dut.s_word.value = words[min(n, len(words) - 1)]
        await ReadOnly()
        if n >= 3:
            got.append(int(dut.m_pixels.value))
        await RisingEdge(dut.clk)

    def blocks(turn: int) -> list[int]:
        packed = []
        for short, word in words:
            bits = 18 if short ^ turn else 27
            one = np.array([[word & (1 << bits) - 1]], np.uint64)
            block = get_codec(f"dct{bits}").decode(one, 4, 4)
            packed.append(int.from_bytes(block.tobytes(), "little"))
        return packed

    assert got == blocks(0)
    assert got != blocks(1)


@needs_simulator
@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize("bits", [18, 27])
def test_encoder(bits: int, simulator: str) -> None:
    """Both codecs of the chip."""
    sources = ("codec_quantiser", f"codec_dct{bits}_quantise", "codec_fold")
    parameters = {"BITS": bits, "MAX_WIDTH": 32}
    simulate("codec_encoder", __name__, sources, parameters, "words", simulator=simulator)


@needs_simulator
@pytest.mark.parametrize("simulator", simulators())
def test_decoder_of_either(simulator: str) -> None:
    """The decoder that takes words of both codecs."""
    simulate("codec_decoder_either", __name__, only="either", simulator=simulator)


def test_the_tables_in_rtl_are_those_of_the_model() -> None:
    """The generated files are up to date: python tools/codec/make_codec_rtl.py."""
    for name, text in codec_files().items():
        assert (RTL / "codec" / name).read_text() == text, name
