# SPDX-License-Identifier: Apache-2.0
"""The baseline: OpenCV works on the pixels, the other steps and decisions are those of `float`."""

from typing import Any

import numpy as np

from vio.camera import StereoRig
from vio.config import Config
from vio.errors import VioError
from vio.frontend import klt
from vio.frontend.float import FloatFrontEnd
from vio.frontend.predict import rotate_rays
from vio.frontend.pyramid import Pyramid
from vio.frontend.rectify import rectify_rays

_STEREO_LEVELS = 5  # from a start at infinite depth, disparities of 100 px are found
_ROW_TOLERANCE_PX = 2.0
_BACK_TOLERANCE_PX = 1.0


class OpenCvFrontEnd(FloatFrontEnd):
    """Track with OpenCV's pyramidal Lucas-Kanade and minimal-eigenvalue corners.

    Stereo matches are tracked from left to right and back. Raises VioError without OpenCV.
    """

    def __init__(self, rig: StereoRig, config: Config) -> None:
        try:
            import cv2
        except ImportError as error:
            raise VioError(
                "engine opencv needs OpenCV; install it with: pip install kestrel-vio[bench]"
            ) from error
        self._cv: Any = cv2
        super().__init__(rig, config)

    def build(self, image: np.ndarray) -> Pyramid:
        """Return the image alone: OpenCV's Python interface builds its pyramids in each call."""
        return (image,)

    def _lucas_kanade(
        self, first: np.ndarray, second: np.ndarray, uv: np.ndarray, start: np.ndarray, levels: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return where the windows at uv (N, 2) went (N, 2), and which were found (N,)."""
        cv, c = self._cv, self.config
        stop = cv.TERM_CRITERIA_COUNT | cv.TERM_CRITERIA_EPS
        found, status, _ = cv.calcOpticalFlowPyrLK(
            first,
            second,
            uv.astype(np.float32).reshape(-1, 1, 2),
            start.astype(np.float32).reshape(-1, 1, 2).copy(),
            winSize=(c.window, c.window),
            maxLevel=levels - 1,
            criteria=(stop, c.max_iterations, c.step_px),
            flags=cv.OPTFLOW_USE_INITIAL_FLOW,
            minEigThreshold=1e-3,
        )
        return found.reshape(-1, 2).astype(np.float64), status.ravel() == 1

    def follow(
        self,
        key: Pyramid,
        current: Pyramid,
        uv_key: np.ndarray,
        uv_start: np.ndarray,
        warps: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return uv (N, 2), status (N,) and iterations (zero: OpenCV does not report them)."""
        levels = self.config.levels
        uv_start = np.where(np.isnan(uv_start), -1e3, uv_start)  # behind the camera: outside
        uv, found = self._lucas_kanade(key[0], current[0], uv_key, uv_start, levels)
        half = self.config.window // 2
        width, height = self.rig.left.width, self.rig.left.height
        inside = ((uv >= half) & (uv < np.array([width, height]) - half)).all(axis=1)
        status = np.where(inside, np.where(found, klt.TRACKED, klt.RESIDUAL), klt.BORDER)
        return uv, status.astype(np.uint8), np.zeros((len(uv), levels), np.int32)

    def scores(self, image: np.ndarray) -> np.ndarray:
        """Return the corner scores (height, width), (grey level / px)^2."""
        scores = self._cv.cornerMinEigenVal(image, 2 * self.config.corner_radius + 1, ksize=3)
        scores *= 255.0 * 255.0 / 4.0  # to (grey level / px)^2
        return scores

    def match(self, left: np.ndarray, right: np.ndarray, uv: np.ndarray) -> np.ndarray:
        """Return the right pixels (N, 2), NaN where the way back or the row disagrees."""
        if len(uv) == 0:
            return np.empty((0, 2))
        rig, rect = self.rig, self.rig.rectification
        rays = rig.left.unproject(uv)
        start = rig.right.project(rotate_rays(rays, rig.T_right_left[:3, :3]))
        there, found = self._lucas_kanade(left, right, uv, start, _STEREO_LEVELS)
        back, found_back = self._lucas_kanade(right, left, there, uv, _STEREO_LEVELS)
        here = rectify_rays(rays, rect.R_rect_left)
        away = rectify_rays(rig.right.unproject(there), rect.R_rect_right)
        disparity_px = (here[:, 0] - away[:, 0]) * rect.focal
        good = found & found_back & (np.abs(back - uv).max(axis=1) < _BACK_TOLERANCE_PX)
        good &= np.abs(here[:, 1] - away[:, 1]) * rect.focal < _ROW_TOLERANCE_PX
        good &= disparity_px > -1.0
        good &= disparity_px < rect.focal * rect.baseline_m / self.config.min_depth_m
        return np.where(good[:, None], there, np.nan)
