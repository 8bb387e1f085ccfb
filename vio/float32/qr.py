# SPDX-License-Identifier: Apache-2.0
"""The back end's row operations in float32, bit-exact with hls/qr.x.

Every step is one of vio/float32/float.py, in the order of the DSLX. Source: Golub and Van Loan,
"Matrix Computations", 4th ed., 3.1, 5.1; nullspace projection: Demmel et al., "Square root
bundle adjustment for large-scale reconstruction", CVPR 2021.
"""

import numpy as np
from numba import njit

from vio.float32.float import absolute, add, div, lt, mul, neg, select, sqrt, sub

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_NOTHING = np.float32(1e-30)
_SINGULAR = np.float32(1e-6)


@njit(cache=True)
def multiply_add(total: np.ndarray, a: np.float32, b: np.ndarray) -> None:
    """Add a b to `total`, both (width,), in place."""
    for k in range(len(total)):
        total[k] = add(total[k], mul(a, b[k]))


@njit(cache=True)
def reflector(alpha: np.float32, norm2: np.float32) -> tuple[np.float32, np.float32, np.float32]:
    """Return (beta, v0, t) of a column with first entry alpha and squared length norm2."""
    norm = sqrt(norm2)
    beta = select(lt(alpha, _ZERO), norm, neg(norm))
    v0 = sub(alpha, beta)
    t = div(_ONE, mul(beta, v0))
    nothing = lt(norm2, _NOTHING)
    return select(nothing, alpha, beta), v0, select(nothing, _ZERO, t)


@njit(cache=True)
def householder(pivot: np.ndarray, rows: np.ndarray) -> None:
    """Reflect a pivot row (width,) and the rows (n, width) below it in place; column 0 keeps v."""
    norm2 = mul(pivot[0], pivot[0])
    for i in range(len(rows)):
        norm2 = add(norm2, mul(rows[i, 0], rows[i, 0]))
    beta, v0, t = reflector(pivot[0], norm2)
    w = np.empty(len(pivot), np.float32)
    for k in range(len(w)):
        w[k] = mul(v0, pivot[k])
    for i in range(len(rows)):
        multiply_add(w, rows[i, 0], rows[i])
    for k in range(len(w)):
        w[k] = mul(t, w[k])
    multiply_add(pivot, v0, w)
    pivot[0] = beta
    for i in range(len(rows)):
        multiply_add(rows[i, 1:], rows[i, 0], w[1:])


@njit(cache=True)
def nullspace(block: np.ndarray) -> None:
    """Make the first three columns of a landmark's block (m, w) upper triangular, in place.

    The rows below the third are then its projection on the left nullspace of these columns, which
    keep v below their pivots.
    """
    for c in range(3):
        householder(block[c, c:], block[c + 1 :, c:])


@njit(cache=True)
def dot(x: np.ndarray, y: np.ndarray) -> np.float32:
    """Return x'y of (n,) vectors, n a multiple of 8: eight partial sums, then a tree of halves."""
    sums = np.empty(8, np.float32)
    for k in range(8):
        sums[k] = mul(x[k], y[k])
    for k in range(8, len(x)):
        sums[k % 8] = add(sums[k % 8], mul(x[k], y[k]))
    for half in (4, 2, 1):
        for k in range(half):
            sums[k] = add(sums[k], sums[k + half])
    return sums[0]


@njit(cache=True)
def givens(a: np.float32, b: np.float32) -> tuple[np.float32, np.float32, np.float32]:
    """Return (c, s, r) with c a + s b = r and c b - s a = 0."""
    norm2 = add(mul(a, a), mul(b, b))
    r = sqrt(norm2)
    inverse = div(_ONE, r)
    nothing = lt(norm2, _NOTHING)
    c = select(nothing, _ONE, mul(a, inverse))
    return c, select(nothing, _ZERO, mul(b, inverse)), select(nothing, a, r)


@njit(cache=True)
def rotate(c: np.float32, s: np.float32, x: np.ndarray, y: np.ndarray) -> None:
    """Rotate two rows (width,) in place: (c x + s y, c y - s x)."""
    for k in range(len(x)):
        u, v = x[k], y[k]
        x[k] = add(mul(c, u), mul(s, v))
        y[k] = sub(mul(c, v), mul(s, u))


@njit(cache=True)
def solve_step(b: np.float32, total: np.float32, diagonal: np.float32) -> np.float32:
    """Return one unknown of a triangular system: (b - total) / diagonal."""
    return div(sub(b, total), diagonal)


@njit(cache=True)
def solve(U: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return x (n,) of U x = b, U (n, n) upper triangular; 0 where its diagonal is below 1e-6."""
    x = np.zeros(len(b), np.float32)
    for i in range(len(b) - 1, -1, -1):
        total = _ZERO
        for j in range(i + 1, len(b)):
            total = add(total, mul(U[i, j], x[j]))
        free = lt(_SINGULAR, absolute(U[i, i]))
        x[i] = select(free, solve_step(b[i], total, select(free, U[i, i], _ONE)), _ZERO)
    return x
