# SPDX-License-Identifier: Apache-2.0
"""The one source of numbers for the Verilog: a configuration as a file of localparams.

The file is included inside modules, so that it holds plain `localparam`s (Verilog-2005): the bounds
of HwConfig, the sizes that follow from them, every format of vio/fixed/formats.py as NAME_BITS,
NAME_FRAC and NAME_SIGNED, the constants of the kernels, and the ROM of the window's weights.
"""

import dataclasses
from typing import NamedTuple

from vio.config import Config
from vio.fixed import corners, klt, predict, ransac, rectify, stereo_registers, stereo_search
from vio.fixed.codec import get_codec
from vio.fixed.formats import formats
from vio.hw.estimates.memory import BANKS, geometry

# Widths of ports. A name must be declared before it is used, a port's width too: these stand in the
# parameter list of a module that needs them, and no instance sets them.
_PORT_WIDTHS = {
    "W_TRACK": "TRACK_BITS",
    "W_TRACK_COUNT": "TRACK_COUNT_BITS",
    "W_ITERATION": "ITERATION_BITS",
    "W_DRAW": "DRAW_BITS",
    "W_TILE": "TILE_BITS",
    "W_SCALE": "SCALE_BITS",
    "W_CORNER_SCORE": "CORNER_SCORE_BITS",
}

# Fields of HwConfig whose localparam has another name.
_LOCALPARAMS = {"max_hypotheses": "MAX_DRAWS"}


class Param(NamedTuple):
    """Hold one localparam; bits: width of a wide constant, None for a plain integer."""

    name: str
    value: int
    comment: str = ""
    bits: int | None = None

    @property
    def text(self) -> str:
        """The Verilog text, without the comment."""
        if self.bits is None:
            return f"localparam {self.name} = {self.value};"
        return f"localparam [{self.bits - 1}:0] {self.name} = {self.bits}'h{self.value:x};"


def index_bits(count: int) -> int:
    """Return the bits of an index below `count`."""
    return max((count - 1).bit_length(), 1)


def bounds(config: Config) -> list[Param]:
    """Return the fields of HwConfig; what names a format or a codec comes with those."""
    skipped = {f"{name}_frac" for name in formats(config.hw)} | {"clock_mhz"}
    return [
        Param(_LOCALPARAMS.get(field.name, field.name.upper()), getattr(config.hw, field.name))
        for field in dataclasses.fields(config.hw)
        if field.name not in skipped and isinstance(getattr(config.hw, field.name), int)
    ] + [Param("CLOCK_KHZ", round(config.hw.clock_mhz * 1000))]


