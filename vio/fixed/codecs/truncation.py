# SPDX-License-Identifier: Apache-2.0
"""Block truncation codecs: a bit or two a pixel between levels sent with the block.

Sources: Delp and Mitchell, "Image compression using block truncation coding", IEEE Trans. Commun.
27(9), 1979; Suleiman et al., "Navion", IEEE JSSC 54(4), 2019, for the 26-bit form.

Words, from bit 0 up; pixel i = 4 row + column:

- Navion's (26 bits): bit i of pixel i (16), minimum (5), threshold (5), of grey levels cut to 5
  bits. The threshold is (minimum + maximum + 1) >> 1, a pixel's bit is level >= threshold. What
  the decoder puts in place of the bits is not published; three ways are here (mode):
  0 minimum and threshold, 1 minimum and maximum (2 threshold - minimum), 2 middles of the halves
  (4 (minimum + threshold) and 12 threshold - 4 minimum + 4, in 8 bits).
- Two levels (16 + C + D bits): bit i of pixel i (16), centre (C), half difference (D). The pixels
  are split at their mean; the code of the half difference of the halves' means counts the bounds
  of a table that is about geometric; the centre of the two means is rounded to C bits.
- Range (42 bits): 2 bits of pixel i at 2 i (32), minimum (5), range (5), in 5-bit levels. A code
  c stands for 8 minimum + ((2 c + 1) (range + 1) * 8 >> 3), a quarter of the range each.
- Dithered levels (26 bits): bit i of pixel i (16), minimum (5), maximum (5), in 5-bit levels; a
  pixel's bit compares it with a place between the two that follows an ordered dither, so that
  means over a few pixels, and with them slopes, survive. Decoded to minimum and maximum.
- Dithered truncation (16 B bits): B bits of pixel i at B i, the level after an ordered dither
  (Bayer, ICC 1973, 4x4) was added, which the decoder takes off again.
"""

import numpy as np
from numba import njit

from vio.workers import share

NAVION, TWO_LEVEL, RANGE, DITHER, DITHERED_LEVELS = 0, 1, 2, 3, 4
BAYER = np.array([0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5], np.int64)


def half_differences(bits: int) -> np.ndarray:
    """Return the half differences (2^bits,) int64 in grey levels: 0, then about geometric to 120.

    Integer steps, so that no floating-point rounding decides: each value is the last one times
    the ratio of the table, at least one more.
    """
    ratio_256 = {3: 600, 4: 380, 5: 300, 6: 275}[bits]
    values = [0]
    while len(values) < 1 << bits:
        values.append(max(values[-1] + 1, (values[-1] * ratio_256 + 128) >> 8))
    return np.minimum(np.array(values, np.int64), 127)


@njit(cache=True, nogil=True)
def encode_block(block: np.ndarray, kind: int, a: int, b: int, table: np.ndarray) -> int:
    """Return the word of a block (16,) int64; a and b as in `Truncation`."""
    word = 0
    if kind != TWO_LEVEL and kind != DITHER:
        low = high = block[0] >> 3
        for i in range(16):
            low, high = min(low, block[i] >> 3), max(high, block[i] >> 3)
        if kind == NAVION:
            threshold = (low + high + 1) >> 1
            for i in range(16):
                word |= int((block[i] >> 3) >= threshold) << i
            return word | (low << 16) | (threshold << 21)
        if kind == DITHERED_LEVELS:
            for i in range(16):
                place = 256 * low + 128 + 8 * (high - low) * (2 * BAYER[i] + 1)
                word |= int(32 * block[i] + 16 > place) << i
            return word | (low << 16) | (high << 21)
        size = high - low + 1  # of the range, in 5-bit levels
        for i in range(16):
            over = block[i] - 8 * low  # 0 .. 8 size - 1; quarters without a division
            code = int(over >= 2 * size) + int(over >= 4 * size) + int(over >= 6 * size)
            word |= code << (2 * i)
        return word | (low << 32) | ((size - 1) << 37)
    if kind == DITHER:
        for i in range(16):
            word |= ((block[i] * ((1 << a) - 1) + 16 * BAYER[i] + 8) >> 8) << (a * i)
        return word
    total = 0
    for i in range(16):
        total += block[i]
    count, upper = 0, 0
    for i in range(16):
        if 16 * block[i] >= total:
            word |= 1 << i
            count += 1
            upper += block[i]
    # Means of the halves without fractions: both times count (16 - count).
    pairs = max(count * (16 - count), 1)
    above, below = upper * (16 - count), (total - upper) * count
    centre = (above + below) // (2 * pairs) if count < 16 else total >> 4
    d = 0
    while d + 1 < len(table) and above - below >= (table[d] + table[d + 1]) * pairs:
        d += 1
    return word | ((centre >> (8 - a)) << 16) | (d << (16 + a))


