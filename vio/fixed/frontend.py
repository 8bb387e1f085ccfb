# SPDX-License-Identifier: Apache-2.0
"""The golden model: the vision front end in integers, exactly as the hardware computes it."""

import numpy as np

from vio.camera import StereoRig
from vio.config import Config
from vio.errors import VioError
from vio.fixed import formats as sig
from vio.fixed import keyframe as kf
from vio.fixed.buffers import FrameBuffers
from vio.fixed.corners import corner_scores, score_register, select_corners, tile_candidates
from vio.fixed.formats import formats
from vio.fixed.klt import klt_registers, track_windows
from vio.fixed.predict import predict_pixels, window_maps
from vio.fixed.pyramid import build_pyramid
from vio.fixed.qformat import SignalUse, narrow_all, signal_table, signal_uses
from vio.fixed.ransac import inverse_scale_change, mono_ransac, stereo_point, stereo_ransac
from vio.fixed.rectify import compose, lens_registers, rotation_registers, unproject_pixels
from vio.fixed.stereo import match_rows
from vio.fixed.stereo_registers import stereo_registers
from vio.fixed.stereo_search import NO_MATCH
from vio.fixed.track_table import TrackTable, empty_table, new_tracks
from vio.frontend.frontend import KeyframeFrontEnd, StereoMatches
from vio.frontend.pyramid import Pyramid
from vio.rates import frame_limits


