# SPDX-License-Identifier: Apache-2.0
"""Decode grey 8-bit images and stream stereo pairs with one pair decoded ahead."""

import io
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from PIL import Image, UnidentifiedImageError

from vio.camera import Camera
from vio.data import StereoFrame
from vio.datasets.base import add_warning
from vio.datasets.files import Files
from vio.errors import VioError

# What Pillow raises for files that are cut off, empty or overwritten.
_UNDECODABLE = (OSError, SyntaxError, ValueError, EOFError, zlib.error, struct.error)

# One line of work: time stamp, name of the left image or None, name of the right image or None.
Pair = tuple[int, str | None, str | None]


def check_format(image: Image.Image, camera: Camera, where: str) -> None:
    """Raise VioError when an image is not 8-bit grey or not of the calibrated size."""
    if image.mode != "L":
        raise VioError(
            f"{where} is not an 8-bit grey image (its mode is {image.mode!r}); convert the images "
            "to 8-bit grey"
        )
    if image.size != (camera.width, camera.height):
        raise VioError(
            f"{where} is {image.width}x{image.height} pixels, but the calibration is for "
            f"{camera.width}x{camera.height}: correct resolution and intrinsics in sensor.yaml, "
            "or use the images it was made for"
        )


def decode(data: bytes, camera: Camera, where: str) -> np.ndarray:
    """Return an image file's pixels (height, width) uint8, writable and C-contiguous.

    Raises VioError for a wrong size or depth, and one of OSError, SyntaxError, ValueError,
    EOFError, zlib.error, struct.error when the data is damaged.
    """
    with Image.open(io.BytesIO(data)) as image:
        check_format(image, camera, where)
        return np.array(image)


def check_first_image(files: Files, folder: str, names: list[str], camera: Camera) -> None:
    """Check size and depth of the first readable image header; raises VioError."""
    for name in names:
        try:
            with Image.open(io.BytesIO(files.read(f"{folder}/{name}"))) as image:
                check_format(image, camera, f"{files.root}/{folder}/{name}")
            return
        except _UNDECODABLE:
            continue


class StereoStream:
    """Decode listed pairs in order; holds at most the pair handed out and the one after it."""

    def __init__(
        self, files: Files, folders: tuple[str, str], cameras: tuple[Camera, Camera]
    ) -> None:
        self._files = files
        self._folders = folders
        self._cameras = cameras

    def _load(self, side: int, name: str | None) -> tuple[np.ndarray | None, str]:
        """Return the image or None, and why it is lost (empty when it is not, or is unlisted)."""
        if name is None:
            return None, ""
        path = f"{self._folders[side]}/{name}"
        where = f"{self._files.root}/{path}"
        try:
            return decode(self._files.read(path), self._cameras[side], where), ""
        except FileNotFoundError:
            return None, f"{where} has disappeared"
        except UnidentifiedImageError:  # its own text names an object in memory
            return None, f"{where} cannot be decoded (no known image format)"
        except _UNDECODABLE as error:
            return None, f"{where} cannot be decoded ({error})"

    def _load_pair(self, pair: Pair) -> tuple[StereoFrame | None, list[str]]:
        """Return the frame, or None when both images are lost, and the warnings to give."""
        t_ns, left_name, right_name = pair
        left, left_lost = self._load(0, left_name)
        right, right_lost = self._load(1, right_name)
        if left is None and right is None:
            reasons = "; ".join(r for r in (left_lost, right_lost) if r)
            return None, [f"frame {t_ns} is skipped: {reasons}"]
        messages = [f"frame {t_ns} goes on as mono: {r}" for r in (left_lost, right_lost) if r]
        return StereoFrame(t_ns, left, right), messages

    def frames(self, pairs: list[Pair], warnings: list[str]) -> Iterator[StereoFrame]:
        """Yield the frames of the pairs; a sentence for each lost image is added to warnings once.

        Raises VioError at the frame whose image has a wrong size or depth.
        """
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode")
        try:
            ahead: Future[tuple[StereoFrame | None, list[str]]] | None = None
            for index in range(len(pairs)):
                current = ahead or pool.submit(self._load_pair, pairs[index])
                frame, messages = current.result()
                ahead = current = None  # type: ignore[assignment]  # else the pair outlives its use
                if index + 1 < len(pairs):
                    ahead = pool.submit(self._load_pair, pairs[index + 1])
                for message in messages:
                    add_warning(warnings, message)
                if frame is not None:
                    yield frame
                    frame = None  # the consumer alone decides how long a pair lives
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
