# SPDX-License-Identifier: Apache-2.0
"""The body at rest: the pose is held to the bit, goes on well, and slow motion is never held."""

import numpy as np
import pytest

from tests.simulation import CREEP_M_S, REST_S, Simulation, odometry_of
from tests.test_carried import replay, time_s
from vio.backend.rest import image_motion
from vio.data import ImuData, State, Status
from vio.odometry import run

# At rest the tracker sees the same image again: only the sensor's noise moves its tracks.
STILL_PX = 0.15


def pausing(
    seed: int, seconds: float = 11.0, blind: tuple[float, float] | None = None
) -> Simulation:
    return Simulation(seed, seconds, "pause", pixel_sigma=STILL_PX, blind=blind)


def flown(sim: Simulation, *settings: str) -> list[State]:
    return list(run(sim, odometry_of(sim, replay(*settings))))


def held(states: list[State]) -> np.ndarray:
    """Return for each state whether position and attitude are those of the state before it."""
    pairs = zip([None, *(s.p_world_body for s in states)], states, strict=False)
    return np.array([p is not None and np.array_equal(p, s.p_world_body) for p, s in pairs])


def way_error_m(sim: Simulation, start: State, end: State) -> float:
    """Return how long the estimated way between two states is beyond the true one."""
    _, p = sim.poses(np.array([time_s(start), time_s(end)]))
    way = np.linalg.norm(end.p_world_body - start.p_world_body)
    return abs(float(way - np.linalg.norm(p[1] - p[0])))


@pytest.fixture(scope="module", params=[0, 1, 2])
def paused(request: pytest.FixtureRequest) -> tuple[Simulation, list[State]]:
    sim = pausing(request.param)
    return sim, flown(sim)


def test_a_pose_at_rest_is_held_to_the_bit(paused: tuple[Simulation, list[State]]) -> None:
    _, states = paused
    t = np.array([time_s(s) for s in states])
    rest = (t > REST_S[0] + 1.0) & (t <= REST_S[1])
    assert held(states)[rest].all()
    assert not held(states)[(t < REST_S[0]) | (t > REST_S[1] + 0.3)].any()
    assert all(s.status is Status.TRACKING for s in states if time_s(s) > 0.5)
    assert all("rest" in s.reason for s, is_held in zip(states, rest, strict=True) if is_held)
    assert states[-1].reason == ""
    inside = [s for s, is_held in zip(states, rest, strict=True) if is_held]
    assert all(s.covariance is not None for s in inside)


def test_after_a_rest_the_way_goes_on_as_without_holding(
    paused: tuple[Simulation, list[State]],
) -> None:
    sim, states = paused
    free = flown(sim, "backend.hold_at_rest=false")
    assert not held(free).any()
    last_before = int(np.flatnonzero([time_s(s) < REST_S[0] - 0.5 for s in states])[-1])
    errors = [way_error_m(sim, run[last_before], run[-1]) for run in (states, free)]
    assert errors[0] < max(1.5 * errors[1], 0.01)
    biases = [np.linalg.norm(run[-1].gyro_bias_rad_s - sim.gyro_bias) for run in (states, free)]
    assert biases[0] < max(1.5 * biases[1], 1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_with_noisy_tracks_the_way_goes_on_as_well(seed: int) -> None:
    """Half a pixel in every frame anew: the hold comes and goes."""
    sim = Simulation(seed, 11.0, "pause")
    states = flown(sim)
    start = next(s for s in states if time_s(s) > 3.0)
    assert held(states).any()
    assert way_error_m(sim, start, states[-1]) < 0.02
    assert all(s.status is Status.TRACKING for s in states if time_s(s) > 0.5)


@pytest.mark.parametrize("seed", range(3))
def test_creeping_is_let_go_before_the_pose_is_wrong(seed: int) -> None:
    """Below the bound of the speed only the image tells, in deviations of an observation."""
    sim = Simulation(seed, 10.0, "creep")
    states = flown(sim)
    assert held(states)[[2.0 < time_s(s) < 4.0 for s in states]].any()
    start = next(s for s in states if time_s(s) > 3.9)
    errors = [way_error_m(sim, start, s) for s in states if time_s(s) > 3.9]
    # A third of a pixel at five metres, and the noise of a pose.
    assert max(errors) < 0.008
    assert errors[-1] < 0.25 * 5.0 * CREEP_M_S


def test_without_tracks_nothing_is_held() -> None:
    sim = pausing(0, 7.5, blind=(5.5, 6.5))
    states = flown(sim)
    blind = [s for s in states if 5.5 <= time_s(s) < 6.5]
    assert {s.status for s in blind} <= {Status.INERTIAL, Status.LOST}
    assert not held(blind).any()


def test_a_turn_that_only_the_gyroscope_feels_ends_the_hold() -> None:
    """The image may be of something that turns with the body."""
    sim = pausing(0, 7.0)
    t_s = (sim.imu.t_ns - sim.frame_t_ns[0]) * 1e-9
    gyro = sim.imu.gyro_rad_s + np.where(t_s > 5.5, 0.05, 0.0)[:, None] * [0.0, 0.0, 1.0]
    sim.imu = ImuData(sim.imu.t_ns, gyro, sim.imu.accel_m_s2)
    states = flown(sim)
    after = [s for s in states if 5.7 < time_s(s) < 6.0]
    assert not held(after).any()


def test_a_gap_in_the_inertial_data_ends_the_hold() -> None:
    sim = pausing(0, 7.4)
    t_s = (sim.imu.t_ns - sim.frame_t_ns[0]) * 1e-9
    keep = (t_s < 5.5) | (t_s > 5.7)
    sim.imu = ImuData(sim.imu.t_ns[keep], sim.imu.gyro_rad_s[keep], sim.imu.accel_m_s2[keep])
    states = flown(sim)
    t = np.array([time_s(s) for s in states])
    assert not held(states)[(t > 5.52) & (t < 5.9)].all()
    assert held(states)[t > 6.6].all()
    assert np.linalg.norm(states[-1].p_world_body - states[np.argmax(t > 5.0)].p_world_body) < 0.002


def rays(count: int = 60, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.7, 0.7, (count, 2))


@pytest.mark.parametrize(
    ("change", "size"),
    [
        (lambda r: r + np.array([0.003, -0.004]), 0.005),
        (lambda r: 1.01 * r, 0.01),
        (lambda r: r + 0.01 * np.column_stack([-r[:, 1], r[:, 0]]), 0.01),
        (lambda r: r, 0.0),
    ],
    ids=["shift", "growth", "roll", "none"],
)
def test_the_motion_of_an_image_is_found_beside_noise_and_things_that_move(change, size) -> None:
    before = rays()
    arm = np.median(np.linalg.norm(before - np.median(before, axis=0), axis=1))
    expected = size if size in (0.005, 0.0) else size * arm
    assert image_motion(before, change(before)) == pytest.approx(expected, abs=2e-4)
    rng = np.random.default_rng(1)
    after = change(before) + rng.normal(0.0, 1e-3, before.shape)
    after[:15] += [0.1, 0.0]
    assert image_motion(before, after) == pytest.approx(expected, abs=1.5e-3)
    assert image_motion(before[:1], before[:1]) == 0.0
