# SPDX-License-Identifier: Apache-2.0
"""A recording with its left camera only."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vio.camera import mono_rig
from vio.data import StereoFrame
from vio.datasets.base import Dataset, LostImages, PassedOn
from vio.datasets.tracks import TrackFrame


class LeftCamera(PassedOn):
    """Pass a recording on without what its right camera gives."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self.rig = mono_rig(dataset.rig.left)

    @property
    def lost_images(self) -> LostImages:
        """Images of the left camera that could not be used, so far."""
        lost = super().lost_images
        return LostImages({(side, why): n for (side, why), n in lost.items() if side == "left"})

    def frames(
        self, start_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[StereoFrame]:
        """Yield the frames that have a left image, without the right one."""
        for frame in self._dataset.frames(start_ns, until_ns):
            if isinstance(frame, TrackFrame):
                yield replace(frame, uv_right=np.full_like(frame.uv_left, np.nan))
            elif frame.left is not None:
                yield replace(frame, right=None)