def _limits(config: Config, tiles: int) -> list[Param]:
    """Return what registers may hold at least and at most, where no bound says so."""
    hw = config.hw
    # tile_candidates clears a tile a cycle, before the first score: six rows and 31 cycles.
    cleared = -(-max(tiles - 31, 0) // 6)
    return [
        Param("MIN_WIDTH", max(32, -(-cleared // 16) * 16), "pixels, a multiple of 16"),
        Param("MIN_HEIGHT", 32),
        Param("MIN_BORDER", 4, "of the scores' windows"),
        Param("MAX_BORDER", 2 * hw.tile_px - 1, "the first corners lie in the second tile at last"),
        Param("MAX_REACH_U", hw.max_stereo_width // 2),
        Param("MAX_REACH_V", hw.max_stereo_height // 2),
    ]


def sizes(config: Config) -> list[Param]:
    """Return what follows from the bounds: index widths, tiles, levels, words of the buffers."""
    hw, g = config.hw, geometry(config)
    params = [
        Param("COLUMN_BITS", index_bits(hw.max_width), "of a pixel's column"),
        Param("ROW_BITS", index_bits(hw.max_height), "of a pixel's row"),
        Param("TRACK_BITS", index_bits(hw.max_tracks), "of an index of the track table"),
        Param("TRACK_COUNT_BITS", hw.max_tracks.bit_length(), "of a number of tracks"),
        Param("LEVEL_BITS", index_bits(hw.max_levels)),
        Param("ITERATION_BITS", hw.max_iterations.bit_length(), "of a number of iterations"),
        Param("DRAW_BITS", index_bits(hw.max_hypotheses)),
        Param("SEARCH_BITS", index_bits(hw.search_columns)),
        Param("LENS_BITS", index_bits(hw.lens_table + 1), "of an index of a lens table"),
        Param("TILE_COLUMNS", g.tiles[0]),
        Param("TILE_ROWS", g.tiles[1]),
        Param("TILES", g.tiles[0] * g.tiles[1]),
        Param("TILE_BITS", index_bits(g.tiles[0] * g.tiles[1])),
        Param("CELL_COLUMNS", g.cell[0], "tiles across a budget cell"),
        Param("CELL_ROWS", g.cell[1], "tiles down a budget cell"),
        Param("CELLS", g.cells),
        *_limits(config, g.tiles[0] * g.tiles[1]),
        Param("BANKS", BANKS, "of a frame buffer"),
    ]
    rings = [0, 0]  # words of a bank: full resolution; the other levels
    for level, (columns, rows) in enumerate(g.blocks):
        words = -(-columns * (rows + g.spare_rows[level]) // BANKS)
        ring = min(level, 1)
        params += [
            Param(f"LEVEL{level}_WIDTH", g.widths[level]),
            Param(f"LEVEL{level}_HEIGHT", g.heights[level]),
            Param(f"LEVEL{level}_BLOCK_COLUMNS", columns),
            Param(f"LEVEL{level}_BLOCK_ROWS", rows),
            Param(f"LEVEL{level}_RING_ROWS", rows + g.spare_rows[level], "rows of blocks"),
            Param(f"LEVEL{level}_WORDS", words, "in a bank"),
            Param(f"LEVEL{level}_FIRST", rings[ring], "its first word there"),
        ]
        rings[ring] += words
    if hw.max_levels == 1:  # the reader has the sizes of a second one in any case
        params.append(Param("LEVEL1_WORDS", 0))
    return [
        *params,
        Param("LEFT_WORDS", rings[0], "in a bank of a left ring"),
        Param("LEFT_BITS", index_bits(rings[0]), "of its address"),
        Param("UPPER_WORDS", rings[1], "in a bank of the coarser levels' ring"),
        Param("UPPER_BITS", index_bits(rings[1]), "of its address"),
        Param("RIGHT_WORDS", -(-g.blocks[0][0] * g.blocks[0][1] // BANKS), "in a bank"),
        Param("RIGHT_BITS", index_bits(-(-g.blocks[0][0] * g.blocks[0][1] // BANKS))),
        Param("LEFT_WORD_BITS", get_codec(hw.codec_left).bits, hw.codec_left),
        Param("UPPER_WORD_BITS", get_codec(hw.codec_upper).bits, hw.codec_upper),
        Param("RIGHT_WORD_BITS", get_codec(hw.codec_right).bits, hw.codec_right),
    ]


def signal_formats(config: Config) -> list[Param]:
    """Return NAME_BITS (sign included), NAME_FRAC and NAME_SIGNED of every signal."""
    return [
        param
        for name, form in formats(config.hw).items()
        for param in (
            Param(f"{name.upper()}_BITS", form.bits, str(form)),
            Param(f"{name.upper()}_FRAC", form.frac_bits),
            Param(f"{name.upper()}_SIGNED", int(form.signed)),
        )
    ]


def constants() -> list[Param]:
    """Return the constants of the kernels."""
    return [
        Param("LANES", klt.LANES, "pixels of a window's row, side by side"),
        Param("SUM_SHIFT", corners.SUM_SHIFT, "of the gradient sums before the score"),
        Param("ROOT_BITS", corners.ROOT_BITS, "of the score's square root"),
        Param("INV_FOCAL_FRAC", rectify._INV_FOCAL_FRAC),
        Param("TANGENTIAL_FRAC", rectify._TANGENTIAL_FRAC),
        Param("LEAST_DEPTH", rectify._LEAST_DEPTH, "of a turned ray"),
        Param("WARP_STEP_PX", predict._STEP_PX, "of the slope of a window's map"),
        Param("OUTSIDE", predict.OUTSIDE, "pixel of a point that has none"),
        Param(
            "STEREO_SEGMENT_PX",
            stereo_registers.SEGMENT,
            "disparity of a piece of the epipolar curve",
        ),
        Param("STEREO_POWER_SHIFT", stereo_search._POWER_SHIFT),
        Param(
            "STEREO_BLOCK_COLUMNS", stereo_search._COLUMNS, "columns that share a row of the curve"
        ),
        Param("NO_MATCH", stereo_search.NO_MATCH),
        Param("LEAST_FOR_MONO", ransac._LEAST_FOR_MONO, "matches below which all are kept"),
        Param("LEAST_FOR_STEREO", ransac._LEAST_FOR_STEREO),
        Param("LEAST_Z", ransac._LEAST_Z, "depth of a moved point, 1/1024 baseline"),
        Param("EPIPOLE_GUARD", ransac._EPIPOLE_GUARD, "30 fraction bits"),
    ]


def weights(config: Config) -> list[Param]:
    """Return the ROM of the window's weights and the reciprocal of their sum.

    The weight of row y and lane x is WEIGHTS[(LANES y + x) WEIGHT_BITS +: WEIGHT_BITS].
    """
    k = klt.klt_registers(config.frontend, config.hw)
    rom = 0
    for i, weight in enumerate(k.weights.ravel().tolist()):
        rom |= weight << (i * k.weight_bits)
    comment = f"{k.window} rows of {klt.LANES} lanes"
    return [
        Param("WINDOW", k.window, "pixels, of these weights"),
        Param("WEIGHT_RECIPROCAL", k.weight_reciprocal, "2^(16 + WEIGHT_BITS) over their sum"),
        Param("WEIGHTS", rom, comment, k.window * klt.LANES * k.weight_bits),
    ]


def params_of(config: Config) -> dict[str, list[Param]]:
    """Return all parameters, by section; raises VioError for an unknown codec."""
    return {
        "Bounds of the hardware (HwConfig)": bounds(config),
        "Sizes that follow": sizes(config),
        "Formats of the signals (vio/fixed/formats.py)": signal_formats(config),
        "Constants of the kernels": constants(),
        "Window weights": weights(config),
    }


def port_widths(config: Config) -> list[Param]:
    """Return the widths of ports, for a module's parameter list."""
    sections = params_of(config)
    values = {param.name: param.value for section in sections.values() for param in section}
    widths = [Param(name, values[bound]) for name, bound in _PORT_WIDTHS.items()]
    candidate = values["CORNER_SCORE_BITS"] + 2 * index_bits(values["TILE_PX"])
    return [*widths, Param("W_CANDIDATE", candidate, "score, row and column within the tile")]


def verilog_text(config: Config, command: str) -> str:
    """Return the file; command: what to type to write it anew."""
    ports = [
        f"    parameter {param.name} = {param.value}" + ("," if i < len(_PORT_WIDTHS) else "")
        for i, param in enumerate(port_widths(config))
    ]
    lines = [
        f"// Generated by `{command}`: do not edit; change vio/config.py, vio/fixed or the preset.",
        "// SPDX-License-Identifier: Apache-2.0",
        "// To be included inside a module, and in its parameter list, with PORT_WIDTHS defined.",
        "// A module uses some of these, never all:",
        "/* verilator lint_off UNUSEDPARAM */",
        "`ifdef PORT_WIDTHS",
        *ports,
        "`else",
    ]
    for title, params in params_of(config).items():
        lines += ["", f"// {title}"]
        for param in params:
            lines.append(param.text + (f"  // {param.comment}" if param.comment else ""))
    return "\n".join([*lines, "", "`endif", "/* verilator lint_on UNUSEDPARAM */", ""])
