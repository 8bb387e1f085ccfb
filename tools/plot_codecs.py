# SPDX-License-Identifier: Apache-2.0
"""Draw the curves and print the tables of docs/codec.md: plot_codecs.py RESULTS.jsonl... --out DIR.

RESULTS are what tools/measure_codecs.py wrote.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

BLOCKS = 188 * 120  # of a 752x480 frame
SPARE = 1.2  # a ring of rows for each left pyramid, two of them; one plain right frame
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


def memory_kib(bits: list[int]) -> float:
    """Return the frame memory, KiB, of bits a block on three levels and in the right image."""
    level0, level1, level2, right = bits
    left = level0 * BLOCKS + level1 * 94 * 60 + level2 * 47 * 30
    return (2 * SPARE * left + right * BLOCKS) / 8 / 1024


def draw(
    axis: Any,
    rows: dict[str, dict[str, Any]],
    value: str,
    part: int | None,
    labels: dict[str, tuple[str, float, float, str]],
) -> None:
    """Draw one figure against bits a pixel; labels: text, dx and dy in points, alignment."""
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
        if family in labels:
            text, dx, dy, align = labels[family]
            at = {"left": 0, "right": -1}.get(align, len(x) // 2)
            if family.startswith("Navion"):
                at = int(np.argmax(y)) if dy > 0 else int(np.argmin(y))
            axis.annotate(
                text, (x[at], y[at]), (dx, dy), textcoords="offset points", color=colour,
                fontsize=8.5, ha=align if align in ("left", "right") else "center",
            )  # fmt: skip
    axis.set_xlabel("bits a pixel")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25, lw=0.6)
    axis.set_xlim(1.0, 3.15)


def windows_table(rows: dict[str, dict[str, Any]]) -> None:
    """Print the figures of one recording as a table."""
    for name, r in sorted(rows.items(), key=lambda item: (item[1]["bits"][0], item[0])):
        cells = [name, "/".join(dict.fromkeys(str(b) for b in r["bits"])), f"{r['psnr_db']:.1f}"]
        for age in (1, 10):
            cells.append(f"{r[f'klt{age}'][0]:.3f} / {r[f'klt{age}'][1]:.2f}")
            cells.append(f"{r[f'alive{age}']:.3f}")
        cells += [f"{r['stereo'][0]:.3f} / {r['stereo'][1]:.2f}", f"{r['matched']:.3f}"]
        if "flow1" in r:
            cells += [f"{r['flow1'][0]:.3f}", f"{r['flow10'][0]:.3f}"]
        print("| " + " | ".join(cells) + " |")


def ate_table(rows: list[dict[str, Any]]) -> None:
    """Print means over the seeds, and the standard deviation of the ATE."""
    for recording in dict.fromkeys(r["recording"] for r in rows):
        print(f"\n{recording}: ATE mm (deviation over seeds), tracks, life, matches, memory")
        for store in dict.fromkeys(r["store"] for r in rows if r["recording"] == recording):
            some = [r for r in rows if r["recording"] == recording and r["store"] == store]
            ate = 1e3 * np.array([r["ate_m"] for r in some])
            spread = ate.std(ddof=1) if len(ate) > 1 else float("nan")
            means = [np.mean([r[k] for r in some]) for k in ("tracks", "life_frames")]
            matches = np.mean([r["stereo_matches"] for r in some])
            print(
                f"| {store} | {len(ate)} | {ate.mean():.2f} ({spread:.2f}) | {means[0]:.1f} | "
                f"{means[1]:.1f} | {matches:.1f} | {memory_kib(some[0]['bits']):.0f} |"
            )


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
    names = {
        "Navion (three decoders)": ("Navion, 26 bits,\nthree decoders", 12, -4, "left"),
        "block-scaled transform": ("block-scaled transform\n(this work)", 0, 10, "centre"),
        "range, 2 bits a pixel": ("range, 2 bits\na pixel", 0, -24, "centre"),
        "dithered": ("dithered", -8, 2, "right"),
        "two levels": ("two levels", -2, 8, "left"),
        "predictive": ("predictive", -14, 7, "right"),
        "transform, tuned for PSNR": ("same, tuned\nfor PSNR", 4, 12, "right"),
    }
    draw(axes[0], clip, "psnr_db", None, names)
    axes[0].set_title("picture quality: PSNR, dB", loc="left", fontsize=10)
    for axis, value, title in (
        (axes[1], "klt10", "tracking: median change after 10 frames, px"),
        (axes[2], "stereo", "stereo: median change of the match, px"),
    ):
        draw(axis, clip, value, 0, names)
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_ylim(0, None)
    figure.savefig(args.out / "codec_rate.png", dpi=150)

    truth = next((w for w in windows.values() if "flow10" in next(iter(w.values()))), None)
    if truth is not None:
        figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.0), layout="constrained")
        for axis, age in zip(axes, AGES_TITLES, strict=True):
            draw(axis, truth, f"flow{age}", 0, names)
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
