# SPDX-License-Identifier: Apache-2.0
"""Read a run folder's states back and write them as TUM, EuRoC or a ROS 2 bag."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vio.datasets.bags.write import STORAGES, Odometry, write_ros2
from vio.datasets.trajectories import write_euroc, write_tum
from vio.errors import VioError
from vio.limits import MAX_STAMP_NS, quoted, read_text_file
from vio.runs.folder import RESULTS
from vio.trajectory import Trajectory, normalised

FORMS = ("tum", "euroc", "ros2")
_UPPER = np.triu_indices(9)
_STATE = [
    "p_x", "p_y", "p_z", "q_w", "q_x", "q_y", "q_z", "v_x", "v_y", "v_z",
    "bg_x", "bg_y", "bg_z", "ba_x", "ba_y", "ba_z",
]  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Hold the N states of a run that have a pose, and its landmarks.

    segment: (N,). covariance: (N, 9, 9) of rotation (world axes), position and velocity, NaN where
    the run has none. points: (M, 3) in the last segment's world.
    """

    trajectory: Trajectory
    segment: np.ndarray
    covariance: np.ndarray
    points: np.ndarray


def read_run(path: Path) -> Run:
    """Return the states of a run folder; raises VioError when it is none, or holds no pose."""
    if not (path / RESULTS[0]).is_file():
        raise VioError(f"{path} is no run folder; give one that `vio run` wrote")
    head, *rows = read_text_file(path / "states.csv", "a run's states").splitlines() or [""]
    names = head.lstrip("#").split(",")
    where = path / "states.csv"
    try:
        at = [names.index(n) for n in ("t_ns", "segment", *_STATE)]
    except ValueError as error:
        raise VioError(f"{where} lacks a column: {error}; run again with this version") from None
    t_ns, segment, values = [], [], []
    for number, row in enumerate(rows, start=2):
        fields = row.split(",")
        if len(fields) <= max(at) and number <= len(rows):
            raise VioError(f"{where}, line {number} has {len(fields)} columns")
        if len(fields) <= max(at) or not fields[at[2]]:
            continue  # no pose then, or the last line of a run that was killed
        try:
            t_ns.append(int(fields[at[0]]))
            segment.append(int(fields[at[1]]))
            values.append([float(fields[i]) for i in at[2:]])
        except ValueError:
            raise VioError(f"{where}, line {number}: {quoted(row[:80])} is no state") from None
    if not t_ns:
        raise VioError(f"{path} holds no pose; metrics.json says why")
    if max(map(abs, t_ns)) >= MAX_STAMP_NS or (np.diff(t_ns) <= 0).any():
        raise VioError(f"{where}: time stamps are not in order")
    table = np.array(values)
    parts = [np.ascontiguousarray(table[:, a:b]) for a, b in ((0, 3), (3, 7), (7, 10))]
    parts += [np.ascontiguousarray(table[:, a : a + 3]) for a in (10, 13)]
    parts[1] = normalised(parts[1], str(where))
    trajectory = Trajectory(np.array(t_ns, np.int64), *parts)
    covariance = _covariances(path / "covariances.csv", trajectory.t_ns)
    points = _points(path / "landmarks.ply")
    return Run(trajectory, np.array(segment, np.int64), covariance, points)


def _covariances(path: Path, t_ns: np.ndarray) -> np.ndarray:
    """Return the covariances (N, 9, 9) of a file at the times t_ns (N,), NaN where it has none."""
    out = np.full((len(t_ns), 9, 9), np.nan)
    if not path.is_file():
        return out
    index = {int(t): i for i, t in enumerate(t_ns)}
    for number, row in enumerate(read_text_file(path, "covariances").splitlines()[1:], start=2):
        fields = row.split(",")
        if len(fields) != 46:
            continue  # the last line of a run that was killed
        try:
            i = index.get(int(fields[0]))
            upper = [float(f) for f in fields[1:]]
        except ValueError:
            raise VioError(f"{path}, line {number}: {quoted(row[:80])} is no covariance") from None
        if i is not None:
            out[i][_UPPER] = upper
            out[i].T[_UPPER] = upper
    return out


def _points(path: Path) -> np.ndarray:
    if not path.is_file():
        return np.empty((0, 3))
    _, _, body = read_text_file(path, "landmarks").partition("end_header\n")
    try:
        return np.array(body.split(), np.float64).reshape(-1, 3)
    except ValueError:
        raise VioError(f"{path} is damaged: it does not hold rows of three numbers") from None


def export(run: Run, form: str, out: Path, storage: str = STORAGES[0]) -> int:
    """Write a run in one of FORMS; return the number of states.

    Raises VioError when out is there, or when a ROS 2 bag is wanted of a run without covariances.
    """
    if form not in FORMS:
        raise VioError(f"form {quoted(form)} is unknown; known: {', '.join(FORMS)}")
    if out.exists():
        raise VioError(f"{out} is there already; name another place")
    if form != "ros2":
        (write_tum if form == "tum" else write_euroc)(out, run.trajectory)
        return len(run.trajectory)
    if not np.isfinite(run.covariance).all():
        raise VioError("the run has no covariances.csv, or not for each pose; run again")
    t = run.trajectory
    assert t.v_world_body is not None
    rows = zip(t.t_ns, run.segment, t.p_world_body, t.q_world_body, t.v_world_body, run.covariance,
               strict=True)  # fmt: skip
    states = (Odometry(int(n), int(s), p, q, v, c) for n, s, p, q, v, c in rows)
    return write_ros2(out, states, run.points, storage)
