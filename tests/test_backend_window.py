# SPDX-License-Identifier: Apache-2.0
"""Elimination and marginalisation in square-root form against the information form."""

from dataclasses import replace

import numpy as np
import pytest

from tests.simulation import Simulation, odometry_of
from vio.backend.estimator import Estimator
from vio.backend.landmarks import landmark_block
from vio.backend.marginalize import choose_leaving, marginalize
from vio.backend.window import Window
from vio.config import Config, load_config
from vio.geometry import exp_so3
from vio.odometry import run


def config(*overrides: str) -> Config:
    """Return the default configuration for recorded tracks, with overrides."""
    return load_config("euroc", ['frontend.engine="replay"', *overrides])


@pytest.fixture
def window() -> Window:
    """Return a window in the middle of a simulated run, one step away from its optimum."""
    sim = Simulation(7, seconds=3.0)
    odometry = odometry_of(sim, config())
    for _ in run(sim, odometry):
        pass
    w = odometry.estimator.window
    assert w is not None
    rng = np.random.default_rng(0)
    w.vec[:, :3] += rng.normal(0, 0.002, w.vec[:, :3].shape)
    return w


def dense_rows(w: Window) -> tuple[np.ndarray, np.ndarray, int]:
    """Return (J, r) of the whole problem, landmarks as columns behind the n state columns."""
    slots, dims, col = w.columns()
    n = int(dims.sum())
    rows = w.active_rows()
    w.refresh_linearization_points()
    visual = w.visual_arrays(slots)
    S = len(w.t_ns)
    blocks_J, blocks_r = [], []
    for k, row in enumerate(rows):
        J = np.zeros((4 * S, 4 + 6 * S))
        local = np.zeros(S, np.int64)
        m, frames, _ = landmark_block(
            int(row), w.rig, visual, J, local, np.zeros((2, 16)), np.zeros((2, 16))
        )
        full = np.zeros((m, n + 3 * len(rows)))
        full[:, n + 3 * k : n + 3 * k + 3] = J[:m, :3]
        for f in range(frames):
            c = col[local[f]]
            full[:, c : c + 6] = J[:m, 4 + 6 * f : 10 + 6 * f]
        blocks_J.append(full)
        blocks_r.append(J[:m, 3])
    for J, r, cols in w._other_rows(col):
        full = np.zeros((len(r), n + 3 * len(rows)))
        full[:, cols] = J
        blocks_J.append(full)
        blocks_r.append(r)
    return np.concatenate(blocks_J), np.concatenate(blocks_r), n


