# SPDX-License-Identifier: Apache-2.0
"""Configuration: frozen dataclasses <- TOML preset <- --set a.b=c; unknown keys are refused.

The fields are the one place for names, types, defaults and choices.
"""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vio.errors import VioError
from vio.limits import quoted, read_toml, shown


@dataclass(frozen=True)
class DatasetConfig:
    """Settings of reading a recording."""

    right_offset_ms: float = 0.0  # what the right camera's stamps are late by, for pairing only


def choice(*known: str, refused: dict[str, str] | None = None) -> str:
    """Return the field of a setting with a few values, the first of which is the default.

    refused: values that are none, or no longer, each with what to do instead.
    """
    metadata = {"choices": known, "refused": refused or {}}
    value: str = field(default=known[0], metadata=metadata)
    return value


def choices(section: str, key: str) -> tuple[str, ...]:
    """Return the values that a setting may have, its default first."""
    (found,) = (f for f in dataclasses.fields(getattr(Config(), section)) if f.name == key)
    known: tuple[str, ...] = found.metadata["choices"]
    return known


class _Section:
    """Check the choices of a section of settings."""

    name = ""

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            value, known = getattr(self, f.name), f.metadata.get("choices")
            if known is None or value in known:
                continue
            advice = f.metadata["refused"].get(value, f"choose from {', '.join(known)}")
            raise VioError(f"{self.name}.{f.name} = {value!r} is not a choice; {advice}")


@dataclass(frozen=True)
class FrontEndConfig(_Section):
    """Settings of all front ends."""

    name = "frontend"

    engine: str = choice("float", "fixed", "rtl", "opencv", "replay")
    max_tracks: int = 200  # tracks kept over the whole image
    grid_cols: int = 10  # budget cells across the image
    grid_rows: int = 7  # budget cells down the image
    cell_budget: int = 4  # tracks a cell may hold when new ones are added
    corner_radius: int = 2  # averaging window of the corner score is 2 radius + 1, pixels
    min_corner_score: float = 2.0  # least min-eigenvalue of a new corner, (grey level / px)^2
    min_distance_px: int = 14  # least distance of a new corner from other tracks
    levels: int = 3  # pyramid levels, full resolution included
    window: int = 15  # Lucas-Kanade window side, pixels, odd
    max_iterations: int = 30  # Lucas-Kanade iterations a level
    step_px: float = 0.01  # Lucas-Kanade stops at a smaller step, pixels of its level
    max_shift_px: float = 12.0  # largest correction of the prediction on a level
    min_eigenvalue: float = 0.5  # least eigenvalue of the shift's normal matrix, a pixel
    min_correlation: float = 0.7  # least correlation of a followed window with its template
    stereo_every_frame: bool = False  # match in every frame, not in keyframes only
    stereo_half_width: int = 15  # stereo window is 2 half + 1 rectified pixels
    stereo_half_height: int = 3
    min_depth_m: float = 0.4  # sets the largest disparity
    min_stereo_correlation: float = 0.85  # least correlation of a stereo match
    stereo_uniqueness: float = 0.05  # by which a match must exceed the next best
    ransac_px: float = 1.0  # largest distance from the epipolar line
    rotation_margin_px: float = 0.5  # added to it where the rotation is not refined (engine fixed)
    stereo_ransac_px: float = 3.0  # largest error of a moved stereo point
    ransac_hypotheses: int = 64  # motions tried a frame
    gyro_sigma_rad: float = 0.005  # error of the predicted rotation over a frame, bias unknown
    seed: int = 1  # of the RANSAC hypotheses


@dataclass(frozen=True)
class KeyframeConfig:
    """Rules of the keyframe decision."""

    max_age: int = 10  # frames after which a keyframe is requested at the latest
    min_alive: float = 0.7  # fraction of the keyframe's tracks below which one is requested
    max_parallax_px: float = 30.0  # median displacement without rotation that requests one


