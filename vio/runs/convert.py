# SPDX-License-Identifier: Apache-2.0
"""Write any readable recording in EuRoC's layout: cut by time, images as PNG, resumable."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vio.data import ImuData
from vio.datasets.base import Dataset
from vio.datasets.rig import CAMERAS, SENSOR
from vio.errors import VioError
from vio.limits import MAX_SETTINGS_BYTES, read_text_file, reason
from vio.render import asl
from vio.runs.files import replace_file

STATE = ".convert.json"  # while the images are not complete
MARGIN_NS = 1_000_000_000  # inertial data and ground truth are kept so far around a cut


def convert(
    dataset: Dataset,
    out: Path,
    start_s: float | None = None,
    until_s: float | None = None,
    show: Callable[[int], None] = lambda done: None,
) -> tuple[int, int]:
    """Write a recording to out/mav0; return how many images there are, and how many were there.

    start_s, until_s: seconds after the first image. show: called with the number of frames done.
    An earlier call that was interrupted is continued. Raises VioError when out holds something
    else, or when no frame lies in the cut.
    """
    times = dataset.frame_t_ns
    first = int(times[0]) + (0 if start_s is None else round(start_s * 1e9))
    last = int(times[-1]) if until_s is None else int(times[0]) + round(until_s * 1e9)
    cut = times[(times >= first) & (times <= last)]
    if not len(cut):
        length = (int(times[-1]) - int(times[0])) / 1e9
        raise VioError(f"no image lies in the cut; the recording lasts {length:.3f} s")
    root = out / "mav0"
    _claim(out, _identity(dataset, cut), _cameras(dataset))
    done = {c: _images_in(root / c / "data") for c in _cameras(dataset)}
    before = sum(map(len, done.values()))
    # Images are written in order: a frame before the last one has all the images that it had.
    begin = max((max(names) for names in done.values() if names), default=int(cut[0]))
    count = int(np.searchsorted(cut, begin))
    show(count)
    for frame in dataset.frames(begin, int(cut[-1])):
        for camera, image in zip(done, (frame.left, frame.right), strict=False):
            if image is not None and frame.t_ns not in done[camera]:
                _write_png(root / camera / "data" / f"{frame.t_ns}.png", image)
                done[camera].add(frame.t_ns)
        count += 1
        show(count)
    if not all(done.values()):
        raise VioError(f"{dataset.name}: one camera has no image in the cut")
    _write_tables(dataset, root, done, cut, start_s is not None or until_s is not None)
    (out / STATE).unlink()
    return sum(map(len, done.values())), before


def _cameras(dataset: Dataset) -> tuple[str, ...]:
    return CAMERAS[: 1 if dataset.rig.is_mono else 2]


def _identity(dataset: Dataset, cut: np.ndarray) -> dict[str, Any]:
    """Return what tells one conversion from another."""
    digest = int(np.bitwise_xor.reduce(dataset.imu.t_ns)) ^ len(dataset.imu)
    return {"name": dataset.name, "first": int(cut[0]), "last": int(cut[-1]),
            "frames": len(cut), "imu": digest}  # fmt: skip


def _claim(out: Path, identity: dict[str, Any], cameras: tuple[str, ...]) -> None:
    """Make the folder, or find there an interrupted conversion of the same; raises VioError."""
    state = out / STATE
    try:
        if state.is_file():
            text = read_text_file(state, "the state of a conversion", MAX_SETTINGS_BYTES)
            if json.loads(text) != identity:
                raise VioError(
                    f"{out} holds an interrupted conversion of another recording or cut; remove it "
                    "or name another folder"
                )
        elif out.exists() and any(out.iterdir()):
            raise VioError(f"{out} is not empty; name a new folder")
        for camera in cameras:
            (out / "mav0" / camera / "data").mkdir(parents=True, exist_ok=True)
        replace_file(state, json.dumps(identity) + "\n")
    except (OSError, ValueError) as error:
        raise VioError(f"{out} cannot be written: {reason(error)}") from None


def _images_in(folder: Path) -> set[int]:
    for left in folder.glob("*.tmp"):
        left.unlink()
    return {int(p.stem) for p in folder.glob("*.png")}


def _write_png(path: Path, image: np.ndarray) -> None:
    """Write an image in one step, so that what is there is complete."""
    temporary = path.with_suffix(".tmp")
    Image.fromarray(image).save(temporary, "PNG", compress_level=3)
    os.replace(temporary, path)


def _write_tables(
    dataset: Dataset, root: Path, done: dict[str, set[int]], cut: np.ndarray, is_cut: bool
) -> None:
    comment = "converted by vio convert"
    for name, camera in zip(done, (dataset.rig.left, dataset.rig.right), strict=False):
        asl.write_frame_list(root / name, np.array(sorted(done[name]), np.int64))
        (root / name / SENSOR).write_text(asl.camera_yaml(camera, comment))
    imu, truth = dataset.imu, dataset.ground_truth
    if is_cut:
        first, last = int(cut[0]) - MARGIN_NS, int(cut[-1]) + MARGIN_NS
        keep = (imu.t_ns >= first) & (imu.t_ns <= last)
        imu = ImuData(imu.t_ns[keep], imu.gyro_rad_s[keep], imu.accel_m_s2[keep])
        truth = None if truth is None else truth.between(first, last)
    if not len(imu):
        raise VioError(f"{dataset.name}: no inertial sample lies in the cut")
    asl.write_imu(root, imu.t_ns, imu.gyro_rad_s, imu.accel_m_s2, dataset.imu_noise, comment)
    if truth is not None and len(truth):
        asl.write_truth(root, truth, comment)
