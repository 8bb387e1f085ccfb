# SPDX-License-Identifier: Apache-2.0
"""Every Jacobian of the back end against numerical differences."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vio.backend.factors import imu_jacobian, imu_residual, project_landmark
from vio.backend.states import local_difference, retract
from vio.geometry import exp_so3

H = 1e-6
GRAVITY = np.array([0.0, 0.0, -9.81])


def rotation(rng: np.random.Generator) -> np.ndarray:
    """Return a random rotation matrix."""
    return np.ascontiguousarray(Rotation.random(random_state=rng).as_matrix())


class ImuCase:
    """A random pair of states with a preintegration that does not fit them exactly."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.R_i = rotation(rng)
        self.R_j = self.R_i @ exp_so3(rng.normal(size=3) * 0.3)
        self.x_i, self.x_j = rng.normal(size=(2, 12))
        dR = self.R_i.T @ self.R_j @ exp_so3(rng.normal(size=3) * 0.1)
        J_bias = rng.normal(size=(9, 6))
        J_bias[:3, 3:] = 0.0
        bias0 = self.x_i[6:] + rng.normal(size=6) * 0.1
        self.dt, self.dR, self.J_bias, self.bias0 = 0.7, dR, J_bias, bias0
        self.dv, self.dp = rng.normal(size=(2, 3))

    def residual(self, d: np.ndarray) -> np.ndarray:
        """Return the residual after the perturbation d (30,)."""
        return imu_residual(
            exp_so3(d[:3]) @ self.R_i,
            self.x_i + d[3:15],
            exp_so3(d[15:18]) @ self.R_j,
            self.x_j + d[18:],
            self.dt,
            self.dR,
            self.dv,
            self.dp,
            self.J_bias,
            self.bias0,
            GRAVITY,
        )

    def jacobian(self) -> np.ndarray:
        """Return the analytic Jacobian (15, 30)."""
        return imu_jacobian(
            self.R_i, self.x_i, self.R_j, self.x_j, self.dt, self.dR, self.J_bias, self.bias0,
            GRAVITY,
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_inertial_jacobian_equals_numerical_differences(seed: int) -> None:
    case = ImuCase(seed)
    steps = np.eye(30) * H
    numeric = np.stack([(case.residual(s) - case.residual(-s)) / (2 * H) for s in steps], axis=1)
    np.testing.assert_allclose(case.jacobian(), numeric, atol=1e-7)


def test_inertial_residual_vanishes_on_exact_motion() -> None:
    rng = np.random.default_rng(1)
    R, a, dt = rotation(rng), rng.normal(size=3), 0.4
    x_i = rng.normal(size=12)
    force = R.T @ (a - GRAVITY)  # constant, without rotation
    x_j = x_i.copy()
    x_j[:3] += x_i[3:6] * dt + 0.5 * a * dt**2
    x_j[3:6] += a * dt
    r = imu_residual(
        R, x_i, R, x_j, dt, np.eye(3), force * dt, 0.5 * force * dt**2, np.zeros((9, 6)),
        x_i[6:], GRAVITY,
    )  # fmt: skip
    np.testing.assert_allclose(r, 0.0, atol=1e-12)


class ViewCase:
    """A random landmark seen by two nearby frames of a rig."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        R0 = rotation(rng)
        self.R_cam_body = np.stack([R0, exp_so3(rng.normal(size=3) * 0.02) @ R0])
        self.p_cam_body = rng.normal(size=(2, 3)) * 0.1
        self.R_body_cam0 = np.ascontiguousarray(R0.T)
        self.p_body_cam0 = -R0.T @ self.p_cam_body[0]
        self.R_h = rotation(rng)
        self.p_h = rng.normal(size=3)
        self.R_t = self.R_h @ exp_so3(rng.normal(size=3) * 0.1)
        self.p_t = self.p_h + rng.normal(size=3) * 0.2
        self.landmark = np.array([0.2, -0.3, 0.5])

    def project(self, cam: int, same: bool = False) -> np.ndarray:
        """Return J (2, 16) of project_landmark."""
        J = np.zeros((2, 16))
        R_t, p_t = (self.R_h, self.p_h) if same else (self.R_t, self.p_t)
        assert project_landmark(
            self.R_h, self.p_h, R_t, p_t, same, cam, self.R_cam_body, self.p_cam_body,
            self.R_body_cam0, self.p_body_cam0, self.landmark, J,
        )  # fmt: skip
        return J

    def direct(self, d: np.ndarray, cam: int, same: bool) -> np.ndarray:
        """Return the ray (2,) after the perturbation d (15,), written without inverse depth."""
        x, y, rho = self.landmark + d[:3]
        X_cam = np.array([x, y, 1.0]) / rho
        R_h, p_h = exp_so3(d[3:6]) @ self.R_h, self.p_h + d[6:9]
        R_t, p_t = exp_so3(d[9:12]) @ self.R_t, self.p_t + d[12:15]
        if same:
            R_h, p_h = self.R_h, self.p_h
            R_t, p_t = R_h, p_h
        X_world = R_h @ (self.R_body_cam0 @ X_cam + self.p_body_cam0) + p_h
        q = self.R_cam_body[cam] @ R_t.T @ (X_world - p_t) + self.p_cam_body[cam]
        return q[:2] / q[2]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cam", [0, 1])
@pytest.mark.parametrize("same", [False, True])
def test_projection_and_its_jacobian_equal_numerical_differences(
    seed: int, cam: int, same: bool
) -> None:
    case = ViewCase(seed)
    J = case.project(cam, same)
    np.testing.assert_allclose(J[:, 15], case.direct(np.zeros(15), cam, same), atol=1e-12)
    numeric = np.stack(
        [
            (case.direct(s, cam, same) - case.direct(-s, cam, same)) / (2 * H)
            for s in np.eye(15) * H
        ],
        axis=1,
    )
    np.testing.assert_allclose(J[:, :15], numeric, atol=1e-8)


def test_a_landmark_behind_the_camera_is_refused() -> None:
    case = ViewCase(0)
    R_turned = np.ascontiguousarray(
        case.R_h @ case.R_body_cam0 @ np.diag([1.0, -1.0, -1.0]) @ case.R_body_cam0.T
    )
    assert not project_landmark(
        case.R_h, case.p_h, R_turned, case.p_h, False, 0, case.R_cam_body, case.p_cam_body,
        case.R_body_cam0, case.p_body_cam0, case.landmark, np.zeros((2, 16)),
    )  # fmt: skip


def test_local_difference_is_the_inverse_of_retract() -> None:
    rng = np.random.default_rng(5)
    R_lin = np.stack([rotation(rng) for _ in range(3)])
    vec_lin = rng.normal(size=(3, 12))
    slots, dims = np.array([2, 0]), np.array([15, 6])
    dx = rng.normal(size=21) * 0.3
    R, vec = R_lin.copy(), vec_lin.copy()
    retract(R, vec, slots, dims, dx)
    np.testing.assert_allclose(
        local_difference(R, vec, R_lin, vec_lin, slots, dims), dx, atol=1e-12
    )
    np.testing.assert_array_equal(R[1], R_lin[1])
