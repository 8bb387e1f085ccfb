# SPDX-License-Identifier: Apache-2.0
"""Read numeric text tables whose first column is a time, and say exactly what is wrong in them."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np

from vio.datasets.repair import rows_to_keep
from vio.errors import VioError
from vio.limits import MAX_STAMP_NS, MAX_VALUE, quoted, reason

# What a step of one sample looks like when the column is not in nanoseconds, by power of 1000.
_UNITS = {1: ("microseconds", 1_000), 2: ("milliseconds", 1_000_000), 3: ("seconds", 10**9)}


@dataclass(frozen=True)
class Table:
    """Hold N rows: t_ns (N,) int64, values (N, C) float64, lines (N,) int64 (numbers in the file).

    where: the file's name as the user knows it, for messages.
    """

    where: str
    t_ns: np.ndarray
    values: np.ndarray
    lines: np.ndarray


def data_rows(text: str) -> tuple[list[str], np.ndarray]:
    """Return the lines that hold data and their numbers (from 1), without headers and comments.

    A first line that does not begin with a number is a header, with or without a leading #. Commas
    at the ends of lines, which some programs write, are taken off.
    """
    rows, lines, header = [], [], True
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        line = line.strip().rstrip(", \t")
        if not line or line[0] == "#":
            continue
        if header and not (line[0].isdigit() or line[0] in "+-."):
            header = False
            continue
        header = False
        rows.append(line)
        lines.append(number)
    return rows, np.array(lines, dtype=np.int64)


def parse_table(
    text: str,
    where: str,
    columns: tuple[int, ...],
    rate_hz: float,
    repeated: bool = False,
    warnings: list[str] | None = None,
) -> Table:
    """Return a comma-separated table with whole nanoseconds in its first column.

    columns: accepted numbers of columns, time included. rate_hz: the rate the calibration states,
    against which the unit of the time stamps is checked. repeated: several rows share one time.
    warnings: single damaged rows are repaired (`vio.datasets.repair`) with a note there.
    Raises VioError for an empty table, a wrong number of columns, text or NaN among the numbers,
    and time stamps that are unsorted, doubled or in another unit (naming the line and the values).
    """
    rows, lines = data_rows(text)
    if not rows:
        raise VioError(f"{where} has no rows of data; check that the recording is complete")
    count = rows[0].count(",") + 1
    if count not in columns:
        wanted = " or ".join(str(c) for c in columns)
        raise VioError(
            f"{where}, line {lines[0]} has {count} columns, expected {wanted} separated by commas: "
            f"{quoted(rows[0])}"
        )
    dtype = np.dtype([("t", np.int64), ("v", np.float64, (count - 1,))])
    try:
        data = np.loadtxt(rows, dtype=dtype, delimiter=",", comments=None, ndmin=1)
    except (ValueError, OverflowError) as error:
        _explain_bad_row(rows, lines, count, where, rate_hz)
        raise VioError(f"{where} cannot be read as numbers: {reason(error)}") from error
    table = Table(where, data["t"].copy(), data["v"].copy(), lines)
    if warnings is not None:
        keep = rows_to_keep(table.t_ns, table.values, lines, where, warnings)
        lines = lines[keep]
        table = Table(where, table.t_ns[keep], table.values[keep], lines)
    first = np.ones(len(lines), bool)
    if repeated:
        first[1:] = np.diff(table.t_ns) != 0
    check_times(table.t_ns[first], lines[first], where, rate_hz)
    check_values(table.values, lines, where, "remove these rows or repair the recording")
    return table


def check_values(values: np.ndarray, lines: np.ndarray, where: str, remedy: str) -> None:
    """Raise VioError naming the first line of values (N, C) that are no measurement."""
    bad = np.flatnonzero(~(np.abs(values) <= MAX_VALUE).all(axis=1))
    if len(bad):
        what = "not finite" if not np.isfinite(values[bad[0]]).all() else f"beyond {MAX_VALUE:g}"
        raise VioError(
            f"{where}, line {lines[bad[0]]} holds a value that is {what} "
            f"({len(bad)} such rows of {len(values)}); {remedy}"
        )


def _explain_bad_row(
    rows: list[str], lines: np.ndarray, count: int, where: str, rate_hz: float
) -> None:
    """Raise the VioError that names the first row which is not `count` numbers."""
    for row, line in zip(rows, lines, strict=True):
        fields = row.split(",")
        if len(fields) != count:
            raise VioError(
                f"{where}, line {line} has {len(fields)} columns, the first row has {count}; "
                "the file may be cut off there: remove the line or copy the file again"
            )
        for i, field in enumerate(fields):
            try:
                float(field)
            except ValueError:
                raise VioError(
                    f"{where}, line {line}, column {i + 1}: {quoted(field.strip())} is not a number"
                ) from None
    parse_times([row.split(",")[0] for row in rows], lines, where, rate_hz)


def parse_times(fields: list[str], lines: np.ndarray, where: str, rate_hz: float) -> np.ndarray:
    """Return a column of whole nanoseconds as (N,) int64, checked as in `check_times`."""
    return check_times(whole_times(fields, lines, where), lines, where, rate_hz)


def whole_times(fields: list[str], lines: np.ndarray, where: str) -> np.ndarray:
    """Return a column of whole nanoseconds as (N,) int64; raises VioError for other numbers."""
    try:
        return np.array([int(f) for f in fields], np.int64)
    except (ValueError, OverflowError):
        pass
    for field, line in zip(fields, lines, strict=True):
        try:
            int(field)
        except ValueError:
            unit = "seconds" if _is_decimal(field) else "no number"
            raise VioError(
                f"{where}, line {line}: time stamp {quoted(field.strip())} is not a whole number "
                f"of nanoseconds (it looks like {unit}); write all digits, e.g. 1403636579763555584"
            ) from None
    raise _too_large(where)


def _too_large(where: str) -> VioError:
    return VioError(f"{where}: time stamps do not fit in 64 bits of nanoseconds; check the unit")


def _is_decimal(field: str) -> bool:
    try:
        return Decimal(field.strip()).is_finite()
    except InvalidOperation:
        return False


def check_times(t_ns: np.ndarray, lines: np.ndarray, where: str, rate_hz: float) -> np.ndarray:
    """Return t_ns (N,) if strictly increasing and in nanoseconds, given about rate_hz samples/s.

    Raises VioError naming the first offending line, both values, and how many there are.
    """
    if len(t_ns) and (t_ns.max() >= MAX_STAMP_NS or t_ns.min() <= -MAX_STAMP_NS):
        raise _too_large(where)
    step = np.diff(t_ns)
    back = np.flatnonzero(step < 0)
    if len(back):
        i = back[0]
        raise VioError(
            f"{where}, line {lines[i + 1]}: time stamps are not sorted: {t_ns[i + 1]} follows "
            f"{t_ns[i]} ({len(back)} such places); sort the rows by time"
        )
    same = np.flatnonzero(step == 0)
    if len(same):
        i = same[0]
        raise VioError(
            f"{where}, line {lines[i + 1]}: time stamp {t_ns[i]} is doubled (line {lines[i]}; "
            f"{len(same)} such places); remove the copies"
        )
    if len(step):
        median = float(np.median(step))
        power = round(np.log10(1e9 / rate_hz / median) / 3.0)
        if power >= 1:
            unit, factor = _UNITS[min(power, 3)]
            raise VioError(
                f"{where}: time stamps look like {unit}, not nanoseconds: consecutive rows are "
                f"{median:g} apart where {rate_hz:g} Hz means {1e9 / rate_hz:.0f} ns; multiply the "
                f"first column by {factor}"
            )
    return t_ns


def decimal_seconds_to_ns(field: str) -> int:
    """Return whole nanoseconds of a decimal text in seconds, without passing through a float.

    Raises ValueError when the text is no finite number.
    """
    try:
        value = Decimal(field)
        # Before it is written out: 1e999999 has a million digits.
        if value.is_finite() and value.adjusted() < 30:
            return int((value * 1_000_000_000).to_integral_value())
    except (ArithmeticError, ValueError):
        raise ValueError(f"{quoted(field)} is not a number") from None
    raise ValueError(f"{quoted(field)} is no time in seconds")
