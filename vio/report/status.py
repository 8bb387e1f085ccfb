# SPDX-License-Identifier: Apache-2.0
"""What the odometry knew over time: status, tracks, speed and biases."""

from pathlib import Path
from typing import Any

import numpy as np

from vio.report import style
from vio.runs.log import STATUSES, RunLog

LEAST_INNOVATION = 1e-2  # smaller ones are drawn there, on the logarithmic axis


def draw_status(folder: Path, log: RunLog) -> Path:
    """Write status.png: status band, tracks and keyframes, velocity, biases, innovations."""
    path = folder / "status.png"
    t_s = (log.t_ns - log.t_ns[0]) / 1e9
    ratios = (0.35, 1.3, 1.0, 1.0, 1.0, 1.0)
    with style.figure(path, 9.0, 8.4, nrows=6, sharex=True, height_ratios=ratios) as (fig, axes):
        _draw_band(axes[0], t_s, log)
        tracks, keyframe = log.column("tracks"), log.column("is_keyframe") > 0.0
        stereo = np.where(keyframe, log.column("stereo"), np.nan)
        axes[1].fill_between(t_s, tracks, color=style.ESTIMATE, alpha=0.25, lw=0, step="mid")
        axes[1].plot(t_s, tracks, color=style.ESTIMATE, label="tracks")
        axes[1].plot(t_s, stereo, ".", ms=4, color=style.ACCENT, label="with stereo, at keyframes")
        axes[1].set_ylim(0.0, max(1.3 * float(np.nanmax(tracks, initial=1.0)), 1.0))
        axes[1].set_ylabel("tracks")
        axes[1].legend(loc="upper right", ncol=2)
        rows = (
            ("v_world_body", "velocity\n[m/s]", 1.0),
            ("gyro_bias_rad_s", "gyro bias\n[deg/s]", float(np.degrees(1.0))),
            ("accel_bias_m_s2", "accel bias\n[m/s$^2$]", 1.0),
        )
        for ax, (name, label, unit) in zip(axes[2:5], rows, strict=True):
            for i, axis in enumerate("xyz"):
                ax.plot(t_s, log.column(name)[:, i] * unit, color=style.AXES[i], label=axis)
            ax.set_ylabel(label)
        axes[2].legend(loc="upper right", ncol=3)
        _draw_innovations(axes[5], t_s, log)
        axes[-1].set_xlabel("time after the first image [s]")
        fig.align_ylabels(axes)
    return path


def _draw_innovations(ax: Any, t_s: np.ndarray, log: RunLog) -> None:
    """Draw how well vision and inertial data fit the window: near or below 1 while they agree."""
    for name, colour in (("vision", style.ESTIMATE), ("inertial", style.ACCENT)):
        values = log.column(f"{name}_innovation")
        shown = np.where(np.isfinite(values), np.maximum(values, LEAST_INNOVATION), np.nan)
        ax.plot(t_s, shown, color=colour, label=name)
    ax.axhline(1.0, color=style.TRUTH, lw=0.6)
    ax.set_yscale("log")
    ax.set_ylabel("normalised\ninnovation")
    ax.legend(loc="upper right", ncol=2)


def _draw_band(ax: Any, t_s: np.ndarray, log: RunLog) -> None:
    """Draw one coloured bar for each stretch of frames with the same status."""
    codes = log.column("status").astype(int)
    ends = np.append(t_s[1:], t_s[-1] + (t_s[-1] - t_s[-2] if len(t_s) > 1 else 0.05))
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    stops = np.append(starts[1:], len(codes)) - 1
    named = set()
    for first, last in zip(starts, stops, strict=True):
        status = STATUSES[codes[first]].value
        label = None if status in named else status
        named.add(status)
        width = ends[last] - t_s[first]
        ax.barh(0.0, width, left=t_s[first], color=style.STATUS[status], height=1.0, label=label)
    ax.set_yticks([])
    ax.set_ylim(-0.5, 0.5)
    ax.grid(False)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(bottom=False)
    ax.set_ylabel("status", rotation=0, ha="right", va="center")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=4, borderaxespad=0.2)
