# SPDX-License-Identifier: Apache-2.0
"""Run the tests of a simulation once for each mutant of its model: a process each, one start.

Named before the tests' own module (cocotb imports both before anything is simulated), this one
imports the tests and forks: the first child runs the original, which must pass, each other one its
mutant. A child that takes many times the original's processor time is ended by the system. The
parent only waits, and writes how each child ended.
"""

import json
import os
import resource
import sys
from importlib import import_module
from pathlib import Path

from cocotb import _shutdown

from tools.mutation.mutants import VARIABLE

TASK = "KESTREL_MUTANT_TASK"  # {"tests": module, "numbers": [...], "folder": for the results}
_LEAST_S, _TIMES = 3, 3  # processor time of a child: at least, and in those of the original


def _end() -> None:
    """End the process once the results are written: the threads that Verilator joins are gone."""
    sys.stdout.flush()
    os._exit(0)


def _child(number: int, limit_s: int | None, folder: Path) -> None:
    _shutdown.register(_end)
    os.environ[VARIABLE] = str(number)
    os.environ["COCOTB_MAX_FAILURES"] = "1"
    if number:
        os.environ["COCOTB_RESULTS_FILE"] = str(folder / f"{number}.xml")
    if limit_s is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))


def _fork_all() -> None:
    """Return in each child; the parent ends here."""
    task = json.loads(os.environ[TASK])
    folder = Path(task["folder"])
    import_module(task["tests"])
    limit_s = None
    ends: dict[int, dict[str, float]] = {}
    for number in (0, *task["numbers"]):
        process = os.fork()
        if process == 0:
            _child(number, limit_s, folder)
            return
        _, status, usage = os.wait4(process, 0)
        seconds = usage.ru_utime + usage.ru_stime
        if number == 0:
            limit_s = int(_LEAST_S + _TIMES * seconds)
        ends[number] = {"status": os.waitstatus_to_exitcode(status), "seconds": seconds}
        (folder / "ends.json").write_text(json.dumps(ends))
        if number == 0 and status != 0:
            break
    os._exit(0)


if TASK in os.environ:
    _fork_all()