def schur(H: np.ndarray, g: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the information matrix and vector of `keep` after the others are eliminated."""
    drop = np.setdiff1d(np.arange(len(g)), keep)
    K = H[np.ix_(keep, drop)] @ np.linalg.inv(H[np.ix_(drop, drop)])
    return H[np.ix_(keep, keep)] - K @ H[np.ix_(drop, keep)], g[keep] - K @ g[drop]


def test_landmark_elimination_by_qr_equals_the_schur_complement(window: Window) -> None:
    H, g, _ = window.linearize()
    J, r, n = dense_rows(window)
    expected_H, expected_g = schur(J.T @ J, J.T @ r, np.arange(n))
    scale = np.sqrt(np.diag(expected_H))
    np.testing.assert_allclose(
        H / np.outer(scale, scale), np.triu(expected_H / np.outer(scale, scale)), atol=1e-8
    )
    np.testing.assert_allclose(g / scale, expected_g / scale, atol=1e-6 * np.abs(g / scale).max())


def test_a_step_equals_that_of_the_whole_problem(window: Window) -> None:
    J, r, n = dense_rows(window)
    whole = np.linalg.lstsq(J, -r, rcond=None)[0]
    before = window.lm.copy()
    rows = window.active_rows()
    slots, dims, _ = window.columns()
    start = window.vec.copy()
    window.config = replace(window.config, damping=0.0)
    window.optimize(1)
    step = window.lm[rows] - before[rows]
    np.testing.assert_allclose(step.ravel(), whole[n:], atol=1e-6)
    col = 0
    for s, d in zip(slots, dims, strict=True):
        moved = (window.vec[s] - start[s])[: d - 3]
        np.testing.assert_allclose(moved, whole[col + 3 : col + d], atol=1e-7)
        col += d


def test_qr_and_normal_equations_take_the_same_step(window: Window) -> None:
    saved = window.R.copy(), window.vec.copy(), window.lm.copy()
    window.config = replace(window.config, damping=0.0)
    window.optimize(1)
    expected = window.vec.copy()
    window.R[:], window.vec[:], window.lm[:] = saved
    window.config = replace(window.config, solver="qr")
    window.optimize(1)
    np.testing.assert_allclose(window.vec, expected, atol=1e-7)


def marginalized_information(w: Window, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Return H, g of the states that the new prior will keep, by the information form."""
    _, dims, col = w.columns()
    w.refresh_linearization_points()
    leaving = w.factors[0]
    assert leaving.slot_i == frame
    n = int(dims.sum())
    J, r = [], []
    for rows, res, cols in w._other_rows(col):
        full = np.zeros((len(res), n))
        full[:, cols] = rows
        J.append(full)
        r.append(res)
    # keep the first inertial factor and the prior only: what touches the leaving frame
    A, b = np.concatenate([J[0], J[-1]]), np.concatenate([r[0], r[-1]])
    used = np.flatnonzero(np.abs(A).sum(axis=0) > 0)
    drop = col[frame] + np.arange(15)
    return schur(A.T @ A + 1e-300 * np.eye(n), A.T @ b, np.setdiff1d(used, drop))


def test_marginalisation_by_qr_equals_the_schur_complement(window: Window) -> None:
    frame = next(s for s in window.order if window.is_full[s])
    window.is_keyframe[frame] = False
    hosted = np.flatnonzero((window.lm_state != 0) & (window.host == frame))
    window.free_landmarks(hosted)
    H, g = marginalized_information(window, frame)
    marginalize(window, [frame], [])
    prior = window.prior
    assert prior is not None
    used = np.flatnonzero(np.abs(prior.J).sum(axis=0) > 0)
    P = prior.J[:, used]
    scale = np.sqrt(np.diag(H))
    np.testing.assert_allclose(
        P.T @ P / np.outer(scale, scale), H / np.outer(scale, scale), atol=1e-7
    )
    # At the current states the prior's gradient is that of the rows it replaced.
    gradient = (P.T @ window.prior_residual()) / scale
    np.testing.assert_allclose(gradient, g / scale, atol=1e-6 * max(1.0, np.abs(g / scale).max()))
    assert not np.tril(prior.J, -1).any()
    assert frame not in window.order


def test_first_estimates_of_the_priors_states_are_frozen(window: Window) -> None:
    prior = window.prior
    assert prior is not None
    frozen = [s for s in prior.slots if window.linearized[s]]
    assert frozen == prior.slots
    before = window.R_lin[frozen].copy(), window.vec_lin[frozen].copy()
    window.optimize(3)
    np.testing.assert_array_equal(window.R_lin[frozen], before[0])
    np.testing.assert_array_equal(window.vec_lin[frozen], before[1])


def test_float32_window_holds_nothing_of_another_precision() -> None:
    sim = Simulation(7, seconds=2.0)
    settings = config('backend.precision="float32"')
    odometry = odometry_of(sim, settings)
    states = list(run(sim, odometry))
    assert states[-1].p_world_body is not None
    w = odometry.estimator.window
    assert w is not None
    assert w.prior is not None
    arrays = [w.R, w.vec, w.lm, w.obs, w.prior.J, w.prior.r, w.covariance(), *w.linearize()[:2]]
    for f in w.factors:
        arrays += [f.W, f.pre.dR, f.pre.covariance, *w.imu_rows(f)]
    assert {a.dtype for a in arrays if a is not None} == {np.dtype(np.float32)}


def test_the_window_keeps_its_size() -> None:
    sim = Simulation(3, seconds=4.0)
    settings = config("backend.keyframes=4", "backend.recent_frames=2")
    odometry = odometry_of(sim, settings)
    for state in run(sim, odometry):
        if state.p_world_body is None:
            continue
        w = odometry.estimator.window
        assert isinstance(odometry.estimator, Estimator)
        assert w is not None
        assert np.count_nonzero(w.is_full[w.order]) <= 2
        assert np.count_nonzero(~w.is_full[w.order]) <= 4


@pytest.mark.parametrize(("moved_m", "stays"), [(0.001, False), (0.01, True)])
def test_at_rest_no_keyframe_pushes_out_another(
    window: Window, moved_m: float, stays: bool
) -> None:
    settings = config("backend.recent_frames=2").backend
    recent = [s for s in window.order if window.is_full[s]]
    before = next(s for s in reversed(window.order) if not window.is_full[s])
    oldest = recent[0]
    window.is_keyframe[oldest] = True
    window.R[oldest], window.vec[oldest] = window.R[before], window.vec[before]
    window.vec[oldest, 0] += moved_m
    frames, to_poses = choose_leaving(window, settings, window.order[-1])
    assert (oldest in to_poses, oldest in frames) == (stays, not stays)
    # A turn alone is motion, too.
    window.R[oldest] = exp_so3(np.array([0.0, 0.004, 0.0])) @ window.R[before]
    assert oldest in choose_leaving(window, settings, window.order[-1])[1]
