# SPDX-License-Identifier: Apache-2.0
"""How the body moves between a frame's stamp and its exposure, by the inertial samples there."""

from typing import NamedTuple

import numpy as np
from numba import njit

from vio.geometry import exp_so3, mul3, mul33


class Intervals(NamedTuple):
    """Hold inertial intervals, biases removed: dt_s (M,), gyro (M, 3), accel (M, 3)."""

    dt_s: np.ndarray
    gyro: np.ndarray
    accel: np.ndarray


NO_INTERVALS = Intervals(np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3)))


class Motion(NamedTuple):
    """Hold a body's motion over a time, in its first frame and without gravity.

    dR: (3, 3). dv: (3,) m/s. dp: (3,) m. rate: (3,) rad/s at the end, in the last frame.
    """

    dR: np.ndarray
    dv: np.ndarray
    dp: np.ndarray
    rate: np.ndarray


@njit(cache=True)
def move(
    time_s: float, dt_s: np.ndarray, gyro: np.ndarray, accel: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the parts of `Motion` over time_s, from intervals in the order of its direction.

    A negative time goes back. The last interval is held beyond its end.
    """
    dR, dv, dp = np.eye(3), np.zeros(3), np.zeros(3)
    left_s, k = abs(time_s), 0
    while left_s > 0.0:
        h = left_s if k == len(dt_s) - 1 else min(left_s, dt_s[k])
        left_s -= h
        h = h if time_s > 0.0 else -h
        half = exp_so3(gyro[k] * (0.5 * h))
        middle = mul33(dR, half)
        a = mul3(middle, accel[k])
        dp += dv * h + a * (0.5 * h * h)
        dv += a * h
        dR = mul33(middle, half)
        if left_s > 0.0:
            k += 1
    return dR, dv, dp, gyro[k].copy()


class Exposures:
    """Hold the inertial intervals before and after each frame, and the motion over an offset."""

    def __init__(self) -> None:
        self._before: dict[int, Intervals] = {}  # by slot
        self._after: dict[int, Intervals] = {}
        self._motions: dict[int, Motion] = {}
        self._time_s = 0.0  # of these motions

    def add(
        self, slot: int, last: int | None, before: Intervals, after: Intervals = NO_INTERVALS
    ) -> None:
        """Keep the intervals that lead from the frame in slot `last`, if any, to a new one.

        after: what is known behind the new one already.
        """
        self._before[slot], self._after[slot] = before, after
        self._motions.pop(slot, None)
        if last is not None:
            self._after[last] = before
            self._motions.pop(last, None)

    def motion(self, slot: int, time_s: float) -> Motion:
        """Return the motion from a frame's stamp over time_s.

        Where there are no samples on that side of the stamp, the nearest interval is held; without
        any, the body does not move.
        """
        if time_s != self._time_s:
            self._motions, self._time_s = {}, time_s
        if slot not in self._motions:
            self._motions[slot] = self._move(slot, time_s)
        return self._motions[slot]

    def _move(self, slot: int, time_s: float) -> Motion:
        after, before = self._after.get(slot), self._before.get(slot)
        sides = (after, before) if time_s >= 0.0 else (before, after)
        known = sides[0] if sides[0] is not None and len(sides[0].dt_s) else sides[1]
        if known is None or not len(known.dt_s):
            return Motion(np.eye(3), np.zeros(3), np.zeros(3), np.zeros(3))
        away = known if known is after else Intervals(*(x[::-1] for x in known))  # from the stamp
        if known is not sides[0]:
            away = Intervals(*(x[:1] for x in away))
        return Motion(*move(time_s, *(np.ascontiguousarray(x) for x in away)))
