# SPDX-License-Identifier: Apache-2.0
"""The reduced normal equations of all landmarks: J'J of the poses less what the landmarks take.

Householder steps on a landmark's own columns [J_l | r] give three orthonormal columns Q_1. With
J_1 = Q_1'J_p, what is left of the landmark is J_p'J_p - J_1'J_1 (docs/odometry/backend.md,
section 4): J_l'J_l is not formed, and the long rows of the nullspace are not needed. J_p enters
through vio/backend/relative.py.
"""

import math

import numpy as np
from numba import njit

from vio.backend.landmarks import VisualArrays
from vio.backend.relative import RigArrays, by_pose, mark_hosts, pose_maps, ray_of, views

RESIDUAL = 3  # row of the residuals in a block's columns
LEAST_ROWS = 4  # of a landmark that counts: two observations


@njit(cache=True, nogil=True)
def linearize_landmarks(
    rows: np.ndarray,
    rig: RigArrays,
    va: VisualArrays,
    col_of_slot: np.ndarray,
    H: np.ndarray,
    g: np.ndarray,
    top: np.ndarray,
    top_slots: np.ndarray,
    top_frames: np.ndarray,
) -> float:
    """Add the reduced normal equations of all landmarks in `rows` to H (n, n) and g (n,).

    Only H's upper triangle is filled. top (L, 3, 4 + 6 S), top_slots (L, S) and top_frames (L,)
    keep each landmark's own three rows for `substitute_landmarks`. Returns the robust cost.
    """
    S, F = va.mask.shape[1], len(va.slots)
    dtype = H.dtype
    is_host = mark_hosts(rows, va.host, S)
    now = views(rig, va.R, va.p, is_host, va.slots)
    first = views(rig, va.R_lin, va.p_lin, is_host, va.slots)
    turns, levers = pose_maps(rig, va.R_lin, va.p_lin, is_host, va.slots)
    sums = np.zeros((S, S, 6, 7), dtype)  # of k k' and k r, by host and target
    is_seen = np.zeros((S, S), np.bool_)
    Hp, gp = np.zeros((6 * F, 6 * F), dtype), np.zeros(6 * F, dtype)  # frames side by side
    columns = np.empty((4, 4 * S), dtype)  # landmark 3, residual; by row
    k = np.empty((4 * S, 6), dtype)
    Q = np.empty((3, 4 * S), dtype)
    ends = np.empty(F + 1, np.int64)
    places = np.empty(F, np.int64)
    cost = dtype.type(0.0)
    for row in rows:
        h = va.host[row]
        m, block_cost = _linearize(row, va, now[h], first[h], columns, k, ends)
        cost += block_cost
        top_frames[row] = 0
        if m < LEAST_ROWS:
            continue
        for f in range(F):
            t = va.slots[f]
            if t != h and ends[f + 1] > ends[f]:
                _add_outer(columns[RESIDUAL], k, ends[f], ends[f + 1], sums[h, t])
                is_seen[h, t] = True
        _reflect(columns, m, Q)
        own = top[row]
        for i in range(3):
            for c in range(3):
                own[i, c] = columns[c, i] if c >= i else dtype.type(0.0)
            own[i, 3] = columns[RESIDUAL, i]
        frames = _project(h, va.slots, ends, k, Q, turns[h], levers[h], own, places)
        for f in range(frames):
            top_slots[row, f] = va.slots[places[f]]
        top_frames[row] = frames
        _subtract(own, places, frames, Hp, gp)
    _add_pairs(is_host, is_seen, va.slots, sums, turns, levers, Hp, gp)
    _scatter(va.slots, col_of_slot, Hp, gp, H, g)
    return cost


