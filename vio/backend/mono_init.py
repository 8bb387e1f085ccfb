# SPDX-License-Identifier: Apache-2.0
"""Initialisation with one camera: scale from the accelerometer, once the motion shows it.

`vio/backend/closed_form.py` gives motion and depths; they are the start of a window with inertial
factors, which is optimised like any other. The start is accepted when that window knows its scale
well enough. At rest, and at constant velocity, no camera with an inertial sensor knows it: then the
frames of the last seconds are kept, and the start comes when the motion does.
"""

import numpy as np

from vio.backend.closed_form import Motion, parallax_rad, solve_motion
from vio.backend.gyro_bias import Views, correct_gyro_bias, pairs_of
from vio.backend.init import FrameCollector, bias_prior, with_inertial_factors
from vio.backend.landmarks import reprojection_errors
from vio.backend.observations import FrameInput, observe, remove_outliers, triangulate_pending
from vio.backend.states import VECTOR_SIZE
from vio.backend.window import ACTIVE, Window
from vio.geometry import exp_so3, mul3, mul33
from vio.imu import Preintegration

FRAMES = 25  # of the longest span, about
LEAST_FRAMES = 6
PAIR_GAPS_S = (0.1, 0.3, 0.6)  # between frames whose rotation gives the gyroscope's bias
BIAS_TURNS = 2  # of integrating anew with the bias found
RETRY_S = 0.2
ROUNDS = 12  # Gauss-Newton steps of the window, at most
LEAST_AHEAD = 0.6  # of the tracks must come out in front of the camera
BIAS_GATE = 4.0  # standard deviations of the prior that a bias may lie from its mean


