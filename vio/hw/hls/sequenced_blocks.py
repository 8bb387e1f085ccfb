# SPDX-License-Identifier: Apache-2.0
"""The blocks of hls/ by name: around hls/sequencer.v the inertial block and the kernels; units."""

from typing import Any

from vio.errors import VioError
from vio.float32.imu import SAMPLE_WORDS
from vio.hw.hls.blocks import BLOCKS, GEN, lane_texts, verilog
from vio.hw.hls.imu_block import SOURCES, imu_files, imu_graph, imu_program
from vio.hw.hls.kernel_block import SEQUENCED, kernel_program, kernel_texts
from vio.hw.hls.kernels import KERNELS
from vio.hw.hls.results import measure_sequenced
from vio.hw.hls.sequencer import source_texts

READ_CYCLES = (1, 5)  # of a READ: its word, and each result
NAMES = ("imu", *SEQUENCED)


def cycles_of(name: str) -> int:
    """Return the cycles of a sample of the inertial block, or of a kernel's call with its READ."""
    if name == "imu":
        return SAMPLE_WORDS + imu_program(imu_graph()).length
    kernel = KERNELS[name]
    first, each = READ_CYCLES
    return kernel.inputs + kernel_program(name).length + first + each * len(kernel.results)


def generated_files() -> dict[str, str]:
    """Return the files of hls/gen, {name: text}, from the DSLX; raises VioError without XLS."""
    units = {f"{name}.v": verilog(block) for name, block in BLOCKS.items()}
    return {**units, **lane_texts(), **imu_files(imu_program(imu_graph()))}


def block_texts(name: str) -> tuple[str, dict[str, str]]:
    """Return the top module of a block, and its Verilog by file; raises VioError if unknown."""
    if name in BLOCKS:
        return name, {f"{name}.v": (GEN / f"{name}.v").read_text()}
    if name == "imu":
        return "imu", source_texts(SOURCES)
    if name in SEQUENCED:
        return "kernel", kernel_texts(name)
    raise VioError(f"no block {name}; there are {', '.join([*BLOCKS, *NAMES])}")


def measure(name: str, seeds: list[int]) -> dict[str, Any]:
    """Return the entry of a block for hls/results.json; raises VioError for an unknown name."""
    if name not in NAMES:
        raise VioError(f"no block {name}; there are {', '.join(NAMES)}")
    top, texts = block_texts(name)
    program = imu_program(imu_graph()) if name == "imu" else kernel_program(name)
    return measure_sequenced(name, top, texts, program, cycles_of(name), seeds)
