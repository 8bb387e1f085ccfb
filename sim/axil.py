# SPDX-License-Identifier: Apache-2.0
"""An AXI4-Lite master for tests: single transfers, with any order and any stall of the channels."""

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

OKAY, SLVERR = 0, 2
LIMIT = 2000  # cycles after which a channel counts as stuck


class Axil:
    """Drive the port `s_axil_*` of a module whose clock runs."""

    def __init__(self, dut) -> None:
        self._dut = dut
        for channel in ("aw", "w", "ar"):
            self._signal(channel, "valid").value = 0
        for channel in ("b", "r"):
            self._signal(channel, "ready").value = 0

    def _signal(self, channel: str, name: str):
        return getattr(self._dut, f"s_axil_{channel}{name}")

    async def _clock(self) -> None:
        await RisingEdge(self._dut.clk)

    async def offer(self, channel: str, values: dict[str, int], delay: int = 0) -> None:
        """Offer a word on a channel after `delay` cycles, until it is taken."""
        for _ in range(delay):
            await self._clock()
        for name, value in values.items():
            self._signal(channel, name).value = value
        self._signal(channel, "valid").value = 1
        for _ in range(LIMIT):
            await ReadOnly()
            taken = bool(self._signal(channel, "ready").value)
            await self._clock()
            if taken:
                self._signal(channel, "valid").value = 0
                return
        raise AssertionError(f"channel {channel} took nothing in {LIMIT} cycles")

    async def accept(self, channel: str, names: list[str], stall: int = 0) -> list[int]:
        """Return the answer on a channel, which must hold still for `stall` cycles."""
        valid = self._signal(channel, "valid")
        for _ in range(LIMIT):
            await ReadOnly()
            if valid.value:
                break
            await self._clock()
        else:
            raise AssertionError(f"channel {channel} gave nothing in {LIMIT} cycles")
        seen = [int(self._signal(channel, name).value) for name in names]
        for _ in range(stall):
            await self._clock()
            await ReadOnly()
            assert valid.value, f"{channel}valid fell before {channel}ready"
            assert seen == [int(self._signal(channel, name).value) for name in names]
        await self._clock()
        self._signal(channel, "ready").value = 1
        await self._clock()
        self._signal(channel, "ready").value = 0
        return seen

    async def write(
        self,
        address: int,
        data: int,
        strobe: int = 15,
        delays: tuple[int, int, int] = (0, 0, 0),
    ) -> int:
        """Write a word; return the response. delays: cycles before AW, before W, and before B."""
        aw = cocotb.start_soon(self.offer("aw", {"addr": address}, delays[0]))
        w = cocotb.start_soon(self.offer("w", {"data": data, "strb": strobe}, delays[1]))
        (response,) = await self.accept("b", ["resp"], delays[2])
        await aw
        await w
        return response

    async def read(self, address: int, stall: int = 0, delay: int = 0) -> tuple[int, int]:
        """Read a word; return data and response. stall: cycles before R is taken."""
        ar = cocotb.start_soon(self.offer("ar", {"addr": address}, delay))
        data, response = await self.accept("r", ["data", "resp"], stall)
        await ar
        return data, response