class MonoInitializer(FrameCollector):
    """Collect frames of one camera until a window of known scale can be built from them.

    scale_sigma: relative standard deviation of the last window's scale, or None.
    """

    scale_sigma: float | None = None

    def add(self, frame: FrameInput) -> None:
        """Keep one more frame, in place of the last one if that is close to the one before it."""
        c = self.config
        spacing_s = max(c.backend.frame_spacing_s, c.init.mono_span_s / FRAMES)
        if len(self.frames) > 1 and not self.frames[-1].is_keyframe:
            last, before = self.frames[-1], self.frames[-2]
            if (last.t_ns - before.t_ns) * 1e-9 < spacing_s - 1e-3:
                frame = frame.after(self.frames.pop())
        self.frames.append(frame)
        while len(self.frames) > LEAST_FRAMES and self._span_s() > c.init.mono_span_s:
            self.frames.pop(0)

    def attempt(self) -> Window | None:
        """Return the initialised window, or None and the reason in `reason`."""
        c = self.config.init
        if len(self.frames) < LEAST_FRAMES or self._span_s() < c.mono_min_span_s - 1e-3:
            if self.scale_sigma is None:
                self.reason = f"scale unknown: {self._span_s() if self.frames else 0.0:.2f} s of "
                self.reason += f"frames, {c.mono_min_span_s} s wanted"
            return None
        if self.frames[-1].t_ns < self._retry_ns:
            return None
        self._retry_ns = self.frames[-1].t_ns + round(RETRY_S * 1e9)
        found = self._views()
        if found is None:
            return None
        ids, views = found
        t_s = np.array([(f.t_ns - self.frames[0].t_ns) * 1e-9 for f in self.frames])
        mean, sigma = bias_prior(self.known, self.config.init, self.frames[0].t_ns, self.noise)
        bias = mean.copy()
        pairs = pairs_of(views, t_s, PAIR_GAPS_S)
        huber = self.config.backend.huber
        for _ in range(BIAS_TURNS):
            pres = self._preintegrations(bias)
            bias[:3] += correct_gyro_bias(views, pres, pairs, mean[:3] - bias[:3], sigma[:3], huber)
        pres = self._preintegrations(bias)
        parallax = np.degrees(parallax_rad(views, pres, len(self.frames) - 1))
        if not parallax > c.mono_parallax_deg:
            self.reason = (
                f"scale unknown: parallax {parallax:.2f} deg in {self._span_s():.1f} s, "
                f"{c.mono_parallax_deg:g} wanted; move the camera sideways"
            )
            return None
        up = self._mean_force(pres)
        motion = solve_motion(views, pres, t_s, up, mean[3:], sigma[3:], huber)
        ahead = motion.distance > 0.0
        if np.count_nonzero(ahead) < LEAST_AHEAD * len(ahead):
            share = 100.0 * np.count_nonzero(ahead) / len(ahead)
            self.reason = f"scale unknown: {share:.0f} % of the tracks come out in front of the "
            self.reason += "camera; accelerate sideways or up and down"
            return None
        bias[3:] = motion.accel_bias
        return self._window(ids, views, pres, motion, bias)

    def _views(self) -> tuple[np.ndarray, Views] | None:
        """Return the identities (T,) of tracks that several frames see, and their rays."""
        counts: dict[int, int] = {}
        for f in self.frames:
            for i in f.ids.tolist():
                counts[i] = counts.get(i, 0) + 1
        ids = np.array(sorted(i for i, n in counts.items() if n >= 3), np.int64)
        hosts = self._hosts(ids)
        ids, host = ids[hosts >= 0], hosts[hosts >= 0]
        wanted = self.config.init.min_landmarks
        if len(ids) < wanted:
            self.reason = f"scale unknown: {len(ids)} tracks in three frames, {wanted} wanted"
            return None
        T = self.rig.left.T_body_cam
        u = np.zeros((len(ids), len(self.frames), 3))
        seen = np.zeros((len(ids), len(self.frames)), bool)
        for k, f in enumerate(self.frames):
            _, rows, columns = np.intersect1d(ids, f.ids, return_indices=True)
            rays = np.column_stack([f.rays[columns, :2], np.ones(len(columns))])
            rays /= np.sqrt(np.sum(rays**2, axis=1))[:, None]
            u[rows, k] = np.einsum("ij,nj->ni", T[:3, :3], rays)
            seen[rows, k] = True
        focal = 0.5 * (self.rig.left.fx + self.rig.left.fy)
        sigma = self.config.backend.pixel_sigma / focal
        return ids, Views(u, seen, T[:3, 3].copy(), host, sigma)

    def _hosts(self, ids: np.ndarray) -> np.ndarray:
        """Return the frame (T,) where each track is seen first, -1 where that is no keyframe.

        The first frame counts as one.
        """
        out = np.full(len(ids), -1)
        for k in range(len(self.frames) - 1, -1, -1):
            f = self.frames[k]
            seen = np.isin(ids, f.ids)
            out[seen] = k if f.is_keyframe or k == 0 else -1
        return out

    def _preintegrations(self, bias: np.ndarray) -> list[Preintegration]:
        """Return the preintegration from the first frame to each, with these biases (6,)."""
        nothing = np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3))
        parts = [nothing, *((f.dt_s, f.gyro, f.accel) for f in self.frames[1:])]
        out = []
        for k in range(len(parts)):
            dt, gyro, accel = (np.concatenate(x) for x in zip(*parts[: k + 1], strict=True))
            out.append(self.preintegrate(dt, gyro, accel, bias[:3], bias[3:], self.noise))
        return out

    def _mean_force(self, pres: list[Preintegration]) -> np.ndarray:
        """Return the mean specific force (3,), first body frame."""
        return pres[-1].dv / max(pres[-1].dt_s, 1e-9)

    def _window(
        self,
        ids: np.ndarray,
        views: Views,
        pres: list[Preintegration],
        motion: Motion,
        bias: np.ndarray,
    ) -> Window | None:
        """Return the window that begins at the motion found, optimised; or None and the reason."""
        c = self.config
        capacity = max(c.backend.recent_frames + c.backend.keyframes, len(self.frames)) + 2
        w = self.make_window(self.rig, self.noise, c.backend, capacity)
        R_world = upright(motion.gravity)
        for k, f in enumerate(self.frames):
            vec = np.zeros(VECTOR_SIZE)
            vec[:3], vec[3:6], vec[6:] = (
                mul3(R_world, motion.p[k]),
                mul3(R_world, motion.v[k]),
                bias,
            )
            R = mul33(R_world, np.ascontiguousarray(pres[k].dR))
            slot = w.add_frame(f.t_ns, R, vec, f.is_keyframe or k == 0)
            observe(w, slot, f.ids, f.rays)
            hosted = np.flatnonzero(views.host == k)
            rows = w.new_landmarks(ids[hosted], slot)
            hosted = hosted[: len(rows)]
            _, at, columns = np.intersect1d(ids[hosted], f.ids, return_indices=True)
            rows, hosted = rows[at], hosted[at]
            rays = f.rays[columns]
            w.obs[rows, slot] = np.where(np.isnan(rays), 0.0, rays)
            w.mask[rows, slot] = 1
            depth = motion.distance[hosted] / np.sqrt(1.0 + np.sum(rays[:, :2] ** 2, axis=1))
            good = (depth > c.backend.min_depth_m) & (depth < c.backend.max_depth_m)
            w.lm[rows[good]] = np.column_stack([rays[good, :2], 1.0 / depth[good]])
            w.lm_state[rows[good]] = ACTIVE
        mean, sigma = bias_prior(self.known, c.init, self.frames[0].t_ns, self.noise)
        with_inertial_factors(w, self.frames, self.preintegrate, bias, mean, sigma)
        w.optimize(ROUNDS)
        for slot in (w.order[-1], w.order[-1]):
            remove_outliers(w, slot, c.backend.outlier)
            triangulate_pending(w, slot, c)
            w.optimize(ROUNDS)
        return self._accepted(w, mean, sigma)

    def _accepted(self, w: Window, mean: np.ndarray, sigma: np.ndarray) -> Window | None:
        """Return the window if it agrees with its data and knows its scale, or None."""
        c = self.config
        slots, _, _ = w.columns()
        errors = reprojection_errors(w.active_rows(), w.rig, w.visual_arrays(slots), slots)
        seen = errors[errors >= 0.0]
        mean_px = float(seen.mean()) * c.backend.pixel_sigma if len(seen) else np.inf
        count = int(np.count_nonzero(w.lm_state == ACTIVE))
        off = float(np.max(np.abs(w.vec[w.order[-1], 6:] - mean) / sigma))
        scale = w.scale_sigma()
        self.scale_sigma = scale
        if count < c.init.min_landmarks:
            self.reason = f"scale unknown: {count} landmarks, {c.init.min_landmarks} wanted"
        elif mean_px > c.init.max_error_px:
            self.reason = f"scale unknown: mean reprojection error {mean_px:.1f} px"
        elif off > BIAS_GATE:
            self.reason = f"scale unknown: a bias lies {off:.1f} standard deviations off"
        elif scale is None or scale > c.init.mono_scale_sigma:
            known = "not at all" if scale is None or scale > 1.0 else f"to {100 * scale:.0f} %"
            self.reason = (
                f"scale known {known}, {100 * c.init.mono_scale_sigma:.0f} % wanted; "
                "accelerate sideways or up and down"
            )
        else:
            return w
        return None


def upright(gravity: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) of least angle that takes gravity (3,) to -z."""
    up = -gravity / np.linalg.norm(gravity)
    axis = np.cross(up, [0.0, 0.0, 1.0])
    s = np.linalg.norm(axis)
    angle = np.arctan2(s, up[2])
    return exp_so3(axis / s * angle) if s > 1e-9 else exp_so3(np.array([angle, 0, 0]))
