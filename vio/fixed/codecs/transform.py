# SPDX-License-Identifier: Apache-2.0
"""Block-scaled transform codec: a 4x4 integer cosine transform, one scale a block, fixed lengths.

A block is transformed by the 4x4 core transform of H.264 (Malvar, Hallapuro, Karczewicz and
Kerofsky, "Low-complexity transform and quantization in H.264/AVC", IEEE TCSVT 13(7), 2003). Its
coefficients share one power of two as scale (block floating point) and are cut to a few bits each;
which and how many follows from how their errors move a Lucas-Kanade window (docs/golden/codec.md).

Integers, C = [1 1 1 1; 2 1 -1 -2; 1 -1 -1 1; 1 -2 2 -1]:

- Encoder: F = C X C^T. F[u][v] has u changes down and v across. S = F[0][0] is the sum of the
  pixels. The scale s in 0..7 is the least with |F01|, |F10| <= 28 << s, |F11| <= 24 << s and
  |F02|, |F20| <= 8 << s; 7 if there is none. The magnitude code of a coefficient is the number of
  its thresholds that |F| << (7 - s) reaches; its sign code is 1 for F < 0.
- Decoder: a code stands for the amplitude +-((T[magnitude] << s) >> 2), in 1/64 grey level; the
  mean of b bits for (code << (14 - b)) + (1 << (13 - b)) - 1. X = clip((C^T A C) >> 6). (The
  mean is rounded down on the way in and X on the way out; so a flat block returns unchanged.)

Word, from bit 0 up: s (3 bits); the base fields of the coefficients in the order of ORDER, each
magnitude first, its sign on top; the mean (8 bits) in the rest. Large scales need less of the
mean: from scale `from_scale` of extra n on, bit n of the mean field is the lowest magnitude
bit of another coefficient instead (the n-th of `extras`), and the mean has a bit less.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit

from vio.workers import share

# Coefficients in the order of their fields: name, u (changes down), v (changes across), table.
ORDER = (
    ("F01", 0, 1, "first"),
    ("F10", 1, 0, "first"),
    ("F11", 1, 1, "diagonal"),
    ("F02", 0, 2, "second"),
    ("F20", 2, 0, "second"),
    ("F12", 1, 2, "mixed"),
    ("F21", 2, 1, "mixed"),
    ("F22", 2, 2, "fine"),
    ("F03", 0, 3, "third"),
    ("F30", 3, 0, "third"),
)
# Amplitudes at scale 0, 1/256 grey level, by number of bits (sign included): centroids of the
# coefficients of tracked windows, see tools/codec/tune_codecs.py.
LEVELS: dict[str, tuple[tuple[int, ...], ...]] = {
    "first": (
        (63,),
        (27, 110),
        (15, 54, 99, 144),
        (8, 27, 48, 70, 94, 112, 135, 162),
        (4, 14, 24, 35, 46, 57, 68, 80, 92, 101, 111, 122, 133, 145, 157, 172),
        (2, 8, 13, 18, 23, 29, 35, 41, 46, 52, 57, 62, 67, 73, 79, 85,
         91, 96, 101, 106, 112, 117, 123, 128, 134, 139, 144, 150, 156, 161, 168, 175),
    ),
    "diagonal": (
        (14,),
        (8, 34),
        (4, 15, 31, 46),
        (3, 8, 15, 22, 30, 37, 45, 55),
        (1, 4, 7, 11, 14, 18, 22, 26, 31, 34, 37, 40, 44, 48, 53, 58),
    ),
    "second": (
        (36,),
        (17, 76),
        (9, 35, 69, 101),
        (5, 17, 32, 49, 68, 82, 98, 116),
    ),
    "mixed": ((11,), (7, 31), (4, 15, 31, 59), (2, 8, 14, 21, 30, 43, 62, 103)),
    "fine": ((11,), (7, 32), (4, 17, 35, 73)),
    "third": ((10,), (6, 26)),
}  # fmt: skip
NORM = (4, 10, 4, 10)  # squared lengths of the rows of C
LIMIT_FIRST, LIMIT_DIAGONAL, LIMIT_SECOND = 28, 24, 8  # of the scale rule, at scale 0
SCALES = 8
MEAN_BITS = 8


@dataclass(frozen=True)
class TransformLayout:
    """Hold the fields of a transform codec.

    base: bits of each coefficient of ORDER, sign included. extras: (from_scale, index in ORDER) of
    the coefficients that take over the low bits of the mean, from_scale not falling.
    """

    base: tuple[int, ...]
    extras: tuple[tuple[int, int], ...]

    @property
    def bits(self) -> int:
        """Bits of a word."""
        return 3 + sum(self.base) + MEAN_BITS

    def widths(self, scale: int) -> list[int]:
        """Return the bits of each coefficient at a scale."""
        widths = list(self.base)
        for from_scale, index in self.extras:
            widths[index] += int(scale >= from_scale)
        return widths

    @cached_property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return what the kernels take: fields, extras, thresholds and levels.

        fields: (K, 3) int64, u, v and base bits. extras: (8, 1 + E) int64, how many are in force
        at a scale, then their indices. thresholds, levels: (8, K, 32) int64, by scale,
        coefficient and magnitude.
        """
        count = len(self.base)
        fields = np.array([(*ORDER[j][1:3], self.base[j]) for j in range(count)], np.int64)
        extras = np.zeros((SCALES, 1 + len(self.extras)), np.int64)
        thresholds = np.full((SCALES, count, 32), 1 << 40, np.int64)
        levels = np.zeros((SCALES, count, 32), np.int64)
        for s in range(SCALES):
            extras[s, 0] = sum(s >= e[0] for e in self.extras)
            extras[s, 1:] = [e[1] for e in self.extras]
            for j, bits in enumerate(self.widths(s)):
                if bits == 0:
                    continue
                _, u, v, name = ORDER[j]
                table = np.array(LEVELS[name][bits - 1], np.int64)
                norm = NORM[u] * NORM[v]
                # Half-way between two amplitudes, in units of |F| << (7 - s); exact, as 4 | norm.
                thresholds[s, j, : len(table) - 1] = (table[1:] + table[:-1]) * norm // 4
                levels[s, j, : len(table)] = (table << s) >> 2
        return fields, extras, thresholds, levels


