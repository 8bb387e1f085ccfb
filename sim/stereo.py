# SPDX-License-Identifier: Apache-2.0
"""What the tests of stereo share: pairs of images, curves, and a reader of blocks."""

import random
from collections import deque

import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge

from vio.fixed.qformat import divide
from vio.fixed.stereo import _SLOPE_FRAC

UV_BITS, SLOPE_BITS, KNOTS = 19, 13, 5
FRAC = 8


def packed(values, bits: int) -> int:
    """Return values packed into one word, the first in the low bits, two's complement."""
    return sum((int(x) & ((1 << bits) - 1)) << bits * i for i, x in enumerate(values))


def image_pair(
    generator: np.random.Generator, height: int, width: int, shift: float, contrast: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return two images (H, W) uint8: one texture, the right one moved left by `shift` px."""
    y, x = np.mgrid[0:height, 0 : width + 64].astype(float)
    texture = np.zeros_like(x)
    for _ in range(12):
        a, b = generator.normal(0, 0.5, 2)
        texture += np.sin(a * x + b * y + generator.uniform(0, 6))
    texture += generator.normal(0, 1.5, texture.shape)
    left = texture[:, :width]
    right = texture[:, int(shift) : int(shift) + width] + generator.normal(0, 0.2, (height, width))
    return tuple(
        np.clip(128 + contrast * a, 0, 255).astype(np.uint8)  # type: ignore[return-value]
        for a in (left, right)
    )


def curve(
    generator: random.Random, u: int, v: int, knots: int, span: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return knots (n, 2) that fall in u from about pixel (u, v) on, and slopes, as `_slopes`."""
    at = np.zeros((KNOTS, 2), np.int64)
    slopes = np.zeros(KNOTS, np.int64)
    at[0] = u, v
    for g in range(1, knots):
        run = generator.randint(*span)
        at[g] = at[g - 1, 0] - run, at[g - 1, 1] + round(run * generator.uniform(-0.3, 0.3))
        rise = int(at[g - 1, 1] - at[g, 1])
        size = min(int(divide(abs(rise) << _SLOPE_FRAC, run)), (1 << _SLOPE_FRAC) - 1)
        slopes[g - 1] = size if rise >= 0 else -size
    return at, slopes


class Reader:
    """Answer requests for blocks of `stores` {store: {level: image}} after a fixed latency."""

    def __init__(self, dut, stores, seed: int, busy: float = 0.2, latency: int = 8) -> None:
        self.dut, self.stores, self.busy, self.latency = dut, stores, busy, latency
        self.generator = random.Random(seed)
        self.requests: list[tuple[int, int, int, int]] = []

    def answer(self, store: int, level: int, column: int, row: int) -> int:
        """Return eight blocks, row by row; beyond the image's right end anything."""
        image = self.stores[store][level]
        assert 0 <= 4 * row < image.shape[0], (store, column, row)
        assert 0 <= 4 * column < image.shape[1], (store, column, row)
        lines = np.full((4, 32), self.generator.randrange(256), np.uint8)
        part = image[4 * row : 4 * row + 4, 4 * column : 4 * column + 32]
        lines[:, : part.shape[1]] = part
        return int.from_bytes(lines.tobytes(), "little")

    async def run(self) -> None:
        """Serve for ever."""
        dut = self.dut
        under_way: deque[int | None] = deque([None] * self.latency)
        while True:
            dut.r_ready.value = int(self.generator.random() >= self.busy)
            answer = under_way.popleft()
            dut.a_valid.value = int(answer is not None)
            if answer is not None:
                dut.a_pixels.value = answer
            await ReadOnly()
            asked = None
            if dut.r_valid.value and dut.r_ready.value:
                ports = (dut.r_store, dut.r_level, dut.r_column, dut.r_row)
                request = tuple(int(port.value) for port in ports)
                self.requests.append(request)  # type: ignore[arg-type]
                asked = self.answer(*request)  # type: ignore[arg-type]
            under_way.append(asked)
            await RisingEdge(dut.clk)
