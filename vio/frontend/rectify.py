# SPDX-License-Identifier: Apache-2.0
"""Rectification on demand: rays, points and windows of the rectified images, none of them whole."""

import numpy as np
from numba import njit

from vio.camera import StereoRig, project_ray, unproject_pixel

_BLOCK = 16  # columns that share one quadratic map from rectified to raw pixels


@njit(cache=True, nogil=True)
def resample(
    image: np.ndarray,
    params: np.ndarray,
    R_rect_cam: np.ndarray,
    x0: float,
    y0: float,
    pitch: float,
    out: np.ndarray,
) -> None:
    """Write a piece of the rectified image to out (H, W), its first pixel at the ray (x0, y0).

    image: raw (H, W) uint8. pitch: distance of rectified pixels in ray units (1 / focal). The map
    from rectified to raw pixels is exact on a 3x3 grid over each block of 16 columns and quadratic
    in between (error below 0.01 px for windows up to 16 rows), which saves nearly all projections.
    """
    rows, cols = out.shape
    grid = np.empty((2, 3, 3))
    weights = np.empty((3, _BLOCK))
    offsets = np.empty(_BLOCK, np.int32)
    taps = np.empty(6 * _BLOCK, np.float32)  # fractions of u and v, then the four pixels around
    fraction_u, fraction_v = taps[:_BLOCK], taps[_BLOCK : 2 * _BLOCK]
    pixels, width, below = image.reshape(-1), np.int32(image.shape[1]), np.uintp(image.shape[1])
    u_last, v_last = image.shape[1] - 1.001, image.shape[0] - 1.001
    a, b = 0.5 * _BLOCK, 0.5 * max(rows - 1, 2)
    for k in range(_BLOCK):
        weights[0, k], weights[1, k], weights[2, k] = _lagrange(k / a)
    for left in range(0, cols, _BLOCK):
        for j in range(3):
            for i in range(3):
                grid[0, j, i], grid[1, j, i] = from_rectified(
                    params, R_rect_cam, x0 + (left + i * a) * pitch, y0 + j * b * pitch
                )
        for y in range(rows):
            p0, p1, p2 = _lagrange(y / b)
            u0 = p0 * grid[0, 0, 0] + p1 * grid[0, 1, 0] + p2 * grid[0, 2, 0]
            u1 = p0 * grid[0, 0, 1] + p1 * grid[0, 1, 1] + p2 * grid[0, 2, 1]
            u2 = p0 * grid[0, 0, 2] + p1 * grid[0, 1, 2] + p2 * grid[0, 2, 2]
            v0 = p0 * grid[1, 0, 0] + p1 * grid[1, 1, 0] + p2 * grid[1, 2, 0]
            v1 = p0 * grid[1, 0, 1] + p1 * grid[1, 1, 1] + p2 * grid[1, 2, 1]
            v2 = p0 * grid[1, 0, 2] + p1 * grid[1, 1, 2] + p2 * grid[1, 2, 2]
            # Places first (vector instructions), then the scattered reads, then the values.
            for k in range(len(offsets)):
                q0, q1, q2 = weights[0, k], weights[1, k], weights[2, k]
                u = min(max(0.0, q0 * u0 + q1 * u1 + q2 * u2), u_last)  # NaN: 0
                v = min(max(0.0, q0 * v0 + q1 * v1 + q2 * v2), v_last)
                ix, iy = np.int32(u), np.int32(v)
                fraction_u[k], fraction_v[k] = np.float32(u - ix), np.float32(v - iy)
                offsets[k] = iy * width + ix
            wanted = min(_BLOCK, cols - left)
            for k in range(wanted):
                # Unsigned, so that no index counts from the end.
                at, to = np.uintp(offsets[k]), np.uintp(k)
                taps[to + np.uintp(2 * _BLOCK)] = pixels[at]
                taps[to + np.uintp(3 * _BLOCK)] = pixels[at + np.uintp(1)]
                at += below
                taps[to + np.uintp(4 * _BLOCK)] = pixels[at]
                taps[to + np.uintp(5 * _BLOCK)] = pixels[at + np.uintp(1)]
            row = out[y, left : left + wanted]
            for k in range(len(row)):
                fx, fy = taps[k], taps[_BLOCK + k]
                g00, g10 = taps[2 * _BLOCK + k], taps[4 * _BLOCK + k]
                top = g00 + fx * (taps[3 * _BLOCK + k] - g00)
                row[k] = top + fy * (g10 + fx * (taps[5 * _BLOCK + k] - g10) - top)


@njit(cache=True, nogil=True)
def _lagrange(s: float) -> tuple[float, float, float]:
    """Return the weights of the values at 0, 1 and 2 in the parabola through them, at s."""
    return 0.5 * (s - 1.0) * (s - 2.0), s * (2.0 - s), 0.5 * s * (s - 1.0)


@njit(cache=True, nogil=True)
def to_rectified(
    params: np.ndarray, R_rect_cam: np.ndarray, u: float, v: float
) -> tuple[float, float]:
    """Return the rectified ray (x, y) of a raw pixel."""
    x, y = unproject_pixel(params, u, v)
    R = R_rect_cam
    z = R[2, 0] * x + R[2, 1] * y + R[2, 2]
    return (
        (R[0, 0] * x + R[0, 1] * y + R[0, 2]) / z,
        (R[1, 0] * x + R[1, 1] * y + R[1, 2]) / z,
    )


@njit(cache=True, nogil=True)
def from_rectified(
    params: np.ndarray, R_rect_cam: np.ndarray, x: float, y: float
) -> tuple[float, float]:
    """Return the raw pixel of a rectified ray (x, y)."""
    R = R_rect_cam
    z = R[0, 2] * x + R[1, 2] * y + R[2, 2]
    return project_ray(
        params,
        (R[0, 0] * x + R[1, 0] * y + R[2, 0]) / z,
        (R[0, 1] * x + R[1, 1] * y + R[2, 1]) / z,
    )


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
    rotated = [R_rect_cam[k, 0] * x + R_rect_cam[k, 1] * y + R_rect_cam[k, 2] for k in range(3)]
    return np.stack([rotated[0] / rotated[2], rotated[1] / rotated[2]], axis=1)
