# SPDX-License-Identifier: Apache-2.0
"""Digests of what goes on between the blocks, as sim/harness.cpp takes them from the Verilog."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from vio.config import HwConfig
from vio.fixed.codec import get_codec
from vio.fixed.stereo_search import NO_MATCH
from vio.hw.cosim.record import Call

PROBES = (
    "pyramid level 1", "pyramid level 2", "words level 0", "words level 1", "words level 2",
    "words right", "candidates", "corners", "tracker", "mono RANSAC", "stereo", "stereo RANSAC",
)  # fmt: skip
_OFFSET = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)


@dataclass(frozen=True)
class Digest:
    """Hold how many words a block gave in a frame, and their digest (FNV-1a over 64-bit words)."""

    count: int
    value: int


@njit(cache=True)
def _fold(words: np.ndarray) -> np.uint64:
    digest = _OFFSET
    for word in words:
        digest = (digest ^ word) * _PRIME
    return digest


def digest(words: np.ndarray) -> Digest:
    """Return the digest of words of any integer type and shape, in C order."""
    flat = np.ascontiguousarray(words).reshape(-1).astype(np.int64).view(np.uint64)
    return Digest(len(flat), int(_fold(flat)))


def _bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Return two's complement words of a width."""
    return np.asarray(values).astype(np.int64) & ((1 << bits) - 1)


def _pair(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return two lists of words as one in which they alternate."""
    return np.stack([first, second], axis=1)


def golden_digests(
    calls: dict[str, list[Call]], hw: HwConfig, right: np.ndarray | None
) -> dict[str, Digest]:
    """Return the digests of the blocks that the golden model used in a frame.

    calls: what `vio.hw.cosim.record.listening` noted while the frame was tracked. right: its
    right image.
    """
    found: dict[str, np.ndarray] = {}
    if calls.get("build_pyramid"):
        pyramid = calls["build_pyramid"][-1].result
        for level, image in enumerate(pyramid):
            if level > 0:
                found[f"pyramid level {level}"] = image
            codec = get_codec(hw.codec_upper if level else hw.codec_left)
            found[f"words level {level}"] = codec.encode(image)
    if calls.get("track_windows"):
        uv, status, iterations = calls["track_windows"][-1].result
        place = _bits(uv[:, 1], 19) << 19 | _bits(uv[:, 0], 19)
        work = status.astype(np.int64)
        for level in range(iterations.shape[1]):
            work |= iterations[:, level] << (3 + 8 * level)
        found["tracker"] = _pair(place, work)
    if calls.get("mono_ransac"):
        kept, _ = calls["mono_ransac"][-1].result
        words = kept.astype(np.int64)
        words[kept] |= calls["inverse_scale_change"][-1].result << 1
        found["mono RANSAC"] = words
    if calls.get("tile_candidates"):
        tiles = calls["tile_candidates"][-1].result
        within, bits = hw.tile_px - 1, hw.tile_px.bit_length() - 1
        words = (
            tiles[..., 2] << bits * 2 | (tiles[..., 1] & within) << bits | tiles[..., 0] & within
        )
        found["candidates"] = words
        uv, scores = calls["select_corners"][-1].result
        found["corners"] = (
            scores << 22 | (uv[:, 1] >> hw.coord_frac) << 11 | uv[:, 0] >> hw.coord_frac
        )
    if calls.get("match_rows"):
        assert right is not None  # the model matched it
        found["words right"] = get_codec(hw.codec_right).encode(right)
        uv, rays, _ = calls["match_rows"][-1].result
        ok = uv[:, 0] != NO_MATCH
        place = 1 << 38 | _bits(uv[:, 1], 19) << 19 | _bits(uv[:, 0], 19)
        ray = _bits(rays[:, 2], 16) << 36 | _bits(rays[:, 1], 18) << 18 | _bits(rays[:, 0], 18)
        found["stereo"] = _pair(np.where(ok, place, 0), np.where(ok, ray, 0))
    if calls.get("stereo_ransac"):
        found["stereo RANSAC"] = calls["stereo_ransac"][-1].result
    return {name: digest(words) for name, words in found.items()}
