# SPDX-License-Identifier: Apache-2.0
"""The host of the vector engine in tests: registers by name, words and runs by their pointers."""

from collections.abc import Iterable

from sim.axil import OKAY, SLVERR, Axil
from vio.hw.registers.engine_map import engine_map

MAP = {r.name: r for r in engine_map()}
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
