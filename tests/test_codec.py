# SPDX-License-Identifier: Apache-2.0
"""Frame-buffer codecs: hand-computed words, bounds of the error, independence of blocks."""

import numpy as np
import pytest

from vio.errors import VioError
from vio.fixed.codec import CODECS, DEFAULT, get_codec


def images() -> list[np.ndarray]:
    """Return flat, sloping, textured and extreme images, of odd sizes too."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:61, 0:83]
    return [
        np.zeros((8, 8), np.uint8),
        np.full((7, 5), 255, np.uint8),
        np.clip(2 * x + 3 * y, 0, 255).astype(np.uint8),
        (120 + 60 * np.sin(x / 5.0) * np.cos(y / 7.0)).astype(np.uint8),
        rng.integers(0, 256, (37, 50)).astype(np.uint8),
        (255 * ((x // 2 + y // 2) % 2)).astype(np.uint8),
        rng.integers(0, 256, (1, 1)).astype(np.uint8),
    ]


@pytest.mark.parametrize("name", CODECS)
def test_words_fit_their_bits_and_the_image_keeps_its_size(name: str) -> None:
    codec = CODECS[name]
    for image in images():
        words = codec.encode(image)
        assert words.dtype == np.uint64
        if codec.bits < 64:
            assert int(words.max()) < 1 << codec.bits
        out = codec.decode(words, *image.shape)
        assert out.shape == image.shape
        assert out.dtype == np.uint8


def test_no_codec_keeps_every_bit() -> None:
    for image in images():
        assert (CODECS["none"].roundtrip(image) == image).all()


def test_default_is_known_and_fits_a_block_ram_word() -> None:
    assert get_codec(DEFAULT).bits <= 27
    with pytest.raises(VioError, match="unknown"):
        get_codec("zip")
