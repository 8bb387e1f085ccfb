# SPDX-License-Identifier: Apache-2.0
"""Measure the calibration in flight on rendered flights with simulated inertial data.

    python tools/measure_calibration.py FLIGHT... --recordings $VIO_DATA/euroc

FLIGHT: a hybrid sequence as `vio suite --hybrid ... --keep DIR` keeps it, DIR/<NAME>-seed<N>, of
the recording NAME in --recordings. Its inertial data are replaced in memory by simulated ones along
the motion of the images: a recording's own disagree with its ground truth by milliseconds and by
tenths of a degree. Then an offset of the images' stamps, or a turned and moved rig, is planted, and
each is run with estimation, and without a plant also without it. Printed are the ATE, what is left
of the plant 30 s after the start and at the end, and NEES of the pose / 6 (1: the covariance fits).
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vio.camera import StereoRig
from vio.config import load_config
from vio.data import ImuData, State
from vio.datasets import open_dataset
from vio.datasets.euroc import EurocDataset
from vio.engines import make_odometry
from vio.errors import VioError
from vio.eval.metrics import evaluate
from vio.geometry import exp_so3, log_so3, matrix_from_quaternion, transform_from
from vio.odometry import run, trajectory_of
from vio.render.inertial import ImuModel, make_imu
from vio.render.smoothing import fuse_truth, gap_free_spans
from vio.trajectory import Trajectory, interpolate, rotation_matrices

AXIS = np.array([0.6, -0.48, 0.64])  # of the planted turn and the planted shift
SETTLED_S = 5.0  # NEES counts from here on
LATER_S = 30.0


@dataclass(frozen=True)
class Plant:
    """Hold what is planted: the images' stamps early by offset_ms, the rig turned and moved."""

    name: str
    offset_ms: float = 0.0
    turn_deg: float = 0.0
    shift_m: float = 0.0

    @property
    def T(self) -> np.ndarray:
        """The transform (4, 4) of the rig that the odometry is told of."""
        return transform_from(exp_so3(AXIS * np.radians(self.turn_deg)), AXIS * self.shift_m)

    def rig(self, rig: StereoRig) -> StereoRig:
        """Return the rig as the odometry is told it is."""
        cameras = (replace(c, T_body_cam=self.T @ c.T_body_cam) for c in (rig.left, rig.right))
        return StereoRig(*cameras)

    def left(self, state: State) -> tuple[float, float, float]:
        """Return what an estimate leaves of the plant: ms, degrees, mm."""
        found = state.calibration
        if found is None:
            return abs(self.offset_ms), self.turn_deg, 1e3 * self.shift_m
        left = transform_from(found.R, found.p) @ self.T
        turn = np.linalg.norm(log_so3(np.ascontiguousarray(left[:3, :3])))
        return (
            abs(1e3 * found.time_offset_s - self.offset_ms),
            float(np.degrees(turn)),
            1e3 * float(np.linalg.norm(left[:3, 3])),
        )


PLANTS = (
    Plant("none"),
    Plant("5 ms", offset_ms=5.0),
    Plant("20 ms", offset_ms=20.0),
    Plant("3 deg 2 cm", turn_deg=3.0, shift_m=0.02),
)


def simulate_imu(recording: Path, seed: int) -> ImuData:
    """Return inertial data along the motion that a hybrid sequence's images follow."""
    source = EurocDataset(recording, images=False)
    truth = source.ground_truth
    if truth is None:
        raise VioError(f"{recording} has no ground truth; give the flight's recording")
    if truth.accel_bias_m_s2 is None:
        truth = gap_free_spans(truth)[0]
    made = make_imu(fuse_truth(truth, source.imu), ImuModel(source.imu_noise), seed)
    return ImuData(made.t_ns, made.gyro_rad_s, made.accel_m_s2)


