# SPDX-License-Identifier: Apache-2.0
"""The sensor's last step: light to noisy 8-bit grey levels."""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def expose(
    radiance: np.ndarray,
    vignette: np.ndarray,
    gain: float,
    electrons: float,
    read_noise: float,
    fixed_pattern: np.ndarray,
    normal: np.ndarray,
    seed: int,
    out: np.ndarray,
) -> None:
    """Write the 8-bit image (H, W) of a radiance with shot noise, read noise and quantisation.

    gain: grey levels per radiance. electrons: electrons per grey level. read_noise: electrons.
    fixed_pattern: (H, W) grey levels at unit gain. normal: (65536,) standard normal table, drawn
    from with a counter-based hash of (seed, pixel), so that pixels are independent of order.
    """
    H, W = out.shape
    read_var = read_noise * read_noise
    for v in range(H):
        for u in range(W):
            k = np.uint64(seed) + np.uint64(v * W + u) * np.uint64(0x9E3779B97F4A7C15)
            k = (k ^ (k >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            k = (k ^ (k >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            draw = normal[np.int64(k >> np.uint64(48))]
            grey = radiance[v, u] * vignette[v, u] * gain
            charge = grey * electrons
            noise = math.sqrt(charge + read_var) / electrons * draw
            value = grey + noise + fixed_pattern[v, u] + 0.5
            out[v, u] = np.uint8(min(255.0, max(0.0, value)))
