# SPDX-License-Identifier: Apache-2.0
"""The back end's linear algebra against numpy's (LAPACK)."""

import numpy as np
import pytest

from vio.backend.solve import (
    add_gram,
    cholesky,
    least_squares,
    marginal_covariance,
    solve_normal,
    solve_upper,
    solve_upper_transposed,
    triangularize,
)

DTYPES = [(np.float64, 1e-10), (np.float32, 2e-3)]


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
def test_triangularize_keeps_the_gram_matrix_and_clears_below_the_diagonal(
    dtype: type, tolerance: float
) -> None:
    A = np.random.default_rng(0).normal(size=(40, 13)).astype(dtype)
    Q = A.copy()
    triangularize(Q, 40, 9, 13)
    assert Q.dtype == dtype
    assert not np.tril(Q[:, :9], -1).any()
    np.testing.assert_allclose(Q.T @ Q, A.T @ A, atol=tolerance * 40)


def test_triangularize_equals_lapack_up_to_signs() -> None:
    A = np.random.default_rng(1).normal(size=(20, 7))
    R = np.linalg.qr(A, mode="r")
    triangularize(A, 20, 7, 7)
    np.testing.assert_allclose(np.abs(A[:7]), np.abs(R), atol=1e-12)


def test_triangularize_accepts_zero_columns_and_few_rows() -> None:
    A = np.zeros((3, 6))
    A[:, 2] = [1.0, 2.0, 2.0]
    triangularize(A, 3, 6, 6)
    assert np.isfinite(A).all()
    assert abs(np.linalg.norm(A) - 3.0) < 1e-12


def test_cholesky_and_solves_equal_numpy() -> None:
    rng = np.random.default_rng(2)
    B = rng.normal(size=(30, 12))
    H, b = B.T @ B, rng.normal(size=12)
    U = H.copy()
    assert cholesky(U)
    U = np.triu(U)
    np.testing.assert_allclose(U, np.linalg.cholesky(H).T, atol=1e-12)
    np.testing.assert_allclose(solve_upper(U, b), np.linalg.solve(U, b), atol=1e-10)
    np.testing.assert_allclose(solve_upper_transposed(U, b), np.linalg.solve(U.T, b), atol=1e-10)


def test_cholesky_refuses_an_indefinite_matrix() -> None:
    assert not cholesky(np.diag([1.0, -1.0]))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-2)])
def test_solve_normal_solves_badly_scaled_systems(dtype: type, tolerance: float) -> None:
    rng = np.random.default_rng(3)
    scale = np.logspace(-4, 4, 10)
    J = rng.normal(size=(40, 10)) * scale
    r = rng.normal(size=40)
    H, g = np.zeros((10, 10), dtype), np.zeros(10, dtype)
    add_gram(H, g, J.astype(dtype), r.astype(dtype), np.arange(10))
    ok, x, U = solve_normal(H, g, 0.0)
    assert ok
    expected = np.linalg.lstsq(J, -r, rcond=None)[0]
    np.testing.assert_allclose(x * scale, expected * scale, atol=tolerance)
    gram = (J / scale).T @ (J / scale)
    np.testing.assert_allclose(np.triu(U).T @ np.triu(U) / np.outer(scale, scale), gram, atol=0.01)


def test_add_gram_scatters_columns_to_the_upper_triangle() -> None:
    rng = np.random.default_rng(4)
    J, r, cols = rng.normal(size=(5, 3)), rng.normal(size=5), np.array([4, 0, 2])
    full = np.zeros((5, 6))
    full[:, cols] = J
    H, g = np.zeros((6, 6)), np.zeros(6)
    add_gram(H, g, J, r, cols)
    np.testing.assert_allclose(H, np.triu(full.T @ full), atol=1e-12)
    np.testing.assert_allclose(g, full.T @ r, atol=1e-12)


def test_marginal_covariance_is_a_block_of_the_inverse() -> None:
    B = np.random.default_rng(5).normal(size=(30, 12))
    U = np.linalg.cholesky(B.T @ B).T.copy()
    expected = np.linalg.inv(B.T @ B)[7:12, 7:12]
    np.testing.assert_allclose(marginal_covariance(U, 7, 5), expected, atol=1e-12)


def test_least_squares_equals_numpy() -> None:
    rng = np.random.default_rng(6)
    A, b = rng.normal(size=(25, 8)), rng.normal(size=25)
    np.testing.assert_allclose(
        least_squares(A, b), np.linalg.lstsq(A, b, rcond=None)[0], atol=1e-11
    )
