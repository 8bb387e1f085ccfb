# SPDX-License-Identifier: Apache-2.0
"""The memory budget: every on-chip memory of the front end (docs/chip/architecture.md).

kB are KiB, as in the paper of Navion. Registers are not memories and are left out.
"""

from dataclasses import dataclass

from vio.config import Config, HwConfig
from vio.fixed.codec import get_codec
from vio.fixed.formats import formats
from vio.fixed.klt import LANES
from vio.hw.estimates.blockram import block_rams, in_luts, lut_rams

BANKS = 8  # of a frame buffer: a row of 8 neighbouring blocks is read in one cycle
MULTIPLIERS_OF_ROWS = 6 * LANES  # 2 bilinear and 4 products a lane
REGION_PX = 32  # side of the part of an image that a window is cut from
REGION_COLUMNS = 28  # of its columns that are kept for a window or a straight template
CONTEXTS = 4  # windows in flight in the tracker (rtl/tracker/klt.v)
TRACK_WORD = 36  # bits of a word of the track table: a block RAM's
ID_BITS, AGE_BITS = 32, 16

# Navion's vision front end, kB (Suleiman et al., JSSC 2019); the groups are the paper's.
NAVION_KIB = {
    "frame buffers": 317.6,
    "line buffers": 78.2,
    "feature candidates": 16.0,
    "tracking data": 18.2,
    "keyframe data": 11.7,
}
NAVION_FRONT_END_KIB = 439.4
LEFT, UPPER, RIGHT = "left rings", "left rings, coarser levels", "right image"
ECP5_85F_BLOCK_RAMS = 187  # left for the front end of 208


@dataclass(frozen=True)
class Memory:
    """Hold a memory: `banks` equal ones of words x bits, each with one write port.

    readers: read ports.
    """

    name: str
    group: str
    words: int
    bits: int
    banks: int = 1
    readers: int = 1

    @property
    def used_bits(self) -> int:
        """Bits as declared."""
        return self.words * self.bits * self.banks

    @property
    def kib(self) -> float:
        """KiB as declared."""
        return self.used_bits / 8192.0

    @property
    def in_luts(self) -> bool:
        """Whether it is built of LUT RAM."""
        return in_luts(self.words, self.bits, self.readers > 1)

    @property
    def block_rams(self) -> int:
        """DP16KD that it takes."""
        if self.in_luts:
            return 0
        return self.banks * block_rams(self.words, self.bits, self.readers > 1)

    @property
    def lut_rams(self) -> int:
        """LUT RAMs (16 x 4) that it takes."""
        if not self.in_luts:
            return 0
        return self.banks * self.readers * lut_rams(self.words, self.bits)


@dataclass(frozen=True)
class Geometry:
    """Hold the sizes that follow from the bounds: by level, and of the tiles."""

    widths: tuple[int, ...]
    heights: tuple[int, ...]
    blocks: tuple[tuple[int, int], ...]  # columns and rows of 4x4 blocks
    spare_rows: tuple[int, ...]  # of blocks
    tiles: tuple[int, int]  # columns and rows
    cell: tuple[int, int]  # tiles of a budget cell
    cells: int


