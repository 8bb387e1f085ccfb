# SPDX-License-Identifier: Apache-2.0
"""What the back end's kernels were given in a run, and their proof on it: `vio hls backend`."""

from pathlib import Path

import numpy as np

from vio.backend.lanes import COMPOSITE, SIMPLE, Lanes
from vio.config import Config
from vio.datasets.base import Dataset
from vio.errors import VioError
from vio.pipeline import Odometry, run

KERNELS = (*SIMPLE, *COMPOSITE)
MOST = 20_000  # operands that are kept of a kernel


class _Recorder:
    """Keep operands of each kernel: a batch in so many, so that all of a run is represented."""

    def __init__(self) -> None:
        self.kept: dict[str, list[np.ndarray]] = {name: [] for name in KERNELS}
        self.every = dict.fromkeys(KERNELS, 1)
        self.calls = dict.fromkeys(KERNELS, 0)

    def __call__(self, kernel: str, words: np.ndarray) -> None:
        self.calls[kernel] += 1
        if self.calls[kernel] % self.every[kernel] == 0:
            self.kept[kernel].append(words.view(np.uint32)[-100:].copy())
            if sum(map(len, self.kept[kernel])) > MOST:  # half of them, from now on half as often
                self.kept[kernel] = self.kept[kernel][::2]
                self.every[kernel] *= 2


def record(dataset: Dataset, config: Config, until_ns: int | None = None) -> dict[str, np.ndarray]:
    """Return {kernel: operands (N, inputs) uint32} of a run by the reference kernels."""
    odometry = Odometry(dataset.rig, dataset.imu_noise, config)
    lanes = odometry.estimator.lanes
    if lanes is None:
        raise VioError("nothing to record with backend.arithmetic=float: set it to numpy")
    recorder = _Recorder()
    lanes.listener = recorder
    for _ in run(dataset, config, until_ns=until_ns, odometry=odometry):
        pass
    return {name: np.concatenate(words) for name, words in recorder.kept.items() if words}


def load(path: Path) -> dict[str, np.ndarray]:
    """Return what `record` gave, from an .npz file; raises VioError for another one."""
    try:
        with np.load(path) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise VioError(f"{path} holds no operands: {error}") from error
    unknown = set(found) - set(KERNELS)
    if unknown or not found:
        raise VioError(f"{path} holds {sorted(unknown) or 'nothing'}: no operands of the back end")
    return found


def differences(given: dict[str, np.ndarray], lanes: Lanes) -> dict[str, int]:
    """Return how many operands of each kernel give another result than the reference's."""
    out = {}
    for name, words in given.items():
        floats = np.ascontiguousarray(words).view(np.float32)
        expected = Lanes().run(name, floats).view(np.uint32)
        got = lanes.run(name, floats).view(np.uint32)
        out[name] = int(np.count_nonzero(np.any(got != expected, axis=1)))
    return out
