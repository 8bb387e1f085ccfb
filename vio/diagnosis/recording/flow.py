# SPDX-License-Identifier: Apache-2.0
"""Tracks and stereo matches in raw pixels, found without the calibration: that is what they test.

The odometry's front end predicts by the gyroscope, searches along epipolar lines and drops what
contradicts the calibration. With a wrong calibration it would find nothing, or only what fits. Here
windows are followed from frame to frame from where the whole image has moved to, and partners in
the right image are searched for in both directions.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from vio.data import StereoFrame
from vio.frontend.corners import corner_scores, select_corners
from vio.frontend.klt import TRACKED, track_windows
from vio.frontend.pyramid import Pyramid, build_pyramid, halve

MOST_TRACKS, GRID_COLS, GRID_ROWS, CELL_BUDGET = 150, 10, 7, 3
CORNER_RADIUS, LEAST_SCORE, DISTANCE_PX = 2, 2.0, 14
WINDOW, ITERATIONS, STEP_PX, LEAST_EIGENVALUE, SHIFT_PX = 15, 30, 0.02, 0.5, 12.0
LEAST_CORRELATION = 0.8
COARSEST_PX = 24  # shorter side of the coarsest level
SPACING_S = 0.1  # between the frames in which corners are added; pairs span this
STEREO_S = 0.45  # between the frames in which partners are searched for
SEARCH_WIDTH_PX = 200  # of the level on which they are searched for, at most
SEARCH_SHARE = 0.17  # of the image's width, in both directions
SEARCH_HALF = 4
SEARCH_CORRELATION, UNIQUENESS = 0.8, 0.05
THERE_AND_BACK_PX = 0.5  # of a partner followed back
SHIFT_SHARE = 0.35  # of the image that the whole image may move by between two frames


@dataclass(frozen=True)
class FlowFrame:
    """Hold the N tracks of one frame, sorted by identity.

    ids: (N,) int64. uv_left, uv_right: (N, 2) raw pixels; right NaN where none was found.
    searched: of how many tracks a partner was searched for; 0 in frames without a search.
    """

    t_ns: int
    ids: np.ndarray
    uv_left: np.ndarray
    uv_right: np.ndarray
    searched: int


class FlowTracker:
    """Follow corners of the left images; every STEREO_S find them in the right image."""

    def __init__(self) -> None:
        self._last: Pyramid | None = None
        self._uv = np.empty((0, 2))
        self._ids = np.empty(0, np.int64)
        self._next_id = 0
        self._detected_ns: int | None = None
        self._searched_ns: int | None = None

    def add(self, frame: StereoFrame) -> FlowFrame:
        """Process a frame; a lost left image ends all tracks."""
        if frame.left is None:
            self._last, self._uv, self._ids = None, np.empty((0, 2)), np.empty(0, np.int64)
            return FlowFrame(frame.t_ns, self._ids, self._uv, self._uv.copy(), 0)
        levels = _levels(frame.left)
        current = build_pyramid(frame.left, levels)
        if self._last is not None and len(self._ids) and self._last[0].shape == current[0].shape:
            shift = image_shift(self._last[-1], current[-1]) * 2.0 ** (levels - 1)
            uv, good = _follow(self._last, current, self._uv, self._uv + shift)
            self._uv, self._ids = uv[good], self._ids[good]
        else:
            self._uv, self._ids = np.empty((0, 2)), np.empty(0, np.int64)
        if _due(frame.t_ns, self._detected_ns, SPACING_S):
            self._detected_ns = frame.t_ns
            self._detect(frame.left)
        self._last = current
        right, searched = np.full((len(self._ids), 2), np.nan), 0
        if frame.right is not None and _due(frame.t_ns, self._searched_ns, STEREO_S):
            self._searched_ns = frame.t_ns
            right = find_partners(current, build_pyramid(frame.right, levels), self._uv)
            searched = len(right)
        return FlowFrame(frame.t_ns, self._ids, self._uv, right, searched)

    def _detect(self, image: np.ndarray) -> None:
        scores = corner_scores(image, CORNER_RADIUS)
        uv, _ = select_corners(
            scores, self._uv, GRID_COLS, GRID_ROWS, CELL_BUDGET, MOST_TRACKS - len(self._ids),
            LEAST_SCORE, DISTANCE_PX, WINDOW // 2 + 1,
        )  # fmt: skip
        self._uv = np.concatenate([self._uv, uv])
        new = np.arange(self._next_id, self._next_id + len(uv), dtype=np.int64)
        self._ids = np.concatenate([self._ids, new])
        self._next_id += len(uv)


def _due(t_ns: int, last_ns: int | None, every_s: float) -> bool:
    return last_ns is None or (t_ns - last_ns) * 1e-9 > every_s - 1e-3


def _levels(image: np.ndarray) -> int:
    side, levels = min(image.shape), 1
    while side >> levels >= COARSEST_PX and levels < 5:
        levels += 1
    return levels


def _follow(
    a: Pyramid, b: Pyramid, uv: np.ndarray, start: np.ndarray, shift_px: float = SHIFT_PX
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the windows at uv (N, 2) of a are in b, and which of them (N,) were found."""
    warps = np.tile(np.eye(2), (len(uv), 1, 1))
    found, status, _, _ = track_windows(
        a, b, np.ascontiguousarray(uv), np.ascontiguousarray(start), warps, WINDOW, ITERATIONS,
        STEP_PX, LEAST_EIGENVALUE, LEAST_CORRELATION, shift_px,
    )  # fmt: skip
    return found, status == TRACKED


