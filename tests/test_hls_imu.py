# SPDX-License-Identifier: Apache-2.0
"""The float32 inertial front end (hls/imu.x, vio/float32/imu.py) against vio/imu.py in float64."""

import argparse

import numpy as np
import pytest

from vio import imu
from vio.commands import run
from vio.commands.outcome import config_from_arguments
from vio.engines import make_preintegrate
from vio.float32 import imu as imu32
from vio.geometry import exp_so3

NOISE = imu.ImuNoise(gyro_noise=3.4e-4, accel_noise=8e-3)
Motion = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def random_motion(seed: int, count: int, rate: float, force: float, dt_s: float) -> Motion:
    """Return dt, gyro, accel of independent samples, and biases."""
    rng = np.random.default_rng(seed)
    dt = dt_s * rng.uniform(0.3, 1.7, count)
    gyro = rng.uniform(-rate, rate, (count, 3))
    return (
        dt, gyro, rng.uniform(-force, force, (count, 3)),
        rng.normal(0.0, 0.02, 3), rng.normal(0.0, 0.1, 3),
    )  # fmt: skip


def flown_motion(seed: int, count: int = 100) -> Motion:
    """Return what a flying sensor measures at 200 Hz: smooth turns, gravity, noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(count)[:, None] * 0.005
    gyro = np.sin(t * [7, 9, 11] + rng.uniform(0, 6, 3)) * [0.8, 0.6, 1.5]
    accel = np.cos(t * [5, 3, 8] + rng.uniform(0, 6, 3)) * [2.0, 2.0, 3.0] + [9.3, 0.4, -3.1]
    gyro += rng.normal(0.0, NOISE.gyro_noise * 14.1, gyro.shape)
    accel += rng.normal(0.0, NOISE.accel_noise * 14.1, accel.shape)
    bias = np.array([-0.002, 0.021, 0.078]), np.array([-0.025, 0.137, 0.076])
    return np.full(count, 0.005), gyro + bias[0], accel + bias[1], *bias


def rounded(motion: Motion) -> Motion:
    """Return the motion as float32 holds it, in float64: what the reference is to be given."""
    dt, gyro, accel, bg, ba = (x.astype(np.float32).astype(np.float64) for x in motion)
    return dt, gyro, accel, bg, ba


def block_scale(m: np.ndarray) -> np.ndarray:
    """Return the largest magnitude of each (3, 3) block, at each of its entries."""
    rows, columns = m.shape[0] // 3, m.shape[1] // 3
    largest = np.abs(m).reshape(rows, 3, columns, 3).max(axis=(1, 3))
    return np.maximum(largest, 1e-30).repeat(3, 0).repeat(3, 1)


def errors(got: imu.Preintegration, reference: imu.Preintegration) -> dict[str, float]:
    """Return the largest error of each result, relative to the result's size."""
    sigma = np.sqrt(np.diag(reference.covariance))
    return {
        "dR": float(np.abs(got.dR - reference.dR).max()),
        "dv": float(np.abs(got.dv - reference.dv).max() / np.abs(reference.dv).max()),
        "dp": float(np.abs(got.dp - reference.dp).max() / np.abs(reference.dp).max()),
        "J_bias": float(
            (np.abs(got.J_bias - reference.J_bias) / block_scale(reference.J_bias)).max()
        ),
        "covariance": float(
            (np.abs(got.covariance - reference.covariance) / np.outer(sigma, sigma)).max()
        ),
    }


MOTIONS = {
    "flown": flown_motion(1),
    "flown, 20 samples": flown_motion(2, 20),
    "random": random_motion(3, 20, 5.0, 20.0, 0.005),
    "random, many": random_motion(4, 200, 10.0, 30.0, 0.005),
    "random, half a turn a sample": random_motion(5, 20, 300.0, 30.0, 0.0025),
    "one sample": random_motion(6, 1, 5.0, 20.0, 0.005),
}


@pytest.mark.parametrize("motion", MOTIONS.values(), ids=MOTIONS)
def test_float32_differs_from_float64_by_rounding_only(motion: Motion) -> None:
    motion = rounded(motion)
    reference = imu.preintegrate(*motion, NOISE)
    ours = errors(imu32.preintegrate(*motion, NOISE), reference)
    # 2^-24 = 6e-8 an operation; the sums of 200 samples wander by some of them.
    assert max(ours.values()) < 4e-6, ours
    # No worse than vio/imu.py itself in float32, whose series are even evaluated in float64.
    plain = errors(imu.preintegrate(*motion, NOISE, np.float32), reference)
    assert max(ours.values()) < 1.5 * max(plain.values()), (ours, plain)


