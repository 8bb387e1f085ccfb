# SPDX-License-Identifier: Apache-2.0
"""Square-root marginalisation: QR of the rows that touch the leaving states gives the new prior.

Source: Demmel, Schubert, Sommer, Cremers, Usenko, "Square Root Marginalization for Sliding-Window
Bundle Adjustment", ICCV 2021. First estimates of all states that the prior touches are frozen.
"""

import math

import numpy as np

from vio.backend.landmarks import reduced_rows
from vio.backend.solve import triangularize
from vio.backend.states import FULL_COLUMNS, POSE_COLUMNS, POSITION, matvec
from vio.backend.window import ACTIVE, FREE, ImuFactor, Prior, Window
from vio.config import BackEndConfig
from vio.geometry import log_so3, mulT33

REST_M, REST_RAD = 0.004, 0.002  # between two keyframes; less is no motion


def marginalize(window: Window, frames: list[int], to_poses: list[int]) -> None:
    """Remove whole frames, and velocity and biases of other frames, from the window.

    frames: slots to remove, with the landmarks they host (whose observations go to the prior);
    other landmarks' observations in them are dropped. to_poses: slots that stay as poses only.
    """
    window.refresh_linearization_points()  # those of the kept states stay from now on
    leaving = set(frames) | set(to_poses)
    factors = [f for f in window.factors if f.slot_i in leaving or f.slot_j in leaving]
    is_leaving = np.zeros(len(window.t_ns), bool)
    is_leaving[frames] = True
    hosted = window.active_rows()
    hosted = hosted[is_leaving[window.host[hosted]]]

    touched = leaving | {s for f in factors for s in (f.slot_i, f.slot_j)}
    slots, _, _ = window.columns()
    touched |= set(slots[np.any(window.mask[hosted][:, slots] != 0, axis=0)].tolist())
    if window.prior is not None:
        touched |= set(window.prior.slots)
    order = [s for s in window.order if s in touched]
    columns, gone, kept, kept_dims = _columns(window, order, frames, to_poses, window.extra_columns)
    reduced = window.reduced_prior(frames, to_poses)
    if reduced is None:
        reduced = _by_qr(window, factors, hosted, order, columns, gone, sum(kept_dims))
    window.prior = Prior(*reduced, kept, kept_dims)
    window.linearized[kept] = True
    window.is_full[list(to_poses)] = False
    window.factors = [f for f in window.factors if f not in factors]
    if frames:
        window.free_landmarks(np.flatnonzero((window.lm_state != FREE) & is_leaving[window.host]))
    for s in frames:
        window.order.remove(s)
        window.mask[:, s] = 0


