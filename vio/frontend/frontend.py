# SPDX-License-Identifier: Apache-2.0
"""The float front end: the steps of Navion's vision front end, in their order."""

import numpy as np

from vio.camera import StereoRig
from vio.config import Config
from vio.data import StereoFrame, Tracks
from vio.frontend import keyframe as kf
from vio.frontend.base import check_image, timed
from vio.frontend.corners import corner_scores, select_corners
from vio.frontend.klt import LOST_REASONS, TRACKED, track_windows
from vio.frontend.predict import predict_pixels, window_maps
from vio.frontend.pyramid import Pyramid, build_pyramid
from vio.frontend.ransac import mono_ransac, size_change, stereo_ransac
from vio.frontend.rectify import rectified_points
from vio.frontend.stereo import match_stereo
from vio.frontend.track_table import TrackTable, empty_table
from vio.geometry import mul33


class FloatFrontEnd:
    """Track corners through stereo frames (protocol `FrontEnd`).

    The four methods that touch pixels (build, follow, scores, match) are those that another engine
    replaces; the order of the steps and all decisions are common.
    """

    def __init__(self, rig: StereoRig, config: Config) -> None:
        self.rig = rig
        self.config = config.frontend
        self.rules = config.keyframe
        self._next_id = 0
        self._frame_index = -1
        self.reset()

    def reset(self) -> None:
        """Forget all tracks: the next frame starts anew (identities are still never reused)."""
        self._tracks = empty_table()
        self._key_pyramid: Pyramid | None = None
        self._tracks_at_key = 0
        self._age = 0
        self._R_last_key = np.eye(3)  # ray directions of the keyframe to the last frame
        self._pending = np.eye(3)  # rotation over frames whose left image was missing

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Process one frame (see `FrontEnd.track`)."""
        self._frame_index += 1
        self._ms: dict[str, float] = {}
        self._counters: dict[str, int] = {}
        R_cam_last = mul33(np.array(R_cam_prev, dtype=np.float64), self._pending)
        due = self._decide_keyframe(R_cam_last)
        if frame.left is None:
            self._pending = R_cam_last
            return self._result(frame, empty_table(), np.empty((0, 2)), False)
        check_image(frame.left, self.rig)
        self._pending = np.eye(3)
        with timed(self._ms, "pyramid"):
            pyramid = self.build(frame.left)
        with timed(self._ms, "klt"):
            self._advance(pyramid, R_cam_last)
        with timed(self._ms, "ransac"):
            self._verify_motion(R_cam_last)
        uv_right = np.full((len(self._tracks), 2), np.nan)
        if due:
            with timed(self._ms, "corners"):
                self._detect(frame.left)
            uv_right = np.full((len(self._tracks), 2), np.nan)
        if frame.right is not None and (due or self.config.stereo_every_frame):
            check_image(frame.right, self.rig)
            with timed(self._ms, "stereo"):
                uv_right = self._match_verified(frame.left, frame.right)
        if due:
            self._start_keyframe(pyramid, uv_right)
        return self._result(frame, self._tracks, uv_right, due)

    def build(self, image: np.ndarray) -> Pyramid:
        """Return the pyramid of an image."""
        return build_pyramid(image, self.config.levels)

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

    def scores(self, image: np.ndarray) -> np.ndarray:
        """Return the corner scores (height, width), (grey level / px)^2."""
        return corner_scores(image, self.config.corner_radius)

    def find(
        self, image: np.ndarray, occupied: np.ndarray, room: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return at most `room` new corners (M, 2) and their scores (M,)."""
        c = self.config
        return select_corners(
            self.scores(image),
            occupied,
            c.grid_cols,
            c.grid_rows,
            c.cell_budget,
            room,
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

    def _decide_keyframe(self, R_cam_last: np.ndarray) -> bool:
        """Decide from the tracks up to the last frame, the age and the gyroscope."""
        self._age += 1
        if self._tracks_at_key == 0:
            return True
        predicted = predict_pixels(self.rig.left, self._tracks.rays, R_cam_last)
        margin = self.config.window // 2
        evidence = kf.KeyframeEvidence(
            age=self._age,
            tracks_at_key=self._tracks_at_key,
            alive=kf.count_inside(self.rig.left, predicted, margin),
            parallax_px=kf.median_parallax_px(
                self._tracks.rays_key, self._tracks.rays, self._R_last_key, self.rig.left.fx
            ),
        )
        return kf.is_keyframe(evidence, self.rules)

    def _advance(self, pyramid: Pyramid, R_cam_last: np.ndarray) -> None:
        """Follow the keyframe's windows, starting where the gyroscope says.

        The template is always the keyframe's, so that errors do not add up from frame to frame;
        it is turned and scaled to look like the current view.
        """
        t, c = self._tracks, self.config
        if self._key_pyramid is None or len(t) == 0:
            self._counters["tracked"] = 0
            return
        turned = predict_pixels(self.rig.left, t.rays, R_cam_last)
        start = turned + t.drift
        R_cam_key = mul33(R_cam_last, self._R_last_key)
        warps = window_maps(self.rig.left, t.uv_key, R_cam_key) / t.scale[:, None, None]
        uv, status, iterations = self.follow(self._key_pyramid, pyramid, t.uv_key, start, warps)
        for code, reason in LOST_REASONS.items():
            self._counters[f"lost_{reason}"] = int(np.count_nonzero(status == code))
        for level in range(c.levels):
            self._counters[f"iterations_level{level}"] = int(iterations[:, level].sum())
        t.drift[:] = uv - turned
        t.uv[:] = uv
        t.age[:] += 1
        t = t.keep(status == TRACKED)
        t.rays[:] = self.rig.left.unproject(t.uv)
        seen = np.isfinite(t.rays[:, 0])  # others left the part of the image that the lens covers
        self._tracks = t if seen.all() else t.keep(seen)
        self._counters["tracked"] = len(self._tracks)

    def _verify_motion(self, R_cam_last: np.ndarray) -> None:
        """Drop the tracks that disagree with one rigid motion since the keyframe."""
        t, c = self._tracks, self.config
        focal = self.rig.left.fx
        R = mul33(R_cam_last, self._R_last_key)
        if len(t):
            inlier, R, direction = mono_ransac(
                R,
                t.rays_key,
                t.rays,
                c.ransac_px / focal,
                c.gyro_sigma_rad,
                c.ransac_draws,
                c.seed + self._frame_index,
            )
            self._counters["lost_ransac"] = int(len(inlier) - np.count_nonzero(inlier))
            self._tracks = t.keep(inlier)
            t = self._tracks
            t.scale[:] = size_change(R, direction, t.rays_key, t.rays)
        self._R_last_key = R

    def _detect(self, left: np.ndarray) -> None:
        """Fill the grid cells that have room with new corners."""
        t, c = self._tracks, self.config
        uv, quality = self.find(left, t.uv, c.max_tracks - len(t))
        rays = self.rig.left.unproject(uv)
        seen = np.isfinite(rays[:, 0])
        uv, quality, rays = uv[seen], quality[seen], rays[seen]
        n = len(uv)
        ids = np.arange(self._next_id, self._next_id + n, dtype=np.int64)
        self._next_id += n
        self._tracks = t.append(
            TrackTable(
                ids,
                np.ones(n, np.int32),
                quality,
                uv,
                rays,
                np.zeros((n, 2)),
                uv.copy(),
                np.ones(n),
                rays.copy(),
                np.full((n, 3), np.nan),
            )
        )
        self._counters["detected"] = n

    def _match_verified(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the verified stereo pixels (N, 2) of all tracks, NaN where there is none."""
        t, c = self._tracks, self.config
        uv_right = self.match(left, right, t.uv)
        matched = ~np.isnan(uv_right[:, 0])
        self._counters["stereo_matched"] = int(np.count_nonzero(matched))
        both = np.flatnonzero(matched & ~np.isnan(t.points_key[:, 0]))
        if len(both):
            rect = self.rig.rectification
            R = mul33(mul33(rect.R_rect_left, self._R_last_key), rect.R_rect_left.T)
            points = rectified_points(self.rig, t.uv[both], uv_right[both])
            agree = stereo_ransac(
                R,
                t.points_key[both],
                points,
                rect.baseline_m,
                c.stereo_ransac_px / rect.focal,
                c.ransac_draws,
                c.seed + self._frame_index,
            )
            uv_right[both[~agree]] = np.nan
            self._counters["stereo_rejected"] = int(np.count_nonzero(~agree))
        return uv_right

    def _start_keyframe(self, pyramid: Pyramid, uv_right: np.ndarray) -> None:
        """Make this frame the one whose windows later frames are searched for."""
        t = self._tracks
        self._key_pyramid = pyramid
        t.uv_key[:] = t.uv
        t.rays_key[:] = t.rays
        t.points_key[:] = np.nan
        t.scale[:] = 1.0
        matched = ~np.isnan(uv_right[:, 0])
        if matched.any():
            t.points_key[matched] = rectified_points(self.rig, t.uv[matched], uv_right[matched])
        self._tracks_at_key = len(t)
        self._age = 0
        self._R_last_key = np.eye(3)

    def _result(
        self, frame: StereoFrame, t: TrackTable, uv_right: np.ndarray, is_keyframe: bool
    ) -> Tracks:
        """Return copies of what the frame yields."""
        return Tracks(
            frame_index=self._frame_index,
            t_ns=frame.t_ns,
            ids=t.ids.copy(),
            uv_left=t.uv.copy(),
            uv_right=uv_right,
            age=t.age.copy(),
            quality=t.quality.copy(),
            is_keyframe=is_keyframe,
            counters=self._counters,
            stage_ms=self._ms,
        )