def _check_sizes(config: Config) -> None:
    """Raise VioError when a setting exceeds what the hardware configuration is sized for."""
    c, hw = config.frontend, config.hw
    for name, value, bound in (
        ("max_tracks", c.max_tracks, hw.max_tracks),
        ("levels", c.levels, hw.max_levels),
        ("window", c.window, hw.max_window),
        ("max_iterations", c.max_iterations, hw.max_iterations),
        ("ransac_hypotheses", c.ransac_hypotheses, hw.max_hypotheses),
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
            raise VioError(
                f"hw.{name} {value}: the shifts of the projection unit are made for {only}"
            )
    if c.corner_radius != 2:
        raise VioError(f"frontend.corner_radius {c.corner_radius}: engine fixed sums 5x5 pixels: 2")


class FixedFrontEnd(KeyframeFrontEnd):
    """Take the steps of `KeyframeFrontEnd` in integers, as words of the formats in `formats`.

    trace: record the range of every named signal (slow; see `signal_report`).
    """

    def __init__(self, rig: StereoRig, config: Config, trace: bool = False) -> None:
        c, hw = config.frontend, config.hw
        self.hw = hw
        self._formats = formats(hw)
        self._signals = signal_table(self._formats, trace)
        _check_sizes(config)
        self._left = lens_registers(rig.left, hw)
        self._right = lens_registers(rig.right, hw)
        self._klt = klt_registers(c, hw)
        self._stereo = stereo_registers(rig, c, hw)
        self._codec = FrameBuffers(hw)
        focal = rig.left.fx
        tolerance_px = c.ransac_px + c.rotation_margin_px
        loose = tolerance_px / focal + frame_limits(config, rig.left.rate_hz).gyro_sigma_rad
        self._mono_threshold2 = round((tolerance_px / focal) ** 2 * 2**30)
        self._mono_loose2 = round(loose**2 * 2**30)
        self._stereo_threshold = round(c.stereo_ransac_px / rig.rectification.focal * 2**16)
        self._min_score = score_register(c.min_corner_score)
        self._moved2 = kf.parallax_register(config.keyframe.max_parallax_px, focal)
        self._aged2 = kf.parallax_register(config.keyframe.mono_parallax_px, focal)
        tiles = -(-rig.left.width // hw.tile_px), -(-rig.left.height // hw.tile_px)
        self._cell = (-(-tiles[0] // c.grid_cols), -(-tiles[1] // c.grid_rows))
        self.unit_scale = 1 << hw.scale_frac
        super().__init__(rig, config)

    def configure(self, config: Config) -> None:
        """Have other settings from the next frame on (see `AdaptiveFrontEnd.configure`)."""
        _check_sizes(config)
        super().configure(config)
        self._klt = klt_registers(config.frontend, self.hw)
        self._stereo = stereo_registers(self.rig, config.frontend, self.hw)
        self._moved2 = kf.parallax_register(config.keyframe.max_parallax_px, self.rig.left.fx)
        self._aged2 = kf.parallax_register(config.keyframe.mono_parallax_px, self.rig.left.fx)

    def signal_report(self) -> list[SignalUse]:
        """Return what the named signals did so far; empty unless made with trace=True."""
        return signal_uses(self._formats, self._signals)

    def rotation(self, R: np.ndarray) -> np.ndarray:
        """Return the rotation (3, 3) in words."""
        return rotation_registers(np.asarray(R, np.float64), self.hw)

    def compose(self, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        """Return the product (3, 3) of two rotations."""
        return compose(self._signals, A, B)

    def predict(self, rays: np.ndarray, R: np.ndarray) -> np.ndarray:
        """Return the pixels (N, 2) of the rays (N, 2) rotated by R, OUTSIDE where there is none."""
        return predict_pixels(self._left, self._signals, R, rays)

    def is_keyframe(self, predicted: np.ndarray) -> bool:
        """Return whether the tracks up to the last frame, the age and the gyroscope ask for one."""
        t = self._tracks
        alive = kf.count_inside(predicted, self._left, self.config.window // 2, self.hw.coord_frac)
        moved = self._count_moved(self._moved2)
        mono = self.rig.is_mono
        aged = self._count_moved(self._aged2) if mono else 0
        return bool(
            kf.is_keyframe(
                kf.counted_age(self._age, mono, aged, len(t)),
                self.limits.max_age,
                alive,
                round(self.rules.min_alive * 256),
                self._tracks_at_key,
                moved,
                len(t),
            )
        )

    def _count_moved(self, limit2: int) -> int:
        t = self._tracks
        return kf.count_moved(t.rays_key, t.rays, self._R_last_key, limit2, self._signals)

    def build(self, image: np.ndarray) -> Pyramid:
        """Return the pyramid of an image as it is read back from the frame buffer."""
        return self._codec.store_left(build_pyramid(image, self.config.levels))

    def window_maps(self, R_cam_key: np.ndarray) -> np.ndarray:
        """Return the maps (N, 2, 2) of the tracks' windows, current image to keyframe."""
        t, hw = self._tracks, self.hw
        return window_maps(
            self._left,
            self._signals,
            R_cam_key,
            t.rays_key,
            t.scale_change,
            hw.coord_frac,
            hw.warp_frac,
            hw.scale_frac,
        )

    def follow(
        self,
        key: Pyramid,
        current: Pyramid,
        uv_key: np.ndarray,
        uv_start: np.ndarray,
        warps: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return uv (N, 2), status (N,) and iterations (N, levels) of `klt.track_windows`."""
        return track_windows(key, current, uv_key, uv_start, warps, self._klt, self._signals)

    def prediction_error(self, uv: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return the pixels (N, 2) by which the rotation alone mispredicted, saturated."""
        return narrow_all(self._signals, sig.DRIFT, uv - predicted)

    def unproject(self, uv: np.ndarray) -> np.ndarray:
        """Return the rays (N, 2) of left pixels (N, 2)."""
        return unproject_pixels(self._left, self._signals, uv)

    def verify_mono(
        self, R_cam_key: np.ndarray, rays_key: np.ndarray, rays: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the inliers (N,), the rotation as it is and the direction (3,)."""
        inlier, direction = mono_ransac(
            R_cam_key,
            rays_key,
            rays,
            self._mono_threshold2,
            self._mono_loose2,
            self.config.ransac_hypotheses,
            self._seed(),
            self._signals,
        )
        return inlier, R_cam_key, direction

    def scale_change(
        self, R: np.ndarray, direction: np.ndarray, rays_key: np.ndarray, rays: np.ndarray
    ) -> np.ndarray:
        """Return the size (N,) in the keyframe over that in the last frame."""
        return inverse_scale_change(R, direction, rays_key, rays, self.hw.scale_frac, self._signals)

    def find(
        self, image: np.ndarray, occupied: np.ndarray, max_new: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return at most `max_new` new corners (M, 2) and their scores (M,)."""
        c, hw = self.config, self.hw
        candidates = tile_candidates(
            corner_scores(image, self._signals), hw.tile_px, self._min_score, c.window // 2 + 1
        )
        self._counters["candidates"] = int(np.count_nonzero(candidates[:, :, 2]))
        return select_corners(
            candidates,
            occupied,
            hw.coord_frac,
            hw.tile_px,
            self._cell[0],
            self._cell[1],
            c.cell_budget,
            max_new,
            c.min_distance_px,
        )

    def match_stereo(
        self, left: np.ndarray, right: np.ndarray, current: Pyramid, uv: np.ndarray
    ) -> StereoMatches:
        """Return the matches of left pixels (N, 2), measured: rectified rays and disparity.

        Both images are compared as they are read back from the frame buffers.
        """
        uv_right, rays, work = match_rows(
            current[0],
            self._codec.store_right(right),
            self._left,
            self._right,
            uv,
            self._stereo,
            self._klt,
            self.hw.search_columns,
            self._signals,
        )
        self._counters["stereo_columns"] = int(work[:, 0].sum())
        self._counters["stereo_iterations"] = int(work[:, 1].sum())
        return StereoMatches(uv_right[:, 0] != NO_MATCH, uv_right, rays)

    def verify_stereo(
        self, R_last_key: np.ndarray, points_key: np.ndarray, measured: np.ndarray
    ) -> np.ndarray:
        """Return which stereo rays (N,) agree with one translation since the keyframe."""
        R_rect = self._stereo.R_rect_left
        R = self.compose(self.compose(R_rect, R_last_key), np.ascontiguousarray(R_rect.T))
        return stereo_ransac(
            R,
            points_key,
            measured,
            self._stereo_threshold,
            self.config.ransac_hypotheses,
            self._seed(),
            self._signals,
        )

    def key_points(self, matches: StereoMatches) -> np.ndarray:
        """Return the points (N, 3) of the keyframe in baselines, depth 0 where there is none."""
        points = np.zeros((len(matches.found), 3), np.int64)
        for i in np.flatnonzero(matches.found):
            x, y, disparity = matches.measured[i]
            stereo_point(self._signals, x, y, disparity, points[i])
        return points

    def has_point(self, points_key: np.ndarray) -> np.ndarray:
        """Return which of the points (N, 3) have a depth."""
        return points_key[:, 2] > 0

    def new_tracks(
        self, ids: np.ndarray, quality: np.ndarray, uv: np.ndarray, rays: np.ndarray
    ) -> TrackTable:
        """Return a table of tracks seen for the first time."""
        return new_tracks(ids, quality, uv, rays, 1 << self.hw.scale_frac)

    def no_tracks(self) -> TrackTable:
        """Return a table of no tracks."""
        return empty_table(1 << self.hw.scale_frac)

    def to_pixels(self, uv: np.ndarray) -> np.ndarray:
        """Return pixels (N, 2) of words."""
        return uv * 2.0**-self.hw.coord_frac
