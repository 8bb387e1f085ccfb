# SPDX-License-Identifier: Apache-2.0
"""The knobs of the exploration: registers and build parameters, with their values in order of cost.

Ranges are those of the configuration's fields; here stand only steps and where a search ends. Index
0 of a knob is the value that the exploration starts from, and each further one costs less.

Not here: `coord_frac` and `ray_frac` (the golden model is written for one value of each),
and thresholds that cost nothing.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vio.config import Config, config_from_dict
from vio.errors import VioError
from vio.fixed.codec import LAYOUTS, get_codec
from vio.hw.registers.driver import CODECS
from vio.settings import Real, Whole, Word, kind_of

Point = tuple[int, ...]  # an index into each knob's values
Overrides = dict[str, Any]  # "section.key": value
Linked = Callable[[Config, Any], Overrides]  # settings that move with a knob's own


@dataclass(frozen=True)
class Step:
    """Hold how a knob gets cheaper: times, then plus, until `end` or the range ends."""

    add: float = 0.0
    times: float = 1.0
    end: float | None = None


@dataclass(frozen=True)
class Recipe:
    """Hold a knob's name, its setting, its step (None: a codec), and what moves with it.

    built: down (or up) to which value today's Verilog takes it, or the words that it takes
    (sim/test_explore.py); None: it has only the base's value, and a further one is known to the
    golden model alone.
    """

    name: str
    key: str
    step: Step | None
    built: float | tuple[str, ...] | None
    linked: Linked = lambda config, value: {}


@dataclass(frozen=True)
class Knob:
    """Hold a knob: its name, its setting, and what each of its values sets, the costliest first.

    built: for each value, whether today's Verilog takes it.
    """

    name: str
    key: str
    values: tuple[Any, ...]
    built: tuple[bool, ...]
    overrides: tuple[Overrides, ...]


def _bound(name: str) -> Linked:
    """Return what builds the hardware for no more than a register asks for."""
    return lambda config, value: {f"hw.{name}": value}


def _stereo_range(config: Config, segments: int) -> Overrides:
    """Return a search of fewer segments of 32 px: its columns, and the least depth that it sees."""
    hw = config.hw
    return {
        "hw.search_columns": hw.search_columns - 32 * (hw.stereo_segments - segments),
        "frontend.min_depth_m": config.frontend.min_depth_m * hw.stereo_segments / segments,
    }


RECIPES = (
    Recipe("tracks", "frontend.max_tracks", Step(add=-20, end=40), 40, _bound("max_tracks")),
    Recipe("window", "frontend.window", Step(add=-2, end=7), 7, _bound("max_window")),
    Recipe("levels", "frontend.levels", Step(add=-1), 1, _bound("max_levels")),
    Recipe("iterations", "frontend.max_iterations", Step(times=0.8, end=2), 2,
           _bound("max_iterations")),
    Recipe("stop", "frontend.step_px", Step(times=2, end=0.16), 0.16),
    Recipe("hypotheses", "frontend.ransac_hypotheses", Step(times=0.5, end=8), 8,
           _bound("max_hypotheses")),
    Recipe("codec_left", "hw.codec_left", None, CODECS),
    Recipe("codec_upper", "hw.codec_upper", None, CODECS),
    Recipe("codec_right", "hw.codec_right", None, CODECS),
    Recipe("spare_rows", "hw.spare_rows", Step(add=-8), 0),
    Recipe("stereo_width", "frontend.stereo_half_width", Step(add=-2, end=5), 5,
           lambda config, value: {"hw.max_stereo_width": 2 * value + 1}),
    Recipe("stereo_height", "frontend.stereo_half_height", Step(add=-1), 2,
           lambda config, value: {"hw.max_stereo_height": 2 * value + 1}),
    Recipe("stereo_range", "hw.stereo_segments", Step(add=-1, end=2), 2, _stereo_range),
    Recipe("tile", "hw.tile_px", Step(times=2, end=32), 32),
    Recipe("distance", "frontend.min_distance_px", Step(add=4, end=30), 30),
    Recipe("keyframe_age", "keyframe.max_age_s", Step(add=0.25, end=2.0), 2.0),
    Recipe("keyframe_alive", "keyframe.min_alive", Step(add=-0.1, end=0.3), 0.3),
    Recipe("keyframe_parallax", "keyframe.max_parallax_px", Step(add=10.0, end=80.0), 80.0),
    Recipe("window_keyframes", "backend.keyframes", Step(add=-1, end=3), 3),
    Recipe("window_recent", "backend.recent_frames", Step(add=-1, end=2), 2),
    Recipe("lanes", "backend.lanes", Step(times=2), 8),
    Recipe("warp_levels", "hw.warp_levels", Step(add=-1), None),
    Recipe("lens_table", "hw.lens_table", Step(times=0.5), 16),
    Recipe("pixel_bits", "hw.pixel_frac", Step(add=-1), None),
    Recipe("weight_bits", "hw.weight_bits", Step(add=-1), None),
    Recipe("warp_bits", "hw.warp_frac", Step(add=-1), None),
    Recipe("scale_bits", "hw.scale_frac", Step(add=-1), None),
    Recipe("score_bits", "hw.score_bits", Step(add=-1, end=12), None),
)  # fmt: skip
NAMES = tuple(recipe.name for recipe in RECIPES)


def make_knobs(base: Config, names: Sequence[str] = NAMES, buildable: bool = False) -> list[Knob]:
    """Return the knobs of these names that have more than one value from `base` on.

    buildable: leave out what today's Verilog does not take.

    Raises VioError for an unknown name, one that comes twice, and when nothing is left to turn.
    """
    for name in names:
        if name not in NAMES:
            raise VioError(f"--knobs: {name[:80]!r} is no knob; known: {', '.join(NAMES)}")
    if len(set(names)) != len(names):
        raise VioError(f"--knobs names a knob twice: {', '.join(names)}")
    known = {recipe.name: recipe for recipe in RECIPES}
    knobs = [_knob(base, known[name], buildable) for name in names]
    turning = [knob for knob in knobs if len(knob.values) > 1]
    if not turning:
        raise VioError(f"no knob of {', '.join(names)} can cost less than it does; name others")
    return turning


def _knob(base: Config, recipe: Recipe, buildable: bool) -> Knob:
    section, _, name = recipe.key.partition(".")
    part = getattr(base, section)
    (field,) = (f for f in dataclasses.fields(part) if f.name == name)
    start, kind = getattr(part, name), kind_of(field)
    if recipe.step is None:
        assert isinstance(kind, Word)
        values = _codecs(start)
    else:
        assert isinstance(kind, Whole | Real)
        values = _steps(start, kind, recipe.step)
    built = _built(values, recipe)
    if buildable:
        values = [v for v, takes in zip(values, built, strict=True) if takes]
        built = (True,) * len(values)
    # The first value sets nothing: it is the base, with hardware as large as the base has it.
    overrides = [{}, *({recipe.key: v, **recipe.linked(base, v)} for v in values[1:])]
    return Knob(recipe.name, recipe.key, tuple(values), built, tuple(overrides))


def _built(values: Sequence[Any], recipe: Recipe) -> tuple[bool, ...]:
    """Return of each value whether the Verilog takes it; it takes the first one, the preset's."""
    built, further = recipe.built, values[1:]
    if built is None:
        return True, *(False for _ in further)
    if isinstance(built, tuple):
        return True, *(v in built for v in further)
    rises = values[-1] > values[0]
    return True, *(v <= built if rises else v >= built for v in further)


