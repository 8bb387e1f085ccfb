# SPDX-License-Identifier: Apache-2.0
"""Commands of `vio` in processes of their own, and what a run of the odometry left behind."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools.faults.cases import Source
from tools.faults.recording import load
from tools.faults.scenes import Scene
from vio.datasets.euroc import EurocDataset
from vio.datasets.manifest import data_folder
from vio.errors import VioError
from vio.eval.metrics import evaluate
from vio.trajectory import Trajectory

ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
LEAST_POSES = 20  # of a segment that is measured


def vio(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of vio on one thread."""
    return subprocess.run(
        [sys.executable, "-m", "vio", *arguments],
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
    )


def flight(source: Source, flights: Path) -> Path:
    """Return the folder of a recording; renders it if it is a flight that is not there yet."""
    original = data_folder() / "euroc" / source.sequence
    if source.rendered_s is None:
        return original
    start_s, end_s = source.rendered_s
    folder = flights / f"{source.sequence}-{start_s:g}-{end_s:g}s-seed{source.seed}"
    if not folder.is_dir():
        with _room(flights) as temporary:
            span = Path(temporary) / source.sequence
            load(original).cut(start_s, end_s).write(span, images=False)
            _render(folder, Path(temporary), "--hybrid", str(span), "--seed", str(source.seed))
    return folder


def scene_folder(scene: Scene, seed: int, flights: Path) -> Path:
    """Return the folder of a scene in the world of a seed; renders it if it is not there yet."""
    folder = flights / f"{scene.name}-seed{seed}"
    if not folder.is_dir():
        with _room(flights) as temporary:
            _render(folder, Path(temporary), str(scene.scenario), "--seed", str(seed))
    return folder


def _room(flights: Path) -> tempfile.TemporaryDirectory:
    flights.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=flights, prefix=".")


def _render(folder: Path, temporary: Path, *arguments: str) -> None:
    """Render into a temporary folder beside, so that what has its name is complete."""
    made = temporary / "made"
    done = vio("render", *arguments, "--threads", "1", "--out", str(made))
    if done.returncode:
        raise VioError(f"{folder.name}: {done.stderr.strip().splitlines()[-1]}")
    made.rename(folder)


@dataclass(frozen=True)
class Run:
    """Hold what a run gave: its exit code, metrics, notes, the poses of each segment.

    status: of every frame.
    """

    code: int
    metrics: dict[str, Any]
    notes: list[str]
    segments: dict[int, Trajectory]
    status: list[str]

    @property
    def is_whole(self) -> bool:
        """Whether it came to the end of the recording, with exit code 0."""
        return self.code == 0 and bool(self.metrics.get("complete"))


def run(folder: Path, out: Path, seed: int, settings: Sequence[str] = ()) -> Run:
    """Run the odometry on a recording; seed: of its RANSAC."""
    words = [word for s in (f"frontend.seed={seed}", *settings) for word in ("--set", s)]
    done = vio("run", str(folder), "--out", str(out), "--no-figures", "--no-report", *words)
    metrics = out / "metrics.json"
    segments, status = read_states(out / "states.csv")
    return Run(
        done.returncode,
        json.loads(metrics.read_text()) if metrics.is_file() else {},
        done.stderr.splitlines(),
        segments,
        status,
    )


def read_states(path: Path) -> tuple[dict[int, Trajectory], list[str]]:
    """Return the poses of each segment, and the status of every frame."""
    lines = path.read_text().splitlines()[1:] if path.is_file() else []
    rows = [line.split(",") for line in lines]
    posed = [row for row in rows if row[7]]
    segments = {}
    for number in dict.fromkeys(int(row[3]) for row in posed):
        part = [row for row in posed if int(row[3]) == number]
        values = np.array([[float(x) for x in row[7:14]] for row in part])
        t_ns = np.array([int(row[1]) for row in part])
        segments[number] = Trajectory(t_ns, values[:, :3], values[:, 3:])
    return segments, [row[2] for row in rows]


def truth_of(folder: Path) -> Trajectory:
    """Return the ground truth of a recording; raises VioError without one."""
    dataset = EurocDataset(folder, images=False)
    if dataset.ground_truth is None:
        raise VioError(f"{folder} has no ground truth: {dataset.truth_error}")
    return dataset.ground_truth


def ate_m(estimate: Trajectory, truth: Trajectory, start_ns: int = 0, end_ns: int = 2**62) -> float:
    """Return the ATE (SE3 alignment) between two times, metres; NaN for too few poses."""
    part = estimate.between(start_ns, end_ns)
    if len(part) < LEAST_POSES:
        return float("nan")
    return evaluate(part, truth, relative=()).ate_se3_m
