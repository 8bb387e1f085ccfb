# SPDX-License-Identifier: Apache-2.0
"""engine_chip.v: the vector engine by its bus alone, AXI4-Lite registers and a stream of calls."""

import logging
import os
import random
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from sim.axil import OKAY
from sim.backend.engine_host import ANSWERED, MAP, Chip, bits, started
from sim.backend.engine_lists import (
    FAULTS,
    NO_CALL,
    WORDS,
    Case,
    fault_of,
    random_case,
    window_cases,
)
from sim.needs import needs_verilator
from sim.runner import simulate
from sim.streams import sometimes
from vio.float32 import calls as c
from vio.float32.call_words import call_words
from vio.float32.calls import Builder
from vio.float32.memory_map import LANDMARK_WORDS, STATE_WORDS
from vio.hw.registers.engine_map import STATUS_BITS

pytestmark = needs_verilator

LANES_LOG2 = 2
COPY_CYCLES = 379  # of two calls: 420 and 1000 words, 4 lanes
IDLE = bits("status", done=1, room=1)


def cases() -> list[Case]:
    """Return the lists that this simulation runs, one after the other."""
    return [Case.load(path) for path in str(cocotb.plusargs["cases"]).split(os.pathsep)]


def a_clear(at: int, count: int = 3) -> np.ndarray:
    """Return the call that clears words."""
    builder = Builder()
    builder.vector(c.CLEAR, count, (at, 1))
    return call_words(builder.done())


@cocotb.test()
async def a_step_runs_by_the_bus_alone(dut) -> None:
    """Its lists one after the other, interrupts between; the memory is that of `execute`."""
    lists = cases()
    chip = await started(dut)
    held = lists[0].before
    await chip.put_words(0, held.tolist())
    for case in lists:
        assert len(case.before) == len(held)
        for at in np.flatnonzero(case.before != held).tolist():
            await chip.put_words(at, [int(case.before[at])])
        held = case.after
        await chip.run(case)
        await chip.check(case.after)
    assert await chip.get("steps") == len(lists)
    kinds = np.bincount(np.concatenate([case.words[:, 0] for case in lists]) & 31, minlength=32)
    for kind, count in enumerate(kinds.tolist()):
        await chip.put("counter_kind", kind)
        assert await chip.get("counter_calls") == count
        cycles, waits = await chip.get("counter_cycles"), await chip.get("counter_waits")
        assert (cycles > waits) if count else cycles == waits == 0


def copies(regions: np.ndarray, spare: int, back: bool = False) -> np.ndarray:
    """Return the calls that copy regions (K, 2) to a spare place one after the other, or back."""
    builder = Builder()
    for at, count in regions.tolist():
        places = (spare, 1), (at, 1)
        builder.vector(c.COPY, count, *(places[::-1] if back else places))
        spare += count
    return call_words(builder.done())


@cocotb.test()
async def a_step_that_fails_is_taken_back_by_copies(dut) -> None:
    """States and landmarks are copied; a call fails amid their update; later it runs whole."""
    case = cases()[-1]
    spare = WORDS - int(case.kept[:, 1].sum())
    assert spare > len(case.before)
    wrong = a_clear(0)
    wrong[0, 0] |= 31
    half = len(case.words) * 3 // 4

    async def kept() -> list[int]:
        return [w for at, count in case.kept.tolist() for w in await chip.get_words(at, count)]

    chip = await started(dut)
    await chip.put_words(0, case.before.tolist())
    before = await kept()
    await chip.put_runs(case.runs.tolist())
    save = copies(case.kept, spare)
    await chip.send(np.concatenate([save, case.words[:half], wrong, case.words[half:]]))
    assert (await chip.ended())["no_call"] == 1
    assert await chip.fields("failed") == {"call": len(save) + half, "step": 0}
    assert await kept() != before
    await chip.send(copies(case.kept, spare, back=True))
    assert not any((await chip.ended()).values())
    assert await kept() == before
    await chip.run(case)
    await chip.check(case.after)
    assert await kept() != before


@cocotb.test()
async def copies_of_a_whole_window_take_few_cycles(dut) -> None:
    """Those of 10 frames and of 200 landmarks: the figure of docs/chip/engine.md."""
    chip = await started(dut)
    kept = np.array([(0, 10 * STATE_WORDS), (1000, 200 * LANDMARK_WORDS)])
    await chip.put("counter_kind", c.COPY)
    await chip.send(copies(kept, 4000))
    assert not any((await chip.ended()).values())
    assert await chip.get("counter_cycles") == COPY_CYCLES


