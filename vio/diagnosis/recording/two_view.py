# SPDX-License-Identifier: Apache-2.0
"""The rotation between two views of one camera from its tracks alone: no stereo, no gyroscope.

Robust least squares on the epipolar distance over rotation and direction of translation, five
unknowns. Without parallax the direction is open, the rotation is not.
"""

import numpy as np

from vio.diagnosis.axes import best_rotation
from vio.geometry import exp_so3

LEAST_POINTS = 15
FIRST_ITERATIONS, ITERATIONS = 4, 10
LEAST_NOISE = 1e-3  # of a ray, scale of the cost that picks one of the starts
CAUCHY = 2.0  # of the standard deviation, where the weight is a half
LEAST_SCALE = 1e-5  # of a ray
SMALL_STEP = 1e-6


def homogeneous(rays: np.ndarray) -> np.ndarray:
    """Return the directions (N, 3) of rays (N, 2)."""
    return np.column_stack([rays, np.ones(len(rays))])


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross products (N, 3) of vectors (N, 3) or (3,); np.cross takes twice as long."""
    x, y, z = a[..., 0], a[..., 1], a[..., 2]
    u, v, w = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=-1)


def epipolar_distance(q: np.ndarray, r1: np.ndarray, r2: np.ndarray, R: np.ndarray, t: np.ndarray
) -> np.ndarray:  # fmt: skip
    """Return the signed Sampson distances (N,) in ray units from the epipolar geometry (R, t).

    q = R r1, r1, r2: (N, 3) with third coordinate 1 in r1 and r2. R: (3, 3) or (N, 3, 3), t: (3,)
    or (N, 3), unit length, take points of the first view to the second.
    Source: Hartley, Zisserman, Multiple View Geometry, 2nd ed., eq. 11.9.
    """
    line2 = cross(t, q)
    m = cross(r2, t)
    line1 = m @ R if R.ndim == 2 else np.einsum("nij,ni->nj", R, m)
    norm2 = np.sum(line2[:, :2] ** 2, axis=1) + np.sum(line1[:, :2] ** 2, axis=1)
    return np.sum(r2 * line2, axis=1) / np.sqrt(np.maximum(norm2, 1e-18))


def robust_scale(e: np.ndarray, least: float = LEAST_SCALE) -> float:
    """Return the standard deviation of normal residuals (N,) by their median size."""
    return max(float(np.median(np.abs(e))) / 0.6745, least)


def cauchy_weights(e: np.ndarray, scale: float) -> np.ndarray:
    """Return the weights (N,) of residuals (N,)."""
    return 1.0 / (1.0 + (e / (CAUCHY * scale)) ** 2)


def tangent(t: np.ndarray) -> np.ndarray:
    """Return two unit vectors (N, 3, 2) at right angles to unit vectors (N, 3), as columns."""
    axis = np.zeros_like(t)
    axis[np.arange(len(t)), np.argmin(np.abs(t), axis=1)] = 1.0
    a = cross(t, axis)
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    return np.stack([a, cross(t, a)], axis=2)


def rotation_between(rays1: np.ndarray, rays2: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Return R (3, 3), first view to second, and the median distance in ray units.

    rays1, rays2: (N, 2). None for fewer than LEAST_POINTS points.
    """
    if len(rays1) < LEAST_POINTS:
        return None
    r1, r2 = homogeneous(rays1), homogeneous(rays2)
    u1, u2 = (r / np.linalg.norm(r, axis=1, keepdims=True) for r in (r1, r2))
    R = best_rotation(u1, u2)
    for _ in range(3):  # far points weigh most: they move by the rotation alone
        w = cauchy_weights(d := np.linalg.norm(u2 - u1 @ R.T, axis=1), robust_scale(d))[:, None]
        R = best_rotation(w * u1, w * u2)
    n = cross(u1 @ R.T, u2)
    # A sideways translation and a rotation look alike: each direction has a minimum of its own.
    starts = [np.linalg.eigh(n.T @ (n * w))[1][:, 0], *np.eye(3)]
    tried = [_refine(r1, r2, R, t, FIRST_ITERATIONS) for t in starts]
    errors = [np.abs(epipolar_distance(r1 @ A.T, r1, r2, A, t)) for A, t in tried]
    costs = [float(np.sum(np.log1p((e / LEAST_NOISE) ** 2))) for e in errors]
    R, t = _refine(r1, r2, *tried[int(np.argmin(costs))], ITERATIONS)
    e = epipolar_distance(r1 @ R.T, r1, r2, R, t)
    return R, float(np.median(np.abs(e)))


def _refine(
    r1: np.ndarray, r2: np.ndarray, R: np.ndarray, t: np.ndarray, iterations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return R (3, 3) and t (3,) after some Gauss-Newton steps with Cauchy weights."""
    h = 1e-6
    for _ in range(iterations):
        q = r1 @ R.T
        e = epipolar_distance(q, r1, r2, R, t)
        w = cauchy_weights(e, robust_scale(e))
        B = tangent(t[None])[0]
        J = np.empty((len(e), 5))
        for k in range(3):
            Rk = exp_so3(h * np.eye(3)[k]) @ R
            J[:, k] = (epipolar_distance(r1 @ Rk.T, r1, r2, Rk, t) - e) / h
        for k in range(2):
            tk = t + h * B[:, k]
            J[:, 3 + k] = (epipolar_distance(q, r1, r2, R, tk / np.linalg.norm(tk)) - e) / h
        H = J.T @ (J * w[:, None])
        H[np.diag_indices(5)] += 1e-6 * np.trace(H) / 5.0 + 1e-12
        step = np.linalg.solve(H, -J.T @ (w * e))
        step *= min(1.0, 0.2 / max(float(np.abs(step).max()), 1e-12))
        R = exp_so3(step[:3]) @ R
        t = t + B @ step[3:]
        t /= np.linalg.norm(t)
        if float(np.abs(step[:3]).max()) < SMALL_STEP:
            break
    return R, t
