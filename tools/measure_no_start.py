# SPDX-License-Identifier: Apache-2.0
"""Measure what a recording that does not start costs: python tools/measure_no_start.py RECORDING.

CPU time a frame, by fault, over that of a good run while it is tracking. The good run and the
faulty one take turns, one frame each, so that the machine's load meets both alike.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vio import make_odometry
from vio.config import load_config
from vio.data import ImuData, State, StereoFrame
from vio.datasets import open_dataset
from vio.odometry import Odometry

SETTLED = 30  # frames before, not counted


def dark(frame: StereoFrame) -> StereoFrame:
    """Return a frame whose right image is dark."""
    return replace(frame, right=None if frame.right is None else frame.right // 64)


def swapped(frame: StereoFrame) -> StereoFrame:
    """Return a frame with left and right exchanged, where there are both."""
    return frame if frame.right is None else StereoFrame(frame.t_ns, frame.right, frame.left)


def same(frame: StereoFrame) -> StereoFrame:
    """Return the frame."""
    return frame


# Factors of gyroscope and accelerometer, and what becomes of the frame.
FAULTS: dict[str, tuple[float, float, Callable[[StereoFrame], StereoFrame]]] = {
    "accelerometer in g": (1.0, 1.0 / 9.81, same),
    "gyroscope in deg/s": (float(np.degrees(1.0)), 1.0, same),
    "right camera dark": (1.0, 1.0, dark),
    "cameras swapped": (1.0, 1.0, swapped),
}


class Fed:
    """Feed one odometry frame by frame and keep the CPU time of each."""

    def __init__(self, odometry: Odometry, imu: ImuData) -> None:
        self.odometry, self.imu, self.k = odometry, imu, 0
        self.ms: list[float] = []
        self.state: State | None = None

    def add(self, frame: StereoFrame) -> None:
        """Process one frame with the inertial samples up to it."""
        start = time.process_time()
        imu = self.imu
        while self.k < len(imu) and (self.k == 0 or imu.t_ns[self.k - 1] < frame.t_ns):
            k = self.k
            self.odometry.add_imu(int(imu.t_ns[k]), imu.gyro_rad_s[k], imu.accel_m_s2[k])
            self.k += 1
        self.state = self.odometry.add_frame(frame)
        self.ms.append(1e3 * (time.process_time() - start))


def frames_of(path: str, until_s: float) -> Iterator[StereoFrame]:
    """Yield the frames of the first seconds."""
    dataset = open_dataset(path)
    return dataset.frames(None, int(dataset.frame_t_ns[0] + until_s * 1e9))


def main() -> None:
    """Print one row a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording")
    parser.add_argument("--until", type=float, default=8.0)
    given = parser.parse_args()
    dataset = open_dataset(given.recording)
    config = load_config("euroc")
    print(f"{'fault':22} {'tracking ms':>12} {'no start ms':>12} {'ratio':>6}  diagnosis")
    for name, (gyro, accel, change) in FAULTS.items():
        imu = dataset.imu
        wrong = ImuData(imu.t_ns, gyro * imu.gyro_rad_s, accel * imu.accel_m_s2)
        good, bad = (
            Fed(make_odometry(dataset.rig, dataset.imu_noise, config), i) for i in (imu, wrong)
        )
        for frame in frames_of(given.recording, given.until):
            good.add(frame)
            bad.add(change(frame))
        tracking, waiting = (float(np.mean(f.ms[SETTLED:])) for f in (good, bad))
        assert bad.state is not None
        print(
            f"{name:22} {tracking:12.2f} {waiting:12.2f} {waiting / tracking:6.2f}  "
            f"{bad.state.reason[:60]}",
            flush=True,
        )


if __name__ == "__main__":
    main()
