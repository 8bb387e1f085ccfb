# SPDX-License-Identifier: Apache-2.0
"""A simulated rig in a room of points: tracks and inertial data with known truth and noise."""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from vio.camera import Camera, StereoRig
from vio.config import Config
from vio.data import ImuData
from vio.datasets.base import Dataset
from vio.datasets.tracks import TrackFrame
from vio.engines import make_odometry
from vio.imu import GRAVITY_M_S2, ImuNoise
from vio.odometry import Odometry
from vio.trajectory import Trajectory

START_NS = 1_000_000_000_000
DISTORTION = (-0.283, 0.074, 0.0002, 0.00002)
# z forward in the camera is x forward in the body; the cameras are 11 cm apart along body -y.
R_BODY_CAM = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def make_rig() -> StereoRig:
    """Return a rig like EuRoC's, with slightly turned cameras."""
    cameras = []
    for side in range(2):
        T = np.eye(4)
        T[:3, :3] = (
            R_BODY_CAM @ Rotation.from_rotvec([0.003 * side, 0.01 * side, 0.002]).as_matrix()
        )
        T[:3, 3] = [0.02, 0.055 - 0.11 * side, 0.01]
        cameras.append(Camera(752, 480, 458.0, 457.0, 367.0, 248.0, DISTORTION, T))
    return StereoRig(*cameras)


