# SPDX-License-Identifier: Apache-2.0
"""Error over time against the ground truth, with the estimator's own 3-sigma bounds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vio.eval.aligned import AlignedSegment
from vio.report import style


def draw_errors(folder: Path, segments: Sequence[AlignedSegment]) -> Path | None:
    """Write error_over_time.png and return its path; None when there is no ground truth.

    Shown: position error per axis in cm and rotation error per axis in degrees, in the world frame,
    each with the band of 3 sigma. The alignment takes out the error of the start, which the bounds
    count from: an error may therefore begin away from zero.
    """
    known = [s for s in segments if s.p_truth is not None and s.rotation_error_rad is not None]
    if not known:
        return None
    path = folder / "error_over_time.png"
    with style.figure(path, 9.0, 7.6, nrows=6, sharex=True) as (fig, axes):
        for i, axis in enumerate("xyz"):
            for segment in known:
                assert segment.p_truth is not None
                assert segment.rotation_error_rad is not None
                rows = (
                    (
                        axes[i],
                        segment.p_world_body - segment.p_truth,
                        segment.std_position_m,
                        100.0,
                    ),
                    (
                        axes[3 + i],
                        segment.rotation_error_rad,
                        segment.std_rotation_rad,
                        np.degrees(1.0),
                    ),
                )
                for ax, error, std, unit in rows:
                    bound = 3.0 * std[:, i] * unit
                    ax.fill_between(
                        segment.t_s, -bound, bound, color=style.AXES[i], alpha=0.13, lw=0
                    )
                    ax.plot(segment.t_s, error[:, i] * unit, color=style.AXES[i])
            axes[i].set_ylabel(f"{axis} [cm]")
            axes[3 + i].set_ylabel(f"rot {axis} [deg]")
        for ax in axes:
            ax.axhline(0.0, color=style.TRUTH, lw=0.6)
        axes[0].set_title(
            f"Error after aligning {known[0].alignment}; shaded: the estimator's own 3 sigma"
        )
        axes[-1].set_xlabel("time after the first image [s]")
        fig.align_ylabels(axes)
    return path
