# SPDX-License-Identifier: Apache-2.0
"""The one source of the register map: Verilog, document, C header and driver are made from it.

Everything is a 32-bit word; signed values are sign-extended when read. Kinds:
`constant`   what the hardware was built for.
`control`    takes effect at once; output control_NAME.
`static`     refused while the front end is enabled or busy, so that no block has a frame under way:
             all of them take effect with the write that enables; output cfg_NAME.
`config`     shadowed: the set written is taken over at a start of frame; output cfg_NAME.
`rotation`   shadowed; written to rectify's matrix 0 at a start of frame.
`frame`      shadowed; writing it completes the set (arms it), writing another shadowed one disarms.
`request`    a bit written as 1 stays until the front end has done it; `pulse`: for one cycle.
`sticky`     a bit is set by an event and cleared by writing 1 to it.
`status`     read from an input.
`table`      address and data of the window into rectify's tables.
`counter`    counts an event (pulses), a level (cycles in which it is high) or a count (of a cycle).
`latency`    read from the input status_latency.

A register with limits refuses what lies outside (`Limits`), whatever the state.
"""

from typing import NamedTuple

from vio.config import HwConfig
from vio.fixed.formats import formats
from vio.hw.registers.limits import LIMITS, Limits

ADDRESS_BITS = 12
IDENTITY = 0x4B53_5431  # "KST1"
MATRIX_ENTRIES = 9


class Parameter(NamedTuple):
    """Hold a parameter of registers.v: a width that depends on the hardware's bounds."""

    name: str
    bound: str  # the localparam of vio_params.vh that it must at least be, plus `extra`
    extra: int
    value: int  # for the default preset
    comment: str


class Field(NamedTuple):
    """Hold a field: `low` is its lowest bit; bits: a number, or the name of a parameter."""

    name: str
    low: int
    bits: int | str
    doc: str
    signed: bool = False


class Register(NamedTuple):
    """Hold a register; address in bytes."""

    name: str
    address: int
    kind: str
    doc: str
    fields: tuple[Field, ...]
    signal: str = ""  # of a counter: the input; of a constant: its Verilog
    counts: int = 0  # bits of what a counter counts in a cycle
    limits: Limits | None = None

    @property
    def only(self) -> Field:
        """The field of a register that has one."""
        assert len(self.fields) == 1, self.name
        return self.fields[0]


def parameters(hw: HwConfig) -> tuple[Parameter, ...]:
    """Return the parameters of registers.v with the values for a hardware configuration."""
    score = formats(hw)["corner_score"].bits
    return (
        Parameter(
            "ITERATION_W",
            "ITERATION_BITS",
            0,
            hw.max_iterations.bit_length(),
            "bits of a number of iterations",
        ),
        Parameter(
            "DRAW_W",
            "DRAW_BITS",
            1,
            (hw.max_hypotheses - 1).bit_length() + 1,
            "bits of a number of hypotheses",
        ),
        Parameter(
            "TRACK_W",
            "TRACK_COUNT_BITS",
            0,
            hw.max_tracks.bit_length(),
            "bits of a number of tracks",
        ),
        Parameter("SCORE_W", "CORNER_SCORE_BITS", 0, score, "bits of a corner score"),
    )


def field_bits(field: Field, hw: HwConfig) -> int:
    """Return the bits of a field for a hardware configuration."""
    if isinstance(field.bits, int):
        return field.bits
    return next(p.value for p in parameters(hw) if p.name == field.bits)


