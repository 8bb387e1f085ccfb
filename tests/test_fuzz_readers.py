# SPDX-License-Identifier: Apache-2.0
"""Generated files, mutations of good ones, bring nothing but VioError out of any reader."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import fuzz_readers
from tools.mutate_files import mutated
from vio.errors import VioError

ROOT = Path(__file__).parents[1]
COUNT = 200
NAMES = {
    "calibration yaml", "calibration in a recording", "kalibr camchain", "camera csv", "imu csv",
    "ground truth csv", "tracks csv", "trajectory tum", "trajectory euroc", "trajectory kitti",
    "times kitti", "png", "png with right checksums", "zip", "preset toml", "scenario toml",
    "operands npz", "trajectory of others", "bag ros1", "bag sqlite3", "bag mcap",
}  # fmt: skip


@pytest.mark.slow
def test_generated_files_are_read_or_refused() -> None:
    job = subprocess.run(
        [sys.executable, ROOT / "tools" / "fuzz_readers.py", "--work", "--count", str(COUNT)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert job.returncode == 0, job.stderr
    results = [json.loads(line) for line in job.stdout.splitlines()]
    assert {r["reader"] for r in results} == NAMES
    for r in results:
        assert r["failures"] == [], r["reader"]
        assert r["read"] + r["refused"] == COUNT
        assert r["read"] > 0  # good files are among them, and are read


def fails(error: BaseException) -> Callable[[bytes], object]:
    def read(data: bytes) -> object:
        raise error

    return read


def endless(data: bytes) -> None:
    while True:
        time.sleep(0.001)


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (fails(KeyError("x")), "KeyError: 'x'"),
        (fails(MemoryError()), "MemoryError"),
        (fails(SystemExit(1)), "SystemExit: 1"),
        (fails(VioError("two\nlines")), "not one short line"),
        (fails(VioError("x" * 3000)), "not one short line"),
        (endless, "more than 0.05 s"),
    ],
)
def test_whatever_else_comes_out_is_a_failure(
    read: Callable[[bytes], object], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz_readers, "SECONDS", 0.05)
    result = fuzz_readers.fuzz("x", fuzz_readers.Reader([b"good"], read), 2, 1)
    assert [f["index"] for f in result["failures"]] == [0, 1]
    assert what in result["failures"][0]["what"]


def test_memory_beyond_the_limit_is_a_failure() -> None:
    script = (
        "from tools.fuzz_readers import Reader, fuzz, limit_memory; limit_memory(10**8); "
        "print(fuzz('x', Reader([b'a'], lambda data: bytearray(2 * 10**8)), 1, 1)['failures'])"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout
    assert "MemoryError" in out


def test_the_files_depend_on_the_seed_alone() -> None:
    def files(seed: int) -> list[bytes]:
        return [mutated(random.Random(f"{seed} {i}"), [b"a: 1\nb: [1, 2]\n"]) for i in range(50)]

    assert files(1) == files(1) != files(2)
    assert len(set(files(1))) > 40
