# SPDX-License-Identifier: Apache-2.0
"""Compare the speed with a record: CPU time of a frame over that of a fixed kernel, same run.

The quotient takes out most of the machine: a slower CPU slows both. What is left varies by some
percent, so the limit is wide, and the median of several repetitions counts.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numba import njit

from vio.config import Config
from vio.data import StereoFrame
from vio.datasets.base import Dataset
from vio.errors import VioError
from vio.workers import threads

ENGINES = ("float", "fixed")
SECONDS = 5.0  # of the recording
FLIGHT: dict[str, Any] = {
    "name": "handheld",
    "seed": 2,
    "seconds": 6.0,
}  # rendered where there is no real data
REPEATS = 5
LIMIT = 1.3  # more than so many times the recorded quotient fails
KERNEL_PASSES = 40
RECORD = Path(__file__).parents[2] / "tests" / "records" / "bench.json"


@njit(cache=True)
def reference_kernel(image: np.ndarray, passes: int) -> float:
    """Smooth an image (H, W) float32 with a 3 x 3 window `passes` times; return its middle.

    Never change it: every record is a multiple of its time.
    """
    a, b = image.copy(), image.copy()
    third = np.float32(1.0 / 9.0)
    for _ in range(passes):
        for y in range(1, a.shape[0] - 1):
            for x in range(1, a.shape[1] - 1):
                acc = np.float32(0.0)
                for dy in range(-1, 2):
                    for dx in range(-1, 2):
                        acc += a[y + dy, x + dx]
                b[y, x] = acc * third
        a, b = b, a
    return float(a[a.shape[0] // 2, a.shape[1] // 2])


def kernel_cpu_ms() -> float:
    """Return the CPU time of the reference kernel on a fixed image, ms."""
    image = np.random.default_rng(0).random((480, 752), np.float32)
    start = process_time()
    reference_kernel(image, KERNEL_PASSES)
    return (process_time() - start) * 1e3


class _Held:
    """Hold a recording's first frames in memory, so that no decoding is timed."""

    def __init__(self, dataset: Dataset, seconds: float) -> None:
        self.name, self.rig = dataset.name, dataset.rig
        self.imu, self.imu_noise = dataset.imu, dataset.imu_noise
        self.frame_t_ns, self.ground_truth = dataset.frame_t_ns, dataset.ground_truth
        self.warnings, self.truth_error = dataset.warnings, dataset.truth_error
        self.lost_images = dataset.lost_images
        until_ns = int(dataset.frame_t_ns[0]) + round(seconds * 1e9)
        self._frames = list(dataset.frames(until_ns=until_ns))

    def __len__(self) -> int:
        return len(self._frames)

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[StereoFrame]:
        """Yield the frames that are held."""
        return iter(self._frames)


def measure_quotient(
    dataset: Dataset, config: Config, engine: str, repeats: int = REPEATS, seconds: float = SECONDS
) -> dict[str, Any]:
    """Return the CPU time (ms) of a frame and of the kernel, their quotients, and the median.

    One thread, so that the work is not shared differently from run to run.
    """
    from vio.engines import make_odometry
    from vio.odometry import Odometry, run

    frontend = dataclasses.replace(config.frontend, engine=engine)
    settings = dataclasses.replace(config, frontend=frontend)
    held = _Held(dataset, seconds)

    def odometry() -> Odometry:
        return make_odometry(held.rig, held.imu_noise, settings)

    with threads(1):
        kernel_cpu_ms()
        for _ in run(held, odometry()):  # loads or compiles the machine code
            pass
        frames, kernels = [], []
        for _ in range(repeats):
            before = kernel_cpu_ms()
            start = process_time()
            for _ in run(held, odometry()):
                pass
            frames.append((process_time() - start) * 1e3 / len(held))
            kernels.append(0.5 * (before + kernel_cpu_ms()))
    quotients = np.array(frames) / np.array(kernels)
    return {
        "frames": len(held),
        "frame_cpu_ms": round(float(np.median(frames)), 3),
        "kernel_cpu_ms": round(float(np.median(kernels)), 3),
        "quotients": [round(float(q), 4) for q in quotients],
        "quotient": round(float(np.median(quotients)), 4),
    }


def compare(figures: dict[str, Any], recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the figures with the recorded quotient, the ratio to it, and whether it passes."""
    ratio = figures["quotient"] / recorded["quotient"]
    return {
        **figures,
        "recorded": recorded["quotient"],
        "ratio": round(ratio, 3),
        "passes": ratio < LIMIT,
    }


def load_record(path: Path = RECORD) -> dict[str, Any]:
    """Return {sequence: {engine: figures}}; raises VioError where there is no record."""
    if not path.is_file():
        raise VioError(
            f"no record of the speed in {path}: run in a clone of the repository, or write one "
            "with `vio bench --record`"
        )
    sequences: dict[str, Any] = json.loads(path.read_text())["sequences"]
    return sequences


def beside_baseline(figures: dict[str, Any], sequence: str, engine: str) -> dict[str, Any]:
    """Return the baseline's commit and quotient, and this one as a share of it; {} without one."""
    found = load_baseline(sequence, engine)
    if found is None:
        return {}
    commit, quotient = found
    return {
        "baseline_commit": commit,
        "baseline": quotient,
        "of_baseline": round(figures["quotient"] / quotient, 3),
    }


def load_baseline(sequence: str, engine: str, path: Path = RECORD) -> tuple[str, float] | None:
    """Return a commit and the quotient that it had, which no new record replaces, or None."""
    if not path.is_file():
        return None
    baseline = json.loads(path.read_text()).get("baseline", {})
    quotient = baseline.get("sequences", {}).get(sequence, {}).get(engine)
    return None if quotient is None else (baseline["commit"], quotient)


def save_record(sequences: dict[str, Any], path: Path = RECORD) -> None:
    """Write the record; sequences that were not measured stay as they are."""
    if not path.parent.is_dir():
        raise VioError(f"no folder {path.parent}: records are written in a clone of the repository")
    kept = load_record(path) if path.is_file() else {}
    baseline = json.loads(path.read_text()).get("baseline", {}) if path.is_file() else {}
    record = {
        "what": "CPU time of a frame over that of vio.runs.bench_check.reference_kernel",
        "written_by": "vio bench --record",
        "sequences": kept | sequences,
        "baseline": baseline,
    }
    path.write_text(json.dumps(record, indent=2) + "\n")
