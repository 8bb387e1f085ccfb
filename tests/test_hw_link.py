# SPDX-License-Identifier: Apache-2.0
"""The SPI link's host side on a board that is a dictionary of words (docs/chip/board.md)."""

from collections import deque

import numpy as np
import pytest

from vio.config import load_config
from vio.errors import VioError
from vio.hw.registers.board import BOARD_IDENTITY, board_map
from vio.hw.registers.driver import Driver
from vio.hw.registers.link import Link
from vio.render.calibration import euroc_rig

AT = {register.name: register.address for register in board_map()}


class Board:
    """Answer commands as the link does; what is not in `words` or `queues` is refused."""

    def __init__(self) -> None:
        self.words = {AT["identity"]: BOARD_IDENTITY, AT["trigger_period"]: 0}
        self.words[AT["trigger_width"]] = 0
        self.queues: dict[int, deque[int]] = {}
        self.flags = 0

    def transfer(self, data: bytes) -> bytes:
        status, self.flags = 0xA0 | self.flags, 0
        command, back = data[0], b""
        if command in (0xC0, 0xC2):
            address, count = (int.from_bytes(data[i : i + 2], "big") for i in (1, 3))
            assert len(data) == 6 + 4 * count
            for i in range(count):
                back += self._read(address + (4 * i if command == 0xC2 else 0)).to_bytes(4, "big")
            back = bytes(5) + back
        elif command in (0xC1, 0xC3):
            address = int.from_bytes(data[1:3], "big")
            for i in range((len(data) - 3) // 4):
                at = address + (4 * i if command == 0xC3 else 0)
                value = int.from_bytes(data[3 + 4 * i : 7 + 4 * i], "big")
                if at in self.words:
                    self.words[at] = value
                else:
                    self.flags |= 0x08
            back = bytes(len(data) - 1)
        return bytes([status]) + back

    def _read(self, address: int) -> int:
        if self.queues.get(address):
            return self.queues[address].popleft()
        if address not in self.words:
            self.flags |= 0x08
        return self.words.get(address, 0)

    def queue(self, name: str, words: list[int]) -> None:
        """Put a packet into a queue whose length register is asked once."""
        self.queues[AT[f"{name}_length"]] = deque([len(words)])
        self.words[AT[f"{name}_length"]] = 0
        self.queues[AT[f"{name}_data"]] = deque(words)


def test_words_go_and_come_at_one_address_or_counting_up() -> None:
    board = Board()
    link = Link(board.transfer)
    link.trigger(50_000, 100)
    assert board.words[AT["trigger_period"]] == 50_000
    assert board.words[AT["trigger_width"]] == 100
    assert link.read(AT["trigger_period"], 2, step=True).tolist() == [50_000, 100]
    link.write32(AT["trigger_period"], 0xFFFFFFFF)
    assert link.read32(AT["trigger_period"]) == 0xFFFFFFFF


def test_packets_and_samples_come_with_their_cycle() -> None:
    board = Board()
    link = Link(board.transfer)
    board.queue("track", [2 << 16 | 1, 7, 5000, 10, 11, 12, 13, 14, 15, 0x89ABCDEF, 3])
    packet = link.packet()
    assert packet is not None
    assert packet.words.dtype == np.uint32
    assert packet.words.tolist() == [2 << 16 | 1, 7, 5000, 10, 11, 12, 13, 14, 15]
    assert packet.begin_cycle == 0x3_89AB_CDEF
    assert link.packet() is None
    board.queue("sample", [100, 0, 0x01020304, 0x05060708, 0x090A0B0C])
    sample = link.sample()
    assert sample is not None
    assert sample.data == bytes(range(1, 13))
    assert sample.cycle == 100
    assert link.sample() is None


def test_what_is_refused_is_named_and_does_not_stay() -> None:
    board = Board()
    link = Link(board.transfer)
    with pytest.raises(VioError, match="read at 0x0123 was refused"):
        link.read32(0x0123)
    with pytest.raises(VioError, match="write at 0x0124 was refused"):
        link.write32(0x0124, 1)
    assert link.read32(AT["identity"]) == BOARD_IDENTITY
    board.flags = 0x10
    assert link.status() == 0x10
    plain = board.transfer

    def fast(data: bytes) -> bytes:
        back = plain(data)
        board.flags |= 0x10 if len(data) > 1 else 0
        return back

    board.transfer = fast  # type: ignore[method-assign]
    with pytest.raises(VioError, match="read at 0x8000 was cut, or came too fast"):
        Link(board.transfer)


@pytest.mark.parametrize("level", [0x00, 0xFF])
def test_a_wire_that_nobody_drives_is_no_board(level: int) -> None:
    with pytest.raises(VioError, match=rf"answers 0x{level:02x}, which is no status"):
        Link(lambda data: bytes([level] * len(data)))


def test_another_board_is_refused_and_a_board_without_a_front_end_too() -> None:
    board = Board()
    board.words[AT["identity"]] = 0x12345678
    with pytest.raises(VioError, match="identity reads 0x12345678, not 0x4b534231"):
        Link(board.transfer)
    link = Link(Board().transfer)
    driver = Driver(link.read32, link.write32, load_config("ecp5_85k"), euroc_rig())
    with pytest.raises(VioError, match=r"read at 0x.* was refused"):
        driver.configure()
