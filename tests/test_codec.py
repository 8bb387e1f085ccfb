# SPDX-License-Identifier: Apache-2.0
"""Frame-buffer codecs: hand-computed words, bounds of the error, independence of blocks."""

from fractions import Fraction

import numpy as np
import pytest

from vio.errors import VioError
from vio.fixed.codec import CODECS, DEFAULT, LAYOUTS, get_codec
from vio.fixed.codecs.transform import LEVELS, NORM, ORDER, TransformLayout


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


def test_an_edge_becomes_the_word_computed_by_hand() -> None:
    """Columns 50 50 150 150: F00 = 1600, F01 = -1200, F03 = 400, the rest 0.

    Scale 6 (28 << 6 = 1792 holds 1200). 1200 << 1 reaches 11 of the thresholds 10 (T[m] + T[m + 1])
    of the 5-bit table, code 1'1011: its low bit goes to bit 1 of the mean field, 1'101 to bit 3.
    Mean 100 of 6 bits. Decoded: mean 6527 / 64, A01 = -122 * 16, A10 = 128, A11 = 64,
    A02 = A20 = 272, A12 = A21 = 176; X00 = 4383 >> 6, X03 = 10975 >> 6.
    """
    codec = CODECS["dct27"]
    image = np.repeat(np.array([[50, 50, 150, 150]], np.uint8), 4, axis=0)
    words = codec.encode(image)
    assert int(words[0, 0]) == 6 | 0b1101 << 3 | 102 << 19
    out = codec.decode(words, 4, 4)
    assert (int(out[0, 0]), int(out[0, 3])) == (68, 171)


def test_navions_word_is_the_one_computed_by_hand() -> None:
    """Levels 0, 2 .. 30: minimum 0, threshold (0 + 30 + 1) >> 1 = 15, ones from pixel 8 on."""
    image = (16 * np.arange(16, dtype=np.uint8)).reshape(4, 4)
    levels = {"navion-threshold": (4, 124), "navion-maximum": (4, 244), "navion": (60, 184)}
    for name, (zero, one) in levels.items():
        words = CODECS[name].encode(image)
        assert int(words[0, 0]) == 0xFF00 | 15 << 21
        out = CODECS[name].decode(words, 4, 4)
        assert (out.ravel() == [zero] * 8 + [one] * 8).all()


def nearest(f: int, s: int, norm: int, table: tuple[int, ...]) -> int:
    """Return the index of the amplitude nearest to f / norm, the larger one in a tie."""
    distances = [abs(Fraction(256 * f, norm << s) - t) for t in table]
    return max(m for m, d in enumerate(distances) if d == min(distances))


def encode_by_the_text(X: np.ndarray, layout: TransformLayout) -> str:
    """Return the word of a block as bits, highest first, from the description of the format."""
    C = np.array([[1, 1, 1, 1], [2, 1, -1, -2], [1, -1, -1, 1], [1, -2, 2, -1]])
    F = C @ X.astype(int) @ C.T
    fits = [
        max(abs(F[0, 1]), abs(F[1, 0])) <= 28 << s
        and abs(F[1, 1]) <= 24 << s
        and max(abs(F[0, 2]), abs(F[2, 0])) <= 8 << s
        for s in range(8)
    ]
    s = fits.index(True) if True in fits else 7
    extras = [index for from_scale, index in layout.extras if s >= from_scale]
    mean = f"{F[0, 0] // 16:08b}"[: 8 - len(extras)]
    lows, word = [""] * len(extras), ""
    for j, base in enumerate(layout.base):
        _, u, v, name = ORDER[j]
        bits = base + extras.count(j)
        if bits == 0:
            continue
        magnitude = nearest(abs(int(F[u, v])), s, NORM[u] * NORM[v], LEVELS[name][bits - 1])
        code = f"{int(F[u, v] < 0)}" + (f"{magnitude:0{bits - 1}b}" if bits > 1 else "")
        for e, index in enumerate(extras):
            if index == j:
                lows[e], code = code[-1], code[:-1]
        word = code + word
    return mean + "".join(reversed(lows)) + word + f"{s:03b}"


