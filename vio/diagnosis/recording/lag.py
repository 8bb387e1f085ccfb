# SPDX-License-Identifier: Apache-2.0
"""The lag between the gyroscope and the rotation of the images, for any axes, scale and bias.

At each lag the image rotation rates are regressed on the gyroscope's with a free 3x3 matrix and
offset. The share of their variance that is explained, over the lags, is a correlation that knows
neither T_BS nor the axes nor the units.
"""

from dataclasses import dataclass

import numpy as np

from vio.data import ImuData
from vio.diagnosis.rotation import RotationPair

MOST_LAG_S, LAG_STEP_S = 1.0, 0.005
LEAST_PAIRS = 25
LEAST_EXPLAINED = 0.7  # of the image's rotation, below which nothing is known about the lag
# Times the unexplained variance of the best lag that no lag at all must leave, to be ruled out: of
# 75 independent components (25 pairs) a ratio of 2 comes by chance once in 700 (F test).
LEAST_RATIO = 2.0
TRIM_SIGMAS = 4.0


@dataclass(frozen=True)
class Lag:
    """Hold the correlation: lags_s (L,), explained (L,) share of the variance, the best lag.

    lag_s: what is added to the images' stamps so that they fit the gyroscope's, to some hundredths
    of a second; 0 where that is not ruled out, NaN if open.
    matrix: (3, 3), camera rate = matrix gyroscope rate + offset, at that lag.
    rate_rad_s: root mean square of the image rotation rate's changes. why: it is open because.
    """

    lags_s: np.ndarray
    explained: np.ndarray
    lag_s: float
    matrix: np.ndarray
    rate_rad_s: float
    why: str = ""


def cumulative_angle(imu: ImuData) -> np.ndarray:
    """Return the integral (N, 3) of the rates by the trapezoidal rule, rad."""
    dt = np.diff(imu.t_ns)[:, None] * 1e-9
    steps = 0.5 * (imu.gyro_rad_s[1:] + imu.gyro_rad_s[:-1]) * dt
    return np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])


def mean_rates(
    imu: ImuData, angle: np.ndarray, t0_ns: np.ndarray, t1_ns: np.ndarray, lag_s: float
) -> np.ndarray:
    """Return the gyroscope's mean rates (N, 3) over intervals whose stamps are moved by lag_s."""
    base = imu.t_ns[0]
    x = (imu.t_ns - base).astype(np.float64)
    a, b = ((t - base) + lag_s * 1e9 for t in (t0_ns, t1_ns))
    out = np.empty((len(t0_ns), 3))
    for k in range(3):
        out[:, k] = np.interp(b, x, angle[:, k]) - np.interp(a, x, angle[:, k])
    return out / ((t1_ns - t0_ns) * 1e-9)[:, None]


def find_lag(pairs: list[RotationPair], imu: ImuData) -> Lag:
    """Return the lag of the images against the gyroscope by regression over lags."""
    lags = np.arange(-MOST_LAG_S, MOST_LAG_S + 1e-9, LAG_STEP_S)
    explained = np.full(len(lags), np.nan)

    def left_open(why: str, rate: float = 0.0) -> Lag:
        return Lag(lags, explained, float("nan"), np.eye(3), rate, why)

    t0 = np.array([p.t0_ns for p in pairs], np.int64)
    t1 = np.array([p.t1_ns for p in pairs], np.int64)
    if len(pairs) < LEAST_PAIRS:
        return left_open(f"only {len(pairs)} rotations between images, {LEAST_PAIRS} are needed")
    margin = round(MOST_LAG_S * 1e9)
    inside = (t0 - margin >= imu.t_ns[0]) & (t1 + margin <= imu.t_ns[-1])
    if np.count_nonzero(inside) < LEAST_PAIRS:
        return left_open("the inertial data cover too little of the images")
    t0, t1 = t0[inside], t1[inside]
    phi = np.array([p.phi_cam for p in pairs])[inside]
    v = phi / ((t1 - t0) * 1e-9)[:, None]
    angle = cumulative_angle(imu)
    rates = [mean_rates(imu, angle, t0, t1, lag) for lag in lags]
    keep = np.ones(len(v), bool)
    for _ in range(3):  # the best lag shows which image rotations are wrong
        errors = [_regress(v[keep], g[keep])[1] for g in rates]
        k = int(np.argmin(errors))
        A, _, c = _regress(v[keep], rates[k][keep])
        size = np.linalg.norm(v - rates[k] @ A.T - c, axis=1)
        scale = float(np.median(size)) / 1.538  # of a 3-D normal distribution's length
        trimmed = size < max(TRIM_SIGMAS * scale, 1e-9)
        if np.count_nonzero(trimmed) < LEAST_PAIRS:
            break
        keep = trimmed
    total = float(np.mean(np.sum((v[keep] - v[keep].mean(axis=0)) ** 2, axis=1)))
    errors = [_regress(v[keep], g[keep])[1] for g in rates]
    rate = float(np.sqrt(total))
    explained[:] = 1.0 - np.array(errors) / max(total, 1e-30)
    k = int(np.argmax(explained))
    A, _, _ = _regress(v[keep], rates[k][keep])
    if explained[k] < LEAST_EXPLAINED:
        return left_open(
            f"the gyroscope explains {100 * max(explained[k], 0.0):.0f} % of the image rotation of "
            f"{rate:.3f} rad/s (rms) at best",
            rate,
        )
    zero = len(lags) // 2
    if 1.0 - explained[zero] < LEAST_RATIO * (1.0 - explained[k]):
        A, _, _ = _regress(v[keep], rates[zero][keep])
        return Lag(lags, explained, 0.0, A, rate)  # where the fit of all tracks starts
    lag = lags[k]
    if 0 < k < len(lags) - 1:
        e0, e1, e2 = explained[k - 1 : k + 2]
        if (curvature := e0 - 2.0 * e1 + e2) < 0.0:
            lag += float(np.clip(0.5 * (e0 - e2) / curvature, -0.5, 0.5)) * LAG_STEP_S
    return Lag(lags, explained, float(lag), A, rate)


def _regress(v: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Return A (3, 3), the mean square of v - A g - c, and c (3,)."""
    v0, g0 = v - v.mean(axis=0), g - g.mean(axis=0)
    S = g0.T @ g0
    A = np.linalg.solve(S + 1e-9 * (np.trace(S) + 1e-12) * np.eye(3), g0.T @ v0).T
    left = v0 - g0 @ A.T
    return A, float(np.mean(np.sum(left * left, axis=1))), v.mean(axis=0) - A @ g.mean(axis=0)