# Values that every frame may change, in the order of their addresses: name, bits, doc.
_STATIC: list[tuple[str, int | str, str]] = [
    ("width", 11, "image width, pixels"),
    ("height", 11, "image height, pixels"),
    ("timeout", 20, "cycles that an image waits for that of the other camera"),
    ("stop", 20, "cycles without a pixel after which an image that is under way has stopped"),
    ("mono", 1, "one camera: no right image is waited for, and none is taken"),
]
_CONFIG: list[tuple[str, int | str, str]] = [
    ("max_tracks", "TRACK_W", "tracks kept over the whole image"),
    ("border", 11, "of corners: least distance from the rim, pixels"),
    ("min_score", "SCORE_W", "least score of a corner (`corners.score_register`)"),
    ("min_distance", 8, "least distance of a new corner from other tracks, pixels"),
    ("cell_budget", "TRACK_W", "tracks that a budget cell may hold when new ones are added"),
    ("cell_cols", 8, "tiles across a budget cell"),
    ("cell_rows", 8, "tiles down a budget cell"),
    ("levels", 2, "pyramid levels, full resolution included"),
    ("max_iterations", "ITERATION_W", "Lucas-Kanade iterations a level"),
    ("step", 14, "step at which iterations end, 1/256 px of the level"),
    ("max_shift", 14, "largest correction of the prediction on a level, 1/256 px"),
    ("flat_min", 20, "least eigenvalue, in units of the normal matrix"),
    ("correlation_min", 17, "least squared correlation of a followed window, 16 fraction bits"),
    ("mono_tight2", 18, "squared limit of mono RANSAC, ray units, 30 fraction bits"),
    ("mono_loose2", 18, "the same, of the rating of hypotheses"),
    ("draws", "DRAW_W", "hypotheses"),
    ("stereo_threshold", 18, "limit of stereo RANSAC, 16 fraction bits"),
    ("first", 18, "ray units of the disparity -1"),
    ("disparity_step", 18, "ray units of 32 pixels of disparity"),
    ("segments", 3, "straight pieces of the epipolar curve"),
    ("reach_u", 4, "half the width of the stereo window, pixels"),
    ("reach_v", 3, "half its height"),
    ("search_min", 17, "least squared correlation of the search, 16 fraction bits"),
    ("uniqueness", 17, "correlation by which the best exceeds the next, 16 fraction bits"),
    ("stereo_correlation_min", 17, "least squared correlation of a stereo match"),
    ("stereo_iterations", "ITERATION_W", "iterations of the stereo refinement"),
    ("max_refine", 14, "largest move of the stereo refinement, 1/256 px"),
    ("max_age", 8, "frames after which a keyframe is due at the latest"),
    ("min_alive", 9, "fraction of the keyframe's tracks below which one is due, 8 fraction bits"),
    ("moved2", 32, "squared parallax limit, ray units, 32 fraction bits"),
    ("aged2", 32, "the same, that a keyframe of the longest age needs with one camera"),
]
_FAULTS: list[tuple[str, str]] = [
    ("short_left", "a line ended early"),
    ("long_left", "a line was too long"),
    ("start_left", "pixels came without a start of frame"),
    ("cut_left", "a frame broke off: the next one, or the mark of a full queue, came too early"),
    ("short_right", "a line of the right image ended early"),
    ("long_right", "a line of the right image was too long"),
    ("start_right", "right pixels came without a start of frame"),
    ("cut_right", "a right frame broke off"),
    ("left_missing", "a right image came alone: that frame has no left image"),
    ("right_missing", "a left image came alone"),
    ("overflow", "the frame store had no room"),
    ("drop", "a frame was refused or lost"),
    ("unarmed", "a frame was refused, or a skip done, while no set was complete"),
    ("refused", "a write was refused: locked while enabled or busy"),
    ("camera", "a camera's queue was full: count_camera_lost says how many frames that cost"),
    ("stop_left", "the left image stopped in mid-frame"),
    ("stop_right", "the right image stopped in mid-frame"),
    ("illegal", "a write was refused: the value is outside of its limits"),
    ("camera_late", "an image came behind the skew of the cameras and was left out"),
]
_INTERRUPTS: list[tuple[str, str]] = [
    ("tracks", "the last track of a frame has gone out"),
    ("dropped", "a frame was dropped"),
    ("stream", "a stream was repaired, or an image is missing"),
]
INTERNAL_FAULTS = ("refused", "illegal")  # that the register file sees alone
# Faults that raise an interrupt beside being kept.
DROP_FAULTS = ("overflow", "drop")
STREAM_FAULTS = (
    *(
        f"{kind}_{side}"
        for side in ("left", "right")
        for kind in ("short", "long", "start", "cut", "stop")
    ),
    "left_missing",
    "right_missing",
    "camera",
    "camera_late",
)
# name, signal, bits of what it counts in a cycle, doc.
_COUNTERS: list[tuple[str, str, int, str]] = [
    ("frames", "event_last_track", 1, "frames whose tracks went out"),
    ("keyframes", "event_keyframe", 1, "keyframes among them"),
    ("drops", "event_drop", 1, "frames that were refused or lost"),
    ("cycles", "1'b1", 1, "cycles since reset"),
    ("klt", "level_klt", 1, "cycles in which windows are followed"),
    ("mono", "level_mono", 1, "cycles of mono RANSAC and the sizes"),
    ("selection", "level_selection", 1, "cycles of the selection of corners"),
    ("stereo", "level_stereo", 1, "cycles of stereo"),
    ("stereo_ransac", "level_stereo_ransac", 1, "cycles of stereo RANSAC and the points"),
    ("output", "level_output", 1, "cycles in which tracks go out"),
    ("predict", "level_predict", 1, "cycles of the predictions and the keyframe decision"),
    ("stall_left", "level_stall_left", 1, "cycles in which the left input waits"),
    ("stall_right", "level_stall_right", 1, "cycles in which the right input waits"),
    ("stall_tracks", "level_stall_tracks", 1, "cycles in which the output of tracks waits"),
    ("pixels_left", "event_pixel_left", 1, "left pixels: a read and a write of each line buffer"),
    ("pixels_right", "event_pixel_right", 1, "right pixels"),
    ("iterations", "count_iterations", 6, "Lucas-Kanade iterations"),
    ("stereo_columns", "count_stereo_columns", 8, "columns of the stereo search"),
    ("stereo_iterations", "count_stereo_iterations", 4, "iterations of the stereo refinement"),
    ("frame_reads", "count_frame_reads", 4, "words read from the frame buffers"),
    ("frame_writes", "count_frame_writes", 4, "words written to the frame buffers"),
    ("table_reads", "count_table_reads", 2, "tracks read from the track table"),
    ("table_writes", "count_table_writes", 2, "tracks written to the track table"),
    ("region_writes", "count_region_writes", 1, "rows of blocks written to the tracker's regions"),
    ("point_operations", "count_points", 2, "operations of both projection units"),
    ("ransac_accesses", "count_ransac", 2, "accesses of the RANSAC set"),
    ("search_writes", "count_search", 1, "rows of blocks written for the stereo search"),
    ("region_reads", "count_region_reads", 1, "rows read from the tracker's regions"),
    ("samples", "count_samples", 1, "samples of a warped template: four pixels read each"),
    ("template_writes", "count_template_writes", 1, "rows of a template's basis written"),
    ("template_reads", "count_template_reads", 1, "rows of a template's basis read"),
    ("candidates", "count_candidates", 2, "words of the corner candidates read and written"),
    ("camera_lost", "count_camera_lost", 9, "frames of a camera that its full queue broke off"),
    ("camera_left_missing", "event_camera_left_missing", 1, "right images that left alone"),
    ("camera_right_missing", "event_camera_right_missing", 1, "left images that left alone"),
    ("camera_late", "event_camera_late", 1, "images behind the skew of the cameras, left out"),
]


