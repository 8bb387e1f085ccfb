# SPDX-License-Identifier: Apache-2.0
"""Measure how honest the odometry stays under faults: python tools/measure_faults.py --seeds 20."""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.faults import FAULTS, faulty, honesty
from vio import make_odometry
from vio.config import load_config
from vio.odometry import run


def main() -> None:
    """Print one line a kind of fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=["none", *FAULTS])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    config = load_config("euroc", ['frontend.engine="replay"', *given.set])
    print(f"{'fault':18s} largest error (m): worst, mean | within 3 sigma | tracking | recovered")
    for kind in given.kinds:
        runs = []
        for seed in range(given.seeds):
            sim = faulty(kind, seed)
            runs.append(honesty(sim, list(run(sim, make_odometry(sim.rig, sim.imu_noise, config)))))
        largest = np.array([r.largest_m for r in runs])
        print(
            f"{kind:18s} {largest.max():7.3f} {largest.mean():7.3f} "
            f"| {np.mean([r.within for r in runs]):6.3f} "
            f"| {np.mean([r.tracking for r in runs]):6.3f} "
            f"| {sum(r.recovered for r in runs)} of {len(runs)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