@njit(cache=True, nogil=True)
def _linearize(
    row: int,
    va: VisualArrays,
    now: np.ndarray,
    first: np.ndarray,
    columns: np.ndarray,
    k: np.ndarray,
    ends: np.ndarray,
) -> tuple[int, float]:
    """Fill a landmark's columns (4, M) and k (M, 6); return the rows and the robust cost.

    now, first: (S, 2, 12) views of its host at the current states, for the residuals, and at the
    first estimates, for the derivatives. Rows of frame f are ends[f]..ends[f + 1].
    """
    T = va.lm.dtype.type
    one, half, delta = T(1.0), T(0.5), T(va.huber)
    landmark = va.lm[row]
    x, y, rho = landmark[0], landmark[1], landmark[2]
    m = 0
    cost = T(0.0)
    for f in range(len(va.slots)):
        t = va.slots[f]
        ends[f] = m
        seen = va.mask[row, t]
        for cam in range(2):
            if not (seen >> cam) & 1:
                continue
            u, v, inverse = ray_of(now[t, cam], landmark)
            if inverse == T(0.0):
                continue
            s = va.weight[cam]
            ru = (u - va.obs[row, t, 2 * cam]) * s
            rv = (v - va.obs[row, t, 2 * cam + 1]) * s
            view = first[t, cam]
            u, v, inverse = ray_of(view, landmark)
            if inverse == T(0.0):
                continue
            e2 = ru * ru + rv * rv
            weight = one
            if e2 > delta * delta:
                e = T(math.sqrt(e2))
                cost += delta * (e - half * delta)
                weight = T(math.sqrt(delta / e))
            else:
                cost += half * e2
            s *= weight * inverse
            for i in range(2):
                e = u if i == 0 else v
                n0 = s * (view[3 * i] - e * view[6])
                n1 = s * (view[3 * i + 1] - e * view[7])
                n2 = s * (view[3 * i + 2] - e * view[8])
                columns[0, m] = n0
                columns[1, m] = n1
                columns[2, m] = s * (view[9 + i] - e * view[11])
                columns[RESIDUAL, m] = (ru if i == 0 else rv) * weight
                k[m, 0] = y * n2 - n1  # (x, y, 1) x n
                k[m, 1] = n0 - x * n2
                k[m, 2] = x * n1 - y * n0
                k[m, 3] = rho * n0
                k[m, 4] = rho * n1
                k[m, 5] = rho * n2
                m += 1
    ends[len(va.slots)] = m
    return m, cost


@njit(cache=True, nogil=True)
def _add_outer(r: np.ndarray, k: np.ndarray, start: int, end: int, total: np.ndarray) -> None:
    """Add k k' and k r of rows start..end to total (6, 7)."""
    for m in range(start, end):
        for a in range(6):
            f = k[m, a]
            for b in range(6):
                total[a, b] += f * k[m, b]
            total[a, 6] += f * r[m]


@njit(cache=True, nogil=True)
def _reflect(columns: np.ndarray, m: int, Q: np.ndarray) -> None:
    """Take three Householder steps on columns (4, M) of m rows; fill Q (3, M) with Q_1'.

    The first three entries of each column become those of [R_l | r_1]; below lie the reflectors.
    """
    T = columns.dtype.type
    zero, one = T(0.0), T(1.0)
    tau = np.zeros(3, columns.dtype)
    for c in range(3):
        x = columns[c]
        tail = zero
        for i in range(c + 1, m):
            tail += x[i] * x[i]
        if tail == zero:
            continue
        alpha = x[c]
        norm = T(math.sqrt(alpha * alpha + tail))
        beta = norm if alpha < zero else -norm
        tau[c] = (alpha - beta) / beta  # I + tau v v', v = (1, rest of x)
        inverse = one / (alpha - beta)
        x[c] = beta
        for i in range(c + 1, m):
            x[i] *= inverse
        for d in range(c + 1, 4):
            y = columns[d]
            w = y[c]
            for i in range(c + 1, m):
                w += x[i] * y[i]
            w *= tau[c]
            y[c] += w
            for i in range(c + 1, m):
                y[i] += w * x[i]
    for c in range(3):
        for i in range(m):
            Q[c, i] = one if i == c else zero
    for c in range(2, -1, -1):
        x = columns[c]
        for d in range(c, 3):
            y = Q[d]
            w = y[c]
            for i in range(c + 1, m):
                w += x[i] * y[i]
            w *= tau[c]
            y[c] += w
            for i in range(c + 1, m):
                y[i] += w * x[i]


@njit(cache=True, nogil=True)
def _project(
    h: int,
    slots: np.ndarray,
    ends: np.ndarray,
    k: np.ndarray,
    Q: np.ndarray,
    turn: np.ndarray,
    levers: np.ndarray,
    own: np.ndarray,
    places: np.ndarray,
) -> int:
    """Fill own (3, 4 + 6 frames) with J_1 and places with its frames; return how many there are."""
    zero = own.dtype.type(0.0)
    total = np.zeros((3, 6), own.dtype)
    part = np.empty(6, own.dtype)
    moved = np.empty(6, own.dtype)
    frames = 0
    of_host = -1
    for f in range(len(slots)):
        t = slots[f]
        if t == h:
            of_host = frames
        elif ends[f + 1] == ends[f]:
            continue
        else:
            for i in range(3):
                part[:] = zero
                for m in range(ends[f], ends[f + 1]):
                    q = Q[i, m]
                    for d in range(6):
                        part[d] += q * k[m, d]
                by_pose(turn, levers[t], part, moved)
                for d in range(6):
                    total[i, d] += part[d]
                    own[i, 4 + 6 * frames + d] = -moved[d]
        places[frames] = f
        frames += 1
    for i in range(3):
        by_pose(turn, levers[h], total[i], moved)
        for d in range(6):
            own[i, 4 + 6 * of_host + d] = moved[d]
    return frames


