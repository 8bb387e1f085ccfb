# SPDX-License-Identifier: Apache-2.0
"""vector_engine.v leaves the memory that `execute` of vio/float32/execute.py leaves."""

import json
import os
import random
from pathlib import Path

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

from sim.backend.engine_lists import (
    FAULTS,
    LOW,
    NO_CALL,
    NOT_FINITE,
    WORDS,
    Case,
    fault_of,
    lane_case,
    random_case,
    window_cases,
)
from sim.needs import needs_verilator
from sim.runner import simulate
from vio.float32 import calls as c
from vio.float32.call_words import call_words
from vio.float32.calls import Builder

pytestmark = needs_verilator

CASE = "KESTREL_ENGINE_CASE"  # file of the case that a simulation runs
COUNTERS = "KESTREL_ENGINE_COUNTERS"  # file that gets its counters, where it is given
LONGEST = 10_000  # cycles that a call may take


class Engine:
    """Drive an engine: its words, its calls, with stalls at random."""

    def __init__(self, dut, stalls: float = 0.0, seed: int = 1) -> None:
        self.dut = dut
        self.stalls = stalls
        self.random = random.Random(seed)

    async def reset(self) -> None:
        """Reset, all inputs idle."""
        dut = self.dut
        dut.rst.value = 1
        for port in (dut.s_axis_tvalid, dut.run_write, dut.h_valid, dut.n_kind):
            port.value = 0
        for _ in range(4):
            await FallingEdge(dut.clk)
        dut.rst.value = 0
        await FallingEdge(dut.clk)

    async def write_runs(self, runs: np.ndarray) -> None:
        """Fill the memory of runs."""
        self.dut.run_write.value = 1
        for address, word in enumerate(runs.tolist()):
            self.dut.run_address.value, self.dut.run_data.value = address, word
            await FallingEdge(self.dut.clk)
        self.dut.run_write.value = 0

    async def write(self, places: list[int], words: list[int]) -> None:
        """Write words, one a cycle, as the engine lets them in."""
        dut = self.dut
        dut.h_valid.value, dut.h_write.value = 1, 1
        for place, word in zip(places, words, strict=True):
            dut.h_address.value, dut.h_word.value = place, word
            while not int(dut.h_ready.value):
                await FallingEdge(dut.clk)
            await FallingEdge(dut.clk)
        dut.h_valid.value = 0

    async def read(self, count: int) -> np.ndarray:
        """Return the first words of the memory."""
        dut = self.dut
        await self.idle()
        got: list[int] = []
        dut.h_write.value, dut.h_valid.value = 0, 1
        for cycle in range(count + 4):
            dut.h_valid.value, dut.h_address.value = int(cycle < count), cycle
            await FallingEdge(dut.clk)
            if int(dut.h_came.value):
                got.append(int(dut.h_data.value))
        return np.array(got, np.uint32)

    async def send(self, words: np.ndarray, ends: bool) -> None:
        """Send calls (N, 4); ends: the last of them is the step's last."""
        dut = self.dut
        flat = words.reshape(-1).tolist()
        for k, word in enumerate(flat):
            while self.random.random() < self.stalls:
                await FallingEdge(dut.clk)
            dut.s_axis_tvalid.value, dut.s_axis_tdata.value = 1, word
            dut.s_axis_tlast.value = int(ends and k == len(flat) - 1)
            for _ in range(LONGEST):
                if int(dut.s_axis_tready.value):
                    break
                await FallingEdge(dut.clk)
            else:
                raise AssertionError("the engine hangs")
            await FallingEdge(dut.clk)
            dut.s_axis_tvalid.value = 0

    async def idle(self) -> None:
        """Wait until no call is queued or runs."""
        for _ in range(40 * LONGEST):  # the queue is full of them
            if not int(self.dut.busy.value):
                return
            await FallingEdge(self.dut.clk)
        raise AssertionError("the engine hangs")

    async def status(self) -> tuple[int, int]:
        """Wait until the engine is idle; return the step's status and the call that failed."""
        await self.idle()
        status = int(self.dut.m_status.value)
        return status, int(self.dut.m_call.value) if status else 0

    async def counters(self) -> dict[str, tuple[int, int, int]]:
        """Return calls, cycles and waits of each kind that there was."""
        found = {}
        for kind, name in enumerate(c.NAMES):
            self.dut.n_kind.value = kind
            await FallingEdge(self.dut.clk)
            ports = (self.dut.n_calls, self.dut.n_cycles, self.dut.n_waits)
            calls, cycles, waits = (int(port.value) for port in ports)
            if calls:
                found[name] = calls, cycles, waits
        return found

    async def run(self, case: Case) -> tuple[int, int]:
        """Run the calls of a case; return the status and the call that failed."""
        await self.send(case.words, ends=True)
        return await self.status()