def _flags(names: list[tuple[str, str]]) -> tuple[Field, ...]:
    return tuple(Field(name, i, 1, doc) for i, (name, doc) in enumerate(names))


def _one(name: str, bits: int | str, doc: str, signed: bool = False) -> tuple[Field, ...]:
    return (Field(name, 0, bits, doc, signed),)


def _head() -> list[Register]:
    """Return what is not a configuration value or a counter."""
    pair = (
        Field("max_width", 0, 16, "widest image, pixels"),
        Field("max_height", 16, 16, "highest image"),
    )
    bounds = (
        Field("max_tracks", 0, 16, "rows of the track table"),
        Field("window", 16, 8, "side of the tracker's window, pixels"),
        Field("max_levels", 24, 8, "pyramid levels"),
    )
    tables = (
        Field("cells", 0, 16, "budget cells of the corner selection"),
        Field("tile_px", 16, 8, "side of a tile, pixels"),
        Field("lens_table", 24, 8, "steps of a lens table"),
    )
    commands = (
        Field("forget", 0, 1, "forget all tracks: the next frame starts anew"),
        Field("skip", 1, 1, "the left image of this frame is missing: compose the rotation only"),
    )
    pulses = _one("reset", 1, "reset the front end; registers and tables stay")
    status = (
        Field("busy", 0, 1, "a frame is in work"),
        Field("armed", 1, 1, "a complete set waits for the next frame"),
        Field("keyframe", 2, 1, "the last frame sent was a keyframe"),
        Field("tracks", 16, "TRACK_W", "tracks of the last frame sent"),
    )
    return [
        Register(
            "identity",
            0x000,
            "constant",
            "",
            _one("value", 32, f"{IDENTITY:#x}"),
            f"32'h{IDENTITY:x}",
        ),
        Register(
            "size", 0x004, "constant", "largest image", pair, "{MAX_HEIGHT[15:0], MAX_WIDTH[15:0]}"
        ),
        Register(
            "bounds",
            0x008,
            "constant",
            "what the hardware is sized for",
            bounds,
            "{MAX_LEVELS[7:0], WINDOW[7:0], MAX_TRACKS[15:0]}",
        ),
        Register(
            "tables",
            0x00C,
            "constant",
            "what it is sized for, continued",
            tables,
            "{LENS_TABLE[7:0], TILE_PX[7:0], CELLS[15:0]}",
        ),
        Register("enable", 0x010, "control", "let frames in", _one("enable", 1, "let frames in")),
        Register("request", 0x014, "request", "written 1: done once, then cleared", commands),
        Register("reset", 0x018, "pulse", "soft reset", pulses),
        Register("irq", 0x01C, "sticky", "interrupts that wait", _flags(_INTERRUPTS)),
        Register(
            "irq_enable",
            0x020,
            "control",
            "interrupts that are let through",
            _one("irq", len(_INTERRUPTS), "as in irq"),
        ),
        Register("faults", 0x024, "sticky", "faults seen", _flags(_FAULTS)),
        Register("status", 0x028, "status", "what the front end does", status),
        Register(
            "done_frame",
            0x02C,
            "status",
            "",
            _one("done_frame", 32, "number of the last frame sent"),
        ),
        Register(
            "table_address",
            0x030,
            "table",
            "of the next entry: it counts up with each write of table_data",
            (
                Field("address", 0, 9, "entry; of matrices 16 matrix + entry"),
                Field(
                    "select",
                    12,
                    3,
                    "0, 1 lens values left, right; 2, 3 inverse; 4, 5 forward; 6 matrices",
                ),
            ),
        ),
        Register(
            "table_data",
            0x034,
            "table",
            "writes the entry; locked while enabled or busy",
            _one("data", 24, "value", True),
        ),
        *(
            Register(
                f"rotation{i}",
                0x040 + 4 * i,  # the entry is the low bits of the index
                "rotation",
                "",
                _one("entry", 18, f"R_cam_prev [{i // 3}, {i % 3}], sQ1.16", True),
            )
            for i in range(MATRIX_ENTRIES)
        ),
        Register(
            "seed",
            0x070,
            "config",
            "",
            _one("seed", 32, "LFSR of the next frame's RANSACs"),
            limits=LIMITS["seed"],
        ),
        Register(
            "frame",
            0x074,
            "frame",
            "completes the set: write it last",
            _one("frame", 32, "number of the next frame"),
        ),
    ]


def register_map() -> list[Register]:
    """Return all registers by address."""
    out = _head()
    for first, kind, values in ((0x080, "static", _STATIC), (0x0C0, "config", _CONFIG)):
        for i, (name, bits, doc) in enumerate(values):
            fields, limits = _one(name, bits, doc), LIMITS.get(name)
            out.append(Register(name, first + 4 * i, kind, "", fields, limits=limits))
    for i, (name, signal, bits, doc) in enumerate(_COUNTERS):
        fields = _one(f"count_{name}", 32, doc)
        out.append(Register(f"count_{name}", 0x200 + 4 * i, "counter", "", fields, signal, bits))
    latency = _one(
        "latency", 32, "cycles from the last pixel to the last track of the last frame sent"
    )
    out.append(Register("latency", 0x200 + 4 * len(_COUNTERS), "latency", "", latency))
    return out
