# SPDX-License-Identifier: Apache-2.0
"""A simulated rig in a room of points: tracks and inertial data with known truth and noise."""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from vio.camera import Camera, StereoRig
from vio.config import Config
from vio.data import ImuData
from vio.datasets.base import Dataset, LostImages
from vio.datasets.tracks import TrackFrame
from vio.engines import make_odometry
from vio.imu import GRAVITY_M_S2, ImuNoise
from vio.odometry import Odometry
from vio.trajectory import Trajectory

START_NS = 1_000_000_000_000
REST_S, STOP_S = (3.5, 7.5), 0.5  # a pause, and how long it takes to stop and to start
CREEP_M_S = 0.005
TOUR_RADIUS_M, TOUR_RAD_S = 2.2, 0.45
DISTORTION = (-0.283, 0.074, 0.0002, 0.00002)
# z forward in the camera is x forward in the body; the cameras are 11 cm apart along body -y.
R_BODY_CAM = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def make_rig(
    distortion: tuple[float, float, float, float] = DISTORTION, rate_hz: float = 20.0
) -> StereoRig:
    """Return a rig like EuRoC's, with slightly rotated cameras."""
    cameras = []
    for side in range(2):
        T = np.eye(4)
        T[:3, :3] = (
            R_BODY_CAM @ Rotation.from_rotvec([0.003 * side, 0.01 * side, 0.002]).as_matrix()
        )
        T[:3, 3] = [0.02, 0.055 - 0.11 * side, 0.01]
        cameras.append(Camera(752, 480, 458.0, 457.0, 367.0, 248.0, distortion, T, rate_hz=rate_hz))
    return StereoRig(*cameras)


