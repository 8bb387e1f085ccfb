# SPDX-License-Identifier: Apache-2.0
"""What the odometry says after each frame."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from vio.frontend.base import Tracks


class Status(StrEnum):
    """Say how far a pose can be relied on."""

    INITIALIZING = "initializing"  # no pose yet
    TRACKING = "tracking"  # vision and inertial data agree
    INERTIAL = "inertial"  # vision lost: dead reckoning, for a bounded time
    LOST = "lost"  # no pose; the odometry starts again by itself


@dataclass(frozen=True)
class State:
    """Hold the estimate at one frame, emitted before the next frame is read, never revised.

    p_world_body: (3,) metres; q_world_body: (4,) wxyz; v_world_body: (3,) m/s; gyro_bias_rad_s,
    accel_bias_m_s2: (3,). All None while initialising or lost.
    covariance: (15, 15) of [rotation (world frame, rad), position (m), velocity (m/s), gyro bias,
    accel bias], or None.
    segment: counts the starts; poses of one segment share one world frame.
    """

    frame_index: int
    t_ns: int
    status: Status
    segment: int
    is_keyframe: bool
    p_world_body: np.ndarray | None = None
    q_world_body: np.ndarray | None = None
    v_world_body: np.ndarray | None = None
    gyro_bias_rad_s: np.ndarray | None = None
    accel_bias_m_s2: np.ndarray | None = None
    covariance: np.ndarray | None = None
    tracks: Tracks | None = None
    counters: dict[str, int] = field(default_factory=dict)
    stage_ms: dict[str, float] = field(default_factory=dict)
