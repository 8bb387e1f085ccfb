# SPDX-License-Identifier: Apache-2.0
"""Landmarks seen from other frames than their hosts: what all landmarks of two frames share.

A landmark of host h appears in camera c of frame t at q = A (x, y, 1)' + rho b, and A and b depend
on the two poses alone. The derivatives by both poses are linear maps, of the two frames again, of
one vector k of six components in the host's left camera: so sums over landmarks are formed of k,
and moved to the poses once a pair (as the adjoints of Engel, Koltun, Cremers, "Direct Sparse
Odometry", PAMI 2018, section 3.2). docs/odometry/backend.md, section 3, derives them.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from vio.camera import StereoRig
from vio.geometry import invert_transform, mul3, mul33

WORDS = 12  # of a view: A row by row, then b
NEAREST = 0.05  # least q_2 of what is seen: depth over that in the host


class RigArrays(NamedTuple):
    """Hold the extrinsics in the estimator's precision: body to cameras, left camera to body."""

    R_cam_body: np.ndarray  # (2, 3, 3)
    p_cam_body: np.ndarray  # (2, 3)
    R_body_cam0: np.ndarray  # (3, 3)
    p_body_cam0: np.ndarray  # (3,)


def rig_arrays(rig: StereoRig, dtype: type) -> RigArrays:
    """Return the extrinsics of a rig in a precision."""
    T_cam_body = [invert_transform(c.T_body_cam) for c in (rig.left, rig.right)]
    return RigArrays(
        np.stack([T[:3, :3] for T in T_cam_body]).astype(dtype),
        np.stack([T[:3, 3] for T in T_cam_body]).astype(dtype),
        np.ascontiguousarray(rig.left.T_body_cam[:3, :3]).astype(dtype),
        np.ascontiguousarray(rig.left.T_body_cam[:3, 3]).astype(dtype),
    )


def move_landmarks(lm: np.ndarray, before: RigArrays, after: RigArrays) -> np.ndarray:
    """Return landmarks (L, 3) of the left camera of one rig in that of another, same body pose.

    NaN where one does not lie before the camera.
    """
    A = mul33(after.R_cam_body[0], before.R_body_cam0)
    b = mul3(after.R_cam_body[0], before.p_body_cam0) + after.p_cam_body[0]
    x, y, rho = lm.T
    q = [A[i, 0] * x + A[i, 1] * y + A[i, 2] + rho * b[i] for i in range(3)]
    depth = np.where(q[2] >= NEAREST, q[2], np.nan)
    return np.column_stack([q[0] / depth, q[1] / depth, rho / depth])


@njit(cache=True, nogil=True)
def mark_hosts(rows: np.ndarray, host: np.ndarray, count: int) -> np.ndarray:
    """Return which of the slots (count,) host a landmark of `rows`."""
    out = np.zeros(count, np.bool_)
    for row in rows:
        out[host[row]] = True
    return out


@njit(cache=True, nogil=True)
def views(
    rig: RigArrays, R: np.ndarray, p: np.ndarray, is_host: np.ndarray, slots: np.ndarray
) -> np.ndarray:
    """Return A and b (S, S, 2, 12) of hosts seen from `slots` (F,); R: (S, 3, 3), p: (S, 3)."""
    S = len(R)
    out = np.zeros((S, S, 2, WORDS), p.dtype)
    for h in slots:
        if not is_host[h]:
            continue
        R_world_cam0 = mul33(R[h], rig.R_body_cam0)
        arm = mul3(R[h], rig.p_body_cam0)
        for t in slots:
            for cam in range(2):
                if t == h:  # the poses cancel
                    A = mul33(rig.R_cam_body[cam], rig.R_body_cam0)
                    b = mul3(rig.R_cam_body[cam], rig.p_body_cam0)
                else:
                    R_cam_world = np.empty((3, 3), p.dtype)
                    for i in range(3):
                        for j in range(3):
                            R_cam_world[i, j] = (
                                rig.R_cam_body[cam, i, 0] * R[t, j, 0]
                                + rig.R_cam_body[cam, i, 1] * R[t, j, 1]
                                + rig.R_cam_body[cam, i, 2] * R[t, j, 2]
                            )
                    A = mul33(R_cam_world, R_world_cam0)
                    b = mul3(R_cam_world, arm + (p[h] - p[t]))
                view = out[h, t, cam]
                for i in range(3):
                    for j in range(3):
                        view[3 * i + j] = A[i, j]
                    view[9 + i] = b[i] + rig.p_cam_body[cam, i]
    return out


@njit(cache=True, nogil=True)
def pose_maps(
    rig: RigArrays, R: np.ndarray, p: np.ndarray, is_host: np.ndarray, slots: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `by_pose` needs: rotations (S, 3, 3) of hosts and levers (S, S, 3, 3).

    Levers of frame t seen from host h; those of [h, h] are for the derivative by the host's pose.
    """
    S = len(R)
    turns = np.zeros((S, 3, 3), p.dtype)
    levers = np.zeros((S, S, 3, 3), p.dtype)
    for h in slots:
        if not is_host[h]:
            continue
        M = mul33(R[h], rig.R_body_cam0)
        arm = mul3(R[h], rig.p_body_cam0)  # of the left camera in the host, world axes
        for i in range(3):  # assigning the array would compile for seconds
            for j in range(3):
                turns[h, i, j] = M[i, j]
        for t in slots:
            d = arm + (p[h] - p[t]) if t != h else arm
            for j in range(3):  # hat(d) M
                levers[h, t, 0, j] = d[1] * M[2, j] - d[2] * M[1, j]
                levers[h, t, 1, j] = d[2] * M[0, j] - d[0] * M[2, j]
                levers[h, t, 2, j] = d[0] * M[1, j] - d[1] * M[0, j]
    return turns, levers


@njit(cache=True, nogil=True)
def by_pose(turn: np.ndarray, lever: np.ndarray, k: np.ndarray, out: np.ndarray) -> None:
    """Fill out (6,) with the derivative by rotation and position of k (6,).

    With the lever of [h, h] it is that by the host's pose; with that of [h, t] it is that by the
    target's pose with the sign inverted.
    """
    for i in range(3):
        out[i] = (
            turn[i, 0] * k[0] + turn[i, 1] * k[1] + turn[i, 2] * k[2]
            + lever[i, 0] * k[3] + lever[i, 1] * k[4] + lever[i, 2] * k[5]
        )  # fmt: skip
        out[3 + i] = turn[i, 0] * k[3] + turn[i, 1] * k[4] + turn[i, 2] * k[5]


@njit(cache=True, nogil=True)
def ray_of(view: np.ndarray, landmark: np.ndarray) -> tuple[float, float, float]:
    """Return the ray (u, v) of a landmark (3,) in a view, and 1 / q_2, which is 0 behind it."""
    T = view.dtype.type
    x, y, rho = landmark[0], landmark[1], landmark[2]
    q2 = view[6] * x + view[7] * y + view[8] + rho * view[11]
    if q2 < T(NEAREST):
        return T(0.0), T(0.0), T(0.0)
    inverse = T(1.0) / q2
    u = (view[0] * x + view[1] * y + view[2] + rho * view[9]) * inverse
    v = (view[3] * x + view[4] * y + view[5] + rho * view[10]) * inverse
    return u, v, inverse
