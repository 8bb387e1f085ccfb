# SPDX-License-Identifier: Apache-2.0
"""What a run folder holds for its report alone: the ground truth, and images with their tracks."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vio.datasets.base import Dataset
from vio.datasets.trajectories import TUM_HEADER, tum_line
from vio.runs.files import cannot_write, replace_file
from vio.runs.samples import SampleFrame

if TYPE_CHECKING:
    from vio.runs.log import RunLog

KEYFRAMES, CHANGES = 28, 12  # frames kept: keyframes spread over the run, and changes of status
FEATURES = "features.json"
SIGNALS = "signals.json"
IMAGES = "features"  # the folder of the images beside it
MARGIN_NS = 2_000_000_000  # of ground truth beyond the run: a clock offset is looked for in it
JPEG_QUALITY = 80


def write_truth(folder: Path, dataset: Dataset, log: "RunLog") -> None:
    """Write ground_truth_tum.txt: that of the run's time; nothing when there is none."""
    truth = dataset.ground_truth
    if truth is None or len(log) == 0:
        return
    t_ns = log.t_ns
    part = truth.between(int(t_ns[0]) - MARGIN_NS, int(t_ns[-1]) + MARGIN_NS)
    rows = zip(part.t_ns, part.p_world_body, part.q_world_body, strict=True)
    lines = [TUM_HEADER, *(tum_line(t, p, q) for t, p, q in rows)]
    replace_file(folder / "ground_truth_tum.txt", "\n".join(lines) + "\n")


def write_features(folder: Path, frames: Sequence[SampleFrame], rendered: bool) -> None:
    """Write features.json, and each image as features/INDEX.jpg; raises VioError.

    rendered: whether the images are, so that a report may hold them itself.
    """
    from PIL import Image

    images = folder / IMAGES
    for path in images.glob("[0-9]*.jpg"):  # of an earlier run
        with suppress(OSError):
            path.unlink()
    if not frames:
        return
    entries = []
    frames = sorted(frames, key=lambda frame: frame.frame_index)
    for frame in frames:
        name = f"{IMAGES}/{frame.frame_index:06d}.jpg"
        try:
            images.mkdir(exist_ok=True)
            Image.fromarray(frame.image).save(folder / name, "JPEG", quality=JPEG_QUALITY)
        except OSError as error:
            raise cannot_write(folder / name, error) from error
        entries.append({"image": name, **_entry(frame)})
    height, width = (2 * n for n in frames[0].image.shape)
    record = {"rendered": rendered, "width": width, "height": height, "frames": entries}
    replace_file(folder / FEATURES, json.dumps(record, separators=(",", ":")) + "\n")


def _entry(frame: SampleFrame) -> dict[str, Any]:
    """Return a frame as plain values; trails: every other earlier pixel, oldest first, u v u v."""
    trails = [
        [round(x) for point in frame.trails[int(i)][::-2][::-1] for x in point] for i in frame.ids
    ]
    return {
        "frame_index": frame.frame_index,
        "t_ns": frame.t_ns,
        "status": frame.status.value,
        "is_keyframe": bool(frame.is_keyframe),
        "ids": [int(i) for i in frame.ids],
        "uv": [round(float(x), 1) for x in np.ravel(frame.uv)],
        "stereo": [int(x) for x in frame.stereo],
        "trails": trails,
    }
