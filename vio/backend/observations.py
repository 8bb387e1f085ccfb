# SPDX-License-Identifier: Apache-2.0
"""Observations in the window: enter a frame's, add and triangulate landmarks, remove outliers."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from vio.backend.exposure import NO_INTERVALS, Intervals
from vio.backend.landmarks import drop_outliers, reprojection_errors
from vio.backend.relative import ray_of, views
from vio.backend.states import POSITION
from vio.backend.triangulate import stereo_inverse_depth, triangulate_rows
from vio.backend.window import ACTIVE, PENDING, Window
from vio.config import Config
from vio.geometry import mul33, mulT33

MOVING_SHARE = 0.05  # of a frame's landmarks; fewer are left to `remove_outliers`
LEAST_VOTES = 8  # that tell how good a prediction is
QUARTER_TO_HALF = 1.55  # quartiles of the length of two normal components
TWO_GROUPS = 5.0


@dataclass(frozen=True)
class FrameInput:
    """Hold what one frame brings: tracks as rays, and the inertial data since the last frame.

    ids: (N,) int64. rays: (N, 4) [x, y left, x, y right], NaN where there is no stereo match.
    dt_s (M,), gyro (M, 3), accel (M, 3): intervals that cover the time since the last frame.
    bridged_s: for how long of it there are no inertial samples. is_mono: there is no right image.
    gap_s: length of a gap in the samples that is longer than imu.max_gap_s, or 0. behind: intervals
    after the frame's stamp that are known already, for images that are exposed after their stamps.
    """

    t_ns: int
    ids: np.ndarray
    rays: np.ndarray
    is_keyframe: bool
    dt_s: np.ndarray
    gyro: np.ndarray
    accel: np.ndarray
    bridged_s: float = 0.0
    is_mono: bool = False
    gap_s: float = 0.0
    behind: Intervals = NO_INTERVALS

    @property
    def before(self) -> Intervals:
        """The intervals that cover the time since the last frame."""
        return Intervals(self.dt_s, self.gyro, self.accel)

    def after(self, earlier: "FrameInput") -> "FrameInput":
        """Return this frame with the inertial data since the frame before `earlier`."""
        return replace(
            self,
            dt_s=np.concatenate([earlier.dt_s, self.dt_s]),
            gyro=np.concatenate([earlier.gyro, self.gyro]),
            accel=np.concatenate([earlier.accel, self.accel]),
            bridged_s=earlier.bridged_s + self.bridged_s,
            gap_s=max(earlier.gap_s, self.gap_s),
        )


def observe(window: Window, slot: int, ids: np.ndarray, rays: np.ndarray) -> None:
    """Enter a frame's tracks as observations of the landmarks that they belong to."""
    row_of = window.row_of
    rows = np.array([row_of.get(i, -1) for i in ids.tolist()], np.int64)
    known = rows >= 0
    rows, seen = rows[known], rays[known]
    stereo = np.isfinite(seen[:, 2])
    window.obs[rows, slot] = _without_nan(seen)
    window.mask[rows, slot] = 1 + 2 * stereo.astype(np.uint8)


def known_rows(window: Window, ids: np.ndarray) -> np.ndarray:
    """Return the rows of those tracks (N,) that are landmarks with a depth."""
    row_of = window.row_of
    rows = np.array([row_of[i] for i in ids.tolist() if i in row_of], np.int64)
    return rows[window.lm_state[rows] == ACTIVE]


class View(NamedTuple):
    """Hold what the left camera of a rig is expected to see where the newest frame was.

    ids (N,), rays (N, 2) of landmarks. R_cam_key: (3, 3), from a keyframe's camera to this one.
    """

    ids: np.ndarray
    rays: np.ndarray
    R_cam_key: np.ndarray


