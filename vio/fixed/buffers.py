# SPDX-License-Identifier: Apache-2.0
"""The frame buffers: what is written compressed is what the tracker and the matcher read."""

import numpy as np

from vio.config import HwConfig
from vio.fixed.codec import get_codec


class FrameBuffers:
    """Compress and expand frames as the chip's buffers do, level by level."""

    def __init__(self, hw: HwConfig) -> None:
        self._left = get_codec(hw.codec_left)
        self._upper = get_codec(hw.codec_upper)
        self._right = get_codec(hw.codec_right)

    def store_left(self, pyramid: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """Return the pyramid as it is read back."""
        full, *upper = pyramid
        return (self._left.roundtrip(full), *(self._upper.roundtrip(image) for image in upper))

    def store_right(self, image: np.ndarray) -> np.ndarray:
        """Return the right image as it is read back."""
        return self._right.roundtrip(image)
