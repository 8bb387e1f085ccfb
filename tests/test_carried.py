# SPDX-License-Identifier: Apache-2.0
"""Through blind time: the state is carried on, and the next window begins at it."""

from dataclasses import replace

import numpy as np
import pytest

from tests.simulation import START_NS, Simulation, odometry_of
from tests.test_mono import errors_m, run_mono
from vio.coasting import KnownState
from vio.config import Config, load_config
from vio.data import ImuData, State, Status
from vio.geometry import exp_so3, matrix_from_quaternion
from vio.odometry import run

BLIND_S = (2.5, 4.5)


def replay(*settings: str) -> Config:
    return load_config("euroc", ['frontend.engine="replay"', *settings])


def time_s(state: State) -> float:
    return (state.t_ns - START_NS) * 1e-9


def segment(states: list[State], number: int) -> list[State]:
    """Return the states with a pose of a segment."""
    return [s for s in states if s.segment == number and s.p_world_body is not None]


def tilt_rad(sim: Simulation, state: State) -> float:
    """Return the angle between the true and the estimated vertical, in the body."""
    R, _ = sim.pose(time_s(state))
    estimated = matrix_from_quaternion(state.q_world_body)
    return float(np.linalg.norm(np.cross(R[2], estimated[2])))


@pytest.mark.parametrize(
    "settings",
    [
        (),
        pytest.param(('backend.precision="float32"',), marks=pytest.mark.slow),
        pytest.param(('backend.arithmetic="float32"',), marks=pytest.mark.slow),
    ],
    ids=["float64", "float32", "kernels"],
)
def test_the_new_segment_begins_at_the_carried_state_when_landmarks_are_back(
    settings: tuple[str, ...],
) -> None:
    sim = Simulation(0, 5.2, blind=BLIND_S)
    states = list(run(sim, odometry_of(sim, replay(*settings))))
    first = segment(states, 2)[0]
    # One keyframe, one frame that sees its landmarks again: no span of 0.4 s to initialise from.
    assert time_s(first) - BLIND_S[1] < 0.06
    assert tilt_rad(sim, first) < 0.004
    _, p = sim.poses(np.array([time_s(s) for s in segment(states, 2)]))
    way = segment(states, 2)[-1].p_world_body - first.p_world_body
    assert abs(np.linalg.norm(way) - np.linalg.norm(p[-1] - p[0])) < 0.01
    assert all(s.status is Status.TRACKING for s in segment(states, 2))


def test_a_state_that_is_no_longer_known_starts_from_nothing() -> None:
    sim = Simulation(0, 5.2, blind=BLIND_S)
    states = list(run(sim, odometry_of(sim, replay("init.carried_speed_sigma=0.001"))))
    assert time_s(segment(states, 2)[0]) - BLIND_S[1] >= 0.39


@pytest.mark.slow
def test_one_camera_keeps_its_scale_through_blind_time() -> None:
    sim = Simulation(1, 7.0, blind=(4.0, 5.5))
    states = run_mono(sim)
    again = segment(states, 2)
    # A start from nothing would watch for 0.8 s.
    assert time_s(again[0]) - 5.5 < 0.7
    _, scale = errors_m(sim, again)
    assert abs(scale - 1.0) < 0.03


def test_blind_frames_do_not_push_out_the_last_ones_that_saw_something() -> None:
    sim = Simulation(0, 3.3, blind=(2.5, 3.3))
    odometry = odometry_of(sim, replay("backend.max_inertial_sigma_m=1"))
    states = list(run(sim, odometry))
    assert states[-1].status is Status.INERTIAL
    window = odometry.estimator.window
    assert window is not None
    times_s = sorted((window.t_ns[window.order] - START_NS) * 1e-9)
    np.testing.assert_allclose(times_s[-3:], [2.4, 2.45, 3.25])


def with_chance_tracks(sim: Simulation) -> Simulation:
    """Give each blind frame 40 tracks with stereo that no other frame has."""
    rng = np.random.default_rng(5)
    for k, frame in enumerate(sim._frames):
        if BLIND_S[0] <= (frame.t_ns - START_NS) * 1e-9 < BLIND_S[1]:
            left = rng.uniform([100, 50], [650, 430], (40, 2))
            ids = 10**6 + 1000 * k + np.arange(40)
            sim._frames[k] = replace(frame, ids=ids, uv_left=left, uv_right=left - [20.0, 0.0])
    return sim