@njit(cache=True, nogil=True)
def _subtract(
    own: np.ndarray, places: np.ndarray, frames: int, Hp: np.ndarray, gp: np.ndarray
) -> None:
    """Subtract J_1'J_1 and J_1'r_1 from Hp (6 F, 6 F), upper triangle, and gp (6 F,)."""
    r0, r1, r2 = own[0, 3], own[1, 3], own[2, 3]
    for a in range(frames):
        start = a
        while start < frames:  # a run of neighbouring frames
            end = start + 1
            while end < frames and places[end] == places[end - 1] + 1:
                end += 1
            z0 = own[0, 4 + 6 * start : 4 + 6 * end]
            z1 = own[1, 4 + 6 * start : 4 + 6 * end]
            z2 = own[2, 4 + 6 * start : 4 + 6 * end]
            for d in range(6):
                i = 4 + 6 * a + d
                x0, x1, x2 = own[0, i], own[1, i], own[2, i]
                first = 6 * places[start]
                y = Hp[6 * places[a] + d, first : first + z0.shape[0]]
                for b in range(y.shape[0]):
                    y[b] -= x0 * z0[b] + x1 * z1[b] + x2 * z2[b]
            start = end
        for d in range(6):
            i = 4 + 6 * a + d
            gp[6 * places[a] + d] -= own[0, i] * r0 + own[1, i] * r1 + own[2, i] * r2


@njit(cache=True, nogil=True)
def _add_pairs(
    is_host: np.ndarray,
    is_seen: np.ndarray,
    slots: np.ndarray,
    sums: np.ndarray,
    turns: np.ndarray,
    levers: np.ndarray,
    Hp: np.ndarray,
    gp: np.ndarray,
) -> None:
    """Add the sums of all pairs, moved to the poses, to Hp and gp."""
    by_host, by_target = np.empty((2, 6, 6), sums.dtype)
    moved = np.empty(6, sums.dtype)
    for a in range(len(slots)):
        h = slots[a]
        if not is_host[h]:
            continue
        for b in range(len(slots)):
            t = slots[b]
            total = sums[h, t]
            if t == h or not is_seen[h, t]:
                continue
            lever_h, lever_t = levers[h, h], levers[h, t]
            for i in range(6):
                by_pose(turns[h], lever_h, total[i], moved)
                by_host[:, i] = moved  # column i: k_i by the host's pose
                by_pose(turns[h], lever_t, total[i], moved)
                by_target[:, i] = moved
            for i in range(6):
                by_pose(turns[h], lever_h, by_host[i], moved)
                for d in range(i, 6):
                    Hp[6 * a + i, 6 * a + d] += moved[d]
                by_pose(turns[h], lever_t, by_target[i], moved)
                for d in range(i, 6):
                    Hp[6 * b + i, 6 * b + d] += moved[d]
                # Rows of the earlier frame, columns of the later one.
                if a < b:
                    by_pose(turns[h], lever_t, by_host[i], moved)
                    for d in range(6):
                        Hp[6 * a + i, 6 * b + d] -= moved[d]
                else:
                    by_pose(turns[h], lever_h, by_target[i], moved)
                    for d in range(6):
                        Hp[6 * b + i, 6 * a + d] -= moved[d]
            residual = np.ascontiguousarray(total[:, 6])
            by_pose(turns[h], lever_h, residual, moved)
            for d in range(6):
                gp[6 * a + d] += moved[d]
            by_pose(turns[h], lever_t, residual, moved)
            for d in range(6):
                gp[6 * b + d] -= moved[d]


@njit(cache=True, nogil=True)
def _scatter(
    slots: np.ndarray,
    col_of_slot: np.ndarray,
    Hp: np.ndarray,
    gp: np.ndarray,
    H: np.ndarray,
    g: np.ndarray,
) -> None:
    """Add the upper triangle of Hp and gp, six columns a frame in order, to H and g."""
    for a in range(len(slots)):
        for i in range(6):
            row = col_of_slot[slots[a]] + i
            g[row] += gp[6 * a + i]
            for b in range(a, len(slots)):
                column = col_of_slot[slots[b]]
                for d in range(i if a == b else 0, 6):
                    H[row, column + d] += Hp[6 * a + i, 6 * b + d]
