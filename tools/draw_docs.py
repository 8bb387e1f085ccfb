# SPDX-License-Identifier: Apache-2.0
"""Draw the pictures of the documentation that follow from a description: docs/images/*.svg.

python tools/draw_docs.py [--out DIR]
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.svg import ACCENT, FILL, INK, box, picture, text, timing  # noqa: E402

IMAGES = ROOT / "docs" / "images"


def stream_pixels() -> str:
    """Return the diagram of a pixel stream: a start of frame, both stalls, an end of line."""
    return timing(
        [
            ("clk", "pppppppppp", []),
            ("tvalid", "0111011111", []),
            ("tready", "1110111111", []),
            ("tdata[7:0]", "x==.x=====", ["p0", "p1", "p2", "p3", "…", "p751", "p0"]),
            ("tuser (start of frame)", "0100000000", []),
            ("tlast (end of line)", "0000000010", []),
        ],
        [(2, 3, "sink stall"), (4, 4, "source"), (8, 8, "line end"), (9, 9, "row 1")],
    )


def stream_tracks() -> str:
    """Return the diagram of a packet with one track."""
    words = ["flags", "frame", "cycles", "id", "age, q", "u", "v", "u right", "v right"]
    return timing(
        [
            ("clk", "ppppppppppp", []),
            ("tvalid", "01111111110", []),
            ("tready", "11111111111", []),
            ("tdata[31:0]", "x=========x", words),
            ("tuser (first word)", "01000000000", []),
            ("tlast (last word)", "00000000010", []),
            ("irq", "00000000001", []),
        ],
        [(1, 3, "header: 3 words"), (4, 9, "each track: 6 words")],
    )


def stream_registers() -> str:
    """Return the diagram of a frame's registers: the set is complete with `frame`."""
    addresses = ["0x040", "…", "0x060", "0x070", "0x074"]
    values = ["R[0,0]", "…", "R[2,2]", "seed", "n"]
    return timing(
        [
            ("clk", "pppppppppp", []),
            ("awvalid, wvalid", "0111110000", []),
            ("awaddr", "x=====xxxx", addresses),
            ("wdata", "x=====xxxx", values),
            ("set complete", "0000001100", []),
            ("left tvalid, tuser", "0000000110", []),
            ("set in use", "=.......=.", ["that of frame n-1", "frame n"]),
        ],
        [(1, 5, "written in any order, frame last"), (7, 8, "first pixel: set accepted")],
    )


def stream_repair() -> str:
    """Return the diagram of a short line, filled up by frame_guard."""
    return timing(
        [
            ("clk", "pppppppppp", []),
            ("s_tvalid", "1111111111", []),
            ("s_tready", "1110001111", []),
            ("s_tdata", "====...===", ["a", "b", "c", "d", "e", "f", "g"]),
            ("s_tlast", "0010000000", []),
            ("m_tvalid", "0111111111", []),
            ("m_tdata", "x=========", ["a", "b", "c", "c", "c", "c", "d", "e", "f"]),
            ("m_tlast", "0000001000", []),
        ],
        [(2, 2, "line ends early"), (4, 6, "filled to a width of 6")],
    )


STAGES: dict[str, list[tuple[str, float, str]]] = {
    # thousands of cycles, the Verilog's counters: docs/chip/budgets.md
    "tracking frame": [("tracker", 121.8, "#b2dfdb"), ("RANSAC", 9.7, "#ffe082"), ("", 1.7, INK)],
    "keyframe": [
        ("tracker", 105.1, "#b2dfdb"),
        ("RANSAC", 7.6, "#ffe082"),
        ("", 3.2, "#f8bbd0"),
        ("stereo", 122.8, "#c5cae9"),
        ("stereo RANSAC", 12.7, "#ffe082"),
        ("", 2.0, INK),
    ],
}


def chip_schedule() -> str:
    """Return what follows the last pixel of a frame, to scale."""
    scale, left, parts = 2.6, 120, []
    for row, (kind, stages) in enumerate(STAGES.items()):
        y, x = 24 + row * 62, float(left)
        parts.append(text(left - 10, y + 22, kind, 13, "end", fill=INK))
        for name, length, fill in stages:
            parts.append(box(x, y, length * scale, 34, fill))
            wide = length * scale > 7 * len(name)
            if name and wide:
                parts.append(text(x + length * scale / 2, y + 22, name, 12, "middle", fill=INK))
            elif name:
                parts.append(text(x + length * scale / 2, y - 5, name, 10, "middle", fill=INK))
            x += length * scale
    base = 24 + 2 * 62
    parts.append(f'<path d="M{left} {base} H{left + 270 * scale:g}" stroke="{INK}"/>')
    for k in range(0, 271, 30):
        x = left + k * scale
        parts.append(f'<path d="M{x:g} {base} v5" stroke="{INK}"/>')
        parts.append(text(x, base + 19, f"{k}k", 11, "middle", fill=INK))
    parts.append(
        text(
            left,
            base + 38,
            "cycles after the last pixel; pink: corner selection; black: tracks out",
            12,
            fill=INK,
        )
    )
    return picture(left + 270 * scale + 30, base + 50, parts)


