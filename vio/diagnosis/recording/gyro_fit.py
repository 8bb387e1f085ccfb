# SPDX-License-Identifier: Apache-2.0
"""Camera against gyroscope: rotation of T_BS, time offset, focal length and distortion in one fit.

Between two views the gyroscope gives the rotation, and only the direction of the translation is
free. The epipolar distances of all tracks then depend on what is constant over the recording: the
rotation between camera and gyroscope, its bias, the time offset, and the lens. All are found by
robust Gauss-Newton; the directions are eliminated pair by pair (Schur complement). The covariance
is that of errors which are alike within a pair (sandwich estimator; Liang, Zeger, "Longitudinal
data analysis using generalized linear models", 1986).
"""

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from scipy.spatial.transform import Rotation

from vio.camera import Camera
from vio.data import ImuData
from vio.diagnosis.recording.pairs import ViewPair
from vio.diagnosis.recording.two_view import (
    LEAST_POINTS,
    cauchy_weights,
    epipolar_distance,
    homogeneous,
    robust_scale,
    tangent,
)
from vio.geometry import exp_so3, mul33

MOST_PAIRS, POINTS_A_PAIR = 250, 60  # that the fit uses
LEAST_PAIRS = 25
ITERATIONS = 15
NAMES = ("r_x", "r_y", "r_z", "b_x", "b_y", "b_z", "time", "focal", "k1", "k2")
ROTATION, BIAS, TIME, FOCAL, RADIAL = slice(0, 3), slice(3, 6), 6, 7, slice(8, 10)
# Standard deviations of what is not known before: rad, rad/s, s, relative, and of the coefficients.
PRIOR = np.array([1.0] * 3 + [0.2] * 3 + [0.5, 0.5, 0.3, 0.3])
STEPS = np.array([1e-6] * 3 + [1e-6] * 3 + [1e-5, 1e-6, 1e-6, 1e-6])
MOST_STEP = np.array([0.1] * 3 + [0.05] * 3 + [0.02, 0.1, 0.1, 0.1])
CONVERGED = 0.02  # of the standard deviations


@dataclass(frozen=True)
class GyroFit:
    """Hold the fit of P parameters, in the order of NAMES, as corrections of what was given.

    values, sigmas: (P,). covariance: (P, P). camera: with the corrected lens. R_body_cam: (3, 3),
    corrected. given_px, fitted_px: robust standard deviation of the epipolar distances. points:
    (M, 2) pixels, and their distances with what was given and with the fit, (M,).
    """

    values: np.ndarray
    sigmas: np.ndarray
    covariance: np.ndarray
    camera: Camera
    R_body_cam: np.ndarray
    given_px: float
    fitted_px: float
    pairs: int
    points: np.ndarray
    given_distance_px: np.ndarray
    fitted_distance_px: np.ndarray


