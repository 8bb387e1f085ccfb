# SPDX-License-Identifier: Apache-2.0
"""Tracks over a time without frames: right ones are believed, wrong ones that fit together not."""

from dataclasses import replace

import numpy as np
import pytest

from tests.simulation import START_NS, Simulation, odometry_of
from tests.test_carried import replay, segment, time_s
from vio.backend import agreement
from vio.backend.window import Window
from vio.data import State, Status
from vio.geometry import exp_so3
from vio.odometry import Odometry, run

GAP_S = (2.5, 3.5)
SHIFT_PX = np.array([40.0, 0.0])


def with_gap(seed: int, wrong: float = 0.0) -> Simulation:
    """Return a flight without frames for 1 s.

    wrong: share of the tracks that lie 40 pixels beside in the first frame after it, all in one
    direction. Tracks have new identities from the next frame on, as after a reset, if any is wrong.
    """
    sim = Simulation(seed, 5.0)
    t_s = (sim.frame_t_ns - START_NS) * 1e-9
    kept = np.flatnonzero((t_s <= GAP_S[0]) | (t_s > GAP_S[1]))
    sim.frame_t_ns = sim.frame_t_ns[kept]
    frames = [sim._frames[k] for k in kept]
    first = int(np.searchsorted(t_s[kept], GAP_S[1] + 1e-6))
    if wrong > 0.0:
        f = frames[first]
        off = SHIFT_PX * (f.ids % 10 < round(10 * wrong))[:, None]
        frames[first] = replace(f, uv_left=f.uv_left + off, uv_right=f.uv_right + off)
        for k in range(first + 1, len(frames)):
            frames[k] = replace(frames[k], ids=frames[k].ids + 10**6)
    sim._frames = frames
    return sim


def with_survivors(seed: int, *, wrong: bool) -> Simulation:
    """Return a flight without frames for 1 s, which few tracks survive: twelve rightly.

    wrong: three more are found again in a wrong place and stay there; else these are lost, too.
    """
    sim = with_gap(seed)
    frames = sim._frames
    first = int(np.searchsorted((sim.frame_t_ns - START_NS) * 1e-9, GAP_S[1] + 1e-6))
    both = np.intersect1d(frames[first - 1].ids, frames[first].ids)[:15]
    old = both if wrong else both[3:]
    for k in range(first, len(frames)):
        f = frames[k]
        off = 3.0 * SHIFT_PX * (wrong & np.isin(f.ids, both[:3]))[:, None]
        ids = np.where(np.isin(f.ids, old), f.ids, f.ids + 10**6)
        frames[k] = replace(f, ids=ids, uv_left=f.uv_left + off, uv_right=f.uv_right + off)
    return sim


def flown(sim: Simulation, resets: list[int] | None = None) -> list[State]:
    odometry: Odometry = odometry_of(sim, replay())
    reset = odometry.frontend.reset
    if resets is not None:
        odometry.frontend.reset = lambda: (resets.append(1), reset())[1]  # type: ignore[method-assign]
    return list(run(sim, odometry))


def way_error_m(sim: Simulation, states: list[State]) -> float:
    """Return by how much the way from GAP_S[0] to the last pose is longer or shorter than true."""
    before = [s for s in states if time_s(s) <= GAP_S[0] + 1e-6][-1]
    after = states[-1]
    _, p = sim.poses(np.array([time_s(before), time_s(after)]))
    way = np.linalg.norm(after.p_world_body - before.p_world_body)
    return abs(float(way - np.linalg.norm(p[1] - p[0])))


def test_right_tracks_over_a_second_without_frames_are_believed() -> None:
    resets: list[int] = []
    states = flown(with_gap(0), resets)
    assert {s.status for s in segment(states, 1)} == {Status.TRACKING}
    assert states[-1].segment == 1
    assert not resets


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_a_few_wrong_tracks_that_stay_do_not_pull_at_the_pose_frame_after_frame(seed: int) -> None:
    """They did, by 8, 2 and 5 mm, before a dropped observation made its track a suspect."""
    right, wrong = (
        np.array([s.p_world_body for s in flown(sim) if 0.0 < time_s(s) - GAP_S[1] < 0.5])
        for sim in (with_survivors(seed, wrong=False), with_survivors(seed, wrong=True))
    )
    assert np.linalg.norm(wrong - right, axis=1).max() < 1.5e-3


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_wrong_tracks_that_fit_together_are_dropped_and_the_state_is_carried_on(
    share: float,
) -> None:
    resets: list[int] = []
    sim = with_gap(0, wrong=share)
    states = flown(sim, resets)
    assert len(resets) == 1
    first = next(s for s in states if time_s(s) > GAP_S[1])
    assert first.status is Status.LOST
    again = segment(states, 2)
    assert time_s(again[0]) - time_s(first) < 0.11
    assert way_error_m(sim, states) < 0.05


def test_believed_all_the_same_they_would_pull_the_pose_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agreement, "agrees", lambda *_: True)
    sim = with_gap(0, wrong=1.0)
    assert way_error_m(sim, flown(sim)) > 0.05


def test_the_derivatives_of_the_residuals_are_those_of_small_steps() -> None:
    sim = Simulation(0, 1.5)
    odometry = odometry_of(sim, replay())
    list(run(sim, odometry))
    w = odometry.estimator.window
    assert isinstance(w, Window)
    slot = odometry.estimator.slot
    rows = np.flatnonzero((w.mask[:, slot] != 0) & (w.lm_state == 2) & (w.host != slot))
    rays = w.obs[rows, slot, :2].astype(np.float64)
    e, J = agreement._residuals(w, slot, rows, rays)
    assert np.median(np.abs(e)) < 2.0
    for c in range(6):
        step = np.zeros(6)
        step[c] = 1e-6
        R, p = w.R[slot].copy(), w.vec[slot].copy()
        w.R[slot] = exp_so3(step[:3]) @ R
        w.vec[slot, :3] += step[3:]
        moved, _ = agreement._residuals(w, slot, rows, rays)
        w.R[slot], w.vec[slot] = R, p
        np.testing.assert_allclose((moved - e) / 1e-6, J[:, :, c], rtol=1e-3, atol=0.05)
