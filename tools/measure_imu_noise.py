# SPDX-License-Identifier: Apache-2.0
"""Measure the odometry with other inertial sensors: python tools/measure_imu_noise.py.

The simulated sensor has the densities that the odometry is given. Printed are the ATE and the NEES
of the pose over its dimensions (1: the errors are as large as stated; less: smaller), with the
factors and floors of section [imu] and without them. On simulated data the factors are not needed:
what counts is that they do no harm, whatever the sensor.
"""

import argparse
import sys
from dataclasses import astuple
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.consistency import PIXEL_SIGMA, pose_nees, run_experiment
from tests.simulation import Simulation
from vio.config import load_config
from vio.data import Status
from vio.eval.metrics import evaluate
from vio.imu import ImuNoise
from vio.odometry import trajectory_of

EUROC = ImuNoise()


def scaled(noise: ImuNoise, by: float) -> ImuNoise:
    """Return a sensor with all densities multiplied."""
    rate_hz, *densities = astuple(noise)
    return ImuNoise(rate_hz, *(by * d for d in densities))


SENSORS = {
    "ADIS16448 (EuRoC)": EUROC,
    "3 times better": scaled(EUROC, 1.0 / 3.0),
    "10 times worse": scaled(EUROC, 10.0),
    "BMI160 (TUM-VI)": ImuNoise(200.0, 1.6e-4, 2.2e-5, 2.8e-3, 8.6e-4),
}
# That of tests/consistency.py.
SCENARIO = [
    'frontend.engine="replay"', f"backend.pixel_sigma={PIXEL_SIGMA}",
    f"backend.stereo_sigma={PIXEL_SIGMA}", "init.max_error_px=5", "init.min_landmarks=8",
]  # fmt: skip
UNSCALED = [f"imu.{s}_{n}_scale=1" for s in ("gyro", "accel") for n in ("noise", "walk")]
UNSCALED += ["imu.gyro_noise_floor=0", "imu.accel_noise_floor=0"]


def measure(noise: ImuNoise, seed: int, seconds: float, settings: list[str]) -> tuple[float, ...]:
    """Return ATE (m), NEES over its dimensions, and the share of frames with status `tracking`."""
    sim = Simulation(
        seed, seconds, pixel_sigma=PIXEL_SIGMA, noise=noise, max_tracks=40, stereo_share=0.5,
        distortion=(0.0, 0.0, 0.0, 0.0),
    )  # fmt: skip
    config = load_config("euroc", [*SCENARIO, *settings])
    states, R, p = run_experiment(sim, config)
    posed = [s for s in states if s.p_world_body is not None]
    estimate = trajectory_of(posed)
    ate_m = evaluate(estimate, sim.ground_truth).ate_se3_m
    nees = float(pose_nees(sim, posed, R, p)[:, 0].mean())
    return ate_m, nees, float(np.mean([s.status is Status.TRACKING for s in posed]))


def main() -> None:
    """Print one row for each sensor and set of factors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    print(f"{'sensor':20} {'factors':8} {'ATE m':>8} {'NEES/6':>8} {'tracking':>9}")
    for name, noise in SENSORS.items():
        for label, settings in (("[imu]", []), ("none", UNSCALED)):
            rows = [measure(noise, s, given.seconds, settings) for s in range(given.seeds)]
            ate_m, nees, tracking = np.mean(rows, axis=0)
            print(f"{name:20} {label:8} {ate_m:8.4f} {nees:8.2f} {tracking:9.3f}", flush=True)


if __name__ == "__main__":
    main()
