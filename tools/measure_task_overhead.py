# SPDX-License-Identifier: Apache-2.0
"""Measure what a task of `vio explore` costs beside its run: python tools/measure_task_overhead.py.

Tasks that do nothing are submitted, checked by the workers against the recording's digest, gathered
and stored, as an exploration does it.
"""

import argparse
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from vio.config import load_config
from vio.explore.cluster import local_runner
from vio.explore.store import open_store
from vio.explore.task import Result, Task, check_here, make_task


def nothing(task: Task) -> tuple[Result, float]:
    """Check that this process has the task's data, and return."""
    check_here(task)
    return {"error": None}, 0.0


def main() -> None:
    """Print milliseconds a task, the median of rounds, and how long this process computed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", help="whose digest the workers check")
    parser.add_argument("--tasks", type=int, default=200, help="a round (default: 200)")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes (default: 2)")
    args = parser.parse_args()
    settings = asdict(load_config("ecp5_85k"))
    first = make_task(str(Path(args.recording).resolve()), settings, 1.0)
    found, computed = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(Path(folder)) as store,
        local_runner(args.jobs, nothing) as runner,
    ):
        runner.check([first])
        for number in range(args.rounds):
            tasks = [
                replace(first, until_s=2.0 + number * args.tasks + k) for k in range(args.tasks)
            ]
            start, busy = perf_counter(), process_time()
            for task, result, seconds in runner.run(tasks):
                store.add(task, result, seconds)
            found.append((perf_counter() - start) / args.tasks * 1e3)
            computed.append((process_time() - busy) / args.tasks * 1e3)
    print(
        f"{median(found):.1f} ms a task (rounds: {', '.join(f'{x:.1f}' for x in found)}), "
        f"of which this process and its scheduler computed {median(computed):.1f}; "
        f"{args.tasks} tasks, {args.jobs} processes"
    )


if __name__ == "__main__":
    main()
