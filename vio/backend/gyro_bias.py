# SPDX-License-Identifier: Apache-2.0
"""The gyroscope's bias from tracks of one camera, whatever their distances and the translation are.

It is the bias whose rotations make all rays of two frames coplanar with one direction, over many
pairs of frames. Sources: Kneip, Siegwart, Pollefeys, "Finding the exact rotation between two images
independently of the translation", ECCV 2012; He, Zheng, Huang, Xiao, "A rotation-translation-
decoupled solution for robust and efficient visual-inertial initialization", CVPR 2023.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from vio.backend.solve import least_squares
from vio.geometry import exp_so3, mul33, mulT33
from vio.imu import Preintegration

BIAS_ROUNDS = 8  # of Gauss-Newton
SMALL_STEP = 1e-5  # rad/s, at which it ends
LEAST_PAIR_TRACKS = 8  # that two frames must share to be a pair


class Views(NamedTuple):
    """Hold F frames' unit rays of T tracks: u (T, F, 3), body axes; seen (T, F) bool.

    p_body_cam: (3,) the camera on the body, metres. host: (T,) the frame that each track counts
    from, and in which it is seen. sigma: of a ray, radians.
    """

    u: np.ndarray
    seen: np.ndarray
    p_body_cam: np.ndarray
    host: np.ndarray
    sigma: float


@njit(cache=True)
def _least_direction(M: np.ndarray) -> np.ndarray:
    """Return the unit eigenvector (3,) of the least eigenvalue of a semi-definite M (3, 3).

    By inverse iteration from the three axes: the one that M stretches least wins.
    """
    trace = M[0, 0] + M[1, 1] + M[2, 2]
    shift = 1e-9 * trace + 1e-300
    A = M.copy()
    for i in range(3):
        A[i, i] += shift
    C = np.empty((3, 3))  # adjugate of A, symmetric
    for i in range(3):
        for j in range(3):
            a, b = (j + 1) % 3, (j + 2) % 3
            c, d = (i + 1) % 3, (i + 2) % 3
            C[i, j] = A[a, c] * A[b, d] - A[a, d] * A[b, c]
    best = np.array([0.0, 0.0, 1.0])
    least = math.inf
    for axis in range(3):
        x = C[axis].copy()
        for _ in range(30):
            y = np.zeros(3)
            norm = 0.0
            for i in range(3):
                for j in range(3):
                    y[i] += C[i, j] * x[j]
                norm += y[i] * y[i]
            if norm == 0.0:
                break
            for i in range(3):
                x[i] = y[i] / math.sqrt(norm)
        value = 0.0
        for i in range(3):
            for j in range(3):
                value += x[i] * M[i, j] * x[j]
        if value < least and x[0] * x[0] + x[1] * x[1] + x[2] * x[2] > 0.5:
            least = value
            best = x
    return best


@njit(cache=True)
def _coplanarity_rows(
    u_i: np.ndarray,
    u_j: np.ndarray,
    R_ij: np.ndarray,
    J: np.ndarray,
    sigma: float,
    huber: float,
    H: np.ndarray,
    g: np.ndarray,
) -> float:
    """Add a pair's normal equations by the bias to H (3, 3) and g (3,); return its robust cost.

    u_i, u_j: (N, 3) rays of the tracks that both frames see. J: (3, 3), derivative of R_ij (on the
    right) by the bias. The direction of translation is the pair's own and is eliminated.
    """
    N = len(u_i)
    n = np.empty((N, 3))  # normals of the epipolar planes
    M = np.zeros((3, 3))
    for k in range(N):
        x = np.zeros(3)
        for a in range(3):
            for b in range(3):
                x[a] += R_ij[a, b] * u_j[k, b]
        n[k, 0] = u_i[k, 1] * x[2] - u_i[k, 2] * x[1]
        n[k, 1] = u_i[k, 2] * x[0] - u_i[k, 0] * x[2]
        n[k, 2] = u_i[k, 0] * x[1] - u_i[k, 1] * x[0]
        for a in range(3):
            for b in range(3):
                M[a, b] += n[k, a] * n[k, b]
    t = _least_direction(M)
    # two directions across t
    least = 0
    for a in range(1, 3):
        if abs(t[a]) < abs(t[least]):
            least = a
    e = np.zeros(3)
    e[least] = 1.0
    s = np.array([t[1] * e[2] - t[2] * e[1], t[2] * e[0] - t[0] * e[2], t[0] * e[1] - t[1] * e[0]])
    length = math.sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2])
    for a in range(3):
        s[a] /= length
    q = np.array([t[1] * s[2] - t[2] * s[1], t[2] * s[0] - t[0] * s[2], t[0] * s[1] - t[1] * s[0]])
    A = np.zeros((5, 6))  # normal equations by [translation 2, bias 3] and the right side
    A[0, 0] = 1.0  # a direction moves by a radian at most
    A[1, 1] = 1.0
    cost = 0.0
    row = np.empty(6)
    for k in range(N):
        r = (t[0] * n[k, 0] + t[1] * n[k, 1] + t[2] * n[k, 2]) / sigma
        weight = 1.0
        if abs(r) > huber:
            weight = huber / abs(r)
            cost += huber * (abs(r) - 0.5 * huber)
        else:
            cost += 0.5 * r * r
        row[0] = (s[0] * n[k, 0] + s[1] * n[k, 1] + s[2] * n[k, 2]) / sigma
        row[1] = (q[0] * n[k, 0] + q[1] * n[k, 1] + q[2] * n[k, 2]) / sigma
        # t . (u_i x R_ij (d x u_j)) with d = J db:  ((R_ij' (t x u_i)) x ... ) in two products
        c0 = t[1] * u_i[k, 2] - t[2] * u_i[k, 1]
        c1 = t[2] * u_i[k, 0] - t[0] * u_i[k, 2]
        c2 = t[0] * u_i[k, 1] - t[1] * u_i[k, 0]
        w = np.empty(3)
        for a in range(3):
            w[a] = R_ij[0, a] * c0 + R_ij[1, a] * c1 + R_ij[2, a] * c2
        # w . (d x u_j) = d . (u_j x w)
        d0 = u_j[k, 1] * w[2] - u_j[k, 2] * w[1]
        d1 = u_j[k, 2] * w[0] - u_j[k, 0] * w[2]
        d2 = u_j[k, 0] * w[1] - u_j[k, 1] * w[0]
        for b in range(3):
            row[2 + b] = (d0 * J[0, b] + d1 * J[1, b] + d2 * J[2, b]) / sigma
        row[5] = r
        for a in range(5):
            for b in range(6):
                A[a, b] += weight * row[a] * row[b]
    for c in range(2):  # eliminate the translation
        for a in range(c + 1, 5):
            f = A[a, c] / A[c, c]
            for b in range(6):
                A[a, b] -= f * A[c, b]
    for a in range(3):
        g[a] += A[2 + a, 5]
        for b in range(3):
            H[a, b] += A[2 + a, 2 + b]
    return cost


def pairs_of(views: Views, t_s: np.ndarray, gaps_s: tuple[float, ...]) -> list[tuple[int, int]]:
    """Return pairs of frames about gaps_s apart that share enough tracks; t_s: (F,) seconds."""
    pairs = []
    for gap in gaps_s:
        for i in range(len(t_s)):
            j = int(np.searchsorted(t_s, t_s[i] + gap - 1e-3))
            if j == i or j >= len(t_s) or (i, j) in pairs:
                continue
            if np.count_nonzero(views.seen[:, i] & views.seen[:, j]) >= LEAST_PAIR_TRACKS:
                pairs.append((i, j))
    return pairs


def correct_gyro_bias(
    views: Views,
    pres: list[Preintegration],
    pairs: list[tuple[int, int]],
    prior_bias: np.ndarray,
    prior_sigma: np.ndarray,
    huber: float,
) -> np.ndarray:
    """Return the change (3,) of the gyroscope's bias, rad/s, that best explains all pairs.

    pres: F preintegrations from the first frame to each. prior_bias: (3,), the prior's mean less
    the bias of the preintegrations, with deviations prior_sigma (3,).
    """
    delta = np.zeros(3)
    damping = 1e-3
    last = math.inf
    kept = delta
    for _ in range(BIAS_ROUNDS):
        H, g = np.diag(1.0 / prior_sigma**2), (delta - prior_bias) / prior_sigma**2
        cost = float(0.5 * np.sum(((delta - prior_bias) / prior_sigma) ** 2))
        turned = [mul33(p.dR, exp_so3(np.einsum("ij,j->i", p.J_bias[:3, :3], delta))) for p in pres]
        for i, j in pairs:
            both = views.seen[:, i] & views.seen[:, j]
            R_ij = mulT33(turned[i], turned[j])
            J = pres[j].J_bias[:3, :3] - mulT33(R_ij, np.ascontiguousarray(pres[i].J_bias[:3, :3]))
            cost += _coplanarity_rows(
                views.u[both, i], views.u[both, j], R_ij, J, views.sigma, huber, H, g
            )
        if cost > last:
            delta, damping = kept, 10.0 * damping
            last = math.inf
            continue
        last, kept = cost, delta
        A = H + damping * np.diag(np.diag(H))
        step = least_squares(A, -g)
        delta = delta + step
        if float(np.abs(step).max()) < SMALL_STEP:
            break
    return delta
