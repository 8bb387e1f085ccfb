# SPDX-License-Identifier: Apache-2.0
"""Find the samples of an inertial sensor that stand at the end of its range.

The range is not in the calibration, so it is found in the data: a signal cut off at a limit takes
exactly this value again and again, and never a larger one. A signal that has not been cut off
passes its largest value once.
"""

import math

import numpy as np

REPEATS = 5  # samples at the largest value so far, exactly, that make it a limit
# How far from its mean a value must be to count as the end of a sensor's range.
GYRO_SPREAD_RAD_S, ACCEL_SPREAD_M_S2 = 0.2, 1.0
MEMORY = 200  # samples over which the mean is forgotten


class RangeLimit:
    """Watch the three axes of one sensor for a limit of each, causally.

    spread: how far a value must be from its axis' recent mean to count, so that a sensor at rest
    whose noise is smaller than its resolution is not at a limit.
    """

    def __init__(self, spread: float) -> None:
        self._spread = spread
        self._largest = [0.0, 0.0, 0.0]
        self._repeats = [0, 0, 0]
        self._mean: list[float] | None = None

    def add(self, values: np.ndarray) -> bool:
        """Return whether a sample (3,) stands at a limit known by now."""
        sample: list[float] = values.tolist()
        if self._mean is None:
            self._mean = sample[:]
        mean, saturated = self._mean, False
        for axis, value in enumerate(sample):
            size = math.fabs(value)
            if size > self._largest[axis]:
                self._largest[axis], self._repeats[axis] = size, 0
            if size == self._largest[axis] and math.fabs(value - mean[axis]) > self._spread:
                self._repeats[axis] += 1
                saturated |= self._repeats[axis] >= REPEATS
            mean[axis] += (value - mean[axis]) / MEMORY
        return saturated
