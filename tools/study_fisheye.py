# SPDX-License-Identifier: Apache-2.0
"""What rays up to 75 degrees off the axis ask of the golden model's words and tables.

python tools/study_fisheye.py [RECORDING]: for a Kannala-Brandt lens (that of a recording, else one
like TUM-VI's), the worst error in pixels that words and tables cause by themselves, from a pixel to
its ray and from a ray to its pixel, with tables over the squared radius as of today. Nothing of it
is built.
"""

import argparse
import math
from collections.abc import Callable

import numpy as np

from vio.datasets import open_dataset

REACH_DEG = 75.0
TUMVI = (191.0, (0.0034, 0.0007, -0.0020, 0.0002))  # focal length in pixels, k1 .. k4
Function = Callable[[np.ndarray], np.ndarray]


def distorted(k: tuple[float, ...], radius: np.ndarray) -> np.ndarray:
    """Return the distorted radius of undistorted radii (N,): Kannala, Brandt, PAMI 2006, eq. 6."""
    a = np.arctan(radius)
    return a * (1.0 + a**2 * (k[0] + a**2 * (k[1] + a**2 * (k[2] + a**2 * k[3]))))


def table(factor: Function, reach2: float, steps: int) -> Function:
    """Return the chords of `factor` over squared radii up to reach2, words of 16 fraction bits."""
    nodes = np.linspace(0.0, reach2, steps + 1)
    values = np.rint(factor(nodes) * 2**16) / 2**16
    return lambda r2: np.interp(r2, nodes, values)


def errors_px(k: tuple[float, ...], focal: float, frac: int, steps: int) -> tuple[float, float]:
    """Return the worst error, pixels: from a pixel to its ray (seen back exactly), and back.

    frac: fraction bits of a ray. steps: of each table.
    """
    reach = math.tan(math.radians(REACH_DEG))
    fine = np.linspace(0.0, reach, 200_001)
    there = distorted(k, fine)
    end = float(there[-1])
    one = 2.0**frac

    def undistort(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.interp(x, there, fine))

    def forward(r2: np.ndarray) -> np.ndarray:
        r = np.sqrt(np.maximum(r2, 1e-12))
        return distorted(k, r) / r

    def inverse(r2: np.ndarray) -> np.ndarray:
        r = np.sqrt(np.maximum(r2, 1e-12))
        return undistort(np.minimum(r, end)) / r

    back, out = table(inverse, end**2, steps), table(forward, reach**2, steps)
    r = np.linspace(0.0, 0.999 * end, 100_003)
    ray = np.rint(r * back(r * r) * one) / one
    to_ray = np.abs(distorted(k, ray) - r).max() * focal
    x = np.linspace(0.0, 0.999 * reach, 100_003)
    word = np.rint(x * one) / one
    square = np.rint(word * word * 2**16) / 2**16
    to_pixel = np.abs(word * out(square) - distorted(k, x)).max() * focal
    return float(to_ray), float(to_pixel)


def chord_px(k: tuple[float, ...], focal: float, segment_px: float) -> float:
    """Return how far an epipolar curve in the raw image bends from chords of segment_px.

    Rows and columns of the rectified image, within REACH_DEG of the axis; disparity along a row.
    """
    reach, step = math.tan(math.radians(REACH_DEG)), segment_px / focal
    x, y = np.meshgrid(np.linspace(-reach, reach - step, 301), np.linspace(-reach, reach, 151))
    share = np.linspace(0.0, 1.0, 33)[:, None, None]
    rays = np.stack([x + share * step, np.broadcast_to(y, (33, *y.shape))])
    r = np.maximum(np.hypot(*rays), 1e-12)
    pixels = focal * rays * distorted(k, r) / r
    first, chord = pixels[:, :1], pixels[:, -1:] - pixels[:, :1]
    off = np.abs((pixels - first)[0] * chord[1] - (pixels - first)[1] * chord[0])
    off /= np.maximum(np.hypot(*chord), 1e-12)
    return float(off[:, (r <= reach).all(axis=0)].max())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", nargs="?", help="one with a Kannala-Brandt calibration")
    given = parser.parse_args()
    focal, k = TUMVI
    if given.recording:
        camera = open_dataset(given.recording, images=False).rig.left
        focal, k = camera.fx, tuple(float(x) for x in camera.distortion[:4])
    reach = math.tan(math.radians(REACH_DEG))
    print(f"f = {focal:.1f} px, |ray| up to {reach:.2f} at {REACH_DEG:g} degrees")
    print("| fraction bits of a ray | steps | pixel to ray, px | ray to pixel, px |")
    print("|---|---|---|---|")
    for frac in (16, 15):
        bits = 1 + math.ceil(math.log2(reach)) + frac
        for steps in (128, 255):
            there, back = errors_px(k, focal, frac, steps)
            print(f"| {frac} ({bits} bits) | {steps} | {there:.3f} | {back:.3f} |")
    for segment in (32.0, 16.0, 8.0):
        bend = chord_px(k, focal, segment)
        print(f"epipolar curve from chords of {segment:g} px of disparity: {bend:.2f} px")


if __name__ == "__main__":
    main()
