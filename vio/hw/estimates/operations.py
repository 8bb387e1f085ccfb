# SPDX-License-Identifier: Apache-2.0
"""Arithmetic operations of a frame, by block, from the counted work."""

from collections import Counter

from vio.config import Config
from vio.fixed.klt import LANES
from vio.hw.estimates import cycles as cy
from vio.hw.estimates.memory import geometry
from vio.hw.estimates.traffic import traffic
from vio.hw.estimates.work import FrameWork

# ("mul", bits, bits) or ("add", bits): how many. Comparisons count as additions.
Operation = tuple[str, int] | tuple[str, int, int]
Operations = Counter[Operation]

GREY, VALUE, SUM = 8, 11, 28  # pixel; slope or centred sample; sum over a window


def pyramid(config: Config) -> Operations:
    """Return the operations of the pyramid: columns of every other row, then rows."""
    g, ops = geometry(config), Operations()
    for level in range(config.frontend.levels - 1):
        ops["add", 12] += 4 * g.widths[level] * g.heights[level + 1]
        ops["add", 16] += 5 * g.widths[level + 1] * g.heights[level + 1]
    return ops


def codec(blocks_written: float, blocks_read: float) -> Operations:
    """Return the operations of a transform codec: 64 additions each way; thresholds; rounding."""
    ops = Operations()
    ops["add", 14] += round(64 * (blocks_written + blocks_read))
    ops["add", 16] += round(50 * blocks_written + 16 * blocks_read)
    return ops


def corners(config: Config) -> Operations:
    """Return the operations of the corner scores and of their maxima."""
    pixels = config.hw.max_width * config.hw.max_height
    return Operations(
        {
            ("add", 11): 5 * 10 * pixels,  # Sobel of five rows
            ("mul", 11, 11): 15 * pixels,
            ("add", 24): 3 * (4 + 4) * pixels,
            ("mul", 18, 18): 2 * pixels,
            ("add", 20): (18 + 4) * pixels,  # square root, a stage a bit
            ("add", 17): 8 * pixels,
        }
    )


def _bilinear(samples: float) -> Operations:
    """Return the operations of samples whose rows are interpolated once and used twice."""
    n = round(samples)
    return Operations({("mul", 8, 9): n, ("mul", 8, 17): n, ("add", 17): 4 * n})


def windows(templates: float, warped: float, iterations: float, config: Config) -> Operations:
    """Return the operations of a number of templates, of which `warped`, and iterations."""
    side = config.frontend.window
    lanes = side * LANES
    ops = _bilinear((templates - warped) * (side + 3) * LANES + iterations * (side + 1) * LANES)
    ops += _bilinear(2 * warped * (side + 2) ** 2)  # a warped row is not used twice
    ops += Operations(
        {
            ("mul", 5, VALUE): round((3 * templates + iterations) * lanes),
            ("mul", VALUE, VALUE): round((6 * templates + 4 * iterations) * lanes),
            ("add", SUM): round((9 * templates + 5 * iterations) * lanes),
            ("mul", 18, 27): round(15 * templates + 11 * iterations),
            ("add", 18): round(2 * 18 * templates),
        }
    )
    return ops


def points(work: FrameWork, config: Config) -> Operations:
    """Return the operations of the point unit."""
    stereo, n = work.stereo_tracks, work.windows
    chains = (
        (cy.TURN + cy.PROJECT, 3 * n + stereo * (config.hw.stereo_segments + 1)),
        (cy.TURN, n + 3 * stereo),  # keyframe decision
        (cy.BACK, 4 * n),
        (cy.UNPROJECT, work.tracked + work.corners + 3 * stereo),
        (cy.TO_LEFT, 4 * stereo),
    )
    products = sum(chain.multiplications * count for chain, count in chains)
    products += 8 * work.verified
    divisions = sum(chain.reciprocals * count for chain, count in chains) + work.verified
    return Operations(
        {("mul", 18, 18): round(products), ("add", 36): round(products + 18 * divisions / 2)}
    )


def ransac(work: FrameWork, config: Config) -> Operations:
    """Return the operations of both RANSACs."""
    draws = config.frontend.ransac_hypotheses
    mono = work.tracked * (draws + 1)
    stereo = min(work.stereo_matched, work.verified) * draws * work.keyframe
    return Operations(
        {
            ("mul", 18, 18): round(12 * mono + 8 * stereo + 10 * work.tracked),
            ("add", 36): round(9 * mono + 12 * stereo),
        }
    )


def search(work: FrameWork, config: Config) -> Operations:
    """Return the operations of the stereo search."""
    c = config.frontend
    width, height = 2 * c.stereo_half_width + 1, 2 * c.stereo_half_height + 1
    columns = work.stereo_columns
    strips = columns + work.stereo_tracks * (width - 1)
    products = columns * width * height
    return Operations(
        {
            ("mul", GREY, 9): round(products + strips * height),
            ("add", 22): round(products + strips * 2 * height + 22 * columns),  # and a division
            ("mul", 18, 18): round(11 * columns),
        }
    )


def operations(work: FrameWork, config: Config) -> dict[str, Operations]:
    """Return the operations of a frame by block."""
    c = config.frontend
    g = geometry(config)
    frame_memories = traffic(work, config)
    names = [n for n in frame_memories if n.startswith(("left rings", "right image"))]
    read = sum(frame_memories[n][0] for n in names)
    written = sum(frame_memories[n][1] for n in names)
    warped = min(config.hw.warp_levels, c.levels) * work.windows
    parts = {
        "pyramid": pyramid(config),
        "codec": codec(written, read),
        "tracking": windows(work.windows * c.levels, warped, sum(work.iterations), config),
        "geometry": points(work, config) + ransac(work, config),
    }
    if work.keyframe:
        stereo = windows(work.stereo_tracks, work.stereo_tracks, work.stereo_iterations, config)
        found = Operations({("add", 17): round(work.corners * g.cells)})
        parts["corners"] = corners(config) + found
        parts["stereo"] = search(work, config) + stereo
    return parts
