# SPDX-License-Identifier: Apache-2.0
"""Sparse stereo: match rectified windows along the row, to a fraction of a pixel."""

import math

import numpy as np
from numba import njit, prange

from vio.camera import StereoRig, project_ray, unproject_pixel
from vio.frontend.klt import sample
from vio.geometry import mul3, mulT3


@njit(cache=True, nogil=True)
def _rectified_sample(
    image: np.ndarray, params: np.ndarray, R_rect_cam: np.ndarray, x: float, y: float
) -> float:
    """Return the grey value that a rectified image would have at the ray (x, y)."""
    cx = R_rect_cam[0, 0] * x + R_rect_cam[1, 0] * y + R_rect_cam[2, 0]
    cy = R_rect_cam[0, 1] * x + R_rect_cam[1, 1] * y + R_rect_cam[2, 1]
    cz = R_rect_cam[0, 2] * x + R_rect_cam[1, 2] * y + R_rect_cam[2, 2]
    u, v = project_ray(params, cx / cz, cy / cz)
    return sample(image, u, v)


@njit(cache=True, nogil=True)
def to_rectified(
    params: np.ndarray, R_rect_cam: np.ndarray, u: float, v: float
) -> tuple[float, float]:
    """Return the rectified ray (x, y) of a raw pixel."""
    ray = np.empty(3)
    ray[0], ray[1] = unproject_pixel(params, u, v)
    ray[2] = 1.0
    r = mul3(R_rect_cam, ray)
    return r[0] / r[2], r[1] / r[2]


@njit(cache=True, nogil=True)
def from_rectified(
    params: np.ndarray, R_rect_cam: np.ndarray, x: float, y: float
) -> tuple[float, float]:
    """Return the raw pixel of a rectified ray (x, y)."""
    ray = np.empty(3)
    ray[0], ray[1], ray[2] = x, y, 1.0
    c = mulT3(R_rect_cam, ray)
    return project_ray(params, c[0] / c[2], c[1] / c[2])


@njit(cache=True, nogil=True, parallel=True)
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
    width = 2 * half_width + 1
    height = 2 * half_height + 1
    steps = max_disparity_px + 2  # disparities -1 .. max_disparity_px
    h, w = right.shape
    for i in prange(count):
        x0, y0 = to_rectified(left_params, R_rect_left, uv_left[i, 0], uv_left[i, 1])
        # strip[j, k]: right image at the column x0 + half_width + 1 - k, so that the lane k of
        # the scores below is the disparity k - 1, and all lanes advance together.
        length = steps + width - 1
        template = np.empty((height, width), np.float32)
        strip = np.empty((height, length), np.float32)
        total, square = np.float32(0.0), np.float32(0.0)
        for j in range(height):
            y = y0 + (j - half_height) / focal
            for k in range(width):
                value = _rectified_sample(
                    left, left_params, R_rect_left, x0 + (k - half_width) / focal, y
                )
                template[j, k] = value
                total += value
        mean = total / np.float32(width * height)
        for j in range(height):
            for k in range(width):
                template[j, k] -= mean
                square += template[j, k] * template[j, k]
        for j in range(height):
            y = y0 + (j - half_height) / focal
            for k in range(length):
                strip[j, k] = _rectified_sample(
                    right, right_params, R_rect_right, x0 + (half_width + 1 - k) / focal, y
                )
        cross = np.zeros(steps, np.float32)
        sums = np.zeros(steps, np.float32)
        squares = np.zeros(steps, np.float32)
        for j in range(height):
            row = strip[j]
            for k in range(width):
                g = template[j, width - 1 - k]
                for d in range(steps):
                    value = row[k + d]
                    cross[d] += g * value
                    sums[d] += value
                    squares[d] += value * value
        n = np.float32(width * height)
        best, best_score = -1, np.float32(-2.0)
        for d in range(steps):
            power = max((squares[d] - sums[d] * sums[d] / n) * square, np.float32(1e-6))
            cross[d] = cross[d] / np.sqrt(power)
            if cross[d] > best_score:
                best, best_score = d, cross[d]
        second = np.float32(-2.0)
        for d in range(1, steps - 1):
            peak = cross[d] >= cross[d - 1] and cross[d] >= cross[d + 1]
            if peak and abs(d - best) > 2 and cross[d] > second:
                second = cross[d]
        if best < 0 or best_score < min_correlation or second > best_score - uniqueness:
            continue
        start = float(best - 1)
        refined, score = _refine_row(
            left,
            right,
            left_params,
            right_params,
            R_rect_left,
            R_rect_right,
            focal,
            x0,
            y0,
            start,
            refine_half,
        )
        if abs(refined - start) > 1.5 or score < min_correlation:
            continue
        u, v = from_rectified(right_params, R_rect_right, x0 - refined / focal, y0)
        if not (refine_half <= u < w - refine_half - 1 and refine_half <= v < h - refine_half - 1):
            continue
        disparity[i] = refined
        quality[i] = score
    return disparity, quality


