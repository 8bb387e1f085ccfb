# SPDX-License-Identifier: Apache-2.0
"""Read trajectories as their programs write them, and write TUM, EuRoC and KITTI text files."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vio.datasets.csv_table import (
    check_times,
    check_values,
    data_rows,
    decimal_seconds_to_ns,
    parse_table,
)
from vio.errors import VioError
from vio.geometry import matrix_from_quaternion, quaternion_from_matrix
from vio.limits import MAX_STAMP_NS, quoted, read_text_file, reason
from vio.trajectory import Trajectory, from_euroc_values, normalised

EUROC_HEADER = (
    "#timestamp [ns],p_x [m],p_y [m],p_z [m],q_w [],q_x [],q_y [],q_z [],v_x [m/s],v_y [m/s],"
    "v_z [m/s],b_w_x [rad/s],b_w_y [rad/s],b_w_z [rad/s],b_a_x [m/s^2],b_a_y [m/s^2],b_a_z [m/s^2]"
)
TUM_HEADER = "# body in world: seconds p_x p_y p_z q_x q_y q_z q_w"

# The slowest sensible trajectory: a step below 1e9 / _RATE_HZ / 31 ns cannot be in nanoseconds.
_RATE_HZ = 200.0
_LATEST_S = 4 * 10**9  # a time stamp above this (the year 2096) is not in seconds

FORMS = ("tum", "euroc", "vins", "openvins", "kitti")
_SEGMENT = re.compile(r"# segment (\d{1,9})\b", re.MULTILINE)
_OPENVINS_HEADER = re.compile(r"^#\s*timestamp\(s\) q p v bg ba\b", re.MULTILINE)
# OpenVINS's evaluation writes TUM with the upper triangles of two 3x4 covariances (20 columns); its
# state files hold q p v bg ba and then as many calibration values as there are cameras.
_COLUMNS: dict[str, Callable[[int], bool]] = {
    "tum": lambda count: count in (8, 20),
    "kitti": lambda count: count == 12,
    "openvins": lambda count: count >= 17,
}
_KNOWN = (
    "TUM (8, separated by spaces: seconds, position, quaternion xyzw; 20 with OpenVINS's "
    "covariances), EuRoC (8 or 17, separated by commas: nanoseconds, position, quaternion wxyz, "
    "...), VINS-Fusion (11, likewise: ..., velocity), OpenVINS's states (17 or more: seconds, "
    "quaternion, position, velocity, biases, ...), KITTI (12, rows of a 3x4 matrix)"
)


@dataclass(frozen=True)
class TrajectoryFile:
    """Hold what a file holds: N poses, its form, and what the poses alone do not show.

    segment: (N,) int64, the number of each pose's world (`# segment N` lines; 1 without them).
    doubled: rows left out because an earlier row has their time stamp.
    """

    trajectory: Trajectory
    form: str
    segment: np.ndarray
    doubled: int


def read_trajectory(
    path: str | Path, times: str | Path | None = None, form: str | None = None
) -> Trajectory:
    """Return the poses of a file; arguments and errors as for `read_trajectory_file`."""
    return read_trajectory_file(path, times, form).trajectory


def read_trajectory_file(
    path: str | Path, times: str | Path | None = None, form: str | None = None
) -> TrajectoryFile:
    """Return the contents of a file in one of FORMS; times: the file of times for KITTI.

    Without `form`, separator, header and number of columns decide. Of rows with one time stamp the
    first is kept. Raises VioError saying which line is wrong, or which forms are known.
    """
    text = _text(path)
    rows, lines = data_rows(text)
    if not rows:
        raise VioError(f"{path} holds no poses; the run may have ended before its first pose")
    if form is None:
        form = _guess_form(text, rows[0])
    elif form not in FORMS:
        raise VioError(f"form {quoted(form)} is unknown; known: {', '.join(FORMS)}")
    if form in ("euroc", "vins"):
        columns = (8, 11) if form == "vins" else (8, 17)
        table = parse_table(text, str(path), columns, _RATE_HZ, repeated=True)
        keep = _first_of_each(table.t_ns)
        trajectory = from_euroc_values(table.t_ns[keep], table.values[keep], str(path))
    else:
        rows = [row.replace(",", " ") for row in rows]
        count = len(rows[0].split())
        if form not in _COLUMNS or not _COLUMNS[form](count):
            raise VioError(f"{path}, line {lines[0]} has {count} columns; known: {_KNOWN}")
        if form == "kitti":
            trajectory = _parse_kitti(rows, lines, path, times)
            keep = np.ones(len(rows), bool)
        else:
            trajectory, keep = _parse_tum(rows, lines, path, form)
    segment = _marked_segments(text, lines[keep])
    return TrajectoryFile(trajectory, form, segment, int(len(keep) - keep.sum()))


def _guess_form(text: str, row: str) -> str:
    """Return the form of a file with this first row; "" for none that is known."""
    count = len(re.split(r"[,\s]+", row))
    if "," in row:
        return "vins" if count == 11 else "euroc"
    if _OPENVINS_HEADER.search(text[:1000]):
        return "openvins"
    return next((form for form, fits in _COLUMNS.items() if fits(count)), "")


def read_segments(path: str | Path, t_ns: np.ndarray) -> np.ndarray:
    """Return the segment numbers (N,) of the times t_ns (N,) as a file states them.

    The file is a run's states.csv or a trajectory with `# segment N` lines. A time between two of
    its rows belongs to the earlier row. Raises VioError when the file holds no segments.
    """
    text = _text(path)
    head = text.lstrip("\ufeff#").partition("\n")[0].strip().split(",")
    if "t_ns" not in head or "segment" not in head:
        if not _SEGMENT.search(text):
            raise VioError(
                f"{path} states no segments; give a run's states.csv (columns t_ns and segment) "
                'or a trajectory with lines "# segment N"'
            )
        marked = read_trajectory_file(path)
        known_t_ns, number = marked.trajectory.t_ns, marked.segment
    else:
        rows, lines = data_rows(text)
        at = [head.index("t_ns"), head.index("segment")]
        values = []
        for row, line in zip(rows, lines, strict=True):
            fields = row.split(",")
            try:
                values.append([int(fields[i]) for i in at])
            except (ValueError, IndexError):
                raise VioError(
                    f"{path}, line {line}: t_ns and segment are not whole numbers"
                ) from None
        if not values or max(abs(v) for row in values for v in row) >= MAX_STAMP_NS:
            raise VioError(f"{path} holds no usable rows; give a run's states.csv")
        known_t_ns, number = np.array(values, np.int64).T
        if (np.diff(known_t_ns) < 0).any():
            raise VioError(f"{path}: time stamps are not sorted; sort the rows by t_ns")
    index = np.searchsorted(known_t_ns, t_ns, side="right") - 1
    segment: np.ndarray = number[np.maximum(index, 0)]
    return segment


def _marked_segments(text: str, lines: np.ndarray) -> np.ndarray:
    """Return the segment numbers of rows, given their lines (N,) in the file."""
    marks = [
        (number, int(found[1]))
        for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1)
        if (found := _SEGMENT.match(line))
    ]
    if not marks:
        return np.ones(len(lines), np.int64)
    at, numbers = np.array(marks, np.int64).T
    segment: np.ndarray = numbers[np.maximum(np.searchsorted(at, lines) - 1, 0)]
    return segment


def _first_of_each(t_ns: np.ndarray) -> np.ndarray:
    """Return which rows (N,) bool have another time stamp than the row before."""
    return np.append(True, np.diff(t_ns) != 0)


def _text(path: str | Path) -> str:
    return read_text_file(path, "a trajectory file")


def _numbers(rows: list[str], lines: np.ndarray, path: str | Path, first: int) -> np.ndarray:
    """Return the columns from `first` on as (N, C) float64; raises VioError naming the line."""
    try:
        values = np.loadtxt(rows, dtype=np.float64, comments=None, ndmin=2)[:, first:]
    except (ValueError, OverflowError) as error:
        for row, line in zip(rows, lines, strict=True):
            fields = row.split()
            if len(fields) != len(rows[0].split()):
                raise VioError(
                    f"{path}, line {line} has {len(fields)} columns, the first row has "
                    f"{len(rows[0].split())}; the file may be cut off there"
                ) from None
            for field in fields:
                try:
                    float(field)
                except ValueError:
                    raise VioError(
                        f"{path}, line {line}: {quoted(field)} is not a number"
                    ) from None
        raise VioError(f"{path} cannot be read as numbers: {reason(error)}") from None
    check_values(values, lines, str(path), "remove these poses")
    return values


def _seconds(fields: list[str], lines: np.ndarray, path: str | Path) -> np.ndarray:
    """Return a column of decimal seconds as (N,) int64 nanoseconds; raises VioError."""
    t_ns = []
    for field, line in zip(fields, lines, strict=True):
        try:
            t_ns.append(decimal_seconds_to_ns(field))
        except ValueError as error:
            raise VioError(f"{path}, line {line}: time stamp {error}") from None
    if max(map(abs, t_ns), default=0) >= _LATEST_S * 10**9:
        largest = max(map(abs, t_ns)) / 1e9
        units = (("milliseconds", "1e3"), ("microseconds", "1e6"), ("nanoseconds", "1e9"))
        unit, factor = next((u for u in units if largest / float(u[1]) < _LATEST_S), units[-1])
        raise VioError(
            f"{path}, line {lines[0]}: time stamp {quoted(fields[0])} is too large for seconds, "
            f"in which TUM files count: divide by {factor} if it is {unit}"
            f"{' (or use the EuRoC form)' if factor == '1e9' else ''}"
        )
    return np.array(t_ns, np.int64)


def _parse_tum(
    rows: list[str], lines: np.ndarray, path: str | Path, form: str
) -> tuple[Trajectory, np.ndarray]:
    """Return the poses of the TUM or OpenVINS form, and which rows (N,) bool they are of."""
    values = _numbers(rows, lines, path, 1)
    t_ns = _seconds([row.split(maxsplit=1)[0] for row in rows], lines, path)
    keep = _first_of_each(t_ns)
    check_times(t_ns[keep], lines[keep], str(path), _RATE_HZ)
    t_ns, values = t_ns[keep], values[keep]
    blocks = [np.ascontiguousarray(values[:, i : i + 3]) for i in (0, 4, 7, 10, 13)]
    if form == "tum":
        q = normalised(values[:, [6, 3, 4, 5]], str(path))
        return Trajectory(t_ns, blocks[0], q), keep
    # JPL's quaternion from world to body has the components of Hamilton's from body to world.
    q = normalised(values[:, [3, 0, 1, 2]], str(path))
    return Trajectory(t_ns, blocks[1], q, *blocks[2:]), keep


def _parse_kitti(
    rows: list[str], lines: np.ndarray, path: str | Path, times: str | Path | None
) -> Trajectory:
    if times is None:
        raise VioError(
            f"{path} is a KITTI file (12 columns), which has no time stamps; "
            "give their file with --times (one line in seconds for each pose)"
        )
    matrices = _numbers(rows, lines, path, 0).reshape(-1, 3, 4)
    time_rows, time_lines = data_rows(_text(times))
    if len(time_rows) != len(matrices):
        raise VioError(
            f"{times} has {len(time_rows)} time stamps, but {path} has {len(matrices)} poses; "
            "KITTI needs one time stamp for each pose"
        )
    R = matrices[:, :, :3]
    error = np.abs(R.transpose(0, 2, 1) @ R - np.eye(3)).max(axis=(1, 2))
    error[np.linalg.det(R) < 0.0] = np.inf
    if error.max() > 1e-3:
        raise VioError(
            f"{path}, line {lines[error.argmax()]}: the matrix is not a rotation (R'R differs from "
            f"the identity by {error.max():.3g}); KITTI rows are the 3x4 matrix, row by row"
        )
    q = np.stack([quaternion_from_matrix(np.ascontiguousarray(r)) for r in R])
    t_ns = _seconds([row.split()[0] for row in time_rows], time_lines, times)
    check_times(t_ns, time_lines, str(times), _RATE_HZ)
    return Trajectory(t_ns, np.ascontiguousarray(matrices[:, :, 3]), q)


def seconds_text(t_ns: int) -> str:
    """Return nanoseconds as decimal seconds with 9 digits, exactly."""
    sign = "-" if t_ns < 0 else ""
    return f"{sign}{abs(t_ns) // 10**9}.{abs(t_ns) % 10**9:09d}"


def tum_line(t_ns: int, p_world_body: np.ndarray, q_world_body: np.ndarray) -> str:
    """Return a TUM line without its end: seconds, position in metres, quaternion as xyzw."""
    w, x, y, z = q_world_body
    values = " ".join(f"{v:.9f}" for v in (*p_world_body, x, y, z, w))
    return f"{seconds_text(int(t_ns))} {values}"


def write_tum(path: str | Path, trajectory: Trajectory) -> None:
    """Write a TUM file: seconds with 9 digits, position in metres, quaternion xyzw."""
    poses = zip(trajectory.t_ns, trajectory.p_world_body, trajectory.q_world_body, strict=True)
    rows = [tum_line(t, p, q) for t, p, q in poses]
    Path(path).write_text("\n".join([TUM_HEADER, *rows]) + "\n", encoding="utf-8")


def write_euroc(path: str | Path, trajectory: Trajectory) -> None:
    """Write an EuRoC csv: 17 columns, or 8 when velocity or biases are not known."""
    blocks = [trajectory.p_world_body, trajectory.q_world_body]
    rest = (trajectory.v_world_body, trajectory.gyro_bias_rad_s, trajectory.accel_bias_m_s2)
    full = [block for block in rest if block is not None]
    if len(full) == len(rest):
        blocks += full
    values = np.hstack(blocks)
    header = ",".join(EUROC_HEADER.split(",")[: 1 + values.shape[1]])
    rows = [
        f"{t}," + ",".join(f"{v:.9f}" for v in row)
        for t, row in zip(trajectory.t_ns, values, strict=True)
    ]
    Path(path).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def write_kitti(path: str | Path, times: str | Path, trajectory: Trajectory) -> None:
    """Write a KITTI file (3x4 matrices, row by row) and its file of times in seconds."""
    rows = []
    for p, q in zip(trajectory.p_world_body, trajectory.q_world_body, strict=True):
        matrix = np.hstack([matrix_from_quaternion(np.ascontiguousarray(q)), p[:, None]])
        rows.append(" ".join(f"{v:.9f}" for v in matrix.ravel()))
    Path(path).write_text("\n".join(rows) + "\n", encoding="utf-8")
    stamps = [seconds_text(int(t)) for t in trajectory.t_ns]
    Path(times).write_text("\n".join(stamps) + "\n", encoding="utf-8")
