# SPDX-License-Identifier: Apache-2.0
"""Square-root marginalisation: QR of the rows that touch the leaving states gives the new prior.

Source: Demmel, Schubert, Sommer, Cremers, Usenko, "Square Root Marginalization for Sliding-Window
Bundle Adjustment", ICCV 2021. First estimates of all states that the prior touches are frozen.
"""

import math

import numpy as np

from vio.backend.states import FULL_COLUMNS, POSE_COLUMNS, POSITION
from vio.backend.window import ACTIVE, Prior, Window


def marginalize(window: Window, frames: list[int], to_poses: list[int]) -> None:
    """Remove whole frames, and velocity and biases of other frames, from the window.

    frames: slots to remove, with the landmarks they host (whose observations go to the prior);
    other landmarks' observations in them are dropped. to_poses: slots that stay as poses only.
    """
    slots, _, _ = window.columns()
    window.refresh_linearization_points()  # those of the kept states stay from now on
    visual = window.visual_arrays(slots)
    leaving = set(frames) | set(to_poses)
    factors = [f for f in window.factors if f.slot_i in leaving or f.slot_j in leaving]
    hosted = np.flatnonzero((window.lm_state == ACTIVE) & np.isin(window.host, frames))
    hosted = hosted[np.count_nonzero(window.mask[hosted], axis=1) >= 2]

    touched = set(frames) | set(to_poses)
    touched |= {s for f in factors for s in (f.slot_i, f.slot_j)}
    touched |= set(slots[np.any(window.mask[hosted][:, slots] != 0, axis=0)].tolist())
    if window.prior is not None:
        touched |= set(window.prior.slots)

    # Columns of the touched states: what leaves first, then what stays.
    full = [s for s in window.order if s in touched]
    columns: dict[int, np.ndarray] = {}
    col = 0
    for s in full:
        size = FULL_COLUMNS if window.is_full[s] else POSE_COLUMNS
        columns[s] = np.full(size, -1)
        if s in frames:
            columns[s][:] = col + np.arange(size)
            col += size
        elif s in to_poses:
            count = FULL_COLUMNS - POSE_COLUMNS
            columns[s][POSE_COLUMNS:] = col + np.arange(count)
            col += count
    gone = col
    kept: list[int] = []
    kept_dims: list[int] = []
    for s in full:
        if s in frames:
            continue
        stay = np.flatnonzero(columns[s] < 0)
        columns[s][stay] = col + np.arange(len(stay))
        col += len(stay)
        kept.append(s)
        kept_dims.append(len(stay))
    n = col

    prior_rows = 0 if window.prior is None else len(window.prior.r)
    bits = 2 * int(np.bitwise_count(window.mask[hosted]).sum())
    A = np.zeros((prior_rows + FULL_COLUMNS * len(factors) + bits + 1, n + 1), window.dtype)
    m = 0
    if window.prior is not None:
        p = window.prior
        cols = np.concatenate([columns[s][:d] for s, d in zip(p.slots, p.dims, strict=True)])
        A[:prior_rows, cols] = p.J
        A[:prior_rows, n] = window.prior_residual()
        m = prior_rows
    for f in factors:
        J, r = window.imu_rows(f)
        rows = slice(m, m + len(r))
        A[rows, columns[f.slot_i]] += J[:, :FULL_COLUMNS]
        A[rows, columns[f.slot_j]] += J[:, FULL_COLUMNS:]
        A[rows, n] = r
        m += len(r)
    pose_column = np.full(len(window.t_ns), -1, np.int64)
    for s in full:
        pose_column[s] = columns[s][0]
    m = window.reduced_rows(hosted, visual, pose_column, A, m)

    # The prior counts from the first estimates: r(lin) = r(current) - J (current - lin).
    order = np.array(full, np.int64)
    sizes = np.array([len(columns[s]) for s in full], np.int64)
    delta = window.local_difference(order, sizes)
    dx = np.zeros(n, window.dtype)
    dx[np.concatenate([columns[s] for s in full])] = delta
    A[:m, n] -= window.matvec(np.ascontiguousarray(A[:m, :n]), dx)

    window.triangularize(A, m, n)
    last = min(m, n)
    window.prior = Prior(
        np.ascontiguousarray(A[gone:last, gone:n]), A[gone:last, n].copy(), kept, kept_dims
    )
    window.linearized[kept] = True
    window.is_full[list(to_poses)] = False
    window.factors = [f for f in window.factors if f not in factors]
    for row in np.flatnonzero((window.lm_state != 0) & np.isin(window.host, frames)):
        window.free_landmark(int(row))
    for s in frames:
        window.order.remove(s)
        window.mask[:, s] = 0


def choose_keyframe(window: Window, poses: list[int], newest: int) -> int:
    """Return the keyframe to marginalise among the pose-only slots, in order of time.

    First one whose landmarks are nearly all out of view, else the one that is close to others and
    far from the newest frame (Engel, Koltun, Cremers, "Direct Sparse Odometry", PAMI 2018, III-D).
    """
    candidates = poses[:-1] or poses
    for s in candidates:
        hosted = (window.lm_state == ACTIVE) & (window.host == s)
        in_view = np.count_nonzero(window.mask[hosted, newest])
        if in_view == 0 or in_view < 0.05 * np.count_nonzero(hosted):
            return s
    p = window.vec[:, POSITION].astype(np.float64)

    def score(s: int) -> float:
        closeness = sum(1.0 / (_distance(p[s], p[o]) + 1e-5) for o in poses if o != s)
        return math.sqrt(_distance(p[s], p[newest])) * float(closeness)

    return max(candidates, key=score)


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    d = a - b
    return math.sqrt(float(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]))