def _codecs(start: str) -> list[str]:
    """Return a codec and the transform codecs of lower rate, in order of rate."""
    bits = get_codec(start).bits
    lower = [name for name in LAYOUTS if "-" not in name and get_codec(name).bits < bits]
    return [start, *sorted(lower, key=lambda name: -get_codec(name).bits)]


def _steps(start: Any, kind: Whole | Real, step: Step) -> list[Any]:
    """Return the values from `start` on, by steps, as far as range and end allow."""
    rises = step.add > 0.0 or step.times > 1.0
    values, value = [start], start
    while True:
        value = value * step.times + step.add
        value = int(value) if isinstance(kind, Whole) else round(value, 6)
        beyond = step.end is not None and (value > step.end if rises else value < step.end)
        if beyond or kind.problem(value) or value == values[-1]:
            return values
        values.append(value)


def configure(base: Config, knobs: Sequence[Knob], point: Point) -> Config:
    """Return the settings of a point; raises VioError where they contradict each other."""
    values = dataclasses.asdict(base)
    for key, value in overrides_of(knobs, point).items():
        section, _, name = key.partition(".")
        values[section][name] = value
    return config_from_dict(values)


def overrides_of(knobs: Sequence[Knob], point: Point) -> Overrides:
    """Return what a point sets, by "section.key"."""
    found: Overrides = {}
    for knob, index in zip(knobs, point, strict=True):
        found |= knob.overrides[index]
    return found


def moved(point: Point, position: int, index: int) -> Point:
    """Return a point with another index of one knob."""
    return (*point[:position], index, *point[position + 1 :])


def values_of(knobs: Sequence[Knob], point: Point) -> dict[str, Any]:
    """Return {knob: value} of those that are not at the base's value."""
    pairs = zip(knobs, point, strict=True)
    return {knob.name: knob.values[index] for knob, index in pairs if index}


def is_buildable(knobs: Sequence[Knob], point: Point) -> bool:
    """Return whether today's Verilog takes all values of a point."""
    return all(knob.built[index] for knob, index in zip(knobs, point, strict=True))


def base_of(knobs: Sequence[Knob]) -> Point:
    """Return the point that every knob starts from."""
    return (0,) * len(knobs)


def settings_of(config: Config) -> Mapping[str, Mapping[str, Any]]:
    """Return all settings, {section: {key: value}}, of plain values."""
    return dataclasses.asdict(config)
