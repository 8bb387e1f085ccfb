# SPDX-License-Identifier: Apache-2.0
"""Read a run folder for its report; what is missing or damaged is named, the rest is read."""

import csv
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from vio.config import Config, load_config
from vio.datasets.trajectories import read_trajectory
from vio.errors import VioError
from vio.limits import MAX_FILE_BYTES, MAX_SETTINGS_BYTES, read_text_file, reason, shown
from vio.report.html.values import dig
from vio.runs.features import FEATURES, SIGNALS
from vio.runs.folder import COUNTING
from vio.runs.log import STATUSES, RunLog
from vio.trajectory import Trajectory

T = TypeVar("T")
# Columns of a log: the columns of states.csv that hold them.
_STATES = {
    "segment": ("segment",),
    "is_keyframe": ("is_keyframe",),
    "tracks": ("tracks",),
    "stereo": ("stereo",),
    "p_world_body": ("p_x", "p_y", "p_z"),
    "q_world_body": ("q_w", "q_x", "q_y", "q_z"),
    "v_world_body": ("v_x", "v_y", "v_z"),
    "gyro_bias_rad_s": ("bg_x", "bg_y", "bg_z"),
    "accel_bias_m_s2": ("ba_x", "ba_y", "ba_z"),
    "std_rotation_rad": ("std_r_x", "std_r_y", "std_r_z"),
    "std_position_m": ("std_p_x", "std_p_y", "std_p_z"),
    "vision_innovation": ("vision_innovation",),
    "inertial_innovation": ("inertial_innovation",),
}
_DEVIATIONS = {
    "std_gyro_bias": ("std_bg_x", "std_bg_y", "std_bg_z"),
    "std_accel_bias": ("std_ba_x", "std_ba_y", "std_ba_z"),
    "segment_std_rotation_rad": ("segment_std_r_x", "segment_std_r_y", "segment_std_r_z"),
    "segment_std_position_m": ("segment_std_p_x", "segment_std_p_y", "segment_std_p_z"),
}
_IMAGE = re.compile(r"features/[0-9]{6,12}\.jpg")
MAX_IMAGE_BYTES = 2**20
Columns = dict[str, np.ndarray]


@dataclass
class RunData:
    """Hold what a run folder holds; what is not there is empty, None or NaN.

    deviations: of both biases (N, 3), at the log's frames. landmarks: (M, 3) metres. features:
    as features.json has it. counters: of engines fixed and rtl (N,), 0 where not counted. signals:
    rows of signals.json. config: of those engines too. problems: what is missing or damaged, a
    line each.
    """

    path: Path
    name: str
    log: RunLog = field(default_factory=RunLog)
    deviations: Columns = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    truth: Trajectory | None = None
    landmarks: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    features: dict[str, Any] = field(default_factory=dict)
    counters: Columns = field(default_factory=dict)
    signals: list[dict[str, Any]] = field(default_factory=list)
    config: Config | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def t_s(self) -> np.ndarray:
        """Seconds (N,) after the first image."""
        t_ns = self.log.t_ns
        return (t_ns - t_ns[0]) / 1e9 if len(t_ns) else np.empty(0)

    @property
    def start_ns(self) -> int:
        """Time stamp of the first image."""
        return int(self.log.t_ns[0]) if len(self.log) else 0


def is_run(path: Path) -> bool:
    """Return whether a folder has something of a run."""
    return any((path / name).is_file() for name in ("states.csv", "metrics.json", "config.toml"))


