# SPDX-License-Identifier: Apache-2.0
"""Geometric verification: planted outliers, wrong gyroscopes, degenerate motion."""

import numpy as np

from vio.frontend.ransac import mono_ransac, next_draw, refine_motion, stereo_ransac
from vio.geometry import exp_so3

FOCAL = 450.0
BASELINE_M = 0.11


def two_views(
    seed: int, t: np.ndarray, noise_px: float = 0.2, count: int = 150
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return R, rays of both views, points in both views."""
    rng = np.random.default_rng(seed)
    depth = rng.uniform(1.5, 8.0, count)
    rays_key = rng.uniform([-0.7, -0.45], [0.7, 0.45], (count, 2))
    points_key = np.column_stack([rays_key, np.ones(count)]) * depth[:, None]
    R = exp_so3(np.array([0.03, -0.05, 0.08]))
    points = points_key @ R.T + t
    rays = points[:, :2] / points[:, 2:] + rng.normal(0.0, noise_px / FOCAL, (count, 2))
    return R, rays_key, rays, points_key, points


def test_the_draws_visit_many_states_and_never_zero() -> None:
    state, seen = np.uint64(1), set()
    for _ in range(5000):
        state = next_draw(state)
        seen.add(int(state))
    assert len(seen) == 5000
    assert 0 not in seen


def test_planted_outliers_are_rejected_and_inliers_kept() -> None:
    R, rays_key, rays, _, _ = two_views(1, np.array([0.3, 0.05, 0.1]))
    rng = np.random.default_rng(2)
    bad = rng.choice(len(rays), 45, replace=False)
    rays[bad] += rng.uniform(8.0, 30.0, (45, 2)) / FOCAL * rng.choice([-1, 1], (45, 2))
    inlier, _, _ = mono_ransac(R, rays_key, rays, 1.0 / FOCAL, 0.003, 64, 1)
    good = np.setdiff1d(np.arange(len(rays)), bad)
    assert inlier[good].mean() > 0.97
    # An outlier that slid along its epipolar line cannot be told by two views.
    assert inlier[bad].mean() < 0.15


def test_a_biased_gyroscope_is_corrected_from_the_matches() -> None:
    R, rays_key, rays, _, _ = two_views(3, np.array([0.2, -0.1, 0.1]))
    biased = exp_so3(np.array([0.001, -0.002, 0.004])) @ R
    inlier, refined, t = mono_ransac(biased, rays_key, rays, 1.0 / FOCAL, 0.005, 64, 1)
    assert inlier.mean() > 0.97
    assert np.linalg.norm(refined - R) < 0.15 * np.linalg.norm(biased - R)
    direction = np.array([0.2, -0.1, 0.1]) / np.linalg.norm([0.2, -0.1, 0.1])
    assert abs(t @ direction) > 0.98


def test_without_the_correction_the_biased_gyroscope_would_cost_inliers() -> None:
    R, rays_key, rays, _, _ = two_views(3, np.array([0.2, -0.1, 0.1]))
    biased = exp_so3(np.array([0.001, -0.002, 0.004])) @ R
    inlier, _, _ = mono_ransac(biased, rays_key, rays, 1.0 / FOCAL, 1e-9, 64, 1)
    assert inlier.mean() < 0.9


def test_pure_rotation_keeps_all_matches_but_the_outliers() -> None:
    R, rays_key, rays, _, _ = two_views(4, np.zeros(3))
    angle = np.arange(20) * 2.4  # in all directions: together they are no translation
    rays[:20] += 15.0 / FOCAL * np.column_stack([np.cos(angle), np.sin(angle)])
    inlier, refined, _ = mono_ransac(R, rays_key, rays, 1.0 / FOCAL, 0.003, 64, 1)
    assert inlier[20:].all()
    assert inlier[:20].mean() < 0.3
    assert np.linalg.norm(refined - R) < 2e-3


def test_standstill_without_noise_keeps_all_matches() -> None:
    rays = np.random.default_rng(5).uniform(-0.5, 0.5, (60, 2))
    inlier, refined, _ = mono_ransac(np.eye(3), rays, rays.copy(), 1.0 / FOCAL, 0.005, 64, 1)
    assert inlier.all()
    assert np.allclose(refined, np.eye(3), atol=1e-9)


def test_too_few_matches_are_kept_unverified() -> None:
    rays = np.random.default_rng(6).uniform(-0.5, 0.5, (7, 2))
    inlier, _, _ = mono_ransac(np.eye(3), rays, rays[::-1].copy(), 1e-3, 0.005, 64, 1)
    assert inlier.all()


def test_the_same_seed_gives_the_same_bits() -> None:
    R, rays_key, rays, _, _ = two_views(7, np.array([0.1, 0.0, 0.3]), noise_px=0.6)
    runs = [mono_ransac(R, rays_key, rays, 1.0 / FOCAL, 0.005, 64, 9) for _ in range(2)]
    for a, b in zip(*runs, strict=True):
        assert a.tobytes() == b.tobytes()


def test_the_refinement_reaches_the_true_motion() -> None:
    t = np.array([0.3, 0.1, -0.2])
    R, rays_key, rays, _, _ = two_views(8, t, noise_px=0.0)
    start_R = exp_so3(np.array([0.002, 0.003, -0.002])) @ R
    start_t = t / np.linalg.norm(t) + np.array([0.05, -0.04, 0.03])
    start_t /= np.linalg.norm(start_t)
    refined, direction = refine_motion(
        start_R, start_t, rays_key, rays, 10.0 / FOCAL, 1.0, 0.3 / FOCAL
    )
    assert np.abs(refined - R).max() < 1e-6
    assert abs(direction @ t) / np.linalg.norm(t) > 1.0 - 1e-9


def test_wrong_depths_are_rejected_by_the_stereo_check() -> None:
    R, _, _, points_key, points = two_views(9, np.array([0.2, 0.0, 0.3]))
    bad = np.arange(0, 150, 5)
    points = points.copy()
    points[bad] *= 1.5
    agree = stereo_ransac(R, points_key, points, BASELINE_M, 3.0 / FOCAL, 64, 1)
    near = points[:, 2] < 6.0  # a wrong depth far away is below the threshold
    assert agree[np.setdiff1d(np.arange(150), bad)].all()
    assert not agree[bad][near[bad]].any()
