# SPDX-License-Identifier: Apache-2.0
"""Drive a parallel camera bus: lines of pixels within hsync, frames within vsync."""

from collections.abc import Sequence

import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge


class Camera:
    """Drive one camera's bus (ports PREFIXvsync, hsync, pixel in PREFIXpixel_clk).

    blank, porch: clocks between lines, and before the first and after the last line. waits: hold
    the bus while PREFIXpixel_ready is low.
    """

    def __init__(
        self,
        dut,
        prefix: str,
        levels: tuple[int, int] = (1, 1),
        blank: int = 3,
        porch: int = 5,
        waits: bool = False,
    ) -> None:
        self._clk = getattr(dut, f"{prefix}pixel_clk")
        self._vsync = getattr(dut, f"{prefix}vsync")
        self._hsync = getattr(dut, f"{prefix}hsync")
        self._pixel = getattr(dut, f"{prefix}pixel")
        self._ready = getattr(dut, f"{prefix}pixel_ready") if waits else None
        self.waited = 0
        self._levels, self._blank, self._porch = levels, blank, porch
        self._set(0, 0)

    def _set(self, frame: int, line: int, pixel: int = 0xA5) -> None:
        self._vsync.value = int(frame == self._levels[0])
        self._hsync.value = int(line == self._levels[1])
        self._pixel.value = pixel

    async def _clock(self) -> None:
        """Pass the clock at which the bus is taken."""
        while self._ready is not None:
            await ReadOnly()
            if self._ready.value:
                break
            self.waited += 1
            await RisingEdge(self._clk)
        await RisingEdge(self._clk)

    async def rest(self, clocks: int) -> None:
        """Let clocks pass between frames."""
        self._set(0, 0)
        for _ in range(clocks):
            await self._clock()

    async def frame(self, lines: Sequence[np.ndarray], rest: int = 8) -> None:
        """Send a frame of lines, which may be of different lengths."""
        self._set(1, 0)
        for _ in range(self._porch):
            await self._clock()
        for line in lines:
            for pixel in line:
                self._set(1, 1, int(pixel))
                await self._clock()
            self._set(1, 0)
            for _ in range(self._blank):
                await self._clock()
        await self.rest(rest)


def words(lines: Sequence[np.ndarray]) -> list[tuple[int, int, int]]:
    """Return the stream (data, user, last) that a frame becomes."""
    return [
        (int(pixel), int(v == u == 0), int(u == len(line) - 1))
        for v, line in enumerate(lines)
        for u, pixel in enumerate(line)
    ]
