# SPDX-License-Identifier: Apache-2.0
"""Draw how area and clock rate of the compiled float units change with their stages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vio.errors import VioError

SHOWN = {"float_add": "C0", "float_mul": "C1"}


def plot_stages(entries: Sequence[dict[str, Any]], path: Path, bar_mhz: float = 83.3) -> None:
    """Write a figure: Fmax of each seed above, LUT4 and FF below; entries: of hls/results.json.

    Raises VioError when the record has no sweep.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 6.4), sharex=True)
    for name, colour in SHOWN.items():
        of = sorted((e for e in entries if e["block"] == name), key=lambda e: e["stages"])
        if not of:
            raise VioError(f"no results of {name}; measure them: vio hls {name} --stages 1-8")
        stages = [e["stages"] for e in of]
        for e in of:
            seeds = list(e["fmax_mhz"].values())
            top.plot([e["stages"]] * len(seeds), seeds, "o", ms=3, color=colour)
        slowest = [min(e["fmax_mhz"].values()) for e in of]
        top.plot(stages, slowest, color=colour, label=name)
        bottom.plot(stages, [e["lut4"] for e in of], "o-", ms=3, color=colour, label=f"{name} LUT4")
        bottom.plot(
            stages, [e["ff"] for e in of], "s--", ms=3, color=colour, label=f"{name} registers"
        )
    top.axhline(bar_mhz, color="grey", lw=0.8)
    top.set_ylabel("MHz, ECP5 speed grade 6")
    bottom.set_ylabel("of the unit")
    bottom.set_xlabel("stages asked of XLS")
    for axes in (top, bottom):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    top.set_title("A float32 unit by its stages (points: seeds, line: the slowest)", fontsize=10)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
