# SPDX-License-Identifier: Apache-2.0
"""Align an estimated trajectory with the ground truth: rigid, yaw-only, or with scale."""

from dataclasses import dataclass, replace

import numpy as np

from vio.errors import VioError
from vio.geometry import quaternion_from_matrix
from vio.trajectory import Trajectory, quaternion_product

ALIGNMENTS = ("se3", "yaw", "sim3", "none")


@dataclass(frozen=True)
class Alignment:
    """Hold p_truth = scale * R @ p_estimate + t: R (3, 3), t (3,) metres."""

    R: np.ndarray
    t: np.ndarray
    scale: float = 1.0

    def apply(self, trajectory: Trajectory) -> Trajectory:
        """Return the trajectory's positions and attitudes in the ground truth's world."""
        q = quaternion_from_matrix(np.ascontiguousarray(self.R))
        v = trajectory.v_world_body
        return replace(
            trajectory,
            p_world_body=self.scale * trajectory.p_world_body @ self.R.T + self.t,
            q_world_body=quaternion_product(q, trajectory.q_world_body),
            v_world_body=None if v is None else self.scale * v @ self.R.T,
        )


def align(p_estimate: np.ndarray, p_truth: np.ndarray, kind: str) -> Alignment:
    """Return the alignment with the least squared distance between two lists of positions (N, 3).

    kind: se3 (rotation and translation), yaw (rotation about z only: what an odometry that knows
    gravity cannot observe), sim3 (and scale, for one camera without inertial data), none.
    Where all positions lie on a line, se3 and sim3 leave the turn about it open: the distance is
    still the least, but rotation errors then mean nothing.
    Raises VioError for an unknown kind or no positions.
    Source: Umeyama, PAMI 1991, eqs. 39-42; yaw: Zhang and Scaramuzza, IROS 2018, sec. III-C.
    """
    if kind not in ALIGNMENTS:
        raise VioError(f"alignment {kind!r} is unknown; known: {', '.join(ALIGNMENTS)}")
    if len(p_estimate) == 0 or p_estimate.shape != p_truth.shape:
        raise VioError(
            f"cannot align {len(p_estimate)} with {len(p_truth)} positions; pass pairs of positions"
        )
    if kind == "none":
        return Alignment(np.eye(3), np.zeros(3))
    mean_estimate, mean_truth = p_estimate.mean(axis=0), p_truth.mean(axis=0)
    x, y = p_estimate - mean_estimate, p_truth - mean_truth
    covariance = y.T @ x / len(x)
    scale = 1.0
    if kind == "yaw":
        angle = np.arctan2(covariance[1, 0] - covariance[0, 1], covariance[0, 0] + covariance[1, 1])
        c, s = np.cos(angle), np.sin(angle)
        R = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    else:
        U, D, Vt = np.linalg.svd(covariance)
        S = np.array([1.0, 1.0, np.sign(np.linalg.det(U) * np.linalg.det(Vt))])
        R = (U * S) @ Vt
        variance = float((x * x).sum() / len(x))
        if kind == "sim3" and variance > 0.0:
            scale = float((D * S).sum() / variance)
    return Alignment(R, mean_truth - scale * R @ mean_estimate, scale)
