# SPDX-License-Identifier: Apache-2.0
"""See what the golden model's blocks are given and return while it tracks a frame."""

import copy
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from vio.config import Config
from vio.data import StereoFrame, Tracks
from vio.datasets.base import Dataset
from vio.errors import VioError
from vio.fixed import frontend, keyframe
from vio.fixed.frontend import FixedFrontEnd
from vio.fixed.rectify import rotation_registers
from vio.geometry import exp_so3, mul33
from vio.imu import intervals

WARM_UP = 20  # frames before the one wanted, with which the model is brought to work
# The functions that are listened to, by the module in which the front end looks them up.
BLOCKS = {
    frontend: (
        "build_pyramid", "corner_scores", "tile_candidates", "select_corners", "track_windows",
        "mono_ransac", "inverse_scale_change", "stereo_ransac", "match_rows", "predict_pixels",
    ),
    keyframe: ("count_inside", "count_moved", "is_keyframe"),
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """Hold one call of a block: its arguments as they were, and its result."""

    arguments: tuple[Any, ...]
    result: Any


@dataclass(frozen=True)
class Recorded:
    """Hold a frame as the model took it: index in the recording, input, rotation words, all calls,
    and the tracks.
    """

    index: int
    frame: StereoFrame
    rotation: np.ndarray
    calls: dict[str, list[Call]]
    tracks: Tracks

    def call(self, name: str) -> Call:
        """Return the only call of a block; raises VioError when the frame has none."""
        if not self.calls[name]:
            kind = "a keyframe" if self.tracks.is_keyframe else "no keyframe"
            raise VioError(
                f"frame {self.index} ({kind}) makes no use of {name}; choose another "
                "--frame: corners and stereo work at keyframes, the tracker after the first frame"
            )
        return self.calls[name][-1]


@contextmanager
def listening() -> Iterator[dict[str, list[Call]]]:
    """Yield a record of the calls that are made meanwhile."""
    calls: dict[str, list[Call]] = defaultdict(list)
    originals = [(m, name, getattr(m, name)) for m, names in BLOCKS.items() for name in names]

    def wrapped(name: str, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            before = copy.deepcopy(arguments)
            result = function(*arguments)
            calls[name].append(Call(before, copy.deepcopy(result)))
            return result

        return call

    for module, name, function in originals:
        setattr(module, name, wrapped(name, function))
    try:
        yield calls
    finally:
        for module, name, function in originals:
            setattr(module, name, function)


def rotation_between(dataset: Dataset, start_ns: int, end_ns: int) -> np.ndarray:
    """Return the rotation (3, 3) of the left camera by the gyroscope.

    Less the mean bias of the ground truth, where the recording has one; else as it comes.
    """
    imu, truth = dataset.imu, dataset.ground_truth
    known = truth is not None and truth.gyro_bias_rad_s is not None
    bias = truth.gyro_bias_rad_s.mean(axis=0) if known else np.zeros(3)  # type: ignore[union-attr]
    R = np.eye(3)
    for dt, w in zip(
        *intervals(imu.t_ns, imu.gyro_rad_s, imu.accel_m_s2, start_ns, end_ns)[:2], strict=True
    ):
        R = mul33(R, exp_so3((w - bias) * dt))
    R_body_cam = np.ascontiguousarray(dataset.rig.left.T_body_cam[:3, :3])
    R_cam_body = np.ascontiguousarray(R_body_cam.T)
    return mul33(R_cam_body, mul33(np.ascontiguousarray(R.T), R_body_cam))


def record(
    dataset: Dataset, config: Config, first: int, count: int, warm_up: int = WARM_UP
) -> tuple[FixedFrontEnd, list[Recorded]]:
    """Return the model and `count` frames from index `first` on, tracked after a warm-up.

    Raises VioError when the recording has no such frames.
    """
    n = len(dataset.frame_t_ns)
    if first < 0 or count < 1 or first + count > n:
        raise VioError(f"--frame {first} --count {count}: {dataset.name} has frames 0 to {n - 1}")
    engine = FixedFrontEnd(dataset.rig, config)
    start = max(first - warm_up, 0)
    wanted = dataset.frame_t_ns[start : first + count]
    recorded: list[Recorded] = []
    last_ns = int(wanted[0])
    for k, frame in enumerate(dataset.frames(int(wanted[0]), int(wanted[-1]))):
        R = rotation_between(dataset, last_ns, int(frame.t_ns)) if k else np.eye(3)
        last_ns = int(frame.t_ns)
        if start + k < first:
            engine.track(frame, R)
            continue
        with listening() as calls:
            tracks = engine.track(frame, R)
        words = rotation_registers(R, config.hw)
        recorded.append(Recorded(start + k, frame, words, defaultdict(list, calls), tracks))
    return engine, recorded
