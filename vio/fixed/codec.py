# SPDX-License-Identifier: Apache-2.0
"""Frame-buffer compression: fixed-rate codecs of 4x4 blocks, each readable by itself.

`encode` turns an image (H, W) uint8 into words (ceil(H / 4), ceil(W / 4)) uint64 of `bits` bits;
`decode` turns them back. Images whose sides are not multiples of 4 are padded by repeating the
last column and row. What the words hold, bit by bit: `codecs/transform.py` (dct…),
`codecs/predictive.py` and `codecs/truncation.py` (the others). docs/golden/codec.md compares them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vio.errors import VioError
from vio.fixed.codecs import predictive, transform, truncation
from vio.fixed.codecs.transform import TransformLayout

Encode = Callable[[np.ndarray], np.ndarray]
Decode = Callable[[np.ndarray, int, int], np.ndarray]


@dataclass(frozen=True)
class Codec:
    """Hold a codec: its name, the bits of a block's word, and what makes and reads words."""

    name: str
    bits: int
    encoder: Encode
    decoder: Decode

    def encode(self, image: np.ndarray) -> np.ndarray:
        """Return the words (ceil(H / 4), ceil(W / 4)) uint64 of an image (H, W) uint8.

        The codec `none` has two words a block: (ceil(H / 4), ceil(W / 4), 2).
        Raises VioError for another shape or type.
        """
        if image.ndim != 2 or image.dtype != np.uint8 or image.size == 0:
            raise VioError(
                f"codec {self.name}: an image (H, W) uint8 is needed, got {image.shape} "
                f"{image.dtype}; give one 8-bit grey image"
            )
        return self.encoder(image)

    def decode(self, words: np.ndarray, height: int, width: int) -> np.ndarray:
        """Return the image (height, width) uint8 of words.

        Raises VioError when the words are not those of an image of this size.
        """
        wanted = ((height + 3) // 4, (width + 3) // 4)
        if words.shape[:2] != wanted or words.dtype != np.uint64:
            raise VioError(
                f"codec {self.name}: {wanted[0]} x {wanted[1]} words uint64 are needed for "
                f"{width} x {height} pixels, got {words.shape} {words.dtype}"
            )
        return self.decoder(words, height, width)

    def roundtrip(self, image: np.ndarray) -> np.ndarray:
        """Return what a reader of the frame buffer sees of an image (H, W) uint8."""
        return self.decode(self.encode(image), image.shape[0], image.shape[1])


def _store(image: np.ndarray) -> np.ndarray:
    """Return the blocks' bytes as two words each, pixel 4 row + column at bits 8 (4 row + column)
    of the pair."""
    height, width = image.shape
    padded = np.pad(image, ((0, -height % 4), (0, -width % 4)), mode="edge")
    rows, columns = padded.shape[0] // 4, padded.shape[1] // 4
    blocks = padded.reshape(rows, 4, columns, 4).swapaxes(1, 2).reshape(rows, columns, 16)
    return np.ascontiguousarray(blocks).view("<u8").reshape(rows, columns, 2).astype(np.uint64)


def _load(words: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, columns = words.shape[:2]
    blocks = np.ascontiguousarray(words.astype("<u8")).view(np.uint8).reshape(rows, columns, 4, 4)
    image = blocks.swapaxes(1, 2).reshape(4 * rows, 4 * columns)
    return np.ascontiguousarray(image[:height, :width])


def _truncation(name: str, bits: int, kind: int, a: int = 0, b: int = 0) -> Codec:
    table = np.zeros(1, np.int64)
    if kind == truncation.TWO_LEVEL:
        table = truncation.half_differences(b)
    return Codec(
        name,
        bits,
        lambda image: truncation.encode_image(image, kind, a, b, table),
        lambda words, h, w: truncation.decode_image(words, h, w, kind, a, b, table),
    )


def _predictive(name: str, rate: int) -> Codec:
    return Codec(
        name,
        11 + 15 * rate,
        lambda image: predictive.encode_image(image, rate),
        lambda words, h, w: predictive.decode_image(words, h, w, rate),
    )


def _transform(name: str, layout: TransformLayout) -> Codec:
    fields, extras, thresholds, levels = layout.arrays
    return Codec(
        name,
        layout.bits,
        lambda image: transform.encode_image(image, fields, extras, thresholds),
        lambda words, h, w: transform.decode_image(words, h, w, fields, extras, levels),
    )


# Bits of F01 F10 F11 F02 F20 F12 F21 F22 F03 F30, and (from scale, index) of the extras; all tuned
# for Lucas-Kanade but the last one, which is for the least squared error (docs/golden/codec.md).
LAYOUTS = {
    "dct18": TransformLayout((3, 3, 1, 0, 0), ((3, 4), (5, 3), (6, 2))),
    "dct20": TransformLayout((3, 3, 1, 1, 1), ((4, 2), (5, 4), (6, 3))),
    "dct22": TransformLayout((3, 3, 2, 1, 2), ((4, 3), (5, 0), (6, 1))),
    "dct24": TransformLayout((4, 4, 2, 1, 2), ((4, 3), (6, 2), (7, 1))),
    "dct27": TransformLayout((4, 4, 2, 2, 2, 1, 1), ((5, 2), (6, 0), (7, 1))),
    "dct32": TransformLayout((5, 5, 3, 3, 3, 1, 1), ((5, 5), (6, 2), (7, 0))),
    "dct36": TransformLayout((5, 5, 4, 3, 3, 2, 2, 1), ((6, 3), (7, 4))),
    "dct42": TransformLayout((5, 5, 4, 4, 4, 3, 3, 1, 1, 1), ((6, 2), (7, 0))),
    "dct27-psnr": TransformLayout((3, 3, 2, 2, 2, 2, 2, 0, 0, 0), ((3, 8), (4, 9), (5, 0), (5, 1))),
}

CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        Codec("none", 128, _store, _load),
        _truncation("navion-threshold", 26, truncation.NAVION, 0),
        _truncation("navion-maximum", 26, truncation.NAVION, 1),
        _truncation("navion", 26, truncation.NAVION, 2),
        _truncation("two-level24", 24, truncation.TWO_LEVEL, 5, 3),
        _truncation("two-level26", 26, truncation.TWO_LEVEL, 6, 4),
        _truncation("two-level27", 27, truncation.TWO_LEVEL, 6, 5),
        _truncation("two-level29", 29, truncation.TWO_LEVEL, 7, 6),
        _truncation("range42", 42, truncation.RANGE),
        _truncation("dithered26", 26, truncation.DITHERED_LEVELS),
        _truncation("dither32", 32, truncation.DITHER, 2),
        _truncation("dither48", 48, truncation.DITHER, 3),
        _predictive("predictive26", 1),
        _predictive("predictive41", 2),
        *(_transform(name, layout) for name, layout in LAYOUTS.items()),
    )
}
DEFAULT = "dct27"


def get_codec(name: str) -> Codec:
    """Return a codec by its name; raises VioError for an unknown one."""
    if name not in CODECS:
        raise VioError(f"codec {name!r} is unknown; known: {', '.join(CODECS)}")
    return CODECS[name]