@njit(cache=True, nogil=True)
def _refine_row(
    left: np.ndarray,
    right: np.ndarray,
    left_params: np.ndarray,
    right_params: np.ndarray,
    R_rect_left: np.ndarray,
    R_rect_right: np.ndarray,
    focal: float,
    x0: float,
    y0: float,
    start: float,
    half: int,
) -> tuple[float, float]:
    """Return the disparity refined along the row from `start`, and the correlation there."""
    side = 2 * half + 1
    template = np.empty((side, side), np.float32)
    slope = np.empty((side, side), np.float32)
    wide = np.empty(side + 2, np.float32)
    mean_t, mean_s = 0.0, 0.0
    for j in range(side):
        y = y0 + (j - half) / focal
        for k in range(side + 2):
            wide[k] = _rectified_sample(
                left, left_params, R_rect_left, x0 + (k - half - 1) / focal, y
            )
        for k in range(side):
            template[j, k] = wide[k + 1]
            slope[j, k] = np.float32(0.5) * (wide[k + 2] - wide[k])
            mean_t += template[j, k]
            mean_s += slope[j, k]
    n = side * side
    mean_t /= n
    mean_s /= n
    ss, st, tt = 0.0, 0.0, 0.0
    for j in range(side):
        for k in range(side):
            template[j, k] -= np.float32(mean_t)
            slope[j, k] -= np.float32(mean_s)
            ss += slope[j, k] * slope[j, k]
            st += slope[j, k] * template[j, k]
            tt += template[j, k] * template[j, k]
    det = ss * tt - st * st
    if det <= 1e-6 * ss * tt or ss <= 0.0:
        return start, -1.0
    d = start
    score = -1.0
    for _ in range(10):
        es, et, total, square = 0.0, 0.0, 0.0, 0.0
        for j in range(side):
            y = y0 + (j - half) / focal
            for k in range(side):
                value = _rectified_sample(
                    right, right_params, R_rect_right, x0 + (k - half - d) / focal, y
                )
                es += slope[j, k] * value
                et += template[j, k] * value
                total += value
                square += value * value
        power = max(square - total * total / n, 1e-6)
        score = et / math.sqrt(power * tt)
        # window = gain * template + shift * slope: the right window moved by -shift / gain.
        shift = (tt * es - st * et) / det
        gain = (ss * et - st * es) / det
        if gain < 0.2:
            return start, -1.0
        step = shift / gain
        # A window that looks like the template moved by +step must be read that much earlier,
        # which is a greater disparity.
        d += step
        if abs(step) < 0.01 or abs(d - start) > 2.0:
            break
    return d, score


def rectified_points(rig: StereoRig, uv_left: np.ndarray, uv_right: np.ndarray) -> np.ndarray:
    """Return the points (N, 3), metres, in the rectified left frame, of raw stereo pixels."""
    r = rig.rectification
    xy_left = rectify_rays(rig.left.unproject(uv_left), r.R_rect_left)
    xy_right = rectify_rays(rig.right.unproject(uv_right), r.R_rect_right)
    disparity = np.maximum(xy_left[:, 0] - xy_right[:, 0], 1e-6)
    depth = r.baseline_m / disparity
    return np.stack([xy_left[:, 0] * depth, xy_left[:, 1] * depth, depth], axis=1)


def rectify_rays(rays: np.ndarray, R_rect_cam: np.ndarray) -> np.ndarray:
    """Return the rectified rays (N, 2) of camera rays (N, 2)."""
    x, y = rays[:, 0], rays[:, 1]
    turned = [R_rect_cam[k, 0] * x + R_rect_cam[k, 1] * y + R_rect_cam[k, 2] for k in range(3)]
    return np.stack([turned[0] / turned[2], turned[1] / turned[2]], axis=1)


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
