# SPDX-License-Identifier: Apache-2.0
"""Align an estimated trajectory with the ground truth: rigid, yaw-only, or with scale."""

from dataclasses import dataclass, replace

import numpy as np

from vio.errors import VioError
from vio.geometry import quaternion_from_matrix
from vio.trajectory import Trajectory, quaternion_product

ALIGNMENTS = ("se3", "yaw", "sim3", "none")

# What `undetermined` calls a motion.
MIN_POSES = 4
MIN_EXTENT_M = 0.005  # root mean square about the mean: above the jitter of motion capture at rest
MAX_NOISE = 0.5  # of the extent: error along the same axis, which turns the alignment by 0.5 rad


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
    The distance is the least in any case; `undetermined` reports when rotation or scale are open.
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


def undetermined(p_estimate: np.ndarray, p_truth: np.ndarray, kind: str) -> dict[str, str]:
    """Return which of "rotation" and "scale" the positions (N, 3) leave open, each with the reason.

    A principal axis of the ground truth counts as motion when the extents of both trajectories
    along it (root mean square about the mean, the estimate after the alignment and the best scale)
    exceed MIN_EXTENT_M and the error along it is at most MAX_NOISE of them. se3 needs two such axes
    for the rotation, yaw one in the horizontal plane, and the scale of sim3 one.
    """
    if kind == "none":
        return {}
    if len(p_truth) < MIN_POSES:
        reasons = dict.fromkeys(("rotation", "scale"), "three or fewer poses")
    else:
        reasons = _open_axes(p_estimate, p_truth, kind)
    return {k: v for k, v in reasons.items() if k == "rotation" or kind == "sim3"}


def _open_axes(p_estimate: np.ndarray, p_truth: np.ndarray, kind: str) -> dict[str, str]:
    axes = 2 if kind == "yaw" else 3
    R = align(p_estimate, p_truth, kind).R
    x = ((p_estimate - p_estimate.mean(axis=0)) @ R.T)[:, :axes]
    y = (p_truth - p_truth.mean(axis=0))[:, :axes]
    square = float((x * x).sum())
    x = x * (max(float((x * y).sum()), 0.0) / square if square > 0.0 else 0.0)
    root = np.sqrt(len(y))
    _, extent_truth, Vt = np.linalg.svd(y / root, full_matrices=False)
    extent_estimate = np.linalg.svd(x / root, compute_uv=False)
    extent = np.minimum(extent_truth, extent_estimate)
    noise = np.linalg.norm((x - y) @ Vt.T, axis=0) / root
    known = (extent > MIN_EXTENT_M) & (noise <= MAX_NOISE * extent)
    if not known[0]:
        if extent_truth[0] > MIN_EXTENT_M:
            reason = "errors as large as the motion"
        else:
            reason = "no horizontal motion" if kind == "yaw" else "motionless"
        return {"rotation": reason, "scale": reason}
    return {} if kind == "yaw" or known[1] else {"rotation": "straight line"}
