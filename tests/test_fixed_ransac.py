# SPDX-License-Identifier: Apache-2.0
"""Geometric verification in integers: planted outliers, and the float engine's inliers."""

import numpy as np
import pytest

from tests.test_ransac import BASELINE_M, FOCAL, two_views
from vio.config import HwConfig
from vio.fixed import ransac as fx
from vio.fixed.formats import formats
from vio.fixed.qformat import signal_table
from vio.fixed.rectify import rotation_registers
from vio.frontend import ransac as fl
from vio.geometry import exp_so3

HW = HwConfig()
SIGNALS = signal_table(formats(HW), trace=False)
THRESHOLD = 1.0 / FOCAL
MOTIONS = [(0.3, 0.05, 0.1), (0.0, 0.0, 0.4), (-0.2, 0.25, -0.1), (0.05, -0.02, 0.01)]


def words(values: np.ndarray, frac_bits: int = 16) -> np.ndarray:
    return np.rint(values * 2.0**frac_bits).astype(np.int64)


def squared(distance: float) -> int:
    return round(distance**2 * 2**30)


def mono(
    R: np.ndarray, rays_key: np.ndarray, rays: np.ndarray, sigma: float = 0.002, seed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    return fx.mono_ransac(
        rotation_registers(R, HW),
        words(rays_key),
        words(rays),
        squared(THRESHOLD),
        squared(THRESHOLD + sigma),
        64,
        seed,
        SIGNALS,
    )


def test_draws_are_eight_shifts_of_the_lfsr_apart_and_scaled() -> None:
    state, other = np.uint32(12345), 12345
    for count in range(1, 201):
        state, i = fx.draw_below(state, count)
        for _ in range(8):
            other = other >> 1 ^ (0x80200003 if other & 1 else 0)
        assert (int(state), i) == (other, other * count >> 32)
        assert 0 <= i < count
    assert fx.draw_below(np.uint32(1), 200)[1] != fx.draw_below(np.uint32(999999), 200)[1]


@pytest.mark.parametrize("motion", MOTIONS)
def test_planted_outliers_are_rejected_and_inliers_kept(motion: tuple[float, ...]) -> None:
    R, rays_key, rays, _, _ = two_views(1, np.array(motion))
    rng = np.random.default_rng(2)
    bad = rng.choice(len(rays), 45, replace=False)
    angle = rng.uniform(0.0, 2.0 * np.pi, 45)
    size = rng.uniform(8.0, 30.0, 45) / FOCAL
    rays[bad] += size[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    inlier, _ = mono(R, rays_key, rays)
    good = np.setdiff1d(np.arange(len(rays)), bad)
    assert inlier[good].mean() > 0.95
    # An outlier that slid along its epipolar line cannot be told by two views.
    assert inlier[bad].mean() < 0.2
    # Twin: under another rotation the same inliers are none.
    wrong, _ = mono(exp_so3(np.array([0.03, 0.02, -0.03])) @ R, rays_key, rays)
    assert wrong[good].mean() < 0.8


@pytest.mark.parametrize("motion", MOTIONS)
def test_the_inliers_are_the_float_engines_under_the_same_rotation(
    motion: tuple[float, ...],
) -> None:
    R, rays_key, rays, _, _ = two_views(5, np.array(motion), noise_px=0.3)
    rng = np.random.default_rng(7)
    rays[::4] += rng.normal(0.0, 6.0 / FOCAL, rays[::4].shape)
    inlier, direction = mono(R, rays_key, rays)
    # The float kernel's own errors, for the direction found in integers.
    q = fl.rotate_directions(R, rays_key)
    t = direction / np.linalg.norm(direction)
    exact = np.array([abs(fl.epipolar_error(t, q[m], rays[m])) for m in range(len(rays))])
    clear = np.abs(exact - THRESHOLD) > 0.03 * THRESHOLD
    assert np.array_equal(inlier[clear], exact[clear] <= THRESHOLD)
    assert clear.mean() > 0.9
    # And its whole search, rotation held.
    theirs, _, best_t = fl.mono_ransac(R, rays_key, rays, THRESHOLD, 1e-7, 64, 1)
    assert (inlier == theirs).mean() > 0.93
    if np.linalg.norm(motion) > 0.1:
        assert abs(t @ best_t) > 0.97


def test_the_direction_points_where_the_camera_went() -> None:
    for k, motion in enumerate(MOTIONS[:3]):
        R, rays_key, rays, _, _ = two_views(20 + k, np.array(motion), noise_px=0.05)
        _, t = mono(R, rays_key, rays)
        assert t.dtype == np.int64
        assert np.abs(t).max() <= 2**15
        cosine = abs(t @ np.array(motion)) / np.linalg.norm(t) / np.linalg.norm(motion)
        assert cosine > 0.998


def test_pure_rotation_and_standstill_keep_all_true_matches() -> None:
    R, rays_key, rays, _, _ = two_views(4, np.zeros(3))
    angle = np.arange(20) * 2.4  # in all directions: together they are no translation
    rays[:20] += 15.0 / FOCAL * np.column_stack([np.cos(angle), np.sin(angle)])
    inlier, _ = mono(R, rays_key, rays)
    assert inlier[20:].all()
    assert inlier[:20].mean() < 0.3
    still = np.random.default_rng(5).uniform(-0.5, 0.5, (60, 2))
    assert mono(np.eye(3), still, still)[0].all()


def test_too_few_matches_are_kept_unverified() -> None:
    rays = np.random.default_rng(6).uniform(-0.5, 0.5, (8, 2))
    assert mono(np.eye(3), rays[:7], rays[:7][::-1].copy())[0].all()
    assert not mono(np.eye(3), rays, rays[::-1].copy())[0].all()
    points = np.array([[0, 0, 5 << 10]] * 3, np.int64)
    stereo = words(np.array([[0.0, 0.0, 0.2], [0.3, 0.1, 0.05], [-0.3, 0.2, 0.5]]))
    one = rotation_registers(np.eye(3), HW)
    assert fx.stereo_ransac(one, points, stereo, 400, 64, 1, SIGNALS).all()


def test_seeds_decide_and_the_same_seed_gives_the_same_bits() -> None:
    R, rays_key, rays, _, _ = two_views(7, np.array([0.1, 0.0, 0.3]), noise_px=0.6)
    runs = [mono(R, rays_key, rays, seed=s) for s in (9, 9, 10, 11, 12)]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*runs[:2], strict=True))
    assert len({t.tobytes() for _, t in runs}) > 1


