# SPDX-License-Identifier: Apache-2.0
"""Draw the moving picture of the README from the folder of a run on rendered images.

python tools/draw_demo_gif.py RUN [OUT], e.g. after `vio demo`: features on the left, the path on
the right. Images of a recording are refused: their licence may forbid to pass them on.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vio.errors import VioError  # noqa: E402
from vio.report.html.read import read_run  # noqa: E402
from vio.report.html.trajectory import Placed, place  # noqa: E402

WIDTH, HEIGHT, FRAME_MS, GREYS = 376, 240, 280, 28
STEREO, MONO, ESTIMATE, TRUTH, FAINT = "#00d084", "#ffb000", "#0072B2", "#9a9a9a", "#c8c8c8"


class View:
    """Map the plane of the path to pixels: the same scale both ways, the path in the middle."""

    def __init__(self, points: np.ndarray) -> None:
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        self._middle = 0.5 * (low + high)
        room = np.array([WIDTH - 90, HEIGHT - 90])
        self._scale = float(np.min(room / np.maximum(high - low, 0.1)))

    def __call__(self, points: np.ndarray) -> list[tuple[float, float]]:
        """Return pixels of positions (N, 3)."""
        xy = (points[:, :2] - self._middle) * self._scale * np.array([1.0, -1.0])
        return [(float(x), float(y)) for x, y in xy + np.array([WIDTH / 2, HEIGHT / 2])]


def features(run: Path, frame: dict[str, Any], half: float = 0.5) -> Image.Image:
    """Return an image with its features and their paths."""
    picture = Image.open(run / frame["image"]).convert("RGB").resize((WIDTH, HEIGHT))
    draw = ImageDraw.Draw(picture)
    for i, stereo in enumerate(frame["stereo"]):
        color = STEREO if stereo else MONO
        u, v = (half * x for x in frame["uv"][2 * i : 2 * i + 2])
        trail = [half * x for x in frame["trails"][i]] + [u, v]
        if len(trail) > 2:
            draw.line(trail, fill=color, width=1)
        draw.ellipse((u - 2, v - 2, u + 2, v + 2), outline=color)
    return picture


def path(placed: Placed, view: View, t_s: float) -> Image.Image:
    """Return the top view: ground truth, landmarks, and the estimate up to a time."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    for x, y in view(placed.landmarks):
        draw.point((x, y), fill=FAINT)
    for s in placed.segments:
        if s.p_truth is not None:
            draw.line(view(s.p_truth), fill=TRUTH, width=5, joint="curve")
        done = view(s.p_world_body[s.t_s <= t_s])
        if len(done) > 1:
            draw.line(done, fill=ESTIMATE, width=2)
        if done:
            x, y = done[-1]
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=ESTIMATE)
    font = ImageFont.load_default(13)
    draw.text((10, 8), f"{t_s:.1f} s", fill="#333333", font=font)
    draw.text((10, HEIGHT - 22), "top view: estimate", fill=ESTIMATE, font=font)
    draw.text((130, HEIGHT - 22), "ground truth", fill="#777777", font=font)
    draw.text((214, HEIGHT - 22), "landmarks", fill="#aaaaaa", font=font)
    return picture


def frames_of(folder: Path) -> list[Image.Image]:
    """Return the frames of the moving picture; raises VioError for a run on recorded images."""
    run = read_run(folder, folder.name)
    if not run.features or not run.features["rendered"]:
        raise VioError(f"{folder} holds no rendered images with features; give that of `vio demo`")
    placed = place(run)
    view = View(placed.points)
    out = []
    for frame in run.features["frames"]:
        t_s = (frame["t_ns"] - run.start_ns) / 1e9
        picture = Image.new("RGB", (2 * WIDTH, HEIGHT))
        picture.paste(features(folder, frame), (0, 0))
        picture.paste(path(placed, view, t_s), (WIDTH, 0))
        out.append(picture)
    return out


def palette_of(*colors: str) -> Image.Image:
    """Return a palette of greys and the colours of the drawing, which a free choice would mix."""
    values = [round(255 * i / (GREYS - 1)) for i in range(GREYS) for _ in range(3)]
    values += [x for color in colors for x in ImageColor.getrgb(color)]
    image = Image.new("P", (1, 1))
    image.putpalette(values)
    return image


def main() -> None:
    """Write the moving picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a run's folder, e.g. runs/latest after `vio demo`")
    parser.add_argument(
        "out", type=Path, nargs="?", default=ROOT / "docs/images/demo.gif", help="the GIF"
    )
    given = parser.parse_args()
    try:
        pictures = frames_of(given.run)
    except VioError as error:
        sys.exit(str(error))
    palette = palette_of(STEREO, MONO, ESTIMATE, TRUTH, FAINT)
    frames = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    frames[0].save(
        given.out, save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0, optimize=True
    )


if __name__ == "__main__":
    main()
