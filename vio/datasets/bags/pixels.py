# SPDX-License-Identifier: Apache-2.0
"""Images of bags as grey ones: raw in the usual encodings, or packed as PNG or JPEG."""

import io
from typing import Any

import numpy as np
from PIL import Image

from vio.errors import VioError
from vio.limits import MAX_IMAGE_PIXELS, quoted

# {encoding: (bytes a channel, channels, position of red, green, blue or of the grey value)}
_PLAIN = {
    "mono8": (1, 1, (0,)),
    "8uc1": (1, 1, (0,)),
    "mono16": (2, 1, (0,)),
    "16uc1": (2, 1, (0,)),
    "rgb8": (1, 3, (0, 1, 2)),
    "bgr8": (1, 3, (2, 1, 0)),
    "8uc3": (1, 3, (2, 1, 0)),
    "rgba8": (1, 4, (0, 1, 2)),
    "bgra8": (1, 4, (2, 1, 0)),
    "8uc4": (1, 4, (2, 1, 0)),
    "rgb16": (2, 3, (0, 1, 2)),
    "bgr16": (2, 3, (2, 1, 0)),
    "yuv422": (1, 2, (1,)),  # U Y V Y
    "uyvy": (1, 2, (1,)),
    "yuv422_yuy2": (1, 2, (0,)),  # Y U Y V
    "yuyv": (1, 2, (0,)),
}
# {encoding: the colours of the first two rows, two columns each}
_BAYER = {f"bayer_{p}{bits}": p for p in ("rggb", "bggr", "gbrg", "grbg") for bits in (8, 16)}
_WEIGHTS = {"r": 19595, "g": 38470, "b": 7471}  # ITU-R 601 in 1/65536, as Pillow converts
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
GREY = ("mono8", "8uc1")
_EIGHT, _SIXTEEN = ("L",), ("I;16", "I;16L", "I;16B")


def raw_image(message: Any) -> tuple[np.ndarray, str]:
    """Return a sensor_msgs/Image as (height, width) uint8 and its encoding.

    Of 16 bits the upper 8 are taken, colours are weighted to grey. Raises VioError for an unknown
    encoding, and ValueError when size and data do not fit together.
    """
    encoding = str(message.encoding).strip().lower()
    height, width, step = int(message.height), int(message.width), int(message.step)
    if encoding not in _PLAIN and encoding not in _BAYER:
        known = ", ".join([*_PLAIN, "bayer_*8", "bayer_*16"])
        raise VioError(f"images are encoded as {quoted(message.encoding)}; known: {known}")
    depth, channels, places = _PLAIN.get(encoding, (2 if "16" in encoding else 1, 1, (0,)))
    if not 0 < width * height <= MAX_IMAGE_PIXELS:
        raise ValueError(f"it claims {width}x{height} pixels")
    row = width * channels * depth
    if step < row or len(message.data) < step * (height - 1) + row:
        raise ValueError(
            f"{len(message.data)} bytes in rows of {step} do not hold {width}x{height} {encoding}"
        )
    data = np.asarray(message.data, np.uint8)
    if len(data) < step * height:  # the padding of the last row may be left out
        data = np.concatenate([data, np.zeros(step * height - len(data), np.uint8)])
    rows = data[: step * height].reshape(height, step)[:, :row]
    if depth == 2:  # the upper byte
        rows = rows[:, 0 if message.is_bigendian else 1 :: 2]
    samples = rows.reshape(height, width, channels)
    if encoding in _BAYER:
        return _from_bayer(samples[:, :, 0], _BAYER[encoding]), encoding
    if len(places) == 3:
        return _weighted([samples[:, :, i] for i in places]), encoding
    return np.array(samples[:, :, places[0]], order="C"), encoding


def _weighted(planes: list[np.ndarray]) -> np.ndarray:
    total = np.full(planes[0].shape, 0x8000, np.uint32)
    for plane, weight in zip(planes, _WEIGHTS.values(), strict=True):
        total += plane * np.uint32(weight)
    return (total >> 16).astype(np.uint8)


def _from_bayer(mosaic: np.ndarray, pattern: str) -> np.ndarray:
    """Return grey (H, W) uint8 of a mosaic (H, W): each colour interpolated between its pixels."""
    height, width = mosaic.shape
    total = np.full((height, width), 0x8000, np.uint64)
    for colour, weight in _WEIGHTS.items():
        mask = np.zeros((height, width), np.uint32)
        for i in range(4):
            if pattern[i] == colour:
                mask[i // 2 :: 2, i % 2 :: 2] = 1
        count, values = _smoothed(mask), _smoothed(mosaic * mask)
        total += np.uint64(weight) * (values // np.maximum(count, 1)).astype(np.uint64)
    return (total >> np.uint64(16)).astype(np.uint8)


def _smoothed(plane: np.ndarray) -> np.ndarray:
    """Return 1 2 1 sums in both directions, in 1/16 of which nothing is lost; borders end."""
    for axis in (0, 1):
        out = 2 * plane
        front = [slice(None)] * 2
        back = [slice(None)] * 2
        front[axis], back[axis] = slice(1, None), slice(None, -1)
        out[tuple(front)] += plane[tuple(back)]
        out[tuple(back)] += plane[tuple(front)]
        plane = out
    return plane


def packed_image(message: Any) -> tuple[np.ndarray, str]:
    """Return a sensor_msgs/CompressedImage as (height, width) uint8 and what it was.

    Raises one of vio.datasets.images.UNDECODABLE when it is damaged.
    """
    data = bytes(memoryview(message.data))
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.width * image.height > MAX_IMAGE_PIXELS:
            raise OSError(f"its header claims {image.width}x{image.height} pixels")
        if image.mode in _SIXTEEN:
            return (np.array(image) >> 8).astype(np.uint8), "mono16"
        if image.mode in _EIGHT:
            return np.array(image), GREY[0]
        return np.array(image.convert("L")), image.mode.lower()
