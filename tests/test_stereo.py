# SPDX-License-Identifier: Apache-2.0
"""Sparse stereo on planes whose disparity is known, and on images that have no match."""

import numpy as np
import pytest

from tests.plane_scene import HEIGHT, WIDTH, PlaneScene, make_rig
from vio.frontend.rectify import from_rectified, rectified_points, resample, to_rectified
from vio.frontend.stereo import match_stereo
from vio.workers import threads

SETTINGS = {
    "half_width": 15,
    "half_height": 3,
    "min_depth_m": 0.5,
    "min_correlation": 0.85,
    "uniqueness": 0.05,
    "refine_half": 7,
}
POINTS = np.random.default_rng(8).uniform([60, 30], [280, 210], (60, 2))
POSE = np.eye(4)


@pytest.mark.parametrize(("depth", "slope"), [(0.8, 0.0), (2.0, 0.2), (6.0, -0.3)])
def test_right_pixels_of_a_plane_are_found(depth: float, slope: float) -> None:
    scene = PlaneScene(depth, slope)
    frame = scene.frame(0, POSE)
    found = match_stereo(scene.rig, frame.left, frame.right, POINTS, **SETTINGS)
    truth = scene.right_pixels(POSE, POINTS)
    visible = ((truth > 12) & (truth < np.array([WIDTH, HEIGHT]) - 12)).all(axis=1)
    matched = ~np.isnan(found[:, 0])
    assert matched[visible].mean() > 0.95
    error = np.linalg.norm(found - truth, axis=1)[matched]
    assert np.median(error) < 0.05
    assert error.max() < 0.4


def test_points_of_true_matches_lie_on_the_plane() -> None:
    scene = PlaneScene(3.0, 0.0)
    truth = scene.right_pixels(POSE, POINTS)
    points = rectified_points(scene.rig, POINTS, truth) @ scene.rig.rectification.R_rect_left
    assert np.allclose(points[:, 2], 3.0, atol=1e-6)


def test_a_brighter_right_camera_does_not_move_the_match() -> None:
    scene = PlaneScene(2.0, 0.1)
    frame = scene.frame(0, POSE)
    bright = np.clip(0.75 * frame.right.astype(float) + 15.0, 0, 255).astype(np.uint8)
    found = match_stereo(scene.rig, frame.left, bright, POINTS, **SETTINGS)
    error = np.linalg.norm(found - scene.right_pixels(POSE, POINTS), axis=1)
    assert np.nanmedian(error) < 0.06


def test_without_texture_nothing_is_matched() -> None:
    flat = np.full((HEIGHT, WIDTH), 80, np.uint8)
    assert np.isnan(match_stereo(make_rig(), flat, flat, POINTS, **SETTINGS)).all()


def test_unrelated_images_are_not_matched() -> None:
    left = PlaneScene(2.0, 0.0, seed=0).frame(0, POSE).left
    right = PlaneScene(2.0, 0.0, seed=9).frame(0, POSE).right
    found = match_stereo(make_rig(), left, right, POINTS, **SETTINGS)
    assert np.isnan(found[:, 0]).mean() > 0.95


def test_a_repeated_pattern_is_ambiguous_and_left_out() -> None:
    scene = PlaneScene(2.0, 0.0)
    # Stripes of 12 texels: many disparities fit as well as the true one.
    x = np.arange(700)
    rng = np.random.default_rng(0)
    profile = 128.0 + 60.0 * np.sin(2.0 * np.pi * x / 12.0)
    scene.coefficients = np.tile(profile, (700, 1)) + rng.normal(0.0, 1.0, (700, 700))
    frame = scene.frame(0, POSE)
    found = match_stereo(scene.rig, frame.left, frame.right, POINTS, **SETTINGS)
    assert np.isnan(found[:, 0]).mean() > 0.9
    trusting = match_stereo(
        scene.rig, frame.left, frame.right, POINTS, **{**SETTINGS, "uniqueness": -2.0}
    )
    assert np.isnan(trusting[:, 0]).mean() < 0.5


def test_points_nearer_than_the_least_depth_are_not_matched() -> None:
    scene = PlaneScene(0.8, 0.0)
    frame = scene.frame(0, POSE)
    settings = {**SETTINGS, "min_depth_m": 1.5}
    found = match_stereo(scene.rig, frame.left, frame.right, POINTS, **settings)
    assert np.isnan(found[:, 0]).mean() > 0.95


def test_no_points_give_no_matches() -> None:
    flat = np.full((HEIGHT, WIDTH), 80, np.uint8)
    assert match_stereo(make_rig(), flat, flat, np.empty((0, 2)), **SETTINGS).shape == (0, 2)


def test_rectified_and_raw_pixels_convert_both_ways() -> None:
    rig = make_rig()
    R = rig.rectification.R_rect_right
    for u, v in POINTS[:10]:
        x, y = to_rectified(rig.right.params, R, u, v)
        assert from_rectified(rig.right.params, R, x, y) == pytest.approx((u, v), abs=1e-7)


def test_resampling_by_blocks_equals_projecting_each_pixel() -> None:
    scene = PlaneScene()
    image = scene.frame(0, POSE).left
    camera, R = scene.rig.left, scene.rig.rectification.R_rect_left
    out = np.empty((15, 90), np.float32)
    pitch = 1.0 / scene.rig.rectification.focal
    resample(image, camera.params, R, -0.3, -0.1, pitch, out)
    exact = np.empty_like(out)
    for j in range(15):
        for k in range(90):
            u, v = from_rectified(camera.params, R, -0.3 + k * pitch, -0.1 + j * pitch)
            x, y = int(u), int(v)
            four = image[y : y + 2, x : x + 2].astype(np.float64)
            exact[j, k] = [1 - (v - y), v - y] @ four @ [1 - (u - x), u - x]
    assert np.abs(out - exact).max() < 0.5


def test_results_are_the_same_on_one_and_two_threads() -> None:
    scene = PlaneScene(1.5, 0.3)
    frame = scene.frame(0, POSE)
    results = []
    for count in (1, 2):
        with threads(count):
            found = match_stereo(scene.rig, frame.left, frame.right, POINTS, **SETTINGS)
            results.append(found.tobytes())
    assert results[0] == results[1]
