# SPDX-License-Identifier: Apache-2.0
"""Stereo in integers: known disparities, the epipolar curve, rims, and images without a match."""

from dataclasses import replace

import numpy as np
import pytest

from tests.plane_scene import HEIGHT, WIDTH, PlaneScene, make_rig
from vio.camera import StereoRig
from vio.config import FrontEndConfig, HwConfig
from vio.errors import VioError
from vio.fixed import stereo as st
from vio.fixed import stereo_curve
from vio.fixed.formats import formats
from vio.fixed.klt import klt_registers
from vio.fixed.qformat import signal_table
from vio.fixed.rectify import lens_registers
from vio.fixed.stereo_registers import stereo_registers
from vio.frontend.rectify import from_rectified, to_rectified
from vio.frontend.stereo import match_stereo
from vio.render.calibration import euroc_rig
from vio.workers import threads

HW = HwConfig()
SIGNALS = signal_table(formats(HW), trace=False)
CONFIG = FrontEndConfig(min_depth_m=0.5)
RIG = make_rig()
EUROC = euroc_rig(20.0)
POINTS = np.random.default_rng(8).uniform([60, 30], [280, 210], (60, 2))
POSE = np.eye(4)


def match(
    left: np.ndarray,
    right: np.ndarray,
    points: np.ndarray = POINTS,
    rig: StereoRig = RIG,
    config: FrontEndConfig = CONFIG,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return right pixels (N, 2) with NaN, stereo rays (N, 3) and work (N, 2)."""
    uv, rays, work = st.match_rows(
        left,
        right,
        lens_registers(rig.left, HW),
        lens_registers(rig.right, HW),
        np.rint(points * 256).astype(np.int64),
        stereo_registers(rig, config, HW),
        klt_registers(config, HW),
        HW.search_columns,
        SIGNALS,
    )
    assert uv.dtype == rays.dtype == work.dtype == np.int64
    return np.where(uv == st.NO_MATCH, np.nan, uv / 256), rays / 2**16, work


@pytest.mark.parametrize(("depth", "slope"), [(0.8, 0.0), (2.0, 0.2), (6.0, -0.3)])
def test_right_pixels_of_a_plane_are_found(depth: float, slope: float) -> None:
    scene = PlaneScene(depth, slope)
    frame = scene.frame(0, POSE)
    found, _, _ = match(frame.left, frame.right)
    truth = scene.right_pixels(POSE, POINTS)
    visible = ((truth > 12) & (truth < np.array([WIDTH, HEIGHT]) - 12)).all(axis=1)
    matched = ~np.isnan(found[:, 0])
    assert matched[visible].mean() > 0.9
    error = np.linalg.norm(found - truth, axis=1)[matched]
    assert np.median(error) < 0.06
    assert error.max() < 0.5
    # Twin: a plane 5 % further away has other pixels.
    other = PlaneScene(1.05 * depth, slope).right_pixels(POSE, POINTS)
    assert np.median(np.linalg.norm(found - other, axis=1)[matched]) > 0.15


def test_matches_are_about_as_good_as_the_float_engines() -> None:
    ours, theirs, counts = [], [], []
    for depth, slope, seed in ((0.9, 0.1, 1), (1.5, -0.2, 2), (3.0, 0.3, 3)):
        scene = PlaneScene(depth, slope, seed)
        frame = scene.frame(0, POSE)
        found, _, _ = match(frame.left, frame.right)
        exact = match_stereo(RIG, frame.left, frame.right, POINTS, 15, 3, 0.5, 0.85, 0.05, 7)
        truth = scene.right_pixels(POSE, POINTS)
        both = ~np.isnan(found[:, 0]) & ~np.isnan(exact[:, 0])
        ours.append(np.abs(found - truth)[both])
        theirs.append(np.abs(exact - truth)[both])
        counts.append((np.isfinite(found[:, 0]).sum(), np.isfinite(exact[:, 0]).sum()))
    (u, v), (u_float, _) = (np.median(np.concatenate(e), axis=0) for e in (ours, theirs))
    # Across: words of 1/256 px, steps that end at 3/256. Down: the chord of the epipolar curve.
    assert u <= u_float + 2 / 256
    assert v < 0.05
    totals = np.sum(counts, axis=0)
    assert totals[0] > 0.9 * totals[1]


def test_stereo_rays_hold_the_rectified_ray_and_its_disparity() -> None:
    scene = PlaneScene(2.0, 0.1)
    frame = scene.frame(0, POSE)
    found, rays, _ = match(frame.left, frame.right)
    rect = RIG.rectification
    for (u, v), (ur, vr), ray in zip(POINTS, found, rays, strict=True):
        if np.isnan(ur):
            continue
        x, y = to_rectified(RIG.left.params, rect.R_rect_left, u, v)
        xr, _ = to_rectified(RIG.right.params, rect.R_rect_right, ur, vr)
        # The ray's word, and a hundredth of a pixel for lens and rotation.
        assert np.abs(ray - [x, y, x - xr]).max() < 0.03 / 220.0
        assert abs(ray[2] - (x - xr) * 1.01) > 0.03 / 220.0 or x - xr < 0.02


@pytest.mark.parametrize("rig", [RIG, EUROC])
def test_the_segments_follow_the_exact_curve(rig: StereoRig) -> None:
    left, right = lens_registers(rig.left, HW), lens_registers(rig.right, HW)
    s = stereo_registers(rig, replace(CONFIG, min_depth_m=0.5), HW)
    rect = rig.rectification
    pixels = np.random.default_rng(1).uniform(
        [60, 30], [rig.left.width - 40, rig.left.height - 30], (60, 2)
    )
    worst, slack = 0.0, 0.0
    for u, v in np.rint(pixels * 256).astype(np.int64):
        x, y, ahead = st.rectified_ray(left, s.R_rect_left, SIGNALS, u, v)
        assert ahead
        breakpoints = np.empty((s.segments + 1, 2), np.int64)
        slopes = np.zeros(s.segments + 1, np.int64)
        n = stereo_curve.trace_curve(right, s, SIGNALS, x, y, breakpoints)
        stereo_curve.segment_slopes(SIGNALS, breakpoints, n, slopes)
        xe, ye = to_rectified(rig.left.params, rect.R_rect_left, u / 256, v / 256)
        for disparity in np.linspace(0.0, 32.0 * s.segments - 2.0, 40):
            ur, vr = from_rectified(
                rig.right.params, rect.R_rect_right, xe - disparity / rect.focal, ye
            )
            if not (8 < ur < rig.right.width - 8 and 8 < vr < rig.right.height - 8):
                continue
            row, _ = stereo_curve.row_at(breakpoints, slopes, n, round(ur * 256))
            worst = max(worst, abs(row / 256 - vr))
            slack = max(slack, abs(breakpoints[0, 1] / 256 - vr))
    # The chord over 32 px of a curve with EuRoC's distortion.
    assert worst < 0.15
    assert slack > 5 * worst  # a straight row would not do


def test_points_at_the_rim_are_matched_or_left_out_without_harm() -> None:
    scene = PlaneScene(2.0, 0.0)
    frame = scene.frame(0, POSE)
    border = [(u, v) for u in (0.0, 9.3, 310.2, 319.0) for v in (0.0, 3.7, 120.0, 229.6, 239.0)]
    border += [(u, v) for u in (150.3, 250.0) for v in (0.0, 4.2, 9.4, 229.1, 239.0)]
    points = np.array(border)
    found, _, work = match(frame.left, frame.right, points)
    matched = ~np.isnan(found[:, 0])
    truth = scene.right_pixels(POSE, points)
    assert matched.any()
    assert np.linalg.norm(found - truth, axis=1)[matched].max() < 0.5
    assert ((found[matched] >= 7) & (found[matched] < np.array([WIDTH, HEIGHT]) - 8)).all()
    assert work[:, 0].max() <= HW.search_columns


def test_the_search_stays_within_its_columns() -> None:
    scene = PlaneScene(0.8, 0.0)
    frame = scene.frame(0, POSE)
    _, _, work = match(frame.left, frame.right)
    registers = stereo_registers(RIG, CONFIG, HW)
    assert 0 < work[:, 0].max() <= 1.2 * 32 * registers.segments
    assert work[:, 1].max() <= registers.iterations


def test_a_darker_right_camera_does_not_move_the_match() -> None:
    scene = PlaneScene(2.0, 0.1)
    frame = scene.frame(0, POSE)
    dark = np.clip(0.75 * frame.right.astype(float) + 15.0, 0, 255).astype(np.uint8)
    found, _, _ = match(frame.left, dark)
    assert np.isfinite(found[:, 0]).mean() > 0.6
    error = np.linalg.norm(found - scene.right_pixels(POSE, POINTS), axis=1)
    assert np.nanmedian(error) < 0.07


def test_images_without_texture_or_without_a_match_give_none() -> None:
    flat = np.full((HEIGHT, WIDTH), 80, np.uint8)
    assert np.isnan(match(flat, flat)[0]).all()
    left = PlaneScene(2.0, 0.0, seed=0).frame(0, POSE).left
    right = PlaneScene(2.0, 0.0, seed=9).frame(0, POSE).right
    assert np.isnan(match(left, right)[0][:, 0]).mean() > 0.95


def test_a_repeated_pattern_is_ambiguous_and_left_out() -> None:
    scene = PlaneScene(2.0, 0.0)
    rng = np.random.default_rng(0)
    profile = 128.0 + 60.0 * np.sin(2.0 * np.pi * np.arange(700) / 12.0)
    scene.coefficients = np.tile(profile, (700, 1)) + rng.normal(0.0, 1.0, (700, 700))
    frame = scene.frame(0, POSE)
    assert np.isnan(match(frame.left, frame.right)[0][:, 0]).mean() > 0.9
    trusting = replace(CONFIG, stereo_uniqueness=0.0)
    assert np.isnan(match(frame.left, frame.right, config=trusting)[0][:, 0]).mean() < 0.6


def test_points_nearer_than_the_least_depth_are_not_matched() -> None:
    # The search is as long as whole segments: 32 px, down to 0.69 m for a least depth of 1.5 m.
    scene = PlaneScene(0.5, 0.0)
    frame = scene.frame(0, POSE)
    far = replace(CONFIG, min_depth_m=1.5)
    assert np.isnan(match(frame.left, frame.right, config=far)[0][:, 0]).mean() > 0.9


def test_a_search_longer_than_the_hardware_is_refused_with_the_numbers() -> None:
    with pytest.raises(VioError, match=r"221 px need 7 segments.*has 4"):
        stereo_registers(RIG, replace(CONFIG, min_depth_m=0.1), HW)


def test_results_are_the_same_on_one_and_two_threads() -> None:
    frame = PlaneScene(1.5, 0.3).frame(0, POSE)
    results = []
    for count in (1, 2):
        with threads(count):
            results.append([part.tobytes() for part in match(frame.left, frame.right)])
    assert results[0] == results[1]
    changed = frame.right.copy()
    changed[100:140, 100:140] ^= 1
    assert [part.tobytes() for part in match(frame.left, changed)] != results[0]