def geometry(config: Config) -> Geometry:
    """Return the sizes of a configuration."""
    hw, c = config.hw, config.frontend
    widths, heights = [hw.max_width], [hw.max_height]
    for _ in range(hw.max_levels - 1):
        widths.append((widths[-1] + 1) // 2)
        heights.append((heights[-1] + 1) // 2)
    tiles = -(-hw.max_width // hw.tile_px), -(-hw.max_height // hw.tile_px)
    cell = -(-tiles[0] // c.grid_cols), -(-tiles[1] // c.grid_rows)
    return Geometry(
        tuple(widths),
        tuple(heights),
        tuple((-(-w // 4), -(-h // 4)) for w, h in zip(widths, heights, strict=True)),
        tuple(-(-hw.spare_rows // (4 << level)) for level in range(hw.max_levels)),
        tiles,
        cell,
        -(-tiles[0] // cell[0]) * -(-tiles[1] // cell[1]),
    )


def track_bits(hw: HwConfig) -> int:
    """Return the bits of a row of the track table (vio.fixed.track_table) and its valid flag."""
    form = formats(hw)
    pairs = 2 * form["uv"].bits + 2 * form["ray"].bits + form["drift"].bits
    point = 2 * form["point"].bits + form["depth"].bits
    return ID_BITS + AGE_BITS + hw.score_bits + 2 * pairs + form["scale"].bits + point + 1


def track_words(hw: HwConfig) -> int:
    """Return the words of a row of the track table."""
    return -(-track_bits(hw) // TRACK_WORD)


def _frame_buffers(config: Config, g: Geometry) -> list[Memory]:
    """Return the two rings of the left pyramid and the right image, if there is one.

    Block (row, column) of a level lies in bank (row * columns + column) mod 8: no bank is
    padded. The coarser levels have banks of their own, also where their words are as long.
    """
    hw, group = config.hw, "frame buffers"
    bits = [get_codec(hw.codec_left if level == 0 else hw.codec_upper).bits for level in range(2)]
    ring = [
        -(-cols * (rows + spare) // BANKS)
        for (cols, rows), spare in zip(g.blocks, g.spare_rows, strict=True)
    ]
    right = Memory(
        RIGHT,
        group,
        -(-g.blocks[0][0] * g.blocks[0][1] // BANKS),
        get_codec(hw.codec_right).bits,
        BANKS,
    )
    rights = [] if config.dataset.mono else [right]
    if hw.max_levels == 1:
        return [Memory(LEFT, group, ring[0], bits[0], 2 * BANKS), *rights]
    return [
        Memory(LEFT, group, ring[0], bits[0], 2 * BANKS),
        Memory(UPPER, group, sum(ring[1:]), bits[1], 2 * BANKS),
        *rights,
    ]


def _lines(config: Config, g: Geometry) -> list[Memory]:
    """Return the line buffers: every block of the stream keeps its own, so that each can wait."""
    group, last = "line buffers", config.hw.max_levels - 1
    right = Memory("encoder lines, right", group, g.widths[0], 8 * 3)
    cameras = 1 if config.dataset.mono else 2
    return [
        *(Memory(f"pyramid lines, level {n}", group, g.widths[n], 8 * 4) for n in range(last)),
        *(Memory(f"encoder lines, level {n}", group, g.widths[n], 8 * 3) for n in range(last + 1)),
        *([right] if cameras == 2 else []),
        Memory("corner lines", group, g.widths[0], 8 * 6),  # 7 rows with the current one
        Memory("corner scores", group, g.widths[0], 2 * config.hw.score_bits),
        Memory("pixel inputs", group, 16, 10, cameras),
    ]


def _features(config: Config, g: Geometry) -> list[Memory]:
    """Return the memories of detection: a tile's candidate is kept relative to its tile."""
    hw, group = config.hw, "feature candidates"
    within = (hw.tile_px - 1).bit_length()
    cell_index = (g.cell[0] * g.cell[1] - 1).bit_length()
    count = config.frontend.max_tracks.bit_length()
    return [
        Memory("candidates", group, g.tiles[0] * g.tiles[1], hw.score_bits + 2 * within),
        Memory("budget cells", group, -(-g.cells // 4), hw.score_bits + cell_index + count, 4),
    ]


def _tracking(config: Config) -> list[Memory]:
    """Return the track table and the memories of the Lucas-Kanade unit, of all its contexts."""
    hw, form, group = config.hw, formats(config.hw), "tracking data"
    basis = 3 * hw.max_window * form["weighted"].bits
    return [
        Memory("track table", group, hw.max_tracks * track_words(hw), TRACK_WORD),
        # Of each context one of the window and one of the straight template.
        Memory("regions", group, 2 * CONTEXTS * REGION_PX, 8 * REGION_COLUMNS),
        # A bank: of one row of each four the pixels of one block of each four, in both halves.
        Memory("sampler region", group, 2 * REGION_PX // 4, 8 * 4, 4 * 4),
        # The rows of a basis, and behind them those of the samples.
        Memory("template basis", group, 2 * CONTEXTS * (hw.max_window + 1), basis),
        Memory("window weights", group, hw.max_window, LANES * hw.weight_bits),
        Memory("lens tables", group, 4 * (hw.lens_table + 1), form["radius2"].bits, readers=2),
        Memory("track output", group, 32, 36),
    ]


def _keyframe(config: Config) -> list[Memory]:
    """Return the memories of stereo and RANSAC."""
    hw, form, group = config.hw, formats(config.hw), "keyframe data"
    mono = 3 * form["turned"].bits + 3 * form["epipolar_normal"].bits
    stereo = 3 * form["point"].bits + 2 * form["ray"].bits + form["inverse_depth"].bits
    strip = -(-(hw.search_columns + hw.max_stereo_width) // 4) + 1
    height, rows = hw.max_stereo_height, search_rows(hw.max_stereo_width)
    if config.dataset.mono:
        return [Memory("RANSAC set", group, hw.max_tracks, mono)]
    return [
        Memory("RANSAC set", group, hw.max_tracks, max(mono, stereo)),
        Memory("stereo templates", group, 2 * -(-height // rows), 8 * hw.max_stereo_width * rows),
        # A ring: the next strip is written behind the one that is read.
        Memory("stereo strip", group, 16 * -(-strip * 5 // 64), 4 * 8 * height),
        Memory("stereo scores", group, 2 * hw.search_columns, form["stereo_power"].bits),
    ]


def search_rows(width: int) -> int:
    """Return the rows of a stereo window that are compared in one cycle."""
    return MULTIPLIERS_OF_ROWS // width


def inventory(config: Config) -> list[Memory]:
    """Return every on-chip memory of the front end; raises VioError for an unknown codec.

    With dataset.mono, those of a front end that is built for one camera.
    """
    g = geometry(config)
    return [
        *_frame_buffers(config, g),
        *_lines(config, g),
        *_features(config, g),
        *_tracking(config),
        *_keyframe(config),
    ]


def total_kib(memories: list[Memory], group: str | None = None) -> float:
    """Return the KiB of all memories, or of a group."""
    return sum(m.kib for m in memories if group in (None, m.group))