def view(window: Window, key_ns: int) -> View | None:
    """Return what the window expects to be seen; None when no keyframe has that time."""
    keys = [s for s in window.order if window.t_ns[s] == key_ns]
    if not keys:
        return None
    slot, rig = window.order[-1], window.rig
    rows = np.flatnonzero(window.lm_state == ACTIVE)
    is_host = np.ones(len(window.t_ns), bool)
    now = views(rig, window.R, window.vec[:, POSITION], is_host, np.array(window.order))
    found = [ray_of(now[window.host[r], slot, 0], window.lm[r]) for r in rows]
    rays = np.array(found, np.float64).reshape(-1, 3)
    seen = rays[:, 2] != 0.0
    R_body = mulT33(window.R[slot], window.R[keys[0]])
    R_cam = mul33(rig.R_cam_body[0], mul33(R_body, rig.R_body_cam0))
    return View(window.lm_id[rows[seen]], rays[seen, :2], R_cam.astype(np.float64))


def sees_nothing(window: Window, slot: int, following: np.ndarray, least: int) -> bool:
    """Return whether a frame sees no landmark of others, and too few that the next frame sees.

    following: (N,) tracks of the next frame. least: how many are enough.
    """
    seen = window.mask[:, slot] != 0
    if np.any(seen & (window.lm_state == ACTIVE) & (window.host != slot)):
        return False
    rows = [window.row_of[i] for i in following.tolist() if i in window.row_of]
    return int(np.count_nonzero(seen[rows])) < least


def landmark_positions(window: Window, T_body_cam: np.ndarray) -> np.ndarray:
    """Return the (M, 3) positions in metres, world frame, of the landmarks in use."""
    rows = window.active_rows()
    lm = window.lm[rows].astype(np.float64)
    rays = np.column_stack([lm[:, :2], np.ones(len(lm))]) / lm[:, 2:3]
    body = rays @ T_body_cam[:3, :3].T + T_body_cam[:3, 3]
    h = window.host[rows]
    return np.einsum("nij,nj->ni", window.R[h].astype(np.float64), body) + window.vec[h, POSITION]


def remove_moving(window: Window, slot: int, ids: np.ndarray, threshold: float) -> None:
    """Drop the observations of things that move, before they enter an optimisation.

    The newest frame, in slot, is at its inertial prediction, which over one frame is nearly as good
    as vision. What moves by itself does not fit there, while the robust loss alone would let many
    such points pull the window along. A track that did not fit stays suspect until it fits, and has
    no vote meanwhile on how good the prediction is. A quarter of the votes is enough when it fits
    far better than the others: so many points do not fit by chance, even when most are on something
    that moves. Where only a few tracks do not fit, those are dropped that were suspect before. ids:
    (N,) of the frame's tracks. threshold: in standard deviations, or in the spread of the votes
    where the prediction itself is off by more.
    """
    window.suspects &= set(ids.tolist())
    rows, errors = _errors_in(window, slot)
    errors = errors.max(axis=1)
    rows, errors = rows[errors >= 0.0], errors[errors >= 0.0]
    track = window.lm_id[rows]
    suspect = np.array([i in window.suspects for i in track.tolist()], bool)
    votes = errors[~suspect]
    if len(votes) >= LEAST_VOTES:
        sigma = max(1.0, _spread(votes))
        moving = errors > threshold * sigma
    else:  # no new verdict; what moved before stays out
        moving = suspect & (errors > threshold)
    window.suspects -= set(track[~moving].tolist())
    if np.count_nonzero(moving) < MOVING_SHARE * len(rows):
        moving &= suspect
    window.suspects |= set(track[moving].tolist())
    window.mask[rows[moving], slot] = 0


def _spread(errors: np.ndarray) -> float:
    """Return how far errors (N,) spread: their median, or what the best quarter shows.

    The latter where most are much larger than that: then they are two groups, not one.
    """
    quarter, half = np.quantile(errors, [0.25, 0.5])
    is_one_group = half < TWO_GROUPS * max(0.5, quarter)
    return float(half if is_one_group else QUARTER_TO_HALF * quarter)


def _without_nan(rays: np.ndarray) -> np.ndarray:
    """Return rays (N, 4) with zeros where there is no stereo match."""
    return np.where(np.isnan(rays), 0.0, rays)


