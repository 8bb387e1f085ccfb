# SPDX-License-Identifier: Apache-2.0
"""Read and write trajectories as TUM, EuRoC and KITTI text files."""

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
from vio.limits import quoted, read_text_file, reason
from vio.trajectory import Trajectory, from_euroc_values, normalised

EUROC_HEADER = (
    "#timestamp [ns],p_x [m],p_y [m],p_z [m],q_w [],q_x [],q_y [],q_z [],v_x [m/s],v_y [m/s],"
    "v_z [m/s],b_w_x [rad/s],b_w_y [rad/s],b_w_z [rad/s],b_a_x [m/s^2],b_a_y [m/s^2],b_a_z [m/s^2]"
)
TUM_HEADER = "# body in world: seconds p_x p_y p_z q_x q_y q_z q_w"

# The slowest sensible trajectory: a step below 1e9 / _RATE_HZ / 31 ns cannot be in nanoseconds.
_RATE_HZ = 200.0
_LATEST_S = 4 * 10**9  # a time stamp above this (the year 2096) is not in seconds


def read_trajectory(path: str | Path, times: str | Path | None = None) -> Trajectory:
    """Return the trajectory of a TUM file, an EuRoC csv, or a KITTI file with a file of times.

    The format is told by the separator and the number of columns. Raises VioError saying which line
    is wrong, or which formats are known.
    """
    text = _text(path)
    rows, lines = data_rows(text)
    if not rows:
        raise VioError(f"{path} holds no poses; the run may have ended before its first pose")
    if "," in rows[0]:
        table = parse_table(text, str(path), (8, 17), _RATE_HZ)
        return from_euroc_values(table.t_ns, table.values, str(path))
    count = len(rows[0].split())
    if count == 12:
        if times is None:
            raise VioError(
                f"{path} is a KITTI file (12 columns), which has no time stamps; "
                "give their file with --times (one line in seconds for each pose)"
            )
        return _parse_kitti(rows, lines, path, times)
    if count != 8:
        raise VioError(
            f"{path}, line {lines[0]} has {count} columns; known: TUM (8, separated by spaces: "
            "seconds, position, quaternion xyzw), EuRoC (8 or 17, separated by commas: nanoseconds,"
            " position, quaternion wxyz, ...), KITTI (12, rows of a 3x4 matrix)"
        )
    return _parse_tum(rows, lines, path)


def count_segments(path: str | Path) -> int:
    """Return how often a file marks the start of a new world (`# segment N`), at least 1.

    Raises VioError when the file cannot be read.
    """
    return max(1, sum(line.startswith("# segment ") for line in _text(path).splitlines()))


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
        raise VioError(
            f"{path}, line {lines[0]}: time stamp {quoted(fields[0])} is too large for seconds, "
            "in which TUM files count: divide by 1e9 if it is nanoseconds (or use the EuRoC form)"
        )
    return check_times(np.array(t_ns, np.int64), lines, str(path), _RATE_HZ)


def _parse_tum(rows: list[str], lines: np.ndarray, path: str | Path) -> Trajectory:
    values = _numbers(rows, lines, path, 1)
    t_ns = _seconds([row.split(maxsplit=1)[0] for row in rows], lines, path)
    q = normalised(values[:, [6, 3, 4, 5]], str(path))
    return Trajectory(t_ns, np.ascontiguousarray(values[:, :3]), q)


def _parse_kitti(
    rows: list[str], lines: np.ndarray, path: str | Path, times: str | Path
) -> Trajectory:
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
