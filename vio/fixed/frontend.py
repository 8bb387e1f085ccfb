# SPDX-License-Identifier: Apache-2.0
"""The golden model: the vision front end in integers, exactly as the hardware computes it."""

import numpy as np

from vio.camera import StereoRig
from vio.config import Config
from vio.data import StereoFrame, Tracks
from vio.errors import VioError
from vio.fixed import formats as sig
from vio.fixed import keyframe as kf
from vio.fixed.buffers import FrameBuffers
from vio.fixed.corners import corner_scores, score_register, select_corners, tile_candidates
from vio.fixed.formats import formats
from vio.fixed.klt import klt_registers, track_windows
from vio.fixed.predict import window_map
from vio.fixed.pyramid import build_pyramid
from vio.fixed.qformat import SignalUse, narrow_all, signal_table, signal_uses
from vio.fixed.ransac import inverse_sizes, mono_ransac, stereo_point, stereo_ransac
from vio.fixed.rectify import compose, lens_registers, rotation_registers, unproject
from vio.fixed.stereo import NO_MATCH, match_rows, stereo_registers
from vio.fixed.track_table import TrackTable, empty_table, new_tracks
from vio.frontend.base import check_image, timed
from vio.frontend.klt import LOST_REASONS, TRACKED


def _check_sizes(config: Config) -> None:
    """Raise VioError when a setting exceeds what the hardware configuration is sized for."""
    c, hw = config.frontend, config.hw
    for name, value, bound in (
        ("max_tracks", c.max_tracks, hw.max_tracks),
        ("levels", c.levels, hw.max_levels),
        ("window", c.window, hw.max_window),
        ("max_iterations", c.max_iterations, hw.max_iterations),
        ("ransac_draws", c.ransac_draws, hw.max_draws),
        ("stereo_half_width", 2 * c.stereo_half_width + 1, hw.max_stereo_width),
        ("stereo_half_height", 2 * c.stereo_half_height + 1, hw.max_stereo_height),
    ):
        if value > bound:
            raise VioError(
                f"frontend.{name} needs {value}, but the hardware configuration is sized for "
                f"{bound}; lower it or raise the bound in [hw]"
            )
    for name, value, only in (("coord_frac", hw.coord_frac, 8), ("ray_frac", hw.ray_frac, 16)):
        if value != only:
            raise VioError(f"hw.{name} {value}: the shifts of the point unit are made for {only}")
    if c.corner_radius != 2:
        raise VioError(f"frontend.corner_radius {c.corner_radius}: engine fixed sums 5x5 pixels: 2")


