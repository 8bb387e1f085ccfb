# SPDX-License-Identifier: Apache-2.0
"""The host of the vector engine in tests: registers by name, words and runs by their pointers."""

from collections.abc import Iterable

import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge

from sim.axil import OKAY, SLVERR, Axil
from sim.backend.engine_lists import Case
from sim.streams import Stall, never, reset, send
from vio.hw.registers.engine_map import STATUS_BITS, engine_map

MAP = {r.name: r for r in engine_map()}
LONGEST = 200_000  # cycles that a list may take
ANSWERED = 16  # cycles within which every access is answered, whatever the engine does


def bits(name: str, **fields: int) -> int:
    """Return the word of a register whose fields have values."""
    by = {f.name: f for f in MAP[name].fields}
    return sum(value << by[field].low for field, value in fields.items())


class Host(Axil):
    """Access registers by their names; everything must be answered OKAY but where it is said."""

    async def put(self, name: str, value: int) -> None:
        """Write a register."""
        assert await self.write(MAP[name].address, value) == OKAY, name

    async def get(self, name: str) -> int:
        """Read a register."""
        value, response = await self.read(MAP[name].address)
        assert response == OKAY, name
        return value

    async def fields(self, name: str) -> dict[str, int]:
        """Read a register's fields."""
        value = await self.get(name)
        return {f.name: value >> f.low & (1 << int(f.bits)) - 1 for f in MAP[name].fields}

    async def refused(self, name: str, value: int | None = None) -> None:
        """Access a register, which must answer SLVERR; value: that is written, None: read."""
        address = MAP[name].address
        if value is None:
            assert await self.read(address) == (0, SLVERR), name
        else:
            assert await self.write(address, value) == SLVERR, name

    async def put_words(self, at: int, words: Iterable[int]) -> None:
        """Write words of the memory from an address on."""
        await self.put("word_address", at)
        for word in words:
            await self.put("word_data", word)

    async def get_words(self, at: int, count: int) -> list[int]:
        """Read words of the memory from an address on."""
        await self.put("word_address", at)
        return [await self.get("word_data") for _ in range(count)]

    async def put_runs(self, runs: Iterable[int]) -> None:
        """Write the memory of runs from its start on."""
        await self.put("run_address", 0)
        for run in runs:
            await self.put("run_data", run)

    async def clear(self) -> tuple[dict[str, int], dict[str, int]]:
        """Read and clear interrupts and faults; return them."""
        found = []
        for name in ("irq", "faults"):
            found.append(await self.fields(name))
            await self.put(name, bits(name, **found[-1]))
        return found[0], found[1]


class Chip(Host):
    """Drive the whole peripheral: what `Host` does, its stream of calls, its interrupt."""

    def __init__(self, dut) -> None:
        super().__init__(dut)
        self.dut = dut
        dut.s_axis_tvalid.value = 0

    async def send(self, words: np.ndarray, ends: bool = True, stall: Stall = never) -> None:
        """Send calls (N, 4); ends: the last of them is the step's last."""
        flat = words.reshape(-1).tolist()
        last = len(flat) - 1 if ends else -1
        beats = [{"data": word, "last": int(k == last)} for k, word in enumerate(flat)]
        await send(self.dut, beats, stall, "s_axis_t")

    async def interrupt(self) -> None:
        """Wait for the interrupt."""
        for _ in range(LONGEST):
            await ReadOnly()
            up = int(self.dut.irq.value)
            await RisingEdge(self.dut.clk)
            if up:
                return
        raise AssertionError("no interrupt")

    async def ended(self) -> dict[str, int]:
        """Wait for a step's end; return the faults, both cleared."""
        await self.interrupt()
        while not await self.get("irq") & 1:
            pass
        irq, faults = await self.clear()
        assert irq["failed"] == int(any(faults[name] for name in STATUS_BITS))
        assert await self.get("irq") == 0
        assert not int(self.dut.irq.value)
        return faults

    async def run(self, case: Case, stall: Stall = never) -> None:
        """Run the calls of a case on the words that are there; none fails."""
        await self.put_runs(case.runs.tolist())
        await self.send(case.words, stall=stall)
        assert not any((await self.ended()).values())

    async def memory(self, count: int) -> np.ndarray:
        """Return the first words of the memory."""
        return np.array(await self.get_words(0, count), np.uint32)

    async def check(self, after: np.ndarray) -> None:
        """Compare the memory."""
        wrong = np.flatnonzero(await self.memory(len(after)) != after)
        assert wrong.size == 0, (wrong[:20].tolist(), len(wrong))


async def started(dut) -> Chip:
    """Return the peripheral out of reset, with all interrupts let through."""
    chip = Chip(dut)
    await reset(dut)
    await chip.put("irq_enable", 3)
    return chip