@njit(cache=True, nogil=True)
def forward(block: np.ndarray) -> None:
    """Transform a block (4, 4) int64 in place: C X C^T."""
    for i in range(4):
        a, b, c, d = block[i, 0], block[i, 1], block[i, 2], block[i, 3]
        p, q, r, t = a + d, b + c, a - d, b - c
        block[i, 0], block[i, 1], block[i, 2], block[i, 3] = p + q, 2 * r + t, p - q, r - 2 * t
    for i in range(4):
        a, b, c, d = block[0, i], block[1, i], block[2, i], block[3, i]
        p, q, r, t = a + d, b + c, a - d, b - c
        block[0, i], block[1, i], block[2, i], block[3, i] = p + q, 2 * r + t, p - q, r - 2 * t


@njit(cache=True, nogil=True)
def inverse(block: np.ndarray) -> None:
    """Sum the basis images of amplitudes (4, 4) int64 in place: C^T A C."""
    for i in range(4):
        a, b, c, d = block[0, i], block[1, i], block[2, i], block[3, i]
        p, q, r, t = a + c, a - c, 2 * b + d, b - 2 * d
        block[0, i], block[1, i], block[2, i], block[3, i] = p + r, q + t, q - t, p - r
    for i in range(4):
        a, b, c, d = block[i, 0], block[i, 1], block[i, 2], block[i, 3]
        p, q, r, t = a + c, a - c, 2 * b + d, b - 2 * d
        block[i, 0], block[i, 1], block[i, 2], block[i, 3] = p + r, q + t, q - t, p - r


@njit(cache=True, nogil=True)
def block_scale(F: np.ndarray) -> int:
    """Return the least scale at which the largest coefficients do not overload."""
    first = max(abs(F[0, 1]), abs(F[1, 0]))
    diagonal = abs(F[1, 1])
    second = max(abs(F[0, 2]), abs(F[2, 0]))
    s = 0
    while s < SCALES - 1 and (
        first > LIMIT_FIRST << s or diagonal > LIMIT_DIAGONAL << s or second > LIMIT_SECOND << s
    ):
        s += 1
    return s


