# SPDX-License-Identifier: Apache-2.0
"""Tracks that span a time without vision: are they where inertial data expect them, as a body?

A tracker that looks for its windows after a second finds wrong ones, and wrong ones that agree with
one rigid motion, which RANSAC then chooses, are common in repeated texture. The motion by inertial
data, with its covariance since the last frame seen, tells them from right ones: of those, most lie
within their own covariance.
"""

import numpy as np

from vio.backend.observations import FrameInput
from vio.backend.states import POSE_COLUMNS, POSITION
from vio.backend.window import ACTIVE, Window
from vio.coasting import Interval, KnownState
from vio.imu import ImuNoise

SHARE = 0.8  # of the tracks that must lie where they are expected
CHECKED_GAP_S = 0.3  # without vision, after which tracks must agree with the inertial prediction


class BlindTime:
    """Hold the state at the last frame with enough landmarks, and all inertial data from there on.

    seen: None where it is contradicted, and no track is doubted.
    """

    def __init__(self, noise: ImuNoise, seen: KnownState | None = None) -> None:
        self._noise, self._seen = noise, seen
        self._since: FrameInput | None = None

    def add(self, frame: FrameInput) -> None:
        """Add the inertial data of the next frame."""
        self._since = frame if self._since is None else frame.after(self._since)

    def believes(self, w: Window, slot: int, frame: FrameInput, threshold: float) -> bool:
        """Return whether the tracks of the newest frame, in slot, may be used (see `agrees`)."""
        if self._seen is None or self._since is None:
            return True
        if float(self._since.dt_s.sum()) < CHECKED_GAP_S:
            return True
        return agrees(w, slot, frame, self._seen, self._since, self._noise, threshold)


def agrees(
    w: Window,
    slot: int,
    frame: FrameInput,
    seen: KnownState,
    since: FrameInput,
    noise: ImuNoise,
    threshold: float,
) -> bool:
    """Return whether a frame's tracks agree with the inertial prediction that its state holds.

    slot: of the frame, without observations yet. seen: the state at the last frame with landmarks,
    with its covariance (15, 15). since: has all inertial data from there on. threshold: in standard
    deviations.
    """
    pairs = [(w.row_of[i], k) for k, i in enumerate(frame.ids.tolist()) if i in w.row_of]
    pairs = [(row, k) for row, k in pairs if w.lm_state[row] == ACTIVE]
    if not pairs:
        return True
    rows, columns = np.array(pairs).T
    whole = Interval(since.dt_s, since.gyro, since.accel, since.bridged_s)
    here = KnownState(
        seen.R, seen.p, seen.v, seen.gyro_bias, seen.accel_bias, seen.from_here()
    ).after(whole, noise)
    P = here.covariance[:POSE_COLUMNS, :POSE_COLUMNS]
    e, J = _residuals(w, slot, rows, frame.rays[columns, :2])
    S = np.einsum("nij,jk,nlk->nil", J, P, J) + np.eye(2)
    determinant = S[:, 0, 0] * S[:, 1, 1] - S[:, 0, 1] ** 2
    squares = (
        S[:, 1, 1] * e[:, 0] ** 2 - 2.0 * S[:, 0, 1] * e[:, 0] * e[:, 1] + S[:, 0, 0] * e[:, 1] ** 2
    ) / determinant
    return bool(np.count_nonzero(squares < threshold**2) >= SHARE * len(rows))


def _residuals(
    w: Window, slot: int, rows: np.ndarray, rays: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return errors (N, 2) of left rays (N, 2) in standard deviations, and their derivatives.

    These are (N, 2, 6), by the rotation (world axes) and the position of the frame.
    """
    R_body_cam, p_body_cam = (
        w.rig.R_body_cam0.astype(np.float64),
        w.rig.p_body_cam0.astype(np.float64),
    )
    lm, host = w.lm[rows].astype(np.float64), w.host[rows]
    R, p = w.R.astype(np.float64), w.vec[:, POSITION].astype(np.float64)
    in_host = np.column_stack([lm[:, :2], np.ones(len(lm))]) / lm[:, 2:3]
    in_body = np.einsum("ij,nj->ni", R_body_cam, in_host) + p_body_cam
    arm = np.einsum("nij,nj->ni", R[host], in_body) + p[host] - p[slot]  # world axes, from the body
    R_cam_world = np.einsum("ji,kj->ik", R_body_cam, R[slot])
    x = np.einsum("ij,nj->ni", R_cam_world, arm) - np.einsum("ji,j->i", R_body_cam, p_body_cam)
    depth = np.maximum(x[:, 2], 1e-3)
    u = x[:, :2] / depth[:, None]
    weight = float(w.weight[0])
    by_point = np.zeros((len(rows), 2, 3))
    by_point[:, 0, 0] = by_point[:, 1, 1] = 1.0
    by_point[:, :, 2] = -u
    by_point *= (weight / depth)[:, None, None]
    by_world = np.einsum("nij,jk->nik", by_point, R_cam_world)
    J = np.zeros((len(rows), 2, POSE_COLUMNS))
    for k in range(2):  # of R' exp(-theta) arm: theta enters as arm x theta
        J[:, k, :3] = np.cross(by_world[:, k], arm)
        J[:, k, 3:] = -by_world[:, k]
    return (u - rays) * weight, J
