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
from numba import njit

from vio.backend.factors import project_landmark
from vio.backend.relative import RigArrays, mark_hosts, ray_of, views
from vio.backend.solve import triangularize


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
def reprojection_errors(
    rows: np.ndarray, rig: RigArrays, va: VisualArrays, frames: np.ndarray
) -> np.ndarray:
    """Return (len(rows), S, 2) errors in sigmas of left and right observations, -1 where none.

    frames: the slots whose observations are looked at; those of the hosts must be in va.slots.
    """
    S = va.mask.shape[1]
    out = np.full((len(rows), S, 2), -1.0)
    now = views(rig, va.R, va.p, mark_hosts(rows, va.host, S), va.slots)
    for index in range(len(rows)):
        row = rows[index]
        h = va.host[row]
        for t in frames:
            for cam in range(2):
                if not (va.mask[row, t] >> cam) & 1:
                    continue
                u, v, inverse = ray_of(now[h, t, cam], va.lm[row])
                if inverse == 0.0:
                    out[index, t, cam] = 1e9
                    continue
                du = (u - va.obs[row, t, 2 * cam]) * va.weight[cam]
                dv = (v - va.obs[row, t, 2 * cam + 1]) * va.weight[cam]
                out[index, t, cam] = math.sqrt(du * du + dv * dv)
    return out


@njit(cache=True, nogil=True)
def rows_in_use(lm_state: np.ndarray, mask: np.ndarray, state: int) -> np.ndarray:
    """Return the rows of landmarks in a state that at least two frames observe."""
    out = np.empty(len(lm_state), np.int64)
    count = 0
    for row in range(len(lm_state)):
        if lm_state[row] != state:
            continue
        seen = 0
        for t in range(mask.shape[1]):
            seen += mask[row, t] != 0
        if seen >= 2:
            out[count] = row
            count += 1
    return out[:count].copy()


@njit(cache=True, nogil=True)
def drop_outliers(
    rows: np.ndarray,
    errors: np.ndarray,
    mask: np.ndarray,
    host: np.ndarray,
    slot: int,
    threshold: float,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Clear from mask (L, S) the observations whose error (N, S, 2) exceeds the threshold.

    Those in slot stay when they would be the majority. Returns the errors of slot before that, the
    rows that have lost their host's left observation, and whether the majority of slot agrees.
    """
    seen = np.empty(2 * len(rows), errors.dtype)
    count = bad = 0
    for index in range(len(rows)):
        for cam in range(2):
            e = errors[index, slot, cam]
            if e >= 0.0:
                seen[count] = e
                count += 1
                bad += e > threshold
    agrees = 2 * bad <= count
    lost = np.empty(len(rows), np.int64)
    lost_count = 0
    for index in range(len(rows)):
        row = rows[index]
        changed = False
        for t in range(mask.shape[1]):
            if t == slot and not agrees:
                continue
            for cam in range(2):
                if errors[index, t, cam] > threshold:
                    mask[row, t] &= np.uint8(2 - cam)  # the other camera's bit
                    changed = True
        if changed and not mask[row, host[row]] & 1:
            lost[lost_count] = row
            lost_count += 1
    return seen[:count].copy(), lost[:lost_count].copy(), agrees