def test_the_comparison_sees_a_rotation_of_the_intervals_beginning() -> None:
    """A fault-injected copy: forces turned by dR instead of R_mid, in one sample of twenty."""
    motion = rounded(flown_motion(2, 20))
    dt, gyro, accel, bg, ba = motion
    E = exp_so3((gyro[7] - bg) * dt[7] / 2)
    broken = accel.copy()
    broken[7] = ba + E.T @ (accel[7] - ba)
    found = errors(
        imu32.preintegrate(dt, gyro, broken, bg, ba, NOISE), imu.preintegrate(*motion, NOISE)
    )
    assert found["dv"] > 2e-5


@pytest.mark.parametrize("seed", range(4))
def test_the_covariance_stays_symmetric_and_positive(seed: int) -> None:
    for count in (3, 10, 1000):
        motion = flown_motion(seed, count) if seed % 2 else random_motion(seed, count, 5, 20, 0.005)
        P = imu32.preintegrate(*motion, NOISE).covariance
        assert np.array_equal(P, P.T)
        sigma = np.sqrt(np.diag(P))
        least = float(np.linalg.eigvalsh(P / np.outer(sigma, sigma)).min())
        assert least > 1e-3 * min(1.0, 100.0 / count**2), (count, least)


@pytest.mark.parametrize("count", [200, 2000])
def test_the_rotation_stays_one(count: int) -> None:
    dR = imu32.preintegrate(*flown_motion(3, count), NOISE).dR
    assert (
        np.abs(dR @ dR.T - np.eye(3)).max() < 1.2e-7 * count
    )  # two factors a sample, each right to 2^-24


def test_the_series_keep_their_bounds_up_to_half_a_turn() -> None:
    t = np.linspace(1e-3, np.pi / 2, 5000)
    x = (t * t).astype(np.float32)
    t = np.sqrt(x.astype(np.float64))
    half_ulp = 2.0**-25  # of a result in 1/2 .. 1
    exact = (
        (np.sin(t) / t, 6e-9 + 3 * half_ulp),
        (2.0 * np.sin(t / 2) ** 2 / t**2, 6e-10 + 2 * half_ulp),
        ((t - np.sin(t)) / t**3, 1e-8 + half_ulp),
    )
    got = np.array([imu32._trigonometry(value) for value in x]).T
    for values, (function, bound) in zip(got, exact, strict=True):
        function[t < 0.05] = values[t < 0.05]  # the functions themselves cancel there
        assert np.abs(values - function).max() < bound


def test_no_turn_and_no_force_leave_the_start() -> None:
    setup = np.zeros(8, np.float32)
    samples = np.tile(np.array([0.005, 0, 0, 0, 0, 0, 0], np.float32), (20, 1))
    state = imu32.integrate(setup, samples)
    assert np.array_equal(state[:15], imu32.start()[:15])


def test_the_result_is_of_the_type_that_is_asked_for() -> None:
    dt, gyro, accel, bg, ba = flown_motion(4, 5)
    for dtype in (np.float32, np.float64):
        pre = imu32.preintegrate(dt, gyro, accel, bg, ba, NOISE, dtype)
        assert {x.dtype for x in pre[1:]} == {np.dtype(dtype)}
    assert pre.dt_s == pytest.approx(0.025)
    assert np.array_equal(pre.gyro_bias, bg.astype(np.float32).astype(np.float64))


def test_the_setting_backend_imu_chooses_the_preintegration() -> None:
    motion = rounded(flown_motion(5, 10))
    plain, single = (make_preintegrate(name)(*motion, NOISE) for name in ("float", "float32"))
    assert np.array_equal(plain.dv, imu.preintegrate(*motion, NOISE).dv)
    assert np.array_equal(single.dv, imu32.preintegrate(*motion, NOISE).dv)
    assert not np.array_equal(plain.dv, single.dv)


def test_the_command_line_sets_backend_imu() -> None:
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    arguments = parser.parse_args(["recording", "--imu", "float32"])
    assert config_from_arguments(arguments).backend.imu == "float32"
    assert config_from_arguments(parser.parse_args(["recording"])).backend.imu == "float"
