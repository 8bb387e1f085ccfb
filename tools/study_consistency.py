# SPDX-License-Identifier: Apache-2.0
"""Measure NEES over many seeds, as tests/test_consistency.py does over three.

    python tools/study_consistency.py [--seeds 0-9] [--variants NAME ...]

Prints for each seed, and in the mean, NEES / dimensions of pose, rotation and position, and the
last standard deviation of yaw: with the true noise, with pixel noise understated by 30 %, without
first-estimate Jacobians, and with the true noise while time offset and rig pose are estimated.
About 5 s of CPU time a run, four runs a seed.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.consistency import (
    PIXEL_SIGMA,
    make_simulation,
    pose_nees,
    run_experiment,
    true_noise_config,
)

VARIANTS = {  # pixel sigma told, first-estimate Jacobians, calibration
    "true noise": (PIXEL_SIGMA, True, False),
    "understated": (0.7 * PIXEL_SIGMA, True, False),
    "relinearised": (PIXEL_SIGMA, False, False),
    "calibrated": (PIXEL_SIGMA, True, True),
}


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description="Measure NEES over many seeds.")
    parser.add_argument("--seeds", default="0-9", metavar="A-B", help="first and last (0-9)")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    given = parser.parse_args()
    first, last = (int(s) for s in given.seeds.split("-"))
    print(f"{'seed':>4} {'variant':12} {'pose':>6} {'rot':>6} {'pos':>6} {'yaw sigma':>9}")
    values: dict[str, list[np.ndarray]] = {name: [] for name in given.variants}
    for seed in range(first, last + 1):
        sim = make_simulation(seed)
        for name in given.variants:
            sigma, first_estimates, calibrated = VARIANTS[name]
            config = true_noise_config(sigma)
            on = replace(config.calibrate, time_offset=calibrated, extrinsics=calibrated)
            config = replace(config, calibrate=on)
            states, R, p = run_experiment(sim, config, first_estimates)
            nees = pose_nees(sim, states, R, p).mean(axis=0)
            values[name].append(np.append(nees, np.sqrt(states[-1].covariance[2, 2])))
            print_row(str(seed), name, values[name][-1])
    for name, rows in values.items():
        print_row("mean", name, np.mean(rows, axis=0))


def print_row(seed: str, name: str, row: np.ndarray) -> None:
    """Print one line of the table."""
    print(
        f"{seed:>4} {name:12} {row[0]:6.2f} {row[1]:6.2f} {row[2]:6.2f} {row[3]:9.4f}", flush=True
    )


if __name__ == "__main__":
    main()
