# SPDX-License-Identifier: Apache-2.0
"""Lucas-Kanade on motions whose answer is known, and against OpenCV."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from tests.plane_scene import make_texture
from vio.frontend.klt import BORDER, DIVERGED, FLAT, RESIDUAL, TRACKED, track_windows
from vio.frontend.pyramid import build_pyramid
from vio.workers import threads

SIZE = (240, 320)
COEFFICIENTS = ndimage.spline_filter(make_texture(2), order=3)
POINTS = np.random.default_rng(5).uniform([40, 40], [280, 200], (80, 2))


def view(
    linear: np.ndarray, shift: np.ndarray, gain: float = 1.0, offset: float = 0.0
) -> np.ndarray:
    """Return the image in which the content at x of the first view is at linear @ x + shift."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float64)
    inverse = np.linalg.inv(linear)
    here = np.stack([x.ravel() - shift[0], y.ravel() - shift[1]])
    at = (inverse @ here)[::-1] + 200.0
    grey = ndimage.map_coordinates(COEFFICIENTS, at, order=3, prefilter=False)
    return np.clip(np.rint(gain * grey + offset), 0, 255).astype(np.uint8).reshape(SIZE)


FIRST = view(np.eye(2), np.zeros(2))


def follow(
    second: np.ndarray,
    points: np.ndarray = POINTS,
    start: np.ndarray | None = None,
    warp: np.ndarray | None = None,
    first: np.ndarray = FIRST,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    warps = np.tile(np.eye(2) if warp is None else warp, (len(points), 1, 1))
    return track_windows(
        build_pyramid(first, 3),
        build_pyramid(second, 3),
        points,
        points.copy() if start is None else start,
        warps,
        15,
        30,
        0.01,
        0.5,
        0.85,
        12.0,
    )


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.5, 0.5), (-3.3, 2.6), (5.25, -4.75)])
def test_a_shift_is_found_to_a_few_hundredths_of_a_pixel(shift: tuple[float, float]) -> None:
    uv, status, correlation, _ = follow(view(np.eye(2), np.array(shift)))
    good = status == TRACKED
    assert good.mean() > 0.95
    error = (uv - POINTS - shift)[good]
    # No bias beyond its own uncertainty; the scatter is the bilinear interpolation of sharp noise.
    assert np.abs(error.mean(axis=0)).max() < 0.01
    assert np.linalg.norm(error, axis=1).max() < 0.12
    assert np.median(np.linalg.norm(error, axis=1)) < 0.035
    assert correlation[good].min() > 0.98


def test_gain_and_offset_do_not_move_the_answer() -> None:
    shift = np.array([2.3, -1.6])
    for gain, offset in ((0.7, 10.0), (1.3, -20.0)):
        uv, status, _, _ = follow(view(np.eye(2), shift, gain, offset))
        good = status == TRACKED
        assert good.mean() > 0.95
        assert np.median(np.linalg.norm(uv - POINTS - shift, axis=1)[good]) < 0.04


def test_a_rotated_and_scaled_view_is_found_when_the_warp_says_so() -> None:
    angle, size = 0.5, 1.2
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array([160.0, 120.0]) - turn @ np.array([160.0, 120.0])
    truth = POINTS @ turn.T + shift
    inside = ((truth > 30) & (truth < np.array([290, 210]))).all(axis=1)
    start = truth + np.array([2.0, -1.5])
    image = view(turn, shift)
    uv, status, _, _ = follow(image, POINTS[inside], start[inside], np.linalg.inv(turn))
    assert np.all(status == TRACKED)
    assert np.median(np.linalg.norm(uv - truth[inside], axis=1)) < 0.04
    _, unwarped, _, _ = follow(image, POINTS[inside], start[inside])
    assert np.mean(unwarped == TRACKED) < 0.2


def test_our_end_points_agree_with_opencv() -> None:
    second = view(np.array([[1.01, -0.01], [0.012, 0.995]]), np.array([3.4, 1.8]))
    uv, status, _, _ = follow(second)
    theirs, found, _ = cv2.calcOpticalFlowPyrLK(
        FIRST,
        second,
        POINTS.astype(np.float32).reshape(-1, 1, 2),
        None,
        winSize=(15, 15),
        maxLevel=2,
    )
    both = (status == TRACKED) & (found.ravel() == 1)
    assert both.mean() > 0.95
    difference = np.linalg.norm(uv - theirs.reshape(-1, 2), axis=1)[both]
    assert np.median(difference) < 0.05
    truth = POINTS @ np.array([[1.01, -0.01], [0.012, 0.995]]).T + [3.4, 1.8]
    ours = np.linalg.norm(uv - truth, axis=1)[both]
    opencv = np.linalg.norm(theirs.reshape(-1, 2) - truth, axis=1)[both]
    assert np.median(ours) < 1.2 * np.median(opencv) + 0.005


def test_windows_that_leave_the_image_are_lost_at_the_border() -> None:
    points = np.array([[10.0, 100.0], [100.0, 10.0], [310.0, 100.0], [100.0, 230.0]])
    shifts = np.array([[-8.0, 0.0], [0.0, -8.0], [8.0, 0.0], [0.0, 8.0]])
    for point, shift in zip(points, shifts, strict=True):
        _, status, _, _ = follow(view(np.eye(2), shift), point[None])
        assert status[0] == BORDER
    start = np.array([[np.nan, 100.0], [1e9, 5.0], [-50.0, 100.0]])
    _, status, _, _ = follow(FIRST, POINTS[:3], start)
    assert np.all(status == BORDER)


def test_a_flat_window_is_lost_as_flat() -> None:
    flat = np.full(SIZE, 100, np.uint8)
    _, status, _, _ = follow(flat, first=flat)
    assert np.all(status == FLAT)


def test_an_edge_is_lost_as_flat_because_it_can_slide() -> None:
    edge = np.full(SIZE, 60, np.uint8)
    edge[:, 160:] = 180
    _, status, _, _ = follow(edge, np.array([[160.0, 120.0]]), first=edge)
    assert status[0] == FLAT


def test_unrelated_images_are_lost() -> None:
    other = np.clip(make_texture(77)[: SIZE[0], : SIZE[1]], 0, 255).astype(np.uint8)
    _, status, _, _ = follow(other)
    assert np.all(np.isin(status, (RESIDUAL, DIVERGED, BORDER)))


def test_results_are_the_same_on_one_and_two_threads() -> None:
    second = view(np.array([[1.02, -0.03], [0.03, 0.99]]), np.array([2.4, 0.8]))
    results = []
    for count in (1, 2):
        with threads(count):
            results.append([part.tobytes() for part in follow(second)])
    assert results[0] == results[1]
