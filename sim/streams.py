# SPDX-License-Identifier: Apache-2.0
"""Drive and watch valid/ready streams, with seeded stalls on either side."""

import random
from collections.abc import Callable, Iterable

from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

Stall = Callable[[], bool]


def never() -> bool:
    """Stall in no clock."""
    return False


def sometimes(seed: int, share: float = 0.5) -> Stall:
    """Return a stall in a random share of the cycles."""
    generator = random.Random(seed)
    return lambda: generator.random() < share


async def reset(dut) -> None:
    """Start the clock and hold the reset for three cycles."""
    Clock(dut.clk, 2, "ns").start()
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0


async def send(
    dut, words: Iterable[dict[str, int]], stall: Stall = never, prefix: str = "s_"
) -> None:
    """Offer words one after the other; each is {port without prefix: value}."""
    valid, ready = getattr(dut, prefix + "valid"), getattr(dut, prefix + "ready")
    for word in words:
        while stall():
            valid.value = 0
            await RisingEdge(dut.clk)
        for name, value in word.items():
            getattr(dut, prefix + name).value = value
        valid.value = 1
        while True:
            await ReadOnly()
            taken = bool(ready.value)
            await RisingEdge(dut.clk)
            if taken:
                break
    valid.value = 0


async def receive(
    dut,
    count: int,
    names: Iterable[str],
    stall: Stall = never,
    prefix: str = "m_",
    limit: int = 10**6,
) -> list[dict[str, int]]:
    """Return the first `count` words; fails when they don't come within `limit` cycles."""
    valid, ready = getattr(dut, prefix + "valid"), getattr(dut, prefix + "ready")
    names = list(names)
    words: list[dict[str, int]] = []
    for _ in range(limit):
        if len(words) == count:
            ready.value = 0
            return words
        willing = not stall()
        ready.value = int(willing)
        await ReadOnly()
        if willing and bool(valid.value):
            words.append({name: int(getattr(dut, prefix + name).value) for name in names})
        await RisingEdge(dut.clk)
    raise AssertionError(f"{len(words)} of {count} words came within {limit} cycles")


def pixels(image) -> list[dict[str, int]]:
    """Return the words of an image (H, W): data, start of frame in user, end of line in last."""
    height, width = image.shape
    return [
        {"data": int(image[v, u]), "user": int(u == v == 0), "last": int(u == width - 1)}
        for v in range(height)
        for u in range(width)
    ]
