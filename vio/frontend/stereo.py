# SPDX-License-Identifier: Apache-2.0
"""Sparse stereo: match rectified windows along the row, to a fraction of a pixel."""

import math

import numpy as np
from numba import njit

from vio.camera import StereoRig
from vio.frontend.patch import window_weights
from vio.frontend.rectify import from_rectified, rectify_rays, resample, to_rectified
from vio.workers import share


def match_rows(
    left: np.ndarray,
    right: np.ndarray,
    left_params: np.ndarray,
    right_params: np.ndarray,
    R_rect_left: np.ndarray,
    R_rect_right: np.ndarray,
    focal: float,
    uv_left: np.ndarray,
    half_width: int,
    half_height: int,
    max_disparity_px: int,
    min_correlation: float,
    uniqueness: float,
    refine_half: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the disparities (N,) in rectified pixels, NaN without a match, and correlations (N,).

    left, right: raw images (H, W) uint8. uv_left: (N, 2) raw pixels. A window of
    (2 half_width + 1) x (2 half_height + 1) rectified pixels is compared at every integer
    disparity from -1 to max_disparity_px by zero-mean normalised correlation. A match needs
    min_correlation and, outside of its own peak, no other correlation within `uniqueness` of it.
    The integer peak is refined by one-dimensional Lucas-Kanade (gain and offset free) on windows of
    2 refine_half + 1 sampled at the exact sub-pixel place in the raw right image.
    """
    count = len(uv_left)
    disparity = np.full(count, np.nan)
    quality = np.zeros(count, np.float32)
    share(
        match_span,
        count,
        left,
        right,
        left_params,
        right_params,
        R_rect_left,
        R_rect_right,
        focal,
        uv_left,
        half_width,
        half_height,
        max_disparity_px,
        min_correlation,
        uniqueness,
        window_weights(2 * refine_half + 1),
        disparity,
        quality,
    )
    return disparity, quality


@njit(cache=True, nogil=True)
def match_span(
    first: int,
    last: int,
    left: np.ndarray,
    right: np.ndarray,
    left_params: np.ndarray,
    right_params: np.ndarray,
    R_rect_left: np.ndarray,
    R_rect_right: np.ndarray,
    focal: float,
    uv_left: np.ndarray,
    half_width: int,
    half_height: int,
    max_disparity_px: int,
    min_correlation: float,
    uniqueness: float,
    weights: np.ndarray,
    disparity: np.ndarray,
    quality: np.ndarray,
) -> None:
    """Match the pixels first..last - 1 of `match_rows` and write their results.

    weights: (side, side) of the refinement's window, see `window_weights`.
    """
    width, height = 2 * half_width + 1, 2 * half_height + 1
    refine_half = len(weights) // 2
    steps = max_disparity_px + 2  # disparities -1 .. max_disparity_px
    h, w = right.shape
    pitch = 1.0 / focal
    template = np.empty((height, width), np.float32)
    strip = np.empty((height, steps + width - 1), np.float32)
    for i in range(first, last):
        x0, y0 = to_rectified(left_params, R_rect_left, uv_left[i, 0], uv_left[i, 1])
        if not abs(x0) + abs(y0) < 10.0:
            continue  # NaN or at the edge of the hemisphere: no such ray
        y_top = y0 - half_height * pitch
        x_far = x0 - (half_width + max_disparity_px) * pitch
        resample(left, left_params, R_rect_left, x0 - half_width * pitch, y_top, pitch, template)
        resample(right, right_params, R_rect_right, x_far, y_top, pitch, strip)
        # Window e of the strip has the disparity max_disparity_px - e.
        best = search(template, strip, steps, min_correlation, uniqueness)
        if best < 0:
            continue
        start = float(max_disparity_px - best)
        refined, score = refine(
            left,
            right,
            left_params,
            right_params,
            R_rect_left,
            R_rect_right,
            pitch,
            x0,
            y0,
            start,
            weights,
        )
        if abs(refined - start) > 1.5 or score < min_correlation:
            continue
        u, v = from_rectified(right_params, R_rect_right, x0 - refined / focal, y0)
        if not (refine_half <= u < w - refine_half - 1 and refine_half <= v < h - refine_half - 1):
            continue
        disparity[i] = refined
        quality[i] = score


@njit(cache=True, nogil=True)
def search(
    template: np.ndarray,
    strip: np.ndarray,
    steps: int,
    min_correlation: float,
    uniqueness: float,
) -> int:
    """Return which of `steps` windows of the strip looks most like the template, -1: none.

    template: (height, width), strip: (height, steps + width - 1); both lose the template's mean. No
    window is good enough, or the best is not unique: none.
    """
    height, width = template.shape
    length = strip.shape[1]
    n = np.float32(width * height)
    mean = np.float32(0.0)
    for j in range(height):
        for k in range(width):
            mean += template[j, k]
    mean /= n
    square = np.float32(0.0)
    for j in range(height):
        for k in range(width):
            template[j, k] -= mean
            square += template[j, k] * template[j, k]
    scores = np.zeros(steps, np.float32)
    column_sum = np.zeros(length, np.float32)
    column_square = np.zeros(length, np.float32)
    for j in range(height):
        row = strip[j]
        for c in range(length):
            row[c] -= mean  # keeps the sums of squares small
            column_sum[c] += row[c]
            column_square[c] += row[c] * row[c]
        for k in range(width):
            g, part = template[j, k], row[k : k + steps]
            for e in range(steps):
                scores[e] += g * part[e]
    best, best_score = -1, np.float32(-2.0)
    for e in range(steps):
        total, power = np.float32(0.0), np.float32(0.0)
        for k in range(width):
            total += column_sum[e + k]
            power += column_square[e + k]
        power = max((power - total * total / n) * square, np.float32(1e-6))
        scores[e] /= np.sqrt(power)
        if scores[e] > best_score:
            best, best_score = e, scores[e]
    second = np.float32(-2.0)
    for e in range(1, steps - 1):
        peak = scores[e] >= scores[e - 1] and scores[e] >= scores[e + 1]
        if peak and abs(e - best) > 2 and scores[e] > second:
            second = scores[e]
    if best < 0 or best_score < min_correlation or second > best_score - uniqueness:
        return -1
    return best


@njit(cache=True, nogil=True)
def refine(
    left: np.ndarray,
    right: np.ndarray,
    left_params: np.ndarray,
    right_params: np.ndarray,
    R_rect_left: np.ndarray,
    R_rect_right: np.ndarray,
    pitch: float,
    x0: float,
    y0: float,
    start: float,
    weights: np.ndarray,
) -> tuple[float, float]:
    """Return the disparity refined along the row from `start`, and the correlation there."""
    side = weights.shape[0]
    half = side // 2
    template = np.empty((side, side), np.float32)
    gradient = np.empty((side, side), np.float32)
    view = np.empty((side, side), np.float32)
    wide = np.empty((side, side + 2), np.float32)
    y_top = y0 - half * pitch
    resample(left, left_params, R_rect_left, x0 - (half + 1) * pitch, y_top, pitch, wide)
    mean_t, mean_g = np.float32(0.0), np.float32(0.0)
    for j in range(side):
        for k in range(side):
            template[j, k] = wide[j, k + 1]
            gradient[j, k] = np.float32(0.5) * (wide[j, k + 2] - wide[j, k])
            mean_t += weights[j, k] * template[j, k]
            mean_g += weights[j, k] * gradient[j, k]
    gg, gt, tt = 0.0, 0.0, 0.0
    for j in range(side):
        for k in range(side):
            template[j, k] -= mean_t
            gradient[j, k] -= mean_g
            gg += weights[j, k] * (gradient[j, k] * gradient[j, k])
            gt += weights[j, k] * (gradient[j, k] * template[j, k])
            tt += weights[j, k] * (template[j, k] * template[j, k])
            # From here on weighted: what the window is multiplied with.
            template[j, k] *= weights[j, k]
            gradient[j, k] *= weights[j, k]
    det = gg * tt - gt * gt
    if det <= 1e-6 * gg * tt or gg <= 0.0:
        return start, -1.0
    d = start
    score = -1.0
    for _ in range(10):
        eg, et, total, square = 0.0, 0.0, 0.0, 0.0
        resample(right, right_params, R_rect_right, x0 - (half + d) * pitch, y_top, pitch, view)
        for j in range(side):
            for k in range(side):
                value = view[j, k]
                eg += gradient[j, k] * value
                et += template[j, k] * value
                total += weights[j, k] * value
                square += weights[j, k] * (value * value)
        power = max(square - total * total, 1e-6)
        score = et / math.sqrt(power * tt)
        # window = gain * template + shift * gradient: the right window moved by -shift / gain.
        shift = (tt * eg - gt * et) / det
        gain = (gg * et - gt * eg) / det
        if gain < 0.2:
            return start, -1.0
        step = shift / gain
        # A window that looks like the template moved by +step must be read that much earlier,
        # which is a greater disparity.
        d += step
        if abs(step) < 0.01 or abs(d - start) > 2.0:
            break
    return d, score


def match_stereo(
    rig: StereoRig,
    left: np.ndarray,
    right: np.ndarray,
    uv_left: np.ndarray,
    half_width: int,
    half_height: int,
    min_depth_m: float,
    min_correlation: float,
    uniqueness: float,
    refine_half: int,
) -> np.ndarray:
    """Return uv_right (N, 2), raw right pixels, NaN where no match is good enough."""
    r = rig.rectification
    max_disparity_px = math.ceil(r.focal * r.baseline_m / min_depth_m)
    disparity, _ = match_rows(
        left,
        right,
        rig.left.params,
        rig.right.params,
        r.R_rect_left,
        r.R_rect_right,
        r.focal,
        np.ascontiguousarray(uv_left),
        half_width,
        half_height,
        max_disparity_px,
        min_correlation,
        uniqueness,
        refine_half,
    )
    xy = rectify_rays(rig.left.unproject(uv_left), r.R_rect_left)
    xy[:, 0] -= disparity / r.focal
    return rig.right.project(rectify_rays(xy, np.ascontiguousarray(r.R_rect_right.T)))
