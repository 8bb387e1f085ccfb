# SPDX-License-Identifier: Apache-2.0
"""The dataset protocol: a calibrated stereo rig, inertial samples and a stream of stereo frames."""

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from vio.camera import StereoRig
from vio.data import ImuData, StereoFrame
from vio.imu import ImuNoise
from vio.trajectory import Trajectory

MAX_WARNINGS = 20


def add_warning(warnings: list[str], message: str) -> None:
    """Append a message once; after MAX_WARNINGS of them, only that there are more."""
    if message in warnings or len(warnings) > MAX_WARNINGS:
        return
    full = len(warnings) == MAX_WARNINGS
    warnings.append("further warnings about this recording are left out" if full else message)


# Images that could not be used: {(left or right, why): number}.
LostImages = Counter[tuple[str, str]]


class Dataset(Protocol):
    """What a reader gives; image memory stays bounded because frames() reads one pair at a time."""

    name: str
    rig: StereoRig
    imu_noise: ImuNoise
    imu: ImuData
    frame_t_ns: np.ndarray
    ground_truth: Trajectory | None
    truth_error: str  # why the ground truth is left out, or empty
    warnings: list[str]

    @property
    def lost_images(self) -> LostImages:
        """Images that are missing, and those that reading found to be damaged so far."""
        ...

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[StereoFrame]:
        """Yield the stereo frames with start_ns <= t_ns <= until_ns in order of time."""
        ...


def end_ns(dataset: Dataset, until_s: float | None) -> int | None:
    """Return the time until_s seconds after the first image (None: None, the whole recording)."""
    return None if until_s is None else int(dataset.frame_t_ns[0]) + round(until_s * 1e9)


def count_frames(dataset: Dataset, until_s: float | None) -> int:
    """Return how many frames come before until_s seconds after the first image (None: all)."""
    limit = end_ns(dataset, until_s)
    if limit is None:
        return len(dataset.frame_t_ns)
    return int(np.searchsorted(dataset.frame_t_ns, limit, side="right"))


def is_rendered(dataset: Dataset) -> bool:
    """Return whether a dataset's images are rendered; False where it does not say so."""
    return bool(getattr(dataset, "rendered", False))


class PassedOn:
    """Hold a dataset and what it says of itself: the ground of those that pass its frames on."""

    def __init__(self, dataset: Dataset) -> None:
        self.name = dataset.name
        self.rig = dataset.rig
        self.imu_noise = dataset.imu_noise
        self.imu = dataset.imu
        self.frame_t_ns = dataset.frame_t_ns
        self.ground_truth = dataset.ground_truth
        self.truth_error = dataset.truth_error
        self.warnings = dataset.warnings
        self.rendered = is_rendered(dataset)
        self._dataset = dataset

    @property
    def lost_images(self) -> LostImages:
        """Images that could not be used, so far."""
        return self._dataset.lost_images
