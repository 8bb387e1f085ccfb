# SPDX-License-Identifier: Apache-2.0
"""The host's end of a board's SPI link (docs/chip/board.md): registers, packets, samples.

spi = spidev.SpiDev(0, 0)
spi.max_speed_hz = 10_000_000
link = Link(lambda data: bytes(spi.xfer2(list(data))))
driver = Driver(link.read32, link.write32, config, rig)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vio.errors import VioError
from vio.hw.registers.board import BOARD_IDENTITY, board_map

# Sends bytes with chip select low, and returns as many that came back meanwhile.
Transfer = Callable[[bytes], bytes]

READ, WRITE, STEP = 0xC0, 0xC1, 0x02
SIGNATURE, BROKEN, REFUSED, SAMPLE, PACKET = 0b101, 0x10, 0x08, 0x04, 0x02
PAUSE = b"\0"  # a byte in which the board fetches the first word
STAMP_WORDS = 2
SAMPLE_BYTES = 12
_AT = {register.name: register.address for register in board_map()}


@dataclass(frozen=True)
class Packet:
    """Hold the words (N,) uint32 of a frame's tracks, and the cycle at which the frame began."""

    words: np.ndarray
    begin_cycle: int


@dataclass(frozen=True)
class Sample:
    """Hold the twelve bytes of an inertial sample, and the cycle of its data-ready edge."""

    data: bytes
    cycle: int


class Link:
    """Read and write a board's address space; each access is one command and a look at the status.

    transfer: one SPI command, mode 0. Raises VioError when no board answers or one of another kind,
    and, naming the address, for an access that is refused.
    """

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self.status()  # what happened before is not ours
        if (found := self.read32(_AT["identity"])) != BOARD_IDENTITY:
            raise VioError(
                f"the board's identity reads {found:#x}, not {BOARD_IDENTITY:#x}: no board of "
                "Kestrel's; check chip select, mode 0 and the clock, at most a sixth of the chip's"
            )

    def status(self) -> int:
        """Return the flags of the status; BROKEN and REFUSED are of what came since the last one.

        Raises VioError when what comes back is no status.
        """
        (status,) = self._transfer(PAUSE)
        if status >> 5 != SIGNATURE:
            raise VioError(
                f"the board's link answers {status:#04x}, which is no status: check the wiring, "
                "and that the board is configured"
            )
        return status & 0x1F

    def read(self, address: int, count: int = 1, step: bool = False) -> np.ndarray:
        """Return words (count,) uint32, all of one address, or with step of addresses 4 apart."""
        head = bytes([READ | STEP * step]) + address.to_bytes(2, "big") + count.to_bytes(2, "big")
        back = self._transfer(head + PAUSE + bytes(4 * count))
        self._check("read", address)
        return np.frombuffer(back[len(head) + len(PAUSE) :], ">u4").astype(np.uint32)

    def write(self, address: int, words: Sequence[int], step: bool = False) -> None:
        """Write words to one address, or with step to addresses 4 apart."""
        data = b"".join(int(word).to_bytes(4, "big") for word in words)
        self._transfer(bytes([WRITE | STEP * step]) + address.to_bytes(2, "big") + data)
        self._check("write", address)

    def read32(self, address: int) -> int:
        """Return the word at an address."""
        return int(self.read(address)[0])

    def write32(self, address: int, value: int) -> None:
        """Write the word at an address."""
        self.write(address, [value])

    def _check(self, what: str, address: int) -> None:
        status = self.status()
        if status & BROKEN:
            raise VioError(
                f"the {what} at {address:#06x} was cut, or came too fast: the SPI clock may be a "
                "sixth of the chip's at most"
            )
        if status & REFUSED:
            raise VioError(f"the {what} at {address:#06x} was refused by the board")

    def packet(self) -> Packet | None:
        """Return the oldest packet of tracks, None where none waits."""
        length = self.read32(_AT["track_length"])
        if not length:
            return None
        words = self.read(_AT["track_data"], length)
        return Packet(words[:-STAMP_WORDS], _cycle(words[-STAMP_WORDS:]))

    def sample(self) -> Sample | None:
        """Return the oldest inertial sample, None where none waits."""
        length = self.read32(_AT["sample_length"])
        if not length:
            return None
        words = self.read(_AT["sample_data"], length)
        data = words[STAMP_WORDS:].astype(">u4").tobytes()
        return Sample(data[:SAMPLE_BYTES], _cycle(words[:STAMP_WORDS]))

    def trigger(self, period: int, width: int = 1) -> None:
        """Trigger both cameras every `period` cycles, for `width` cycles each; 0: no more."""
        self.write(_AT["trigger_period"], [period, width], step=True)


def _cycle(low_high: np.ndarray) -> int:
    return int(low_high[0]) | int(low_high[1]) << 32
