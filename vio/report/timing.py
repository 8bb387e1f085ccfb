# SPDX-License-Identifier: Apache-2.0
"""Where the time of each frame goes."""

from pathlib import Path
from typing import Any

import numpy as np

from vio.report import style
from vio.runs.log import RunLog

NOT_STAGES = ("total", "decode")


def draw_timing(folder: Path, log: RunLog) -> Path:
    """Write timing.png: the time of each frame, and the mean of each stage by kind of frame."""
    path = folder / "timing.png"
    t_s = (log.t_ns - log.t_ns[0]) / 1e9
    keyframe = log.column("is_keyframe") > 0.0
    stages = {k: np.nan_to_num(v) for k, v in log.stages_ms().items()}
    total = stages.get("total", np.zeros(len(log)))
    both = (("keyframes", keyframe, style.ACCENT), ("other frames", ~keyframe, style.ESTIMATE))
    kinds = [kind for kind in both if kind[1].any()]
    with style.figure(path, 10.0, 4.2, ncols=2, width_ratios=(1.7, 1.0)) as (_, (left, right)):
        for name, rows, color in kinds:
            label = f"{name} (mean {total[rows].mean():.1f} ms)"
            left.plot(t_s[rows], total[rows], ".", ms=4, color=color, label=label)
        # The first frames compile or load machine code: they may not hide all the others.
        top = 1.5 * float(np.percentile(total, 90)) + 1e-3
        left.set_ylim(0.0, top)
        for value, name in ((np.median(total), "median"), (np.percentile(total, 99), "p99")):
            if value < top:
                left.axhline(value, color=style.TRUTH, lw=0.8, ls="--")
                left.text(t_s[-1], value, f"{name} {value:.1f} ms", ha="right", va="bottom")
        left.set_xlabel("time after the first image [s]")
        left.set_ylabel("[ms]")
        left.set_title("Time of each frame, without image decoding")
        left.legend(loc="upper left", ncol=2)
        _draw_bars(right, stages, kinds)
    return path


def _draw_bars(ax: Any, stages: dict[str, np.ndarray], kinds: list[Any]) -> None:
    """Draw each stage's mean over each kind of frame, and decoding last."""
    names = [k for k in stages if k not in NOT_STAGES] + [k for k in stages if k == "decode"]
    height = 0.8 / len(kinds)
    for j, (_, rows, color) in enumerate(kinds):
        means = [stages[k][rows].mean() for k in names]
        y = np.arange(len(names)) + (j - 0.5 * (len(kinds) - 1)) * height
        ax.barh(y, means, height=height, color=color)
        for yi, mean in zip(y, means, strict=True):
            ax.annotate(
                f" {mean:.2f}", (mean, yi), va="center", fontsize=7.0, annotation_clip=False
            )
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.set_xlabel("[ms]")
    ax.set_title("Mean of each stage")
