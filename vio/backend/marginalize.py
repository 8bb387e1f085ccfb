# SPDX-License-Identifier: Apache-2.0
"""Square-root marginalisation: QR of the rows that touch the leaving states gives the new prior.

Source: Demmel, Schubert, Sommer, Cremers, Usenko, "Square Root Marginalization for Sliding-Window
Bundle Adjustment", ICCV 2021. First estimates of all states that the prior touches are frozen.
"""

import numpy as np

from vio.backend.window import ACTIVE, Prior, Window


def marginalize(window: Window, frames: list[int], motions: list[int]) -> None:
    """Remove whole frames, and velocity and biases of other frames, from the window.

    frames: slots to remove, with the landmarks they host (whose observations go to the prior);
    other landmarks' observations in them are dropped. motions: slots that stay as poses only.
    """
    slots, _, _ = window.columns()
    visual = window.visual(slots)
    leaving = set(frames) | set(motions)
    factors = [f for f in window.factors if f.slot_i in leaving or f.slot_j in leaving]
    hosted = np.flatnonzero((window.lm_state == ACTIVE) & np.isin(window.host, frames))
    hosted = hosted[np.count_nonzero(window.mask[hosted], axis=1) >= 2]

    touched = set(frames) | set(motions)
    touched |= {s for f in factors for s in (f.slot_i, f.slot_j)}
    touched |= set(slots[np.any(window.mask[hosted][:, slots] != 0, axis=0)].tolist())
    if window.prior is not None:
        touched |= set(window.prior.slots)

    # Columns of the touched states: what leaves first, then what stays.
    full = [s for s in window.order if s in touched]
    columns: dict[int, np.ndarray] = {}
    col = 0
    for s in full:
        size = 15 if window.has_motion[s] else 6
        columns[s] = np.full(size, -1)
        if s in frames:
            columns[s][:] = col + np.arange(size)
            col += size
        elif s in motions:
            columns[s][6:] = col + np.arange(9)
            col += 9
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
    A = np.zeros((prior_rows + 15 * len(factors) + bits + 1, n + 1), window.dtype)
    m = 0
    if window.prior is not None:
        p = window.prior
        cols = np.concatenate([columns[s][:d] for s, d in zip(p.slots, p.dims, strict=True)])
        A[:prior_rows, cols] = p.J
        A[:prior_rows, n] = window.prior_residual()
        m = prior_rows
    for f in factors:
        J, r = window.imu_rows(f)
        A[m : m + 15, columns[f.slot_i]] += J[:, :15]
        A[m : m + 15, columns[f.slot_j]] += J[:, 15:]
        A[m : m + 15, n] = r
        m += 15
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
    window.has_motion[list(motions)] = False
    window.factors = [f for f in window.factors if f not in factors]
    for row in np.flatnonzero((window.lm_state != 0) & np.isin(window.host, frames)):
        window.free_landmark(int(row))
    for s in frames:
        window.order.remove(s)
        window.mask[:, s] = 0
