# SPDX-License-Identifier: Apache-2.0
"""Top and side view of the path, with the ground truth and the landmarks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vio.eval.aligned import AlignedSegment
from vio.report import style

AXIS_NAMES = ("x", "y", "z")


def draw_views(
    folder: Path, segments: Sequence[AlignedSegment], landmarks: np.ndarray
) -> list[Path]:
    """Write top_view.png (x, y) and side_view.png (the longer horizontal axis, z).

    landmarks: (M, 3) metres, in the frame of the last segment as aligned.
    """
    points = np.concatenate([s.p_world_body for s in segments])
    extent = np.ptp(points, axis=0)
    horizontal = 0 if extent[0] >= extent[1] else 1
    paths = [folder / "top_view.png", folder / "side_view.png"]
    titles = ("Top view", "Side view")
    for path, title, (a, b) in zip(paths, titles, ((0, 1), (horizontal, 2)), strict=True):
        width, height = _size(points, a, b)
        with style.figure(path, width, height) as (_, axes):
            _draw_view(axes, segments, landmarks, a, b)
            axes.set_title(title)
    return paths


def _window(values: np.ndarray) -> tuple[float, float]:
    """Return limits around the path: landmarks further out are cut off."""
    low, high = float(values.min()), float(values.max())
    margin = max(0.35 * (high - low), 0.3)
    return low - margin, high + margin


def _size(points: np.ndarray, a: int, b: int) -> tuple[float, float]:
    """Return a figure size in inches for which equal axes fill the picture, within reason."""
    (a0, a1), (b0, b1) = _window(points[:, a]), _window(points[:, b])
    ratio = (b1 - b0) / (a1 - a0)
    return (7.0, float(np.clip(6.2 * ratio, 2.2, 7.0)) + 0.9)


def _draw_view(
    axes: Any, segments: Sequence[AlignedSegment], landmarks: np.ndarray, a: int, b: int
) -> None:
    points = np.concatenate([s.p_world_body for s in segments])
    if len(landmarks):
        axes.plot(
            landmarks[:, a], landmarks[:, b], ".", ms=1.6, color=style.FAINT, label="landmarks"
        )
    for i, segment in enumerate(segments):
        truth, p = segment.p_truth, segment.p_world_body
        if truth is not None:
            label = "ground truth" if i == 0 else None
            axes.plot(truth[:, a], truth[:, b], color=style.TRUTH, lw=2.2, alpha=0.55, label=label)
        label = "estimate" if i == 0 else None
        axes.plot(p[:, a], p[:, b], color=style.ESTIMATE, label=label)
        first, last = ("start", "end") if i == 0 else (None, None)
        axes.plot(p[0, a], p[0, b], "o", ms=6, mfc="white", mec=style.ESTIMATE, label=first)
        axes.plot(p[-1, a], p[-1, b], "s", ms=5, color=style.ESTIMATE, label=last)
    axes.set_xlim(*_window(points[:, a]))
    axes.set_ylim(*_window(points[:, b]))
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlabel(f"{AXIS_NAMES[a]} [m]")
    axes.set_ylabel(f"{AXIS_NAMES[b]} [m]")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=5, borderaxespad=0.2)
