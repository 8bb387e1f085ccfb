# SPDX-License-Identifier: Apache-2.0
"""Dense linear algebra in a fixed order of operations: Householder QR, Cholesky, triangular solves.

Loops run along rows, so the compiler vectorises them without changing the order of any sum: the
result's bytes depend neither on the CPU nor on threads (BLAS's do). Source: Golub and Van Loan,
"Matrix Computations", algorithms 5.1.1, 5.2.1 and 4.2.2.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, inline="always")
def axpy(f: float, x: np.ndarray, y: np.ndarray) -> None:
    """Add f x to y in place; x and y are contiguous rows of one length (vectorises)."""
    for j in range(x.shape[0]):
        y[j] += f * x[j]


@njit(cache=True, nogil=True)
def triangularize(A: np.ndarray, rows: int, cols: int, width: int) -> None:
    """Make the first `cols` columns of A[:rows, :width] upper triangular by Householder steps."""
    zero = A.dtype.type(0.0)
    w = np.empty(width, A.dtype)
    for c in range(min(rows, cols)):
        tail = zero
        for i in range(c + 1, rows):
            tail += A[i, c] * A[i, c]
        if tail == zero:
            continue
        alpha = A[c, c]
        norm = A.dtype.type(math.sqrt(alpha * alpha + tail))
        beta = norm if alpha < zero else -norm
        v0 = alpha - beta
        tau = -v0 / beta
        wc = w[c + 1 : width]
        top = A[c, c + 1 : width]
        for j in range(wc.shape[0]):
            wc[j] = top[j]
        for i in range(c + 1, rows):
            v = A[i, c] / v0
            A[i, c] = v
            if v != zero:
                axpy(v, A[i, c + 1 : width], wc)
        A[c, c] = beta
        for j in range(wc.shape[0]):
            wc[j] *= tau
            top[j] -= wc[j]
        for i in range(c + 1, rows):
            v = A[i, c]
            A[i, c] = zero
            if v != zero:
                axpy(-v, wc, A[i, c + 1 : width])


@njit(cache=True, nogil=True)
def cholesky(H: np.ndarray) -> bool:
    """Replace the upper triangle of H (n, n) by U with H = U'U; return False if not definite."""
    n = H.shape[0]
    zero = H.dtype.type(0.0)
    for k in range(n):
        d = H[k, k]
        if not d > zero:
            return False
        s = H.dtype.type(math.sqrt(d))
        for j in range(k, n):
            H[k, j] /= s
        for i in range(k + 1, n):
            f = H[k, i]
            if f != zero:
                axpy(-f, H[k, i:n], H[i, i:n])
    return True


@njit(cache=True, nogil=True)
def solve_upper(U: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return x (n,) with U x = b for an upper triangular U (n, n)."""
    n = len(b)
    x = b.copy()
    for i in range(n - 1, -1, -1):
        acc = x[i]
        for j in range(i + 1, n):
            acc -= U[i, j] * x[j]
        x[i] = acc / U[i, i]
    return x


@njit(cache=True, nogil=True)
def solve_upper_transposed(U: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return x (n,) with U'x = b for an upper triangular U (n, n)."""
    n = len(b)
    x = b.copy()
    for i in range(n):
        x[i] /= U[i, i]
        f = x[i]
        for j in range(i + 1, n):
            x[j] -= U[i, j] * f
    return x


@njit(cache=True, nogil=True)
def add_gram(H: np.ndarray, g: np.ndarray, J: np.ndarray, r: np.ndarray, cols: np.ndarray) -> None:
    """Add J'J to the upper triangle of H and J'r to g; column k of J is column cols[k] of H."""
    n = len(cols)
    zero = H.dtype.type(0.0)
    for row in range(J.shape[0]):
        for a in range(n):
            f = J[row, a]
            if f != zero:
                g[cols[a]] += f * r[row]
                for b in range(n):
                    if cols[b] >= cols[a]:
                        H[cols[a], cols[b]] += f * J[row, b]


@njit(cache=True, nogil=True)
def solve_normal(
    H: np.ndarray, g: np.ndarray, damping: float
) -> tuple[bool, np.ndarray, np.ndarray]:
    """Solve (H + damping diag(H)) x = -g from the upper triangle of H.

    H is scaled to a unit diagonal first, which float32 needs (biases and positions differ by
    many orders of magnitude). Returns success, x (n,), and U of the scaled system with its scale
    folded in: H = U'U up to the damping.
    """
    n = len(g)
    T = H.dtype.type
    s = np.empty(n, H.dtype)
    for i in range(n):
        s[i] = T(1.0) / T(math.sqrt(H[i, i])) if H[i, i] > T(0.0) else T(1.0)
    U = np.empty((n, n), H.dtype)
    for i in range(n):
        for j in range(i, n):
            U[i, j] = H[i, j] * s[i] * s[j]
        U[i, i] += T(damping)
    ok = cholesky(U)
    x = np.zeros(n, H.dtype)
    if ok:
        y = solve_upper(U, solve_upper_transposed(U, -g * s))
        for i in range(n):
            x[i] = y[i] * s[i]
            for j in range(i, n):
                U[i, j] /= s[j]
    return ok, x, U


@njit(cache=True, nogil=True)
def marginal_covariance(U: np.ndarray, first: int, count: int) -> np.ndarray:
    """Return the block (count, count) from `first` of (U'U)^-1."""
    n = U.shape[0] - first  # rows and columns before the block do not enter
    V = np.ascontiguousarray(U[first:, first:])
    C = np.zeros((count, count), U.dtype)
    Y = np.zeros((count, n), U.dtype)
    e = np.zeros(n, U.dtype)
    for k in range(count):
        e[:] = U.dtype.type(0.0)
        e[k] = U.dtype.type(1.0)
        Y[k] = solve_upper_transposed(V, e)
    for a in range(count):
        for b in range(count):
            acc = U.dtype.type(0.0)
            for j in range(n):
                acc += Y[a, j] * Y[b, j]
            C[a, b] = acc
    return C


def least_squares(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return x (n,) that minimises |A x - b| for A (m, n) of full rank, by QR."""
    m, n = A.shape
    W = np.ascontiguousarray(np.column_stack([A, b]))
    triangularize(W, m, n, n + 1)
    return solve_upper(np.ascontiguousarray(W[:n, :n]), W[:n, n].copy())
