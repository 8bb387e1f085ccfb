# SPDX-License-Identifier: Apache-2.0
"""Any folder of images named by their time, with an inertial csv, seen as EuRoC's layout."""

import re
from pathlib import Path

from vio.datasets.csv_table import decimal_seconds_to_ns
from vio.datasets.files import Files, FolderFiles
from vio.datasets.rig import CAMERAS, SENSOR
from vio.errors import VioError
from vio.limits import MAX_FILE_BYTES, quoted

# How folders of a left and a right camera are named.
PAIRS = (
    CAMERAS,
    ("left", "right"),
    ("image_0", "image_1"),
    ("image_00", "image_01"),
    ("camera0", "camera1"),
    ("cam_0", "cam_1"),
)
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".tif", ".tiff")
_IMU = re.compile(r"imu.*\.csv", re.IGNORECASE)
# A whole number as name: its unit by the number of digits. Fewer digits number the images.
_UNITS = {10: 10**9, 13: 10**6, 16: 10**3}
_LEAST_DIGITS = 8


def is_image_folder(path: Path) -> bool:
    """Return whether a folder holds folders of images of one or two cameras, unlisted."""
    return path.is_dir() and path.name != "mav0" and _pair(path) is not None


def _pair(path: Path) -> tuple[str, ...] | None:
    """Return the folders of left and right images, or of the only camera's; None without any."""

    def holds_images(name: str) -> bool:
        folder = path / name
        listed = (folder / "data.csv").is_file()
        return folder.is_dir() and not listed and bool(_images(path, name)[1])

    for pair in PAIRS:
        if all(holds_images(name) for name in pair):
            return pair
    for left, right in PAIRS:
        if holds_images(left) and not (path / right).exists():
            return (left,)
    return None


def _images(root: Path, name: str) -> tuple[str, list[str]]:
    """Return the folder, relative to root, and the names of the images in it, sorted."""
    files = FolderFiles(root)
    for folder in (f"{name}/data", name):
        names = [n for n in files.list(folder) if n.lower().endswith(_ENDINGS)]
        if names:
            return folder, sorted(names)
    return name, []


def stamp_of(name: str, where: str) -> int:
    """Return the nanoseconds that an image's name states.

    Nanoseconds, or micro- and milliseconds and seconds since 1970 by their 16, 13 and 10 digits, or
    decimal seconds. Raises VioError for a name that is no time.
    """
    stem = name.rpartition(".")[0]
    try:
        if stem.isdigit() and stem.isascii() and _LEAST_DIGITS <= len(stem) <= 19:
            return int(stem) * _UNITS.get(len(stem), 1)
        if re.fullmatch(r"\d{1,11}\.\d{1,12}", stem):
            return decimal_seconds_to_ns(stem)
    except ValueError:
        pass
    raise VioError(
        f"{where}/{quoted(name)} is not named by its time; name images by their nanoseconds "
        "(1403636579763555584.png), or list them in data.csv: time stamp, file name"
    )


class ImageFolder:
    """Show a folder of images as the files of EuRoC's layout; the images are not copied."""

    def __init__(self, path: Path) -> None:
        """Take stock of the images; raises VioError when there is no inertial csv or a bad name."""
        pair = _pair(path)
        assert pair is not None, "is_image_folder is asked before"
        self._files = FolderFiles(path)
        self.root = str(path)
        self._folder: dict[str, str] = {}
        self._names: dict[str, list[str]] = {}
        self._lists: dict[str, bytes] = {}
        for camera, name in zip(CAMERAS, pair, strict=False):
            folder, names = _images(path, name)
            rows = sorted((stamp_of(n, f"{path}/{folder}"), n) for n in names)
            self._folder[camera], self._names[camera] = folder, names
            text = "".join(f"{t},{n}\n" for t, n in rows)
            self._lists[f"{camera}/data.csv"] = f"#timestamp [ns],filename\n{text}".encode()
        self._imu = "imu0/data.csv"
        if "data.csv" not in self._files.list("imu0"):
            found = sorted(n for n in self._files.list("") if _IMU.fullmatch(n))
            if len(found) != 1:
                raise VioError(
                    f"{path} holds {len(found) or 'no'} files imu*.csv; give one: time stamp in "
                    "nanoseconds, gyroscope x y z in rad/s, accelerometer x y z in m/s^2"
                )
            self._imu = found[0]

    def _name(self, name: str) -> str:
        camera, _, rest = name.partition("/data/")
        if rest and camera in self._folder:
            return f"{self._folder[camera]}/{rest}"
        return self._imu if name == "imu0/data.csv" else name

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Return a file's bytes; raises FileNotFoundError or OSError, also beyond limit bytes."""
        if name in self._lists:
            return self._lists[name]
        return self._files.read(self._name(name), limit)

    def list(self, folder: str) -> set[str]:
        """Return the names of the files in a folder (empty when there is no such folder)."""
        camera, _, rest = folder.partition("/")
        if camera in self._folder and rest == "data":
            return set(self._names[camera])
        found = self._files.list(folder)
        if folder in self._folder:
            return {"data.csv", *(found & {SENSOR})}
        return found | {"data.csv"} if folder == "imu0" else found

    def parent(self) -> Files | None:
        """Return None: calibrations lie in the folder."""
        return None


class Calibrated:
    """Show a recording's files with the calibration from another place."""

    def __init__(self, files: Files, calibration: Path) -> None:
        """Take the calibration from a folder, or from a camchain with Kalibr's inertial file."""
        single = calibration.is_file()
        place = calibration.parent if single else calibration
        self._only = calibration.name if single else None
        self._files = files
        self._place = FolderFiles(place / "mav0" if (place / "mav0").is_dir() else place)
        self.root = files.root
        self._calibrated = {f"{c}/{SENSOR}" for c in (*CAMERAS, "imu0")}
        there = self._place.list("")
        if (
            not single
            and not any(SENSOR in self._place.list(c) for c in CAMERAS)
            and not any(
                "chain" in n for n in there | self._place.list("dso") | self._place.list("calib")
            )
        ):
            raise VioError(f"{calibration} holds no calibration: no camchain and no cam0/{SENSOR}")

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Return a file's bytes; raises FileNotFoundError or OSError, also beyond limit bytes."""
        return (self._place if name in self._calibrated else self._files).read(name, limit)

    def list(self, folder: str) -> set[str]:
        """Return the names of the files in a folder (empty when there is no such folder)."""
        found = self._files.list(folder)
        if folder in (*CAMERAS, "imu0"):
            own = set() if self._only else self._place.list(folder) & {SENSOR}
            return (found - {SENSOR}) | own
        if folder in ("", "dso", "calib", "calibration"):
            return set()  # Kalibr's files of the recording: the others, in parent(), are meant
        return found

    def parent(self) -> Files | None:
        """Return the place of the calibration."""
        return _Single(self._place, self._only) if self._only else self._place


_CHAIN = "camchain.yaml"


class _Single:
    """Show a folder with one camchain only."""

    def __init__(self, files: FolderFiles, name: str) -> None:
        self._files, self._name, self.root = files, name, files.root

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        return self._files.read(self._name if name == _CHAIN else name, limit)

    def list(self, folder: str) -> set[str]:
        if folder:
            return set()
        others = {n for n in self._files.list("") if "chain" not in n}
        return others - {self._name} | {_CHAIN}  # by whatever name it was given

    def parent(self) -> Files | None:
        return None
