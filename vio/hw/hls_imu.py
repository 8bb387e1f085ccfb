# SPDX-License-Identifier: Apache-2.0
"""From hls/imu.x to the generated files of hls/imu.v."""

from pathlib import Path

import numpy as np

from vio.float32.imu import SAMPLE_WORDS, SETUP_WORDS, STATE_WORDS, start
from vio.hw.hls.graph import Graph, graph_of
from vio.hw.hls.list_schedule import Program, Units, compile_program
from vio.hw.hls.microcode import header_text, program_text, sizes
from vio.hw.hls.xls import HLS, intermediate
from vio.hw.hls_units import ADDER_STAGES, MULTIPLIER_STAGES, ORIGIN, STAGES, unit_text

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


def main() -> None:
    """Write the files into hls/gen."""
    for name, text in imu_files(imu_program(imu_graph())).items():
        (HLS / "gen" / name).write_text(text)


if __name__ == "__main__":
    main()