@njit(cache=True, nogil=True)
def image_shift(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the shift (u, v) in whole pixels by which image a (H, W) has moved in b (H, W).

    The least mean absolute difference over all shifts of up to SHIFT_SHARE, means taken off.
    """
    h, w = a.shape
    most_u, most_v = int(SHIFT_SHARE * w), int(SHIFT_SHARE * h)
    mean = np.float64(0.0)
    for y in range(h):
        for x in range(w):
            mean += float(b[y, x]) - float(a[y, x])
    mean /= h * w
    best, out = np.inf, np.zeros(2)
    for dv in range(-most_v, most_v + 1):
        for du in range(-most_u, most_u + 1):
            total, count = 0.0, 0
            for y in range(max(0, -dv), min(h, h - dv)):
                for x in range(max(0, -du), min(w, w - du)):
                    total += abs(float(b[y + dv, x + du]) - float(a[y, x]) - mean)
                    count += 1
            if total < best * count:
                best = total / count
                out[0], out[1] = du, dv
    return out


def find_partners(left: Pyramid, right: Pyramid, uv: np.ndarray) -> np.ndarray:
    """Return the pixels (N, 2) in the right image of left pixels (N, 2), NaN where none is sure.

    The correlation of small windows is searched in both directions on a coarse level. The best
    place is refined by Lucas-Kanade and must lead back to where it came from.
    """
    out = np.full((len(uv), 2), np.nan)
    if not len(uv) or left[0].shape != right[0].shape:
        return out
    level, a, b = 0, left[0], right[0]
    while a.shape[1] > SEARCH_WIDTH_PX:
        level, a, b = level + 1, halve(a), halve(b)
    reach = int(SEARCH_SHARE * a.shape[1])
    shift = _search(a, b, uv / 2.0**level, reach) * 2.0**level
    rows = np.flatnonzero(np.isfinite(shift[:, 0]))
    if not len(rows):
        return out
    levels = min(max(level, 1), len(left))
    near = uv[rows]
    there, good = _follow(left[:levels], right[:levels], near, near + shift[rows])
    back, again = _follow(right[:levels], left[:levels], there, there - shift[rows])
    good &= again & (np.hypot(*(back - near).T) < THERE_AND_BACK_PX)
    out[rows[good]] = there[good]
    return out


@njit(cache=True, nogil=True)
def _search(a: np.ndarray, b: np.ndarray, uv: np.ndarray, reach: int) -> np.ndarray:
    """Return the shift (N, 2), whole pixels, of the best correlation within reach; NaN: unsure."""
    h, w = a.shape
    half, side = SEARCH_HALF, 2 * SEARCH_HALF + 1
    count = side * side
    out = np.full((len(uv), 2), np.nan)
    template = np.empty((side, side), np.float32)
    scores = np.empty((2 * reach + 1, 2 * reach + 1), np.float32)
    for i in range(len(uv)):
        u, v = int(uv[i, 0] + 0.5), int(uv[i, 1] + 0.5)
        if not (half <= u < w - half and half <= v < h - half):
            continue
        mean = 0.0
        for y in range(side):
            for x in range(side):
                template[y, x] = a[v - half + y, u - half + x]
                mean += float(template[y, x])
        mean /= count
        energy = 0.0
        for y in range(side):
            for x in range(side):
                template[y, x] -= mean
                energy += float(template[y, x] * template[y, x])
        if energy < count:  # flat on this level
            continue
        scores[:] = -1.0
        best, best_u, best_v = -1.0, 0, 0
        for dv in range(max(-reach, half - v), min(reach, h - half - 1 - v) + 1):
            for du in range(max(-reach, half - u), min(reach, w - half - 1 - u) + 1):
                total, square, product = 0.0, 0.0, 0.0
                for y in range(side):
                    for x in range(side):
                        value = float(b[v + dv - half + y, u + du - half + x])
                        total += value
                        square += value * value
                        product += value * float(template[y, x])
                spread = square - total * total / count
                if spread < count:
                    continue
                score = product / np.sqrt(spread * energy)
                scores[dv + reach, du + reach] = score
                if score > best:
                    best, best_u, best_v = score, du, dv
        if best < SEARCH_CORRELATION:
            continue
        second = -1.0
        for dv in range(-reach, reach + 1):
            for du in range(-reach, reach + 1):
                if abs(dv - best_v) > 2 or abs(du - best_u) > 2:
                    second = max(second, scores[dv + reach, du + reach])
        if second < best - UNIQUENESS:
            out[i, 0], out[i, 1] = best_u, best_v
    return out
