# SPDX-License-Identifier: Apache-2.0
"""What the gyroscope's rotation does to pixels and windows, in integers."""

import numpy as np
from numba import njit

from vio.fixed import formats as sig
from vio.fixed.qformat import narrow, round_shift
from vio.fixed.rectify import LensRegisters, project, rotate_ray, rotate_ray_back, unproject

_STEP_PX = 4  # of the derivative of the camera model over a window
OUTSIDE = -(1 << 18)  # pixel of a point that has none


@njit(cache=True, nogil=True)
def predict_pixel(
    lens: LensRegisters, signals: np.ndarray, R: np.ndarray, x: int, y: int
) -> tuple[int, int]:
    """Return the pixel of the ray (x, y) rotated by R; OUTSIDE when it has none."""
    x, y, ahead = rotate_ray(signals, R, x, y)
    if not ahead:
        return OUTSIDE, OUTSIDE
    u, v, inside = project(lens, signals, x, y)
    if not inside:
        return OUTSIDE, OUTSIDE
    return u, v


@njit(cache=True, nogil=True)
def predict_pixels(
    lens: LensRegisters, signals: np.ndarray, R: np.ndarray, rays: np.ndarray
) -> np.ndarray:
    """Return the pixels (N, 2) of the rays (N, 2) rotated by R, OUTSIDE where there is none."""
    out = np.full((len(rays), 2), OUTSIDE, np.int64)
    for i in range(len(rays)):
        out[i, 0], out[i, 1] = predict_pixel(lens, signals, R, rays[i, 0], rays[i, 1])
    return out


@njit(cache=True, nogil=True)
def _back(
    lens: LensRegisters, signals: np.ndarray, R: np.ndarray, u: int, v: int
) -> tuple[int, int]:
    """Return the keyframe's pixel of a pixel of the current image."""
    x, y = unproject(lens, signals, u, v)
    x, y, ahead = rotate_ray_back(signals, R, x, y)
    if not ahead:
        return 0, 0
    u, v, _ = project(lens, signals, x, y)
    return u, v


@njit(cache=True, nogil=True)
def window_map(
    lens: LensRegisters,
    signals: np.ndarray,
    R_cam_key: np.ndarray,
    x_key: int,
    y_key: int,
    inverse_scale: int,
    coord_frac: int,
    warp_frac: int,
    scale_frac: int,
    out: np.ndarray,
) -> None:
    """Write the map (2, 2) of small pixel offsets, current image to keyframe.

    x_key, y_key: ray in the keyframe. inverse_scale: size in the keyframe over that in the current
    image. Rotation and distortion are in the map by differences over 4 pixels to each side.
    """
    u, v = predict_pixel(lens, signals, R_cam_key, x_key, y_key)
    if u == OUTSIDE:
        out[0, 0] = out[1, 1] = 1 << warp_frac
        out[0, 1] = out[1, 0] = 0
        return
    step = _STEP_PX << coord_frac
    # A difference over 8 pixels in coordinates of coord_frac bits.
    shift = coord_frac + 3 + scale_frac - warp_frac
    for k in range(2):
        du, dv = (step, 0) if k == 0 else (0, step)
        ua, va = _back(lens, signals, R_cam_key, u + du, v + dv)
        ub, vb = _back(lens, signals, R_cam_key, u - du, v - dv)
        out[0, k] = narrow(signals, sig.WARP, round_shift((ua - ub) * inverse_scale, shift))
        out[1, k] = narrow(signals, sig.WARP, round_shift((va - vb) * inverse_scale, shift))


@njit(cache=True, nogil=True)
def window_maps(
    lens: LensRegisters,
    signals: np.ndarray,
    R_cam_key: np.ndarray,
    rays_key: np.ndarray,
    inverse_scale: np.ndarray,
    coord_frac: int,
    warp_frac: int,
    scale_frac: int,
) -> np.ndarray:
    """Return the maps (N, 2, 2) of `window_map` for rays (N, 2) of the keyframe."""
    maps = np.empty((len(rays_key), 2, 2), np.int64)
    for i in range(len(rays_key)):
        window_map(
            lens,
            signals,
            R_cam_key,
            rays_key[i, 0],
            rays_key[i, 1],
            inverse_scale[i],
            coord_frac,
            warp_frac,
            scale_frac,
            maps[i],
        )
    return maps
