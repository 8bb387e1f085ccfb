# SPDX-License-Identifier: Apache-2.0
"""The blocks of `vio hw synth`: how often the chip has each, and what was planned for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vio.config import Config
from vio.errors import VioError
from vio.hw.estimates.cycles import multipliers
from vio.hw.estimates.memory import LEFT, RIGHT, UPPER, inventory
from vio.hw.params import params_of


@dataclass(frozen=True)
class Limits:
    """Hold what the front end may take of an ECP5-85F, and the least clock rate of each block."""

    lut4: int = 75_000
    dp16kd: int = 187
    mult18: int = 140
    fmax_mhz: float = 62.5


@dataclass(frozen=True)
class SynthBlock:
    """Hold one line of the sum: a module of rtl/ with its parameters and its part of the plan.

    parameters: name to a parameter of vio_params.vh, or to (that, divisor). memories, multipliers:
    the lines of `vio hw memory` and `vio hw cycles` that all copies together implement. note: why
    it takes more or less than these. container: holds other blocks of the table. route: further
    options of nextpnr. hard_registers: whether flip-flops move into block RAMs and multipliers
    before it, where that was measured to help (docs/chip/board.md).
    """

    module: str
    copies: int = 1
    parameters: Mapping[str, str | int | tuple[str, int]] = field(default_factory=dict)
    memories: tuple[str, ...] = ()
    multipliers: tuple[str, ...] = ()
    note: str = ""
    container: bool = False
    route: tuple[str, ...] = ()
    hard_registers: bool = False


def _encoder(bits: str, divisor: int, lines: tuple[str, ...], copies: int = 1) -> SynthBlock:
    parameters: dict[str, str | tuple[str, int]] = {"BITS": bits}
    parameters["MAX_WIDTH"] = ("MAX_WIDTH", divisor)
    return SynthBlock(
        "codec_encoder", copies, parameters, tuple(f"encoder lines, {n}" for n in lines)
    )


_TILES = {"SCORE_W": "CORNER_SCORE_BITS", "TILE_BITS": "TILE_SIDE_BITS"}
_TILES |= {"COLS": "TILE_COLUMNS", "ROWS": "TILE_ROWS"}

BLOCKS: dict[str, SynthBlock] = {
    # image side
    "frame_guard": SynthBlock("frame_guard", 2, note="no queue of pixels: the streams wait"),
    "stream_control": SynthBlock("stream_control"),
    "pyramid": SynthBlock("pyramid", 1, {"MAX_WIDTH": "MAX_WIDTH"}, ("pyramid lines, level 0",)),
    "pyramid_half": SynthBlock(
        "pyramid", 1, {"MAX_WIDTH": ("MAX_WIDTH", 2)}, ("pyramid lines, level 1",)
    ),
    "codec_encoder": _encoder("LEFT_WORD_BITS", 1, ("level 0", "right"), copies=2),
    "codec_encoder_half": _encoder("UPPER_WORD_BITS", 2, ("level 1",)),
    "codec_encoder_quarter": _encoder("UPPER_WORD_BITS", 4, ("level 2",)),
    "corners": SynthBlock(
        "corners",
        1,
        {"MAX_WIDTH": "MAX_WIDTH", **_TILES},
        ("corner lines", "corner scores", "candidates"),
        ("corners",),
    ),
    "frame_buffer": SynthBlock("frame_buffer", memories=(LEFT, UPPER, RIGHT)),
    # track side
    "keyframe": SynthBlock("keyframe"),
    "track_follow": SynthBlock("track_follow"),
    "track_verify": SynthBlock("track_verify"),
    "track_add": SynthBlock("track_add"),
    "track_match": SynthBlock("track_match"),
    "track_output": SynthBlock("track_output", memories=("track output",)),
    "track_table": SynthBlock("track_table", 1, {"INDEX_W": "TRACK_COUNT_BITS"}, ("track table",)),
    "selection": SynthBlock(
        "selection",
        1,
        {**_TILES, "CELLS": "CELLS", "COUNT_W": "TRACK_COUNT_BITS"},
        ("budget cells",),
        note="its own copy of the candidates, so that the next frame's may come in",
    ),
    "ransac": SynthBlock(
        "ransac", memories=("RANSAC set",), note="its own multipliers, not those of the tracker"
    ),
    "rectify": SynthBlock(
        "rectify",
        2,
        memories=("lens tables",),
        multipliers=("points",),
        note="two point units, so that two tracks are matched side by side",
    ),
    "predict": SynthBlock("predict"),
    "projection_arbiter": SynthBlock("projection_arbiter", 1, {"CLIENTS": 5, "WORD_W": 47}),
    "klt": SynthBlock(
        "klt",
        1,
        {"ITERATION_W": "ITERATION_BITS", "KNOTS": "KNOTS"},
        (
            "regions",
            "sampler region",
            "template basis",
            "window weights",
        ),
        ("rows", "scalars", "sampler"),
        note="no RANSAC and no stereo search on its rows; small products are additions",
        route=("--router", "router2"),  # router1 takes hours; --tmg-ripup holds router2 up
        hard_registers=True,
    ),
    "stereo": SynthBlock(
        "stereo",
        memories=("stereo templates", "stereo strip", "stereo scores"),
        multipliers=("stereo score",),
    ),
    # chip
    "registers": SynthBlock(
        "registers",
        1,
        {
            "ITERATION_W": "ITERATION_BITS",
            "DRAW_W": "DRAW_COUNT_BITS",
            "TRACK_W": "TRACK_COUNT_BITS",
            "SCORE_W": "CORNER_SCORE_BITS",
        },
    ),
    "camera_pair": SynthBlock(
        "camera_pair", note="queues of two cameras, which the plan of the front end leaves out"
    ),
    "image_path": SynthBlock("image_path", container=True),
    "track_path": SynthBlock("track_path", container=True),
    "frontend": SynthBlock("frontend", container=True),
}


def block_of(name: str, modules: list[str]) -> SynthBlock:
    """Return a block of the table, or any module of rtl/ with its own defaults.

    Raises VioError when there is neither.
    """
    if name in BLOCKS:
        return BLOCKS[name]
    if name in modules:
        return SynthBlock(name)
    raise VioError(
        f"there is no block or module {name!r}; blocks: {', '.join(BLOCKS)}; "
        "or the name of a file of rtl/ without .v"
    )


def parameter_values(block: SynthBlock, config: Config) -> dict[str, int]:
    """Return the module's parameters with the values that the chip of this preset gives them."""
    known = {p.name: p.value for section in params_of(config).values() for p in section}
    known["TILE_SIDE_BITS"] = (config.hw.tile_px - 1).bit_length()
    known["DRAW_COUNT_BITS"] = known["DRAW_BITS"] + 1
    known["KNOTS"] = known["STEREO_SEGMENTS"] + 1
    values = {}
    for name, source in block.parameters.items():
        if isinstance(source, int):
            values[name] = source
        elif isinstance(source, str):
            values[name] = known[source]
        else:
            values[name] = known[source[0]] // source[1]
    return values


def planned(block: SynthBlock, config: Config) -> tuple[int, int]:
    """Return the DP16KD and MULT18 of all copies by `vio hw memory` and `vio hw cycles`."""
    memories = {m.name: m.block_rams for m in inventory(config)}
    counts = {m.block: m.count for m in multipliers(config)}
    return (
        sum(memories.get(name, 0) for name in block.memories),
        sum(counts[name] for name in block.multipliers),
    )
