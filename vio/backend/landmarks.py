# SPDX-License-Identifier: Apache-2.0
"""Landmark blocks of the window: linearise, eliminate by QR (nullspace), substitute back.

Householder steps transform each landmark's block [J_landmark | r | J_poses] so that its first three
rows hold the landmark and all other rows are free of it: those rows are the reduced system
(Demmel, Sommer, Cremers, Usenko, "Square Root Bundle Adjustment for Large-Scale Reconstruction",
CVPR 2021, and "Square Root Marginalization for Sliding-Window Bundle Adjustment", ICCV 2021).
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from vio.backend.factors import project_landmark
from vio.backend.solve import axpy, triangularize

CHUNKS = 4  # landmarks are summed up in this many groups, whatever the number of threads


class RigArrays(NamedTuple):
    """Hold the extrinsics in the estimator's precision: body to cameras, left camera to body."""

    R_cam_body: np.ndarray  # (2, 3, 3)
    p_cam_body: np.ndarray  # (2, 3)
    R_body_cam0: np.ndarray  # (3, 3)
    p_body_cam0: np.ndarray  # (3,)


class VisualArrays(NamedTuple):
    """Hold what a linearisation of the landmarks needs (S slots, L landmark rows).

    R, p: (S, 3, 3), (S, 3) current poses; R_lin, p_lin: first estimates. lm: (L, 3).
    host: (L,) slot. obs: (L, S, 4) rays [x, y left, x, y right]. mask: (L, S) uint8, bit 0 left,
    bit 1 right. slots: (F,) slots in use in order of time. weight: (2,) 1/sigma of a left and a
    right observation, in 1/ray units. huber: threshold in sigmas.
    """

    R: np.ndarray
    p: np.ndarray
    R_lin: np.ndarray
    p_lin: np.ndarray
    lm: np.ndarray
    host: np.ndarray
    obs: np.ndarray
    mask: np.ndarray
    slots: np.ndarray
    weight: np.ndarray
    huber: float


@njit(cache=True, nogil=True)
def landmark_block(
    row: int,
    rig: RigArrays,
    va: VisualArrays,
    J: np.ndarray,
    local: np.ndarray,
    A: np.ndarray,
    B: np.ndarray,
) -> tuple[int, int, float]:
    """Fill J with the block [landmark 3 | r | 6 per frame] of one landmark.

    local: (S,) receives the slots of the block's frames, the host first. A, B: (2, 16) scratch.
    Returns the rows filled, the frames, and the robust cost.
    """
    T = va.lm.dtype.type
    zero, one = T(0.0), T(1.0)
    h = va.host[row]
    local[0] = h
    frames = 1
    for t in va.slots:
        if t != h and va.mask[row, t] != 0:
            local[frames] = t
            frames += 1
    width = 4 + 6 * frames
    m = 0
    cost = zero
    for k in range(frames):
        t = local[k]
        for cam in range(2):
            if not (va.mask[row, t] >> cam) & 1:
                continue
            same = k == 0
            ok = project_landmark(
                va.R[h], va.p[h], va.R[t], va.p[t], same, cam,
                rig.R_cam_body, rig.p_cam_body, rig.R_body_cam0, rig.p_body_cam0, va.lm[row], A,
            )  # fmt: skip
            if not ok:
                continue
            ok = project_landmark(
                va.R_lin[h], va.p_lin[h], va.R_lin[t], va.p_lin[t], same, cam,
                rig.R_cam_body, rig.p_cam_body, rig.R_body_cam0, rig.p_body_cam0, va.lm[row], B,
            )  # fmt: skip
            if not ok:
                continue
            s = va.weight[cam]
            ru = (A[0, 15] - va.obs[row, t, 2 * cam]) * s
            rv = (A[1, 15] - va.obs[row, t, 2 * cam + 1]) * s
            e2 = ru * ru + rv * rv
            delta = T(va.huber)
            if e2 > delta * delta:
                e = T(math.sqrt(e2))
                cost += delta * (e - T(0.5) * delta)
                f = T(math.sqrt(delta / e))
            else:
                cost += T(0.5) * e2
                f = one
            for i in range(2):
                fs = f * s
                for c in range(width):
                    J[m + i, c] = zero
                for c in range(3):
                    J[m + i, c] = B[i, c] * fs
                if not same:
                    for c in range(6):
                        J[m + i, 4 + c] = B[i, 3 + c] * fs
                        J[m + i, 4 + 6 * k + c] = B[i, 9 + c] * fs
            J[m, 3] = ru * f
            J[m + 1, 3] = rv * f
            m += 2
    return m, frames, cost


