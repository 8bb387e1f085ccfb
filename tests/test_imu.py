# SPDX-License-Identifier: Apache-2.0
"""Preintegration against gtsam, numerical derivatives and exact integration."""

from pathlib import Path

import gtsam
import numpy as np
import pytest

from vio.datasets import open_dataset
from vio.geometry import log_so3
from vio.imu import (
    ImuNoise,
    Preintegration,
    integrate_rate,
    intervals,
    preintegrate,
    propagate,
)

BIAS = np.array([-0.002, 0.021, 0.078]), np.array([-0.025, 0.137, 0.076])
NOISE = ImuNoise()
Cut = tuple[np.ndarray, np.ndarray, np.ndarray]


def wild_motion(seconds: float = 0.5) -> Cut:
    """Return intervals of a fast motion with odd sample times."""
    rng = np.random.default_rng(3)
    t = np.cumsum(rng.integers(4_000_000, 6_000_000, 140))
    s = t[:, None] * 1e-9
    gyro = np.sin(s * [7, 9, 11] + [0, 1, 2]) * [2.0, 1.5, 3.0]
    accel = np.cos(s * [5, 3, 8]) * [4.0, 5.0, 3.0] + [0, 0, 9.81]
    return intervals(t, gyro, accel, int(t[3]) + 1_234_567, int(t[3] + seconds * 1e9))


def gtsam_preintegration(cut: Cut, parts: int) -> gtsam.PreintegratedImuMeasurements:
    """Return gtsam's result with each interval cut into equal parts."""
    params = gtsam.PreintegrationParams.MakeSharedU(9.81)
    params.setGyroscopeCovariance(np.eye(3) * NOISE.gyro_noise**2)
    params.setAccelerometerCovariance(np.eye(3) * NOISE.accel_noise**2)
    params.setIntegrationCovariance(np.zeros((3, 3)))
    bias = gtsam.imuBias.ConstantBias(BIAS[1], BIAS[0])
    pim = gtsam.PreintegratedImuMeasurements(params, bias)
    for dt, gyro, accel in zip(*cut, strict=True):
        for _ in range(parts):
            pim.integrateMeasurement(accel, gyro, dt / parts)
    return pim


def difference(a: Preintegration, pim: gtsam.PreintegratedImuMeasurements) -> tuple[float, ...]:
    """Return the largest differences in rotation, velocity (m/s) and position (m)."""
    dR = np.abs(pim.deltaRij().matrix() - a.dR).max()
    return (
        float(dR),
        float(np.abs(pim.deltaVij() - a.dv).max()),
        float(np.abs(pim.deltaPij() - a.dp).max()),
    )


def test_preintegration_equals_gtsam_on_real_inertial_data(real_data: Path) -> None:
    imu = open_dataset(real_data / "euroc" / "MH_01_easy").imu
    start, end = int(imu.t_ns[100]) + 1_234_567, int(imu.t_ns[140]) + 7
    cut = intervals(imu.t_ns, imu.gyro_rad_s, imu.accel_m_s2, start, end)
    ours = preintegrate(*cut, *BIAS, NOISE)
    # gtsam holds the rotation during a step; in 100 parts that error falls to 1 % of itself.
    rotation, velocity, position = difference(ours, gtsam_preintegration(cut, 100))
    assert rotation < 1e-8
    assert velocity < 2e-5
    assert position < 2e-6


def test_gtsam_converges_to_our_preintegration_as_its_steps_shrink() -> None:
    cut = wild_motion()
    ours = preintegrate(*cut, *BIAS, NOISE)
    errors = [difference(ours, gtsam_preintegration(cut, parts))[1] for parts in (1, 10, 100)]
    assert errors[1] < 0.2 * errors[0]
    assert errors[2] < 0.2 * errors[1]


def test_covariance_equals_gtsams_over_small_rotations() -> None:
    # gtsam keeps it in coordinates of the total rotation vector, which agree with ours near zero.
    cut = wild_motion(0.05)
    ours = preintegrate(*cut, *BIAS, NOISE).covariance
    order = [0, 1, 2, 6, 7, 8, 3, 4, 5]  # gtsam: rotation, position, velocity
    theirs = gtsam_preintegration(cut, 100).preintMeasCov()
    sigma = np.sqrt(np.diag(theirs))
    np.testing.assert_allclose(
        ours[np.ix_(order, order)] / np.outer(sigma, sigma),
        theirs / np.outer(sigma, sigma),
        atol=0.01,
    )


