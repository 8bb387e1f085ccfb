# SPDX-License-Identifier: Apache-2.0
"""The host's end of the link: an SPI master and a UART that know nothing of the chip's clock."""

from collections.abc import Sequence

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

from sim.streams import reset

READ, WRITE, READ_STEP, WRITE_STEP = 0xC0, 0xC1, 0xC2, 0xC3
BROKEN, REFUSED = 0x10, 0x08  # of the status
SIGNATURE = 0xA0


def words_of(data: Sequence[int]) -> list[int]:
    """Return the 32-bit words of bytes, highest byte first."""
    return [int.from_bytes(bytes(data[i : i + 4]), "big") for i in range(0, len(data) - 3, 4)]


class SpiHost:
    """Drive an SPI port in mode 0; half_ps: half a period of the clock."""

    def __init__(self, dut, prefix: str = "spi_", half_ps: int = 6500) -> None:
        self._sck = getattr(dut, f"{prefix}sck")
        self._cs_n = getattr(dut, f"{prefix}cs_n")
        self._mosi = getattr(dut, f"{prefix}mosi")
        self._miso = getattr(dut, f"{prefix}miso")
        self._half = half_ps
        self._sck.value, self._cs_n.value, self._mosi.value = 0, 1, 0

    async def transfer(self, data: Sequence[int], bits: int | None = None) -> list[int]:
        """Send bytes, or only so many bits of them; return the bytes that came back meanwhile."""
        self._cs_n.value = 0
        await Timer(2 * self._half, "ps")
        back, value = [], 0
        for i in range(8 * len(data) if bits is None else bits):
            self._mosi.value = data[i // 8] >> (7 - i % 8) & 1
            await Timer(self._half, "ps")
            value = value << 1 | int(self._miso.value)  # what stands there before the edge
            self._sck.value = 1
            await Timer(self._half, "ps")
            self._sck.value = 0
            if i % 8 == 7:
                back.append(value)
                value = 0
        await Timer(2 * self._half, "ps")
        self._cs_n.value = 1
        await Timer(4 * self._half, "ps")
        return back

    async def read(self, address: int, count: int = 1, step: bool = False) -> list[int]:
        """Return words from an address on."""
        head = [READ_STEP if step else READ, *address.to_bytes(2, "big"), *count.to_bytes(2, "big")]
        back = await self.transfer([*head, 0x5A] + [0] * (4 * count))
        return words_of(back[6:])

    async def write(self, address: int, words: Sequence[int], step: bool = False) -> None:
        """Write words from an address on."""
        data = [byte for word in words for byte in word.to_bytes(4, "big")]
        await self.transfer([WRITE_STEP if step else WRITE, *address.to_bytes(2, "big"), *data])

    async def status(self) -> int:
        """Return the status, with a command that does nothing."""
        return (await self.transfer([0x00]))[0]


class Terminal:
    """Drive the UART; bit_ps: a bit's time."""

    def __init__(self, dut, bit_ps: int) -> None:
        self._rx, self._tx, self._bit = dut.uart_rx, dut.uart_tx, bit_ps
        self._rx.value = 1

    async def send(self, data: Sequence[int]) -> None:
        """Send bytes without a pause."""
        for byte in data:
            for bit in (0, *(byte >> i & 1 for i in range(8)), 1):
                self._rx.value = bit
                await Timer(self._bit, "ps")

    async def receive(self, count: int) -> list[int]:
        """Return the next bytes; checks their stop bits."""
        out = []
        for _ in range(count):
            await FallingEdge(self._tx)
            await Timer(self._bit * 3 // 2, "ps")
            value = 0
            for i in range(8):
                value |= int(self._tx.value) << i
                await Timer(self._bit, "ps")
            assert int(self._tx.value) == 1, "no stop bit"
            out.append(value)
        return out


async def start_board(dut) -> SpiHost:
    """Start the clocks of board.v with idle inputs, reset it, and return the host at its SPI."""
    for name in ("camera_sda", "imu_miso", "imu_int"):
        getattr(dut, name).value = int(name == "camera_sda")
    dut.uart_rx.value = 1
    Clock(dut.left_pixel_clk, 4700, "ps").start()
    Clock(dut.right_pixel_clk, 4900, "ps").start()
    host = SpiHost(dut, prefix="host_", half_ps=6500)
    await reset(dut)
    await Timer(100, "ns")
    return host
