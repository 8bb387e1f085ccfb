# SPDX-License-Identifier: Apache-2.0
"""The back end: tracks and inertial data in, one causal estimate a frame out."""

from dataclasses import replace

import numpy as np

from vio.backend.agreement import BlindTime
from vio.backend.carried import CarriedStart
from vio.backend.estimate import Estimate, Pose
from vio.backend.init import Initializer, KnownBiases
from vio.backend.innovation import InertialGate
from vio.backend.marginalize import choose_leaving, marginalize
from vio.backend.mono_init import MonoInitializer
from vio.backend.observations import (
    FrameInput,
    View,
    VisionCheck,
    add_landmarks,
    known_rows,
    landmark_positions,
    median_error,
    observe,
    remove_moving,
    remove_outliers,
    sees_nothing,
    triangulate_pending,
    view,
)
from vio.backend.rest import Rest
from vio.backend.states import (
    ACCEL_BIAS,
    BIASES,
    D_GYRO_BIAS,
    GYRO_BIAS,
    POSITION,
    VELOCITY,
    predict,
)
from vio.backend.window import ACTIVE, FREE, MakeWindow, Window
from vio.camera import StereoRig
from vio.coasting import KnownState, hidden_by_gap
from vio.config import Config
from vio.geometry import matrix_from_quaternion, quaternion_from_matrix
from vio.imu import ImuNoise, Preintegrate, noise_with_gap


