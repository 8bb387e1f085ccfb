# SPDX-License-Identifier: Apache-2.0
"""One task of an exploration: run the odometry with some settings on one recording.

What it returns depends only on what its key digests: it may run anywhere, and more than once.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np

from vio.config import config_from_dict
from vio.errors import VioError
from vio.explore.backend import BackEnd
from vio.explore.cost import Work
from vio.identity import code_version, data_identity, library_versions, unlike

Result = dict[str, Any]


class NotThisWorker(VioError):
    """Report that a worker has other data or other code than the task was made for."""


@dataclass(frozen=True)
class Task:
    """Hold a run: all settings as plain values, a recording, and until when.

    data: `data_identity` of the recording. until_s: seconds after the first image. code,
    libraries: of the process that submits it; a worker must have the same.
    """

    path: str
    data: str
    settings: dict[str, dict[str, Any]]
    until_s: float
    code: str
    libraries: str

    @property
    def key(self) -> str:
        """A digest of all that the result depends on: the path of the recording is not in it."""
        parts = {k: v for k, v in asdict(self).items() if k != "path"}
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def make_task(path: str, settings: dict[str, dict[str, Any]], until_s: float) -> Task:
    """Return the task of a run; raises VioError when the recording cannot be read."""
    return Task(path, data_identity(path), settings, until_s, code_version(), library_versions())


def check_here(task: Task) -> None:
    """Raise NotThisWorker where this process has other code, libraries or data than the task."""
    if problem := unlike("the exploration", task.path, task.code, task.libraries, task.data):
        raise NotThisWorker(problem)


def evaluate(task: Task) -> tuple[Result, float]:
    """Return the result of a run and the seconds that it took.

    A run that cannot be made or that loses its track is a result. Raises NotThisWorker.
    """
    check_here(task)
    from vio.workers import threads

    start = perf_counter()
    with threads(1):
        try:
            result = run_once(task)
        except VioError as error:
            result = {"error": str(error)}
    return result, round(perf_counter() - start, 3)


Evaluate = Callable[[Task], tuple[Result, float]]


def run_once(task: Task) -> Result:
    """Return accuracy, life of the tracks and work of a run; raises VioError.

    ate_m: RMSE after SE(3) alignment of the segment with most poses, or None. lost: whether the
    track was lost at least once, or there is no pose. track_life: mean frames that see a track.
    work: as of `Work`, None where a kind of frame does not occur or nothing was solved.
    """
    from vio.environment import load_numba

    load_numba()
    from vio.datasets import open_configured
    from vio.datasets.base import end_ns
    from vio.engines import make_odometry
    from vio.explore.backend import back_end, traced
    from vio.hw.estimates.work import FrameWork, frame_work
    from vio.hw.schedule.totals import Window
    from vio.odometry import run
    from vio.runs.log import RunLog
    from vio.runs.summary import accuracy, segment_rows

    config = config_from_dict(task.settings)
    dataset = open_configured(task.path, config.dataset)
    odometry = make_odometry(dataset.rig, dataset.imu_noise, config)
    log, works, seen = RunLog(), list[FrameWork](), list[np.ndarray]()
    windows: list[Window] = []
    with traced(windows):
        for state in run(dataset, odometry, end_ns(dataset, task.until_s)):
            log.append(state, {})
            if state.tracks is not None:
                works.append(frame_work(state.tracks, config.frontend.levels))
                seen.append(state.tracks.ids)
    if not len(log):
        raise VioError(f"{dataset.name} has no frame before {task.until_s:g} s; run longer")
    found = accuracy(dataset, log) or {}
    absolute = found.get("absolute")
    segments = segment_rows(log)
    status = log.column("status")
    ids = np.concatenate(seen) if seen else np.empty(0, np.int64)
    steps = back_end(windows, config.backend.lanes)
    return {
        "error": None,
        "ate_m": None if absolute is None else absolute["se3"]["translation_m"]["rmse"],
        "frames": len(log),
        "poses": int(log.has_pose().sum()),
        "lost": len(segments) != 1 or bool((status == _lost_code()).any()),
        "track_life": len(ids) / max(len(np.unique(ids)), 1),
        "work": _work(works, log, steps, config.frontend.engine == "fixed"),
    }


def _lost_code() -> int:
    from vio.data import Status
    from vio.runs.log import STATUSES

    return STATUSES.index(Status.LOST)


def _work(
    works: list[Any], log: Any, steps: BackEnd | None, counted: bool
) -> dict[str, Any] | None:
    """Return the mean work; an engine that does not count it has only its frames of each kind."""
    from vio.hw.estimates.work import mean_work

    kinds = [[w for w in works if w.windows and bool(w.keyframe) == key] for key in (False, True)]
    if steps is None or not all(kinds):
        return None
    t_ns = log.t_ns
    seconds = float(t_ns[-1] - t_ns[0]) * 1e-9 * len(t_ns) / max(len(t_ns) - 1, 1)
    tracking, keyframes = kinds
    means = mean_work(tracking), mean_work(keyframes)
    record = Work(*means, len(tracking), len(keyframes), seconds, steps).record()
    return record | {"counted": counted}
