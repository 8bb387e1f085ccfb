# SPDX-License-Identifier: Apache-2.0
"""The inertial block hls/imu.v, compiled by Verilator: `imu32.integrate` in hardware."""

from pathlib import Path

import numpy as np

from vio.float32.imu import STATE_WORDS
from vio.hw.hls.sequencer import SAMPLE, SHARED, START, SequencerBlock, source_texts

SOURCES = ("imu.v", "gen/imu_program.v", "gen/imu_program.vh", *SHARED)


class ImuBlock(SequencerBlock):
    """Hold the simulated block; an instance is an `imu32.Integrate`.

    seed: of the bits with which memories start. folder: of other generated files than hls/gen.
    """

    def __init__(self, seed: int = 1, folder: Path | None = None) -> None:
        super().__init__("imu", source_texts(SOURCES, folder), STATE_WORDS, seed)

    def __call__(self, setup: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Return the state (105,) after a START with `setup` (8,) and samples (N, 7)."""
        self.put(START, setup.astype(np.float32))
        for sample in samples.astype(np.float32):
            self.put(SAMPLE, sample)
        return self.read()