async def started(dut, stalls: float = 0.0) -> Engine:
    """Return an engine out of reset, its clock running."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    engine = Engine(dut, stalls)
    await engine.reset()
    return engine


async def loaded(dut, case: Case, stalls: float = 0.0) -> Engine:
    """Return an engine with a case's memory and runs."""
    engine = await started(dut, stalls)
    await engine.write_runs(case.runs)
    await engine.write(list(range(len(case.before))), case.before.tolist())
    return engine


@cocotb.test()
async def the_memory_is_that_of_execute(dut) -> None:
    """Every word after a whole list; the counters know its calls."""
    case = Case.load(os.environ[CASE])
    engine = await loaded(dut, case)
    status, _ = await engine.run(case)
    wrong = np.flatnonzero(await engine.read(len(case.after)) != case.after)
    assert wrong.size == 0, (wrong[:20].tolist(), len(wrong), status)
    assert status == (LOW if case.low else 0)
    counters = await engine.counters()
    kinds = np.bincount(case.words[:, 0] & 31, minlength=len(c.NAMES)).tolist()
    ran = {c.NAMES[k]: n for k, n in enumerate(kinds) if n}
    assert {name: calls for name, (calls, _, _) in counters.items()} == ran
    if COUNTERS in os.environ:
        Path(os.environ[COUNTERS]).write_text(json.dumps(counters))


@cocotb.test()
async def a_word_is_read_as_it_was_just_written(dut) -> None:
    """A read waits for the write of the cycle before; its word comes 4 cycles after it begins."""
    engine = await started(dut)
    for place in range(12):
        await engine.write([place], [place ^ 0x5A])
        dut.h_valid.value, dut.h_write.value, dut.h_address.value = 1, 0, place
        cycles = 0
        await Timer(1, "ns")
        while not int(dut.h_ready.value):
            await FallingEdge(dut.clk)
            cycles += 1
        for _ in range(4):
            await FallingEdge(dut.clk)
            dut.h_valid.value = 0
        while not int(dut.h_came.value):
            await FallingEdge(dut.clk)
            cycles += 1
        assert int(dut.h_data.value) == place ^ 0x5A
        assert cycles <= 2


@cocotb.test()
async def stalls_change_no_word(dut) -> None:
    """The words of the calls come late, at random."""
    case = Case.load(os.environ[CASE])
    engine = await loaded(dut, case, stalls=0.6)
    assert await engine.run(case) == (0, 0)
    assert np.array_equal(await engine.read(len(case.after)), case.after)


