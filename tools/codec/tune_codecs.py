# SPDX-License-Identifier: Apache-2.0
"""Fit the transform codec's amplitudes and bits to tracked windows (--help says how).

First order, an error e of the images moves a Lucas-Kanade window by H^-1 sum(w g e), with its
gradients g, weights w and normal matrix H. So the error of a coefficient counts by the power of
the gradients in that coefficient, which is measured here over the windows that the float engine
tracks, each divided by its own trace(H)^2. With these weights the amplitudes are the centroids
of Lloyd's quantiser, pooled over scales and over mirrored coefficients, and bits are handed out one
by one where they lower the sum most. Prints LEVELS of vio/fixed/codecs/transform.py, the weights,
and the best bits by scale, beside which the layouts of vio/fixed/codec.py are chosen.
"""

import argparse

import numpy as np
from measure_codecs import record

from vio.fixed.codecs.transform import (
    LEVELS,
    LIMIT_DIAGONAL,
    LIMIT_FIRST,
    LIMIT_SECOND,
    NORM,
    ORDER,
    SCALES,
)
from vio.frontend.klt import TRACKED

C = np.array([[1, 1, 1, 1], [2, 1, -1, -2], [1, -1, -1, 1], [1, -2, 2, -1]])
TRANSFORM = np.kron(C, C)  # of a block as a vector, row by row
LENGTH = np.sqrt(np.kron(NORM, NORM))  # of its rows
SAMPLES = 120_000
WINDOW_SIGMA = 0.27 * 15


def to_blocks(image: np.ndarray) -> np.ndarray:
    """Return the blocks (B, 16) of an image (H, W), in rows."""
    padded = np.pad(image, ((0, -image.shape[0] % 4), (0, -image.shape[1] % 4)), mode="edge")
    rows, columns = padded.shape[0] // 4, padded.shape[1] // 4
    return padded.reshape(rows, 4, columns, 4).swapaxes(1, 2).reshape(-1, 16)