@njit(cache=True, nogil=True)
def decode_block(
    word: np.int64, kind: int, a: int, b: int, table: np.ndarray, block: np.ndarray
) -> None:
    """Write the grey values of a word to a block (16,) int64, not clipped."""
    if kind == NAVION:
        low, threshold = (word >> 16) & 31, (word >> 21) & 31
        if a == 0:
            zero, one = 8 * low + 4, 8 * threshold + 4
        elif a == 1:
            zero, one = 8 * low + 4, 8 * (2 * threshold - low) + 4
        else:
            zero, one = 4 * (low + threshold), 12 * threshold - 4 * low + 4
        for i in range(16):
            block[i] = one if (word >> i) & 1 else zero
    elif kind == RANGE:
        low, size = (word >> 32) & 31, ((word >> 37) & 31) + 1
        for i in range(16):
            block[i] = 8 * low + (2 * ((word >> (2 * i)) & 3) + 1) * size
    elif kind == DITHER:
        for i in range(16):
            level = (word >> (a * i)) & ((1 << a) - 1)
            block[i] = (256 * level + 120 - 16 * BAYER[i]) // ((1 << a) - 1)
    elif kind == DITHERED_LEVELS:
        low, high = (word >> 16) & 31, (word >> 21) & 31
        for i in range(16):
            block[i] = 8 * (high if (word >> i) & 1 else low) + 4
    else:
        centre = (((word >> 16) & ((1 << a) - 1)) << (8 - a)) + ((1 << (8 - a)) >> 1)
        half = table[(word >> (16 + a)) & ((1 << b) - 1)]
        for i in range(16):
            block[i] = centre + half if (word >> i) & 1 else centre - half


def encode_image(image: np.ndarray, kind: int, a: int, b: int, table: np.ndarray) -> np.ndarray:
    """Return the words (ceil(H / 4), ceil(W / 4)) uint64 of an image (H, W) uint8."""
    height, width = image.shape
    words = np.empty(((height + 3) // 4, (width + 3) // 4), np.uint64)
    share(_encode_rows, len(words), image, kind, a, b, table, words)
    return words


@njit(cache=True, nogil=True)
def _encode_rows(
    first: int,
    last: int,
    image: np.ndarray,
    kind: int,
    a: int,
    b: int,
    table: np.ndarray,
    words: np.ndarray,
) -> None:
    """Write the rows first..last - 1 of the words of `encode_image`."""
    height, width = image.shape
    block = np.empty(16, np.int64)
    for by in range(first, last):
        for bx in range(words.shape[1]):
            for i in range(4):
                row = image[min(4 * by + i, height - 1)]
                for k in range(4):
                    block[4 * i + k] = row[min(4 * bx + k, width - 1)]
            words[by, bx] = encode_block(block, kind, a, b, table)


def decode_image(
    words: np.ndarray, height: int, width: int, kind: int, a: int, b: int, table: np.ndarray
) -> np.ndarray:
    """Return the image (height, width) uint8 of words."""
    image = np.empty((height, width), np.uint8)
    share(_decode_rows, len(words), words, kind, a, b, table, image)
    return image


@njit(cache=True, nogil=True)
def _decode_rows(
    first: int,
    last: int,
    words: np.ndarray,
    kind: int,
    a: int,
    b: int,
    table: np.ndarray,
    image: np.ndarray,
) -> None:
    """Write what the rows first..last - 1 of the words are to the image of `decode_image`."""
    height, width = image.shape
    block = np.empty(16, np.int64)
    for by in range(first, last):
        for bx in range(words.shape[1]):
            decode_block(np.int64(words[by, bx]), kind, a, b, table, block)
            for i in range(min(4, height - 4 * by)):
                for k in range(min(4, width - 4 * bx)):
                    image[4 * by + i, 4 * bx + k] = min(max(block[4 * i + k], 0), 255)