def test_tracks_that_are_never_seen_again_begin_no_segment() -> None:
    sim = with_chance_tracks(Simulation(0, 5.2, blind=BLIND_S))
    states = list(run(sim, odometry_of(sim, replay())))
    blind = [s for s in states if BLIND_S[0] <= time_s(s) < BLIND_S[1]]
    assert {s.status for s in blind} == {Status.INERTIAL, Status.LOST}
    assert [s.status for s in blind] == sorted(s.status for s in blind)
    assert max(s.segment for s in states) == 2
    assert time_s(segment(states, 2)[0]) - BLIND_S[1] < 0.11


def test_a_contradicted_state_is_not_carried_on() -> None:
    sim = Simulation(0, 3.9, blind=(2.5, 3.9))
    sim.imu.gyro_rad_s[(sim.imu.t_ns - START_NS) * 1e-9 > 2.2] += [0.3, 0.0, 0.0]
    odometry = odometry_of(sim, replay())
    states = list(run(sim, odometry))
    assert any(s.status is Status.CONTRADICTED for s in states)
    assert states[-1].status is Status.LOST
    assert odometry.estimator._carried is None


def test_smoothed_poses_belong_to_the_segment_whose_window_they_left() -> None:
    sim = Simulation(0, 5.2, blind=BLIND_S)
    odometry = odometry_of(sim, replay())
    list(run(sim, odometry))
    odometry.finish()
    poses = odometry.drain_smoothed()
    assert [p.t_ns for p in poses] == sorted({p.t_ns for p in poses})
    begins_ns = START_NS + round(BLIND_S[1] * 1e9)
    assert {p.segment for p in poses if p.t_ns < begins_ns} == {1}
    assert {p.segment for p in poses if p.t_ns >= begins_ns} == {2}


def without_imu(sim: Simulation, seconds: float = 0.5) -> Simulation:
    """Leave out the inertial samples from BLIND_S on."""
    t = (sim.imu.t_ns - START_NS) * 1e-9
    keep = (t < BLIND_S[0]) | (t > BLIND_S[0] + seconds)
    sim.imu = ImuData(*(x[keep] for x in (sim.imu.t_ns, sim.imu.gyro_rad_s, sim.imu.accel_m_s2)))
    return sim


@pytest.mark.slow
def test_vision_bridges_a_gap_in_the_inertial_data() -> None:
    whole, gaps = [], []
    for seed in range(4):
        for sim, rms in (
            (Simulation(seed, 5.0), whole),
            (without_imu(Simulation(seed, 5.0)), gaps),
        ):
            odometry = odometry_of(sim, replay())
            states = list(run(sim, odometry))
            posed = segment(states, 1)
            assert states[-1].segment == 1
            assert {s.status for s in posed} == {Status.TRACKING}
            errors, _ = errors_m(sim, states)
            rms.append(np.sqrt(np.mean(errors**2)))
            assert odometry.counters["imu_gap"] == (rms is gaps)
    assert np.mean(gaps) < 1.3 * np.mean(whole), (gaps, whole)


def test_a_gap_in_the_inertial_data_without_landmarks_ends_the_segment() -> None:
    sim = without_imu(Simulation(0, 3.0, blind=(2.5, 2.7)))
    states = list(run(sim, odometry_of(sim, replay())))
    assert states[-1].status is Status.LOST
    assert all(time_s(s) < 2.5 for s in segment(states, 1))


def test_a_covariance_from_here_on_knows_yaw_and_position_and_keeps_the_rest() -> None:
    rng = np.random.default_rng(3)
    half = rng.normal(size=(15, 15))
    v = np.array([1.0, -2.0, 0.5])
    zero = np.zeros(3)
    known = KnownState(np.eye(3), zero, v, zero, zero, half @ half.T)
    # The same by moving drawn errors: rotate each world about z until its yaw is that of the truth.
    errors = 1e-4 * rng.normal(size=(4000, 15)) @ half.T
    moved = errors.copy()
    for e in moved:
        back = exp_so3(np.array([0.0, 0.0, -e[2]]))
        e[6:9] = back @ (v + e[6:9]) - v
        e[2] = 0.0
        e[3:6] = 0.0
    sampled = np.cov(moved.T) * 1e8
    found = known.from_here()
    np.testing.assert_array_equal(found[2:6], 0.0)
    np.testing.assert_allclose(found, sampled, atol=0.1 * np.abs(found).max())
    assert np.diag(known.from_here(1e-3))[2:6] == pytest.approx(1e-6)
