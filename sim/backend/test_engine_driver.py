# SPDX-License-Identifier: Apache-2.0
"""The Python driver of the engine on its Verilog: lists, faults, counters; what it refuses."""

from pathlib import Path

import cocotb
import numpy as np
import pytest
from cocotb.task import bridge, resume

from sim.backend.engine_host import MAP, Chip, started
from sim.backend.engine_lists import FAULTS, WORDS, Case, fault_of, random_case
from sim.backend.test_engine_chip import LANES_LOG2, SIZES, a_clear
from sim.needs import needs_verilator
from sim.runner import simulate
from vio.errors import VioError
from vio.float32.call_words import RUN_WORDS
from vio.float32.calls import NAMES
from vio.hw.registers.engine_driver import EngineDriver, EngineSizes
from vio.hw.registers.engine_map import QUEUE_CALLS, STATUS_BITS

pytestmark = needs_verilator


def driver_of(chip: Chip) -> EngineDriver:
    """Return a driver on a simulated bus, to be called in a thread of `bridge`."""

    async def read(address: int) -> int:
        value, response = await chip.read(address)
        assert response == 0, hex(address)
        return value

    async def write(address: int, value: int) -> None:
        assert await chip.write(address, value) == 0, hex(address)

    async def send(words: np.ndarray) -> None:
        cocotb.start_soon(chip.send(words))  # a queue in front of the stream: the host goes on

    return EngineDriver(resume(read), resume(write), resume(send))


@cocotb.test()
async def a_list_runs_by_the_driver(dut) -> None:
    """The memory is that of `execute`, the counters are those of the list."""
    case = Case.load(str(cocotb.plusargs["case"]))
    chip = await started(dut)

    @bridge
    def host() -> None:
        driver = driver_of(chip)
        assert driver.sizes == EngineSizes(WORDS, RUN_WORDS, 1 << LANES_LOG2, QUEUE_CALLS)
        driver.write_words(0, case.before)
        driver.write_runs(case.runs)
        outcome = driver.run(case.words)
        assert (outcome.faults, outcome.failed) == ((), None)
        found = driver.read_words(0, len(case.after))
        assert np.array_equal(found.view(np.uint32), case.after)
        driver.write_words(100, found[:7])  # as float32
        assert np.array_equal(driver.read_words(100, 7).view(np.uint32), case.after[:7])
        counts = np.bincount(case.words[:, 0] & 31, minlength=len(NAMES))
        counters = driver.counters()
        assert [counters[name].calls for name in NAMES] == counts.tolist()
        assert all((one.cycles > one.waits) == bool(one.calls) for one in counters.values())
        driver.reset()
        assert not any(one.calls or one.cycles for one in driver.counters().values())

    await host()


@cocotb.test()
async def a_fault_is_said_with_its_call_and_the_next_step_runs(dut) -> None:
    chip = await started(dut)

    @bridge
    def host() -> None:
        driver = driver_of(chip)
        driver.write_words(0, fault_of(FAULTS[0]).case.before)
        for kind in FAULTS:
            fault = fault_of(kind)
            driver.write_runs(fault.runs.tolist())
            driver.write_words(200, fault.case.before[200:300])
            outcome = driver.run(fault.words)
            wanted = [name for k, name in enumerate(STATUS_BITS) if fault.status >> k & 1]
            assert list(outcome.faults) == wanted
            assert outcome.failed == 1
            assert driver.run(a_clear(130)).faults == ()

    await host()


@cocotb.test()
async def what_cannot_be_done_is_refused_and_nothing_is_lost(dut) -> None:
    chip = await started(dut)

    @bridge
    def host() -> None:
        driver = driver_of(chip)
        driver.write_words(WORDS - 3, np.arange(3, dtype=np.uint32))
        for at, count in ((WORDS - 2, 3), (-1, 2), (WORDS + 1, 0)):
            with pytest.raises(VioError, match="of the engine, which has 7500"):
                driver.write_words(at, np.zeros(count, np.uint32))
            with pytest.raises(VioError, match="of the engine, which has 7500"):
                driver.read_words(at, count)
        with pytest.raises(VioError, match="which has 4096"):
            driver.write_runs([0] * 2, RUN_WORDS - 1)
        with pytest.raises(VioError, match="float32 or uint32 are needed"):
            driver.write_words(0, np.zeros(3))
        for calls in (np.zeros((0, 4), np.uint32), np.zeros((2, 3), np.uint32), np.zeros((2, 4))):
            with pytest.raises(VioError, match="are needed, N at least 1"):
                driver.run(calls)
        assert driver.read_words(WORDS - 3, 3).view(np.uint32).tolist() == [0, 1, 2]
        # A step that does not end, as its list is long and the host asks twice only.
        with pytest.raises(VioError, match="had not ended after 2 reads"):
            driver.run(np.concatenate([a_clear(0, 7000)] * 3), polls=2)
        with pytest.raises(VioError, match="amid a step"):
            driver.read_words(0, 1)
        while not driver.read("status")["done"]:
            pass
        driver.reset()
        assert driver.run(a_clear(WORDS - 3)).faults == ()
        assert driver.read_words(WORDS - 3, 3).tolist() == [0.0] * 3

    await host()


@cocotb.test()
async def another_device_or_version_is_refused(dut) -> None:
    await started(dut)
    words = {MAP["identity"].address: 0x4B535431, MAP["version"].address: 1 << 16 | 1}

    def driver() -> EngineDriver:
        return EngineDriver(lambda at: words.get(at, 0), lambda at, value: None, lambda calls: None)

    with pytest.raises(VioError, match="no engine of Kestrel"):
        driver()
    words[MAP["identity"].address] = 0x4B534531
    driver()
    for version in (1 << 16 | 2, 2 << 16 | 1):
        words[MAP["version"].address] = version
        with pytest.raises(VioError, match="use the release that the hardware was built from"):
            driver()


def test_engine_driver(tmp_path: Path) -> None:
    path = random_case(5, 100, 2048).save(tmp_path / "random.npz")
    simulate("engine_chip", __name__, parameters=SIZES, plusargs={"case": str(path)})
