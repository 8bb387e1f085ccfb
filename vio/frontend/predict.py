# SPDX-License-Identifier: Apache-2.0
"""What a rotation does to rays, pixels and windows: the prediction from the gyroscope."""

import numpy as np

from vio.camera import Camera

_STEP_PX = 4.0  # of the numerical derivative of the camera model over a window


def rotate_rays(rays: np.ndarray, R: np.ndarray) -> np.ndarray:
    """Return the rays (N, 2) rotated by R (3, 3); NaN where they fall behind the camera."""
    x, y = rays[:, 0], rays[:, 1]
    rotated = [R[k, 0] * x + R[k, 1] * y + R[k, 2] for k in range(3)]
    depth = np.where(rotated[2] > 0.1, rotated[2], np.nan)
    return np.stack([rotated[0] / depth, rotated[1] / depth], axis=1)


def predict_pixels(camera: Camera, rays: np.ndarray, R: np.ndarray) -> np.ndarray:
    """Return the pixels (N, 2) of the rays (N, 2) rotated by R (3, 3); NaN behind the camera."""
    return camera.project(rotate_rays(rays, R))


def window_maps(camera: Camera, uv_key: np.ndarray, R_cam_key: np.ndarray) -> np.ndarray:
    """Return the (N, 2, 2) maps of small pixel offsets, current image to keyframe.

    uv_key: (N, 2), pixels in the keyframe; R_cam_key: (3, 3), takes its ray directions to the
    current frame. Rotation and lens distortion are in the map; the scale change is not.
    """
    here = predict_pixels(camera, camera.unproject(uv_key), R_cam_key)
    columns = []
    for step in np.eye(2) * _STEP_PX:
        ahead = predict_pixels(camera, camera.unproject(here + step), R_cam_key.T)
        back = predict_pixels(camera, camera.unproject(here - step), R_cam_key.T)
        columns.append((ahead - back) / (2.0 * _STEP_PX))
    return np.ascontiguousarray(np.stack(columns, axis=2))