def add_landmarks(
    window: Window, slot: int, ids: np.ndarray, rays: np.ndarray, config: Config
) -> None:
    """Host new landmarks in a keyframe: by stereo depth, or pending until there is parallax."""
    c = config.backend
    rho = stereo_inverse_depth(window.rig, rays.astype(window.dtype))
    near = (rho > 1.0 / c.max_depth_m) & (rho < 1.0 / c.min_depth_m)  # false for NaN
    row_of = window.row_of
    is_new = np.array([i not in row_of for i in ids.tolist()], bool)
    new = np.concatenate([np.flatnonzero(is_new & near), np.flatnonzero(is_new & ~near)])
    rows = window.new_landmarks(ids[new], slot)
    new = new[: len(rows)]
    seen, stereo = rays[new], near[new]
    window.obs[rows, slot] = _without_nan(seen)
    window.mask[rows, slot] = np.where(stereo, 3, 1)
    window.lm[rows[stereo]] = np.column_stack([seen[stereo, :2], rho[new[stereo]]])
    window.lm_state[rows[stereo]] = ACTIVE


def triangulate_pending(window: Window, slot: int, config: Config) -> None:
    """Give a depth to pending landmarks that are in view and have enough parallax."""
    rows = np.flatnonzero(window.lm_state == PENDING)
    if not len(rows):
        return
    in_view = window.mask[rows, slot] != 0
    window.free_landmarks(rows[~in_view])
    rows = rows[in_view]
    if not len(rows):
        return
    slots, _, _ = window.columns()
    visual = window.visual_arrays(slots)
    c = config.backend
    lm = triangulate_rows(rows, window.rig, visual, np.radians(c.min_parallax_deg))
    good = np.isfinite(lm[:, 2]) & (lm[:, 2] > 1 / c.max_depth_m) & (lm[:, 2] < 1 / c.min_depth_m)
    window.lm[rows[good]] = lm[good]
    errors = reprojection_errors(rows[good], window.rig, visual, slots)
    fits = errors.max(axis=(1, 2), initial=0.0) < c.outlier
    window.lm_state[rows[good][fits]] = ACTIVE


def median_error(window: Window, slot: int) -> float:
    """Return the median error of a frame's observations, in standard deviations; 0 without any."""
    _, errors = _errors_in(window, slot)
    seen = errors[errors >= 0.0]
    return float(np.median(seen)) if len(seen) else 0.0


def _errors_in(window: Window, slot: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows (N,) in use and their errors (N, 2) in a frame, left and right, -1 where none."""
    rows = window.active_rows()
    slots, _, _ = window.columns()
    here = np.array([slot], np.int64)
    errors = reprojection_errors(rows, window.rig, window.visual_arrays(slots), here)
    return rows, errors[:, slot]


class VisionCheck(NamedTuple):
    """Hold how well a frame's observations agree with the optimised window.

    visible: observations left in the frame. innovation: their median error before any was removed,
    in standard deviations; NaN without any. majority_agrees: at most half of them were outliers.
    """

    visible: int
    innovation: float
    majority_agrees: bool


def remove_outliers(window: Window, slot: int, threshold: float) -> VisionCheck:
    """Drop observations that the optimised window contradicts; report on those in slot.

    threshold: in standard deviations. The majority of a frame's observations is never dropped: then
    it is rather the window that is wrong, and the robust loss alone limits what they do. A track
    whose left observation in slot is dropped is suspect from then on: what was found in a wrong
    place is found there again.
    """
    rows = window.active_rows()
    slots, _, _ = window.columns()
    errors = reprojection_errors(rows, window.rig, window.visual_arrays(slots), slots)
    seen, lost, majority_agrees = drop_outliers(
        rows, errors, window.mask, window.host, slot, threshold
    )
    bad = (errors[:, slot, 0] > threshold) & (window.mask[rows, slot] & 1 == 0)
    window.suspects |= set(window.lm_id[rows[bad]].tolist())
    window.free_landmarks(lost)
    visible = int(np.count_nonzero(window.mask[window.active_rows(), slot]))
    innovation = float(np.median(seen)) if len(seen) else float("nan")
    return VisionCheck(visible, innovation, majority_agrees)