@cocotb.test()
async def stalls_of_any_channel_change_no_word(dut) -> None:
    """The stream and all channels of the bus stall at random; registers are read meanwhile."""
    (case,) = cases()
    chip = await started(dut)
    generator = random.Random(5)
    await chip.put("word_address", 0)
    for word in case.before.tolist():
        delays = tuple(generator.choice((0, 0, 0, 1, 4)) for _ in range(3))
        assert await chip.write(MAP["word_data"].address, word, 15, delays) == OKAY
    await chip.put_runs(case.runs.tolist())
    sender = cocotb.start_soon(chip.send(case.words, stall=sometimes(3)))
    polls = 0
    while not sender.done() or not (await chip.fields("status"))["done"]:
        polls += 1
        await chip.get(generator.choice(["identity", "steps", "counter_cycles", "faults"]))
    assert polls > 100
    assert not any((await chip.ended()).values())
    await chip.put("word_address", 0)
    for k, word in enumerate(case.after.tolist()):
        found = await chip.read(
            MAP["word_data"].address, generator.choice((0, 0, 0, 2)), generator.choice((0, 0, 3))
        )
        assert found == (word, OKAY), k


@cocotb.test()
async def another_word_before_is_noticed(dut) -> None:
    """A bit of each word of the memory differs: so do words after."""
    (case,) = cases()
    chip = await started(dut)
    await chip.put_words(0, (case.before ^ 1 << 20).tolist())
    await chip.run(case)
    half = len(case.after) // 2  # nothing is copied there
    assert ((await chip.memory(len(case.after))) != case.after)[half:].sum() > 100


@cocotb.test()
async def words_are_refused_while_calls_run_and_are_right_as_soon_as_they_are_not(dut) -> None:
    """Every access is answered within a few cycles; the first word that comes is the last one."""
    chip = await started(dut)
    await chip.put_words(400, [7] * 900)
    for delay in range(12):
        await chip.put_words(400, [7] * 3)
        await chip.put("word_address", 402)
        await chip.send(np.concatenate([a_clear(500, 600 + delay), a_clear(400)]))
        refused, response = 0, 2
        while response != OKAY:
            begin = get_sim_time("ns")
            data, response = await chip.read(MAP["word_data"].address)
            assert get_sim_time("ns") - begin <= 2 * ANSWERED
            refused += response != OKAY
        assert refused > 20
        assert data == 0
        assert await chip.get("word_address") == 403
        irq, faults = await chip.clear()
        assert irq["done"] == faults["refused"] == 1


@cocotb.test()
async def a_call_that_fails_raises_the_interrupt(dut) -> None:
    """Status, call and step say which, after later steps too; these run."""
    chip = await started(dut)
    await chip.put_words(0, fault_of(FAULTS[0]).case.before.tolist())
    for number, kind in enumerate(FAULTS):
        fault = fault_of(kind)
        await chip.put_runs(fault.runs.tolist())
        await chip.put_words(200, fault.case.before[200:300].tolist())
        await chip.send(fault.words)
        faults = await chip.ended()
        names = {name for name in faults if faults[name]}
        assert names == {name for k, name in enumerate(STATUS_BITS) if fault.status >> k & 1}, kind
        status = await chip.get("status")
        assert status == IDLE | fault.status << 4
        assert await chip.fields("failed") == {"call": 1, "step": 2 * number}
        assert await chip.get_words(100, 20) == fault.case.after[100:120].tolist()
        assert await chip.get_words(90, 8) == fault.case.after[90:98].tolist()  # not cleared
        await chip.send(a_clear(130))
        assert not any((await chip.ended()).values())
        assert await chip.get("status") == IDLE
        assert await chip.fields("failed") == {"call": 1, "step": 2 * number}
        assert await chip.get("steps") == 2 * number + 2


