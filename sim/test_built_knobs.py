# SPDX-License-Identifier: Apache-2.0
"""Chips at the ends of the exploration's knobs equal the golden model: what `--buildable` lets a
search take is not only elaborated (sim/test_explore.py) but run. Small images (preset tiny)."""

import pytest

from sim.needs import needs_verilator
from sim.test_frontend import RIG, TURNS, frames, without
from vio.config import load_config
from vio.data import StereoFrame
from vio.hw.cosim.equivalence import PairedFrontEnd

pytestmark = needs_verilator
__all__ = ["frames"]  # the fixture

# By name: settings of the preset. A search over fewer segments sees no further to the left.
CHIPS = {
    "one level, least windows": (
        "frontend.levels=1",
        "hw.max_levels=1",
        "frontend.window=7",
        "hw.max_window=7",
        "frontend.stereo_half_width=5",
        "hw.max_stereo_width=11",
    ),
    "short words, least work": (
        "hw.codec_left=dct18",
        "hw.codec_right=dct18",
        "frontend.max_iterations=2",
        "hw.max_iterations=2",
        "hw.stereo_segments=2",
        "frontend.min_depth_m=0.8",
    ),
    "long words above, least tables": (
        "hw.codec_left=dct18",
        "hw.codec_upper=dct27",
        "hw.spare_rows=0",
        "hw.tile_px=16",
        "hw.lens_table=16",
    ),
}


@pytest.mark.parametrize("name", CHIPS)
def test_every_block_gives_the_words_of_the_golden_model(
    name: str, frames: list[StereoFrame]
) -> None:
    config = load_config("tiny", CHIPS[name])
    twin = PairedFrontEnd(RIG, config)
    for k, frame in enumerate(frames):
        twin.track(without(frame, left=k == 6, right=k == 9), TURNS[k])
    assert [(r.index, r.different) for r in twin.results if r.different] == []
    assert twin.rtl.driver.faults() == ["right_missing"]
    assert sum(r.keyframe for r in twin.results) >= 2
    compared = {word for r in twin.results for word in r.compared}
    assert {"tracker", "stereo", "corners", "words right"} <= compared
    assert ("words level 1" in compared) == (config.frontend.levels > 1)
