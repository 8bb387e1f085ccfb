# SPDX-License-Identifier: Apache-2.0
"""Edits of images: cut off, brightened, replaced by a wall, an object moving in front of them."""

import io
import math

import numpy as np
from PIL import Image

from tools.faults.recording import Edit
from vio.camera import Camera, StereoRig
from vio.geometry import invert_transform

SENSOR_NOISE = 2.0  # grey levels
WALL_LEVEL, WALL_FALL = 190.0, 60.0  # grey levels: centre, less in the corners
# The object: a board at 1.5 m, which sways before the cameras with a period of 3 s.
BOARD_M, BOARD_PERIOD_S, BOARD_SWAY_M = 1.5, 3.0, (0.35, 0.1)
TEXEL_M = 0.012  # of its pattern


def _decoded(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)))


def encoded(pixels: np.ndarray) -> bytes:
    """Return pixels (height, width) uint8 as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def truncated(share: float) -> Edit:
    """Return the edit that keeps a share of an image file's bytes."""
    return lambda data: data[: int(share * len(data))]


def scaled(gain: float) -> Edit:
    """Return the edit that multiplies all grey levels, clipped at white."""

    def edit(data: bytes) -> bytes:
        return encoded(np.clip(np.rint(_decoded(data) * gain), 0, 255).astype(np.uint8))

    return edit


def noisy(seed: list[int]) -> Edit:
    """Return the edit that adds a sensor's noise."""

    def edit(data: bytes) -> bytes:
        pixels = _decoded(data)
        level = pixels + np.random.default_rng(seed).normal(0.0, SENSOR_NOISE, pixels.shape)
        return encoded(np.clip(np.rint(level), 0, 255).astype(np.uint8))

    return edit


def wall(seed: list[int]) -> Edit:
    """Return the edit that shows a white wall: no corner, darker to the border, sensor noise."""

    def edit(data: bytes) -> bytes:
        shape = _decoded(data).shape
        v, u = np.meshgrid(*(np.linspace(-1.0, 1.0, n) for n in shape), indexing="ij")
        level = WALL_LEVEL - 0.5 * WALL_FALL * (u * u + v * v)
        level += np.random.default_rng(seed).normal(0.0, SENSOR_NOISE, shape)
        return encoded(np.clip(np.rint(level), 0, 255).astype(np.uint8))

    return edit


class Board:
    """A patterned board that covers a share of both images and moves by itself.

    It is seen by the true geometry of the rig, so that stereo matches on it are good matches; only
    its motion is not that of the scene. share: of the image's area in its middle position.
    """

    def __init__(self, rig: StereoRig, share: float, seed: int) -> None:
        rng = np.random.default_rng([seed, 31])
        coarse = rng.integers(30, 226, (64, 64)).astype(np.float64)
        fine = rng.normal(0.0, 25.0, (64, 64))
        self._pattern = np.clip(coarse + fine, 0, 255)
        left = rig.left
        span = (left.width / left.fx * BOARD_M, left.height / left.fy * BOARD_M)
        self._half = tuple(0.5 * math.sqrt(share) * side for side in span)
        self._phase = rng.uniform(0.0, 2.0 * math.pi)
        T_right_left = invert_transform(rig.right.T_body_cam) @ left.T_body_cam
        self._views = [_view(left, np.eye(4)), _view(rig.right, T_right_left)]

    def edit(self, camera: int, seconds: float) -> Edit:
        """Return the edit of a camera's image at a time."""
        angle = 2.0 * math.pi * seconds / BOARD_PERIOD_S + self._phase
        centre = (BOARD_SWAY_M[0] * math.sin(angle), BOARD_SWAY_M[1] * math.cos(angle))

        def edit(data: bytes) -> bytes:
            pixels = _decoded(data)
            x, y = (self._views[camera][..., k] - centre[k] for k in range(2))
            inside = (np.abs(x) < self._half[0]) & (np.abs(y) < self._half[1])
            pixels[inside] = np.rint(_sample(self._pattern, x[inside], y[inside])).astype(np.uint8)
            return encoded(pixels)

        return edit


def _view(camera: Camera, T_cam_left: np.ndarray) -> np.ndarray:
    """Return where on the board's plane (height, width, 2), metres, each pixel of a camera looks.

    The plane is at z = BOARD_M of the left camera.
    """
    v, u = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float64)
    rays = camera.unproject(np.stack([u.ravel(), v.ravel()], axis=1))
    T_left_cam = invert_transform(T_cam_left)
    d = np.column_stack([rays, np.ones(len(rays))]) @ T_left_cam[:3, :3].T
    origin = T_left_cam[:3, 3]
    depth = (BOARD_M - origin[2]) / d[:, 2]
    places = origin[:2] + depth[:, None] * d[:, :2]
    return np.nan_to_num(places, nan=1e6).reshape(camera.height, camera.width, 2)


def _sample(pattern: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the pattern, repeated and interpolated, at places (N,) in metres."""
    n = len(pattern)
    u, v = x / TEXEL_M, y / TEXEL_M
    u0, v0 = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    a, b = u - u0, v - v0

    def at(i: int, j: int) -> np.ndarray:
        return pattern[(v0 + j) % n, (u0 + i) % n]

    return (1 - b) * ((1 - a) * at(0, 0) + a * at(1, 0)) + b * ((1 - a) * at(0, 1) + a * at(1, 1))
