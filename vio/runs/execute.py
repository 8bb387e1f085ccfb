# SPDX-License-Identifier: Apache-2.0
"""Run the odometry over a dataset into a run folder, as `vio run` and `vio demo` do."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from vio.config import Config
from vio.data import Calibration, State, StereoFrame
from vio.datasets.base import Dataset, LostImages, PassedOn, count_frames, end_ns, is_rendered
from vio.errors import VioError
from vio.runs.calibration import write_calibration
from vio.runs.features import CHANGES, KEYFRAMES, write_features, write_truth
from vio.runs.folder import RunFolder
from vio.runs.log import RunLog
from vio.runs.samples import FrameSampler, SampleFrame

if TYPE_CHECKING:
    from vio.frontend.base import FrontEnd
    from vio.odometry import Odometry
    from vio.runs.energy import EnergyCount


class Watched(PassedOn):
    """Pass a dataset on, remember its last frame and time the reading."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self.last: StereoFrame | None = None
        self.decode_ms = 0.0

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[StereoFrame]:
        """Yield the dataset's frames."""
        frames = self._dataset.frames(start_ns, until_ns)
        while True:
            start = perf_counter()
            frame = next(frames, None)
            self.decode_ms = (perf_counter() - start) * 1e3
            if frame is None:
                return
            self.last = frame
            yield frame


@dataclass
class RunResult:
    """Hold what a run leaves behind; error: what ended it early, if anything.

    landmarks: (M, 3) metres, in the world of the last segment. reason: why the last frame has no
    pose, empty when it has one. diagnoses: what was found wrong with the data, a line each.
    calibration: the last estimate of it, or None. features: the frames that a report steps through.
    energy: of `EnergyCount.record`, where it was asked for.
    """

    log: RunLog
    samples: list[SampleFrame]
    landmarks: np.ndarray
    error: BaseException | None = None
    reason: str = ""
    diagnoses: list[str] = field(default_factory=list)
    lost_images: LostImages = field(default_factory=LostImages)
    peak_memory_mb: float = 0.0
    calibration: Calibration | None = None
    features: list[SampleFrame] = field(default_factory=list)
    energy: dict[str, Any] | None = None


class _Cloud:
    """Gather the landmarks of one segment: a look each time that the window has been renewed."""

    def __init__(self, keyframes: int) -> None:
        self._keyframes = keyframes
        self._parts: list[np.ndarray] = []
        self._segment = -1
        self._seen = 0

    def add(self, state: State, odometry: "Odometry") -> None:
        if state.segment != self._segment:
            self._segment, self._seen, self._parts = state.segment, 0, []
        self._seen += state.is_keyframe
        if self._seen >= self._keyframes and state.p_world_body is not None:
            self._seen = 0
            self.look(odometry)

    def look(self, odometry: "Odometry") -> None:
        self._parts.append(odometry.landmarks())

    def points(self) -> np.ndarray:
        return np.concatenate([np.empty((0, 3)), *self._parts])


def execute(
    dataset: Dataset,
    config: Config,
    folder: RunFolder,
    until_s: float | None = None,
    on_frame: Callable[[int, str], None] = lambda done, note: None,
    trace: bool = False,
    energy: bool = False,
) -> RunResult:
    """Run the odometry, writing each state as it comes.

    on_frame is called with the number of frames done and the last state's reason. until_s:
    stop that many seconds after the first image. Ctrl-C or an error ends the run early: the result
    holds it, with all that came before. trace: write signals.json, with engine fixed only. energy:
    count it, with engine fixed only; raises VioError for another one.
    """
    from vio.environment import load_numba

    load_numba()
    count = _energy_count(dataset, config) if energy else None
    from vio.engines import make_frontend, make_odometry
    from vio.odometry import ImuPose, run

    watched = Watched(dataset)
    result = RunResult(RunLog(), [], np.empty((0, 3)))
    frame_count = count_frames(dataset, until_s)
    samplers = (
        FrameSampler(frame_count, samples=result.samples),
        FrameSampler(frame_count, KEYFRAMES, CHANGES, halved=True, samples=result.features),
    )
    frontend = make_frontend(dataset.rig, config, trace) if trace else None
    odometry = make_odometry(dataset.rig, dataset.imu_noise, config, frontend=frontend)
    imu_poses: list[ImuPose] = []
    states = run(watched, odometry, end_ns(dataset, until_s), imu_poses)
    cloud = _Cloud(config.backend.keyframes)
    if count is not None:
        states = _counted(states, count)
    try:
        start = perf_counter()
        for state in states:
            wall_ms = (perf_counter() - start) * 1e3
            stage_ms = dict(state.stage_ms)
            stage_ms["decode"] = watched.decode_ms
            stage_ms["total"] = wall_ms - watched.decode_ms
            result.log.append(state, stage_ms)
            folder.add_state(state, stage_ms)
            for pose in imu_poses:
                folder.add_imu_pose(pose.t_ns, pose.p_world_body, pose.q_world_body)
            imu_poses.clear()
            folder.add_smoothed(odometry.drain_smoothed())
            for sampler in samplers:
                sampler.add(state, watched.last)
            cloud.add(state, odometry)
            result.reason = state.reason if state.p_world_body is None else ""
            result.diagnoses = odometry.diagnoses
            result.calibration = state.calibration or result.calibration
            on_frame(len(result.log), state.reason)
            start = perf_counter()
        cloud.look(odometry)
        odometry.finish()
        folder.add_smoothed(odometry.drain_smoothed())
    except (Exception, KeyboardInterrupt) as error:  # perhaps half-way through a frame
        result.error = error
        folder.release_reserve()
    if count is not None:
        result.energy = count.record()
    result.lost_images = watched.lost_images
    result.landmarks = cloud.points()
    with suppress(VioError) if result.error else nullcontext():
        folder.write_landmarks(result.landmarks)
        write_truth(folder.path, dataset, result.log)
        if frontend is not None:
            _write_trace(folder, frontend, config, len(result.log))
        write_features(folder.path, result.features, is_rendered(dataset))
        if result.calibration is not None:
            write_calibration(folder.path, dataset, result.calibration)
    result.peak_memory_mb = peak_memory_mb()
    return result


def _energy_count(dataset: Dataset, config: Config) -> "EnergyCount":
    """Return what counts a run's energy; raises VioError for an engine that counts no work."""
    if config.frontend.engine != "fixed":
        raise VioError(
            f"engine {config.frontend.engine} does not count the work that the energy model needs; "
            "choose --engine fixed, which is bit-exact with rtl"
        )
    from vio.runs.energy import EnergyCount

    frames, samples = len(dataset.frame_t_ns), len(dataset.imu)
    return EnergyCount(config, samples / max(frames, 1))


def _counted(states: Iterator[State], count: "EnergyCount") -> Iterator[State]:
    """Yield the states, each counted, with the back end's steps noted."""
    with count.windows():
        for state in states:
            count.add(state)
            yield state


def _write_trace(folder: RunFolder, frontend: "FrontEnd", config: Config, frames: int) -> None:
    """Write what the signals of a traced front end did."""
    from vio.fixed.frontend import FixedFrontEnd
    from vio.runs.signals import all_signals, write_signals

    assert isinstance(frontend, FixedFrontEnd)
    write_signals(folder.path, frames, all_signals(frontend, config))


def peak_memory_mb() -> float:
    """Return this process's peak resident memory in MB (10^6 bytes)."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count a parent's peak from before exec
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