@cocotb.test()
async def failures_of_steps_that_follow_at_once_are_all_seen(dut) -> None:
    """Good steps before a bad one, without a pause: its number, its call, the interrupt."""
    chip = await started(dut)
    await chip.put("irq_enable", 2)
    wrong = a_clear(130)
    wrong[0, 0] |= 31
    for k in range(5):
        await chip.send(np.concatenate([a_clear(130)] * k + [wrong]))
    await chip.interrupt()
    while not (await chip.fields("status"))["done"]:
        pass
    assert await chip.fields("failed") == {"call": 4, "step": 4}
    assert await chip.get("steps") == 5
    assert await chip.get("irq") == 3
    assert await chip.get("faults") == NO_CALL
    await chip.put("faults", NO_CALL)
    await chip.send(a_clear(130))
    await chip.put("irq", 2)
    assert not int(dut.irq.value)
    assert await chip.get("faults") == 0


@cocotb.test()
async def the_interrupt_comes_so_many_cycles_after_its_cause(dut) -> None:
    """3 after the step's end, 3 after the status of a call that fails: the header's figures."""
    chip = await started(dut)
    wrong = a_clear(130)
    wrong[0, 0] |= 31
    for words, enable in ((a_clear(130), 1), (np.concatenate([wrong, a_clear(0, 900)]), 2)):
        await chip.put("irq_enable", enable)
        sender = cocotb.start_soon(chip.send(words))
        cause, cycle = None, 0
        while True:
            await ReadOnly()
            if cause is None and (dut.ended.value if enable == 1 else int(dut.status.value)):
                cause = cycle
            if dut.irq.value:
                break
            await RisingEdge(dut.clk)
            cycle += 1
        assert cause is not None
        assert cycle - cause == 3
        await RisingEdge(dut.clk)
        await sender
        await chip.ended()


@cocotb.test()
async def a_step_is_done_when_its_last_call_has_ended(dut) -> None:
    """Half a call, a call without tlast, the last call."""
    chip = await started(dut)
    assert await chip.get("status") == IDLE
    words = a_clear(130)
    await chip.send(words[:, :3], ends=False)
    assert await chip.get("status") == bits("status", busy=1, room=1)
    await chip.refused("word_data")
    await chip.send(words[:, 3:], ends=False)
    while (await chip.fields("status"))["busy"]:
        pass
    assert await chip.get("status") == bits("status", room=1)
    assert await chip.get("irq") == 0
    assert await chip.get_words(130, 3) == [0, 0, 0]  # between the calls of a step
    await chip.send(words)
    await chip.ended()
    assert await chip.get("status") == IDLE


@cocotb.test()
async def the_status_says_when_the_queue_is_full(dut) -> None:
    """A long call runs, the next is ready, the queue holds 32 more; then it has room again."""
    chip = await started(dut)
    calls = np.concatenate([a_clear(0, 7000), *[a_clear(130)] * 60])
    sender = cocotb.start_soon(chip.send(calls))
    while (await chip.fields("status"))["room"]:
        pass
    assert not sender.done()
    assert (await chip.fields("status"))["busy"]
    await sender
    assert not any((await chip.ended()).values())


@cocotb.test()
async def a_soft_reset_drops_the_calls_and_keeps_the_words(dut) -> None:
    """At several moments of a call; a word of the stream in its cycle waits and begins a call."""
    (case,) = cases()
    chip = await started(dut)
    await chip.put_runs(case.runs.tolist())
    await chip.put_words(7000, range(40))
    for cycles in (1, 7, 20, 33, 61):
        await chip.send(case.words[:12], ends=False)
        for _ in range(cycles):
            await RisingEdge(dut.clk)
        assert (await chip.fields("status"))["busy"]
        await chip.put("reset", 1)
        assert await chip.get("status") == IDLE
        await chip.put("counter_kind", int(case.words[0, 0]) & 31)
        assert await chip.get("counter_calls") == 0
    assert await chip.get("irq_enable") == 3
    assert await chip.get_words(7000, 40) == list(range(40))
    # A word that was written just before stays; one is offered to the stream in each cycle.
    await chip.put("word_address", 7000)
    await chip.put("word_data", 99)
    await chip.put("reset", 1)
    assert await chip.get_words(7000, 2) == [99, 1]
    for delay in range(6):
        await chip.put_words(130, [1])
        sender = cocotb.start_soon(_late(chip, a_clear(130), delay))
        await chip.put("reset", 1)
        taken = await sender
        if taken:  # words that came before the reset are dropped: the call is short of them
            await chip.put("reset", 1)
        else:
            await chip.ended()
            assert await chip.get_words(130, 1) == [0]
        await chip.clear()
    await chip.put_words(0, case.before.tolist())
    await chip.run(case)
    await chip.check(case.after)


