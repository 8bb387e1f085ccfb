# SPDX-License-Identifier: Apache-2.0
"""Exposure and sharpness of the images, from every few frames."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from vio.data import StereoFrame
from vio.diagnosis.images import SIDES
from vio.diagnosis.recording.finding import Finding, bad, good, undetermined

EVERY_S = 0.25  # between the images that are looked at
LEAST_IMAGES = 4
CLIPPED_DARK, CLIPPED_BRIGHT = 2, 253  # grey levels; beyond, contrast is lost
CLIPPED_SHARE = 0.4  # of the pixels, in the median image
LEAST_SPREAD = 12.0  # grey levels between the 5th and 95th percentile: corners drown in noise
EDGE_HALF = 6  # pixels on each side of an edge
LEAST_CONTRAST = 24.0  # grey levels across an edge whose width is measured
LEAST_EDGES = 30
# Standard deviation of the point spread, pixels. A focused lens has 0.4 to 1. From 2 on, an edge
# is wider than the 5 px over which corners are scored.
MOST_BLUR_PX = 2.0
SHARPEST = 25.0  # percentile of the edges' widths: those of the nearest to sharp ones


@dataclass
class PictureStats:
    """Collect figures of one camera's images, one row each.

    rows: (t_ns, mean, dark share, bright share, spread, blur px).
    """

    rows: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, t_ns: int, image: np.ndarray) -> None:
        """Add an image (H, W) uint8."""
        part = image[::4, ::4]
        low, high = np.percentile(part, (5.0, 95.0))
        self.rows.append(
            (
                float(t_ns),
                float(part.mean()),
                float((part <= CLIPPED_DARK).mean()),
                float((part >= CLIPPED_BRIGHT).mean()),
                float(high - low),
                edge_blur(image),
            )
        )

    def array(self) -> np.ndarray:
        """Return the rows (N, 6)."""
        return np.array(self.rows).reshape(-1, 6)


class PictureCheck:
    """Look at both cameras' images every EVERY_S."""

    def __init__(self) -> None:
        self.sides = PictureStats(), PictureStats()
        self._next_ns: int | None = None

    def add(self, frame: StereoFrame) -> None:
        """Look at a frame if it is time."""
        if self._next_ns is not None and frame.t_ns < self._next_ns:
            return
        self._next_ns = frame.t_ns + round(EVERY_S * 1e9)
        for stats, image in zip(self.sides, (frame.left, frame.right), strict=True):
            if image is not None:
                stats.add(frame.t_ns, image)

    def findings(self) -> Iterator[Finding]:
        """Yield exposure and sharpness of each camera."""
        for side, stats in zip(SIDES, self.sides, strict=True):
            rows = stats.array()
            if len(rows) < LEAST_IMAGES:
                yield undetermined("exposure", f"{side} exposure", f"only {len(rows)} images")
                continue
            yield _exposure(side, rows)
            yield _sharpness(side, rows)


def _exposure(side: str, rows: np.ndarray) -> Finding:
    _, mean, dark, bright, spread, _ = np.median(rows, axis=0)
    text = (
        f"mean grey level {mean:.0f}, {100 * dark:.0f} % of the pixels black, {100 * bright:.0f} % "
        f"white, 5th to 95th percentile {spread:.0f} grey levels (medians of {len(rows)} images)"
    )
    figures = {"mean": float(mean), "dark": float(dark), "bright": float(bright)}
    for wrong, advice in (
        (bright > CLIPPED_SHARE, "shorten the exposure or lower the gain"),
        (dark > CLIPPED_SHARE, "lengthen the exposure, raise the gain, or add light"),
        (spread < LEAST_SPREAD, "there is hardly any contrast: check lens, exposure and gain"),
    ):
        if wrong:
            return bad("exposure", f"{side} exposure", text, advice, **figures)
    return good("exposure", f"{side} exposure", text, **figures)


def _sharpness(side: str, rows: np.ndarray) -> Finding:
    blur = rows[np.isfinite(rows[:, 5]), 5]
    what = f"{side} sharpness"
    if len(blur) < LEAST_IMAGES:
        return undetermined("blur", what, "too few edges with contrast in the images")
    middle = float(np.median(blur))
    share = float((blur > MOST_BLUR_PX).mean())
    text = (
        f"point spread {middle:.2f} px (standard deviation, sharpest quarter of the edges, median "
        f"of {len(blur)} images), above {MOST_BLUR_PX:g} px in {100 * share:.0f} % of them"
    )
    if middle > MOST_BLUR_PX:
        return bad(
            "blur", what, text,
            "focus the lens, clean it, or shorten the exposure if the blur comes with motion",
            blur_px=middle,
        )  # fmt: skip
    return good("blur", what, text, blur_px=middle)


def edge_blur(image: np.ndarray) -> float:
    """Return the standard deviation, px, of the point spread at the sharpest edges; NaN if few.

    Across an edge blurred by a Gaussian the steepest slope is contrast / (sigma sqrt(2 pi)). Both
    are measured along rows and columns where the slope has its maximum.
    """
    widths = []
    smooth = image.astype(np.float32)
    for pixels in (smooth[::3], smooth.T[::3]):
        # Central differences over 2 px of noise-averaging widen a sharp edge: taken off below.
        d = 0.5 * (pixels[:, 2:] - pixels[:, :-2])
        h = EDGE_HALF
        inner = np.abs(d[:, h - 1 : -(h - 1)])
        peak = inner == np.max(
            [np.abs(d[:, k : k + inner.shape[1]]) for k in range(2 * (h - 1) + 1)], axis=0
        )
        centre = pixels[:, h:-h]
        after, before = pixels[:, 2 * h :], pixels[:, : -2 * h]
        assert centre.shape == inner.shape == after.shape
        contrast = np.abs(after - before)
        found = peak & (contrast > LEAST_CONTRAST) & (inner > 0.0)
        widths.append(contrast[found] / (inner[found] * np.sqrt(2.0 * np.pi)))
    width = np.concatenate(widths)
    if len(width) < LEAST_EDGES:
        return float("nan")
    # The difference over 2 px averages the slope over a box of 2 px: variance 2^2 / 12.
    return float(np.sqrt(max(np.percentile(width, SHARPEST) ** 2 - 4.0 / 12.0, 0.0)))
