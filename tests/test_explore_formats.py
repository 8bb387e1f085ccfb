# SPDX-License-Identifier: Apache-2.0
"""The exploration's second front: image sizes and frame rates."""

import csv
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.exploring import BASE, Here, make_plan, stand_in
from vio.camera import Camera
from vio.datasets.resampled import resampled_camera
from vio.errors import VioError
from vio.explore.cost import costs, work_from
from vio.explore.explore import explore
from vio.explore.formats import FORMAT_COSTS, every_format, make_formats, parse_sizes
from vio.explore.knobs import base_of, configure
from vio.explore.task import Result, Task

SIZES, RATES = ("bin2", "crop75", "bin4"), (4, 2)


def thinned(task: Task) -> tuple[Result, float]:
    """Return the stand-in's result with as many frames as there are, and an error by size."""
    result, seconds = stand_in(task)
    of = task.settings["dataset"]
    every, worse = of["every"], of["binning"] / of["crop"]
    for key in ("frames", "poses"):
        result[key] //= every
    for key in ("tracking_frames", "keyframes"):
        result["work"][key] //= every
    return result | {"ate_m": result["ate_m"] * (worse + 0.1 * every)}, seconds


def explored(folder: Path, **changes: object) -> dict:
    """Return the record of a plan with sizes and rates; its files are in folder / out."""
    out = folder / "out"
    out.mkdir()
    plan = make_plan(folder, **{"budget": 3, "sizes": SIZES, "rates": RATES} | changes)
    return explore(plan, out, lambda: nullcontext(Here(thinned)))


def test_every_pair_is_a_configuration_whose_chip_fits_its_images() -> None:
    knobs = make_formats(BASE, SIZES, RATES)
    assert [k.values for k in knobs] == [
        ("752x480 (full)", "368x240 (bin2)", "560x352 (crop75)", "176x112 (bin4)"),
        (1, 2, 4),
    ]
    assert configure(BASE, knobs, base_of(knobs)) == BASE
    camera = Camera(752, 480, 458.0, 457.0, 367.0, 248.0, (0.0,) * 4, np.eye(4))
    found = [configure(BASE, knobs, point) for point in every_format(knobs)]
    assert len(found) == len({str(config) for config in found}) == 12
    for config in found:
        d = config.dataset
        resampled = resampled_camera(camera, d.crop, d.binning, d.every)
        assert (resampled.width, resampled.height) == (config.hw.max_width, config.hw.max_height)


def test_spacings_shrink_with_bins_and_not_with_crops() -> None:
    knobs = make_formats(BASE, ("bin2", "crop75"), ())
    whole, binned, cropped = (configure(BASE, knobs, (k, 0)) for k in range(3))
    assert binned.frontend.min_distance_px == whole.frontend.min_distance_px // 2 == 7
    assert binned.keyframe.max_parallax_px == whole.keyframe.max_parallax_px / 2
    assert (whole.hw.tile_px, binned.hw.tile_px) == (16, 8)
    assert binned.frontend == replace(whole.frontend, min_distance_px=7)
    assert (cropped.frontend, cropped.keyframe) == (whole.frontend, whole.keyframe)


def test_what_is_no_size_or_rate_is_refused() -> None:
    assert parse_sizes("bin2, full,crop75,bin2") == ("bin2", "full", "crop75")
    for text in ("", "bin3", "crop5", "crop100", "752x480"):
        with pytest.raises(VioError, match="is no size; give full"):
            parse_sizes(text)
    with pytest.raises(VioError, match=r"dataset\.every = 60 is out of range"):
        make_formats(BASE, (), (60,))
    binned = replace(BASE, dataset=replace(BASE.dataset, binning=2))
    with pytest.raises(VioError, match="begin with every pixel"):
        make_formats(binned, ("crop75",), ())


def test_the_cycles_of_a_second_are_those_of_its_frames(tmp_path: Path) -> None:
    task = Task(str(tmp_path), "d", {"frontend": {}}, 4.0, "code", "libraries")
    record = stand_in(task)[0]["work"]
    work = work_from({k: v for k, v in record.items() if k != "counted"})
    found = costs(work, BASE)
    cycles = work.tracking_frames * found.cycles_tracking + work.keyframes * found.cycles_keyframe
    frames = work.tracking_frames + work.keyframes
    assert found.cycles_s == pytest.approx((cycles + frames * 752 * 480) / 4.0)


def test_the_default_is_run_with_every_size_and_rate(tmp_path: Path) -> None:
    found = explored(tmp_path)
    rows = found["formats"]["rows"]
    assert len(rows) == 12
    assert [row["is_default"] for row in rows] == [True] + [False] * 11
    assert all(row["failure"] == "" for row in rows)  # fewer poses, in as many fewer frames
    default = rows[0]["costs"]
    for row in rows[1:]:
        if "size" in row["changed"]:
            assert row["costs"]["kib"] < default["kib"]
        assert row["costs"]["cycles_s"] < default["cycles_s"]
        assert row["costs"]["mean_uw"] < default["mean_uw"]
    assert json.loads((tmp_path / "out" / "explore.json").read_text())["formats"]["rows"] == rows
    table = list(csv.DictReader((tmp_path / "out" / "formats.csv").open()))
    assert [(row["size"], row["every"]) for row in table][:4] == [
        ("752x480 (full)", "1"), ("752x480 (full)", "2"),
        ("752x480 (full)", "4"), ("368x240 (bin2)", "1"),
    ]  # fmt: skip


def test_the_second_front_holds_what_nothing_betters(tmp_path: Path) -> None:
    rows = explored(tmp_path)["formats"]["rows"]
    axes = [
        np.array([row["ate_ratio"]["ratio"], *(row["costs"][name] for name in FORMAT_COSTS)])
        for row in rows
    ]
    wanted = [not any((b <= a).all() and (b < a).any() for b in axes) for a in axes]
    assert [row["on_front"] for row in rows] == wanted
    assert 1 < sum(wanted) <= len(wanted)


def test_without_sizes_and_rates_there_is_no_second_front(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "formats.csv").write_text("of an exploration before")
    plan = make_plan(tmp_path, budget=3)
    assert "formats" not in explore(plan, tmp_path / "out", lambda: nullcontext(Here()))
    assert not (tmp_path / "out" / "formats.csv").exists()
