# SPDX-License-Identifier: Apache-2.0
"""The order of a front end's steps and all its decisions: engines supply the steps.

`float`, `fixed` and `opencv` derive from `KeyframeFrontEnd`; docs/golden/fixed_point.md lists where
their steps differ. Source of the structure: Navion (Suleiman et al., JSSC 2019).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from vio.camera import StereoRig
from vio.config import Config
from vio.data import StereoFrame, Tracks
from vio.frontend.base import check_image, timed
from vio.frontend.klt import LOST_REASONS, TRACKED
from vio.frontend.pyramid import Pyramid
from vio.frontend.track_table import TrackTable
from vio.rates import frame_limits


@dataclass(frozen=True)
class StereoMatches:
    """Hold the stereo matches of N tracks in an engine's own numbers; rows count where found.

    found: (N,) bool. uv: (N, 2) right pixels. measured: (N, 3), what the verification compares:
    points in engine `float`, rectified rays with disparity in `fixed`.
    """

    found: np.ndarray
    uv: np.ndarray
    measured: np.ndarray


class KeyframeFrontEnd(ABC):
    """Track corners through stereo frames against the last keyframe (protocol `FrontEnd`).

    The abstract methods are the steps; arrays that they take and return are in the numbers of the
    engine (pixels and metres, or words).
    """

    unit_scale: float = 1.0  # scale change of a track that has not moved

    def __init__(self, rig: StereoRig, config: Config) -> None:
        self.rig = rig
        self.config = config.frontend
        self.rules = config.keyframe
        self.limits = frame_limits(config, rig.left.rate_hz)
        self._next_id = 0
        self._frame_index = -1
        self.reset()

    def configure(self, config: Config) -> None:
        """Have other settings from the next frame on (see `AdaptiveFrontEnd.configure`)."""
        self.config, self.rules = config.frontend, config.keyframe
        self.limits = frame_limits(config, self.rig.left.rate_hz)

    def reset(self) -> None:
        """Forget all tracks: the next frame starts anew (identities are still never reused)."""
        self._tracks = self.no_tracks()
        self._key_pyramid: Pyramid | None = None
        self._tracks_at_key = 0
        self._age = 0
        self._without_right = 0  # frames in a row
        self._R_last_key = self.rotation(np.eye(3))  # ray directions of keyframe to last frame
        self._pending = self.rotation(np.eye(3))  # over frames whose left image was missing

    def begin_after(self, other: "KeyframeFrontEnd") -> None:
        """Start anew after the last frame of another front end, whose identities are taken."""
        self.reset()
        self._frame_index, self._next_id = other._frame_index, other._next_id

    def begin_with(
        self, key: np.ndarray, tracks: Tracks, rays: np.ndarray, R_cam_key: np.ndarray
    ) -> None:
        """Go on from a keyframe that another front end made.

        key: its image. tracks: N of them, uv_left in that image. rays: (N, 2), where they are in
        the last frame. R_cam_key: (3, 3), ray directions of the keyframe to the last frame.
        """
        rays_key = self.unproject(tracks.uv_left)
        used = np.flatnonzero(np.isfinite(rays_key[:, 0]))[: self.config.max_tracks]
        t = self.new_tracks(
            tracks.ids[used], tracks.quality[used], tracks.uv_left[used], rays_key[used]
        )
        t.age[:], t.rays[:] = tracks.age[used], rays[used]
        self._tracks, self._tracks_at_key = t, len(t)
        self._key_pyramid = self.build(key)
        self._R_last_key = self.rotation(R_cam_key)

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Process one frame (see `FrontEnd.track`)."""
        self._frame_index += 1
        self._ms: dict[str, float] = {}
        self._counters: dict[str, int] = {}
        R_cam_last = self.compose(self.rotation(R_cam_prev), self._pending)
        R_cam_key = self.compose(R_cam_last, self._R_last_key)
        predicted = self.predict(self._tracks.rays, R_cam_last)
        keyframe = self._decide_keyframe(predicted)
        self._without_right = 0 if frame.right is not None else self._without_right + 1
        if frame.left is None:
            self._pending = R_cam_last
            return self._result(frame, self.no_tracks(), _no_matches(0), False)
        check_image(frame.left, self.rig)
        self._pending = self.rotation(np.eye(3))
        with timed(self._ms, "pyramid"):
            current = self.build(frame.left)
        with timed(self._ms, "klt"):
            self._advance(current, predicted, R_cam_key)
        with timed(self._ms, "ransac"):
            self._verify_motion(R_cam_key)
        if keyframe:
            with timed(self._ms, "corners"):
                self._detect(frame.left)
        matches = _no_matches(len(self._tracks))
        if frame.right is not None and (keyframe or self.config.stereo_every_frame):
            check_image(frame.right, self.rig)
            with timed(self._ms, "stereo"):
                matches = self._match_verified(frame.left, frame.right, current)
        if keyframe:
            self._start_keyframe(current, matches)
        return self._result(frame, self._tracks, matches, keyframe)

    @property
    def is_mono(self) -> bool:
        """Whether there is one camera: by the rig, or no right image for a keyframe's longest age.

        As of the last frame, because the keyframe decision comes before a frame's pixels.
        """
        return self.rig.is_mono or self._without_right > self.limits.max_age

    # ---- the steps, in their order ----

    @abstractmethod
    def rotation(self, R: np.ndarray) -> np.ndarray:
        """Return a rotation (3, 3) of float64 in the engine's numbers."""

    @abstractmethod
    def compose(self, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        """Return the product (3, 3) of two rotations."""

    @abstractmethod
    def predict(self, rays: np.ndarray, R: np.ndarray) -> np.ndarray:
        """Return the pixels (N, 2) of the rays (N, 2) rotated by R."""

    @abstractmethod
    def is_keyframe(self, predicted: np.ndarray) -> bool:
        """Return whether the tracks up to the last frame, the age and the gyroscope ask for one."""

    @abstractmethod
    def build(self, image: np.ndarray) -> Pyramid:
        """Return the pyramid of an image."""

    @abstractmethod
    def window_maps(self, R_cam_key: np.ndarray) -> np.ndarray:
        """Return the maps (N, 2, 2) of the tracks' windows, current image to keyframe."""

    @abstractmethod
    def follow(
        self,
        key: Pyramid,
        current: Pyramid,
        uv_key: np.ndarray,
        uv_start: np.ndarray,
        warps: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return uv (N, 2), status (N,) and iterations (N, levels) of the tracker."""

    @abstractmethod
    def prediction_error(self, uv: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return the pixels (N, 2) by which the rotation alone mispredicted."""

    @abstractmethod
    def unproject(self, uv: np.ndarray) -> np.ndarray:
        """Return the rays (N, 2) of left pixels (N, 2)."""

    @abstractmethod
    def verify_mono(
        self, R_cam_key: np.ndarray, rays_key: np.ndarray, rays: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the inliers (N,) of one rigid motion, its rotation (3, 3) and direction (3,)."""

    @abstractmethod
    def scale_change(
        self, R: np.ndarray, direction: np.ndarray, rays_key: np.ndarray, rays: np.ndarray
    ) -> np.ndarray:
        """Return the scale change (N,) of the tracks since the keyframe."""

    @abstractmethod
    def find(
        self, image: np.ndarray, occupied: np.ndarray, max_new: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return at most `max_new` new corners (M, 2) and their scores (M,)."""

    @abstractmethod
    def match_stereo(
        self, left: np.ndarray, right: np.ndarray, current: Pyramid, uv: np.ndarray
    ) -> StereoMatches:
        """Return the matches of left pixels (N, 2); current: the pyramid of the left image."""

    @abstractmethod
    def verify_stereo(
        self, R_last_key: np.ndarray, points_key: np.ndarray, measured: np.ndarray
    ) -> np.ndarray:
        """Return which stereo matches (N,) agree with one translation since the keyframe."""

    @abstractmethod
    def key_points(self, matches: StereoMatches) -> np.ndarray:
        """Return the points (N, 3) of the keyframe, marked where there is none."""

    @abstractmethod
    def has_point(self, points_key: np.ndarray) -> np.ndarray:
        """Return which of the points (N, 3) are not marked as none."""

    # ---- the tables of tracks ----

    @abstractmethod
    def new_tracks(
        self, ids: np.ndarray, quality: np.ndarray, uv: np.ndarray, rays: np.ndarray
    ) -> TrackTable:
        """Return a table of tracks seen for the first time."""

    @abstractmethod
    def no_tracks(self) -> TrackTable:
        """Return a table of no tracks."""

    @abstractmethod
    def to_pixels(self, uv: np.ndarray) -> np.ndarray:
        """Return a copy of pixels (N, 2) as float64."""

    # ---- decisions ----

    def _decide_keyframe(self, predicted: np.ndarray) -> bool:
        """Decide before the frame's pixels are looked at; without tracks always for a keyframe."""
        self._age += 1
        return self._tracks_at_key == 0 or self.is_keyframe(predicted)

    def _advance(self, current: Pyramid, predicted: np.ndarray, R_cam_key: np.ndarray) -> None:
        """Follow the keyframe's windows, starting where the gyroscope predicts them.

        The template is always the keyframe's, so that errors do not add up from frame to frame;
        it is rotated and scaled to look like the current view.
        """
        t = self._tracks
        self._counters["tracked"] = 0
        if self._key_pyramid is None or len(t) == 0:
            return
        warps = self.window_maps(R_cam_key)
        start = predicted + t.prediction_error
        uv, status, iterations = self.follow(self._key_pyramid, current, t.uv_key, start, warps)
        for code, reason in LOST_REASONS.items():
            self._counters[f"lost_{reason}"] = int(np.count_nonzero(status == code))
        for level in range(self.config.levels):
            self._counters[f"iterations_level{level}"] = int(iterations[:, level].sum())
        t.prediction_error[:] = self.prediction_error(uv, predicted)
        t.uv[:] = uv
        t.age[:] += 1
        t = t.keep(status == TRACKED)
        t.rays[:] = self.unproject(t.uv)
        seen = np.isfinite(t.rays[:, 0])  # others left the part of the image that the lens covers
        self._tracks = t if seen.all() else t.keep(seen)
        self._counters["tracked"] = len(self._tracks)

    def _verify_motion(self, R_cam_key: np.ndarray) -> None:
        """Drop the tracks that disagree with one rigid motion since the keyframe."""
        t, R = self._tracks, R_cam_key
        if len(t):
            inlier, R, direction = self.verify_mono(R_cam_key, t.rays_key, t.rays)
            self._counters["lost_ransac"] = int(len(inlier) - np.count_nonzero(inlier))
            t = self._tracks = t.keep(inlier)
            t.scale_change[:] = self.scale_change(R, direction, t.rays_key, t.rays)
        self._R_last_key = R

    def _detect(self, left: np.ndarray) -> None:
        """Fill the grid cells that have room with new corners."""
        t = self._tracks
        uv, quality = self.find(left, t.uv, self.config.max_tracks - len(t))
        rays = self.unproject(uv)
        seen = np.isfinite(rays[:, 0])
        uv, quality, rays = uv[seen], quality[seen], rays[seen]
        ids = np.arange(self._next_id, self._next_id + len(uv), dtype=np.int64)
        self._next_id += len(uv)
        self._tracks = t.append(self.new_tracks(ids, quality, uv, rays))
        self._counters["detected"] = len(uv)

    def _match_verified(
        self, left: np.ndarray, right: np.ndarray, current: Pyramid
    ) -> StereoMatches:
        """Return the stereo matches of all tracks less those that disagree with one translation."""
        t = self._tracks
        matches = self.match_stereo(left, right, current, t.uv)
        self._counters["stereo_matched"] = int(np.count_nonzero(matches.found))
        both = np.flatnonzero(matches.found & self.has_point(t.points_key))
        if len(both):
            agree = self.verify_stereo(self._R_last_key, t.points_key[both], matches.measured[both])
            matches.found[both[~agree]] = False
            self._counters["stereo_rejected"] = int(np.count_nonzero(~agree))
        return matches

    def _start_keyframe(self, current: Pyramid, matches: StereoMatches) -> None:
        """Make this frame the one whose windows later frames are searched for."""
        t = self._tracks
        self._key_pyramid = current
        t.uv_key[:] = t.uv
        t.rays_key[:] = t.rays
        t.scale_change[:] = self.unit_scale
        t.points_key[:] = self.key_points(matches)
        self._tracks_at_key = len(t)
        self._age = 0
        self._R_last_key = self.rotation(np.eye(3))

    def _seed(self) -> int:
        """Return this frame's start of the LFSR, which must not be 0."""
        return max((self.config.seed + self._frame_index) & 0xFFFFFFFF, 1)

    def _result(
        self, frame: StereoFrame, t: TrackTable, matches: StereoMatches, is_keyframe: bool
    ) -> Tracks:
        """Return what the frame yields, in pixels."""
        return Tracks(
            frame_index=self._frame_index,
            t_ns=frame.t_ns,
            ids=t.ids.copy(),
            uv_left=self.to_pixels(t.uv),
            uv_right=np.where(matches.found[:, None], self.to_pixels(matches.uv), np.nan),
            age=t.age.astype(np.int32),
            quality=t.quality.astype(np.float32),
            is_keyframe=is_keyframe,
            counters=self._counters,
            stage_ms=self._ms,
        )


def _no_matches(count: int) -> StereoMatches:
    """Return that none of `count` tracks is matched."""
    return StereoMatches(np.zeros(count, np.bool_), np.zeros((count, 2)), np.zeros((count, 3)))
