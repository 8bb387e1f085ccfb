# SPDX-License-Identifier: Apache-2.0
"""Splines and inertial data: exact derivatives, gravity, noise, saturation, quantisation."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vio.data import ImuData
from vio.datasets.euroc import EurocDataset
from vio.datasets.manifest import data_folder
from vio.errors import VioError
from vio.imu import ImuNoise
from vio.render.calibration import euroc_rig
from vio.render.inertial import ImuModel, ideal_imu, make_imu
from vio.render.scenario import load_scenario, scenario_names, scenario_trajectory
from vio.render.smoothing import fuse_truth
from vio.render.spline import SplineTrajectory, smooth_trajectory
from vio.trajectory import Trajectory


@pytest.fixture(scope="module")
def flight() -> SplineTrajectory:
    """The aggressive scenario's motion."""
    return scenario_trajectory(load_scenario("aggressive"), euroc_rig(), 5, 12.0)


def test_velocity_and_acceleration_are_the_numerical_derivatives(flight: SplineTrajectory) -> None:
    t = np.arange(1_000_000_000, 12_000_000_000, 37_000_000)
    h = 1_000_000
    before, at, after = flight.at(t - h), flight.at(t), flight.at(t + h)
    step = h * 1e-9
    velocity = (after.p_world_body - before.p_world_body) / (2 * step)
    np.testing.assert_allclose(at.v_world_body, velocity, atol=2e-4)
    acceleration = (after.v_world_body - before.v_world_body) / (2 * step)
    np.testing.assert_allclose(at.a_world_body, acceleration, atol=3e-2)
    assert np.abs(at.a_world_body).max() > 2.0


def test_the_rate_is_the_numerical_derivative_of_the_rotation(flight: SplineTrajectory) -> None:
    t = np.arange(1_000_000_000, 12_000_000_000, 37_000_000)
    h = 500_000
    before, at, after = flight.at(t - h), flight.at(t), flight.at(t + h)
    turn = Rotation.from_matrix(before.R_world_body).inv() * Rotation.from_matrix(
        after.R_world_body
    )
    np.testing.assert_allclose(at.w_body, turn.as_rotvec() / (2 * h * 1e-9), atol=2e-4)
    assert np.abs(at.w_body).max() > 0.5
    q = at.q_world_body[:, [1, 2, 3, 0]]
    np.testing.assert_allclose(Rotation.from_quat(q).as_matrix(), at.R_world_body, atol=1e-12)


def test_integrating_the_ideal_readings_gives_the_motion_back(flight: SplineTrajectory) -> None:
    """A plain strapdown integration, 1 kHz midpoints, over two seconds."""
    t = np.arange(3_000_000_000, 5_000_000_001, 1_000_000)
    gyro, force = ideal_imu(flight, t + 500_000)
    start = flight.at(t[:1])
    R, p, v = (
        Rotation.from_matrix(start.R_world_body[0]),
        start.p_world_body[0],
        start.v_world_body[0],
    )
    for k in range(len(t) - 1):
        middle = R * Rotation.from_rotvec(gyro[k] * 0.0005)
        a = middle.apply(force[k]) - [0.0, 0.0, 9.81]
        p = p + v * 1e-3 + 0.5e-6 * a
        v = v + a * 1e-3
        R = R * Rotation.from_rotvec(gyro[k] * 1e-3)
    end = flight.at(t[-1:])
    np.testing.assert_allclose(p, end.p_world_body[0], atol=1e-4)
    np.testing.assert_allclose(v, end.v_world_body[0], atol=1e-4)
    np.testing.assert_allclose(R.as_matrix(), end.R_world_body[0], atol=1e-5)


def test_at_rest_the_ideal_reading_is_gravity_and_no_rate() -> None:
    rest = scenario_trajectory(load_scenario("takeoff"), euroc_rig(), 1, 5.0)
    gyro, force = ideal_imu(rest, np.arange(0, 4_000_000_000, 5_000_000))
    np.testing.assert_allclose(gyro, 0.0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(force, axis=1), 9.81, atol=1e-9)


def test_white_noise_and_bias_walk_have_their_densities() -> None:
    rest = scenario_trajectory(load_scenario("takeoff"), euroc_rig(), 1, 5.0)
    noise = ImuNoise(rate_hz=200.0, gyro_noise=2e-3, gyro_walk=4e-3, accel_noise=2e-2, accel_walk=0)
    model = ImuModel(noise=noise, gyro_step_rad_s=1e-9, accel_step_m_s2=1e-9)
    readings = [make_imu(rest, model, seed) for seed in range(40)]
    quiet = slice(0, 1000)
    white = [r.gyro_rad_s[quiet] - r.gyro_bias_rad_s[quiet] for r in readings]
    assert np.std(white) == pytest.approx(2e-3 * np.sqrt(200.0), rel=0.02)
    walk = [r.gyro_bias_rad_s[999] - r.gyro_bias_rad_s[0] for r in readings]
    assert np.std(walk) == pytest.approx(4e-3 * np.sqrt(999 / 200.0), rel=0.25)
    still = [np.ptp(r.accel_bias_m_s2, axis=0).max() for r in readings]
    assert max(still) == 0.0


