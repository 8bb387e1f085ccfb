# SPDX-License-Identifier: Apache-2.0
"""Operands for proofs of float32 kernels: random, close to each other, halfway, extreme."""

import itertools
from collections.abc import Callable

import numpy as np

# Bits of numbers at which a rule changes: zero, subnormals, the smallest and largest normals, the
# neighbours of 1 and 2, infinity, NaNs of all kinds. The sign is added below.
_MAGNITUDES = (
    *(0x00000000, 0x00000001, 0x00400000, 0x007FFFFF, 0x00800000, 0x00800001, 0x00FFFFFF),
    *(0x01000000, 0x3F000000, 0x3F7FFFFE, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x3FB504F3),
    *(0x3FFFFFFF, 0x40000000, 0x40490FDB, 0x4B7FFFFF, 0x4B800000, 0x4C000000, 0x5F7FFFFF),
    *(0x7E800000, 0x7F000000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF),
)
_SIGN = 0x80000000
_WORD = 1 << 32


def special_numbers() -> np.ndarray:
    """Return the bits of numbers at which a rule changes, of both signs, uint32."""
    both = [*_MAGNITUDES, *(_SIGN | magnitude for magnitude in _MAGNITUDES)]
    return np.array(both, np.uint32)


def special_pairs() -> np.ndarray:
    """Return all pairs (N, 2) of special numbers, uint32."""
    return np.array(list(itertools.product(special_numbers(), repeat=2)), np.uint32)


def pairs(count: int, seed: int) -> np.ndarray:
    """Return operands (count, 2) uint32: all special pairs, then seven kinds in turn.

    Bits at random; numbers of like size (cancellation); short significands (halfway cases);
    products and quotients about 2^-126, some of which round up to it; exact squares and their
    neighbours; a number of any size beside a special one; measurements (sizes of 1e-3 .. 1e3).
    """
    rng = np.random.default_rng(seed)
    out = rng.integers(0, _WORD, (count, 2), np.uint64)
    near = out[1::7, 0].astype(np.int64) + rng.integers(-(1 << 25), 1 << 25, len(out[1::7]))
    out[1::7, 1] = (near ^ (rng.integers(0, 2, len(near)) << 31)) % _WORD
    short = ~(
        (np.uint64(1) << rng.integers(0, 24, out[2::7].shape).astype(np.uint64)) - np.uint64(1)
    )
    out[2::7] &= short
    out[2::7, 1] = out[2::7, 0] % (1 << 31) & 0x7F800000 | out[2::7, 1] & 0x807FFFFF
    out[3::7] = _about_underflow(rng, len(out[3::7]))
    root = rng.integers(1 << 11, 1 << 12, len(out[4::7])).astype(np.float64)
    square = (root * root).astype(np.float32).view(np.uint32).astype(np.int64)
    exponent = rng.integers(-100, 80, len(root))
    out[4::7, 0] = square + (exponent << 23) + rng.integers(-1, 2, len(root))
    out[5::7, 1] = rng.choice(special_numbers(), len(out[5::7]))
    sized = 10 ** rng.uniform(-3, 3, out[6::7].shape) * rng.choice([-1, 1], out[6::7].shape)
    out[6::7] = sized.astype(np.float32).view(np.uint32)
    special = special_pairs()[:count]
    out[: len(special)] = special
    return out.astype(np.uint32)


