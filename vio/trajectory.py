# SPDX-License-Identifier: Apache-2.0
"""A trajectory: time-stamped poses of the body in the world, with optional velocity and biases."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Trajectory:
    """Hold N poses in order of time.

    t_ns: (N,) int64, strictly increasing, nanoseconds.
    p_world_body: (N, 3) float64, metres.
    q_world_body: (N, 4) float64, wxyz, Hamilton, unit.
    v_world_body: (N, 3) float64, metres per second, or None.
    gyro_bias_rad_s, accel_bias_m_s2: (N, 3) float64, or None.
    """

    t_ns: np.ndarray
    p_world_body: np.ndarray
    q_world_body: np.ndarray
    v_world_body: np.ndarray | None = None
    gyro_bias_rad_s: np.ndarray | None = None
    accel_bias_m_s2: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.t_ns)
