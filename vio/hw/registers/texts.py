# SPDX-License-Identifier: Apache-2.0
"""Every text that is generated from the register maps, in the order of `vio hw registers`."""

from vio.config import HwConfig
from vio.hw.registers.blocks import blocks
from vio.hw.registers.documents import c_header, document
from vio.hw.registers.engine_verilog import engine_verilog
from vio.hw.registers.rdl import systemrdl
from vio.hw.registers.verilog import registers_verilog


def generated_texts(hw: HwConfig) -> tuple[str, ...]:
    """Return registers.v, the document, the C header, the SystemRDL, and engine_registers.v."""
    chosen = blocks()
    return (
        registers_verilog(hw),
        document(hw, chosen),
        c_header(hw, chosen),
        systemrdl(hw, chosen),
        engine_verilog(),
    )
