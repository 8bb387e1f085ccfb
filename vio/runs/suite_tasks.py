# SPDX-License-Identifier: Apache-2.0
"""The jobs of a suite as tasks of Dask's workers, which need not share a disk with this machine.

A worker renders and runs in a temporary folder, and sends the run folder's files back: only the
process that submits writes results.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vio.cluster import check_workers, run_tasks
from vio.errors import VioError
from vio.identity import code_version, data_identity, library_versions, unlike
from vio.runs.files import cannot_write
from vio.runs.suite import Job, Workers

Files = dict[str, bytes]  # by their names in the run folder


@dataclass(frozen=True)
class SuiteTask:
    """Hold a job and what a worker must have alike: the recording's data, the code, the libraries.

    source: the recording that is run or rendered along, None for a scenario that Kestrel brings.
    words: the arguments of `vio run`.
    """

    job: Job
    words: tuple[str, ...]
    source: str | None
    data: str
    code: str
    libraries: str


class FarWorkers:
    """Run jobs on the workers of a Dask client (protocol `Runner`)."""

    def __init__(self, client: Any, run_arguments: Sequence[str], out: Path) -> None:
        self._client = client
        self._words = tuple(run_arguments)
        self._out = out

    def run(self, jobs: Sequence[Job]) -> Iterator[dict[str, Any]]:
        """Yield a row for each job as it ends, and write its run folder.

        Raises VioError when a worker has other code, libraries or data, for a job that ends one
        worker after the other, and when results cannot be written.
        """
        tasks = {f"{job.name}-{id(self):x}": self._task(job) for job in jobs}
        check_workers(self._client, problem_here, list(tasks.values()))
        for task, (row, files) in run_tasks(self._client, run_here, tasks, _describe):
            write_files(self._out / task.job.name, files)
            yield row

    def _task(self, job: Job) -> SuiteTask:
        source = source_of(job)
        data = "" if source is None else data_identity(source)
        return SuiteTask(job, self._words, source, data, code_version(True), library_versions())


def _describe(task: SuiteTask) -> str:
    return f"the run {task.job.name}"


def source_of(job: Job) -> str | None:
    """Return the recording, or the file of a scenario, that a job reads; None: Kestrel's own."""
    if job.render is None:
        return str(job.dataset)
    option, *rest = job.render
    if option == "--hybrid":
        return rest[0]
    return option if Path(option).is_file() else None


def problem_here(tasks: Sequence[SuiteTask]) -> str:
    """Return why this process cannot run the tasks as the one that made them, "" where it can."""
    for task in tasks:
        found = unlike("the suite", task.source, task.code, task.libraries, task.data, True)
        if found:
            return found
    return ""


def run_here(task: SuiteTask) -> tuple[dict[str, Any], Files]:
    """Run a job in this process's machine; return its row and the files of its run folder.

    Raises VioError when the code, the libraries or the data are not those of the task.
    """
    if problem := problem_here([task]):
        raise VioError(problem)
    with tempfile.TemporaryDirectory(prefix="kestrel-") as temporary:
        row = Workers(1, task.words, Path(temporary)).run_job(task.job)
        folder = Path(temporary) / task.job.name
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }
    return row, files


def write_files(folder: Path, files: Files) -> None:
    """Write files below a folder; raises VioError for a name that leads out of it."""
    for name, data in files.items():
        parts = Path(name).parts
        if not parts or Path(name).is_absolute() or ".." in parts:
            raise VioError(f"a worker sent a file of the name {name[:80]!r}: it is not written")
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise cannot_write(path, error) from error
