# SPDX-License-Identifier: Apache-2.0
"""The register blocks that documents, C header and SystemRDL are made of: chip, board, engine."""

from typing import NamedTuple

from vio.hw.registers.board import BOARD_BASE, board_map
from vio.hw.registers.engine_map import engine_map
from vio.hw.registers.map import Register, register_map


class Block(NamedTuple):
    """Hold the registers of one port; base: what SystemRDL takes off their addresses."""

    name: str  # in SystemRDL
    prefix: str  # of the names in the C header
    doc: str
    where: str  # before the kinds in the C header
    registers: list[Register]
    base: int = 0


def frontend_block() -> Block:
    """Return the front end's registers."""
    doc = "Vision front end, over AXI4-Lite"
    return Block("kestrel_frontend", "KESTREL", doc, "", register_map())


def board_block() -> Block:
    """Return a board's registers, at addresses of its host link."""
    where = "of the board, over its link: "
    doc = "A board around the chip"
    return Block("kestrel_board", "KESTREL_BOARD", doc, where, board_map(), BOARD_BASE)


def engine_block() -> Block:
    """Return the registers of the back end's engine."""
    where, doc = "of the back end's engine: ", "Vector engine of the back end, over AXI4-Lite"
    return Block("kestrel_engine", "KESTREL_ENGINE", doc, where, engine_map())


def blocks() -> tuple[Block, ...]:
    """Return all blocks, in the order of the documents."""
    return frontend_block(), board_block(), engine_block()
