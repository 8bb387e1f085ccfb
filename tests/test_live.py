# SPDX-License-Identifier: Apache-2.0
"""The live example: what it sorts, and that a live run ends where an offline run ends."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from vio.data import StereoFrame

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def live() -> ModuleType:
    """Return examples/live.py as a module."""
    spec = importlib.util.spec_from_file_location("live", ROOT / "examples/live.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sample(ms: float) -> tuple[int, np.ndarray, np.ndarray]:
    return int(ms * 1_000_000), np.zeros(3), np.zeros(3)


def frame(ms: float) -> StereoFrame:
    return StereoFrame(int(ms * 1_000_000), None, None)


def times_ms(items: list) -> list[tuple[str, float]]:
    return [
        ("frame", i.t_ns / 1e6) if isinstance(i, StereoFrame) else ("imu", i[0] / 1e6)
        for i in items
    ]


def test_samples_that_come_late_are_put_back_in_order(live: ModuleType) -> None:
    sorter = live.Sorter()
    out = [x for ms in (0, 5, 15, 10, 20, 25, 35, 40, 30) for x in sorter.add(sample(ms))]
    out += sorter.flush()
    assert times_ms(out) == [("imu", ms) for ms in range(0, 41, 5)]


def test_a_frame_waits_for_the_samples_that_cover_it(live: ModuleType) -> None:
    sorter = live.Sorter()
    out = []
    for item in (sample(0), frame(12), *(sample(ms) for ms in range(5, 41, 5))):
        out += sorter.add(item)
    kinds = times_ms(out)
    assert kinds.index(("frame", 12)) == kinds.index(("imu", 15)) + 1


def test_nothing_is_lost_at_the_end(live: ModuleType) -> None:
    sorter = live.Sorter()
    out = [x for item in (sample(0), sample(5), frame(5), frame(7)) for x in sorter.add(item)]
    out += sorter.flush()
    assert sorted(times_ms(out)) == [("frame", 5), ("frame", 7), ("imu", 0), ("imu", 5)]


@pytest.mark.slow
def test_a_live_run_ends_where_an_offline_run_ends_to_the_last_digit(tmp_path: Path) -> None:
    from vio import cli
    from vio.render.sequence import render_scenario

    recording, out = tmp_path / "recording", tmp_path / "run"
    render_scenario("handheld", recording, seed=2, seconds=2.0)
    assert cli.main(["run", str(recording), "--out", str(out), "--no-figures"]) == 0
    command = [sys.executable, str(ROOT / "examples/live.py"), str(recording), "--speed", "4"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    end = re.search(r"end: (\d+) frames, (\S+) (\S+) (\S+), (.*)", result.stdout)
    assert end is not None, result.stdout
    last = (out / "trajectory_tum.txt").read_text().splitlines()[-1].split()
    assert end[1] == "40"
    assert [end[2], end[3], end[4]] == last[1:4]
    assert "'imu_late': 0" in end[5]