async def _late(chip: Chip, words: np.ndarray, delay: int) -> int:
    """Send a call from some cycles on; return how many words came before a soft reset."""
    taken = before = 0

    async def watch() -> None:
        nonlocal taken, before
        while True:
            await ReadOnly()
            if chip.dut.soft_reset.value:
                before = taken
                assert not chip.dut.s_axis_tready.value
            taken += int(chip.dut.s_axis_tvalid.value and chip.dut.s_axis_tready.value)
            await RisingEdge(chip.dut.clk)

    watcher = cocotb.start_soon(watch())
    for _ in range(delay):
        await RisingEdge(chip.dut.clk)
    await chip.send(words)
    for _ in range(8):
        await RisingEdge(chip.dut.clk)
    watcher.cancel()
    return before


@cocotb.test()
async def a_reset_in_mid_call_ends_everything(dut) -> None:
    """After it the registers are as after any reset, and a list runs."""
    (case,) = cases()
    chip = await started(dut)
    for cycles in (2, 30, 77):
        await chip.put("irq_enable", 3)
        await chip.send(case.words[:16], ends=False)
        dut.s_axil_araddr.value, dut.s_axil_arvalid.value = MAP["word_data"].address, 1
        for _ in range(cycles):
            await RisingEdge(dut.clk)
        chip = Chip(dut)
        dut.rst.value = 1
        for _ in range(2):
            await RisingEdge(dut.clk)
        dut.rst.value = 0
        assert await chip.get("status") == IDLE
        for name in ("irq_enable", "irq", "faults", "steps", "failed", "word_address"):
            assert await chip.get(name) == 0, name
    await chip.put("irq_enable", 3)
    await chip.put_words(0, case.before.tolist())
    await chip.run(case)
    await chip.check(case.after)


@cocotb.test()
async def a_master_not_written_here_has_the_same_words(dut) -> None:
    """cocotbext-axi, every channel pausing at will; SLVERR where it must be, never DECERR."""
    logging.getLogger("cocotb").setLevel(logging.WARNING)
    await started(dut)
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
    generator = random.Random(1)
    for channel in (
        *(master.write_if.aw_channel, master.write_if.w_channel, master.write_if.b_channel),
        *(master.read_if.ar_channel, master.read_if.r_channel),
    ):
        channel.set_pause_generator(iter([generator.random() < 0.5 for _ in range(20_000)]))
    words = [generator.getrandbits(32) for _ in range(40)]
    at, window = MAP["word_address"].address, MAP["word_data"].address
    await master.write_dword(at, 100)
    writes = [master.init_write(window, word.to_bytes(4, "little")) for word in words]
    for event in writes:
        await event.wait()
        assert event.data.resp == AxiResp.OKAY
    await master.write_dword(at, 100)
    reads = [master.init_read(window, 4) for _ in words]
    for event, word in zip(reads, words, strict=True):
        await event.wait()
        assert (event.data.resp, event.data.data) == (AxiResp.OKAY, word.to_bytes(4, "little"))
    for address in (MAP["identity"].address, MAP["steps"].address, 0x2C, 0xFFC):
        assert (await master.write(address, bytes(4))).resp == AxiResp.SLVERR
    assert (await master.write(window, bytes(2))).resp == AxiResp.SLVERR
    assert (await master.read(0x2C, 4)).resp == AxiResp.SLVERR


OF_A_WINDOW = "(a_step_runs|a_step_that_fails)"  # tests on the lists of a window
SIZES = {"LANES_LOG2": LANES_LOG2, "BANK_WORDS_LOG2": 11, "MEMORY_WORDS": WORDS}


def test_random_calls_faults_and_resets(tmp_path: Path) -> None:
    path = random_case(5, 100, 2048).save(tmp_path / "random.npz")
    only, plusargs = f"^(?!.*{OF_A_WINDOW})", {"cases": str(path)}
    simulate("engine_chip", __name__, parameters=SIZES, only=only, plusargs=plusargs)


def test_a_step_of_a_window(tmp_path: Path) -> None:
    lists = [
        str(case.save(tmp_path / f"{name}.npz"))
        for name, case in window_cases(6)
        if name in ("linearise", "solve", "update")
    ]
    assert len(lists) == 3
    plusargs = {"cases": os.pathsep.join(lists)}
    simulate(
        "engine_chip",
        __name__,
        parameters=SIZES,
        only=OF_A_WINDOW,
        plusargs=plusargs,
    )
