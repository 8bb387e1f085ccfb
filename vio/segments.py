# SPDX-License-Identifier: Apache-2.0
"""The status of each frame, and the world frame that its pose is given in.

Each start of the back end begins a segment. Its window has a world frame of its own, upright but
anywhere; the anchor of the segment moves it to where the last segment ended.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from vio.backend.estimator import Estimate, Pose
from vio.backend.states import FULL_COLUMNS
from vio.config import BackEndConfig
from vio.data import Status
from vio.geometry import exp_so3, matrix_from_quaternion, mul3, mul33, quaternion_from_matrix


class SmoothedPose(NamedTuple):
    """Hold a fixed-lag smoothed pose: one that left the window, after the frames that followed."""

    segment: int
    t_ns: int
    p_world_body: np.ndarray
    q_world_body: np.ndarray


class Segments:
    """Decide each frame's status, and move what the back end knows into the world frame.

    index: number of the current segment, from 1; 0 before the first.
    """

    def __init__(self, config: BackEndConfig) -> None:
        self.index = 0
        self._config = config
        self._vision_ns = 0  # time of the last frame with enough landmarks
        self._R_anchor, self._p_anchor = np.eye(3), np.zeros(3)
        self._last_pose: tuple[np.ndarray, np.ndarray] | None = None
        self._smoothed: list[SmoothedPose] = []

    def locate(self, t_ns: int, estimate: Estimate | None) -> tuple[Status, Estimate | None]:
        """Return the status of a frame, and its estimate in the world frame if it has a pose.

        estimate: the back end's. Without one the frame is `initializing` or `lost`. One that is not
        finite, or rests on inertial data alone for longer than max_inertial_s, is `lost` and not
        returned: the back end must then be reset.
        """
        if estimate is None:
            return (Status.INITIALIZING if self.index == 0 else Status.LOST), None
        if estimate.is_first:
            self._start(estimate)
        if estimate.is_first or estimate.visible >= self._config.min_visible:
            self._vision_ns = t_ns
        blind_s = (t_ns - self._vision_ns) * 1e-9
        if not estimate.is_finite or blind_s > self._config.max_inertial_s:
            return Status.LOST, None
        located = self._to_world(estimate)
        self._last_pose = located.R_world_body, located.p_world_body
        if blind_s > 0.0:
            return Status.INERTIAL, located
        return (Status.CONTRADICTED if estimate.is_contradicted else Status.TRACKING), located

    def points_to_world(self, points: np.ndarray) -> np.ndarray:
        """Return points (M, 3) of the window in the world frame."""
        return points @ self._R_anchor.T + self._p_anchor

    def add_smoothed(self, poses: Iterable[Pose]) -> None:
        """Keep poses that left the current segment's window, in the world frame."""
        for pose in poses:
            R = mul33(self._R_anchor, matrix_from_quaternion(pose.q_world_body))
            p = mul3(self._R_anchor, pose.p_world_body) + self._p_anchor
            q = quaternion_from_matrix(R)
            self._smoothed.append(SmoothedPose(self.index, pose.t_ns, p, q))

    def drain_smoothed(self) -> list[SmoothedPose]:
        """Return the kept poses, once each and in order of time."""
        out, self._smoothed = self._smoothed, []
        return out

    def _start(self, estimate: Estimate) -> None:
        """Begin a segment where the last one ended (position and yaw)."""
        self.index += 1
        if self._last_pose is None:
            return
        R_old, p_old = self._last_pose
        D = mul33(R_old, np.ascontiguousarray(estimate.R_world_body.T))
        yaw = math.atan2(D[1, 0] - D[0, 1], D[0, 0] + D[1, 1])
        self._R_anchor = exp_so3(np.array([0.0, 0.0, yaw]))
        self._p_anchor = p_old - mul3(self._R_anchor, estimate.p_world_body)

    def _to_world(self, estimate: Estimate) -> Estimate:
        R = matrix_from_quaternion(quaternion_from_matrix(estimate.R_world_body))
        covariance = estimate.covariance
        return replace(
            estimate,
            R_world_body=mul33(self._R_anchor, R),
            p_world_body=mul3(self._R_anchor, estimate.p_world_body) + self._p_anchor,
            v_world_body=mul3(self._R_anchor, estimate.v_world_body),
            covariance=None if covariance is None else self._rotate_covariance(covariance),
        )

    def _rotate_covariance(self, covariance: np.ndarray) -> np.ndarray:
        """Return the covariance (15, 15) with its first three parts in the world frame."""
        if self.index == 1:
            return covariance
        T = np.eye(FULL_COLUMNS)
        for k in range(3):
            T[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] = self._R_anchor
        return np.einsum("ij,jk,lk->il", T, covariance, T)