def _by_qr(
    window: Window,
    factors: list[ImuFactor],
    hosted: np.ndarray,
    order: list[int],
    columns: dict[int, np.ndarray],
    gone: int,
    kept: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the new prior's J and r: a QR of all rows that touch what leaves.

    hosted: rows of the landmarks that leave. order, columns: the slots and their columns, of which
    the first `gone` leave and the last `kept` stay; between them lie those that all frames share.
    """
    extra = window.extra_columns
    n = gone + extra + kept
    own = np.arange(gone, gone + extra)
    prior = window.prior
    bits = 2 * int(np.bitwise_count(window.mask[hosted]).sum())
    size = FULL_COLUMNS * len(factors) + bits + 1 + extra + (0 if prior is None else len(prior.r))
    A = np.zeros((size, n + 1), window.dtype)
    m = 0
    if prior is not None:
        m = len(prior.r)
        parts = zip(prior.slots, prior.dims, strict=True)
        shared = own[: prior.J.shape[1] - sum(prior.dims)]
        A[:m, np.concatenate([shared, *(columns[s][:d] for s, d in parts)])] = prior.J
        A[:m, n] = window.prior_residual()
    m = window.start_shared_prior(A, m, own)
    for f in factors:
        J, r = window.imu_rows(f)
        rows = A[m : m + len(r)]
        rows[:, np.concatenate([columns[f.slot_i], columns[f.slot_j]])] = J
        rows[:, n] = r
        m += len(r)
    if len(hosted):
        pose_column = np.full(len(window.t_ns), -1, np.int64)
        pose_column[order] = [columns[s][0] for s in order]
        visual = window.visual_arrays(window.columns()[0])
        first, m = m, reduced_rows(hosted, window.rig, visual, pose_column, A, m)
        window.add_shared_columns(A[first:m], pose_column, own)

    # The prior counts from the first estimates: r(lin) = r(current) - J (current - lin).
    sizes = np.array([len(columns[s]) for s in order], np.int64)
    dx = np.zeros(n, window.dtype)
    dx[np.concatenate([columns[s] for s in order])] = window.local_difference(
        np.array(order, np.int64), sizes
    )
    dx[own] = window.shared_difference()
    A[:m, n] -= matvec(np.ascontiguousarray(A[:m, :n]), dx)

    triangularize(A, m, n, n + 1)
    last = min(m, n)
    return np.ascontiguousarray(A[gone:last, gone:n]), A[gone:last, n].copy()


def _columns(
    window: Window, order: list[int], frames: list[int], to_poses: list[int], extra: int
) -> tuple[dict[int, np.ndarray], int, list[int], list[int]]:
    """Return the columns of the slots in `order`: what leaves first, then what stays.

    Also returns how many leave, the slots that stay, and how many columns each of them keeps.
    """
    leaves: dict[int, np.ndarray] = {}
    gone = 0
    for s in order:
        if s not in frames and s not in to_poses:
            continue
        size = FULL_COLUMNS if window.is_full[s] else POSE_COLUMNS
        leaves[s] = np.arange(gone, gone + size - (0 if s in frames else POSE_COLUMNS))
        gone += len(leaves[s])
    columns, kept, kept_dims = {}, [], []
    col = gone + extra
    for s in order:
        if s in frames:
            columns[s] = leaves[s]
            continue
        whole = bool(window.is_full[s]) and s not in to_poses
        stay = np.arange(col, col + (FULL_COLUMNS if whole else POSE_COLUMNS))
        columns[s] = np.concatenate([stay, leaves[s]]) if s in to_poses else stay
        kept.append(s)
        kept_dims.append(len(stay))
        col += len(stay)
    return columns, gone, kept, kept_dims


def choose_leaving(
    window: Window, config: BackEndConfig, newest: int
) -> tuple[list[int], list[int]]:
    """Return the slots to remove, and those to keep as poses only, while the window is too large.

    The oldest recent frame stays as a pose if it is a keyframe, unless the body has not moved since
    the keyframe before it: at rest, keyframes that tell nothing new would push out those whose
    points are well known, and the pose would follow the others' errors.
    """
    recent = [s for s in window.order if window.is_full[s]]
    poses = [s for s in window.order if not window.is_full[s]]
    frames: list[int] = []
    to_poses: list[int] = []
    if len(recent) > config.recent_frames:
        oldest = recent[0]
        is_new = window.is_keyframe[oldest] and not (poses and _at_rest(window, poses[-1], oldest))
        (to_poses if is_new else frames).append(oldest)
    if len(poses) + len(to_poses) > config.keyframes:
        frames.append(choose_keyframe(window, poses, newest))
    return frames, to_poses


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


def _at_rest(window: Window, a: int, b: int) -> bool:
    """Return whether the body had not moved between two frames."""
    R_a, R_b = (np.ascontiguousarray(window.R[s].astype(np.float64)) for s in (a, b))
    p = window.vec[:, POSITION].astype(np.float64)
    moved_m, turned_rad = _distance(p[a], p[b]), np.abs(log_so3(mulT33(R_a, R_b))).max()
    return bool(moved_m < REST_M and turned_rad < REST_RAD)


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    d = a - b
    return math.sqrt(float(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]))
