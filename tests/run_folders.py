# SPDX-License-Identifier: Apache-2.0
"""Run folders made of hand-made states, for tests of what reads them."""

import json
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.states import START_NS, STEP_NS, make_run, position
from vio.config import Config, load_config
from vio.data import State, StereoFrame
from vio.runs.execute import RunResult
from vio.runs.features import CHANGES, KEYFRAMES, write_features, write_truth
from vio.runs.folder import RunFolder
from vio.runs.log import RunLog
from vio.runs.samples import FrameSampler
from vio.runs.summary import summarise
from vio.trajectory import Trajectory


def has(distribution: str) -> bool:
    """Return whether a distribution is installed."""
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


needs_plotly = pytest.mark.skipif(
    not has("plotly"), reason="plotly is not installed: pip install -e '.[dev]'"
)


FIXED = load_config("ecp5_85k")


class Circle:
    """A dataset of which a run's folder asks the name and the ground truth, turned and shifted."""

    name = "circle"

    def __init__(self, states: list[State], yaw: float = 0.7, shift: float = 3.0) -> None:
        index = np.arange(len(states))
        c, s = np.cos(yaw), np.sin(yaw)
        turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        p = np.array([position(i, st.segment) for i, st in zip(index, states, strict=True)])
        half = 0.05 * index + 0.5 * yaw
        zero = np.zeros(len(states))
        q = np.stack([np.cos(half), zero, zero, np.sin(half)], axis=1)
        self.ground_truth: Trajectory | None = Trajectory(
            START_NS + index * STEP_NS, p @ turn + shift, q
        )


def picture(index: int) -> np.ndarray:
    """Return an image (120, 160), another one for each frame."""
    return np.roll(np.tile(np.arange(160, dtype=np.uint8), (120, 1)), 2 * index, axis=1)


def write_run(
    path: Path,
    states: list[State] | None = None,
    rendered: bool = True,
    dataset: Circle | None = None,
    config: Config | None = None,
) -> RunResult:
    """Write the folder of a run as `vio run` does; return its result."""
    states = make_run() if states is None else states
    dataset = dataset or Circle(states)
    sampler = FrameSampler(len(states), KEYFRAMES, CHANGES, halved=True)
    result = RunResult(RunLog(), [], np.random.default_rng(0).normal(size=(50, 3)))
    path.mkdir(parents=True, exist_ok=True)
    with RunFolder(path, config or Config()) as folder:
        for state in states:
            stages = {"total": 3.0 + state.frame_index % 5, "decode": 1.0, **state.stage_ms}
            result.log.append(state, stages)
            folder.add_state(state, stages)
            image = picture(state.frame_index)
            sampler.add(state, StereoFrame(state.t_ns, image, image))
        folder.write_landmarks(result.landmarks)
        write_truth(path, dataset, result.log)  # type: ignore[arg-type]
        write_features(path, sampler.samples, rendered)
        folder.write_metrics(summarise(dataset, result))  # type: ignore[arg-type]
    result.features = sampler.samples
    return result


def counted(i: int, keyframe: bool) -> dict[str, int]:
    """Return the counters of a frame of engine fixed: other ones in each frame."""
    counters = {"tracked": 100 + i, "lost_ransac": i % 3, "lost_flat": i % 5}
    counters |= {f"iterations_level{k}": 300 + 10 * i + k for k in range(FIXED.frontend.levels)}
    if keyframe:
        counters |= {
            "detected": 40 + i,
            "stereo_matched": 90 + i,
            "stereo_columns": 5000 + i,
            "stereo_iterations": 400 + i,
        }
    return counters if i else {"detected": 150}  # the first frame has no window


def fixed_states() -> list[State]:
    """Return the states of a run of engine fixed."""
    return [
        replace(s, tracks=replace(s.tracks, counters=counted(i, s.is_keyframe)))
        for i, s in enumerate(make_run())
    ]


def write_equivalence(folder: Path, name: str) -> None:
    """Write a co-simulation of three tracking frames, one unlike, and a keyframe; name: of both."""

    def frame(index: int, klt: int, keyframe: bool = False) -> dict[str, Any]:
        counters = {"klt": klt, "output": 100, "stereo": 900 if keyframe else 0}
        return {"index": index, "keyframe": keyframe, "tracks": 9, "cycles": klt + 110,
                "different": [name] if index == 2 else [], "counters": counters}  # fmt: skip

    record = {
        "recording": name, "preset": "tiny", "clock_mhz": 50.0, "frames": 4, "equal": 3,
        "blocks": {"tracks": {"compared": 4, "equal": 3}},
        "tracking_counters": {"klt": 3000.4, "output": 100.0},
        "keyframe_counters": {"klt": 4000.0, "output": 100.0, "stereo": 900.0},
        "each_frame": [frame(0, 1000), frame(1, 3000), frame(2, 5000), frame(3, 4000, True)],
        "simulation": {"cycles_per_second": 12345.6, "seconds_per_frame": 0.25},
    }  # fmt: skip
    (folder / "equivalence.json").write_text(json.dumps(record))
