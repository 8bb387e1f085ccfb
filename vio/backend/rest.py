# SPDX-License-Identifier: Apache-2.0
"""The body at rest: found from inertial data, speed and tracks; then the window is left as it is.

At rest every frame shows the same image, with the same errors of tracking: a window that took such
frames for independent would pull the pose to those errors, and it would creep. So once the body has
rested for a while, frames are not processed until it moves again; the pose stays to the bit, and
the back end costs nothing. Tests of rest by inertial data and by the image together: Geneva,
Eckenhoff, Lee, Yang, Huang, "OpenVINS: A Research Platform for Visual-Inertial Estimation", ICRA
2020 (there with an update of zero velocity).
"""

import numpy as np

from vio.backend.observations import FrameInput, known_rows
from vio.backend.states import ACCEL_BIAS, D_GYRO_BIAS, GYRO_BIAS, VELOCITY
from vio.backend.window import Window
from vio.coasting import KnownState
from vio.config import Config
from vio.imu import Preintegration

LEAST_TRACKS = 8  # that tell whether the image moves
# What a rest within the bounds may hide of rotation (rad), velocity (m/s) and position (m).
HIDDEN = np.repeat([5e-4, 5e-3, 1e-3], 3)
_SPEED = slice(6, 9)  # of the covariance


class Rest:
    """Watch for rest, frame by frame, and hold it."""

    def __init__(self, config: Config) -> None:
        self._config = config.backend
        self._least_landmarks = config.init.min_landmarks
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a frame in motion."""
        self._span_s = 0.0  # of rest
        self.held_s = 0.0  # of it since frames are no longer processed
        self.visible = 0  # landmarks in view of the newest frame
        self.moved_sigmas = 0.0  # movement of the image since the rest began
        self._ids = np.zeros(0, np.int64)
        self._rays = np.zeros((0, 2))

    def holds(self, w: Window, slot: int, known: KnownState | None, frame: FrameInput) -> bool:
        """Return whether this frame shows a rest that is to be held.

        slot: the newest frame of the window. known: the state of the frame before this one.
        """
        if known is None or not self._is_still(w, slot, known, frame):
            self._span_s = 0.0
            self._ids, self._rays = frame.ids, frame.rays[:, :2]
            return False
        dt_s = float(frame.dt_s.sum())
        self._span_s += dt_s
        c = self._config
        deviation = np.sqrt(np.diag(known.covariance)[D_GYRO_BIAS : D_GYRO_BIAS + 3]).max()
        if self._span_s < c.rest_s or deviation > c.rest_gyro_bias_sigma:
            return False
        self.held_s += dt_s
        return True

    def _is_still(self, w: Window, slot: int, known: KnownState, frame: FrameInput) -> bool:
        c = self._config
        dt_s = float(frame.dt_s.sum())
        if dt_s <= 0.0 or frame.bridged_s > 0.0 or frame.gap_s > 0.0:
            return False
        x = w.vec[slot].astype(np.float64)
        share = frame.dt_s / dt_s
        rate = share @ frame.gyro - x[GYRO_BIAS]
        force = share @ frame.accel - x[ACCEL_BIAS]
        accel = w.R[slot].astype(np.float64) @ force + w.gravity.astype(np.float64)
        speed = np.linalg.norm(x[VELOCITY])
        speed += 2.0 * np.sqrt(max(0.0, np.diag(known.covariance)[_SPEED].max()))
        if (
            not np.linalg.norm(rate) < c.rest_gyro_rad_s
            or not np.linalg.norm(accel) < c.rest_accel_m_s2
            or not speed < c.rest_speed_m_s
        ):
            return False
        self.visible = len(known_rows(w, frame.ids))
        if self.visible < self._least_landmarks:
            return False
        _, here, there = np.intersect1d(frame.ids, self._ids, return_indices=True)
        if len(here) < LEAST_TRACKS:
            return False
        moved = image_motion(self._rays[there], frame.rays[here, :2])
        self.moved_sigmas = moved * float(w.weight[0])
        return self.moved_sigmas < c.rest_image_sigmas

    def released(self, pre: Preintegration) -> Preintegration:
        """Return the interval after a rest that was held, with what the rest may have hidden."""
        return pre._replace(
            covariance=pre.covariance + np.diag(HIDDEN**2).astype(pre.covariance.dtype)
        )


def image_motion(before: np.ndarray, after: np.ndarray) -> float:
    """Return how far an image has moved as a whole: shift, growth or roll about its middle.

    before, after: (N, 2), N >= 1, of the same tracks. Each is a median over the tracks, so that the
    noise of one track counts little, and what moves by itself not at all.
    """
    moved = after - before
    arm = before - np.median(before, axis=0)
    square = np.maximum(np.sum(arm * arm, axis=1), np.finfo(np.float64).tiny)
    size = np.sqrt(np.median(square))
    growth = size * np.median(np.sum(arm * moved, axis=1) / square)
    roll = size * np.median((arm[:, 0] * moved[:, 1] - arm[:, 1] * moved[:, 0]) / square)
    return float(max(np.linalg.norm(np.median(moved, axis=0)), abs(growth), abs(roll)))