def tracked_blocks(source: str, frames: int, every: int) -> tuple[np.ndarray, ...]:
    """Return blocks (N, 16) of tracked windows, their weights (N,), and those of coefficients."""
    calls = record(source, frames)
    keys = sorted({f["key"] for f in calls["follows"]})[::every]
    rows = TRANSFORM / LENGTH[:, None]
    blocks, weights, power, seen = [], [], np.zeros(16), set()
    for f in calls["follows"]:
        for k, uv in ((f["key"], f["uv_key"]), (f["frame"], f["uv"])):
            if f["key"] not in keys or (k, f["age"]) in seen:
                continue
            seen.add((k, f["age"]))
            image = calls["images"][k].left.astype(np.float64)
            gx, gy = np.zeros_like(image), np.zeros_like(image)
            gx[:, 1:-1] = (image[:, 2:] - image[:, :-2]) / 2
            gy[1:-1] = (image[2:] - image[:-2]) / 2
            b, bx, by = to_blocks(image), to_blocks(gx), to_blocks(gy)
            down, across = -(-image.shape[0] // 4), -(-image.shape[1] // 4)
            for u, v in uv[f["status"] == TRACKED]:
                i = np.arange(max(int(v) // 4 - 2, 0), min(int(v) // 4 + 3, down))
                j = np.arange(max(int(u) // 4 - 2, 0), min(int(u) // 4 + 3, across))
                index = (i[:, None] * across + j[None]).ravel()
                y, x = (i * 4 + 1.5)[:, None], (j * 4 + 1.5)[None]
                w = np.exp(-0.5 * ((y - v) ** 2 + (x - u) ** 2) / WINDOW_SIGMA**2).ravel()
                trace = (w[:, None] * (bx[index] ** 2 + by[index] ** 2)).sum()
                e = (bx[index] @ rows.T) ** 2 + (by[index] @ rows.T) ** 2
                e *= (w**2)[:, None] / trace**2
                power += e.sum(0)
                blocks.append(b[index])
                weights.append(e.sum(1))
    return np.concatenate(blocks), np.concatenate(weights), power


def scales(F: np.ndarray) -> np.ndarray:
    """Return the scales (N,) of coefficients (N, 16): `transform.block_scale`."""
    a = np.abs(F)
    first = np.maximum(a[:, 1], a[:, 4]) / LIMIT_FIRST
    second = np.maximum(a[:, 2], a[:, 8]) / LIMIT_SECOND
    largest = np.maximum(np.maximum(first, second), a[:, 5] / LIMIT_DIAGONAL)
    return np.clip(np.ceil(np.log2(np.maximum(largest, 1e-9))), 0, SCALES - 1).astype(int)


def lloyd(x: np.ndarray, w: np.ndarray, count: int) -> np.ndarray:
    """Return the rounded centroids (count,) of magnitudes x with weights w (Lloyd, 1957)."""
    order = np.argsort(x)
    x, w = x[order], w[order]
    cw = np.concatenate([[0], np.cumsum(w)])
    cx = np.concatenate([[0], np.cumsum(w * x)])
    c = (np.arange(count) + 0.5) / count * np.interp(0.995 * cw[-1], cw[1:], x)
    for _ in range(25):
        cut = np.concatenate([[0], np.searchsorted(x, (c[1:] + c[:-1]) / 2), [len(x)]])
        mass = np.diff(cw[cut])
        c = np.where(mass > 0, np.diff(cx[cut]) / np.maximum(mass, 1e-12), c)
    return np.maximum(np.rint(c), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", nargs="+", help="RECORDING:FRAMES:EVERY-N-TH-KEYFRAME")
    parser.add_argument("--bits", type=int, nargs="+", default=[18, 27, 36])
    args = parser.parse_args()
    parts = []
    for item in args.recordings:
        source, frames, every = item.rsplit(":", 2)
        parts.append(tracked_blocks(source, int(frames), int(every)))
    blocks, weights = (np.concatenate([p[k] for p in parts]) for k in (0, 1))
    power = sum(p[2] for p in parts).reshape(4, 4)
    power = ((power + power.T) / 2 / power.max()).ravel()
    pick = np.random.default_rng(0).choice(len(blocks), min(SAMPLES, len(blocks)), replace=False)
    F, w = blocks[pick] @ TRANSFORM.T, weights[pick] / weights.mean()
    s = scales(F)
    size = 2.0**s
    print("weights:", np.round(power.reshape(4, 4), 3).tolist(), "blocks by scale:", np.bincount(s))

    names = {4 * u + v: name for _, u, v, name in ORDER}
    cost = np.full((SCALES, 16, 7), np.inf)
    for name, known in LEVELS.items():
        members = [k for k in names if names[k] == name]
        scaled = {k: F[:, k] / LENGTH[k] ** 2 / size * 256 for k in members}
        pooled = np.abs(np.concatenate(list(scaled.values())))
        for bits in range(len(known) + 1):
            table = np.zeros(1)
            if bits:
                table = lloyd(pooled, np.tile(w * size**2, len(members)), 1 << (bits - 1))
                print(name, bits, table.astype(int).tolist())
            for k in members:
                a = np.abs(scaled[k])
                e = a - table[np.searchsorted((table[1:] + table[:-1]) / 2, a)]
                e = (e * size / 256 * LENGTH[k]) ** 2 * power[k] * w
                cost[:, k, bits] = np.bincount(s, weights=e, minlength=SCALES) / len(w)
    mean = np.zeros((SCALES, 9))
    for bits in range(4, 9):
        step = 2.0 ** (8 - bits)
        e = 4 * (F[:, 0] / 16 - (np.floor(F[:, 0] / 16 / step) + 0.5) * step)
        mean[:, bits] = np.bincount(s, weights=e**2 * power[0] * w, minlength=SCALES) / len(w)
    order = [4 * u + v for _, u, v, _ in ORDER]
    for bits in args.bits:
        print(f"{bits} bits: mean and", " ".join(o[0] for o in ORDER))
        for q in range(SCALES):
            print(q, *min(allocate(cost[q], mean[q], m, bits - 3 - m, order) for m in range(4, 9)))


def allocate(
    cost: np.ndarray, mean: np.ndarray, mean_bits: int, bits: int, order: list[int]
) -> tuple[float, int, list[int]]:
    """Return the cost, the bits of the mean, and those of the coefficients, handed out greedily."""
    given = np.zeros(16, int)
    for _ in range(bits):
        gain = [cost[k, given[k]] - cost[k, min(given[k] + 1, 6)] for k in order]
        given[order[int(np.argmax(gain))]] += 1
    total = mean[mean_bits] + sum(cost[k, given[k]] for k in order)
    return round(float(total), 3), mean_bits, given[order].tolist()


if __name__ == "__main__":
    main()