def pose_nees(states: list[State], truth: Trajectory) -> float:
    """Return the mean NEES / 6 of the poses, counted from the run's first pose.

    The rotation's error is removed before the position's is taken, about the first pose, which the
    run calls its origin; the covariance is transformed alike.
    """
    posed = [s for s in states if s.p_world_body is not None]
    t_ns = np.array([s.t_ns for s in posed])
    true = interpolate(truth, t_ns)
    R_true = rotation_matrices(true.q_world_body)
    p, q = posed[0].p_world_body, posed[0].q_world_body
    assert p is not None
    assert q is not None
    # Yaw and position of the first pose are the run's choice; roll and pitch are not.
    R0 = matrix_from_quaternion(q) @ R_true[0].T
    yaw = np.arctan2(R0[1, 0] - R0[0, 1], R0[0, 0] + R0[1, 1])
    A = exp_so3(np.array([0.0, 0.0, yaw]))
    values = []
    for k, s in enumerate(posed):
        if (s.t_ns - t_ns[0]) * 1e-9 < SETTLED_S or s.covariance is None:
            continue
        assert s.q_world_body is not None
        E = matrix_from_quaternion(s.q_world_body) @ (A @ R_true[k]).T
        arm = A @ (true.p_world_body[k] - true.p_world_body[0])
        e = np.concatenate([log_so3(E), s.p_world_body - p - E @ arm])
        T = np.eye(6)
        T[3:, :3] = np.cross(np.eye(3), arm)
        C = T @ s.covariance[:6, :6] @ T.T
        values.append(e @ np.linalg.solve(C, e) / 6.0)
    return float(np.mean(values))


def measure(
    flight: Path, imu: ImuData, plant: Plant, estimate: bool, until_s: float | None
) -> tuple[float, np.ndarray, np.ndarray, float]:
    """Return ATE in m, what is left later and at the end (ms, deg, mm), and NEES of the pose."""
    dataset = open_dataset(flight)
    truth = dataset.ground_truth
    assert isinstance(dataset, EurocDataset)
    assert truth is not None
    # Images early by the offset: the inertial clock, and the truth on it, are late by it.
    late_ns = round(plant.offset_ms * 1e6)
    dataset.imu = replace(imu, t_ns=imu.t_ns + late_ns)
    truth = replace(truth, t_ns=truth.t_ns + late_ns)
    dataset.rig = plant.rig(dataset.rig)
    chosen = [f"calibrate.{k}={str(estimate).lower()}" for k in ("time_offset", "extrinsics")]
    odometry = make_odometry(dataset.rig, dataset.imu_noise, load_config("euroc", chosen))
    first = int(dataset.frame_t_ns[0])
    end_ns = None if until_s is None else first + round(until_s * 1e9)
    states = list(run(dataset, odometry, end_ns))
    posed = [s for s in states if s.p_world_body is not None]
    trajectory = trajectory_of(posed)
    later = next((s for s in posed if s.t_ns >= posed[0].t_ns + LATER_S * 1e9), posed[-1])
    left = [np.array(plant.left(s)) for s in (later, posed[-1])]
    ate_m = evaluate(trajectory, truth).ate_se3_m
    return ate_m, left[0], left[1], pose_nees(states, truth)


def main() -> None:
    """Print a row for each flight and plant, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("flights", nargs="+", type=Path)
    parser.add_argument("--recordings", type=Path, required=True)
    parser.add_argument("--until", type=float, help="seconds of each flight")
    given = parser.parse_args()
    print(
        f"{'flight':24} {'planted':12} {'estimated':9} {'ATE':>7}  "
        f"{'left after 30 s':>22}  {'left at the end':>22} {'NEES':>5}"
    )
    rows: dict[tuple[str, str], list[np.ndarray]] = {}
    for flight in given.flights:
        name, _, seed = flight.resolve().name.rpartition("-seed")
        imu = simulate_imu(given.recordings / name, int(seed))
        for plant, estimate in [(PLANTS[0], False), *((p, True) for p in PLANTS)]:
            ate_m, later, end, nees = measure(flight, imu, plant, estimate, given.until)
            key = plant.name, "yes" if estimate else "no"
            rows.setdefault(key, []).append(np.array([ate_m, *later, *end, nees]))
            print_row(f"{name} {seed}", key, rows[key][-1])
    for key, values in rows.items():
        print_row("mean", key, np.mean(values, axis=0))


def print_row(flight: str, key: tuple[str, str], row: np.ndarray) -> None:
    """Print one line of the table."""
    parts = [f"{row[k]:5.2f} ms {row[k + 1]:4.2f} deg {row[k + 2]:4.1f} mm" for k in (1, 4)]
    print(
        f"{flight:24} {key[0]:12} {key[1]:9} {row[0]:7.4f}  {parts[0]:>22}  {parts[1]:>22} "
        f"{row[7]:5.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
