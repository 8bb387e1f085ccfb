# SPDX-License-Identifier: Apache-2.0
"""Engine rtl gives the bytes of engine fixed on the real clip: five frames here, all of them in
`make equivalence`."""

import os

import numpy as np
import pytest

from sim.needs import needs_verilator
from sim.runner import BUILD
from vio.config import load_config
from vio.datasets import open_dataset
from vio.datasets.manifest import data_folder
from vio.engines import make_odometry
from vio.hw.cosim.equivalence import PairedFrontEnd, compare, summary
from vio.hw.cosim.probes import PROBES, digest

pytestmark = [
    needs_verilator,
    pytest.mark.slow,
]
CLIP = data_folder() / "euroc" / "MH_01_easy"
FRAMES = 5
COVERAGE = bool(os.environ.get("KESTREL_COVERAGE"))


@pytest.mark.skipif(
    not CLIP.exists(), reason=f"no EuRoC data in {CLIP.parent.parent}: set VIO_DATA"
)
def test_five_frames_of_the_real_clip_are_equal_in_every_block() -> None:
    dataset, config = open_dataset(CLIP), load_config("ecp5_85k")
    paired = PairedFrontEnd(dataset.rig, config, COVERAGE)
    odometry = make_odometry(dataset.rig, dataset.imu_noise, config, frontend=paired)
    results = compare(dataset, odometry, paired, FRAMES)
    if COVERAGE:
        folder = BUILD / "coverage"
        folder.mkdir(parents=True, exist_ok=True)
        paired.rtl.chip.write_coverage(folder / "frontend-clip.dat")
    figures = summary(results)
    assert figures["different"] == {}
    assert figures["equal"] == figures["frames"] == FRAMES
    assert set(figures["blocks"]) == set(PROBES)
    # The bounds of the design, from last pixel to last track (the first frame has no tracks yet).
    assert max(r.cycles for r in results if not r.keyframe) <= 150_000
    assert max(r.cycles for r in results if r.keyframe) <= 330_000


def test_a_digest_tells_order_and_value_apart() -> None:
    words = np.arange(20)
    assert digest(words) == digest(words.reshape(4, 5))
    assert digest(words) != digest(words[::-1])
    assert digest(words) != digest(words + (words == 7))
    assert digest(words).count == 20
