# SPDX-License-Identifier: Apache-2.0
"""Draw how area, clock rate and delays of the compiled float units change with their stages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vio.errors import VioError
from vio.hw.hls.results import calibrate, least_fmax
from vio.report import style

SHOWN = {"float_add": style.ESTIMATE, "float_mul": style.ACCENT}


def plot_stages(entries: Sequence[dict[str, Any]], path: Path, bar_mhz: float = 83.3) -> None:
    """Write the figure: Fmax of each seed, area, and nextpnr's clock period over XLS's.

    entries: of hls/results.json. Raises VioError when a unit is not in them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with style.figure(path, 12.0, 3.6, ncols=3) as (_, (rate, area, delay)):
        for name, colour in SHOWN.items():
            of = sorted((e for e in entries if e["block"] == name), key=lambda e: int(e["stages"]))
            if not of:
                raise VioError(
                    f"no results of {name}; measure them: vio hw hls {name} --stages 1-7"
                )
            stages = [e["stages"] for e in of]
            for e in of:
                seeds = list(e["fmax_mhz"].values())
                rate.plot([e["stages"]] * len(seeds), seeds, "o", ms=3, color=colour)
            slowest = [least_fmax(e) for e in of]
            rate.plot(stages, slowest, color=colour, label=name)
            for key, text, line in (("lut4", "LUT4", "o-"), ("ff", "registers", "s--")):
                values = [e[key] for e in of]
                area.plot(stages, values, line, ms=3, color=colour, label=f"{name}, {text}")
        rate.axhline(bar_mhz, color=style.FAINT, lw=1.0)
        rate.text(1.0, bar_mhz + 1.0, f"{bar_mhz} MHz", fontsize=8.0, color="#666666")
        fit = calibrate(entries)
        for name, colour in {**SHOWN, "float_divide_root": style.TRUTH}.items():
            pairs = [(e["model_ns"], 1000 / least_fmax(e)) for e in entries if e["block"] == name]
            delay.plot(*np.reshape(pairs, (-1, 2)).T, "o", ms=4, color=colour, label=name)
        ends = [0.0, max(e["model_ns"] for e in entries if e.get("model_ns"))]
        delay.plot(
            *(ends, [fit.period_ns(x) for x in ends]),
            **{"color": style.FAINT, "lw": 1.0, "zorder": 0},
            label=f"{fit.offset_ns:.1f} ns + {fit.factor:.2f} x",
        )
        delay.set_title("Clock period by nextpnr over XLS's")
        delay.set_ylabel("[ns] slowest seed")
        delay.set_xlabel("by XLS's delays (SKY130) [ns]")
        delay.set_ylim(bottom=0)
        delay.legend()
        rate.set_title("Clock rate of a float32 unit (ECP5, speed 6)")
        rate.set_ylabel("[MHz] each seed; line: the slowest")
        area.set_title("Its area")
        for axes in (rate, area):
            axes.set_ylim(bottom=0)
            axes.set_xlabel("stages asked of XLS")
            axes.legend()
