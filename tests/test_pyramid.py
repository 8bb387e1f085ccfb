# SPDX-License-Identifier: Apache-2.0
"""The image pyramid against scipy and OpenCV."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from vio.frontend.pyramid import build_pyramid, halve

KERNEL = np.array([1, 4, 6, 4, 1])


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(48, 64), (47, 65), (5, 9)])
def test_a_level_is_the_smoothed_image_at_even_pixels(shape: tuple[int, int]) -> None:
    image = noise(*shape)
    exact = ndimage.correlate1d(image.astype(np.int64), KERNEL, axis=0, mode="mirror")
    exact = ndimage.correlate1d(exact, KERNEL, axis=1, mode="mirror")
    assert np.array_equal(halve(image), (exact[::2, ::2] + 128) // 256)


def test_a_level_equals_opencv_pyrdown() -> None:
    image = noise(120, 188)
    assert np.array_equal(halve(image), cv2.pyrDown(image))


def test_the_comparison_with_opencv_can_fail() -> None:
    image = noise(120, 188)
    changed = image.copy()
    changed[60, 90] ^= 0x40
    assert not np.array_equal(halve(changed), cv2.pyrDown(image))


def test_a_pyramid_has_the_asked_levels_and_starts_with_the_image() -> None:
    image = noise(121, 75)
    pyramid = build_pyramid(image, 3)
    assert [level.shape for level in pyramid] == [(121, 75), (61, 38), (31, 19)]
    assert np.array_equal(pyramid[0], image)
