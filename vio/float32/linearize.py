# SPDX-License-Identifier: Apache-2.0
"""One visual observation in float32, as hls/linearize.x linearises it to the bit.

Every step is one of vio/float32/float.py, in the order of the DSLX. The mathematics is that of
vio/backend/factors.py, `project_landmark`, with the robust weight of vio/backend/landmarks.py.
"""

import numpy as np
from numba import njit

from vio.float32.float import add, div, le, lt, mul, neg, select, sqrt, sub

_ONE = np.float32(1.0)
_NEAREST = np.float32(0.05)


@njit(cache=True)
def _dot(a: np.ndarray, b: np.ndarray) -> np.float32:
    return add(add(mul(a[0], b[0]), mul(a[1], b[1])), mul(a[2], b[2]))


@njit(cache=True)
def _times(m: np.ndarray, v: np.ndarray) -> np.ndarray:
    out = np.empty(3, np.float32)
    for i in range(3):
        out[i] = _dot(m[i], v)
    return out


@njit(cache=True)
def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    out = np.empty(3, np.float32)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        out[i] = sub(mul(a[j], b[k]), mul(a[k], b[j]))
    return out


@njit(cache=True)
def _plus_scaled(a: np.ndarray, s: np.float32, v: np.ndarray) -> np.ndarray:
    out = np.empty(3, np.float32)
    for i in range(3):
        out[i] = add(a[i], mul(s, v[i]))
    return out


@njit(cache=True)
def _in_host(landmark: np.ndarray, camera: np.ndarray) -> np.ndarray:
    ray = np.empty(3, np.float32)
    ray[0], ray[1], ray[2] = landmark[0], landmark[1], _ONE
    return _plus_scaled(_times(camera[12:21].reshape(3, 3), ray), landmark[2], camera[21:24])


@njit(cache=True)
def _observe(
    q: np.ndarray, observed: np.ndarray, camera: np.ndarray
) -> tuple[np.float32, np.ndarray, np.ndarray, np.float32]:
    """Return 1 / depth, the ray, the weighted residuals and the robust factor."""
    inverse = div(_ONE, q[2])
    ray, r = np.empty(2, np.float32), np.empty(2, np.float32)
    weight, huber = camera[24], camera[25]
    for i in range(2):
        ray[i] = mul(q[i], inverse)
        r[i] = mul(sub(ray[i], observed[i]), weight)
    e2 = add(mul(r[0], r[0]), mul(r[1], r[1]))
    factor = sqrt(div(huber, sqrt(e2)))
    return inverse, ray, r, select(lt(mul(huber, huber), e2), factor, _ONE)


@njit(cache=True)
def _ray_row(
    i: int, e: np.float32, inverse: np.float32, camera: np.ndarray
) -> tuple[np.ndarray, np.float32]:
    R, p = camera[:9].reshape(3, 3), camera[9:12]
    m = np.empty(3, np.float32)
    for k in range(3):
        m[k] = mul(inverse, sub(R[i, k], mul(e, R[2, k])))
    return m, mul(inverse, sub(p[i], mul(e, p[2])))


@njit(cache=True)
def _landmark_row(
    n: np.ndarray, by_rho: np.float32, camera: np.ndarray, s: np.float32, out: np.ndarray
) -> None:
    R = camera[12:21].reshape(3, 3)
    out[0] = mul(s, _dot(n, R[:, 0]))
    out[1] = mul(s, _dot(n, R[:, 1]))
    out[2] = mul(s, add(by_rho, _dot(n, camera[21:24])))


@njit(cache=True)
def linearize(
    host: np.ndarray,
    target: np.ndarray,
    camera: np.ndarray,
    landmark: np.ndarray,
    observed: np.ndarray,
    rows: np.ndarray,
) -> bool:
    """Fill rows (2, 16): landmark 3 | residual | host 6 | target 6; return whether it is in front.

    host, target: (12,) rotation in the world row by row, then position. camera: (26,) rotation and
    position of body to camera and of left camera to body, focal length / sigma, Huber's threshold.
    landmark: (3,) ray and inverse depth. observed: (2,) ray. All float32.
    """
    R_h, R_t = host[:9].reshape(3, 3), target[:9].reshape(3, 3)
    rho = landmark[2]
    w = _times(R_h, _in_host(landmark, camera))
    d = np.empty(3, np.float32)
    for k in range(3):
        d[k] = sub(host[9 + k], target[9 + k])
    z = _plus_scaled(w, rho, d)
    q = _plus_scaled(_times(camera[:9].reshape(3, 3), _times(R_t.T, z)), rho, camera[9:12])
    inverse, ray, r, factor = _observe(q, observed, camera)
    s = mul(factor, camera[24])
    for i in range(2):
        m, by_depth = _ray_row(i, ray[i], inverse, camera)
        g = _times(R_t, m)
        n = _times(R_h.T, g)
        _landmark_row(n, add(by_depth, _dot(g, d)), camera, s, rows[i])
        rows[i, 3] = mul(r[i], factor)
        turn_host, turn_target = _cross(w, g), _cross(g, z)
        for k in range(3):
            by_position = mul(rho, g[k])
            rows[i, 4 + k] = mul(s, turn_host[k])
            rows[i, 7 + k] = mul(s, by_position)
            rows[i, 10 + k] = mul(s, turn_target[k])
            rows[i, 13 + k] = mul(s, neg(by_position))
    return le(_NEAREST, q[2])


@njit(cache=True)
def linearize_own(
    camera: np.ndarray, landmark: np.ndarray, observed: np.ndarray, rows: np.ndarray
) -> bool:
    """Fill rows (2, 4): landmark 3 | residual, of an observation in the host's own cameras."""
    y = _in_host(landmark, camera)
    q = _plus_scaled(_times(camera[:9].reshape(3, 3), y), landmark[2], camera[9:12])
    inverse, ray, r, factor = _observe(q, observed, camera)
    s = mul(factor, camera[24])
    for i in range(2):
        m, by_depth = _ray_row(i, ray[i], inverse, camera)
        _landmark_row(m, by_depth, camera, s, rows[i])
        rows[i, 3] = mul(r[i], factor)
    return le(_NEAREST, q[2])
