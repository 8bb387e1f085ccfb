# SPDX-License-Identifier: Apache-2.0
"""Measure the odometry along every gap-free part of recordings with motion capture as truth.

    python tools/measure_spans.py RECORDING... [--seeds 1-3] [--at-least 10]

Images are rendered along each part of at least so many seconds, in each world, and each is run
twice: with the recording's own inertial data, and with simulated ones along the images' motion.
Printed are the ATE and the share of frames with a pose. Rendered images are kept in --keep (about
30 MB a second of flight), and used where they are there.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vio.commands.console import parse_range
from vio.config import load_config
from vio.data import ImuData
from vio.datasets.euroc import EurocDataset
from vio.engines import make_odometry
from vio.errors import VioError
from vio.eval.metrics import evaluate
from vio.odometry import run, trajectory_of
from vio.render.sequence import open_hybrid, write_sequence
from vio.render.smoothing import gap_free_spans

Job = tuple[Path, int, int, Path]  # recording, number of its span, world, where images are kept


def measure(job: Job) -> tuple[float, dict[str, tuple[float, float, int]]]:
    """Return the seconds of a span, and of each kind of inertial data ATE, share, segments."""
    recording, span, seed, keep = job
    sequence = open_hybrid(recording, seed, span=span, simulated_imu=True)
    folder = keep / f"{recording.name}-span{span}-seed{seed}"
    if not (folder / "done").exists():
        for _ in write_sequence(sequence, folder, threads=1):
            pass
        (folder / "done").touch()
    assert sequence.imu is not None
    own = EurocDataset(recording, images=False).imu
    simulated = ImuData(*sequence.imu[:3])
    out = {}
    for name, imu in (("own", own), ("simulated", simulated)):
        dataset = EurocDataset(folder)
        dataset.imu = imu
        states = list(run(dataset, make_odometry(dataset.rig, dataset.imu_noise, load_config())))
        posed = [s for s in states if s.p_world_body is not None]
        trajectory = trajectory_of(posed)
        ate_m = evaluate(trajectory, sequence.truth).ate_se3_m
        out[name] = ate_m, len(posed) / len(states), len({s.segment for s in posed})
    return float(np.ptp(sequence.t_ns)) * 1e-9, out


def main() -> None:
    """Print a row for each span and world, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", nargs="+", type=Path)
    parser.add_argument("--seeds", default="1-3", metavar="RANGE", help="worlds (default: 1-3)")
    parser.add_argument("--at-least", type=float, default=10.0, metavar="S", help="of a span")
    parser.add_argument("--keep", type=Path, default=Path("build/spans"), metavar="DIR")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    given = parser.parse_args()
    jobs: list[Job] = []
    for seed in parse_range(given.seeds):
        for recording in given.recordings:
            truth = EurocDataset(recording, images=False).ground_truth
            if truth is None:
                raise VioError(f"{recording} has no ground truth")
            for k, part in enumerate(gap_free_spans(truth)):
                if np.ptp(part.t_ns) >= given.at_least * 1e9:
                    jobs.append((recording, k + 1, seed, given.keep))
    print(f"{'recording':24} span world seconds  ATE, m: own inertial data, simulated; posed")
    rows = []
    with ProcessPoolExecutor(given.jobs) as pool:
        for job, (seconds, out) in zip(jobs, pool.map(measure, jobs), strict=True):
            own, simulated = out["own"], out["simulated"]
            rows.append((own[0], simulated[0]))
            segments = max(own[2], simulated[2])
            print(
                f"{job[0].name:24} {job[1]:4} {job[2]:5} {seconds:7.1f}  {own[0]:.4f} "
                f"{simulated[0]:.4f}; {own[1]:.3f} {simulated[1]:.3f}"
                f"{f'; {segments} segments' if segments > 1 else ''}",
                flush=True,
            )
    print(f"mean of {len(rows)} runs: {' '.join(f'{v:.4f}' for v in np.mean(rows, axis=0))} m")


if __name__ == "__main__":
    main()
