# SPDX-License-Identifier: Apache-2.0
"""Limits given as times hold at any frame rate; the odometry is as accurate at other rates."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from tests.simulation import Simulation, picked
from vio import make_odometry
from vio.camera import Camera
from vio.config import Config, load_config
from vio.data import Status
from vio.errors import VioError
from vio.eval.metrics import evaluate
from vio.odometry import run, trajectory_of
from vio.rates import MAX_AGE, frame_limits, frames_in


def test_at_20_hz_the_limits_are_the_registers_of_the_recorded_equivalence() -> None:
    limits = frame_limits(Config(), Camera.rate_hz)
    assert limits.max_age == 10
    assert limits.gyro_sigma_rad == 0.005


@pytest.mark.parametrize(("rate_hz", "age"), [(4.0, 2), (10.0, 5), (30.0, 15), (120.0, 60)])
def test_a_time_is_as_many_frames_as_pass_in_it(rate_hz: float, age: int) -> None:
    assert frame_limits(Config(), rate_hz).max_age == age


def test_a_number_of_frames_is_at_least_one_and_fits_its_register() -> None:
    assert frames_in(0.01, 4.0, MAX_AGE) == 1
    assert frames_in(60.0, 200.0, MAX_AGE) == MAX_AGE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("keyframe.max_age=10", "keyframe.max_age_s"),
        ("init.max_frames=12", "init.max_span_s"),
        ("frontend.gyro_sigma_rad=0.005", "frontend.gyro_sigma_rad_s"),
    ],
)
def test_a_setting_that_counted_frames_names_the_time_that_replaces_it(old: str, new: str) -> None:
    with pytest.raises(VioError, match=new):
        load_config("euroc", [old])


@cache
def ate_m(seed: int, frame_rate_hz: float, imu_rate_hz: float) -> float:
    """Return the position error of a simulated motion, and check that it is tracked throughout."""
    return tracked_ate_m(simulation(seed, frame_rate_hz, imu_rate_hz), frame_rate_hz)


@cache
def simulation(seed: int, frame_rate_hz: float, imu_rate_hz: float) -> Simulation:
    return Simulation(seed, seconds=6.0, frame_rate_hz=frame_rate_hz, imu_rate_hz=imu_rate_hz)


def tracked_ate_m(sim: Simulation, frame_rate_hz: float) -> float:
    config = load_config("euroc", ['frontend.engine="replay"'])
    states = list(run(sim, make_odometry(sim.rig, sim.imu_noise, config)))
    posed = [s for s in states if s.p_world_body is not None]
    assert posed, f"no pose; {states[-1].reason}"
    assert (posed[0].t_ns - states[0].t_ns) * 1e-9 <= max(0.5, 3.0 / frame_rate_hz + 1e-6)
    assert {s.status for s in posed} == {Status.TRACKING}
    estimate = trajectory_of(posed)
    return float(evaluate(estimate, sim.ground_truth).ate_se3_m)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frame_rate_hz", "imu_rate_hz", "most"),
    [(5.0, 200.0, 3.0), (30.0, 100.0, 1.5), (60.0, 400.0, 1.5), (120.0, 1000.0, 1.5)],
)
def test_other_rates_are_about_as_accurate_for_the_same_motion(
    frame_rate_hz: float, imu_rate_hz: float, most: float
) -> None:
    seeds = (0, 1)
    usual = np.mean([ate_m(seed, 20.0, 200.0) for seed in seeds])
    assert np.mean([ate_m(seed, frame_rate_hz, imu_rate_hz) for seed in seeds]) < most * usual


def uneven_intervals(seed: int, rng: np.random.Generator) -> Simulation:
    """Return frames 17 to 83 ms apart, 50 ms in the mean, with true stamps."""
    sim = simulation(seed, 60.0, 200.0)
    frames = np.cumsum(rng.integers(1, 6, len(sim.frame_t_ns)))
    return picked(sim, frames[frames < len(sim.frame_t_ns)], 20.0)


def dropped_frames(seed: int, rng: np.random.Generator) -> Simulation:
    """Return 20 Hz without 30 % of the frames."""
    sim = simulation(seed, 20.0, 200.0)
    return picked(sim, np.flatnonzero(rng.random(len(sim.frame_t_ns)) >= 0.3), 20.0)


def wrong_stamps(seed: int, rng: np.random.Generator) -> Simulation:
    """Return 20 Hz with stamps that are wrong by 1 ms, one standard deviation."""
    sim = simulation(seed, 20.0, 200.0)
    frames = np.arange(len(sim.frame_t_ns))
    return picked(sim, frames, 20.0, rng.normal(0.0, 0.001, len(frames)))


@pytest.mark.slow
@pytest.mark.parametrize("make", [uneven_intervals, dropped_frames, wrong_stamps])
def test_uneven_frames_are_about_as_accurate_for_the_same_motion(
    make: Callable[[int, np.random.Generator], Simulation],
) -> None:
    seeds = (0, 1)
    usual = np.mean([ate_m(seed, 20.0, 200.0) for seed in seeds])
    rng = np.random.default_rng(7)
    assert np.mean([tracked_ate_m(make(seed, rng), 20.0) for seed in seeds]) < 1.5 * usual
