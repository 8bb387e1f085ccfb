# SPDX-License-Identifier: Apache-2.0
"""Draw the block diagram of the front end from its netlist: python tools/draw_blocks.py

Boxes are the instances of image_path and track_path; an arrow: nets from outputs to inputs, as
thick as their number. Only the places of the boxes are given here.
"""

import argparse
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vio.hw.synth.netlist import Module, links, read_modules
from vio.hw.verilog_sources import ROOT, RTL

OUT = ROOT / "docs" / "images" / "frontend_blocks.svg"
# Instance: column, row from the top.
IMAGE = {
    "intake": (1, 1), "halve0": (2, 0),
    "halve1": (3, 0), "encode0": (3, 1), "encode1": (4, 0), "encode2": (4, 1),
    "encode_right": (2, 2), "find_corners": (3, 2), "store": (5, 1),
}  # fmt: skip
TRACK = {
    "schedule": (0, 0.5), "follow": (1, 0), "add": (1, 2), "verify": (2, 2), "match": (3.5, 2),
    "out": (0, 2), "rows": (1.2, 1), "tracker": (3, 0), "select": (0, 3),
    "decisions": (2, 3), "matcher": (4.3, 1), "points": (2.4, 1), "points_a": (3.3, 1),
    "points_b": (5, 2), "prediction": (2, 0),
}  # fmt: skip


def draw(axes: plt.Axes, modules: dict[str, Module], parent: str, places: dict) -> None:
    """Draw one module's instances and the nets between them; raises KeyError for a new one."""
    kinds = {i.name: i.module for i in modules[parent].instances if i.module in modules}
    boxes = {}
    for name, kind in kinds.items():
        x, y = places[name]
        boxes[name] = FancyBboxPatch(
            (x - 0.36, -y - 0.2), 0.72, 0.4, boxstyle="round,pad=0.02", zorder=3,
            facecolor="#eef3fa", edgecolor="#2d4a73",
        )  # fmt: skip
        axes.add_patch(boxes[name])
        axes.text(x, -y + 0.05, kind, ha="center", va="center", fontsize=8.5, zorder=4)
        axes.text(x, -y - 0.11, name, ha="center", va="center", fontsize=6, color="#555", zorder=4)
    for (source, target), nets in links(modules, parent).items():
        (x0, y0), (x1, y1) = places[source], places[target]
        arrow = FancyArrowPatch(
            (x0, -y0), (x1, -y1), arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=1,
            patchA=boxes[source], patchB=boxes[target], zorder=2, color="#5f7694", alpha=0.8,
            linewidth=0.5 + 0.18 * min(len(nets), 8), connectionstyle="arc3,rad=0.13",
        )  # fmt: skip
        axes.add_patch(arrow)
    axes.set_title(f"{parent}.v", loc="left", fontsize=10)
    axes.set_xlim(-0.5, 5.5)
    axes.set_ylim(-max(y for _, y in places.values()) - 0.35, 0.35)
    axes.set_aspect("equal")
    axes.axis("off")


def main() -> None:
    """Write the drawing."""
    argparse.ArgumentParser(description=str(__doc__).splitlines()[0]).parse_args()
    plt.rcParams["svg.hashsalt"] = "kestrel"  # the same bytes each time
    modules = read_modules(RTL)
    figure, axes = plt.subplots(2, 1, figsize=(11, 12.5), height_ratios=(2.7, 3.7))
    draw(axes[0], modules, "image_path", IMAGE)
    draw(axes[1], modules, "track_path", TRACK)
    figure.tight_layout()
    figure.savefig(OUT, metadata={"Date": None})
    text = OUT.read_text().splitlines()
    OUT.write_text("\n".join(line.rstrip() for line in text) + "\n")
    print(OUT)


if __name__ == "__main__":
    main()
