# SPDX-License-Identifier: Apache-2.0
"""Initialisation, in motion or at rest: stereo frames first, then gyro bias, gravity, velocity.

The stereo frames of a short span are bundle-adjusted without inertial data (stereo gives the
scale); the gyroscope's bias follows from their rotations, gravity and the velocities from their
positions by linear least squares; then the full window is optimised with weak priors. Nothing is
assumed about the motion: at rest the same equations hold. When the odometry has run before, its
biases are known but for their random walk. Source for the linear steps: Qin, Li, Shen,
"VINS-Mono", T-RO 2018, section V-B (with the scale known).
"""

from dataclasses import dataclass

import numpy as np

from vio.backend.clock import compare_clocks
from vio.backend.landmarks import reprojection_errors
from vio.backend.observations import FrameInput, add_landmarks, observe, remove_outliers
from vio.backend.solve import least_squares
from vio.backend.states import BIASES, FULL_COLUMNS, POSE_COLUMNS, POSITION, VECTOR_SIZE
from vio.backend.window import ACTIVE, MakeWindow, Prior, Window
from vio.camera import StereoRig
from vio.config import Config, InitConfig
from vio.geometry import exp_so3, log_so3, mul3, mul33, mulT33
from vio.imu import GRAVITY_M_S2, ImuNoise, Preintegrate, Preintegration

LEAST_FRAMES = 4  # for velocities and gravity
LARGEST_SHARE = 1.0 / 3.0  # of what is known of the time offset: worse ones are not taken
FIRST_RETRY_S = 0.04  # after the first failed attempt; doubled after each
# Deviations that known biases have at least, rad/s and m/s^2: what lost the odometry may have
# changed them.
LEAST_GYRO_SIGMA, LEAST_ACCEL_SIGMA = 0.002, 0.03


@dataclass(frozen=True)
class KnownBiases:
    """Hold the biases (6,) of gyroscope and accelerometer at a time, and their deviations (6,)."""

    t_ns: int
    biases: np.ndarray
    sigma: np.ndarray

    def sigma_at(self, t_ns: int, noise: ImuNoise) -> np.ndarray:
        """Return the deviations (6,) later, grown by the random walk."""
        walk = np.repeat([noise.gyro_walk, noise.accel_walk], 3)
        elapsed_s = max(0.0, (t_ns - self.t_ns) * 1e-9)
        least = np.repeat([LEAST_GYRO_SIGMA, LEAST_ACCEL_SIGMA], 3)
        return np.sqrt(self.sigma**2 + walk**2 * elapsed_s + least**2)


class FrameCollector:
    """Hold the frames that a window can be built from, and what it takes to build one.

    known: the biases of an earlier window, or None.
    """

    def __init__(
        self,
        rig: StereoRig,
        noise: ImuNoise,
        config: Config,
        preintegrate: Preintegrate,
        make_window: MakeWindow,
        known: KnownBiases | None = None,
    ) -> None:
        self.rig, self.noise, self.config = rig, noise, config
        self.known = known
        self.preintegrate, self.make_window = preintegrate, make_window
        self.frames: list[FrameInput] = []
        self.reason = "no frame yet"
        self._retry_ns = 0  # no attempt before this time

    def _span_s(self) -> float:
        return (self.frames[-1].t_ns - self.frames[0].t_ns) * 1e-9


