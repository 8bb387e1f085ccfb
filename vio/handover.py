# SPDX-License-Identifier: Apache-2.0
"""From one leading camera to the other: while there is no left image, the right camera goes on.

The back end's landmarks are moved into the right camera (`Window.change_cameras`), and the tracks
that had a stereo match in the newest keyframe are followed in the right image from there on. So the
window goes on, with what it knows of depth and scale; new tracks are those of one camera. When left
images are back, the left front end starts anew, and the landmarks move back.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from vio.backend.estimator import Estimator
from vio.camera import StereoRig, mono_rig
from vio.data import StereoFrame, Tracks
from vio.frontend.frontend import KeyframeFrontEnd

MakeFrontEnd = Callable[[StereoRig], KeyframeFrontEnd]


class _Keyframe(NamedTuple):
    """Hold the newest keyframe with a right image, and its tracks."""

    right: np.ndarray
    tracks: Tracks


class CameraHandover:
    """Say which camera leads, and give its rig, front end and frames.

    rig: that of the leading camera: the pair, or the right camera alone. after_s: time without left
    images, or with them again, after which the lead changes. make: the front end of a rig.
    """

    def __init__(
        self, rig: StereoRig, frontend: KeyframeFrontEnd, after_s: float, make: MakeFrontEnd
    ) -> None:
        self.rig, self.frontend = rig, frontend
        self._pair, self._left = rig, frontend
        self._after_ns, self._make = round(after_s * 1e9), make
        self._right: KeyframeFrontEnd | None = None  # made when it is needed
        self._other_ns: int | None = None  # since when the other camera ought to lead
        self._key: _Keyframe | None = None

    @property
    def is_right(self) -> bool:
        """Whether the right camera leads."""
        return self.frontend is not self._left

    @property
    def text(self) -> str:
        """What is said of a frame; empty while the left camera leads."""
        return "no left images: the right camera goes on alone" if self.is_right else ""

    def is_due(self, frame: StereoFrame) -> bool:
        """Return whether the lead changes with this frame."""
        if frame.left is None and frame.right is None:
            return False
        if (frame.left is None) == self.is_right:
            self._other_ns = None
            return False
        if self._other_ns is None:
            self._other_ns = frame.t_ns
        return frame.t_ns - self._other_ns >= self._after_ns

    def change(self, estimator: Estimator) -> None:
        """Have the other camera lead."""
        self._other_ns = None
        before = self.frontend
        if self.is_right:
            self.rig, self.frontend = self._pair, self._left
            estimator.change_cameras(self.rig, self.rig)
            self.frontend.begin_after(before)
            return
        if self._right is None:
            self._right = self._make(mono_rig(self._pair.right))
        self.rig, self.frontend = self._right.rig, self._right
        estimator.change_cameras(self.rig, StereoRig(self._pair.right, self._pair.left))
        self.frontend.begin_after(before)
        if self._key is not None:
            self._begin_with_landmarks(estimator, self._key)
        self._key = None

    def _begin_with_landmarks(self, estimator: Estimator, key: _Keyframe) -> None:
        """Follow the landmarks that were matched in the keyframe's right image."""
        view = estimator.view(key.tracks.t_ns)
        if view is None:
            return
        t = key.tracks
        stereo = np.flatnonzero(np.isfinite(t.uv_right[:, 0]))
        _, here, there = np.intersect1d(t.ids[stereo], view.ids, return_indices=True)
        here = stereo[here]
        matched = replace(
            t, ids=t.ids[here], uv_left=t.uv_right[here], age=t.age[here], quality=t.quality[here]
        )
        self.frontend.begin_with(key.right, matched, view.rays[there], view.R_cam_key)

    def seen(self, frame: StereoFrame) -> StereoFrame:
        """Return a frame as the leading front end takes it."""
        return StereoFrame(frame.t_ns, frame.right, None) if self.is_right else frame

    def note(self, frame: StereoFrame, tracks: Tracks) -> None:
        """Keep what a handover needs of a frame and its tracks."""
        if tracks.is_keyframe and not self.is_right:
            self._key = None if frame.right is None else _Keyframe(frame.right, tracks)

    def shown(self, tracks: Tracks) -> Tracks:
        """Return tracks with their pixels in the camera that saw them."""
        if not self.is_right:
            return tracks
        nowhere = np.full_like(tracks.uv_left, np.nan)
        return replace(tracks, uv_left=nowhere, uv_right=tracks.uv_left)