@pytest.mark.parametrize("name", LAYOUTS)
def test_transform_words_follow_the_described_format(name: str) -> None:
    rng = np.random.default_rng(11)
    codec, layout = CODECS[name], LAYOUTS[name]
    for k in range(150):
        slope = rng.normal(0, 2.0 ** rng.uniform(-2, 5), 2)
        y, x = np.mgrid[0:4, 0:4]
        noise = rng.normal(0, 2.0 ** rng.uniform(-2, 6), (4, 4))
        X = np.clip(rng.uniform(0, 255) + slope[0] * x + slope[1] * y + noise, 0, 255)
        X = X.astype(np.uint8) if k else np.array([[0, 255] * 2, [255, 0] * 2] * 2, np.uint8)
        word = int(codec.encode(X)[0, 0])
        assert f"{word:0{layout.bits}b}" == encode_by_the_text(X, layout)


def test_every_bit_of_a_word_counts() -> None:
    """The twin of the tests above: a word with one wrong bit must not pass for the right one."""
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (4, 4)).astype(np.uint8)
    for name in ("dct18", "dct27", "dct36", "navion", "range42", "predictive26"):
        codec = CODECS[name]
        words = codec.encode(image)
        right = codec.decode(words, 4, 4)
        for bit in range(codec.bits):
            wrong = codec.decode(words ^ np.uint64(1 << bit), 4, 4)
            assert (wrong != right).any(), f"{name}: bit {bit}"


@pytest.mark.parametrize("name", CODECS)
def test_a_block_depends_on_its_own_pixels_only(name: str) -> None:
    rng = np.random.default_rng(4)
    image = rng.integers(0, 256, (12, 12)).astype(np.uint8)
    other = image.copy()
    other[4:8, 4:8] = 255 - other[4:8, 4:8]
    differs = CODECS[name].encode(image) != CODECS[name].encode(other)
    where = differs.any(axis=2) if differs.ndim == 3 else differs
    assert np.argwhere(where).tolist() == [[1, 1]]


def test_padding_repeats_the_border() -> None:
    rng = np.random.default_rng(6)
    image = rng.integers(0, 256, (5, 6)).astype(np.uint8)
    padded = np.pad(image, ((0, 3), (0, 2)), mode="edge")
    for codec in CODECS.values():
        assert (codec.encode(image) == codec.encode(padded)).all()
        assert (codec.roundtrip(image) == codec.roundtrip(padded)[:5, :6]).all()


def test_flat_blocks_return_unchanged_from_the_default() -> None:
    image = np.repeat(np.repeat(np.arange(256, dtype=np.uint8)[None], 4, axis=0), 4, axis=1)
    for name in ("dct18", "dct27", "dct36"):
        assert (CODECS[name].roundtrip(image) == image).all()


def test_more_bits_mean_less_error_and_the_transform_beats_block_truncation() -> None:
    y, x = np.mgrid[0:120, 0:160]
    image = 120 + 60 * np.sin(x / 9.0) * np.cos(y / 7.0) + 30 * np.sin((x + 2 * y) / 3.0)
    image = image.astype(np.uint8)

    def error(name: str) -> float:
        difference = CODECS[name].roundtrip(image).astype(float) - image
        return float(np.sqrt(np.mean(difference**2)))

    errors = [error(name) for name in LAYOUTS if name != "dct27-psnr"]
    assert errors == sorted(errors, reverse=True)
    assert error("dct18") < error("navion") < min(error("navion-threshold"), 40.0)
    assert error("dct27") < 0.5 * error("two-level27")


def test_wrong_images_and_words_are_refused() -> None:
    codec = CODECS["dct27"]
    with pytest.raises(VioError, match="uint8"):
        codec.encode(np.zeros((8, 8), np.float32))
    with pytest.raises(VioError, match="2 x 3 words"):
        codec.decode(np.zeros((2, 2), np.uint64), 8, 12)


@pytest.mark.parametrize("name", ["dct27", "dct18"])
def test_extreme_words_decode_without_overflow(name: str) -> None:
    """Every word is valid: a frame buffer may hold anything before its first frame."""
    rng = np.random.default_rng(8)
    codec = CODECS[name]
    words = rng.integers(0, 1 << codec.bits, (40, 40)).astype(np.uint64)
    words[0, 0], words[0, 1] = 0, (1 << codec.bits) - 1
    out = codec.decode(words, 160, 160)
    assert out.min() == 0
    assert out.max() == 255
