# SPDX-License-Identifier: Apache-2.0
"""Open recordings: `open_dataset` for images, `open_tracks` for corners without images."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the readers import cameras and imu, which import datasets.base
    from vio.datasets.base import Dataset
    from vio.datasets.tracks import TrackDataset


def open_dataset(path: str | Path, images: bool = True, right_offset_ms: float = 0.0) -> "Dataset":
    """Return the recording at path: a folder that contains mav0, that mav0 folder, or a zip of it.

    images=False reads calibration, inertial data, ground truth and time stamps of a recording whose
    images are not there. right_offset_ms: what the right camera's stamps are late by (the setting
    dataset.right_offset_ms). Raises VioError saying what is wrong with the recording, and where.
    """
    from vio.datasets.euroc import EurocDataset

    if (Path(path) / "cam0_corners.csv").is_file():
        return open_tracks(path)
    return EurocDataset(Path(path), images, right_offset_ms)


def open_tracks(path: str | Path) -> "TrackDataset":
    """Return corner tracks of a stereo rig with inertial data; raises VioError when incomplete."""
    from vio.datasets.tracks import TrackDataset

    return TrackDataset(Path(path))
