# SPDX-License-Identifier: Apache-2.0
"""Which preintegration a run uses: setting backend.imu."""

from functools import partial
from typing import Protocol

import numpy as np

from vio.errors import VioError
from vio.imu import ImuNoise, Preintegration, preintegrate

CHOICES = ("float", "numpy", "hls")


class Preintegrate(Protocol):
    """Sum up inertial intervals, as `vio.imu.preintegrate`."""

    def __call__(
        self,
        dt_s: np.ndarray,
        gyro_rad_s: np.ndarray,
        accel_m_s2: np.ndarray,
        gyro_bias: np.ndarray,
        accel_bias: np.ndarray,
        noise: ImuNoise,
        dtype: type[np.floating] = np.float64,
        /,
    ) -> Preintegration:
        """Return the sum; dtype: of its arrays."""
        ...


def make_preintegrate(choice: str) -> Preintegrate:
    """Return float: vio/imu.py; numpy: float32 in the order of the hardware; hls: the hardware.

    `hls` is the block hls/imu.v in Verilator, which gives the bits of `numpy`. Raises VioError for
    an unknown choice, and where the block cannot be built.
    """
    if choice == "float":
        return preintegrate
    if choice == "numpy":
        from vio.float32 import imu as imu32

        return imu32.preintegrate
    if choice == "hls":
        from vio.float32 import imu as imu32
        from vio.hw.hls.imu_block import ImuBlock

        return partial(imu32.preintegrate, integrate=ImuBlock())
    raise VioError(f"backend.imu {choice!r} is unknown; known: {', '.join(CHOICES)}")
