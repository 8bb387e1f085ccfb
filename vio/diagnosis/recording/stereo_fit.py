# SPDX-License-Identifier: Apache-2.0
"""The right camera against the left one: what explains the distances from the epipolar lines.

The matches are of both directions of search, so a wrong calibration does not hide them. Groups of
parameters are fitted one at a time and all together: the rotation between the cameras, the
difference of their clocks (points move along their image velocity), and the right lens.
"""

from dataclasses import dataclass, replace

import numpy as np

from vio.camera import Camera, StereoRig
from vio.diagnosis.recording.two_view import (
    cauchy_weights,
    epipolar_distance,
    homogeneous,
    robust_scale,
    tangent,
)
from vio.geometry import exp_so3

LEAST_MATCHES = 100
ITERATIONS = 15
NAMES = ("r_x", "r_y", "r_z", "t_1", "t_2", "time", "focal", "k1", "k2")
GROUPS = {
    "nothing": (),
    "rotation": (0, 1, 2, 3, 4),
    "time": (5,),
    "lens": (6, 7, 8),
    "all": (0, 1, 2, 3, 4, 5, 6, 7, 8),
}
PRIOR = np.array([0.3] * 3 + [0.3] * 2 + [0.1, 0.3, 0.3, 0.3])
STEPS = np.array([1e-6] * 5 + [1e-5] + [1e-6] * 3)
MOST_STEP = np.array([0.05] * 5 + [0.02] + [0.1] * 3)


@dataclass(frozen=True)
class StereoMatches:
    """Hold M matches: uv_left, uv_right (M, 2) pixels; velocity (M, 2) px/s, NaN if unknown.

    frame: (M,) number of the frame.
    """

    uv_left: np.ndarray
    uv_right: np.ndarray
    velocity: np.ndarray
    frame: np.ndarray


@dataclass(frozen=True)
class StereoFit:
    """Hold a group's fit: values, sigmas (P,) in the order of NAMES; 0 for what is kept.

    left_px: robust standard deviation of the distances that it leaves; distance_px: (M,).
    camera: the right one with the fitted lens.
    """

    values: np.ndarray
    sigmas: np.ndarray
    left_px: float
    distance_px: np.ndarray
    camera: Camera


class _Model:
    def __init__(self, rig: StereoRig, matches: StereoMatches) -> None:
        self.rig, self.matches = rig, matches
        self.r1 = homogeneous(rig.left.unproject(matches.uv_left))
        T = rig.T_right_left
        self.R, t = T[:3, :3], T[:3, 3]
        self.t = t / np.linalg.norm(t)
        self.B = tangent(self.t[None])[0]
        self.velocity = np.nan_to_num(matches.velocity)

    def lens(self, x: np.ndarray) -> Camera:
        c, scale = self.rig.right, float(np.exp(x[6]))
        k1, k2, d3, d4 = c.distortion
        distortion = (k1 + float(x[7]), k2 + float(x[8]), d3, d4)
        return replace(c, fx=c.fx * scale, fy=c.fy * scale, distortion=distortion)

    def distances(self, x: np.ndarray) -> np.ndarray:
        uv = self.matches.uv_right - self.velocity * x[5]
        r2 = homogeneous(self.lens(x).unproject(uv))
        R = self.R @ exp_so3(np.ascontiguousarray(x[:3]))
        t = self.t + self.B @ x[3:5]
        t = t / np.linalg.norm(t)
        e = epipolar_distance(self.r1 @ R.T, self.r1, r2, R, t)
        return np.nan_to_num(e * self.rig.right.fx)


def stereo_distances(rig: StereoRig, matches: StereoMatches) -> np.ndarray:
    """Return the epipolar distances (M,) of the matches with the rig as given, pixels."""
    return _Model(rig, matches).distances(np.zeros(len(NAMES)))


def fit_stereo(rig: StereoRig, matches: StereoMatches) -> dict[str, StereoFit]:
    """Return the fit of every group of GROUPS; empty for fewer than LEAST_MATCHES matches."""
    if len(matches.uv_left) < LEAST_MATCHES:
        return {}
    model = _Model(rig, matches)
    return {name: _fit(model, np.array(free, int)) for name, free in GROUPS.items()}


def _fit(model: _Model, free: np.ndarray) -> StereoFit:
    x = np.zeros(len(NAMES))
    sigmas = np.zeros(len(NAMES))
    for _ in range(ITERATIONS if len(free) else 0):
        e = model.distances(x)
        scale = robust_scale(e, 1e-3)
        w = cauchy_weights(e, scale) / scale**2
        J = np.empty((len(e), len(free)))
        for column, k in enumerate(free):
            moved = x.copy()
            moved[k] += STEPS[k]
            J[:, column] = (model.distances(moved) - e) / STEPS[k]
        prior = 1.0 / PRIOR[free] ** 2
        inverse = np.linalg.inv(J.T @ (J * w[:, None]) + np.diag(prior))
        step = -inverse @ (J.T @ (w * e) + prior * x[free])
        x[free] += np.clip(step, -MOST_STEP[free], MOST_STEP[free])
        scores = np.zeros((int(model.matches.frame.max()) + 1, len(free)))
        np.add.at(scores, model.matches.frame, J * (w * e)[:, None])
        covariance = inverse @ (scores.T @ scores + np.diag(prior)) @ inverse
        sigmas[free] = np.sqrt(np.diag(covariance))
        if np.all(np.abs(step) < 0.02 * sigmas[free]):
            break
    e = model.distances(x)
    return StereoFit(x, sigmas, robust_scale(e), e, model.lens(x))
