# SPDX-License-Identifier: Apache-2.0
"""Engine `float`: the readable reference of every step, in float32 and float64."""

import numpy as np

from vio.frontend import keyframe as kf
from vio.frontend.corners import corner_scores, select_corners
from vio.frontend.frontend import KeyframeFrontEnd, StereoMatches
from vio.frontend.klt import track_windows
from vio.frontend.predict import predict_pixels, window_maps
from vio.frontend.pyramid import Pyramid, build_pyramid
from vio.frontend.ransac import mono_ransac, scale_change, stereo_ransac
from vio.frontend.rectify import rectified_points
from vio.frontend.stereo import match_stereo
from vio.frontend.track_table import TrackTable, empty_table, new_tracks
from vio.geometry import mul33


class FloatFrontEnd(KeyframeFrontEnd):
    """Take the steps in floating point; pixels, rays and metres.

    `build`, `follow`, `scores` and `match` touch pixels: another engine may replace only these.
    """

    def rotation(self, R: np.ndarray) -> np.ndarray:
        """Return a copy of the rotation (3, 3)."""
        return np.array(R, dtype=np.float64)

    def compose(self, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        """Return the product (3, 3) of two rotations."""
        return mul33(A, B)

    def predict(self, rays: np.ndarray, R: np.ndarray) -> np.ndarray:
        """Return the pixels (N, 2) of the rays (N, 2) rotated by R; NaN behind the camera."""
        return predict_pixels(self.rig.left, rays, R)

    def is_keyframe(self, predicted: np.ndarray) -> bool:
        """Return whether the tracks up to the last frame, the age and the gyroscope ask for one."""
        t = self._tracks
        evidence = kf.KeyframeEvidence(
            age=self._age,
            tracks_at_key=self._tracks_at_key,
            alive=kf.count_inside(self.rig.left, predicted, self.config.window // 2),
            parallax_px=kf.median_parallax_px(
                t.rays_key, t.rays, self._R_last_key, self.rig.left.fx
            ),
        )
        return kf.is_keyframe(evidence, self.rules, self.limits.max_age, self.is_mono)

    def build(self, image: np.ndarray) -> Pyramid:
        """Return the pyramid of an image."""
        return build_pyramid(image, self.config.levels)

    def window_maps(self, R_cam_key: np.ndarray) -> np.ndarray:
        """Return the maps (N, 2, 2) of the tracks' windows, current image to keyframe."""
        t = self._tracks
        return window_maps(self.rig.left, t.uv_key, R_cam_key) / t.scale_change[:, None, None]

    def follow(
        self,
        key: Pyramid,
        current: Pyramid,
        uv_key: np.ndarray,
        uv_start: np.ndarray,
        warps: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return uv (N, 2), status (N,) and iterations (N, levels) of `klt.track_windows`."""
        c = self.config
        uv, status, _, iterations = track_windows(
            key,
            current,
            uv_key,
            uv_start,
            warps,
            c.window,
            c.max_iterations,
            c.step_px,
            c.min_eigenvalue,
            c.min_correlation,
            c.max_shift_px,
        )
        return uv, status, iterations

    def prediction_error(self, uv: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return the pixels (N, 2) by which the rotation alone mispredicted."""
        return uv - predicted

    def unproject(self, uv: np.ndarray) -> np.ndarray:
        """Return the rays (N, 2) of left pixels (N, 2)."""
        return self.rig.left.unproject(uv)

    def verify_mono(
        self, R_cam_key: np.ndarray, rays_key: np.ndarray, rays: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the inliers (N,), the refined rotation (3, 3) and the direction (3,)."""
        c = self.config
        return mono_ransac(
            R_cam_key,
            rays_key,
            rays,
            c.ransac_px / self.rig.left.fx,
            self.limits.gyro_sigma_rad,
            c.ransac_hypotheses,
            self._seed(),
        )

    def scale_change(
        self, R: np.ndarray, direction: np.ndarray, rays_key: np.ndarray, rays: np.ndarray
    ) -> np.ndarray:
        """Return the size (N,) in the last frame over that in the keyframe."""
        return scale_change(R, direction, rays_key, rays)

    def scores(self, image: np.ndarray) -> np.ndarray:
        """Return the corner scores (height, width), (grey level / px)^2."""
        return corner_scores(image, self.config.corner_radius)

    def find(
        self, image: np.ndarray, occupied: np.ndarray, max_new: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return at most `max_new` new corners (M, 2) and their scores (M,)."""
        c = self.config
        return select_corners(
            self.scores(image),
            occupied,
            c.grid_cols,
            c.grid_rows,
            c.cell_budget,
            max_new,
            c.min_corner_score,
            c.min_distance_px,
            c.window // 2 + 1,
        )

    def match(self, left: np.ndarray, right: np.ndarray, uv: np.ndarray) -> np.ndarray:
        """Return the right pixels (N, 2) of the left pixels (N, 2), NaN without a match."""
        c = self.config
        return match_stereo(
            self.rig,
            left,
            right,
            uv,
            c.stereo_half_width,
            c.stereo_half_height,
            c.min_depth_m,
            c.min_stereo_correlation,
            c.stereo_uniqueness,
            c.window // 2,
        )

    def match_stereo(
        self, left: np.ndarray, right: np.ndarray, current: Pyramid, uv: np.ndarray
    ) -> StereoMatches:
        """Return the matches of left pixels (N, 2), measured: points, rectified metres."""
        uv_right = self.match(left, right, uv)
        found = ~np.isnan(uv_right[:, 0])
        points = np.full((len(uv), 3), np.nan)
        if found.any():
            points[found] = rectified_points(self.rig, uv[found], uv_right[found])
        return StereoMatches(found, uv_right, points)

    def verify_stereo(
        self, R_last_key: np.ndarray, points_key: np.ndarray, measured: np.ndarray
    ) -> np.ndarray:
        """Return which stereo points (N,) agree with one translation since the keyframe."""
        c, rect = self.config, self.rig.rectification
        return stereo_ransac(
            mul33(mul33(rect.R_rect_left, R_last_key), rect.R_rect_left.T),
            points_key,
            measured,
            rect.baseline_m,
            c.stereo_ransac_px / rect.focal,
            c.ransac_hypotheses,
            self._seed(),
        )

    def key_points(self, matches: StereoMatches) -> np.ndarray:
        """Return the points (N, 3) of the keyframe, NaN where there is none."""
        return np.where(matches.found[:, None], matches.measured, np.nan)

    def has_point(self, points_key: np.ndarray) -> np.ndarray:
        """Return which of the points (N, 3) are not NaN."""
        return ~np.isnan(points_key[:, 0])

    def new_tracks(
        self, ids: np.ndarray, quality: np.ndarray, uv: np.ndarray, rays: np.ndarray
    ) -> TrackTable:
        """Return a table of tracks seen for the first time."""
        return new_tracks(ids, quality, uv, rays)

    def no_tracks(self) -> TrackTable:
        """Return a table of no tracks."""
        return empty_table()

    def to_pixels(self, uv: np.ndarray) -> np.ndarray:
        """Return a copy of pixels (N, 2)."""
        return uv.copy()
