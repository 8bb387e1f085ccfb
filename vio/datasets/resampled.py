# SPDX-License-Identifier: Apache-2.0
"""A recording with smaller images, or with fewer of them; its calibration goes with them.

A size is a central crop, then square bins of pixels that are averaged. The average over a bin is
the filter against aliasing: a pixel of a sensor whose side is that much longer. Centres of pixels
lie at whole coordinates, so that the bin of the pixels k u to k u + k - 1 has its centre at
k u + (k - 1) / 2.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vio.camera import Camera, StereoRig, mono_rig
from vio.data import StereoFrame
from vio.datasets.base import Dataset, PassedOn
from vio.errors import VioError

STEP_PX = 16  # what sides of a resampled image are multiples of: three levels of 4 x 4 blocks
LEAST_PX = 32  # the least side that the chip takes


def resampled_side(side: int, crop: float, binning: int) -> int:
    """Return the pixels that are left of a side: as many as `crop` of it allows, in whole bins.

    A multiple of STEP_PX, unless nothing is changed. Raises VioError when fewer than LEAST_PX are.
    """
    if crop == 1.0 and binning == 1:
        return side
    left = int(side * crop + 1e-9) // (STEP_PX * binning) * STEP_PX
    if left < LEAST_PX:
        raise VioError(
            f"dataset.crop = {crop:g} and dataset.binning = {binning} leave {left} of {side} "
            f"pixels of a side; at least {LEAST_PX} are needed"
        )
    return left


def resampled_camera(camera: Camera, crop: float, binning: int, every: int) -> Camera:
    """Return the calibration of a camera's resampled images, of which every so many-th comes."""
    width, height = (resampled_side(n, crop, binning) for n in (camera.width, camera.height))
    x0, y0 = _first(camera.width, width, binning), _first(camera.height, height, binning)
    centre = (binning - 1) / 2.0
    return replace(
        camera,
        width=width,
        height=height,
        fx=camera.fx / binning,
        fy=camera.fy / binning,
        cx=(camera.cx - x0 - centre) / binning,
        cy=(camera.cy - y0 - centre) / binning,
        rate_hz=camera.rate_hz / every,
    )


def resampled_image(image: np.ndarray, crop: float, binning: int) -> np.ndarray:
    """Return the central part of an image (H, W) uint8, averaged over bins, rounded half up."""
    height, width = (resampled_side(n, crop, binning) for n in image.shape)
    y0, x0 = (
        _first(whole, part, binning)
        for whole, part in zip(image.shape, (height, width), strict=True)
    )
    part = image[y0 : y0 + height * binning, x0 : x0 + width * binning]
    if binning > 1:
        bins = part.reshape(height, binning, width, binning)
        total = bins.sum(axis=(1, 3), dtype=np.uint32)
        area = binning * binning
        part = ((total + area // 2) // area).astype(np.uint8)
    return np.ascontiguousarray(part)


def _first(whole: int, left: int, binning: int) -> int:
    """Return the first pixel of a side that is used."""
    return (whole - left * binning) // 2


class Resampled(PassedOn):
    """Pass a recording on with every so many-th frame, its images cropped and binned.

    Images of frames that are left out count among `lost_images` when they cannot be used.
    """

    def __init__(self, dataset: Dataset, crop: float, binning: int, every: int) -> None:
        """Raise VioError for a recording without images that is to change their size."""
        super().__init__(dataset)
        from vio.datasets.tracks import TrackDataset

        if (crop, binning) != (1.0, 1) and isinstance(dataset, TrackDataset):
            raise VioError(
                f"{dataset.name} holds tracks, no images: dataset.crop and dataset.binning cannot "
                "change their size; leave them out"
            )
        self._crop, self._binning = crop, binning
        left = resampled_camera(dataset.rig.left, crop, binning, every)
        self.rig = mono_rig(left)
        if not dataset.rig.is_mono:
            right = resampled_camera(dataset.rig.right, crop, binning, every)
            self.rig = StereoRig(left, right)
        self.frame_t_ns = dataset.frame_t_ns[::every]

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[StereoFrame]:
        """Yield the frames that are left, in order of time."""
        kept = set(self.frame_t_ns.tolist())
        for frame in self._dataset.frames(start_ns, until_ns):
            if frame.t_ns not in kept:
                continue
            if (self._crop, self._binning) == (1.0, 1):
                yield frame
            else:
                left, right = self._resampled(frame.left), self._resampled(frame.right)
                yield replace(frame, left=left, right=right)

    def _resampled(self, image: np.ndarray | None) -> np.ndarray | None:
        return None if image is None else resampled_image(image, self._crop, self._binning)
