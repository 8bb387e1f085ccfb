# SPDX-License-Identifier: Apache-2.0
"""Images with their features, to step through: rendered ones are held, recorded ones linked."""

import base64
import os
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vio.limits import read_bytes, reason
from vio.report.html.plots import thinned
from vio.report.html.read import MAX_IMAGE_BYTES, RunData

JPEG = b"\xff\xd8\xff"


def steps(run: RunData, page_folder: Path, most: int) -> dict[str, Any] | None:
    """Return what the page's script steps through, None without frames; most: frames of it.

    Only images that are marked as rendered go into the page. A recording's licence may forbid to
    pass its images on: they stay in the run's folder, and the page links them from there.
    """
    frames = run.features.get("frames") or []
    if not frames:
        return None
    frames = [frames[i] for i in thinned(len(frames), most)]
    held = run.features["rendered"]
    entries = []
    for frame in frames:
        image = _held(run, frame["image"]) if held else _link(run, frame["image"], page_folder)
        entries.append({
            "src": image,
            "t": round((frame["t_ns"] - run.start_ns) / 1e9, 3),
            "index": frame["frame_index"],
            "status": frame["status"],
            "key": int(frame["is_keyframe"]),
            "uv": frame["uv"],
            "stereo": frame["stereo"],
            "trails": frame["trails"],
        })  # fmt: skip
    return {"width": run.features["width"], "height": run.features["height"], "frames": entries}


def _held(run: RunData, name: str) -> str:
    """Return an image as a data URI; empty, with a problem, when it is not there."""
    try:
        data = read_bytes(run.path / name, MAX_IMAGE_BYTES)
        if not data.startswith(JPEG):
            raise ValueError("it is no JPEG")
    except (OSError, ValueError) as error:
        run.problems.append(f"{name} cannot be shown: {reason(error)}")
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _link(run: RunData, name: str, page_folder: Path) -> str:
    """Return the address of an image, relative to the page."""
    path = run.path / name
    if not path.is_file():
        run.problems.append(f"{name} is missing")
        return ""
    return quote(os.path.relpath(path.resolve(), page_folder.resolve()))


def widget(key: str, record: dict[str, Any], linked: bool, timeline: str) -> str:
    """Return the widget for a page's record of that key; timeline: the figure it is tied to."""
    last = len(record["frames"]) - 1
    note = (
        "<p class=note>Images of a recording are not in this file: they are read from the run's "
        "folder beside it.</p>"
        if linked
        else ""
    )
    return f"""{note}<div class=stepper data-key="{escape(key)}" data-timeline="{escape(timeline)}">
<div class=bar><button type=button class=prev title="previous frame">◀</button>
<input type=range class=slide min=0 max={last} value=0 aria-label="frame">
<button type=button class=next title="next frame">▶</button>
<button type=button class=play>play</button>
<label><input type=checkbox class=trails checked> paths</label>
<label><input type=checkbox class=mono checked> without stereo</label>
<span class=caption></span></div>
<div class=stage><img alt=""><svg viewBox="0 0 {record["width"]} {record["height"]}"></svg>
<p class=absent hidden>This image is not there.</p></div></div>"""
