# SPDX-License-Identifier: Apache-2.0
"""Plant faults into recordings by rewriting files, and count those that `vio doctor` names.

python tools/measure_doctor.py RECORDING ... [--fault NAME ...] [--seconds S], or --simulated 0-9.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml
from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.doctor_faults import FAULTS as SIMULATED
from tests.doctor_faults import SMALL_TURN, simulated
from vio.commands.console import parse_range
from vio.data import StereoFrame
from vio.datasets import open_dataset
from vio.diagnosis.recording import observe
from vio.diagnosis.recording.examine import Examination, examine
from vio.diagnosis.recording.flow import FlowFrame, FlowTracker
from vio.errors import VioError


class Layout:
    """The files of a recording, in EuRoC's layout or as tracks (imu_april)."""

    def __init__(self, root: Path) -> None:
        self.root = root / "mav0" if (root / "mav0").is_dir() else root
        self.has_images = (self.root / "cam0" / "data").is_dir()

    def sensor(self, name: str) -> Path:
        """Return the calibration of cam0, cam1 or imu0."""
        path = self.root / name / "sensor.yaml"
        return path if path.is_file() else self.root / "calib" / f"{name}.yaml"

    def imu(self) -> Path:
        """Return the inertial samples."""
        path = self.root / "imu0" / "data.csv"
        return path if path.is_file() else self.root / "imu0.csv"


def edit_yaml(path: Path, change: Callable[[dict], None]) -> None:
    """Rewrite a calibration."""
    entries = yaml.safe_load(path.read_text())
    change(entries)
    path.unlink()
    path.write_text(yaml.safe_dump(entries))


def edit_cameras(where: Layout, change: Callable[[dict], None], names: str = "cam0 cam1") -> None:
    """Rewrite the calibration of some cameras."""
    for name in names.split():
        edit_yaml(where.sensor(name), change)


def edit_imu(where: Layout, change: Callable[[np.ndarray, np.ndarray], tuple]) -> None:
    """Rewrite the inertial samples: t_ns (N,), values (N, 6)."""
    path = where.imu()
    lines = path.read_text().splitlines()
    rows = [line.split(",") for line in lines if line[:1].isdigit()]
    t_ns = np.array([int(r[0]) for r in rows])
    t_ns, values = change(t_ns, np.array([[float(x) for x in r[1:7]] for r in rows]))
    path.unlink()
    text = [f"{t}," + ",".join(f"{x:.9g}" for x in v) for t, v in zip(t_ns, values, strict=True)]
    path.write_text("\n".join([lines[0], *text]) + "\n")


def edit_list(where: Layout, camera: str, change: Callable[[list[list[str]]], list]) -> None:
    """Rewrite the list of a camera's images: rows of time stamp and file name."""
    path = where.root / camera / "data.csv"
    lines = path.read_text().splitlines()
    rows = [line.split(",") for line in lines if line[:1].isdigit()]
    path.unlink()
    path.write_text("\n".join([lines[0], *(",".join(r) for r in change(rows))]) + "\n")


def edit_images(where: Layout, change: Callable[[Image.Image], Image.Image], names: str) -> None:
    """Rewrite the images of some cameras."""
    for name in names.split():
        for path in sorted((where.root / name / "data").iterdir()):
            with Image.open(path) as image:
                changed = change(image.copy())
            path.unlink()
            changed.save(path, compress_level=1)


def _turn(entries: dict, R: np.ndarray, inverse: bool = False) -> None:
    data = entries["T_BS"]["data"]
    T = np.array(data, float).reshape(4, 4)
    if inverse:
        T = np.linalg.inv(T)
    moved = np.eye(4)
    moved[:3, :3] = R
    entries["T_BS"]["data"] = (moved @ T).ravel().tolist()


