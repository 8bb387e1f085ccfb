# SPDX-License-Identifier: Apache-2.0
"""The gyroscope against the rotation that the tracks show: units, axes, T_BS, time offset.

The rotations between visual poses and those of the gyroscope over the same times are compared over
some seconds, biases removed, under each explanation; one is named when it fits far better than the
data as given.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from vio.diagnosis.axes import (
    RATIO,
    SIGNED_PERMUTATIONS,
    angle_deg,
    axes_text,
    best_rotation,
    rms,
)
from vio.diagnosis.visual import VisualPose
from vio.geometry import log_so3

PAIRS = 150  # kept
LEAST_PAIRS = 10  # to compare
LEAST_RATE_RAD_S = 0.08  # root mean square of the rate's changes, below which nothing is said
MOST_NOISE = 0.4  # of the explained rates that an explanation may leave
MOST_LAG_S = 0.1
LAG_STEP_S = 0.005
LEAST_LAG_S = 0.008
LAG_SIGMAS = 6.0
LEAST_TILT_DEG = 8.0
DEG_PER_RAD = float(np.degrees(1.0))


class RotationPair(NamedTuple):
    """Hold the rotation vector (3,), left-camera axes, from the frame at t0_ns to that at t1_ns."""

    t0_ns: int
    t1_ns: int
    phi_cam: np.ndarray


class Comparison(NamedTuple):
    """Hold the mean rates (N, 3) in rad/s of N pairs: by vision and by the gyroscope, body axes.

    gyro_at: (L, N, 3), the gyroscope's with its time stamps moved by lags_s (L,).
    """

    vision: np.ndarray
    gyro: np.ndarray
    lags_s: np.ndarray
    gyro_at: np.ndarray
    duration_s: float


class RotationHistory:
    """Collect the camera's rotations from visual poses, and the gyroscope's angle."""

    def __init__(self, R_body_cam: np.ndarray) -> None:
        self.R_body_cam = R_body_cam
        self.pairs: deque[RotationPair] = deque(maxlen=PAIRS)
        # The integral of the rate (body axes) and the times of its values, in parts as they came.
        self._t_ns: list[np.ndarray] = []
        self._angle: list[np.ndarray] = []
        self._last: VisualPose | None = None

    def add_gyro(self, start_ns: int, dt_s: np.ndarray, gyro: np.ndarray) -> None:
        """Add intervals dt_s (M,) with mean rates gyro (M, 3) that follow start_ns."""
        if not self._t_ns or self._t_ns[-1][-1] != start_ns:
            self._t_ns, self._angle = [np.array([start_ns])], [np.zeros((1, 3))]
            self.pairs.clear()
        if not len(dt_s):
            return
        self._t_ns.append(start_ns + np.round(np.cumsum(dt_s) * 1e9).astype(np.int64))
        self._angle.append(self._angle[-1][-1] + np.cumsum(gyro * dt_s[:, None], axis=0))
        oldest = (self.pairs[0].t0_ns if self.pairs else start_ns) - 2 * MOST_LAG_S * 1e9
        while len(self._t_ns) > 1 and self._t_ns[0][-1] < oldest:
            del self._t_ns[0], self._angle[0]

    def add_pose(self, pose: VisualPose) -> None:
        """Add a visual pose; the one before it in its chain makes a pair with it."""
        last, self._last = self._last, pose
        if last is None or last.chain != pose.chain:
            return
        R = last.R_world_cam.T @ pose.R_world_cam
        self.pairs.append(RotationPair(last.t_ns, pose.t_ns, log_so3(np.ascontiguousarray(R))))

    def compare(self) -> Comparison | None:
        """Return the rates of all pairs, or None when there are too few."""
        if len(self.pairs) < LEAST_PAIRS or len(self._t_ns) < 2:
            return None
        t = np.concatenate(self._t_ns)
        margin = round(MOST_LAG_S * 1e9)
        t0 = np.array([p.t0_ns for p in self.pairs])
        t1 = np.array([p.t1_ns for p in self.pairs])
        inside = (t0 - margin >= t[0]) & (t1 + margin <= t[-1])
        if np.count_nonzero(inside) < LEAST_PAIRS:
            return None
        t0, t1 = t0[inside], t1[inside]
        dt_s = ((t1 - t0) * 1e-9)[:, None]
        phi = np.array([p.phi_cam for p in self.pairs])[inside]
        base = t[0]
        angle = np.concatenate(self._angle)
        lags = np.arange(-MOST_LAG_S, MOST_LAG_S + 1e-9, LAG_STEP_S)
        at = np.empty((len(lags), len(t0), 3))
        x = (t - base).astype(np.float64)
        for axis in range(3):
            for end, sign in ((t1, 1.0), (t0, -1.0)):
                moments = (end - base)[None, :] + lags[:, None] * 1e9
                value = sign * np.interp(moments, x, angle[:, axis])
                at[:, :, axis] = value if sign > 0.0 else at[:, :, axis] + value
        at /= dt_s
        vision = phi @ self.R_body_cam.T / dt_s
        middle = len(lags) // 2
        return Comparison(vision, at[middle], lags, at, float((t1[-1] - t0[0]) * 1e-9))


def name_fault(c: Comparison, R_body_cam: np.ndarray) -> tuple[str, str]:
    """Return the kind and the description of what is wrong with the gyroscope, or two empty texts.

    kind: "gyro_units", "gyro_axes" (also T_BS) or "time_offset".
    """
    v = c.vision - c.vision.mean(axis=0)
    g = c.gyro - c.gyro.mean(axis=0)
    rate = rms(v)
    given = rms(g - v)
    if max(rate, rms(g)) < LEAST_RATE_RAD_S:
        return "", ""
    if rate >= LEAST_RATE_RAD_S / 4.0 and (units := _units(v, g, c.duration_s)):
        return "gyro_units", units
    if rate < LEAST_RATE_RAD_S:
        return "", ""
    if given > MOST_NOISE / 2.0 * rate and (axes := _axes(v, g, given, rate, R_body_cam)):
        return "gyro_axes", axes
    if offset := _offset(c, v, given):
        return "time_offset", offset
    return "", ""


def _units(v: np.ndarray, g: np.ndarray, duration_s: float) -> str:
    """Return a description if the rates are in degrees, or the like, for any axes."""
    ratio = rms(g) / rms(v)
    for low, high, unit, todo in (
        (35.0, 95.0, "deg/s", "multiply it by pi/180"),
        (1.0 / 95.0, 1.0 / 35.0, "(rad/s) pi/180", "multiply it by 180/pi"),
    ):
        if low < ratio < high:
            return (
                f"the gyroscope is in {unit}: its rates are {ratio:.1f} times those of the images "
                f"over {duration_s:.1f} s (57.3 is deg/s for rad/s); {todo}"
            )
    return ""


def _offset(c: Comparison, v: np.ndarray, given: float) -> str:
    """Return a description if moving the time stamps explains the difference."""
    left = c.gyro_at - c.gyro_at.mean(axis=1, keepdims=True) - v
    errors = np.sqrt(np.einsum("lni,lni->l", left, left) / len(v))
    k = int(np.argmin(errors))
    if not 0 < k < len(errors) - 1:
        return ""
    e0, e1, e2 = (errors[k + d] ** 2 for d in (-1, 0, 1))
    curvature = e0 - 2.0 * e1 + e2
    if curvature <= 0.0:
        return ""
    lag_s = float(c.lags_s[k] + 0.5 * (e0 - e2) / curvature * LAG_STEP_S)
    slope2 = 0.5 * curvature / LAG_STEP_S**2  # mean square of the rate's derivative
    sigma_s = float(errors[k] / np.sqrt(slope2 * v.size))
    explained = given > 1.25 * errors[k] and errors[k] < MOST_NOISE * rms(v)
    if not explained or abs(lag_s) < max(LEAST_LAG_S, LAG_SIGMAS * sigma_s):
        return ""
    side = "early" if lag_s > 0.0 else "late"
    return (
        f"the stamps of the images are {1e3 * abs(lag_s):.0f} ms {side} against the inertial "
        f"sensor's (standard deviation {1e3 * sigma_s:.1f} ms, {len(v)} rotations over "
        f"{c.duration_s:.1f} s); correct them by {1e3 * lag_s:+.0f} ms"
    )


def _axes(v: np.ndarray, g: np.ndarray, given: float, rate: float, R_body_cam: np.ndarray) -> str:
    """Return a description if other axes or another T_BS explain the difference."""
    limit = min(RATIO * given, MOST_NOISE * rate)
    figures = f"the rates differ by {given:.2f} of {rate:.2f} rad/s"
    inverse = R_body_cam.T @ R_body_cam.T  # camera axes by the inverse: R' (R' v_body)
    if angle_deg(inverse) > LEAST_TILT_DEG and rms(g - v @ inverse.T) < limit:
        left = rms(g - v @ inverse.T)
        return (
            f"T_BS of the cameras is inverted: {figures} from those of the images, by {left:.2f} "
            "with the inverse; T_BS takes camera coordinates to body coordinates"
        )
    errors = [rms(g - v @ X.T) for X in SIGNED_PERMUTATIONS]
    k = int(np.argmin(np.round(errors, 3)))
    if k and errors[k] < limit:
        X = SIGNED_PERMUTATIONS[k]
        kind = "turned" if np.linalg.det(X) > 0.0 else "swapped or mirrored"
        return (
            f"the gyroscope's axes are {kind}: {figures} from those of the images, by "
            f"{errors[k]:.2f} if its (x, y, z) are {axes_text(X)} of the body; check the order and "
            "signs of the axes, or the rotation in T_BS"
        )
    X = best_rotation(v, g)
    left = rms(g - v @ X.T)
    if angle_deg(X) > LEAST_TILT_DEG and left < limit and _spans(v):
        return (
            f"the inertial sensor is turned by {angle_deg(X):.0f} deg against the cameras: "
            f"{figures} from those of the images, by {left:.2f} when turned; check the rotation in "
            "T_BS"
        )
    return ""


def _spans(v: np.ndarray) -> bool:
    """Return whether rates (N, 3) show rotation about two axes at least."""
    s = np.linalg.svd(v, compute_uv=False) / np.sqrt(len(v))
    return bool(s[1] > 0.15 * s[0])