@njit(cache=True, parallel=True, nogil=True)
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
    n = len(g)
    S = va.mask.shape[1]
    Hs = np.zeros((CHUNKS, n, n), H.dtype)
    gs = np.zeros((CHUNKS, n), H.dtype)
    costs = np.zeros(CHUNKS, H.dtype)
    for chunk in prange(CHUNKS):
        J = np.empty((4 * S, 4 + 6 * S), H.dtype)
        local = np.empty(S, np.int64)
        A, B = np.zeros((2, 16), H.dtype), np.zeros((2, 16), H.dtype)
        Hl = np.empty((6 * S, 6 * S), H.dtype)
        for index in range(chunk, len(rows), CHUNKS):
            row = rows[index]
            m, frames, cost = landmark_block(row, rig, va, J, local, A, B)
            costs[chunk] += cost
            width = 4 + 6 * frames
            top_frames[row] = 0 if m < 4 else frames
            if m < 4:
                continue
            triangularize(J, m, 3, width)
            for i in range(3):
                for c in range(width):
                    top[row, i, c] = J[i, c]
            for k in range(frames):
                top_slots[row, k] = local[k]
            _add_reduced(J, m, frames, local, col_of_slot, Hl, Hs[chunk], gs[chunk])
    total = H.dtype.type(0.0)
    for chunk in range(CHUNKS):
        total += costs[chunk]
        for i in range(n):
            g[i] += gs[chunk, i]
            for j in range(i, n):
                H[i, j] += Hs[chunk, i, j]
    return total


@njit(cache=True, nogil=True)
def _add_reduced(
    J: np.ndarray,
    m: int,
    frames: int,
    local: np.ndarray,
    col_of_slot: np.ndarray,
    Hl: np.ndarray,
    H: np.ndarray,
    g: np.ndarray,
) -> None:
    """Add B'B and B'r of the rows 3..m of one block to H and g through a dense local matrix."""
    zero = H.dtype.type(0.0)
    c = 6 * frames
    for a in range(c):
        for b in range(a, c):
            Hl[a, b] = zero
    i = 3
    while i < m:  # four rows at a time: a quarter of the traffic to Hl
        many = i + 4 <= m
        for k in range(frames):
            col = col_of_slot[local[k]]
            for d in range(6):
                a = 6 * k + d
                y = Hl[a, a:c]
                x0 = J[i, 4 + a : 4 + c]
                f0 = x0[0]
                if many:
                    x1 = J[i + 1, 4 + a : 4 + c]
                    x2 = J[i + 2, 4 + a : 4 + c]
                    x3 = J[i + 3, 4 + a : 4 + c]
                    f1, f2, f3 = x1[0], x2[0], x3[0]
                    g[col + d] += (
                        f0 * J[i, 3] + f1 * J[i + 1, 3] + f2 * J[i + 2, 3] + f3 * J[i + 3, 3]
                    )
                    for b in range(y.shape[0]):
                        y[b] += f0 * x0[b] + f1 * x1[b] + f2 * x2[b] + f3 * x3[b]
                else:
                    g[col + d] += f0 * J[i, 3]
                    axpy(f0, x0, y)
        i += 4 if many else 1
    for k in range(frames):
        ca = col_of_slot[local[k]]
        for q in range(k, frames):
            cb = col_of_slot[local[q]]
            for d in range(6):
                for e in range(d if k == q else 0, 6):
                    if ca <= cb:
                        H[ca + d, cb + e] += Hl[6 * k + d, 6 * q + e]
                    else:
                        H[cb + e, ca + d] += Hl[6 * k + d, 6 * q + e]


