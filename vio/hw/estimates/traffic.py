# SPDX-License-Identifier: Apache-2.0
"""Accesses of every memory in one frame, by formula from the counted work.

An access is a read or a write of one word of one bank. Readers of part of a word are charged for
all of it. Names and words are those of `vio.hw.estimates.memory.inventory`.
"""

from vio.config import Config
from vio.hw.estimates import cycles as cy
from vio.hw.estimates.memory import (
    LEFT,
    REGION_PX,
    RIGHT,
    UPPER,
    Geometry,
    geometry,
    inventory,
    search_rows,
    track_words,
)
from vio.hw.estimates.work import FrameWork

Accesses = dict[str, tuple[float, float]]  # name: reads, writes
REGION_BLOCKS = (REGION_PX // 4) ** 2


def blocks_across(pixels: int) -> int:
    """Return the blocks that a run of pixels can lie in, wherever it begins."""
    return -(-(pixels + 3) // 4)


def _frame_buffers(work: FrameWork, config: Config, g: Geometry) -> Accesses:
    c, hw = config.frontend, config.hw
    stereo, n = work.stereo_tracks, work.windows
    straight = blocks_across(c.window + 3) ** 2
    reads = []
    for level in range(c.levels):
        key = REGION_BLOCKS if level < hw.warp_levels else straight
        refetched = work.refetches / c.levels
        reads.append(n * (key + REGION_BLOCKS) + refetched * REGION_BLOCKS)
    across = blocks_across(2 * c.stereo_half_width + 1)
    down = blocks_across(2 * c.stereo_half_height + 1)
    reads[0] += stereo * (across * down + REGION_BLOCKS)  # window of the search, of the refinement
    strip = down * (work.stereo_columns + stereo * (2 * c.stereo_half_width + 4)) / 4
    writes = [float(cols * rows) for cols, rows in g.blocks[: c.levels]]
    out: Accesses = {
        LEFT: (reads[0], writes[0]),
        UPPER: (sum(reads[1:]), sum(writes[1:])),
        RIGHT: (strip + stereo * REGION_BLOCKS, work.keyframe * writes[0]),
    }
    if not any(m.name == UPPER for m in inventory(config)):
        reads_upper, writes_upper = out.pop(UPPER)
        out[LEFT] = (reads[0] + reads_upper, writes[0] + writes_upper)
    return out


def _streams(work: FrameWork, config: Config, g: Geometry) -> Accesses:
    """Return the line buffers': a read and a write a pixel; corners at keyframes only."""
    pixels = [float(w * h) for w, h in zip(g.widths, g.heights, strict=True)]
    key = work.keyframe * pixels[0]
    out = {f"pyramid lines, level {level}": (p, p) for level, p in enumerate(pixels[:-1])}
    out |= {f"encoder lines, level {level}": (p, p) for level, p in enumerate(pixels)}
    out["encoder lines, right"] = out["corner lines"] = out["corner scores"] = (key, key)
    inputs = pixels[0] + (0.0 if config.dataset.mono else key)
    out["pixel inputs"] = (inputs, inputs)
    s, verified = cy.selection_costs(config), work.keyframe * work.verified
    # While streaming, each row loads and stores the best of each tile that it crosses.
    runs = work.keyframe * g.heights[0] * g.tiles[0]
    cleared = (verified + work.corners) * s.near
    rescanned = work.corners * s.touched
    tiles = work.keyframe * g.tiles[0] * g.tiles[1]
    out["candidates"] = (runs + cleared + tiles + rescanned * s.cell, runs + cleared + tiles)
    out["budget cells"] = (work.corners * g.cells, work.keyframe * g.cells + rescanned)
    return out


def _tracking(work: FrameWork, config: Config) -> Accesses:
    c, hw = config.frontend, config.hw
    n, stereo, iterations = work.windows, work.stereo_tracks, sum(work.iterations)
    warped = min(hw.warp_levels, c.levels)
    straight = c.levels - warped
    templates = n * warped + stereo
    row = track_words(hw)
    paired = min(work.stereo_matched, work.verified)
    points = 2 * work.tracks + 2 * paired + 2 * work.verified  # stereo, stereo RANSAC, selection
    fetches = n * c.levels + work.refetches + stereo
    all_iterations = iterations + work.stereo_iterations
    all_templates = n * c.levels + stereo
    unproject, project = 2, 1  # lookups, of two knots each
    windows = n * (4 * (unproject + project) + 3 * project) + work.tracked * unproject
    stereo_lookups = 3 * unproject + hw.stereo_segments + 1 + 4 * (unproject + project)
    lookups = windows + work.corners * unproject + stereo * stereo_lookups
    fresh = blocks_across(c.window + 3) * 4
    return {
        "track table": (
            # Keyframe decision; windows; mono RANSAC; keyframe; output.
            n * (2 + row) + 2 * work.tracked + work.keyframe * points + 5 * work.tracks,
            # uv, ray, drift, age; size; new rows; copies for the keyframe.
            5 * work.tracked + work.verified + work.corners * row + 4 * stereo,
        ),
        "regions": (
            all_iterations * (c.window + 1) + n * straight * (c.window + 3),
            fetches * REGION_PX + n * straight * fresh,
        ),
        # A sample is of two pixels of two rows; every fourth pair lies in two blocks.
        "sampler region": (
            templates * (c.window + 2) ** 2 * 2 * (1 + 1 / 4),
            templates * REGION_PX * REGION_PX // 4,
        ),
        # Of bases and of samples.
        "template basis": (
            all_iterations * c.window + templates * (c.window + 2),
            all_templates * c.window + templates * (c.window + 2),
        ),
        "window weights": ((all_iterations + all_templates) * c.window, 0.0),
        "lens tables": (2 * lookups, 0.0),
        "track output": (5 * work.tracks, 5 * work.tracks),
    }


def _keyframe(work: FrameWork, config: Config) -> Accesses:
    c = config.frontend
    stereo, columns = work.stereo_tracks, work.stereo_columns
    paired = min(work.stereo_matched, work.verified) * work.keyframe
    width, height = 2 * c.stereo_half_width + 1, 2 * c.stereo_half_height + 1
    groups = -(-height // search_rows(width))
    strip = (columns + stereo * (width + 3)) / 4
    drawn = 2 * c.ransac_hypotheses + work.tracked * (c.ransac_hypotheses + 1) + work.verified
    return {
        "RANSAC set": (drawn + c.ransac_hypotheses * (paired + 1), work.tracked + paired),
        "stereo templates": (columns * groups, stereo * groups),
        "stereo strip": (strip, strip * blocks_across(height)),
        "stereo scores": (columns, columns),
    }


def traffic(work: FrameWork, config: Config) -> Accesses:
    """Return {memory: (reads, writes)} of a frame, of the memories that the front end has."""
    g = geometry(config)
    accesses = {
        **_frame_buffers(work, config, g),
        **_streams(work, config, g),
        **_tracking(work, config),
        **_keyframe(work, config),
    }
    return {m.name: accesses[m.name] for m in inventory(config)}
