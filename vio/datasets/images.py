# SPDX-License-Identifier: Apache-2.0
"""Decode grey images of 8 or 16 bits and stream stereo pairs with one pair decoded ahead."""

import io
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from PIL import Image, UnidentifiedImageError

from vio.camera import Camera
from vio.data import StereoFrame
from vio.datasets.base import LostImages, add_warning
from vio.datasets.files import Files
from vio.errors import VioError
from vio.limits import MAX_IMAGE_PIXELS, reason

# The others that Pillow reads are formats of pages and films.
_FORMATS = ("PNG", "JPEG", "BMP", "PPM", "TIFF")
_GREY8 = "L"
_GREY16 = ("I;16", "I;16L", "I;16B")
# What Pillow raises for files that are cut off, empty or overwritten.
UNDECODABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    RuntimeError,
    MemoryError,
    zlib.error,
    struct.error,
    Image.DecompressionBombError,
)
_BYTES_A_PIXEL = 8  # of a file, at most, and as many for what else is in it
_SPARE_BYTES = 2**20
_FULL_RANGE = 2**13  # 16-bit images whose values all lie below use fewer bits

SIDES = ("left", "right")

# One line of work: time stamp, name of the left image or None, name of the right image or None.
Pair = tuple[int, str | None, str | None]


def check_format(image: Image.Image, camera: Camera, where: str) -> None:
    """Raise VioError when an image is not grey or not of the calibrated size."""
    if image.mode != _GREY8 and image.mode not in _GREY16:
        raise VioError(
            f"{where} is not an 8-bit grey image (its mode is {image.mode!r}), nor a 16-bit one; "
            "convert the images to 8-bit grey"
        )
    if image.size != (camera.width, camera.height):
        raise VioError(
            f"{where} is {image.width}x{image.height} pixels, but the calibration is for "
            f"{camera.width}x{camera.height}: correct resolution and intrinsics in sensor.yaml, "
            "or use the images it was made for"
        )


def _open(data: bytes) -> Image.Image:
    """Return an image of which only the header is read; raises one of UNDECODABLE."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        if width * height > MAX_IMAGE_PIXELS:
            raise OSError(f"its header claims {width}x{height} pixels")
    return Image.open(io.BytesIO(data), formats=_FORMATS)


def _pixels(data: bytes, camera: Camera, where: str) -> np.ndarray:
    """Return an image file's pixels (height, width), uint8 or uint16."""
    with _open(data) as image:
        check_format(image, camera, where)
        return np.array(image)


def decode(data: bytes, camera: Camera, where: str) -> np.ndarray:
    """Return an image file's pixels (height, width) uint8, writable and C-contiguous.

    Of 16-bit images the upper 8 bits are taken. Size and depth in the header are checked before
    anything is decoded. Raises VioError for a wrong size or depth, and one of UNDECODABLE when the
    data is damaged.
    """
    pixels = _pixels(data, camera, where)
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)


def _size_limit(camera: Camera) -> int:
    return _BYTES_A_PIXEL * camera.width * camera.height + _SPARE_BYTES


def check_first_image(
    files: Files, folder: str, names: list[str], camera: Camera, warnings: list[str]
) -> None:
    """Check size and depth of the first readable image, and that there is one; raises VioError.

    A 16-bit image that does not use the upper bits is added to warnings.
    """
    why = ""
    for name in names:
        where = f"{files.root}/{folder}/{name}"
        try:
            pixels = _pixels(files.read(f"{folder}/{name}", _size_limit(camera)), camera, where)
        except UnidentifiedImageError:
            why = why or f"{name}: no known image format"
            continue
        except UNDECODABLE as error:
            why = why or f"{name}: {reason(error)}"
            continue
        if pixels.dtype != np.uint8 and pixels.max() < _FULL_RANGE:
            add_warning(
                warnings,
                f"{where} has 16 bits but no value above {pixels.max()}; the upper 8 of 16 bits "
                "are taken, so that the image will be dark: scale the images up if they have less",
            )
        return
    raise VioError(
        f"none of the {len(names)} images in {files.root}/{folder} can be decoded ({why}); copy "
        "them again"
    )


# A frame, or None when both images are lost; warnings; lost images as (side, why).
_Loaded = tuple[StereoFrame | None, list[str], list[tuple[str, str]]]


class StereoStream:
    """Decode listed pairs in order; holds at most the pair handed out and the one after it."""

    def __init__(
        self, files: Files, folders: tuple[str, str], cameras: tuple[Camera, Camera]
    ) -> None:
        self._files = files
        self._folders = folders
        self._cameras = cameras

    def _load(self, side: int, name: str | None) -> tuple[np.ndarray | None, str, str]:
        """Return the image or None, why it is lost, and that in a sentence (both may be empty)."""
        if name is None:
            return None, "", ""
        path = f"{self._folders[side]}/{name}"
        where = f"{self._files.root}/{path}"
        camera = self._cameras[side]
        try:
            return decode(self._files.read(path, _size_limit(camera)), camera, where), "", ""
        except FileNotFoundError:
            return None, "missing", f"{where} has disappeared"
        except UnidentifiedImageError:  # its own text names an object in memory
            return None, "no known format", f"{where} cannot be decoded (no known image format)"
        except UNDECODABLE as error:
            return None, "damaged", f"{where} cannot be decoded ({reason(error)})"

    def _load_pair(self, pair: Pair) -> _Loaded:
        """Return the frame, the warnings to give, and the images lost as (side, why)."""
        t_ns, *names = pair
        images, whys, sentences = zip(*(self._load(i, n) for i, n in enumerate(names)), strict=True)
        lost = [(side, why) for side, why in zip(SIDES, whys, strict=True) if why]
        reasons = [sentence for sentence in sentences if sentence]
        if images[0] is None and images[1] is None:
            return None, [f"frame {t_ns} is skipped: {'; '.join(reasons)}"], lost
        messages = [f"frame {t_ns} is processed as a mono frame: {r}" for r in reasons]
        return StereoFrame(t_ns, *images), messages, lost

    def frames(
        self, pairs: list[Pair], warnings: list[str], lost_images: LostImages
    ) -> Iterator[StereoFrame]:
        """Yield the frames of the pairs; what is lost is counted, and added to warnings once.

        Raises VioError at the frame whose image has a wrong size or depth.
        """
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode")
        try:
            ahead: Future[_Loaded] | None = None
            for index in range(len(pairs)):
                current = ahead or pool.submit(self._load_pair, pairs[index])
                frame, messages, lost = current.result()
                ahead = current = None  # type: ignore[assignment]  # else the pair outlives its use
                if index + 1 < len(pairs):
                    ahead = pool.submit(self._load_pair, pairs[index + 1])
                for message in messages:
                    add_warning(warnings, message)
                lost_images.update(lost)
                if frame is not None:
                    yield frame
                    frame = None  # the consumer alone decides how long a pair lives
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
