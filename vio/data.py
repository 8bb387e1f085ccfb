# SPDX-License-Identifier: Apache-2.0
"""What flows through the odometry: images and inertial samples, tracks, and states."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np


@dataclass(frozen=True)
class StereoFrame:
    """Hold one stereo pair; an image that was lost is None (never both).

    t_ns: time stamp in nanoseconds. left, right: (height, width) uint8, C-contiguous.
    """

    t_ns: int
    left: np.ndarray | None
    right: np.ndarray | None


@dataclass(frozen=True)
class ImuData:
    """Hold N inertial samples in order of time.

    t_ns: (N,) int64. gyro_rad_s: (N, 3) rad/s. accel_m_s2: (N, 3), specific force, m/s^2.
    """

    t_ns: np.ndarray
    gyro_rad_s: np.ndarray
    accel_m_s2: np.ndarray

    def __len__(self) -> int:
        return len(self.t_ns)


@dataclass(frozen=True)
class Tracks:
    """Hold the N verified tracks of one frame, sorted by identity.

    ids: (N,) int64, unique over the run, never reused.
    uv_left: (N, 2) float64, pixels in the raw (distorted) left image; NaN while the right camera
    goes on alone.
    uv_right: (N, 2) float64, pixels in the raw right image, NaN where there is no stereo match.
    age: (N,) int32, number of frames in which the track has been seen, this one included.
    quality: (N,) float32, corner score (min-eigenvalue) at detection.
    is_keyframe: decided before the frame's pixels arrived.
    counters: features tracked, lost and why, detected, stereo-matched, iterations ...
    stage_ms: wall-clock per stage, never used in a decision.
    """

    frame_index: int
    t_ns: int
    ids: np.ndarray
    uv_left: np.ndarray
    uv_right: np.ndarray
    age: np.ndarray
    quality: np.ndarray
    is_keyframe: bool
    counters: dict[str, int] = field(default_factory=dict)
    stage_ms: dict[str, float] = field(default_factory=dict)

    @property
    def is_stereo(self) -> np.ndarray:
        """Which of the tracks (N,) both cameras see."""
        return np.isfinite(self.uv_left[:, 0]) & np.isfinite(self.uv_right[:, 0])


class Status(StrEnum):
    """How far a pose can be relied on."""

    INITIALIZING = "initializing"  # no pose yet
    UNSCALED = "unscaled"  # one camera: the pose's scale is not well known yet
    TRACKING = "tracking"  # vision and inertial data agree
    CONTRADICTED = "contradicted"  # vision and inertial data disagree: less certain than usual
    INERTIAL = "inertial"  # vision lost: dead reckoning, for a bounded time
    LOST = "lost"  # no pose; the odometry goes on by itself, in a new segment
    PREDICTED = "predicted"  # the image was skipped on purpose: predicted by inertial data


@dataclass(frozen=True)
class Calibration:
    """Hold what a run estimates of its calibration.

    time_offset_s: an image with the stamp t was taken at t + time_offset_s of the inertial clock.
    R, p: the transform (3, 3), (3,) metres that takes the given T_body_cam of both cameras to the
    estimated ones. sigma: (7,) deviations of [time offset s, rotation rad, position m]; 0 for what
    is not estimated.
    """

    time_offset_s: float
    R: np.ndarray
    p: np.ndarray
    sigma: np.ndarray


@dataclass(frozen=True)
class State:
    """Hold the estimate at one frame, emitted before the next frame is read, never revised.

    p_world_body: (3,) metres; q_world_body: (4,) wxyz; v_world_body: (3,) m/s; gyro_bias_rad_s,
    accel_bias_m_s2: (3,). All None while initialising or lost.
    covariance: (15, 15) of [rotation (world frame, rad), position (m), velocity (m/s), gyro bias,
    accel bias], or None. It counts from the first pose of the run: after `lost` it holds how far
    yaw and position of the new segment are known. segment_covariance: the same within the segment,
    counting from its own first pose.
    segment: counts the starts; poses of one segment share one world frame exactly.
    vision_innovation: median reprojection error of the frame's landmarks, in standard deviations.
    inertial_innovation: largest squared normalised residual of the inertial factors in the window,
    a component. Both are near or below 1 while the data agree; None without a pose or landmarks.
    scale_sigma: relative standard deviation of the scale with one camera; None with two.
    calibration: what is estimated of it, None where nothing is.
    effort: level at which an adaptive run processed or skipped the frame; empty otherwise.
    reason: why there is no pose, or what is found wrong with the data while there is one.
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
    segment_covariance: np.ndarray | None = None
    vision_innovation: float | None = None
    inertial_innovation: float | None = None
    scale_sigma: float | None = None
    calibration: Calibration | None = None
    effort: str = ""
    reason: str = ""
    tracks: Tracks | None = None
    counters: dict[str, int] = field(default_factory=dict)
    stage_ms: dict[str, float] = field(default_factory=dict)
