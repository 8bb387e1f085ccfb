# SPDX-License-Identifier: Apache-2.0
"""NUMBA_BOUNDSCHECK, which `make test-bounds` sets, catches an access out of bounds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The views end before their memory does: what is read without the check is harmless.
PLANTED = """
import numpy as np
from numba import njit
from vio.workers import share, threads

@njit
def read(x, i):
    return x[i]

@njit(nogil=True)
def read_span(first, last, x, out):
    for k in range(first, last):
        out[k] = x[k]

def read_on_two_threads(x, out):
    with threads(2):
        share(read_span, len(out), x, out)

memory = np.arange(50.0)
print({call})
"""
CALLS = {
    "beyond the end": "read(memory[:3], 5)",
    "before the start": "read(memory[45:], -7)",
    "on two threads": "read_on_two_threads(memory[:33], np.zeros(40))",
}


def run_planted(call: str, check: str) -> subprocess.CompletedProcess:
    """Run a planted access as make test-bounds would, with the check on (1) or off (0)."""
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": check, "PYTHONPATH": str(ROOT)}
    code = PLANTED.replace("{call}", call)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_planted_access_out_of_bounds_is_caught_under_the_flag(call: str) -> None:
    checked = run_planted(call, "1")
    assert checked.returncode == 1
    assert "IndexError: index is out of bounds" in checked.stderr
    assert run_planted(call, "0").returncode == 0


def test_the_job_sets_the_flag_and_its_own_cache() -> None:
    command = ["make", "--no-print-directory", "--dry-run", "-C", str(ROOT), "test-bounds"]
    recipe = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "NUMBA_BOUNDSCHECK=1" in recipe
    assert "env -u NUMBA_CACHE_DIR XDG_CACHE_HOME=" in recipe
    assert "tests/test_fixed_klt.py" in recipe


def test_the_job_checks_when_it_says_so() -> None:
    import numpy as np
    from numba import njit

    @njit
    def read(x: np.ndarray, i: int) -> float:
        return x[i]

    view = np.arange(10.0)[:3]
    if os.environ.get("NUMBA_BOUNDSCHECK") == "1":
        with pytest.raises(IndexError):
            read(view, 5)
    else:
        assert read(view, 5) == 5.0