@cocotb.test()
async def another_word_before_is_noticed(dut) -> None:
    """A bit of each word of the memory differs: so do words after."""
    case = Case.load(os.environ[CASE])
    engine = await loaded(dut, case)
    await engine.write(list(range(WORDS // 4)), (case.before[: WORDS // 4] ^ 1 << 20).tolist())
    await engine.run(case)
    half = len(case.after) // 2  # nothing is copied there
    assert (await engine.read(len(case.after)) != case.after)[half:].sum() > 100


@cocotb.test()
async def a_reset_in_mid_call_drops_it_and_what_is_queued(dut) -> None:
    """After it, a list runs as if nothing had been; at several moments."""
    case = Case.load(os.environ[CASE])
    engine = await loaded(dut, case)
    is_lane = int(case.words[0, 0]) & 31 in c.LANE_PROGRAMS
    for cycles in (1, 7, 20, 33, 61, *((150, 500, 900, 1300) if is_lane else ())):
        await engine.send(case.words[:24], ends=False)
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        assert int(dut.busy.value)
        await engine.reset()
        assert not int(dut.busy.value)
    await engine.write(list(range(len(case.before))), case.before.tolist())
    assert (await engine.run(case))[0] == 0
    assert np.array_equal(await engine.read(len(case.after)), case.after)


@cocotb.test()
async def each_call_alone_leaves_its_words(dut) -> None:
    """Each call is a step, so that infinities end none but their own."""
    case = Case.load(os.environ[CASE])
    engine = await loaded(dut, case)
    statuses = set()
    for call in case.words:
        await engine.send(call[None], ends=True)
        statuses.add((await engine.status())[0])
    wrong = np.flatnonzero(await engine.read(len(case.after)) != case.after)
    assert wrong.size == 0, (wrong[:20].tolist(), len(wrong), statuses)
    assert statuses == {0, NOT_FINITE}


@cocotb.test()
async def a_call_that_fails_skips_the_rest_of_its_step(dut) -> None:
    """Status and number say which; what it wrote before stays; the next step runs."""
    engine = await started(dut)
    for kind in FAULTS:
        fault = fault_of(kind)
        await engine.write_runs(fault.runs)
        await engine.write(list(range(WORDS)), fault.case.before.tolist())
        await engine.send(fault.words, ends=True)
        assert await engine.status() == (fault.status, 1), kind
        wrong = np.flatnonzero(await engine.read(WORDS) != fault.case.after)
        low, high = fault.partly
        assert ((wrong >= low) & (wrong < high)).all(), (kind, wrong[:20].tolist())
        await engine.send(fault.words[:1], ends=True)
        assert (await engine.status())[0] == 0, kind


@cocotb.test()
async def a_step_that_ends_in_mid_call_is_refused(dut) -> None:
    """A last word that is not a call's fourth: the status says so, and the next step runs."""
    engine = await started(dut)
    builder = Builder()
    builder.vector(c.CLEAR, 3, (8, 1))
    words = call_words(builder.done())
    for count in (1, 2, 3):
        await engine.send(words[:, :count], ends=True)
        assert (await engine.status())[0] == NO_CALL
        await engine.send(words, ends=True)
        assert (await engine.status())[0] == 0
    got = await engine.read(16)
    assert not got[8:11].any()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the lists of a small window, in files."""
    folder = tmp_path_factory.mktemp("lists")
    return {name: case.save(folder / f"{name}.npz") for name, case in window_cases(6)}


def simulated(monkeypatch: pytest.MonkeyPatch, path: Path, lanes: int, only: str | None) -> None:
    """Run cocotb tests on a case."""
    monkeypatch.setenv(CASE, str(path))
    banks = {"LANES_LOG2": lanes, "BANK_WORDS_LOG2": 13 - lanes, "MEMORY_WORDS": WORDS}
    simulate("vector_engine", __name__, parameters=banks, only=only)


@pytest.mark.parametrize("lanes", [2, 0, 1, 3])
def test_random_calls_resets_and_faults(
    lanes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = random_case(5 + lanes, 150, 4096).save(tmp_path / "random.npz")
    simulated(monkeypatch, path, lanes, "^(?!.*each_call_alone)")


@pytest.mark.parametrize("lanes", [0, 1, 2, 3])
def test_lane_programs_on_random_and_extreme_words(
    lanes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lane_case(lanes, extreme=False).save(tmp_path / "lanes.npz")
    simulated(monkeypatch, path, lanes, "(the_memory_is|stalls|a_reset)")
    path = lane_case(lanes, extreme=True).save(tmp_path / "extreme.npz")
    simulated(monkeypatch, path, lanes, "each_call_alone")


@pytest.mark.parametrize("name", ["linearise", "solve", "update", "back", "marginalise"])
def test_the_lists_of_a_window(
    name: str, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated(monkeypatch, files[name], 2, "the_memory_is_that_of_execute")