class Estimator:
    """Keep the window, from its initialisation to its loss.

    preintegrate and make_window choose the arithmetic: float with `vio.imu.preintegrate` and
    `Window` itself; vio/engines.py knows the others.
    """

    def __init__(
        self,
        rig: StereoRig,
        noise: ImuNoise,
        config: Config,
        preintegrate: Preintegrate,
        make_window: MakeWindow,
    ) -> None:
        self.rig, self.noise, self.config = rig, noise, config
        self.preintegrate, self.make_window = preintegrate, make_window
        self._known: KnownBiases | None = None
        self._doubtful = 0  # frames since then
        self._last: KnownState | None = None  # the newest state that is not contradicted
        self._carried: CarriedStart | None = None  # through the time since the last window
        self._blind_time = BlindTime(noise)
        self.forgets_tracks = False  # the newest frame's tracks were not believed
        self._on_trial = False  # the window began at the carried state, not yet proved by vision
        self.initializer = self._initializer()
        self.mono_initializer = self._mono_initializer()
        self._stereo_ns: int | None = None  # time of the last frame with a right image
        self._first_ns: int | None = None
        self.gate = InertialGate(config.backend)
        self.size = config.backend  # of the window; it may change between frames
        self.window: Window | None = None
        self.slot = -1  # of the newest frame
        self._newest: FrameInput | None = None  # with all that its inertial factor holds
        self._rest = Rest(config)
        self._estimated: Estimate | None = None  # of the newest frame
        self._is_mono, self._scale_text = rig.is_mono, ""
        self.smoothed: list[Pose] = []  # left the window, some earlier frame has not

    def _initializer(self) -> Initializer:
        return Initializer(
            self.rig, self.noise, self.config, self.preintegrate, self.make_window, self._known
        )

    def _mono_initializer(self) -> MonoInitializer:
        return MonoInitializer(
            self.rig, self.noise, self.config, self.preintegrate, self.make_window, self._known
        )

    @property
    def reason(self) -> str:
        """Why there is no window, or how well its scale is known; empty when all is known."""
        if self.window is not None and not self._on_trial:
            return self._scale_text
        if self._carried is not None:
            return "waiting for enough landmarks to go on with"
        return (self.mono_initializer if self._is_mono else self.initializer).reason

    def _note_camera(self, frame: FrameInput) -> None:
        """Find out whether the rig works with one camera: there was no right image for a while."""
        if self._first_ns is None:
            self._first_ns = frame.t_ns
        if not frame.is_mono:
            self._stereo_ns = frame.t_ns
        since_ns = self._first_ns if self._stereo_ns is None else self._stereo_ns
        without_s = (frame.t_ns - since_ns) * 1e-9
        self._is_mono = self.rig.is_mono or without_s >= self.config.init.mono_after_s

    def _attempt(self, frame: FrameInput) -> Window | None:
        """Return a window if one can be built with this frame, or None."""
        self.mono_initializer.add(frame)
        if not self._is_mono:
            self.initializer.add(frame)
        if self._carried is not None:
            self._carried.add(frame)
            if self._carried.is_known:
                window = self._carried.attempt(frame, self._is_mono)
                self._on_trial = window is not None
                return window
            self._carried = None
        return self.mono_initializer.attempt() if self._is_mono else self.initializer.attempt()

    def reset(self) -> None:
        """Forget the window: the next one begins at its last state, carried on by inertial data.

        Or anew, when that state is contradicted or no longer known well enough.
        """
        if self._doubtful > 1:  # contradicted for longer than the frame that ended it
            self._known = None
        self._doubtful = 0
        if self._on_trial:
            self._end_trial()
        elif self.window is not None:
            self.smoothed += [self._pose(s) for s in self.window.order]
            self._carried = None
            if self._last is not None:
                self._carried = CarriedStart(
                    self.rig, self.noise, self.config, self.make_window, self._last
                )
        self._last = self.window = self._estimated = None
        self._blind_time = BlindTime(self.noise)
        self.gate.reset()
        self._watch_anew()

    def _watch_anew(self) -> None:
        """Forget the frames from which a start, or a rest, would be found."""
        self._rest.forget()
        self.initializer = self._initializer()
        self.mono_initializer = self._mono_initializer()

    def change_cameras(self, rig: StereoRig, pair: StereoRig) -> None:
        """Go on with the other camera. rig: for new windows; pair: that camera as the left one."""
        self.rig = rig
        self._watch_anew()
        if self.window is not None:
            self.window.change_cameras(pair)
        if self._carried is not None:
            self._carried.rig = rig

    def view(self, key_ns: int) -> View | None:
        """Return what is expected to be seen where the newest frame was (`observations.view`)."""
        return None if self.window is None else view(self.window, key_ns)

    def can_bridge(self, ids: np.ndarray) -> bool:
        """Return whether tracks (N,) hold enough landmarks to pass a gap in the inertial data."""
        if self.window is None or self._on_trial:
            return False
        return len(known_rows(self.window, ids)) >= self.config.init.min_landmarks

    def process(self, frame: FrameInput) -> Estimate | None:
        """Process one frame; return its estimate, or None while there is none."""
        is_first = self.window is None or self._on_trial
        self.forgets_tracks = False
        self._note_camera(frame)
        self._scale_text = ""
        if self.window is None:
            window = self._attempt(frame)
            if window is None:
                return None
            self.window, self.slot, self._newest = window, window.order[-1], None
            if self._on_trial:
                return None
            visible = int(np.count_nonzero(window.mask[window.lm_state == ACTIVE, self.slot]))
            vision, inertial = VisionCheck(visible, float("nan"), True), 0.0
        else:
            if self._rests(self.window, frame):
                return self._hold(frame)
            if self._carried is not None:
                self._carried.add(frame)
            self._blind_time.add(frame)
            frame = self._thin_out(self.window, frame)
            self._predict(frame)
            frame = self._believed(self.window, frame)
            observe(self.window, self.slot, frame.ids, frame.rays)
            remove_moving(self.window, self.slot, frame.ids, self.config.backend.outlier)
            self.window.optimize(self.config.backend.iterations)
            misfit = median_error(self.window, self.slot)
            inertial = self.gate.apply(self.window, frame.t_ns, misfit)
            vision = remove_outliers(self.window, self.slot, self.config.backend.outlier)
        scale_sigma = self.window.scale_sigma() if self._is_mono else None
        if frame.is_keyframe:
            add_landmarks(self.window, self.slot, frame.ids, frame.rays, self.config)
        triangulate_pending(self.window, self.slot, self.config)
        self.window.shed(self._shrink)
        if self._on_trial and not self._is_proved(self.window, vision):
            return None
        estimate = self._estimate(self.window, is_first, vision, inertial, scale_sigma)
        if is_first or vision.visible >= self.config.backend.min_visible:
            self._blind_time = BlindTime(self.noise, self._last)
        self._estimated = estimate
        return estimate

    def _rests(self, w: Window, frame: FrameInput) -> bool:
        """Return whether the window is to be left as it is in this frame: the body rests."""
        if not self.config.backend.hold_at_rest or self._on_trial or self._estimated is None:
            return False
        if self._estimated.is_contradicted or self._estimated.is_unscaled:
            self._rest.forget()
            return False
        return self._rest.holds(w, self.slot, self._last, frame)

    def _hold(self, frame: FrameInput) -> Estimate:
        """Return the last estimate as that of a frame at rest, which does not enter the window."""
        assert self._estimated is not None
        self._newest = None  # its inertial data end before the rest
        self.smoothed.append(replace(self._pose(self.slot), t_ns=frame.t_ns))
        self._scale_text = "at rest, the pose is held"
        self._estimated = replace(
            self._estimated,
            t_ns=frame.t_ns,
            is_first=False,
            visible=self._rest.visible,
            vision_innovation=self._rest.moved_sigmas,
        )
        return self._estimated

    def _is_proved(self, w: Window, vision: VisionCheck) -> bool:
        """Return whether the window on trial holds from now on; end the trial when it fails."""
        assert self._carried is not None
        if vision.majority_agrees and self._carried.has_proved(vision.visible):
            self._carried, self._on_trial = None, False
            return True
        if self._carried.has_failed(w, self.slot, int(w.t_ns[self.slot]), self._is_mono):
            self._end_trial()
        return False

    def _end_trial(self) -> None:
        """Forget the window on trial and its poses; the state is carried on."""
        self.window, self._on_trial = None, False
        self.smoothed = []
        self.gate.reset()

    def _estimate(
        self,
        w: Window,
        is_first: bool,
        vision: VisionCheck,
        inertial_innovation: float,
        scale_sigma: float | None,
    ) -> Estimate:
        x = w.vec[self.slot].astype(np.float64)
        t_ns = int(w.t_ns[self.slot])
        covariance = w.covariance()
        self._remember_biases(t_ns, x[BIASES], covariance)
        self._remember_state(w, x, covariance)
        is_unscaled = scale_sigma is not None and scale_sigma > self.config.backend.scale_sigma
        if is_unscaled:
            self._scale_text = f"scale known to {100.0 * (scale_sigma or 0.0):.1f} % only"
        return Estimate(
            t_ns, is_first, vision.visible, w.R[self.slot].astype(np.float64),
            x[POSITION], x[VELOCITY], x[GYRO_BIAS], x[ACCEL_BIAS],
            None if covariance is None else covariance.astype(np.float64),
            vision.innovation, inertial_innovation,
            self.gate.is_alarmed(t_ns) or not vision.majority_agrees,
            scale_sigma, is_unscaled, w.calibration(keep=not self.gate.is_alarmed(t_ns)),
        )  # fmt: skip

    def _remember_biases(
        self, t_ns: int, biases: np.ndarray, covariance: np.ndarray | None
    ) -> None:
        """Keep the newest biases for a start after `lost`, unless they are contradicted."""
        if self.gate.is_alarmed(t_ns):
            self._doubtful += 1
        elif covariance is not None and np.isfinite(biases).all():
            variance = np.diag(covariance)[D_GYRO_BIAS:].astype(np.float64)
            self._known = KnownBiases(t_ns, biases, np.sqrt(np.maximum(variance, 0.0)))
            self._doubtful = 0

    def _remember_state(self, w: Window, x: np.ndarray, covariance: np.ndarray | None) -> None:
        """Keep the newest state for a window after `lost`, unless it is contradicted."""
        self._last = None
        if covariance is not None and np.isfinite(x).all() and not self._doubtful:
            self._last = KnownState(
                w.R[self.slot].astype(np.float64),
                x[POSITION], x[VELOCITY], x[GYRO_BIAS], x[ACCEL_BIAS],
                covariance.astype(np.float64),
            )  # fmt: skip

    def _thin_out(self, w: Window, frame: FrameInput) -> FrameInput:
        """Remove the newest frame of the window when it is close to the one before, or is blind.

        Its inertial data go into the factor of `frame`, which is returned with them. So the window
        spans the same time at any frame rate, and costs the same; and through blind time it keeps
        the last frames that saw something, with all that they know of the velocity. Other keyframes
        stay, and frames that the prior touches.
        """
        if self._newest is None:  # the window was made with its newest frame
            return frame
        newest, before = w.order[-1], w.order[-2]
        if w.linearized[newest]:
            return frame
        c = self.config.backend
        spacing_s = (w.t_ns[newest] - w.t_ns[before]) * 1e-9
        is_close = spacing_s < c.frame_spacing_s and not w.is_keyframe[newest]
        is_blind = not is_close and sees_nothing(w, newest, frame.ids, c.min_visible)
        if not (is_close or is_blind):
            return frame
        if is_blind:
            w.free_landmarks(np.flatnonzero((w.lm_state != FREE) & (w.host == newest)))
        self.smoothed.append(self._pose(newest))
        w.remove_newest()
        self.slot = before
        return frame.after(self._newest)

    def _believed(self, w: Window, frame: FrameInput) -> FrameInput:
        """Return a frame without its tracks if they span blind time and lie where they cannot be.

        The front end should then forget them, too.
        """
        if self._blind_time.believes(w, self.slot, frame, self.config.backend.outlier):
            return frame
        self.forgets_tracks = True
        return replace(frame, ids=frame.ids[:0], rays=frame.rays[:0], is_keyframe=False)

    def _predict(self, frame: FrameInput) -> None:
        """Add the frame at its inertial prediction."""
        w = self.window
        assert w is not None
        last = self.slot
        x = w.vec[last].astype(np.float64)
        R = w.R[last].astype(np.float64)
        c = self.config.imu
        gap_gyro, gap_accel = hidden_by_gap(frame.gap_s)
        noise = noise_with_gap(
            w.noise, frame.bridged_s, float(frame.dt_s.sum()),
            max(c.gap_gyro_rad_s, gap_gyro), max(c.gap_accel_m_s2, gap_accel),
        )  # fmt: skip
        pre = self.preintegrate(
            frame.dt_s, frame.gyro, frame.accel, x[GYRO_BIAS], x[ACCEL_BIAS], noise, w.dtype
        )
        rest_s = self._rest.held_s
        if rest_s > 0.0:
            pre = self._rest.released(pre)
            self._rest.forget()
        R_new, p_new, v_new = predict(R, x, pre.dR, pre.dv, pre.dp, pre.dt_s, w.gravity)
        R_new = matrix_from_quaternion(quaternion_from_matrix(R_new))
        vec = np.concatenate([p_new, v_new, x[BIASES]])
        self.slot = w.add_frame(frame.t_ns, R_new, vec, frame.is_keyframe)
        w.add_imu_factor(last, self.slot, pre, rest_s)
        w.note_motion(self.slot, frame.before, frame.behind, x[BIASES])
        self._newest = frame

    def _shrink(self) -> None:
        """Marginalise until the window has its size again."""
        w = self.window
        assert w is not None
        while True:
            frames, to_poses = choose_leaving(w, self.size, self.slot)
            if not frames and not to_poses:
                return
            self.smoothed += [self._pose(s) for s in frames]
            marginalize(w, frames, to_poses)

    def _pose(self, slot: int) -> Pose:
        w = self.window
        assert w is not None
        q = quaternion_from_matrix(w.R[slot].astype(np.float64))
        return Pose(int(w.t_ns[slot]), w.vec[slot, POSITION].astype(np.float64), q)

    def drain_smoothed(self) -> list[Pose]:
        """Return, once each and in order of time, the poses that are older than the window."""
        if self._on_trial:
            return []
        oldest = 2**63 if self.window is None else min(self.window.t_ns[self.window.order])
        out = sorted((p for p in self.smoothed if p.t_ns < oldest), key=lambda p: p.t_ns)
        self.smoothed = [p for p in self.smoothed if p.t_ns >= oldest]
        return out

    def landmarks(self) -> np.ndarray:
        """Return the (M, 3) positions in metres, world frame, of the window's landmarks."""
        w = self.window
        if w is None or self._on_trial:
            return np.zeros((0, 3))
        return landmark_positions(w, self.rig.left.T_body_cam)