class Simulation:
    """A dataset of tracks (engine `replay`) whose truth is exact.

    motion: "moving" or "rest" (at rest for 4 s, then moving). blind: (start_s, end_s) without any
    track. pixel_sigma in pixels; noise densities as in `ImuNoise`.
    """

    def __init__(
        self,
        seed: int,
        seconds: float = 8.0,
        motion: str = "moving",
        pixel_sigma: float = 0.5,
        noise: ImuNoise | None = None,
        blind: tuple[float, float] | None = None,
        outliers: float = 0.0,
    ) -> None:
        self.name = f"simulation{seed}"
        self.rig = make_rig()
        self.imu_noise = noise or ImuNoise()
        self.warnings: list[str] = []
        self._rng = np.random.default_rng(seed)
        self._motion, self._blind, self._outliers = motion, blind, outliers
        self._sigma = pixel_sigma
        rng = self._rng
        self._amplitude = rng.uniform(0.3, 0.8, 3)
        self._frequency = rng.uniform(0.2, 0.45, 3)
        self._phase = rng.uniform(0, 2 * np.pi, 3)
        self._turn_amplitude = rng.uniform(0.1, 0.35, 3) * [1, 1, 2]
        self._turn_frequency = rng.uniform(0.15, 0.4, 3)
        self._turn_phase = rng.uniform(0, 2 * np.pi, 3)
        side = rng.integers(0, 6, 900)
        points = rng.uniform(-1, 1, (900, 3))
        points[np.arange(900), side % 3] = np.where(side < 3, -1.0, 1.0)
        self._points = points * [5.0, 4.0, 2.5]
        self.frame_t_ns = START_NS + np.arange(int(seconds * 20)) * 50_000_000
        self.imu = self._imu_data(seconds)
        t = (self.frame_t_ns - START_NS) * 1e-9
        poses = [self.pose(s) for s in t]
        q = np.array([Rotation.from_matrix(R).as_quat()[[3, 0, 1, 2]] for R, _ in poses])
        v = np.array([(self.pose(s + 1e-5)[1] - self.pose(s - 1e-5)[1]) / 2e-5 for s in t])
        self.truth_error = ""
        self.ground_truth = Trajectory(self.frame_t_ns, np.array([p for _, p in poses]), q, v)
        self._frames = self._make_frames()

    def pose(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """Return rotation (3, 3) and position (3,) of the body at t seconds."""
        if self._motion == "rest":
            x = max(0.0, t - 4.0)
            t = x**3 / (x**2 + 1.0)  # stands still, then starts smoothly
        p = self._amplitude * np.sin(2 * np.pi * self._frequency * t + self._phase)
        turn = self._turn_amplitude * np.sin(
            2 * np.pi * self._turn_frequency * t + self._turn_phase
        )
        return Rotation.from_euler("ZYX", turn[::-1]).as_matrix(), p

    def _imu_data(self, seconds: float) -> ImuData:
        rng, n = self._rng, self.imu_noise
        t_ns = START_NS - 50_000_000 + np.arange(int(seconds * 200) + 21) * 5_000_000
        step_s = 1 / 200
        self.gyro_bias = rng.normal(0, 0.03, 3)
        self.accel_bias = rng.normal(0, 0.05, 3)
        gyro, accel = np.zeros((2, len(t_ns), 3))
        bg, ba = self.gyro_bias.copy(), self.accel_bias.copy()
        h = 1e-4
        for k, t in enumerate((t_ns - START_NS) * 1e-9):
            (R0, p0), (R1, p1), (R2, p2) = (self.pose(t + d) for d in (-h, 0.0, h))
            rate = Rotation.from_matrix(R0.T @ R2).as_rotvec() / (2 * h)
            force = R1.T @ ((p0 - 2 * p1 + p2) / h**2 + [0, 0, GRAVITY_M_S2])
            white = np.sqrt(1 / step_s)
            gyro[k] = rate + bg + rng.normal(0, n.gyro_noise * white, 3)
            accel[k] = force + ba + rng.normal(0, n.accel_noise * white, 3)
            bg += rng.normal(0, n.gyro_walk * np.sqrt(step_s), 3)
            ba += rng.normal(0, n.accel_walk * np.sqrt(step_s), 3)
        self.final_bias = np.concatenate([bg, ba])
        return ImuData(t_ns, gyro, accel)

    def _make_frames(self) -> list[TrackFrame]:
        rng, frames = self._rng, []
        track_of: dict[int, int] = {}
        next_id = 0
        for t_ns in self.frame_t_ns:
            t = float(t_ns - START_NS) * 1e-9
            R, p = self.pose(t)
            views = []
            for camera in (self.rig.left, self.rig.right):
                R_wc = R @ camera.T_body_cam[:3, :3]
                x = (self._points - p - R @ camera.T_body_cam[:3, 3]) @ R_wc
                ahead = x[:, 2] > 0.3
                rays = x[:, :2] / np.where(ahead, x[:, 2], 1.0)[:, None]
                ahead &= np.abs(rays).max(axis=1) < 0.85
                uv = np.full((len(x), 2), np.nan)
                uv[ahead] = camera.project(rays[ahead])
                inside = ((uv > 5) & (uv < [747, 475])).all(axis=1)
                uv[~inside] = np.nan
                views.append(uv)
            visible = np.flatnonzero(np.isfinite(views[0][:, 0])).tolist()
            if self._blind and self._blind[0] <= t < self._blind[1]:
                visible = []
            track_of = {k: i for k, i in track_of.items() if k in visible}
            for k in visible:
                if k not in track_of and len(track_of) < 120:
                    track_of[k] = next_id
                    next_id += 1
            points = sorted(track_of, key=lambda k: track_of[k])
            noise = rng.normal(0, self._sigma, (2, len(points), 2))
            wrong = rng.random(len(points)) < self._outliers
            noise[0, wrong] += rng.uniform(-30, 30, (np.count_nonzero(wrong), 2))
            left = views[0][points].reshape(-1, 2) + noise[0]
            right = views[1][points].reshape(-1, 2) + noise[1]
            ids = np.array([track_of[k] for k in points], np.int64)
            frames.append(TrackFrame(int(t_ns), None, None, ids, left, right))
        return frames

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[TrackFrame]:
        """Yield the frames (the whole sequence)."""
        return iter(self._frames)


def odometry_of(dataset: Dataset, config: Config) -> Odometry:
    """Return a new odometry for a recording."""
    return make_odometry(dataset.rig, dataset.imu_noise, config)
