# SPDX-License-Identifier: Apache-2.0
"""The blocks around hls/sequencer.v: the inertial block, and each kernel that is no unit."""

from typing import Any

from vio.errors import VioError
from vio.hw.hls_imu import imu_graph, imu_program
from vio.hw.hls_kernels import KERNELS
from vio.hw.hls_results import measure_sequenced
from vio.hw.imu_block import SOURCES
from vio.hw.kernel_block import SEQUENCED, kernel_program, kernel_texts
from vio.hw.sequencer_block import source_texts
from vio.imu32 import SAMPLE_WORDS

READ_CLOCKS = (1, 5)  # of a READ: its word, and each result
NAMES = ("imu", *SEQUENCED)


def clocks_of(name: str) -> int:
    """Return the clocks of a sample of the inertial block, or of a kernel's call with its READ."""
    if name == "imu":
        return SAMPLE_WORDS + imu_program(imu_graph()).length
    kernel = KERNELS[name]
    first, each = READ_CLOCKS
    return kernel.inputs + kernel_program(name).length + first + each * len(kernel.results)


def measure(name: str, seeds: list[int]) -> dict[str, Any]:
    """Return the entry of a block for hls/results.json; raises VioError for an unknown name."""
    if name not in NAMES:
        raise VioError(f"no block {name}; there are {', '.join(NAMES)}")
    if name == "imu":
        texts, program = source_texts(SOURCES), imu_program(imu_graph())
        return measure_sequenced(name, "imu", texts, program, clocks_of(name), seeds)
    texts, program = kernel_texts(name), kernel_program(name)
    return measure_sequenced(name, "kernel", texts, program, clocks_of(name), seeds)
