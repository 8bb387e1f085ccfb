# SPDX-License-Identifier: Apache-2.0
"""The status of each frame, and the world frame that its pose is given in.

Each start of the back end begins a segment. Its window has a world frame of its own, upright but
anywhere; the anchor of the segment moves it to where inertial data alone carried the last one. How
far yaw and position of the anchor are known is part of the covariance in the world frame.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from vio.backend.estimate import Estimate, Pose
from vio.backend.states import FULL_COLUMNS
from vio.coasting import UNKNOWN, Coast, Interval, KnownState
from vio.config import BackEndConfig
from vio.data import Status
from vio.geometry import exp_so3, matrix_from_quaternion, mul3, mul33, quaternion_from_matrix
from vio.imu import ImuNoise


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

    def __init__(self, config: BackEndConfig, noise: ImuNoise) -> None:
        self.index = 0
        self._config, self._noise = config, noise
        self._vision_ns = 0  # time of the last frame with enough landmarks
        self._R_anchor, self._p_anchor = np.eye(3), np.zeros(3)
        self._start_p = np.zeros(3)  # where the segment began
        self._anchor_covariance = np.zeros((4, 4))  # of [yaw, position] at _start_p
        self._coast: Coast | None = None  # from the newest state in the world frame on
        self._blind: Coast | None = None  # from the last frame with enough landmarks on
        self._smoothed: list[SmoothedPose] = []
        self._located: Estimate | None = None  # the newest, in the world frame

    def locate(
        self, t_ns: int, estimate: Estimate | None, interval: Interval
    ) -> tuple[Status, Estimate | None]:
        """Return the status of a frame, and its estimate in the world frame if it has a pose.

        The covariance is still that within the segment; see `world_covariance`. interval: since the
        last frame. estimate: the back end's. Without one the frame is `initializing` or `lost`. One
        that is not finite, or rests on inertial data alone for longer than max_inertial_s or with a
        deviation from there of more than max_inertial_sigma_m, is `lost` and not returned: the back
        end must then be reset.
        """
        self._located = None
        if estimate is None or estimate.is_first:
            self._carry_on(interval)
        if estimate is None:
            return (Status.INITIALIZING if self.index == 0 else Status.LOST), None
        if estimate.is_first:
            self._start(estimate)
        if estimate.is_first or estimate.visible >= self._config.min_visible:
            self._vision_ns, self._blind = t_ns, None
        blind_s = (t_ns - self._vision_ns) * 1e-9
        if not estimate.is_finite or self._is_too_blind(blind_s, interval):
            if not estimate.is_first:
                self._carry_on(interval)
            return Status.LOST, None
        located = self._located = self._to_world(estimate)
        self._remember(located)
        if blind_s > 0.0:
            return Status.INERTIAL, located
        if estimate.is_contradicted:
            return Status.CONTRADICTED, located
        return (Status.UNSCALED if estimate.is_unscaled else Status.TRACKING), located

    def predict(self, t_ns: int, interval: Interval) -> Estimate | None:
        """Return the newest estimate carried on by inertial data, in the world frame, or None.

        interval: since that estimate. Nothing is remembered of it. The covariance is that within
        the segment.
        """
        last = self._located
        if last is None:
            return None
        C = last.covariance
        known = KnownState(
            last.R_world_body,
            last.p_world_body,
            last.v_world_body,
            last.gyro_bias_rad_s,
            last.accel_bias_m_s2,
            np.diag(UNKNOWN**2) if C is None else C,
        ).after(interval, self._noise)
        return replace(
            last,
            t_ns=t_ns,
            is_first=False,
            visible=0,
            R_world_body=known.R,
            p_world_body=known.p,
            v_world_body=known.v,
            covariance=None if C is None else known.covariance,
            vision_innovation=math.nan,
        )

    def _is_too_blind(self, blind_s: float, interval: Interval) -> bool:
        """Return whether dead reckoning has gone too far, in time or by its deviation."""
        if blind_s <= 0.0 or self._coast is None:
            return False
        if self._blind is None:
            seen = self._coast.state
            self._blind = Coast(replace(seen, covariance=seen.from_here()), self._noise)
        self._blind.add(interval)
        sigma_m = self._blind.state.position_sigma
        return blind_s > self._config.max_inertial_s or sigma_m > self._config.max_inertial_sigma_m

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
        """Begin a segment where the last one was carried to (position and yaw)."""
        self.index += 1
        if self._coast is None:
            return
        known = self._coast.state
        D = mul33(known.R, np.ascontiguousarray(estimate.R_world_body.T))
        yaw = math.atan2(D[1, 0] - D[0, 1], D[0, 0] + D[1, 1])
        self._R_anchor = exp_so3(np.array([0.0, 0.0, yaw]))
        self._p_anchor = known.p - mul3(self._R_anchor, estimate.p_world_body)
        self._start_p = known.p
        self._anchor_covariance = known.covariance[2:6, 2:6]

    def _carry_on(self, interval: Interval) -> None:
        """Carry the last known state on by inertial data."""
        if self._coast is not None:
            self._coast.add(interval)

    def _remember(self, located: Estimate) -> None:
        covariance = self.world_covariance(located)
        known = KnownState(
            located.R_world_body,
            located.p_world_body,
            located.v_world_body,
            located.gyro_bias_rad_s,
            located.accel_bias_m_s2,
            np.diag(UNKNOWN**2) if covariance is None else covariance,
        )
        self._coast = Coast(known, self._noise)

    def world_covariance(self, located: Estimate) -> np.ndarray | None:
        """Return the covariance (15, 15) in the world frame, with the anchor's yaw and position.

        located: an estimate in the world frame, with the covariance within its segment.
        """
        if self.index == 1 or located.covariance is None:
            return located.covariance
        T = np.zeros((FULL_COLUMNS, 4))  # derivatives by the anchor's [yaw, position]
        up = np.array([0.0, 0.0, 1.0])
        T[0:3, 0] = up
        T[3:6, 0] = np.cross(up, located.p_world_body - self._start_p)
        T[3:6, 1:] = np.eye(3)
        T[6:9, 0] = np.cross(up, located.v_world_body)
        return located.covariance + np.einsum("ij,jk,lk->il", T, self._anchor_covariance, T)

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
