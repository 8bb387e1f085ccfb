# SPDX-License-Identifier: Apache-2.0
"""The consistency experiment: are the errors as large as the covariance states?

NEES, the normalised estimation error squared, e' C^-1 e, has the mean n for an error e of n
dimensions with the covariance C (Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to
Tracking and Navigation", 2001, section 5.4). Here it is that of the pose, 6 dimensions, as the
literature on visual-inertial estimators gives it (Huang, Mourikis, Roumeliotis, IJRR 2010; Geneva
et al., "OpenVINS", ICRA 2020), divided by 6: 1 is exact, above it the estimator is overconfident.

The scenario is built so that the two defects that it must detect show. Yaw is unobservable, and an
estimator that linearises one state at different values gains information on it out of nothing (Li
and Mourikis, IJRR 2013). A yaw that starts known to a milliradian hides that; so the prior on the
first yaw is widened to `YAW_SIGMA_RAD`, and the truth lies one such sigma to one side or the other.
Few landmarks, half of them mono, noisy pixels: the states move after their first estimates.
"""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from tests.simulation import START_NS, Simulation, odometry_of
from vio.backend.landmarks import VisualArrays
from vio.backend.window import ImuFactor, Window
from vio.config import Config, load_config
from vio.data import State
from vio.imu import ImuNoise
from vio.odometry import run

SECONDS = 60.0
SETTLED_S = 2.0  # errors count from here: tilt and biases are known by then
YAW_SIGMA_RAD = 0.15
PIXEL_SIGMA = 1.0
IMU_NOISE = ImuNoise(gyro_noise=5e-4, accel_noise=5e-3, gyro_walk=5e-5, accel_walk=3e-3)


def make_simulation(seed: int) -> Simulation:
    """Return the scenario: a minute of motion about a place, without lens distortion.

    The back end weighs all rays alike; a lens that compresses the image's corners spreads the noise
    of a pixel there, which would be a mismatch of noise and not an inconsistency.
    """
    return Simulation(
        seed, SECONDS, pixel_sigma=PIXEL_SIGMA, noise=IMU_NOISE, max_tracks=40,
        stereo_share=0.5, distortion=(0.0, 0.0, 0.0, 0.0),
    )  # fmt: skip


def true_noise_config(pixel_sigma: float = PIXEL_SIGMA) -> Config:
    """Return the settings for recorded tracks with the simulation's own noise, not inflated."""
    scales = [f"imu.{s}_{n}_scale=1" for s in ("gyro", "accel") for n in ("noise", "walk")]
    scales += ["imu.gyro_noise_floor=0", "imu.accel_noise_floor=0"]
    sigmas = [f"backend.{s}_sigma={pixel_sigma}" for s in ("pixel", "stereo")]
    start = ["init.max_error_px=5", "init.min_landmarks=8"]  # for few landmarks and noisy pixels
    return load_config("euroc", ['frontend.engine="replay"', *scales, *sigmas, *start])


def relinearize_everywhere(window: Window) -> None:
    """Switch first-estimate Jacobians off: every Jacobian is taken at the current states."""
    visual_arrays, imu_rows = window.visual_arrays, window.imu_rows

    def arrays_at_current(slots: np.ndarray) -> VisualArrays:
        arrays = visual_arrays(slots)
        return arrays._replace(R_lin=arrays.R, p_lin=arrays.p)

    def imu_rows_at_current(factor: ImuFactor) -> tuple[np.ndarray, np.ndarray]:
        first = window.R_lin, window.vec_lin
        window.R_lin, window.vec_lin = window.R, window.vec
        try:
            return imu_rows(factor)
        finally:
            window.R_lin, window.vec_lin = first  # the prior still counts from these

    window.visual_arrays, window.imu_rows = arrays_at_current, imu_rows_at_current


def run_experiment(
    sim: Simulation, config: Config, first_estimates: bool = True
) -> tuple[list[State], np.ndarray, np.ndarray]:
    """Return the states, and the (R, p) that move the truth into the estimator's world."""
    odometry = odometry_of(sim, config)
    estimator = odometry.estimator
    initializer = estimator.mono_initializer if sim.rig.is_mono else estimator.initializer
    attempt = initializer.attempt

    def attempt_with_wide_yaw() -> Window | None:
        window = attempt()
        if window is not None:
            assert window.prior is not None
            window.prior.J[2, 2] = 1.0 / YAW_SIGMA_RAD
            if not first_estimates:
                relinearize_everywhere(window)
        return window

    initializer.attempt = attempt_with_wide_yaw
    states = list(run(sim, odometry))
    odometry.finish()
    first = odometry.drain_smoothed()[0]
    assert first.t_ns == START_NS  # the prior ties this pose to the world
    R0, p0 = sim.pose(0.0)
    D = matrix(first.q_world_body) @ R0.T
    side = YAW_SIGMA_RAD * (-1) ** sim.seed
    yaw = np.arctan2(D[1, 0] - D[0, 1], D[0, 0] + D[1, 1]) + side
    R = Rotation.from_euler("z", yaw).as_matrix()
    return states, R, first.p_world_body - R @ p0


def pose_nees(sim: Simulation, states: list[State], R: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return (N, 3): NEES / dimensions of pose, rotation and position of the settled states.

    The error of position is taken after the rotation's error is removed (about the first pose),
    with the covariance transformed alike: exact for any error of yaw, and the same to first order.
    """
    return np.array(list(_nees(sim, states, R, p)))


def _nees(
    sim: Simulation, states: list[State], R: np.ndarray, p: np.ndarray
) -> Iterator[tuple[float, ...]]:
    R_true, p_true = sim.poses((sim.frame_t_ns - START_NS) * 1e-9)
    origin = p + R @ p_true[0]
    for s in states:
        if (s.t_ns - START_NS) * 1e-9 < SETTLED_S or s.covariance is None:
            continue
        k = s.frame_index
        E = matrix(s.q_world_body) @ (R @ R_true[k]).T
        arm = R @ p_true[k] + p - origin
        e = np.concatenate([Rotation.from_matrix(E).as_rotvec(), s.p_world_body - origin - E @ arm])
        T = np.eye(6)
        T[3:, :3] = np.cross(np.eye(3), arm)  # T[3:, :3] @ v = cross(arm, v)
        C = T @ s.covariance[:6, :6] @ T.T
        yield tuple(
            float(e[b] @ np.linalg.solve(C[b, b], e[b])) / len(e[b])
            for b in (slice(0, 6), slice(0, 3), slice(3, 6))
        )


def matrix(q_wxyz: np.ndarray) -> np.ndarray:
    """Return the rotation matrix (3, 3) of a quaternion."""
    return Rotation.from_quat(q_wxyz[[1, 2, 3, 0]]).as_matrix()