def read_run(path: Path, name: str) -> RunData:
    """Return what a run's folder holds; raises VioError when there is nothing of a run."""
    if not is_run(path):
        raise VioError(
            f"{path} holds no run, suite, fault table or exploration; give a folder in runs/"
        )
    run = RunData(path, name)
    run.metrics = _attempt(run, "metrics.json", _record) or {}
    run.settings = _attempt(run, "config.toml", _settings) or {}
    if (columns := _attempt(run, "states.csv", _states)) is not None:
        t_ns, values = columns
        within = _attempt(run, "deviations.csv", lambda file: _deviations(file, t_ns)) or {}
        run.deviations = {k: v for k, v in within.items() if k.startswith("std_")}
        values |= {k: v for k, v in within.items() if not k.startswith("std_")}
        stages = _attempt(run, "timing.csv", lambda file: _long(file, t_ns, "stage", "ms")) or {}
        if dig(run.settings, "frontend", "engine") in COUNTING:
            counted = _attempt(
                run, "counters.csv", lambda file: _long(file, t_ns, "counter", "value")
            )
            run.counters = {k: np.nan_to_num(v) for k, v in (counted or {}).items()}
        run.log = RunLog.from_columns(t_ns, values, stages)
    has_truth = bool(run.metrics.get("accuracy")) or (path / "ground_truth_tum.txt").exists()
    if has_truth:
        run.truth = _attempt(run, "ground_truth_tum.txt", read_trajectory)
    landmarks = _attempt(run, "landmarks.ply", _landmarks)
    run.landmarks = np.empty((0, 3)) if landmarks is None else landmarks
    if dig(run.settings, "frontend", "engine") in COUNTING:
        run.config = _attempt(run, "config.toml", lambda file: load_config(str(file)))
    if (path / SIGNALS).exists():
        run.signals = _attempt(run, SIGNALS, _signals) or []
    if (path / FEATURES).exists():
        run.features = _attempt(run, FEATURES, _features) or {}
    return run


def read_path(path: Path, name: str) -> RunData:
    """Return a run of which only the states and the ground truth are read."""
    run = RunData(path, name)
    if (columns := _attempt(run, "states.csv", _states)) is not None:
        run.log = RunLog.from_columns(*columns, {})
    if (path / "ground_truth_tum.txt").exists():
        run.truth = _attempt(run, "ground_truth_tum.txt", read_trajectory)
    return run


def read_record(path: Path) -> dict[str, Any]:
    """Return the record of a JSON file; raises VioError when it holds none."""
    try:
        return _record(path)
    except (ValueError, RecursionError) as error:
        raise VioError(f"{path} is damaged: {reason(error)}") from None


def _attempt(run: RunData, name: str, read: Callable[[Path], T]) -> T | None:
    """Return what `read` makes of a file, or None with a problem."""
    path = run.path / name
    if not path.exists():
        run.problems.append(f"{name} is missing")
        return None
    try:
        return read(path)
    except (
        VioError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        OSError,
        RecursionError,
    ) as error:
        text = str(error) if isinstance(error, VioError) else reason(error)
        run.problems.append(f"{name} is damaged: {shown(text.replace(str(path), name))}")
        return None


def _record(path: Path) -> dict[str, Any]:
    record = json.loads(read_text_file(path, "a run's folder"))
    if not isinstance(record, dict):
        raise ValueError("it holds no record")
    return record


def _settings(path: Path) -> dict[str, Any]:
    return tomllib.loads(read_text_file(path, "a run's folder", MAX_SETTINGS_BYTES))


def _table(path: Path) -> tuple[dict[str, int], list[list[str]]]:
    """Return the columns' places and the whole rows of a csv; a last line cut short is left out."""
    text = read_text_file(path, "a run's folder")
    rows = list(csv.reader(text.splitlines()))
    if not rows:
        raise ValueError("it is empty")
    head, rows = rows[0], rows[1:]
    if rows and (len(rows[-1]) != len(head) or not text.endswith("\n")):
        rows.pop()
    for i, row in enumerate(rows):
        if len(row) != len(head):
            raise ValueError(f"line {i + 2} has {len(row)} cells, not {len(head)}")
    return {name: i for i, name in enumerate(head)}, rows


def _numbers(rows: list[list[str]], places: list[int]) -> np.ndarray:
    """Return cells (N, len(places)); empty ones are NaN. Infinite ones are an error."""
    values = [[float(row[i]) if row[i] else np.nan for i in places] for row in rows]
    out = np.array(values, np.float64).reshape(len(rows), len(places))
    if np.isinf(out).any() or (np.abs(out[np.isfinite(out)]) > 1e15).any():
        raise ValueError("it holds a number out of range")
    return out


def _columns(
    head: dict[str, int], rows: list[list[str]], names: Mapping[str, tuple[str, ...]]
) -> Columns:
    return {
        key: np.squeeze(_numbers(rows, [head[n] for n in parts]), axis=1)
        if len(parts) == 1
        else _numbers(rows, [head[n] for n in parts])
        for key, parts in names.items()
    }


