# SPDX-License-Identifier: Apache-2.0
"""The run folder: every result of a run, written line by line so that a killed run stays valid."""

import json
import os
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from vio.config import Config, dump_config
from vio.data import State, Status
from vio.datasets.trajectories import EUROC_HEADER, TUM_HEADER, tum_line
from vio.errors import VioError
from vio.runs.features import FEATURES, SIGNALS
from vio.runs.files import LineFile, replace_file
from vio.runs.lock import LOCK
from vio.runs.log import pose_std

RUNS = Path("runs")
RESULTS = (
    "config.toml",
    "suite.json",
    "bench.json",
    "explore.sqlite",
    "equivalence.json",
)  # one of them marks a folder of ours
WRITTEN_LAST = (
    *("metrics.json", "landmarks.ply", "ground_truth_tum.txt", FEATURES, SIGNALS, "report.html"),
)
COUNTERS_HEADER = "frame_index,t_ns,counter,value"
EFFORT_HEADER = "frame_index,t_ns,level,skipped"
COUNTING = ("fixed", "rtl")  # engines whose counters the hardware's models go by
RESERVE_BYTES = 2**18  # kept free for the metrics of a run that fills the disk

_POSE_TERMS = ("r_x", "r_y", "r_z", "p_x", "p_y", "p_z", "v_x", "v_y", "v_z")
_UPPER = np.triu_indices(9)  # of the covariance of rotation, position and velocity

_HEADERS = {
    "trajectory_tum.txt": TUM_HEADER,
    "trajectory_euroc.csv": EUROC_HEADER,
    "trajectory_imu_tum.txt": TUM_HEADER + " (predicted at the rate of the IMU)",
    "trajectory_smoothed_tum.txt": TUM_HEADER + " (as it left the window: not causal)",
    "states.csv": (
        "frame_index,t_ns,status,segment,is_keyframe,tracks,stereo,p_x,p_y,p_z,q_w,q_x,q_y,q_z,"
        "v_x,v_y,v_z,bg_x,bg_y,bg_z,ba_x,ba_y,ba_z,"
        "std_r_x,std_r_y,std_r_z,std_p_x,std_p_y,std_p_z,vision_innovation,inertial_innovation"
    ),
    "segments.csv": (
        "segment,frame_index,t_ns,gap_s,p_x,p_y,p_z,yaw,jump_std_p_x,jump_std_p_y,jump_std_p_z,"
        "jump_std_yaw"
    ),
    "covariances.csv": "t_ns,"
    + ",".join(f"{_POSE_TERMS[i]}*{_POSE_TERMS[k]}" for i, k in zip(*_UPPER, strict=True)),
    "timing.csv": "frame_index,t_ns,stage,ms",
    "deviations.csv": (
        "t_ns,std_bg_x,std_bg_y,std_bg_z,std_ba_x,std_ba_y,std_ba_z,segment_std_r_x,segment_std_r_y,"
        "segment_std_r_z,segment_std_p_x,segment_std_p_y,segment_std_p_z"
    ),
}


def make_folder(name: str, out: str | None = None) -> Path:
    """Return a new folder: out, or runs/<name>-<counter>, to which runs/latest then points.

    Raises VioError when out holds something other than an earlier run, or cannot be made.
    """
    try:
        if out is not None:
            path = Path(out)
            path.mkdir(parents=True, exist_ok=True)
            foreign = any(entry.name != LOCK for entry in path.iterdir())
            if foreign and not any((path / name).is_file() for name in RESULTS):
                raise VioError(f"--out {path} is not empty and holds no earlier run; name another")
            return path
        RUNS.mkdir(exist_ok=True)
        counter = 1 + max((_counter(p, name) for p in RUNS.glob(f"{name}-*")), default=0)
        while True:
            path = RUNS / f"{name}-{counter:04d}"
            try:
                path.mkdir()
                break
            except FileExistsError:  # another run took this number a moment ago
                counter += 1
        link = RUNS / f".latest-{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(path.name)
        link.replace(RUNS / "latest")
        return path
    except OSError as error:
        raise VioError(f"cannot make the run folder: {error}; name another with --out") from error


def _counter(path: Path, name: str) -> int:
    text = path.name.removeprefix(f"{name}-")
    return int(text) if text.isdigit() else 0