def _turn_right(entries: dict) -> None:
    T = np.array(entries["T_BS"]["data"], float).reshape(4, 4)
    a = np.radians(1.0)
    T[:3, :3] = T[:3, :3] @ [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    entries["T_BS"]["data"] = T.ravel().tolist()


def _focal(entries: dict) -> None:
    fx, fy, cx, cy = entries["intrinsics"]
    entries["intrinsics"] = [1.05 * fx, 1.05 * fy, cx, cy]


def _double(entries: dict) -> None:
    entries["intrinsics"] = [2.0 * x for x in entries["intrinsics"]]


def _flat(entries: dict) -> None:
    entries["distortion_coefficients"] = [0.0, 0.0, 0.0, 0.0]


def _swap_folders(where: Layout) -> None:
    a, b = where.root / "cam0" / "data", where.root / "cam1" / "data"
    c = where.root / "cam0" / "other"
    a.rename(c)
    b.rename(a)
    c.rename(b)
    lists = [where.root / n / "data.csv" for n in ("cam0", "cam1")]
    texts = [p.read_text() for p in lists]
    for path, text in zip(lists, texts[::-1], strict=True):
        path.unlink()
        path.write_text(text)


def _noise(entries: dict, by: float) -> None:
    for key in ("gyroscope_noise_density", "accelerometer_noise_density"):
        entries[key] = float(entries[key]) * by


def _late(rows: list[list[str]]) -> list[list[str]]:
    return [[b[0], a[1]] for a, b in pairwise(rows)]


def _shift(rows: list[list[str]], by_ns: int) -> list[list[str]]:
    return [[str(int(t) + by_ns), name] for t, name in rows]


def _scale(where: Layout, gyro: float, accel: float) -> None:
    edit_imu(where, lambda t, v: (t, v * np.array([gyro] * 3 + [accel] * 3)))


def _rotate(where: Layout, gyro: np.ndarray, accel: np.ndarray) -> None:
    edit_imu(where, lambda t, v: (t, np.hstack([v[:, :3] @ gyro, v[:, 3:] @ accel])))


def _clip(t: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    limit = 0.5 * np.abs(v[:, :3]).max()
    return t, np.hstack([np.clip(v[:, :3], -limit, limit), v[:, 3:]])


def _stick(t: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    v[len(v) // 3 :, 4] = v[len(v) // 3, 4]
    return t, v


def _jitter(t: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return t + np.random.default_rng(0).integers(0, 4_500_000, len(t)), v


def _gap(t: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keep = (t < t[0] + 4_000_000_000) | (t > t[0] + 4_300_000_000)
    return t[keep], v[keep]


SWAP = [1, 0, 2, 4, 3, 5]
Z90 = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
BOTH = "cam0 cam1"
Plant = Callable[[Layout], None]
# name: (whether images are needed, what to do, the kinds of which one must be named; "refused":
# the reader's one line is as good)
FAULTS: dict[str, tuple[bool, Plant, tuple[str, ...]]] = {
    "gyro axes swapped": (
        False,
        lambda w: edit_imu(w, lambda t, v: (t, v[:, SWAP])),
        ("gyro_axes",),
    ),
    "gyro turned": (False, lambda w: _rotate(w, Z90, np.eye(3)), ("gyro_axes",)),
    "accel turned": (False, lambda w: _rotate(w, np.eye(3), Z90), ("accel_axes",)),
    "gyro in deg/s": (False, lambda w: _scale(w, 57.2958, 1.0), ("gyro_units",)),
    "accel in g": (False, lambda w: _scale(w, 1.0, 1.0 / 9.81), ("accel_units",)),
    "accel times 1.3": (False, lambda w: _scale(w, 1.0, 1.3), ("gravity", "accel_scale")),
    "T_BS inverted": (
        False,
        lambda w: edit_cameras(w, lambda e: _turn(e, np.eye(3), True)),
        ("gyro_axes", "refused"),
    ),
    "T_BS turned by 90 deg": (
        False,
        lambda w: edit_cameras(w, lambda e: _turn(e, Z90)),
        ("gyro_axes",),
    ),
    "T_BS turned by 3 deg": (
        False,
        lambda w: edit_cameras(w, lambda e: _turn(e, SMALL_TURN)),
        ("gyro_axes",),
    ),
    "stamps 5 ms apart": (
        False,
        lambda w: edit_imu(w, lambda t, v: (t + 5_000_000, v)),
        ("time_offset",),
    ),
    "stamps 200 ms apart": (
        False,
        lambda w: edit_imu(w, lambda t, v: (t - 200_000_000, v)),
        ("time_offset",),
    ),
    "focal length, both": (False, lambda w: edit_cameras(w, _focal), ("left_lens", "right_camera")),
    "focal length, right": (False, lambda w: edit_cameras(w, _focal, "cam1"), ("right_camera",)),
    "no distortion": (False, lambda w: edit_cameras(w, _flat), ("left_lens",)),
    "right camera turned by 1 deg": (
        False,
        lambda w: edit_cameras(w, _turn_right, "cam1"),
        ("right_camera",),
    ),
    "other resolution": (
        False,
        lambda w: edit_cameras(w, _double),
        ("resolution", "refused"),
    ),
    "noise stated / 20": (
        False,
        lambda w: edit_yaml(w.sensor("imu0"), lambda e: _noise(e, 0.05)),
        ("gyro_noise", "accel_noise"),
    ),
    "noise stated * 100": (
        False,
        lambda w: edit_yaml(w.sensor("imu0"), lambda e: _noise(e, 100.0)),
        ("gyro_noise", "accel_noise"),
    ),
    "gyro saturated": (False, lambda w: edit_imu(w, _clip), ("gyro_saturated",)),
    "accel axis stuck": (False, lambda w: edit_imu(w, _stick), ("stuck_axis",)),
    "samples repeated": (
        False,
        lambda w: edit_imu(w, lambda t, v: (t, v[np.arange(len(v)) // 2 * 2])),
        ("repeated_samples",),
    ),
    "IMU jitter": (False, lambda w: edit_imu(w, _jitter), ("imu_jitter",)),
    "IMU gap": (False, lambda w: edit_imu(w, _gap), ("imu_gaps",)),
    "image gap": (
        True,
        lambda w: [edit_list(w, c, lambda r: r[:60] + r[80:]) for c in BOTH.split()],
        ("camera_gaps",),
    ),
    "right stamps 2 ms late": (
        True,
        lambda w: edit_list(w, "cam1", lambda r: _shift(r, 2_000_000)),
        ("stereo_stamps",),
    ),
    "right images a frame late": (True, lambda w: edit_list(w, "cam1", _late), ("stereo_offset",)),
    "cameras swapped": (True, _swap_folders, ("stereo",)),
    "dark": (
        True,
        lambda w: edit_images(w, lambda i: i.point(lambda x: x // 32), BOTH),
        ("exposure", "dark_camera"),
    ),
    "overexposed": (
        True,
        lambda w: edit_images(w, lambda i: i.point(lambda x: min(255, 6 * x)), BOTH),
        ("exposure",),
    ),
    "right out of focus": (
        True,
        lambda w: edit_images(w, lambda i: i.filter(ImageFilter.GaussianBlur(3.0)), "cam1"),
        ("blur",),
    ),
    "images halved": (
        True,
        lambda w: edit_images(w, lambda i: i.resize((i.width // 2, i.height // 2)), BOTH),
        ("refused",),
    ),
}


class Remembered(FlowTracker):
    """Track each recording's images once: most faults do not change them."""

    known: dict[int, FlowFrame] = {}  # noqa: RUF012  # of the recording at hand
    is_used = True

    def add(self, frame: StereoFrame) -> FlowFrame:
        """Return the tracks of a frame."""
        if not self.is_used:
            return super().add(frame)
        if frame.t_ns not in self.known:
            self.known[frame.t_ns] = super().add(frame)
        return self.known[frame.t_ns]


def _copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def planted(recording: Path, name: str, seconds: float, folder: Path) -> Examination | str:
    """Return the examination of a copy with a fault, or the line of the reader that refuses it."""
    needs_images, plant, _ = FAULTS[name]
    Remembered.is_used = not needs_images
    copy = folder / recording.resolve().name
    shutil.copytree(recording, copy, copy_function=_copy)
    for path in [copy, *copy.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    try:
        plant(Layout(copy))
        return examine(open_dataset(copy), seconds)
    except VioError as error:
        return str(error)
    finally:
        shutil.rmtree(copy)


def line(name: str, wanted: tuple[str, ...], seen: Examination | str, spent_s: float) -> bool:
    """Print one row of the table; return whether it is as it should be."""
    if isinstance(seen, str):
        named, found = "refused" in wanted, f"refused: {seen[:150]}"
    else:
        kinds = {f.kind: f for f in seen.complaints}
        hits = [kinds[k] for k in wanted if k in kinds]
        named = bool(hits) if wanted else not kinds
        others = sorted(set(kinds) - set(wanted))
        found = hits[0].found[:170] if hits else "no complaint"
        found += f" (also: {', '.join(others)})" if others else ""
        if not named and wanted:
            open_ = [f.found for f in seen.findings if f.kind in wanted and f.level == "open"]
            found += f"; {open_[0][:200]}" if open_ else ""
    print(f"| {name} | {'yes' if named else 'NO'} | {found} | {spent_s:.0f} s |", flush=True)
    return named


def main() -> None:
    """Print one table a recording, and how many faults were named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", nargs="*", type=Path)
    parser.add_argument("--simulated", metavar="SEEDS", help="faults in simulated tracks, e.g. 0-9")
    parser.add_argument("--fault", action="append", help="only this one (repeatable)")
    parser.add_argument("--seconds", type=float, default=12.0)
    given = parser.parse_args()
    observe.FlowTracker = Remembered  # type: ignore[misc]
    rows: list[bool] = []
    for recording in given.recordings:
        print(f"\n{recording}\n\n| fault | named | found | CPU |\n|---|---|---|---|")
        Remembered.known, Remembered.is_used = {}, True
        start = time.process_time()
        clean = examine(open_dataset(recording), given.seconds)
        rows.append(line("none", (), clean, time.process_time() - start))
        for name in given.fault or FAULTS:
            if FAULTS[name][0] and not Layout(recording).has_images:
                continue
            start = time.process_time()
            with tempfile.TemporaryDirectory(prefix="doctor-") as folder:
                seen = planted(recording, name, given.seconds, Path(folder))
            rows.append(line(name, FAULTS[name][2], seen, time.process_time() - start))
    for seed in parse_range(given.simulated) if given.simulated else []:
        print(f"\nsimulated, seed {seed}\n\n| fault | named | found | CPU |\n|---|---|---|---|")
        for name in given.fault or ("moving", "tour", "rest", *SIMULATED):
            start = time.process_time()
            wanted = (SIMULATED[name][2],) if name in SIMULATED else ()
            seen = examine(simulated(name, seed))
            rows.append(line(name, wanted, seen, time.process_time() - start))
    print(f"\n{sum(rows)} of {len(rows)} as they should be")


if __name__ == "__main__":
    main()
