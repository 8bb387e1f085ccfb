# SPDX-License-Identifier: Apache-2.0
"""Corner scores against OpenCV; selection against its rules."""

import cv2
import numpy as np

from tests.plane_scene import make_texture
from vio.frontend.corners import corner_scores, select_corners

IMAGE = np.clip(make_texture(4)[:240, :320], 0, 255).astype(np.uint8)
NONE = np.empty((0, 2))


def select(occupied: np.ndarray = NONE, **changes: float) -> tuple[np.ndarray, np.ndarray]:
    settings = {
        "cols": 8,
        "rows": 6,
        "cell_budget": 3,
        "max_new": 100,
        "min_score": 1.0,
        "min_distance_px": 9,
        "border_px": 8,
    }
    return select_corners(corner_scores(IMAGE, 2), occupied, **{**settings, **changes})


def test_scores_equal_opencv() -> None:
    for radius in (1, 2, 3):
        ours = corner_scores(IMAGE, radius)
        # OpenCV scales gradients by 1 / (255 * 4 * block) and sums: same up to this factor.
        theirs = cv2.cornerMinEigenVal(IMAGE, 2 * radius + 1, ksize=3) * (255.0**2 / 4.0)
        inner = (slice(radius + 2, -radius - 2),) * 2
        assert np.allclose(ours[inner], theirs[inner], rtol=1e-4, atol=1e-3 * ours.max())


def test_an_edge_has_no_score_and_a_corner_has() -> None:
    image = np.zeros((60, 60), np.uint8)
    image[30:, 30:] = 200
    scores = corner_scores(image, 2)
    assert scores[50, 30] < 1e-3
    assert scores[30, 30] > 100.0


def test_corners_are_local_maxima_inside_the_border_and_best_first() -> None:
    scores = corner_scores(IMAGE, 2)
    uv, values = select()
    assert len(uv) > 50
    assert np.all(np.diff(values) <= 0.0)
    for (u, v), value in zip(uv.astype(int), values, strict=True):
        assert 8 <= u < 312
        assert 8 <= v < 232
        assert value == scores[v - 1 : v + 2, u - 1 : u + 2].max() == scores[v, u]


def test_corners_keep_their_distance_from_each_other_and_from_tracks() -> None:
    occupied = np.random.default_rng(1).uniform(20, 220, (40, 2))
    uv, _ = select(occupied)
    gaps = np.abs(uv[:, None] - uv[None]).max(axis=2) + 1e9 * np.eye(len(uv))
    assert gaps.min() >= 9
    assert np.abs(uv[:, None] - np.rint(occupied)[None]).max(axis=2).min() >= 9


def test_no_cell_exceeds_its_budget_with_tracks_counted() -> None:
    occupied = np.array([[60.0, 60.0], [70.0, 70.0], [75.0, 45.0], [200.0, 100.0]])
    uv, _ = select(occupied)
    cells = np.zeros((6, 8), int)
    for u, v in np.concatenate([uv, occupied]).astype(int):
        cells[v * 6 // 240, u * 8 // 320] += 1
    assert cells.max() == 3
    assert not any(u // 40 == 1 and v // 40 == 1 for u, v in uv)


def test_the_number_of_new_corners_is_bounded() -> None:
    assert len(select(max_new=7)[0]) == 7
    assert len(select(max_new=0)[0]) == 0
    assert len(select(max_new=-3)[0]) == 0


def test_a_flat_image_has_no_corners() -> None:
    scores = corner_scores(np.full((240, 320), 90, np.uint8), 2)
    assert len(select_corners(scores, NONE, 8, 6, 3, 100, 1.0, 9, 8)[0]) == 0
