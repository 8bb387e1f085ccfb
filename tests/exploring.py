# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the runs of an exploration: errors and work by formula, at once."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from vio.config import Config, config_from_dict, load_config
from vio.explore.backend import BackEnd
from vio.explore.cluster import Outcome
from vio.explore.cost import Work
from vio.explore.evaluate import Case, Evaluator
from vio.explore.explore import Plan
from vio.explore.knobs import make_knobs
from vio.explore.store import Store
from vio.explore.task import Evaluate, Result, Task
from vio.hw.estimates.work import worst_work

needs_explore = pytest.mark.skipif(
    not (find_spec("distributed") and find_spec("optuna")),
    reason="Dask and Optuna are not installed: pip install -e '.[dev]'",
)
BASE = load_config("ecp5_85k")
KNOBS = ("tracks", "window", "iterations", "spare_rows", "keyframe_age")
# How much ATE each knob costs a step, relative; a track less than ten costs more than the others.
WORTH = {"max_tracks": 0.004, "window": 0.03, "max_iterations": 0.01}


def error_m(config: Config, until_s: float) -> float:
    """Return the ATE that the stand-in gives settings: 10 mm and more."""
    c = config.frontend
    lost = sum(
        worth * (getattr(BASE.frontend, name) - getattr(c, name)) for name, worth in WORTH.items()
    )
    scatter = 0.01 * (c.seed % 5)
    return 0.01 * (1.0 + lost + config.keyframe.max_age_s - BASE.keyframe.max_age_s + scatter)


def stand_in(task: Task) -> tuple[Result, float]:
    """Return the result of a task by formula; fewer than 60 tracks are lost, none is an error."""
    config = config_from_dict(task.settings)
    if config.frontend.window < 9:
        return {"error": "a window of 7 is not for us"}, 0.0
    frames = int(20 * task.until_s)
    halves = [worst_work(config, key) for key in (False, True)]
    means = [replace(w, refetches=0.0, iterations=tuple(x / 3 for x in w.iterations))
             for w in halves]  # fmt: skip
    keyframes = max(1, round(frames / (20 * config.keyframe.max_age_s)))
    frames_in_window = config.backend.keyframes + config.backend.recent_frames
    share = 0.3 + 0.7 * config.frontend.max_tracks / 200  # more than the model expects
    uj = 5.0 * frames_in_window * share
    steps = BackEnd(frames - 8, 2e5 * frames_in_window, uj, 80.0)
    work = Work(*means, frames - keyframes, keyframes, task.until_s, steps)
    return {
        "error": None,
        "ate_m": error_m(config, task.until_s),
        "frames": frames,
        "poses": frames - 8,
        "lost": config.frontend.max_tracks < 60,
        "track_life": 12.5,
        "work": {**work.record(), "counted": True},
    }, 0.5


def dying(task: Task) -> tuple[Result, float]:
    """Do as `stand_in`, but end the process, once, at 160 tracks; a file says that it was done."""
    done = Path(task.path).with_name("killed")
    if task.settings["frontend"]["max_tracks"] == 160 and not done.exists():
        done.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return stand_in(task)


class Here:
    """Run tasks in this process, the last one first; stop by KeyboardInterrupt after `most`."""

    def __init__(self, evaluate: Evaluate = stand_in, most: int = 10**6) -> None:
        self.ran: list[Task] = []
        self._evaluate, self._most = evaluate, most

    def check(self, tasks: Sequence[Task]) -> None:
        """Accept all tasks."""

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yield each task with its result and seconds."""
        for task in reversed(tasks):
            if len(self.ran) == self._most:
                raise KeyboardInterrupt
            self.ran.append(task)
            yield (task, *self._evaluate(task))


def data(folder: Path) -> str:
    """Return a file that stands for a recording."""
    path = folder / "recording.bag"
    path.write_bytes(b"data")
    return str(path)


def make_plan(folder: Path, **changes: object) -> Plan:
    """Return a plan of a few knobs on one case."""
    plan = Plan(
        base=BASE,
        preset="ecp5_85k",
        cases=(Case(data(folder), 1),),
        held_back=(),
        knobs=KNOBS,
        buildable=False,
        until_s=8.0,
        budget=24,
        search="netadapt",
        objectives=("memory", "energy", "cycles"),
        seed=1,
        most_ratio=1.2,
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


def make_evaluator(
    folder: Path, store: Store, runner: Here | None = None, budget: int = 40, seeds: int = 1
) -> Evaluator:
    """Return an evaluator of the stand-in."""
    cases = [Case(data(folder), seed) for seed in range(1, 1 + seeds)]
    knobs = make_knobs(BASE, KNOBS)
    return Evaluator(BASE, knobs, cases, 8.0, store, runner or Here(), budget)


@contextmanager
def scheduler(folder: Path, tls: dict[str, Path] | None = None) -> Iterator[str]:
    """Run a scheduler and a worker on loopback, in a folder; yield the address.

    tls: `ca`, `cert` and `key` by which they speak TLS only.
    """
    protocol = "tcp" if tls is None else "tls"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"{protocol}://127.0.0.1:{port}"
    words = ["--no-dashboard"]
    for option, name in (("--tls-ca-file", "ca"), ("--tls-cert", "cert"), ("--tls-key", "key")):
        words += [option, str(tls[name])] if tls else []
    dask = [sys.executable, "-m"]
    commands = (
        [*dask, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--protocol", protocol,
         "--port", str(port), *words],
        [*dask, "distributed.cli.dask_worker", address, "--no-nanny", *words],
    )  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = []
    try:
        for command in commands:
            running.append(subprocess.Popen(command, cwd=folder, **quiet))
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield address
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(30)
