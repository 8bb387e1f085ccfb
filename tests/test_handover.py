# SPDX-License-Identifier: Apache-2.0
"""The right camera goes on alone while there are no left images, and gives the lead back."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.simulation import Simulation
from tests.states import make_state
from tools.faults.runs import ate_m, truth_of
from vio import make_odometry
from vio.backend.landmarks import reprojection_errors
from vio.backend.window import ACTIVE, FREE, Window
from vio.camera import StereoRig
from vio.config import load_config
from vio.data import State, Status, StereoFrame
from vio.datasets import open_dataset
from vio.datasets.base import Dataset
from vio.handover import CameraHandover
from vio.odometry import run, trajectory_of
from vio.runs.samples import FrameSampler

IMAGE = np.zeros((4, 4), np.uint8)
STEP_NS = 50_000_000


# The window ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flown() -> tuple[Simulation, Any]:
    """Return a simulation and the odometry that has followed it for 3 s."""
    sim = Simulation(1, 3.0, stereo_share=0.7)
    odometry = make_odometry(
        sim.rig, sim.imu_noise, load_config("euroc", ['frontend.engine="replay"'])
    )
    assert list(run(sim, odometry))[-1].status == "tracking"
    return sim, odometry


def errors_of(w: Window, rows: np.ndarray) -> np.ndarray:
    slots, _, _ = w.columns()
    return reprojection_errors(rows, w.rig, w.visual_arrays(slots), slots) / w.weight


def points_of(w: Window, rows: np.ndarray) -> np.ndarray:
    """Return landmarks (N, 3) in the body frames of their hosts, metres."""
    lm = w.lm[rows]
    rays = np.column_stack([lm[:, :2], np.ones(len(rows))]) / lm[:, 2:]
    return rays @ w.rig.R_body_cam0.T + w.rig.p_body_cam0


def test_landmarks_stay_where_they_are_when_the_cameras_change(flown: tuple) -> None:
    sim, odometry = flown
    w = odometry.estimator.window
    rows = w.active_rows()
    assert len(rows) > 30
    assert len(set(w.mask[rows].ravel()) & {1, 2, 3}) >= 2  # some are seen by one camera only
    errors, points, lm = errors_of(w, rows), points_of(w, rows), w.lm[rows].copy()
    H, g, cost = w.linearize()
    w.change_cameras(StereoRig(sim.rig.right, sim.rig.left))
    assert (w.lm_state[rows] == ACTIVE).all()
    assert np.allclose(points_of(w, rows), points, atol=1e-12)
    # The weights are those of the cameras' places: compared is the error in rays.
    seen = errors_of(w, rows)[..., ::-1]
    assert np.array_equal(seen < 0.0, errors < 0.0)
    assert np.allclose(seen[seen >= 0.0], errors[errors >= 0.0], rtol=1e-9, atol=1e-12)
    if w.weight[0] == w.weight[1]:
        H_changed, g_changed, cost_changed = w.linearize()
        assert cost_changed == pytest.approx(cost, rel=1e-9)
        assert np.allclose(H_changed, H, rtol=1e-6, atol=1e-6 * np.abs(H).max())
        assert np.allclose(g_changed, g, rtol=1e-6, atol=1e-6 * np.abs(g).max())
    w.change_cameras(sim.rig)
    assert np.allclose(w.lm[rows], lm, rtol=1e-9)


def test_landmarks_that_the_other_camera_cannot_see_are_let_go() -> None:
    sim = Simulation(1, 3.0)
    odometry = make_odometry(
        sim.rig, sim.imu_noise, load_config("euroc", ['frontend.engine="replay"'])
    )
    list(run(sim, odometry))
    w = odometry.estimator.window
    assert w is not None
    tracks = set(w.lm_id[w.active_rows()].tolist())
    assert tracks <= set(w.row_of)
    backwards = sim.rig.right.T_body_cam @ np.diag([-1.0, 1.0, -1.0, 1.0])
    w.change_cameras(StereoRig(replace(sim.rig.right, T_body_cam=backwards), sim.rig.left))
    assert (w.lm_state == FREE).all()
    assert not w.row_of
    assert not w.mask.any()
    assert np.isfinite(w.lm).all()


# Who leads ----------------------------------------------------------------------------------------


class Leads:
    """Stand in for front end and estimator: note what is asked."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig

    def begin_after(self, other: "Leads") -> None:
        self.after = other

    def change_cameras(self, rig: Any, pair: Any) -> None:
        self.changed = rig


def leads(images: str, after_s: float = 0.1) -> str:
    """Return which camera leads, L or R, in frames at 20 Hz that have l, r, b(oth), or no image."""
    pair = SimpleNamespace(left="left", right="right")
    handover = CameraHandover(pair, Leads(pair), after_s, Leads)  # type: ignore[arg-type]
    out = ""
    for k, has in enumerate(images):
        frame = StereoFrame(
            k * STEP_NS, IMAGE if has in "lb" else None, IMAGE if has in "rb" else None
        )
        if handover.is_due(frame):
            handover.change(Leads(None))  # type: ignore[arg-type]
        out += "R" if handover.is_right else "L"
        given = handover.seen(frame)
        assert given.left is (frame.right if handover.is_right else frame.left)
    return out


