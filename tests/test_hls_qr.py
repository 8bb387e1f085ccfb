# SPDX-License-Identifier: Apache-2.0
"""The float32 row operations of the back end against numpy in float64."""

import numpy as np

from vio.float32 import cholesky as cholesky32
from vio.float32 import qr as qr32
from vio.float32.kernels import Kernels


def test_householder_steps_make_the_triangle_of_numpy_up_to_signs():
    rng = np.random.default_rng(1)
    for _ in range(50):
        A = rng.normal(size=(7, 5)).astype(np.float32)
        mine = A.copy()
        for c in range(4):
            qr32.householder(mine[c, c:], mine[c + 1 :, c:])
        theirs = np.linalg.qr(A.astype(np.float64), mode="r")
        for c in range(4):
            np.testing.assert_allclose(np.abs(mine[c, c:]), np.abs(theirs[c, c:]), atol=3e-6)


def test_the_nullspace_projection_is_free_of_the_landmark_and_keeps_lengths():
    rng = np.random.default_rng(4)
    J_l, J_p = rng.normal(size=(8, 3)), rng.normal(size=(8, 13))
    block = np.concatenate([J_l, J_p], axis=1).astype(np.float32)
    whole = block.astype(np.float64)
    qr32.nullspace(block)
    # What no step of the landmark can take away: the part of J_p off the columns of J_l.
    Q = np.linalg.qr(whole[:, :3])[0]
    off = whole[:, 3:] - Q @ (Q.T @ whole[:, 3:])
    left = block[3:, 3:].astype(np.float64)
    np.testing.assert_allclose(left.T @ left, off.T @ off, atol=2e-5)


def test_dot_products_and_triangular_solves_are_those_of_numpy():
    rng = np.random.default_rng(6)
    kernels = Kernels()
    for _ in range(20):
        x, y = rng.normal(size=(2, 24)).astype(np.float32)
        got = qr32.dot(x, y)
        np.testing.assert_allclose(got, x.astype(np.float64) @ y, atol=1e-5)
        assert got == kernels.rows_sum(x, y[:, None])[0]
        U = np.triu(rng.normal(size=(3, 3)) + 3 * np.eye(3)).astype(np.float32)
        b = rng.normal(size=3).astype(np.float32)
        expected = np.linalg.solve(U.astype(np.float64), b)
        np.testing.assert_allclose(qr32.solve(U, b), expected, rtol=2e-5, atol=1e-6)
    U[1, 1] = 1e-7
    assert qr32.solve(U, b)[1] == 0.0


def test_a_column_of_zeros_is_left_alone():
    block = np.zeros((3, 4), np.float32)
    block[0, 1:] = 1.5
    before = block.copy()
    qr32.householder(block[0], block[1:])
    np.testing.assert_array_equal(block, before)
    assert qr32.givens(np.float32(0.0), np.float32(0.0)) == (1.0, 0.0, 0.0)


def test_a_givens_turn_keeps_lengths_and_makes_a_zero():
    rng = np.random.default_rng(2)
    for scale in (1e-12, 1.0, 1e12):
        x, y = (scale * rng.normal(size=(2, 6))).astype(np.float32)
        length = np.hypot(x.astype(np.float64), y)
        c, s, r = qr32.givens(x[0], y[0])
        qr32.rotate(c, s, x, y)
        np.testing.assert_allclose(np.hypot(x.astype(np.float64), y), length, rtol=4e-7)
        assert abs(y[0]) <= 2e-7 * length[0]
        np.testing.assert_allclose([x[0], r], length[0], rtol=4e-7)


def test_cholesky_by_its_kernels_factors_a_matrix():
    rng = np.random.default_rng(3)
    B = rng.normal(size=(6, 6))
    H = (B @ B.T + 6 * np.eye(6)).astype(np.float32)
    U = H.copy()
    for k in range(6):
        u, inverse, positive = cholesky32.pivot(U[k, k])
        assert positive
        U[k, k] = u
        for j in range(k + 1, 6):
            U[k, j] = U[k, j] * inverse
        for i in range(k + 1, 6):
            cholesky32.downdate(U[i, i:], U[k, i], U[k, i:])
    np.testing.assert_allclose(np.triu(U), np.linalg.cholesky(H.astype(np.float64)).T, atol=2e-5)
    assert not cholesky32.pivot(np.float32(-1.0))[2]