@njit(cache=True, nogil=True)
def encode_block(
    block: np.ndarray, fields: np.ndarray, extras: np.ndarray, thresholds: np.ndarray
) -> int:
    """Return the word of a block (4, 4) int64, which is overwritten."""
    forward(block)
    s = block_scale(block)
    active = extras[s, 0]
    mean = block[0, 0] >> 4
    low = 0
    word, at = s, 3
    for j in range(fields.shape[0]):
        f = block[fields[j, 0], fields[j, 1]]
        bits = fields[j, 2]
        code_bits = bits
        for e in range(active):
            code_bits += int(extras[s, 1 + e] == j)
        if code_bits == 0:
            continue
        n = abs(f) << (SCALES - 1 - s)
        magnitude = 0
        for m in range((1 << (code_bits - 1)) - 1):
            magnitude += int(n >= thresholds[s, j, m])
        code = magnitude | (int(f < 0) << (code_bits - 1))
        # The lowest magnitude bits go to the extras that are this coefficient's, first one lowest.
        for e in range(active):
            if extras[s, 1 + e] == j:
                low |= (code & 1) << e
                code >>= 1
        word |= code << at
        at += bits
    return word | (((mean >> active << active) | low) << at)


@njit(cache=True, nogil=True)
def decode_block(
    word: np.int64, fields: np.ndarray, extras: np.ndarray, levels: np.ndarray, block: np.ndarray
) -> None:
    """Write the grey values of a word to a block (4, 4) int64, not clipped."""
    s = word & 7
    active = extras[s, 0]
    at = 3
    for j in range(fields.shape[0]):
        at += fields[j, 2]
    low = word >> at
    block[:] = 0
    block[0, 0] = ((low >> active << active) << 6) + (32 << active) - 1
    at = 3
    for j in range(fields.shape[0]):
        bits = fields[j, 2]
        code = (word >> at) & ((1 << bits) - 1)
        at += bits
        for e in range(active - 1, -1, -1):
            if extras[s, 1 + e] == j:
                code = (code << 1) | ((low >> e) & 1)
                bits += 1
        if bits == 0:
            continue
        negative = code >> (bits - 1)
        amplitude = levels[s, j, code & ((1 << (bits - 1)) - 1)]
        block[fields[j, 0], fields[j, 1]] = -amplitude if negative else amplitude
    inverse(block)
    for i in range(4):
        for k in range(4):
            block[i, k] >>= 6


def encode_image(
    image: np.ndarray, fields: np.ndarray, extras: np.ndarray, thresholds: np.ndarray
) -> np.ndarray:
    """Return the words (ceil(H / 4), ceil(W / 4)) uint64 of an image (H, W) uint8."""
    height, width = image.shape
    words = np.empty(((height + 3) // 4, (width + 3) // 4), np.uint64)
    share(_encode_rows, len(words), image, fields, extras, thresholds, words)
    return words


@njit(cache=True, nogil=True)
def _encode_rows(
    first: int,
    last: int,
    image: np.ndarray,
    fields: np.ndarray,
    extras: np.ndarray,
    thresholds: np.ndarray,
    words: np.ndarray,
) -> None:
    """Write the rows first..last - 1 of the words of `encode_image`."""
    height, width = image.shape
    block = np.empty((4, 4), np.int64)
    for by in range(first, last):
        for bx in range(words.shape[1]):
            for i in range(4):
                row = image[min(4 * by + i, height - 1)]
                for k in range(4):
                    block[i, k] = row[min(4 * bx + k, width - 1)]
            words[by, bx] = encode_block(block, fields, extras, thresholds)


def decode_image(
    words: np.ndarray,
    height: int,
    width: int,
    fields: np.ndarray,
    extras: np.ndarray,
    levels: np.ndarray,
) -> np.ndarray:
    """Return the image (height, width) uint8 of words."""
    image = np.empty((height, width), np.uint8)
    share(_decode_rows, len(words), words, fields, extras, levels, image)
    return image


@njit(cache=True, nogil=True)
def _decode_rows(
    first: int,
    last: int,
    words: np.ndarray,
    fields: np.ndarray,
    extras: np.ndarray,
    levels: np.ndarray,
    image: np.ndarray,
) -> None:
    """Write what the rows first..last - 1 of the words are to the image of `decode_image`."""
    height, width = image.shape
    block = np.empty((4, 4), np.int64)
    for by in range(first, last):
        for bx in range(words.shape[1]):
            decode_block(np.int64(words[by, bx]), fields, extras, levels, block)
            for i in range(min(4, height - 4 * by)):
                for k in range(min(4, width - 4 * bx)):
                    image[4 * by + i, 4 * bx + k] = min(max(block[i, k], 0), 255)
