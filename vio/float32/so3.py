# SPDX-License-Identifier: Apache-2.0
"""Rotations in float32, as hls/so3.x computes them to the bit: exp, log, right Jacobian, inverse.

Every step is one of vio/float32/float.py, in the order of the DSLX. The mathematics is that of
vio/geometry.py (Forster et al., T-RO 2017, eqs. 1-8), its series polynomials fitted to angles up to
pi: a longer rotation vector is not allowed.
"""

import numpy as np
from numba import njit

from vio.float32.float import add, div, lt, mul, neg, select, sqrt, sub


def _coefficients(*words: int) -> np.ndarray:
    return np.array(words, np.uint32).view(np.float32)


# With x = t^2: sin(t) / t; (1 - cos t) / t^2; (t - sin t) / t^3; 1 / t^2 - (1 + cos t) /
# (2 t sin t); atan(u) / u with x = u^2. Their errors stand in hls/so3.x.
_SINC = _coefficients(
    *(0x3F800000, 0xBE2AAAAB, 0x3C088889, 0xB9500D00, 0x3638EF0F, 0xB2D73071, 0x2F307335),
    *(0xAB54B08D, 0x272CDEB6),
)
_COSC = _coefficients(
    *(0x3F000000, 0xBD2AAAAB, 0x3AB60B5A, 0xB7D00BEC, 0x3493DEA0, 0xB10E007A, 0x2D2E26FB)
)
_CUBIC = _coefficients(
    *(0x3E2AAAAB, 0xBC088889, 0x39500CFE, 0xB638EEA2, 0x32D72027, 0xAF2F38A7, 0x2B3D6220)
)
_INVERSE = _coefficients(
    *(0x3DAAAAAB, 0x3AB60B66, 0x380AB198, 0x355E4AF1, 0x32AE8F12, 0x30315A9D, 0x2ADFA427),
    0x2B8F2135,
)
_ARCTAN = _coefficients(
    *(0x3F800000, 0xBEAAAA65, 0x3E4CBAD5, 0xBE1177E8, 0x3DDA0598, 0xBD99C720, 0x3D2EE4E0),
    *(0xBC838226, 0x3B3A464A),
)
_ZERO, _HALF, _ONE, _TWO = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0)
_QUARTER_TURN = np.float32(np.pi / 2)


@njit(cache=True)
def _horner(c: np.ndarray, x: np.float32) -> np.float32:
    total = c[-1]
    for k in range(len(c) - 2, -1, -1):
        total = add(mul(total, x), c[k])
    return total


@njit(cache=True)
def _squared(v: np.ndarray) -> np.float32:
    return add(add(mul(v[0], v[0]), mul(v[1], v[1])), mul(v[2], v[2]))


@njit(cache=True)
def _polynomial_of_hat(v: np.ndarray, a: np.float32, b: np.float32) -> np.ndarray:
    """Return I + a hat(v) + b hat(v)^2."""
    x, y, z = v[0], v[1], v[2]
    xx, yy, zz = mul(x, x), mul(y, y), mul(z, z)
    bx, by = mul(b, x), mul(b, y)
    bxy, bxz, byz = mul(bx, y), mul(bx, z), mul(by, z)
    ax, ay, az = mul(a, x), mul(a, y), mul(a, z)
    m = np.empty((3, 3), np.float32)
    m[0, 0] = sub(_ONE, mul(b, add(yy, zz)))
    m[0, 1] = sub(bxy, az)
    m[0, 2] = add(bxz, ay)
    m[1, 0] = add(bxy, az)
    m[1, 1] = sub(_ONE, mul(b, add(xx, zz)))
    m[1, 2] = sub(byz, ax)
    m[2, 0] = sub(bxz, ay)
    m[2, 1] = add(byz, ax)
    m[2, 2] = sub(_ONE, mul(b, add(xx, yy)))
    return m


@njit(cache=True)
def exp_so3(phi: np.ndarray) -> np.ndarray:
    """Return the (3, 3) rotation of the rotation vector phi (3,), float32, |phi| <= pi."""
    x = _squared(phi)
    return _polynomial_of_hat(phi, _horner(_SINC, x), _horner(_COSC, x))


@njit(cache=True)
def right_jacobian_so3(phi: np.ndarray) -> np.ndarray:
    """Return Jr(phi) (3, 3): Exp(phi + d) ~ Exp(phi) Exp(Jr(phi) d), |phi| <= pi."""
    x = _squared(phi)
    return _polynomial_of_hat(phi, neg(_horner(_COSC, x)), _horner(_CUBIC, x))


@njit(cache=True)
def inverse_right_jacobian_so3(phi: np.ndarray) -> np.ndarray:
    """Return Jr(phi)^-1 (3, 3): Log(Exp(phi) Exp(d)) ~ phi + Jr(phi)^-1 d, |phi| <= pi."""
    return _polynomial_of_hat(phi, _HALF, _horner(_INVERSE, _squared(phi)))


@njit(cache=True)
def quaternion_from_matrix(r: np.ndarray) -> np.ndarray:
    """Return the wxyz quaternion (4,) with w >= 0 of a rotation matrix (3, 3)."""
    trace = add(add(r[0, 0], r[1, 1]), r[2, 2])
    by_w = lt(_ZERO, trace)
    y_over_x = lt(r[0, 0], r[1, 1])
    by_z = lt(select(y_over_x, r[1, 1], r[0, 0]), r[2, 2])
    largest = select(by_z, r[2, 2], select(y_over_x, r[1, 1], r[0, 0]))
    on_axis = add(sub(_ONE, trace), mul(_TWO, largest))
    root = sqrt(select(by_w, add(_ONE, trace), on_axis))
    major = mul(_HALF, root)
    scale = div(_HALF, root)
    dx = mul(sub(r[2, 1], r[1, 2]), scale)
    dy = mul(sub(r[0, 2], r[2, 0]), scale)
    dz = mul(sub(r[1, 0], r[0, 1]), scale)
    sxy = mul(add(r[0, 1], r[1, 0]), scale)
    sxz = mul(add(r[0, 2], r[2, 0]), scale)
    syz = mul(add(r[1, 2], r[2, 1]), scale)
    q = np.empty(4, np.float32)
    q[0] = select(by_w, major, select(by_z, dz, select(y_over_x, dy, dx)))
    q[1] = select(by_w, dx, select(by_z, sxz, select(y_over_x, sxy, major)))
    q[2] = select(by_w, dy, select(by_z, syz, select(y_over_x, major, sxy)))
    q[3] = select(by_w, dz, select(by_z, major, select(y_over_x, syz, sxz)))
    negative = lt(q[0], _ZERO)
    for k in range(4):
        q[k] = select(negative, neg(q[k]), q[k])
    return q


@njit(cache=True)
def log_so3(r: np.ndarray) -> np.ndarray:
    """Return the rotation vector (3,), angle in [0, pi], of a rotation matrix (3, 3), float32."""
    q = quaternion_from_matrix(r)
    n = sqrt(_squared(q[1:]))
    wide = lt(q[0], n)
    denominator = select(wide, n, q[0])
    u = div(select(wide, q[0], n), denominator)
    angle = mul(_horner(_ARCTAN, mul(u, u)), select(wide, u, _ONE))
    half = select(wide, sub(_QUARTER_TURN, angle), angle)
    scale = div(mul(_TWO, half), denominator)
    phi = np.empty(3, np.float32)
    for k in range(3):
        phi[k] = mul(scale, q[1 + k])
    return phi