@dataclass(frozen=True)
class ImuConfig:
    """Noise of the inertial sensor: the calibration's densities times these factors."""

    gyro_noise_scale: float = 2.0
    accel_noise_scale: float = 4.0
    gyro_walk_scale: float = 2.0
    accel_walk_scale: float = 1.0
    max_gap_s: float = 0.1  # longest gap in the inertial data that is bridged


@dataclass(frozen=True)
class BackEndConfig(_Section):
    """Settings of the sliding window."""

    name = "backend"

    precision: str = choice("float64", "float32")  # of arithmetic float
    # Preintegration: float; float32, as hls/imu.x; rtl, the block hls/imu.v in Verilator.
    imu: str = choice(
        *("float", "float32", "rtl"),
        refused={
            "numpy": "it is now called float32",
            "hls": "it is now called rtl",
        },
    )
    # float; float32, as hls/; xls, compiled for the CPU by XLS; xls-rtl, its Verilog in Verilator.
    arithmetic: str = choice(
        *("float", "float32", "xls", "xls-rtl"),
        refused={
            "numpy": "it is now called float32",
            "hls": "it is now called xls",
            "hls-rtl": "it is now called xls-rtl",
            "rtl": "it is kept for a back end in hardware, which does not exist yet; xls-rtl runs "
            "the Verilog of the kernels",
        },
    )
    solver: str = choice("cholesky", "qr")  # normal equations of the reduced system, or all rows
    recent_frames: int = 3  # frames with velocity and biases
    keyframes: int = 7  # older keyframes, poses only
    iterations: int = 2  # Gauss-Newton steps a frame, at most
    tolerance: float = 1e-3  # relative decrease of the cost that ends the iterations
    damping: float = 1e-6  # of the system scaled to unit diagonal; float32 needs it (see docs)
    pixel_sigma: float = 0.6  # standard deviation of a left observation, pixels
    stereo_sigma: float = 0.6  # standard deviation of a right observation, pixels
    huber: float = 1.5  # robust threshold in sigmas
    outlier: float = 5.0  # observations beyond this many sigmas are removed
    max_landmarks: int = 1000  # rows of the landmark table
    min_depth_m: float = 0.2
    max_depth_m: float = 100.0
    min_parallax_deg: float = 1.0  # to triangulate without stereo
    min_visible: int = 8  # landmarks in view below which vision counts as lost
    max_inertial_s: float = 1.0  # dead reckoning ends in `lost` after this


@dataclass(frozen=True)
class InitConfig:
    """Settings of the initialisation."""

    min_span_s: float = 0.4  # motion to watch before the first pose
    max_frames: int = 12  # frames kept while it does not succeed
    min_landmarks: int = 20  # stereo landmarks of the first frame still in view
    max_error_px: float = 2.0  # mean reprojection error of an accepted start
    max_gravity_error: float = 1.5  # m/s^2 from 9.81, accelerometer bias included
    gyro_bias_sigma: float = 0.1  # rad/s, prior about zero
    accel_bias_sigma: float = 0.2  # m/s^2, prior about zero


@dataclass(frozen=True)
class HwConfig:
    """Sizes and word lengths of the hardware: what the golden model and the Verilog are built for.

    Sizes are bounds; the front end's settings are registers that must lie within them.
    """

    max_width: int = 752  # image line, pixels
    max_height: int = 480  # image rows
    max_tracks: int = 200  # rows of the track table
    max_levels: int = 3  # pyramid levels
    max_window: int = 15  # Lucas-Kanade window side, pixels
    max_iterations: int = 30  # Lucas-Kanade iterations a level
    max_hypotheses: int = 64  # RANSAC hypotheses a frame
    search_columns: int = 152  # columns of the stereo search
    stereo_segments: int = 4  # segments of the epipolar curve, 32 px of disparity each
    max_stereo_width: int = 31  # stereo window, pixels
    max_stereo_height: int = 7
    tile_px: int = 16  # one corner candidate is kept for each tile of this side
    spare_rows: int = 96  # rows of a frame buffer that the next frame may fill during tracking
    lens_table: int = 128  # intervals of the radial distortion tables
    coord_frac: int = 8  # fraction bits of a pixel coordinate
    ray_frac: int = 16  # of a ray, and of a rotation matrix
    pixel_frac: int = 2  # of a resampled grey value
    weight_bits: int = 5  # of a window weight
    warp_frac: int = 14  # of the map of a window
    scale_frac: int = 10  # of a scale change
    score_bits: int = 17  # of a corner score
    warp_levels: int = 1  # levels, from the finest, whose template is warped
    codec_left: str = "dct27"  # frame compression, full resolution of the left image
    codec_upper: str = "dct18"  # coarser levels
    codec_right: str = "dct27"  # right image
    clock_mhz: float = 62.5  # of the front end


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    frontend: FrontEndConfig = field(default_factory=FrontEndConfig)
    keyframe: KeyframeConfig = field(default_factory=KeyframeConfig)
    imu: ImuConfig = field(default_factory=ImuConfig)
    backend: BackEndConfig = field(default_factory=BackEndConfig)
    init: InitConfig = field(default_factory=InitConfig)
    hw: HwConfig = field(default_factory=HwConfig)


