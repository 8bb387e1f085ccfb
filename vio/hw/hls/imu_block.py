# SPDX-License-Identifier: Apache-2.0
"""The inertial block hls/imu.v: its program from hls/imu.x, and its simulation by Verilator."""

from pathlib import Path

import numpy as np

from vio.float32.imu import SAMPLE_WORDS, SETUP_WORDS, STATE_WORDS, start
from vio.hw.hls.blocks import ADDER_STAGES, MULTIPLIER_STAGES, ORIGIN, STAGES, unit_text
from vio.hw.hls.graph import Graph, graph_of
from vio.hw.hls.list_schedule import Program, Units, compile_program
from vio.hw.hls.microcode import header_text, program_text, sizes
from vio.hw.hls.sequencer import SAMPLE, SHARED, START, SequencerBlock, source_texts
from vio.hw.hls.xls import HLS, intermediate

SOURCES = ("imu.v", "gen/imu_program.v", "gen/imu_program.vh", *SHARED)
UNITS = Units(2, 2, ADDER_STAGES, MULTIPLIER_STAGES)  # of the files in hls/gen


def imu_graph(folder: Path = HLS) -> Graph:
    """Return the operations of one sample; raises VioError without XLS."""
    ir = intermediate((folder / "imu.x").read_text(), "imu", folder=folder)
    return graph_of(ir, "__imu__imu")


def imu_program(graph: Graph, units: Units = UNITS) -> Program:
    """Return the schedule of one sample: the state first among inputs, the others from the host."""
    return compile_program(graph, units, range(STATE_WORDS))


def imu_files(program: Program, folder: Path = HLS) -> dict[str, str]:
    """Return the generated files: name and text."""
    values = sizes(program, SETUP_WORDS, SAMPLE_WORDS)
    first = [int(word) for word in start().view(np.uint32)]
    return {
        "imu_program.vh": header_text(values, ORIGIN),
        "imu_program.v": program_text("imu", program, first, values, ORIGIN),
        **{f"unit_{name}.v": unit_text(name, folder=folder) for name in STAGES},
    }


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
