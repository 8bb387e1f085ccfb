# SPDX-License-Identifier: Apache-2.0
"""`vio hw sim BLOCK --waves` runs a block's tests and leaves a file that a wave viewer opens."""

import re
import subprocess
import sys
from pathlib import Path

from sim.needs import needs_verilator
from sim.runner import ROOT

VIO = [sys.executable, "-m", "vio"]


@needs_verilator
def test_waves_of_a_block_are_kept() -> None:
    command = [*VIO, "hw", "sim", "frame_guard", "--waves"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"waves: (.*\.vcd)", done.stdout)
    assert found
    text = Path(found.group(1)).read_text()
    assert "$var" in text
    assert "clk" in text
    assert text.count("\n#") > 20  # points in time


def test_an_unknown_block_is_told_from_those_that_have_tests() -> None:
    done = subprocess.run([*VIO, "hw", "sim", "nothing"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "frame_guard" in done.stderr