class Simulation:
    """A dataset of tracks (engine `replay`) whose truth is exact.

    motion: "moving" about a place, "rest" (at rest for 4 s, then moving), "hover" (moving for 4 s,
    then still but for millimetres), "pause" (moving, at rest from REST_S[0] to [1], moving),
    "creep" (at rest for 4 s, then off at CREEP_M_S), "straight" (at constant velocity and attitude)
    or "tour" (round the room for as long as it lasts, so that no landmark stays in view). blind:
    (start_s, end_s)
    without any track. pixel_sigma in pixels; noise densities as in `ImuNoise`. max_tracks: followed
    at a time. stereo_share: of the tracks, those with a right pixel. frame_rate_hz, imu_rate_hz: of
    the same motion.
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
        max_tracks: int = 120,
        stereo_share: float = 1.0,
        distortion: tuple[float, float, float, float] = DISTORTION,
        frame_rate_hz: float = 20.0,
        imu_rate_hz: float = 200.0,
    ) -> None:
        self.name, self.seed = f"simulation{seed}", seed
        self.rig = make_rig(distortion, frame_rate_hz)
        self._imu_rate_hz = imu_rate_hz
        self.imu_noise = noise or ImuNoise()
        self.warnings: list[str] = []
        self._rng = np.random.default_rng(seed)
        self._motion, self._blind, self._outliers = motion, blind, outliers
        self._sigma, self._max_tracks, self._stereo_share = pixel_sigma, max_tracks, stereo_share
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
        self.frame_t_ns = START_NS + np.round(
            np.arange(int(seconds * frame_rate_hz)) * (1e9 / frame_rate_hz)
        ).astype(np.int64)
        self.imu = self._imu_data(seconds)
        t = (self.frame_t_ns - START_NS) * 1e-9
        R, p = self.poses(t)
        q = Rotation.from_matrix(R).as_quat()[:, [3, 0, 1, 2]]
        v = (self.poses(t + 1e-5)[1] - self.poses(t - 1e-5)[1]) / 2e-5
        self.truth_error = ""
        self.lost_images: LostImages = LostImages()
        self.ground_truth = Trajectory(self.frame_t_ns, p, q, v)
        self._frames = self._make_frames()

    def pose(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """Return rotation (3, 3) and position (3,) of the body at t seconds."""
        R, p = self.poses(np.array([t]))
        return R[0], p[0]

    def poses(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rotations (N, 3, 3) and positions (N, 3) of the body at t (N,) seconds."""
        t = t[:, None]
        if self._motion == "rest":
            x = np.maximum(0.0, t - 4.0)
            t = x**3 / (x**2 + 1.0)  # stands still, then starts smoothly
        if self._motion == "pause":
            t = _paused(t)
        still = np.zeros_like(t)
        if self._motion == "hover":
            x = np.maximum(0.0, t - 4.0)
            still = x**3 / (x**2 + 1.0)
            t = t - still  # comes to rest
        p = self._amplitude * np.sin(2 * np.pi * self._frequency * t + self._phase)
        turn = self._turn_amplitude * np.sin(
            2 * np.pi * self._turn_frequency * t + self._turn_phase
        )
        p = p + 0.004 * (np.sin(2.0 * still + self._phase) - np.sin(self._phase))
        if self._motion == "creep":
            x = np.maximum(0.0, t - 4.0)
            p = CREEP_M_S * np.column_stack([0.0 * x, x**3 / (x**2 + 0.1), 0.0 * x])
            turn = np.zeros_like(p)
        if self._motion == "straight":
            p = np.column_stack([0.4 * t[:, 0] - 3.0, 0.1 * t[:, 0], np.zeros(len(t))])
            turn = np.zeros_like(p)
        if self._motion == "tour":
            course = TOUR_RAD_S * t[:, 0]
            circle = np.column_stack([np.cos(course), np.sin(course), np.zeros_like(course)])
            p = 0.3 * p + TOUR_RADIUS_M * circle
            turn[:, 2] += course + np.pi / 2
        return Rotation.from_euler("ZYX", turn[:, ::-1]).as_matrix(), p

    def _imu_data(self, seconds: float) -> ImuData:
        rng, n = self._rng, self.imu_noise
        imu_hz = self._imu_rate_hz
        count = round((seconds + 0.1) * imu_hz) + 1
        t_ns = START_NS - 50_000_000 + np.round(np.arange(count) * (1e9 / imu_hz)).astype(np.int64)
        step_s = 1 / imu_hz
        self.gyro_bias = rng.normal(0, 0.03, 3)
        self.accel_bias = rng.normal(0, 0.05, 3)
        h = 1e-4
        t = (t_ns - START_NS) * 1e-9
        (R0, p0), (R1, p1), (R2, p2) = (self.poses(t + d) for d in (-h, 0.0, h))
        rate = Rotation.from_matrix(R0.transpose(0, 2, 1) @ R2).as_rotvec() / (2 * h)
        up = np.array([0.0, 0.0, GRAVITY_M_S2])
        force = np.einsum("nji,nj->ni", R1, (p0 - 2 * p1 + p2) / h**2 + up)
        # One row a sample: white noise of gyroscope and accelerometer, then the biases' steps.
        density = np.repeat([n.gyro_noise, n.accel_noise, n.gyro_walk, n.accel_walk], 3)
        step = np.repeat([1 / step_s, 1 / step_s, step_s, step_s], 3)
        noise = rng.normal(size=(len(t), 12)) * density * np.sqrt(step)
        bias = np.concatenate([self.gyro_bias, self.accel_bias]) + np.cumsum(noise[:, 6:], axis=0)
        self.final_bias = bias[-1].copy()
        bias -= noise[:, 6:]  # the first sample has the bias before any step
        gyro, accel = np.hsplit(np.hstack([rate, force]) + bias + noise[:, :6], 2)
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
                if k not in track_of and len(track_of) < self._max_tracks:
                    track_of[k] = next_id
                    next_id += 1
            points = sorted(track_of, key=lambda k: track_of[k])
            noise = rng.normal(0, self._sigma, (2, len(points), 2))
            wrong = rng.random(len(points)) < self._outliers
            noise[0, wrong] += rng.uniform(-30, 30, (np.count_nonzero(wrong), 2))
            left = views[0][points].reshape(-1, 2) + noise[0]
            right = views[1][points].reshape(-1, 2) + noise[1]
            ids = np.array([track_of[k] for k in points], np.int64)
            right[ids % 100 >= round(100 * self._stereo_share)] = np.nan
            frames.append(TrackFrame(int(t_ns), None, None, ids, left, right))
        return frames

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[TrackFrame]:
        """Yield the frames (the whole sequence)."""
        return iter(self._frames)


def _paused(t: np.ndarray) -> np.ndarray:
    """Return the time that a motion has gone on at t seconds when it pauses for REST_S."""
    u = np.clip((t - REST_S[0]) / STOP_S + 1.0, 0.0, 1.0)  # stopping, then starting
    v = np.clip((t - REST_S[1]) / STOP_S, 0.0, 1.0)
    free = np.minimum(t, REST_S[0] - STOP_S) + np.maximum(0.0, t - REST_S[1] - STOP_S)
    return free + STOP_S * (u - u**3 + u**4 / 2 + v**3 - v**4 / 2)


def picked(
    sim: Simulation, frames: np.ndarray, rate_hz: float, late_s: np.ndarray | None = None
) -> Simulation:
    """Return a simulation with some of its frames (indices), at another nominal rate.

    late_s: by how many seconds their stamps are wrong, (N,) as frames.
    """
    out = copy(sim)
    cameras = (replace(c, rate_hz=rate_hz) for c in (sim.rig.left, sim.rig.right))
    out.rig = StereoRig(*cameras)
    out.frame_t_ns = sim.frame_t_ns[frames]
    if late_s is not None:
        out.frame_t_ns = out.frame_t_ns + np.round(late_s * 1e9).astype(np.int64)
    out._frames = [
        replace(sim._frames[k], t_ns=int(t))
        for k, t in zip(frames.tolist(), out.frame_t_ns, strict=True)
    ]
    return out


def odometry_of(dataset: Dataset, config: Config) -> Odometry:
    """Return a new odometry for a recording."""
    return make_odometry(dataset.rig, dataset.imu_noise, config)
