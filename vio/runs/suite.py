# SPDX-License-Identifier: Apache-2.0
"""Run many sequences in parallel processes and gather their metrics."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vio.runs.files import replace_file


@dataclass(frozen=True)
class Job:
    """Describe one run: a recording as it is, or one to render first.

    render: arguments of `vio render` but the output folder, or None. kept: where the rendered
    sequence is kept, and taken from when it is there; None: it is deleted after the run.
    """

    sequence: str
    seed: int | None
    dataset: Path | None
    render: tuple[str, ...] | None = None
    kept: Path | None = None

    @property
    def name(self) -> str:
        """The run folder's name."""
        return self.sequence if self.seed is None else f"{self.sequence}-seed{self.seed}"


class Runner(Protocol):
    """What runs jobs, in any order."""

    def run(self, jobs: Sequence[Job]) -> Iterator[dict[str, Any]]:
        """Yield a row for each job as it ends: sequence, seed, error (or None) and metrics."""
        ...


class Workers:
    """Run jobs in processes of one thread each; stop() ends those that still run."""

    def __init__(self, count: int, run_arguments: Sequence[str], out: Path) -> None:
        self._count = count
        self._run_arguments = tuple(run_arguments)
        self._out = out
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, jobs: Sequence[Job]) -> Iterator[dict[str, Any]]:
        """Yield a row for each job as it ends: sequence, seed, error (or None) and metrics."""
        with ThreadPoolExecutor(self._count) as pool:
            try:
                for future in as_completed([pool.submit(self.run_job, job) for job in jobs]):
                    yield future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._stop()
                raise

    def run_job(self, job: Job) -> dict[str, Any]:
        """Run one job in this thread, and return its row."""
        row: dict[str, Any] = {"sequence": job.sequence, "seed": job.seed, "error": None}
        folder = self._out / job.name
        if job.kept is not None:
            job.kept.parent.mkdir(parents=True, exist_ok=True)
        # Beside the kept ones, so that a finished rendering only needs a new name.
        parent = job.kept.parent if job.kept is not None else None
        with tempfile.TemporaryDirectory(prefix=".kestrel-", dir=parent) as temporary:
            dataset = job.dataset or job.kept
            if job.render is not None and (job.kept is None or not job.kept.exists()):
                made = Path(temporary) / job.sequence
                row["error"] = self._vio("render", *job.render, "--out", str(made))
                dataset = made
                if job.kept is not None and row["error"] is None:
                    dataset = made.rename(job.kept)
            if row["error"] is None:
                words = ("run", str(dataset), "--threads", "1", "--out", str(folder))
                row["error"] = self._vio(*words, *self._run_arguments)
        metrics = folder / "metrics.json"
        if row["error"] is None and metrics.is_file():
            row["metrics"] = json.loads(metrics.read_text())
        return row

    def _vio(self, *arguments: str) -> str | None:
        """Run one command; return None, or the last line of its complaint."""
        threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        with self._lock:
            if self._stopped:
                return "interrupted"
            process = subprocess.Popen(
                [sys.executable, "-m", "vio", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **dict.fromkeys(threads, "1")},
            )
            self._running.add(process)
        _, complaint = process.communicate()
        with self._lock:
            self._running.discard(process)
        lines = [line for line in complaint.splitlines() if line.strip()]
        negative = process.returncode == 3  # ran, without a pose: its metrics say so
        return None if process.returncode == 0 or negative else (lines or ["no message"])[-1]

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()


def ate_m(row: dict[str, Any]) -> float | None:
    """Return a row's ATE after SE3 alignment, metres, or None when it has none."""
    accuracy = (row.get("metrics") or {}).get("accuracy") or {}
    if "absolute" not in accuracy:
        return None
    return float(accuracy["absolute"]["se3"]["translation_m"]["rmse"])


def is_lost(row: dict[str, Any]) -> bool:
    """Return whether a run failed, never started, or lost its track at least once."""
    metrics = row.get("metrics")
    return metrics is None or metrics["segments"] != 1 or metrics["frames_by_status"]["lost"] > 0


def aggregate(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and worst ATE, and how many were lost, of each sequence and of all rows.

    The mean of all is the mean of the sequences' means, so that each counts once.
    """
    names = list(dict.fromkeys(row["sequence"] for row in rows))
    groups = {name: _summary([r for r in rows if r["sequence"] == name]) for name in names}
    means = [g["mean_ate_m"] for g in groups.values() if g["mean_ate_m"] is not None]
    worst = [g["worst_ate_m"] for g in groups.values() if g["worst_ate_m"] is not None]
    return {
        "sequences": groups,
        "mean_ate_m": float(np.mean(means)) if means else None,
        "worst_ate_m": max(worst) if worst else None,
        "runs": len(rows),
        "lost": sum(g["lost"] for g in groups.values()),
    }


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    ates = [ate for ate in map(ate_m, rows) if ate is not None]
    return {
        "runs": len(rows),
        "mean_ate_m": float(np.mean(ates)) if ates else None,
        "worst_ate_m": max(ates) if ates else None,
        "lost": sum(map(is_lost, rows)),
    }


def run_suite(
    jobs: Sequence[Job],
    run_arguments: Sequence[str],
    out: Path,
    runner: Runner,
    on_done: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Run all jobs and return {"rows": ..., "summary": ...}; also written to out/suite.json.

    run_arguments: those of every `vio run`, for the record.

    The file is written anew after each job, so that an interrupted suite keeps what it had.
    """
    rows: list[dict[str, Any]] = []
    order = {(job.sequence, job.seed): i for i, job in enumerate(jobs)}
    result: dict[str, Any] = {}
    for row in runner.run(jobs):
        rows.append(row)
        rows.sort(key=lambda r: order[(r["sequence"], r["seed"])])
        result = {"arguments": list(run_arguments), "rows": rows, "summary": aggregate(rows)}
        replace_file(out / "suite.json", json.dumps(result, indent=2) + "\n")
        on_done(len(rows))
    return result