@pytest.mark.parametrize("motion", MOTIONS[:3])
def test_changes_of_size_are_the_float_engines(motion: tuple[float, ...]) -> None:
    R, rays_key, rays, _, _ = two_views(11, np.array(motion), noise_px=0.0)
    t = np.array(motion) / np.abs(motion).max()
    exact = fl.scale_change(R, t / np.linalg.norm(t), rays_key, rays)
    got = fx.inverse_scale_change(
        rotation_registers(R, HW),
        np.clip(words(t, 15), -(2**15), 2**15 - 1),
        words(rays_key),
        words(rays),
        HW.scale_frac,
        SIGNALS,
    )
    ratio = got / 2**HW.scale_frac * exact
    assert np.abs(ratio - 1.0).max() < 0.02
    assert np.median(np.abs(ratio - 1.0)) < 0.003
    if abs(motion[2]) > 0.05:
        assert np.abs(got / 2**HW.scale_frac / exact - 1.0).max() > 0.05  # not its inverse


def stereo_words(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return points in baselines, and rays with disparity, of points (N, 3) in metres."""
    rays = np.column_stack([points[:, :2] / points[:, 2:], BASELINE_M / points[:, 2]])
    return words(points / BASELINE_M, 10), words(rays)


def test_a_stereo_point_is_its_ray_at_the_depth_of_its_disparity() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        point = rng.uniform([-2.0, -2.0, 0.8], [2.0, 2.0, 20.0])
        _, stereo = stereo_words(point[None])
        out = np.zeros(3, np.int64)
        fx.stereo_point(SIGNALS, *stereo[0], out)
        exact = stereo[0, :2] / stereo[0, 2]  # baselines, for the quantised disparity
        z = 2.0**16 / stereo[0, 2]
        assert abs(out[2] / 2**10 - z) <= 2.0**-10
        assert np.abs(out[:2] / 2**10 - exact).max() <= 2e-3
        fx.stereo_point(SIGNALS, stereo[0, 0], stereo[0, 1], stereo[0, 2] * 2, out)
        assert abs(out[2] / 2**10 - z) > 0.3 * z
    far = np.zeros(3, np.int64)
    fx.stereo_point(SIGNALS, 0, 0, 0, far)
    assert 1000 < far[2] / 2**10 < 1024


def test_wrong_depths_are_rejected_as_by_the_float_engine() -> None:
    R, _, _, points_key, points = two_views(9, np.array([0.2, 0.0, 0.3]))
    bad = np.arange(0, 150, 5)
    points = points.copy()
    points[bad] *= 1.5
    threshold = 3.0 / FOCAL
    theirs = fl.stereo_ransac(R, points_key, points, BASELINE_M, threshold, 64, 1)
    key, _ = stereo_words(points_key)
    _, stereo = stereo_words(points)
    registers = rotation_registers(R, HW)
    agree = fx.stereo_ransac(registers, key, stereo, round(threshold * 2**16), 64, 1, SIGNALS)
    near = points[:, 2] < 6.0  # a wrong depth far away is below the threshold
    assert agree[np.setdiff1d(np.arange(150), bad)].all()
    assert not agree[bad][near[bad]].any()
    assert (agree == theirs).mean() > 0.97
    unrotated = rotation_registers(np.eye(3), HW)
    other = fx.stereo_ransac(unrotated, key, stereo, round(threshold * 2**16), 64, 1, SIGNALS)
    assert (other == theirs).mean() < 0.6
