# SPDX-License-Identifier: Apache-2.0
"""A recording in EuRoC layout as rows to be spoilt, and its way back into a folder."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from vio.datasets.csv_table import data_rows
from vio.render.asl import IMU_HEADER, TRUTH_HEADER

CAMERAS = ("cam0", "cam1")
TRUTH = "state_groundtruth_estimate0"
SETTINGS = tuple(f"{name}/sensor.yaml" for name in (*CAMERAS, "imu0", TRUTH))

Edit = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Recording:
    """Hold a recording's rows in the order of its files; images stay where they are until written.

    root: its mav0 folder. imu: (N, 6) gyroscope and accelerometer at imu_t_ns (N,). images: of each
    camera, rows of stamp and file name in the source. truth: (M, 16) at truth_t_ns (M,). edits:
    what is done to the bytes of an image, by camera and stamp.
    """

    root: Path
    imu_t_ns: np.ndarray
    imu: np.ndarray
    images: tuple[list[tuple[int, str]], list[tuple[int, str]]]
    truth_t_ns: np.ndarray
    truth: np.ndarray
    edits: dict[tuple[int, int], Edit] = field(default_factory=dict)

    @property
    def start_ns(self) -> int:
        """Stamp of the first left image."""
        return self.images[0][0][0]

    @property
    def duration_s(self) -> float:
        """Time from the first to the last left image."""
        return (self.images[0][-1][0] - self.start_ns) * 1e-9

    def at(self, seconds: float) -> int:
        """Return the stamp so many seconds after the first left image."""
        return self.start_ns + round(seconds * 1e9)

    def with_images(self, camera: int, rows: list[tuple[int, str]]) -> "Recording":
        """Return the recording with other images of one camera."""
        images = (rows, self.images[1]) if camera == 0 else (self.images[0], rows)
        return replace(self, images=images)

    def with_edits(self, edits: dict[tuple[int, int], Edit]) -> "Recording":
        """Return the recording with more edits of images."""
        return replace(self, edits={**self.edits, **edits})

    def cut(self, start_s: float, end_s: float) -> "Recording":
        """Return the part between two times after the first left image, ends included.

        Inertial data and ground truth reach half a second further, as far as there are any.
        """
        first, last, more = self.at(start_s), self.at(end_s), 500_000_000

        def inside(t_ns: np.ndarray) -> np.ndarray:
            return (t_ns >= first - more) & (t_ns <= last + more)

        imu, truth = inside(self.imu_t_ns), inside(self.truth_t_ns)
        left, right = ([row for row in rows if first <= row[0] <= last] for rows in self.images)
        return replace(
            self,
            imu_t_ns=self.imu_t_ns[imu],
            imu=self.imu[imu],
            images=(left, right),
            truth_t_ns=self.truth_t_ns[truth],
            truth=self.truth[truth],
        )

    def write(self, folder: Path, images: bool = True) -> None:
        """Write the recording into folder/mav0; images that are not edited are linked or copied."""
        out = folder / "mav0"
        for name in SETTINGS:
            (out / name).parent.mkdir(parents=True)
            if name.startswith(TRUTH) and not (self.root / name).is_file():
                continue
            shutil.copyfile(self.root / name, out / name)
        _write_rows(out / "imu0" / "data.csv", IMU_HEADER, self.imu_t_ns, self.imu)
        _write_rows(out / TRUTH / "data.csv", TRUTH_HEADER, self.truth_t_ns, self.truth)
        for camera, (name, rows) in enumerate(zip(CAMERAS, self.images, strict=True)):
            lines = ["#timestamp [ns],filename", *(f"{t},{t}.png" for t, _ in rows)]
            (out / name / "data.csv").write_text("\n".join(lines) + "\n")
            if images:
                (out / name / "data").mkdir()
                for t_ns, source in rows:
                    self._write_image(camera, t_ns, source, out / name / "data" / f"{t_ns}.png")

    def _write_image(self, camera: int, t_ns: int, name: str, target: Path) -> None:
        source = self.root / CAMERAS[camera] / "data" / name
        if target.exists() or not source.is_file():  # a doubled row, or missing in the source
            return
        edit = self.edits.get((camera, t_ns))
        if edit is not None:
            target.write_bytes(edit(source.read_bytes()))
            return
        try:
            os.link(source, target)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, target)


def load(folder: Path) -> Recording:
    """Return the recording of a folder in EuRoC layout."""
    root = folder / "mav0"
    imu_t_ns, imu = _read_rows(root / "imu0" / "data.csv")
    truth_t_ns, truth = _read_rows(root / TRUTH / "data.csv")
    left, right = (_read_names(root / name / "data.csv") for name in CAMERAS)
    return Recording(root, imu_t_ns, imu, (left, right), truth_t_ns, truth)


def _read_rows(path: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = [line.split(",") for line in data_rows(path.read_text())[0]]
    return np.array([int(r[0]) for r in rows]), np.array([[float(x) for x in r[1:]] for r in rows])


def _read_names(path: Path) -> list[tuple[int, str]]:
    rows = [line.split(",") for line in data_rows(path.read_text())[0]]
    return [(int(t), name.strip()) for t, name in rows]


def _write_rows(path: Path, header: str, t_ns: np.ndarray, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [header]
    for t, row in zip(t_ns.tolist(), values.tolist(), strict=True):
        lines.append(f"{t}," + ",".join(map(repr, row)))
    path.write_text("\n".join(lines) + "\n")
