# SPDX-License-Identifier: Apache-2.0
"""Tracks drawn on sample frames. Figures with recorded images stay in run folders."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vio.report import style
from vio.runs.samples import SampleFrame


def draw_tracks(folder: Path, samples: Sequence[SampleFrame], start_ns: int) -> Path | None:
    """Write tracks.png: up to four left images with each track and its recent path.

    Returns None when there are no samples.
    """
    if not samples:
        return None
    from matplotlib.collections import LineCollection

    path = folder / "tracks.png"
    columns = min(2, len(samples))
    rows = (len(samples) + columns - 1) // columns
    height, width = samples[0].image.shape
    size = (5.6 * columns, 5.6 * rows * height / width + 0.3 * rows + 0.4)
    with style.figure(path, *size, nrows=rows, ncols=columns, squeeze=False) as (fig, axes):
        for ax in axes.flat:
            ax.axis("off")
        for ax, sample in zip(axes.flat, samples, strict=False):
            ax.imshow(sample.image, cmap="gray", vmin=0, vmax=255)
            lines = [
                [*sample.trails[int(i)], tuple(point)]
                for i, point in zip(sample.ids, sample.uv, strict=True)
            ]
            colors = np.where(sample.stereo, "#00D084", "#FFB000")
            ax.add_collection(LineCollection(lines, colors=colors, linewidths=0.9))
            ax.scatter(*sample.uv.T, s=9, facecolors="none", edgecolors=colors, linewidths=0.9)
            seconds = (sample.t_ns - start_ns) / 1e9
            ax.set_title(f"{seconds:.2f} s: {len(sample.ids)} tracks, {sample.stereo.sum()} stereo")
            ax.set_xlim(-0.5, width - 0.5)
            ax.set_ylim(height - 0.5, -0.5)
        fig.suptitle(
            "Tracks and their last frames; green: with a stereo match, amber: left image only",
            fontsize=9,
        )
    return path
