# SPDX-License-Identifier: Apache-2.0
"""The inertial samples that are still needed, and the poses predicted from them after a frame."""

import itertools
import math
import statistics
from collections import deque
from typing import NamedTuple

import numpy as np

from vio.config import ImuConfig
from vio.errors import VioError
from vio.geometry import quaternion_from_matrix
from vio.imu import intervals, propagate
from vio.saturation import ACCEL_SPREAD_M_S2, GYRO_SPREAD_RAD_S, RangeLimit


class ImuPose(NamedTuple):
    """Hold a pose predicted at an inertial sample: metres, wxyz, m/s."""

    t_ns: int
    p_world_body: np.ndarray
    q_world_body: np.ndarray
    v_world_body: np.ndarray


class _Motion(NamedTuple):
    """Hold the predicted motion at a time."""

    t_ns: int
    R_world_body: np.ndarray
    p_world_body: np.ndarray
    v_world_body: np.ndarray


class _Sample(NamedTuple):
    t_ns: int
    gyro: np.ndarray
    accel: np.ndarray
    is_saturated: bool


LONG = 2.5  # an interval longer than this many typical ones is a gap
TYPICAL = 101  # intervals whose median is the typical one


class ImuBuffer:
    """Collect inertial samples in order of time, cut them at frames, predict poses from them.

    counters: `imu_late`, `imu_invalid` and `imu_spike` samples that were dropped, `imu_saturated`
    samples at the end of the sensor's range, `frame_early` frames that came before the samples
    covered their time, `imu_gap` gaps longer than max_gap_s.
    """

    def __init__(self, config: ImuConfig) -> None:
        self.config = config
        self.max_gap_s = config.max_gap_s
        dropped = ("imu_late", "imu_invalid", "imu_spike")
        names = (*dropped, "imu_saturated", "frame_early", "imu_gap")
        self.counters = dict.fromkeys(names, 0)
        self._limits = RangeLimit(GYRO_SPREAD_RAD_S), RangeLimit(ACCEL_SPREAD_M_S2)
        self._samples: list[_Sample] = []
        self._periods_ns: deque[int] = deque(maxlen=TYPICAL)
        self._last_gap_ns: int | None = None
        self._motion: _Motion | None = None
        self._gyro_bias, self._accel_bias = np.zeros(3), np.zeros(3)  # of the prediction
        self._used = 0  # samples that the prediction has used

    def __len__(self) -> int:
        """Return how many samples are kept."""
        return len(self._samples)

    @property
    def until_ns(self) -> int | None:
        """Time of the newest sample, or None."""
        return self._samples[-1][0] if self._samples else None

    # Samples and frames -------------------------------------------------------------------------

    def add(self, t_ns: int, gyro_rad_s: np.ndarray, accel_m_s2: np.ndarray) -> ImuPose | None:
        """Keep one sample; return the pose predicted for it, or None while there is none.

        A sample that is not later than the last one, or not finite, is dropped and counted; so is
        one that proves to be a spike when the next one comes. Raises VioError for vectors that are
        not of shape (3,).
        """
        gyro = np.asarray(gyro_rad_s, np.float64)
        accel = np.asarray(accel_m_s2, np.float64)
        if gyro.shape != (3,) or accel.shape != (3,):
            raise VioError(
                f"an inertial sample has two vectors of shape (3,), got {gyro.shape} and "
                f"{accel.shape}"
            )
        if self._samples and t_ns <= self._samples[-1][0]:
            self.counters["imu_late"] += 1
            return None
        if not all(map(math.isfinite, (*gyro.tolist(), *accel.tolist()))):
            self.counters["imu_invalid"] += 1
            return None
        at_limit = [w.add(x) for w, x in zip(self._limits, (gyro, accel), strict=True)]
        sample = _Sample(int(t_ns), gyro, accel, any(at_limit))
        self.counters["imu_saturated"] += sample.is_saturated
        if self._samples:
            self._periods_ns.append(sample.t_ns - self._samples[-1].t_ns)
        if self._is_spike(sample):
            self._samples.pop()
            self.counters["imu_spike"] += 1
        self._samples.append(sample)
        return None if self._is_suspect() else self._propagate()

    def check_covers(self, t_ns: int) -> None:
        """Raise VioError when the samples end more than max_gap_s before a frame at t_ns.

        A frame that is less far ahead is counted; the last sample is held up to it.
        """
        if not self._samples:
            raise VioError(f"frame at {t_ns} ns came before any inertial sample; add those first")
        ahead_s = (t_ns - self._samples[-1][0]) * 1e-9
        if ahead_s > self.max_gap_s:
            raise VioError(
                f"frame at {t_ns} ns is {ahead_s:.3f} s ahead of the inertial data (at most "
                f"imu.max_gap_s = {self.max_gap_s} s); add the samples up to it first"
            )
        if ahead_s > 0.0:
            self.counters["frame_early"] += 1

    def intervals(
        self, start_ns: int | None, end_ns: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return dt_s (M,), gyro (M, 3), accel (M, 3) that cover two times (None: no interval)."""
        if start_ns is None:
            return np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3))
        samples = self._samples[:-1] if self._is_suspect() else self._samples
        t = np.array([s.t_ns for s in samples], np.int64)
        gyro = np.array([s.gyro for s in samples])
        accel = np.array([s.accel for s in samples])
        return intervals(t, gyro, accel, start_ns, end_ns)

    def bridged_s(self, start_ns: int | None, end_ns: int) -> float:
        """Return for how long between two times the samples do not tell the motion.

        They are interpolated or held over a gap, which is an interval much longer than the typical
        one (the median of the latest ones), or a sample at one or both ends is saturated.
        """
        if start_ns is None or not self._periods_ns:
            return 0.0
        limit_ns = LONG * statistics.median(self._periods_ns)
        ends = [(s.t_ns, s.is_saturated) for s in self._samples]
        ends = [(min(ends[0][0], start_ns), False), *ends, (max(ends[-1][0], end_ns), False)]
        bridged_ns = 0.0
        for (before, first), (after, last) in itertools.pairwise(ends):
            share = 1.0 if after - before > limit_ns else 0.5 * (first + last)
            if share:
                bridged_ns += share * max(0, min(after, end_ns) - max(before, start_ns))
        return bridged_ns * 1e-9

    def _is_spike(self, new: _Sample) -> bool:
        """Return whether the newest kept sample differs from both its neighbours, which agree."""
        if len(self._samples) < 2:
            return False
        before, middle = self._samples[-2:]
        for a, b, c, limit in (
            (before.gyro, middle.gyro, new.gyro, self.config.spike_gyro_rad_s),
            (before.accel, middle.accel, new.accel, self.config.spike_accel_m_s2),
        ):
            deviation = _norm(b - 0.5 * (a + c))
            if deviation > limit and deviation > 2.0 * _norm(c - a):
                return True
        return False

    def _is_suspect(self) -> bool:
        """Return whether the newest sample may be a spike: only the next one can tell."""
        if len(self._samples) < 2:
            return False
        before, newest = self._samples[-2:]
        return (
            _norm(newest.gyro - before.gyro) > self.config.spike_gyro_rad_s
            or _norm(newest.accel - before.accel) > self.config.spike_accel_m_s2
        )

    def gap_s(self, start_ns: int | None, end_ns: int) -> float:
        """Return the length of the first gap longer than max_gap_s that touches two times, or 0.

        Each gap is counted once.
        """
        gap = None if start_ns is None else self._gap_ns(start_ns, end_ns)
        if gap is None:
            return 0.0
        begin_ns, last_ns = gap
        self.counters["imu_gap"] += int(begin_ns != self._last_gap_ns)
        self._last_gap_ns = begin_ns
        return (last_ns - begin_ns) * 1e-9

    def _gap_ns(self, start_ns: int, end_ns: int) -> tuple[int, int] | None:
        """Return where the first gap between two times begins and ends, or None."""
        times = [s.t_ns for s in self._samples]
        # The buffer keeps samples before the last frame; the first one may have come later.
        ends = [min(times[0], start_ns), *times, max(times[-1], end_ns)]
        limit_ns = self.max_gap_s * 1e9
        for before, after in itertools.pairwise(ends):
            if after - before > limit_ns and before < end_ns and after > start_ns:
                return before, after
        return None

    def trim(self, t_ns: int) -> None:
        """Forget the samples before the last two that are not later than t_ns.

        The last one is needed for what follows; by the one before it, it can still prove a spike.
        """
        first = -1
        while first + 2 < len(self._samples) and self._samples[first + 2][0] <= t_ns:
            first += 1
        first = max(first, 0)
        del self._samples[:first]
        self._used = max(0, self._used - first)

    # Prediction ---------------------------------------------------------------------------------

    def predict_from(
        self,
        t_ns: int,
        R_world_body: np.ndarray,
        p_world_body: np.ndarray,
        v_world_body: np.ndarray,
        gyro_bias_rad_s: np.ndarray,
        accel_bias_m_s2: np.ndarray,
    ) -> None:
        """Predict poses from this motion on, with constant biases (3,)."""
        self._motion = _Motion(t_ns, R_world_body, p_world_body, v_world_body)
        self._gyro_bias, self._accel_bias = gyro_bias_rad_s, accel_bias_m_s2
        self._used = 0

    def stop_prediction(self) -> None:
        """Predict nothing until the next `predict_from`."""
        self._motion = None

    def _propagate(self) -> ImuPose | None:
        """Bring the prediction up to the newest sample; a long gap ends it."""
        if self._motion is None or len(self._samples) < 2:
            return None
        t_ns, R, p, v = self._motion
        if self._samples[-1][0] <= t_ns:
            return None
        for k in range(max(1, self._used), len(self._samples)):
            t1, w1, a1, _ = self._samples[k]
            if t1 <= t_ns:
                continue
            t0, w0, a0, _ = self._samples[k - 1]
            if (t1 - t0) * 1e-9 > self.max_gap_s:
                self.stop_prediction()
                return None
            rate = 0.5 * (w0 + w1) - self._gyro_bias
            force = 0.5 * (a0 + a1) - self._accel_bias
            R, p, v = propagate(R, p, v, rate, force, (t1 - t_ns) * 1e-9)
            t_ns = t1
        self._motion = _Motion(t_ns, R, p, v)
        self._used = len(self._samples)
        return ImuPose(t_ns, p, quaternion_from_matrix(R), v)


def _norm(x: np.ndarray) -> float:
    a, b, c = x.tolist()
    return math.sqrt(a * a + b * b + c * c)