PRESETS = Path(__file__).parent / "presets"

# Keys of older configurations, and what they are called now.
RENAMED_KEYS = {
    "frontend.ransac_draws": "frontend.ransac_hypotheses",
    "hw.max_draws": "hw.max_hypotheses",
}


def load_config(preset: str = "euroc", overrides: list[str] | None = None) -> Config:
    """Return the configuration of a preset (a name or a path to a TOML file) with overrides.

    overrides: strings "section.key=value". Raises VioError for an unknown preset, key or value.
    """
    path = PRESETS / f"{preset}.toml" if "/" not in preset and "." not in preset else Path(preset)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PRESETS.glob("*.toml")))
        raise VioError(f"no preset {preset!r}; known presets: {known}; or give a path to a .toml")
    values = read_toml(path, "a preset's name or a .toml file")
    for item in overrides or []:
        key, sep, text = item.partition("=")
        section, dot, name = key.strip().partition(".")
        if not sep or not dot:
            raise VioError(f"--set {item!r} is not of the form section.key=value")
        try:
            value = tomllib.loads(f"x = {text}")["x"]
        except (ValueError, RecursionError):
            value = text.strip()
        values.setdefault(section, {})[name] = value
    return config_from_dict(values)


def config_from_dict(values: dict[str, Any]) -> Config:
    """Return the configuration of nested dictionaries; raises VioError on unknown keys or types."""
    sections: dict[str, Any] = {f.name: f.type for f in dataclasses.fields(Config)}
    parts = {}
    for section, entries in values.items():
        if section not in sections:
            raise VioError(f"unknown section [{shown(section)}]; known: {', '.join(sections)}")
        cls = sections[section]
        if not isinstance(entries, dict):
            raise VioError(f"[{section}] must be a table of settings, got {quoted(entries)}")
        known = {f.name: f for f in dataclasses.fields(cls)}
        for name, value in entries.items():
            if new := RENAMED_KEYS.get(f"{section}.{name}"):
                raise VioError(f"{section}.{name} is now called {new}; rename it")
            if name not in known:
                raise VioError(f"unknown key {section}.{shown(name)}; known: {', '.join(known)}")
            wanted = type(known[name].default)
            if wanted is float and type(value) is int:
                try:
                    entries[name] = float(value)
                except OverflowError:
                    raise VioError(f"{section}.{name} is too large for a number") from None
            elif type(value) is not wanted:
                raise VioError(
                    f"{section}.{name} must be {wanted.__name__}, got {quoted(value)} "
                    f"({type(value).__name__})"
                )
        parts[section] = cls(**entries)
    return Config(**parts)


def dump_config(config: Config) -> str:
    """Return the configuration as TOML text that load_config reads back to an equal Config."""
    lines = ["# SPDX-License-Identifier: Apache-2.0", "# Kestrel configuration, as resolved."]
    for section, entries in dataclasses.asdict(config).items():
        lines += ["", f"[{section}]"]
        for key, value in entries.items():
            text = f'"{value}"' if isinstance(value, str) else str(value).lower()
            lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"