def arrow(x1: float, y1: float, x2: float, y2: float, dashed: bool = False) -> str:
    """Return an arrow."""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<path d="M{x1:g} {y1:g} L{x2:g} {y2:g}" stroke="{INK}" stroke-width="1.4" '
        f'marker-end="url(#head)"{dash}/>'
    )


def room(x: float, y: float, w: float, h: float, name: str, lines: list[str], fill: str) -> str:
    """Return a room: its folder and what it does."""
    parts = [box(x, y, w, h, fill), text(x + 10, y + 20, name, 14, font_weight="bold", fill=INK)]
    parts += [text(x + 10, y + 38 + 15 * i, line, 11.5, fill=INK) for i, line in enumerate(lines)]
    return "\n".join(parts)


def architecture() -> str:
    """Return the picture of the rooms and of the data between them."""
    blue, green, amber, rose = "#e3f2fd", "#e0f2f1", "#fff8e1", "#fce4ec"
    parts = [
        room(
            20,
            34,
            190,
            84,
            "vio/datasets/",
            ["recordings in EuRoC layout", "and corner tracks"],
            blue,
        ),
        room(20, 150, 190, 84, "vio/render/", ["sequences with exact", "ground truth"], blue),
        room(
            290,
            34,
            220,
            84,
            "vio/frontend/",
            ["engine float: pyramid, corners,", "KLT, stereo, RANSAC"],
            green,
        ),
        room(
            290,
            150,
            220,
            84,
            "vio/fixed/",
            ["engine fixed: the same steps in", "integers, the golden model"],
            green,
        ),
        room(
            290,
            270,
            220,
            84,
            "rtl/ in Verilator",
            ["engine rtl: the chip itself,", "driven by vio/hw/cosim/"],
            amber,
        ),
        room(
            590,
            34,
            210,
            84,
            "vio/backend/",
            ["window, factors, elimination,", "marginalisation, initialisation"],
            green,
        ),
        room(
            590,
            150,
            210,
            84,
            "vio/float32/",
            ["the same arithmetic in", "float32, one order of sums"],
            green,
        ),
        room(
            590,
            270,
            210,
            84,
            "hls/",
            ["DSLX kernels, compiled by XLS", "to CPU code and to Verilog"],
            amber,
        ),
        room(880, 34, 190, 84, "vio/runs/", ["run folder, summary,", "suite, benchmark"], blue),
        room(880, 150, 190, 84, "vio/eval/, report/", ["ATE, RPE, NEES; figures"], blue),
        arrow(210, 60, 286, 60),
        text(248, 52, "StereoFrame", 11, "middle", fill=ACCENT),
        arrow(115, 150, 115, 118),
        arrow(510, 60, 586, 60),
        text(548, 52, "Tracks", 11, "middle", fill=ACCENT),
        arrow(800, 60, 876, 60),
        text(838, 52, "State", 11, "middle", fill=ACCENT),
        arrow(975, 114, 975, 146),
        arrow(400, 118, 400, 146, dashed=True),
        text(410, 136, "measured difference", 11, fill=ACCENT),
        arrow(400, 238, 400, 266, dashed=True),
        text(410, 256, "bit-exact", 11, fill=ACCENT),
        arrow(695, 118, 695, 146, dashed=True),
        text(705, 136, "measured difference", 11, fill=ACCENT),
        arrow(695, 238, 695, 266, dashed=True),
        text(705, 256, "bit-exact", 11, fill=ACCENT),
        '<path d="M115 34 V20 H695 V30" fill="none" stroke="' + INK + '" stroke-width="1.4" '
        'marker-end="url(#head)"/>',
        text(300, 14, "ImuData: preintegrated by vio/imu.py", 11, fill=ACCENT),
        box(270, 390, 550, 62, FILL),
        text(282, 410, "vio/odometry.py", 14, font_weight="bold", fill=INK),
        text(420, 410, "the streaming interface over front end and back end", 11.5, fill=INK),
        text(282, 436, "vio/engines.py", 14, font_weight="bold", fill=INK),
        text(
            420,
            436,
            "chooses the engine, the preintegration and the arithmetic of a run",
            11.5,
            fill=INK,
        ),
        room(
            880,
            270,
            190,
            84,
            "sim/, rtl/formal/",
            ["cocotb tests, mutation,", "coverage, formal proofs"],
            rose,
        ),
        arrow(876, 312, 804, 312, dashed=True),
        room(
            20,
            270,
            190,
            84,
            "vio/hw/",
            ["registers, driver, budgets,", "synthesis, HLS, schedule"],
            rose,
        ),
        arrow(214, 312, 286, 312, dashed=True),
        room(880, 390, 190, 62, "vio/commands/", ["one file a sub-command of vio"], blue),
        room(20, 390, 190, 62, "vio/config.py", ["every setting and every width"], blue),
    ]
    return picture(1090, 470, parts)


DRAWINGS: dict[str, Callable[[], str]] = {
    "architecture.svg": architecture,
    "chip_schedule.svg": chip_schedule,
    "stream_pixels.svg": stream_pixels,
    "stream_registers.svg": stream_registers,
    "stream_repair.svg": stream_repair,
    "stream_tracks.svg": stream_tracks,
}


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder (default: docs/images)")
    folder = parser.parse_args().out
    for name, draw in DRAWINGS.items():
        (folder / name).write_text(draw())


if __name__ == "__main__":
    main()
