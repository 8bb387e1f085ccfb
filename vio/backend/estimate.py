# SPDX-License-Identifier: Apache-2.0
"""What the back end gives: one causal estimate a frame, and smoothed poses later."""

from dataclasses import dataclass

import numpy as np

from vio.data import Calibration


@dataclass(frozen=True)
class Estimate:
    """Hold what the back end knows of one frame, all float64, in the window's own world frame.

    R_world_body: (3, 3), orthonormal to the window's precision. p_world_body (m), v_world_body
    (m/s), gyro_bias_rad_s, accel_bias_m_s2: (3,). covariance: (15, 15) of [rotation (world frame),
    position, velocity, gyro bias, accel bias] at the last linearisation, or None where it is
    undetermined. visible: landmarks seen and accepted in the frame. is_first: the window was
    initialised with this frame. vision_innovation: median reprojection error of the frame in
    standard deviations. inertial_innovation: largest squared normalised residual of the window's
    inertial factors, a component. is_contradicted: vision contradicts the inertial data now or did
    shortly before. scale_sigma: relative standard deviation of the scale; None while a right camera
    gives it. is_unscaled: it is larger than backend.scale_sigma. calibration: its estimate.
    """

    t_ns: int
    is_first: bool
    visible: int
    R_world_body: np.ndarray
    p_world_body: np.ndarray
    v_world_body: np.ndarray
    gyro_bias_rad_s: np.ndarray
    accel_bias_m_s2: np.ndarray
    covariance: np.ndarray | None
    vision_innovation: float
    inertial_innovation: float
    is_contradicted: bool
    scale_sigma: float | None = None
    is_unscaled: bool = False
    calibration: Calibration | None = None

    @property
    def is_finite(self) -> bool:
        """Whether all components of position, velocity and biases are finite."""
        parts = (self.p_world_body, self.v_world_body, self.gyro_bias_rad_s, self.accel_bias_m_s2)
        return bool(np.isfinite(np.concatenate(parts)).all())


@dataclass(frozen=True)
class Pose:
    """Hold a pose that has left the window, smoothed by all frames up to then."""

    t_ns: int
    p_world_body: np.ndarray
    q_world_body: np.ndarray
