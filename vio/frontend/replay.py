# SPDX-License-Identifier: Apache-2.0
"""A front end that replays recorded tracks: it tests the back end on real data without images."""

import numpy as np

from vio.camera import StereoRig
from vio.config import Config
from vio.data import StereoFrame, Tracks
from vio.datasets.tracks import TrackFrame
from vio.errors import VioError
from vio.frontend import keyframe as kf
from vio.frontend.predict import predict_pixels
from vio.geometry import mul33
from vio.rates import frame_limits


class ReplayFrontEnd:
    """Pass the tracks of `TrackFrame`s on; the keyframe decision is that of all front ends."""

    def __init__(self, rig: StereoRig, config: Config) -> None:
        self.rig = rig
        self.config = config
        self._frame_index = -1
        self._seen: dict[int, int] = {}  # identity -> frames in a row
        self.reset()

    def reset(self) -> None:
        """Forget all tracks: the next frame is a keyframe."""
        self._rays_key: dict[int, np.ndarray] = {}
        self._last = (np.empty(0, np.int64), np.empty((0, 2)))
        self._age = 0
        self._without_right = 0  # frames in a row
        self._R_last_key = np.eye(3)

    def track(self, frame: StereoFrame, R_cam_prev: np.ndarray) -> Tracks:
        """Pass one frame's recorded tracks on; right pixels only at keyframes unless configured.

        Raises VioError when the frame carries images instead of tracks.
        """
        if not isinstance(frame, TrackFrame):
            raise VioError(
                "engine replay needs recorded tracks (a folder with cam0_corners.csv), but this "
                "dataset has images; choose --engine float"
            )
        self._frame_index += 1
        requested = self._decide_keyframe(R_cam_prev)
        seen_right = bool(np.isfinite(frame.uv_right).any())
        self._without_right = 0 if seen_right else self._without_right + 1
        stereo = requested or self.config.frontend.stereo_every_frame
        uv_right = frame.uv_right if stereo else np.full_like(frame.uv_left, np.nan)
        rays = self.rig.left.unproject(frame.uv_left)
        self._R_last_key = np.eye(3) if requested else mul33(R_cam_prev, self._R_last_key)
        ids = frame.ids.tolist()
        if requested:
            self._age = 0
            seen = zip(ids, rays, strict=True)
            self._rays_key = {i: ray for i, ray in seen if np.isfinite(ray[0])}
        self._last = (frame.ids, rays)
        self._seen = {i: self._seen.get(i, 0) + 1 for i in ids}
        return Tracks(
            frame_index=self._frame_index,
            t_ns=frame.t_ns,
            ids=frame.ids,
            uv_left=frame.uv_left,
            uv_right=uv_right,
            age=np.array([self._seen[i] for i in ids], np.int32),
            quality=np.ones(len(ids), np.float32),
            is_keyframe=requested,
            counters={"tracked": len(ids)},
        )

    def _decide_keyframe(self, R_cam_prev: np.ndarray) -> bool:
        self._age += 1
        if not self._rays_key:
            return True
        ids, rays = self._last
        common = [
            k for k, i in enumerate(ids.tolist()) if i in self._rays_key and np.isfinite(rays[k, 0])
        ]
        keyed = np.array([self._rays_key[int(ids[k])] for k in common]).reshape(-1, 2)
        now = rays[common]
        predicted = predict_pixels(self.rig.left, now, R_cam_prev)
        evidence = kf.KeyframeEvidence(
            age=self._age,
            tracks_at_key=len(self._rays_key),
            alive=kf.count_inside(self.rig.left, predicted, self.config.frontend.window // 2),
            parallax_px=kf.median_parallax_px(keyed, now, self._R_last_key, self.rig.left.fx),
        )
        max_age = frame_limits(self.config, self.rig.left.rate_hz).max_age
        mono = self.rig.is_mono or self._without_right > max_age
        return kf.is_keyframe(evidence, self.config.keyframe, max_age, mono)