@njit(cache=True, nogil=True)
def substitute_landmarks(
    rows: np.ndarray,
    dx: np.ndarray,
    col_of_slot: np.ndarray,
    top: np.ndarray,
    top_slots: np.ndarray,
    top_frames: np.ndarray,
    lm: np.ndarray,
) -> None:
    """Add to lm (L, 3) each landmark's own step, given the poses' step dx (n,)."""
    T = lm.dtype.type
    y = np.empty(3, lm.dtype)
    for row in rows:
        if top_frames[row] == 0:
            continue
        for i in range(3):
            acc = top[row, i, 3]
            for k in range(top_frames[row]):
                col = col_of_slot[top_slots[row, k]]
                for d in range(6):
                    acc += top[row, i, 4 + 6 * k + d] * dx[col + d]
            y[i] = -acc
        for i in range(2, -1, -1):
            for j in range(i + 1, 3):
                y[i] -= top[row, i, j] * y[j]
            d = top[row, i, i]
            y[i] = y[i] / d if abs(d) > T(1e-6) else T(0.0)
        for i in range(3):
            lm[row, i] += y[i]
        if lm[row, 2] < T(1e-3):  # a point cannot lie behind or beyond a kilometre
            lm[row, 2] = T(1e-3)


@njit(cache=True, nogil=True)
def reduced_rows(
    rows: np.ndarray,
    rig: RigArrays,
    va: VisualArrays,
    col_of_slot: np.ndarray,
    out: np.ndarray,
    start: int,
) -> int:
    """Write the landmark-free rows of all blocks in `rows` to out (M, n + 1) from row `start`.

    The last column of out is the residual. Returns the next free row.
    """
    S = va.mask.shape[1]
    J = np.empty((4 * S, 4 + 6 * S), out.dtype)
    local = np.empty(S, np.int64)
    A, B = np.zeros((2, 16), out.dtype), np.zeros((2, 16), out.dtype)
    last = out.shape[1] - 1
    for row in rows:
        m, frames, _ = landmark_block(row, rig, va, J, local, A, B)
        if m < 4:
            continue
        width = 4 + 6 * frames
        triangularize(J, m, 3, width)
        for i in range(3, m):
            for c in range(last + 1):
                out[start, c] = out.dtype.type(0.0)
            for k in range(frames):
                col = col_of_slot[local[k]]
                for d in range(6):
                    out[start, col + d] = J[i, 4 + 6 * k + d]
            out[start, last] = J[i, 3]
            start += 1
    return start


@njit(cache=True, nogil=True)
def reprojection_errors(rows: np.ndarray, rig: RigArrays, va: VisualArrays) -> np.ndarray:
    """Return (len(rows), S, 2) errors in sigmas of left and right observations, -1 where none."""
    S = va.mask.shape[1]
    out = np.full((len(rows), S, 2), -1.0)
    A = np.zeros((2, 16), va.lm.dtype)
    for index in range(len(rows)):
        row = rows[index]
        h = va.host[row]
        for t in va.slots:
            for cam in range(2):
                if not (va.mask[row, t] >> cam) & 1:
                    continue
                ok = project_landmark(
                    va.R[h], va.p[h], va.R[t], va.p[t], t == h, cam,
                    rig.R_cam_body, rig.p_cam_body, rig.R_body_cam0, rig.p_body_cam0,
                    va.lm[row], A,
                )  # fmt: skip
                if not ok:
                    out[index, t, cam] = 1e9
                    continue
                du = (A[0, 15] - va.obs[row, t, 2 * cam]) * va.weight[cam]
                dv = (A[1, 15] - va.obs[row, t, 2 * cam + 1]) * va.weight[cam]
                out[index, t, cam] = math.sqrt(du * du + dv * dv)
    return out
