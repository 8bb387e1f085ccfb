# SPDX-License-Identifier: Apache-2.0
"""The time offset at the start of a run: rotations of vision against those of the gyroscope."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.simulation import Simulation
from tests.test_calibrate import ON, SHIFT, TURN, Late, Planted, settings
from vio.backend.clock import LEAST_SIGMA_S, compare_clocks
from vio.backend.observations import FrameInput
from vio.config import load_config
from vio.data import State
from vio.datasets import open_dataset
from vio.engines import make_odometry
from vio.eval.metrics import evaluate
from vio.imu import ImuNoise, Preintegration, preintegrate
from vio.odometry import run, trajectory_of

BIAS = np.array([0.02, -0.01, 0.03])
SAMPLES = 10  # a frame interval of 50 ms


def wobble(t: float) -> Rotation:
    """Return an attitude that turns about all axes, at rates that change."""
    angles = [0.3 * np.sin(4.0 * t), 0.2 * np.sin(5.0 * t + 1.0), 0.4 * np.sin(3.0 * t + 2.0)]
    return Rotation.from_euler("ZYX", angles)


def evenly(t: float) -> Rotation:
    """Return an attitude that turns at one rate about one axis."""
    return Rotation.from_rotvec([0.3 * t, 0.0, 0.0])


def seen(
    motion: Callable[[float], Rotation], offset_s: float, turn: np.ndarray, noise_rad: float = 0.0
) -> tuple[list[np.ndarray], list[FrameInput], Callable[[np.ndarray], list[Preintegration]]]:
    """Return attitudes at exposures, frames and preintegrations of ten frames."""
    h = 0.05 / SAMPLES
    random = np.random.default_rng(4)
    R, frames = [], []
    rig = Rotation.from_rotvec(turn)
    for k in range(10):
        t = 0.05 * k
        error = Rotation.from_rotvec(random.normal(0.0, 1.0, 3) * noise_rad)
        R.append(np.ascontiguousarray((motion(t + offset_s) * rig * error).as_matrix()))
        starts = t - 0.05 + h * np.arange(SAMPLES)
        gyro = np.array([(motion(s).inv() * motion(s + h)).as_rotvec() / h + BIAS for s in starts])
        rest = np.zeros((SAMPLES, 3))
        nothing = np.zeros(0, np.int64), np.zeros((0, 4))
        frames.append(FrameInput(round(t * 1e9), *nothing, True, np.full(SAMPLES, h), gyro, rest))

    def pres(bias: np.ndarray) -> list[Preintegration]:
        return [
            preintegrate(f.dt_s, f.gyro, f.accel, bias, np.zeros(3), ImuNoise()) for f in frames[1:]
        ]

    return R, frames, pres


@pytest.mark.parametrize("offset_s", [0.0, 0.004, 0.021, -0.03])
@pytest.mark.parametrize("turn", [np.zeros(3), TURN])
def test_an_offset_is_found_beside_bias_and_turned_rig(offset_s: float, turn: np.ndarray) -> None:
    clock = compare_clocks(*seen(wobble, offset_s, turn), np.zeros(3), np.radians(3.0))
    assert clock is not None
    assert abs(clock.offset_s - offset_s) < 2e-4
    assert np.abs(clock.gyro_bias - BIAS).max() < 2e-3
    assert LEAST_SIGMA_S <= clock.sigma_s < 1e-3


def test_the_deviation_is_that_of_noisy_rotations() -> None:
    errors, sigmas = [], []
    for offset_s in np.linspace(-0.02, 0.01, 20):
        R, frames, pres = seen(wobble, offset_s, np.zeros(3))
        random = np.random.default_rng(round(1e6 * (offset_s + 1.0)))
        noisy = [
            np.ascontiguousarray(r @ Rotation.from_rotvec(random.normal(0.0, 3e-4, 3)).as_matrix())
            for r in R
        ]
        clock = compare_clocks(noisy, frames, pres, np.zeros(3), np.radians(3.0))
        assert clock is not None
        errors.append(clock.offset_s - offset_s)
        sigmas.append(clock.sigma_s)
    z = np.array(errors) / np.array(sigmas)
    assert 0.2 < np.sqrt(np.mean(z**2)) < 1.2  # on the careful side: neighbours share a frame


def test_an_even_rotation_or_none_leaves_it_open() -> None:
    for motion in (evenly, lambda t: Rotation.identity()):
        R, frames, pres = seen(motion, 0.02, np.zeros(3), noise_rad=1e-4)
        clock = compare_clocks(R, frames, pres, np.zeros(3), np.radians(3.0))
        assert clock is None or clock.sigma_s > 0.01


class Shaken(Simulation):
    """A simulated rig that is carried by an unsteady hand."""

    def poses(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rotations (N, 3, 3) and positions (N, 3) of the body at t (N,) seconds."""
        R, p = super().poses(t)
        angle = 0.05 * np.sin(2.0 * np.pi * 1.7 * t[:, None] + self._turn_phase)
        return R @ Rotation.from_rotvec(angle).as_matrix(), p


def first_pose(data: Planted) -> State:
    odometry = make_odometry(data.rig, data.imu_noise, settings())
    return next(s for s in run(data, odometry) if s.p_world_body is not None)


@pytest.mark.slow
@pytest.mark.parametrize("late_s", [0.02, -0.02, 0.0])
def test_the_first_pose_knows_the_offset_where_the_motion_shows_it(late_s: float) -> None:
    errors, sigmas = [], []
    for seed in range(12):
        sim = Shaken(seed, 2.0, pixel_sigma=0.1)
        found = first_pose(Planted(sim, late_s, TURN, SHIFT)).calibration
        assert found is not None
        assert found.sigma[0] > 0.0
        if found.sigma[0] < 0.005:
            errors.append(found.time_offset_s - late_s)
            sigmas.append(found.sigma[0])
        else:
            assert found.time_offset_s == 0.0
    assert len(errors) >= 3
    assert np.abs(np.array(errors) / sigmas).max() < 3.0


@pytest.mark.slow
def test_the_real_clip_that_begins_in_motion_costs_nothing_by_its_offset(real_data: Path) -> None:
    """Its first 3 s, in which nothing is estimated yet, against ground truth on the true clock."""
    recording = open_dataset(real_data / "euroc" / "MH_01_easy")
    truth = recording.ground_truth
    assert truth is not None
    ate_m = {}
    for late_s in (0.0, 0.02, -0.02):
        data = Late(recording, late_s, 3.0)
        config = load_config("euroc", ON)
        states = run(data, make_odometry(data.rig, data.imu_noise, config))
        posed = [s for s in states if s.p_world_body is not None]
        found = posed[0].calibration
        assert found is not None
        assert abs(found.time_offset_s - late_s) < min(2.0 * found.sigma[0], 0.001)
        moved = replace(truth, t_ns=truth.t_ns + round(late_s * 1e9))
        ate_m[late_s] = evaluate(trajectory_of(posed), moved).ate_se3_m
    assert ate_m[0.02] < 1.2 * ate_m[0.0]
    assert ate_m[-0.02] < 1.2 * ate_m[0.0]
