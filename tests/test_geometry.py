# SPDX-License-Identifier: Apache-2.0
"""Rotations obey the group laws, equal scipy's, and their Jacobians equal numerical differences."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from vio.geometry import (
    exp_so3,
    hat,
    inverse_right_jacobian_so3,
    invert_transform,
    log_so3,
    matrix_from_quaternion,
    mul3,
    mul33,
    mulT3,
    mulT33,
    quaternion_from_matrix,
    right_jacobian_so3,
    transform_from,
)

PRECISIONS = [np.float32, np.float64]
# Rounding of a handful of operations on numbers near 1.
EPSILON = {np.float32: 6e-7, np.float64: 2e-15}

matrices = arrays(np.float64, (3, 3), elements=st.floats(-10, 10))
vectors = arrays(np.float64, 3, elements=st.floats(-10, 10))


@st.composite
def rotation_vectors(draw: st.DrawFn, up_to: float = np.pi - 1e-6) -> np.ndarray:
    """Draw rotation vectors with angles of all magnitudes, 0 and nearly pi among them."""
    axis = np.array([draw(st.floats(-1, 1)) for _ in range(3)])
    norm = np.linalg.norm(axis)
    axis = axis / norm if norm > 1e-3 else np.array([0.0, 0.6, -0.8])
    angle = draw(
        st.one_of(
            st.floats(0, up_to),
            st.sampled_from([0.0, 1e-300, 1e-12, 1e-8, 1e-4, up_to]),
        )
    )
    return angle * axis


def numerical_right_jacobian(phi: np.ndarray) -> np.ndarray:
    """Return d Log(Exp(phi)^-1 Exp(phi + d)) / d d at 0 by central differences, with scipy."""
    inverse = Rotation.from_rotvec(phi).inv()
    h = 1e-5
    columns = []
    for e in np.eye(3):
        ahead = (inverse * Rotation.from_rotvec(phi + h * e)).as_rotvec()
        behind = (inverse * Rotation.from_rotvec(phi - h * e)).as_rotvec()
        columns.append((ahead - behind) / (2 * h))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("precision", PRECISIONS)
@given(phi=rotation_vectors(up_to=20.0))
def test_exp_equals_scipys_and_is_a_rotation(precision: type, phi: np.ndarray) -> None:
    R = exp_so3(phi.astype(precision))
    assert R.dtype == precision
    expected = Rotation.from_rotvec(phi.astype(precision).astype(np.float64)).as_matrix()
    assert np.abs(R - expected).max() <= 10 * EPSILON[precision]
    wide = R.astype(np.float64)
    assert np.abs(wide.T @ wide - np.eye(3)).max() <= 5 * EPSILON[precision]
    assert np.linalg.det(wide) > 0.99


@pytest.mark.parametrize("precision", PRECISIONS)
@given(phi=rotation_vectors())
def test_log_equals_scipys(precision: type, phi: np.ndarray) -> None:
    R = Rotation.from_rotvec(phi).as_matrix().astype(precision)
    got = log_so3(R)
    assert got.dtype == precision
    expected = Rotation.from_matrix(R.astype(np.float64)).as_rotvec()
    assert np.abs(got - expected).max() <= 10 * EPSILON[precision] * max(1, np.pi)


@pytest.mark.parametrize("precision", PRECISIONS)
@given(phi=rotation_vectors(up_to=3.1))
def test_log_undoes_exp(precision: type, phi: np.ndarray) -> None:
    phi = phi.astype(precision)
    assert np.abs(log_so3(exp_so3(phi)) - phi).max() <= 20 * EPSILON[precision]


@given(phi=rotation_vectors(up_to=1e-7))
def test_small_rotations_keep_all_their_digits(phi: np.ndarray) -> None:
    assert np.abs(log_so3(exp_so3(phi)) - phi).max() <= 1e-15 * np.abs(phi).max() + 1e-300


@given(phi=rotation_vectors(up_to=1e-9))
def test_angles_near_pi_are_found_on_either_side(phi: np.ndarray) -> None:
    axis = np.array([2.0, -1.0, 2.0]) / 3.0
    R = exp_so3((np.pi - 1e-9) * axis + phi)
    back = log_so3(R)
    assert np.linalg.norm(back) <= np.pi + 1e-15
    assert np.abs(exp_so3(back) - R).max() < 1e-14


@given(a=rotation_vectors(), b=rotation_vectors(), c=rotation_vectors())
def test_rotations_are_a_group(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    A, B, C = exp_so3(a), exp_so3(b), exp_so3(c)
    assert np.abs(mul33(mul33(A, B), C) - mul33(A, mul33(B, C))).max() < 1e-14
    assert np.abs(mul33(A, exp_so3(-a)) - np.eye(3)).max() < 1e-14
    assert np.abs(mulT33(A, A) - np.eye(3)).max() < 1e-14
    # The adjoint: A Exp(b) A^-1 = Exp(A b).
    assert np.abs(mul33(mul33(A, B), A.T.copy()) - exp_so3(mul3(A, b))).max() < 1e-13


@given(a=matrices, b=matrices, x=vectors)
def test_products_equal_numpys(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> None:
    for precision in PRECISIONS:
        A, B, X = a.astype(precision), b.astype(precision), x.astype(precision)
        wide = [v.astype(np.float64) for v in (A, B, X)]
        bound = 1000 * EPSILON[precision]
        for got, expected in (
            (mul33(A, B), wide[0] @ wide[1]),
            (mulT33(A, B), wide[0].T @ wide[1]),
            (mul3(A, X), wide[0] @ wide[2]),
            (mulT3(A, X), wide[0].T @ wide[2]),
            (mul3(hat(X), B[0].copy()), np.cross(wide[2], wide[1][0])),
        ):
            assert got.dtype == precision
            assert np.abs(got - expected).max() <= bound
        assert np.array_equal(hat(X), -hat(X).T)


@pytest.mark.parametrize("precision", PRECISIONS)
@given(phi=rotation_vectors(up_to=np.pi))
@example(phi=np.array([np.pi, 0.0, 0.0]))
@example(phi=np.array([0.0, np.pi, 0.0]))
@example(phi=np.array([0.0, 0.0, np.pi]))
def test_quaternions_equal_scipys_and_come_back(precision: type, phi: np.ndarray) -> None:
    R = Rotation.from_rotvec(phi).as_matrix().astype(precision)
    q = quaternion_from_matrix(R)
    assert q.dtype == precision
    assert q[0] >= 0.0
    assert abs(np.linalg.norm(q.astype(np.float64)) - 1.0) <= EPSILON[precision]
    expected = Rotation.from_matrix(R.astype(np.float64)).as_quat(scalar_first=True)
    assert min(np.abs(q - expected).max(), np.abs(q + expected).max()) <= 5 * EPSILON[precision]
    back = matrix_from_quaternion(q)
    assert back.dtype == precision
    assert np.abs(back - R).max() <= 5 * EPSILON[precision]
    assert np.abs(matrix_from_quaternion(-q) - back).max() == 0.0
    longer = matrix_from_quaternion(q * precision(3.0))
    assert np.abs(longer - back).max() <= 5 * EPSILON[precision]


@given(phi=rotation_vectors(up_to=3.1))
def test_the_right_jacobian_equals_numerical_differences(phi: np.ndarray) -> None:
    assert np.abs(right_jacobian_so3(phi) - numerical_right_jacobian(phi)).max() < 1e-9


@given(phi=rotation_vectors(up_to=3.1))
def test_the_inverse_right_jacobian_is_the_inverse(phi: np.ndarray) -> None:
    product = right_jacobian_so3(phi) @ inverse_right_jacobian_so3(phi)
    assert np.abs(product - np.eye(3)).max() < 1e-12


@given(phi=rotation_vectors(up_to=2.9), d=rotation_vectors(up_to=1e-5))
def test_the_inverse_right_jacobian_is_the_slope_of_log(phi: np.ndarray, d: np.ndarray) -> None:
    moved = (Rotation.from_rotvec(phi) * Rotation.from_rotvec(d)).as_rotvec()
    assert np.abs(moved - phi - inverse_right_jacobian_so3(phi) @ d).max() < 1e-8


@given(phi=rotation_vectors(up_to=3.0))
def test_jacobians_in_single_precision_equal_those_in_double(phi: np.ndarray) -> None:
    narrow = phi.astype(np.float32)
    for function in (right_jacobian_so3, inverse_right_jacobian_so3):
        got = function(narrow)
        assert got.dtype == np.float32
        assert np.abs(got - function(narrow.astype(np.float64))).max() < 2e-6


def test_the_comparison_of_jacobians_fails_for_the_left_one() -> None:
    phi = np.array([0.3, -0.8, 0.5])
    left = right_jacobian_so3(-phi)
    assert np.abs(left - numerical_right_jacobian(phi)).max() > 0.1


@given(phi=rotation_vectors(), p=vectors, x=vectors)
def test_inverse_transforms_take_points_back(phi: np.ndarray, p: np.ndarray, x: np.ndarray) -> None:
    T = transform_from(exp_so3(phi), p)
    assert np.array_equal(T[3], [0, 0, 0, 1])
    assert np.abs(invert_transform(T) @ T - np.eye(4)).max() < 1e-13
    there = T @ np.append(x, 1.0)
    assert np.abs(there[:3] - (exp_so3(phi) @ x + p)).max() < 1e-13
    assert np.abs((invert_transform(T) @ there)[:3] - x).max() < 1e-13
