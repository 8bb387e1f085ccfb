# SPDX-License-Identifier: Apache-2.0
"""The start of a window after blind time: at the state that inertial data carried on.

What the lost window knew of velocity, roll, pitch and biases is carried through the time without
vision, with its covariance, and becomes the prior of the new window's first frame. Only yaw and
position of that frame are a gauge anew. So nothing is initialised a second time, and one camera
keeps its scale. The first frame is a keyframe with enough landmarks (one camera: tracks); the new
window is on trial until a later frame sees enough of them where it expects them.
"""

import numpy as np

from vio.backend.observations import FrameInput, add_landmarks
from vio.backend.solve import triangularize
from vio.backend.states import FULL_COLUMNS, whitening
from vio.backend.window import ACTIVE, FREE, MakeWindow, Prior, Window
from vio.camera import StereoRig
from vio.coasting import Coast, Interval, KnownState
from vio.config import Config
from vio.geometry import matrix_from_quaternion, quaternion_from_matrix
from vio.imu import ImuNoise

GAUGE_SIGMA = 1e-3  # of the first frame's yaw (rad) and position (m)


class CarriedStart:
    """Carry a state on until a window can begin at it.

    known: of the last frame, in the lost window's world frame.
    """

    def __init__(
        self,
        rig: StereoRig,
        noise: ImuNoise,
        config: Config,
        make_window: MakeWindow,
        known: KnownState,
    ) -> None:
        self.rig, self.noise, self.config = rig, noise, config
        self.make_window = make_window
        self._coast = Coast(known, noise)
        self._began_ns: int | None = None  # when the window on trial began

    def add(self, frame: FrameInput) -> None:
        """Carry the state on to a frame."""
        self._coast.add(Interval(frame.dt_s, frame.gyro, frame.accel, frame.bridged_s))

    @property
    def is_known(self) -> bool:
        """Whether the state is still known well enough to begin at it."""
        sigma = self._coast.state.speed_sigma
        return sigma <= self.config.init.carried_speed_sigma  # false for NaN

    def attempt(self, frame: FrameInput, is_mono: bool) -> Window | None:
        """Return a window that begins with this frame, or None while it has too few landmarks."""
        c = self.config
        if not frame.is_keyframe:
            return None
        capacity = c.backend.recent_frames + c.backend.keyframes + 2
        w = self.make_window(self.rig, self.noise, c.backend, capacity)
        known = self._coast.state
        R = matrix_from_quaternion(quaternion_from_matrix(known.R))
        vec = np.concatenate([known.p, known.v, known.gyro_bias, known.accel_bias])
        slot = w.add_frame(frame.t_ns, R, vec, is_keyframe=True)
        add_landmarks(w, slot, frame.ids, frame.rays, c)
        enough = w.lm_state != FREE if is_mono else w.lm_state == ACTIVE
        if np.count_nonzero(enough) < c.init.min_landmarks:
            return None
        w.prior = Prior(
            _square_root_information(known).astype(w.dtype),
            np.zeros(FULL_COLUMNS, w.dtype),
            [slot],
            [FULL_COLUMNS],
        )
        w.R_lin[slot], w.vec_lin[slot] = w.R[slot], w.vec[slot]
        w.linearized[slot] = True
        biases = np.concatenate([known.gyro_bias, known.accel_bias])
        w.note_motion(slot, frame.before, frame.behind, biases)
        self._began_ns = frame.t_ns
        return w

    def has_proved(self, visible: int) -> bool:
        """Return whether a frame of the window on trial sees enough of its landmarks."""
        return visible >= max(self.config.backend.min_visible, self.config.init.min_landmarks // 2)

    def has_failed(self, w: Window, slot: int, t_ns: int, is_mono: bool) -> bool:
        """Return whether the window on trial sees too little, or has been on trial too long."""
        c = self.config.init
        assert self._began_ns is not None
        longest_s = c.mono_span_s if is_mono else c.max_span_s
        in_view = np.count_nonzero((w.lm_state != FREE) & (w.mask[:, slot] != 0))
        return bool(
            (t_ns - self._began_ns) * 1e-9 > longest_s or in_view < self.config.backend.min_visible
        )


def _square_root_information(known: KnownState) -> np.ndarray:
    """Return the upper triangular J (15, 15) of the prior at a carried state."""
    J = whitening(known.from_here(GAUGE_SIGMA))
    triangularize(J, FULL_COLUMNS, FULL_COLUMNS, FULL_COLUMNS)
    return J
