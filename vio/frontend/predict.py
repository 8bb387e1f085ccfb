# SPDX-License-Identifier: Apache-2.0
"""What a rotation does to rays, pixels and windows: the prediction from the gyroscope."""

import math

import numpy as np
from numba import njit

from vio.camera import Camera, project_ray, unproject_pixel

LEAST_DEPTH = 0.1  # of a rotated ray (x, y, 1), along the axis: less is behind the camera
_STEP_PX = 4.0  # of the numerical derivative of the camera model over a window


def rotate_rays(rays: np.ndarray, R: np.ndarray) -> np.ndarray:
    """Return the rays (N, 2) rotated by R (3, 3); NaN where they fall behind the camera."""
    x, y = rays[:, 0], rays[:, 1]
    rotated = [R[k, 0] * x + R[k, 1] * y + R[k, 2] for k in range(3)]
    depth = np.where(rotated[2] > LEAST_DEPTH, rotated[2], np.nan)
    return np.stack([rotated[0] / depth, rotated[1] / depth], axis=1)


def predict_pixels(camera: Camera, rays: np.ndarray, R: np.ndarray) -> np.ndarray:
    """Return the pixels (N, 2) of the rays (N, 2) rotated by R (3, 3); NaN behind the camera."""
    return camera.project(rotate_rays(rays, R))


def window_maps(camera: Camera, uv_key: np.ndarray, R_cam_key: np.ndarray) -> np.ndarray:
    """Return the (N, 2, 2) maps of small pixel offsets, current image to keyframe.

    uv_key: (N, 2), pixels in the keyframe; R_cam_key: (3, 3), takes its ray directions to the
    current frame. Rotation and lens distortion are in the map; the scale change is not.
    """
    maps = np.empty((len(uv_key), 2, 2))
    R = np.ascontiguousarray(R_cam_key, dtype=np.float64)
    _window_maps(camera.params, np.ascontiguousarray(uv_key), R, np.ascontiguousarray(R.T), maps)
    return maps


@njit(cache=True, nogil=True)
def _window_maps(
    params: np.ndarray, uv_key: np.ndarray, R: np.ndarray, R_back: np.ndarray, maps: np.ndarray
) -> None:
    """Write the central differences of the way back, current image to keyframe, to maps."""
    for i in range(len(uv_key)):
        u, v = _rotate_pixel(params, uv_key[i, 0], uv_key[i, 1], R)
        for axis in range(2):
            du, dv = (_STEP_PX, 0.0) if axis == 0 else (0.0, _STEP_PX)
            u1, v1 = _rotate_pixel(params, u + du, v + dv, R_back)
            u0, v0 = _rotate_pixel(params, u - du, v - dv, R_back)
            maps[i, 0, axis] = (u1 - u0) / (2.0 * _STEP_PX)
            maps[i, 1, axis] = (v1 - v0) / (2.0 * _STEP_PX)


@njit(cache=True, nogil=True)
def _rotate_pixel(params: np.ndarray, u: float, v: float, R: np.ndarray) -> tuple[float, float]:
    """Return where the ray of a pixel goes, rotated by R; NaN behind the camera."""
    x, y = unproject_pixel(params, u, v)
    z = R[2, 0] * x + R[2, 1] * y + R[2, 2]
    if not z > LEAST_DEPTH:  # also for a pixel that has no ray
        return math.nan, math.nan
    return project_ray(
        params,
        (R[0, 0] * x + R[0, 1] * y + R[0, 2]) / z,
        (R[1, 0] * x + R[1, 1] * y + R[1, 2]) / z,
    )