def _about_underflow(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return pairs (count, 2) whose product or quotient is about 2^-126, half of each."""
    top = rng.integers(0x7FFF00, 0x800000, count)
    fraction = np.where(rng.integers(0, 2, count) == 1, top, rng.integers(0, 0x800000, count))
    ax = rng.integers(1, 126, count)
    bx = 126 - ax + rng.integers(0, 3, count)
    a = ax << 23 | fraction
    # The fraction that makes the product 2 - 2^-24 or so: (2 - 2^-24) / 1.fraction.
    close = (2.0 - 2.0**-24) / (1.0 + fraction / 2.0**23)
    b = np.minimum(((close - 1.0) * 2.0**23).astype(np.int64), 0x7FFFFF)
    b += rng.integers(-1, 2, count) * (b > 0) * (b < 0x7FFFFF)
    product = np.stack([a, np.maximum(bx, 1) << 23 | b], axis=1)
    ratio_b = rng.integers(0, 3, count) | (rng.integers(127, 254, count) << 23)
    ratio_a = np.maximum((ratio_b >> 23) - 127 + rng.integers(0, 2, count), 1) << 23 | fraction
    ratio = np.stack([ratio_a, ratio_b], axis=1)
    half = (np.arange(count) % 2 == 1)[:, None]
    sign = rng.integers(0, 2, (count, 2)) << 31
    return (np.where(half, ratio, product) | sign).astype(np.uint64)


def vectors(count: int, seed: int) -> np.ndarray:
    """Return rotation vectors (count, 3) as words: lengths 1e-12 .. pi, zeros, and some nonsense.

    In turn: any direction, along an axis, at random bits (NaN and infinity among them).
    """
    rng = np.random.default_rng(seed)
    out = rng.normal(size=(count, 3))
    out[1::8] *= np.eye(3)[rng.integers(0, 3, len(out[1::8]))]
    tiny = 10 ** rng.uniform(-12, 0.497, count)
    length = np.where(rng.integers(0, 2, count) == 1, tiny, rng.uniform(0, np.pi, count))
    out *= (length / np.linalg.norm(out, axis=1))[:, None]
    out[:3] = np.array([[0.0], [-0.0], [np.pi / np.sqrt(3)]])[: len(out)]
    words = out.astype(np.float32).view(np.uint32)
    words[7::8] = rng.integers(0, _WORD, words[7::8].shape, np.uint64)
    return words


def matrices(count: int, seed: int) -> np.ndarray:
    """Return rotation matrices (count, 9) as words: of `vectors`, some turned by nearly pi.

    Every fourth is off by rounding errors of up to 1e-6, every eighth random bits.
    """
    from vio.geometry import exp_so3

    rng = np.random.default_rng(seed)
    turns = vectors(count, seed)
    turns[7::8] = 0
    phi = turns.view(np.float32).astype(np.float64)
    near = phi[2::8]
    size = np.maximum(np.linalg.norm(near, axis=1, keepdims=True), 1e-30)
    phi[2::8] = near / size * (np.pi - 10 ** rng.uniform(-7, -1, (len(near), 1)))
    out = np.array([exp_so3(v).ravel() for v in phi])
    out[3::4] += rng.uniform(-1e-6, 1e-6, out[3::4].shape)
    words = out.astype(np.float32).view(np.uint32)
    words[7::8] = rng.integers(0, _WORD, words[7::8].shape, np.uint64)
    return words


def rows(width: int) -> Callable[[int, int], np.ndarray]:
    """Return a maker of operands (count, width) as words: numbers of one size in a row.

    Sizes 1e-20 .. 1e18; in turn: a third of them zeros, any sizes mixed, all zeros, specials
    of all kinds, random bits, and three of one size.
    """

    def operands(count: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        out = rng.normal(size=(count, width)) * 10 ** rng.uniform(-20, 18, (count, 1))
        out[::8] *= rng.integers(0, 3, out[::8].shape) > 0
        out[1::8] = rng.normal(size=out[1::8].shape) * 10 ** rng.uniform(-20, 18, out[1::8].shape)
        out[2::64] = 0.0
        words = out.astype(np.float32).view(np.uint32)
        words[3::8] = rng.choice(special_numbers(), words[3::8].shape)
        words[4::8] = rng.integers(0, _WORD, words[4::8].shape, np.uint64)
        return words

    return operands


def observations(count: int, seed: int) -> np.ndarray:
    """Return observations (count, 55) as words: host, target, camera, landmark, observed ray.

    In the order of vio/float32/linearize.py: two poses metres apart, a camera beside the body,
    a landmark at 0.3 m .. infinity, seen up to ten pixels off (some behind the camera). Every
    sixteenth has words of random bits, every sixteenth special numbers.
    """
    from vio.geometry import exp_so3

    rng = np.random.default_rng(seed)

    def rotations(spread: float) -> np.ndarray:
        return np.array([exp_so3(v).ravel() for v in rng.normal(0, spread, (count, 3))])

    parts = [
        *(rotations(0.7), rng.normal(0, 3, (count, 3)), rotations(0.7)),
        *(rng.normal(0, 3, (count, 3)), rotations(0.05), rng.normal(0, 0.1, (count, 3))),
        *(rotations(0.05), rng.normal(0, 0.1, (count, 3))),
        *(rng.uniform(200, 800, (count, 1)), rng.uniform(1, 3, (count, 1))),
        *(rng.uniform(-0.7, 0.7, (count, 2)), rng.uniform(0, 3, (count, 1))),
        rng.uniform(-0.7, 0.7, (count, 2)),
    ]
    out = np.concatenate(parts, axis=1)
    out[::4, 53:] = out[::4, 50:52] + rng.normal(0, 0.01, out[::4, 53:].shape)
    words = out.astype(np.float32).view(np.uint32)
    for first, nonsense in ((3, None), (11, special_numbers())):
        some = words[first::16]
        here = rng.integers(0, 8, some.shape) == 0
        any_bits = rng.integers(0, _WORD, some.shape, np.uint64).astype(np.uint32)
        other = any_bits if nonsense is None else rng.choice(nonsense, some.shape)
        words[first::16] = np.where(here, other, some)
    return words
