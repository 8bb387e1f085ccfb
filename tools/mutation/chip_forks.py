# SPDX-License-Identifier: Apache-2.0
"""Run tests of the whole chip once for each mutant of its Verilog: a process each, one start.

Run by: python -m tools.mutation.chip_forks TASK.json (tools/mutation/mutate_rtl.py does)

The tests run on the original first, which must pass: that builds the libraries and loads all that
is compiled. Then a child for each mutant runs them again. As sim/mutant_forks.py does for cocotb.
"""

import json
import os
import resource
import sys
from pathlib import Path

import pytest

from tools.mutation.mutants import VARIABLE
from vio.hw import verilog_sources

_LEAST_S, _TIMES = 10, 3  # processor time of a child: at least, and in those of the original


def _run(tests: list[str], number: int, folder: Path) -> int:
    os.environ[VARIABLE] = str(number)
    options = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
    return int(pytest.main([*options, f"--junitxml={folder / f'{number}.xml'}", *tests]))


def main() -> int:
    """Run the task {"tests", "numbers", "folder": for the results, "rtl": with the mutants}."""
    task = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(task["folder"])
    verilog_sources.RTL = Path(task["rtl"])
    if _run(task["tests"], 0, folder):
        return 1
    before = resource.getrusage(resource.RUSAGE_SELF)
    _run(task["tests"], 0, folder)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    ends: dict[int, int] = {}
    for number in task["numbers"]:
        process = os.fork()
        if process == 0:
            limit_s = int(_LEAST_S + _TIMES * seconds)
            resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))  # a child begins at 0
            os._exit(_run(task["tests"], number, folder))
        _, status = os.waitpid(process, 0)
        ends[number] = os.waitstatus_to_exitcode(status)
        (folder / "ends.json").write_text(json.dumps(ends))
    return 0


if __name__ == "__main__":
    sys.exit(main())
