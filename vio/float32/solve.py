# SPDX-License-Identifier: Apache-2.0
"""Cholesky, triangular solves and Householder QR by the kernels of vio/float32/kernels.py.

The order of operations is the hardware's: a column's update of what lies right of it is one batch.
Source: Golub and Van Loan, "Matrix Computations", 4th ed., 4.2, 3.1 and 5.2.
"""

from functools import lru_cache

import numpy as np

from vio.float32.kernels import Kernels

_ONE = np.float32(1.0)


@lru_cache(maxsize=256)
def triangle(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns of an upper triangle with its diagonal."""
    return np.triu_indices(n)


def solve_normal(
    kernels: Kernels, H: np.ndarray, g: np.ndarray, damping: float
) -> tuple[bool, np.ndarray]:
    """Solve (H + damping diag(H)) x = -g from the upper triangle of H (n, n), as solve.py.

    Returns success and x (n,).
    """
    n = len(g)
    diagonal = np.diag(H)
    positive = diagonal > 0
    s = np.where(positive, kernels.pivot(np.where(positive, diagonal, _ONE))[1], _ONE)
    i, j = triangle(n)
    U = np.zeros((n, n), np.float32)
    U[i, j] = kernels.mul(kernels.mul(H[i, j], s[i]), s[j])
    U[np.arange(n), np.arange(n)] = kernels.add(np.diag(U), np.float32(damping))
    y = kernels.mul(-g, s)
    inverse = np.zeros(n, np.float32)
    for k in range(n):
        if not U[k, k] > 0:
            return False, np.zeros(n, np.float32)
        pivot = U[k, k]
        root, inv = kernels.pivot(U[k, k : k + 1])
        U[k, k], inverse[k] = root[0], inv[0]
        if k + 1 == n:
            break
        # The right side is one more column of the system.
        row = kernels.mul(np.append(U[k, k + 1 :], y[k]), inv)
        if kernels.trace is not None:
            below = np.append(U[k + 1, k + 1 :], y[k + 1])
            kernels.trace("column", np.stack([row, below, np.full_like(row, pivot)]))
        U[k, k + 1 :], y[k] = row[:-1], row[-1]
        a, b = triangle(n - k - 1)
        rest = np.concatenate([U[k + 1 + a, k + 1 + b], y[k + 1 :]])
        right = np.concatenate([row[b], np.full(n - k - 1, row[-1])])
        rest = kernels.downdate(rest, np.concatenate([row[a], row[:-1]]), right)
        U[k + 1 + a, k + 1 + b], y[k + 1 :] = rest[: len(a)], rest[len(a) :]
    y[n - 1] = kernels.mul(y[n - 1 :], inverse[n - 1])[0]
    x = y
    for k in range(n - 1, -1, -1):
        x[k] = kernels.mul(x[k : k + 1], inverse[k])[0]
        if k:
            x[:k] = kernels.downdate(x[:k], U[:k, k], x[k])
    return True, kernels.mul(x, s)


def triangularize(kernels: Kernels, A: np.ndarray, rows: int, columns: int) -> None:
    """Make the first `columns` columns of A[:rows] upper triangular by Householder steps."""
    for c in range(min(rows, columns)):
        below = c + 1 + np.flatnonzero(A[c + 1 : rows, c])  # zeros change no sum
        if not len(below):
            continue
        if kernels.trace is not None:
            kernels.trace("rows", A[[c, *below], c:])
        v = A[below, c]
        alpha = A[c, c : c + 1]
        norm2 = kernels.add(kernels.mul(alpha, alpha), kernels.rows_sum(v, v[:, None]))
        beta, v0, t = kernels.reflector(alpha, norm2)
        top, rest = A[c, c + 1 :], A[below, c + 1 :]
        w = kernels.mul(t, kernels.add(kernels.mul(v0, top), kernels.rows_sum(v, rest)))
        A[c, c + 1 :] = kernels.multiply_add(top, v0, w)
        A[below, c + 1 :] = kernels.multiply_add(rest, v[:, None], w)
        A[c, c], A[below, c] = beta[0], 0.0


def add_products(
    kernels: Kernels, Hg: np.ndarray, J: np.ndarray, r: np.ndarray, columns: np.ndarray, n: int
) -> None:
    """Add J'J and J'r of rows J (m, k) to Hg = [H row by row, g], (n n + n,), in place.

    columns: (k,) where J's columns lie in H. Only H's upper triangle is filled.
    """
    order = np.argsort(columns, kind="stable")
    columns, J = columns[order], J[:, order]
    for whole, residual in zip(J, r, strict=True):
        there = np.flatnonzero(whole)  # zeros change no sum
        row, at_row = whole[there], columns[there]
        a, b = triangle(len(row))
        at = np.concatenate([at_row[a] * n + at_row[b], n * n + at_row])
        left = np.concatenate([row[a], row])
        right = np.concatenate([row[b], np.full(len(row), residual, np.float32)])
        Hg[at] = kernels.multiply_add(Hg[at], left, right)
