# SPDX-License-Identifier: Apache-2.0
"""Examine a recording: read its first minute once, then check everything that can be checked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from vio.camera import StereoRig
from vio.config import ImuConfig
from vio.data import ImuData
from vio.datasets.base import Dataset, end_ns
from vio.diagnosis.recording.alignment import Alignment, check_alignment, corrected
from vio.diagnosis.recording.clocks import check_clocks, check_pairs
from vio.diagnosis.recording.finding import BAD, Finding, bad, good
from vio.diagnosis.recording.gyro_fit import BIAS, orientations
from vio.diagnosis.recording.inertial import (
    check_axes,
    check_gravity,
    check_noise,
    check_saturation,
    rotated_gravity,
)
from vio.diagnosis.recording.observe import Observer, cut_imu, observe
from vio.diagnosis.recording.pairs import ViewPair
from vio.diagnosis.recording.stereo import Stereo, check_stereo_geometry
from vio.errors import VioError

SECONDS = 60.0
LEAST_FRAMES, LEAST_IMU = 10, 50
# Of a rest: pixels over SPACING_S, of the median displacement and of the median of its size (the
# noise of corners detected one by one is up to 1 px), and the gyroscope's largest deviation.
STILL_MEAN_PX, STILL_PX, STILL_RAD_S = 0.3, 1.2, 0.1
FRAME_SHARE = (0.67, 1.5)  # principal point over the middle of the image, on both axes
TITLES = {
    "accel_units": "accelerometer units",
    "gravity_removed": "gravity in the data",
    "accel_scale": "accelerometer scale",
    "accel_axes": "accelerometer axes",
    "dark_camera": "dark camera",
    "no_images": "images there",
    "equal_images": "equal images",
    "no_parallax": "parallax",
}


@dataclass
class Examination:
    """Hold the findings on a recording, and the data behind them for figures.

    seconds: of images that were read. rest: the longest stand-still in imu, perhaps empty.
    """

    name: str
    seconds: float
    rig: StereoRig
    imu: ImuData
    frame_t_ns: np.ndarray
    observer: Observer
    findings: list[Finding] = field(default_factory=list)
    rest: slice = field(default_factory=lambda: slice(0, 0))
    alignment: Alignment = field(default_factory=Alignment)
    stereo: Stereo = field(default_factory=Stereo)

    @property
    def complaints(self) -> list[Finding]:
        """The findings of level bad."""
        return [f for f in self.findings if f.level == BAD]


def examine(
    dataset: Dataset,
    seconds: float = SECONDS,
    config: ImuConfig | None = None,
    on_frame: Callable[[int], None] = lambda done: None,
) -> Examination:
    """Return what is found in the first `seconds` of images.

    config: the noise factors of the odometry. Raises VioError when the recording is too short or of
    one camera, or when its images cannot be read.
    """
    if dataset.rig.is_mono:
        raise VioError(
            f"{dataset.name} has one camera; an examination compares two: give a stereo recording"
        )
    until_ns = end_ns(dataset, seconds)
    assert until_ns is not None
    times = dataset.frame_t_ns[dataset.frame_t_ns <= until_ns]
    imu = cut_imu(dataset.imu, int(times[0]), int(times[-1])) if len(times) else dataset.imu
    if len(times) < LEAST_FRAMES or len(imu) < LEAST_IMU:
        raise VioError(
            f"{dataset.name} has {len(times)} frames and {len(imu)} inertial samples around them; "
            f"an examination needs {LEAST_FRAMES} and {LEAST_IMU} at least, half a minute is better"
        )
    observer = observe(dataset, imu, until_ns, on_frame)
    out = Examination(
        dataset.name, float(times[-1] - times[0]) * 1e-9, dataset.rig, imu, times, observer
    )
    out.findings += check_clocks(
        imu,
        dataset.imu_noise.rate_hz,
        times,
        dataset.rig.left.rate_hz,
        observer.has_images,
    )
    out.findings.append(check_pairs(getattr(dataset, "stereo_apart_ns", np.empty(0, np.int64))))
    out.findings += check_axes(imu)
    out.findings += check_saturation(imu)
    if observer.has_images:
        out.findings += observer.pictures.findings()
    out.findings += _check_frame(dataset.rig)
    _check_geometry(out)
    out.rest = longest_rest(observer.pairs.pairs, imu)
    _check_force(out)
    out.findings += check_noise(imu, out.rest, dataset.imu_noise, config or ImuConfig())
    return out


def _check_geometry(out: Examination) -> None:
    """Add what cameras and gyroscope say about each other."""
    pairs = out.observer.pairs.pairs
    stuck = any(f.kind == "stuck_axis" and "gyroscope" in f.found for f in out.complaints)
    why = "an axis of the gyroscope is stuck" if stuck else ""
    alignment = out.alignment = check_alignment(pairs, out.imu, out.rig.left, why)
    out.findings += alignment.findings
    is_left_wrong = any(f.level == BAD and f.kind == "left_lens" for f in alignment.findings)
    left = corrected(out.rig.left, alignment.camera if is_left_wrong else None)
    rig = StereoRig(left, out.rig.right)
    matches = out.observer.matches()
    out.stereo = check_stereo_geometry(rig, matches, out.observer.searched, is_left_wrong)
    out.findings += out.stereo.findings


def _check_force(out: Examination) -> None:
    """Add what the accelerometer says, and what the odometry's watch named.

    The watch compares accelerations with poses from stereo: where stereo or the gyroscope's axes
    are wrong, so is that comparison, and it is left out.
    """
    norm = float("nan")
    if (fit := out.alignment.kept) is not None and out.alignment.is_sound:
        norm = rotated_gravity(out.imu, orientations(out.imu, fit.values[BIAS]))
    found = dict(out.observer.found)
    if not (out.stereo.is_sound and out.alignment.is_sound):
        found.pop("accel_axes", None)
    if not any(k in found for k in ("accel_units", "gravity_removed", "accel_scale")):
        rest = np.zeros(len(out.imu), bool)
        rest[out.rest] = True
        out.findings.append(check_gravity(out.imu, rest, norm))
    for kind, text in found.items():
        what, _, advice = text.partition("; ")
        out.findings.append(bad(kind, TITLES[kind], what, advice))


def _check_frame(rig: StereoRig) -> Iterator[Finding]:
    """Yield whether each principal point lies near the middle of its image."""
    kind = "resolution"
    for side, camera in (("left", rig.left), ("right", rig.right)):
        share = np.array([2.0 * camera.cx / camera.width, 2.0 * camera.cy / camera.height])
        text = (
            f"principal point ({camera.cx:.0f}, {camera.cy:.0f}) in images of {camera.width} x "
            f"{camera.height}"
        )
        low, high = FRAME_SHARE
        if ((share < low) | (share > high)).any():
            size = f"{2 * camera.cx:.0f} x {2 * camera.cy:.0f}"
            yield bad(
                kind, f"{side} resolution", text, "the intrinsics belong to another resolution "
                f"(about {size}), or the images were cut: scale or shift fx, fy, cx, cy",
            )  # fmt: skip
        else:
            yield good(kind, f"{side} resolution", text)


def longest_rest(pairs: list[ViewPair], imu: ImuData) -> slice:
    """Return the samples of the longest time without motion in images and gyroscope."""
    best, start_ns, end = (0, 0), None, 0
    for pair in [*pairs, None]:
        still = False
        if pair is not None and len(pair.uv0) >= 8:
            shift = np.median(pair.uv1 - pair.uv0, axis=0)
            still = float(np.hypot(*shift)) < STILL_MEAN_PX and pair.flow_px < STILL_PX
            still &= start_ns is None or pair.t0_ns == end
        if still and pair is not None:
            start_ns = pair.t0_ns if start_ns is None else start_ns
            end = pair.t1_ns
            if end - start_ns > best[1] - best[0]:
                best = (start_ns, end)
        else:
            start_ns = None
    a, b = np.searchsorted(imu.t_ns, best)
    rates = imu.gyro_rad_s[a:b]
    if b - a < 2 or np.abs(rates - np.median(rates, axis=0)).max() > STILL_RAD_S:
        return slice(0, 0)
    return slice(int(a), int(b))
