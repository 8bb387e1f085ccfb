# SPDX-License-Identifier: Apache-2.0
"""The cycle model: each block's cost as a formula of its work, composed by the schedule.

Cycles run from a frame's last pixel to its last track. Organisation: docs/chip/architecture.md. The
tracker, the selection and the passes over the tracks have the constants of the Verilog, whose own
counters docs/chip/budgets.md puts beside these formulas. Multiplications of a step are those of the
golden model (tests count them).
"""

from dataclasses import dataclass

from vio.config import Config
from vio.hw.estimates.memory import CONTEXTS, MULTIPLIERS_OF_ROWS, REGION_PX, geometry
from vio.hw.estimates.work import FrameWork

MULTIPLY = 2  # operands to rounded, narrowed product
LOOKUP = 2  # both knots of a lens table
RECIPROCAL = 10  # normalise, then 18 quotient bits at 2 a cycle
SLOPE_DIVIDE = 8  # 13 quotient bits at 2 a cycle
POINT_MULTIPLIERS = 4
DECODE = 9  # request, address, block RAM, decoder, write
ROW_PIPELINE = 17  # a window's last row out of its region to its sums
TEMPLATE_PIPELINE = 20  # the same of a template
STEP = 37  # sums to the next window's first row: mean, share, shift, cross, step, place, test
TEMPLATE_SCALARS = 49  # sums to the first window's first row: the first of two divisions
LEVEL_START = 13  # end of a level to the next one's fetches
TRACK_END = 48  # flatness, correlation, result
PASS = 30  # a track read from its table, passed on, decided, written back
SAMPLES = 1  # warped samples a cycle
SAMPLER_START = 21  # corners, bounds, pipeline
SEARCH_PAIR = 9  # two columns of the stereo search: a bit of their pixels' sums a cycle
SEARCH_TABLE = 16  # entries of the search's tables, written a row of the window at a time
SEARCH_START = 12  # the last columns' bits, before the tables may be written again
RANSAC_START = 24  # hypothesis, direction, pipeline
SELECT_TRACK = 4  # its neighbourhood cleared, four tiles a cycle
SELECT_CORNER = 25  # best cell, its neighbourhood cleared, its cell searched again
SELECT_START = 300
STREAM_FLUSH = 64  # last pixel through pyramid and encoder into the rings


