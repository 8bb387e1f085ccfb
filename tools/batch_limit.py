# SPDX-License-Identifier: Apache-2.0
"""Measure how far the causal estimate is from the batch solution of the same tracks.

    python tools/batch_limit.py RECORDING... [--set backend.keyframes=10] [--from 2.2]

Each recording is run as by `vio run`. Then all of its frames, with the same tracks, inertial data
and noise, become one factor graph (tools/batch_graph.py), which gtsam optimises from the causal
estimate on. Printed are the ATE of both at the same frames, and how well the graph fits.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.batch_graph import Batch, Solution, States
from vio.backend.observations import FrameInput
from vio.config import Config, load_config
from vio.data import State
from vio.datasets import open_dataset
from vio.datasets.base import Dataset, end_ns
from vio.engines import make_odometry, scaled_noise
from vio.errors import VioError
from vio.eval.metrics import evaluate
from vio.geometry import quaternion_from_matrix
from vio.odometry import run
from vio.segments import SmoothedPose
from vio.trajectory import Trajectory, rotation_matrices


@dataclass
class Recorded:
    """Hold a run: what each frame brought to the back end, and what came out of it."""

    frames: list[FrameInput]
    states: list[State]
    smoothed: list[SmoothedPose]


def record(dataset: Dataset, config: Config, until_s: float | None = None) -> Recorded:
    """Run the odometry and keep what its back end was given."""
    odometry = make_odometry(dataset.rig, dataset.imu_noise, config)
    frames: list[FrameInput] = []
    process = odometry.estimator.process

    def keep(frame: FrameInput) -> object:
        frames.append(frame)
        return process(frame)

    odometry.estimator.process = keep  # type: ignore[method-assign, assignment]
    states = list(run(dataset, odometry, end_ns(dataset, until_s)))
    odometry.finish()
    return Recorded(frames, states, odometry.drain_smoothed())


def longest_segment(recorded: Recorded) -> tuple[list[FrameInput], list[State], States]:
    """Return the frames of the longest segment, its causal states, and an initial state a frame.

    The first frames, from which the back end started, have their smoothed poses.
    """
    posed = [s for s in recorded.states if s.p_world_body is not None]
    if len(posed) < 3:
        raise VioError("the run has no three poses; there is nothing to compare")
    segments = [s.segment for s in posed]
    index = max(set(segments), key=segments.count)
    causal = {s.t_ns: s for s in posed if s.segment == index}
    early = {s.t_ns: s for s in recorded.smoothed if s.segment == index}
    frames = [f for f in recorded.frames if f.t_ns in causal or f.t_ns in early]
    started = [f.t_ns for f in frames].index(min(causal))
    gaps = [
        k for k in range(1, started) if frames[k].t_ns - frames[k - 1].t_ns != _span_ns(frames[k])
    ]
    frames = frames[gaps[-1] if gaps else 0 :]
    poses = [causal.get(f.t_ns) or early[f.t_ns] for f in frames]
    p = np.array([x.p_world_body for x in poses])
    t_s = np.array([f.t_ns - frames[0].t_ns for f in frames]) * 1e-9
    v, first = np.gradient(p, t_s, axis=0), causal[min(causal)]
    bias = np.tile(np.concatenate([first.gyro_bias_rad_s, first.accel_bias_m_s2]), (len(p), 1))
    for k, frame in enumerate(frames):
        if frame.t_ns in causal:
            s = causal[frame.t_ns]
            v[k], bias[k] = s.v_world_body, np.concatenate([s.gyro_bias_rad_s, s.accel_bias_m_s2])
    R = rotation_matrices(np.array([x.q_world_body for x in poses]))
    return frames, list(causal.values()), States(R, p, v, bias)


def _span_ns(frame: FrameInput) -> int:
    return round(float(frame.dt_s.sum()) * 1e9)


@dataclass(frozen=True)
class Limit:
    """Hold the comparison: trajectories at the same times, and the batch solution's fit."""

    causal: Trajectory
    batch: Trajectory
    solution: Solution


def compare(dataset: Dataset, config: Config, until_s: float | None = None) -> Limit:
    """Return the causal and the batch trajectory of a recording."""
    frames, causal, initial = longest_segment(record(dataset, config, until_s))
    noise = scaled_noise(dataset.imu_noise, config.imu)
    solution = Batch(dataset.rig, noise, config, frames, initial).solve()
    places = {f.t_ns: k for k, f in enumerate(frames)}
    at = [places[s.t_ns] for s in causal]
    t_ns = np.array([s.t_ns for s in causal])
    estimate = Trajectory(
        t_ns,
        np.array([s.p_world_body for s in causal]),
        np.array([s.q_world_body for s in causal]),
    )
    q = np.array([quaternion_from_matrix(R) for R in solution.states.R[at]])
    return Limit(estimate, Trajectory(t_ns, solution.states.p[at], q), solution)


def main() -> None:
    """Print a row for each recording, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", nargs="+", type=Path)
    parser.add_argument("--until", type=float, help="seconds of each recording")
    parser.add_argument("--from", dest="start", type=float, default=0.0, help="evaluate from, s")
    parser.add_argument("--engine", default="float")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    config = load_config("euroc", [*given.set, f'frontend.engine="{given.engine}"'])
    print(f"{'recording':28s} frames landmarks   causal    batch  ratio  chi^2")
    ates = []
    for path in given.recordings:
        dataset = open_dataset(path)
        truth = dataset.ground_truth
        if truth is None:
            raise VioError(f"{path} has no ground truth; {dataset.truth_error}")
        started = time.process_time()
        limit = compare(dataset, config, given.until)
        start_ns = int(dataset.frame_t_ns[0] + round(given.start * 1e9))
        ate = [evaluate(t, truth, start_ns=start_ns).ate_se3_m for t in (limit.causal, limit.batch)]
        ates.append(ate)
        s = limit.solution
        print(
            f"{path.name:28s} {len(limit.causal):6d} {s.landmarks:9d} {ate[0]:8.4f} {ate[1]:8.4f} "
            f"{ate[0] / ate[1]:6.2f} {s.chi_square:6.2f}"
            f"   ({time.process_time() - started:.0f} s CPU)",
            flush=True,
        )
    causal, batch = np.mean(ates, axis=0)
    print(f"{'mean':45s} {causal:8.4f} {batch:8.4f} {causal / batch:6.2f}")


if __name__ == "__main__":
    main()
