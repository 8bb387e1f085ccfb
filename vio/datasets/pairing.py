# SPDX-License-Identifier: Apache-2.0
"""Check and pair the clocks of a recording: left and right, images, inertial data and truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vio.datasets.base import add_warning
from vio.errors import VioError
from vio.trajectory import nearest_index

# Stamps nearer than this share of the frame interval belong to one pair; 2.5 ms at 20 Hz.
PAIR_SHARE = 0.05
# At 3 rad/s and a focal length of 460 pixels, 0.1 ms between the shutters moves a point 0.14 pixel:
# what differs by more is named.
NOTED_NS = 100_000
_INTERVAL_NS = 50_000_000  # of recordings too short to have one


@dataclass(frozen=True)
class Pairing:
    """Hold N frames: t_ns (N,); left, right (N,) index the cameras' lists, -1 for none.

    apart_ns: (M,), right stamp - left stamp of the M frames with both.
    """

    t_ns: np.ndarray
    left: np.ndarray
    right: np.ndarray
    apart_ns: np.ndarray


def seconds(ns: float) -> str:
    """Return nanoseconds as seconds for a message."""
    return f"{ns / 1e9:.3f} s"


def span(t_ns: np.ndarray) -> str:
    """Return the first and last time in nanoseconds, and the duration, for a message."""
    return f"{t_ns[0]} to {t_ns[-1]} ({seconds(t_ns[-1] - t_ns[0])})"


def pair_cameras(times: tuple[np.ndarray, np.ndarray], where: str, warnings: list[str]) -> Pairing:
    """Return the frames of two cameras: nearest stamps are one pair, others become mono frames.

    Stamps of a pair differ by at most PAIR_SHARE of the frame interval, each the other's nearest;
    the pair takes the left stamp. Where they differ by more than NOTED_NS, one warning gives the
    median offset and the jitter. Raises VioError when fewer than half of the shorter list's stamps
    have a partner, giving the median offset: the cameras are not synchronised.
    """
    left, right = times
    match = nearest_index(left, right)  # for each right stamp
    back = nearest_index(right, left)
    offset = right - left[match]
    tolerance = _tolerance_ns(times)
    good = (np.abs(offset) <= tolerance) & (back[match] == np.arange(len(right)))
    if good.sum() * 2 < min(len(left), len(right)):
        if left[0] > right[-1] or right[0] > left[-1]:
            raise VioError(
                f"{where}: cam0 covers {span(left)} and cam1 {span(right)}: they do not overlap; "
                "check that both come from one recording and count time in the same unit"
            )
        late_ms = float(np.median(offset)) / 1e6
        raise VioError(
            f"{where}: the cameras are not synchronised: only {good.sum()} of {len(right)} cam1 "
            f"stamps are within {tolerance / 1e6:.3g} ms of a cam0 stamp; the median offset "
            f"cam1 - cam0 is {late_ms:+.3f} ms; trigger both cameras together, or give the offset "
            f"if they fired together (--set dataset.right_offset_ms={late_ms:.3f})"
        )
    _note_offset(offset[good], warnings)
    partner = np.full(len(left), -1, np.int64)
    partner[match[good]] = np.flatnonzero(good)
    alone = np.flatnonzero(~good)
    t_ns = np.concatenate([left, right[alone]])
    order = np.argsort(t_ns, kind="stable")
    for name, other, stamps in (
        ("cam0", "cam1", left[partner < 0]),
        ("cam1", "cam0", right[alone]),
    ):
        for t in stamps:
            why = f"{name} has an image then, {other} lists none"
            message = f"frame {t} is processed as a mono frame: {why}"
            add_warning(warnings, message)
    return Pairing(
        t_ns[order],
        np.concatenate([np.arange(len(left)), np.full(len(alone), -1)])[order],
        np.concatenate([partner, alone])[order],
        offset[good],
    )


def single_camera(t_ns: np.ndarray) -> Pairing:
    """Return the frames of one camera with the stamps t_ns (N,)."""
    count = len(t_ns)
    return Pairing(t_ns, np.arange(count), np.full(count, -1), np.empty(0, np.int64))


def on_imu_clock(
    times: Sequence[np.ndarray], shift_ns: tuple[int, ...], warnings: list[str]
) -> list[np.ndarray]:
    """Return the stamps (N,) of each camera with its shift to the inertial clock added.

    One warning gives the shifts, where they are longer than NOTED_NS: poses then have other stamps
    than the images.
    """
    if max(map(abs, shift_ns), default=0) > NOTED_NS:
        of = ", ".join(f"cam{i} {s / 1e6:+.3f} ms" for i, s in enumerate(shift_ns[: len(times)]))
        add_warning(
            warnings,
            f"the images' stamps are moved onto the inertial clock by the camchain's "
            f"timeshift_cam_imu: {of}; poses have the moved stamps",
        )
    return [t + s for t, s in zip(times, shift_ns, strict=False)]


def shifted(right_t_ns: np.ndarray, late_ms: float) -> np.ndarray:
    """Return the right camera's stamps (N,) with what they are late by taken off.

    Raises VioError when that is half of the frame interval or more: which frames belong together
    would be open.
    """
    step = float(np.median(np.diff(right_t_ns))) if len(right_t_ns) > 1 else _INTERVAL_NS
    if not abs(late_ms) * 1e6 < 0.5 * step:
        raise VioError(
            f"dataset.right_offset_ms = {late_ms:g} is not less than half of the frame interval of "
            f"{step / 1e6:.3f} ms; give what cam1's stamps are late by, in milliseconds"
        )
    return right_t_ns - round(late_ms * 1e6)


def _tolerance_ns(times: tuple[np.ndarray, np.ndarray]) -> float:
    """Return by how much the stamps of one pair may differ."""
    steps = [float(np.median(np.diff(t))) for t in times if len(t) > 1]
    return PAIR_SHARE * min(steps, default=_INTERVAL_NS)


def _note_offset(offset_ns: np.ndarray, warnings: list[str]) -> None:
    """Add a warning when the stamps of pairs (N,) differ by so much that it shows in pixels."""
    if not len(offset_ns) or np.abs(offset_ns).max() <= NOTED_NS:
        return
    median = float(np.median(offset_ns))
    jitter = float(np.median(np.abs(offset_ns - median)))
    add_warning(
        warnings,
        f"the stamps of cam1 differ from those of cam0: median {median / 1e6:+.3f} ms, jitter "
        f"{jitter / 1e6:.3f} ms (median deviation), at most {np.abs(offset_ns).max() / 1e6:.3f} "
        "ms; they are taken as fired together",
    )


def check_against_imu(
    frame_t_ns: np.ndarray, imu_t_ns: np.ndarray, where: str, warnings: list[str]
) -> None:
    """Check that inertial samples cover the frames and come faster than they do.

    Raises VioError when the spans don't overlap or the IMU is slower than the camera; frames
    outside of the inertial data and gaps in it are added to warnings.
    """
    if imu_t_ns[0] > frame_t_ns[-1] or frame_t_ns[0] > imu_t_ns[-1]:
        raise VioError(
            f"{where}: the inertial data covers {span(imu_t_ns)}, the images {span(frame_t_ns)}: "
            "they do not overlap; check that both come from one recording and one clock"
        )
    if len(frame_t_ns) > 1 and len(imu_t_ns) > 1:
        camera_ns = float(np.median(np.diff(frame_t_ns)))
        imu_ns = float(np.median(np.diff(imu_t_ns)))
        if imu_ns >= camera_ns:
            raise VioError(
                f"{where}: the IMU ({1e9 / imu_ns:.1f} Hz) is not faster than the cameras "
                f"({1e9 / camera_ns:.1f} Hz); record it at 100 Hz or more, or drop images"
            )
        gaps = np.flatnonzero(np.diff(imu_t_ns) > 5.0 * imu_ns)
        if len(gaps):
            longest = gaps[np.argmax(np.diff(imu_t_ns)[gaps])]
            add_warning(
                warnings,
                f"the inertial data has {len(gaps)} gap(s); the longest lasts "
                f"{seconds(imu_t_ns[longest + 1] - imu_t_ns[longest])} after {imu_t_ns[longest]}",
            )
    before = int((frame_t_ns < imu_t_ns[0]).sum())
    after = int((frame_t_ns > imu_t_ns[-1]).sum())
    if before or after:
        add_warning(
            warnings,
            f"{before} frame(s) lie before the first inertial sample and {after} after the last",
        )


def check_overlap(frame_t_ns: np.ndarray, truth_t_ns: np.ndarray, where: str) -> None:
    """Raise VioError with both spans when the ground truth covers no frame's time."""
    if truth_t_ns[0] > frame_t_ns[-1] or frame_t_ns[0] > truth_t_ns[-1]:
        gap = max(truth_t_ns[0] - frame_t_ns[-1], frame_t_ns[0] - truth_t_ns[-1])
        raise VioError(
            f"{where}: the ground truth covers {span(truth_t_ns)}, the images {span(frame_t_ns)}: "
            f"they do not overlap (gap {seconds(gap)}); check that it belongs to this recording "
            "and counts time from the same clock"
        )
