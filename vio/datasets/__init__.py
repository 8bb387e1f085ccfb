# SPDX-License-Identifier: Apache-2.0
"""Open recordings: `open_dataset` for images, `open_tracks` for corners without images."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the readers import cameras and imu, which import datasets.base
    from vio.config import DatasetConfig
    from vio.datasets.bags.source import Source
    from vio.datasets.base import Dataset
    from vio.datasets.files import Files
    from vio.datasets.tracks import TrackDataset


def open_dataset(
    path: str | Path,
    images: bool = True,
    right_offset_ms: float = 0.0,
    source: "Source | None" = None,
    mono: bool = False,
) -> "Dataset":
    """Return the recording at path: EuRoC's layout or a zip of it, a bag, or a folder of images.

    images=False reads calibration, inertial data, ground truth and time stamps of a recording whose
    images are not there. right_offset_ms: what the right camera's stamps are late by (the setting
    dataset.right_offset_ms). source: a calibration from elsewhere; topics and stamps of a bag.
    mono: read the left camera only (the setting dataset.mono).
    Raises VioError saying what is wrong with the recording, and where.
    """
    from vio.datasets.euroc import EurocDataset

    if (Path(path) / "cam0_corners.csv").is_file():
        return _alone(open_tracks(path), mono)
    if _is_bag(Path(path)):
        from vio.datasets.bags.dataset import BagDataset

        return _alone(BagDataset(Path(path), images, right_offset_ms, source), mono)
    found = _found(Path(path), source.calibration if source else None)
    return EurocDataset(Path(path), images, right_offset_ms, found, mono)


def open_configured(
    path: str | Path, settings: "DatasetConfig", source: "Source | None" = None
) -> "Dataset":
    """Return the recording at path as the settings of [dataset] say; see `open_dataset`."""
    dataset = open_dataset(
        path, right_offset_ms=settings.right_offset_ms, source=source, mono=settings.mono
    )
    if not settings.is_resampled:
        return dataset
    from vio.datasets.resampled import Resampled

    return Resampled(dataset, settings.crop, settings.binning, settings.every)


def _alone(dataset: "Dataset", mono: bool) -> "Dataset":
    """Return the recording, with its left camera only if that is asked for."""
    from vio.datasets.mono import LeftCamera

    return LeftCamera(dataset) if mono and not dataset.rig.is_mono else dataset


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


def _found(path: Path, calibration: Path | None) -> "tuple[Files, str] | None":
    """Return the files and the name of a recording that is not plain EuRoC, or None."""
    from vio.datasets.files import Files, find_asl
    from vio.datasets.image_folder import Calibrated, ImageFolder, is_image_folder

    files: Files
    if "\0" not in str(path) and is_image_folder(path):
        files, name = ImageFolder(path), path.resolve().name
    elif calibration is None:
        return None
    else:
        files, name = find_asl(path)
    return (Calibrated(files, calibration) if calibration else files), name
