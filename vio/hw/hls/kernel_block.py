# SPDX-License-Identifier: Apache-2.0
"""A kernel of hls/ as hardware: its program for hls/kernel.v, compiled by Verilator."""

from collections.abc import Mapping
from functools import cache

import numpy as np

from vio.hw.hls.blocks import ADDER_STAGES, MULTIPLIER_STAGES
from vio.hw.hls.graph import Graph, graph_of
from vio.hw.hls.kernels import KERNELS, Kernel
from vio.hw.hls.list_schedule import Program, Units, compile_program
from vio.hw.hls.microcode import header_text, program_text, sizes
from vio.hw.hls.sequencer import SHARED, START, SequencerBlock, source_texts
from vio.hw.hls.xls import HLS, adapter, intermediate

UNITS = Units(1, 1, ADDER_STAGES, MULTIPLIER_STAGES, dividers=1, logics=1)
SETUP_WORDS = 1  # of a START: ignored
SEQUENCED = tuple(name for name in KERNELS if name != "float")  # that are units themselves


def kernel_graph(kernel: Kernel) -> Graph:
    """Return the operations of one call; raises VioError without XLS."""
    text = adapter(kernel.body, kernel.inputs, len(kernel.results), kernel.imports)
    return graph_of(intermediate(text, "words", folder=HLS), "__words__words")


@cache
def kernel_program(name: str, units: Units = UNITS) -> Program:
    """Return the schedule of one call of a kernel of `KERNELS`."""
    return compile_program(kernel_graph(KERNELS[name]), units, (), offset=SETUP_WORDS)


def kernel_texts(name: str, program: Program | None = None) -> dict[str, str]:
    """Return the Verilog of a kernel's block, by file; program: another than its own."""
    program = program or kernel_program(name)
    values = sizes(program, SETUP_WORDS, KERNELS[name].inputs)
    origin = f"vio hw hls {name}"
    zeros = [0] * len(program.state)
    return {
        **source_texts(("kernel.v", *SHARED)),
        "kernel_program.vh": header_text(values, origin),
        "kernel_program.v": program_text("kernel", program, zeros, values, origin),
    }


class KernelBlock(SequencerBlock):
    """Hold the simulated block of a kernel, ready for calls; texts: other Verilog than its own."""

    def __init__(self, name: str, seed: int = 1, texts: Mapping[str, str] | None = None) -> None:
        super().__init__("kernel", texts or kernel_texts(name), len(KERNELS[name].results), seed)
        self.begin()

    def begin(self) -> None:
        """Write the constants: once after a reset."""
        self.put(START, np.zeros(SETUP_WORDS, np.uint32))
