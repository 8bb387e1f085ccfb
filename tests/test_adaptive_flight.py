# SPDX-License-Identifier: Apache-2.0
"""`vio run --adaptive` on a rendered flight with engine fixed: poses, energy, accuracy, a fault."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vio.adaptive import Level
from vio.cli import main
from vio.config import load_config
from vio.data import State, Status, StereoFrame
from vio.datasets import open_dataset
from vio.datasets.base import PassedOn
from vio.effort import settings_at
from vio.engines import make_odometry
from vio.hw.estimates.energy import VARIANTS, frame_pj
from vio.hw.estimates.work import frame_work
from vio.odometry import run
from vio.runs.energy import EnergyCount, skipped_pj

pytestmark = pytest.mark.slow
MOTION = "adaptive.cruise_motion_rad_s=1.5"  # by hand, this flight turns faster than a drone
DARK_S = (3.0, 3.4)


def _run(flight: Path, out: Path, *options: str) -> dict[str, Any]:
    command = ["run", str(flight), "--preset", "ecp5_85k", "--no-figures", "--no-report"]
    assert main([*command, "--out", str(out), *options]) == 0
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return metrics


def test_an_adaptive_run_takes_less_energy_and_gives_a_pose_for_every_stamp(
    rendered_flight: Path, tmp_path: Path
) -> None:
    full = _run(rendered_flight, tmp_path / "full", "--energy")
    moved = _run(rendered_flight, tmp_path / "moved", "--adaptive", "--set", MOTION)
    assert moved["poses"] == full["poses"]
    assert moved["energy"]["mean_uw"] < 0.9 * full["energy"]["mean_uw"]
    errors = [m["accuracy"]["absolute"]["se3"]["translation_m"]["rmse"] for m in (full, moved)]
    assert errors[1] < max(1.5 * errors[0], 0.006)
    assert full["effort"] is None
    assert not (tmp_path / "full" / "effort.csv").exists()
    rows = (tmp_path / "moved" / "effort.csv").read_text().splitlines()[1:]
    assert len(rows) == moved["frames"]
    skipped = sum(row.endswith(",1") for row in rows)
    assert skipped == moved["frames_by_status"]["predicted"] > 0
    assert moved["effort"]["skipped"] == pytest.approx(skipped / len(rows), abs=1e-4)
    levels = moved["energy"]["levels"]
    assert sum(v["skipped"] for v in levels.values()) == skipped
    assert sum(v["processed"] + v["skipped"] for v in levels.values()) == moved["frames"]


class Darkened(PassedOn):
    """Pass a dataset on whose images are black for a while."""

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[StereoFrame]:
        """Yield the frames."""
        for frame in self._dataset.frames(start_ns, until_ns):
            t_s = (frame.t_ns - self._dataset.frame_t_ns[0]) * 1e-9
            if DARK_S[0] <= t_s < DARK_S[1] and frame.left is not None:
                black = np.zeros_like(frame.left)
                frame = replace(frame, left=black, right=black)
            yield frame


def test_dark_images_are_met_with_full_effort_and_each_frame_is_counted_by_its_own_settings(
    rendered_flight: Path,
) -> None:
    dataset = open_dataset(rendered_flight)
    config = load_config("ecp5_85k", ["adaptive.on=true", MOTION])
    count = EnergyCount(config, 10.0)
    odometry = make_odometry(dataset.rig, dataset.imu_noise, config)
    states: list[State] = []
    with count.windows():
        for state in run(Darkened(dataset), odometry):
            count.add(state)
            states.append(state)
    dark = [
        k for k, s in enumerate(states) if DARK_S[0] <= (s.t_ns - states[0].t_ns) * 1e-9 < DARK_S[1]
    ]
    seen = [k for k in dark if states[k].status is not Status.PREDICTED]
    assert states[seen[0] - 1].effort != "full" or states[seen[0]].effort != "full"
    assert all(states[k].effort == "full" for k in range(seen[0] + 1, dark[-1] + 1))
    assert all(s.p_world_body is not None for s in states[dark[0] : dark[-1]])

    # The account, frame by frame.
    uj, table = 0.0, 0
    for s in states:
        if s.status is Status.PREDICTED:
            uj += skipped_pj(config, table, 10.0) * 1e-6
            continue
        table = len(s.tracks.ids)
        own = settings_at(config, Level[s.effort.upper()])
        uj += (
            sum(frame_pj(frame_work(s.tracks, own.frontend.levels), own, VARIANTS[0]).values())
            * 1e-6
        )
    found = count.record()
    assert found is not None
    counted = (found["frontend_uw"] + found["skipped_uw"]) * found["seconds"]
    assert counted == pytest.approx(uj, rel=1e-3)
