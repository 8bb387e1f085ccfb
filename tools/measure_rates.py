# SPDX-License-Identifier: Apache-2.0
"""Measure the odometry at other rates of frames and IMU: python tools/measure_rates.py."""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.simulation import Simulation
from vio import make_odometry
from vio.config import load_config
from vio.eval.metrics import evaluate
from vio.odometry import run, trajectory_of


def ate_m(seed: int, seconds: float, frame_rate_hz: float, imu_rate_hz: float) -> float:
    """Return the position error of a simulated motion; NaN when there is no pose."""
    sim = Simulation(seed, seconds, frame_rate_hz=frame_rate_hz, imu_rate_hz=imu_rate_hz)
    config = load_config("euroc", ['frontend.engine="replay"'])
    states = run(sim, make_odometry(sim.rig, sim.imu_noise, config))
    posed = [s for s in states if s.p_world_body is not None]
    if not posed:
        return float("nan")
    estimate = trajectory_of(posed)
    return float(evaluate(estimate, sim.ground_truth).ate_se3_m)


def main() -> None:
    """Print the mean error at each pair of rates over that at 20 and 200 Hz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=float, nargs="+", default=[4, 5, 10, 20, 28, 30, 60, 120])
    parser.add_argument("--imu", type=float, nargs="+", default=[50, 100, 200, 400, 1000, 2000])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=8.0)
    given = parser.parse_args()

    def mean(frame_rate_hz: float, imu_rate_hz: float) -> float:
        errors = [ate_m(s, given.seconds, frame_rate_hz, imu_rate_hz) for s in range(given.seeds)]
        return float(np.mean(errors))

    usual = mean(20.0, 200.0)
    print(f"ATE at 20 and 200 Hz: {usual:.4f} m; below: ratio to it, rows by frame rate")
    print("frames " + "".join(f"{imu:>8g}" for imu in given.imu))
    for rate in given.frames:
        row = "".join(f"{mean(rate, imu) / usual:8.2f}" for imu in given.imu)
        print(f"{rate:6g} {row}", flush=True)


if __name__ == "__main__":
    main()
