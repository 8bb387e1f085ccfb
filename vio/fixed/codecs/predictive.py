# SPDX-License-Identifier: Apache-2.0
"""Predictive codec: the differences of a block's pixels from their neighbours, one step a block.

DPCM as in Cutler, US patent 2605361, 1952; here closed inside a 4x4 block, with forward-adaptive
steps. Word, from bit 0 up: pixel 0 cut to 7 bits; index of the step (4); then `rate` bits a pixel
for pixels 1 to 15, in rows. The prediction of a pixel is its decoded left neighbour in row 0, its
upper one in column 0, elsewhere (left + upper + 1) >> 1. A code c adds (2 c + 1 - 2^rate) * step.
"""

import numpy as np
from numba import njit

from vio.workers import share

STEPS = np.array([0, 1, 2, 3, 4, 5, 6, 8, 11, 14, 18, 23, 30, 40, 54, 72], np.int64)


@njit(cache=True, nogil=True)
def predict(pixels: np.ndarray, i: int) -> int:
    """Return what decoded pixels (16,) before i say of pixel i > 0."""
    if i < 4:
        return pixels[i - 1]
    if i % 4 == 0:
        return pixels[i - 4]
    return (pixels[i - 1] + pixels[i - 4] + 1) >> 1


@njit(cache=True, nogil=True)
def encode_block(block: np.ndarray, rate: int, scratch: np.ndarray) -> int:
    """Return the word of a block (16,) int64 with the least squared error of all steps."""
    best_word, best_error = 0, 1 << 40
    top = (1 << rate) - 1
    for k in range(len(STEPS)):
        word = (block[0] >> 1) | (k << 7)
        scratch[0] = (block[0] >> 1 << 1) + 1
        error = (block[0] - scratch[0]) ** 2
        for i in range(1, 16):
            guess = predict(scratch, i)
            difference = block[i] - guess
            code = 0
            while code < top and difference >= (2 * code + 2 - (1 << rate)) * STEPS[k]:
                code += 1
            word |= code << (11 + rate * (i - 1))
            scratch[i] = min(max(guess + (2 * code + 1 - (1 << rate)) * STEPS[k], 0), 255)
            error += (block[i] - scratch[i]) ** 2
        if error < best_error:
            best_word, best_error = word, error
    return best_word


@njit(cache=True, nogil=True)
def decode_block(word: np.int64, rate: int, block: np.ndarray) -> None:
    """Write the grey values of a word to a block (16,) int64."""
    block[0] = ((word & 127) << 1) + 1
    step = STEPS[(word >> 7) & 15]
    for i in range(1, 16):
        code = (word >> (11 + rate * (i - 1))) & ((1 << rate) - 1)
        block[i] = min(max(predict(block, i) + (2 * code + 1 - (1 << rate)) * step, 0), 255)


def encode_image(image: np.ndarray, rate: int) -> np.ndarray:
    """Return the words (ceil(H / 4), ceil(W / 4)) uint64 of an image (H, W) uint8."""
    height, width = image.shape
    words = np.empty(((height + 3) // 4, (width + 3) // 4), np.uint64)
    share(_encode_rows, len(words), image, rate, words)
    return words


@njit(cache=True, nogil=True)
def _encode_rows(first: int, last: int, image: np.ndarray, rate: int, words: np.ndarray) -> None:
    """Write the rows first..last - 1 of the words of `encode_image`."""
    height, width = image.shape
    block, scratch = np.empty(16, np.int64), np.empty(16, np.int64)
    for by in range(first, last):
        for bx in range(words.shape[1]):
            for i in range(4):
                row = image[min(4 * by + i, height - 1)]
                for k in range(4):
                    block[4 * i + k] = row[min(4 * bx + k, width - 1)]
            words[by, bx] = encode_block(block, rate, scratch)


def decode_image(words: np.ndarray, height: int, width: int, rate: int) -> np.ndarray:
    """Return the image (height, width) uint8 of words."""
    image = np.empty((height, width), np.uint8)
    share(_decode_rows, len(words), words, rate, image)
    return image


@njit(cache=True, nogil=True)
def _decode_rows(first: int, last: int, words: np.ndarray, rate: int, image: np.ndarray) -> None:
    """Write what the rows first..last - 1 of the words are to the image of `decode_image`."""
    height, width = image.shape
    block = np.empty(16, np.int64)
    for by in range(first, last):
        for bx in range(words.shape[1]):
            decode_block(np.int64(words[by, bx]), rate, block)
            for i in range(min(4, height - 4 * by)):
                for k in range(min(4, width - 4 * bx)):
                    image[4 * by + i, 4 * bx + k] = block[4 * i + k]
