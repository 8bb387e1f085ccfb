# SPDX-License-Identifier: Apache-2.0
"""The format of every named signal of the fixed-point front end.

The order of the names is the order of the rows in the signal table that the kernels take; widths
that a design may choose come from `HwConfig`. `vio hw params` writes all of them for the Verilog.
"""

from vio.config import HwConfig
from vio.fixed.qformat import QFormat, sq, uq

# Index of each signal in the table of `signal_table`; the same names, in lower case, in `formats`.
(
    UV,
    CENTRED,
    RAY,
    RADIUS2,
    TURNED,
    RECIPROCAL,
    ROTATION,
    DRIFT,
    WARP,
    SCALE,
    GRADIENT_SUM,
    CORNER_SCORE,
    PATCH,
    SLOPE,
    WEIGHTED,
    WINDOW_SUM,
    WINDOW_MEAN,
    GREY_SHARE,
    NORMAL,
    DETERMINANT,
    MISMATCH,
    STEP,
    CORRELATION,
    STRIP_SLOPE,
    STEREO_SUM,
    STEREO_POWER,
    EPIPOLE,
    EPIPOLAR_NORMAL,
    EPIPOLAR_LINE,
    EPIPOLAR_ERROR,
    MSAC_SCORE,
    INVERSE_DEPTH,
    DEPTH,
    POINT,
    TRANSLATION,
) = range(35)


def formats(hw: HwConfig) -> dict[str, QFormat]:
    """Return {name: format} in the order of the indices above."""
    c, r, p = hw.coord_frac, hw.ray_frac, hw.pixel_frac
    return {
        "uv": sq(10, c),  # pixel coordinate; negative outside of the image
        "centred": sq(9, c),  # pixel less the principal point
        "ray": sq(1, r),
        "radius2": uq(2, r),  # squared length of a ray, undistorted or distorted
        "turned": sq(2, r),  # component of a rotated ray before the division by its depth
        "reciprocal": uq(18, 0),  # mantissa of a normalised reciprocal
        "rotation": sq(1, r),  # entry of a rotation matrix
        "drift": sq(7, c),  # pixels by which the rotation alone mispredicts a track
        "warp": sq(1, hw.warp_frac),
        "scale": uq(1, hw.scale_frac),
        "gradient_sum": sq(25, 0),  # sum of products of Sobel gradients over the window
        "corner_score": uq(hw.score_bits, 0),
        "patch": uq(8, p),  # sampled grey value
        "slope": sq(8, p),  # central difference: twice the gradient
        "weighted": sq(8, p),  # that or the centred grey value, times the window's weight
        "window_sum": sq(23 + 2 * p, 0),  # sum of products over the window
        "window_mean": sq(8, p + 4),
        "grey_share": sq(3, 14),  # part of a gradient that the grey value explains
        "normal": sq(17, 0),  # normalised entry of the 2x2 normal matrix
        "determinant": uq(34, 0),
        "mismatch": sq(25, 0),  # right-hand side, normalised like the normal matrix
        "step": sq(5, c),  # step of one iteration, pixels of the level
        "correlation": sq(17, 0),  # normalised covariance, and variances, of window and template
        "strip_slope": sq(0, 12),  # slope of the epipolar curve
        "stereo_sum": sq(22, 0),
        "stereo_power": uq(22, 0),
        "epipole": sq(15, 0),  # normalised direction of the translation
        "epipolar_normal": sq(1, r),
        "epipolar_line": sq(17, 0),
        "epipolar_error": sq(17, 0),
        "msac_score": uq(12, 0),
        "inverse_depth": uq(0, r),  # disparity over focal length
        "depth": uq(10, 10),  # depth in baselines
        "point": sq(11, 10),  # coordinate of a stereo point in baselines
        "translation": sq(11, 10),
    }
