# SPDX-License-Identifier: Apache-2.0
"""A run's segments beside the ground truth, as the figures need them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AlignedSegment:
    """Hold the N poses of one segment, moved onto the ground truth where there is one.

    t_s: (N,) seconds after the first image. p_world_body: (N, 3) metres. p_truth: the ground
    truth at the same times, or None. rotation_error_rad: (N, 3), rotation vector that turns the
    truth into the estimate, world frame, or None. std_*: (N, 3), the estimator's own. alignment:
    what was aligned, in words.
    """

    t_s: np.ndarray
    p_world_body: np.ndarray
    std_position_m: np.ndarray
    std_rotation_rad: np.ndarray
    p_truth: np.ndarray | None = None
    rotation_error_rad: np.ndarray | None = None
    alignment: str = "nothing"