@njit(cache=True)
def _orientations(dt_s: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return the rotations (N + 1, 3, 3) from the first sample's body frame on."""
    out = np.empty((len(dt_s) + 1, 3, 3))
    out[0] = np.eye(3)
    for k in range(len(dt_s)):
        out[k + 1] = mul33(out[k], exp_so3(rates[k] * dt_s[k]))
    return out


def orientations(imu: ImuData, bias: np.ndarray) -> np.ndarray:
    """Return the rotations (N, 3, 3) of the body at the samples to the first one; bias: (3,)."""
    mean = 0.5 * (imu.gyro_rad_s[1:] + imu.gyro_rad_s[:-1]) - bias
    return _orientations(np.diff(imu.t_ns) * 1e-9, mean)


class _Gyro:
    """Rotations of the gyroscope between any two times, bias taken off."""

    def __init__(self, imu: ImuData) -> None:
        self._t_ns = imu.t_ns
        self._dt_s = np.diff(imu.t_ns) * 1e-9
        self._mean = 0.5 * (imu.gyro_rad_s[1:] + imu.gyro_rad_s[:-1])

    def between(
        self, t0: np.ndarray, t1: np.ndarray, late_s: float, bias: np.ndarray
    ) -> np.ndarray:
        """Return (N, 3, 3), body at t1 + late_s to body at t0 + late_s."""
        rates = self._mean - bias
        at = _orientations(self._dt_s, rates)
        ends = []
        for t in (t0, t1):
            moved = t + round(late_s * 1e9)
            k = np.clip(np.searchsorted(self._t_ns, moved, side="right") - 1, 0, len(rates) - 1)
            rest = ((t - self._t_ns[k]) * 1e-9 + late_s)[:, None]
            ends.append(at[k] @ Rotation.from_rotvec(rates[k] * rest).as_matrix())
        return np.einsum("nji,njk->nik", *ends)


class _Data:
    """The tracks of the pairs, sorted by pair, with the functions of the parameters."""

    def __init__(self, pairs: list[ViewPair], imu: ImuData, camera: Camera, R_body_cam: np.ndarray):
        self.camera, self.R_body_cam, self.gyro = camera, R_body_cam, _Gyro(imu)
        self.t0 = np.array([p.t0_ns for p in pairs], np.int64)
        self.t1 = np.array([p.t1_ns for p in pairs], np.int64)
        picked = [_spread(len(p.uv0)) for p in pairs]
        self.index = np.repeat(np.arange(len(pairs)), [len(i) for i in picked])
        self.uv0 = np.concatenate([p.uv0[i] for p, i in zip(pairs, picked, strict=True)])
        self.uv1 = np.concatenate([p.uv1[i] for p, i in zip(pairs, picked, strict=True)])
        self.starts = np.concatenate([[0], np.cumsum([len(i) for i in picked])[:-1]])

    def lens(self, x: np.ndarray) -> Camera:
        """Return the camera with the lens of parameters x."""
        c, scale = self.camera, float(np.exp(x[FOCAL]))
        k1, k2, d3, d4 = c.distortion
        distortion = (k1 + float(x[8]), k2 + float(x[9]), d3, d4)
        return replace(c, fx=c.fx * scale, fy=c.fy * scale, distortion=distortion)

    def rays(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the directions (M, 3) of both views; what has no ray becomes NaN."""
        lens = self.lens(x)
        return homogeneous(lens.unproject(self.uv0)), homogeneous(lens.unproject(self.uv1))

    def rotations(self, x: np.ndarray) -> np.ndarray:
        """Return the rotations (P, 3, 3) from the first to the second view, camera axes."""
        R01 = self.gyro.between(self.t0, self.t1, float(x[TIME]), x[BIAS])
        R_bc = self.mounting(x)
        return np.einsum("ji,njk,kl->nil", R_bc, R01.transpose(0, 2, 1), R_bc)

    def mounting(self, x: np.ndarray) -> np.ndarray:
        """Return R_body_cam (3, 3) of the parameters."""
        return self.R_body_cam @ exp_so3(np.ascontiguousarray(x[ROTATION]))

    def distances(self, R: np.ndarray, t: np.ndarray, r1: np.ndarray, r2: np.ndarray) -> np.ndarray:
        """Return the epipolar distances (M,) in pixels; 0 where there is no ray."""
        Rm, tm = R[self.index], t[self.index]
        q = np.einsum("nij,nj->ni", Rm, r1)
        return np.nan_to_num(epipolar_distance(q, r1, r2, Rm, tm) * self.camera.fx)

    def sum_by_pair(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of rows (M, ...) over each pair, (P, ...)."""
        return np.add.reduceat(values, self.starts, axis=0)

    def directions(self, R: np.ndarray, r1: np.ndarray, r2: np.ndarray) -> np.ndarray:
        """Return the direction of translation (P, 3) that fits each pair best, for a start."""
        q = np.einsum("nij,nj->ni", R[self.index], r1)
        n = np.nan_to_num(np.cross(q, r2))
        t = np.zeros((len(R), 3))
        w = np.ones(len(n))
        for _ in range(4):
            moment = self.sum_by_pair(w[:, None, None] * n[:, :, None] * n[:, None, :])
            t = np.linalg.eigh(moment)[1][:, :, 0]
            e = self.distances(R, t, r1, r2)
            w = cauchy_weights(e, robust_scale(e, 1e-3))
        return t


def _spread(count: int) -> np.ndarray:
    """Return at most POINTS_A_PAIR indices, evenly spread."""
    step = max(1, -(-count // POINTS_A_PAIR))
    return np.arange(0, count, step)


def choose_pairs(pairs: list[ViewPair], imu: ImuData, margin_s: float) -> list[ViewPair]:
    """Return at most MOST_PAIRS pairs that have tracks and inertial data, evenly spread."""
    margin = round(margin_s * 1e9)
    usable = [
        p
        for p in pairs
        if len(p.uv0) >= LEAST_POINTS
        and p.t0_ns - margin >= imu.t_ns[0]
        and p.t1_ns + margin <= imu.t_ns[-1]
    ]
    step = max(1, -(-len(usable) // MOST_PAIRS))
    return usable[::step]


def fit_gyro(
    pairs: list[ViewPair],
    imu: ImuData,
    camera: Camera,
    R_body_cam: np.ndarray,
    lag_s: float = 0.0,
    free_lens: bool = True,
) -> GyroFit | None:
    """Return the fit, or None for too few pairs. R_body_cam (3, 3) and lag_s: where it starts.

    The result's values are relative to R_body_cam, and the time offset is absolute. free_lens:
    whether the lens is estimated as well, or kept.
    """
    chosen = choose_pairs(pairs, imu, abs(lag_s) + 0.05)
    if len(chosen) < LEAST_PAIRS:
        return None
    data = _Data(chosen, imu, camera, R_body_cam)
    x = np.zeros(len(NAMES))
    x[TIME] = lag_s
    start = x.copy()
    free = np.ones(len(x), bool)
    free[FOCAL:] = free_lens
    r1, r2 = data.rays(x)
    R = data.rotations(x)
    t = data.directions(R, r1, r2)
    given = data.distances(R, t, r1, r2)
    covariance = np.diag(PRIOR**2)
    for _ in range(ITERATIONS):
        step, t, covariance = _iterate(data, x, start, t, free)
        x = x + np.clip(step, -MOST_STEP, MOST_STEP)
        if np.all(np.abs(step) < CONVERGED * np.sqrt(np.diag(covariance))):
            break
    r1, r2 = data.rays(x)
    fitted = data.distances(data.rotations(x), t, r1, r2)
    return GyroFit(
        x, np.sqrt(np.diag(covariance)), covariance, data.lens(x), data.mounting(x),
        robust_scale(given), robust_scale(fitted), len(chosen), data.uv1, given, fitted,
    )  # fmt: skip


def _iterate(
    data: _Data, x: np.ndarray, start: np.ndarray, t: np.ndarray, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the step (P,), the new directions and the covariance (P, P); free: (P,) bool."""
    r1, r2 = data.rays(x)
    R = data.rotations(x)
    e = data.distances(R, t, r1, r2)
    scale = robust_scale(e, 1e-3)
    w = cauchy_weights(e, scale) / scale**2
    G = np.zeros((len(e), len(x)))
    for k in np.flatnonzero(free):
        h = STEPS[k]
        moved = x.copy()
        moved[k] += h
        rays = data.rays(moved) if k >= FOCAL else (r1, r2)
        rotations = R if k >= FOCAL else data.rotations(moved)
        G[:, k] = (data.distances(rotations, t, *rays) - e) / h
    B = tangent(t)
    L = np.empty((len(e), 2))
    for column in range(2):
        moved_t = t + 1e-6 * B[:, :, column]
        L[:, column] = (data.distances(R, moved_t, r1, r2) - e) / 1e-6
    # A direction that the tracks do not determine stays where it is (no parallax).
    LL = data.sum_by_pair(w[:, None, None] * L[:, :, None] * L[:, None, :]) + np.eye(2)
    LG = data.sum_by_pair(w[:, None, None] * L[:, :, None] * G[:, None, :])
    Le = data.sum_by_pair((w * e)[:, None] * L)
    solved = np.linalg.solve(LL, np.concatenate([LG, Le[:, :, None]], axis=2))
    projected = G - np.einsum("nk,nkg->ng", L, solved[data.index][:, :, :-1])
    scores = data.sum_by_pair((w * e)[:, None] * projected)
    information = projected.T @ (G * w[:, None])
    H = 0.5 * (information + information.T) + np.diag(1.0 / PRIOR**2)
    gradient = scores.sum(axis=0) + (x - start) / PRIOR**2
    inverse = np.linalg.inv(H)
    step = -inverse @ gradient
    dt = -np.einsum("pkg,g->pk", solved[:, :, :-1], step) - solved[:, :, -1]
    size = np.linalg.norm(dt, axis=1, keepdims=True)
    dt *= np.minimum(1.0, 0.5 / np.maximum(size, 1e-12))
    moved_t = t + np.einsum("pik,pk->pi", B, dt)
    moved_t /= np.linalg.norm(moved_t, axis=1, keepdims=True)
    count = len(scores)
    spread = scores.T @ scores * (count / max(count - len(x), 1))
    covariance = inverse @ (spread + np.diag(1.0 / PRIOR**2)) @ inverse
    return step, moved_t, covariance