class Initializer(FrameCollector):
    """Collect frames until a window can be built from them."""

    _stereo = 0  # matches of the newest frame
    _attempts = 0

    @property
    def _accel_bias(self) -> np.ndarray:
        return np.zeros(3) if self.known is None else self.known.biases[3:]

    def add(self, frame: FrameInput) -> None:
        """Keep one more frame; frames before the first stereo keyframe are of no use.

        A frame that is close to the one before it is replaced by the next one, and frames older
        than init.max_span_s are let go, so that the number of frames depends little on their rate.
        """
        spacing_s = self.config.backend.frame_spacing_s
        if len(self.frames) > 1 and not self.frames[-1].is_keyframe:
            last, before = self.frames[-1], self.frames[-2]
            if (last.t_ns - before.t_ns) * 1e-9 < spacing_s:
                frame = frame.after(self.frames.pop())
        self.frames.append(frame)
        self._stereo = _stereo_matches(frame)
        while self.frames and not self._can_start(self.frames[0]):
            self.frames.pop(0)
        while len(self.frames) > LEAST_FRAMES and self._span_s() > self.config.init.max_span_s:
            self.frames.pop(0)
            while self.frames and not self._can_start(self.frames[0]):
                self.frames.pop(0)

    def _can_start(self, frame: FrameInput) -> bool:
        return frame.is_keyframe and _stereo_matches(frame) >= self.config.init.min_landmarks

    def _why_not_enough(self) -> str:
        wanted = self.config.init.min_landmarks
        if self.frames:
            return f"{len(self.frames)} of {LEAST_FRAMES} frames"
        return f"{self._stereo} stereo matches in a frame, {wanted} wanted in a keyframe"

    def attempt(self) -> Window | None:
        """Return the initialised window, or None and the reason in `reason`."""
        c = self.config.init
        if len(self.frames) < LEAST_FRAMES:
            if not self.frames or not self._attempts:  # else why the last attempt failed
                self.reason = self._why_not_enough()
            return None
        span_s = self._span_s()
        if span_s < c.min_span_s - 1e-3:
            if not self._attempts:
                self.reason = f"{span_s:.2f} s of frames, {c.min_span_s} s wanted"
            return None
        if self.frames[-1].t_ns < self._retry_ns:
            return None
        wait_s = min(FIRST_RETRY_S * 2.0**self._attempts, c.retry_s)
        self._attempts += 1
        self._retry_ns = self.frames[-1].t_ns + round(wait_s * 1e9)
        vision = self._vision_only()
        if vision is None:
            return None
        bias = self._set_clock(vision, self._gyro_bias(vision))
        solved = self._gravity_velocities(vision, bias)
        if solved is None:
            return None
        return self._full(vision, bias, *solved)

    def _vision_only(self) -> Window | None:
        """Return a window of poses alone, first frame at the origin, from stereo and tracks."""
        c = self.config
        w = self.make_window(self.rig, self.noise, c.backend, self._capacity())
        R, p = np.eye(3), np.zeros(3)
        for k, f in enumerate(self.frames):
            if k:
                for dt, gyro in zip(f.dt_s, f.gyro, strict=True):
                    R = mul33(R, exp_so3(gyro * dt))
            vec = np.zeros(VECTOR_SIZE)
            vec[POSITION] = p
            slot = w.add_frame(f.t_ns, R, vec, f.is_keyframe)
            w.is_full[slot] = False
            if k == 0:
                tight = np.full(POSE_COLUMNS, 1e4, w.dtype)
                w.prior = Prior(
                    np.diag(tight), np.zeros(POSE_COLUMNS, w.dtype), [slot], [POSE_COLUMNS]
                )
                w.R_lin[slot], w.vec_lin[slot] = w.R[slot], w.vec[slot]
                w.linearized[slot] = True
            else:
                observe(w, slot, f.ids, f.rays)
                seen = np.count_nonzero(w.mask[w.active_rows(), slot])
                if seen < c.init.min_landmarks // 2:
                    self.reason = f"only {seen} stereo landmarks in view of frame {k}"
                    return None
                w.optimize(6)
                remove_outliers(w, slot, c.backend.outlier)
            if f.is_keyframe:
                add_landmarks(w, slot, f.ids, f.rays, c)
            R, p = w.R[slot].astype(np.float64), w.vec[slot, POSITION].astype(np.float64)
        w.optimize(10)
        remove_outliers(w, w.order[-1], c.backend.outlier)
        w.optimize(10)
        return w

    def _capacity(self) -> int:
        c = self.config
        return max(c.backend.recent_frames + c.backend.keyframes, len(self.frames)) + 2

    def _preintegrations(self, gyro_bias: np.ndarray) -> list[Preintegration]:
        return [
            self.preintegrate(f.dt_s, f.gyro, f.accel, gyro_bias, self._accel_bias, self.noise)
            for f in self.frames[1:]
        ]

    def _gyro_bias(self, vision: Window) -> np.ndarray:
        """Return the bias (3,) that makes the gyroscope agree with the vision's rotations."""
        R = [vision.R[s].astype(np.float64) for s in vision.order]
        bias = np.zeros(3)
        for _ in range(3):
            pres = self._preintegrations(bias)
            r = [log_so3(mulT33(p.dR, mulT33(R[k], R[k + 1]))) for k, p in enumerate(pres)]
            J = [p.J_bias[:3, :3] for p in pres]
            bias = bias + least_squares(np.concatenate(J), np.concatenate(r))
        return bias

    def _set_clock(self, vision: Window, bias: np.ndarray) -> np.ndarray:
        """Let the window begin with the time offset that the rotations show, if any.

        Returns the bias (3,) of the gyroscope that goes with it.
        """
        known_s, *turn = vision.starting_sigma[:4]
        if known_s == 0.0:
            return bias
        R = [vision.R[s].astype(np.float64) for s in vision.order]
        clock = compare_clocks(R, self.frames, self._preintegrations, bias, max(turn))
        if clock is None or clock.sigma_s > LARGEST_SHARE * known_s:
            return bias
        vision.start_time_offset(clock.offset_s, clock.sigma_s)
        return clock.gyro_bias

    def _gravity_velocities(
        self, vision: Window, bias: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return gravity (3,) in the first frame and the velocities (F, 3), or None."""
        slots = vision.order
        F = len(slots)
        rows, rhs = [], []
        for k, pre in enumerate(self._preintegrations(bias)):
            i, j = slots[k], slots[k + 1]
            R = vision.R[i].astype(np.float64)
            dp = (vision.vec[j, POSITION] - vision.vec[i, POSITION]).astype(np.float64)
            dt = pre.dt_s
            A = np.zeros((6, 3 * F + 3))
            A[:3, 3 * k : 3 * k + 3] = np.eye(3) * dt
            A[:3, -3:] = 0.5 * dt**2 * np.eye(3)
            A[3:, 3 * k : 3 * k + 3] = -np.eye(3)
            A[3:, 3 * k + 3 : 3 * k + 6] = np.eye(3)
            A[3:, -3:] = -dt * np.eye(3)
            # positions are good to about 2 mm, inertial velocity changes to about 5 mm/s
            A[:3] /= 0.002
            A[3:] /= 0.005
            rows.append(A)
            rhs.append(np.concatenate([(dp - mul3(R, pre.dp)) / 0.002, mul3(R, pre.dv) / 0.005]))
        x = least_squares(np.concatenate(rows), np.concatenate(rhs))
        g = x[-3:]
        norm = float(np.linalg.norm(g))
        if abs(norm - GRAVITY_M_S2) > self.config.init.max_gravity_error:
            self.reason = f"gravity came out as {norm:.2f} m/s^2"
            return None
        return g, x[:-3].reshape(F, 3)

    def _full(
        self, vision: Window, bias: np.ndarray, g: np.ndarray, velocities: np.ndarray
    ) -> Window | None:
        """Return the vision's window rotated upright, with inertial factors, optimised."""
        c = self.config
        w = vision
        up = -g / np.linalg.norm(g)
        axis = np.cross(up, [0.0, 0.0, 1.0])
        s = np.linalg.norm(axis)
        angle = np.arctan2(s, up[2])
        R_world = exp_so3(axis / s * angle) if s > 1e-9 else exp_so3(np.array([angle, 0, 0]))
        for k, slot in enumerate(w.order):
            w.R[slot] = mul33(R_world, w.R[slot].astype(np.float64))
            p = mul3(R_world, w.vec[slot, POSITION].astype(np.float64))
            v = mul3(R_world, velocities[k])
            w.vec[slot] = np.concatenate([p, v, bias, self._accel_bias])
            w.is_full[slot] = True
            w.linearized[slot] = False
        mean, sigma = bias_prior(self.known, c.init, self.frames[0].t_ns, self.noise)
        biases = np.concatenate([bias, self._accel_bias])
        with_inertial_factors(w, self.frames, self.preintegrate, biases, mean, sigma)
        w.optimize(10)
        rows = w.active_rows()
        slots, _, _ = w.columns()
        errors = reprojection_errors(rows, w.rig, w.visual_arrays(slots), slots)
        seen = errors[errors >= 0.0]
        mean_px = float(seen.mean()) * c.backend.pixel_sigma if len(seen) else np.inf
        if mean_px > c.init.max_error_px:
            self.reason = f"mean reprojection error {mean_px:.1f} px"
            return None
        if np.count_nonzero(w.lm_state == ACTIVE) < c.init.min_landmarks:
            self.reason = "too few landmarks"
            return None
        return w


def with_inertial_factors(
    w: Window,
    frames: list[FrameInput],
    preintegrate: Preintegrate,
    biases: np.ndarray,
    mean: np.ndarray,
    sigma: np.ndarray,
) -> None:
    """Add the inertial factors of a new window's frames, and the prior on the first one.

    biases: (6,) of the preintegrations. mean, sigma: (6,) of the prior on them. Position and yaw of
    the first frame are the gauge.
    """
    for k, f in enumerate(frames[1:]):
        pre = preintegrate(f.dt_s, f.gyro, f.accel, biases[:3], biases[3:], w.noise, w.dtype)
        w.add_imu_factor(w.order[k], w.order[k + 1], pre)
        w.note_motion(w.order[k + 1], f.before, f.behind, biases)
    first = w.order[0]
    sigmas = np.concatenate([[0.3, 0.3, 1e-3], [1e-3] * 3, [3.0] * 3, sigma])
    J = np.diag(1.0 / sigmas).astype(w.dtype)
    w.prior = Prior(J, np.zeros(FULL_COLUMNS, w.dtype), [first], [FULL_COLUMNS])
    w.R_lin[first] = w.R[first]
    w.vec_lin[first] = w.vec[first]
    w.vec_lin[first, BIASES] = mean
    w.linearized[first] = True


def bias_prior(
    known: KnownBiases | None, config: InitConfig, t_ns: int, noise: ImuNoise
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviations (6,) of the biases at a time, from those known before if any."""
    sigma = np.repeat([config.gyro_bias_sigma, config.accel_bias_sigma], 3)
    if known is None:
        return np.zeros(6), sigma
    return known.biases, np.minimum(sigma, known.sigma_at(t_ns, noise))


def _stereo_matches(frame: FrameInput) -> int:
    return int(np.count_nonzero(np.isfinite(frame.rays[:, 2])))
