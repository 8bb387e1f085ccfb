# SPDX-License-Identifier: Apache-2.0
"""The factor graph of a whole run for gtsam: every frame, every track, the same noise.

The factors are those of the sliding window (docs/odometry/backend.md): rays of the left and right
camera with Huber's loss, preintegrated inertial data, random walks of the biases, and the prior of
the first frame. Jacobians, retraction and elimination are gtsam's; landmarks are points.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import gtsam
import numpy as np
from gtsam import symbol

from vio.backend.observations import FrameInput
from vio.camera import StereoRig
from vio.config import Config
from vio.imu import GRAVITY_M_S2, ImuNoise, noise_with_gap

SUBSTEPS = 10  # gtsam holds the rotation during a step; in so many parts that error is negligible
MAX_DEPTH_SIGMA = 0.5  # of the depth; landmarks that are less certain are left out
COARSE_OUTLIER = 15.0  # standard deviations from the causal estimate; drift counts as well
ROUNDS = 3  # optimisations, outliers removed between them
MAX_STEPS = 30
STATE_SIZE = 15  # pose, velocity, biases; each inertial factor has as many rows


@dataclass
class States:
    """Hold a state for each of N frames: R (N, 3, 3), p, v (N, 3), biases (N, 6), gyro first."""

    R: np.ndarray
    p: np.ndarray
    v: np.ndarray
    bias: np.ndarray


@dataclass
class Observations:
    """Hold M observed rays: frame, camera (0 left, 1 right) and landmark (M,), ray (M, 2)."""

    frame: np.ndarray
    camera: np.ndarray
    landmark: np.ndarray
    ray: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, keep: np.ndarray) -> "Observations":
        """Return those of a boolean array (M,)."""
        return Observations(
            self.frame[keep], self.camera[keep], self.landmark[keep], self.ray[keep]
        )

    def of_known(self, known: np.ndarray) -> "Observations":
        """Return the observations of landmarks that are marked in known (L,)."""
        return self.take(known[self.landmark])


@dataclass(frozen=True)
class Solution:
    """Hold an optimised graph: its states, what is left in it, and how well it fits.

    chi_square: sum of the squared whitened residuals over the degrees of freedom, 1 where the noise
    is as modelled.
    """

    states: States
    observations: int
    landmarks: int
    chi_square: float


def gather(frames: list[FrameInput]) -> Observations:
    """Return all rays of all frames; landmarks are numbered from 0."""
    parts = []
    for k, frame in enumerate(frames):
        for camera in (0, 1):
            rays = frame.rays[:, 2 * camera : 2 * camera + 2]
            seen = np.isfinite(rays).all(axis=1)
            count = np.count_nonzero(seen)
            parts.append((np.full(count, k), np.full(count, camera), frame.ids[seen], rays[seen]))
    frame_of, camera_of, ids, ray = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Observations(frame_of, camera_of, np.unique(ids, return_inverse=True)[1], ray)


class Batch:
    """Optimise all states of a run at once.

    frames: N, each with the inertial data since the one before it. noise: as the window has it,
    the factors of [imu] applied. initial: of all frames.
    """

    def __init__(
        self,
        rig: StereoRig,
        noise: ImuNoise,
        config: Config,
        frames: list[FrameInput],
        initial: States,
    ) -> None:
        self.noise, self.config, self.frames = noise, config, frames
        self.T_body_cam = [rig.left.T_body_cam, rig.right.T_body_cam]
        focal = 0.25 * (rig.left.fx + rig.left.fy + rig.right.fx + rig.right.fy)
        c = config.backend
        self.ray_sigma = np.array([c.pixel_sigma, c.stereo_sigma]) / focal
        self.initial = initial

    def solve(self) -> Solution:
        """Return the optimum, outliers removed as in the window."""
        states = self.initial
        seen = gather(self.frames)
        points, known = self.triangulate(states, seen)
        seen = seen.of_known(known)
        seen = seen.take(self._errors(states, points, seen) < COARSE_OUTLIER)
        points, known = self.triangulate(states, seen)
        seen = seen.of_known(known)
        for _ in range(ROUNDS):
            states, points = self._optimize(states, points, seen)
            keep = self._errors(states, points, seen) <= self.config.backend.outlier
            if keep.all():
                break
            seen = seen.take(keep)
            seen = seen.of_known(np.bincount(seen.landmark, minlength=len(points)) >= 2)
        landmarks = len(np.unique(seen.landmark))
        values = self._values(states, points, seen)
        squares = float(np.sum(self._errors(states, points, seen) ** 2))
        squares += 2.0 * sum(f.error(values) for f in self._inertial)  # an error is half a square
        freedom = 2 * len(seen) - 3 * landmarks - STATE_SIZE
        return Solution(states, len(seen), landmarks, squares / freedom)

    # Geometry -----------------------------------------------------------------------------------

    def _camera_poses(self, states: States, seen: Observations) -> tuple[np.ndarray, np.ndarray]:
        """Return R_world_cam (M, 3, 3) and p_world_cam (M, 3) of each observation."""
        R, p = np.empty((len(seen), 3, 3)), np.empty((len(seen), 3))
        for camera, T in enumerate(self.T_body_cam):
            mine = seen.camera == camera
            k = seen.frame[mine]
            R[mine] = states.R[k] @ T[:3, :3]
            p[mine] = states.R[k] @ T[:3, 3] + states.p[k]
        return R, p

    def triangulate(self, states: States, seen: Observations) -> tuple[np.ndarray, np.ndarray]:
        """Return points (L, 3), each nearest to its rays, and which of them are certain (L,)."""
        count = int(seen.landmark.max()) + 1
        R, p = self._camera_poses(states, seen)
        d = np.einsum("nij,nj->ni", R, np.column_stack([seen.ray, np.ones(len(seen))]))
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        across = np.eye(3) - d[:, :, None] * d[:, None, :]
        points = np.zeros((count, 3))
        weight = np.ones(len(seen))
        solvable = np.zeros(count, bool)
        for _ in range(2):  # the second time weighted by the distance
            A, b = np.zeros((count, 3, 3)), np.zeros((count, 3))
            np.add.at(A, seen.landmark, weight[:, None, None] * across)
            np.add.at(b, seen.landmark, weight[:, None] * np.einsum("nij,nj->ni", across, p))
            eigenvalue = np.linalg.eigvalsh(A)
            solvable = eigenvalue[:, 0] > 1e-9 * eigenvalue[:, 2]
            points[solvable] = np.linalg.solve(A[solvable], b[solvable][:, :, None])[:, :, 0]
            distance = np.maximum(np.linalg.norm(points[seen.landmark] - p, axis=1), 0.05)
            weight = (self.ray_sigma[seen.camera] * distance) ** -2
        nearest = np.full(count, np.inf)
        np.minimum.at(nearest, seen.landmark, distance)
        behind = np.einsum("ni,ni->n", points[seen.landmark] - p, d) <= 0.0
        solvable[seen.landmark[behind]] = False
        certain = np.zeros(count, bool)
        sigma = 1.0 / np.sqrt(np.maximum(eigenvalue[:, 0], 1e-12))
        certain[solvable] = sigma[solvable] < MAX_DEPTH_SIGMA * nearest[solvable]
        return points, certain

    def _errors(self, states: States, points: np.ndarray, seen: Observations) -> np.ndarray:
        """Return the reprojection errors (M,) in standard deviations."""
        R, p = self._camera_poses(states, seen)
        x = np.einsum("nji,nj->ni", R, points[seen.landmark] - p)
        ahead = x[:, 2] > 0.05
        ray = x[:, :2] / np.where(ahead, x[:, 2], 1.0)[:, None]
        error = np.linalg.norm(ray - seen.ray, axis=1) / self.ray_sigma[seen.camera]
        return np.where(ahead, error, np.inf)

    # Graph --------------------------------------------------------------------------------------

    def _optimize(
        self, states: States, points: np.ndarray, seen: Observations
    ) -> tuple[States, np.ndarray]:
        graph = gtsam.NonlinearFactorGraph()
        for factor in self._prior(states):
            graph.add(factor)
        self._inertial = list(self._inertial_factors(states))
        for factor in self._inertial:
            graph.add(factor)
        for factor in self._vision(seen):
            graph.add(factor)
        params = gtsam.LevenbergMarquardtParams()
        params.setMaxIterations(MAX_STEPS)
        params.setRelativeErrorTol(1e-5)
        values = self._values(states, points, seen)
        result = gtsam.LevenbergMarquardtOptimizer(graph, values, params).optimize()
        return self._states(result), self._points(result, points, seen)

    def _vision(self, seen: Observations) -> Iterator[gtsam.NonlinearFactor]:
        huber = gtsam.noiseModel.mEstimator.Huber.Create(self.config.backend.huber)
        noise = [
            gtsam.noiseModel.Robust.Create(huber, gtsam.noiseModel.Isotropic.Sigma(2, sigma))
            for sigma in self.ray_sigma
        ]
        sensor = [gtsam.Pose3(T) for T in self.T_body_cam]
        ideal = gtsam.Cal3_S2(1.0, 1.0, 0.0, 0.0, 0.0)
        for k, camera, landmark, ray in zip(
            seen.frame.tolist(), seen.camera.tolist(), seen.landmark.tolist(), seen.ray, strict=True
        ):
            yield gtsam.GenericProjectionFactorCal3_S2(
                ray, noise[camera], symbol("x", k), symbol("l", landmark), ideal, sensor[camera]
            )

    def _inertial_factors(self, states: States) -> Iterator[gtsam.NonlinearFactor]:
        still = gtsam.imuBias.ConstantBias()
        for k in range(1, len(self.frames)):
            frame = self.frames[k]
            dt_s = float(frame.dt_s.sum())
            bias = states.bias[k - 1]
            sums = gtsam.PreintegratedImuMeasurements(
                self._preintegration(frame, dt_s), gtsam.imuBias.ConstantBias(bias[3:], bias[:3])
            )
            for dt, gyro, accel in zip(frame.dt_s, frame.gyro, frame.accel, strict=True):
                for _ in range(SUBSTEPS):
                    sums.integrateMeasurement(accel, gyro, dt / SUBSTEPS)
            yield gtsam.ImuFactor(
                *(symbol(c, n) for n in (k - 1, k) for c in "xv"), symbol("b", k - 1), sums
            )
            # gtsam's bias has the accelerometer first.
            walk = np.repeat([self.noise.accel_walk, self.noise.gyro_walk], 3) * np.sqrt(dt_s)
            yield gtsam.BetweenFactorConstantBias(
                symbol("b", k - 1), symbol("b", k), still, gtsam.noiseModel.Diagonal.Sigmas(walk)
            )

    def _preintegration(self, frame: FrameInput, dt_s: float) -> gtsam.PreintegrationParams:
        c = self.config.imu
        noise = noise_with_gap(
            self.noise, frame.bridged_s, dt_s, c.gap_gyro_rad_s, c.gap_accel_m_s2
        )
        params = gtsam.PreintegrationParams.MakeSharedU(GRAVITY_M_S2)
        params.setGyroscopeCovariance(np.eye(3) * noise.gyro_noise**2)
        params.setAccelerometerCovariance(np.eye(3) * noise.accel_noise**2)
        params.setIntegrationCovariance(np.zeros((3, 3)))
        return params

    def _prior(self, states: States) -> Iterator[gtsam.NonlinearFactor]:
        """Yield the prior of the first frame, that of vio/backend/init.py."""
        R = states.R[0]
        C = np.zeros((6, 6))  # gtsam perturbs on the right, in body axes
        C[:3, :3] = R.T @ np.diag(np.square([0.3, 0.3, 1e-3])) @ R
        C[3:, 3:] = np.eye(3) * 1e-6
        x0 = gtsam.Pose3(gtsam.Rot3(R), states.p[0])
        yield gtsam.PriorFactorPose3(symbol("x", 0), x0, gtsam.noiseModel.Gaussian.Covariance(C))
        fast = gtsam.noiseModel.Isotropic.Sigma(3, 3.0)
        yield gtsam.PriorFactorVector(symbol("v", 0), states.v[0], fast)
        sigma = np.repeat([self.config.init.accel_bias_sigma, self.config.init.gyro_bias_sigma], 3)
        yield gtsam.PriorFactorConstantBias(
            symbol("b", 0), gtsam.imuBias.ConstantBias(), gtsam.noiseModel.Diagonal.Sigmas(sigma)
        )

    def _values(self, states: States, points: np.ndarray, seen: Observations) -> gtsam.Values:
        values = gtsam.Values()
        for k in range(len(self.frames)):
            values.insert(symbol("x", k), gtsam.Pose3(gtsam.Rot3(states.R[k]), states.p[k]))
            values.insert(symbol("v", k), states.v[k])
            bias = states.bias[k]
            values.insert(symbol("b", k), gtsam.imuBias.ConstantBias(bias[3:], bias[:3]))
        for landmark in np.unique(seen.landmark).tolist():
            values.insert(symbol("l", landmark), points[landmark])
        return values

    def _states(self, values: gtsam.Values) -> States:
        count = range(len(self.frames))
        poses = [values.atPose3(symbol("x", k)) for k in count]
        biases = [values.atConstantBias(symbol("b", k)) for k in count]
        return States(
            np.array([x.rotation().matrix() for x in poses]),
            np.array([x.translation() for x in poses]),
            np.array([values.atVector(symbol("v", k)) for k in count]),
            np.array([np.concatenate([b.gyroscope(), b.accelerometer()]) for b in biases]),
        )

    def _points(self, values: gtsam.Values, before: np.ndarray, seen: Observations) -> np.ndarray:
        points = before.copy()
        for landmark in np.unique(seen.landmark).tolist():
            points[landmark] = values.atPoint3(symbol("l", landmark))
        return points
