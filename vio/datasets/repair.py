# SPDX-License-Identifier: Apache-2.0
"""Single damaged rows of a table: put in order of time or left out, counted, and named in a note.

Recorders write a row too late or twice, and sensors send values that are none. A few such rows
cost nothing. Many mean that the recording is something else than it seems: they stay as they are,
and the checks of `csv_table` refuse them.
"""

import numpy as np

from vio.datasets.base import add_warning
from vio.limits import MAX_VALUE

REPAIRABLE = 0.05  # share of the rows, for each kind of damage
ALWAYS_REPAIRABLE = 2  # rows, however short the table is


def rows_to_keep(
    t_ns: np.ndarray,
    values: np.ndarray | None,
    lines: np.ndarray,
    where: str,
    warnings: list[str],
) -> np.ndarray:
    """Return the indices (K,) of the rows to keep, in order of time; of doubled ones the first.

    t_ns: (N,). values: (N, C), or None; rows with one that is not finite, or too large to be a
    measurement, are left out. lines: (N,), numbers in the file. What is repaired is added to
    warnings in one line; when there is too much of a kind, all rows are kept as they are.
    """
    limit = max(ALWAYS_REPAIRABLE, int(REPAIRABLE * len(t_ns)))
    everything = np.arange(len(t_ns))
    invalid = np.zeros(len(t_ns), bool)
    if values is not None:
        invalid = ~(np.abs(values) <= MAX_VALUE).all(axis=1)
    late = np.zeros(len(t_ns), bool)
    late[1:] = t_ns[1:] < np.maximum.accumulate(t_ns)[:-1]
    kept = everything[~invalid]
    kept = kept[np.argsort(t_ns[kept], kind="stable")]
    doubled = np.zeros(len(t_ns), bool)
    doubled[kept[1:][np.diff(t_ns[kept]) == 0]] = True
    parts = []
    for rows, what in (
        (invalid, "with a value that is no measurement left out"),
        (late, "out of order moved to their time"),
        (doubled, "with a doubled time stamp left out"),
    ):
        count = int(np.count_nonzero(rows))
        if count > limit or count == len(t_ns):
            return everything
        if count:
            parts.append(f"{count} {what} (the first is line {lines[np.flatnonzero(rows)[0]]})")
    if parts:
        add_warning(warnings, f"{where}: of {len(t_ns)} rows {'; '.join(parts)}")
    return kept[~doubled[kept]]
