# SPDX-License-Identifier: Apache-2.0
"""Rates, jitter and gaps of the stamps; left against right."""

from collections.abc import Iterator

import numpy as np

from vio.config import Config
from vio.data import ImuData
from vio.diagnosis.recording.finding import Finding, bad, good, undetermined

LEAST_STAMPS = 10
WRONG_RATE = 0.05  # relative difference of the measured rate from the calibration's
# Of the interval: beyond a quarter, a stamp hardly says which interval a sample belongs to.
# Stamps by the clock of the sensor are 10 times better, stamps of arrival are often worse.
JITTER_SHARE = 0.25
GAP = 1.5  # intervals; one sample is missing
LOST_SHARE = 0.05
CAMERA_GAP_S = 0.5  # longer than keyframe.max_age_s: no track survives
# At 1 rad/s and 460 pixels a millisecond moves a point by half a pixel, an observation's noise.
STAMPS_APART_MS = 1.0


def check_stamps(
    what: str, kind: str, t_ns: np.ndarray, stated_hz: float, longest_gap_s: float
) -> Iterator[Finding]:
    """Yield rate, jitter and gaps of stamps (N,); kind: the first word of the findings' kinds."""
    if len(t_ns) < LEAST_STAMPS:
        yield undetermined(f"{kind}_rate", f"{what} rate", f"only {len(t_ns)} stamps")
        return
    steps = np.diff(t_ns) * 1e-9
    step = float(np.median(steps))
    rate = 1.0 / step
    span_s = float(t_ns[-1] - t_ns[0]) * 1e-9
    figures = f"{rate:.2f} Hz over {span_s:.1f} s, the calibration states {stated_hz:g} Hz"
    if abs(rate / stated_hz - 1.0) > WRONG_RATE:
        yield bad(
            f"{kind}_rate", f"{what} rate", figures,
            "correct rate_hz, or find why samples are lost or repeated", rate_hz=rate,
        )  # fmt: skip
    else:
        yield good(f"{kind}_rate", f"{what} rate", figures, rate_hz=rate)
    regular = steps[steps < GAP * step]
    jitter = float(np.percentile(np.abs(regular - step), 95.0)) if len(regular) else 0.0
    text = f"95 % of the intervals within {1e3 * jitter:.3f} ms of {1e3 * step:.3f} ms"
    if jitter > JITTER_SHARE * step:
        yield bad(
            f"{kind}_jitter", f"{what} jitter", text,
            "stamp by the sensor's clock or at its interrupt, not when data arrive; for bags "
            "--stamps header", jitter_s=jitter,
        )  # fmt: skip
    else:
        yield good(f"{kind}_jitter", f"{what} jitter", text, jitter_s=jitter)
    gaps = steps[steps > GAP * step + 2.0 * jitter]  # late stamps alone leave no sample out
    lost = float(np.sum(np.round(gaps / step) - 1.0))
    share = lost / (lost + len(t_ns))
    longest = float(steps.max())
    text = f"{len(gaps)} gaps, {lost:.0f} samples missing ({100 * share:.1f} %)"
    if len(gaps):
        at_s = float(t_ns[int(np.argmax(steps))] - t_ns[0]) * 1e-9
        text += f", the longest {longest:.3f} s at {at_s:.2f} s"
    if len(gaps) and (longest > longest_gap_s or share > LOST_SHARE):
        yield bad(
            f"{kind}_gaps", f"{what} gaps", text,
            "look for full buffers, a slow disk or a loose cable; raise the recorder's queues",
            longest_s=longest, lost=lost,
        )  # fmt: skip
    else:
        yield good(f"{kind}_gaps", f"{what} gaps", text, longest_s=longest, lost=lost)


def check_clocks(
    imu: ImuData, imu_hz: float, frame_t_ns: np.ndarray, camera_hz: float, has_images: bool
) -> Iterator[Finding]:
    """Yield the findings on the stamps of the inertial sensor and the cameras.

    has_images: without them (recorded tracks), frames in which no corner was found are not listed,
    and gaps say nothing about the camera.
    """
    yield from check_stamps("inertial", "imu", imu.t_ns, imu_hz, Config().imu.max_gap_s)
    for finding in check_stamps("camera", "camera", frame_t_ns, camera_hz, CAMERA_GAP_S):
        if finding.kind == "camera_gaps" and not has_images:
            yield undetermined(
                finding.kind, finding.what, f"{finding.found}; recorded tracks leave frames out "
                "that show no corner", figures=finding.figures,
            )  # fmt: skip
        else:
            yield finding


def check_pairs(apart_ns: np.ndarray) -> Finding:
    """Return how far the stamps of left and right images lie apart, right - left (N,)."""
    kind, what = "stereo_stamps", "left-right stamps"
    if not len(apart_ns):
        return undetermined(kind, what, "the recording does not give them one by one")
    middle = float(np.median(apart_ns)) * 1e-6
    spread = float(np.percentile(np.abs(apart_ns - np.median(apart_ns)), 95.0)) * 1e-6
    text = f"cam1 - cam0 {middle:+.3f} ms in the median, 95 % within {spread:.3f} ms of it"
    if abs(middle) > STAMPS_APART_MS or spread > STAMPS_APART_MS:
        return bad(
            kind, what, text,
            "trigger both cameras by one signal; if they are, and only stamped apart, set "
            f"dataset.right_offset_ms={middle:.3f}", offset_ms=middle, spread_ms=spread,
        )  # fmt: skip
    return good(kind, what, text, offset_ms=middle, spread_ms=spread)
