# SPDX-License-Identifier: Apache-2.0
"""Where the tasks of an exploration run: on Dask's workers (vio/cluster.py)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from vio.cluster import Scheduler, check_workers, local_client, remote_client, run_tasks
from vio.cluster import require as require_dask
from vio.errors import VioError
from vio.explore.task import Evaluate, Result, Task, check_here, evaluate

Outcome = tuple[Task, Result, float]


class Runner(Protocol):
    """What runs tasks, in any order."""

    def check(self, tasks: Sequence[Task]) -> None:
        """Raise VioError where tasks could not run."""
        ...

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yield each task with its result and seconds as it ends."""
        ...


class DaskRunner:
    """Run tasks on a cluster; a task whose worker is lost runs on another one."""

    def __init__(self, client: Any, evaluate: Evaluate = evaluate) -> None:
        self._client = client
        self._evaluate = evaluate

    def check(self, tasks: Sequence[Task]) -> None:
        """Raise VioError when a worker has other code, libraries or data than tasks need."""
        check_workers(self._client, _problem, list(tasks))

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yield each task with its result and seconds as it ends.

        Raises VioError for a task that ends one worker after the other, and what a task raises.
        """
        named = {task.key: task for task in tasks}
        for task, (result, seconds) in run_tasks(self._client, self._evaluate, named, _describe):
            yield task, result, seconds


def _describe(task: Task) -> str:
    return f"a run of {task.path}"


def _problem(tasks: Sequence[Task]) -> str:
    try:
        for task in tasks:
            check_here(task)
    except VioError as error:
        return str(error)
    return ""


def require() -> None:
    """Raise VioError when the packages of the extra `explore` are not installed."""
    require_dask("vio explore")
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError:
        raise VioError("vio explore needs Optuna: pip install 'kestrel-vio[explore]'") from None


@contextmanager
def local_runner(jobs: int, evaluate: Evaluate = evaluate) -> Iterator[DaskRunner]:
    """Run tasks in processes of this machine."""
    require()
    with local_client(jobs) as client:
        yield DaskRunner(client, evaluate)


@contextmanager
def remote_runner(scheduler: Scheduler, evaluate: Evaluate = evaluate) -> Iterator[DaskRunner]:
    """Run tasks on the workers of a scheduler; raises VioError when it cannot be reached."""
    require()
    with remote_client(scheduler) as client:
        yield DaskRunner(client, evaluate)
