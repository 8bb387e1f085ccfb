# SPDX-License-Identifier: Apache-2.0
"""The settings of the stereo matcher as the host writes them into its registers."""

from typing import NamedTuple

import numpy as np

from vio.camera import StereoRig
from vio.config import FrontEndConfig, HwConfig
from vio.errors import VioError
from vio.fixed.rectify import rotation_registers

SEGMENT = 32  # rectified pixels of disparity a segment of the epipolar curve covers
_SEARCH_SHARE = 0.5  # of the squared correlation: the refinement on a larger window verifies


class StereoRegisters(NamedTuple):
    """Hold the settings of the stereo matcher as the hardware has them.

    R_rect_left, R_rect_right: (3, 3). disparity_step: SEGMENT pixels in ray units; first: of the
    disparity -1. segments: of the curve. correlation_min: squared, 16 fraction bits;
    uniqueness: correlation, 16 fraction bits. reach: half the window, pixels. search_min: of the
    search, whose best is then verified.
    """

    R_rect_left: np.ndarray
    R_rect_right: np.ndarray
    first: int
    disparity_step: int
    segments: int
    reach_u: int
    reach_v: int
    search_min: int
    correlation_min: int
    uniqueness: int
    iterations: int
    max_refine: int
    border: int


def stereo_registers(rig: StereoRig, config: FrontEndConfig, hw: HwConfig) -> StereoRegisters:
    """Return the registers; raises VioError when the search exceeds what the hardware holds.

    With one camera nothing is searched, and the search has one segment.
    """
    r = rig.rectification
    disparity = r.focal * r.baseline_m / config.min_depth_m
    segments = int(np.ceil((disparity + 1.0) / SEGMENT))
    if segments > hw.stereo_segments:
        raise VioError(
            f"disparities up to {disparity:.0f} px need {segments} segments of {SEGMENT} px, the "
            f"hardware configuration has {hw.stereo_segments}; raise frontend.min_depth_m or "
            "hw.stereo_segments"
        )
    one = 2.0**hw.ray_frac
    return StereoRegisters(
        rotation_registers(r.R_rect_left, hw),
        rotation_registers(r.R_rect_right, hw),
        first=round(one / r.focal),
        disparity_step=round(SEGMENT * one / r.focal),
        segments=segments,
        reach_u=config.stereo_half_width,
        reach_v=config.stereo_half_height,
        search_min=round(_SEARCH_SHARE * config.min_stereo_correlation**2 * 2**16),
        correlation_min=round(config.min_stereo_correlation**2 * 2**16),
        uniqueness=round(config.stereo_uniqueness * 2**16),
        iterations=min(10, config.max_iterations),
        max_refine=round(2.0 * 2**hw.coord_frac),
        border=config.window // 2,
    )
