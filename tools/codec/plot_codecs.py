# SPDX-License-Identifier: Apache-2.0
"""Draw the curves and tables of docs/golden/codec.md: plot_codecs.py RESULTS.jsonl... --out DIR.

RESULTS are what tools/codec/measure_codecs.py wrote.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

LIVES = ("life_frames", "stereo_matches")
FAMILIES = {
    "Navion (three decoders)": ("navion-threshold", "navion-maximum", "navion"),
    "two levels": ("two-level24", "two-level26", "two-level27", "two-level29"),
    "range, 2 bits a pixel": ("range42",),
    "predictive": ("predictive26", "predictive41"),
    "dithered": ("dithered26", "dither32", "dither48"),
    "transform, tuned for PSNR": ("dct27-psnr",),
    "block-scaled transform": (
        "dct18", "dct20", "dct22", "dct24", "dct27", "dct32", "dct36", "dct42",
    ),
}  # fmt: skip
STYLE = {
    "Navion (three decoders)": ("#c0392b", "s"),
    "two levels": ("#e08e0b", "D"),
    "range, 2 bits a pixel": ("#7d6608", "^"),
    "predictive": ("#8e44ad", "v"),
    "dithered": ("#7f8c8d", "x"),
    "transform, tuned for PSNR": ("#5dade2", "o"),
    "block-scaled transform": ("#1f618d", "o"),
}


def draw(
    axis: Any,
    rows: dict[str, dict[str, Any]],
    value: str,
    part: int | None,
    labels: dict[str, tuple[str, str, float, float, str]],
) -> None:
    """Draw one figure against bits a pixel; labels: text, the codec it
    stands at, dx and dy in points, alignment."""
    for family, names in FAMILIES.items():
        known = [rows[n] for n in names if n in rows and value in rows[n]]
        if not known:
            continue
        x = [r["bits"][0] / 16 for r in known]
        y = [r[value] if part is None else r[value][part] for r in known]
        colour, marker = STYLE[family]
        line = "-" if family == "block-scaled transform" else ":"
        if family.startswith(("Navion", "dithered")):
            line = ""
        axis.plot(x, y, linestyle=line, marker=marker, color=colour, markersize=5, lw=1.6)
        if family in labels and labels[family][1] in names:
            text, name, dx, dy, align = labels[family]
            at = known.index(rows[name])
            axis.annotate(
                text, (x[at], y[at]), (dx, dy), textcoords="offset points", color=colour,
                fontsize=8.5, ha=align,
            )  # fmt: skip
    axis.set_xlabel("bits a pixel")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25, lw=0.6)
    axis.set_xlim(1.0, 3.2)


def windows_table(rows: dict[str, dict[str, Any]]) -> None:
    """Print the figures of one recording as a table."""
    for name, r in sorted(rows.items(), key=lambda item: (item[1]["bits"][0], item[0])):
        cells = [
            name,
            "/".join(dict.fromkeys(str(b) for b in r["bits"])),
            "-" if name == "none" else f"{r['psnr_db']:.1f}",
        ]
        for age in (1, 10):
            cells.append(f"{r[f'klt{age}'][0]:.3f} / {r[f'klt{age}'][1]:.2f}")
            cells.append(f"{r[f'alive{age}']:.3f}")
        cells += [f"{r['stereo'][0]:.3f} / {r['stereo'][1]:.2f}", f"{r['matched']:.3f}"]
        if "flow1" in r:
            cells += [f"{r['flow1'][0]:.3f}", f"{r['flow10'][0]:.3f}"]
        print("| " + " | ".join(cells) + " |")


def ate_table(rows: list[dict[str, Any]]) -> None:
    """Print means over the runs, and geometric means of ratios to the same runs uncompressed."""
    reference = {(r["recording"], r["start_s"]): r for r in rows if r["store"] == "none"}
    groups = [*dict.fromkeys(r["recording"] for r in rows), "all"]
    for group in groups:
        print(f"\n{group}: runs, ATE mm, ATE ratio, RPE (1 s) ratio, track life, stereo matches")
        for store in dict.fromkeys(r["store"] for r in rows):
            some = [r for r in rows if group in (r["recording"], "all") and r["store"] == store]
            if not some:
                continue
            same = [reference[r["recording"], r["start_s"]] for r in some]
            ate = [np.log(r["ate_m"] / q["ate_m"]) for r, q in zip(some, same, strict=True)]
            rpe = [np.log(r["rpe_m"][0] / q["rpe_m"][0]) for r, q in zip(some, same, strict=True)]
            cells = [store, f"{len(some)}", f"{1e3 * np.mean([r['ate_m'] for r in some]):.1f}"]
            for ratio in (ate, rpe):
                error = np.std(ratio, ddof=1) / np.sqrt(len(ratio)) if len(ratio) > 1 else np.nan
                cells.append(f"{np.exp(np.mean(ratio)):.2f} +- {error:.2f}")
            cells += [f"{np.mean([r[k] for r in some]):.1f}" for k in LIVES]
            print("| " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rows = [json.loads(line) for path in args.results for line in path.read_text().splitlines()]
    windows: dict[str, dict[str, dict[str, Any]]] = {}
    for r in rows:
        if r["what"] == "windows":
            windows.setdefault(r["recording"], {})[r["store"]] = r
    for recording, by_store in windows.items():
        print(f"\n{recording}")
        windows_table(by_store)
    ate_table([r for r in rows if r["what"] == "ate"])

    clip = windows["MH_01_easy"]
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.0), layout="constrained")
    ours, navion = "block-scaled transform", "Navion (three decoders)"
    psnr_tuned = "transform, tuned for PSNR"
    three = "Navion, 26 bits,\nthree decoders"
    names = {
        navion: (three, "navion-threshold", 9, -9, "left"),
        ours: (ours, "dct36", -8, 6, "right"),
        "range, 2 bits a pixel": ("range, 2 bits\na pixel", "range42", 0, -24, "center"),
        "dithered": ("dithered", "dither48", -8, -3, "right"),
        "two levels": ("two levels", "two-level29", 8, -3, "left"),
        "predictive": ("predictive", "predictive26", -7, 0, "right"),
    }
    low = {
        **names,
        navion: (three, "navion", 9, -4, "left"),
        ours: (ours, "dct24", 0, -30, "center"),
        "range, 2 bits a pixel": ("range, 2 bits\na pixel", "range42", 4, 8, "left"),
        "two levels": ("two levels", "two-level24", -7, -2, "right"),
        "predictive": ("predictive", "predictive26", -7, -4, "right"),
        psnr_tuned: ("same, tuned\nfor PSNR", "dct27-psnr", 0, -25, "center"),
    }
    draw(axes[0], clip, "psnr_db", None, names)
    axes[0].set_title("picture quality: PSNR, dB", loc="left", fontsize=10)
    for axis, value, title in (
        (axes[1], "klt10", "tracking: median change after 10 frames, px"),
        (axes[2], "stereo", "stereo: median change of the match, px"),
    ):
        draw(axis, clip, value, 0, low)
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_ylim(0, None)
    figure.savefig(args.out / "codec_rate.png", dpi=150)

    truth = next((w for w in windows.values() if "flow10" in w["none"]), None)
    if truth is not None:
        figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.0), layout="constrained")
        for axis, age in zip(axes, AGES_TITLES, strict=True):
            beside = {**low, ours: ("block-scaled\ntransform", "dct42", 7, -3, "left")}
            draw(axis, truth, f"flow{age}", 0, beside)
            level = truth["none"][f"flow{age}"][0]
            axis.axhline(level, color="black", lw=1)
            axis.annotate("uncompressed", (3.15, level), (0, -11), textcoords="offset points",
                          ha="right", fontsize=8.5)  # fmt: skip
            axis.set_title(AGES_TITLES[age], loc="left", fontsize=10)
            axis.set_ylim(0, None)
        figure.savefig(args.out / "codec_flow.png", dpi=150)


AGES_TITLES = {
    1: "median error against exact flow, 1 frame, px",
    10: "median error against exact flow, 10 frames, px",
}

if __name__ == "__main__":
    main()
