# SPDX-License-Identifier: Apache-2.0
"""Kernels are compiled once before the first run, in processes of their own."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vio.config import Config, load_config
from vio.runs import warm_up as wu
from vio.runs.warm_up import needs_warm_up, warm_up

ROOT = Path(__file__).parents[1]


class Processes:
    """Stand in for the processes: count how often they are started, and for which parts."""

    def __init__(self) -> None:
        self.started: list[list[str]] = []
        self.succeed = True

    def __call__(self, parts: list[Callable], config: Config) -> bool:
        time.sleep(0.05)
        self.started.append([part.__name__ for part in parts])
        return self.succeed


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Processes:
    """Return the stand-in, with a cache folder that is empty."""
    stand_in = Processes()
    monkeypatch.setattr(wu, "_in_processes", stand_in)
    monkeypatch.setattr(wu, "needs_warm_up", needs_warm_up)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    return stand_in


def test_a_configuration_is_compiled_once(processes: Processes) -> None:
    config = load_config()
    assert needs_warm_up(config)
    for _ in range(2):
        warm_up(config)
    assert processes.started == [["run_back_end", "run_front_end"]]
    assert not needs_warm_up(config)
    # What chooses no kernel needs no other ones.
    warm_up(load_config("euroc", ["backend.keyframes=6", "frontend.max_tracks=50"]))
    assert len(processes.started) == 1


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("frontend.engine=fixed", ["run_back_end", "run_front_end"]),
        ("frontend.engine=opencv", ["run_back_end"]),
        ("backend.precision=float32", ["run_back_end", "run_front_end"]),
        ("backend.arithmetic=float32", ["run_back_end", "run_front_end"]),
    ],
)
def test_another_engine_or_arithmetic_has_kernels_of_its_own(
    setting: str, parts: list[str], processes: Processes
) -> None:
    warm_up(load_config())
    config = load_config("euroc", [setting])
    assert needs_warm_up(config)
    warm_up(config)
    assert processes.started[1:] == [parts]


def test_a_part_that_fails_is_tried_again_and_left_to_the_run(processes: Processes) -> None:
    processes.succeed = False
    warm_up(load_config())
    assert needs_warm_up(load_config())
    processes.succeed = True
    warm_up(load_config())
    assert not needs_warm_up(load_config())


def test_a_second_process_waits_and_compiles_nothing(processes: Processes) -> None:
    config = load_config()
    threads = [threading.Thread(target=warm_up, args=(config,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(processes.started) == 1


@pytest.mark.parametrize("setting", ["backend.arithmetic=xls", "backend.imu=rtl"])
def test_what_needs_tools_is_left_to_the_run(setting: str, processes: Processes) -> None:
    warm_up(load_config("euroc", [setting]))
    assert processes.started == []


def test_without_a_writable_cache_the_run_compiles(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    warm_up(load_config())
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    warm_up(load_config())
    assert processes.started == []


def end_well(config: Config) -> None:
    """Stand in for a part."""


def end_with_an_error(config: Config) -> None:
    """Stand in for a part that fails, as it would print a traceback."""
    raise ZeroDivisionError


def end_by_a_signal(config: Config) -> None:
    """Stand in for a part that the system ends."""
    os.kill(os.getpid(), 9)


@pytest.mark.slow
@pytest.mark.parametrize("part", [end_well, end_with_an_error, end_by_a_signal])
def test_parts_run_in_processes_and_report_whether_they_ended_well(
    part: Callable, capfd: pytest.CaptureFixture[str]
) -> None:
    assert wu._in_processes([end_well, part], load_config()) is (part is end_well)
    assert capfd.readouterr() == ("", "")


COVERED = """
import sys, tempfile
import numba
from vio.config import load_config
from vio.datasets import open_dataset
from vio.engines import make_odometry
from vio.odometry import run
from vio.render.sequence import render_scenario
from vio.runs.warm_up import run_back_end, run_front_end

def signatures():
    return {
        (name, value.__name__, str(s))
        for name, module in list(sys.modules.items())
        if name.split(".")[0] == "vio" and not name.startswith("vio.render")
        for value in vars(module).values()
        if isinstance(value, numba.core.dispatcher.Dispatcher) and value.__module__ == name
        for s in value.signatures
    }

config = load_config("euroc", sys.argv[1:])
with tempfile.TemporaryDirectory() as folder:
    render_scenario("handheld", folder, seconds=4.0)
    dataset = open_dataset(folder)
    run_front_end(config)
    run_back_end(config)
    before = signatures()
    states = list(run(dataset, make_odometry(dataset.rig, dataset.imu_noise, config)))
print(states[-1].status.value, len(before))
print(sorted(signatures() - before))
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["float", "fixed"])
def test_a_run_calls_nothing_that_the_warm_up_did_not(engine: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", COVERED, f"frontend.engine={engine}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.splitlines()
    status, count = first.split()
    assert status == "tracking"
    assert int(count) > 30
    assert second == "[]"
