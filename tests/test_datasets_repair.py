# SPDX-License-Identifier: Apache-2.0
"""Single damaged rows of a recording are repaired with a note; many are refused."""

from pathlib import Path

import numpy as np
import pytest

from vio.datasets import open_dataset
from vio.datasets.repair import rows_to_keep
from vio.errors import VioError


def rewrite(path: Path, change: dict[int, str | None], swap: tuple[int, int] | None = None) -> None:
    """Replace rows of a csv (numbered from 1, below the header); None doubles a row."""
    head, *rows = path.read_text().splitlines()
    out = []
    for k, row in enumerate(rows, start=1):
        new = change.get(k, row)
        out += [row, row] if new is None else [new]
    if swap is not None:
        a, b = swap
        out[a - 1], out[b - 1] = out[b - 1], out[a - 1]
    path.write_text("\n".join([head, *out]) + "\n")


@pytest.mark.parametrize("name", ["cam0", "cam1", "imu0"])
def test_a_row_that_comes_too_late_is_moved_to_its_time(recording: Path, name: str) -> None:
    good = open_dataset(recording)
    rewrite(recording / name / "data.csv", {}, swap=(5, 6))
    data = open_dataset(recording)
    assert np.array_equal(data.imu.t_ns, good.imu.t_ns)
    assert np.array_equal(data.imu.gyro_rad_s, good.imu.gyro_rad_s)
    for frame, before in zip(data.frames(), good.frames(), strict=True):
        assert frame.t_ns == before.t_ns
        assert np.array_equal(frame.left, before.left)
        assert np.array_equal(frame.right, before.right)
    (note,) = data.warnings
    assert f"{name}/data.csv" in note
    assert "1 out of order moved to their time (the first is line 7)" in note


@pytest.mark.parametrize("name", ["cam0", "cam1", "imu0"])
def test_of_two_rows_with_one_stamp_the_first_is_kept(recording: Path, name: str) -> None:
    good = open_dataset(recording)
    rewrite(recording / name / "data.csv", {4: None})
    data = open_dataset(recording)
    assert np.array_equal(data.imu.t_ns, good.imu.t_ns)
    assert len(list(data.frames())) == 12
    assert "1 with a doubled time stamp left out (the first is line 6)" in data.warnings[0]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300"])
def test_an_inertial_sample_that_is_no_measurement_is_left_out(recording: Path, value: str) -> None:
    good = open_dataset(recording)
    row = (recording / "imu0" / "data.csv").read_text().splitlines()[4]
    rewrite(recording / "imu0" / "data.csv", {4: row.replace(",0.1,", f",{value},")})
    data = open_dataset(recording)
    assert np.array_equal(data.imu.t_ns, np.delete(good.imu.t_ns, 3))
    assert (
        "1 with a value that is no measurement left out (the first is line 5)" in (data.warnings[0])
    )


def test_many_samples_that_are_no_measurement_are_refused(recording: Path) -> None:
    path = recording / "imu0" / "data.csv"
    rows = path.read_text().splitlines()
    rewrite(path, {k: rows[k].replace(",0.1,", ",nan,") for k in range(1, 1 + len(rows) // 8)})
    with pytest.raises(VioError, match=r"line 2 holds a value that is not finite \(16 such rows"):
        open_dataset(recording)


def test_one_stamp_far_ahead_does_not_make_all_later_rows_late(recording: Path) -> None:
    path = recording / "imu0" / "data.csv"
    stamp, rest = path.read_text().splitlines()[10].split(",", 1)
    rewrite(path, {10: f"{int(stamp) + 10**12},{rest}"})
    with pytest.raises(VioError, match="not sorted"):
        open_dataset(recording)


@pytest.mark.parametrize("count", [1, 2])
def test_a_table_without_any_measurement_stays_as_it_is(count: int) -> None:
    nan, notes = np.full((count, 6), np.nan), []
    kept = rows_to_keep(np.arange(count), nan, np.arange(count) + 2, "imu0", notes)
    assert len(kept) == count
    assert not notes
