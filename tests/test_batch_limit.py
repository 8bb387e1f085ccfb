# SPDX-License-Identifier: Apache-2.0
"""The batch solution of a run fits its noise, and is nearer to the truth than the causal one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.consistency import true_noise_config
from tests.simulation import Simulation
from tools.batch_graph import Batch, Solution, States, gather
from tools.batch_limit import Limit, Recorded, compare, longest_segment, record
from vio.config import Config
from vio.engines import scaled_noise
from vio.errors import VioError
from vio.eval.metrics import evaluate

PIXEL_SIGMA = 0.5


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return Simulation(3, 5.0, pixel_sigma=PIXEL_SIGMA, distortion=(0.0,) * 4, max_tracks=60)


@pytest.fixture(scope="module")
def recorded(simulation: Simulation) -> Recorded:
    return record(simulation, config())


def config(**sigmas: float) -> Config:
    right = true_noise_config(PIXEL_SIGMA)
    return replace(right, backend=replace(right.backend, **sigmas))


def solve(simulation: Simulation, recorded: Recorded, config: Config) -> Solution:
    frames, _, initial = longest_segment(recorded)
    noise = scaled_noise(simulation.imu_noise, config.imu)
    return Batch(simulation.rig, noise, config, frames, initial).solve()


@pytest.mark.slow
def test_the_batch_solution_is_nearer_to_the_truth(simulation: Simulation) -> None:
    limit: Limit = compare(simulation, config())
    assert len(limit.causal) == len(limit.batch) > 85
    causal, batch = (evaluate(t, simulation.ground_truth) for t in (limit.causal, limit.batch))
    assert batch.ate_se3_m < 0.5 * causal.ate_se3_m
    assert batch.ate_se3_m < 0.003


@pytest.mark.slow
def test_the_residuals_are_as_large_as_the_noise(
    simulation: Simulation, recorded: Recorded
) -> None:
    right = solve(simulation, recorded, config())
    assert right.chi_square == pytest.approx(1.0, abs=0.04)
    np.testing.assert_allclose(right.states.bias[-1, :3], simulation.gyro_bias, atol=1e-3)
    assert np.abs(right.states.bias[-1, 3:] - simulation.accel_bias).max() < 0.05


@pytest.mark.slow
def test_noise_that_is_stated_too_large_shows(simulation: Simulation, recorded: Recorded) -> None:
    double = config(pixel_sigma=2 * PIXEL_SIGMA, stereo_sigma=2 * PIXEL_SIGMA)
    assert solve(simulation, recorded, double).chi_square == pytest.approx(0.25, abs=0.03)


@pytest.mark.slow
def test_a_right_camera_that_is_tilted_does_not_fit(
    simulation: Simulation, recorded: Recorded
) -> None:
    frames, _, initial = longest_segment(recorded)
    T = simulation.rig.right.T_body_cam.copy()
    T[:3, :3] = T[:3, :3] @ Rotation.from_rotvec([0.004, 0.0, 0.0]).as_matrix()  # 1.8 px
    rig = replace(simulation.rig, right=replace(simulation.rig.right, T_body_cam=T))
    noise = scaled_noise(simulation.imu_noise, config().imu)
    assert Batch(rig, noise, config(), frames, initial).solve().chi_square > 1.2


def test_points_come_out_where_exact_rays_meet(simulation: Simulation, recorded: Recorded) -> None:
    frames, _, initial = longest_segment(recorded)
    R, p = simulation.poses((np.array([f.t_ns for f in frames]) - frames[0].t_ns) * 1e-9)
    true = States(R, p, initial.v, initial.bias)
    seen = gather(frames)
    batch = Batch(simulation.rig, simulation.imu_noise, config(), frames, initial)
    points, known = batch.triangulate(true, seen)
    assert np.mean(known) > 0.9
    wall = np.abs(np.abs(points[known]) - [5.0, 4.0, 2.5]).min(axis=1)
    assert np.median(wall) < 0.02  # all points lie on the room's walls


def test_a_run_without_poses_cannot_be_compared() -> None:
    with pytest.raises(VioError, match="no three poses"):
        longest_segment(Recorded([], [], []))