def _times(head: dict[str, int], rows: list[list[str]]) -> np.ndarray:
    t_ns = np.array([int(row[head["t_ns"]]) for row in rows], np.int64)
    if len(t_ns) > 1 and not (np.diff(t_ns) >= 0).all():
        raise ValueError("its time stamps go back")
    return t_ns


def _states(path: Path) -> tuple[np.ndarray, Columns]:
    head, rows = _table(path)
    t_ns = _times(head, rows)
    names = [status.value for status in STATUSES]
    codes = [float(names.index(row[head["status"]])) for row in rows]
    return t_ns, {"status": np.array(codes), **_columns(head, rows, _STATES)}


def _at(t_ns: np.ndarray, of_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of t_ns at the times of_ns, and which of these there are."""
    if len(t_ns) == 0:
        return np.zeros(len(of_ns), int), np.zeros(len(of_ns), bool)
    place = np.searchsorted(t_ns, of_ns).clip(max=len(t_ns) - 1)
    return place, t_ns[place] == of_ns


def _deviations(path: Path, t_ns: np.ndarray) -> Columns:
    head, rows = _table(path)
    place, known = _at(t_ns, _times(head, rows))
    columns = {}
    for key, values in _columns(head, rows, _DEVIATIONS).items():
        columns[key] = np.full((len(t_ns), 3), np.nan)
        columns[key][place[known]] = values[known]
    return columns


def _long(path: Path, t_ns: np.ndarray, key: str, value_key: str) -> Columns:
    """Return the columns (N,) of a table with a row a frame and name; NaN where there is none."""
    head, rows = _table(path)
    place, known = _at(t_ns, np.array([int(row[head["t_ns"]]) for row in rows], np.int64))
    ms = _numbers(rows, [head[value_key]])[:, 0]
    stages: Columns = {}
    for row, i, ok, value in zip(rows, place, known, ms, strict=True):
        if ok:
            name = row[head[key]]
            if name not in stages:
                stages[name] = np.full(len(t_ns), np.nan)
            stages[name][i] = value
    return stages


def _signals(path: Path) -> list[dict[str, Any]]:
    rows = _record(path)["signals"]
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise ValueError("it holds no list of signals")
    return rows


def _landmarks(path: Path) -> np.ndarray:
    head, end, body = read_text_file(path, "a run's folder").partition("end_header\n")
    if not head.startswith("ply") or not end:
        raise ValueError("it is no PLY file")
    rows = [line.split() for line in body.splitlines()]
    return _numbers(rows, [0, 1, 2])


def _features(path: Path) -> dict[str, Any]:
    """Return features.json, checked: what a page shows is as many and as long as it should be."""
    record = json.loads(read_text_file(path, "a run's folder", MAX_FILE_BYTES))
    frames = [_feature_frame(entry) for entry in record["frames"]]
    size = {k: int(record[k]) for k in ("width", "height")}
    if not all(0 < n < 2**16 for n in size.values()):
        raise ValueError("its images have no size")
    return {"rendered": record["rendered"] is True, **size, "frames": frames}


def _feature_frame(entry: dict[str, Any]) -> dict[str, Any]:
    image = entry["image"]
    if not (isinstance(image, str) and _IMAGE.fullmatch(image)):
        raise ValueError(f"it names an image {image!r}")
    uv = [float(x) for x in entry["uv"]]
    ids = [int(i) for i in entry["ids"]]
    stereo = [int(x) for x in entry["stereo"]]
    trails = [[float(x) for x in trail] for trail in entry["trails"]]
    if not (len(uv) == 2 * len(ids) and len(stereo) == len(trails) == len(ids)):
        raise ValueError("its lists differ in length")
    if not np.isfinite([*uv, *(x for trail in trails for x in trail)]).all():
        raise ValueError("it holds a pixel that is no number")
    return {
        "image": image,
        "frame_index": int(entry["frame_index"]),
        "t_ns": int(entry["t_ns"]),
        "status": str(entry["status"]),
        "is_keyframe": bool(entry["is_keyframe"]),
        "ids": ids,
        "uv": uv,
        "stereo": stereo,
        "trails": trails,
    }
