# SPDX-License-Identifier: Apache-2.0
"""The images: a dark or covered camera, equal or swapped images, no parallax."""

from collections import deque

import numpy as np

from vio.camera import StereoRig
from vio.data import StereoFrame

STEP_PX = 8  # of the pixels that are looked at
FRAMES = 10  # in a row that have to agree
LEAST_SPREAD = 4.0  # grey levels; the noise of a covered camera is below
DARK, BRIGHT = 16.0, 240.0  # mean grey levels
EQUAL = 0.5  # mean difference of two images that are one
LEAST_DISPARITY_PX = 1.0
LEAST_MATCHES = 20
KEYFRAMES = 3  # in a row whose tracks find no partner in the right image
LEAST_TRACKS = 40
FEW_MATCHES = 0.1  # of the tracks
SHIFT_STEP_PX, MOST_SHIFT_PX = 2, 100  # of the comparison that finds swapped cameras
SIDES = ("left", "right")


class ImageCheck:
    """Keep mean and spread of the latest images, and the disparities of the latest keyframes."""

    def __init__(self, rig: StereoRig) -> None:
        self.rig = rig
        self._looks: deque[np.ndarray] = deque(maxlen=FRAMES)
        self._equal: deque[bool] = deque(maxlen=FRAMES)
        self._disparity: deque[tuple[float, int]] = deque(maxlen=2)
        self._matches: deque[tuple[int, int]] = deque(maxlen=KEYFRAMES)  # tracks, matches
        self._newest: StereoFrame | None = None  # if it has both images
        self._pair: list[np.ndarray] = []  # of a keyframe: every 2nd pixel of the 8th rows

    def add_images(self, frame: StereoFrame) -> None:
        """Look at every STEP_PX-th pixel; an image that was lost counts as none."""
        look = np.full((2, 2), np.nan)
        small = []
        for k, image in enumerate((frame.left, frame.right)):
            if image is not None:
                pixels = image[STEP_PX // 2 :: STEP_PX, STEP_PX // 2 :: STEP_PX].astype(np.float32)
                look[k] = pixels.mean(), pixels.std()
                small.append(pixels)
        self._looks.append(look)
        self._newest = frame if len(small) == 2 else None
        same = len(small) == 2 and small[0].shape == small[1].shape
        self._equal.append(bool(same and np.abs(small[0] - small[1]).mean() < EQUAL))

    def add_rays(self, rays: np.ndarray) -> None:
        """Take note of a keyframe's tracks (N, 4): stereo matches and their disparities.

        Its images are those that `add_images` was given last.
        """
        if self._newest is not None:
            self._pair = [
                image[STEP_PX // 2 :: STEP_PX, ::SHIFT_STEP_PX].copy()
                for image in (self._newest.left, self._newest.right)
                if image is not None
            ]
            self._newest = None
        stereo = rays[np.isfinite(rays[:, 2])]
        self._matches.append((len(rays), len(stereo)))
        if not len(stereo):
            return
        r = self.rig.rectification
        left, right = (
            np.column_stack([xy, np.ones(len(stereo))]) @ R.T
            for xy, R in ((stereo[:, :2], r.R_rect_left), (stereo[:, 2:], r.R_rect_right))
        )
        disparity = r.focal * (left[:, 0] / left[:, 2] - right[:, 0] / right[:, 2])
        self._disparity.append((float(np.median(disparity)), len(stereo)))

    def name_fault(self) -> tuple[str, str]:
        """Return the kind and the description of what the images show, or two empty texts.

        kind: "no_images", "dark_camera", "equal_images", "swapped_cameras", "no_stereo" or
        "no_parallax".
        """
        if len(self._looks) == FRAMES:
            sides = SIDES[: 1 if self.rig.is_mono else 2]
            missing = [
                s for k, s in enumerate(sides) if all(np.isnan(x[k, 0]) for x in self._looks)
            ]
            if missing:
                return (
                    "no_images",
                    f"there are no {missing[0]} images in the last {FRAMES} frames; check the "
                    "camera and its data.csv",
                )
            looks = np.array(self._looks)  # (frames, side, [mean, spread])
            looks = looks[:, : len(sides)]
            blind = [bool((looks[:, k, 1] < LEAST_SPREAD).all()) for k in range(len(sides))]
            mean, spread = (
                np.nanmedian(looks[:, :, i], axis=0) if any(blind) else None for i in (0, 1)
            )
            if mean is not None and spread is not None:
                return "dark_camera", _blind_text(blind, mean, spread)
            if all(self._equal):
                return (
                    "equal_images",
                    "both cameras give the same image: stereo needs two cameras; check the folders "
                    "cam0 and cam1",
                )
        if len(self._matches) == KEYFRAMES and self._pair:
            few = [n >= LEAST_TRACKS and m < FEW_MATCHES * n for n, m in self._matches]
            if all(few):
                return _no_stereo(self._pair, *self._matches[-1])
        flat = [abs(d) < LEAST_DISPARITY_PX and n >= LEAST_MATCHES for d, n in self._disparity]
        if len(flat) == self._disparity.maxlen and all(flat):
            d, n = self._disparity[-1]
            r = self.rig.rectification
            far_m = r.focal * r.baseline_m / LEAST_DISPARITY_PX
            return (
                "no_parallax",
                f"there is no parallax between the cameras: the median disparity of {n} matches is "
                f"{d:.2f} px, so all is farther than {far_m:.0f} m at a baseline of "
                f"{r.baseline_m:.3g} m, or T_BS is wrong; start near to something",
            )
        return "", ""


def _blind_text(blind: list[bool], mean: np.ndarray, spread: np.ndarray) -> str:
    who = f"the {SIDES[blind.index(True)]} camera"
    if len(blind) > 1 and all(blind):
        who = "both cameras"
    grey = float(mean[blind.index(True)])
    how = "dark" if grey < DARK else "saturated" if grey > BRIGHT else "covered or out of focus"
    figures = ", ".join(
        f"{side} {m:.0f} and {s:.1f}" for side, m, s in zip(SIDES, mean, spread, strict=False)
    )
    verb = "are" if who == "both cameras" else "is"
    return (
        f"{who} {verb} {how}: mean grey level and spread are {figures}; check lens, cable and "
        "exposure"
    )


def _no_stereo(pair: list[np.ndarray], tracks: int, matches: int) -> tuple[str, str]:
    """Return the kind and the description of tracks that find no partner in the right image.

    The images are compared with one of them shifted sideways: what the left camera sees lies
    further to the right in its image, unless the cameras are swapped.
    """
    left, right = ((x - x.mean()) / (x.std() + 1.0) for x in (i.astype(np.float32) for i in pair))
    most = min(MOST_SHIFT_PX // SHIFT_STEP_PX, left.shape[1] // 3)
    shifts = np.arange(-most, most + 1)
    errors = []
    for s in shifts:
        a = left[:, max(s, 0) : left.shape[1] + min(s, 0)]
        b = right[:, max(-s, 0) : right.shape[1] + min(-s, 0)]
        errors.append(float(np.abs(a - b).mean()))
    shift_px = SHIFT_STEP_PX * int(shifts[np.argmin(errors)])
    figures = f"{matches} of {tracks} tracks find a stereo match"
    if shift_px < -SHIFT_STEP_PX and abs(shift_px) < MOST_SHIFT_PX:
        return (
            "swapped_cameras",
            f"the cameras are swapped: {figures}, and cam0 sees the scene {-shift_px} px further "
            "left than cam1; cam0 must be the left camera: swap the folders, or their T_BS",
        )
    return (
        "no_stereo",
        f"the images do not match: {figures}; check that both cameras are synchronised, and their "
        "T_BS and intrinsics",
    )