def test_readings_saturate_and_are_multiples_of_the_step(flight: SplineTrajectory) -> None:
    model = ImuModel(gyro_range_rad_s=0.5, gyro_step_rad_s=0.01)
    imu = make_imu(flight, model, 1)
    assert np.abs(imu.gyro_rad_s).max() == pytest.approx(0.5)
    multiples = imu.gyro_rad_s / 0.01
    np.testing.assert_allclose(multiples, np.rint(multiples), atol=1e-9)
    assert np.abs(make_imu(flight, ImuModel(), 1).gyro_rad_s).max() > 0.6


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_moves_as_its_kind_says(name: str) -> None:
    scenario = load_scenario(name)
    motion = scenario_trajectory(scenario, euroc_rig(), 2)
    t = np.arange(motion.start_ns, motion.end_ns, 20_000_000)
    m = motion.at(t)
    assert (motion.end_ns - motion.start_ns) * 1e-9 == pytest.approx(scenario.duration_s + 1.0)
    assert np.linalg.norm(m.v_world_body, axis=1).max() < 5.0
    assert np.linalg.norm(m.w_body, axis=1).max() < 5.0
    span = np.ptp(m.p_world_body, axis=0).max()
    assert {"rotation": span < 0.3, "hover": span < 1.5}.get(name, span > 1.5)


def measured(motion: SplineTrajectory, jitter_m: float) -> tuple[Trajectory, ImuData]:
    """Return a noisy measurement of a motion at 200 Hz, and exact inertial data without bias."""
    t = np.arange(motion.start_ns, motion.end_ns, 5_000_000)
    m = motion.at(t)
    rng = np.random.default_rng(0)
    zero = np.zeros((len(t), 3))
    p = m.p_world_body + jitter_m * rng.standard_normal((len(t), 3))
    truth = Trajectory(t, p, m.q_world_body, m.v_world_body, zero, zero)
    gyro, force = ideal_imu(motion, t)
    return truth, ImuData(t, gyro, force)


def test_smoothing_removes_jitter_and_keeps_the_motion(flight: SplineTrajectory) -> None:
    truth, imu = measured(flight, 3e-4)
    smooth = fuse_truth(truth, imu).at(truth.t_ns)
    exact = flight.at(truth.t_ns)
    error = np.linalg.norm(smooth.p_world_body - exact.p_world_body, axis=1)
    assert np.sqrt(np.mean(error[100:-100] ** 2)) < 1.5e-4
    np.testing.assert_allclose(smooth.w_body[50:-50], exact.w_body[50:-50], atol=5e-3)
    np.testing.assert_allclose(smooth.v_world_body[50:-50], exact.v_world_body[50:-50], atol=5e-3)


def test_a_jump_of_the_tracker_that_the_imu_did_not_feel_is_not_followed(
    flight: SplineTrajectory,
) -> None:
    truth, imu = measured(flight, 0.0)
    truth.p_world_body[1200:] += [0.1, -0.05, 0.0]
    smooth = fuse_truth(truth, imu).at(truth.t_ns)
    exact = flight.at(truth.t_ns)
    error = np.linalg.norm(smooth.v_world_body - exact.v_world_body, axis=1)
    assert error[50:-50].max() < 0.02
    plain = smooth_trajectory(truth).at(truth.t_ns)
    assert np.linalg.norm(plain.v_world_body - exact.v_world_body, axis=1).max() > 0.5


def test_a_gap_in_the_ground_truth_is_refused_with_its_length(flight: SplineTrajectory) -> None:
    truth, imu = measured(flight, 0.0)
    keep = np.r_[0:400, 600:1200]
    with pytest.raises(VioError, match=r"gap of 1\.005 s"):
        fuse_truth(truth.take(keep), imu)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MH_01_easy", "MH_04_difficult", "V1_02_medium", "V2_02_medium"])
def test_real_flights_smoothed_agree_with_gyroscope_and_force(name: str) -> None:
    folder = data_folder() / "euroc" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing; point VIO_DATA at the folder that holds euroc/{name}")
    recording = EurocDataset(folder, images=False)
    truth = recording.ground_truth
    assert truth is not None
    motion = fuse_truth(truth, recording.imu)
    inside = (recording.imu.t_ns >= truth.t_ns[0]) & (recording.imu.t_ns <= truth.t_ns[-1])
    t = recording.imu.t_ns[inside]
    gyro, force = ideal_imu(motion, t)

    def means(values: np.ndarray) -> np.ndarray:
        n = len(values) // 50 * 50
        return values[:n].reshape(-1, 50, 3).mean(axis=1)

    def bias(values: np.ndarray | None) -> np.ndarray:
        assert values is not None
        return np.stack([np.interp(t, truth.t_ns, values[:, k]) for k in range(3)], axis=1)

    rate_error = means(gyro + bias(truth.gyro_bias_rad_s) - recording.imu.gyro_rad_s[inside])
    force_error = means(force + bias(truth.accel_bias_m_s2) - recording.imu.accel_m_s2[inside])
    assert np.sqrt(np.mean(rate_error**2)) < 0.004
    assert np.sqrt(np.mean(force_error**2)) < 0.1
    assert np.abs(force_error).max() < 0.5
