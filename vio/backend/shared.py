# SPDX-License-Identifier: Apache-2.0
"""States that all frames of a window share: here none; vio/backend/calibrated.py has some."""

from collections.abc import Callable

import numpy as np

from vio.backend.exposure import Intervals
from vio.data import Calibration


class SharedStates:
    """Say that there are no shared states, wherever the window would have to treat them."""

    R: np.ndarray
    vec: np.ndarray
    lm: np.ndarray

    def save(self) -> tuple[np.ndarray, ...]:
        """Return what a step changes."""
        return self.R.copy(), self.vec.copy(), self.lm.copy()

    def restore(self, saved: tuple[np.ndarray, ...]) -> None:
        """Take a step back."""
        self.R[:], self.vec[:], self.lm[:] = saved

    @property
    def extra_columns(self) -> int:
        """Columns of the linear system before those of the frames."""
        return 0

    def calibration(self, keep: bool = True) -> Calibration | None:
        """Return the estimated calibration, or None; keep: the next window starts there."""
        return None

    def note_motion(
        self, slot: int, before: Intervals, after: Intervals, biases: np.ndarray
    ) -> None:
        """Take note of the inertial intervals up to a frame and behind it, biases (6,)."""

    @property
    def starting_sigma(self) -> np.ndarray:
        """Return the deviations (7,) that the calibration starts with; 0: not estimated."""
        return np.zeros(7)

    def start_time_offset(self, offset_s: float, sigma_s: float) -> None:
        """Begin with a time offset that was found otherwise, and with its deviation."""

    def start_shared_prior(self, A: np.ndarray, m: int, columns: np.ndarray) -> int:
        """Write the prior that the shared states start with to A from row m; return the next."""
        return m

    def add_shared_columns(
        self, A: np.ndarray, pose_column: np.ndarray, columns: np.ndarray
    ) -> None:
        """Fill the shared states' columns of visual rows A from those of the poses."""

    def shared_difference(self) -> np.ndarray:
        """Return the difference of the shared states from their first estimates."""
        return np.zeros(0)

    def shed(self, remove: Callable[[], None]) -> None:
        """Call `remove`, which takes frames out, and keep what it would lose of shared states."""
        remove()