@dataclass(frozen=True)
class Chain:
    """Hold a chain of dependent steps of the point unit: latency and multiplications.

    `start` is the least distance between two independent points.
    """

    latency: int
    multiplications: int
    reciprocals: int = 0

    @property
    def start(self) -> int:
        """Cycles between the starts of two points."""
        return max(-(-self.multiplications // POINT_MULTIPLIERS), RECIPROCAL * self.reciprocals)

    def __add__(self, other: "Chain") -> "Chain":
        return Chain(
            self.latency + other.latency,
            self.multiplications + other.multiplications,
            self.reciprocals + other.reciprocals,
        )

    def group(self, points: float) -> float:
        """Return the cycles of a number of independent points, one started after another."""
        return self.latency + max(points - 1, 0) * self.start if points else 0.0


UNPROJECT = Chain(9 * MULTIPLY + 2 * LOOKUP, 19)
TURN = Chain(2 * MULTIPLY + RECIPROCAL, 8, 1)  # rotation and perspective division
PROJECT = Chain(4 * MULTIPLY + LOOKUP, 12)
BACK = UNPROJECT + TURN + PROJECT  # of the map of a window: current pixel to the keyframe's
TO_LEFT = UNPROJECT + TURN + TURN + PROJECT  # of the map of a stereo window: right to left pixel
FETCH_ROWS = REGION_PX + 2  # one region, a row of pixels a cycle
FETCH = FETCH_ROWS + DECODE


def window_points() -> float:
    """Return the point unit's cycles for a track: prediction, map, and the new ray."""
    return (TURN + PROJECT).group(2) + BACK.group(4) + 2 * MULTIPLY + UNPROJECT.group(1)


def stereo_points(segments: int) -> float:
    """Return the point unit's cycles for a track's stereo: ray, curve, slopes, map, result."""
    ray = UNPROJECT + TURN
    curve = (TURN + PROJECT).group(segments + 1) + segments * SLOPE_DIVIDE
    return 3 * ray.group(1) + curve + TO_LEFT.group(4) + MULTIPLY


def sampler(window: int) -> float:
    """Return the cycles of one warped template."""
    return SAMPLER_START + FETCH + (window + 2) ** 2 / SAMPLES


@dataclass(frozen=True)
class WindowCosts:
    """Hold the Lucas-Kanade unit's cycles for a template and an iteration: rows, and latency."""

    warped_rows: int
    straight_rows: int
    iteration_rows: int

    @property
    def iteration(self) -> int:
        """Latency of an iteration: rows, pipeline, scalars."""
        return self.iteration_rows + ROW_PIPELINE + STEP

    def template(self, warped: bool) -> int:
        """Latency of a template: rows, pipeline, scalars."""
        rows = self.warped_rows if warped else self.straight_rows
        return rows + TEMPLATE_PIPELINE + TEMPLATE_SCALARS


def window_costs(window: int) -> WindowCosts:
    """Return the costs: a template needs a pixel more on each side, bilinear rows one more.

    A template's nine sums take two passes over the four multipliers of a lane. A warped one waits
    for three cycles, either keeps the rows for one more.
    """
    return WindowCosts(2 * (window + 2) + 4, 2 * (window + 3) + 1, window + 1)


def klt_rows(work: FrameWork, config: Config) -> float:
    """Return the cycles for which a frame's windows occupy the rows of the datapath."""
    costs, c = window_costs(config.frontend.window), config
    warped = min(c.hw.warp_levels, c.frontend.levels)
    templates = warped * costs.warped_rows + (c.frontend.levels - warped) * costs.straight_rows
    return work.windows * templates + sum(work.iterations) * costs.iteration_rows


def klt_latency(work: FrameWork, config: Config) -> float:
    """Return the sum of the latencies of a frame's windows, each alone in the unit."""
    costs, c = window_costs(config.frontend.window), config.frontend
    templates = sum(costs.template(level < config.hw.warp_levels) for level in range(c.levels))
    return (
        work.windows * (templates + c.levels * (LEVEL_START + 2 * FETCH_ROWS + DECODE) + TRACK_END)
        + sum(work.iterations) * costs.iteration
        + work.refetches * FETCH
    )


def klt(work: FrameWork, config: Config) -> float:
    """Return the cycles of the tracker: the slowest of what works side by side, and the fill."""
    if not work.windows:
        return 0.0
    c = config.frontend
    fetches = (2 * c.levels * work.windows + work.refetches) * FETCH_ROWS
    steady = max(
        klt_rows(work, config),
        klt_latency(work, config) / CONTEXTS,
        work.windows * window_points(),
        work.windows * sampler(c.window),
        fetches,
    )
    # The first track waits for its points.
    return steady + window_points()


def mono_ransac(work: FrameWork, config: Config) -> float:
    """Return the cycles of the mono RANSAC: hypotheses at a track a cycle, two passes over tracks.

    The Verilog gives up a hypothesis that cannot win any more: this is the most it takes.
    """
    n = work.tracked
    if not n:
        return 0.0
    return PASS * n + config.frontend.ransac_hypotheses * (n + RANSAC_START)


def sizes(work: FrameWork) -> float:
    """Return the cycles of the inverse sizes: 8 multiplications and a reciprocal a track."""
    return Chain(4 * MULTIPLY + RECIPROCAL, 8, 1).group(work.verified)


@dataclass(frozen=True)
class SelectionCosts:
    """Hold the tiles near a track, the budget cells these lie in on average, a cell's tiles."""

    near: int
    touched: float
    cell: int


def selection_costs(config: Config) -> SelectionCosts:
    """Return the sizes of the neighbourhood in which a track clears candidates."""
    g, c = geometry(config), config.frontend
    reach = -(-max(c.min_distance_px - 1, 0) // config.hw.tile_px)
    touched = (1 + 2 * reach / g.cell[0]) * (1 + 2 * reach / g.cell[1])
    return SelectionCosts((2 * reach + 1) ** 2, touched, g.cell[0] * g.cell[1])


def selection(work: FrameWork, config: Config) -> float:
    """Return the cycles of the selection of new corners.

    Candidates near a live track are cleared first, so that none is ever refused: the same corners
    as the golden model's (tests).
    """
    return work.verified * SELECT_TRACK + work.corners * SELECT_CORNER + SELECT_START


def stereo_search(work: FrameWork, config: Config) -> float:
    """Return the cycles of the search: pairs of columns, those before the first window included.

    The next window's tables are written under the latter.
    """
    c = config.frontend
    width, height = 2 * c.stereo_half_width + 1, 2 * c.stereo_half_height + 1
    fill = max(SEARCH_PAIR * width / 2, SEARCH_TABLE * height)
    return work.stereo_tracks * (fill + SEARCH_START) + work.stereo_columns * SEARCH_PAIR / 2


def stereo_rows(work: FrameWork, config: Config) -> float:
    """Return the cycles for which the refinement occupies the rows of the datapath."""
    costs = window_costs(config.frontend.window)
    return work.stereo_tracks * costs.template(True) + work.stereo_iterations * costs.iteration


def strip_fetch(work: FrameWork, config: Config) -> float:
    """Return the cycles that fetch windows and strips: the four rows of a block, one a cycle."""
    c = config.frontend
    rows = -(-(2 * c.stereo_half_height + 1 + 3) // 4)
    width = 2 * c.stereo_half_width + 1
    columns = work.stereo_columns + work.stereo_tracks * (2 * width + 5)
    return rows * columns


def stereo(work: FrameWork, config: Config) -> float:
    """Return the cycles of stereo: a track is refined while the next ones are searched for."""
    if not work.stereo_tracks:
        return 0.0
    c, n = config.frontend, work.stereo_tracks
    points = stereo_points(config.hw.stereo_segments)
    costs = window_costs(c.window)
    steady = max(
        stereo_search(work, config),
        stereo_rows(work, config),
        n * points,
        n * sampler(c.window),
        strip_fetch(work, config),
    )
    last = costs.template(True) + work.stereo_iterations / n * costs.iteration
    return steady + points + sampler(c.window) + last


def stereo_ransac(work: FrameWork, config: Config) -> float:
    """Return the cycles of the stereo RANSAC over tracks matched now and at the last keyframe."""
    n = min(work.stereo_matched, work.verified)
    if not n:
        return 0.0
    points = Chain(2 * MULTIPLY + RECIPROCAL, 11, 1).group(n)
    return points + config.frontend.ransac_hypotheses * (n + RANSAC_START)


def output(work: FrameWork) -> float:
    """Return the cycles that hand the tracks to the host: 5 words of 36 bits each."""
    return 5 * work.tracks


def blocks(work: FrameWork, config: Config) -> dict[str, float]:
    """Return the cycles of each block, in the order in which they follow each other."""
    parts = {
        "stream": float(STREAM_FLUSH),
        "klt": klt(work, config),
        "mono_ransac": mono_ransac(work, config),
        "sizes": sizes(work),
    }
    if work.keyframe:
        parts |= {
            "selection": selection(work, config),
            "new_rays": UNPROJECT.group(work.corners),
            "stereo": stereo(work, config),
            "stereo_ransac": stereo_ransac(work, config),
            "key_points": work.tracks * PASS,
        }
    return parts | {"output": output(work)}


def total(work: FrameWork, config: Config) -> float:
    """Return the cycles from the last pixel to the last track."""
    return sum(blocks(work, config).values())


def spare_cycles(config: Config) -> int:
    """Return the cycles in which the next frame fills the spare rows, at a pixel a cycle."""
    return config.hw.spare_rows * config.hw.max_width


@dataclass(frozen=True)
class Multipliers:
    """Hold the 18x18 multipliers of a block, and who else uses them."""

    block: str
    count: int
    use: str


def multipliers(config: Config) -> list[Multipliers]:
    """Return the multipliers of each block; with dataset.mono there is no stereo search."""
    search = Multipliers("stereo score", 4, "powers and squared cross sum, 11 in 3 cycles")
    return [
        Multipliers(
            "rows",
            MULTIPLIERS_OF_ROWS,
            "16 lanes x (2 bilinear + 4 products); template and both RANSACs too",
        ),
        Multipliers("scalars", 8, "template and step; correlation, flatness, refinement"),
        Multipliers("points", POINT_MULTIPLIERS, "lens, rotation, perspective; inverse sizes"),
        Multipliers("sampler", 2, "bilinear samples of warped templates; one product is additions"),
        Multipliers("corners", 15 + 2, "gradient products of 5 rows, eigenvalue"),
        *([] if config.dataset.mono else [search]),
    ]