class FixedFrontEnd:
    """Track corners through stereo frames in integers (protocol `FrontEnd`).

    The steps and their order are those of `vio.frontend.frontend.FloatFrontEnd`. watch: record the
    range of every named signal (slow; see `signal_report`).
    """

    def __init__(self, rig: StereoRig, config: Config, watch: bool = False) -> None:
        self.rig = rig
        self.hw = config.hw
        self.config = config.frontend
        self.rules = config.keyframe
        self._formats = formats(self.hw)
        self._signals = signal_table(self._formats, watch)
        c, hw = self.config, self.hw
        _check_sizes(config)
        self._left = lens_registers(rig.left, hw)
        self._right = lens_registers(rig.right, hw)
        self._klt = klt_registers(c, hw)
        self._stereo = stereo_registers(rig, c, hw)
        self._codec = FrameBuffers(hw)
        focal = rig.left.fx
        tolerance_px = c.ransac_px + c.rotation_margin_px
        self._mono_threshold2 = round((tolerance_px / focal) ** 2 * 2**30)
        self._mono_loose2 = round((tolerance_px / focal + c.gyro_sigma_rad) ** 2 * 2**30)
        self._stereo_threshold = round(c.stereo_ransac_px / rig.rectification.focal * 2**16)
        self._min_score = score_register(c.min_corner_score)
        self._moved2 = kf.limit_register(self.rules.max_parallax_px, focal)
        tiles = -(-rig.left.width // hw.tile_px), -(-rig.left.height // hw.tile_px)
        self._cell = (-(-tiles[0] // c.grid_cols), -(-tiles[1] // c.grid_rows))
        self._one = rotation_registers(np.eye(3), hw)
        self._next_id = 0
        self._frame_index = -1
        self.reset()

    def reset(self) -> None:
        """Forget all tracks: the next frame starts anew (identities are still never reused)."""
        self._tracks = empty_table(1 << self.hw.scale_frac)
        self._key: tuple[np.ndarray, ...] | None = None
        self._tracks_at_key = 0
        self._age = 0
        self._R_last_key = self._one.copy()
        self._pending = self._one.copy()

    def signal_report(self) -> list[SignalUse]:
        """Return what the named signals did so far; empty unless made with watch=True."""
        return signal_uses(self._formats, self._signals)

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Process one frame (see `FrontEnd.track`)."""
        self._frame_index += 1
        self._ms: dict[str, float] = {}
        self._counters: dict[str, int] = {}
        rotation = rotation_registers(np.asarray(R_cam_prev, np.float64), self.hw)
        R_cam_last = compose(self._signals, rotation, self._pending)
        R_cam_key = compose(self._signals, R_cam_last, self._R_last_key)
        predicted = kf.predict_tracks(self._left, self._signals, R_cam_last, self._tracks.rays)
        due = self._decide_keyframe(predicted)
        if frame.left is None:
            self._pending = R_cam_last
            nothing = empty_table(0)
            return self._result(frame, nothing, np.empty((0, 2), np.int64), False)
        check_image(frame.left, self.rig)
        self._pending = self._one.copy()
        with timed(self._ms, "pyramid"):
            current = self._codec.store_left(build_pyramid(frame.left, self.config.levels))
        with timed(self._ms, "klt"):
            self._advance(current, predicted, R_cam_key)
        with timed(self._ms, "ransac"):
            self._verify_motion(R_cam_key)
        if due:
            with timed(self._ms, "corners"):
                self._detect(frame.left)
        uv_right = np.full((len(self._tracks), 2), NO_MATCH, np.int64)
        rays = np.zeros((len(self._tracks), 3), np.int64)
        if frame.right is not None and (due or self.config.stereo_every_frame):
            check_image(frame.right, self.rig)
            with timed(self._ms, "stereo"):
                right = self._codec.store_right(frame.right)
                uv_right, rays = self._match_verified(current[0], right, R_cam_key)
        if due:
            self._start_keyframe(current, uv_right, rays)
        else:
            self._R_last_key = R_cam_key
        return self._result(frame, self._tracks, uv_right, due)

    def _decide_keyframe(self, predicted: np.ndarray) -> bool:
        """Decide from the tracks up to the last frame, the age and the gyroscope."""
        self._age += 1
        if self._tracks_at_key == 0:
            return True
        t = self._tracks
        alive = kf.count_inside(predicted, self._left, self.config.window // 2, self.hw.coord_frac)
        moved = kf.count_moved(t.rays_key, t.rays, self._R_last_key, self._moved2, self._signals)
        min_alive = round(self.rules.min_alive * 256)
        return bool(
            kf.is_keyframe(
                self._age,
                self.rules.max_age,
                alive,
                min_alive,
                self._tracks_at_key,
                moved,
                len(t),
            )
        )

    def _advance(
        self, current: tuple[np.ndarray, ...], predicted: np.ndarray, R_cam_key: np.ndarray
    ) -> None:
        """Follow the keyframe's windows, starting where the gyroscope says."""
        t, hw, signals = self._tracks, self.hw, self._signals
        self._counters["tracked"] = 0
        if self._key is None or len(t) == 0:
            return
        warps = np.empty((len(t), 2, 2), np.int64)
        for i in range(len(t)):
            window_map(
                self._left,
                signals,
                R_cam_key,
                t.rays_key[i, 0],
                t.rays_key[i, 1],
                t.inverse_scale[i],
                hw.coord_frac,
                hw.warp_frac,
                hw.scale_frac,
                warps[i],
            )
        start = predicted + t.drift
        uv, status, iterations = track_windows(
            self._key, current, t.uv_key, start, warps, self._klt, signals
        )
        for code, reason in LOST_REASONS.items():
            self._counters[f"lost_{reason}"] = int(np.count_nonzero(status == code))
        for level in range(self.config.levels):
            self._counters[f"iterations_level{level}"] = int(iterations[:, level].sum())
        t.drift[:] = narrow_all(signals, sig.DRIFT, uv - predicted)
        t.uv[:] = uv
        t.age[:] += 1
        t = self._tracks = t.keep(status == TRACKED)
        self._unproject(t.uv, t.rays)
        self._counters["tracked"] = len(t)

    def _unproject(self, uv: np.ndarray, out: np.ndarray) -> None:
        """Write the rays (N, 2) of left pixels (N, 2)."""
        for i in range(len(uv)):
            out[i] = unproject(self._left, self._signals, uv[i, 0], uv[i, 1])

    def _verify_motion(self, R_cam_key: np.ndarray) -> None:
        """Drop the tracks that disagree with one rigid motion since the keyframe."""
        t, c = self._tracks, self.config
        if len(t) == 0:
            return
        inlier, direction = mono_ransac(
            R_cam_key,
            t.rays_key,
            t.rays,
            self._mono_threshold2,
            self._mono_loose2,
            c.ransac_draws,
            self._seed(),
            self._signals,
        )
        self._counters["lost_ransac"] = int(len(inlier) - np.count_nonzero(inlier))
        t = self._tracks = t.keep(inlier)
        t.inverse_scale[:] = inverse_sizes(
            R_cam_key, direction, t.rays_key, t.rays, self.hw.scale_frac, self._signals
        )

    def _detect(self, left: np.ndarray) -> None:
        """Fill the grid cells that have room with new corners."""
        t, c, hw = self._tracks, self.config, self.hw
        candidates = tile_candidates(
            corner_scores(left, self._signals), hw.tile_px, self._min_score, c.window // 2 + 1
        )
        self._counters["candidates"] = int(np.count_nonzero(candidates[:, :, 2]))
        uv, quality = select_corners(
            candidates,
            t.uv,
            hw.coord_frac,
            hw.tile_px,
            self._cell[0],
            self._cell[1],
            c.cell_budget,
            c.max_tracks - len(t),
            c.min_distance_px,
        )
        rays = np.empty_like(uv)
        self._unproject(uv, rays)
        ids = np.arange(self._next_id, self._next_id + len(uv), dtype=np.int64)
        self._next_id += len(uv)
        self._tracks = t.append(new_tracks(ids, quality, uv, rays, 1 << hw.scale_frac))
        self._counters["detected"] = len(uv)

    def _match_verified(
        self, left: np.ndarray, right: np.ndarray, R_cam_key: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the verified stereo pixels (N, 2) of all tracks and their stereo rays (N, 3)."""
        t, signals = self._tracks, self._signals
        uv_right, rays, work = match_rows(
            left,
            right,
            self._left,
            self._right,
            t.uv,
            self._stereo,
            self._klt,
            self.hw.search_columns,
            signals,
        )
        matched = uv_right[:, 0] != NO_MATCH
        self._counters["stereo_matched"] = int(np.count_nonzero(matched))
        self._counters["stereo_columns"] = int(work[:, 0].sum())
        self._counters["stereo_iterations"] = int(work[:, 1].sum())
        both = np.flatnonzero(matched & (t.points_key[:, 2] > 0))
        if len(both):
            R_rect = self._stereo.R_rect_left
            R = compose(signals, R_rect, R_cam_key)
            R = compose(signals, R, np.ascontiguousarray(R_rect.T))
            agree = stereo_ransac(
                R,
                t.points_key[both],
                rays[both],
                self._stereo_threshold,
                self.config.ransac_draws,
                self._seed(),
                signals,
            )
            uv_right[both[~agree]] = NO_MATCH
            self._counters["stereo_rejected"] = int(np.count_nonzero(~agree))
        return uv_right, rays

    def _start_keyframe(
        self, current: tuple[np.ndarray, ...], uv_right: np.ndarray, rays: np.ndarray
    ) -> None:
        """Make this frame the one whose windows later frames are searched for."""
        t = self._tracks
        self._key = current
        t.uv_key[:] = t.uv
        t.rays_key[:] = t.rays
        t.inverse_scale[:] = 1 << self.hw.scale_frac
        t.points_key[:] = 0
        for i in np.flatnonzero(uv_right[:, 0] != NO_MATCH):
            stereo_point(self._signals, rays[i, 0], rays[i, 1], rays[i, 2], t.points_key[i])
        self._tracks_at_key = len(t)
        self._age = 0
        self._R_last_key = self._one.copy()

    def _seed(self) -> int:
        """Return this frame's start of the LFSR, which must not be 0."""
        return max((self.config.seed + self._frame_index) & 0xFFFFFFFF, 1)

    def _result(
        self, frame: StereoFrame, t: TrackTable, uv_right: np.ndarray, is_keyframe: bool
    ) -> Tracks:
        """Return what the frame yields, in pixels."""
        unit = 2.0**-self.hw.coord_frac
        right = np.where(uv_right == NO_MATCH, np.nan, uv_right * unit)
        return Tracks(
            frame_index=self._frame_index,
            t_ns=frame.t_ns,
            ids=t.ids.copy(),
            uv_left=t.uv * unit,
            uv_right=right,
            age=t.age.astype(np.int32),
            quality=t.quality.astype(np.float32),
            is_keyframe=is_keyframe,
            counters=self._counters,
            stage_ms=self._ms,
        )
