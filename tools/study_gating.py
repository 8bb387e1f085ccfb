# SPDX-License-Identifier: Apache-2.0
"""Count work of the front end that a gate could skip, and what each gate would save at most.

    python tools/study_gating.py RECORDING [--until 5]

After Eyeriss (Chen, Emer, Sze, ISCA 2016), which gates multipliers where data are zero. The golden
model runs the recording; counted are blocks of the images that are flat, or equal to those of the
frame before, corner scores of zero, the tracker's iterations that only find that a window has
converged, and lanes that a window does not fill. The saving is the share of the account of
`vio hw energy` that the gate stands before, times the share of its work that it would skip: what
the gate itself costs is not taken off.
"""

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vio.config import Config, load_config
from vio.data import StereoFrame, Tracks
from vio.datasets import open_dataset
from vio.datasets.base import end_ns
from vio.engines import make_odometry
from vio.fixed.codec import get_codec
from vio.fixed.frontend import FixedFrontEnd
from vio.hw.cosim.record import listening
from vio.hw.estimates.energy import ARITHMETIC, VARIANTS, access_pj, frame_pj
from vio.hw.estimates.memory import LEFT, inventory
from vio.hw.estimates.traffic import traffic
from vio.hw.estimates.work import FrameWork, frame_work, mean_work
from vio.odometry import run

MAC_LANES = 16  # pixels of a window's row that the array of the tracker takes in a cycle


@dataclass
class Counts:
    """Hold how many there were of something, and how many of them a gate would skip."""

    skipped: int = 0
    total: int = 0

    def add(self, mask: np.ndarray) -> None:
        """Count the items of a mask; True: it would be skipped."""
        self.skipped += int(mask.sum())
        self.total += mask.size

    @property
    def share(self) -> float:
        """What is skipped of all."""
        return self.skipped / max(self.total, 1)


@dataclass
class CountingFrontEnd:
    """Track with the golden model and count (protocol `FrontEnd`)."""

    golden: FixedFrontEnd
    config: Config
    equal: Counts = field(default_factory=Counts)  # blocks of level 0 as in the frame before
    flat: Counts = field(default_factory=Counts)  # blocks of level 0 whose pixels are all alike
    plain: Counts = field(default_factory=Counts)  # blocks whose stored word has no slope at all
    dull: Counts = field(default_factory=Counts)  # pixels with a corner score of zero
    converged: Counts = field(default_factory=Counts)  # iterations that only find convergence
    works: list[FrameWork] = field(default_factory=list)
    _before: np.ndarray | None = None

    def reset(self) -> None:
        """Forget all tracks."""
        self.golden.reset()

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Process one frame and count."""
        with listening() as calls:
            tracks = self.golden.track(frame, R_cam_prev)
        self._count_images(calls)
        for call in calls.get("track_windows", []):
            iterations = call.result[2]
            # The last one of a level steps by less than the stop, unless it ended at the bound.
            ended = (iterations > 0) & (iterations < self.config.frontend.max_iterations)
            self.converged.skipped += int(ended.sum())
            self.converged.total += int(iterations.sum())
        self.works.append(frame_work(tracks, self.config.frontend.levels))
        return tracks

    def _count_images(self, calls: dict[str, list[Any]]) -> None:
        for call in calls.get("build_pyramid", []):
            image = call.result[0]
            words = get_codec(self.config.hw.codec_left).encode(image)
            if self._before is not None:
                self.equal.add(words == self._before)
            self._before = words
            h, w = (4 * (n // 4) for n in image.shape)
            blocks = image[:h, :w].reshape(h // 4, 4, w // 4, 4).swapaxes(1, 2)
            self.flat.add(np.ptp(blocks.reshape(h // 4, w // 4, 16), axis=2) == 0)
            read = get_codec(self.config.hw.codec_left).decode(words, *image.shape)[:h, :w]
            blocks = read.reshape(h // 4, 4, w // 4, 4).swapaxes(1, 2)
            self.plain.add(np.ptp(blocks.reshape(h // 4, w // 4, 16), axis=2) == 0)
        for call in calls.get("corner_scores", []):
            self.dull.add(call.result == 0)


def account(works: list[FrameWork], config: Config) -> tuple[dict[str, float], float]:
    """Return picojoule behind each gate, and of the whole front end: of the mean frame."""
    work = mean_work(works)
    accesses = traffic(work, config)
    parts = frame_pj(work, config, VARIANTS[0])
    of = {m.name: access_pj(m.bits, m.kib / m.banks) for m in inventory(config)}

    def words(*names: str) -> float:
        return sum(sum(accesses[name]) * of[name] for name in names)

    corners = [name for name in of if name.startswith("corner")]
    return {
        "writes of the left ring": accesses[LEFT][1] * of[LEFT],
        "line buffers": words("corner scores", *(name for name in of if "lines" in name)),
        "corner lines, scores, arithmetic": words(*corners) + parts[f"{ARITHMETIC}: corners"],
        "tracker's memories and arithmetic": words("regions", "template basis", "window weights")
        + parts[f"{ARITHMETIC}: tracking"],
    }, sum(parts.values())


def main() -> None:
    """Print a row for each gate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording")
    parser.add_argument("--until", type=float, default=5.0, help="seconds (default: 5)")
    given = parser.parse_args()
    config = load_config("ecp5_85k")
    dataset = open_dataset(given.recording)
    counting = CountingFrontEnd(FixedFrontEnd(dataset.rig, config), config)
    odometry = make_odometry(dataset.rig, dataset.imu_noise, config, frontend=counting)
    for _ in run(dataset, odometry, end_ns(dataset, given.until)):
        pass
    behind, total = account(counting.works, config)
    lanes = Counts(MAC_LANES - config.frontend.window, MAC_LANES)
    names = list(behind)
    rows = (
        ("blocks as in the frame before: not written", counting.equal, names[0]),
        ("blocks of 16 equal pixels: lines not moved", counting.flat, names[1]),
        ("blocks without a slope once stored: the same", counting.plain, names[1]),
        ("pixels with a corner score of zero", counting.dull, names[2]),
        ("iterations that only find convergence", counting.converged, names[3]),
        ("lanes of the array beside the window", lanes, names[3]),
    )
    print(f"{dataset.name}, {len(counting.works)} frames, {total * 1e-6:.2f} uJ a frame (account)")
    print(f"{'a gate for':46} {'skips':>7}  {'before':34} {'is':>6} {'saves at most':>14}")
    for name, counts, where in rows:
        part = behind[where] / total
        print(
            f"{name:46} {100 * counts.share:6.2f} %  {where:34} {100 * part:4.1f} % "
            f"{100 * counts.share * part:12.2f} %"
        )


if __name__ == "__main__":
    main()