@pytest.mark.parametrize(
    ("images", "who"),
    [
        ("bbbbbb", "LLLLLL"),
        ("llllll", "LLLLLL"),  # a dead right camera changes nothing
        ("bbrrrrrrbbbbb", "LLLLRRRRRRLLL"),
        ("rrrr", "LLRR"),  # from the start
        ("brbrbrbrrbrrb", "LLLLLLLLLLLLL"),  # a left camera that stutters
        ("brrrrbrrbrrr", "LLLRRRRRRRRR"),  # one image is not yet its return
        ("b......rrr", "LLLLLLLLLR"),  # no images at all say nothing of either
        ("br..rr", "LLLLRR"),
    ],
)
def test_the_lead_changes_after_a_time(images: str, who: str) -> None:
    assert leads(images) == who


# What is shown ------------------------------------------------------------------------------------


def test_tracks_of_the_right_camera_are_not_drawn_into_left_images() -> None:
    sampler = FrameSampler(4, wanted=4)
    image = np.zeros((20, 20), np.uint8)
    for k in range(4):
        state = make_state(5 * k)  # keyframes
        assert state.tracks is not None
        assert state.tracks.is_stereo.all()
        if k in (1, 2):
            nowhere = np.full_like(state.tracks.uv_left, np.nan)
            state = replace(state, tracks=replace(state.tracks, uv_left=nowhere))
            assert not state.tracks.is_stereo.any()
        sampler.add(state, StereoFrame(state.t_ns, image, image))
    assert [s.frame_index for s in sampler.samples] == [0, 15]
    last = sampler.samples[-1]
    assert all(np.isfinite(trail).all() for trail in last.trails.values())


# Flights ------------------------------------------------------------------------------------------


@dataclass
class WithoutLeft:
    """A recording that has no left images from `start_s` to `end_s`."""

    data: Dataset
    start_s: float
    end_s: float

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data, name)

    def frames(self) -> Iterator[StereoFrame]:
        first = None
        for frame in self.data.frames():
            first = frame.t_ns if first is None else first
            gone = self.start_s <= (frame.t_ns - first) * 1e-9 < self.end_s
            yield StereoFrame(frame.t_ns, None if gone else frame.left, frame.right)


def fly(data: Dataset, start_s: float, end_s: float, *settings: str) -> list[State]:
    spoilt = WithoutLeft(data, start_s, end_s)
    odometry = make_odometry(data.rig, data.imu_noise, load_config("euroc", settings))
    return list(run(spoilt, odometry, int(data.frame_t_ns[0] + 8e9)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def undisturbed_m(real_data: Path) -> float:
    """Return the ATE of the clip's first 8 s with both cameras."""
    folder = real_data / "euroc" / "MH_01_easy"
    return ate_m(trajectory_of(fly(open_dataset(folder), 9e9, 9e9)), truth_of(folder))


@pytest.mark.slow
@pytest.mark.parametrize("arithmetic", ["float", "float32"])
def test_the_right_camera_bridges_a_dead_left_one(
    real_data: Path, arithmetic: str, undisturbed_m: float
) -> None:
    folder = real_data / "euroc" / "MH_01_easy"
    states = fly(open_dataset(folder), 3.0, 6.0, f"backend.arithmetic={arithmetic}")
    t = [(s.t_ns - states[0].t_ns) * 1e-9 for s in states]
    assert {s.segment for s in states if s.p_world_body is not None} == {1}
    assert [s.status for s in states].count(Status.INERTIAL) <= 4  # until the lead changes
    alone = [s for s, at in zip(states, t, strict=True) if 3.2 < at < 6.0]
    assert all(s.status is Status.TRACKING for s in alone)
    assert all(s.reason for s in alone)
    for s in alone:
        assert s.tracks is not None
        assert len(s.tracks.ids) > 20
        assert np.isnan(s.tracks.uv_left).all()
        assert np.isfinite(s.tracks.uv_right).all()
    first_seen: dict[int, int] = {}
    for k, s in enumerate(states):
        assert s.tracks is not None
        for i in s.tracks.ids.tolist():
            assert k - first_seen.setdefault(i, k) < 200
    ids = [set(s.tracks.ids.tolist()) for s in states if s.tracks is not None]
    back = next(k for k, at in enumerate(t) if at >= 6.2)
    assert not set.union(*ids[back:]) & set.union(*ids[: back - 6])  # never used again
    assert ate_m(trajectory_of(states), truth_of(folder)) <= 1.5 * undisturbed_m


@pytest.mark.slow
def test_a_left_camera_that_never_was_leaves_the_right_one_to_start(real_data: Path) -> None:
    folder = real_data / "euroc" / "MH_01_easy"
    states = fly(open_dataset(folder), 0.0, 99.0)
    assert states[-1].status is Status.TRACKING
    assert ate_m(trajectory_of(states), truth_of(folder)) < 0.05
    never = fly(open_dataset(folder), 0.0, 99.0, "frontend.right_after_s=0")
    assert all(s.p_world_body is None for s in never)
