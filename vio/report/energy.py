# SPDX-License-Identifier: Apache-2.0
"""Where the energy of the front end goes: the figure of `vio hw energy`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vio.report import style

if TYPE_CHECKING:
    from vio.hw.estimates.energy import Energy

# What is shown as one colour, and the parts in it by the beginning of their names.
PARTS = {
    "DRAM": (("DRAM",), "#D55E00"),
    "frame buffers on chip": (("frame buffers",), "#E69F00"),
    "line buffers": (("line buffers",), "#F0E442"),
    "windows, tables, cache": (
        ("tracking data", "keyframe data", "feature candidates", "cache"),
        "#56B4E9",
    ),
    "instructions": (("instructions",), "#999999"),
    "arithmetic": (("arithmetic",), "#009E73"),
}


def shares(energy: "Energy") -> dict[str, float]:
    """Return microjoule of a keyframe with its tracking frames, by colour."""
    return {
        name: sum(v for k, v in energy.cycle.items() if k.startswith(starts)) * 1e-6
        for name, (starts, _) in PARTS.items()
    }


def draw_energy(path: Path, rows: Sequence["Energy"], preset: str, what: str) -> Path:
    """Write the figure: all variants on one scale, and the chip's own parts enlarged."""
    chip = rows[:2]
    with style.figure(path, 9.0, 5.2, nrows=2, height_ratios=(len(rows), len(chip) + 0.4)) as (
        fig,
        axes,
    ):
        for ax, shown in zip(axes, (rows, chip), strict=True):
            totals = [sum(shares(e).values()) for e in shown]
            for i, e in enumerate(shown):
                left = 0.0
                for name, value in shares(e).items():
                    ax.barh(i, value, left=left, color=PARTS[name][1], height=0.7)
                    if ax is axes[1] and value > 0.05 * max(totals):
                        ax.text(left + value / 2, i, f"{value:.0f}", ha="center", va="center")
                    left += value
                text = f" {totals[i]:.0f} µJ, {e.pixel_pj:.0f} pJ a pixel"
                ax.text(left, i, text, va="center", fontsize=8.5)
            ax.set_yticks(range(len(shown)), [e.name for e in shown])
            ax.invert_yaxis()
            ax.grid(False, axis="y")
            ax.set_xlim(0.0, 1.25 * max(totals))
            ax.set_xlabel("[µJ] of a keyframe with its tracking frames")
        axes[0].set_title("Energy of the front end by where the frames lie (model, 45 nm, dynamic)")
        axes[1].set_title("The same, frames on chip, enlarged")
        handles = [
            axes[0].barh(0, 0, color=color, label=name) for name, (_, color) in PARTS.items()
        ]
        axes[0].legend(handles=handles, loc="center right", bbox_to_anchor=(1.0, 0.55))
        fig.supxlabel(f"preset {preset}; {what}", fontsize=8.0, color="#666666")
    return path
