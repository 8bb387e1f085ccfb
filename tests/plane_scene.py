# SPDX-License-Identifier: Apache-2.0
"""A textured plane seen by a stereo rig: images whose flow and disparity are known exactly."""

import itertools

import numpy as np
from scipy import ndimage

from vio.camera import Camera, StereoRig
from vio.data import StereoFrame
from vio.geometry import exp_so3, invert_transform, transform_from

FRAME_NS = 50_000_000
WIDTH, HEIGHT = 320, 240
DISTORTION = (-0.2, 0.05, 2e-4, -1e-4)


def make_rig(width: int = WIDTH, height: int = HEIGHT, focal: float = 220.0) -> StereoRig:
    """Return two distorted cameras, 0.1 m apart, the right one turned by about a degree."""
    right = transform_from(
        exp_so3(np.array([0.004, -0.012, 0.006])), np.array([0.1, 0.002, -0.001])
    )
    centre = (width / 2 + 1.0, height / 2 - 2.0)
    args = (width, height, focal, focal + 1.0, *centre, DISTORTION)
    return StereoRig(Camera(*args, np.eye(4)), Camera(*args, right))


def make_texture(seed: int = 0, sigma: float = 1.2) -> np.ndarray:
    """Return smooth noise (700, 700) with grey levels of mean 128 and deviation 35."""
    noise = np.random.default_rng(seed).normal(size=(700, 700))
    smooth = ndimage.gaussian_filter(noise, sigma) + 2.0 * ndimage.gaussian_filter(noise, 4 * sigma)
    return 128.0 + 35.0 * (smooth - smooth.mean()) / smooth.std()


class PlaneScene:
    """The plane z = depth + slope_x x, in the coordinates of the first left camera, metres."""

    def __init__(
        self,
        depth: float = 2.0,
        slope_x: float = 0.2,
        seed: int = 0,
        rig: StereoRig | None = None,
    ) -> None:
        self.rig = rig or make_rig()
        self.depth, self.slope_x = depth, slope_x
        self.coefficients = ndimage.spline_filter(make_texture(seed), order=3)
        # Texels a metre: one texel is about one pixel.
        self.scale = self.rig.left.fx / depth

    def points(self, camera: Camera, T_world_cam: np.ndarray, uv: np.ndarray) -> np.ndarray:
        """Return the points (N, 3) of the plane that the pixels (N, 2) of a camera see."""
        rays = np.column_stack([camera.unproject(uv), np.ones(len(uv))]) @ T_world_cam[:3, :3].T
        p = T_world_cam[:3, 3]
        t = (self.depth + self.slope_x * p[0] - p[2]) / (rays[:, 2] - self.slope_x * rays[:, 0])
        return p + t[:, None] * rays

    def pixels(self, camera: Camera, T_world_cam: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return where a camera sees points (N, 3)."""
        T = invert_transform(T_world_cam)
        local = points @ T[:3, :3].T + T[:3, 3]
        return camera.project(local[:, :2] / local[:, 2:])

    def image(self, camera: Camera, T_world_cam: np.ndarray) -> np.ndarray:
        """Return the image of the plane, without noise."""
        v, u = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float64)
        points = self.points(camera, T_world_cam, np.stack([u.ravel(), v.ravel()], axis=1))
        at = points[:, 1::-1].T * self.scale + 350.0
        grey = ndimage.map_coordinates(self.coefficients, at, order=3, prefilter=False, mode="wrap")
        return np.clip(np.rint(grey), 0, 255).astype(np.uint8).reshape(v.shape)

    def right_pose(self, T_world_left: np.ndarray) -> np.ndarray:
        """Return the right camera's pose when the left one is at T_world_left."""
        return T_world_left @ invert_transform(self.rig.T_right_left)

    def frame(self, index: int, T_world_left: np.ndarray) -> StereoFrame:
        """Return the stereo frame at a pose of the left camera."""
        right = self.image(self.rig.right, self.right_pose(T_world_left))
        return StereoFrame(index * FRAME_NS, self.image(self.rig.left, T_world_left), right)

    def right_pixels(self, T_world_left: np.ndarray, uv: np.ndarray) -> np.ndarray:
        """Return the true right pixels (N, 2) of left pixels (N, 2)."""
        points = self.points(self.rig.left, T_world_left, uv)
        return self.pixels(self.rig.right, self.right_pose(T_world_left), points)


def path(count: int) -> list[np.ndarray]:
    """Return poses (4, 4) of the left camera: sideways with a swing, a few pixels a frame."""
    return [
        transform_from(
            exp_so3(np.array([0.01 * np.sin(0.4 * k), 0.004 * k, 0.012 * k])),
            np.array([0.03 * k, 0.01 * np.sin(0.5 * k), 0.01 * k]),
        )
        for k in range(count)
    ]


def rotations(poses: list[np.ndarray]) -> list[np.ndarray]:
    """Return R_cam_prev (3, 3) of each frame, the identity for the first."""
    steps = [b[:3, :3].T @ a[:3, :3] for a, b in itertools.pairwise(poses)]
    return [np.eye(3), *steps]
