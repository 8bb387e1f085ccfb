# SPDX-License-Identifier: Apache-2.0
"""Open recordings: `open_dataset` for images, `open_tracks` for corners without images."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the readers import cameras and imu, which import datasets.base
    from vio.datasets.bags.source import Source
    from vio.datasets.base import Dataset
    from vio.datasets.tracks import TrackDataset


def open_dataset(
    path: str | Path,
    images: bool = True,
    right_offset_ms: float = 0.0,
    source: "Source | None" = None,
) -> "Dataset":
    """Return the recording at path: a folder that contains mav0, that mav0 folder, a zip, a bag.

    images=False reads calibration, inertial data, ground truth and time stamps of a recording whose
    images are not there. right_offset_ms: what the right camera's stamps are late by (the setting
    dataset.right_offset_ms). source: calibration, topics and stamps of a bag. Raises VioError
    saying what is wrong with the recording, and where.
    """
    from vio.datasets.euroc import EurocDataset

    if (Path(path) / "cam0_corners.csv").is_file():
        return open_tracks(path)
    if _is_bag(Path(path)):
        from vio.datasets.bags.dataset import BagDataset

        return BagDataset(Path(path), images, right_offset_ms, source)
    return EurocDataset(Path(path), images, right_offset_ms)


def open_tracks(path: str | Path) -> "TrackDataset":
    """Return corner tracks of a stereo rig with inertial data; raises VioError when incomplete."""
    from vio.datasets.tracks import TrackDataset

    return TrackDataset(Path(path))


def _is_bag(path: Path) -> bool:
    """Return whether path is a bag, and no recording in EuRoC's layout with a bag beside it."""
    from vio.datasets.bags.storage import is_bag

    if "\0" in str(path):
        return False
    asl = any((path / top / "cam0" / "data.csv").is_file() for top in ("", "mav0"))
    return not asl and is_bag(path)
