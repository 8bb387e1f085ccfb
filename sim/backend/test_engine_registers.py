# SPDX-License-Identifier: Apache-2.0
"""engine_registers.v is what its map says, before a memory that answers late or at once."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge
from cocotb.utils import get_sim_time

from sim.axil import OKAY, SLVERR
from sim.backend.engine_host import ANSWERED, MAP, Host, bits
from sim.needs import needs_simulator
from sim.runner import lint, simulate, simulators
from sim.streams import reset
from vio.float32.call_words import RUN_WORDS
from vio.hw.registers.engine_map import ENGINE_IDENTITY, STATUS_BITS
from vio.hw.registers.map import ADDRESS_BITS, INTERNAL_FAULTS, Register

pytestmark = needs_simulator
LANES, WORDS = 8, 1000
UNWRITTEN = 0xDEADBEEF  # what a word reads as that was not written
WRITABLE = ("control", "pulse", "sticky", "pointer", "window", "fill")
EVENTS = [
    f.name for name in ("irq", "faults") for f in MAP[name].fields if f.name not in INTERNAL_FAULTS
]
COINCIDES = 1  # cycles from the offer of a write to that in which it clears
STATUS = [f for r in MAP.values() if r.kind == "status" for f in r.fields]
CONSTANTS = {
    "identity": ENGINE_IDENTITY,
    "version": bits("version", map=1, calls=1),
    "memory": WORDS,
    "bounds": bits("bounds", runs=4096, lanes=LANES, calls=32),
}


class Memory:
    """Be the memory behind the registers: ready at random, a word some cycles after its read."""

    def __init__(self, dut) -> None:
        self.words: dict[int, int] = {}
        self.runs: dict[int, int] = {}
        self.accesses = 0
        self.share, self.latency = 0.0, 4  # of cycles in which it is not ready; from read to word
        self._dut, self._random = dut, random.Random(7)
        self._coming: dict[int, int] = {}  # words by the cycle in which they come
        cocotb.start_soon(self._serve())

    def reset(self) -> None:
        """Forget the words that are to come."""
        self._coming.clear()

    async def _serve(self) -> None:
        dut, cycle = self._dut, 0
        while True:
            word = self._coming.pop(cycle, None)
            dut.word_came.value, dut.word_read.value = int(word is not None), word or 0
            dut.word_ready.value = int(self._random.random() >= self.share)
            await ReadOnly()
            if dut.word_valid.value and dut.word_ready.value:
                assert not dut.word_busy.value
                self.accesses += 1
                at = int(dut.word_address.value)
                assert at < WORDS
                if dut.word_write.value:
                    self.words[at] = int(dut.word_data.value)
                else:
                    self._coming[cycle + self.latency] = self.words.get(at, UNWRITTEN)
            if dut.run_valid.value:
                self.runs[int(dut.run_address.value)] = int(dut.run_data.value)
            await RisingEdge(dut.clk)
            cycle += 1


async def _start(dut) -> tuple[Host, Memory]:
    """Reset the register file with all inputs at rest, a memory behind it."""
    for name in (*(f"event_{e}" for e in EVENTS), *(f"status_{f.name}" for f in STATUS)):
        getattr(dut, name).value = 0
    dut.word_busy.value = 0
    host = Host(dut)
    await reset(dut)
    return host, Memory(dut)


def _resets(r: Register) -> int:
    """Return what a register reads as after a reset, where nothing has happened."""
    return UNWRITTEN if r.kind == "window" else CONSTANTS.get(r.name, 0)


@cocotb.test()
async def every_address_answers_as_the_map_says(dut) -> None:
    """All words of the space: values after a reset; unknown and read-only ones refuse."""
    host, memory = await _start(dut)
    known = {r.address: r for r in MAP.values()}
    for address in range(0, 1 << ADDRESS_BITS, 4):
        r = known.get(address)
        assert await host.read(address) == ((_resets(r), OKAY) if r else (0, SLVERR)), hex(address)
        if r is None or r.kind not in WRITABLE:
            assert await host.write(address, 0xFFFFFFFF) == SLVERR, hex(address)
        for low in (1, 2, 3) if r else ():
            assert await host.read(address + low) == (0, SLVERR)
            assert await host.write(address + low, 0) == SLVERR
        for strobe in (0, 1, 7, 14) if r else ():
            assert await host.write(address, 0, strobe) == SLVERR
    for r in known.values():
        if r.name == "word_address":
            assert await host.get("word_address") == 1  # the one read of its word
        elif r.kind != "window":
            assert await host.get(r.name) == _resets(r), r.name
    assert memory.words == memory.runs == {}


@cocotb.test()
async def what_is_written_is_read_back_and_values_outside_of_limits_are_not(dut) -> None:
    """Each register that keeps what is written, at random values, its largest, one more."""
    host, _ = await _start(dut)
    generator = random.Random(1)
    last = {"run_address": RUN_WORDS - 1, "word_address": WORDS - 1, "counter_kind": 31}
    for name, most in last.items():
        for value in (most, generator.randint(0, most), 0, generator.randint(0, most)):
            await host.put(name, value)
            assert await host.get(name) == value
            assert value == int(dut.control_counter_kind.value) or name != "counter_kind"
            assert (await host.clear())[1]["illegal"] == 0
            for above in (most + 1, 2 * most + 2, 0xFFFFFFFF):
                await host.refused(name, above)
                assert await host.get(name) == value
                assert (await host.clear())[1] == {
                    **dict.fromkeys((*STATUS_BITS, "refused"), 0), "illegal": 1
                }  # fmt: skip
    for value in (3, 1, 2, 0):
        await host.put("irq_enable", value)
        assert await host.get("irq_enable") == value
    for name in ("run_data", "reset"):
        assert await host.get(name) == 0


@cocotb.test()
async def each_field_of_the_status_is_its_input(dut) -> None:
    """One input after the other, then all at random."""
    host, _ = await _start(dut)
    generator = random.Random(2)
    for only in (*STATUS, None):
        values = {
            f.name: generator.getrandbits(int(f.bits)) if only in (f, None) else 0 for f in STATUS
        }
        if only is not None:
            values[only.name] |= 1
        for name, value in values.items():
            getattr(dut, f"status_{name}").value = value
        for r in MAP.values():
            if r.kind == "status":
                assert await host.fields(r.name) == {f.name: values[f.name] for f in r.fields}


@cocotb.test()
async def words_and_runs_go_through_pointers_that_count_up(dut) -> None:
    """In any order, to the last one; behind it they are refused and the pointer stays."""
    host, memory = await _start(dut)
    held: dict[int, int] = {}
    generator = random.Random(3)
    for share, latency in ((0.0, 4), (0.7, 1), (0.5, 9)):
        memory.share, memory.latency = share, latency
        for _ in range(60):
            at, count = generator.randrange(WORDS - 9), generator.randint(1, 9)
            if generator.random() < 0.5:
                words = [generator.getrandbits(32) for _ in range(count)]
                await host.put_words(at, words)
                held.update(enumerate(words, at))
            else:
                wanted = [held.get(k, UNWRITTEN) for k in range(at, at + count)]
                assert await host.get_words(at, count) == wanted
            assert await host.get("word_address") == at + count
        assert memory.words == held
    await host.put_words(WORDS - 2, [5, 6])
    for value in (7, None):
        await host.refused("word_data", value)
        assert (await host.clear())[1]["illegal"] == 1
    assert await host.get("word_address") == WORDS
    assert await host.get_words(WORDS - 2, 2) == [5, 6]
    await host.put_runs([1, 2, (1 << 30) - 1])
    await host.refused("run_data", 1 << 30)
    await host.put("run_data", 4)
    await host.put("run_address", RUN_WORDS - 1)
    await host.put("run_data", 9)
    await host.refused("run_data", 8)
    assert await host.get("run_address") == RUN_WORDS
    assert memory.runs == {0: 1, 1: 2, 2: (1 << 30) - 1, 3: 4, RUN_WORDS - 1: 9}


@cocotb.test()
async def channels_come_in_any_order_under_any_stall(dut) -> None:
    """Orders of AW and W, stalls of B and R, a read of a word beside each write of one."""
    host, memory = await _start(dut)
    memory.share = 0.3
    generator = random.Random(4)
    window, at = MAP["word_data"].address, 0
    await host.put("word_address", 0)
    orders = [(0, 0), (0, 1), (1, 0), (0, 5), (5, 0), (2, 3), (3, 2)]
    for i in range(70):
        value = generator.getrandbits(32)
        reader = cocotb.start_soon(
            host.read(window, generator.randint(0, 4), generator.randint(0, 6))
        )
        delays = (*orders[i % 7], generator.randint(0, 5))
        assert await host.write(window, value, 15, delays) == OKAY
        data, response = await reader
        # Either came first: one has the pointer's word, the other the next.
        assert response == OKAY
        places = [k for k in (at, at + 1) if memory.words.get(k) == value]
        assert len(places) == 1
        assert data == UNWRITTEN
        at += 2
        assert await host.get("word_address") == at
        assert await host.get("identity") == ENGINE_IDENTITY
    assert memory.accesses == 140


@cocotb.test()
async def while_calls_run_words_are_refused_at_once_and_all_else_answers(dut) -> None:
    """The pointer stays; the fault says so; every access is answered within a few cycles."""
    host, memory = await _start(dut)
    await host.put_words(10, [1, 2, 3])
    dut.word_busy.value, memory.share = 1, 1.0  # as the engine, which is not ready then
    for address in range(0, 0x60, 4):
        for value in (0, None):
            begin = get_sim_time("ns")
            if value is None:
                await host.read(address)
            else:
                await host.write(address, value)
            assert get_sim_time("ns") - begin <= 2 * ANSWERED
    assert (await host.clear())[1]["refused"] == 1
    await host.put("word_address", 10)
    for value in (9, None):
        await host.refused("word_data", value)
        found = (await host.clear())[1]
        assert found == {**dict.fromkeys((*STATUS_BITS, "illegal"), 0), "refused": 1}
    assert await host.get("word_address") == 10
    await host.put_runs([6])
    dut.word_busy.value, memory.share = 0, 0.0
    assert await host.get("word_data") == 1
    assert memory.words == {10: 1, 11: 2, 12: 3}
    assert memory.runs == {0: 6}


@cocotb.test()
async def an_interrupt_is_never_lost(dut) -> None:
    """Each bit: set by its event, let through by its enable, cleared by 1, but for a new event."""
    host, _ = await _start(dut)

    async def pulse(name: str, wait: int = 0) -> None:
        for _ in range(wait):
            await RisingEdge(dut.clk)
        getattr(dut, f"event_{name}").value = 1
        await RisingEdge(dut.clk)
        getattr(dut, f"event_{name}").value = 0

    for register in ("irq", "faults"):
        for field in MAP[register].fields:
            if field.name in INTERNAL_FAULTS:
                continue
            one = 1 << field.low
            await pulse(field.name)
            assert await host.get(register) == one
            for enable in (0, 3 ^ one if register == "irq" else 3, 3):
                await host.put("irq_enable", enable)
                assert int(dut.irq.value) == (register == "irq" and enable & one != 0)
            await host.put(register, 0xFFFFFFFF ^ one)
            assert await host.get(register) == one
            await host.put(register, one)
            assert await host.get(register) == 0
            assert not int(dut.irq.value)
            # An event some cycles after the write is offered: before, in, and behind its effect.
            kept = []
            for wait in range(9):
                await pulse(field.name)
                event = cocotb.start_soon(pulse(field.name, wait))
                await host.put(register, one)
                await event
                await RisingEdge(dut.clk)
                kept.append(await host.get(register) == one)
                assert int(dut.irq.value) == (register == "irq" and kept[-1])
                await host.put(register, one)
            assert kept == sorted(kept)  # cleared by a write behind the event, else kept
            assert kept[0] is False
            assert kept[-1] is True
            assert kept.index(True) == COINCIDES


@cocotb.test()
async def a_soft_reset_is_a_pulse_that_leaves_the_registers(dut) -> None:
    """One cycle long, for 1 only; a read of a word beside it comes."""
    host, memory = await _start(dut)
    pulses = 0

    async def count() -> None:
        nonlocal pulses
        while True:
            await ReadOnly()
            pulses += int(dut.command_reset.value)
            await RisingEdge(dut.clk)

    cocotb.start_soon(count())
    await host.put("irq_enable", 2)
    await host.put_words(3, [4, 5])
    await host.put("reset", 0)
    assert pulses == 0
    for delay in range(8):
        await host.put("word_address", 3)
        reader = cocotb.start_soon(host.read(MAP["word_data"].address, 0, delay))
        await host.put("reset", 1)
        assert await reader == (4, OKAY)
        await RisingEdge(dut.clk)
        assert pulses == delay + 1
    assert await host.get("irq_enable") == 2
    assert await host.get("word_address") == 4
    assert memory.words == {3: 4, 4: 5}


@cocotb.test()
async def a_reset_ends_every_transfer(dut) -> None:
    """At each cycle of a read of a word, beside half a write."""
    host, memory = await _start(dut)
    for cycles in range(1, 12):
        await host.put_words(0, [8])
        await host.put("irq_enable", 3)
        dut.s_axil_araddr.value, dut.s_axil_arvalid.value = MAP["word_data"].address, 1
        dut.s_axil_wvalid.value = 1
        await RisingEdge(dut.clk)
        dut.s_axil_arvalid.value = dut.s_axil_wvalid.value = 0
        for _ in range(cycles):
            await RisingEdge(dut.clk)
        host = Host(dut)
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        memory.reset()
        dut.rst.value = 0
        for _ in range(5):
            await ReadOnly()
            assert not dut.s_axil_bvalid.value
            assert not dut.s_axil_rvalid.value
            await RisingEdge(dut.clk)
        for name in ("irq_enable", "word_address", "irq", "faults"):
            assert await host.get(name) == 0, (name, cycles)


@cocotb.test()
async def a_word_takes_so_many_cycles(dut) -> None:
    """The figures of the header: reads and writes back to back, answers always taken."""
    host, _ = await _start(dut)
    period = {}
    for name in ("identity", "word_data"):
        await host.put("word_address", 0)
        dut.s_axil_rready.value, dut.s_axil_araddr.value = 1, MAP[name].address
        dut.s_axil_arvalid.value = 1
        times = []
        for cycle in range(100):
            await ReadOnly()
            if dut.s_axil_rvalid.value:
                times.append(cycle)
            await RisingEdge(dut.clk)
        dut.s_axil_arvalid.value = 0
        for _ in range(20):
            await RisingEdge(dut.clk)
        dut.s_axil_rready.value = 0
        period[name] = times[0], times[2] - times[1]
    assert period == {"identity": (3, 3), "word_data": (8, 7)}


@pytest.mark.parametrize("simulator", simulators())
def test_engine_registers(simulator: str) -> None:
    sizes = {"LANES": LANES, "MEMORY_WORDS": WORDS}
    simulate("engine_registers", __name__, parameters=sizes, simulator=simulator)


@pytest.mark.parametrize("words", [1, 1 << 17])
def test_the_registers_of_other_memories_are_clean(words: int) -> None:
    assert lint("engine_registers", f"MEMORY_WORDS={words}") == ""