def test_covariance_equals_a_monte_carlo_estimate() -> None:
    dt, gyro, accel = wild_motion()
    base = preintegrate(dt, gyro, accel, *BIAS, NOISE)
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(2000):
        w = gyro + rng.normal(size=gyro.shape) * NOISE.gyro_noise / np.sqrt(dt)[:, None]
        a = accel + rng.normal(size=accel.shape) * NOISE.accel_noise / np.sqrt(dt)[:, None]
        noisy = preintegrate(dt, w, a, *BIAS, NOISE)
        errors.append(
            np.concatenate([log_so3(base.dR.T @ noisy.dR), noisy.dv - base.dv, noisy.dp - base.dp])
        )
    sampled = np.cov(np.array(errors).T)
    sigma = np.sqrt(np.diag(base.covariance))
    # 2000 samples: each entry of the normalised matrix is good to about 0.03 (one sigma)
    np.testing.assert_allclose(
        sampled / np.outer(sigma, sigma), base.covariance / np.outer(sigma, sigma), atol=0.12
    )


@pytest.mark.parametrize("k", range(6))
def test_bias_jacobian_equals_numerical_derivative(k: int) -> None:
    cut, h = wild_motion(), 1e-6
    base = preintegrate(*cut, *BIAS, NOISE)
    step = np.zeros(6)
    step[k] = h
    ends = [
        preintegrate(*cut, BIAS[0] + s * step[:3], BIAS[1] + s * step[3:], NOISE) for s in (1, -1)
    ]
    numeric = np.concatenate(
        [
            (log_so3(base.dR.T @ ends[0].dR) - log_so3(base.dR.T @ ends[1].dR)),
            ends[0].dv - ends[1].dv,
            ends[0].dp - ends[1].dp,
        ]
    ) / (2 * h)
    np.testing.assert_allclose(base.J_bias[:, k], numeric, atol=1e-7)


def test_float32_stays_float32_and_close() -> None:
    cut = wild_motion()
    double = preintegrate(*cut, *BIAS, NOISE)
    single = preintegrate(*cut, *BIAS, NOISE, np.float32)
    for name in ("dR", "dv", "dp", "J_bias", "covariance"):
        value = getattr(single, name)
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, getattr(double, name), rtol=2e-3, atol=2e-5)


def test_intervals_cover_the_span_exactly_and_interpolate() -> None:
    t = np.array([0, 10, 20, 30], np.int64) * 1_000_000
    ramp = np.stack([t, t, t], axis=1) * 1e-9
    dt, gyro, _ = intervals(t, ramp, ramp, 5_000_000, 27_000_000)
    assert dt.sum() == pytest.approx(0.022, abs=1e-15)
    np.testing.assert_allclose(gyro[:, 0], [0.0075, 0.015, 0.0235])


def test_intervals_hold_the_last_sample_beyond_the_data() -> None:
    t = np.array([0, 10], np.int64) * 1_000_000
    values = np.array([[1.0, 0, 0], [3.0, 0, 0]])
    dt, gyro, _ = intervals(t, values, values, 5_000_000, 15_000_000)
    np.testing.assert_allclose(dt, [0.005, 0.005])
    np.testing.assert_allclose(gyro[:, 0], [2.5, 3.0])


def test_propagating_sample_by_sample_arrives_where_the_preintegration_does() -> None:
    dt_s, gyro, accel = wild_motion()
    pre = preintegrate(dt_s, gyro, accel, *BIAS, NOISE)
    R, p, v = np.eye(3), np.array([1.0, 2.0, 3.0]), np.array([0.4, -0.5, 0.6])
    g, total = np.array([0.0, 0.0, -9.81]), pre.dt_s
    expected_p = p + v * total + 0.5 * g * total**2 + pre.dp
    expected_v = v + g * total + pre.dv
    for dt, w, a in zip(dt_s, gyro, accel, strict=True):
        R, p, v = propagate(R, p, v, w - BIAS[0], a - BIAS[1], dt)
    np.testing.assert_allclose(R, pre.dR, atol=1e-13)
    np.testing.assert_allclose(v, expected_v, atol=1e-13)
    np.testing.assert_allclose(p, expected_p, atol=1e-13)
    np.testing.assert_allclose(
        integrate_rate(dt_s, np.ascontiguousarray(gyro), BIAS[0]), pre.dR, atol=1e-13
    )
