# SPDX-License-Identifier: Apache-2.0
"""Run the golden model and the Verilog side by side on a recording; compare them bit for bit."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vio.camera import StereoRig
from vio.config import Config
from vio.data import StereoFrame, Tracks
from vio.datasets.base import Dataset
from vio.fixed.frontend import FixedFrontEnd
from vio.hw.cosim.engine import RtlFrontEnd
from vio.hw.cosim.probes import golden_digests
from vio.hw.cosim.record import listening
from vio.odometry import Odometry, run

_FIELDS = ("ids", "uv_left", "uv_right", "age", "quality")


def different_fields(a: Tracks, b: Tracks) -> list[str]:
    """Return the fields in which two frames' tracks differ, bit for bit."""
    found = [name for name in _FIELDS if getattr(a, name).tobytes() != getattr(b, name).tobytes()]
    return found + ["is_keyframe"] * (a.is_keyframe != b.is_keyframe)


@dataclass
class FrameResult:
    """Hold one frame's comparison: what differed, cycles from last pixel to last track, work."""

    index: int
    keyframe: bool
    tracks: int
    compared: list[str]
    different: list[str]
    cycles: int
    simulated: int
    seconds: float
    counters: dict[str, int] = field(default_factory=dict)


class PairedFrontEnd:
    """Track with the golden model, and have the Verilog do the same (protocol `FrontEnd`)."""

    def __init__(
        self, rig: StereoRig, config: Config, coverage: bool = False, seed: int = 1
    ) -> None:
        self.golden = FixedFrontEnd(rig, config)
        self.rtl = RtlFrontEnd(rig, config, coverage, seed)
        self.results: list[FrameResult] = []
        self._hw = config.hw

    def reset(self) -> None:
        """Forget all tracks in both."""
        self.golden.reset()
        self.rtl.reset()

    def configure(self, config: Config) -> None:
        """Have other settings in both from the next frame on."""
        self.golden.configure(config)
        self.rtl.configure(config)

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Process one frame with both, note what differs, and return the golden tracks."""
        with listening() as calls:
            tracks = self.golden.track(frame, R_cam_prev)
        wanted = golden_digests(calls, self._hw, frame.right)
        start, cycles = time.perf_counter(), self.rtl.chip.cycles
        other = self.rtl.track(frame, R_cam_prev)
        seconds = time.perf_counter() - start
        found = self.rtl.chip.digests()
        different = different_fields(tracks, other)
        different += [name for name, value in wanted.items() if found[name] != value]
        self.results.append(
            FrameResult(
                tracks.frame_index,
                tracks.is_keyframe,
                len(tracks.ids),
                sorted(wanted),
                different,
                other.counters["cycles"],
                self.rtl.chip.cycles - cycles,
                seconds,
                other.counters,
            )
        )
        return tracks


def compare(
    dataset: Dataset,
    odometry: Odometry,
    paired: PairedFrontEnd,
    frames: int,
    on_frame: Callable[[FrameResult], None] = lambda result: None,
) -> list[FrameResult]:
    """Return the comparison of the first `frames` frames of a recording, run as by `vio run`.

    odometry: one whose front end is `paired`.
    """
    until_ns = int(dataset.frame_t_ns[min(frames, len(dataset.frame_t_ns)) - 1])
    for _ in run(dataset, odometry, until_ns):
        on_frame(paired.results[-1])
    return paired.results


def summary(results: list[FrameResult]) -> dict[str, Any]:
    """Return the figures of a comparison: equal frames, cycles by kind of frame, speed.

    Cycles count from the last pixel to the last track; counters are the chip's own, mean a frame,
    and of each frame.
    """
    blocks = sorted({name for r in results for name in r.compared})
    out: dict[str, Any] = {
        "frames": len(results),
        "equal": sum(not r.different for r in results),
        "blocks": {
            name: {
                "compared": sum(name in r.compared for r in results),
                "equal": sum(name in r.compared and name not in r.different for r in results),
            }
            for name in blocks
        },
        "different": {r.index: r.different for r in results if r.different},
    }
    for kind, wanted in (("tracking", False), ("keyframe", True)):
        cycles = [r.cycles for r in results if r.keyframe is wanted]
        if cycles:
            out[f"{kind}_cycles"] = {"mean": float(np.mean(cycles)), "worst": int(max(cycles))}
            counted = [r.counters for r in results if r.keyframe is wanted]
            out[f"{kind}_counters"] = {
                name.removeprefix("rtl_"): float(np.mean([c[name] for c in counted]))
                for name in counted[0]
                if name.startswith("rtl_")
            }
    out["each_frame"] = [
        {
            "index": r.index,
            "keyframe": r.keyframe,
            "tracks": r.tracks,
            "cycles": r.cycles,
            "different": r.different,
            "counters": {
                name.removeprefix("rtl_"): value
                for name, value in r.counters.items()
                if name.startswith("rtl_")
            },
        }
        for r in results
    ]
    seconds = sum(r.seconds for r in results)
    out["simulation"] = {
        "cycles_per_second": sum(r.simulated for r in results) / seconds,
        "seconds_per_frame": seconds / len(results),
    }
    return out
