# SPDX-License-Identifier: Apache-2.0
"""Image sizes and frame rates: a second space, each pair of which is run with the default.

A size is `full`, `binN` (squares of N x N pixels averaged) or `cropP` (the central P per cent of
width and height). A rate is the number of frames of which one is used.
"""

import re
from collections.abc import Sequence
from itertools import product

from vio.config import Config
from vio.datasets.resampled import resampled_side
from vio.errors import VioError
from vio.explore.knobs import Knob, Overrides, Point, configure

FULL = "full"
# What a pair of size and rate is compared by, besides the ATE.
FORMAT_COSTS = ("kib", "cycles_s", "mean_uw")
LEAST_TILE_PX = 8
_SIZE = re.compile(r"bin([24])|crop([1-9][0-9])")


def parse_sizes(text: str) -> tuple[str, ...]:
    """Return the words of a list of sizes; raises VioError for one that is none."""
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for word in words:
        if word != FULL and not _SIZE.fullmatch(word):
            raise VioError(
                f"--sizes: {word[:80]!r} is no size; give {FULL}, bin2, bin4 or crop10 to crop99 "
                "(per cent of width and height), separated by commas"
            )
    return words


def make_formats(base: Config, sizes: Sequence[str], rates: Sequence[int]) -> list[Knob]:
    """Return size and rate as knobs; the base's own values come first.

    Raises VioError for a size that leaves too little, a rate out of range, and where `base` is
    resampled itself.
    """
    if base.dataset.is_resampled:
        raise VioError("--sizes and --rates begin with every pixel and frame: leave dataset.* out")
    words = [FULL, *(word for word in sizes if word != FULL)]
    of_size = [_resized(base, word) for word in words]
    labels = [
        f"{o.get('hw.max_width', base.hw.max_width)}x{o.get('hw.max_height', base.hw.max_height)}"
        for o in of_size
    ]
    named = tuple(f"{label} ({word})" for label, word in zip(labels, words, strict=True))
    steps = [1, *sorted({rate for rate in rates if rate != 1})]
    of_rate = tuple({} if step == 1 else {"dataset.every": step} for step in steps)
    knobs = [
        Knob("size", "dataset.binning, dataset.crop", named, (True,) * len(named), tuple(of_size)),
        Knob("every", "dataset.every", tuple(steps), (True,) * len(steps), of_rate),
    ]
    for point in every_format(knobs):
        configure(base, knobs, point)
    return knobs


def every_format(knobs: Sequence[Knob]) -> list[Point]:
    """Return all pairs of size and rate."""
    return list(product(*(range(len(knob.values)) for knob in knobs)))


def _resized(base: Config, word: str) -> Overrides:
    """Return what a size sets: chip and distances between corners for images of that size.

    Binned pixels are longer. Distances that are spacings in the image shrink with it, and the tiles
    that hold one corner each, down to LEAST_TILE_PX: the chip clears them within a few rows. What
    describes the tracker's window or its error stays in pixels.
    """
    found = _SIZE.fullmatch(word)
    if found is None:
        return {}
    binning = int(found[1] or 1)
    crop = int(found[2] or 100) / 100
    hw, c, rules = base.hw, base.frontend, base.keyframe
    changed: Overrides = {
        "dataset.binning": binning,
        "dataset.crop": crop,
        "hw.max_width": resampled_side(hw.max_width, crop, binning),
        "hw.max_height": resampled_side(hw.max_height, crop, binning),
    }
    if binning > 1:
        changed |= {
            "hw.tile_px": min(hw.tile_px, max(hw.tile_px // binning, LEAST_TILE_PX)),
            "frontend.min_distance_px": round(c.min_distance_px / binning),
            "keyframe.max_parallax_px": rules.max_parallax_px / binning,
            "keyframe.mono_parallax_px": rules.mono_parallax_px / binning,
        }
    return changed