class RunFolder:
    """Write a run into a folder; use as a context manager. Each line is flushed as it comes."""

    def __init__(self, path: Path, config: Config) -> None:
        """Open the files of a run in an existing folder, replacing an earlier run's."""
        self.path = path
        self._segment = -1
        self._posed_ns: int | None = None  # of the last pose
        self._smoothed_segment = -1
        self._stack = ExitStack()
        for name in WRITTEN_LAST:  # of an earlier run
            (path / name).unlink(missing_ok=True)
        replace_file(path / "config.toml", dump_config(config))
        self._reserve = path / ".reserve"
        with suppress(OSError):
            self._reserve.write_bytes(bytes(RESERVE_BYTES))
        self._stack.callback(self.release_reserve)
        self._files = {name: self._open(name, head) for name, head in _HEADERS.items()}
        for name, header, wanted in (
            ("counters.csv", COUNTERS_HEADER, config.frontend.engine in COUNTING),
            ("effort.csv", EFFORT_HEADER, config.adaptive.on),
        ):
            if wanted:
                self._files[name] = self._open(name, header)
            else:
                (path / name).unlink(missing_ok=True)

    def _open(self, name: str, header: str) -> LineFile:
        file = LineFile(self.path / name, header)
        self._stack.callback(file.close)
        return file

    def release_reserve(self) -> None:
        """Give the space back that was kept free for the last files."""
        with suppress(OSError):
            self._reserve.unlink(missing_ok=True)

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def add_state(self, state: State, stage_ms: dict[str, float]) -> None:
        """Write one frame; stage_ms: wall-clock of its stages, milliseconds."""
        timing = self._files["timing.csv"]
        timing.write(
            "".join(f"{state.frame_index},{state.t_ns},{k},{v:.3f}\n" for k, v in stage_ms.items())
        )
        tracks = state.tracks
        if tracks is not None and (counted := self._files.get("counters.csv")) is not None:
            head = f"{state.frame_index},{state.t_ns}"
            counted.write("".join(f"{head},{k},{v}\n" for k, v in tracks.counters.items() if v))
        if (levels := self._files.get("effort.csv")) is not None:
            skipped = int(state.status is Status.PREDICTED)
            levels.write(f"{state.frame_index},{state.t_ns},{state.effort},{skipped}\n")
        stereo = 0 if tracks is None else int(tracks.is_stereo.sum())
        cells = [state.frame_index, state.t_ns, state.status.value, state.segment]
        cells += [int(state.is_keyframe), 0 if tracks is None else len(tracks.ids), stereo]
        p, q = state.p_world_body, state.q_world_body
        if p is None or q is None:
            self._files["states.csv"].write(",".join(map(str, cells)) + "," * 24 + "\n")
            return
        pose = [*p, *q]
        for value in (state.v_world_body, state.gyro_bias_rad_s, state.accel_bias_m_s2):
            pose += [np.nan] * 3 if value is None else [*value]
        std = [np.nan] * 6 if state.covariance is None else pose_std(state.covariance)
        row = ",".join(f"{x:.9f}" for x in pose)
        innovations = [
            "" if x is None else f"{x:.4e}"
            for x in (state.vision_innovation, state.inertial_innovation)
        ]
        self._files["states.csv"].write(
            ",".join([*map(str, cells), row, *(f"{x:.4e}" for x in std), *innovations]) + "\n"
        )
        self._files["trajectory_euroc.csv"].write(f"{state.t_ns},{row}\n")
        if state.covariance is not None:
            values = ",".join(f"{x:.6e}" for x in state.covariance[:9, :9][_UPPER])
            self._files["covariances.csv"].write(f"{state.t_ns},{values}\n")
            self._files["deviations.csv"].write(f"{state.t_ns},{_deviations(state)}\n")
        if state.segment != self._segment:
            self._segment = state.segment
            self._files["trajectory_tum.txt"].write(f"# segment {state.segment}: a new world\n")
            self._files["segments.csv"].write(self._segment_line(state, p, q) + "\n")
        self._posed_ns = state.t_ns
        self._files["trajectory_tum.txt"].write(tum_line(state.t_ns, p, q) + "\n")

    def _segment_line(self, state: State, p: np.ndarray, q: np.ndarray) -> str:
        """Return a segment's first pose, and how far it is known against the one before."""
        gap_s = 0.0 if self._posed_ns is None else (state.t_ns - self._posed_ns) * 1e-9
        yaw = np.arctan2(2.0 * (q[0] * q[3] + q[1] * q[2]), 1.0 - 2.0 * (q[2] ** 2 + q[3] ** 2))
        jump = ["", "", "", ""]
        if state.covariance is not None and state.segment_covariance is not None:
            variance = np.diag(state.covariance - state.segment_covariance)
            jump = [f"{x:.4e}" for x in np.sqrt(np.maximum(variance[[3, 4, 5, 2]], 0.0))]
        pose = [f"{gap_s:.6f}", *(f"{x:.9f}" for x in (*p, yaw))]
        return ",".join([str(state.segment), str(state.frame_index), str(state.t_ns), *pose, *jump])

    def add_imu_pose(self, t_ns: int, p: np.ndarray, q: np.ndarray) -> None:
        """Write one pose predicted at the rate of the IMU."""
        self._files["trajectory_imu_tum.txt"].write(tum_line(t_ns, p, q) + "\n")

    def add_smoothed(self, poses: Iterable[tuple[int, int, np.ndarray, np.ndarray]]) -> None:
        """Write poses (segment, t_ns, p, q) that left the window."""
        file = self._files["trajectory_smoothed_tum.txt"]
        for segment, t_ns, p, q in poses:
            if segment != self._smoothed_segment:
                self._smoothed_segment = segment
                file.write(f"# segment {segment}: a new world\n")
            file.write(tum_line(t_ns, p, q) + "\n")

    def write_landmarks(self, points: np.ndarray) -> None:
        """Write the landmark cloud (M, 3), metres in the world, as landmarks.ply (ASCII)."""
        head = ["ply", "format ascii 1.0", f"element vertex {len(points)}"]
        head += [f"property float {axis}" for axis in "xyz"] + ["end_header"]
        rows = [f"{x:.4f} {y:.4f} {z:.4f}" for x, y, z in points]
        replace_file(self.path / "landmarks.ply", "\n".join(head + rows) + "\n")

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Write metrics.json, in one step so that it is never half there."""
        replace_file(self.path / "metrics.json", json.dumps(metrics, indent=2) + "\n")


def _deviations(state: State) -> str:
    """Return the cells of deviations.csv after the time; empty where one is not known."""
    assert state.covariance is not None
    biases = np.sqrt(np.maximum(np.diag(state.covariance)[9:15], 0.0))
    within = state.segment_covariance
    cells = [f"{x:.4e}" for x in biases]
    return ",".join(
        cells + ([""] * 6 if within is None else [f"{x:.4e}" for x in pose_std(within)])
    )
