# SPDX-License-Identifier: Apache-2.0
"""The float32 row operations of the back end against numpy in float64."""

import numpy as np

from vio import qr32


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
        u, inverse, positive = qr32.cholesky_pivot(U[k, k])
        assert positive
        U[k, k] = u
        for j in range(k + 1, 6):
            U[k, j] = U[k, j] * inverse
        for i in range(k + 1, 6):
            qr32.downdate(U[i, i:], U[k, i], U[k, i:])
    np.testing.assert_allclose(np.triu(U), np.linalg.cholesky(H.astype(np.float64)).T, atol=2e-5)
    assert not qr32.cholesky_pivot(np.float32(-1.0))[2]
